// A fast 128-bit digest that names things by their content: the ids in the answers, the blocks of the
// simulated prefix cache, the coordinates of the embeddings. Every answer is a function of the request, so
// a retried call gets the same ids. Not cryptographic; collisions would only spoil a simulation.

/// Two 64-bit lanes over the bytes given, eight at a time; finished by the MurmurHash3 mixer.
struct ContentDigest: Sendable, Hashable {
    private(set) var low: UInt64
    private(set) var high: UInt64

    init(seed: UInt64 = 0) {
        low = seed ^ 0x9E37_79B9_7F4A_7C15
        high = seed &* 0xC2B2_AE3D_27D4_EB4F ^ 0x1656_67B1_9E37_79F9
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.init()
        combine(bytes)
    }

    init(_ text: String) {
        self.init()
        combine(text)
    }

    mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset + 8 <= bytes.count {
            combine(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail = UInt64(bytes.count) << 56
        for (shift, byte) in bytes[offset...].enumerated() { tail ^= UInt64(byte) << (8 * shift) }
        combine(tail)
    }

    mutating func combine(_ text: String) {
        var text = text
        text.withUTF8 { combine(UnsafeRawBufferPointer($0)) }
    }

    mutating func combine(_ word: UInt64) {
        low = mixed(low ^ word)
        high = (high ^ word) &* 0x9FB2_1C65_1E98_DF25
        high ^= high >> 32 ^ low
    }

    /// The same digest with `word` taken in.
    func combined(with word: UInt64) -> ContentDigest {
        var digest = self
        digest.combine(word)
        return digest
    }

    /// `count` letters and digits, as in `chatcmpl-...` and `msg_01...`.
    func base62(_ count: Int) -> String {
        String(decoding: words(count).map { base62Digits[Int($0 % 62)] }, as: UTF8.self)
    }

    /// `count` lower-case hexadecimal digits, as in `resp_...` and `req_...`.
    func hex(_ count: Int) -> String {
        String(decoding: words(count).map { hexDigits[Int($0 % 16)] }, as: UTF8.self)
    }

    /// Version 4 UUID text, as DeepSeek's ids are.
    var uuid: String {
        var digits = Array(hex(32).utf8)
        digits[12] = UInt8(ascii: "4")
        digits[16] = hexDigits[8 + Int(low % 4)]
        let text = String(decoding: digits, as: UTF8.self)
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { range in
            String(text.dropFirst(range.lowerBound).prefix(range.count))
        }
        return parts.joined(separator: "-")
    }

    /// Numbers that follow from the digest, one for each of 0..<count.
    func words(_ count: Int) -> [UInt64] {
        (0..<UInt64(count)).map { mixed(low &+ $0 &* 0x9E37_79B9_7F4A_7C15 ^ high) >> 8 }
    }
}

private let base62Digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

@inline(__always)
private func mixed(_ word: UInt64) -> UInt64 {
    var word = word
    word ^= word >> 33
    word &*= 0xFF51_AFD7_ED55_8CCD
    word ^= word >> 33
    word &*= 0xC4CE_B9FE_1A85_EC53
    word ^= word >> 33
    return word
}

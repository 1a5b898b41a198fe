// The id of a call: it stands in the header `x-cairn-call`, in usage.jsonl, in error bodies and in log lines.

import CairnCore

/// A ULID: 48 bits of wall-clock milliseconds, then 80 random bits, written as 26 characters of Crockford's base 32
/// (the ULID specification, github.com/ulid/spec). The text sorts by time.
struct CallIdentifier: Equatable, Hashable, Sendable {
    /// Milliseconds (48 bits) and the first 16 of the random bits.
    let high: UInt64
    /// The last 64 random bits.
    let low: UInt64

    /// Length of the text in bytes.
    static let textLength = 26

    /// The text, as ASCII.
    var text: [26 of UInt8] {
        var characters = [26 of UInt8](repeating: 0)
        var rest = low
        for position in stride(from: 25, to: 13, by: -1) {
            characters[position] = Self.character(rest)
            rest >>= 5
        }
        characters[13] = Self.character(rest | high << 4)  // 4 bits of low, the lowest one of high
        rest = high >> 1
        for position in stride(from: 12, through: 0, by: -1) {
            characters[position] = Self.character(rest)
            rest >>= 5
        }
        return characters
    }

    /// Character of the lowest five bits: 0-9, then the letters without I, L, O, U.
    private static func character(_ bits: UInt64) -> UInt8 {
        let digits: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        return digits.utf8Start[Int(truncatingIfNeeded: bits & 31)]
    }
}

extension CallIdentifier: CustomStringConvertible {
    var description: String {
        let text = text
        return String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            for index in text.indices { buffer[index] = text[index] }
            return Self.textLength
        }
    }
}

extension ByteWriter {
    /// The 26 characters of the id.
    mutating func append(_ identifier: CallIdentifier) {
        append(identifier.text.span)
    }
}

/// Makes the ids of one loop. Of the 80 bits behind the time, 16 are drawn once and belong to the source; 64 are a
/// keyed pseudo-random function (SipHash-2-4) of a counter, so the ids one has seen do not tell the next. Key and
/// bits come from the kernel, so ids of other loops and earlier runs are unrelated: two ids are equal only if they
/// were made in the same millisecond and 80 bits agree by chance.
struct CallIdentifierSource {
    private let key: SipKey
    private let sourceBits: UInt16
    private var counter: UInt64 = 0

    init() {
        var generator = SystemRandomNumberGenerator()
        self.init(key: SipKey(first: generator.next(), second: generator.next()), sourceBits: generator.next())
    }

    /// With a given key, for tests.
    init(key: SipKey, sourceBits: UInt16) {
        self.key = key
        self.sourceBits = sourceBits
    }

    /// The next id, for a time given in nanoseconds since 1970. About 30 ns.
    mutating func next(wallNanoseconds: UInt64) -> CallIdentifier {
        let low = key.hash(counter)
        counter &+= 1
        let milliseconds = wallNanoseconds / 1_000_000
        return CallIdentifier(high: milliseconds << 16 | UInt64(sourceBits), low: low)
    }
}

/// A key of SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), for input of eight bytes.
struct SipKey: Equatable, Sendable {
    let first: UInt64
    let second: UInt64

    /// The 64-bit hash of the eight bytes of `word` in little-endian order.
    func hash(_ word: UInt64) -> UInt64 {
        var state = SipState(
            v0: first ^ 0x736f_6d65_7073_6575, v1: second ^ 0x646f_7261_6e64_6f6d,
            v2: first ^ 0x6c79_6765_6e65_7261, v3: second ^ 0x7465_6462_7974_6573)
        state.compress(word)
        state.compress(8 << 56)  // the last block: the input's length in its top byte
        return state.finish()
    }
}

private struct SipState {
    var v0: UInt64
    var v1: UInt64
    var v2: UInt64
    var v3: UInt64

    mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    mutating func finish() -> UInt64 {
        v2 ^= 0xFF
        round()
        round()
        round()
        round()
        return v0 ^ v1 ^ v2 ^ v3
    }

    private mutating func round() {
        v0 = v0 &+ v1
        v2 = v2 &+ v3
        v1 = Self.rotate(v1, 13) ^ v0
        v3 = Self.rotate(v3, 16) ^ v2
        v0 = Self.rotate(v0, 32)
        v2 = v2 &+ v1
        v0 = v0 &+ v3
        v1 = Self.rotate(v1, 17) ^ v2
        v3 = Self.rotate(v3, 21) ^ v0
        v2 = Self.rotate(v2, 32)
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 - bits)
    }
}

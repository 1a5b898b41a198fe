// Identifiers and paths of a text: what an agent copies from an output into its next call, and therefore what a digest
// names. Long enough not to be a word of every text; one pass, no allocation.

enum IdentifierScan {
    /// Shorter names are guessed again without loss, or stand in many places.
    static let bytesMin = 7

    /// Calls `body` with the range of each identifier: a letter or `_`, then at least six of letters, digits and
    /// `_./:-`.
    static func forEach(in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
        var position = range.lowerBound
        while position < range.upperBound {
            guard isStart(text[position]) else {
                position += 1
                continue
            }
            let start = position
            position += 1
            while position < range.upperBound, isInner(text[position]) { position += 1 }
            if position - start >= bytesMin { body(start..<position) }
        }
    }

    static func forEach(in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
        forEach(in: text, 0..<text.count, body)
    }

    static func isStart(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
    }

    static func isWordByte(_ byte: UInt8) -> Bool { isStart(byte) || LineForm.isDigit(byte) }

    /// A letter, a digit, or one of `_./:-`.
    private static func isInner(_ byte: UInt8) -> Bool {
        let bits: UInt64 = byte < 64 ? 0x07ff_e000_0000_0000 : byte < 128 ? 0x07ff_fffe_87ff_fffe : 0
        return bits >> UInt64(byte & 63) & 1 == 1
    }
}

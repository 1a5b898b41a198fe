// A JSON string read character by character without unescaping it: every position is an offset into the bytes as they
// are spelled, and a step never ends inside an escape or a UTF-8 sequence. The matchers of volatile text stand on it,
// so that "\n", "\u000a", "\u003cenv\u003e" and "<env>" need no thought of theirs.

import Glibc

/// A JSON string's bytes, quotes included; `start` and `end` are the offsets behind the opening and at the closing
/// quote.
struct SpelledText {
    let bytes: UnsafeBufferPointer<UInt8>
    let end: Int
    var start: Int { 1 }

    /// Stands for the end of the text.
    static let noUnit = UInt32.max
    static let newline = UInt32(10)

    /// Borrows `bytes`. Nil if they are no JSON string.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count >= 2, bytes[0] == 0x22, bytes[bytes.count - 1] == 0x22 else { return nil }
        self.bytes = bytes
        end = bytes.count - 1
    }

    /// The character at `offset` (a UTF-16 unit for an escape, a scalar else) and the offset behind it.
    @inline(__always)
    func unit(at offset: Int) -> (value: UInt32, next: Int) {
        guard offset < end else { return (Self.noUnit, end) }
        let byte = bytes[offset]
        if byte == 0x5C { return escape(at: offset) }
        if byte < 0x80 { return (UInt32(byte), offset + 1) }
        return wide(at: offset)
    }

    private func escape(at offset: Int) -> (value: UInt32, next: Int) {
        guard offset + 1 < end else { return (0x5C, end) }
        switch bytes[offset + 1] {
        case UInt8(ascii: "n"): return (10, offset + 2)
        case UInt8(ascii: "t"): return (9, offset + 2)
        case UInt8(ascii: "r"): return (13, offset + 2)
        case UInt8(ascii: "b"): return (8, offset + 2)
        case UInt8(ascii: "f"): return (12, offset + 2)
        case UInt8(ascii: "u") where offset + 6 <= end:
            var value: UInt32 = 0
            for index in (offset + 2)..<(offset + 6) { value = value << 4 | Self.hexValue(bytes[index]) }
            return (value, offset + 6)
        case let other: return (UInt32(other), offset + 2)
        }
    }

    private func wide(at offset: Int) -> (value: UInt32, next: Int) {
        let lead = bytes[offset]
        let count = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        let next = min(offset + count, end)
        var value = UInt32(lead) & (0x7F >> UInt32(count))
        for index in (offset + 1)..<max(next, offset + 1) { value = value << 6 | UInt32(bytes[index] & 0x3F) }
        return (value, next)
    }

    private static func hexValue(_ byte: UInt8) -> UInt32 {
        byte <= 0x39 ? UInt32(byte &- 0x30) & 15 : UInt32((byte | 0x20) &- 0x57) & 15
    }

    /// Where the line of `offset` ends, and where the next one starts; both `end` for the last line.
    /// - Complexity: one `memchr` for each escape of the line.
    func lineEnd(from offset: Int) -> (end: Int, next: Int) {
        var at = offset
        while at < end, let base = bytes.baseAddress, let found = memchr(base + at, 0x5C, end - at) {
            at = base.distance(to: found.assumingMemoryBound(to: UInt8.self))
            let escape = unit(at: at)
            if escape.value == Self.newline { return (at, escape.next) }
            at = escape.next
        }
        return (end, end)
    }

    /// The offset behind the spaces, tabs and carriage returns at `offset`.
    func skipBlanks(_ offset: Int, max: Int = .max) -> Int {
        var at = offset
        var left = max
        while left > 0 {
            let step = unit(at: at)
            guard step.value == 0x20 || step.value == 9 || step.value == 13 else { break }
            at = step.next
            left -= 1
        }
        return at
    }

    /// True when only blanks stand between `offset` and `limit`.
    func isBlank(_ offset: Int, to limit: Int) -> Bool { skipBlanks(offset) >= limit }

    /// The offset behind `words` if the text continues with them at `offset`. ASCII; an apostrophe also matches ’.
    /// - Parameter caseless: `words` are lower case and match either case.
    func match(_ words: StaticString, at offset: Int, caseless: Bool = false) -> Int? {
        var at = offset
        for index in 0..<words.utf8CodeUnitCount {
            let wanted = UInt32(words.utf8Start[index])
            let step = unit(at: at)
            let isEqual =
                step.value == wanted || (caseless && Self.lowercase(step.value) == wanted)
                || (wanted == 0x27 && step.value == 0x2019)
            guard isEqual else { return nil }
            at = step.next
        }
        return at
    }

    /// The next `</name>` at or behind `offset`, which was opened by a `<` spelled as `isEscaped` says.
    /// - Complexity: linear up to what is found.
    func closing(_ name: StaticString, from offset: Int, isEscaped: Bool) -> Range<Int>? {
        var at = offset
        let first: Int32 = isEscaped ? 0x5C : 0x3C
        while at < end, let base = bytes.baseAddress, let found = memchr(base + at, first, end - at) {
            at = base.distance(to: found.assumingMemoryBound(to: UInt8.self))
            let bracket = unit(at: at)
            if bracket.value == 0x3C, let slash = match("/", at: bracket.next), let named = match(name, at: slash),
                let close = match(">", at: named)
            {
                return at..<close
            }
            at = bracket.next
        }
        return nil
    }

    /// Whether `word` stands in `bytes`.
    static func holds(_ word: UnsafeBufferPointer<UInt8>, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let base = bytes.baseAddress, let wordBase = word.baseAddress else { return false }
        var at = 0
        while at + word.count <= bytes.count,
            let found = memchr(base + at, Int32(word[0]), bytes.count - word.count + 1 - at)
        {
            if memcmp(found, wordBase, word.count) == 0 { return true }
            at = base.distance(to: found.assumingMemoryBound(to: UInt8.self)) + 1
        }
        return false
    }

    static func lowercase(_ unit: UInt32) -> UInt32 { unit >= 0x41 && unit <= 0x5A ? unit | 0x20 : unit }
    static func isDigit(_ unit: UInt32) -> Bool { unit >= 0x30 && unit <= 0x39 }
    static func isUpper(_ unit: UInt32) -> Bool { unit >= 0x41 && unit <= 0x5A }
    static func isLetter(_ unit: UInt32) -> Bool { isUpper(unit & ~0x20) && unit < 0x80 }
    static func isHex(_ unit: UInt32) -> Bool {
        isDigit(unit) || (unit < 0x80 && unit | 0x20 >= 0x61 && unit | 0x20 <= 0x66)
    }
}

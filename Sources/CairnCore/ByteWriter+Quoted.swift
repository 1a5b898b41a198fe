// Text from outside as a JSON string. The same spelling quotes the values of log lines, so that no text can end its
// line, colour a terminal or turn the reading direction round.

extension ByteWriter {
    /// `bytes` as a JSON string (RFC 8259) with its quotes. At most the first `bytesMax` bytes are taken, cut between
    /// characters. Bytes that are not UTF-8 become U+FFFD. Control characters, line separators and marks of reading
    /// direction are written as `\uXXXX`. Cost: one pass.
    public mutating func append(quoted bytes: UnsafeBufferPointer<UInt8>, bytesMax: Int = .max) {
        append(byte: UInt8(ascii: "\""))
        let end = UTF8Scan.boundary(in: bytes, atMost: bytesMax)
        var position = 0
        while position < end {
            let plainEnd = UTF8Scan.plainEnd(in: bytes, from: position, to: end)
            append(UnsafeBufferPointer(rebasing: bytes[position..<plainEnd]))
            position = plainEnd
            if position < end { position += appendSpecial(in: bytes, at: position, to: end) }
        }
        append(byte: UInt8(ascii: "\""))
    }

    public mutating func append(quoted text: String, bytesMax: Int = .max) {
        var text = text
        text.withUTF8 { append(quoted: $0, bytesMax: bytesMax) }
    }

    public mutating func append(quoted bytes: [UInt8], bytesMax: Int = .max) {
        bytes.withUnsafeBufferPointer { append(quoted: $0, bytesMax: bytesMax) }
    }

    /// Writes the one character at `position` that is not plain ASCII; returns its length in `bytes`.
    private mutating func appendSpecial(
        in bytes: UnsafeBufferPointer<UInt8>, at position: Int, to end: Int
    ) -> Int {
        let first = bytes[position]
        guard first >= 0x80 else {
            appendEscape(ascii: first)
            return 1
        }
        guard let length = UTF8Scan.sequenceLength(in: bytes, at: position, to: end) else {
            append("\u{FFFD}" as StaticString)
            return 1
        }
        let scalar = UTF8Scan.scalar(in: bytes, at: position, length: length)
        if UTF8Scan.isUnprintable(scalar) {
            appendUnicodeEscape(UInt16(truncatingIfNeeded: scalar))
        } else {
            append(UnsafeBufferPointer(rebasing: bytes[position..<position + length]))
        }
        return length
    }

    private mutating func appendEscape(ascii byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case UInt8(ascii: "\n"): append("\\n")
        case UInt8(ascii: "\r"): append("\\r")
        case UInt8(ascii: "\t"): append("\\t")
        default: appendUnicodeEscape(UInt16(byte))
        }
    }

    private mutating func appendUnicodeEscape(_ unit: UInt16) {
        append("\\u")
        for shift in stride(from: 12, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: (unit >> UInt16(shift)) & 0xF)
            append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

/// Steps over text that may not be valid UTF-8 (the ranges of Unicode 15, table 3-7).
public enum UTF8Scan {
    /// The end of the run from `position` on that a JSON string may hold as it is: ASCII without controls, `"`, `\`.
    public static func plainEnd(in bytes: UnsafeBufferPointer<UInt8>, from position: Int, to end: Int) -> Int {
        var position = position
        while position < end {
            let byte = bytes[position]
            if byte < 0x20 || byte >= 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            position += 1
        }
        return position
    }

    /// The largest position up to `limit` that does not lie inside a character.
    public static func boundary(in bytes: UnsafeBufferPointer<UInt8>, atMost limit: Int) -> Int {
        guard limit < bytes.count else { return bytes.count }
        var position = limit
        while position > 0, limit - position < 4, bytes[position] & 0xC0 == 0x80 { position -= 1 }
        return position
    }

    /// The length of the well-formed character at `position`, or nil if there is none.
    public static func sequenceLength(in bytes: UnsafeBufferPointer<UInt8>, at position: Int, to end: Int) -> Int? {
        let first = bytes[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard end - position >= length, second.contains(bytes[position + 1]) else { return nil }
        for index in position + 2..<max(position + length, position + 2) where bytes[index] & 0xC0 != 0x80 {
            return nil
        }
        return length
    }

    /// The code point of a well-formed character of `length` 2 to 4.
    public static func scalar(in bytes: UnsafeBufferPointer<UInt8>, at position: Int, length: Int) -> UInt32 {
        var value = UInt32(bytes[position]) & (0x7F >> UInt32(length))
        for index in position + 1..<position + length { value = value << 6 | UInt32(bytes[index] & 0x3F) }
        return value
    }

    /// C1 controls, line and paragraph separators, marks of reading direction.
    public static func isUnprintable(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x80...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

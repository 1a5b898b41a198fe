// Tells whether bytes are one JSON value. The usage object that an upstream reports goes into usage.jsonl as it came;
// this check keeps a broken one from breaking its line.

import CairnCore

/// A validating pass over JSON (RFC 8259) that builds nothing.
enum JSONCheck {
    /// Deepest nesting that is accepted.
    static let depthMax = 32

    /// Whether `bytes` are exactly one JSON object and nothing else but white space. Strings must be valid UTF-8.
    static func isObject(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var reader = JSONReader(bytes: bytes)
        reader.skipSpace()
        guard reader.next == UInt8(ascii: "{"), reader.value(depth: 0) else { return false }
        reader.skipSpace()
        return reader.isAtEnd
    }
}

private struct JSONReader {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

    mutating func skipSpace() {
        while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { position += 1 }
    }

    /// Recursion is bounded by `JSONCheck.depthMax`.
    mutating func value(depth: Int) -> Bool {
        guard depth < JSONCheck.depthMax else { return false }
        switch next {
        case UInt8(ascii: "{"): return members(depth: depth)
        case UInt8(ascii: "["): return elements(depth: depth)
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "t"): return take("true")
        case UInt8(ascii: "f"): return take("false")
        case UInt8(ascii: "n"): return take("null")
        default: return number()
        }
    }

    private mutating func members(depth: Int) -> Bool {
        position += 1
        skipSpace()
        if take("}") { return true }
        while true {
            guard next == UInt8(ascii: "\""), string() else { return false }
            skipSpace()
            guard take(":") else { return false }
            skipSpace()
            guard value(depth: depth + 1) else { return false }
            skipSpace()
            if take("}") { return true }
            guard take(",") else { return false }
            skipSpace()
        }
    }

    private mutating func elements(depth: Int) -> Bool {
        position += 1
        skipSpace()
        if take("]") { return true }
        while true {
            guard value(depth: depth + 1) else { return false }
            skipSpace()
            if take("]") { return true }
            guard take(",") else { return false }
            skipSpace()
        }
    }

    private mutating func string() -> Bool {
        position += 1
        while true {
            position = UTF8Scan.plainEnd(in: bytes, from: position, to: bytes.count)
            guard !isAtEnd else { return false }
            switch next {
            case UInt8(ascii: "\""):
                position += 1
                return true
            case UInt8(ascii: "\\"):
                guard escape() else { return false }
            case 0..<0x20:
                return false
            default:
                guard let length = UTF8Scan.sequenceLength(in: bytes, at: position, to: bytes.count) else {
                    return false
                }
                position += length
            }
        }
    }

    private mutating func escape() -> Bool {
        position += 1
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
            return true
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                guard next.isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(next | 0x20) else {
                    return false
                }
                position += 1
            }
            return true
        default:
            return false
        }
    }

    private mutating func number() -> Bool {
        _ = take("-")
        if !take("0") { guard digits() else { return false } }
        if take(".") { guard digits() else { return false } }
        if next | 0x20 == UInt8(ascii: "e") {
            position += 1
            if !take("+") { _ = take("-") }
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        guard next.isASCIIDigit else { return false }
        while next.isASCIIDigit { position += 1 }
        return true
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard bytes.count - position >= length else { return false }
        for index in 0..<length where bytes[position + index] != text.utf8Start[index] { return false }
        position += length
        return true
    }
}

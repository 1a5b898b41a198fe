// Contents: what stands between the quotes of a JSON string, escapes as spelled. Answers are translated by moving
// contents about; this file holds what little is ever done to one. Hot: everything but the conversions to String.

import CairnCore

extension UnsafeRawBufferPointer {
    /// The bytes of a literal, which live as long as the process.
    init(_ literal: StaticString) {
        self.init(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// Whether these are exactly the bytes of a literal.
    func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && elementsEqual(UnsafeRawBufferPointer(literal))
    }

    /// The text of a content; one that no String can hold (a lone surrogate) is shown as it is spelled.
    var contentText: String {
        (try? JSONText.unescape(self)) ?? String(decoding: self, as: UTF8.self)
    }
}

extension UInt8 {
    var isASCIIAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    var isJSONWhitespace: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\n") || self == UInt8(ascii: "\r")
            || self == UInt8(ascii: "\t")
    }
}

extension ByteWriter {
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        append(bytes.assumingMemoryBound(to: UInt8.self))
    }

    /// JSON text, or a content, as the content of a string that holds it: quotes and backslashes get a backslash,
    /// control characters (white space between the tokens of JSON) their short escapes.
    ///
    ///     {"a":"x\ny"}   becomes   {\"a\":\"x\\ny\"}
    mutating func append(escaping bytes: UnsafeRawBufferPointer) {
        var plainStart = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 else { continue }
            append(UnsafeRawBufferPointer(rebasing: bytes[plainStart..<index]))
            plainStart = index + 1
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\r"): append("\\r")
            case UInt8(ascii: "\t"): append("\\t")
            default: append(" ")  // no other control character stands outside of JSON strings, or raw inside
            }
        }
        append(UnsafeRawBufferPointer(rebasing: bytes[plainStart...]))
    }

    /// A text as a content. What is no UTF-8 becomes U+FFFD.
    mutating func append(contentOf text: String) {
        var bytes: [UInt8] = []
        JSONText.escape(text, into: &bytes)
        append(bytes)
    }
}

/// Whether a call's arguments, fed piece by piece as contents, are a whole JSON object. A call whose arguments are
/// whole can get no more of them, so the next part need not wait for the end of the answer.
struct ArgumentsProgress: Sendable {
    private var depth = 0
    private var isInString = false
    private var hasBegun = false
    /// Of the string that holds the arguments: a backslash came, its partner did not.
    private var isOuterEscape = false
    /// Of a string inside the arguments.
    private var isInnerEscape = false

    private(set) var isWhole = false

    mutating func read(_ content: UnsafeRawBufferPointer) {
        for byte in content {
            if !isOuterEscape, byte == UInt8(ascii: "\\") {
                isOuterEscape = true
                continue
            }
            if isOuterEscape {
                isOuterEscape = false
                readEscaped(byte)
            } else {
                read(byte)
            }
        }
    }

    /// What `\"` and `\\` stand for matters; every other escape stands for something that is neither.
    private mutating func readEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): read(byte)
        default: isInnerEscape = false
        }
    }

    private mutating func read(_ byte: UInt8) {
        if isInString {
            if isInnerEscape {
                isInnerEscape = false
            } else if byte == UInt8(ascii: "\\") {
                isInnerEscape = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            depth += 1
            hasBegun = true
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            isWhole = hasBegun && depth == 0
        default: break
        }
    }
}

/// Walks the characters of a content, escapes decoded. The bytes are well-formed: they stood in a parsed document.
struct ContentCursor {
    private let content: UnsafeRawBufferPointer
    /// Where the next character begins.
    private(set) var position = 0

    init(_ content: UnsafeRawBufferPointer) { self.content = content }

    /// One character and its spelling. Halves of a surrogate pair, each an escape, are two.
    struct Character {
        let scalar: UInt32
        let range: Range<Int>
    }

    mutating func next() -> Character? {
        guard position < content.count else { return nil }
        let start = position
        let first = content[start]
        guard first == UInt8(ascii: "\\"), start + 1 < content.count else {
            position = min(content.count, start + Self.sequenceLength(first))
            return Character(scalar: scalar(start..<position), range: start..<position)
        }
        let kind = content[start + 1]
        guard kind == UInt8(ascii: "u") else {
            position = start + 2
            return Character(scalar: Self.meaning(ofEscape: kind), range: start..<position)
        }
        position = min(content.count, start + 6)
        var value: UInt32 = 0
        for index in start + 2..<position { value = value << 4 | Self.digit(content[index]) }
        return Character(scalar: value, range: start..<position)
    }

    private static func sequenceLength(_ first: UInt8) -> Int {
        switch first {
        case 0xF0...: 4
        case 0xE0...: 3
        case 0xC0...: 2
        default: 1
        }
    }

    private func scalar(_ range: Range<Int>) -> UInt32 {
        guard range.count > 1 else { return UInt32(content[range.lowerBound]) }
        var value = UInt32(content[range.lowerBound]) & (0x7F >> UInt32(range.count))
        for index in range.dropFirst() { value = value << 6 | UInt32(content[index] & 0x3F) }
        return value
    }

    private static func meaning(ofEscape kind: UInt8) -> UInt32 {
        switch kind {
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        default: UInt32(kind)
        }
    }

    private static func digit(_ byte: UInt8) -> UInt32 {
        byte <= UInt8(ascii: "9") ? UInt32(byte) & 15 : (UInt32(byte) & 15) + 9
    }
}

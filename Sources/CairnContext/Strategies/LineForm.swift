// Lines as they are compared: without the number that `cat -n`, `nl` or `grep -n` printed in front, without white
// space at
// the end. A file is shown with and without numbers in one session; the content is the same. Every new part passes here
// once: one pass, no allocation but the results.

import Glibc

/// A line of a text.
struct TextLine {
    /// The bytes without the line break.
    let range: Range<Int>
    /// Where its content begins, behind a printed line number.
    let contentStart: Int
    /// The printed number, if there is one.
    let number: Int?
}

enum LineForm {
    /// Content shorter than this is not worth a look-up: braces, blank lines, `return None`.
    static let tellingBytesMin = 25

    /// Calls `body` with each line, as `\n` splits them; a text without a break is one line.
    static func forEachLine(in text: UnsafeBufferPointer<UInt8>, _ body: (TextLine) -> Void) {
        var start = 0
        while true {
            let end = lineEnd(text, from: start)
            let (contentStart, number) = numbered(text, start, end)
            body(TextLine(range: start..<end, contentStart: contentStart, number: number))
            if end == text.count { return }
            start = end + 1
        }
    }

    /// Where the next `\n` stands, or the end of the text.
    private static func lineEnd(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard start < text.count, let base = text.baseAddress,
            let found = memchr(base + start, Int32(UInt8(ascii: "\n")), text.count - start)
        else { return text.count }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    /// Behind `  12:`, `12-`, `12\t`, or `  12  ` with two blanks; the start itself where no number is printed.
    private static func numbered(
        _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
    ) -> (contentStart: Int, number: Int?) {
        var position = start
        while position < end, isBlank(text[position]) { position += 1 }
        let digits = position
        var number = 0
        while position < end, position - digits < 9, isDigit(text[position]) {
            number = number * 10 + Int(text[position] - UInt8(ascii: "0"))
            position += 1
        }
        guard position > digits, position < end else { return (start, nil) }
        switch text[position] {
        case UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "\t"):
            return (position + 1, number)
        case UInt8(ascii: " ") where position + 1 < end && isBlank(text[position + 1]):
            return (position + 1, number)
        default: return (start, nil)
        }
    }

    /// The content without white space around it, and without a path that a search printed in front of the number.
    static func content(of line: TextLine, in text: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        var start = line.number == nil ? afterPath(line.range, in: text) : line.contentStart
        var end = line.range.upperBound
        while start < end, isBlank(text[start]) { start += 1 }
        while end > start, isBlank(text[end - 1]) { end -= 1 }
        return start..<end
    }

    /// Behind `src/a.py:12:` or `src/a.py-12-`.
    private static func afterPath(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var position = range.lowerBound
        while position < range.upperBound, isPathByte(text[position]) {
            let isBreak = text[position] == UInt8(ascii: "-") || text[position] == UInt8(ascii: ":")
            if isBreak, position > range.lowerBound, let end = numberEnd(position + 1, range.upperBound, text) {
                return end
            }
            position += 1
        }
        return range.lowerBound
    }

    private static func numberEnd(_ start: Int, _ end: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int? {
        var position = start
        while position < end, isDigit(text[position]) { position += 1 }
        guard position > start, position < end else { return nil }
        let byte = text[position]
        return byte == UInt8(ascii: ":") || byte == UInt8(ascii: "-") ? position + 1 : nil
    }

    /// The bytes in the form that runs are found in: each line without its number and the blanks at its end.
    static func comparable(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.count + 1)
        forEachLine(in: text) { line in
            var end = line.range.upperBound
            while end > line.contentStart, isBlank(text[end - 1]) { end -= 1 }
            out.append(contentsOf: text[line.contentStart..<end])
            out.append(UInt8(ascii: "\n"))
        }
        return out
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        IdentifierScan.isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/")
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
    }
}

/// Names of lines and identifiers in 64 bits, within a process. Two that share one are told apart no more; one of them may
/// then be missing from a digest. For 100,000 lines the odds are one in four billion.
enum ContentKey {
    /// FNV-1a, eight bytes a step.
    static func of(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> UInt64 {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a range of these bytes")
        let text = UnsafeRawBufferPointer(bytes)
        var key = 0xcbf2_9ce4_8422_2325 ^ UInt64(range.count)
        var position = range.lowerBound
        while range.upperBound - position >= 8 {
            key = mixed(key, text.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position += 8
        }
        var rest: UInt64 = 0
        while position < range.upperBound {
            rest = rest << 8 | UInt64(text[position])
            position += 1
        }
        return mixed(key, rest)
    }

    private static func mixed(_ key: UInt64, _ word: UInt64) -> UInt64 {
        let product = (key ^ word) &* 0x9E37_79B9_7F4A_7C15
        return product ^ product >> 32
    }
}

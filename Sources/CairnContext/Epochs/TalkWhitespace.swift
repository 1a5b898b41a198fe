// White space of what the assistant said in earlier turns, outside code: runs of blanks inside a line, blanks at its
// end,
// and runs of empty lines. Nothing that carries meaning goes: indentation, rules, lists and code keep their form,
// fenced or
// not (codetether's lingua flattened nested lists and YAML). Agents write little of it: on 46 recorded sessions 0.002 %
// of the bytes of a prompt. So it costs nothing and brings next to nothing: it is applied only where a whole prompt is
// written anew, to what no digest replaced.

public enum TalkWhitespace {
    public static let name = StrategyName("talk-whitespace", version: 1)

    /// The text without it; never longer, and the same when asked again.
    public static func tidied(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var fence: UInt8?
        var emptyLines = 0
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let isEmpty = fence == nil && line.allSatisfy(LineForm.isBlank)
            emptyLines = isEmpty ? emptyLines + 1 : 0
            if emptyLines > 1 { continue }
            if index > 0 { out.append(UInt8(ascii: "\n")) }
            if isEmpty { continue }
            let mark = fenceMark(line)
            if fence != nil || mark != nil {
                out.append(contentsOf: line)
                if let mark { fence = fence == nil ? mark : (fence == mark ? nil : fence) }
            } else {
                append(line, to: &out)
            }
        }
        return out
    }

    /// The sign of a code fence that begins or ends with this line.
    private static func fenceMark(_ line: ArraySlice<UInt8>) -> UInt8? {
        let content = line.drop(while: LineForm.isBlank)
        guard let sign = content.first, sign == UInt8(ascii: "`") || sign == UInt8(ascii: "~") else { return nil }
        return content.prefix(3).count == 3 && content.prefix(3).allSatisfy { $0 == sign } ? sign : nil
    }

    /// Indented lines may be code or lists, and bars make tables: only their end is trimmed.
    private static func append(_ line: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var end = line.endIndex
        while end > line.startIndex, LineForm.isBlank(line[end - 1]) { end -= 1 }
        let text = line[line.startIndex..<end]
        guard let first = text.first, !LineForm.isBlank(first), !text.contains(UInt8(ascii: "|")),
            !text.contains(UInt8(ascii: "`"))
        else {
            out.append(contentsOf: text)
            return
        }
        var wasBlank = false
        for byte in text {
            let isBlank = byte == UInt8(ascii: " ")
            if !(isBlank && wasBlank) { out.append(byte) }
            wasBlank = isBlank
        }
    }
}

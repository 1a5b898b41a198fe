// Writes JSON values the two ways the providers do: on one line (DeepSeek, Anthropic, every stream event)
// and indented by two spaces with a line break at the end (OpenAI's plain answers).

extension JSONValue {
    /// The document on one line, without spaces; non-ASCII text as UTF-8.
    var compact: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(512)
        writeCompact(into: &out)
        return out
    }

    var compactText: String { String(decoding: compact, as: UTF8.self) }

    /// The document indented by two spaces, a line break at its end.
    var indented: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(1024)
        writeIndented(into: &out, level: 0)
        out.append(UInt8(ascii: "\n"))
        return out
    }

    func writeCompact(into out: inout [UInt8]) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let spelling): out.append(contentsOf: spelling.utf8)
        case .string(let text): writeJSONString(text, into: &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                element.writeCompact(into: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                writeJSONString(member.key, into: &out)
                out.append(UInt8(ascii: ":"))
                member.value.writeCompact(into: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    private func writeIndented(into out: inout [UInt8], level: Int) {
        switch self {
        case .array(let elements) where !elements.isEmpty:
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                writeLineStart(into: &out, isFirst: index == 0, level: level + 1)
                element.writeIndented(into: &out, level: level + 1)
            }
            writeLineStart(into: &out, isFirst: true, level: level)
            out.append(UInt8(ascii: "]"))
        case .object(let members) where !members.isEmpty:
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                writeLineStart(into: &out, isFirst: index == 0, level: level + 1)
                writeJSONString(member.key, into: &out)
                out.append(contentsOf: ": ".utf8)
                member.value.writeIndented(into: &out, level: level + 1)
            }
            writeLineStart(into: &out, isFirst: true, level: level)
            out.append(UInt8(ascii: "}"))
        default:
            writeCompact(into: &out)
        }
    }

    private func writeLineStart(into out: inout [UInt8], isFirst: Bool, level: Int) {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        out.append(UInt8(ascii: "\n"))
        for _ in 0..<level { out.append(contentsOf: "  ".utf8) }
    }
}

/// Writes `text` between quotes. Escapes what RFC 8259 demands and nothing else.
func writeJSONString(_ text: String, into out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""): out.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): out.append(contentsOf: "\\\\".utf8)
        case 0x0A: out.append(contentsOf: "\\n".utf8)
        case 0x0D: out.append(contentsOf: "\\r".utf8)
        case 0x09: out.append(contentsOf: "\\t".utf8)
        case 0x08: out.append(contentsOf: "\\b".utf8)
        case 0x0C: out.append(contentsOf: "\\f".utf8)
        case 0..<0x20:
            out.append(contentsOf: "\\u00".utf8)
            out.append(hexDigits[Int(byte >> 4)])
            out.append(hexDigits[Int(byte & 15)])
        default: out.append(byte)
        }
    }
    out.append(UInt8(ascii: "\""))
}

let hexDigits = Array("0123456789abcdef".utf8)

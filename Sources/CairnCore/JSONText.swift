// JSONText.swift: JSON string text in and out of its escapes (cairn_json.h). Used where a captured raw value is read and
// where a JSON line is written; one pass, one allocation for the result.
internal import CCairn

public enum JSONText {
    /// The text of a raw JSON string value with its quotes (`"caf\u00e9"`), as a skimmer captures it.
    /// - Throws: `syntax` with the offset in `raw` when it is no JSON string, `noSpace` when the text has more than
    ///   `bytesMax` bytes of UTF-8.
    public static func string(_ raw: UnsafeRawBufferPointer, bytesMax: Int = .max) throws(CoreError) -> String {
        let quote = UInt8(ascii: "\"")
        guard raw.count >= 2, raw.first == quote, raw.last == quote else { throw CoreError(.syntax, offset: 0) }
        do {
            return try unescape(UnsafeRawBufferPointer(rebasing: raw[1..<(raw.count - 1)]), bytesMax: bytesMax)
        } catch {
            throw CoreError(error.kind, offset: error.offset.map { $0 + 1 })
        }
    }

    /// The text of what stands between the quotes of a JSON string.
    /// - Throws: `syntax` with the offset of a wrong byte, `noSpace` when the text has more than `bytesMax` bytes.
    public static func unescape(_ content: UnsafeRawBufferPointer, bytesMax: Int = .max) throws(CoreError) -> String {
        precondition(bytesMax >= 0, "a limit is not negative")
        let capacity = min(bytesMax, cairn_json_unescape_bound(content.count))
        var status = CAIRN_OK
        var errorOffset = 0
        let text = String(unsafeUninitializedCapacity: capacity) { out in
            var length = 0
            let view = content.span
            status = cairn_json_unescape(view.bytes, view.length, out.baseAddress, capacity, &length, &errorOffset)
            return length
        }
        try status.check(offset: errorOffset)
        return text
    }

    /// Appends `text` as the content of a JSON string, without quotes, in the form of RFC 8785.
    public static func escape(_ text: String, into out: inout [UInt8]) {
        var text = text
        text.withUTF8 { utf8 in
            let escaped = [UInt8](unsafeUninitializedCapacity: cairn_json_escape_bound(utf8.count)) { buffer, count in
                var errorOffset = 0
                let status = cairn_json_escape(
                    utf8.baseAddress, utf8.count, buffer.baseAddress, buffer.count, &count, &errorOffset)
                precondition(status == CAIRN_OK, "a Swift string is well-formed UTF-8, and the bound is enough")
            }
            out.append(contentsOf: escaped)
        }
    }

    /// `text` as a JSON string with its quotes.
    public static func quoted(_ text: String) -> [UInt8] {
        var out = [UInt8(ascii: "\"")]
        escape(text, into: &out)
        out.append(UInt8(ascii: "\""))
        return out
    }
}

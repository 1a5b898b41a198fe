// Bytes of images and files: chat and responses spell them as a data: URL, messages as media type and base64. Both ways
// copy the contents of the strings; nothing is decoded.

import CairnCore

/// `data:image/png;base64,iVBOR...` taken apart. Ranges lie within the JSON string, quotes included in the count.
struct DataURL {
    var mediaType: Range<Int>
    var data: Range<Int>

    /// nil when the string is another URL, or a data: URL without base64.
    init?(_ string: UnsafeBufferPointer<UInt8>) {
        let front: StaticString = "data:"
        let mark: StaticString = ";base64,"
        guard string.count > front.utf8CodeUnitCount + 2,
            front.spells(UnsafeBufferPointer(rebasing: string[1..<6])),
            let comma = string.prefix(Self.frontBytesMax).firstIndex(of: UInt8(ascii: ",")),
            comma + 1 - mark.utf8CodeUnitCount >= 6
        else { return nil }
        let markStart = comma + 1 - mark.utf8CodeUnitCount
        guard mark.spells(UnsafeBufferPointer(rebasing: string[markStart...comma])) else { return nil }
        // Parameters behind the media type (`;charset=utf-8`) have no place in the other form.
        let typeEnd = string[6..<markStart].firstIndex(of: UInt8(ascii: ";")) ?? markStart
        mediaType = 6..<typeEnd
        data = comma + 1..<string.count - 1
    }

    /// How far the comma of a data: URL is looked for.
    static let frontBytesMax = 256
}

extension PromptWriter {
    func dataURL(_ url: RawJSON) -> DataURL? { source.withBytes(of: url) { DataURL($0) } }

    /// A string of a stretch of another string.
    mutating func string(_ range: Range<Int>, of value: RawJSON) {
        quote()
        source.withBytes(of: value) { out.append(UnsafeBufferPointer(rebasing: $0[range])) }
        quote()
    }

    /// `"data:<media type>;base64,<data>"`.
    mutating func dataURL(mediaType: RawJSON, data: RawJSON) {
        quote()
        out.append("data:")
        content(of: mediaType)
        out.append(";base64,")
        content(of: data)
        quote()
    }

    /// Text of a document for dialects that have none: in a tag with its title.
    mutating func documentText(_ text: RawJSON, title: RawJSON?) {
        quote()
        if let title {
            out.append("<document title=\\\"")
            content(of: title)
            out.append("\\\">\\n")
        } else {
            out.append("<document>\\n")
        }
        content(of: text)
        out.append("\\n</document>")
        quote()
    }
}

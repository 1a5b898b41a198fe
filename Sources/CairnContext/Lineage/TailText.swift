// Text at the end of a turn, in the client's dialect: how the model is told what must not stand in the prefix. The tag is
// short, because it is paid for in every call whose clock has moved on, and once more in each call after it.
//
//     {"role":"tool","content":"ok"}        -->  {"role":"tool","content":"ok\n\n<now>...</now>"}
//     {"role":"user","content":[{...}]}     -->  {"role":"user","content":[{...},{"type":"text","text":"<now>..."}]}

import CairnCore
import CairnWire

enum TailText {
    private static let opening: StaticString = "<now>\\n"
    private static let closing: StaticString = "</now>"

    /// Adds one volatile text (the content of a JSON string, escaped) as lines of its own.
    static func append(_ content: UnsafeBufferPointer<UInt8>, to news: inout ByteWriter) {
        var content = content
        while content.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "n")]) { content = .init(rebasing: content[2...]) }
        while content.suffix(2).elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: "n")]),
            !content.dropLast(2).suffix(1).elementsEqual([UInt8(ascii: "\\")])
        {
            content = .init(rebasing: content[..<(content.count - 2)])
        }
        if content.isEmpty { return }
        news.append(content)
        news.append("\\n")
    }

    /// What a turn leaves as, with `news` behind everything it says; nil for a turn that has no place for text. Of several
    /// elements the last one takes it: what is told stands behind all of them.
    static func inserted(
        _ news: UnsafeBufferPointer<UInt8>, into turn: UnsafeBufferPointer<UInt8>, dialect: Dialect
    ) -> [UInt8]? {
        guard let elements = ElementSequence(turn), let last = elements.nodes.last,
            let content = contentNode(elements.document, last, dialect)
        else { return nil }
        var out = ByteWriter(capacity: turn.count + news.count + 128)
        let node = elements.document[content]
        let range = node.range.lowerBound - 1..<node.range.upperBound - 1
        switch node.kind {
        case .string where dialect == .messages:
            // A block of its own, so that a cache breakpoint can stand in front of it.
            out.append(UnsafeBufferPointer(rebasing: turn[..<range.lowerBound]))
            out.append("[{\"type\":\"text\",\"text\":")
            out.append(UnsafeBufferPointer(rebasing: turn[range]))
            out.append("},{\"type\":\"text\",\"text\":\"")
            append(told: news, to: &out)
            out.append("\"}]")
            out.append(UnsafeBufferPointer(rebasing: turn[range.upperBound...]))
        case .string:
            out.append(UnsafeBufferPointer(rebasing: turn[..<(range.upperBound - 1)]))
            out.append("\\n\\n")
            append(told: news, to: &out)
            out.append(UnsafeBufferPointer(rebasing: turn[(range.upperBound - 1)...]))
        case .array where node.childCount > 0:
            out.append(UnsafeBufferPointer(rebasing: turn[..<(range.upperBound - 1)]))
            out.append(
                dialect == .responses ? ",{\"type\":\"input_text\",\"text\":\"" : ",{\"type\":\"text\",\"text\":\"")
            append(told: news, to: &out)
            out.append("\"}")
            out.append(UnsafeBufferPointer(rebasing: turn[(range.upperBound - 1)...]))
        default: return nil
        }
        return out.copyBytes()
    }

    /// The turn's bytes without what ``inserted(_:into:dialect:)`` put last; nil where nothing was.
    static func removed(from turn: [UInt8], dialect: Dialect) -> [UInt8]? {
        guard let document = try? JSONDocument(turn), let content = contentNode(document, 0, dialect) else {
            return nil
        }
        let start = opening.withUTF8Buffer { Array($0) }
        let node = document[content]
        switch node.kind {
        case .string:
            let text = turn[node.range]
            guard text.dropLast().suffix(closing.utf8CodeUnitCount).elementsEqual(closing.withUTF8Buffer { Array($0) }),
                let opened = lastRange(of: Array(#"\n\n"#.utf8) + start, in: text)
            else { return nil }
            return Array(turn[..<opened]) + Array(turn[(node.range.upperBound - 1)...])
        case .array where node.childCount > 1:
            var children: [Range<Int>] = []
            document.forEachChild(of: content) { children.append(document[$0].range) }
            let last = children[children.count - 1]
            guard let text = document.member("text", of: lastChild(document, content)),
                turn[document[text].range].dropFirst().starts(with: start)
            else { return nil }
            return Array(turn[..<children[children.count - 2].upperBound]) + Array(turn[last.upperBound...])
        default: return nil
        }
    }

    private static func lastChild(_ document: borrowing JSONDocument, _ parent: Int) -> Int {
        var last = parent
        document.forEachChild(of: parent) { last = $0 }
        return last
    }

    /// Where the last occurrence begins.
    private static func lastRange(of needle: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        guard text.count >= needle.count else { return nil }
        return (text.startIndex...(text.endIndex - needle.count)).last { text[$0...].starts(with: needle) }
    }

    /// How often something is told in the bytes of a turn.
    static func count(in turn: [UInt8]) -> Int {
        let mark = opening.withUTF8Buffer { Array($0) }
        guard turn.count >= mark.count else { return 0 }
        return (0...turn.count - mark.count).reduce(0) {
            $0 + (turn[$1] == mark[0] && turn[$1..<$1 + mark.count].elementsEqual(mark) ? 1 : 0)
        }
    }

    /// A text without what was told at its end, as the model reads both.
    static func removed(from text: [UInt8]) -> [UInt8] {
        let mark = Array("\n\n<now>\n".utf8)
        guard text.count > mark.count else { return text }
        let place = (0...text.count - mark.count).last { text[$0..<$0 + mark.count].elementsEqual(mark) }
        return place.map { Array(text[..<$0]) } ?? text
    }

    private static func append(told news: UnsafeBufferPointer<UInt8>, to out: inout ByteWriter) {
        out.append(opening)
        out.append(news)
        out.append(closing)
    }

    private static func contentNode(_ document: borrowing JSONDocument, _ element: Int, _ dialect: Dialect) -> Int? {
        if document[element].kind == .string { return element }
        return document.member("content", of: element)
            ?? (dialect == .responses ? document.member("output", of: element) : nil)
    }
}

// The client's message taken apart: what it was shown of hidden turns goes, because they leave themselves, and the rest stays
// as it is spelled. Compared are texts, not spellings: clients write their JSON anew.
//
//     shown          "Let me look."        call 2
//     message        "Let me look.\n\nIt is here."  ─▶  "It is here."
//
// A message may be several turns: each item of the responses dialect is one.

import CairnCore
import CairnWire

extension HiddenTurns {
    /// What becomes of a part of the message.
    private enum Fate: Equatable {
        case keep
        case leaveOut
        case replace(String)
    }

    /// The emissions of the message's turns: the first one's has the hidden turns in it.
    /// - Parameter turns: the assistant's turns behind the link, up to the next other turn.
    /// - Returns: nil where the message is not what the client was shown.
    func emissions(of turns: ArraySlice<Turn>, in source: SourceDocument, _ dialect: Dialect) -> [[UInt8]]? {
        var due = shown[...]
        var emissions: [[UInt8]] = []
        var isRestEmpty = true
        for turn in turns {
            var fates: [Fate] = []
            for part in turn.parts {
                guard let fate = Self.fate(of: part, in: source, dialect, &due) else { return nil }
                fates.append(fate)
            }
            if fates.allSatisfy({ $0 == .leaveOut }) {
                emissions.append([])
                continue
            }
            isRestEmpty = false
            guard let bytes = Self.edited(turn, fates, in: source) else { return nil }
            emissions.append(bytes)
        }
        while case .thinking? = due.first { due.removeFirst() }
        // A message that ends with what was shown must not go on; another one must, or it was broken off.
        guard due.isEmpty, isRestEmpty == endsMessage, !emissions.isEmpty else { return nil }
        emissions[0] = emissions[0].isEmpty ? elements : elements + [UInt8(ascii: ",")] + emissions[0]
        return emissions
    }

    /// nil: not what was shown.
    private static func fate(
        of part: Part, in source: SourceDocument, _ dialect: Dialect, _ due: inout ArraySlice<Shown>
    ) -> Fate? {
        guard !due.isEmpty else { return .keep }
        switch part.content {
        case .text(let text), .refusal(let text):
            return source.text(of: text).flatMap { fate(ofText: $0, &due) }
        case .thinking(let thinking):
            let text = thinking.texts.compactMap { source.text(of: $0) }.joined(separator: "\n\n")
            if text.isEmpty { return .leaveOut }
            // Chat has one place for thoughts, in front of all texts: these are of a later answer.
            guard case .thinking(let first)? = due.first else { return .keep }
            guard text.hasPrefix(first) else { return nil }
            due.removeFirst()
            // Thoughts that grew together are signed as one, or not at all: they stay whole.
            return text == first ? .leaveOut : .keep
        case .toolCall(let call):
            skipThinking(&due)
            guard case .call(let identifier)? = due.first, source.text(of: call.identifier) == identifier else {
                return nil
            }
            due.removeFirst()
            return .leaveOut
        case .toolResult: return nil
        // The elements of the responses dialect are the provider's own items, with those that only it knows.
        case .foreign, .image, .audio, .file: return dialect == .responses ? .leaveOut : .keep
        }
    }

    private static func fate(ofText text: String, _ due: inout ArraySlice<Shown>) -> Fate? {
        if text.isEmpty { return .leaveOut }
        var rest = Substring(text).utf8
        while !rest.isEmpty {
            skipThinking(&due)
            guard case .text(let first)? = due.first else { break }
            guard rest.starts(with: first.utf8) else { return nil }
            due.removeFirst()
            rest = rest.dropFirst(first.utf8.count).drop { $0 == UInt8(ascii: "\n") }
        }
        if rest.isEmpty { return .leaveOut }
        if rest.count < text.utf8.count { return .replace(String(Substring(rest))) }
        // Words in front of a call that were not shown there: another message.
        return due.isEmpty ? .keep : nil
    }

    /// A client need not send thoughts back.
    private static func skipThinking(_ due: inout ArraySlice<Shown>) {
        while case .thinking? = due.first { due.removeFirst() }
    }

    /// A turn without some of its parts, without cache hints.
    private static func edited(_ turn: Turn, _ fates: [Fate], in source: SourceDocument) -> [UInt8]? {
        guard let element = turn.element, case .source(let start, _) = element else { return nil }
        let bytes = source.withBytes(of: element) { Array($0) }
        guard fates.contains(where: { $0 != .keep }) else { return withoutHints(bytes) }
        guard let document = try? JSONDocument(bytes) else { return nil }
        var edits: [JSONDocument.Edit] = []
        let place = { (value: RawJSON) -> Range<Int>? in
            guard case .source(let from, let to) = value, from >= start else { return nil }
            return Int(from - start)..<Int(to - start)
        }
        let content = document.member("content", of: 0)
        for (part, fate) in zip(turn.parts, fates) where fate != .keep {
            // Blocks of a list go below, all at once.
            if fate == .leaveOut, part.element != nil { continue }
            guard let value = value(of: part), let range = place(value) else { return nil }
            switch fate {
            case .keep: break
            case .replace(let text): edits.append(JSONDocument.Edit(range, with: JSONText.quoted(text)))
            case .leaveOut:
                // A message whose text is gone still has its calls; thoughts are a member of their own.
                let isContent = content.map { document[$0].range == range } ?? false
                edits.append(JSONDocument.Edit(range, with: Array(isContent ? "null".utf8 : "\"\"".utf8)))
            }
        }
        let gone = zip(turn.parts, fates).compactMap { part, fate in
            fate == .leaveOut ? part.element.flatMap(place) : nil
        }
        if !gone.isEmpty {
            guard let content, document[content].kind == .array else { return nil }
            let place = document[content].range
            let others = edits.filter { !place.contains($0.range.lowerBound) }
            edits = others + [list(document, content, without: gone, edits)]
        }
        guard let changed = try? document.spliced(edits.sorted { $0.range.lowerBound < $1.range.lowerBound }) else {
            return nil
        }
        return withoutHints(changed)
    }

    /// A list of blocks without some, with edits inside the others.
    private static func list(
        _ document: borrowing JSONDocument, _ content: Int, without gone: [Range<Int>], _ edits: [JSONDocument.Edit]
    ) -> JSONDocument.Edit {
        var blocks: [[UInt8]] = []
        document.forEachChild(of: content) { block in
            let range = document[block].range
            if gone.contains(range) { return }
            var bytes: [UInt8] = []
            var position = range.lowerBound
            for edit in edits
            where range.lowerBound <= edit.range.lowerBound && edit.range.upperBound <= range.upperBound {
                bytes += document.text[position..<edit.range.lowerBound]
                bytes += edit.bytes
                position = edit.range.upperBound
            }
            bytes += document.text[position..<range.upperBound]
            blocks.append(bytes)
        }
        let joined = Array(blocks.joined(separator: [UInt8(ascii: ",")]))
        return JSONDocument.Edit(document[content].range, with: [UInt8(ascii: "[")] + joined + [UInt8(ascii: "]")])
    }

    /// The JSON string a part says its text in.
    private static func value(of part: Part) -> RawJSON? {
        switch part.content {
        case .text(let text), .refusal(let text): text
        case .thinking(let thinking): thinking.texts.first
        default: nil
        }
    }

    private static func withoutHints(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBufferPointer { CacheHints.removed(from: $0) } ?? bytes
    }
}

// Whole answers: the last one carries what the client would have had of those before it.
//
//     chat       text and thinking in front of its own       messages   blocks       responses   items of the output

import CairnCore

/// A whole answer, and what the client has of the ones before.
struct DocumentPlaces {
    fileprivate var bytes: [UInt8] = []
    /// Contents of strings.
    fileprivate var text: [UInt8] = []
    fileprivate var thinking: [UInt8] = []
    fileprivate var blocks: [[UInt8]] = []
}

extension HiddenCallFilter {
    /// Appends the client's answer: this one with what came before it. Of one that asks, as if the model had stopped by
    /// itself.
    public func writeDocument(to out: inout ByteWriter) {
        guard roundIndex > 0 || !draft.calls.isEmpty, draft.failure == nil,
            let document = try? JSONDocument(documents.bytes)
        else { return out.append(documents.bytes) }
        let edits =
            switch upstream {
            case .chat: chatDocumentEdits(document)
            case .messages: messagesDocumentEdits(document)
            case .responses: outputEdits(document, 0)
            }
        let sorted = (edits + usageEdits(document, 0)).sorted { $0.range.lowerBound < $1.range.lowerBound }
        out.append((try? document.spliced(sorted)) ?? documents.bytes)
    }

    /// Whether a whole answer was read and not yet followed by another.
    public var hasDocument: Bool { !documents.bytes.isEmpty }

    func noteDocument(_ bytes: UnsafeRawBufferPointer) {
        documents.bytes = Array(bytes)
        guard upstream == .responses, let document = try? JSONDocument(documents.bytes) else { return }
        noteOutput(document, 0)
    }

    /// Keeps what the client has to get of this answer.
    func closeDocument() {
        guard !documents.bytes.isEmpty, let document = try? JSONDocument(documents.bytes) else { return }
        switch upstream {
        case .chat:
            if let message = Self.message(document) {
                documents.text = joined(documents.text, document.content("content", of: message))
                documents.thinking += document.content("reasoning_content", of: message) ?? []
            }
        case .messages: documents.blocks += visibleBlocks(document)
        case .responses: break
        }
        documents.bytes = []
    }

    /// Texts of two answers, a blank line between them.
    private func joined(_ first: [UInt8], _ second: ArraySlice<UInt8>?) -> [UInt8] {
        guard let second, !second.isEmpty else { return first }
        if first.isEmpty { return Array(second) }
        let isSeparated = first.suffix(2).elementsEqual(Array("\\n".utf8))
        return first + (isSeparated ? [] : Array("\\n\\n".utf8)) + second
    }

    // MARK: chat

    private static func message(_ document: borrowing JSONDocument) -> Int? {
        guard let choices = document.member("choices", of: 0), document[choices].childCount > 0 else { return nil }
        return document.member("message", of: choices + 1)
    }

    private func chatDocumentEdits(_ document: borrowing JSONDocument) -> [JSONDocument.Edit] {
        guard let message = Self.message(document), let choices = document.member("choices", of: 0) else { return [] }
        var edits: [JSONDocument.Edit] = []
        let text = joined(documents.text, document.content("content", of: message))
        let thinking = documents.thinking + (document.content("reasoning_content", of: message) ?? [])
        if !documents.text.isEmpty { edits.append(Self.string(text, "content", of: message, document)) }
        if !documents.thinking.isEmpty {
            edits.append(Self.string(thinking, "reasoning_content", of: message, document))
        }
        if let list = document.member("tool_calls", of: message), document[list].kind == .array,
            !draft.calls.isEmpty
        {
            var calls: [[UInt8]] = []
            document.forEachChild(of: list) { call in
                let function = document.member("function", of: call)
                if function.map({ document.says(name, "name", of: $0) }) == true { return }
                calls.append(Array(document.text[document[call].range]))
            }
            edits.append(
                calls.isEmpty
                    ? document.removal(of: list, from: message)
                    : JSONDocument.Edit(document[list].range, with: Self.array(calls)))
        }
        if isAsking, let reason = document.member("finish_reason", of: choices + 1) {
            edits.append(JSONDocument.Edit(document[reason].range, with: Array("\"stop\"".utf8)))
        }
        return edits
    }

    /// A string member with this content, whether it is there already or not.
    private static func string(
        _ content: [UInt8], _ key: StaticString, of object: Int, _ document: borrowing JSONDocument
    ) -> JSONDocument.Edit {
        let quoted = [UInt8(ascii: "\"")] + content + [UInt8(ascii: "\"")]
        if let node = document.member(key, of: object) { return JSONDocument.Edit(document[node].range, with: quoted) }
        let start = document[object].range.lowerBound + 1
        let member = Array("\"".utf8) + Array(UnsafeRawBufferPointer(key)) + Array("\":".utf8) + quoted
        let comma = document[object].childCount > 0 ? [UInt8(ascii: ",")] : []
        return JSONDocument.Edit(start..<start, with: member + comma)
    }

    private static func array(_ elements: [[UInt8]]) -> [UInt8] {
        [UInt8(ascii: "[")] + elements.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
    }

    // MARK: messages

    private func visibleBlocks(_ document: borrowing JSONDocument) -> [[UInt8]] {
        var blocks: [[UInt8]] = []
        guard let content = document.member("content", of: 0), document[content].kind == .array else { return [] }
        document.forEachChild(of: content) { block in
            if document.says("tool_use", "type", of: block), document.says(name, "name", of: block) { return }
            blocks.append(Array(document.text[document[block].range]))
        }
        return blocks
    }

    private func messagesDocumentEdits(_ document: borrowing JSONDocument) -> [JSONDocument.Edit] {
        guard let content = document.member("content", of: 0) else { return [] }
        let blocks = documents.blocks + visibleBlocks(document)
        var edits = [JSONDocument.Edit(document[content].range, with: Self.array(blocks))]
        if isAsking, let reason = document.member("stop_reason", of: 0) {
            edits.append(JSONDocument.Edit(document[reason].range, with: Array("\"end_turn\"".utf8)))
        }
        return edits
    }
}

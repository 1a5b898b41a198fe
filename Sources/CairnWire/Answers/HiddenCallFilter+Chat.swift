// Chat completions: a call is what the `tool_calls` of many chunks say under one index, and it begins with its name. The end
// is the chunk with a finish_reason, the chunk with usage, and `[DONE]`.
//
//     tool_calls [{index 0: cairn_expand}] [{index 1: read}]     becomes     tool_calls [{index 0: read}]

import CairnCore

/// Where the calls of an answer stand, and what the client has of its message.
struct ChatPlaces {
    /// Calls as their chunks number them. Some servers number all of them 0 and tell them apart by their identifiers.
    fileprivate var calls: [(wireIndex: Int, identifier: [UInt8], isHidden: Bool)] = []
    /// Of the first answer: one message has one identifier and one time.
    fileprivate var identifier: [UInt8]?
    fileprivate var created: [UInt8]?
    /// Text of an earlier answer stands right in front of what comes next.
    fileprivate var needsSeparator = false

    mutating func close(_ draft: HiddenTurnDraft) {
        calls = []
        let last = draft.draft.parts.last { if case .text = $0.kind { !$0.content.isEmpty } else { false } }
        if let last { needsSeparator = !last.content.suffix(2).elementsEqual(Array("\\n".utf8)) }
    }
}

extension HiddenCallFilter {
    func chatCourse(_ document: borrowing JSONDocument) -> Course {
        let isHeld = holdsEnd
        var edits = identityEdits(document)
        guard let choices = document.member("choices", of: 0), document[choices].childCount > 0 else {
            edits += usageEdits(document, 0)
            return isHeld ? .hold(edits) : .change(edits)
        }
        let choice = choices + 1
        if let index = document.integer("index", of: choice), index != 0 { return .pass }
        guard let delta = document.member("delta", of: choice) else { return isHeld ? .hold(edits) : .change(edits) }
        let shown = chatDeltaEdits(document, delta)
        edits += shown.edits
        guard isHeld else {
            let hasReason = document.content("finish_reason", of: choice) != nil
            edits += usageEdits(document, 0)
            let hasUsage = document.member("usage", of: 0).map { document[$0].kind == .object } ?? false
            return shown.hasSubstance || hasReason || hasUsage ? .change(edits) : .leaveOut
        }
        var end = usageEdits(document, 0)
        if shown.hasSubstance {
            end += identityEdits(document) + [JSONDocument.Edit(document[delta].range, with: Array("{}".utf8))]
        } else {
            end += edits
        }
        if let reason = document.member("finish_reason", of: choice), document[reason].kind == .string {
            if isAsking { end.append(JSONDocument.Edit(document[reason].range, with: Array("\"stop\"".utf8))) }
            edits.append(JSONDocument.Edit(document[reason].range, with: Array("null".utf8)))
        }
        if let usage = document.member("usage", of: 0), document[usage].kind == .object {
            edits.append(JSONDocument.Edit(document[usage].range, with: Array("null".utf8)))
        }
        return shown.hasSubstance ? .split(now: edits, held: end) : .hold(end)
    }

    /// One message has the identifier and the time of its beginning.
    private func identityEdits(_ document: borrowing JSONDocument) -> [JSONDocument.Edit] {
        let identifier = document.member("id", of: 0)
        let created = document.member("created", of: 0)
        if roundIndex == 0 {
            chat.identifier = identifier.map { Array(document.text[document[$0].range]) }
            chat.created = created.map { Array(document.text[document[$0].range]) }
            return []
        }
        var edits: [JSONDocument.Edit] = []
        if let identifier, let first = chat.identifier {
            edits.append(JSONDocument.Edit(document[identifier].range, with: first))
        }
        if let created, let first = chat.created {
            edits.append(JSONDocument.Edit(document[created].range, with: first))
        }
        return edits
    }

    /// What a delta becomes, and whether it tells the client anything.
    private func chatDeltaEdits(
        _ document: borrowing JSONDocument, _ delta: Int
    ) -> (edits: [JSONDocument.Edit], hasSubstance: Bool) {
        var edits: [JSONDocument.Edit] = []
        var hasSubstance = false
        var removed: [Int] = []
        document.forEachChild(of: delta) { member in
            let key = document.text[document.keyRange(of: member)]
            if key.elementsEqual("tool_calls".utf8), document[member].kind == .array {
                let calls = visibleCalls(document, member)
                if calls.isEmpty {
                    removed.append(member)
                } else {
                    edits.append(JSONDocument.Edit(document[member].range, with: calls))
                    hasSubstance = true
                }
            } else if key.elementsEqual("role".utf8) {
                // Clients that add deltas up would add this up as well.
                if roundIndex > 0 { removed.append(member) } else { hasSubstance = true }
            } else if document[member].kind == .string {
                guard document[member].range.count > 2 else { return }
                hasSubstance = true
                if key.elementsEqual("content".utf8), chat.needsSeparator {
                    chat.needsSeparator = false
                    let start = document[member].range.lowerBound + 1
                    edits.append(JSONDocument.Edit(start..<start, with: Array("\\n\\n".utf8)))
                }
            } else if document[member].kind != .null {
                hasSubstance = true
            }
        }
        if removed.count == document[delta].childCount {
            return ([JSONDocument.Edit(document[delta].range, with: Array("{}".utf8))], hasSubstance)
        }
        // Two members that go side by side would each take the comma between them; an empty list says nothing either.
        for (place, member) in removed.enumerated() {
            if place == 0 {
                edits.append(document.removal(of: member, from: delta))
            } else {
                let nothing: StaticString = document[member].kind == .array ? "[]" : "null"
                edits.append(JSONDocument.Edit(document[member].range, with: Array(UnsafeRawBufferPointer(nothing))))
            }
        }
        return (edits, hasSubstance)
    }

    /// The calls of the client's own in a list, as an array; empty without any.
    private func visibleCalls(_ document: borrowing JSONDocument, _ list: Int) -> [UInt8] {
        var out: [UInt8] = []
        var position = 0
        document.forEachChild(of: list) { entry in
            defer { position += 1 }
            let wireIndex = document.integer("index", of: entry) ?? position
            if isHidden(document, entry, wireIndex) { return }
            out.append(out.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
            let hiddenBefore = chat.calls.count { $0.isHidden && $0.wireIndex < wireIndex }
            let range = document[entry].range
            guard let edit = document.edit("index", of: entry, to: wireIndex - hiddenBefore).first else {
                out += document.text[range]
                return
            }
            out += document.text[range.lowerBound..<edit.range.lowerBound]
            out += edit.bytes
            out += document.text[edit.range.upperBound..<range.upperBound]
        }
        if !out.isEmpty { out.append(UInt8(ascii: "]")) }
        return out
    }

    /// Whether an entry belongs to a call of the hidden tool: it begins one, or it is about the one with its index.
    private func isHidden(_ document: borrowing JSONDocument, _ entry: Int, _ wireIndex: Int) -> Bool {
        let identifier = Array(document.content("id", of: entry) ?? [])
        if let known = chat.calls.last(where: { $0.wireIndex == wireIndex }),
            identifier.isEmpty || known.identifier.isEmpty || identifier == known.identifier
        {
            return known.isHidden
        }
        let function = document.member("function", of: entry)
        let isHidden = function.map { document.says(name, "name", of: $0) } ?? false
        // A call that began before the hidden ones has its chunks as they came.
        chat.calls.append((wireIndex, identifier, isHidden))
        return isHidden
    }
}

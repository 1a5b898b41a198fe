// Responses: a call is an output item, and every event has a number. The end is one event with the whole response, whose
// output is put together from all answers. Its identifier is the last answer's: that is the response a provider that keeps
// them can go on from, because the hidden turns stand in front of it.

import CairnCore

/// Where the items of an answer stand in the client's response.
struct ResponsesPlaces {
    /// Items of this answer by their places, as its `done` events have them; hidden ones too.
    private var items: [Int: [UInt8]] = [:]
    fileprivate var hidden: Set<Int> = []
    fileprivate var itemCount = 0
    /// Items of earlier answers that the client has, in place.
    fileprivate var shown: [[UInt8]] = []
    fileprivate var itemsBefore = 0
    /// The number of the last event that the client has; -1 before the first.
    private(set) var lastSequence = -1
    /// Of the response in the last event of this answer; empty: none is there.
    fileprivate var output: [[UInt8]] = []
    fileprivate var hiddenInOutput: Set<Int> = []

    /// Looks at any event of an answer.
    mutating func note(_ tape: borrowing JSONTape) {
        guard tape.nodeCount > 0, let index = tape.integer("output_index", of: 0) else { return }
        itemCount = max(itemCount, index + 1)
        guard tape.content("type", of: 0)?.equals("response.output_item.done") == true,
            let item = tape.member("item", of: 0)
        else { return }
        items[index] = Array(tape.raw(item))
    }

    /// All items of this answer, in order.
    var itemsOfTurn: [[UInt8]] { items.isEmpty ? output : items.sorted { $0.key < $1.key }.map(\.value) }

    /// The number that an event gets which passes, given its own.
    fileprivate mutating func number(_ own: Int, isShifted: Bool) -> Int {
        lastSequence = isShifted ? lastSequence + 1 : own
        return lastSequence
    }

    mutating func passed(_ tape: borrowing JSONTape) {
        guard tape.nodeCount > 0, let own = tape.integer("sequence_number", of: 0) else { return }
        lastSequence = own
    }

    mutating func close() {
        if output.isEmpty {
            shown += items.filter { !hidden.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
        } else {
            shown += output.enumerated().filter { !hiddenInOutput.contains($0.offset) }.map(\.element)
        }
        itemsBefore += itemCount - hidden.count
        items = [:]
        hidden = []
        itemCount = 0
        output = []
        hiddenInOutput = []
    }

    fileprivate mutating func hide(_ index: Int) { hidden.insert(index) }
}

extension HiddenCallFilter {
    func responsesCourse(_ document: borrowing JSONDocument) -> Course {
        let isHeld = holdsEnd
        if let response = document.member("response", of: 0) {
            return responseCourse(document, response, isHeld: isHeld)
        }
        if let index = document.integer("output_index", of: 0) {
            if let item = document.member("item", of: 0), isHiddenCall(document, item) { responses.hide(index) }
            if responses.hidden.contains(index) { return .leaveOut }
            let hiddenBefore = responses.hidden.count { $0 < index }
            let place = responses.itemsBefore + index - hiddenBefore
            return .change(document.edit("output_index", of: 0, to: place) + sequenceEdits(document))
        }
        return .change(sequenceEdits(document))
    }

    private func isHiddenCall(_ document: borrowing JSONDocument, _ item: Int) -> Bool {
        document.says("function_call", "type", of: item) && document.says(name, "name", of: item)
    }

    /// Numbers go on by one from the first event on that was left out.
    private func sequenceEdits(_ document: borrowing JSONDocument) -> [JSONDocument.Edit] {
        guard let own = document.integer("sequence_number", of: 0) else { return [] }
        let isShifted = roundIndex > 0 || !responses.hidden.isEmpty
        return document.edit("sequence_number", of: 0, to: responses.number(own, isShifted: isShifted))
    }

    /// Events that show the whole response.
    private func responseCourse(_ document: borrowing JSONDocument, _ response: Int, isHeld: Bool) -> Course {
        let isLast =
            document.says("response.completed", "type", of: 0) || document.says("response.incomplete", "type", of: 0)
            || document.says("response.failed", "type", of: 0) || document.says("response.cancelled", "type", of: 0)
        guard isLast else { return roundIndex == 0 ? .change(sequenceEdits(document)) : .leaveOut }
        noteOutput(document, response)
        var edits = outputEdits(document, response) + usageEdits(document, response)
        guard isHeld else { return .change(edits + sequenceEdits(document)) }
        // What is held is numbered as if it followed now; if another answer comes, it is thrown away.
        if let own = document.member("sequence_number", of: 0) {
            let next = Array(String(responses.lastSequence + 1).utf8)
            edits.append(JSONDocument.Edit(document[own].range, with: next))
        }
        return .hold(edits)
    }

    /// Keeps the items of a whole response.
    func noteOutput(_ document: borrowing JSONDocument, _ response: Int) {
        responses.output = []
        responses.hiddenInOutput = []
        guard let output = document.member("output", of: response), document[output].kind == .array else { return }
        document.forEachChild(of: output) { item in
            if isHiddenCall(document, item) { responses.hiddenInOutput.insert(responses.output.count) }
            responses.output.append(Array(document.text[document[item].range]))
        }
        responses.itemCount = max(responses.itemCount, responses.output.count)
    }

    /// The output of all answers, without hidden calls. An output that the server leaves empty stays so.
    func outputEdits(_ document: borrowing JSONDocument, _ response: Int) -> [JSONDocument.Edit] {
        guard let output = document.member("output", of: response), !responses.output.isEmpty else { return [] }
        let own = responses.output.enumerated().filter { !responses.hiddenInOutput.contains($0.offset) }.map(\.element)
        let all = (responses.shown + own).joined(separator: [UInt8(ascii: ",")])
        return [JSONDocument.Edit(document[output].range, with: [UInt8(ascii: "[")] + all + [UInt8(ascii: "]")])]
    }
}

// Messages: a call is a content block of its own. The end is message_delta, with the reason and usage, and message_stop.
//
//     blocks  text 0, cairn_expand 1 │ message 2: text 0, tool_use 1      become      text 0, text 1, tool_use 2

import CairnCore

/// Where the blocks of an answer stand in the client's message.
struct MessagesPlaces {
    fileprivate var hidden: Set<Int> = []
    /// Blocks of earlier answers that the client has.
    fileprivate var blocksBefore = 0
    fileprivate var blocks = 0

    /// Looks at any event of an answer.
    mutating func note(_ tape: borrowing JSONTape) {
        guard tape.nodeCount > 0, tape.content("type", of: 0)?.equals("content_block_start") == true else { return }
        blocks = max(blocks, (tape.integer("index", of: 0) ?? blocks) + 1)
    }

    mutating func close() {
        blocksBefore += blocks - hidden.count
        hidden = []
        blocks = 0
    }
}

extension HiddenCallFilter {
    func messagesCourse(_ document: borrowing JSONDocument) -> Course {
        let isHeld = holdsEnd
        if document.says("message_start", "type", of: 0) { return roundIndex == 0 ? .pass : .leaveOut }
        if document.says("message_delta", "type", of: 0) {
            var edits = usageEdits(document, 0)
            guard isHeld else { return .change(edits) }
            if isAsking, let delta = document.member("delta", of: 0),
                let reason = document.member("stop_reason", of: delta)
            {
                edits.append(JSONDocument.Edit(document[reason].range, with: Array("\"end_turn\"".utf8)))
            }
            return .hold(edits)
        }
        if document.says("message_stop", "type", of: 0) { return isHeld ? .hold([]) : .pass }
        guard let index = document.integer("index", of: 0) else { return .pass }
        if document.says("content_block_start", "type", of: 0), let block = document.member("content_block", of: 0),
            document.says("tool_use", "type", of: block), document.says(name, "name", of: block)
        {
            messages.hidden.insert(index)
        }
        if messages.hidden.contains(index) { return .leaveOut }
        let hiddenBefore = messages.hidden.count { $0 < index }
        return .change(document.edit("index", of: 0, to: messages.blocksBefore + index - hiddenBefore))
    }
}

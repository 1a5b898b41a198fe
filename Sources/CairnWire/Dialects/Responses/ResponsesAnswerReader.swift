// Reads responses answers: events of a stream, and whole response objects. An output item of calls or reasoning is a
// part, so is each content of a message item; several may be open at once, and `output_index` tells which one is
// meant.
//
// Workload: 20 to 100 events a second and call, 200 to 400 bytes each, most of them a delta.

import CairnCore

struct ResponsesAnswerReader: AnswerReader {
    /// Parts of one answer. A further one is left out and counted.
    static let partsMax = 4096

    private enum Kind { case text, refusal, thinking, call, freeform, foreign }

    private struct Part {
        var kind: Kind
        /// `output_index`.
        var item: Int
        /// `content_index` of a message's content; for reasoning the piece of the summary at hand.
        var content: Int
        var hasContent = false
        var hasEnded = false
    }

    private(set) var losses = LossList()
    /// By part index.
    private var parts: [Part] = []
    private var hasToolCalls = false
    private var hasStarted = false
    private var isOver = false

    mutating func read(
        _ event: borrowing EventStreamScanner.Event, _ tape: inout JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard !isOver else { return }
        guard event.hasData else { return emit(.ping) }
        // Some servers end the stream as chat does.
        if event.data.equals("[DONE]") { return }
        do { try tape.parse(event.data) } catch {
            return event.isTerminated ? fail(.malformed("The provider sent an event that is not JSON."), emit) : ()
        }
        guard let type = tape.content("type", of: 0) else {
            return fail(.malformed("The provider sent an event without a type."), emit)
        }
        if type.equals("response.output_text.delta") {
            readDelta(.text, tape, emit)
        } else if type.equals("response.function_call_arguments.delta") {
            readDelta(.call, tape, emit)
        } else if type.equals("response.custom_tool_call_input.delta") {
            readDelta(.freeform, tape, emit)
        } else if type.equals("response.reasoning_summary_text.delta") {
            readThinking("summary_index", tape, emit)
        } else if type.equals("response.reasoning_text.delta") {
            readThinking("content_index", tape, emit)
        } else if type.equals("response.refusal.delta") {
            readDelta(.refusal, tape, emit)
        } else if type.equals("response.output_item.added") {
            if let item = tape.member("item", of: 0) { begin(item, at: itemIndex(tape), tape, emit) }
        } else if type.equals("response.output_item.done") {
            if let item = tape.member("item", of: 0) { end(item, at: itemIndex(tape), tape, emit) }
        } else if type.equals("response.content_part.done") {
            if let index = part(item: itemIndex(tape), content: tape.integer("content_index", of: 0) ?? 0),
                parts[index].kind == .text || parts[index].kind == .refusal
            {
                end(index, emit)
            }
        } else if type.equals("response.output_text.annotation.added") {
            losses.add("annotations", .noCounterpart)
        } else if type.equals("error") {
            fail(AnswerFailure(tape, tape.member("error", of: 0) ?? 0, status: nil), emit)
        } else if let response = tape.member("response", of: 0) {
            readState(type, response, tape, emit)
        }
        // What is left repeats what was told (`.done`), or belongs to items that are foreign.
    }

    /// Events that show the whole response.
    private mutating func readState(
        _ type: UnsafeRawBufferPointer, _ response: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        start(response, tape, emit)
        let isLast =
            type.equals("response.completed") || type.equals("response.incomplete")
            || type.equals("response.failed") || type.equals("response.cancelled")
        guard isLast else { return }
        readOutput(response, tape, emit)
        finish(response, tape, emit)
    }

    mutating func finish(_ emit: (AnswerEvent) -> Void) {
        guard !isOver else { return }
        isOver = true
        endAll(emit)
    }

    mutating func read(document tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) throws(WireError) {
        if let error = tape.member("error", of: 0), tape.kind(error) == .object {
            return fail(AnswerFailure(tape, error, status: nil), emit)
        }
        guard let output = tape.member("output", of: 0), tape.kind(output) == .array else {
            throw WireError(.malformed, at: "output", "The provider's answer has no output.")
        }
        start(0, tape, emit)
        readOutput(0, tape, emit)
        finish(0, tape, emit)
    }

    private mutating func start(_ response: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard !hasStarted else { return }
        hasStarted = true
        emit(
            .started(
                identifier: tape.content("id", of: response), model: tape.content("model", of: response),
                createdSeconds: tape.integer("created_at", of: response), usage: nil))
    }

    // Items

    private func itemIndex(_ tape: borrowing JSONTape) -> Int { tape.integer("output_index", of: 0) ?? 0 }

    private func part(item: Int, content: Int) -> Int? {
        parts.lastIndex { $0.item == item && $0.content == content }
    }

    private func part(item: Int) -> Int? { parts.lastIndex { $0.item == item } }

    private mutating func begin(
        _ kind: Kind, item: Int, content: Int, _ part: AnswerPart, _ emit: (AnswerEvent) -> Void
    ) -> Int? {
        guard parts.count < Self.partsMax else {
            losses.add("output", .conflict)
            return nil
        }
        if !hasStarted {
            // Something of an answer came whose beginning did not.
            hasStarted = true
            emit(.started(identifier: nil, model: nil, createdSeconds: nil, usage: nil))
        }
        parts.append(Part(kind: kind, item: item, content: content))
        emit(.partStarted(index: parts.count - 1, part))
        return parts.count - 1
    }

    /// Calls and foreign items begin here; messages with their first content, reasoning when there is something to
    /// tell.
    private mutating func begin(
        _ item: Int, at itemIndex: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard part(item: itemIndex) == nil, let type = tape.content("type", of: item) else { return }
        let isFreeform = type.equals("custom_tool_call")
        if isFreeform || type.equals("function_call") {
            hasToolCalls = true
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            _ = begin(
                isFreeform ? .freeform : .call, item: itemIndex, content: 0,
                .toolCall(
                    identifier: tape.content("call_id", of: item) ?? none,
                    name: tape.content("name", of: item) ?? none,
                    namespace: tape.content("namespace", of: item), isFreeform: isFreeform), emit)
        } else if !type.equals("message"), !type.equals("reasoning") {
            _ = begin(.foreign, item: itemIndex, content: 0, .foreign(type: type), emit)
        }
    }

    private mutating func readDelta(_ kind: Kind, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard let text = tape.content("delta", of: 0) else { return }
        let isCall = kind == .call || kind == .freeform
        let content = isCall ? 0 : tape.integer("content_index", of: 0) ?? 0
        append(text, kind, item: itemIndex(tape), content: content, emit)
    }

    /// Adds to a part, which is begun if it is a text or a refusal.
    private mutating func append(
        _ text: UnsafeRawBufferPointer, _ kind: Kind, item: Int, content: Int, _ emit: (AnswerEvent) -> Void
    ) {
        guard !text.isEmpty else { return }
        var index = part(item: item, content: content)
        if index == nil, kind == .text || kind == .refusal {
            index = begin(kind, item: item, content: content, kind == .text ? .text : .refusal, emit)
        }
        guard let index, parts[index].kind == kind, !parts[index].hasEnded else { return }
        parts[index].hasContent = true
        emit(.delta(index: index, content: text))
    }

    private mutating func readThinking(
        _ pieceKey: StaticString, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard let text = tape.content("delta", of: 0) else { return }
        think(
            text, item: itemIndex(tape), piece: tape.integer(pieceKey, of: 0) ?? 0,
            identifier: tape.content("item_id", of: 0), emit)
    }

    /// The pieces of a summary are paragraphs of one thinking part.
    private mutating func think(
        _ text: UnsafeRawBufferPointer, item: Int, piece: Int, identifier: UnsafeRawBufferPointer?,
        _ emit: (AnswerEvent) -> Void
    ) {
        guard !text.isEmpty,
            let index = part(item: item)
                ?? begin(
                    .thinking, item: item, content: piece, .thinking(isRedacted: false, identifier: identifier), emit),
            parts[index].kind == .thinking, !parts[index].hasEnded
        else { return }
        if parts[index].content != piece {
            parts[index].content = piece
            emit(.delta(index: index, content: UnsafeRawBufferPointer("\\n\\n")))
        }
        parts[index].hasContent = true
        emit(.delta(index: index, content: text))
    }

    /// An item is done. What it holds and no delta told is told now.
    private mutating func end(
        _ item: Int, at itemIndex: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard let type = tape.content("type", of: item) else { return }
        begin(item, at: itemIndex, tape, emit)
        if type.equals("message") {
            endMessage(item, at: itemIndex, tape, emit)
        } else if type.equals("reasoning") {
            endReasoning(item, at: itemIndex, tape, emit)
        } else if let index = part(item: itemIndex), !parts[index].hasEnded {
            let isFreeform = parts[index].kind == .freeform
            if !parts[index].hasContent, parts[index].kind != .foreign,
                let text = tape.content(isFreeform ? "input" : "arguments", of: item)
            {
                append(text, parts[index].kind, item: itemIndex, content: 0, emit)
            }
            end(index, emit)
        }
    }

    private mutating func endMessage(
        _ item: Int, at itemIndex: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        var node = tape.member("content", of: item).flatMap { tape.firstChild(of: $0) }
        var position = 0
        while let content = node {
            let isRefusal = tape.content("type", of: content)?.equals("refusal") == true
            if part(item: itemIndex, content: position) == nil,
                let text = tape.content(isRefusal ? "refusal" : "text", of: content)
            {
                append(text, isRefusal ? .refusal : .text, item: itemIndex, content: position, emit)
            }
            if let notes = tape.member("annotations", of: content), tape.firstChild(of: notes) != nil {
                losses.add("annotations", .noCounterpart)
            }
            position += 1
            node = tape.sibling(of: content)
        }
        for index in parts.indices where parts[index].item == itemIndex { end(index, emit) }
    }

    private mutating func endReasoning(
        _ item: Int, at itemIndex: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        let identifier = tape.content("id", of: item)
        if part(item: itemIndex) == nil {
            let pieces = [tape.member("summary", of: item), tape.member("content", of: item)]
                .compactMap { $0 }.first { tape.kind($0) == .array && tape.firstChild(of: $0) != nil }
            var node = pieces.flatMap { tape.firstChild(of: $0) }
            var position = 0
            while let piece = node {
                if let text = tape.content("text", of: piece) {
                    think(text, item: itemIndex, piece: position, identifier: identifier, emit)
                }
                position += 1
                node = tape.sibling(of: piece)
            }
        }
        let sealed = tape.content("encrypted_content", of: item).flatMap { $0.isEmpty ? nil : $0 }
        if part(item: itemIndex) == nil, sealed != nil {
            _ = begin(
                .thinking, item: itemIndex, content: 0, .thinking(isRedacted: false, identifier: identifier), emit)
        }
        guard let index = part(item: itemIndex), !parts[index].hasEnded else { return }
        if let sealed { emit(.signature(index: index, content: sealed)) }
        end(index, emit)
    }

    private mutating func end(_ index: Int, _ emit: (AnswerEvent) -> Void) {
        guard !parts[index].hasEnded else { return }
        parts[index].hasEnded = true
        emit(.partEnded(index: index))
    }

    private mutating func endAll(_ emit: (AnswerEvent) -> Void) {
        for index in parts.indices { end(index, emit) }
    }

    // The end

    /// Items of a whole response that no event told before.
    private mutating func readOutput(_ response: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        var node = tape.member("output", of: response).flatMap { tape.firstChild(of: $0) }
        var position = 0
        while let item = node {
            end(item, at: position, tape, emit)
            position += 1
            node = tape.sibling(of: item)
        }
        endAll(emit)
    }

    private mutating func finish(_ response: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        if let usage = tape.member("usage", of: response), tape.kind(usage) == .object {
            emit(.usage(ResponsesAnswerWords.usage(tape, usage)))
        }
        let status = tape.content("status", of: response) ?? UnsafeRawBufferPointer("completed")
        if status.equals("failed") || status.equals("cancelled") {
            let error = tape.member("error", of: response).flatMap { tape.kind($0) == .object ? $0 : nil }
            guard let error else {
                let message = "The provider's response ended as \(status.contentText)."
                return fail(AnswerFailure(type: "server_error", message: message, status: 500), emit)
            }
            return fail(AnswerFailure(tape, error, status: nil), emit)
        }
        isOver = true
        emit(.stopped(reason(status, response, tape), stopSequence: nil))
        emit(.ended)
    }

    private mutating func reason(
        _ status: UnsafeRawBufferPointer, _ response: Int, _ tape: borrowing JSONTape
    ) -> FinishReason {
        guard status.equals("incomplete") else { return hasToolCalls ? .toolCalls : .stop }
        let details = tape.member("incomplete_details", of: response)
        guard let word = details.flatMap({ tape.content("reason", of: $0) }),
            let reason = ResponsesAnswerWords.reason(incomplete: word)
        else {
            losses.add("incomplete_details.reason", .unknown)
            return .maxTokens
        }
        return reason
    }

    private mutating func fail(_ failure: AnswerFailure, _ emit: (AnswerEvent) -> Void) {
        isOver = true
        emit(.failed(failure))
    }
}

// Reads chat completions: chunks of a stream, and whole ones. Chat has no parts, only deltas of the kinds of text and
// of numbered calls; the reader makes parts of them:
//
//     reasoning_content ─▶ a thinking part      one of these is open at a time; another kind ends it
//     content           ─▶ a text part
//     refusal           ─▶ a refusal part
//     tool_calls[i]     ─▶ a tool call part     several may be open; one ends when its arguments are whole and
//                                               something else begins, all end with finish_reason
//
// Workload: 20 to 100 chunks a second and call, 150 to 400 bytes each, the text of one token in most of them.

import CairnCore

struct ChatAnswerReader: AnswerReader {
    /// Calls of one answer. A further one is left out and counted.
    static let callsMax = 128
    /// Arguments that come before their call's name wait for it.
    static let unnamedBytesMax = 65_536

    private enum ProseKind { case thinking, text, refusal }

    private struct Call {
        /// `index` in the chunks.
        var wireIndex: Int
        var identifier: [UInt8]
        var isFreeform: Bool
        /// nil until the name came.
        var partIndex: Int?
        var unnamed: [UInt8] = []
        var progress = ArgumentsProgress()
        var hasEnded = false
    }

    private(set) var losses = LossList()
    private var hasStarted = false
    private var hasStopped = false
    private var isOver = false
    private var partCount = 0
    private var prose: (kind: ProseKind, partIndex: Int)?
    private var calls: [Call] = []

    mutating func read(
        _ event: borrowing EventStreamScanner.Event, _ tape: inout JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard !isOver else { return }
        guard event.hasData else { return emit(.ping) }
        if event.data.equals("[DONE]") { return end(emit) }
        do { try tape.parse(event.data) } catch {
            // The rest of a stream that was cut in the middle of an event is no event.
            return event.isTerminated ? fail(.malformed("The provider sent an event that is not JSON."), emit) : ()
        }
        if let error = tape.member("error", of: 0), tape.kind(error) != .null {
            return fail(AnswerFailure(tape, error, status: nil), emit)
        }
        start(tape, emit)
        if let choices = tape.member("choices", of: 0) {
            var choice = tape.firstChild(of: choices)
            while let node = choice {
                read(choice: node, content: "delta", tape, emit)
                choice = tape.sibling(of: node)
            }
        }
        if let usage = tape.member("usage", of: 0), tape.kind(usage) == .object {
            emit(.usage(ChatAnswerWords.usage(tape, usage)))
        }
    }

    mutating func finish(_ emit: (AnswerEvent) -> Void) {
        guard !isOver else { return }
        // Some providers leave `[DONE]` out; a finish_reason says as well that nothing more comes.
        if hasStopped { return end(emit) }
        endProse(emit)
        endCalls(emit)
        isOver = true
    }

    mutating func read(document tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) throws(WireError) {
        if let error = tape.member("error", of: 0), tape.kind(error) != .null {
            return fail(AnswerFailure(tape, error, status: nil), emit)
        }
        guard let choices = tape.member("choices", of: 0), tape.kind(choices) == .array else {
            throw WireError(.malformed, at: "choices", "The provider's answer has no choices.")
        }
        start(tape, emit)
        var choice = tape.firstChild(of: choices)
        while let node = choice {
            read(choice: node, content: "message", tape, emit)
            choice = tape.sibling(of: node)
        }
        if let usage = tape.member("usage", of: 0), tape.kind(usage) == .object {
            emit(.usage(ChatAnswerWords.usage(tape, usage)))
        }
        guard !isOver else { return }
        endProse(emit)
        endCalls(emit)
        end(emit)
    }

    private mutating func start(_ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard !hasStarted else { return }
        hasStarted = true
        emit(
            .started(
                identifier: tape.content("id", of: 0), model: tape.content("model", of: 0),
                createdSeconds: tape.integer("created", of: 0), usage: nil))
    }

    private mutating func read(
        choice: Int, content: StaticString, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        if let index = tape.integer("index", of: choice), index != 0 {
            return losses.add("choices", .noCounterpart)
        }
        if let delta = tape.member(content, of: choice) { read(delta: delta, tape, emit) }
        if let word = tape.content("finish_reason", of: choice) { stop(word, emit) }
    }

    private mutating func read(delta: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        // vLLM and OpenRouter say `reasoning`; some say both, with the same text.
        if let text = tape.content("reasoning_content", of: delta) ?? tape.content("reasoning", of: delta) {
            read(.thinking, text, emit)
        }
        if let text = tape.content("content", of: delta) {
            read(.text, text, emit)
        } else if let list = tape.member("content", of: delta), tape.kind(list) == .array {
            readParts(list, tape, emit)
        }
        // The form of 2023, which clients of other dialects cannot answer with a result.
        if let legacy = tape.member("function_call", of: delta), tape.kind(legacy) != .null {
            losses.add("function_call", .noCounterpart)
        }
        if let text = tape.content("refusal", of: delta) { read(.refusal, text, emit) }
        if let list = tape.member("tool_calls", of: delta), tape.kind(list) == .array {
            var position = 0
            var call = tape.firstChild(of: list)
            while let node = call {
                read(call: node, position: position, tape, emit)
                position += 1
                call = tape.sibling(of: node)
            }
        }
    }

    /// Content as an array, which some servers answer with as requests have it: its texts, in order.
    private mutating func readParts(_ list: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        var part = tape.firstChild(of: list)
        while let node = part {
            if let text = tape.content("text", of: node) {
                read(.text, text, emit)
            } else {
                losses.add("content", .noCounterpart)
            }
            part = tape.sibling(of: node)
        }
    }

    // Text, thinking and refusals

    private mutating func read(_ kind: ProseKind, _ text: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void) {
        guard !text.isEmpty else { return }
        if let prose, prose.kind == kind { return emit(.delta(index: prose.partIndex, content: text)) }
        endProse(emit)
        endWholeCalls(emit)
        let part: AnswerPart =
            switch kind {
            case .thinking: .thinking(isRedacted: false, identifier: nil)
            case .text: .text
            case .refusal: .refusal
            }
        let index = begin(part, emit)
        prose = (kind, index)
        emit(.delta(index: index, content: text))
    }

    private mutating func begin(_ part: AnswerPart, _ emit: (AnswerEvent) -> Void) -> Int {
        defer { partCount += 1 }
        emit(.partStarted(index: partCount, part))
        return partCount
    }

    private mutating func endProse(_ emit: (AnswerEvent) -> Void) {
        guard let prose else { return }
        self.prose = nil
        emit(.partEnded(index: prose.partIndex))
    }

    // Calls

    private mutating func read(
        call node: Int, position: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        let custom = tape.member("custom", of: node)
        let function = custom ?? tape.member("function", of: node)
        let identifier = tape.content("id", of: node)
        let wireIndex = tape.integer("index", of: node) ?? position
        guard let index = call(wireIndex, identifier: identifier, isFreeform: custom != nil) else { return }
        guard let function else { return }
        let text = tape.content(custom == nil ? "arguments" : "input", of: function)
        if calls[index].partIndex == nil, let name = tape.content("name", of: function), !name.isEmpty {
            begin(callAt: index, name: name, emit)
        }
        if let text, !text.isEmpty { append(text, toCallAt: index, emit) }
    }

    /// The call these chunks are about: the one with the index, unless another identifier says that it is a new one.
    private mutating func call(
        _ wireIndex: Int, identifier: UnsafeRawBufferPointer?, isFreeform: Bool
    ) -> Int? {
        let identifier = identifier ?? UnsafeRawBufferPointer(start: nil, count: 0)
        if let known = calls.lastIndex(where: { $0.wireIndex == wireIndex }) {
            let isSame =
                identifier.isEmpty || calls[known].identifier.isEmpty
                || identifier.elementsEqual(calls[known].identifier)
            if isSame {
                if calls[known].identifier.isEmpty { calls[known].identifier = Array(identifier) }
                return known
            }
        }
        guard calls.count < Self.callsMax else {
            losses.add("tool_calls", .conflict)
            return nil
        }
        calls.append(Call(wireIndex: wireIndex, identifier: Array(identifier), isFreeform: isFreeform))
        return calls.count - 1
    }

    private mutating func begin(callAt index: Int, name: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void) {
        endProse(emit)
        endWholeCalls(emit)
        let identifier = calls[index].identifier
        let isFreeform = calls[index].isFreeform
        let partIndex = identifier.withUnsafeBytes { bytes in
            begin(.toolCall(identifier: bytes, name: name, namespace: nil, isFreeform: isFreeform), emit)
        }
        calls[index].partIndex = partIndex
        let unnamed = calls[index].unnamed
        guard !unnamed.isEmpty else { return }
        calls[index].unnamed = []
        unnamed.withUnsafeBytes { append($0, toCallAt: index, emit) }
    }

    private mutating func append(
        _ text: UnsafeRawBufferPointer, toCallAt index: Int, _ emit: (AnswerEvent) -> Void
    ) {
        guard let partIndex = calls[index].partIndex else {
            guard calls[index].unnamed.count + text.count <= Self.unnamedBytesMax else {
                return losses.add("tool_calls.function.arguments", .conflict)
            }
            calls[index].unnamed.append(contentsOf: text)
            return
        }
        // Whole arguments ended this call when the next part began; only white space can follow them.
        guard !calls[index].hasEnded else { return losses.add("tool_calls.function.arguments", .conflict) }
        if !calls[index].isFreeform { calls[index].progress.read(text) }
        emit(.delta(index: partIndex, content: text))
    }

    private mutating func endWholeCalls(_ emit: (AnswerEvent) -> Void) {
        for index in calls.indices where calls[index].progress.isWhole { end(callAt: index, emit) }
    }

    private mutating func endCalls(_ emit: (AnswerEvent) -> Void) {
        for index in calls.indices { end(callAt: index, emit) }
    }

    private mutating func end(callAt index: Int, _ emit: (AnswerEvent) -> Void) {
        guard !calls[index].hasEnded else { return }
        calls[index].hasEnded = true
        guard let partIndex = calls[index].partIndex else { return losses.add("tool_calls", .conflict) }
        emit(.partEnded(index: partIndex))
    }

    // The end

    private mutating func stop(_ word: UnsafeRawBufferPointer, _ emit: (AnswerEvent) -> Void) {
        guard !hasStopped, !isOver else { return }
        let reason: FinishReason
        switch ChatAnswerWords.finish(word) {
        case .reason(let known): reason = known
        case .failure(let status):
            let text = word.contentText
            let message = "The provider broke off its answer: \(text)."
            return fail(AnswerFailure(type: text, code: text, message: message, status: status), emit)
        case nil:
            losses.add("finish_reason", .unknown)
            reason = .stop
        }
        hasStopped = true
        endProse(emit)
        endCalls(emit)
        emit(.stopped(reason, stopSequence: nil))
    }

    private mutating func end(_ emit: (AnswerEvent) -> Void) {
        isOver = true
        if !hasStarted { emit(.started(identifier: nil, model: nil, createdSeconds: nil, usage: nil)) }
        endProse(emit)
        endCalls(emit)
        emit(.ended)
    }

    private mutating func fail(_ failure: AnswerFailure, _ emit: (AnswerEvent) -> Void) {
        isOver = true
        emit(.failed(failure))
    }
}

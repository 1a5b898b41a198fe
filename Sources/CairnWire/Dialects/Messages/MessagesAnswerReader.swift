// Reads messages answers: events of a stream, and whole messages. Content blocks are parts already, one open at a time.
//
// Workload: 20 to 100 events a second and call, 100 to 200 bytes each, most of them a text_delta or input_json_delta.

import CairnCore

struct MessagesAnswerReader: AnswerReader {
    /// Blocks of one answer. A further one is left out and counted.
    static let blocksMax = 4096

    private struct Block {
        var wireIndex: Int
        var isCall: Bool
        var isForeign: Bool
        var hasContent = false
    }

    private(set) var losses = LossList()
    /// By part index; the last is the open one.
    private var blocks: [Block] = []
    private var isOpen = false
    private var usage = MessagesUsageCount()
    private var hasStarted = false
    private var isOver = false

    mutating func read(
        _ event: borrowing EventStreamScanner.Event, _ tape: inout JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard !isOver else { return }
        guard event.hasData else { return emit(.ping) }
        do { try tape.parse(event.data) } catch {
            return event.isTerminated ? fail(.malformed("The provider sent an event that is not JSON."), emit) : ()
        }
        guard let type = tape.content("type", of: 0) else {
            return fail(.malformed("The provider sent an event without a type."), emit)
        }
        // The frequent ones first.
        if type.equals("content_block_delta") {
            readDelta(tape, emit)
        } else if type.equals("content_block_start") {
            readBlockStart(tape, emit)
        } else if type.equals("content_block_stop") {
            if let index = openBlock(tape) { end(index, emit) }
        } else if type.equals("message_start") {
            if let message = tape.member("message", of: 0) { start(message, tape, emit) }
        } else if type.equals("message_delta") {
            readMessageDelta(tape, emit)
        } else if type.equals("message_stop") {
            startWithout(emit)
            finishOpenBlock(emit)
            isOver = true
            emit(.ended)
        } else if type.equals("ping") {
            emit(.ping)
        } else if type.equals("error") {
            let error = tape.member("error", of: 0) ?? 0
            fail(AnswerFailure(tape, error, status: nil), emit)
        } else {
            losses.add(named: type, .unknown)
        }
    }

    mutating func finish(_ emit: (AnswerEvent) -> Void) {
        guard !isOver else { return }
        isOver = true
        finishOpenBlock(emit)
    }

    mutating func read(document tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) throws(WireError) {
        if tape.content("type", of: 0)?.equals("error") == true {
            return fail(AnswerFailure(tape, tape.member("error", of: 0) ?? 0, status: nil), emit)
        }
        guard let content = tape.member("content", of: 0), tape.kind(content) == .array else {
            throw WireError(.malformed, at: "content", "The provider's answer has no content blocks.")
        }
        start(0, tape, emit)
        var block = tape.firstChild(of: content)
        while let node = block {
            begin(wireIndex: blocks.count, node, tape, emit)
            finishOpenBlock(emit)
            block = tape.sibling(of: node)
        }
        readStop(of: 0, tape, emit)
        isOver = true
        emit(.ended)
    }

    private mutating func start(_ message: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard !hasStarted else { return }
        hasStarted = true
        let reported = tape.member("usage", of: message).map { usage.merge(tape, $0) }
        emit(
            .started(
                identifier: tape.content("id", of: message), model: tape.content("model", of: message),
                createdSeconds: nil, usage: reported))
    }

    /// Something of an answer came whose beginning did not.
    private mutating func startWithout(_ emit: (AnswerEvent) -> Void) {
        guard !hasStarted else { return }
        hasStarted = true
        emit(.started(identifier: nil, model: nil, createdSeconds: nil, usage: nil))
    }

    // Blocks

    private mutating func readBlockStart(_ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard let block = tape.member("content_block", of: 0) else { return }
        finishOpenBlock(emit)
        begin(wireIndex: tape.integer("index", of: 0) ?? blocks.count, block, tape, emit)
    }

    private mutating func begin(
        wireIndex: Int, _ node: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void
    ) {
        guard blocks.count < Self.blocksMax else { return losses.add("content", .conflict) }
        startWithout(emit)
        let type = tape.content("type", of: node) ?? UnsafeRawBufferPointer(start: nil, count: 0)
        let index = blocks.count
        var block = Block(wireIndex: wireIndex, isCall: false, isForeign: false)
        isOpen = true
        if type.equals("text") {
            blocks.append(block)
            emit(.partStarted(index: index, .text))
            if tape.member("citations", of: node).map({ tape.kind($0) == .array }) == true {
                losses.add("citations", .noCounterpart)
            }
            append(tape.content("text", of: node), emit)
        } else if type.equals("tool_use") {
            block.isCall = true
            blocks.append(block)
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            emit(
                .partStarted(
                    index: index,
                    .toolCall(
                        identifier: tape.content("id", of: node) ?? none,
                        name: tape.content("name", of: node) ?? none, namespace: nil, isFreeform: false)))
            if let input = tape.member("input", of: node) { append(input: input, tape, emit) }
        } else if type.equals("thinking") {
            blocks.append(block)
            emit(.partStarted(index: index, .thinking(isRedacted: false, identifier: nil)))
            append(tape.content("thinking", of: node), emit)
            sign(tape.content("signature", of: node), emit)
        } else if type.equals("redacted_thinking") {
            blocks.append(block)
            emit(.partStarted(index: index, .thinking(isRedacted: true, identifier: nil)))
            sign(tape.content("data", of: node), emit)
        } else {
            block.isForeign = true
            blocks.append(block)
            emit(.partStarted(index: index, .foreign(type: type)))
        }
    }

    /// An input that stands in the block itself: whole answers, and providers that do not stream arguments.
    private mutating func append(input: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard tape.kind(input) == .object, tape.firstChild(of: input) != nil else { return }
        var writer = ByteWriter(capacity: 2 * tape.raw(input).count)
        writer.append(escaping: tape.raw(input))
        writer.withBytes { append(UnsafeRawBufferPointer($0), emit) }
    }

    private mutating func append(_ content: UnsafeRawBufferPointer?, _ emit: (AnswerEvent) -> Void) {
        guard let content, !content.isEmpty else { return }
        blocks[blocks.count - 1].hasContent = true
        emit(.delta(index: blocks.count - 1, content: content))
    }

    private func sign(_ content: UnsafeRawBufferPointer?, _ emit: (AnswerEvent) -> Void) {
        guard let content, !content.isEmpty else { return }
        emit(.signature(index: blocks.count - 1, content: content))
    }

    /// The part an event with an `index` is about; nil if its block is not open.
    private func openBlock(_ tape: borrowing JSONTape) -> Int? {
        guard isOpen, let last = blocks.last else { return nil }
        return tape.integer("index", of: 0) ?? last.wireIndex == last.wireIndex ? blocks.count - 1 : nil
    }

    private mutating func readDelta(_ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard let index = openBlock(tape), !blocks[index].isForeign, let delta = tape.member("delta", of: 0),
            let type = tape.content("type", of: delta)
        else { return }
        if type.equals("text_delta") {
            append(tape.content("text", of: delta), emit)
        } else if type.equals("input_json_delta") {
            append(tape.content("partial_json", of: delta), emit)
        } else if type.equals("thinking_delta") {
            append(tape.content("thinking", of: delta), emit)
        } else if type.equals("signature_delta") {
            sign(tape.content("signature", of: delta), emit)
        } else if type.equals("citations_delta") {
            losses.add("citations", .noCounterpart)
        } else {
            losses.add(named: type, .unknown)
        }
    }

    private mutating func finishOpenBlock(_ emit: (AnswerEvent) -> Void) {
        if isOpen { end(blocks.count - 1, emit) }
    }

    private mutating func end(_ index: Int, _ emit: (AnswerEvent) -> Void) {
        isOpen = false
        // A call without arguments streams none; other dialects write an empty object.
        if blocks[index].isCall, !blocks[index].hasContent {
            emit(.delta(index: index, content: UnsafeRawBufferPointer("{}")))
        }
        emit(.partEnded(index: index))
    }

    // The end

    private mutating func readMessageDelta(_ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        finishOpenBlock(emit)
        if let reported = tape.member("usage", of: 0) { emit(.usage(usage.merge(tape, reported))) }
        if let delta = tape.member("delta", of: 0) { readStop(of: delta, tape, emit) }
    }

    private mutating func readStop(of node: Int, _ tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) {
        guard let word = tape.content("stop_reason", of: node) else { return }
        let reason = MessagesAnswerWords.reason(word)
        if reason == nil { losses.add("stop_reason", .unknown) }
        emit(.stopped(reason ?? .stop, stopSequence: tape.content("stop_sequence", of: node)))
    }

    private mutating func fail(_ failure: AnswerFailure, _ emit: (AnswerEvent) -> Void) {
        isOver = true
        emit(.failed(failure))
    }
}

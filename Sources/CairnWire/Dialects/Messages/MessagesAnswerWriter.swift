// Writes messages answers. A stream has one block open at a time, and the blocks' indexes count up:
//
//     message_start, (content_block_start, content_block_delta..., content_block_stop)..., message_delta, message_stop
//
// Other dialects may have several calls open at once. Then the first goes out as it comes, and the others wait: what
// they say is held until the one before them has ended.
//
//     events      A0 B0 A1 B1 A-end B-end
//     written     [A0 A1] [B0B1]               [ ] a block; B0B1 one delta
//
// message_delta waits for the end of the answer, because chat tells its usage after the reason it stopped for.

import CairnCore

struct MessagesAnswerWriter: AnswerWriter {
    /// Contents that wait for their block's turn, all together. Beyond it the answer has failed.
    static let heldBytesMax = 16_777_216

    private struct Block {
        enum Kind { case text, thinking, redacted, call, freeform, nothing }

        var kind: Kind
        var partIndex: Int
        /// Contents.
        var identifier: [UInt8] = []
        var name: [UInt8] = []
        var held: [UInt8] = []
        var signature: [UInt8]?
        var hasEnded = false
    }

    private let form: AnswerForm
    private(set) var losses = LossList()
    private(set) var failure: AnswerFailure?
    private(set) var hasEnded = false
    private var hasStarted = false

    /// The first is the open one, if there is any; the others wait, in the order they began.
    private var blocks: [Block] = []
    private var isOpen = false
    private var heldBytes = 0
    private var blockIndex = 0
    private var hasToolCalls = false
    private var usage = WireUsage()
    private var stop: (reason: FinishReason, sequence: [UInt8]?)?

    init(_ form: AnswerForm) { self.form = form }

    mutating func write(_ event: AnswerEvent, to out: inout ByteWriter) {
        guard !hasEnded else { return }
        switch event {
        case .started(_, let model, _, let usage): start(model: model, usage, to: &out)
        case .partStarted(let index, let part): begin(index, part, to: &out)
        case .delta(let index, let content): append(content, to: index, &out)
        case .signature(let index, let content): sign(content, index, &out)
        case .partEnded(let index): end(index, to: &out)
        case .usage(let usage): self.usage.merge(usage)
        case .stopped(let reason, let sequence): stop = (reason, sequence.map { Array($0) })
        case .ended: end(to: &out)
        case .failed(let failure): fail(failure, to: &out)
        // Before message_start a ping would be an event out of order.
        case .ping: out.append(hasStarted ? "event: ping\ndata: {\"type\":\"ping\"}\n\n" as StaticString : ": ping\n\n")
        }
    }

    private mutating func start(model: UnsafeRawBufferPointer?, _ usage: WireUsage?, to out: inout ByteWriter) {
        hasStarted = true
        if let usage { self.usage.merge(usage) }
        out.append("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"")
        form.appendIdentifier("msg_", to: &out)
        out.append("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":")
        form.appendModel(upstream: model, to: &out)
        out.append(",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":")
        MessagesAnswerWords.append(self.usage, to: &out)
        out.append("}}\n\n")
    }

    // Blocks

    private mutating func begin(_ index: Int, _ part: AnswerPart, to out: inout ByteWriter) {
        var block = Block(kind: .text, partIndex: index)
        switch part {
        case .text: break
        case .refusal: losses.add("refusal", .noCounterpart)
        case .thinking(let isRedacted, _): block.kind = isRedacted ? .redacted : .thinking
        case .foreign(let type):
            losses.add(named: type, .noCounterpart)
            block.kind = .nothing
        case .toolCall(let identifier, let name, _, let isFreeform):
            block.kind = isFreeform ? .freeform : .call
            block.identifier = Array(identifier)
            block.name = Array(name)
            hasToolCalls = true
        }
        blocks.append(block)
        if !isOpen { openFirst(to: &out) }
    }

    private mutating func openFirst(to out: inout ByteWriter) {
        isOpen = true
        let block = blocks[0]
        // A redacted block is written when its data is there, and then whole.
        guard block.kind != .redacted, block.kind != .nothing else { return }
        appendHead("content_block_start", to: &out)
        switch block.kind {
        case .text: out.append(",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n")
        case .thinking:
            out.append(",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n")
        case .call, .freeform:
            out.append(",\"content_block\":{\"type\":\"tool_use\",\"id\":\"")
            appendCallFields(of: block, to: &out)
            out.append("\",\"input\":{}}}\n\n")
            if block.kind == .freeform { appendDelta(UnsafeRawBufferPointer(Self.freeformHead), to: &out) }
        case .redacted, .nothing: break
        }
    }

    private func appendCallFields(of block: Block, to out: inout ByteWriter) {
        block.identifier.withUnsafeBytes {
            form.appendCallIdentifier($0, index: block.partIndex, for: .messages, to: &out)
        }
        out.append("\",\"name\":\"")
        out.append(block.name)
    }

    /// A custom tool's input as the arguments of a function with one string, the form the request side gave the tool.
    private static let freeformHead: StaticString = "{\\\"input\\\":\\\""
    private static let freeformTail: StaticString = "\\\"}"

    private func appendHead(_ event: StaticString, to out: inout ByteWriter) {
        out.append("event: ")
        out.append(event)
        out.append("\ndata: {\"type\":\"")
        out.append(event)
        out.append("\",\"index\":")
        out.append(decimal: blockIndex)
    }

    private mutating func append(_ content: UnsafeRawBufferPointer, to index: Int, _ out: inout ByteWriter) {
        if isOpen, blocks[0].partIndex == index { return appendToFirst(content, to: &out) }
        guard let waiting = blocks.lastIndex(where: { $0.partIndex == index }), hold(content.count, to: &out) else {
            return
        }
        blocks[waiting].held.append(contentsOf: content)
    }

    private func appendToFirst(_ content: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        switch blocks[0].kind {
        case .redacted, .nothing: break
        case .freeform:
            var doubled = ByteWriter(capacity: content.count + 64)
            doubled.append(escaping: content)
            doubled.withBytes { appendDelta(UnsafeRawBufferPointer($0), to: &out) }
        case .text, .thinking, .call: appendDelta(content, to: &out)
        }
    }

    private func appendDelta(_ content: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        appendHead("content_block_delta", to: &out)
        switch blocks[0].kind {
        case .thinking: out.append(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"")
        case .call, .freeform: out.append(",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"")
        default: out.append(",\"delta\":{\"type\":\"text_delta\",\"text\":\"")
        }
        out.append(content)
        out.append("\"}}\n\n")
    }

    private mutating func hold(_ byteCount: Int, to out: inout ByteWriter) -> Bool {
        heldBytes += byteCount
        guard heldBytes > Self.heldBytesMax else { return true }
        let failure = AnswerFailure.tooBig("The provider's parallel tool calls are too large to be put in order.")
        self.failure = failure
        fail(failure, to: &out)
        return false
    }

    private mutating func sign(_ content: UnsafeRawBufferPointer, _ index: Int, _ out: inout ByteWriter) {
        guard let block = blocks.lastIndex(where: { $0.partIndex == index }), hold(content.count, to: &out) else {
            return
        }
        blocks[block].signature = (blocks[block].signature ?? []) + content
    }

    private mutating func end(_ index: Int, to out: inout ByteWriter) {
        guard let ended = blocks.lastIndex(where: { $0.partIndex == index }) else { return }
        blocks[ended].hasEnded = true
        while isOpen, blocks[0].hasEnded {
            closeFirst(to: &out)
            guard !blocks.isEmpty else { break }
            openFirst(to: &out)
            let held = blocks[0].held
            blocks[0].held = []
            heldBytes -= held.count
            if !held.isEmpty { held.withUnsafeBytes { appendToFirst($0, to: &out) } }
        }
    }

    private mutating func closeFirst(to out: inout ByteWriter) {
        let block = blocks[0]
        heldBytes -= block.signature?.count ?? 0
        switch block.kind {
        case .nothing: break
        case .redacted:
            appendHead("content_block_start", to: &out)
            out.append(",\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"")
            appendSignature(of: block, to: &out)
            out.append("\"}}\n\n")
            appendStop(to: &out)
        case .thinking:
            appendHead("content_block_delta", to: &out)
            out.append(",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"")
            appendSignature(of: block, to: &out)
            out.append("\"}}\n\n")
            appendStop(to: &out)
        case .freeform:
            appendDelta(UnsafeRawBufferPointer(Self.freeformTail), to: &out)
            appendStop(to: &out)
        case .text, .call: appendStop(to: &out)
        }
        blocks.removeFirst()
        isOpen = false
    }

    private mutating func appendStop(to out: inout ByteWriter) {
        appendHead("content_block_stop", to: &out)
        out.append("}\n\n")
        blockIndex += 1
    }

    /// Clients of this dialect expect a signature. Thinking of another provider carries its opaque state in that
    /// place, or says at least whose it is, so that it is never taken for Anthropic's.
    private func appendSignature(of block: Block, to out: inout ByteWriter) {
        form.appendOpaque(block.signature ?? [], for: .messages, to: &out)
    }

    // The end

    private mutating func end(to out: inout ByteWriter) {
        hasEnded = true
        out.append("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{")
        appendStopFields(stop?.reason, stop?.sequence, to: &out)
        out.append("},\"usage\":")
        MessagesAnswerWords.append(usage, to: &out)
        out.append("}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    }

    private func appendStopFields(_ reason: FinishReason?, _ sequence: [UInt8]?, to out: inout ByteWriter) {
        out.append("\"stop_reason\":")
        if let reason {
            out.append("\"")
            out.append(MessagesAnswerWords.word(reason, hasToolCalls: hasToolCalls))
            out.append("\"")
        } else {
            out.append("null")
        }
        out.append(",\"stop_sequence\":")
        if let sequence {
            out.append("\"")
            out.append(sequence)
            out.append("\"")
        } else {
            out.append("null")
        }
    }

    private mutating func fail(_ failure: AnswerFailure, to out: inout ByteWriter) {
        hasEnded = true
        failure.appendEvent(in: .messages, sequenceNumber: 0, to: &out)
    }

    // The whole answer

    mutating func write(document draft: borrowing AnswerDraft, to out: inout ByteWriter) {
        losses.add(foreignPartsOf: draft)
        hasToolCalls = draft.hasToolCalls
        out.append("{\"id\":\"")
        form.appendIdentifier("msg_", to: &out)
        out.append("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":")
        form.appendModel(upstream: draft.model, to: &out)
        out.append(",\"content\":[")
        var isFirst = true
        for (index, part) in draft.parts.enumerated() {
            if case .foreign = part.kind { continue }
            if !isFirst { out.append(",") }
            isFirst = false
            append(part, index: index, to: &out)
        }
        out.append("],")
        appendStopFields(draft.reason, draft.stopSequence, to: &out)
        out.append(",\"usage\":")
        MessagesAnswerWords.append(draft.usage ?? WireUsage(), to: &out)
        out.append("}")
    }

    private mutating func append(_ part: AnswerDraft.Part, index: Int, to out: inout ByteWriter) {
        switch part.kind {
        case .text, .refusal:
            if case .refusal = part.kind { losses.add("refusal", .noCounterpart) }
            out.append("{\"type\":\"text\",\"text\":\"")
            out.append(part.content)
            out.append("\"}")
        case .thinking(let isRedacted):
            if isRedacted {
                out.append("{\"type\":\"redacted_thinking\",\"data\":\"")
            } else {
                out.append("{\"type\":\"thinking\",\"thinking\":\"")
                out.append(part.content)
                out.append("\",\"signature\":\"")
            }
            form.appendOpaque(part.signature ?? [], for: .messages, to: &out)
            out.append("\"}")
        case .toolCall(let isFreeform):
            out.append("{\"type\":\"tool_use\",\"id\":\"")
            let block = Block(kind: .call, partIndex: index, identifier: part.identifier, name: part.name)
            appendCallFields(of: block, to: &out)
            out.append("\",\"input\":")
            append(input: part.content, isFreeform: isFreeform, to: &out)
            out.append("}")
        case .foreign: break
        }
    }

    /// A call's input is an object in this dialect: arguments that are none become the only member of one.
    private mutating func append(input: [UInt8], isFreeform: Bool, to out: inout ByteWriter) {
        if isFreeform {
            out.append("{\"input\":\"")
            out.append(input)
            return out.append("\"}")
        }
        guard !input.isEmpty else { return out.append("{}") }
        let text = input.withUnsafeBytes { $0.contentText }
        var tape = JSONTape()
        let isObject = Array(text.utf8).withUnsafeBytes { bytes in
            (try? tape.parse(bytes)) != nil && tape.kind(0) == .object
        }
        if isObject { return out.append(text) }
        losses.add("tool_calls.function.arguments", .conflict)
        out.append("{\"arguments\":\"")
        out.append(input)
        out.append("\"}")
    }
}

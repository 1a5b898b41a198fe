// Writes chat completions. A stream:
//
//     role chunk, deltas (content, reasoning_content, refusal, tool_calls[i]), finish_reason, usage if wanted, [DONE]
//
// Every chunk begins alike, so that beginning is made once an answer.

import CairnCore

struct ChatAnswerWriter: AnswerWriter {
    private let form: AnswerForm
    private(set) var losses = LossList()
    private(set) var hasEnded = false
    var failure: AnswerFailure? { nil }

    /// `data: {"id":…,"choices":` of every chunk.
    private var chunkHead: [UInt8] = []
    /// By part index: nil for parts that are no calls.
    private var callIndexes: [Int?] = []
    private var callCount = 0
    private var kinds: [Prose] = []
    private var usage = WireUsage()

    private enum Prose { case text, refusal, thinking, call, freeform, nothing }

    init(_ form: AnswerForm) { self.form = form }

    mutating func write(_ event: AnswerEvent, to out: inout ByteWriter) {
        guard !hasEnded else { return }
        switch event {
        case .started(let identifier, let model, let createdSeconds, let usage):
            start(identifier, model: model, createdSeconds: createdSeconds, to: &out)
            if let usage { self.usage.merge(usage) }
        case .partStarted(let index, let part): begin(index, part, to: &out)
        case .delta(let index, let content): append(content, to: index, &out)
        case .signature: losses.add("thinking.signature", .bound)
        case .partEnded: break
        case .usage(let usage): self.usage.merge(usage)
        case .stopped(let reason, _): stop(reason, to: &out)
        case .ended: end(to: &out)
        case .failed(let failure): fail(failure, to: &out)
        case .ping: out.append(": ping\n\n")
        }
    }

    /// Chunks of an upstream of the same dialect pass beside these, so they have its identifier and time.
    private mutating func start(
        _ identifier: UnsafeRawBufferPointer?, model: UnsafeRawBufferPointer?, createdSeconds: Int?,
        to out: inout ByteWriter
    ) {
        var head = ByteWriter(capacity: 256)
        head.append("data: {\"id\":\"")
        if form.origin == .chat, let identifier {
            head.append(identifier)
        } else {
            form.appendIdentifier("chatcmpl-", to: &head)
        }
        head.append("\",\"object\":\"chat.completion.chunk\",\"created\":")
        let ownSeconds = form.origin == .chat ? createdSeconds : nil
        head.append(decimal: ownSeconds ?? Int(form.createdSeconds))
        head.append(",\"model\":")
        form.appendModel(upstream: model, to: &head)
        head.append(",\"choices\":")
        chunkHead = head.copyBytes()
        out.append(chunkHead)
        out.append("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n")
    }

    private mutating func begin(_ index: Int, _ part: AnswerPart, to out: inout ByteWriter) {
        precondition(index == kinds.count, "parts begin in the order of their indexes")
        var callIndex: Int?
        switch part {
        case .text: kinds.append(.text)
        case .refusal: kinds.append(.refusal)
        case .thinking(let isRedacted, _):
            kinds.append(.thinking)
            if isRedacted { losses.add("redacted_thinking", .bound) }
        case .foreign(let type):
            kinds.append(.nothing)
            losses.add(named: type, .noCounterpart)
        case .toolCall(let identifier, let name, _, let isFreeform):
            kinds.append(isFreeform ? .freeform : .call)
            callIndex = callCount
            out.append(chunkHead)
            out.append("[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":")
            out.append(decimal: callCount)
            out.append(",")
            Self.appendCall(form, identifier, name, index: callCount, isFreeform: isFreeform, to: &out)
            out.append("\"}}]},\"finish_reason\":null}]}\n\n")
            callCount += 1
        }
        callIndexes.append(callIndex)
    }

    /// A call from its identifier to the front of its arguments.
    private static func appendCall(
        _ form: AnswerForm, _ identifier: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer, index: Int,
        isFreeform: Bool, to out: inout ByteWriter
    ) {
        out.append("\"id\":\"")
        form.appendCallIdentifier(identifier, index: index, for: .chat, to: &out)
        out.append(
            isFreeform
                ? "\",\"type\":\"custom\",\"custom\":{\"name\":\"" as StaticString
                : "\",\"type\":\"function\",\"function\":{\"name\":\"")
        out.append(name)
        out.append(isFreeform ? "\",\"input\":\"" as StaticString : "\",\"arguments\":\"")
    }

    private mutating func append(_ content: UnsafeRawBufferPointer, to index: Int, _ out: inout ByteWriter) {
        out.append(chunkHead)
        switch kinds[index] {
        case .text: out.append("[{\"index\":0,\"delta\":{\"content\":\"")
        case .refusal: out.append("[{\"index\":0,\"delta\":{\"refusal\":\"")
        case .thinking: out.append("[{\"index\":0,\"delta\":{\"reasoning_content\":\"")
        case .call, .freeform:
            out.append("[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":")
            out.append(decimal: callIndexes[index] ?? 0)
            out.append(
                kinds[index] == .call
                    ? ",\"function\":{\"arguments\":\"" as StaticString
                    : ",\"custom\":{\"input\":\"")
            out.append(content)
            return out.append("\"}}]},\"finish_reason\":null}]}\n\n")
        case .nothing: break
        }
        out.append(content)
        out.append("\"},\"finish_reason\":null}]}\n\n")
    }

    private mutating func stop(_ reason: FinishReason, to out: inout ByteWriter) {
        if reason == .pause { losses.add("stop_reason.pause_turn", .noCounterpart) }
        out.append(chunkHead)
        out.append("[{\"index\":0,\"delta\":{},\"finish_reason\":\"")
        out.append(ChatAnswerWords.word(reason))
        out.append("\"}]}\n\n")
    }

    private mutating func end(to out: inout ByteWriter) {
        hasEnded = true
        if form.includesUsage, usage.isReported {
            out.append(chunkHead)
            out.append("[],\"usage\":")
            ChatAnswerWords.append(usage, to: &out)
            out.append("}\n\n")
        }
        out.append("data: [DONE]\n\n")
    }

    private mutating func fail(_ failure: AnswerFailure, to out: inout ByteWriter) {
        hasEnded = true
        failure.appendEvent(in: .chat, sequenceNumber: 0, to: &out)
    }

    // The whole answer

    mutating func write(document draft: borrowing AnswerDraft, to out: inout ByteWriter) {
        losses.add(foreignPartsOf: draft)
        out.append("{\"id\":\"")
        form.appendIdentifier("chatcmpl-", to: &out)
        out.append("\",\"object\":\"chat.completion\",\"created\":")
        out.append(decimal: Int(form.createdSeconds))
        out.append(",\"model\":")
        form.appendModel(upstream: draft.model, to: &out)
        out.append(",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":")
        appendJoined(draft.parts, to: &out) { if case .text = $0 { true } else { false } }
        appendThinking(draft.parts, to: &out)
        out.append(",\"refusal\":")
        appendJoined(draft.parts, to: &out) { if case .refusal = $0 { true } else { false } }
        appendCalls(draft.parts, to: &out)
        out.append("},\"logprobs\":null,\"finish_reason\":")
        if let reason = draft.reason {
            if reason == .pause { losses.add("stop_reason.pause_turn", .noCounterpart) }
            out.append("\"")
            out.append(ChatAnswerWords.word(reason))
            out.append("\"")
        } else {
            out.append("null")
        }
        out.append("}]")
        if let usage = draft.usage {
            out.append(",\"usage\":")
            ChatAnswerWords.append(usage, to: &out)
        }
        out.append("}")
    }

    /// The texts of some parts as one string; null if there is none.
    private func appendJoined(
        _ parts: [AnswerDraft.Part], to out: inout ByteWriter, where isWanted: (AnswerDraft.Kind) -> Bool
    ) {
        guard parts.contains(where: { isWanted($0.kind) }) else { return out.append("null") }
        out.append("\"")
        for part in parts where isWanted(part.kind) { out.append(part.content) }
        out.append("\"")
    }

    private mutating func appendThinking(_ parts: [AnswerDraft.Part], to out: inout ByteWriter) {
        var hasText = false
        for part in parts {
            switch part.kind {
            case .thinking(let isRedacted):
                if isRedacted { losses.add("redacted_thinking", .bound) }
                if part.signature != nil { losses.add("thinking.signature", .bound) }
                hasText = hasText || !part.content.isEmpty
            default: break
            }
        }
        guard hasText else { return }
        out.append(",\"reasoning_content\":")
        appendJoined(parts, to: &out) { if case .thinking = $0 { true } else { false } }
    }

    private mutating func appendCalls(_ parts: [AnswerDraft.Part], to out: inout ByteWriter) {
        for part in parts {
            guard case .toolCall(let isFreeform) = part.kind else { continue }
            out.append(callCount == 0 ? ",\"tool_calls\":[{" as StaticString : ",{")
            part.identifier.withUnsafeBytes { identifier in
                part.name.withUnsafeBytes { name in
                    Self.appendCall(form, identifier, name, index: callCount, isFreeform: isFreeform, to: &out)
                }
            }
            out.append(part.content)
            out.append("\"}}")
            callCount += 1
        }
        if callCount > 0 { out.append("]") }
    }
}

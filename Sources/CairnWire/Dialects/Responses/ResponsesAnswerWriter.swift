// Writes responses answers. A stream tells everything twice: as it comes, and whole when it is done.
//
//     response.created, response.in_progress
//     for each part: output_item.added, (content_part.added | reasoning_summary_part.added), deltas, done events,
//                    output_item.done
//     response.completed | response.incomplete | response.failed
//
// Every part becomes an output item of its own: a text a message, thinking a reasoning item, a call a call. Several
// may be open at once. Thinking goes out as the item's summary and not as `reasoning_text`: clients (Codex,
// openai-agents) show and send back summaries only, and DeepSeek wants its thoughts back.

import CairnCore

struct ResponsesAnswerWriter: AnswerWriter {
    private let form: AnswerForm
    private(set) var losses = LossList()
    private(set) var failure: AnswerFailure?
    private(set) var hasEnded = false

    private var draft = AnswerDraft()
    /// By part index; nil for parts that no item tells of.
    private var outputIndexes: [Int?] = []
    private var outputCount = 0
    private var sequenceNumber = 0
    private var hasStarted = false

    init(_ form: AnswerForm) { self.form = form }

    mutating func write(_ event: AnswerEvent, to out: inout ByteWriter) {
        guard !hasEnded else { return }
        draft.take(event)
        switch event {
        case .started: start(to: &out)
        case .partStarted(let index, let part): begin(index, part, to: &out)
        case .delta(let index, let content): append(content, to: index, &out)
        case .signature, .usage, .stopped: break
        case .partEnded(let index): end(index, to: &out)
        case .ended: end(to: &out)
        case .failed(let failure): fail(failure, to: &out)
        case .ping: out.append(": ping\n\n")
        }
        if draft.isTooBig, !hasEnded {
            let failure = AnswerFailure.tooBig("The provider's answer is larger than this gateway keeps.")
            self.failure = failure
            fail(failure, to: &out)
        }
    }

    // Events

    /// An event from its name to behind its sequence number; a comma follows.
    private mutating func appendHead(_ type: StaticString, to out: inout ByteWriter) {
        out.append("event: ")
        out.append(type)
        out.append("\ndata: {\"type\":\"")
        out.append(type)
        out.append("\",\"sequence_number\":")
        out.append(decimal: sequenceNumber)
        sequenceNumber += 1
    }

    private mutating func appendHead(_ type: StaticString, item index: Int, to out: inout ByteWriter) {
        appendHead(type, to: &out)
        out.append(",\"item_id\":\"")
        appendItemIdentifier(index, draft.parts[index].kind, to: &out)
        out.append("\",\"output_index\":")
        out.append(decimal: outputIndexes[index] ?? 0)
    }

    private mutating func appendState(
        _ type: StaticString, status: StaticString, failure: AnswerFailure? = nil, to out: inout ByteWriter
    ) {
        appendHead(type, to: &out)
        out.append(",\"response\":")
        appendResponse(draft, status: status, failure: failure, to: &out)
        out.append("}\n\n")
    }

    private mutating func start(to out: inout ByteWriter) {
        hasStarted = true
        appendState("response.created", status: "in_progress", to: &out)
        appendState("response.in_progress", status: "in_progress", to: &out)
    }

    private mutating func begin(_ index: Int, _ part: AnswerPart, to out: inout ByteWriter) {
        if case .foreign(let type) = part {
            losses.add(named: type, .noCounterpart)
            return outputIndexes.append(nil)
        }
        outputIndexes.append(outputCount)
        appendHead("response.output_item.added", to: &out)
        out.append(",\"output_index\":")
        out.append(decimal: outputCount)
        out.append(",\"item\":")
        append(item: draft.parts[index], index, isDone: false, to: &out)
        out.append("}\n\n")
        outputCount += 1
        switch part {
        case .text:
            appendHead("response.content_part.added", item: index, to: &out)
            out.append(",\"content_index\":0,\"part\":")
            append(content: [], of: .text, to: &out)
            out.append("}\n\n")
        case .refusal:
            appendHead("response.content_part.added", item: index, to: &out)
            out.append(",\"content_index\":0,\"part\":")
            append(content: [], of: .refusal, to: &out)
            out.append("}\n\n")
        case .thinking, .toolCall, .foreign: break
        }
    }

    private mutating func append(_ content: UnsafeRawBufferPointer, to index: Int, _ out: inout ByteWriter) {
        switch draft.parts[index].kind {
        case .text:
            appendHead("response.output_text.delta", item: index, to: &out)
            out.append(",\"content_index\":0,\"logprobs\":[]")
        case .refusal:
            appendHead("response.refusal.delta", item: index, to: &out)
            out.append(",\"content_index\":0")
        case .thinking:
            let isFirst = draft.parts[index].content.count == content.count
            if isFirst { appendSummaryStart(index, to: &out) }
            appendHead("response.reasoning_summary_text.delta", item: index, to: &out)
            out.append(",\"summary_index\":0")
        case .toolCall(let isFreeform):
            appendHead(
                isFreeform ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta",
                item: index, to: &out)
        case .foreign: return
        }
        out.append(",\"delta\":\"")
        out.append(content)
        out.append("\"}\n\n")
    }

    private mutating func end(_ index: Int, to out: inout ByteWriter) {
        guard let outputIndex = outputIndexes[index] else { return }
        let part = draft.parts[index]
        switch part.kind {
        case .text:
            appendHead("response.output_text.done", item: index, to: &out)
            out.append(",\"content_index\":0,\"logprobs\":[],\"text\":\"")
            out.append(part.content)
            out.append("\"}\n\n")
            appendContentDone(part, index, to: &out)
        case .refusal:
            appendHead("response.refusal.done", item: index, to: &out)
            out.append(",\"content_index\":0,\"refusal\":\"")
            out.append(part.content)
            out.append("\"}\n\n")
            appendContentDone(part, index, to: &out)
        case .thinking: if !part.content.isEmpty { appendSummaryDone(part, index, to: &out) }
        case .toolCall(let isFreeform):
            appendHead(
                isFreeform ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
                item: index, to: &out)
            if !isFreeform {
                out.append(",\"name\":\"")
                out.append(part.name)
                out.append("\"")
            }
            out.append(isFreeform ? ",\"input\":\"" as StaticString : ",\"arguments\":\"")
            out.append(part.content)
            out.append("\"}\n\n")
        case .foreign: break
        }
        appendHead("response.output_item.done", to: &out)
        out.append(",\"output_index\":")
        out.append(decimal: outputIndex)
        out.append(",\"item\":")
        append(item: part, index, isDone: true, to: &out)
        out.append("}\n\n")
    }

    private mutating func appendContentDone(_ part: AnswerDraft.Part, _ index: Int, to out: inout ByteWriter) {
        appendHead("response.content_part.done", item: index, to: &out)
        out.append(",\"content_index\":0,\"part\":")
        append(content: part.content, of: part.kind, to: &out)
        out.append("}\n\n")
    }

    /// Thinking may come without text, only sealed: a summary begins with its first word.
    private mutating func appendSummaryStart(_ index: Int, to out: inout ByteWriter) {
        appendHead("response.reasoning_summary_part.added", item: index, to: &out)
        out.append(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n")
    }

    private mutating func appendSummaryDone(_ part: AnswerDraft.Part, _ index: Int, to out: inout ByteWriter) {
        appendHead("response.reasoning_summary_text.done", item: index, to: &out)
        out.append(",\"summary_index\":0,\"text\":\"")
        out.append(part.content)
        out.append("\"}\n\n")
        appendHead("response.reasoning_summary_part.done", item: index, to: &out)
        out.append(",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"")
        out.append(part.content)
        out.append("\"}}\n\n")
    }

    private mutating func end(to out: inout ByteWriter) {
        hasEnded = true
        if draft.reason == .pause { losses.add("stop_reason.pause_turn", .noCounterpart) }
        if draft.reason.flatMap({ ResponsesAnswerWords.incomplete($0) }) != nil {
            appendState("response.incomplete", status: "incomplete", to: &out)
        } else {
            appendState("response.completed", status: "completed", to: &out)
        }
    }

    private mutating func fail(_ failure: AnswerFailure, to out: inout ByteWriter) {
        if !hasStarted { start(to: &out) }
        hasEnded = true
        appendState("response.failed", status: "failed", failure: failure, to: &out)
    }

    // The response object

    mutating func write(document draft: borrowing AnswerDraft, to out: inout ByteWriter) {
        losses.add(foreignPartsOf: draft)
        if draft.reason == .pause { losses.add("stop_reason.pause_turn", .noCounterpart) }
        let isIncomplete = draft.reason.flatMap { ResponsesAnswerWords.incomplete($0) } != nil
        appendResponse(draft, status: isIncomplete ? "incomplete" : "completed", to: &out)
    }

    private func appendResponse(
        _ draft: borrowing AnswerDraft, status: StaticString, failure: AnswerFailure? = nil, to out: inout ByteWriter
    ) {
        out.append("{\"id\":\"")
        form.appendIdentifier("resp_", to: &out)
        out.append("\",\"object\":\"response\",\"created_at\":")
        out.append(decimal: Int(form.createdSeconds))
        out.append(",\"status\":\"")
        out.append(status)
        out.append("\",\"error\":")
        appendError(failure, to: &out)
        out.append(",\"incomplete_details\":")
        appendIncomplete(draft.reason, to: &out)
        out.append(",\"model\":")
        form.appendModel(upstream: draft.model, to: &out)
        out.append(",\"output\":[")
        var isFirst = true
        for (index, part) in draft.parts.enumerated() where part.hasEnded {
            if case .foreign = part.kind { continue }
            if !isFirst { out.append(",") }
            isFirst = false
            append(item: part, index, isDone: true, to: &out)
        }
        out.append("]")
        out.append(form.echo)
        out.append(",\"usage\":")
        if let usage = draft.usage, draft.isWhole {
            ResponsesAnswerWords.append(usage, to: &out)
        } else {
            out.append("null")
        }
        out.append("}")
    }

    private func appendError(_ failure: AnswerFailure?, to out: inout ByteWriter) {
        guard let failure else { return out.append("null") }
        out.append("{\"code\":\"")
        out.append(contentOf: AnswerFailureWords.responsesCode(failure))
        out.append("\",\"message\":\"")
        out.append(contentOf: failure.message)
        out.append("\"}")
    }

    private func appendIncomplete(_ reason: FinishReason?, to out: inout ByteWriter) {
        guard let word = reason.flatMap({ ResponsesAnswerWords.incomplete($0) }) else { return out.append("null") }
        out.append("{\"reason\":\"")
        out.append(word)
        out.append("\"}")
    }

    private func appendItemIdentifier(_ index: Int, _ kind: AnswerDraft.Kind, to out: inout ByteWriter) {
        let prefix: StaticString =
            switch kind {
            case .thinking: "rs_"
            case .toolCall(let isFreeform): isFreeform ? "ctc_" : "fc_"
            case .text, .refusal, .foreign: "msg_"
            }
        form.appendIdentifier(prefix, index: index, to: &out)
    }

    private func append(item part: AnswerDraft.Part, _ index: Int, isDone: Bool, to out: inout ByteWriter) {
        out.append("{\"id\":\"")
        appendItemIdentifier(index, part.kind, to: &out)
        switch part.kind {
        case .text, .refusal:
            out.append("\",\"type\":\"message\",\"status\":\"")
            out.append(isDone ? "completed" as StaticString : "in_progress")
            out.append("\",\"role\":\"assistant\",\"content\":[")
            if isDone { append(content: part.content, of: part.kind, to: &out) }
            out.append("]}")
        case .thinking(let isRedacted):
            out.append("\",\"type\":\"reasoning\",\"summary\":[")
            if isDone, !part.content.isEmpty {
                out.append("{\"type\":\"summary_text\",\"text\":\"")
                out.append(part.content)
                out.append("\"}")
            }
            out.append("],\"encrypted_content\":")
            appendSealed(part, isRedacted: isRedacted, to: &out)
            out.append("}")
        case .toolCall(let isFreeform):
            out.append("\",\"type\":\"")
            out.append(isFreeform ? "custom_tool_call\"" as StaticString : "function_call\"")
            out.append(",\"status\":\"")
            out.append(isDone ? "completed" as StaticString : "in_progress")
            out.append("\",\"call_id\":\"")
            part.identifier.withUnsafeBytes {
                form.appendCallIdentifier($0, index: index, for: .responses, to: &out)
            }
            out.append("\",\"name\":\"")
            out.append(part.name)
            if let namespace = part.namespace {
                out.append("\",\"namespace\":\"")
                out.append(namespace)
            }
            out.append(isFreeform ? "\",\"input\":\"" as StaticString : "\",\"arguments\":\"")
            if isDone { out.append(part.content) }
            out.append("\"}")
        case .foreign: out.append("\"}")
        }
    }

    private func appendSealed(_ part: AnswerDraft.Part, isRedacted: Bool, to out: inout ByteWriter) {
        guard let signature = part.signature else { return out.append("null") }
        out.append("\"")
        form.appendOpaque(signature, for: .responses, isRedacted: isRedacted, to: &out)
        out.append("\"")
    }

    private func append(content: [UInt8], of kind: AnswerDraft.Kind, to out: inout ByteWriter) {
        if case .refusal = kind {
            out.append("{\"type\":\"refusal\",\"refusal\":\"")
            out.append(content)
            return out.append("\"}")
        }
        out.append("{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"")
        out.append(content)
        out.append("\"}")
    }
}

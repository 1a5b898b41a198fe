// Writes an answer as /v1/responses does: a response object with output items, or the events from
// response.created to response.completed, numbered from 0.

struct ResponsesAnswer: Sendable {
    let request: ResponsesRequest
    let answer: Answer
    let verdict: PrefixCache.AutomaticVerdict

    private var conversation: Conversation { request.conversation }

    var body: Reply.Body {
        conversation.isStreaming ? .stream(stream) : .whole(finalResponse.indented)
    }

    var id: String { "resp_" + conversation.digest.hex(48) }

    // MARK: Items

    private func itemID(_ prefix: String, _ index: Int) -> JSONValue {
        .string(prefix + conversation.digest.combined(with: UInt64(100 + index)).hex(48))
    }

    private var isCut: Bool { answer.ending == .tokensMax }

    private var reasoningItem: JSONValue? {
        guard let reasoning = answer.reasoning else { return nil }
        return reasoningItem(summary: [["type": "summary_text", "text": .string(reasoning)]])
    }

    private func reasoningItem(summary: JSONValue) -> JSONValue {
        var members = [
            JSONMember("id", itemID("rs_", 0)), JSONMember("type", "reasoning"),
            JSONMember("summary", summary),
        ]
        if request.includesEncryptedReasoning {
            members.append(
                JSONMember("encrypted_content", .string("gAAAAA" + thinkingSignature(answer.reasoning ?? ""))))
        }
        return .object(members)
    }

    private func messageItem(status: JSONValue, content: JSONValue) -> JSONValue {
        [
            "id": itemID("msg_", 1), "type": "message", "status": status, "content": content,
            "role": "assistant",
        ]
    }

    private func textPart(_ text: JSONValue) -> JSONValue {
        ["type": "output_text", "annotations": [], "logprobs": [], "text": text]
    }

    private var hasMessage: Bool { !answer.text.isEmpty || answer.toolCalls.isEmpty }

    private var finalMessage: JSONValue {
        messageItem(status: isCut ? "incomplete" : "completed", content: [textPart(.string(answer.text))])
    }

    private func callItem(_ index: Int, status: String, input: String) -> JSONValue {
        let call = answer.toolCalls[index]
        return [
            "id": itemID(call.isFreeform ? "ctc_" : "fc_", 2 + index),
            "type": call.isFreeform ? "custom_tool_call" : "function_call",
            "status": .string(status),
            call.isFreeform ? "input" : "arguments": .string(input),
            "call_id": .string(call.id),
            "name": .string(call.name),
        ]
    }

    /// The items of the finished answer; also what a later call may build on by this answer's id.
    var output: [JSONValue] {
        var items = reasoningItem.map { [$0] } ?? []
        if hasMessage { items.append(finalMessage) }
        for (index, call) in answer.toolCalls.enumerated() {
            items.append(callItem(index, status: "completed", input: call.input))
        }
        return items
    }

    // MARK: The response object

    private var finalResponse: JSONValue {
        response(status: isCut ? "incomplete" : "completed", output: output, usage: usage)
    }

    private var usage: JSONValue {
        let isSteps = conversation.model.contains("gpt")
        return [
            "input_tokens": .integer(verdict.promptTokens),
            "input_tokens_details": [
                "cached_tokens": .integer(isSteps ? verdict.openAIHitTokens : verdict.deepseekHitTokens),
                "cache_write_tokens": .integer(isSteps ? verdict.openAIStoredTokens : 0),
            ],
            "output_tokens": .integer(answer.outputTokens),
            "output_tokens_details": ["reasoning_tokens": .integer(answer.reasoningTokens)],
            "total_tokens": .integer(verdict.promptTokens + answer.outputTokens),
        ]
    }

    /// All the fields OpenAI documents; what the request said is said back.
    private func response(status: JSONValue, output: [JSONValue], usage: JSONValue) -> JSONValue {
        let fields = request.fields
        func said(_ key: String, otherwise value: JSONValue) -> JSONValue {
            guard let said = fields[key], !said.isNull else { return value }
            return said
        }
        let isFinal = status != "in_progress"
        return [
            "id": .string(id),
            "object": "response",
            "created_at": .integer(createdSeconds),
            "status": status,
            "background": false,
            "completed_at": status == "completed" ? .integer(createdSeconds + 1) : .null,
            "error": .null,
            "incomplete_details": isFinal && isCut ? ["reason": "max_output_tokens"] : .null,
            "instructions": said("instructions", otherwise: .null),
            "max_output_tokens": said("max_output_tokens", otherwise: .null),
            "max_tool_calls": said("max_tool_calls", otherwise: .null),
            "model": .string(conversation.model),
            "output": .array(output),
            "parallel_tool_calls": .bool(conversation.allowsParallelCalls),
            "previous_response_id": said("previous_response_id", otherwise: .null),
            "prompt_cache_key": said("prompt_cache_key", otherwise: .null),
            "prompt_cache_retention": said("prompt_cache_retention", otherwise: .null),
            "reasoning": said("reasoning", otherwise: ["effort": .null, "summary": .null]),
            "safety_identifier": said("safety_identifier", otherwise: .null),
            "service_tier": isFinal ? "default" : said("service_tier", otherwise: "auto"),
            "store": .bool(request.isStored),
            "temperature": said("temperature", otherwise: .number("1.0")),
            "text": said("text", otherwise: ["format": ["type": "text"], "verbosity": "medium"]),
            "tool_choice": said("tool_choice", otherwise: "auto"),
            "tools": said("tools", otherwise: []),
            "top_logprobs": said("top_logprobs", otherwise: 0),
            "top_p": said("top_p", otherwise: .number("1.0")),
            "truncation": said("truncation", otherwise: "disabled"),
            "usage": usage,
            "user": said("user", otherwise: .null),
            "metadata": said("metadata", otherwise: [:]),
        ]
    }

    // MARK: Streamed

    private var stream: EventStream {
        var events = NumberedEvents(includesObfuscation: request.includesObfuscation)
        let begun = response(status: "in_progress", output: [], usage: .null)
        events.append("response.created", [JSONMember("response", begun)])
        events.append("response.in_progress", [JSONMember("response", begun)])
        var outputIndex = 0
        if let reasoningItem {
            append(reasoning: reasoningItem, outputIndex: outputIndex, to: &events)
            outputIndex += 1
        }
        if hasMessage {
            appendMessage(outputIndex: outputIndex, to: &events)
            outputIndex += 1
        }
        for index in answer.toolCalls.indices {
            append(call: index, outputIndex: outputIndex + index, to: &events)
        }
        let last = isCut ? "response.incomplete" : "response.completed"
        events.append(last, [JSONMember("response", finalResponse)])
        return events.stream
    }

    private func append(reasoning item: JSONValue, outputIndex: Int, to events: inout NumberedEvents) {
        let text = answer.reasoning ?? ""
        let index = JSONMember("output_index", .integer(outputIndex))
        let place = [
            JSONMember("item_id", itemID("rs_", 0)), index, JSONMember("summary_index", 0),
        ]
        func part(_ text: String) -> JSONMember {
            JSONMember("part", ["type": "summary_text", "text": .string(text)])
        }
        events.append(
            "response.output_item.added", [index, JSONMember("item", reasoningItem(summary: []))])
        events.append("response.reasoning_summary_part.added", place + [part("")])
        events.appendDeltas("response.reasoning_summary_text.delta", place, text.wordPieces)
        events.append(
            "response.reasoning_summary_text.done", place + [JSONMember("text", .string(text))])
        events.append("response.reasoning_summary_part.done", place + [part(text)])
        events.append("response.output_item.done", [index, JSONMember("item", item)])
    }

    private func appendMessage(outputIndex: Int, to events: inout NumberedEvents) {
        let index = JSONMember("output_index", .integer(outputIndex))
        let place = [
            JSONMember("item_id", itemID("msg_", 1)), index, JSONMember("content_index", 0),
        ]
        let noLogprobs = JSONMember("logprobs", [])
        events.append(
            "response.output_item.added",
            [index, JSONMember("item", messageItem(status: "in_progress", content: []))])
        events.append("response.content_part.added", place + [JSONMember("part", textPart(""))])
        events.appendDeltas(
            "response.output_text.delta", place,
            answer.isTextWhole ? [answer.text[...]] : answer.text.wordPieces, after: [noLogprobs])
        events.append(
            "response.output_text.done", place + [JSONMember("text", .string(answer.text)), noLogprobs])
        events.append(
            "response.content_part.done", place + [JSONMember("part", textPart(.string(answer.text)))])
        events.append("response.output_item.done", [index, JSONMember("item", finalMessage)])
    }

    private func append(call index: Int, outputIndex: Int, to events: inout NumberedEvents) {
        let call = answer.toolCalls[index]
        let kind = call.isFreeform ? "response.custom_tool_call_input" : "response.function_call_arguments"
        let output = JSONMember("output_index", .integer(outputIndex))
        let place = [JSONMember("item_id", itemID(call.isFreeform ? "ctc_" : "fc_", 2 + index)), output]
        events.append(
            "response.output_item.added",
            [output, JSONMember("item", callItem(index, status: "in_progress", input: ""))])
        events.appendDeltas(kind + ".delta", place, call.input.pieces(ofLength: argumentPieceLength))
        events.append(
            kind + ".done",
            place + [JSONMember(call.isFreeform ? "input" : "arguments", .string(call.input))])
        events.append(
            "response.output_item.done",
            [output, JSONMember("item", callItem(index, status: "completed", input: call.input))])
    }
}

/// Events whose data begins with their type and a number that counts up from 0.
private struct NumberedEvents {
    private(set) var stream = EventStream()
    let includesObfuscation: Bool

    init(includesObfuscation: Bool) {
        self.includesObfuscation = includesObfuscation
    }

    mutating func append(_ type: String, _ members: [JSONMember]) {
        stream.append(
            serverSentEvent(type, Self.document(type, number: .integer(stream.count), members)))
    }

    /// One event for each piece, with the piece as its `delta`.
    mutating func appendDeltas(
        _ type: String, _ place: [JSONMember], _ pieces: [Substring], after: [JSONMember] = []
    ) {
        let first = stream.count
        let isPadded = includesObfuscation
        let padding = isPadded ? [JSONMember("obfuscation", EventTemplate.slot)] : []
        let template = EventTemplate(
            event: type,
            document: Self.document(
                type, number: EventTemplate.slot,
                place + [JSONMember("delta", EventTemplate.slot)] + after + padding))
        stream.appendTokens(pieces.count) { index in
            let piece = JSONValue.string(String(pieces[index]))
            guard isPadded else { return template.bytes(.integer(first + index), piece) }
            return template.bytes(
                .integer(first + index), piece,
                obfuscation(of: pieces[index].utf8.count, index: first + index))
        }
    }

    private static func document(_ type: String, number: JSONValue, _ members: [JSONMember]) -> JSONValue {
        .object([JSONMember("type", .string(type)), JSONMember("sequence_number", number)] + members)
    }
}

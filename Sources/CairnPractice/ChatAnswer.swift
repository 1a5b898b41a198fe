// Writes an answer as /v1/chat/completions does: one document, or chunks ended by `data: [DONE]`. OpenAI
// (model names with "gpt") and DeepSeek (all others) differ in field order, reasoning, usage and where a
// stream reports it:
//
//   openai     usage in a last chunk without choices, when asked for; padding in `obfuscation`
//   deepseek   usage in the chunk with the finish reason; `reasoning_content` before `content`

/// When every answer claims to have been made: a constant, so that answers follow from requests alone.
let createdSeconds = 1_760_000_000

struct ChatAnswer: Sendable {
    let request: ChatRequest
    let answer: Answer
    let verdict: PrefixCache.AutomaticVerdict

    private var conversation: Conversation { request.conversation }
    private var isOpenAI: Bool { conversation.family == .openai }

    var body: Reply.Body {
        conversation.isStreaming ? .stream(stream) : .whole(conversation.family.document(document))
    }

    // MARK: Whole

    private var document: JSONValue {
        let choices = (0..<request.choiceCount).map { index -> JSONValue in
            [
                "index": .integer(index), "message": message, "logprobs": .null,
                "finish_reason": .string(finishReason),
            ]
        }
        var members = [
            JSONMember("id", .string(id)),
            JSONMember("object", "chat.completion"),
            JSONMember("created", .integer(createdSeconds)),
            JSONMember("model", .string(conversation.model)),
            JSONMember("choices", .array(choices)),
            JSONMember("usage", usage),
        ]
        if isOpenAI { members.append(JSONMember("service_tier", "default")) }
        members.append(JSONMember("system_fingerprint", .string(fingerprint)))
        return .object(members)
    }

    private var message: JSONValue {
        let calls = answer.toolCalls.enumerated().map { call($1, index: isOpenAI ? nil : $0) }
        let content = content(whenEmpty: isOpenAI && !calls.isEmpty ? .null : "")
        var members = [JSONMember("role", "assistant"), JSONMember("content", content)]
        if let reasoning = shownReasoning {
            members.append(JSONMember("reasoning_content", .string(reasoning)))
        }
        if !calls.isEmpty { members.append(JSONMember("tool_calls", .array(calls))) }
        if isOpenAI {
            members.append(JSONMember("refusal", .null))
            members.append(JSONMember("annotations", []))
        }
        return .object(members)
    }

    private func content(whenEmpty empty: JSONValue) -> JSONValue {
        answer.text.isEmpty ? empty : .string(answer.text)
    }

    /// DeepSeek numbers the calls of a whole answer too; OpenAI only in streams.
    private func call(_ call: ToolCall, index: Int?, input: String? = nil) -> JSONValue {
        var members = index.map { [JSONMember("index", .integer($0))] } ?? []
        members.append(JSONMember("id", .string(call.id)))
        let type = call.isFreeform ? "custom" : "function"
        members.append(JSONMember("type", .string(type)))
        members.append(
            JSONMember(
                type,
                [
                    "name": .string(call.name),
                    Self.inputKey(call): .string(input ?? call.input),
                ]))
        return .object(members)
    }

    private static func inputKey(_ call: ToolCall) -> String {
        call.isFreeform ? "input" : "arguments"
    }

    private var usage: JSONValue {
        let prompt = verdict.promptTokens
        let output = answer.outputTokens * request.choiceCount
        var members = [
            JSONMember("prompt_tokens", .integer(prompt)),
            JSONMember("completion_tokens", .integer(output)),
            JSONMember("total_tokens", .integer(prompt + output)),
        ]
        if isOpenAI {
            members.append(
                JSONMember(
                    "prompt_tokens_details",
                    ["cached_tokens": .integer(verdict.openAIHitTokens), "audio_tokens": 0]))
            members.append(
                JSONMember(
                    "completion_tokens_details",
                    [
                        "reasoning_tokens": .integer(answer.reasoningTokens), "audio_tokens": 0,
                        "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
                    ]))
            return .object(members)
        }
        let hit = verdict.deepseekHitTokens
        members.append(JSONMember("prompt_tokens_details", ["cached_tokens": .integer(hit)]))
        if answer.reasoning != nil {
            members.append(
                JSONMember(
                    "completion_tokens_details", ["reasoning_tokens": .integer(answer.reasoningTokens)]))
        }
        members.append(JSONMember("prompt_cache_hit_tokens", .integer(hit)))
        members.append(JSONMember("prompt_cache_miss_tokens", .integer(prompt - hit)))
        return .object(members)
    }

    private var id: String {
        isOpenAI ? "chatcmpl-" + conversation.digest.base62(29) : conversation.digest.uuid
    }

    private var fingerprint: String {
        "fp_" + ContentDigest(conversation.model).hex(10)
    }

    private var finishReason: String {
        switch answer.ending {
        case .complete, .stopSequence: "stop"
        case .toolCalls: "tool_calls"
        case .tokensMax: "length"
        }
    }

    /// OpenAI counts reasoning but never shows it on this wire.
    private var shownReasoning: String? { isOpenAI ? nil : answer.reasoning }

    // MARK: Streamed

    private var stream: EventStream {
        var stream = EventStream()
        for choice in 0..<request.choiceCount { append(choice: choice, to: &stream) }
        if isOpenAI, request.includesUsage {
            stream.append(serverSentEvent(nil, chunk(choices: [], usage: usage, padding: paddingMember)))
        }
        stream.append(Array("data: [DONE]\n\n".utf8))
        return stream
    }

    private func append(choice: Int, to stream: inout EventStream) {
        stream.append(event(choice, delta: firstDelta))
        if let reasoning = shownReasoning {
            appendPieces(reasoning.wordPieces, choice, to: &stream) {
                ["content": .null, "reasoning_content": $0]
            }
        }
        let texts = answer.isTextWhole ? [answer.text[...]] : answer.text.wordPieces
        appendPieces(texts, choice, to: &stream) { slot in
            shownReasoning == nil ? ["content": slot] : ["content": slot, "reasoning_content": .null]
        }
        for (index, call) in answer.toolCalls.enumerated() {
            stream.append(
                event(choice, delta: ["tool_calls": [self.call(call, index: index, input: "")]]))
            let type = call.isFreeform ? "custom" : "function"
            appendPieces(call.input.pieces(ofLength: argumentPieceLength), choice, to: &stream) { slot in
                [
                    "tool_calls": [
                        .object([
                            JSONMember("index", .integer(index)),
                            JSONMember(type, .object([JSONMember(Self.inputKey(call), slot)])),
                        ])
                    ]
                ]
            }
        }
        stream.append(lastEvent(choice))
    }

    private var firstDelta: JSONValue {
        if isOpenAI {
            return [
                "role": "assistant", "content": answer.text.isEmpty ? .null : "", "refusal": .null,
            ]
        }
        guard shownReasoning != nil else { return ["role": "assistant", "content": ""] }
        return ["role": "assistant", "content": .null, "reasoning_content": ""]
    }

    private func lastEvent(_ choice: Int) -> [UInt8] {
        let isLast = choice == request.choiceCount - 1
        let delta: JSONValue =
            isOpenAI
            ? [:] : shownReasoning == nil ? ["content": ""] : ["content": "", "reasoning_content": .null]
        return event(
            choice, delta: delta, finish: .string(finishReason),
            usage: !isOpenAI && isLast && request.includesUsage ? usage : nil)
    }

    /// One event for each piece, only the piece (and the padding) differing from one to the next.
    private func appendPieces(
        _ pieces: [Substring], _ choice: Int, to stream: inout EventStream,
        delta: (JSONValue) -> JSONValue
    ) {
        let isPadded = isOpenAI && request.includesObfuscation
        let padding = isPadded ? JSONMember("obfuscation", EventTemplate.slot) : nil
        let template = EventTemplate(
            event: nil,
            document: chunk(
                choices: [choiceValue(choice, delta: delta(EventTemplate.slot))],
                usage: request.includesUsage ? .null : nil, padding: padding))
        stream.appendTokens(pieces.count) { index in
            let piece = JSONValue.string(String(pieces[index]))
            guard isPadded else { return template.bytes(piece) }
            return template.bytes(piece, obfuscation(of: pieces[index].utf8.count, index: index))
        }
    }

    private func event(
        _ choice: Int, delta: JSONValue, finish: JSONValue = .null, usage: JSONValue? = nil
    ) -> [UInt8] {
        serverSentEvent(
            nil,
            chunk(
                choices: [choiceValue(choice, delta: delta, finish: finish)],
                usage: usage ?? (request.includesUsage ? .null : nil), padding: paddingMember))
    }

    private var paddingMember: JSONMember? {
        guard isOpenAI, request.includesObfuscation else { return nil }
        return JSONMember("obfuscation", obfuscation(of: 0, index: 0))
    }

    private func choiceValue(_ index: Int, delta: JSONValue, finish: JSONValue = .null) -> JSONValue {
        ["index": .integer(index), "delta": delta, "logprobs": .null, "finish_reason": finish]
    }

    private func chunk(choices: [JSONValue], usage: JSONValue?, padding: JSONMember?) -> JSONValue {
        var members = [
            JSONMember("id", .string(id)),
            JSONMember("object", "chat.completion.chunk"),
            JSONMember("created", .integer(createdSeconds)),
            JSONMember("model", .string(conversation.model)),
        ]
        if isOpenAI { members.append(JSONMember("service_tier", "default")) }
        members.append(JSONMember("system_fingerprint", .string(fingerprint)))
        members.append(JSONMember("choices", .array(choices)))
        if let usage { members.append(JSONMember("usage", usage)) }
        if let padding { members.append(padding) }
        return .object(members)
    }
}

/// OpenAI pads each event so that its length tells little about the text in it.
func obfuscation(of textBytes: Int, index: Int) -> JSONValue {
    let length = max(1, 16 - textBytes % 16)
    return .string(ContentDigest(seed: UInt64(index)).base62(length))
}

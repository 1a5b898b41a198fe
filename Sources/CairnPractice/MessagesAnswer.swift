// Writes an answer as /v1/messages does: a message of content blocks, or the named events from
// message_start to message_stop with a ping after the first block begins. Anthropic pads the data of most
// events with spaces before the last brace; so do we.

struct MessagesAnswer: Sendable {
    let request: MessagesRequest
    let answer: Answer
    let verdict: PrefixCache.BreakpointVerdict

    private var conversation: Conversation { request.conversation }

    var body: Reply.Body {
        conversation.isStreaming
            ? .stream(stream)
            : .whole(message(content: content, stop: stopReason, usage: usage(of: answer.outputTokens)).compact)
    }

    private var content: [JSONValue] {
        var blocks: [JSONValue] = []
        if let reasoning = answer.reasoning {
            blocks.append([
                "type": "thinking", "thinking": .string(reasoning),
                "signature": .string(thinkingSignature(reasoning)),
            ])
        }
        if hasText { blocks.append(["type": "text", "text": .string(answer.text)]) }
        for call in answer.toolCalls { blocks.append(toolUse(call, input: Self.input(of: call))) }
        return blocks
    }

    /// An answer that the token limit left nothing of has no text block.
    private var hasText: Bool { !answer.text.isEmpty }

    private func toolUse(_ call: ToolCall, input: JSONValue) -> JSONValue {
        ["type": "tool_use", "id": .string(call.id), "name": .string(call.name), "input": input]
    }

    /// A script may hand this dialect an input that is no object: it is then shown as one.
    private static func input(of call: ToolCall) -> JSONValue {
        guard let input = try? JSONValue(parsing: Array(call.input.utf8)), input.members != nil else {
            return ["input": .string(call.input)]
        }
        return input
    }

    private func message(content: [JSONValue], stop: JSONValue, usage: JSONValue) -> JSONValue {
        [
            "model": .string(conversation.model),
            "id": .string("msg_01" + conversation.digest.base62(22)),
            "type": "message",
            "role": "assistant",
            "content": .array(content),
            "stop_reason": stop,
            "stop_sequence": stop.isNull ? .null : stopSequence,
            "usage": usage,
        ]
    }

    private var stopReason: JSONValue {
        switch answer.ending {
        case .complete: "end_turn"
        case .toolCalls: "tool_use"
        case .tokensMax: "max_tokens"
        case .stopSequence: "stop_sequence"
        }
    }

    private var stopSequence: JSONValue {
        if case .stopSequence(let text) = answer.ending { .string(text) } else { .null }
    }

    private func usage(of outputTokens: Int) -> JSONValue {
        [
            "input_tokens": .integer(verdict.inputTokens),
            "cache_creation_input_tokens": .integer(
                verdict.createdFiveMinuteTokens + verdict.createdOneHourTokens),
            "cache_read_input_tokens": .integer(verdict.readTokens),
            "cache_creation": [
                "ephemeral_5m_input_tokens": .integer(verdict.createdFiveMinuteTokens),
                "ephemeral_1h_input_tokens": .integer(verdict.createdOneHourTokens),
            ],
            "output_tokens": .integer(outputTokens),
            "service_tier": "standard",
        ]
    }

    // MARK: Streamed

    private var stream: EventStream {
        var events = PaddedEvents(digest: conversation.digest)
        events.append(
            "message_start", [JSONMember("message", message(content: [], stop: .null, usage: usage(of: 1)))])
        for (index, block) in content.enumerated() {
            append(block: block, index: index, to: &events)
        }
        if content.isEmpty { events.appendPing() }
        events.append(
            "message_delta",
            [
                JSONMember("delta", ["stop_reason": stopReason, "stop_sequence": stopSequence]),
                JSONMember("usage", deltaUsage),
            ])
        events.append("message_stop", [])
        return events.stream
    }

    private var deltaUsage: JSONValue {
        [
            "input_tokens": .integer(verdict.inputTokens),
            "cache_creation_input_tokens": .integer(
                verdict.createdFiveMinuteTokens + verdict.createdOneHourTokens),
            "cache_read_input_tokens": .integer(verdict.readTokens),
            "output_tokens": .integer(answer.outputTokens),
        ]
    }

    private func append(block: JSONValue, index: Int, to events: inout PaddedEvents) {
        let place = JSONMember("index", .integer(index))
        func start(_ empty: JSONValue) {
            events.append("content_block_start", [place, JSONMember("content_block", empty)])
            if index == 0 { events.appendPing() }
        }
        switch block["type"]?.text {
        case "thinking":
            start(["type": "thinking", "thinking": "", "signature": ""])
            events.appendDeltas(place, type: "thinking_delta", key: "thinking", (answer.reasoning ?? "").wordPieces)
            events.append(
                "content_block_delta",
                [place, JSONMember("delta", ["type": "signature_delta", "signature": block["signature"] ?? ""])])
        case "text":
            start(["type": "text", "text": ""])
            events.appendDeltas(
                place, type: "text_delta", key: "text",
                answer.isTextWhole ? [answer.text[...]] : answer.text.wordPieces)
        default:
            start(.object((block.members ?? []).map { $0.key == "input" ? JSONMember("input", [:]) : $0 }))
            let input = (block["input"] ?? [:]).compactText
            events.appendDeltas(
                place, type: "input_json_delta", key: "partial_json",
                [""] + input.pieces(ofLength: argumentPieceLength))
        }
        events.append("content_block_stop", [place])
    }
}

/// Named events whose data begins with their type and ends with a few spaces before the brace.
private struct PaddedEvents {
    private(set) var stream = EventStream()
    let digest: ContentDigest

    init(digest: ContentDigest) {
        self.digest = digest
    }

    mutating func append(_ type: String, _ members: [JSONMember]) {
        let event = serverSentEvent(type, .object([JSONMember("type", .string(type))] + members))
        stream.append(Self.padded(event, digest: digest, index: stream.count))
    }

    /// The one event whose data is always the same, spelled with a space.
    mutating func appendPing() {
        stream.append(Array("event: ping\ndata: {\"type\": \"ping\"}\n\n".utf8))
    }

    mutating func appendDeltas(_ place: JSONMember, type: String, key: String, _ pieces: [Substring]) {
        let template = EventTemplate(
            event: "content_block_delta",
            document: .object([
                JSONMember("type", "content_block_delta"), place,
                JSONMember(
                    "delta",
                    .object([JSONMember("type", .string(type)), JSONMember(key, EventTemplate.slot)])),
            ]))
        let first = stream.count
        stream.appendTokens(pieces.count) { [digest] index in
            Self.padded(
                template.bytes(.string(String(pieces[index]))), digest: digest, index: first + index)
        }
    }

    /// 0 to 15 spaces before the closing brace, by the digest: `... }\n\n`.
    private static func padded(_ event: [UInt8], digest: ContentDigest, index: Int) -> [UInt8] {
        let spaces = Int(digest.combined(with: UInt64(index)).high % 16)
        var event = event
        event.insert(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces), at: event.count - 3)
        return event
    }
}

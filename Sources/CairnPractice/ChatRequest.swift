// POST /v1/chat/completions, as OpenAI and DeepSeek document it: read, checked the way they check it, and
// rendered to the prompt whose prefix the simulated cache remembers.

struct ChatRequest: Sendable {
    /// Choices one call may ask for.
    static let choicesMax = 8

    var conversation: Conversation
    var includesUsage = false
    var includesObfuscation = true
    var choiceCount = 1
    private let messages: [JSONValue]
    private let body: JSONValue

    init(body: JSONValue, digest: ContentDigest) throws(ProviderError) {
        let fields = try RequestFields(dialect: .chat, body: body)
        conversation = Conversation(dialect: .chat, model: try fields.model(), digest: digest)
        self.body = body
        messages = try fields.messages("messages")
        conversation.isStreaming = try fields.flag("stream") ?? false
        if let options = fields["stream_options"] {
            guard conversation.isStreaming else {
                throw .invalid(
                    "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                    parameter: "stream_options")
            }
            includesUsage = options["include_usage"]?.isTrue ?? false
            includesObfuscation = options["include_obfuscation"] != .bool(false)
        }
        choiceCount = try fields.positiveInteger("n") ?? 1
        guard choiceCount <= Self.choicesMax else {
            throw .invalid("Invalid 'n': at most \(Self.choicesMax) choices are practised.", parameter: "n")
        }
        let tokensMax = try fields.positiveInteger("max_tokens")
        conversation.outputTokensMax = try fields.positiveInteger("max_completion_tokens") ?? tokensMax
        try readTools(fields)
        try readTurns()
        conversation.stopSequences =
            fields["stop"].map { $0.text.map { [$0] } ?? $0.elements?.compactMap(\.text) ?? [] } ?? []
        conversation.reasoningWish = Self.reasoningWish(fields)
        conversation.answerSchema = Self.answerSchema(fields)
    }

    /// DeepSeek switches by `thinking`, OpenAI by `reasoning_effort`.
    private static func reasoningWish(_ fields: RequestFields) -> ReasoningWish {
        if let type = fields["thinking"]?["type"]?.text { return type == "disabled" ? .off : .on }
        guard let effort = fields["reasoning_effort"]?.text else { return .unsaid }
        return effort == "none" || effort == "minimal" ? .off : .on
    }

    private static func answerSchema(_ fields: RequestFields) -> JSONValue? {
        guard let format = fields["response_format"] else { return nil }
        switch format["type"]?.text {
        case "json_schema": return format["json_schema"]?["schema"] ?? [:]
        case "json_object": return [:]
        default: return nil
        }
    }

    private mutating func readTools(_ fields: RequestFields) throws(ProviderError) {
        for (index, tool) in (try fields.list("tools") ?? []).enumerated() {
            switch tool["type"]?.text {
            case "function":
                let name = try Self.toolName(tool["function"], index: index, kind: "function")
                conversation.tools.append(
                    Tool(name: name, input: .schema(tool["function"]?["parameters"] ?? [:])))
            case "custom":
                let name = try Self.toolName(tool["custom"], index: index, kind: "custom")
                conversation.tools.append(Tool(name: name, input: .freeform))
            default:
                throw .invalid(
                    "Invalid value for 'tools[\(index)].type': supported values are 'function' and 'custom'.",
                    parameter: "tools[\(index)].type", code: "invalid_value")
            }
        }
        guard !conversation.tools.isEmpty || fields["tool_choice"].map({ $0 == "none" }) ?? true else {
            throw .invalid(
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
                parameter: "tool_choice")
        }
        conversation.allowsParallelCalls = try fields.flag("parallel_tool_calls") ?? true
        guard let choice = fields["tool_choice"] else { return }
        conversation.toolChoice =
            switch choice.text {
            case "none": .none
            case "required": .required
            case .some: .auto
            case nil: (choice["function"] ?? choice["custom"])?["name"]?.text.map { .named($0) } ?? .auto
            }
    }

    private static func toolName(_ definition: JSONValue?, index: Int, kind: String) throws(ProviderError) -> String {
        let parameter = "tools[\(index)].\(kind).name"
        guard let name = definition?["name"]?.text else { throw .missing(parameter, dialect: .chat) }
        guard isToolName(name) else {
            throw .invalid(
                """
                Invalid '\(parameter)': string does not match pattern. Expected a string \
                that matches the pattern '^[a-zA-Z0-9_-]+$'.
                """,
                parameter: parameter, code: "invalid_value")
        }
        return name
    }

    /// Turns in order; every tool call must be answered by the tool messages right after it.
    private mutating func readTurns() throws(ProviderError) {
        var openCalls: [String] = []
        for (index, message) in messages.enumerated() {
            let role = message["role"]?.text
            if role != "tool", !openCalls.isEmpty { throw Self.unansweredCalls(openCalls) }
            let text = plainText(of: message["content"])
            switch role {
            case "system", "developer":
                conversation.turns.append(Turn(role: .system, text: text))
            case "user":
                conversation.turns.append(Turn(role: .user, text: text))
            case "assistant":
                let calls = message["tool_calls"]?.elements ?? []
                openCalls = calls.compactMap { $0["id"]?.text }
                let names = calls.compactMap { ($0["function"] ?? $0["custom"])?["name"]?.text }
                guard openCalls.count == calls.count, names.count == calls.count else {
                    throw .invalid(
                        "Invalid 'messages[\(index)].tool_calls': a call needs an id and a name.",
                        parameter: "messages[\(index)].tool_calls")
                }
                conversation.turns.append(Turn(role: .assistant, text: text, calledTools: names))
            case "tool":
                guard let id = message["tool_call_id"]?.text,
                    let open = openCalls.firstIndex(of: id)
                else {
                    throw .invalid(
                        """
                        Invalid parameter: messages with role 'tool' must be a response to \
                        a preceding message with 'tool_calls'.
                        """,
                        parameter: "messages.[\(index)].role")
                }
                openCalls.remove(at: open)
                conversation.turns.append(Turn(role: .toolResult, text: text))
            default:
                throw .invalid(
                    """
                    Invalid value for 'messages[\(index)].role': supported values are \
                    'system', 'developer', 'assistant', 'user' and 'tool'.
                    """,
                    parameter: "messages[\(index)].role", code: "invalid_value")
            }
        }
        guard openCalls.isEmpty else { throw Self.unansweredCalls(openCalls) }
    }

    private static func unansweredCalls(_ ids: [String]) -> ProviderError {
        .invalid(
            """
            An assistant message with 'tool_calls' must be followed by tool messages \
            responding to each 'tool_call_id'. The following tool_call_ids did not have \
            response messages: \(ids.joined(separator: ", "))
            """,
            parameter: "messages")
    }

    /// The prompt as a chat template would write it: tools, the answer's format, then the messages.
    func renderedPrompt() -> [UInt8] {
        var prompt = RenderedPrompt()
        for tool in body["tools"]?.elements ?? [] { prompt.add(marker: "tool", document: tool) }
        if let format = body["response_format"] { prompt.add(marker: "format", document: format) }
        for message in messages {
            let role = message["role"]?.text ?? ""
            prompt.begin(role)
            if role == "assistant" {
                let calls = message["tool_calls"]?.elements ?? []
                // The model sees its reasoning again only while a tool loop is going on.
                if !calls.isEmpty { prompt.add(text: message["reasoning_content"]?.text ?? "") }
                prompt.add(content: message["content"])
                for call in calls {
                    let function = call["function"] ?? call["custom"]
                    prompt.add(
                        call: function?["name"]?.text ?? "", id: call["id"]?.text ?? "",
                        input: (function?["arguments"] ?? function?["input"])?.text ?? "")
                }
            } else {
                prompt.add(text: message["tool_call_id"]?.text ?? "")
                prompt.add(content: message["content"])
            }
            prompt.end()
        }
        return prompt.bytes
    }

    /// The answer as the next call's prompt will show it: what DeepSeek caches besides the prompt itself.
    func renderedContinuation(_ answer: Answer) -> [UInt8] {
        guard conversation.family == .deepseek else { return [] }
        var prompt = RenderedPrompt()
        prompt.begin("assistant")
        if !answer.toolCalls.isEmpty { prompt.add(text: answer.reasoning ?? "") }
        prompt.add(text: answer.text)
        for call in answer.toolCalls { prompt.add(call: call.name, id: call.id, input: call.input) }
        prompt.end()
        return prompt.bytes
    }
}

/// Tool names are 1 to 64 (Anthropic: 128) letters, digits, underscores and hyphens.
func isToolName(_ name: String, bytesMax: Int = 64) -> Bool {
    !name.isEmpty && name.utf8.count <= bytesMax
        && name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
}

// POST /v1/responses, as OpenAI documents it: input items instead of messages, earlier answers by
// `previous_response_id`, reasoning items, function and custom tools.

struct ResponsesRequest: Sendable {
    var conversation: Conversation
    let fields: JSONValue
    /// Everything the model sees, stored items of earlier answers first.
    let items: [JSONValue]
    var includesObfuscation = true
    var includesEncryptedReasoning = false
    var isStored = true

    /// - Parameter stored: the items of an earlier answer, by its id; nil when it is not known.
    init(
        body: JSONValue, digest: ContentDigest, stored: (String) -> [JSONValue]?
    ) throws(ProviderError) {
        let request = try RequestFields(dialect: .responses, body: body)
        fields = body
        conversation = Conversation(dialect: .responses, model: try request.model(), digest: digest)
        items = try Self.items(request, stored: stored)
        conversation.isStreaming = try request.flag("stream") ?? false
        includesObfuscation = request["stream_options"]?["include_obfuscation"] != .bool(false)
        includesEncryptedReasoning =
            try request.list("include")?.contains("reasoning.encrypted_content") ?? false
        isStored = try request.flag("store") ?? true
        conversation.outputTokensMax = try request.positiveInteger("max_output_tokens")
        try readTools(request)
        if let instructions = request["instructions"] {
            conversation.turns.append(Turn(role: .system, text: plainText(of: instructions)))
        }
        try readTurns()
        conversation.reasoningWish = Self.reasoningWish(request)
        conversation.answerSchema = Self.answerSchema(request)
    }

    private static func items(
        _ request: RequestFields, stored: (String) -> [JSONValue]?
    ) throws(ProviderError) -> [JSONValue] {
        var items: [JSONValue] = []
        if let previous = request["previous_response_id"]?.text {
            guard let earlier = stored(previous) else {
                throw .invalid(
                    "Previous response with id '\(previous)' not found.", parameter: "previous_response_id",
                    code: "previous_response_not_found")
            }
            items += earlier
        }
        switch request["input"] {
        case .string(let text):
            items.append(["type": "message", "role": "user", "content": .string(text)])
        case .array(let list):
            items += list
        case nil where !items.isEmpty:
            break
        case nil:
            throw .missing("input", dialect: .responses)
        default:
            throw .wrongType("input", expected: "a string or an array of input items", dialect: .responses)
        }
        return items
    }

    private static func reasoningWish(_ request: RequestFields) -> ReasoningWish {
        guard let effort = request["reasoning"]?["effort"]?.text else { return .unsaid }
        return effort == "none" || effort == "minimal" ? .off : .on
    }

    private static func answerSchema(_ request: RequestFields) -> JSONValue? {
        guard let format = request["text"]?["format"] else { return nil }
        switch format["type"]?.text {
        case "json_schema": return format["schema"] ?? [:]
        case "json_object": return [:]
        default: return nil
        }
    }

    /// Function and custom tools are played; tools that the provider itself runs are accepted and left alone.
    private mutating func readTools(_ request: RequestFields) throws(ProviderError) {
        for (index, tool) in (try request.list("tools") ?? []).enumerated() {
            let type = tool["type"]?.text
            guard type != nil else { throw .missing("tools[\(index)].type", dialect: .responses) }
            guard type == "function" || type == "custom" else { continue }
            guard let name = tool["name"]?.text else {
                throw .missing("tools[\(index)].name", dialect: .responses)
            }
            guard isToolName(name) else {
                throw .invalid(
                    """
                    Invalid 'tools[\(index)].name': string does not match pattern. Expected \
                    a string that matches the pattern '^[a-zA-Z0-9_-]+$'.
                    """,
                    parameter: "tools[\(index)].name", code: "invalid_value")
            }
            conversation.tools.append(
                Tool(name: name, input: type == "custom" ? .freeform : .schema(tool["parameters"] ?? [:])))
        }
        conversation.allowsParallelCalls = try request.flag("parallel_tool_calls") ?? true
        guard let choice = request["tool_choice"] else { return }
        conversation.toolChoice =
            switch choice.text {
            case "none": .none
            case "required": .required
            case .some: .auto
            case nil: choice["name"]?.text.map { .named($0) } ?? .auto
            }
    }

    /// Neighbouring items of the assistant (reasoning, text, calls) are one turn.
    /// Every call needs its output behind it, and every output its call in front of it.
    private mutating func readTurns() throws(ProviderError) {
        var open: [String] = []
        for (index, item) in items.enumerated() {
            switch item["type"]?.text ?? "message" {
            case "message":
                guard let role = item["role"]?.text else {
                    throw .missing("input[\(index)].role", dialect: .responses)
                }
                let text = plainText(of: item["content"])
                switch role {
                case "user": conversation.turns.append(Turn(role: .user, text: text))
                case "system", "developer": conversation.turns.append(Turn(role: .system, text: text))
                case "assistant": addAssistant(text: text)
                default:
                    throw .invalid(
                        """
                        Invalid value: '\(role)'. Supported values are: 'assistant', \
                        'system', 'developer', and 'user'.
                        """,
                        parameter: "input[\(index)].role", code: "invalid_value")
                }
            case "function_call", "custom_tool_call":
                guard let id = item["call_id"]?.text else {
                    throw .missing("input[\(index)].call_id", dialect: .responses)
                }
                open.append(id)
                addAssistant(tool: item["name"]?.text ?? "")
            case "function_call_output", "custom_tool_call_output":
                guard let id = item["call_id"]?.text else {
                    throw .missing("input[\(index)].call_id", dialect: .responses)
                }
                guard let call = open.firstIndex(of: id) else {
                    throw .invalid(
                        "No tool call found for function call output with call_id \(id).", parameter: "input")
                }
                open.remove(at: call)
                conversation.turns.append(Turn(role: .toolResult, text: plainText(of: item["output"])))
            case "reasoning":
                addAssistant(text: "")
            default:
                continue
            }
        }
        if let call = open.first {
            throw .invalid("No tool output found for function call \(call).", parameter: "input")
        }
    }

    private mutating func addAssistant(text: String = "", tool: String? = nil) {
        if conversation.turns.last?.role != .assistant {
            conversation.turns.append(Turn(role: .assistant, text: ""))
        }
        let last = conversation.turns.count - 1
        conversation.turns[last].text += text
        if let tool { conversation.turns[last].calledTools.append(tool) }
    }

    /// The prompt as a template would write it: tools, format, instructions, then the items. Item ids,
    /// statuses and reasoning items are not part of what the model reads.
    func renderedPrompt() -> [UInt8] {
        var prompt = RenderedPrompt()
        for tool in fields["tools"]?.elements ?? [] { prompt.add(marker: "tool", document: tool) }
        if let format = fields["text"], !format.isNull { prompt.add(marker: "format", document: format) }
        if let instructions = fields["instructions"], !instructions.isNull {
            prompt.begin("system")
            prompt.add(content: instructions)
            prompt.end()
        }
        for item in items { Self.render(item, into: &prompt) }
        return prompt.bytes
    }

    static func render(_ item: JSONValue, into prompt: inout RenderedPrompt) {
        switch item["type"]?.text ?? "message" {
        case "message":
            prompt.begin(item["role"]?.text ?? "")
            prompt.add(content: item["content"])
        case "function_call", "custom_tool_call":
            prompt.add(
                call: item["name"]?.text ?? "", id: item["call_id"]?.text ?? "",
                input: (item["arguments"] ?? item["input"])?.text ?? "")
        case "function_call_output", "custom_tool_call_output":
            prompt.begin("tool")
            prompt.add(text: item["call_id"]?.text ?? "")
            prompt.add(content: item["output"])
        case "reasoning":
            return
        default:
            prompt.add(marker: "item", document: item)
        }
        prompt.end()
    }
}

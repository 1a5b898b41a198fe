// POST /v1/messages and /v1/messages/count_tokens, as Anthropic documents them: content blocks, cache
// breakpoints, thinking blocks whose signature must be the one we gave.

struct MessagesRequest: Sendable {
    /// Blocks of a request that may carry cache_control.
    static let breakpointsMax = 4

    var conversation: Conversation
    /// The prompt in cache order.
    let blocks: [PromptBlock]

    /// - Parameter isCounting: count_tokens needs no max_tokens.
    init(body: JSONValue, digest: ContentDigest, isCounting: Bool = false) throws(ProviderError) {
        let fields = try RequestFields(dialect: .messages, body: body)
        conversation = Conversation(dialect: .messages, model: try fields.model(), digest: digest)
        conversation.outputTokensMax = try fields.positiveInteger("max_tokens")
        guard isCounting || conversation.outputTokensMax != nil else {
            throw .missing("max_tokens", dialect: .messages)
        }
        let messages = try fields.messages("messages")
        conversation.isStreaming = try fields.flag("stream") ?? false
        conversation.stopSequences = try fields.list("stop_sequences")?.compactMap(\.text) ?? []
        if let type = fields["thinking"]?["type"]?.text {
            conversation.reasoningWish = type == "disabled" ? .off : .on
        }
        if let format = fields["output_config"]?["format"] ?? fields["output_format"],
            format["type"]?.text == "json_schema"
        {
            conversation.answerSchema = format["schema"] ?? [:]
        }
        blocks = PromptBlock.blocks(of: body)
        let breakpointCount = blocks.count { $0.lifetime != nil }
        guard breakpointCount <= Self.breakpointsMax else {
            throw .invalid(
                """
                A maximum of \(Self.breakpointsMax) blocks with cache_control may be \
                provided. Found \(breakpointCount).
                """
            )
        }
        try readTools(fields)
        if let system = fields["system"] {
            conversation.turns.append(Turn(role: .system, text: plainText(of: system)))
        }
        try readTurns(messages)
    }

    private mutating func readTools(_ fields: RequestFields) throws(ProviderError) {
        for (index, tool) in (try fields.list("tools") ?? []).enumerated() {
            guard let name = tool["name"]?.text else {
                throw .missing("tools.\(index).name", dialect: .messages)
            }
            guard isToolName(name, bytesMax: 128) else {
                throw .invalid("tools.\(index).name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
            }
            if let schema = tool["input_schema"] {
                conversation.tools.append(Tool(name: name, input: .schema(schema)))
            } else if let schema = clientToolSchema(type: tool["type"]?.text ?? "") {
                conversation.tools.append(Tool(name: name, input: .schema(schema)))
            } else if tool["type"] == nil {
                throw .missing("tools.\(index).input_schema", dialect: .messages)
            }
        }
        guard let choice = fields["tool_choice"] else { return }
        conversation.allowsParallelCalls = !(choice["disable_parallel_tool_use"]?.isTrue ?? false)
        conversation.toolChoice =
            switch choice["type"]?.text {
            case "none": .none
            case "any": .required
            case "tool": choice["name"]?.text.map { .named($0) } ?? .auto
            default: .auto
            }
    }

    /// Every tool_use must be answered by tool_result blocks in what the user says next, and they come first there.
    /// Messages of one side in a row are read as one.
    private mutating func readTurns(_ messages: [JSONValue]) throws(ProviderError) {
        var pairs = ToolPairs()
        for (index, message) in messages.enumerated() {
            let content = try Self.contentBlocks(message, index: index)
            guard let role = message["role"]?.text, ["user", "assistant", "system"].contains(role) else {
                throw .invalid("messages.\(index).role: Input should be 'user' or 'assistant'")
            }
            try pairs.read(content, role: role, index: index)
            if role == "assistant" {
                try Self.checkSignatures(content, index: index)
                conversation.turns.append(
                    Turn(
                        role: .assistant, text: plainText(of: .array(content)),
                        calledTools: content.filter { $0["type"] == "tool_use" }.compactMap { $0["name"]?.text }))
                continue
            }
            let results = content.filter { $0["type"] == "tool_result" }
            for result in results {
                conversation.turns.append(Turn(role: .toolResult, text: plainText(of: result["content"])))
            }
            let others = content.filter { $0["type"] != "tool_result" }
            if results.isEmpty || Self.saysSomethingNew(others) {
                conversation.turns.append(
                    Turn(role: role == "user" ? .user : .system, text: plainText(of: .array(others))))
            }
        }
        try pairs.finish()
    }

    /// Harnesses append reminders to tool results; those are no new request of the user.
    private static func saysSomethingNew(_ content: [JSONValue]) -> Bool {
        content.contains { block in
            guard block["type"] == "text", let text = block["text"]?.text else { return false }
            return !text.hasPrefix("<system-reminder>")
        }
    }

    private static func contentBlocks(_ message: JSONValue, index: Int) throws(ProviderError) -> [JSONValue] {
        switch message["content"] {
        case .string(let text): return [["type": "text", "text": .string(text)]]
        case .array(let blocks):
            if blocks.contains(where: { $0["type"] == "text" && $0["text"]?.text ?? "" == "" }) {
                throw .invalid("messages.\(index): text content blocks must be non-empty")
            }
            return blocks
        case nil: throw .missing("messages.\(index).content", dialect: .messages)
        default: throw .wrongType("messages.\(index).content", expected: "a valid list", dialect: .messages)
        }
    }

    private static func checkSignatures(_ content: [JSONValue], index: Int) throws(ProviderError) {
        for (position, block) in content.enumerated() where block["type"] == "thinking" {
            guard block["signature"]?.text == thinkingSignature(block["thinking"]?.text ?? "") else {
                throw .invalid(
                    "messages.\(index).content.\(position): Invalid `signature` in `thinking` block")
            }
        }
    }

    var promptTokens: Int {
        tokenCount(ofBytes: blocks.reduce(0) { $0 + $1.bytes.count })
    }
}

/// Calls and their results, message by message, refused as Anthropic refuses them.
private struct ToolPairs {
    private var open: [String] = []
    private var answered: [String] = []
    private var openIndex = 0
    private var lastRole = ""
    /// Only results were read since the answer.
    private var isOpening = false

    mutating func read(_ content: [JSONValue], role: String, index: Int) throws(ProviderError) {
        if role == "assistant", lastRole != "assistant" {
            try finish()
            answered = []
        }
        if role == "system" { try finish() }
        isOpening = role == "user" && (isOpening && lastRole == "user" || lastRole == "assistant")
        for (position, block) in content.enumerated() {
            switch block["type"]?.text {
            case "tool_result": try close(block, index: index, position: position)
            case "tool_use" where role == "assistant":
                open += block["id"]?.text.map { [$0] } ?? []
                openIndex = index
            default:
                isOpening = false
                if role == "user" { try finish() }
            }
        }
        lastRole = role
    }

    private mutating func close(_ block: JSONValue, index: Int, position: Int) throws(ProviderError) {
        let id = block["tool_use_id"]?.text ?? ""
        if isOpening, let place = open.firstIndex(of: id) {
            open.remove(at: place)
            answered.append(id)
            return
        }
        if answered.contains(id) {
            throw .invalid(
                """
                messages.\(index).content.\(position): each tool_use must have a single result. Found multiple \
                `tool_result` blocks with id: \(id)
                """)
        }
        throw .invalid(
            """
            messages.\(index).content.\(position): unexpected `tool_use_id` found in `tool_result` blocks: \(id). \
            Each `tool_result` block must have a corresponding `tool_use` block in the previous message.
            """)
    }

    /// - Throws: when a call is still open.
    func finish() throws(ProviderError) {
        if open.isEmpty { return }
        throw .invalid(
            """
            messages.\(openIndex): `tool_use` ids were found without `tool_result` blocks immediately after: \
            \(open.joined(separator: ", ")). Each `tool_use` block must have a corresponding `tool_result` block in \
            the next message.
            """)
    }
}

/// The proof that a thinking block is ours and unchanged: it follows from the text alone, so that a
/// restarted provider still knows its own blocks.
func thinkingSignature(_ thinking: String) -> String {
    base64(
        ContentDigest("thinking:" + thinking).words(12).flatMap { word in
            (0..<7).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        })
}

/// The input of the tools Anthropic defines and the client runs; nil for what the provider runs itself.
private func clientToolSchema(type: String) -> JSONValue? {
    if type.hasPrefix("bash_") {
        return ["type": "object", "properties": ["command": ["type": "string"]], "required": ["command"]]
    }
    if type.hasPrefix("text_editor_") {
        return [
            "type": "object",
            "properties": ["command": ["enum": ["view"]], "path": ["type": "string"]],
            "required": ["command", "path"],
        ]
    }
    return nil
}

/// A piece of the prompt that may carry a cache breakpoint, in cache order: tools, system, messages.
struct PromptBlock: Sendable {
    enum Lifetime: Sendable { case fiveMinutes, oneHour }

    var bytes: [UInt8]
    /// The lifetime of the breakpoint on this block; nil without one.
    var lifetime: Lifetime?

    static func blocks(of body: JSONValue) -> [PromptBlock] {
        var blocks: [PromptBlock] = []
        for tool in body["tools"]?.elements ?? [] { blocks.append(PromptBlock(marker: "tool", block: tool)) }
        for block in listed(body["system"]) { blocks.append(PromptBlock(marker: "system", block: block)) }
        // A change of tool_choice or thinking leaves tools and system cached, and the messages not.
        var mode = RenderedPrompt()
        for key in ["tool_choice", "thinking"] {
            if let value = body[key], !value.isNull { mode.add(marker: key, document: value) }
        }
        if !mode.bytes.isEmpty { blocks.append(PromptBlock(bytes: mode.bytes)) }
        for message in body["messages"]?.elements ?? [] {
            let role = message["role"]?.text ?? ""
            for block in listed(message["content"]) {
                blocks.append(PromptBlock(marker: role, block: block))
            }
        }
        if let control = body["cache_control"], !control.isNull, let last = blocks.indices.last {
            blocks[last].lifetime = blocks[last].lifetime ?? lifetime(control)
        }
        return blocks
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private init(marker: String, block: JSONValue) {
        var prompt = RenderedPrompt()
        prompt.add(marker: marker, document: block.removing(key: "cache_control"))
        bytes = prompt.bytes
        let own = block["cache_control"]
        let inner = block["content"]?.elements?.lazy.compactMap { $0["cache_control"] }.first
        if let control = own ?? inner, !control.isNull { lifetime = Self.lifetime(control) }
    }

    private static func lifetime(_ control: JSONValue) -> Lifetime {
        control["ttl"] == "1h" ? .oneHour : .fiveMinutes
    }

    /// Content as blocks: a plain string is one text block.
    private static func listed(_ content: JSONValue?) -> [JSONValue] {
        if let text = content?.text { return [["type": "text", "text": .string(text)]] }
        return content?.elements ?? []
    }
}

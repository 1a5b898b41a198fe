// The client's side of a tool loop, as values: the next request of an agent in one of the three dialects,
// and what its answer says. The demo plays it through the gateway; the tests play it against the service.

struct AgentDialogue: Sendable {
    /// A tool call the answer asks for.
    struct Call: Sendable, Equatable {
        var id: String
        var name: String
        var input: JSONValue
    }

    /// What one answer says.
    struct Turn: Sendable, Equatable {
        var text: String
        var calls: [Call]
        var promptTokens: Int
        var cachedTokens: Int
        var outputTokens: Int
    }

    let dialect: Dialect
    let model: String
    /// Only chat streams here: one dialect is enough to show it.
    var isStreaming: Bool { dialect == .chat }
    /// Messages, or input items for responses, in the dialect's own shape; only ever appended to.
    private var history: [JSONValue]

    init(dialect: Dialect, model: String, question: String) {
        self.dialect = dialect
        self.model = model
        history = [["role": "user", "content": .string(question)]]
    }

    /// Path of the call, below the base URL.
    var target: String {
        switch dialect {
        case .chat: "/v1/chat/completions"
        case .responses: "/v1/responses"
        case .messages: "/v1/messages"
        }
    }

    // MARK: The request

    /// The body of the next call.
    var request: JSONValue {
        let tools = JSONValue.array(PracticeProject.tools.map(tool))
        let handbook = JSONValue.string(PracticeProject.handbook)
        switch dialect {
        case .chat:
            let system: JSONValue = ["role": "system", "content": handbook]
            return [
                "model": .string(model), "messages": .array([system] + history), "tools": tools,
                "stream": true, "stream_options": ["include_usage": true],
            ]
        case .responses:
            return [
                "model": .string(model), "instructions": handbook, "input": .array(history), "tools": tools,
                "store": false,
            ]
        case .messages:
            return [
                "model": .string(model), "max_tokens": 1024,
                "system": [["type": "text", "text": handbook, "cache_control": ["type": "ephemeral"]]],
                "cache_control": ["type": "ephemeral"], "messages": .array(history), "tools": tools,
            ]
        }
    }

    private func tool(_ card: PracticeProject.ToolCard) -> JSONValue {
        let name = JSONValue.string(card.name)
        let summary = JSONValue.string(card.summary)
        let schema: JSONValue = [
            "type": "object", "properties": .object([JSONMember(card.argument, ["type": "string"])]),
            "required": [.string(card.argument)],
        ]
        return switch dialect {
        case .chat:
            [
                "type": "function",
                "function": ["name": name, "description": summary, "parameters": schema],
            ]
        case .responses:
            ["type": "function", "name": name, "description": summary, "parameters": schema]
        case .messages:
            ["name": name, "description": summary, "input_schema": schema]
        }
    }

    // MARK: The answer

    /// Reads the body of an answer, remembers it as the model's turn and says what it asks for.
    mutating func take(_ body: [UInt8]) throws(PracticeError) -> Turn {
        switch dialect {
        case .chat: try takeChat(try Self.streamedChat(body))
        case .responses: try takeResponse(try Self.document(body))
        case .messages: try takeMessage(try Self.document(body))
        }
    }

    private static func document(_ body: [UInt8]) throws(PracticeError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: body)
        } catch {
            throw PracticeError("the answer is not JSON: \(error.reason) at byte \(error.offset)")
        }
    }

    /// Puts the chunks of a chat stream together to a message with its usage.
    private static func streamedChat(_ body: [UInt8]) throws(PracticeError) -> JSONValue {
        var text = ""
        var calls: [(id: String, name: String, arguments: String)] = []
        var usage = JSONValue.null
        var isDone = false
        for line in String(decoding: body, as: UTF8.self).split(separator: "\n") where line.hasPrefix("data: ") {
            let data = line.dropFirst(6)
            isDone = data == "[DONE]"
            guard !isDone else { break }
            let chunk = try document(Array(data.utf8))
            if let reported = chunk["usage"], !reported.isNull { usage = reported }
            let delta = chunk["choices"]?.elements?.first?["delta"]
            text += delta?["content"]?.text ?? ""
            for part in delta?["tool_calls"]?.elements ?? [] {
                if let id = part["id"]?.text { calls.append((id, part["function"]?["name"]?.text ?? "", "")) }
                guard !calls.isEmpty else { throw PracticeError("the stream goes on with a call it did not begin") }
                calls[calls.count - 1].arguments += part["function"]?["arguments"]?.text ?? ""
            }
        }
        guard isDone else { throw PracticeError("the stream ended without [DONE]") }
        let toolCalls = calls.map { call -> JSONValue in
            [
                "id": .string(call.id), "type": "function",
                "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
            ]
        }
        var members = [JSONMember("role", "assistant"), JSONMember("content", .string(text))]
        if !toolCalls.isEmpty { members.append(JSONMember("tool_calls", .array(toolCalls))) }
        return ["message": .object(members), "usage": usage]
    }

    private mutating func takeChat(_ answer: JSONValue) throws(PracticeError) -> Turn {
        guard let message = answer["message"] else { throw PracticeError("the answer has no message") }
        history.append(message)
        var calls: [Call] = []
        for call in message["tool_calls"]?.elements ?? [] {
            calls.append(
                try Self.call(
                    id: call["id"], name: call["function"]?["name"], arguments: call["function"]?["arguments"]))
        }
        let usage = answer["usage"]
        return Turn(
            text: message["content"]?.text ?? "", calls: calls,
            promptTokens: usage?["prompt_tokens"]?.integer ?? 0,
            cachedTokens: usage?["prompt_tokens_details"]?["cached_tokens"]?.integer ?? 0,
            outputTokens: usage?["completion_tokens"]?.integer ?? 0)
    }

    private mutating func takeResponse(_ answer: JSONValue) throws(PracticeError) -> Turn {
        guard let output = answer["output"]?.elements else { throw PracticeError("the answer has no output") }
        history += output
        var calls: [Call] = []
        for item in output where item["type"] == "function_call" {
            calls.append(
                try Self.call(id: item["call_id"], name: item["name"], arguments: item["arguments"]))
        }
        let usage = answer["usage"]
        return Turn(
            text: output.map { plainText(of: $0["content"]) }.joined(), calls: calls,
            promptTokens: usage?["input_tokens"]?.integer ?? 0,
            cachedTokens: usage?["input_tokens_details"]?["cached_tokens"]?.integer ?? 0,
            outputTokens: usage?["output_tokens"]?.integer ?? 0)
    }

    private mutating func takeMessage(_ answer: JSONValue) throws(PracticeError) -> Turn {
        guard let content = answer["content"]?.elements else { throw PracticeError("the answer has no content") }
        history.append(["role": "assistant", "content": .array(content)])
        let calls = content.filter { $0["type"] == "tool_use" }.map { block in
            Call(id: block["id"]?.text ?? "", name: block["name"]?.text ?? "", input: block["input"] ?? [:])
        }
        let usage = answer["usage"]
        func tokens(_ key: String) -> Int { usage?[key]?.integer ?? 0 }
        return Turn(
            text: plainText(of: .array(content)), calls: calls,
            promptTokens: tokens("input_tokens") + tokens("cache_creation_input_tokens")
                + tokens("cache_read_input_tokens"),
            cachedTokens: tokens("cache_read_input_tokens"), outputTokens: tokens("output_tokens"))
    }

    private static func call(
        id: JSONValue?, name: JSONValue?, arguments: JSONValue?
    ) throws(PracticeError) -> Call {
        guard let id = id?.text, let name = name?.text, let arguments = arguments?.text else {
            throw PracticeError("a tool call of the answer has no id, name or arguments")
        }
        return Call(id: id, name: name, input: try document(Array(arguments.utf8)))
    }

    // MARK: The results

    /// Appends what the tools gave, for the calls of the last turn in their order.
    mutating func add(_ results: [(call: Call, text: String)]) {
        switch dialect {
        case .chat:
            history += results.map { result in
                [
                    "role": "tool", "tool_call_id": .string(result.call.id),
                    "content": .string(result.text),
                ]
            }
        case .responses:
            history += results.map { result in
                [
                    "type": "function_call_output", "call_id": .string(result.call.id),
                    "output": .string(result.text),
                ]
            }
        case .messages:
            let blocks = results.map { result -> JSONValue in
                [
                    "type": "tool_result", "tool_use_id": .string(result.call.id),
                    "content": .string(result.text),
                ]
            }
            history.append(["role": "user", "content": .array(blocks)])
        }
    }
}

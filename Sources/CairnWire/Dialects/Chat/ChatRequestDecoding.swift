// Reading /v1/chat/completions requests (OpenAI API reference, create chat completion; reasoning_content and thinking as
// api-docs.deepseek.com has them; cache_control on content parts as OpenRouter and LiteLLM clients send it).

import CairnCore

/// The chat dialect's requests.
enum ChatCodec: PromptCodec {
    typealias PartDecoder = @Sendable (PromptReader, Int) throws(WireError) -> Part.Content

    // The decode tables

    enum TopKey: Sendable { case model, messages, tools }
    static let topKeys = WireTable<TopKey>([("model", .model), ("messages", .messages), ("tools", .tools)])

    static let roles = WireTable<Turn.Role>([
        ("system", .system), ("developer", .developer), ("user", .user), ("assistant", .assistant), ("tool", .tool),
        ("function", .tool),
    ])

    enum MessageKey: Sendable {
        case role, content, name, toolCalls, toolCall, reasoning, refusal, audio, functionCall
    }
    static let messageKeys = WireTable<MessageKey>([
        ("role", .role), ("content", .content), ("name", .name), ("tool_calls", .toolCalls),
        ("tool_call_id", .toolCall), ("reasoning_content", .reasoning), ("refusal", .refusal), ("audio", .audio),
        ("function_call", .functionCall),
    ])

    static let parts = WireTable<PartDecoder>([
        ("text", decodeText), ("image_url", decodeImage), ("input_audio", decodeAudio), ("file", decodeFile),
        ("refusal", decodeRefusal),
    ])
    static let partKeys = WireTable<Bool>([
        ("type", true), ("text", true), ("image_url", true), ("input_audio", true), ("file", true), ("refusal", true),
        ("cache_control", true),
    ])

    // Requests

    static func decode(_ source: SourceDocument) throws(WireError) -> Prompt {
        let reader = PromptReader(source: source)
        try reader.object(0)
        var prompt = Prompt(dialect: .chat, source: source)
        var messages: Int?
        for member in reader.children(of: 0) {
            switch reader.meaning(ofKey: member, in: topKeys) {
            case .model: prompt.model = try reader.optionalString(member)
            case .messages: messages = member
            case .tools: prompt.tools = try decodeTools(reader, member)
            case nil:
                if try !settings.read(member, of: reader, into: &prompt.settings) {
                    prompt.unknown.append(Prompt.Member(key: reader.key(member), value: reader.raw(member)))
                }
            }
        }
        guard let messages else { throw reader.missing("messages", in: 0) }
        try reader.array(messages)
        prompt.turns.reserveCapacity(source.json[messages].childCount)
        for message in reader.children(of: messages) { prompt.turns.append(try decodeTurn(reader, message)) }
        return prompt
    }

    private struct Fields {
        var role: Int?
        var content: Int?
        var toolCalls: Int?
        var toolCall: Int?
        var reasoning: Int?
        var refusal: Int?
        var audio: Int?
        var functionCall: Int?
    }

    private static func decodeTurn(_ reader: PromptReader, _ message: Int) throws(WireError) -> Turn {
        try reader.object(message)
        var fields = Fields()
        var turn = Turn(.user, element: reader.raw(message))
        for member in reader.children(of: message) {
            switch reader.meaning(ofKey: member, in: messageKeys) {
            case .role: fields.role = member
            case .content: fields.content = member
            case .name: turn.name = try reader.optionalString(member)
            case .toolCalls: fields.toolCalls = member
            case .toolCall: fields.toolCall = member
            case .reasoning: fields.reasoning = member
            case .refusal: fields.refusal = member
            case .audio: fields.audio = member
            case .functionCall: fields.functionCall = member
            case nil: turn.unknown.append(Prompt.Member(key: reader.key(member), value: reader.raw(member)))
            }
        }
        guard let roleNode = fields.role else { throw reader.missing("role", in: message) }
        guard let role = reader.meaning(of: roleNode, in: roles) else {
            throw reader.malformed(roleNode, "must be system, developer, user, assistant or tool")
        }
        turn.role = role
        switch role {
        case .tool: turn.parts = [try decodeResult(reader, message, fields, name: turn.name)]
        case .assistant: turn.parts = try decodeAssistant(reader, fields)
        default: turn.parts = try decodeContent(reader, fields.content, in: message, band: role == .user ? .fold : .pin)
        }
        return turn
    }

    private static func decodeAssistant(_ reader: PromptReader, _ fields: Fields) throws(WireError) -> [Part] {
        var parts: [Part] = []
        if let node = fields.reasoning, let text = try reader.optionalString(node) {
            parts.append(Part(.thinking(Part.Thinking(texts: [text]))))
        }
        if let content = fields.content, reader.kind(content) != .null {
            parts += try decodeParts(reader, content, band: .fold)
        }
        if let node = fields.refusal, let text = try reader.optionalString(node) { parts.append(Part(.refusal(text))) }
        if let node = fields.audio, reader.kind(node) != .null {
            try reader.object(node)
            parts.append(Part(.audio(Part.Media(.file(try reader.requiredString("id", of: node))))))
        }
        if let calls = fields.toolCalls, reader.kind(calls) != .null {
            try reader.array(calls)
            for call in reader.children(of: calls) { parts.append(try decodeCall(reader, call)) }
        }
        if let call = fields.functionCall, reader.kind(call) != .null {
            try reader.object(call)
            let name = try reader.requiredString("name", of: call)
            let arguments = try reader.requiredString("arguments", of: call)
            parts.append(Part(.toolCall(Part.ToolCall(identifier: name, name: name, arguments: .quoted(arguments)))))
        }
        return parts
    }

    private static func decodeCall(_ reader: PromptReader, _ call: Int) throws(WireError) -> Part {
        try reader.object(call)
        let identifier = try reader.requiredString("id", of: call)
        let part: Part.ToolCall
        if let custom = reader.member("custom", of: call) {
            try reader.object(custom)
            part = Part.ToolCall(
                identifier: identifier, name: try reader.requiredString("name", of: custom),
                arguments: .freeform(try reader.requiredString("input", of: custom)))
        } else {
            let function = try reader.requiredMember("function", of: call)
            try reader.object(function)
            part = Part.ToolCall(
                identifier: identifier, name: try reader.requiredString("name", of: function),
                arguments: .quoted(try reader.requiredString("arguments", of: function)))
        }
        return Part(.toolCall(part), element: reader.raw(call))
    }

    /// A tool message; a function message of the oldest form names its function instead of a call.
    private static func decodeResult(
        _ reader: PromptReader, _ message: Int, _ fields: Fields, name: RawJSON?
    ) throws(WireError) -> Part {
        let identifier: RawJSON
        if let node = fields.toolCall {
            identifier = try reader.string(node)
        } else if let name, fields.role.map({ reader.holds("function", at: $0) }) == true {
            identifier = name
        } else {
            throw reader.missing("tool_call_id", in: message)
        }
        let parts = try decodeContent(reader, fields.content, in: message, band: .fold)
        return Part(.toolResult(Part.ToolResult(identifier: identifier, parts: parts)))
    }

    private static func decodeContent(
        _ reader: PromptReader, _ content: Int?, in message: Int, band: Band
    ) throws(WireError) -> [Part] {
        guard let content else { throw reader.missing("content", in: message) }
        return reader.kind(content) == .null ? [] : try decodeParts(reader, content, band: band)
    }

    /// A string or an array of parts.
    private static func decodeParts(_ reader: PromptReader, _ content: Int, band: Band) throws(WireError) -> [Part] {
        switch reader.kind(content) {
        case .string: return [Part(.text(reader.raw(content)), band: band)]
        case .array: break
        default: throw reader.malformed(content, "must be a string or an array of parts")
        }
        var parts: [Part] = []
        for node in reader.children(of: content) {
            try reader.object(node)
            let type = try reader.requiredMember("type", of: node)
            _ = try reader.string(type)
            guard let decoder = reader.meaning(of: type, in: Self.parts) else {
                let element = reader.raw(node)
                parts.append(Part(.foreign(type: reader.raw(type), element: element), band: band, element: element))
                continue
            }
            var part = Part(try decoder(reader, node), band: band, element: reader.raw(node))
            part.cacheControl = reader.optionalRaw("cache_control", of: node)
            part.unknown = reader.unknownMembers(of: node, known: partKeys)
            parts.append(part)
        }
        return parts
    }

    // Parts

    @Sendable private static func decodeText(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        .text(try reader.requiredString("text", of: node))
    }

    @Sendable private static func decodeRefusal(
        _ reader: PromptReader, _ node: Int
    ) throws(WireError) -> Part.Content {
        .refusal(try reader.requiredString("refusal", of: node))
    }

    @Sendable private static func decodeImage(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        let image = try reader.requiredMember("image_url", of: node)
        try reader.object(image)
        return .image(
            Part.Media(
                .url(try reader.requiredString("url", of: image)),
                detail: try reader.optionalString("detail", of: image)))
    }

    @Sendable private static func decodeAudio(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        let audio = try reader.requiredMember("input_audio", of: node)
        try reader.object(audio)
        return .audio(
            Part.Media(
                .base64(
                    mediaType: try reader.requiredString("format", of: audio),
                    data: try reader.requiredString("data", of: audio))))
    }

    @Sendable private static func decodeFile(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        let file = try reader.requiredMember("file", of: node)
        try reader.object(file)
        let name = try reader.optionalString("filename", of: file)
        if let data = try reader.optionalString("file_data", of: file) {
            return .file(Part.Media(.url(data), name: name))
        }
        return .file(Part.Media(.file(try reader.requiredString("file_id", of: file)), name: name))
    }

    // Tools

    private static let toolKeys = WireTable<Bool>([
        ("type", true), ("function", true), ("custom", true), ("cache_control", true),
    ])
    private static let functionKeys = WireTable<Bool>([
        ("name", true), ("description", true), ("parameters", true), ("strict", true),
    ])

    private static func decodeTools(_ reader: PromptReader, _ list: Int) throws(WireError) -> [ToolDefinition] {
        guard reader.kind(list) != .null else { return [] }
        try reader.array(list)
        var tools: [ToolDefinition] = []
        for node in reader.children(of: list) { tools.append(try decodeTool(reader, node)) }
        return tools
    }

    private static func decodeTool(_ reader: PromptReader, _ node: Int) throws(WireError) -> ToolDefinition {
        try reader.object(node)
        let element = reader.raw(node)
        var tool: ToolDefinition
        if let function = reader.member("function", of: node) {
            try reader.object(function)
            tool = ToolDefinition(
                .function(
                    parameters: reader.optionalRaw("parameters", of: function),
                    strict: reader.optionalRaw("strict", of: function)),
                name: try reader.requiredString("name", of: function),
                description: try reader.optionalString("description", of: function), element: element)
            tool.unknown = reader.unknownMembers(of: function, known: functionKeys)
        } else if let custom = reader.member("custom", of: node) {
            try reader.object(custom)
            tool = ToolDefinition(
                .custom(format: reader.optionalRaw("format", of: custom)),
                name: try reader.requiredString("name", of: custom),
                description: try reader.optionalString("description", of: custom), element: element)
        } else {
            let type = try reader.requiredString("type", of: node)
            return ToolDefinition(.builtIn(type: type), name: nil, element: element)
        }
        tool.cacheControl = reader.optionalRaw("cache_control", of: node)
        tool.unknown += reader.unknownMembers(of: node, known: toolKeys)
        return tool
    }
}

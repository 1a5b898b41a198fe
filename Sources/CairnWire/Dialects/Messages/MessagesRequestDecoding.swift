// Reading /v1/messages requests (Anthropic API reference, create a message; role system among the messages as newer models
// take it and Claude Code sends it).

import CairnCore

/// The messages dialect's requests.
enum MessagesCodec: PromptCodec {
    typealias PartDecoder = @Sendable (PromptReader, Int) throws(WireError) -> Part.Content

    // The decode tables

    enum TopKey: Sendable { case model, system, messages, tools }
    static let topKeys = WireTable<TopKey>([
        ("model", .model), ("system", .system), ("messages", .messages), ("tools", .tools),
    ])

    static let roles = WireTable<Turn.Role>([("user", .user), ("assistant", .assistant), ("system", .system)])

    enum MessageKey: Sendable { case role, content }
    static let messageKeys = WireTable<MessageKey>([("role", .role), ("content", .content)])

    static let parts = WireTable<PartDecoder>([
        ("text", decodeText), ("image", decodeImage), ("document", decodeDocument), ("tool_use", decodeCall),
        ("tool_result", decodeResult), ("thinking", decodeThinking), ("redacted_thinking", decodeRedacted),
    ])
    static let partKeys = WireTable<Bool>([
        ("type", true), ("text", true), ("source", true), ("title", true), ("id", true), ("name", true),
        ("input", true), ("tool_use_id", true), ("content", true), ("is_error", true), ("thinking", true),
        ("signature", true), ("data", true), ("cache_control", true),
    ])

    // Requests

    static func decode(_ source: SourceDocument) throws(WireError) -> Prompt {
        let reader = PromptReader(source: source)
        try reader.object(0)
        var prompt = Prompt(dialect: .messages, source: source)
        var system: Int?
        var messages: Int?
        for member in reader.children(of: 0) {
            switch reader.meaning(ofKey: member, in: topKeys) {
            case .model: prompt.model = try reader.optionalString(member)
            case .system: system = member
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
        prompt.turns.reserveCapacity(source.json[messages].childCount + 1)
        if let system, reader.kind(system) != .null {
            let parts = try decodeParts(reader, system, band: .pin)
            prompt.turns.append(Turn(.system, parts: parts, element: reader.raw(system)))
        }
        for message in reader.children(of: messages) { prompt.turns.append(try decodeTurn(reader, message)) }
        return prompt
    }

    private static func decodeTurn(_ reader: PromptReader, _ message: Int) throws(WireError) -> Turn {
        try reader.object(message)
        var role: Int?
        var content: Int?
        var turn = Turn(.user, element: reader.raw(message))
        for member in reader.children(of: message) {
            switch reader.meaning(ofKey: member, in: messageKeys) {
            case .role: role = member
            case .content: content = member
            case nil: turn.unknown.append(Prompt.Member(key: reader.key(member), value: reader.raw(member)))
            }
        }
        guard let role else { throw reader.missing("role", in: message) }
        guard let meaning = reader.meaning(of: role, in: roles) else {
            throw reader.malformed(role, "must be user, assistant or system")
        }
        guard let content else { throw reader.missing("content", in: message) }
        turn.parts = try decodeParts(reader, content, band: meaning == .system ? .pin : .fold)
        let holdsResultsOnly = !turn.parts.isEmpty && turn.parts.allSatisfy(\.isToolResult)
        turn.role = meaning == .user && holdsResultsOnly ? .tool : meaning
        return turn
    }

    /// A string or an array of blocks.
    private static func decodeParts(_ reader: PromptReader, _ content: Int, band: Band) throws(WireError) -> [Part] {
        switch reader.kind(content) {
        case .string: return [Part(.text(reader.raw(content)), band: band)]
        case .array: break
        default: throw reader.malformed(content, "must be a string or an array of content blocks")
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

    @Sendable private static func decodeThinking(
        _ reader: PromptReader, _ node: Int
    ) throws(WireError) -> Part.Content {
        .thinking(
            Part.Thinking(
                texts: [try reader.requiredString("thinking", of: node)],
                signature: try reader.optionalString("signature", of: node)))
    }

    @Sendable private static func decodeRedacted(
        _ reader: PromptReader, _ node: Int
    ) throws(WireError) -> Part.Content {
        .thinking(Part.Thinking(texts: [], signature: try reader.requiredString("data", of: node), isRedacted: true))
    }

    @Sendable private static func decodeCall(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        let input = try reader.requiredMember("input", of: node)
        try reader.object(input)
        return .toolCall(
            Part.ToolCall(
                identifier: try reader.requiredString("id", of: node),
                name: try reader.requiredString("name", of: node), arguments: .object(reader.raw(input))))
    }

    @Sendable private static func decodeResult(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        var parts: [Part] = []
        if let content = reader.member("content", of: node), reader.kind(content) != .null {
            parts = try decodeParts(reader, content, band: .fold)
        }
        var isError: Bool?
        if let flag = reader.member("is_error", of: node) { isError = try reader.optionalBool(flag) }
        return .toolResult(
            Part.ToolResult(
                identifier: try reader.requiredString("tool_use_id", of: node), parts: parts, isError: isError))
    }

    private enum SourceKind: Sendable { case base64, url, file, text }
    private static let sourceKinds = WireTable<SourceKind>([
        ("base64", .base64), ("url", .url), ("file", .file), ("text", .text),
    ])

    @Sendable private static func decodeImage(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        let source = try reader.requiredMember("source", of: node)
        guard let location = try decodeLocation(reader, source) else {
            throw reader.malformed(source, "must be of type base64, url or file")
        }
        return .image(Part.Media(location))
    }

    /// A document whose source is made of blocks is its own dialect's only.
    @Sendable private static func decodeDocument(
        _ reader: PromptReader, _ node: Int
    ) throws(WireError) -> Part.Content {
        guard let location = try decodeLocation(reader, try reader.requiredMember("source", of: node)) else {
            return .foreign(type: try reader.requiredString("type", of: node), element: reader.raw(node))
        }
        return .file(Part.Media(location, name: try reader.optionalString("title", of: node)))
    }

    /// nil for a type of source this room does not know.
    private static func decodeLocation(
        _ reader: PromptReader, _ source: Int
    ) throws(WireError) -> Part.Media.Location? {
        try reader.object(source)
        switch reader.meaning(of: try reader.requiredMember("type", of: source), in: sourceKinds) {
        case .base64:
            return .base64(
                mediaType: try reader.requiredString("media_type", of: source),
                data: try reader.requiredString("data", of: source))
        case .url: return .url(try reader.requiredString("url", of: source))
        case .file: return .file(try reader.requiredString("file_id", of: source))
        case .text: return .text(try reader.requiredString("data", of: source))
        case nil: return nil
        }
    }

    // Tools

    private static let toolKeys = WireTable<Bool>([
        ("type", true), ("name", true), ("description", true), ("input_schema", true), ("strict", true),
        ("cache_control", true),
    ])

    private static func decodeTools(_ reader: PromptReader, _ list: Int) throws(WireError) -> [ToolDefinition] {
        guard reader.kind(list) != .null else { return [] }
        try reader.array(list)
        var tools: [ToolDefinition] = []
        for node in reader.children(of: list) { tools.append(try decodeTool(reader, node)) }
        return tools
    }

    /// A tool without type, or of type custom, is a function; every other type is one the provider knows.
    private static func decodeTool(_ reader: PromptReader, _ node: Int) throws(WireError) -> ToolDefinition {
        try reader.object(node)
        let element = reader.raw(node)
        if let type = reader.member("type", of: node), reader.kind(type) != .null, !reader.holds("custom", at: type) {
            return ToolDefinition(
                .builtIn(type: try reader.string(type)), name: try reader.optionalString("name", of: node),
                element: element)
        }
        var tool = ToolDefinition(
            .function(
                parameters: reader.optionalRaw("input_schema", of: node),
                strict: reader.optionalRaw("strict", of: node)),
            name: try reader.requiredString("name", of: node),
            description: try reader.optionalString("description", of: node), element: element)
        tool.cacheControl = reader.optionalRaw("cache_control", of: node)
        tool.unknown = reader.unknownMembers(of: node, known: toolKeys)
        return tool
    }
}

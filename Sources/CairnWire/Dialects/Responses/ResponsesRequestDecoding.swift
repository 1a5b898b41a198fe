// Reading /v1/responses requests (OpenAI API reference, create a response; namespaces and items as Codex sends them).

import CairnCore

/// The responses dialect's requests.
enum ResponsesCodec: PromptCodec {
    typealias PartDecoder = @Sendable (PromptReader, Int) throws(WireError) -> Part.Content
    typealias ItemDecoder = @Sendable (PromptReader, Int, inout Turn) throws(WireError) -> Void

    // The decode tables

    enum TopKey: Sendable { case model, instructions, input, tools }
    static let topKeys = WireTable<TopKey>([
        ("model", .model), ("instructions", .instructions), ("input", .input), ("tools", .tools),
    ])

    static let roles = WireTable<Turn.Role>([
        ("system", .system), ("developer", .developer), ("user", .user), ("assistant", .assistant),
    ])

    static let items = WireTable<ItemDecoder>([
        ("message", decodeMessage), ("reasoning", decodeReasoning), ("function_call", decodeFunctionCall),
        ("custom_tool_call", decodeCustomCall), ("function_call_output", decodeFunctionOutput),
        ("custom_tool_call_output", decodeCustomOutput),
    ])
    static let itemKeys = WireTable<Bool>([
        ("type", true), ("id", true), ("status", true), ("role", true), ("content", true), ("summary", true),
        ("encrypted_content", true), ("call_id", true), ("name", true), ("namespace", true), ("arguments", true),
        ("input", true), ("output", true),
    ])

    static let parts = WireTable<PartDecoder>([
        ("input_text", decodeText), ("output_text", decodeText), ("text", decodeText), ("refusal", decodeRefusal),
        ("input_image", decodeImage), ("input_file", decodeFile), ("input_audio", decodeAudio),
    ])
    static let partKeys = WireTable<Bool>([
        ("type", true), ("text", true), ("refusal", true), ("image_url", true), ("file_id", true), ("detail", true),
        ("file_data", true), ("file_url", true), ("filename", true), ("input_audio", true), ("annotations", true),
        ("logprobs", true),
    ])

    // Requests

    static func decode(_ source: SourceDocument) throws(WireError) -> Prompt {
        let reader = PromptReader(source: source)
        try reader.object(0)
        var prompt = Prompt(dialect: .responses, source: source)
        var instructions: Int?
        var input: Int?
        for member in reader.children(of: 0) {
            switch reader.meaning(ofKey: member, in: topKeys) {
            case .model: prompt.model = try reader.optionalString(member)
            case .instructions: instructions = member
            case .input: input = member
            case .tools: prompt.tools = try decodeTools(reader, member)
            case nil:
                if try !settings.read(member, of: reader, into: &prompt.settings) {
                    prompt.unknown.append(Prompt.Member(key: reader.key(member), value: reader.raw(member)))
                }
            }
        }
        guard let input else { throw reader.missing("input", in: 0) }
        prompt.turns.reserveCapacity(source.json[input].childCount + 1)
        if let instructions, let text = try reader.optionalString(instructions) {
            prompt.turns.append(Turn(.system, parts: [Part(.text(text), band: .pin)], element: text))
        }
        if reader.kind(input) == .string {
            let text = reader.raw(input)
            prompt.turns.append(Turn(.user, parts: [Part(.text(text))], element: text))
            return prompt
        }
        guard reader.kind(input) == .array else {
            throw reader.malformed(input, "must be a string or an array of items")
        }
        for item in reader.children(of: input) { prompt.turns.append(try decodeItem(reader, item)) }
        return prompt
    }

    /// An item without type is a message.
    private static func decodeItem(_ reader: PromptReader, _ item: Int) throws(WireError) -> Turn {
        try reader.object(item)
        var turn = Turn(.assistant, element: reader.raw(item))
        turn.identifier = try reader.optionalString("id", of: item)
        guard let type = reader.member("type", of: item) else {
            try decodeMessage(reader, item, &turn)
            turn.unknown = reader.unknownMembers(of: item, known: itemKeys)
            return turn
        }
        let typeText = try reader.string(type)
        guard let decoder = reader.meaning(of: type, in: items) else {
            // Of both sides: what a client ran ends in _output (local_shell_call_output), the rest is the model's.
            let isOutput = reader.source.withBytes(of: typeText) {
                $0.dropLast().suffix(7).elementsEqual("_output".utf8)
            }
            turn.role = isOutput ? .tool : .assistant
            let element = reader.raw(item)
            turn.parts = [Part(.foreign(type: typeText, element: element), element: element)]
            return turn
        }
        try decoder(reader, item, &turn)
        turn.unknown = reader.unknownMembers(of: item, known: itemKeys)
        return turn
    }

    // Items

    @Sendable private static func decodeMessage(
        _ reader: PromptReader, _ item: Int, _ turn: inout Turn
    ) throws(WireError) {
        let role = try reader.requiredMember("role", of: item)
        guard let meaning = reader.meaning(of: role, in: roles) else {
            throw reader.malformed(role, "must be user, assistant, system or developer")
        }
        turn.role = meaning
        let isInstruction = meaning == .system || meaning == .developer
        turn.parts = try decodeParts(
            reader, try reader.requiredMember("content", of: item), band: isInstruction ? .pin : .fold)
    }

    /// The thoughts themselves where a model shows them (`content`), else their summary.
    @Sendable private static func decodeReasoning(
        _ reader: PromptReader, _ item: Int, _ turn: inout Turn
    ) throws(WireError) {
        var texts: [RawJSON] = []
        for key in ["content", "summary"] as [StaticString] where texts.isEmpty {
            guard let list = reader.member(key, of: item), reader.kind(list) != .null else { continue }
            try reader.array(list)
            for node in reader.children(of: list) {
                try reader.object(node)
                texts.append(try reader.requiredString("text", of: node))
            }
        }
        let thinking = Part.Thinking(
            texts: texts, signature: try reader.optionalString("encrypted_content", of: item),
            identifier: turn.identifier)
        turn.parts = [Part(.thinking(thinking), element: reader.raw(item))]
    }

    @Sendable private static func decodeFunctionCall(
        _ reader: PromptReader, _ item: Int, _ turn: inout Turn
    ) throws(WireError) {
        try decodeCall(reader, item, .quoted(try reader.requiredString("arguments", of: item)), &turn)
    }

    @Sendable private static func decodeCustomCall(
        _ reader: PromptReader, _ item: Int, _ turn: inout Turn
    ) throws(WireError) {
        try decodeCall(reader, item, .freeform(try reader.requiredString("input", of: item)), &turn)
    }

    private static func decodeCall(
        _ reader: PromptReader, _ item: Int, _ arguments: Part.ToolCall.Arguments, _ turn: inout Turn
    ) throws(WireError) {
        var call = Part.ToolCall(
            identifier: try reader.requiredString("call_id", of: item),
            name: try reader.requiredString("name", of: item), arguments: arguments, itemIdentifier: turn.identifier)
        call.namespace = try reader.optionalString("namespace", of: item)
        turn.parts = [Part(.toolCall(call), element: reader.raw(item))]
    }

    @Sendable private static func decodeFunctionOutput(
        _ reader: PromptReader, _ item: Int, _ turn: inout Turn
    ) throws(WireError) {
        try decodeOutput(reader, item, isFreeform: false, &turn)
    }

    @Sendable private static func decodeCustomOutput(
        _ reader: PromptReader, _ item: Int, _ turn: inout Turn
    ) throws(WireError) {
        try decodeOutput(reader, item, isFreeform: true, &turn)
    }

    private static func decodeOutput(
        _ reader: PromptReader, _ item: Int, isFreeform: Bool, _ turn: inout Turn
    ) throws(WireError) {
        turn.role = .tool
        let output = try reader.requiredMember("output", of: item)
        let result = Part.ToolResult(
            identifier: try reader.requiredString("call_id", of: item),
            parts: try decodeParts(reader, output, band: .fold), isFreeform: isFreeform)
        turn.parts = [Part(.toolResult(result), element: reader.raw(item))]
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
        let detail = try reader.optionalString("detail", of: node)
        if let url = try reader.optionalString("image_url", of: node) {
            return .image(Part.Media(.url(url), detail: detail))
        }
        return .image(Part.Media(.file(try reader.requiredString("file_id", of: node)), detail: detail))
    }

    @Sendable private static func decodeFile(_ reader: PromptReader, _ node: Int) throws(WireError) -> Part.Content {
        let name = try reader.optionalString("filename", of: node)
        if let data = try reader.optionalString("file_data", of: node) {
            return .file(Part.Media(.url(data), name: name))
        }
        if let url = try reader.optionalString("file_url", of: node) { return .file(Part.Media(.url(url), name: name)) }
        return .file(Part.Media(.file(try reader.requiredString("file_id", of: node)), name: name))
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

    // Tools

    private enum ToolType: Sendable { case function, custom, namespace }
    private static let toolTypes = WireTable<ToolType>([
        ("function", .function), ("custom", .custom), ("namespace", .namespace),
    ])
    private static let toolKeys = WireTable<Bool>([
        ("type", true), ("name", true), ("description", true), ("parameters", true), ("strict", true), ("format", true),
    ])

    private static func decodeTools(_ reader: PromptReader, _ list: Int) throws(WireError) -> [ToolDefinition] {
        guard reader.kind(list) != .null else { return [] }
        try reader.array(list)
        var tools: [ToolDefinition] = []
        for node in reader.children(of: list) {
            try reader.object(node)
            let type = try reader.requiredMember("type", of: node)
            if reader.meaning(of: type, in: toolTypes) == .namespace {
                tools += try decodeNamespace(reader, node)
            } else {
                tools.append(try decodeTool(reader, node))
            }
        }
        return tools
    }

    private static func decodeNamespace(_ reader: PromptReader, _ node: Int) throws(WireError) -> [ToolDefinition] {
        let namespace = ToolDefinition.Namespace(
            name: try reader.requiredString("name", of: node),
            description: try reader.optionalString("description", of: node), element: reader.raw(node))
        let list = try reader.requiredMember("tools", of: node)
        try reader.array(list)
        var tools: [ToolDefinition] = []
        for child in reader.children(of: list) {
            try reader.object(child)
            var tool = try decodeTool(reader, child)
            tool.namespace = namespace
            tools.append(tool)
        }
        return tools
    }

    private static func decodeTool(_ reader: PromptReader, _ node: Int) throws(WireError) -> ToolDefinition {
        let type = try reader.requiredMember("type", of: node)
        let kind: ToolDefinition.Kind
        switch reader.meaning(of: type, in: toolTypes) {
        case .function:
            kind = .function(
                parameters: reader.optionalRaw("parameters", of: node), strict: reader.optionalRaw("strict", of: node))
        case .custom: kind = .custom(format: reader.optionalRaw("format", of: node))
        case .namespace: throw reader.malformed(node, "a namespace cannot stand in a namespace")
        case nil:
            return ToolDefinition(
                .builtIn(type: try reader.string(type)), name: try reader.optionalString("name", of: node),
                element: reader.raw(node))
        }
        var tool = ToolDefinition(
            kind, name: try reader.requiredString("name", of: node),
            description: try reader.optionalString("description", of: node), element: reader.raw(node))
        tool.unknown = reader.unknownMembers(of: node, known: toolKeys)
        return tool
    }
}

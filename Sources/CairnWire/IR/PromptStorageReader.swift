// Reading the serialised form of a prompt. Nothing in it is trusted: a span must be a value or a key of the source, and what
// encoders take apart as a string must be one.

import CairnCore

struct PromptStorageReader {
    private let reader: PromptReader
    private let source: SourceDocument
    /// Every value and key of the source, as start << 32 | end.
    private let spans: Set<UInt64>

    init(_ document: SourceDocument) throws(WireError) {
        reader = PromptReader(source: document)
        try reader.object(0)
        let version = try reader.requiredMember("cairn_prompt", of: 0)
        guard reader.source.withBytes(of: reader.raw(version), { $0.elementsEqual("\(Prompt.serializedVersion)".utf8) })
        else { throw reader.malformed(version, "is no version this program reads") }
        let body = try reader.requiredMember("source", of: 0)
        let bytes = document.withBytes(of: reader.raw(body)) { Array($0) }
        do { source = try SourceDocument(parsing: bytes) } catch {
            throw reader.malformed(body, "is no document of its own")
        }
        var spans: Set<UInt64> = []
        for node in 0..<source.json.nodeCount {
            spans.insert(Self.pack(source.json.range(of: node)))
            let key = source.json.keyRange(of: node)
            if key.upperBound > 0 { spans.insert(Self.pack(key.lowerBound - 1..<key.upperBound + 1)) }
        }
        self.spans = spans
    }

    private static func pack(_ range: Range<Int>) -> UInt64 {
        UInt64(range.lowerBound) << 32 | UInt64(range.upperBound)
    }

    mutating func read() throws(WireError) -> Prompt {
        let dialectNode = try reader.requiredMember("dialect", of: 0)
        guard let dialect = Dialect.allCases.first(where: { reader.spells($0.name, at: dialectNode) }) else {
            throw reader.malformed(dialectNode, "must be chat, responses or messages")
        }
        var prompt = Prompt(dialect: dialect, source: source)
        prompt.model = try text("model", of: 0)
        try each("tools", of: 0) { (node) throws(WireError) in prompt.tools.append(try tool(node)) }
        try each("turns", of: 0) { (node) throws(WireError) in prompt.turns.append(try turn(node)) }
        if let settings = reader.member("settings", of: 0) { prompt.settings = try self.settings(settings) }
        prompt.unknown = try members("unknown", of: 0)
        return prompt
    }

    // Pieces

    private func each(
        _ key: StaticString, of node: Int, _ body: (Int) throws(WireError) -> Void
    ) throws(WireError) {
        guard let list = reader.member(key, of: node) else { return }
        try reader.array(list)
        for child in reader.children(of: list) { try body(child) }
    }

    private func numbers(_ node: Int, count: Int) throws(WireError) -> [Int] {
        try reader.array(node)
        var numbers: [Int] = []
        for child in reader.children(of: node) {
            let value = reader.source.withBytes(of: reader.raw(child)) { UInt32(String(decoding: $0, as: UTF8.self)) }
            guard let value else { throw reader.malformed(child, "must be a whole number") }
            numbers.append(Int(value))
        }
        guard numbers.count == count else { throw reader.malformed(node, "must have \(count) numbers") }
        return numbers
    }

    private func value(_ node: Int) throws(WireError) -> RawJSON {
        if reader.kind(node) == .object {
            return reader.source.detached(reader.raw(try reader.requiredMember("made", of: node)))
        }
        let ends = try numbers(node, count: 2)
        guard ends[0] < ends[1], spans.contains(Self.pack(ends[0]..<ends[1])) else {
            throw reader.malformed(node, "is no value of the source")
        }
        return RawJSON(ends[0]..<ends[1])
    }

    private func value(_ key: StaticString, of node: Int) throws(WireError) -> RawJSON? {
        guard let member = reader.member(key, of: node) else { return nil }
        return try value(member)
    }

    private func value(_ node: Int, startingWith byte: UInt8, _ complaint: String) throws(WireError) -> RawJSON {
        let value = try value(node)
        guard source.withBytes(of: value, { $0.first == byte }) else { throw reader.malformed(node, complaint) }
        return value
    }

    private func text(_ node: Int) throws(WireError) -> RawJSON {
        try value(node, startingWith: UInt8(ascii: "\""), "must be a string of the source")
    }

    private func text(_ key: StaticString, of node: Int) throws(WireError) -> RawJSON? {
        guard let member = reader.member(key, of: node) else { return nil }
        return try text(member)
    }

    private func requiredText(_ key: StaticString, of node: Int) throws(WireError) -> RawJSON {
        try text(try reader.requiredMember(key, of: node))
    }

    private func flag(_ key: StaticString, of node: Int) throws(WireError) -> Bool? {
        guard let member = reader.member(key, of: node) else { return nil }
        return try reader.optionalBool(member)
    }

    private func named<Case>(
        _ key: StaticString, of node: Int, in table: [(StaticString, Case)]
    ) throws(WireError) -> Case {
        let member = try reader.requiredMember(key, of: node)
        guard let entry = table.first(where: { reader.holds($0.0, at: member) }) else {
            throw reader.malformed(member, "is no word this program knows")
        }
        return entry.1
    }

    private func member(_ node: Int) throws(WireError) -> Prompt.Member {
        try reader.array(node)
        let children = Array(reader.children(of: node))
        guard children.count == 2 else { throw reader.malformed(node, "must be a key and a value") }
        return Prompt.Member(key: try text(children[0]), value: try value(children[1]))
    }

    private func members(_ key: StaticString, of node: Int) throws(WireError) -> [Prompt.Member] {
        var members: [Prompt.Member] = []
        try each(key, of: node) { (child) throws(WireError) in members.append(try member(child)) }
        return members
    }

    // Tools

    private enum ToolKind { case function, custom, builtIn }
    private static let toolKinds: [(StaticString, ToolKind)] = [
        ("function", .function), ("custom", .custom), ("built_in", .builtIn),
    ]

    private func tool(_ node: Int) throws(WireError) -> ToolDefinition {
        try reader.object(node)
        let kind: ToolDefinition.Kind
        switch try named("kind", of: node, in: Self.toolKinds) {
        case .function:
            kind = .function(parameters: try value("parameters", of: node), strict: try value("strict", of: node))
        case .custom: kind = .custom(format: try value("format", of: node))
        case .builtIn: kind = .builtIn(type: try requiredText("type", of: node))
        }
        var tool = ToolDefinition(
            kind, name: try text("name", of: node), description: try text("description", of: node),
            element: try value("element", of: node))
        if let namespace = reader.member("namespace", of: node) {
            tool.namespace = ToolDefinition.Namespace(
                name: try requiredText("name", of: namespace), description: try text("description", of: namespace),
                element: try value("element", of: namespace))
        }
        tool.cacheControl = try value("cache_control", of: node)
        tool.unknown = try members("unknown", of: node)
        return tool
    }

    // Turns

    private func turn(_ node: Int) throws(WireError) -> Turn {
        try reader.object(node)
        var turn = Turn(
            try named("role", of: node, in: StoredNames.roles), parts: try parts(of: node),
            element: try value("element", of: node))
        turn.name = try text("name", of: node)
        turn.identifier = try text("identifier", of: node)
        turn.unknown = try members("unknown", of: node)
        return turn
    }

    private func parts(of node: Int) throws(WireError) -> [Part] {
        var parts: [Part] = []
        try each("parts", of: node) { (child) throws(WireError) in parts.append(try part(child)) }
        return parts
    }

    private func part(_ node: Int) throws(WireError) -> Part {
        try reader.object(node)
        var part = Part(
            try content(node), band: try named("band", of: node, in: StoredNames.bands),
            element: try value("element", of: node))
        try each("volatile", of: node) { (child) throws(WireError) in
            part.volatileSpans.append(try span(child, in: part))
        }
        part.cacheControl = try value("cache_control", of: node)
        part.unknown = try members("unknown", of: node)
        return part
    }

    private func span(_ node: Int, in part: Part) throws(WireError) -> VolatileSpan {
        let numbers = try numbers(node, count: 3)
        let length = part.text.map { source.withBytes(of: $0) { $0.count } } ?? 0
        guard let kind = UInt8(exactly: numbers[0]).flatMap(VolatileSpan.Kind.init), numbers[1] >= 1,
            numbers[1] <= numbers[2], numbers[2] < length
        else { throw reader.malformed(node, "is no stretch of the part's text") }
        return VolatileSpan(kind, UInt32(numbers[1])..<UInt32(numbers[2]))
    }

    private enum PartKind { case text, refusal, thinking, image, audio, file, toolCall, toolResult, foreign }
    private static let partKinds: [(StaticString, PartKind)] = [
        ("text", .text), ("refusal", .refusal), ("thinking", .thinking), ("image", .image), ("audio", .audio),
        ("file", .file), ("tool_call", .toolCall), ("tool_result", .toolResult), ("foreign", .foreign),
    ]

    private func content(_ node: Int) throws(WireError) -> Part.Content {
        switch try named("kind", of: node, in: Self.partKinds) {
        case .text: return .text(try requiredText("text", of: node))
        case .refusal: return .refusal(try requiredText("text", of: node))
        case .thinking: return .thinking(try thinking(node))
        case .image: return .image(try media(node))
        case .audio: return .audio(try media(node))
        case .file: return .file(try media(node))
        case .toolCall: return .toolCall(try call(node))
        case .toolResult:
            return .toolResult(
                Part.ToolResult(
                    identifier: try requiredText("identifier", of: node), parts: try parts(of: node),
                    isError: try flag("is_error", of: node), isFreeform: try flag("freeform", of: node) ?? false))
        case .foreign:
            return .foreign(
                type: try requiredText("type", of: node),
                element: try value(try reader.requiredMember("value", of: node)))
        }
    }

    private func thinking(_ node: Int) throws(WireError) -> Part.Thinking {
        var thinking = Part.Thinking(
            texts: [], signature: try text("signature", of: node), identifier: try text("identifier", of: node),
            isRedacted: try flag("redacted", of: node) ?? false)
        try each("texts", of: node) { (child) throws(WireError) in thinking.texts.append(try text(child)) }
        return thinking
    }

    private func media(_ node: Int) throws(WireError) -> Part.Media {
        let location: Part.Media.Location
        if let url = try text("url", of: node) {
            location = .url(url)
        } else if let file = try text("file", of: node) {
            location = .file(file)
        } else if let text = try text("text", of: node) {
            location = .text(text)
        } else {
            location = .base64(
                mediaType: try requiredText("media_type", of: node), data: try requiredText("data", of: node))
        }
        return Part.Media(location, detail: try text("detail", of: node), name: try text("name", of: node))
    }

    private func call(_ node: Int) throws(WireError) -> Part.ToolCall {
        let arguments: Part.ToolCall.Arguments
        if let object = reader.member("object", of: node) {
            arguments = .object(try value(object, startingWith: UInt8(ascii: "{"), "must be an object of the source"))
        } else if let text = try text("freeform", of: node) {
            arguments = .freeform(text)
        } else {
            arguments = .quoted(try requiredText("quoted", of: node))
        }
        var call = Part.ToolCall(
            identifier: try requiredText("identifier", of: node), name: try requiredText("name", of: node),
            arguments: arguments, itemIdentifier: try text("item", of: node))
        call.namespace = try text("namespace", of: node)
        return call
    }

    // Settings

    private func settings(_ node: Int) throws(WireError) -> PromptSettings {
        try reader.object(node)
        var settings = PromptSettings()
        try each("scalars", of: node) { (child) throws(WireError) in
            let pair = Array(reader.children(of: child))
            guard pair.count == 2,
                let number = reader.source.withBytes(
                    of: reader.raw(pair[0]), { UInt8(String(decoding: $0, as: UTF8.self)) }),
                let name = PromptSettings.Name(rawValue: number)
            else { throw reader.malformed(child, "is no setting this program knows") }
            settings[name] =
                Self.isText(name) ? try text(pair[1]) : try value(pair[1])
        }
        settings.stop = try value("stop", of: node)
        settings.toolChoice = try choice(node)
        settings.allowsParallelCalls = try flag("allows_parallel_calls", of: node)
        settings.format = try format(node)
        if let reasoning = reader.member("reasoning", of: node) { settings.reasoning = try self.reasoning(reasoning) }
        settings.includesUsage = try flag("includes_usage", of: node)
        settings.cacheControl = try value("cache_control", of: node)
        try each("spelled", of: node) { (child) throws(WireError) in
            let pair = Array(reader.children(of: child))
            guard pair.count == 2,
                let fields = reader.source.withBytes(
                    of: reader.raw(pair[0]), { UInt64(String(decoding: $0, as: UTF8.self)) })
            else { throw reader.malformed(child, "must be fields and a member") }
            settings.remember(try member(pair[1]), as: PromptSettings.Fields(rawValue: fields))
        }
        try each("unread", of: node) { (child) throws(WireError) in
            _ = try reader.string(child)
            settings.unread.append(reader.source.text(of: reader.raw(child)) ?? "?")
        }
        return settings
    }

    /// Scalars that encoders take apart as strings.
    private static func isText(_ name: PromptSettings.Name) -> Bool {
        switch name {
        case .user, .safetyIdentifier, .serviceTier: true
        default: false
        }
    }

    private enum ChoiceKind { case automatic, none, required, named, custom, foreign }
    private static let choiceKinds: [(StaticString, ChoiceKind)] = [
        ("automatic", .automatic), ("none", .none), ("required", .required), ("named", .named), ("custom", .custom),
        ("foreign", .foreign),
    ]

    private func choice(_ settings: Int) throws(WireError) -> ToolChoice? {
        guard let node = reader.member("tool_choice", of: settings) else { return nil }
        try reader.object(node)
        switch try named("kind", of: node, in: Self.choiceKinds) {
        case .automatic: return .automatic
        case .none: return ToolChoice.none
        case .required: return .required
        case .named: return .named(try requiredText("name", of: node), isCustom: false)
        case .custom: return .named(try requiredText("name", of: node), isCustom: true)
        case .foreign: return .foreign(try value(try reader.requiredMember("value", of: node)))
        }
    }

    private enum FormatKind { case text, jsonObject, jsonSchema, foreign }
    private static let formatKinds: [(StaticString, FormatKind)] = [
        ("text", .text), ("json_object", .jsonObject), ("json_schema", .jsonSchema), ("foreign", .foreign),
    ]

    private func format(_ settings: Int) throws(WireError) -> PromptSettings.OutputFormat? {
        guard let node = reader.member("format", of: settings) else { return nil }
        try reader.object(node)
        switch try named("kind", of: node, in: Self.formatKinds) {
        case .text: return .text
        case .jsonObject: return .jsonObject
        case .foreign: return .foreign(try value(try reader.requiredMember("value", of: node)))
        case .jsonSchema:
            return .jsonSchema(
                name: try text("name", of: node), schema: try value(try reader.requiredMember("schema", of: node)),
                strict: try value("strict", of: node), description: try text("description", of: node))
        }
    }

    private func reasoning(_ node: Int) throws(WireError) -> PromptSettings.Reasoning {
        try reader.object(node)
        var reasoning = PromptSettings.Reasoning(
            effort: try text("effort", of: node), budget: try value("budget", of: node),
            summary: try text("summary", of: node))
        if reader.member("mode", of: node) != nil {
            reasoning.mode = try named("mode", of: node, in: StoredNames.modes)
        }
        return reasoning
    }
}

extension PromptReader {
    /// Whether the string `node` is `text`, which has no escapes.
    func spells(_ text: String, at node: Int) -> Bool {
        kind(node) == .string && source.withBytes(of: raw(node)) { $0.dropFirst().dropLast().elementsEqual(text.utf8) }
    }
}

// The serialised form of a prompt (docs/ir.md): the client's body as it came, and beside it what this room made of it, as
// spans of the body. Each byte of the client's stands once, and what is untouched leaves as it came after a round trip.
// Canonical: one order of members, no white space of our own, so that equal prompts have equal bytes.
//
// Used by `cairn context convert`, export and import. Not hot.

import CairnCore

extension Prompt {
    /// Raised when a member changes its meaning; members that are only added keep it.
    static let serializedVersion = 1

    /// The serialised form.
    public func serialized() -> [UInt8] {
        var writer = PromptStorageWriter(source: source)
        writer.write(self)
        return writer.out.copyBytes()
    }

    /// Reads a serialised form.
    /// - Throws: `notJSON`; `malformed` with the path of what this version does not know or what names no value of the
    ///   source.
    public init(serialized bytes: [UInt8]) throws(WireError) {
        let document: SourceDocument
        do { document = try SourceDocument(parsing: bytes) } catch {
            throw WireError(.notJSON, at: "", "a serialised prompt is JSON: \(error)")
        }
        var reader = try PromptStorageReader(document)
        self = try reader.read()
    }
}

// Names of the form. An enum's case has the name its table says; the names are stored.

enum StoredNames {
    static let roles: [(StaticString, Turn.Role)] = [
        ("system", .system), ("developer", .developer), ("user", .user), ("assistant", .assistant), ("tool", .tool),
    ]
    static let bands: [(StaticString, Band)] = [("pin", .pin), ("fold", .fold), ("drop", .drop)]
    static let modes: [(StaticString, PromptSettings.Reasoning.Mode)] = [
        ("off", .off), ("on", .on), ("adaptive", .adaptive),
    ]

    static func name<Case: Equatable>(of value: Case, in table: [(StaticString, Case)]) -> StaticString {
        guard let entry = table.first(where: { $0.1 == value }) else { preconditionFailure("every case has a name") }
        return entry.0
    }
}

/// Writes the form.
private struct PromptStorageWriter: ~Copyable {
    var out: ByteWriter
    let source: SourceDocument
    /// Where the body's value starts in the source: spans count from there.
    let origin: Int

    init(source: SourceDocument) {
        self.source = source
        let range = source.json.range(of: 0)
        origin = range.lowerBound
        out = ByteWriter(capacity: range.count * 2 + 256)
    }

    mutating func write(_ prompt: Prompt) {
        out.append("{\"cairn_prompt\":")
        out.append(decimal: Prompt.serializedVersion)
        word("dialect", prompt.dialect.name)
        key("source")
        out.append(RawJSON(source.json.range(of: 0)), of: source)
        value("model", prompt.model)
        list("tools", prompt.tools) { $0.write($1) }
        list("turns", prompt.turns) { $0.write($1) }
        key("settings")
        write(prompt.settings)
        members("unknown", prompt.unknown)
        out.append("}")
    }

    // Pieces

    private mutating func separate() {
        if let last = out.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "["), last != UInt8(ascii: ":") {
            out.append(",")
        }
    }

    private mutating func key(_ key: StaticString) {
        separate()
        out.append("\"")
        out.append(key)
        out.append("\":")
    }

    private mutating func word(_ key: StaticString, _ word: String) {
        self.key(key)
        out.append(quoted: word)
    }

    private mutating func word(_ key: StaticString, _ word: StaticString) { self.word(key, "\(word)") }

    private mutating func flag(_ key: StaticString, _ flag: Bool?) {
        guard let flag else { return }
        self.key(key)
        out.append(flag ? "true" : "false")
    }

    /// `[start,end]` of the body, or `{"made":value}`.
    private mutating func value(_ value: RawJSON) {
        separate()
        switch value {
        case .source(let start, let end):
            out.append("[")
            out.append(decimal: Int(start) - origin)
            out.append(",")
            out.append(decimal: Int(end) - origin)
            out.append("]")
        case .made(let bytes):
            out.append("{\"made\":")
            out.append(bytes)
            out.append("}")
        }
    }

    private mutating func value(_ key: StaticString, _ value: RawJSON?) {
        guard let value else { return }
        self.key(key)
        self.value(value)
    }

    private mutating func list<Element>(
        _ key: StaticString, _ elements: [Element], _ write: (inout PromptStorageWriter, Element) -> Void
    ) {
        guard !elements.isEmpty else { return }
        self.key(key)
        out.append("[")
        for element in elements {
            separate()
            write(&self, element)
        }
        out.append("]")
    }

    private mutating func members(_ key: StaticString, _ members: [Prompt.Member]) {
        list(key, members) { $0.write($1) }
    }

    private mutating func write(_ member: Prompt.Member) {
        out.append("[")
        value(member.key)
        value(member.value)
        out.append("]")
    }

    // Tools

    private mutating func write(_ tool: ToolDefinition) {
        out.append("{")
        switch tool.kind {
        case .function(let parameters, let strict):
            word("kind", "function")
            value("parameters", parameters)
            value("strict", strict)
        case .custom(let format):
            word("kind", "custom")
            value("format", format)
        case .builtIn(let type):
            word("kind", "built_in")
            value("type", type)
        }
        value("name", tool.name)
        value("description", tool.description)
        if let namespace = tool.namespace {
            key("namespace")
            out.append("{")
            value("name", namespace.name)
            value("description", namespace.description)
            value("element", namespace.element)
            out.append("}")
        }
        value("cache_control", tool.cacheControl)
        value("element", tool.element)
        members("unknown", tool.unknown)
        out.append("}")
    }

    // Turns

    private mutating func write(_ turn: Turn) {
        out.append("{")
        word("role", StoredNames.name(of: turn.role, in: StoredNames.roles))
        value("name", turn.name)
        value("identifier", turn.identifier)
        list("parts", turn.parts) { $0.write($1) }
        value("element", turn.element)
        members("unknown", turn.unknown)
        out.append("}")
    }

    private mutating func write(_ part: Part) {
        out.append("{")
        write(part.content)
        word("band", StoredNames.name(of: part.band, in: StoredNames.bands))
        list("volatile", part.volatileSpans) { writer, span in
            writer.out.append("[")
            writer.out.append(decimal: Int(span.kind.rawValue))
            writer.out.append(",")
            writer.out.append(decimal: Int(span.range.lowerBound))
            writer.out.append(",")
            writer.out.append(decimal: Int(span.range.upperBound))
            writer.out.append("]")
        }
        value("cache_control", part.cacheControl)
        value("element", part.element)
        members("unknown", part.unknown)
        out.append("}")
    }

    private mutating func write(_ content: Part.Content) {
        switch content {
        case .text(let text):
            word("kind", "text")
            value("text", text)
        case .refusal(let text):
            word("kind", "refusal")
            value("text", text)
        case .thinking(let thinking):
            word("kind", "thinking")
            list("texts", thinking.texts) { $0.value($1) }
            value("signature", thinking.signature)
            value("identifier", thinking.identifier)
            if thinking.isRedacted { flag("redacted", true) }
        case .image(let media): write(media, "image")
        case .audio(let media): write(media, "audio")
        case .file(let media): write(media, "file")
        case .toolCall(let call): write(call)
        case .toolResult(let result):
            word("kind", "tool_result")
            value("identifier", result.identifier)
            list("parts", result.parts) { $0.write($1) }
            flag("is_error", result.isError)
            if result.isFreeform { flag("freeform", true) }
        case .foreign(let type, let element):
            word("kind", "foreign")
            value("type", type)
            value("value", element)
        }
    }

    private mutating func write(_ media: Part.Media, _ kind: StaticString) {
        word("kind", kind)
        switch media.location {
        case .url(let url): value("url", url)
        case .base64(let mediaType, let data):
            value("media_type", mediaType)
            value("data", data)
        case .file(let identifier): value("file", identifier)
        case .text(let text): value("text", text)
        }
        value("detail", media.detail)
        value("name", media.name)
    }

    private mutating func write(_ call: Part.ToolCall) {
        word("kind", "tool_call")
        value("identifier", call.identifier)
        value("name", call.name)
        value("namespace", call.namespace)
        switch call.arguments {
        case .quoted(let text): value("quoted", text)
        case .object(let object): value("object", object)
        case .freeform(let text): value("freeform", text)
        }
        value("item", call.itemIdentifier)
    }

    // Settings

    private mutating func write(_ settings: PromptSettings) {
        out.append("{")
        list("scalars", settings.scalars) { writer, scalar in
            writer.out.append("[")
            writer.out.append(decimal: Int(scalar.name.rawValue))
            writer.value(scalar.value)
            writer.out.append("]")
        }
        value("stop", settings.stop)
        write(settings.toolChoice)
        flag("allows_parallel_calls", settings.allowsParallelCalls)
        write(settings.format)
        if let reasoning = settings.reasoning {
            key("reasoning")
            out.append("{")
            if let mode = reasoning.mode { word("mode", StoredNames.name(of: mode, in: StoredNames.modes)) }
            value("effort", reasoning.effort)
            value("budget", reasoning.budget)
            value("summary", reasoning.summary)
            out.append("}")
        }
        flag("includes_usage", settings.includesUsage)
        value("cache_control", settings.cacheControl)
        list("spelled", settings.spelled) { writer, spelled in
            writer.out.append("[")
            writer.out.append(decimal: spelled.fields.rawValue)
            writer.separate()
            writer.write(spelled.member)
            writer.out.append("]")
        }
        list("unread", settings.unread) { $0.out.append(quoted: $1) }
        out.append("}")
    }

    private mutating func write(_ choice: ToolChoice?) {
        guard let choice else { return }
        key("tool_choice")
        out.append("{")
        switch choice {
        case .automatic: word("kind", "automatic")
        case .none: word("kind", "none")
        case .required: word("kind", "required")
        case .named(let name, let isCustom):
            word("kind", isCustom ? "custom" : "named")
            value("name", name)
        case .foreign(let element):
            word("kind", "foreign")
            value("value", element)
        }
        out.append("}")
    }

    private mutating func write(_ format: PromptSettings.OutputFormat?) {
        guard let format else { return }
        key("format")
        out.append("{")
        switch format {
        case .text: word("kind", "text")
        case .jsonObject: word("kind", "json_object")
        case .jsonSchema(let name, let schema, let strict, let description):
            word("kind", "json_schema")
            value("name", name)
            value("schema", schema)
            value("strict", strict)
            value("description", description)
        case .foreign(let element):
            word("kind", "foreign")
            value("value", element)
        }
        out.append("}")
    }
}

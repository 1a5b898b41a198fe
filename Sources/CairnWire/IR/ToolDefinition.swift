// Tools as the client offers them to the model, and the client's choice among them.

/// One tool of a request.
public struct ToolDefinition: Sendable {
    public enum Kind: Sendable {
        /// A function with a JSON schema (any type; nil if none was given) and the `strict` flag.
        case function(parameters: RawJSON?, strict: RawJSON?)
        /// A freeform tool (Codex `apply_patch`); `format` is an object or nil.
        case custom(format: RawJSON?)
        /// A tool the provider runs itself (`web_search`, `bash_20250124`): passed where the upstream knows the type.
        case builtIn(type: RawJSON)
    }

    /// A group of tools under one name (Codex: an MCP server). The tools of one stand side by side.
    public struct Namespace: Sendable, Hashable {
        public var name: RawJSON
        public var description: RawJSON?
        /// The whole group in the source; nil when a tool of it was changed.
        public var element: RawJSON?

        public init(name: RawJSON, description: RawJSON? = nil, element: RawJSON? = nil) {
            self.name = name
            self.description = description
            self.element = element
        }
    }

    public var kind: Kind
    /// A JSON string; nil only for built-in tools without one.
    public var name: RawJSON?
    public var description: RawJSON?
    /// A responses namespace the tool stands in, whose name precedes its own.
    public var namespace: Namespace?
    public var cacheControl: RawJSON?
    /// The whole element in the source; nil for a tool that was made.
    public var element: RawJSON?
    public var unknown: [Prompt.Member]

    public init(_ kind: Kind, name: RawJSON?, description: RawJSON? = nil, element: RawJSON? = nil) {
        self.kind = kind
        self.name = name
        self.description = description
        self.element = element
        unknown = []
    }
}

/// Which tool the model must, may or must not use.
public enum ToolChoice: Sendable {
    case automatic
    case none
    /// Some tool (`required`, Anthropic's `any`).
    case required
    /// This one; its name, and whether it is a custom tool.
    case named(RawJSON, isCustom: Bool)
    /// A spelling of one dialect without a counterpart (`allowed_tools`, built-in types): the whole value.
    case foreign(RawJSON)
}

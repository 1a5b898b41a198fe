// Everything of a request that is not tools and turns. Scalars that only change their key between dialects are one table;
// what changes its shape has a field of its own.

/// The settings of one request.
public struct PromptSettings: Sendable {
    /// A value that each dialect spells alike, under its own key or under none.
    public enum Name: UInt8, Sendable, CaseIterable {
        case maxOutputTokens = 1
        case temperature
        case topP
        case topK
        case minP
        case seed
        case user
        case safetyIdentifier
        case metadata
        case serviceTier
        case frequencyPenalty
        case presencePenalty
        case logitBias
        case logProbabilities
        case topLogProbabilities
        case choiceCount
        case store
        case promptCacheKey
        case promptCacheRetention
        case previousResponse
        case conversation
        case truncation
        case include
        case verbosity
        case stream
    }

    /// The scalars the client gave, in its order; each name at most once (the last of duplicate keys).
    public private(set) var scalars: [(name: Name, value: RawJSON)] = []
    /// Stop sequences: an array of strings, or one string.
    public var stop: RawJSON?
    public var toolChoice: ToolChoice?
    /// False: one tool call a turn (Anthropic's disable_parallel_tool_use turned round).
    public var allowsParallelCalls: Bool?
    public var format: OutputFormat?
    public var reasoning: Reasoning?
    /// The client wants a last event with usage (chat's stream_options.include_usage).
    public var includesUsage: Bool?
    /// Anthropic's top-level cache_control.
    public var cacheControl: RawJSON?

    public init() {}

    public subscript(name: Name) -> RawJSON? {
        get { scalars.first { $0.name == name }?.value }
        set {
            scalars.removeAll { $0.name == name }
            if let newValue { scalars.append((name, newValue)) }
        }
    }

    public enum OutputFormat: Sendable {
        case text
        case jsonObject
        /// `schema` is an object, `strict` a boolean, the others strings.
        case jsonSchema(name: RawJSON?, schema: RawJSON, strict: RawJSON?, description: RawJSON?)
        /// Of one dialect only (grammars): the whole value.
        case foreign(RawJSON)
    }

    /// How much the model shall think, and what it shows of it.
    public struct Reasoning: Sendable {
        public enum Amount: Sendable {
            /// Anthropic's `{"type": "disabled"}`, effort "none".
            case off
            /// A word (JSON string): minimal, low, medium, high, xhigh, max.
            case effort(RawJSON)
            /// A number of tokens.
            case budget(RawJSON)
            /// The model decides (Anthropic's adaptive).
            case adaptive
        }

        public var amount: Amount?
        /// Responses' `summary`: auto, concise, detailed.
        public var summary: RawJSON?
        /// The client's own value, for the same dialect and for what the fields above cannot say.
        public var element: RawJSON?

        public init(_ amount: Amount? = nil, summary: RawJSON? = nil, element: RawJSON? = nil) {
            self.amount = amount
            self.summary = summary
            self.element = element
        }
    }
}

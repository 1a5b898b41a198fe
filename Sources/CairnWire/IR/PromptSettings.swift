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

    /// What a member of a request was read into.
    public struct Fields: OptionSet, Sendable, Hashable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }

        public static let stop = Fields(rawValue: 1 << 32)
        public static let toolChoice = Fields(rawValue: 1 << 33)
        public static let parallelCalls = Fields(rawValue: 1 << 34)
        public static let format = Fields(rawValue: 1 << 35)
        public static let reasoning = Fields(rawValue: 1 << 36)
        public static let usage = Fields(rawValue: 1 << 37)
        public static let cacheControl = Fields(rawValue: 1 << 38)

        /// The bit of a scalar: one of the lower 32.
        public init(_ name: Name) { rawValue = 1 << UInt64(name.rawValue) }
    }

    /// A member as the client spelled it, and the fields that were read from it.
    public struct Spelled: Sendable {
        public var fields: Fields
        public var member: Prompt.Member
    }

    /// The scalars the client gave, in its order; each name at most once (the last of duplicate keys).
    public private(set) var scalars: [(name: Name, value: RawJSON)] = []
    /// Stop sequences: an array of strings, or one string.
    public var stop: RawJSON? { didSet { forget(.stop) } }
    public var toolChoice: ToolChoice? { didSet { forget(.toolChoice) } }
    /// False: one tool call a turn (Anthropic's disable_parallel_tool_use turned round).
    public var allowsParallelCalls: Bool? { didSet { forget(.parallelCalls) } }
    public var format: OutputFormat? { didSet { forget(.format) } }
    public var reasoning: Reasoning? { didSet { forget(.reasoning) } }
    /// The client wants a last event with usage (chat's stream_options.include_usage).
    public var includesUsage: Bool? { didSet { forget(.usage) } }
    /// Anthropic's top-level cache_control.
    public var cacheControl: RawJSON? { didSet { forget(.cacheControl) } }
    /// The members the fields above were read from, in the client's order. The same dialect copies them; whoever changes a
    /// field makes its member forgotten, and the field is written from its value.
    public private(set) var spelled: [Spelled] = []
    /// Members inside settings that this room does not know (`output_config.task_budget`): only the spelled form has them.
    public var unread: [String] = []

    public init() {}

    public subscript(name: Name) -> RawJSON? {
        get { scalars.first { $0.name == name }?.value }
        set {
            scalars.removeAll { $0.name == name }
            if let newValue { scalars.append((name, newValue)) }
            forget(Fields(name))
        }
    }

    private mutating func forget(_ fields: Fields) {
        spelled.removeAll { !$0.fields.isDisjoint(with: fields) }
    }

    /// Says that `fields` were read from `member`. Called after the fields are set.
    mutating func remember(_ member: Prompt.Member, as fields: Fields) {
        spelled.append(Spelled(fields: fields, member: member))
    }

    /// Puts back what was spelled, after fields were set that share a member.
    mutating func restore(_ earlier: [Spelled]) { spelled = earlier }

    public enum OutputFormat: Sendable {
        case text
        case jsonObject
        /// `schema` is an object, `strict` a boolean, the others strings.
        case jsonSchema(name: RawJSON?, schema: RawJSON, strict: RawJSON?, description: RawJSON?)
        /// Of one dialect only (grammars): the whole value.
        case foreign(RawJSON)
    }

    /// How much the model shall think, and what it shows of it. A nil field leaves it to the provider.
    public struct Reasoning: Sendable {
        public enum Mode: UInt8, Sendable, CaseIterable {
            /// No thinking (Anthropic's `disabled`, effort "none").
            case off = 1
            /// Thinking (Anthropic's `enabled`).
            case on
            /// The model decides (Anthropic's `adaptive`).
            case adaptive
        }

        public var mode: Mode?
        /// A word (JSON string): minimal, low, medium, high, xhigh, max.
        public var effort: RawJSON?
        /// A number of tokens.
        public var budget: RawJSON?
        /// What is shown: responses' `summary` (auto, concise, detailed), Anthropic's `display` (summarized, omitted).
        public var summary: RawJSON?

        public init(mode: Mode? = nil, effort: RawJSON? = nil, budget: RawJSON? = nil, summary: RawJSON? = nil) {
            self.mode = mode
            self.effort = effort
            self.budget = budget
            self.summary = summary
        }
    }
}

// The intermediate representation of one request: what the model is asked with, whatever the dialect it was spelled in.
// Views over the client's bytes plus annotations; nothing of the content is converted.
//
//     chat      {"messages":[S, U, A, T], "tools":[...], "temperature":0.2}
//     messages  {"system":[...], "messages":[U, A, U], ...}             ──decode──▶  Prompt  ──encode──▶  any of the three
//     responses {"instructions":"", "input":[U, R, F, O], ...}
//
// Read by the dialects' encoders, by harness recognition (bands), by the lineage and the strategies; written to disk in the
// form that docs/ir.md describes.

/// One request, engine-agnostic.
public struct Prompt: Sendable {
    /// The dialect it was read from.
    public var dialect: Dialect
    /// The bytes its views look at.
    public let source: SourceDocument
    /// The model's name as the client spelled it (a JSON string); nil if it named none.
    public var model: RawJSON?
    public var tools: [ToolDefinition]
    /// System and developer turns that stand before everything else come first; later ones stay where they stood.
    public var turns: [Turn]
    public var settings: PromptSettings
    /// Members this room does not know, in their order; a same-dialect encoder passes them, others drop and count them.
    public var unknown: [Member]

    public init(dialect: Dialect, source: SourceDocument) {
        self.dialect = dialect
        self.source = source
        tools = []
        turns = []
        settings = PromptSettings()
        unknown = []
    }

    /// A member of an object that has no place of its own in the IR.
    public struct Member: Sendable, Hashable {
        /// The key's JSON string, with quotes.
        public var key: RawJSON
        public var value: RawJSON

        public init(key: RawJSON, value: RawJSON) {
            self.key = key
            self.value = value
        }
    }
}

/// One message of a conversation, or one item of a responses input: exactly one element of the client's array, or one
/// top-level system prompt.
public struct Turn: Sendable {
    public enum Role: UInt8, Sendable, CaseIterable {
        case system = 1
        case developer = 2
        case user = 3
        case assistant = 4
        /// Tool results only.
        case tool = 5
    }

    public var role: Role
    public var parts: [Part]
    /// A participant's name (`name` of a chat message).
    public var name: RawJSON?
    /// The identifier of a responses item or of an assistant message.
    public var identifier: RawJSON?
    /// The whole element in the source; nil for a turn that was made. Same-dialect encoding copies it.
    public var element: RawJSON?
    /// Members of the element this room does not know.
    public var unknown: [Prompt.Member]

    public init(_ role: Role, parts: [Part] = [], element: RawJSON? = nil) {
        self.role = role
        self.parts = parts
        self.element = element
        unknown = []
    }
}

/// How long a part stays true, given at birth (design section 1). The order of bands in a prompt is pin, fold, drop.
public enum Band: UInt8, Sendable, CaseIterable, Comparable {
    /// Tools and system: as long as the session.
    case pin = 0
    /// History and tool results: as long as they are worth it.
    case fold = 1
    /// Clocks, working directory, git status, process numbers: this call only.
    case drop = 2

    public static func < (one: Band, other: Band) -> Bool { one.rawValue < other.rawValue }
}

// The parts of a turn. One enum, so that a dialect's encoder has one table entry for each case and the compiler names the
// one that is missing.

/// One piece of a turn.
public struct Part: Sendable {
    public var content: Content
    public var band: Band
    /// Stretches of a text that are true for this call only. In order, apart, inside the value's quotes.
    public var volatileSpans: [VolatileSpan]
    /// Anthropic's cache_control object on this part, as the client wrote it.
    public var cacheControl: RawJSON?
    /// The part's own element in the source; nil where a string stands for the only part, or the part was made.
    public var element: RawJSON?
    /// Members of the element this room does not know (citations, annotations, ...).
    public var unknown: [Prompt.Member]

    public init(_ content: Content, band: Band = .fold, element: RawJSON? = nil) {
        self.content = content
        self.band = band
        self.element = element
        volatileSpans = []
        unknown = []
    }

    /// What a part says. Every RawJSON is a JSON string, unless another type is named.
    public enum Content: Sendable {
        case text(RawJSON)
        case refusal(RawJSON)
        case thinking(Thinking)
        case image(Media)
        case audio(Media)
        case file(Media)
        case toolCall(ToolCall)
        case toolResult(ToolResult)
        /// A part of one dialect without a counterpart in others (server tool use, web search results, item references):
        /// its element (any type) is passed in the same dialect and dropped, counted, in others.
        case foreign(type: RawJSON, element: RawJSON)
    }

    /// What the model thought, as far as the provider shows it.
    public struct Thinking: Sendable {
        /// The thoughts in order: one for chat and messages, a summary's pieces for responses.
        public var texts: [RawJSON]
        /// Opaque proof or cipher text the provider wants back unchanged: Anthropic's `signature` or redacted `data`,
        /// OpenAI's `encrypted_content`; or the carrying form of another dialect's (``CarriedThinking``).
        public var signature: RawJSON?
        /// The identifier of a responses reasoning item.
        public var identifier: RawJSON?
        /// Anthropic's redacted_thinking: no text, only the signature.
        public var isRedacted: Bool

        public init(texts: [RawJSON], signature: RawJSON? = nil, identifier: RawJSON? = nil, isRedacted: Bool = false) {
            self.texts = texts
            self.signature = signature
            self.identifier = identifier
            self.isRedacted = isRedacted
        }
    }

    /// An image, a sound or a document.
    public struct Media: Sendable {
        public enum Location: Sendable {
            /// May be a `data:` URL, as chat and responses spell bytes.
            case url(RawJSON)
            /// `data` is base64 without a prefix; a media type, or for sound a format (`wav`).
            case base64(mediaType: RawJSON, data: RawJSON)
            /// The provider's identifier of an uploaded file.
            case file(RawJSON)
            /// Plain text of a document.
            case text(RawJSON)
        }

        public var location: Location
        /// `detail` of an image.
        public var detail: RawJSON?
        /// File name or title.
        public var name: RawJSON?

        public init(_ location: Location, detail: RawJSON? = nil, name: RawJSON? = nil) {
            self.location = location
            self.detail = detail
            self.name = name
        }
    }

    public struct ToolCall: Sendable {
        public enum Arguments: Sendable {
            /// A JSON string whose text is the arguments (chat, responses); may be no JSON at all.
            case quoted(RawJSON)
            /// The arguments themselves: a JSON object (messages).
            case object(RawJSON)
            /// A JSON string: the input of a custom (freeform) tool.
            case freeform(RawJSON)
        }

        /// What the result refers to (`call_id` in responses).
        public var identifier: RawJSON
        public var name: RawJSON
        /// The namespace of the tool called (responses).
        public var namespace: RawJSON?
        public var arguments: Arguments
        /// The responses item's own `id`.
        public var itemIdentifier: RawJSON?

        public init(identifier: RawJSON, name: RawJSON, arguments: Arguments, itemIdentifier: RawJSON? = nil) {
            self.identifier = identifier
            self.name = name
            self.arguments = arguments
            self.itemIdentifier = itemIdentifier
        }
    }

    public struct ToolResult: Sendable {
        /// Whose result it is.
        public var identifier: RawJSON
        /// Texts, images and files in order. One text if the client gave a string.
        public var parts: [Part]
        /// Told by the client (Anthropic's is_error); nil if it did not say.
        public var isError: Bool?
        /// The result of a custom (freeform) tool call.
        public var isFreeform: Bool

        public init(identifier: RawJSON, parts: [Part], isError: Bool? = nil, isFreeform: Bool = false) {
            self.identifier = identifier
            self.parts = parts
            self.isError = isError
            self.isFreeform = isFreeform
        }
    }
}

/// A stretch of a text that changes from call to call and carries no instruction.
public struct VolatileSpan: Sendable, Hashable {
    /// What it tells. The raw values are stored: never change their meaning.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case clock = 1
        case date = 2
        case workingDirectory = 3
        case gitStatus = 4
        case environment = 5
        case process = 6
        case randomIdentifier = 7
        /// A harness's own per-call block (Claude Code's system-reminder and the like).
        case reminder = 8
    }

    public var kind: Kind
    /// Bytes within the text's JSON string, counted from its opening quote (1 is the first character); whole escapes.
    public var range: Range<UInt32>

    public init(_ kind: Kind, _ range: Range<UInt32>) {
        self.kind = kind
        self.range = range
    }
}

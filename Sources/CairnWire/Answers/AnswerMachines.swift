// The doors of a dialect's answer side: a reader and a writer, both machines over values, fed without sockets.

import CairnCore

/// Turns a dialect's answer into answer events. One value for one answer.
protocol AnswerReader: Sendable {
    /// One event of a stream.
    mutating func read(_ event: borrowing EventStreamScanner.Event, _ emit: (AnswerEvent) -> Void)
    /// The stream is over. Emits what is still open; a stream that ends before its answer does emits no `ended`, and no
    /// reason is made up.
    mutating func finish(_ emit: (AnswerEvent) -> Void)
    /// A whole answer, not streamed; the same events, one delta a part.
    /// - Throws: `notJSON`, `malformed`.
    mutating func read(_ document: borrowing JSONDocument, _ emit: (AnswerEvent) -> Void) throws(WireError)
}

/// Turns answer events into a dialect's stream. One value for one answer.
protocol AnswerWriter: Sendable {
    mutating func write(_ event: AnswerEvent, to out: inout ByteWriter)
    /// Whether the last event of the dialect was written.
    var hasEnded: Bool { get }
}

/// What a translator of answers must know of the request they answer.
public struct AnswerContext: Sendable {
    /// The model the client asked for, which the answer names: a JSON string; nil: the upstream's own name.
    public var model: RawJSON?
    /// Chat: the client wants the last event with usage.
    public var includesUsage: Bool
    /// Seconds since 1970, for `created`.
    public var createdSeconds: Int64
    /// 128 unguessable bits the caller drew for this call: identifiers the client's dialect wants and the upstream's lacks
    /// are made of them.
    public var nonce: (UInt64, UInt64)
    /// Names of the client's custom (freeform) tools, as JSON strings: calls of them go back freeform.
    public var freeformTools: [RawJSON]
    /// Top-level members of the client's request that a responses object repeats (`instructions`, `tools`, ...).
    public var echo: [Prompt.Member]
    /// The document the raw values above look at.
    public var source: SourceDocument
    /// What in a text means something else.
    public var markup: Markup

    /// Markup of some models that the gateway reads out of the text.
    public struct Markup: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// `<think> ... </think>` is thinking.
        public static let thinkTags = Markup(rawValue: 1)
        /// DeepSeek's tool-call markup (DSML) is tool calls.
        public static let deepSeekToolCalls = Markup(rawValue: 2)
    }

    public init(source: SourceDocument, createdSeconds: Int64, nonce: (UInt64, UInt64)) {
        self.source = source
        self.createdSeconds = createdSeconds
        self.nonce = nonce
        includesUsage = false
        freeformTools = []
        echo = []
        markup = []
    }
}

// The doors of a dialect's answer side: a reader and a writer, both machines over values, fed without sockets.

import CairnCore

/// Turns a dialect's answer into answer events. One value for one answer.
protocol AnswerReader: Sendable {
    /// What the answer held that no event can tell.
    var losses: LossList { get }
    /// One event of a stream. `tape` is the translator's; its content means nothing before and after the call.
    mutating func read(
        _ event: borrowing EventStreamScanner.Event, _ tape: inout JSONTape, _ emit: (AnswerEvent) -> Void)
    /// The stream is over. Ends what is still open; a stream that ends before its answer does emits no `ended`, and no
    /// reason is made up.
    mutating func finish(_ emit: (AnswerEvent) -> Void)
    /// A whole answer, not streamed; the same events, one delta a part.
    /// - Throws: `malformed`.
    mutating func read(document tape: borrowing JSONTape, _ emit: (AnswerEvent) -> Void) throws(WireError)
}

/// Turns answer events into a dialect's stream, or all of them into its whole answer. One value for one answer.
protocol AnswerWriter: Sendable {
    init(_ form: AnswerForm)
    /// What the events told that the dialect has no place for.
    var losses: LossList { get }
    /// Why the writer gave up: a named limit was exceeded. The stream then ends with the dialect's error event.
    var failure: AnswerFailure? { get }
    /// Whether the last event of the dialect was written.
    var hasEnded: Bool { get }
    mutating func write(_ event: AnswerEvent, to out: inout ByteWriter)
    /// The whole answer as one JSON document.
    mutating func write(document draft: borrowing AnswerDraft, to out: inout ByteWriter)
}

/// What a translator of answers must know of the request they answer.
public struct AnswerContext: Sendable {
    /// The model the client asked for, which the answer names: a JSON string; nil: the upstream's own name.
    public var model: RawJSON?
    /// Chat: the client wants the last event with usage.
    public var includesUsage: Bool
    /// Seconds since 1970, for `created`.
    public var createdSeconds: Int64
    /// 128 unguessable bits the caller drew for this call: identifiers the client's dialect wants and the upstream's
    /// lacks are made of them.
    public var nonce: (UInt64, UInt64)
    /// Tools that were sent upstream in another way than the client offers them: calls of them are turned back.
    public var changedTools: [ChangedTool]
    /// Top-level members of the client's request that a responses object repeats (`instructions`, `tools`, ...).
    public var echo: [Prompt.Member]
    /// The document the raw values above look at.
    public var source: SourceDocument
    /// What in a text means something else.
    public var markup: Markup

    /// A tool of the client and what became of it in the request.
    public struct ChangedTool: Sendable {
        /// The name it was sent under: a JSON string, as are the two below.
        public var sentName: RawJSON
        public var name: RawJSON
        /// The responses namespace it stands in.
        public var namespace: RawJSON?
        /// A custom tool that was sent as a function with the one string argument `input`.
        public var isFreeform: Bool

        public init(sentName: RawJSON, name: RawJSON, namespace: RawJSON? = nil, isFreeform: Bool) {
            self.sentName = sentName
            self.name = name
            self.namespace = namespace
            self.isFreeform = isFreeform
        }
    }

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
        changedTools = []
        echo = []
        markup = []
    }
}

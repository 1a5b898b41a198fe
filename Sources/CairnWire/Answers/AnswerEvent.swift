// An answer as it comes, in words that all dialects share. A dialect's reader makes these out of its wire events,
// filters may rewrite them (tags in text that mean thinking or tool calls), a dialect's writer makes its own wire
// events of them.
//
//     upstream bytes ─▶ EventStreamScanner ─▶ AnswerReader ─▶ AnswerEvent ─▶ (filters) ─▶ AnswerWriter ─▶ client bytes
//
// Workload: 20 to 100 events a second and call, at most 2 us each; a delta's text is a view that is never unescaped.

/// One step of an answer. Buffers are views, valid during the call that shows the event. A *content* is what stands
/// between the quotes of a JSON string, still escaped.
public enum AnswerEvent {
    /// The provider began to answer. `identifier` and `model` are contents; `createdSeconds` since 1970, where the
    /// dialect tells; usage is what it reported so far.
    case started(
        identifier: UnsafeRawBufferPointer?, model: UnsafeRawBufferPointer?, createdSeconds: Int?, usage: WireUsage?)
    /// A part begins. Indexes count from 0 in the order of beginning; several parts may be open at once.
    case partStarted(index: Int, AnswerPart)
    /// More of a part's text, thinking, refusal or arguments.
    case delta(index: Int, content: UnsafeRawBufferPointer)
    /// The opaque proof of a thinking part: a content.
    case signature(index: Int, content: UnsafeRawBufferPointer)
    case partEnded(index: Int)
    /// What the provider reports; later values replace earlier ones member by member.
    case usage(WireUsage)
    /// Why the model stopped. `stopSequence` is a content.
    case stopped(FinishReason, stopSequence: UnsafeRawBufferPointer?)
    /// The answer is whole; nothing follows.
    case ended
    /// The provider reports an error instead of going on; nothing follows.
    case failed(AnswerFailure)
    /// A sign of life without meaning.
    case ping
}

/// What a part of an answer is, at its beginning.
public enum AnswerPart {
    case text
    case refusal
    /// `isRedacted`: only a signature will come. `identifier`: a responses item's, a content.
    case thinking(isRedacted: Bool, identifier: UnsafeRawBufferPointer?)
    /// Contents all: identifier (empty: the provider gave none), name, and the namespace of the client's tool, if it
    /// has one. `isFreeform`: the deltas are a custom tool's input and no JSON arguments.
    case toolCall(
        identifier: UnsafeRawBufferPointer, name: UnsafeRawBufferPointer, namespace: UnsafeRawBufferPointer?,
        isFreeform: Bool)
    /// A part only its dialect has (server tool use, search results): its type, a content. No deltas come of it.
    case foreign(type: UnsafeRawBufferPointer)
}

/// Why a model stopped, in every dialect's words.
public enum FinishReason: UInt8, Sendable, CaseIterable {
    /// It had nothing more to say.
    case stop = 1
    case maxTokens
    case toolCalls
    case stopSequence
    case contentFilter
    /// Anthropic's pause_turn: the client shall send the turn back to go on.
    case pause
    case refusal
    /// The context window is full.
    case contextWindow
}

/// Tokens an answer reports. nil: not reported. `input` counts everything the model read, cached or not.
public struct WireUsage: Sendable, Hashable {
    public var input: Int?
    /// Of `input`: read from the provider's cache.
    public var cached: Int?
    /// Of `input`: written to a cache that lives five minutes, and one hour (Anthropic).
    public var cacheWrite5Minutes: Int?
    public var cacheWrite1Hour: Int?
    public var output: Int?
    /// Of `output`: thinking.
    public var reasoning: Int?

    public init() {}

    /// Whether anything was reported.
    public var isReported: Bool { self != WireUsage() }

    /// Of `input`: written to a cache, however long it lives; nil: not reported.
    public var cacheWrite: Int? {
        guard cacheWrite5Minutes != nil || cacheWrite1Hour != nil else { return nil }
        return (cacheWrite5Minutes ?? 0).addingClamped(cacheWrite1Hour ?? 0)
    }

    /// Read and written together.
    public var total: Int { (input ?? 0).addingClamped(output ?? 0) }

    /// Takes over what `newer` reports.
    public mutating func merge(_ newer: WireUsage) {
        input = newer.input ?? input
        cached = newer.cached ?? cached
        cacheWrite5Minutes = newer.cacheWrite5Minutes ?? cacheWrite5Minutes
        cacheWrite1Hour = newer.cacheWrite1Hour ?? cacheWrite1Hour
        output = newer.output ?? output
        reasoning = newer.reasoning ?? reasoning
    }
}

extension Int {
    /// Counts come from outside: their sum stops at the largest number instead of trapping.
    func addingClamped(_ more: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(more)
        return overflow ? (more < 0 ? .min : .max) : sum
    }
}

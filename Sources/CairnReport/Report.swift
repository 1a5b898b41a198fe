// What the calls of a period were worth, in values. `ReportBuilder` makes it from records, the renderers show it.

import CairnContext
import CairnLedger

/// Sums and findings over calls. All lists are in the order in which they are shown.
public struct Report: Equatable, Sendable {
    /// Sums under one name.
    public struct Group: Equatable, Sendable {
        public var name: String
        public var sum: LedgerSum
    }

    /// Breaks of the prefix with one cause.
    public struct Breaks: Equatable, Sendable {
        public var reason: PrefixBreak
        public var count = 0
        /// Bytes and tokens that the prompt before had and this one did not extend.
        public var lostBytes = 0
        public var lostTokens = 0
        /// What sending them as misses instead of hits cost, over the breaks with a known price.
        public var cost = Money.zero
        public var unpricedCount = 0
    }

    /// Calls out of whose prefix the same kinds of volatile text were kept.
    public struct Moved: Equatable, Sendable {
        /// `clock` or `clock, process`.
        public var kinds: String
        public var callCount = 0
        public var saved = Money.zero
        public var unpricedCount = 0
        /// What was saved, as if the period had 30 days.
        public var monthly = Money.zero
    }

    public struct Session: Equatable, Sendable {
        public var id: SessionIdentifier
        public var harness: String
        public var model: String
        public var sum: LedgerSum
        public var breakCount = 0
        /// Over the breaks with a known price.
        public var breakCost = Money.zero
        public var unpricedBreakCount = 0
        public var lostBytes = 0
    }

    public var sum = LedgerSum()
    public var sessionCount = 0
    /// Calls of which no usage was reported: failed ones, for instance. They are in no sum.
    public var unreportedCallCount = 0
    /// When the first and the last call began; nil without calls.
    public var period: ClosedRange<Moment>?
    /// Bytes of prompts that followed another one, and how many of them extended it: as emitted, and as the clients sent it.
    public var followingBytes = 0
    public var commonBytes = 0
    public var commonBytesAsSent = 0
    /// By what was billed, the most first.
    public var models: [Group] = []
    public var harnesses: [Group] = []
    /// The oldest first; days without calls are left out.
    public var days: [Group] = []
    /// The dearest first.
    public var breaks: [Breaks] = []
    public var moved: [Moved] = []
    public var errors = PredictionErrors()
    /// Strategies that the guard switched off in the period, the newest first.
    public var switches: [StrategySwitch] = []
    /// The sessions that lost most by breaks.
    public var worstSessions: [Session] = []

    public init() {}
}

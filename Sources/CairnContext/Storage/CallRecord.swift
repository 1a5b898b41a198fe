// A finished call: its place in the lineage, the proof of its prefix, and its line of the ledger.

import CairnCore

/// What is kept of a call. Appended once, when the call has ended.
public struct CallRecord: Equatable, Sendable {
    /// How far the emitted prompt extends the one before, and why not further.
    public struct Prefix: Equatable, Sendable {
        /// Bytes in common with the previous call of the branch.
        public var commonBytes: UInt64
        public var commonTokens: UInt64
        /// The same of the prompt as the client sent it.
        public var commonBytesAsSent: UInt64
        /// The caller's number for the reason of the break; 0: none. Stored: it must never change its meaning.
        public var breakCode: Int
        /// The break in words, without prompt text; empty: none.
        public var breakText: String
        /// Names of the kinds of volatile text that were kept out of the prefix, sorted, with commas between; empty: none.
        public var movedKinds: String

        public init(
            commonBytes: UInt64, commonTokens: UInt64, commonBytesAsSent: UInt64, breakCode: Int, breakText: String,
            movedKinds: String
        ) {
            self.commonBytes = commonBytes
            self.commonTokens = commonTokens
            self.commonBytesAsSent = commonBytesAsSent
            self.breakCode = breakCode
            self.breakText = breakText
            self.movedKinds = movedKinds
        }
    }

    /// Dollars in units of 1e-9; nil: unknown, which is not zero.
    public struct Cost: Equatable, Sendable {
        public var billedNanodollars: Int64?
        public var predictedNanodollars: Int64?
        /// What the client's own request would have cost.
        public var untouchedNanodollars: Int64?
        public var predictedHitTokens: Int64?
        public var reportedHitTokens: Int64?

        public init(
            billedNanodollars: Int64?, predictedNanodollars: Int64?, untouchedNanodollars: Int64?,
            predictedHitTokens: Int64?, reportedHitTokens: Int64?
        ) {
            self.billedNanodollars = billedNanodollars
            self.predictedNanodollars = predictedNanodollars
            self.untouchedNanodollars = untouchedNanodollars
            self.predictedHitTokens = predictedHitTokens
            self.reportedHitTokens = reportedHitTokens
        }
    }

    /// As in the header `x-cairn-call`.
    public var id: String
    public var session: SessionIdentifier
    /// The link the call's prompt ends at.
    public var chain: Fingerprint
    /// Nanoseconds since 1970.
    public var startedNanoseconds: UInt64
    public var mode: String
    public var model: String
    public var upstream: String
    public var requestBytes: UInt64
    public var emittedBytes: UInt64
    public var prefix: Prefix
    /// The blob with the tools as they were sent; nil: there were none.
    public var tools: Fingerprint?
    /// The proof of the call before in the session; `Fingerprint.lineageStart`: there was none.
    public var previousProof: Fingerprint
    /// Chained: the proof of the call before is folded in.
    public var proof: Fingerprint
    /// The usage object as the upstream sent it; nil: none was reported.
    public var usage: [UInt8]?
    public var cost: Cost
    /// The HTTP status that the client got; 0: none.
    public var status: Int
    public var outcome: String

    public init(
        id: String, session: SessionIdentifier, chain: Fingerprint, startedNanoseconds: UInt64, mode: String,
        model: String, upstream: String, requestBytes: UInt64, emittedBytes: UInt64, prefix: Prefix,
        tools: Fingerprint?, previousProof: Fingerprint, proof: Fingerprint, usage: [UInt8]?, cost: Cost, status: Int,
        outcome: String
    ) {
        self.id = id
        self.session = session
        self.chain = chain
        self.startedNanoseconds = startedNanoseconds
        self.mode = mode
        self.model = model
        self.upstream = upstream
        self.requestBytes = requestBytes
        self.emittedBytes = emittedBytes
        self.prefix = prefix
        self.tools = tools
        self.previousProof = previousProof
        self.proof = proof
        self.usage = usage
        self.cost = cost
        self.status = status
        self.outcome = outcome
    }
}

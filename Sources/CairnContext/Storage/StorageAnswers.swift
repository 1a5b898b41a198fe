// What questions to the storage are answered with, where a record alone does not do.

import CairnCore

/// The longest part of a conversation that is known.
public struct KnownPrefix: Equatable, Sendable {
    /// Which of the asked digests it is.
    public var index: Int
    public var link: LinkRecord

    public init(index: Int, link: LinkRecord) {
        self.index = index
        self.link = link
    }
}

/// The links from a root to a link, in the order of the conversation.
public struct LineagePath: Equatable, Sendable {
    public var links: [LinkRecord]
    /// False: it does not begin at a root, because a link was lost or the path is longer than the storage gives.
    public var isComplete: Bool

    public init(links: [LinkRecord], isComplete: Bool) {
        self.links = links
        self.isComplete = isComplete
    }
}

/// Words to look for in the texts of turns.
public struct TurnSearch: Equatable, Sendable {
    /// Plain words; no character has a meaning of its own.
    public var words: String
    /// True: a turn must have all of them. False: any will do.
    public var needsAll: Bool
    /// Only turns first seen in this session; nil: in all.
    public var session: SessionIdentifier?
    public var hitsMax: Int

    public init(words: String, needsAll: Bool, session: SessionIdentifier?, hitsMax: Int) {
        self.words = words
        self.needsAll = needsAll
        self.session = session
        self.hitsMax = hitsMax
    }
}

/// A turn that was found.
public struct TurnHit: Equatable, Sendable {
    public var chain: Fingerprint
    public var session: SessionIdentifier
    public var position: Int
    /// Larger is better; comparable within one answer.
    public var score: Double
    /// The part of the text around the words.
    public var excerpt: String

    public init(chain: Fingerprint, session: SessionIdentifier, position: Int, score: Double, excerpt: String) {
        self.chain = chain
        self.session = session
        self.position = position
        self.score = score
        self.excerpt = excerpt
    }
}

/// Sums over calls. Each sum of dollars or hits covers the calls that know the value.
public struct CallTotals: Equatable, Sendable {
    public var calls: Int64
    public var requestBytes: Int64
    public var emittedBytes: Int64
    public var commonPrefixTokens: Int64
    public var billedNanodollars: Int64
    public var predictedNanodollars: Int64
    public var untouchedNanodollars: Int64
    public var predictedHitTokens: Int64
    public var reportedHitTokens: Int64
    /// Calls without a known bill.
    public var unbilledCalls: Int64

    public init(
        calls: Int64, requestBytes: Int64, emittedBytes: Int64, commonPrefixTokens: Int64, billedNanodollars: Int64,
        predictedNanodollars: Int64, untouchedNanodollars: Int64, predictedHitTokens: Int64, reportedHitTokens: Int64,
        unbilledCalls: Int64
    ) {
        self.calls = calls
        self.requestBytes = requestBytes
        self.emittedBytes = emittedBytes
        self.commonPrefixTokens = commonPrefixTokens
        self.billedNanodollars = billedNanodollars
        self.predictedNanodollars = predictedNanodollars
        self.untouchedNanodollars = untouchedNanodollars
        self.predictedHitTokens = predictedHitTokens
        self.reportedHitTokens = reportedHitTokens
        self.unbilledCalls = unbilledCalls
    }
}

/// A part of a long list: records never move, so what was skipped stays skipped.
public struct StoragePage: Equatable, Sendable {
    public var skip: Int
    /// At most so many, and never more than the storage's own bound for one answer.
    public var count: Int

    public init(skip: Int = 0, count: Int) {
        self.skip = skip
        self.count = count
    }
}

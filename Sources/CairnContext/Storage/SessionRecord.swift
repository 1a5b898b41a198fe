// A session: one conversation of one harness, with what was decided for it when it began.

import CairnCore

/// 16 random bytes that name a session. The caller draws them.
public struct SessionIdentifier: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension SessionIdentifier: CustomStringConvertible {
    /// 32 hexadecimal digits: how users name a session.
    public var description: String { Fingerprint(high: high, low: low).description }

    /// From 32 hexadecimal digits; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

/// What is kept of a session. Written when it begins and never changed.
public struct SessionRecord: Equatable, Sendable {
    public var id: SessionIdentifier
    /// The chain digest of its first link.
    public var root: Fingerprint
    public var harness: String
    public var provider: String
    public var dialect: String
    public var model: String
    /// What the prompt tells of the project, a working directory for instance; empty: nothing.
    public var projectHint: String
    /// Nanoseconds since 1970.
    public var createdNanoseconds: UInt64
    /// The facts frozen for the session, in the caller's form; nil: none.
    public var frozenFacts: [UInt8]?
    /// Names and versions of the strategies that the session stays with.
    public var strategyVersions: String

    public init(
        id: SessionIdentifier, root: Fingerprint, harness: String, provider: String, dialect: String, model: String,
        projectHint: String, createdNanoseconds: UInt64, frozenFacts: [UInt8]?, strategyVersions: String
    ) {
        self.id = id
        self.root = root
        self.harness = harness
        self.provider = provider
        self.dialect = dialect
        self.model = model
        self.projectHint = projectHint
        self.createdNanoseconds = createdNanoseconds
        self.frozenFacts = frozenFacts
        self.strategyVersions = strategyVersions
    }
}

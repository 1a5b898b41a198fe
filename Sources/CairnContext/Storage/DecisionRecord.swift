// A decision to send something else than the client sent: which rule, for what, at which price. A marker's handle leads
// here, and from here to the original bytes.

import CairnCore

/// One part that was shortened.
public struct DecisionRecord: Equatable, Sendable {
    /// What the marker in the prompt shows. The same part may be decided on more than once.
    public var handle: String
    public var session: SessionIdentifier
    /// The link of the turn that holds the part.
    public var chain: Fingerprint
    /// The place of the part in its turn as the client sent it.
    public var partIndex: Int
    public var strategy: String
    public var strategyVersion: Int
    /// The digest of the part's text as the model would have read it; the text is in the turn that the link keeps.
    public var original: Fingerprint
    /// The digest of the text that was sent in its place.
    public var emitted: Fingerprint
    /// Why, in words and without prompt text.
    public var reason: String
    /// What the decision was thought to save, in dollars times 1e9; negative: what it costs.
    public var priceNanodollars: Int64
    /// Nanoseconds since 1970: when the call that decided it began, and so the time of the links it brought.
    public var wallNanoseconds: UInt64

    public init(
        handle: String, session: SessionIdentifier, chain: Fingerprint, partIndex: Int, strategy: String,
        strategyVersion: Int, original: Fingerprint, emitted: Fingerprint, reason: String, priceNanodollars: Int64,
        wallNanoseconds: UInt64
    ) {
        self.handle = handle
        self.session = session
        self.chain = chain
        self.partIndex = partIndex
        self.strategy = strategy
        self.strategyVersion = strategyVersion
        self.original = original
        self.emitted = emitted
        self.reason = reason
        self.priceNanodollars = priceNanodollars
        self.wallNanoseconds = wallNanoseconds
    }
}

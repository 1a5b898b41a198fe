// A node of a lineage. A conversation is the path from a root to one of its links; branches, retries and forks share
// the links of their common part, because a link is named by everything before it.
//
//     lineageStart <- A <- B <- C          call 1 ends at C
//                          ^---- D <- E    call 2, after the client edited its third turn, ends at E

import CairnCore

/// One turn at its place in a lineage, with what was sent upstream for it.
public struct LinkRecord: Equatable, Sendable {
    /// The chained digest of all turns up to this one: the name of the link.
    public var chain: Fingerprint
    /// The link before; `Fingerprint.lineageStart` for a root.
    public var parent: Fingerprint
    /// The session in which the link was first seen.
    public var session: SessionIdentifier
    /// Turns before this one.
    public var position: Int
    /// The digest of the turn's meaning: what the harness jitters does not count.
    public var turn: Fingerprint
    /// The blob with the turn as the client sent it, when first seen.
    public var raw: Fingerprint
    /// The blob with what was sent upstream; nil: `raw` was.
    public var emission: Fingerprint?
    /// The caller's number for the role; stored, so it must never change its meaning.
    public var role: UInt8
    /// Nanoseconds since 1970.
    public var wallNanoseconds: UInt64
    /// Bytes emitted for this turn and all before it.
    public var cumulativeBytes: UInt64
    /// Tokens of the same.
    public var cumulativeTokens: UInt64
    /// Frozen facts from this link on, in the context's form; nil: those of the link before.
    public var state: [UInt8]?

    public init(
        chain: Fingerprint, parent: Fingerprint, session: SessionIdentifier, position: Int, turn: Fingerprint,
        raw: Fingerprint, emission: Fingerprint?, role: UInt8, wallNanoseconds: UInt64, cumulativeBytes: UInt64,
        cumulativeTokens: UInt64, state: [UInt8]? = nil
    ) {
        self.chain = chain
        self.parent = parent
        self.session = session
        self.position = position
        self.turn = turn
        self.raw = raw
        self.emission = emission
        self.role = role
        self.wallNanoseconds = wallNanoseconds
        self.cumulativeBytes = cumulativeBytes
        self.cumulativeTokens = cumulativeTokens
        self.state = state
    }

    /// The blob with the bytes that went upstream.
    public var emitted: Fingerprint { emission ?? raw }
}

/// The plain text of a link's turn, for search. Cut by the storage where it is too long.
public struct TurnText: Equatable, Sendable {
    public var chain: Fingerprint
    public var text: String

    public init(chain: Fingerprint, text: String) {
        self.chain = chain
        self.text = text
    }
}

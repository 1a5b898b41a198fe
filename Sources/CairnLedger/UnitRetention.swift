// UnitRetention.swift: how often DeepSeek really holds the unit of the last call when the next one comes. In recorded
// sessions of 10 April 2026 it held 50 of 100, call by call like a coin, and the other calls read the unit of an
// earlier one; on 11 and 13 April it held 99 of 100. Nothing visible to a client tells which call loses, so the share
// is measured as calls are answered, and goes with the account from session to session.

/// The measured share of units that were there for the next call: an average that forgets, starting from all.
public struct UnitRetention: Hashable, Sendable {
    /// Parts per thousand.
    public private(set) var keptPermille = 1000

    public init() {}

    mutating func observe(isKept: Bool) {
        keptPermille += ((isKept ? 1000 : 0) - keptPermille) / 8
    }
}

// PredictedUsage.swift: what a cache model says of a call before it is sent. Ledger lines compare it with the bill; the
// epoch planner weighs it.

/// The tokens of a call as predicted.
public struct PredictedUsage: Hashable, Sendable {
    /// The forecast for this one call; `output` is 0.
    public internal(set) var usage: TokenUsage
    /// Tokens hit if the provider holds the newest unit that this prompt shares with an earlier one.
    public let freshHitTokens: Int
    /// Tokens hit if it lost that unit: those it was last seen to hold. Equal to the former where nothing gets lost.
    public let heldHitTokens: Int
    /// The share of units held lately, in parts per thousand.
    public let keptPermille: Int

    /// The mean over both cases. One call is not it, but a sum over many comes closest to it: what is added up, and
    /// what the planner weighs, is this.
    public var expected: TokenUsage {
        usage(hitTokens: heldHitTokens + (freshHitTokens - heldHitTokens) * keptPermille / 1000)
    }

    /// What became of the newest unit.
    public enum UnitOutcome: Sendable {
        case kept
        case lost
        /// The two cases are the same, or the provider does not say.
        case unknown
    }

    /// - Parameter reportedHitTokens: of the provider's usage; nil if it does not say.
    public func outcome(reportedHitTokens: Int?) -> UnitOutcome {
        guard let reportedHitTokens, freshHitTokens > heldHitTokens else { return .unknown }
        if reportedHitTokens >= freshHitTokens { return .kept }
        return reportedHitTokens <= heldHitTokens ? .lost : .unknown
    }

    /// The usage in a world where the newest unit had this outcome.
    ///
    /// The path not taken is priced with the outcome of the real call: both paths then had the same luck, and what
    /// remains between them is Cairn's doing.
    public func assuming(_ outcome: UnitOutcome) -> TokenUsage {
        switch outcome {
        case .kept: usage(hitTokens: freshHitTokens)
        case .lost: usage(hitTokens: heldHitTokens)
        case .unknown: usage
        }
    }

    private func usage(hitTokens: Int) -> TokenUsage {
        var other = usage
        other.hit = hitTokens
        other.miss += usage.hit - hitTokens
        return other
    }
}

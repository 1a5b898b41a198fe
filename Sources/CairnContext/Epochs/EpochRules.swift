// What an epoch costs and what it must bring: prices as the ledger knows them, and the planner's rules. Money is in any
// one unit; only ratios count.

/// Prices of one token of a prompt or an answer.
public struct EpochPrices: Equatable, Sendable {
    /// A token that is not in the provider's cache; the price of writing it into the cache, where that is charged.
    public var miss: Double
    /// A token that is.
    public var hit: Double
    public var output: Double
    /// Bytes that make a token, for this model and text.
    public var bytesPerToken: Double

    public init(miss: Double, hit: Double, output: Double, bytesPerToken: Double = 3.3) {
        self.miss = miss
        self.hit = hit
        self.output = output
        self.bytesPerToken = bytesPerToken
    }

    func tokens(_ byteCount: Int) -> Double {
        byteCount == 0 ? 0 : max(1, (Double(byteCount) / bytesPerToken).rounded())
    }
}

/// When to rewrite, and what.
public struct EpochRules: Sendable {
    /// An epoch must bring so many times its price...
    public var margin = 2.0
    /// ...and beyond that what the whole prompt costs in so many calls: without this a session has thirty epochs of
    /// little use instead of ten.
    public var hysteresisCalls = 3.0
    /// A miss weighs so many times its price: missing costs the user's patience too.
    public var riskWeight = 5.0
    /// Of a miss: tokens of the answer that asks again, and of the result.
    public var missOutputTokens = 150.0
    public var missInputTokens = 700.0
    /// Calls still to come after `n`: the least of `remainingBase + remainingSlope * n` and `remainingPerCall * n +
    /// remainingStart`. Recorded sessions have 60 to 100 calls; a young session may also be a short one.
    public var remainingBase = 34.0
    public var remainingSlope = 0.3
    public var remainingPerCall = 1.5
    public var remainingStart = 4.0
    /// A replacement saves at least so many tokens.
    public var savingTokensMin = 8.0
    /// Corrects the chances by what the session needed: as if so many misses had been expected and seen before.
    public var calibrationMisses = 3.0
    /// Steps a part is left alone after the model saw it.
    public var viewSteps = 2
    public var runSteps = 2
    public var otherSteps = 1

    public init() {}

    public static let standard = EpochRules()

    /// Steps after which a part may go.
    func steps(for part: VisiblePart) -> Int {
        guard part.kind == .result else { return otherSteps }
        switch part.output {
        case .view: return viewSteps
        case .test, .script: return runSteps
        case .search, .write, .git, .other: return otherSteps
        }
    }

    /// Calls expected after `calls`.
    func remainingCalls(after calls: Int) -> Double {
        min(remainingBase + remainingSlope * Double(calls), remainingPerCall * Double(calls) + remainingStart)
    }
}

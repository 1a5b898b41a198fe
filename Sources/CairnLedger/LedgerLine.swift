// LedgerLine.swift: one call in the ledger: what was billed, what had been predicted, and what the same call would have
// cost without Cairn. The gateway makes one line a call, stores it, and adds it to the totals.

/// Whose call it was: what totals are grouped by.
public struct LedgerParty: Hashable, Sendable {
    public var provider: String
    public var model: String
    public var harness: String
    public var session: String

    public init(provider: String, model: String, harness: String, session: String) {
        self.provider = provider
        self.model = model
        self.harness = harness
        self.session = session
    }
}

/// One call. Money is nil where the model has no known price.
public struct LedgerLine: Hashable, Sendable {
    public let party: LedgerParty
    public let day: CalendarDay
    public let usage: BilledUsage
    /// The tokens forecast for this call, with the output that was billed.
    public let predictedUsage: TokenUsage
    /// The tokens of the path not taken.
    public let untouchedUsage: TokenUsage
    /// A call Cairn made for itself: the client's own path does not have it.
    public let isOwnCall: Bool

    public let billed: Money?
    /// Of the mean over what the provider may do (``PredictedUsage/expected``), so that sums are without bias.
    public let predicted: Money?
    public let untouched: Money?

    /// What Cairn saved; negative when it cost more than it saved. Of an own call, its whole cost as a loss.
    public var saved: Money? {
        guard let billed, let untouched else { return nil }
        return untouched - billed
    }

    /// Reported minus predicted hit tokens; nil if the provider does not say what was hit.
    public var hitErrorTokens: Int? {
        usage.reportedHitTokens.map { $0 - predictedUsage.hit }
    }

    /// A call of the client.
    /// - Parameters:
    ///   - moment: when it was sent; prices and totals are those of that day.
    ///   - price: what the book says for the model at that moment.
    ///   - prediction: made before it was sent.
    ///   - untouched: the usage of the client's original request (``PredictedUsage/assuming(_:)``); its output is
    ///     replaced by the billed one, as the answer is assumed to be the same.
    ///   - gpuMilliseconds: the engine's time, for prices per GPU second.
    public init(
        _ party: LedgerParty, at moment: Moment, price: Price?, billed usage: BilledUsage, prediction: PredictedUsage,
        untouched: TokenUsage, gpuMilliseconds: Int64 = 0
    ) {
        self.init(
            party, moment, price, usage, prediction, untouched.answered(usage), isOwnCall: false,
            gpuMilliseconds: gpuMilliseconds)
    }

    /// A call Cairn made for itself: it is billed, and the path not taken costs nothing.
    public init(
        ownCallOf party: LedgerParty, at moment: Moment, price: Price?, billed usage: BilledUsage,
        prediction: PredictedUsage, gpuMilliseconds: Int64 = 0
    ) {
        self.init(
            party, moment, price, usage, prediction, TokenUsage(), isOwnCall: true, gpuMilliseconds: gpuMilliseconds)
    }

    private init(
        _ party: LedgerParty, _ moment: Moment, _ price: Price?, _ usage: BilledUsage, _ prediction: PredictedUsage,
        _ untouchedUsage: TokenUsage, isOwnCall: Bool, gpuMilliseconds: Int64
    ) {
        self.party = party
        day = moment.day
        self.usage = usage
        predictedUsage = prediction.usage.answered(usage)
        self.untouchedUsage = untouchedUsage
        self.isOwnCall = isOwnCall
        billed = price?.cost(of: usage.tokens, gpuMilliseconds: gpuMilliseconds)
        predicted = price?.cost(of: prediction.expected.answered(usage), gpuMilliseconds: gpuMilliseconds)
        untouched =
            isOwnCall ? price.map { _ in .zero } : price?.cost(of: untouchedUsage, gpuMilliseconds: gpuMilliseconds)
    }
}

extension TokenUsage {
    /// With the output of the answer there was.
    fileprivate func answered(_ usage: BilledUsage) -> TokenUsage {
        var answered = self
        answered.output = usage.tokens.output
        return answered
    }
}

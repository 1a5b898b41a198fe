// LedgerTotals.swift: ledger lines added up, as status, report and metrics show them. Every loop may keep totals of
// its own and merge them; the order of lines does not matter.

/// Sums over lines.
public struct LedgerSum: Hashable, Sendable {
    public private(set) var callCount = 0
    /// Of them, calls Cairn made for itself.
    public private(set) var ownCallCount = 0
    /// Of them, calls without a known price: their tokens count, their money is not known.
    public private(set) var unpricedCallCount = 0
    public private(set) var tokens = TokenUsage()
    public private(set) var billed = Money.zero
    public private(set) var predicted = Money.zero
    public private(set) var untouched = Money.zero
    /// Part of `billed`: the cost of Cairn's own calls.
    public private(set) var ownCalls = Money.zero

    public init() {}

    /// Net of own calls; over the calls with a price.
    public var saved: Money { untouched - billed }

    /// Hit tokens per thousand prompt tokens; nil without a prompt.
    public var hitPermille: Int? { tokens.prompt > 0 ? tokens.hit * 1000 / tokens.prompt : nil }

    public mutating func add(_ line: LedgerLine) {
        add(line.usage.tokens, billed: line.billed, predicted: line.predicted, untouched: line.untouched)
        if line.isOwnCall {
            ownCallCount += 1
            ownCalls += line.billed ?? .zero
        }
    }

    /// A call of the client, as a store keeps it; money is nil where the price was not known.
    public mutating func add(_ tokens: TokenUsage, billed: Money?, predicted: Money?, untouched: Money?) {
        callCount += 1
        self.tokens = self.tokens + tokens
        guard let billed, let predicted, let untouched else {
            unpricedCallCount += 1
            return
        }
        self.billed += billed
        self.predicted += predicted
        self.untouched += untouched
    }

    public mutating func add(_ other: LedgerSum) {
        callCount += other.callCount
        ownCallCount += other.ownCallCount
        unpricedCallCount += other.unpricedCallCount
        tokens = tokens + other.tokens
        billed += other.billed
        predicted += other.predicted
        untouched += other.untouched
        ownCalls += other.ownCalls
    }
}

/// Sums by provider, model, harness, session and day, and the prediction errors by provider.
public struct LedgerTotals: Sendable {
    /// Names in one grouping; further ones are added up under ``otherName``.
    public static let namesMax = 1024
    public static let otherName = "(other)"

    public enum Grouping: Hashable, Sendable, CaseIterable {
        case provider, model, harness, session, day
    }

    public private(set) var all = LedgerSum()
    public private(set) var errors = PredictionErrors()
    private var sums: [Grouping: [String: LedgerSum]] = [:]
    private var errorsByProvider: [String: PredictionErrors] = [:]

    public init() {}

    /// The names of a grouping with their sums; of days, in the form `2026-11-20`.
    public func sums(by grouping: Grouping) -> [String: LedgerSum] { sums[grouping] ?? [:] }

    /// The prediction errors at one provider.
    public func errors(provider: String) -> PredictionErrors { errorsByProvider[provider] ?? PredictionErrors() }

    /// - Complexity: five look-ups of a name.
    public mutating func add(_ line: LedgerLine) {
        all.add(line)
        for grouping in Grouping.allCases {
            add(line.name(by: grouping), to: grouping) { $0.add(line) }
        }
        guard let error = line.hitErrorTokens else { return }
        errors.add(errorTokens: error)
        let provider = LedgerTotals.bounded(line.party.provider, in: errorsByProvider)
        errorsByProvider[provider, default: PredictionErrors()].add(errorTokens: error)
    }

    public mutating func add(_ other: LedgerTotals) {
        all.add(other.all)
        errors.add(other.errors)
        for (grouping, named) in other.sums {
            for (name, sum) in named { add(name, to: grouping) { $0.add(sum) } }
        }
        for (provider, errors) in other.errorsByProvider {
            let name = LedgerTotals.bounded(provider, in: errorsByProvider)
            errorsByProvider[name, default: PredictionErrors()].add(errors)
        }
    }

    private mutating func add(_ name: String, to grouping: Grouping, _ change: (inout LedgerSum) -> Void) {
        let name = LedgerTotals.bounded(name, in: sums[grouping] ?? [:])
        change(&sums[grouping, default: [:]][name, default: LedgerSum()])
    }

    private static func bounded<Value>(_ name: String, in named: [String: Value]) -> String {
        named[name] != nil || named.count < namesMax ? name : otherName
    }
}

extension LedgerLine {
    fileprivate func name(by grouping: LedgerTotals.Grouping) -> String {
        switch grouping {
        case .provider: party.provider
        case .model: party.model
        case .harness: party.harness
        case .session: party.session
        case .day: day.description
        }
    }
}

// Which parts an epoch replaces, as a pure function of sizes, chances and prices. Asked before every call; linear in parts.
//
// Whatever stands behind the first part that is replaced must be sent again at the price of a miss. So parts are taken
// from the end backwards: each adds what it saves over the calls still to come, less what it may cost to miss it; the cut
// that brings most beyond the price of what stands behind it wins. It is made only if it brings `margin` times its price
// and `hysteresisCalls` calls' worth of the whole prompt. On a cold prefix everything is sent as a miss anyway: the price
// is nothing. A prompt that does not fit the window is cut whatever it costs, until it fits.
//
// It ends: a part is replaced once in its life, by something shorter, so a session has no more epochs than parts; and
// between two epochs lies at least one new part, since the plan is a function of what is there.
//
// Parts that only point at another save nothing by themselves; they go when what they point at goes.

/// A part that may be replaced.
public struct EpochCandidate: Equatable, Sendable {
    public var number: Int
    /// Tokens it would save; not negative.
    public var saving: Double
    /// The chance that it is needed again, per part.
    public var chance: Double
    /// Parts that must be replaced with it: their markers point at it.
    public var referrers: [Int]

    public init(number: Int, saving: Double, chance: Double, referrers: [Int] = []) {
        self.number = number
        self.saving = saving
        self.chance = chance
        self.referrers = referrers
    }
}

/// A prompt before a call.
public struct EpochSituation: Sendable {
    /// Tokens of each part as it would be emitted.
    public var partTokens: [Double]
    /// Tokens in front of the first part: tools and what else is fixed.
    public var headTokens: Double
    /// Parts that the provider has in its cache; none when the prefix is cold.
    public var cachedPartCount: Int
    /// Calls so far.
    public var calls: Int
    /// Tokens that may be sent, or nil where the model's window is not known.
    public var windowTokens: Double?

    public init(
        partTokens: [Double], headTokens: Double = 0, cachedPartCount: Int, calls: Int, windowTokens: Double? = nil
    ) {
        self.partTokens = partTokens
        self.headTokens = headTokens
        self.cachedPartCount = cachedPartCount
        self.calls = calls
        self.windowTokens = windowTokens
    }

    public var promptTokens: Double { partTokens.reduce(headTokens, +) }
}

/// A rewrite that was decided.
public struct EpochPlan: Equatable, Sendable {
    public enum Reason: UInt8, Sendable {
        /// It brings more than it costs.
        case pays = 1
        /// The prefix is cold: it costs nothing.
        case cold = 2
        /// The prompt would not fit.
        case window = 3
    }

    /// The parts to replace, the last first.
    public let parts: [Int]
    public let reason: Reason
    /// In the money of the prices: what sending again costs, and what is expected to be saved.
    public let price: Double
    public let gain: Double
    /// What it was decided on: the digests are weighed by the same.
    let promptTokens: Double
    let calls: Int
    let prices: EpochPrices

    /// The first part that changes.
    public var cut: Int { parts.last ?? 0 }
}

public enum EpochPlanner {
    /// - Parameter candidates: by number, ascending.
    /// - Returns: nil when nothing pays.
    /// - Complexity: linear in parts and candidates, and for each marker that points at one the search of its part.
    public static func plan(
        _ situation: EpochSituation, candidates: [EpochCandidate], prices: EpochPrices, rules: EpochRules = .standard
    ) -> EpochPlan? {
        let prompt = situation.promptTokens
        let overflow = situation.windowTokens.map { prompt - $0 } ?? 0
        if overflow > 0 { return windowPlan(overflow, situation, candidates, prices) }

        let isCold = situation.cachedPartCount == 0
        let heldPrice =
            prices.hit * rules.remainingCalls(after: situation.calls) + (isCold ? prices.miss - prices.hit : 0)
        let missPrice = missPrice(prompt, prices, rules)
        let rewritePrice = max(0, prices.miss - prices.hit)
        let threshold =
            isCold || prices.miss <= 0
            ? 0 : rules.hysteresisCalls * prompt * prices.hit * (1 - min(1, prices.hit / prices.miss))

        var groups = CandidateGroups(candidates)
        var gain = 0.0
        var sentAgain = 0.0
        var position = situation.cachedPartCount
        var best: (value: Double, count: Int, price: Double, gain: Double)?
        for place in candidates.indices.reversed() {
            guard candidates[place].saving >= rules.savingTokensMin else {
                groups.addFollower(place)
                continue
            }
            guard groups.gather(place) else { continue }
            let own = groups.members.reduce(0) {
                $0 + candidates[$1].saving * heldPrice - candidates[$1].chance * missPrice
            }
            guard own > 0 else { continue }
            while position > candidates[place].number {
                position -= 1
                sentAgain += situation.partTokens[position]
            }
            for member in groups.members where candidates[member].number < situation.cachedPartCount {
                sentAgain -= candidates[member].saving
            }
            gain += own
            groups.take()
            let price = max(0, sentAgain) * rewritePrice
            let value = gain - rules.margin * price - threshold
            if value > best?.value ?? 0 { best = (value, groups.taken.count, price, gain) }
        }
        guard let best else { return nil }
        return EpochPlan(
            parts: groups.taken.prefix(best.count).sorted(by: >), reason: isCold ? .cold : .pays, price: best.price,
            gain: best.gain, promptTokens: prompt, calls: situation.calls, prices: prices)
    }

    /// What a miss is charged with: the call that asks again, its answer and the result, times the weight of risk.
    static func missPrice(_ promptTokens: Double, _ prices: EpochPrices, _ rules: EpochRules) -> Double {
        rules.riskWeight
            * (promptTokens * prices.hit + rules.missOutputTokens * prices.output + rules.missInputTokens * prices.miss)
    }

    /// The parts that are least likely to be missed for what they free, until enough is free. A part goes after those
    /// that
    /// point at it.
    private static func windowPlan(
        _ overflow: Double, _ situation: EpochSituation, _ candidates: [EpochCandidate], _ prices: EpochPrices
    ) -> EpochPlan? {
        var waiting = candidates.sorted {
            ($0.chance / max(1, $0.saving), $0.number) < ($1.chance / max(1, $1.saving), $1.number)
        }
        var left = overflow
        var taken: Set<Int> = []
        while left > 0, let next = waiting.firstIndex(where: { $0.referrers.allSatisfy(taken.contains) }) {
            let candidate = waiting.remove(at: next)
            left -= candidate.saving
            taken.insert(candidate.number)
        }
        guard !taken.isEmpty else { return nil }
        return EpochPlan(
            parts: taken.sorted(by: >), reason: .window, price: 0, gain: overflow - left,
            promptTokens: situation.promptTokens, calls: situation.calls, prices: prices)
    }
}

/// Candidates with those that must go with them: parts that point at them and save too little to go by themselves.
private struct CandidateGroups {
    private enum State: UInt8 { case waits, follows, taken }

    private let candidates: [EpochCandidate]
    /// By place among the candidates.
    private var states: [State]
    /// Numbers of the parts taken, in the order they were.
    private(set) var taken: [Int] = []
    /// Places of the candidate gathered last and of those that go with it.
    private(set) var members: [Int] = []

    init(_ candidates: [EpochCandidate]) {
        self.candidates = candidates
        states = Array(repeating: .waits, count: candidates.count)
        taken.reserveCapacity(candidates.count)
    }

    mutating func addFollower(_ place: Int) { states[place] = .follows }

    /// False when a part that points at one of them stays.
    mutating func gather(_ place: Int) -> Bool {
        members.removeAll(keepingCapacity: true)
        members.append(place)
        var position = 0
        // It ends: each candidate is a member at most once.
        while position < members.count {
            for number in candidates[members[position]].referrers {
                guard let referrer = self.place(ofPart: number) else { return false }
                if states[referrer] == .taken || members.contains(referrer) { continue }
                guard states[referrer] == .follows else { return false }
                members.append(referrer)
            }
            position += 1
        }
        return true
    }

    mutating func take() {
        for member in members {
            states[member] = .taken
            taken.append(candidates[member].number)
        }
    }

    /// Candidates are in the order of their numbers.
    private func place(ofPart number: Int) -> Int? {
        var low = 0
        var high = candidates.count
        while low < high {
            let middle = (low + high) / 2
            if candidates[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < candidates.count && candidates[low].number == number ? low : nil
    }
}

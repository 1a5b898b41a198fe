// A session's prompt while it is shortened: parts as they are born, then epochs. Decisions in values: the caller tells what
// comes, what is cached and what prices hold, and gets bytes; it sends and stores them. The same calls give the same bytes.
// The lineage keeps one for each live session and makes it again from stored emissions after a restart.
//
// Work per call: what is new, and a few operations for each part that may still be replaced (docs/shortening.md has the
// times). At an epoch also the digests of what is replaced.

/// What an epoch did to one part.
public struct Replacement: Equatable, Sendable {
    public let number: Int
    public let bytes: [UInt8]
    public let strategy: StrategyName

    /// The part goes whole: nothing stands in its place.
    var isOmission: Bool { bytes.isEmpty }
}

/// A rewrite that was carried out.
public struct Epoch: Equatable, Sendable {
    public let plan: EpochPlan
    /// The last part first.
    public let replacements: [Replacement]
}

/// What a replacement of a part would be like, as it was when it first could go.
private enum Estimate {
    case unknown
    /// No rule replaces it, and none will: that hangs on its bytes alone.
    case impossible
    /// `residue`: what it leaves of the chance.
    case replacement(byteCount: Int32, residue: Double)
}

public struct PromptShortener: ~Copyable {
    public internal(set) var content = VisibleContent()
    private let birth: BirthStrategies
    private let rules: EpochRules
    private let chances = ReuseChances.standard
    private var strategies: [any EpochStrategy]
    /// What may be done with thinking. A session's model may change between its calls.
    public var thinking: ThinkingRule {
        didSet { if thinking != oldValue { adoptRule() } }
    }
    /// Strategies that do nothing new; what they did stays.
    public var off: Set<StrategyName> = []
    /// By part.
    private var estimates: [Estimate] = []
    /// The sum of the chances of all that was replaced.
    private var expectedMisses = 0.0
    /// Parts in front of the newest user's prompt: their tool loops are over.
    private var endedPartCount = 0
    /// Parts in front of the last thinking block, and those of its turn.
    private var thoughtPartCount = 0

    public init(
        birth: BirthStrategies = .standard, rules: EpochRules = .standard, thinking: ThinkingRule = .keep
    ) {
        self.birth = birth
        self.rules = rules
        self.thinking = thinking
        strategies = Self.strategies(thinking)
    }

    private mutating func adoptRule() {
        strategies = Self.strategies(thinking)
        for number in estimates.indices where content.parts[number].kind == .thinking { estimates[number] = .unknown }
    }

    private static func strategies(_ thinking: ThinkingRule) -> [any EpochStrategy] {
        let always: [any EpochStrategy] = [
            ResultDigest(), ArgumentDigest(), TalkDigest(shortensThinking: thinking == .shorten),
        ]
        return thinking == .omit ? always + [ThinkingPrune()] : always
    }

    /// Of all rules that may replace parts.
    static let epochStrategyNames = strategies(.omit).map(\.name)

    /// Bytes of memory it takes, about: what a bound on many of them adds up.
    public var heldBytes: Int { content.heldBytes + estimates.capacity * MemoryLayout<Estimate>.stride }

    /// What parts that were appended, not restored, told of what was hidden before; since this was asked last.
    public mutating func takeSigns() -> ContentSigns { content.takeSigns() }

    /// What is expected to be saved in the calls still to come by bytes that need not be held. In the money of the prices.
    func heldForecast(bytesSaved: Int, prices: EpochPrices) -> Double {
        prices.tokens(bytesSaved) * prices.hit * rules.remainingCalls(after: content.step)
    }

    /// What a miss costs now, in the money of the prices: without the weight of risk that the planner puts on it.
    func missPrice(headTokens: Double, prices: EpochPrices) -> Double {
        var plain = rules
        plain.riskWeight = 1
        return EpochPlanner.missPrice(headTokens + prices.tokens(content.textBytes), prices, plain)
    }

    /// An assistant turn begins.
    public mutating func beginAssistantTurn() { content.beginAssistantTurn() }

    /// A user's prompt comes: the tool loop in front of it is over.
    public mutating func endToolLoop() { endedPartCount = content.parts.count }

    /// The turn whose `count` parts come next holds thinking, with text or without.
    public mutating func beginThinkingTurn(partCount count: Int) {
        thoughtPartCount = content.parts.count + count
    }

    /// Adds a part at the end.
    /// - Returns: what to send in its place; nil for the part itself.
    public mutating func append(_ part: ContextPart) -> Emission? {
        let emission = birth.emission(for: part, in: &content, without: off)
        if let emission { noteExplained(by: emission.strategy) }
        content.append(part, emission: emission)
        return emission
    }

    /// Adds a part whose emission was decided before, as it was recorded.
    public mutating func restore(_ part: ContextPart, emission: Emission?) {
        if let emission { noteExplained(by: emission.strategy) }
        content.append(part, emission: emission, isNew: false)
    }

    /// The first emission of a strategy explains its marker, where that needs words; the part comes next.
    private mutating func noteExplained(by strategy: StrategyName) {
        if content.explained[strategy.name] == nil { content.explained[strategy.name] = content.parts.count }
    }

    /// Replaces parts as an epoch did before, as it was recorded.
    public mutating func restore(_ epoch: [Replacement]) {
        for replacement in epoch {
            content.replace(replacement.number, with: replacement.bytes, by: replacement.strategy)
            content.explained[replacement.strategy.name] =
                content.explained[replacement.strategy.name] ?? replacement.number
        }
        content.forgetReplaced()
    }

    // MARK: epochs

    /// Parts of the middle go, and those that point at them stand whole again.
    public mutating func leaveOut(_ gone: Set<Int>, restoring whole: [Int: [UInt8]]) {
        content.leaveOut(gone, restoring: whole)
        for number in whole.keys where number < estimates.count { estimates[number] = .unknown }
    }

    /// Rewrites older parts if that pays before a call: plans and carries out at once. For callers that are on no event
    /// loop; the others plan, and carry out on a worker.
    public mutating func epoch(
        cachedPartCount: Int, headTokens: Double, prices: EpochPrices, windowTokens: Double? = nil
    ) -> Epoch? {
        epochPlan(
            cachedPartCount: cachedPartCount, headTokens: headTokens, prices: prices, windowTokens: windowTokens
        ).flatMap { carryOut($0) }
    }

    /// Whether to rewrite older parts before a call, and which. Changes nothing that is sent.
    /// - Parameters:
    ///   - cachedPartCount: parts the provider has in its cache; 0 when the prefix is cold.
    ///   - headTokens: of tools and whatever else stands in front of the parts.
    ///   - windowTokens: what may be sent, where it is known.
    /// - Returns: nil when nothing pays.
    public mutating func epochPlan(
        cachedPartCount: Int, headTokens: Double, prices: EpochPrices, windowTokens: Double? = nil
    ) -> EpochPlan? {
        let situation = EpochSituation(
            partTokens: content.parts.map { prices.tokens($0.bytes.count) }, headTokens: headTokens,
            cachedPartCount: cachedPartCount, calls: content.step, windowTokens: windowTokens)
        let worth = LineWorth(
            promptTokens: situation.promptTokens, calls: content.step, prices: prices, rules: rules)
        let candidates = self.candidates(situation, worth, prices)
        return EpochPlanner.plan(situation, candidates: candidates, prices: prices, rules: rules)
    }

    /// Writes the digests of a plan, the last part first: what one keeps, those in front of it need not keep. A part
    /// whose digest turned out too long stays, and so does what it points at. Parts that came since the plan do no
    /// harm: what they point at stays. So does what was replaced since.
    /// - Returns: nil when no part was replaced.
    /// - Complexity: linear in the bytes of the parts that are replaced.
    public mutating func carryOut(_ plan: EpochPlan) -> Epoch? {
        let worth = LineWorth(promptTokens: plan.promptTokens, calls: plan.calls, prices: plan.prices, rules: rules)
        var replacements: [Replacement] = []
        for number in plan.parts where !content.parts[number].isReplaced && !content.isReferenced(number) {
            guard let replacement = replace(number, worth) else { continue }
            replacements.append(replacement)
        }
        content.forgetReplaced()
        return replacements.isEmpty ? nil : Epoch(plan: plan, replacements: replacements)
    }

    private mutating func replace(_ number: Int, _ worth: LineWorth) -> Replacement? {
        let part = content.parts[number]
        guard let strategy = strategies.first(where: { $0.applies(to: part) }), !off.contains(strategy.name) else {
            return nil
        }
        let chance = chance(number)
        let isNew = content.explained[strategy.name.name] == nil
        // A part that is too short for the explanation goes without; the next one explains.
        guard let (made, explains) = made(number, by: strategy, worth, explaining: isNew) else { return nil }
        content.replace(number, with: made.bytes, by: strategy.name)
        if explains { content.explained[strategy.name.name] = number }
        expectedMisses += chance * made.residue
        return Replacement(number: number, bytes: made.bytes, strategy: strategy.name)
    }

    private mutating func candidates(
        _ situation: EpochSituation, _ worth: LineWorth, _ prices: EpochPrices
    ) -> [EpochCandidate] {
        let calibration =
            (Double(content.hiddenUses) + rules.calibrationMisses) / (expectedMisses + rules.calibrationMisses)
        var candidates: [EpochCandidate] = []
        candidates.reserveCapacity(content.parts.count)
        for number in content.parts.indices where mayGo(number) {
            guard case .replacement(let byteCount, let residue) = estimate(number, worth),
                byteCount < content.parts[number].bytes.count, off.isEmpty || !isOff(number)
            else { continue }
            candidates.append(
                EpochCandidate(
                    number: number, saving: situation.partTokens[number] - prices.tokens(Int(byteCount)),
                    chance: chance(number) * residue * calibration, referrers: content.standingReferrers(of: number)))
        }
        return candidates
    }

    private func mayGo(_ number: Int) -> Bool {
        !content.parts[number].isReplaced && !content.parts[number].isKept
            && content.step - content.parts[number].step >= rules.steps(for: content.parts[number])
            && isFree(number)
    }

    /// Whether a thinking block stands in the prompt in front of which nothing may change.
    var holdsThinking: Bool { thinking == .hold && thoughtPartCount > 0 }

    /// Whether no signature needs the part where it is.
    private func isFree(_ number: Int) -> Bool {
        if holdsThinking { return number >= thoughtPartCount }
        return content.parts[number].substitute != .nothing || number < endedPartCount
    }

    private func isOff(_ number: Int) -> Bool {
        strategies.first { $0.applies(to: content.parts[number]) }.map { off.contains($0.name) } ?? false
    }

    private func chance(_ number: Int) -> Double {
        chances.chance(ofPart: number, age: content.step - content.parts[number].step, in: content)
    }

    private mutating func estimate(_ number: Int, _ worth: LineWorth) -> Estimate {
        while estimates.count <= number { estimates.append(.unknown) }
        guard case .unknown = estimates[number] else { return estimates[number] }
        let made = strategies.first { $0.applies(to: content.parts[number]) }?
            .replacement(ofPart: number, worth: worth, isFirst: false, in: content)
        estimates[number] =
            made.map { .replacement(byteCount: Int32(clamping: $0.bytes.count), residue: $0.residue) } ?? .impossible
        return estimates[number]
    }

    /// A replacement that is shorter than the part, with the explanation of its marker if that is asked and fits.
    private func made(
        _ number: Int, by strategy: any EpochStrategy, _ worth: LineWorth, explaining: Bool
    ) -> (made: (bytes: [UInt8], residue: Double), explains: Bool)? {
        for explains in explaining ? [true, false] : [false] {
            guard let made = strategy.replacement(ofPart: number, worth: worth, isFirst: explains, in: content) else {
                return nil
            }
            if made.bytes.count < content.parts[number].bytes.count { return (made, explains) }
        }
        return nil
    }
}

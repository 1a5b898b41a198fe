// What a call leaves out, decided between two visits to the lineage: the lineage lends the session's shortener and what is
// known of the turns; here new parts are shortened at birth and older ones replaced at an epoch; then the lineage records
// it. Pure work over values, so it runs wherever there is time for it: on the loop for the few kilobytes of a usual call, on
// a worker for an epoch or for a shortener that is made again.
//
//     plan ─▶ ShorteningTask ─▶ catch up with known turns ─▶ births ─▶ epoch? ─▶ plan again: links, emissions, decisions

import CairnCore
import CairnWire

/// What a call's prices and provider allow.
public struct ShorteningTerms: Sendable {
    /// nil: no price is known, so nothing is rewritten.
    public var prices: EpochPrices?
    /// The provider has nothing of the session in its cache any more.
    public var isCold = false
    /// The provider's cache holds its own answers, too.
    public var readsAnswers = true
    /// What the model's window leaves for a prompt, where it is known.
    public var windowTokens: Double?
    /// The client asked that what it brings now be left alone.
    public var keepsNewParts = false
    public var thinking = ThinkingRule.keep
    /// Strategies that the guard has switched off: they do nothing new.
    public var off: Set<StrategyName> = []
    /// In nanodollars, for the journal: of a token sent once.
    public var missNanodollars = 0.0

    public init() {}
}

/// A part that leaves otherwise than it came, for the journal and the counters.
public struct ShortenedPart: Sendable {
    /// What let it be shortened.
    public enum Occasion: Sendable, Hashable {
        case birth
        case epoch(EpochPlan.Reason)
        /// It is as long as before or longer: its call or result was missing, or stood elsewhere.
        case pairing(PairingFault)

        public var words: String {
            switch self {
            case .birth: "birth"
            case .epoch(let reason): "epoch: \(reason.words)"
            case .pairing(let fault): "pairing: \(fault.words)"
            }
        }
    }

    let position: Int
    let partIndex: Int
    let handle: String
    public let strategy: StrategyName
    let original: Fingerprint
    let emitted: Fingerprint
    public let bytesSaved: Int
    public let occasion: Occasion
    let nanodollars: Int64
}

/// A call whose prompt may be shortened. One thread at a time.
public final class ShorteningTask: @unchecked Sendable {
    /// More bytes to read than this, and the work belongs on a worker.
    public static let lightBytesMax = 128 * 1024
    /// Bytes a token is taken for where nothing better is known.
    static let bytesPerToken = 3.3

    let draft: EmissionDraft
    let keys: PromptKeys
    /// What was shortened with each known turn; only read for turns the shortener does not know.
    private let facts: [TurnShortening?]
    /// Known turns that came otherwise at first, as they came then; nil: that is lost.
    private let respelled: [Int: [UInt8]?]
    private(set) var shortener: SessionShortener?
    /// Nanoseconds since the session's last call; nil: not known.
    public let idleNanoseconds: UInt64?

    // What was decided.
    var turns: [Int: [UInt8]] = [:]
    var shortenings: [Int: TurnShortening] = [:]
    var journal: [ShortenedPart] = []
    /// What new parts told of what was hidden before, and what a miss is charged with.
    private var signs = ContentSigns()
    private var missNanodollars = 0.0
    private var births: [Int: [BirthFact]] = [:]
    private var planned: EpochPlan?
    private(set) var terms = ShorteningTerms()

    init(
        _ draft: EmissionDraft, _ keys: PromptKeys, facts: [TurnShortening?], respelled: [Int: [UInt8]?],
        shortener: SessionShortener?, idleNanoseconds: UInt64?
    ) {
        self.draft = draft
        self.keys = keys
        self.facts = facts
        self.respelled = respelled
        self.shortener = shortener
        self.idleNanoseconds = idleNanoseconds
    }

    /// Whether ``decide(_:)`` is long work.
    public var isHeavy: Bool {
        let known = shortener?.chains.count ?? 0
        return draft.keys[known...].reduce(0) { $0 + $1.byteCount } > Self.lightBytesMax
    }

    /// Shortens new parts and asks the planner. True: an epoch pays, ``carryOutEpoch()`` is due.
    public func decide(_ terms: ShorteningTerms) -> Bool {
        self.terms = terms
        let session = shortener ?? SessionShortener(thinking: terms.thinking)
        shortener = session
        session.shortener.off = terms.off
        session.shortener.thinking = terms.thinking
        guard catchUp(session) else {
            shortener = nil
            return false
        }
        for index in draft.knownCount..<draft.keys.count { bear(index, session) }
        noteSigns(session)
        planned = shortener == nil ? nil : planEpoch(session)
        return planned != nil || exceedsWindow
    }

    // MARK: what is known

    /// Reads known turns as they were emitted. False: what is recorded does not fit, and nothing can be decided on it.
    private func catchUp(_ session: SessionShortener) -> Bool {
        var due: [(turn: Int, epoch: EpochFacts)] = []
        var emitted: [Int: EmittedTurn] = [:]
        for index in session.chains.count..<max(session.chains.count, draft.knownCount) {
            let facts = facts[index]
            if let epoch = facts?.epoch { due.append((index + max(1, epoch.newTurnCount) - 1, epoch)) }
            let replacedAtOnce = Set(due.lazy.filter { $0.turn >= index }.flatMap { $0.epoch.parts.map(\.number) })
            guard restore(index, facts, replacedAtOnce, session, &emitted) else { return false }
            for (turn, epoch) in due where turn == index {
                guard restore(epoch, newFrom: firstNewTurn(epoch, turn), session, &emitted) else { return false }
            }
        }
        for (turn, epoch) in due where turn >= draft.knownCount {
            guard restore(epoch, newFrom: firstNewTurn(epoch, turn), session, &emitted) else { return false }
        }
        return true
    }

    /// The first of the turns that came with an epoch, of which `last` is the last.
    private func firstNewTurn(_ epoch: EpochFacts, _ last: Int) -> Int { last + 1 - max(1, epoch.newTurnCount) }

    /// - Parameter replacedAtOnce: parts whose birth cannot be read any more: the call that brought them replaced them.
    private func restore(
        _ index: Int, _ facts: TurnShortening?, _ replacedAtOnce: Set<Int>, _ session: SessionShortener,
        _ emitted: inout [Int: EmittedTurn]
    ) -> Bool {
        let first = session.shortener.content.parts.count
        let isReplaced = draft.state.replaced[index] != nil
        let (turn, source, isFirst) = firstSent(index)
        let parts = session.beginTurn(turn, in: source)
        if let thought = parts.firstIndex(where: { $0.element != nil }), leavesWithoutThinking(index, &emitted) {
            session.note(omitted: [first + thought])
        }
        for (number, located) in parts.enumerated() {
            var part = located.part
            if facts?.isKept ?? false || !located.mayChange || !isFirst { part.isKept = true }
            guard let birth = facts?.births.first(where: { $0.part == number }) else {
                session.shortener.restore(part, emission: nil)
                continue
            }
            guard birth.references.allSatisfy({ $0 < first + number }) else { return false }
            var bytes = part.bytes
            if !isReplaced, !replacedAtOnce.contains(first + number) {
                guard let text = text(of: number, inTurn: index, bytes: birth.textBytes, session, &emitted) else {
                    return false
                }
                bytes = text
            }
            session.shortener.restore(
                part, emission: Emission(bytes, references: birth.references, by: birth.strategy))
        }
        if leavesWithHiddenTurns(index) { session.holdHiddenThinking() }
        session.endTurn(draft.chains[index])
        session.note(facts?.tail ?? [], at: index)
        return true
    }

    /// A known turn as its client first sent it, which is what a handle stands for; false: that is lost, and nothing of the
    /// turn may be left out any more.
    private func firstSent(_ index: Int) -> (turn: Turn, source: SourceDocument, isFirst: Bool) {
        let turn = draft.prompt.turns[index]
        guard let respelled = respelled[index] else { return (turn, draft.prompt.source, true) }
        guard let bytes = respelled, let prompt = try? Prompt(storedTurn: bytes, dialect: draft.prompt.dialect),
            prompt.turns.count == 1
        else { return (turn, draft.prompt.source, false) }
        return (prompt.turns[0], prompt.source, true)
    }

    private func restore(
        _ epoch: EpochFacts, newFrom firstNew: Int, _ session: SessionShortener, _ emitted: inout [Int: EmittedTurn]
    ) -> Bool {
        var gone: Set<Int> = []
        var whole: [Int: [UInt8]] = [:]
        let leftOut = leftOut
        for fact in epoch.parts {
            guard fact.number < session.shortener.content.parts.count else { return false }
            let turn = session.turn(ofPart: fact.number)
            if fact.strategy == MiddleDrop.name {
                if fact.isLeftOut {
                    gone.insert(fact.number)
                } else {
                    whole[fact.number] = clientText(ofPart: fact.number, inTurn: turn, session)
                }
                continue
            }
            // Of turns that came with the epoch another branch has others in their place.
            if turn >= firstNew, !isReplaced(fact, inTurn: turn, session, &emitted) { continue }
            if session.shortener.content.isReferenced(fact.number) { return false }
            // Of what a later epoch left out no text is kept, and none is asked for.
            guard
                let text = leftOut.contains(fact.number)
                    ? []
                    : text(
                        of: fact.number - session.firstParts[turn], inTurn: turn, bytes: fact.textBytes, session,
                        &emitted)
            else { return false }
            session.shortener.restore([Replacement(number: fact.number, bytes: text, strategy: fact.strategy)])
        }
        if let first = gone.min() {
            _ = middleHandle(firstTurn: session.turn(ofPart: first), session)
            session.shortener.leaveOut(gone, restoring: whole)
        }
        return true
    }

    /// Whether what left for a part is what stands in its place since an epoch: it names the part, or is nothing.
    private func isReplaced(
        _ fact: ReplacementFact, inTurn turn: Int, _ session: SessionShortener, _ emitted: inout [Int: EmittedTurn]
    ) -> Bool {
        if draft.turns[turn] == .asSent { return false }
        if fact.isOmission { return session.omitted.contains(fact.number) }
        guard
            let text = text(
                of: fact.number - session.firstParts[turn], inTurn: turn, bytes: fact.textBytes, session, &emitted)
        else { return false }
        let handle = session.shortener.content.parts[fact.number].handle.text
        return text.isEmpty || Marker.handles(in: text).contains(handle)
    }

    /// Parts that epochs left out with the middle.
    private var leftOut: Set<Int> {
        Set(facts.lazy.compactMap { $0?.epoch }.flatMap { $0.parts.filter(\.isLeftOut).map(\.number) })
    }

    /// A part's text as the client sent it.
    func clientText(ofPart number: Int, inTurn turn: Int, _ session: SessionShortener) -> [UInt8] {
        EmittedTurn(draft.prompt.turns[turn], in: draft.prompt.source)
            .parts[number - session.firstParts[turn]].part.bytes
    }

    /// The first bytes of a part's text as it leaves; none of one that went whole.
    private func text(
        of part: Int, inTurn index: Int, bytes count: Int, _ session: SessionShortener,
        _ emitted: inout [Int: EmittedTurn]
    ) -> [UInt8]? {
        guard let part = session.emittedNumber(ofPart: part, inTurn: index) else { return count == 0 ? [] : nil }
        let turn = emitted[index] ?? emittedTurn(index)
        emitted[index] = turn
        guard let turn, turn.parts.indices.contains(part), turn.parts[part].part.bytes.count >= count else {
            return nil
        }
        return Array(turn.parts[part].part.bytes[..<count])
    }

    /// Whether an answer that came with one thinking block leaves without it: what stands is asked, since an epoch's facts
    /// may tell of another branch.
    private func leavesWithoutThinking(_ index: Int, _ emitted: inout [Int: EmittedTurn]) -> Bool {
        guard draft.turns[index] != .asSent, let turn = emitted[index] ?? emittedTurn(index) else { return false }
        emitted[index] = turn
        return turn.isAnswerWithoutThinking
    }

    func emittedTurn(_ index: Int) -> EmittedTurn? {
        switch draft.turns[index] {
        case .asSent: EmittedTurn(draft.prompt.turns[index], in: draft.prompt.source)
        case .bytes(let bytes): EmittedTurn(bytes, dialect: draft.prompt.dialect)
        }
    }

    private func emittedBytes(_ index: Int) -> [UInt8]? {
        if case .bytes(let bytes) = draft.turns[index] { bytes } else { nil }
    }

    /// Whether an answer leaves with what the model asked Cairn; perhaps so where it names the tool itself.
    private func leavesWithHiddenTurns(_ index: Int) -> Bool {
        draft.keys[index].role == .assistant && emittedBytes(index).map(ExpandTool.isNamed) ?? false
    }

    // MARK: births

    private func bear(_ index: Int, _ session: SessionShortener) {
        var texts: [(part: Int, text: [UInt8]?)] = []
        var facts: [BirthFact] = []
        // What leaves with hidden turns, or was paired, is no single element that an epoch could write anew.
        let isKept = terms.keepsNewParts || draft.turns[index] != .asSent
        for (number, located) in session.beginTurn(draft.prompt.turns[index], in: draft.prompt.source).enumerated() {
            var part = located.part
            if isKept || !located.mayChange { part.isKept = true }
            guard let emission = session.shortener.append(part) else { continue }
            texts.append((number, emission.bytes))
            facts.append(
                BirthFact(
                    part: number, textBytes: emission.bytes.count, strategy: emission.strategy,
                    references: emission.references))
            note(located, at: index, session, emission)
        }
        if leavesWithHiddenTurns(index) { session.holdHiddenThinking() }
        session.endTurn(draft.chains[index])
        if !texts.isEmpty {
            guard let bytes = EmittedTurn(draft.prompt.turns[index], in: draft.prompt.source).replacing(texts) else {
                // Made turns have no bytes to put other texts into.
                journal.removeAll { $0.position == index }
                shortener = nil
                return
            }
            turns[index] = bytes
        }
        if !facts.isEmpty || isKept {
            shortenings[index] = TurnShortening(births: facts, isKept: isKept, epoch: nil)
        }
    }

    func tokens(_ byteCount: Int) -> Double {
        Double(byteCount) / (terms.prices?.bytesPerToken ?? Self.bytesPerToken)
    }

    private func note(_ located: LocatedPart, at position: Int, _ session: SessionShortener, _ emission: Emission) {
        let parts = session.shortener.content.parts
        let bytesSaved = located.part.bytes.count - emission.bytes.count
        journal.append(
            ShortenedPart(
                position: position, partIndex: located.partIndex, handle: parts[parts.count - 1].handle.text,
                strategy: emission.strategy, original: located.part.bytes.withUnsafeBytes { Fingerprint(of: $0) },
                emitted: emission.bytes.withUnsafeBytes { Fingerprint(of: $0) }, bytesSaved: bytesSaved,
                occasion: .birth, nanodollars: Int64((tokens(bytesSaved) * terms.missNanodollars).rounded())))
    }

    // MARK: findings

    private func noteSigns(_ session: SessionShortener) {
        signs = session.shortener.takeSigns()
        guard let prices = terms.prices else { return }
        missNanodollars = session.shortener.missPrice(headTokens: tokens(draft.tools?.byteCount ?? 0), prices: prices)
    }

    /// What the call did and found, for the guard; told when the call is recorded.
    public var findings: CallFindings {
        var findings = CallFindings()
        findings.signs = signs
        findings.missNanodollars = Int64(missNanodollars.rounded())
        findings.replaced = journal.map { part in
            CallFindings.Replaced(
                part.strategy, isEpoch: part.occasion != .birth,
                forecastNanodollars: Int64(forecast(of: part).rounded()))
        }
        return findings
    }

    /// What leaving a part out is expected to save. A birth is never sent as a miss; an epoch that pays was priced by the
    /// planner; one that the window forces saves what need not be held.
    private func forecast(of part: ShortenedPart) -> Double {
        if part.occasion == .epoch(.pays) || part.occasion == .epoch(.cold) { return Double(part.nanodollars) }
        guard let prices = terms.prices, let shortener else { return 0 }
        let held = shortener.shortener.heldForecast(bytesSaved: part.bytesSaved, prices: prices)
        return part.occasion == .birth ? held + prices.tokens(part.bytesSaved) * prices.miss : held
    }

    // MARK: epochs

    private func planEpoch(_ session: SessionShortener) -> EpochPlan? {
        guard draft.knownCount > 0, let prices = terms.prices else { return nil }
        var cachedTurns = draft.knownCount
        while terms.readsAnswers, cachedTurns < draft.keys.count, draft.keys[cachedTurns].role == .assistant {
            cachedTurns += 1
        }
        return session.shortener.epochPlan(
            cachedPartCount: terms.isCold ? 0 : session.firstParts[cachedTurns],
            headTokens: tokens(draft.tools?.byteCount ?? 0), prices: prices, windowTokens: windowTextTokens)
    }

    /// Rewrites what the planner chose, and leaves the middle out where the prompt does not fit its window even so.
    public func carryOutEpoch() {
        rewriteParts()
        leaveOutMiddle()
    }

    private func rewriteParts() {
        guard let plan = planned, let session = shortener else { return }
        planned = nil
        let before = session.shortener.content.parts.map(\.bytes.count)
        guard let epoch = session.shortener.carryOut(plan) else { return }
        let byTurn = Dictionary(grouping: epoch.replacements) { session.turn(ofPart: $0.number) }
        var replaced: [Int: ReplacedTurn] = [:]
        var lost: Set<Int> = []
        for (turn, replacements) in byTurn {
            guard let bytes = rewritten(turn, replacements, session, before: before) else {
                lost.formUnion(replacements.map(\.number))
                continue
            }
            turns[turn] = bytes
            // New turns have their emission in their own links: a fork from among them has other turns in their place.
            if turn >= draft.knownCount { continue }
            replaced[turn] = ReplacedTurn(
                digest: bytes.withUnsafeBytes { Fingerprint(of: $0) }, byteCount: bytes.count)
        }
        // What stands behind the cut is sent again anyway: without the clocks of earlier calls.
        for turn in session.takeSupersededTails(from: replaced.keys.min() ?? .max) where turn < draft.knownCount {
            guard let bytes = turns[turn] ?? emittedBytes(turn),
                let shorter = TailText.removed(from: bytes, dialect: draft.prompt.dialect)
            else { continue }
            turns[turn] = shorter
            replaced[turn] = ReplacedTurn(
                digest: shorter.withUnsafeBytes { Fingerprint(of: $0) }, byteCount: shorter.count)
        }
        let kept = epoch.replacements.filter { !lost.contains($0.number) }
        session.note(omitted: kept.lazy.filter(\.isOmission).map(\.number))
        // What could not be written stays visible; the shortener that thinks otherwise is made again.
        if !lost.isEmpty { shortener = nil }
        guard !kept.isEmpty else { return }
        journal(kept, plan, session, before: before)
        let first = draft.knownCount
        shortenings[first] = TurnShortening(
            births: shortenings[first]?.births ?? [], isKept: shortenings[first]?.isKept ?? false,
            epoch: EpochFacts(
                newTurnCount: draft.keys.count - first,
                parts: kept.map {
                    ReplacementFact(number: $0.number, textBytes: $0.bytes.count, strategy: $0.strategy)
                }, turns: replaced))
    }

    /// The turn's emission with the replacements in it. What stands behind a part's text in the same string (a volatile
    /// text that was told there) stays.
    private func rewritten(
        _ index: Int, _ replacements: [Replacement], _ session: SessionShortener, before: [Int]
    ) -> [UInt8]? {
        guard let turn = emittedTurn(index) else { return nil }
        var texts: [(part: Int, text: [UInt8]?)] = []
        for replacement in replacements {
            let place = replacement.number - session.firstParts[index]
            guard let number = session.emittedNumber(ofPart: place, inTurn: index), turn.parts.indices.contains(number)
            else { return nil }
            let emitted = turn.parts[number].part.bytes
            guard emitted.count >= before[replacement.number] else { return nil }
            let text = replacement.bytes + emitted[before[replacement.number]...]
            texts.append((number, replacement.isOmission ? nil : text))
        }
        return turn.replacing(texts)
    }

    private func journal(
        _ replacements: [Replacement], _ plan: EpochPlan, _ session: SessionShortener, before: [Int]
    ) {
        let saved = replacements.reduce(0) { $0 + before[$1.number] - $1.bytes.count }
        // What a plan for the window gains is tokens and no money.
        let nanodollars = plan.reason == .window ? 0 : (plan.gain - plan.price) / Double(max(1, saved))
        var clientTurns: [Int: EmittedTurn] = [:]
        for replacement in replacements {
            let turn = session.turn(ofPart: replacement.number)
            let clientTurn = clientTurns[turn] ?? EmittedTurn(draft.prompt.turns[turn], in: draft.prompt.source)
            clientTurns[turn] = clientTurn
            let part = session.shortener.content.parts[replacement.number]
            journal.append(
                ShortenedPart(
                    position: turn,
                    partIndex: clientTurn.parts[replacement.number - session.firstParts[turn]].partIndex,
                    handle: part.handle.text, strategy: replacement.strategy,
                    // As it first came: the client may spell it otherwise by now.
                    original: part.original,
                    emitted: replacement.bytes.withUnsafeBytes { Fingerprint(of: $0) },
                    bytesSaved: before[replacement.number] - replacement.bytes.count,
                    occasion: .epoch(plan.reason),
                    nanodollars: Int64(
                        clamping: Int((nanodollars * Double(before[replacement.number] - replacement.bytes.count))))))
        }
    }
}

extension EpochPlan.Reason {
    public var words: String {
        switch self {
        case .pays: "pays"
        case .cold: "cold"
        case .window: "window"
        }
    }
}

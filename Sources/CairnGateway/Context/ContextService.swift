// The lineage of all conversations, shared by the loops, with the store behind it.
//
// A call is planned on its loop under a lock, in tens of microseconds. Only a session that memory does not know (the first
// call after a restart, or after a long absence) waits for the store, on a worker.

import CairnContext
import CairnCore
import CairnLedger
import CairnWire

final class ContextService: Sendable {
    let storage: (any ContextStorage)?
    let ledger: CallLedger
    private let tree = Locked(LineageTree())
    private let breaks = Locked(RecentBreaks())
    private let shortening = Locked(ShorteningTotals())
    private let strategies = Locked(StrategyGuard())
    private let salt: [UInt8]
    private let log: Log

    /// `salt`: 16 or more secret bytes of this home, so that a name of an account tells nothing of its key.
    init(storage: (any ContextStorage)?, ledger: CallLedger, salt: [UInt8], log: Log) {
        self.storage = storage
        self.ledger = ledger
        self.salt = salt
        self.log = log
        restoreStrategies()
    }

    /// The shortest prefix worth a breakpoint, in bytes of prompt.
    static func prefixBytesMin(_ pricing: CallPricing?) -> Int {
        Int(Double(pricing?.price.cacheMinimumTokens ?? 1024) * CallLedger.bytesPerToken)
    }

    /// The name of the account a key belongs to. Conversations of different accounts never share anything.
    func account(of credentials: Credentials) -> Fingerprint {
        var digest = SHA256()
        digest.update(salt)
        digest.update(Array(credentials.identity.utf8))
        let half = digest.finishHalf()
        return Fingerprint(high: half.high, low: half.low)
    }

    /// An unguessable name for a session that may begin (the system's generator is getrandom).
    static func newSessionIdentifier() -> SessionIdentifier {
        SessionIdentifier(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
    }

    var counts: (sessions: Int, links: Int) { tree.withLock { ContextCounts($0.sessionCount, $0.linkCount) }.pair }

    /// The last breaks of prefixes, the newest last.
    var recentBreaks: [RecentBreak] { breaks.withLock { $0.breaks } }

    func note(_ one: RecentBreak) { breaks.withLock { $0.add(one) } }

    /// What was left out since the start.
    var shorteningTotals: ShorteningTotals { shortening.withLock { $0 } }

    /// Plans a call, as far as memory knows. Call it again after ``load(_:into:)`` for what it needs.
    func plan(_ prompt: borrowing Prompt, _ keys: PromptKeys, _ request: LineageTree.Request) -> LineageTree.Outcome {
        let prompt = copy prompt
        let outcome = tree.withLock { $0.plan(prompt, keys, request) }
        if case .planned(let plan) = outcome { count(plan) }
        return outcome
    }

    private func count(_ plan: EmissionPlan) {
        if !plan.shortened.isEmpty { shortening.withLock { $0.add(plan.shortened) } }
    }

    /// Plans a call with what was shortened in it; nil: plan it again from the start.
    func plan(_ task: ShorteningTask, of request: LineageTree.Request) -> EmissionPlan? {
        guard let plan = tree.withLock({ $0.plan(task) }) else { return nil }
        count(plan)
        let findings = task.findings
        keep(
            strategies.withLock {
                $0.note(
                    findings, session: plan.session, in: GuardedProject(request), at: request.wallNanoseconds)
            })
        return plan
    }

    /// Brings what a plan needs from the store. Waits for the disk: on a worker only. What is not there is noted in
    /// `request`, so that the next plan does without.
    func load(_ outcome: LineageTree.Outcome, into request: inout LineageTree.Request) {
        switch outcome {
        case .planned, .needsShortening: break
        case .needsHistory(let chains): loadHistory(chains, &request)
        case .needsBlobs(let digests):
            for digest in digests where !loadBlob(digest) { request.lost.insert(digest) }
        }
    }

    private func loadHistory(_ chains: [Fingerprint], _ request: inout LineageTree.Request) {
        request.isHistoryLoaded = true
        guard let storage else { return }
        do throws(StoreError) {
            guard let known = try storage.longestKnownPrefix(newestFirst: chains) else { return }
            let path = try storage.lineage(endingAt: known.link.chain)
            let last = try storage.lastCall(of: known.link.session).map { record throws(StoreError) in
                LineageTree.LastCall(
                    record: record,
                    path: record.chain == known.link.chain ? path : try storage.lineage(endingAt: record.chain),
                    tools: try record.tools.flatMap { digest throws(StoreError) in try storage.blob(digest) },
                    strategyVersions: try storage.session(record.session)?.strategyVersions ?? "")
            }
            let hidden = try hiddenTurns(behind: known.link.chain, storage)
            tree.withLock {
                $0.adopt(path, last: last)
                $0.adopt(hidden, behind: known.link.chain)
            }
        } catch {
            log.warning("history not read", ["reason": .text("\(error)")])
        }
    }

    /// Hidden turns that wait for the client's message behind a link, the newest first.
    private func hiddenTurns(
        behind chain: Fingerprint, _ storage: any ContextStorage
    ) throws(StoreError) -> [HiddenTurns] {
        var found: [HiddenTurns] = []
        let decisions = try storage.decisions(handle: HiddenTurns.name(behind: chain))
        for decision in decisions.reversed().prefix(LineageTree.hiddenAnswersMax) {
            if let turns = try storage.blob(decision.emitted).flatMap({ HiddenTurns(stored: $0) }) {
                found.append(turns)
            }
        }
        return found
    }

    /// Keeps the hidden turns of a call for the message that its client makes of the answer, here and in the store. The
    /// store writes them at once.
    func remember(_ turns: HiddenTurns, of plan: EmissionPlan) {
        tree.withLock { $0.remember(turns, behind: plan.chain) }
        let records = turns.records(
            behind: plan.chain, of: plan.session, wallNanoseconds: SystemTime.wallNanoseconds())
        storage?.append(records) { _ in }  // a broken promise is told by the store's health
    }

    private func loadBlob(_ digest: Fingerprint) -> Bool {
        guard let storage else { return false }
        do throws(StoreError) {
            guard let bytes = try storage.blob(digest) else { return false }
            tree.withLock { $0.adopt(bytes, as: digest) }
            return true
        } catch {
            log.warning("an emission was not read", ["reason": .text("\(error)")])
            return false
        }
    }
}

// MARK: the guard

extension ContextService {
    /// Strategies that do nothing new in a call.
    func strategiesOff(for request: LineageTree.Request) -> Set<StrategyName> {
        strategies.withLock { $0.off(GuardedProject(request), at: request.wallNanoseconds) }
    }

    /// All that is off now, the newest first, and what each strategy did since the start.
    func strategyReadings(at wallNanoseconds: UInt64) -> StrategyReadings {
        strategies.withLock {
            StrategyReadings(off: $0.switchesInForce(at: wallNanoseconds), tallies: $0.tallies)
        }
    }

    /// Tells the guard what a call was billed, with what its model asked besides, and what it would have been.
    func settle(
        _ call: SettledCall, _ project: GuardedProject, session: SessionIdentifier, at wallNanoseconds: UInt64
    ) {
        guard let billed = call.billed, let untouched = call.untouched else { return }
        keep(
            strategies.withLock {
                $0.settle(
                    billedNanodollars: billed.nanodollars, untouchedNanodollars: untouched.nanodollars,
                    session: session, in: project, at: wallNanoseconds)
            })
    }

    /// Tells the guard that the original behind a decision was asked for. Reads the disk: on a worker only.
    func noteExpansion(of decision: DecisionRecord, account: Fingerprint, at wallNanoseconds: UInt64) {
        guard let storage else { return }
        do throws(StoreError) {
            guard let session = try storage.session(decision.session) else { return }
            let project = GuardedProject(
                account: account, harness: session.harness, provider: session.provider, model: session.model)
            let strategy = StrategyName(decision.strategy, version: decision.strategyVersion)
            keep(strategies.withLock { $0.noteExpansion(of: strategy, in: project, at: wallNanoseconds) })
        } catch {
            log.warning("an expansion was not counted", ["reason": .text("\(error)")])
        }
    }

    private func keep(_ switches: [StrategySwitch]) {
        if switches.isEmpty { return }
        for one in switches { log.warning("a strategy is off", ["what": .text(one.text)]) }
        storage?.append(StorageBatch(events: switches.map(\.event)))
    }

    /// What was off before a restart is off again. Reads the disk; the gateway does not serve yet.
    fileprivate func restoreStrategies() {
        guard let storage else { return }
        do throws(StoreError) {
            let now = SystemTime.wallNanoseconds()
            let since = now - min(now, StrategyGuard.offNanoseconds)
            let stored = try StrategySwitch.stored(sinceNanoseconds: since) { page throws(StoreError) in
                try storage.events(page)
            }
            strategies.withLock { $0.restore(stored, at: now) }
        } catch {
            log.warning("which strategies are off was not read", ["reason": .text("\(error)")])
        }
    }
}

extension GuardedProject {
    init(_ request: LineageTree.Request) {
        self.init(
            account: request.account, harness: request.harness.name, provider: request.provider, model: request.model)
    }
}

/// What the guard knows at a moment.
struct StrategyReadings: Sendable {
    var off: [StrategySwitch] = []
    /// Of each strategy since the start.
    var tallies: [(strategy: StrategyName, tally: StrategyTally)] = []
}

private struct ContextCounts: Sendable {
    let pair: (Int, Int)
    init(_ sessions: Int, _ links: Int) { pair = (sessions, links) }
}

// The gateway's side of the guard: what is off comes back from the store, and what is asked for again is counted.

import CairnContext
import CairnCore
import CairnLedger
import CairnStore
import CairnWire
import Testing

@testable import CairnGateway

@Suite struct StrategyGuardServiceTests {
    private let account = Fingerprint(high: 1, low: 2)
    private let digest = StrategyName("result-digest", version: 1)

    private func request(model: String = "m", at wallNanoseconds: UInt64) -> LineageTree.Request {
        LineageTree.Request(
            account: account, newSession: SessionIdentifier(high: 5, low: 6), harness: .claudeCode,
            provider: "anthropic",
            model: model, wallNanoseconds: wallNanoseconds)
    }

    /// Runs `body` as one process after the other would, with the same folder.
    private func process(_ folder: FreshFolder, _ body: (ContextService, SQLiteStore) throws -> Void) throws {
        let store = try SQLiteStore(StoreOptions(folder: folder.path))
        try body(
            ContextService(
                storage: store, ledger: CallLedger(book: .builtIn), salt: [1, 2, 3],
                log: Log(level: .error, fileDescriptor: -1)), store)
        #expect(store.close(withinMilliseconds: 5000))
    }

    /// A switch of the result digest in the project of ``request(model:at:)``.
    private func event(at wallNanoseconds: UInt64) -> EventRecord {
        let project = GuardedProject(request(at: wallNanoseconds))
        return EventRecord(
            wallNanoseconds: wallNanoseconds, kind: StrategySwitch.eventKind, session: nil,
            text: "project \(project.key): result-digest 1 is off for 7 days for \(project.words): it lost")
    }

    @Test func `what was off before a restart is off again, until a week is over`() throws {
        let folder = try FreshFolder()
        let now = SystemTime.wallNanoseconds()
        try process(folder) { _, store in store.append(StorageBatch(events: [event(at: now)])) }

        try process(folder) { service, _ in
            #expect(service.strategiesOff(for: request(at: now)) == [digest])
            #expect(service.strategiesOff(for: request(model: "other", at: now)).isEmpty)
            #expect(service.strategiesOff(for: request(at: now + StrategyGuard.offNanoseconds)).isEmpty)
            #expect(service.strategyReadings(at: now).off.map(\.text) == [event(at: now).text])
        }
    }

    @Test func `a switch that is older than a week is not read back`() throws {
        let folder = try FreshFolder()
        let now = SystemTime.wallNanoseconds()
        try process(folder) { _, store in
            store.append(StorageBatch(events: [event(at: now - StrategyGuard.offNanoseconds - 1)]))
        }

        try process(folder) { service, _ in #expect(service.strategyReadings(at: now).off.isEmpty) }
    }

    @Test func `what is expanded counts for the strategy that hid it`() throws {
        let folder = try FreshFolder()
        let now = SystemTime.wallNanoseconds()
        let session = SessionRecord(
            id: SessionIdentifier(high: 5, low: 6), root: Fingerprint(high: 3, low: 3), harness: "claude-code",
            provider: "anthropic", dialect: "messages", model: "m", projectHint: "", createdNanoseconds: now,
            frozenFacts: nil, strategyVersions: "")
        let decision = DecisionRecord(
            handle: "k3f9", session: session.id, chain: session.root, partIndex: 0, strategy: digest.name,
            strategyVersion: digest.version, original: session.root, emitted: session.root, reason: "epoch: pays",
            priceNanodollars: 1, wallNanoseconds: now)
        try process(folder) { _, store in store.append(StorageBatch(sessions: [session])) }

        try process(folder) { service, _ in
            service.noteExpansion(of: decision, account: account, at: now)
            let tallies = service.strategyReadings(at: now).tallies
            #expect(tallies.map(\.strategy) == [digest])
            #expect(tallies.first?.tally.expansions == 1)
        }
    }
}

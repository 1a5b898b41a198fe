import CSQLite
import CairnContext
import CairnCore
import Testing

@testable import CairnStore

@Suite(.serialized) struct FaultTests {
    init() { FaultyFileSystem.register }

    private func open(_ home: StoreHome, _ change: (inout StoreOptions) -> Void = { _ in }) throws -> SQLiteStore {
        FaultyFileSystem.heal()
        return try home.open {
            $0.fileSystem = FaultyFileSystem.name
            change(&$0)
        }
    }

    private func reason(_ store: SQLiteStore) -> StoreError.Kind? {
        guard case .degraded(let error) = store.health.state else { return nil }
        return error.kind
    }

    @Test(arguments: [(SQLITE_FULL, StoreError.Kind.full), (SQLITE_IOERR | 3 << 8, .inputOutput)])
    func `a failing disk breaks promises, keeps plain records, and is left behind when it is well`(
        code: Int32, kind: StoreError.Kind
    ) throws {
        let home = try StoreHome()
        let store = try open(home)
        var lineage = SampleLineage(session: 1)
        let before = lineage.add("before")
        let plain = (0..<50).map { lineage.add("plain \($0)") }
        let promised = lineage.add("promised")
        try store.appendAndWait(before)

        FaultyFileSystem.fail(with: code)
        for batch in plain { store.append(batch) }
        let answer = Answer()
        store.append(promised) { answer.set($0) }

        #expect(eventually { answer.value != nil })
        #expect(answer.error?.kind == kind)
        #expect(reason(store) == kind)
        #expect(try store.link(chain: lineage.links[0].chain) == lineage.links[0], "what was written can be read")

        FaultyFileSystem.heal()
        #expect(eventually { store.health.state == .ready && store.health.queuedRecords == 0 })
        for link in lineage.links[1...50] { #expect(try store.link(chain: link.chain) == link) }
        #expect(try store.link(chain: lineage.links[51].chain) == nil, "a broken promise is not kept later")
        #expect(answer.count == 1)
        #expect(store.health.lostRecords == UInt64(promised.recordCount))
        #expect(store.close(withinMilliseconds: 5000))
    }

    @Test func `while the disk fails, promises are broken at once and the queue stays bounded`() throws {
        let home = try StoreHome()
        let store = try open(home) {
            $0.limits.queueBytesMax = 100_000
            $0.retryMilliseconds = 60_000
        }
        var lineage = SampleLineage(session: 1)
        FaultyFileSystem.fail(with: SQLITE_FULL)
        #expect(throws: StoreError.self) { try store.appendAndWait(lineage.add("first")) }

        for number in 0..<1000 { store.append(lineage.add("turn \(number)")) }
        #expect(throws: StoreError.self) { try store.appendAndWait(lineage.add("second")) }

        let health = store.health
        #expect(health.queuedBytes <= 100_000)
        #expect(health.queuedRecords > 0)
        #expect(health.lostRecords + UInt64(health.queuedRecords) == 3 * 1002)
        FaultyFileSystem.heal()
        #expect(store.close(withinMilliseconds: 5000), "closing tries once more")
        #expect(store.health.lostRecords == health.lostRecords)
    }

    @Test func `each write failing once loses no record and never lies`() throws {
        // How many operations there are from opening to closing.
        func life(_ home: StoreHome) throws -> [(Answer, LinkRecord)] {
            let store = try home.open {
                $0.fileSystem = FaultyFileSystem.name
                $0.retryMilliseconds = 1
                $0.limits.groupMilliseconds = 0
            }
            var lineage = SampleLineage(session: 1)
            var answers: [(Answer, LinkRecord)] = []
            for number in 0..<3 {
                let batch = lineage.add("turn \(number)", emission: "emission \(number)")
                let answer = Answer()
                store.append(batch) { answer.set($0) }
                #expect(eventually { answer.value != nil })
                answers.append((answer, lineage.links[number]))
            }
            #expect(store.close(withinMilliseconds: 5000))
            return answers
        }
        FaultyFileSystem.fail(with: SQLITE_FULL, from: .max)
        _ = try life(StoreHome())
        let operationCount = FaultyFileSystem.operationCount
        #expect(operationCount > 20)

        for failing in 1...operationCount {
            let home = try StoreHome()
            FaultyFileSystem.fail(with: failing % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR, from: failing, count: 1)
            let answers = try life(home)
            FaultyFileSystem.heal()

            try home.withStore { store throws in
                #expect(store.opening?.setAsidePath == nil)
                for (answer, link) in answers {
                    let isStored = try store.link(chain: link.chain) == link
                    #expect(answer.count == 1)
                    #expect(isStored == (answer.error == nil), "operation \(failing): \(link.position)")
                }
            }
        }
    }
}

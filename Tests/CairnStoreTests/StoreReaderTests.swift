// Reading beside the process that writes.

import CairnContext
import CairnCore
import Foundation
import Testing

@testable import CairnStore

@Suite struct StoreReaderTests {
    @Test func `a reader sees what the writer commits, and neither waits for the other`() throws {
        let home = try StoreHome()
        try home.withStore { store in
            let session = SessionIdentifier(high: 1, low: ~1)
            try store.appendAndWait(StorageBatch(sessions: [.sample(1)], calls: [.sample(1, session: session)]))
            let reader = try StoreReader(folder: home.home)

            #expect(try reader.session(session) == .sample(1))
            try store.appendAndWait(StorageBatch(sessions: [.sample(2)], calls: [.sample(2, session: session)]))

            var calls: [CallRecord] = []
            try reader.forEachCall { calls.append($0) }
            #expect(calls == [.sample(1, session: session), .sample(2, session: session)])
            #expect(try reader.oldestSessions(StoragePage(count: 10)) == [.sample(1), .sample(2)])
            #expect(try reader.oldestSessions(StoragePage(skip: 1, count: 10)) == [.sample(2)])
        }
    }

    @Test func `calls are chosen by session and by time`() throws {
        let home = try StoreHome()
        let one = SessionIdentifier(high: 1, low: 1)
        let other = SessionIdentifier(high: 2, low: 2)
        try home.withStore { store in
            let calls = (1...6 as ClosedRange<UInt64>).map { CallRecord.sample($0, session: $0 % 2 == 0 ? one : other) }
            try store.appendAndWait(StorageBatch(calls: calls))
            let reader = try StoreReader(folder: home.home)
            func identifiers(_ session: SessionIdentifier?, _ since: UInt64) throws -> [String] {
                var names: [String] = []
                try reader.forEachCall(of: session, sinceNanoseconds: since) { names.append($0.id) }
                return names
            }

            #expect(try identifiers(one, 0) == ["call-2", "call-4", "call-6"])
            #expect(try identifiers(nil, 5000) == ["call-5", "call-6"])
            #expect(try identifiers(one, 5000) == ["call-6"])
            #expect(try identifiers(one, .max) == [])
        }
    }

    @Test func `links and bytes are found by their digests`() throws {
        let home = try StoreHome()
        try home.withStore { store in
            var lineage = SampleLineage(session: 1)
            try store.appendAndWait(lineage.add("hello", emission: "HELLO"))
            let reader = try StoreReader(folder: home.home)

            let link = try reader.link(chain: lineage.links[0].chain)
            #expect(link == lineage.links[0])
            #expect(try reader.blob(lineage.links[0].emitted) == Array("HELLO".utf8))
            #expect(try reader.blob(Fingerprint(high: 1, low: 1)) == nil)
        }
    }

    @Test func `a store that was closed is read`() throws {
        let home = try StoreHome()
        try home.withStore { try $0.appendAndWait(StorageBatch(sessions: [.sample(1)])) }

        #expect(try StoreReader(folder: home.home).oldestSessions(StoragePage(count: 2)) == [.sample(1)])
    }

    @Test func `where there is no store none is made`() throws {
        let home = try StoreHome()
        let error = #expect(throws: StoreError.self) { _ = try StoreReader(folder: home.home) }
        #expect(error?.kind == .cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: home.home))
    }

    @Test func `a file of a newer program, and one of something else, are refused`() throws {
        let home = try StoreHome()
        try home.withStore { _ in }
        try home.execute("PRAGMA user_version = 99")
        #expect(throws: StoreError.self) { _ = try StoreReader(folder: home.home) }
        try home.execute("PRAGMA user_version = \(Migration.all.count)")
        try home.execute("UPDATE facts SET value = 99 WHERE name = 'fingerprints'")
        let digests = #expect(throws: StoreError.self) { _ = try StoreReader(folder: home.home) }
        #expect(digests?.kind == .otherFingerprints(found: 99, known: Fingerprint.version))
        try home.execute("PRAGMA application_id = 5")
        let foreign = #expect(throws: StoreError.self) { _ = try StoreReader(folder: home.home) }
        #expect(foreign?.kind == .foreign)
    }

    @Test func `a file that waits for its migration is refused`() throws {
        let home = try StoreHome()
        try home.withStore { _ in }
        try home.execute("PRAGMA user_version = 0")
        let error = #expect(throws: StoreError.self) { _ = try StoreReader(folder: home.home) }
        #expect(error?.kind == .cannotOpen)
    }
}

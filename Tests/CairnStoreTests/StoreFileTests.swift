import CairnContext
import CairnCore
import Foundation
import Glibc
import Testing

@testable import CairnStore

@Suite struct StoreFileTests {
    private let blob = BlobRecord(Array("kept".utf8))
    /// The newest version of the file.
    private let known = Migration.all.count

    private func reason(_ store: SQLiteStore) -> StoreError.Kind? {
        guard case .degraded(let error) = store.health.state else { return nil }
        return error.kind
    }

    private func fill(_ home: StoreHome, turns: Int = 400) throws -> SampleLineage {
        var lineage = SampleLineage(session: 1)
        try home.withStore { store throws in
            for number in 0..<turns { store.append(lineage.add("turn \(number) of many")) }
        }
        return lineage
    }

    @Test func `only the owner reads the files and the folders made for them`() throws {
        let home = try StoreHome()
        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(blobs: [blob]))

            #expect(home.names() == ["cairn.db", "cairn.db-shm", "cairn.db-wal", "cairn.lock"])
            for name in home.names() { #expect(try home.mode(home.home + "/" + name) == 0o600) }
            #expect(try home.mode(home.home) == 0o700)
            #expect(try home.mode(home.folder + "/home") == 0o700)
        }
        #expect(home.names() == ["cairn.db", "cairn.lock"], "closing leaves one file")
    }

    @Test func `a file that others could read is closed to them`() throws {
        let home = try StoreHome()
        _ = try fill(home, turns: 1)
        chmod(home.database, 0o644)

        try home.withStore { _ throws in #expect(try home.mode(home.database) == 0o600) }
    }

    @Test func `the report tells a new file, a clean end and another one`() throws {
        let home = try StoreHome()
        try home.withStore { store throws in
            #expect(
                store.opening
                    == StoreOpening(
                        path: home.database, setAsidePath: nil, migratedFrom: nil, wasClosedCleanly: false, check: .none
                    ))
        }
        try home.withStore { store throws in
            #expect(store.opening?.wasClosedCleanly == true)
            #expect(store.opening?.check == .quick)
        }
        try home.execute("UPDATE facts SET value = 1 WHERE name = 'open'")
        try home.withStore { store throws in
            #expect(store.opening?.wasClosedCleanly == false)
            #expect(store.opening?.check == .full)
        }
    }

    @Test func `a check that takes too long is left unfinished`() throws {
        let home = try StoreHome()
        _ = try fill(home, turns: 3000)

        try home.withStore {
            $0.limits.quickCheckMillisecondsMax = 0
        } _: { store throws in
            #expect(store.opening?.check == .unfinished)
        }
    }

    @Test func `an older file is brought forward step by step`() throws {
        let home = try StoreHome()
        let lineage = try fill(home, turns: 3)
        let steps = [
            Migration(version: known + 1, sql: "CREATE TABLE second (a INTEGER)"),
            Migration(version: known + 2, sql: "ALTER TABLE second ADD COLUMN b INTEGER"),
        ]

        try home.withStore {
            $0.migrations += steps
        } _: { store throws in
            #expect(store.opening?.migratedFrom == known)
            #expect(try store.link(chain: lineage.links[2].chain) == lineage.links[2])
        }

        try home.execute("INSERT INTO second VALUES (1, 2)")
        try home.withStore {
            $0.migrations += steps
        } _: {
            #expect($0.opening?.migratedFrom == nil)
        }
    }

    @Test func `a file of version 1 gets what later versions added`() throws {
        let home = try StoreHome()
        let decision = DecisionRecord.sample(handle: "k7f2", part: 1)
        try home.withStore {
            $0.migrations = [.tables]
        } _: {
            try $0.appendAndWait(StorageBatch(decisions: [decision]))
        }
        #expect(throws: StoreError.self) { try StoreReader(folder: home.home) }

        try home.withStore { store throws in
            #expect(store.opening?.migratedFrom == 1)
            #expect(try store.decisions(of: decision.session, StoragePage(count: 9)) == [decision])
        }
        // Fails where there is no such index.
        try home.execute("DROP INDEX decisions_of_session")
    }

    @Test func `a migration that fails leaves the file as it was`() throws {
        let home = try StoreHome()
        let lineage = try fill(home, turns: 3)
        let broken = Migration(
            version: known + 1, sql: "CREATE TABLE second (a INTEGER); CREATE TABLE links (a INTEGER)")

        try home.withStore {
            $0.migrations.append(broken)
        } _: {
            #expect(self.reason($0) != nil)
        }

        try home.withStore { store throws in
            #expect(store.opening?.migratedFrom == nil)
            #expect(try store.link(chain: lineage.links[2].chain) == lineage.links[2])
        }
    }

    @Test func `a file of a newer program is refused and left alone`() throws {
        let home = try StoreHome()
        _ = try fill(home, turns: 3)
        try home.execute("PRAGMA user_version = 99")
        let before = try Data(contentsOf: URL(fileURLWithPath: home.database))

        try home.withStore { store throws in
            #expect(reason(store) == .newer(found: 99, known: known))
            #expect(throws: StoreError.self) { try store.blob(blob.digest) }
            #expect(throws: StoreError.self) { try store.appendAndWait(StorageBatch(blobs: [blob])) }
        }

        #expect(try Data(contentsOf: URL(fileURLWithPath: home.database)) == before)
    }

    @Test func `a database of another program is refused`() throws {
        let home = try StoreHome()
        _ = try fill(home, turns: 1)
        try home.execute("PRAGMA application_id = 7")

        try home.withStore { #expect(reason($0) == .foreign) }
    }

    @Test func `digests of another rule are refused`() throws {
        let home = try StoreHome()
        _ = try fill(home, turns: 1)
        try home.execute("UPDATE facts SET value = value + 1 WHERE name = 'fingerprints'")

        try home.withStore { store throws in
            #expect(
                reason(store)
                    == .otherFingerprints(found: Fingerprint.version + 1, known: Fingerprint.version))
        }
    }

    enum Damage: CaseIterable { case noDatabase, halved, garbledPages, garbledHeader }

    private func damage(_ path: String, _ damage: Damage) throws {
        let url = URL(fileURLWithPath: path)
        var bytes = try Data(contentsOf: url)
        switch damage {
        case .noDatabase: bytes = Data("this is no database, it only has the name of one".utf8)
        case .halved: bytes = bytes.prefix(bytes.count / 2)
        case .garbledPages:
            for index in stride(from: 4096, to: bytes.count, by: 3) { bytes[index] = UInt8(truncatingIfNeeded: index) }
        case .garbledHeader: for index in 0..<100 { bytes[index] = 0x55 }
        }
        try bytes.write(to: url)
    }

    @Test(arguments: Damage.allCases)
    func `a damaged file is set aside and a fresh one begun`(kind: Damage) throws {
        let home = try StoreHome()
        let lineage = try fill(home)
        try damage(home.database, kind)
        let damaged = try Data(contentsOf: URL(fileURLWithPath: home.database))

        try home.withStore { store throws in
            #expect(store.health.state == .ready)
            let aside = try #require(store.opening?.setAsidePath)
            #expect(aside.hasPrefix(home.database + ".damaged-20"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: aside)) == damaged)
            #expect(try home.mode(aside) == 0o600)
            #expect(try store.link(chain: lineage.links[0].chain) == nil)
            try store.appendAndWait(StorageBatch(blobs: [blob]))
            #expect(try store.blob(blob.digest) == blob.bytes)
        }
        try damage(home.database, kind)
        try home.withStore { _ throws in }
        #expect(home.names().filter { $0.contains("damaged") }.count == 2, "a second one has a name of its own")
    }

    @Test func `one process writes; the other is degraded until the first has ended`() throws {
        let home = try StoreHome()
        let first = try home.open()
        try home.withStore { second throws in
            #expect(reason(second) == .locked)
            #expect(throws: StoreError.self) { try second.blob(blob.digest) }
            second.append(StorageBatch(blobs: [blob]))

            #expect(first.close(withinMilliseconds: 5000))

            #expect(eventually { second.health.state == .ready && second.health.queuedRecords == 0 })
            #expect(second.opening?.wasClosedCleanly == true)
            #expect(try second.blob(blob.digest) == blob.bytes)
        }
    }

    @Test func `a lock that another program holds is waited out`() throws {
        let home = try StoreHome()
        try home.withStore { store throws in
            let other = try Database(path: home.database, access: .readWrite, fileSystem: nil, busyMilliseconds: 0)
            try other.execute("BEGIN IMMEDIATE", step: "locking")
            store.append(StorageBatch(blobs: [blob]))
            #expect(eventually { reason(store) == .locked })
            #expect(try store.blob(blob.digest) == nil, "reading goes on")

            try other.execute("COMMIT", step: "unlocking")

            #expect(eventually { store.health.state == .ready && store.health.queuedRecords == 0 })
            #expect(try store.blob(blob.digest) == blob.bytes)
        }
    }

    @Test func `a place where nothing can be made degrades the store, and no call fails`() throws {
        let home = try StoreHome()
        try Data().write(to: URL(fileURLWithPath: home.folder + "/home"))

        try home.withStore { store throws in
            #expect(reason(store) == .cannotOpen)
            store.append(StorageBatch(blobs: [blob]))
            #expect(store.health.queuedRecords == 1)
            #expect(throws: StoreError.self) { try store.appendAndWait(StorageBatch(blobs: [blob])) }
            #expect(throws: StoreError.self) { try store.sessions(StoragePage(count: 1)) }
            unlink(home.folder + "/home")
            #expect(eventually { store.health.state == .ready })
            #expect(eventually { (try? store.blob(blob.digest)) == blob.bytes }, "what waited is written")
        }
    }

    @Test func `a link in place of the file is not followed`() throws {
        let home = try StoreHome()
        try FileManager.default.createDirectory(atPath: home.home, withIntermediateDirectories: true)
        #expect(symlink("/dev/null", home.database) == 0)

        try home.withStore { #expect(reason($0) == .cannotOpen) }
    }

    @Test func `a home behind a link is used`() throws {
        let home = try StoreHome()
        try FileManager.default.createDirectory(atPath: home.folder + "/elsewhere", withIntermediateDirectories: true)
        #expect(symlink("elsewhere", home.folder + "/home") == 0)

        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(blobs: [blob]))
            #expect(try store.blob(blob.digest) == blob.bytes)
        }
    }

    @Test func `a backup is a store with what was there, made while writing goes on`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        let target = try StoreHome()
        try FileManager.default.createDirectory(atPath: target.home, withIntermediateDirectories: true)
        try home.withStore { store throws in
            for number in 0..<2000 { store.append(lineage.add("turn \(number)")) }
            try store.appendAndWait(StorageBatch())
            for number in 2000..<4000 { store.append(lineage.add("turn \(number)")) }

            try store.backup(to: target.database)

            #expect(throws: StoreError.self) { try store.backup(to: target.database) }
        }
        #expect(target.names() == ["cairn.db"])
        #expect(try target.mode(target.database) == 0o600)
        try target.withStore { copy throws in
            #expect(copy.opening?.check == .full)
            let path = try copy.lineage(endingAt: lineage.links[1999].chain)
            #expect(path == LineagePath(links: Array(lineage.links[..<2000]), isComplete: true))
        }
    }

    @Test func `a backup that fails leaves nothing behind`() throws {
        let home = try StoreHome()
        try home.withStore { store throws in
            #expect(throws: StoreError.self) { try store.backup(to: home.folder + "/missing/copy.db") }
            try store.appendAndWait(StorageBatch(blobs: [blob]))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.folder) == ["home"])
    }

    @Test func `a closed store answers with errors`() throws {
        let home = try StoreHome()
        let store = try home.open()
        #expect(store.close(withinMilliseconds: 5000))

        store.append(StorageBatch(blobs: [blob]))

        #expect(store.health.state == .closed)
        #expect(store.health.lostRecords == 1)
        #expect(throws: StoreError.self) { try store.blob(blob.digest) }
        #expect(throws: StoreError.self) { try store.appendAndWait(StorageBatch(blobs: [blob])) }
        #expect(store.close(withinMilliseconds: 0))
    }
}

import CairnCore
import Foundation
import Testing

@testable import CairnContext
@testable import CairnStore

@Suite struct RecordTests {
    @Test func `every kind of record comes back as it was, also after the store was closed`() throws {
        let home = try StoreHome()
        let session = SessionRecord.sample(1)
        let call = CallRecord.sample(1, session: session.id)
        let bare = CallRecord.sample(2, session: session.id)
        let decision = DecisionRecord.sample(handle: "k7", part: 3)
        let blob = BlobRecord(Array("the response".utf8))
        let response = ResponseRecord(
            id: "resp_1", session: session.id, ownerKeyHash: Fingerprint(high: 9, low: 9), createdNanoseconds: 5,
            expiresNanoseconds: nil, blob: blob.digest)
        let event = EventRecord(wallNanoseconds: 3, kind: "mode", session: nil, text: "")
        var lineage = SampleLineage(session: 1)
        var batch = lineage.add("one", emission: "shorter")
        batch.blobs.append(blob)
        batch.sessions = [session]
        batch.calls = [call, bare]
        batch.decisions = [decision]
        batch.responses = [response]
        batch.events = [event, EventRecord(wallNanoseconds: 4, kind: "end", session: session.id, text: "ü")]

        try home.withStore { try $0.appendAndWait(batch) }

        try home.withStore { store throws in
            #expect(try store.session(session.id) == session)
            #expect(try store.calls(of: session.id, StoragePage(count: 10)) == [call, bare])
            #expect(try store.decisions(handle: "k7") == [decision])
            #expect(try store.response(id: "resp_1") == response)
            #expect(try store.events(StoragePage(count: 10)) == batch.events.reversed())
            #expect(try store.link(chain: lineage.links[0].chain) == lineage.links[0])
            for blob in batch.blobs { #expect(try store.blob(blob.digest) == blob.bytes) }
        }
    }

    @Test func `what is not there is nil or empty`() throws {
        let home = try StoreHome()
        let nothing = Fingerprint(high: 1, low: 1)

        try home.withStore { store throws in
            #expect(try store.link(chain: nothing) == nil)
            #expect(try store.blob(nothing) == nil)
            #expect(try store.session(SessionIdentifier(high: 0, low: 0)) == nil)
            #expect(try store.response(id: "") == nil)
            #expect(try store.decisions(handle: "x").isEmpty)
            #expect(try store.decisions(handle: "x", of: SessionIdentifier(high: 0, low: 0)).isEmpty)
            #expect(try store.call(id: "x") == nil)
            #expect(try store.longestKnownPrefix(newestFirst: [nothing, nothing]) == nil)
            #expect(try store.lineage(endingAt: nothing) == LineagePath(links: [], isComplete: false))
            #expect(try store.totals(sinceNanoseconds: 0).calls == 0)
        }
    }

    @Test(arguments: [0, 1, 1023, 1024, 1025, 5000, 300_000])
    func `bytes of any size come back, compressed where that helps`(size: Int) throws {
        let home = try StoreHome()
        var numbers = SampleNumbers(seed: UInt64(size))
        let random = BlobRecord(numbers.bytes(size))
        let repeating = BlobRecord((0..<size).map { UInt8($0 % 7) })

        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(blobs: [random, repeating]))

            #expect(try store.blob(random.digest) == random.bytes)
            #expect(try store.blob(repeating.digest) == repeating.bytes)
            let written = store.health.writtenBytes
            #expect(size < 1024 || written < UInt64(size) + 200 + UInt64(size) / 10)
        }
    }

    @Test func `the same appended again changes nothing`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        var batch = lineage.add("one")
        batch.sessions = [.sample(1)]
        batch.calls = [.sample(1, session: lineage.session)]

        try home.withStore { store throws in
            try store.appendAndWait(batch)
            let rows = store.health.writtenRows
            try store.appendAndWait(batch)

            #expect(rows == 5)
            #expect(store.health.writtenRows == rows)
            #expect(store.health.conflictRecords == 0)
        }
    }

    @Test func `a link keeps its first emission, and who promised another is told`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        let first = lineage.add("one", emission: "first")
        var rival = SampleLineage(session: 1)
        let second = rival.add("one", emission: "second")

        try home.withStore { store throws in
            try store.appendAndWait(first)

            #expect(throws: StoreError(.conflict(rival.links[0].chain), step: "keeping a link")) {
                try store.appendAndWait(second)
            }
            #expect(try store.link(chain: rival.links[0].chain) == lineage.links[0])
            #expect(store.health.conflictRecords == 1)
        }
    }

    @Test func `an emission equal to the raw bytes is no conflict with none`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        let first = lineage.add("one")
        var same = first
        same.links[0].emission = first.links[0].raw

        try home.withStore { store throws in
            try store.appendAndWait(first)
            try store.appendAndWait(same)

            #expect(store.health.conflictRecords == 0)
        }
    }

    @Test func `a damaged blob is noticed when read, and healed when it is appended again`() throws {
        let home = try StoreHome()
        let blob = BlobRecord(Array("some bytes of a turn".utf8))
        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(blobs: [blob]))
            try home.execute("UPDATE blobs SET bytes = x'00'")

            #expect(throws: StoreError(.corrupt, step: "reading blob \(blob.digest)")) {
                try store.blob(blob.digest)
            }
            try store.appendAndWait(StorageBatch(blobs: [blob]))
            #expect(try store.blob(blob.digest) == blob.bytes)
        }
    }

    @Test func `other bytes under a known digest are refused with all that came with them`() throws {
        let home = try StoreHome()
        let known = BlobRecord(Array("known".utf8))
        let forged = BlobRecord(digest: known.digest, bytes: Array("forged".utf8))
        var lineage = SampleLineage(session: 1)
        var batch = lineage.add("one")
        batch.blobs.append(forged)
        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(blobs: [known]))

            #expect(throws: StoreError(.conflict(known.digest), step: "keeping a blob")) {
                try store.appendAndWait(batch)
            }
            #expect(try store.blob(known.digest) == known.bytes)
            #expect(try store.link(chain: lineage.links[0].chain) == nil)
            #expect(store.health.conflictRecords == UInt64(batch.recordCount))
        }
    }

    @Test(arguments: ["size = 9000000000", "size = -1", "coding = 9", "coding = 1", "size = 3"])
    func `a damaged row of a blob is noticed`(change: String) throws {
        let home = try StoreHome()
        let blob = BlobRecord(Array("some bytes of a turn".utf8))
        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(blobs: [blob]))
            try home.execute("UPDATE blobs SET \(change)")

            #expect(throws: StoreError.self) { try store.blob(blob.digest) }
        }
    }

    @Test func `lists come in pages, newest or oldest first`() throws {
        let home = try StoreHome()
        let session = SessionIdentifier(high: 1, low: ~1)
        let calls = (0..<25).map { CallRecord.sample($0, session: session) }
        let sessions = (0..<5).map { SessionRecord.sample($0) }

        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(sessions: sessions, calls: calls))

            #expect(try store.calls(of: session, StoragePage(skip: 10, count: 5)) == Array(calls[10..<15]))
            #expect(try store.calls(of: session, StoragePage(skip: 24, count: 5)) == [calls[24]])
            #expect(try store.calls(of: session, StoragePage(skip: -1, count: -1)).isEmpty)
            #expect(try store.sessions(StoragePage(count: 2)) == [sessions[4], sessions[3]])
        }
    }

    @Test func `decisions are found by their handle, in one session or in all, and by their session`() throws {
        let home = try StoreHome()
        let one = SessionIdentifier(high: 1, low: 1)
        let other = SessionIdentifier(high: 2, low: 2)
        let decisions = (0..<7).map { number in
            var decision = DecisionRecord.sample(handle: number < 5 ? "k7f2" : "abcd", part: number)
            decision.session = number % 2 == 0 ? one : other
            return decision
        }

        try home.withStore {
            $0.limits.pageRowsMax = 3
        } _: { store throws in
            try store.appendAndWait(StorageBatch(decisions: decisions))
            let reader = try StoreReader(folder: home.home)

            #expect(try store.decisions(handle: "k7f2") == Array(decisions[2...4]))
            #expect(try store.decisions(handle: "k7f2", of: other) == [decisions[1], decisions[3]])
            #expect(try reader.decisions(handle: "k7f2", of: one) == [decisions[0], decisions[2], decisions[4]])
            #expect(try reader.decisions(handle: "abcd") == Array(decisions[5...]))
            let page = StoragePage(skip: 1, count: 100)
            #expect(try store.decisions(of: one, page) == [decisions[2], decisions[4], decisions[6]])
            #expect(try reader.decisions(of: other, page) == [decisions[3], decisions[5]])
        }
    }

    @Test func `a call is found by its identifier, and by its session and time`() throws {
        let home = try StoreHome()
        let session = SessionIdentifier(high: 1, low: 1)
        let calls = (1...3 as ClosedRange<UInt64>).map { CallRecord.sample($0, session: session) }

        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(calls: calls))
            let reader = try StoreReader(folder: home.home)

            #expect(try store.call(id: "call-2") == calls[1])
            #expect(try reader.call(id: "call-3") == calls[2])
            #expect(try reader.call(of: session, startedNanoseconds: 2000) == calls[1])
            #expect(try store.call(of: session, startedNanoseconds: 2001) == nil)
            #expect(try store.call(of: SessionIdentifier(high: 9, low: 9), startedNanoseconds: 2000) == nil)
        }
    }

    @Test func `totals add up what is known since a time`() throws {
        let home = try StoreHome()
        let calls = (0..<10).map { CallRecord.sample($0, session: SessionIdentifier(high: 1, low: 1)) }

        try home.withStore { store throws in
            try store.appendAndWait(StorageBatch(calls: calls))
            let totals = try store.totals(sinceNanoseconds: 4000)

            #expect(
                totals
                    == CallTotals(
                        calls: 6, requestBytes: 60, emittedBytes: 54, commonPrefixTokens: 12, billedNanodollars: 15,
                        predictedNanodollars: 36, untouchedNanodollars: 42, predictedHitTokens: 18,
                        reportedHitTokens: 0, unbilledCalls: 3))
        }
    }
}

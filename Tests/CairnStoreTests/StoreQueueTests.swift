import CairnContext
import CairnCore
import Foundation
import Synchronization
import Testing

@testable import CairnStore

@Suite struct StoreQueueTests {
    private func batch(_ number: Int, bytes: Int = 10) -> StorageBatch {
        StorageBatch(blobs: [BlobRecord(Array("\(number) ".utf8) + [UInt8](repeating: 1, count: bytes))])
    }

    private func queue(_ change: (inout StoreLimits) -> Void = { _ in }) -> StoreQueue {
        var limits = StoreLimits()
        limits.groupMilliseconds = 0
        change(&limits)
        return StoreQueue(limits: limits)
    }

    private func taken(_ queue: StoreQueue) -> [StoreQueue.Entry] {
        guard case .entries(let entries) = queue.take(idleAfterMilliseconds: 0) else { return [] }
        return entries
    }

    @Test func `what does not fit is lost and counted, and fits again when the rest is written`() {
        let queue = queue { $0.queueBytesMax = 3 * 300 }

        for number in 0..<5 { queue.append(batch(number), promise: nil) }

        #expect(queue.health.queuedRecords == 3)
        #expect(queue.health.lostRecords == 2)
        let entries = taken(queue)
        queue.append(batch(5), promise: nil)
        #expect(queue.health.lostRecords == 3, "what the writer holds counts until it is written")
        queue.finish(entries, lostRecords: 0)
        queue.append(batch(6), promise: nil)
        #expect(queue.health.queuedRecords == 1)
    }

    @Test func `a promised batch still fits when plain ones do not, up to a bound of its own`() {
        let queue = queue {
            $0.queueBytesMax = 300
            $0.promisedBytesMax = 900
        }
        let answer = Answer()

        queue.append(batch(0), promise: nil)
        queue.append(batch(1), promise: nil)
        for number in 2..<5 { queue.append(batch(number)) { answer.set($0) } }

        #expect(queue.health.queuedRecords == 3)
        #expect(answer.count == 1)
        #expect(answer.error?.kind == .queueFull)
    }

    @Test func `the number of batches is bounded whatever their size`() {
        let queue = queue { $0.queueBatchesMax = 4 }

        for _ in 0..<6 { queue.append(StorageBatch(), promise: nil) }
        queue.append(batch(1), promise: nil)

        #expect(taken(queue).count == 4)
        #expect(queue.health.lostRecords == 1)
    }

    @Test func `a commit's worth is taken in order, and no batch is cut`() {
        let queue = queue { $0.commitRecordsMax = 3 }
        let large = StorageBatch(blobs: (0..<5).map { BlobRecord([UInt8($0)]) })

        for item in [batch(0), batch(1), large, batch(2), batch(3), batch(4), batch(5)] {
            queue.append(item, promise: nil)
        }

        #expect((0..<4).map { _ in taken(queue).map(\.records) } == [[1, 1], [5], [1, 1, 1], [1]])
    }

    @Test func `a closed queue refuses, ends when it is empty, and says so`() {
        let queue = queue()
        let answer = Answer()
        queue.append(batch(0), promise: nil)

        queue.close(atOnce: false)
        queue.append(batch(1)) { answer.set($0) }

        #expect(answer.error?.kind == .closed)
        #expect(taken(queue).count == 1)
        guard case .end = queue.take(idleAfterMilliseconds: nil) else {
            Issue.record("the queue has not ended")
            return
        }
        #expect(!queue.waitForEnd(withinMilliseconds: 1))
        queue.end()
        #expect(queue.waitForEnd(withinMilliseconds: 1))
        #expect(queue.health.state == .closed)
    }

    @Test func `plain records wait for company, promised ones do not`() throws {
        let home = try StoreHome()
        try home.withStore {
            $0.limits.groupMilliseconds = 60_000
        } _: { store throws in
            for number in 0..<10 { store.append(batch(number)) }
            usleep(20_000)
            #expect(store.health.commits == 0)

            try store.appendAndWait(batch(10))

            #expect(store.health.writtenRows == 11)
            #expect(store.health.commits == 1)
        }
    }

    @Test func `plain records are written within 50 ms, in few commits`() throws {
        let home = try StoreHome()
        try home.withStore { store throws in
            for number in 0..<500 { store.append(batch(number)) }
            let start = MonotonicClock.nanoseconds()

            #expect(eventually { store.health.writtenRows == 500 })

            #expect(MonotonicClock.nanoseconds() - start < 1_000_000_000, "generous, for a busy machine")
            #expect(store.health.commits <= 3)
        }
    }

    @Test func `many threads append and read at once, and every record arrives`() throws {
        let home = try StoreHome()
        let store = try home.open { $0.limits.readersMax = 2 }
        let running = Atomic(8)
        let failures = Atomic(0)
        for thread in 0..<8 {
            Thread {
                for number in 0..<300 {
                    let batch = batch(thread * 1000 + number)
                    store.append(batch)
                    guard number % 10 == 0 else { continue }
                    // Not stored yet, or whole.
                    let bytes = Result { try store.blob(batch.blobs[0].digest) ?? batch.blobs[0].bytes }
                    let isRight = (try? bytes.get()) == batch.blobs[0].bytes
                    failures.wrappingAdd(isRight ? 0 : 1, ordering: .relaxed)
                }
                running.wrappingSubtract(1, ordering: .releasing)
            }.start()
        }
        #expect(eventually(seconds: 30) { running.load(ordering: .acquiring) == 0 })

        #expect(store.close(withinMilliseconds: 10_000))

        #expect(store.health.writtenRows == 2400)
        #expect(store.health.lostRecords == 0)
        #expect(failures.load(ordering: .relaxed) == 0)
    }

    @Test func `readers are bounded: who gets none in time is told`() throws {
        let home = try StoreHome()
        var options = home.options
        options.limits.readersMax = 2
        options.limits.readerWaitMilliseconds = 20
        let store = try SQLiteStore(options)
        let pool = ReaderPool(options: options)
        pool.open()
        let nothing = Fingerprint(high: 1, low: 1)

        try pool.read { (first) throws(StoreError) in
            try pool.read { (second) throws(StoreError) in
                #expect(throws: StoreError(.readersBusy, step: "reading \(home.database)")) {
                    try pool.read { (third) throws(StoreError) in try third.blob(nothing) }
                }
                #expect(try second.blob(nothing) == nil)
            }
            #expect(try pool.read { (second) throws(StoreError) in try second.blob(nothing) } == nil)
        }
        #expect(store.close(withinMilliseconds: 5000))
    }

    @Test func `the log is copied into the file when nothing comes, and under load when it is large`() throws {
        let home = try StoreHome()
        var numbers = SampleNumbers(seed: 7)
        try home.withStore {
            $0.limits.logBytesMax = 200_000
            $0.limits.commitRecordsMax = 50
        } _: { store throws in
            for _ in 0..<3000 { store.append(StorageBatch(blobs: [BlobRecord(numbers.bytes(1000))])) }
            try store.appendAndWait(batch(1))

            #expect(store.health.logBytes < 1_500_000, "3 MB were written")
            #expect(eventually { store.health.fileBytes > 3_000_000 })
        }
    }

    @Test func `a store that is let go without closing ends its thread`() throws {
        let home = try StoreHome()
        weak var released: SQLiteStore?
        do {
            let store = try home.open()
            store.append(batch(1))
            released = store
        }

        #expect(released == nil)
        #expect(eventually { (try? home.withStore { $0.health.state == .ready }) == true }, "its lock is free")
    }
}

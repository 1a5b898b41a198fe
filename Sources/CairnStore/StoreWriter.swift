// The writer thread: takes what waits, commits it, keeps promises; indexes and checkpoints when nothing waits; waits out
// a disk that is full, locked or broken.
//
//                   take ─────▶ commit ──ok──▶ promises kept, counts
//     ready  ◀────────┘           │
//       ▲                       error: promised batches are given up and told, plain ones are held
//       └── commit of what is held ◀── every second ── degraded

import CairnContext
import Glibc

/// What the writer thread does. Confined to that thread.
final class StoreWriter {
    /// Nothing came for so long: the log is copied into the file.
    private static let idleCheckpointMilliseconds = 200
    /// Under load without a pause, a slice is indexed so often.
    private static let busyIndexNanoseconds: UInt64 = 1_000_000_000

    private let options: StoreOptions
    private let queue: StoreQueue
    private let readers: ReaderPool
    private var file: StoreFile?
    private var inserts: RecordInserts?
    private var index: SearchIndex?
    private var failure: StoreError?
    /// Taken from the queue and not committed.
    private var held: [StoreQueue.Entry] = []
    /// The log may hold what is not in the file yet; opening writes to it, too.
    private var hasLog = true
    private var indexedNanoseconds: UInt64 = 0

    init(options: StoreOptions, queue: StoreQueue, readers: ReaderPool) {
        self.options = options
        self.queue = queue
        self.readers = readers
    }

    /// Opens the file, if it can be. Called before the thread starts.
    func open() {
        attempt { () throws(StoreError) in
            let file = try StoreFile.open(options)
            inserts = try RecordInserts(file.database, limits: options.limits)
            let index = try SearchIndex(file.database)
            self.index = index
            self.file = file
            queue.set(unindexedTexts: index.unindexedTexts)
            queue.set(file.opening)
            readers.open()
        }
    }

    func run() {
        while true {
            if failure != nil {
                guard recover() else { break }
                continue
            }
            guard work() else { break }
        }
        close()
        queue.end()
    }

    /// One round of a well store. False: it is closed and all is done.
    private func work() -> Bool {
        switch queue.take(idleAfterMilliseconds: idleMilliseconds) {
        case .end: return false
        case .idle: attempt { () throws(StoreError) in try tidy() }
        case .entries(let entries):
            held = entries
            commitHeld()
            if failure == nil { attempt { () throws(StoreError) in try keepUp() } }
        }
        return !queue.stopsAtOnce
    }

    private var idleMilliseconds: Int? {
        if index?.unindexedTexts ?? 0 > 0 { return 0 }
        return hasLog ? Self.idleCheckpointMilliseconds : nil
    }

    // MARK: - Commits

    /// Commits what is held. When that fails, plain batches stay held and the store is degraded.
    private func commitHeld() {
        while !held.isEmpty, let inserts, let index {
            var position: Int?
            do throws(StoreError) {
                try inserts.begin()
                var conflicts: [StoreError?] = []
                for (next, entry) in held.enumerated() {
                    position = next
                    conflicts.append(try inserts.write(entry.batch))
                }
                position = nil
                try index.recount()
                try inserts.commit()
                queue.set(unindexedTexts: index.unindexedTexts)
                succeed(conflicts, inserts.counts)
            } catch {
                fail(error, at: position)
            }
            if failure != nil { return }
        }
    }

    private func succeed(_ conflicts: [StoreError?], _ counts: WriteCounts) {
        hasLog = true
        queue.count(counts)
        let entries = held
        held = []
        queue.finish(entries, lostRecords: 0)
        for (entry, conflict) in zip(entries, conflicts) {
            entry.promise?(conflict.map { .failure($0) } ?? .success(()))
        }
    }

    /// A commit failed; `position` is the batch whose record was refused, if it was one.
    private func fail(_ error: StoreError, at position: Int?) {
        attempt { () throws(StoreError) in try inserts?.rollBack() }
        // A batch that SQLite refuses for what it is would be refused for ever: it alone is given up.
        if case .unexpected = error.kind, failure == nil, let position {
            give(up: [held.remove(at: position)], because: error)
            return
        }
        degrade(error)
        let promised = held.filter { $0.promise != nil }
        held.removeAll { $0.promise != nil }
        give(up: promised, because: error)
    }

    private func give(up entries: [StoreQueue.Entry], because error: StoreError) {
        queue.finish(entries, lostRecords: entries.reduce(0) { $0 + $1.records })
        for entry in entries { entry.promise?(.failure(error)) }
    }

    // MARK: - Between commits

    /// Nothing waits.
    private func tidy() throws(StoreError) {
        guard let file, let index else { return }
        if index.unindexedTexts > 0 {
            try addSlice(to: index)
        } else {
            try file.database.checkpoint()
            hasLog = false
        }
    }

    /// Something may wait already: only what must be done.
    private func keepUp() throws(StoreError) {
        guard let file, let index else { return }
        if FileSize.bytes(options.path + "-wal") > options.limits.logBytesMax { try file.database.checkpoint() }
        let now = MonotonicClock.nanoseconds()
        if index.unindexedTexts > 0, now - indexedNanoseconds > Self.busyIndexNanoseconds {
            indexedNanoseconds = now
            try addSlice(to: index)
        }
    }

    private func addSlice(to index: SearchIndex) throws(StoreError) {
        try index.addSlice()
        queue.set(unindexedTexts: index.unindexedTexts)
        hasLog = true
    }

    // MARK: - Failure

    private func attempt(_ body: () throws(StoreError) -> Void) {
        do throws(StoreError) { try body() } catch { degrade(error) }
    }

    private func degrade(_ error: StoreError) {
        failure = error
        queue.set(.degraded(error))
        if file == nil { readers.refuse(error) }
    }

    /// Waits, telling promises meanwhile that they cannot be kept, then tries again. False: the store is closed.
    private func recover() -> Bool {
        guard let error = failure else { return true }
        let retryNanoseconds = MonotonicClock.nanoseconds(fromNowMilliseconds: options.retryMilliseconds)
        while MonotonicClock.nanoseconds() < retryNanoseconds, !queue.isClosing {
            give(up: queue.takePromised(untilNanoseconds: retryNanoseconds), because: error)
        }
        // A damaged file is not written again by this process: the next start checks it and sets it aside.
        if file == nil || error.kind != .corrupt {
            failure = nil
            if file == nil { open() }
            if failure == nil { attempt { () throws(StoreError) in try file?.probe() } }
            if failure == nil { commitHeld() }
            if failure == nil { queue.set(.ready) }
        }
        return failure == nil || !queue.isClosing
    }

    private func close() {
        give(up: held + queue.takeRest(), because: StoreError(.closed, step: "keeping a batch"))
        held = []
        readers.refuse(StoreError(.closed, step: "reading"))
        if failure == nil { attempt { () throws(StoreError) in try file?.close() } }
        (inserts, index, file) = (nil, nil, nil)
    }
}

/// Sizes of files.
enum FileSize {
    /// 0: there is no such file.
    static func bytes(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(max(0, status.st_size)) : 0
    }
}

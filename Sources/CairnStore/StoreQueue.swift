// What the call path and the writer share: the batches that wait to be written, and how the store is.
//
//     any thread ── append ─▶ [batch][batch][batch] ── take, every 40 ms or when urgent ─▶ writer thread ─▶ commit
//
// Appending takes a lock for some hundred nanoseconds and wakes the writer only when there is a reason to. A batch counts
// against the bounds until it is committed or given up.

import CairnContext

/// The bounded queue in front of the writer.
final class StoreQueue: Sendable {
    /// A batch, and who wants to know when it is durable.
    struct Entry: Sendable {
        let batch: StorageBatch
        let records: Int
        let bytes: Int
        let promise: StoragePromise?
    }

    /// What the writer finds.
    enum Work: Sendable {
        case entries([Entry])
        /// Nothing came for a while.
        case idle
        /// Closed, and nothing is left.
        case end
    }

    private struct State: ~Copyable {
        var entries: [Entry] = []
        /// When the oldest of them came.
        var firstNanoseconds: UInt64 = 0
        var promisedEntries = 0
        /// Those the writer holds count too.
        var batches = 0
        var records = 0
        var bytes = 0
        var isClosing = false
        var stopsAtOnce = false
        var hasEnded = false
        var opening: StoreOpening?
        var health: StorageHealth

        init(_ health: StorageHealth) { self.health = health }
    }

    private let monitor: Monitor<State>
    private let limits: StoreLimits

    init(limits: StoreLimits) {
        self.limits = limits
        monitor = Monitor(State(StorageHealth(state: .ready)))
    }

    // MARK: - Any thread

    func append(_ batch: StorageBatch, promise: StoragePromise?) {
        let entry = Entry(
            batch: batch, records: batch.recordCount, bytes: batch.estimatedBytes, promise: promise)
        enum Outcome: Sendable {
            case kept
            case urgent
            case refused(StoreError.Kind)
        }
        let outcome = monitor.withLock { state -> Outcome in
            if let refusal = refusal(of: entry, state) {
                state.health.lostRecords += UInt64(entry.records)
                return .refused(refusal)
            }
            let wasUrgent = isUrgent(state)
            let wasEmpty = state.entries.isEmpty
            if wasEmpty { state.firstNanoseconds = MonotonicClock.nanoseconds() }
            state.entries.append(entry)
            state.promisedEntries += promise == nil ? 0 : 1
            state.batches += 1
            state.records += entry.records
            state.bytes += entry.bytes
            // A promise wakes the writer even if much waits: it may be waiting out a failure, and has to say so.
            let isFirstPromise = promise != nil && state.promisedEntries == 1
            return wasEmpty || isFirstPromise || (isUrgent(state) && !wasUrgent) ? .urgent : .kept
        }
        switch outcome {
        case .kept: break
        case .urgent: monitor.signal()
        case .refused(let kind): promise?(.failure(StoreError(kind, step: "keeping a batch")))
        }
    }

    private func refusal(of entry: Entry, _ state: borrowing State) -> StoreError.Kind? {
        if state.isClosing { return .closed }
        let bytesMax = entry.promise == nil ? limits.queueBytesMax : limits.promisedBytesMax
        let isFull = state.bytes + entry.bytes > bytesMax || state.batches >= limits.queueBatchesMax
        return isFull ? .queueFull : nil
    }

    /// What waits is to be written without waiting for more.
    private func isUrgent(_ state: borrowing State) -> Bool {
        state.promisedEntries > 0 || state.records >= limits.commitRecordsMax
            || state.bytes >= limits.queueBytesMax / 4
    }

    /// The counts; sizes on disk are not known here.
    var health: StorageHealth {
        monitor.withLock { state in
            var health = state.health
            health.queuedRecords = state.records
            health.queuedBytes = state.bytes
            if state.hasEnded { health.state = .closed }
            return health
        }
    }

    var opening: StoreOpening? { monitor.withLock { $0.opening } }

    /// Takes nothing more; the writer ends when all is written, or at once.
    func close(atOnce: Bool) {
        monitor.withLock { state in
            state.isClosing = true
            state.stopsAtOnce = state.stopsAtOnce || atOnce
        }
        monitor.signal()
    }

    /// Waits for the writer's end. False: it still works.
    func waitForEnd(withinMilliseconds milliseconds: Int) -> Bool {
        let deadline = MonotonicClock.nanoseconds(fromNowMilliseconds: milliseconds)
        return monitor.wait(untilNanoseconds: deadline) { $0.hasEnded ? true : nil } ?? false
    }

    // MARK: - The writer

    /// Waits for batches, at most so long (nil: for ever), then for others to come with them. Takes at most a commit's
    /// worth, in their order.
    func take(idleAfterMilliseconds milliseconds: Int?) -> Work {
        enum Arrival: Sendable {
            case entries(firstNanoseconds: UInt64)
            case end
        }
        let idleEnd = milliseconds.map { MonotonicClock.nanoseconds(fromNowMilliseconds: $0) }
        let arrival = monitor.wait(untilNanoseconds: idleEnd) { state -> Arrival? in
            if !state.entries.isEmpty { return .entries(firstNanoseconds: state.firstNanoseconds) }
            return state.isClosing ? .end : nil
        }
        guard let arrival else { return .idle }
        guard case .entries(let firstNanoseconds) = arrival else { return .end }
        let groupEnd = firstNanoseconds + UInt64(limits.groupMilliseconds) * 1_000_000
        _ = monitor.wait(untilNanoseconds: groupEnd) { state -> Bool? in
            isUrgent(state) || state.isClosing ? true : nil
        }
        return .entries(monitor.withLock { takeSlice(&$0) })
    }

    private func takeSlice(_ state: inout State) -> [Entry] {
        var records = 0
        let count = state.entries.firstIndex { entry in
            defer { records += entry.records }
            return records > 0 && records + entry.records > limits.commitRecordsMax
        }
        let slice = Array(state.entries[..<(count ?? state.entries.count)])
        state.entries.removeFirst(slice.count)
        for entry in slice where entry.promise != nil { state.promisedEntries -= 1 }
        return slice
    }

    /// While nothing can be written: waits until that time, or until promises came that cannot be kept, which it takes.
    func takePromised(untilNanoseconds end: UInt64) -> [Entry] {
        _ = monitor.wait(untilNanoseconds: end) { state -> Bool? in
            state.promisedEntries > 0 || state.isClosing ? true : nil
        }
        return monitor.withLock { state in
            let promised = state.entries.filter { $0.promise != nil }
            state.entries.removeAll { $0.promise != nil }
            state.promisedEntries = 0
            return promised
        }
    }

    /// Takes everything, to give it up.
    func takeRest() -> [Entry] {
        monitor.withLock { state in
            defer { state.entries = [] }
            state.promisedEntries = 0
            return state.entries
        }
    }

    var isClosing: Bool { monitor.withLock { $0.isClosing } }
    var stopsAtOnce: Bool { monitor.withLock { $0.stopsAtOnce } }

    /// Batches were committed, or given up (`lostRecords` of theirs).
    func finish(_ entries: [Entry], lostRecords: Int) {
        monitor.withLock { state in
            for entry in entries {
                state.batches -= 1
                state.records -= entry.records
                state.bytes -= entry.bytes
            }
            state.health.lostRecords += UInt64(lostRecords)
        }
    }

    /// Adds what a commit wrote.
    func count(_ change: WriteCounts) {
        monitor.withLock { state in
            state.health.commits += 1
            state.health.writtenRows += UInt64(change.rows)
            state.health.writtenBytes += UInt64(change.bytes)
            state.health.conflictRecords += UInt64(change.conflicts)
        }
    }

    func set(_ newState: StorageHealth.State) { monitor.withLock { $0.health.state = newState } }
    func set(unindexedTexts: Int) { monitor.withLock { $0.health.unindexedTexts = UInt64(unindexedTexts) } }
    func set(_ opening: StoreOpening) { monitor.withLock { $0.opening = opening } }

    func end() {
        monitor.withLock { $0.hasEnded = true }
        monitor.signal()
    }
}

// HOME/usage.jsonl: one JSON line per call, written off the loops.
//
//     loop 0 ── append ─▶ lane 0 ─┐  swap, about every 50 ms
//     loop 1 ── append ─▶ lane 1 ─┼─▶ writer thread ── write(2) ─▶ usage.jsonl
//     ...                         ┘
//
// A lane is a buffer with a lock that only its loop and the writer take, the writer for one swap. Nothing waits for
// the disk but the writer. When the disk is slow or full the lanes fill up, then records are dropped and counted;
// what is in the lanes is written when the disk is well again.
//
// What is lost: when the process crashes, what the last 50 ms brought. When the machine crashes, also what the kernel
// had not written to the disk yet: the file is not synced, because usage is no ledger.

import CairnCore
import Glibc
import Synchronization

/// The usage log of a gateway.
final class UsageLog: Sendable {
    /// Most bytes of lines one loop may have waiting. Address space for them is reserved once a loop and once for the
    /// writer; memory is used as lines come.
    static let laneBytesMax = 4 * 1024 * 1024
    /// A lane with so many bytes is written at once.
    static let laneBytesUrgent = 1024 * 1024
    /// How long the first line of a batch waits for others.
    static let batchMilliseconds = 50
    /// How long after a failure of the disk the writer tries again.
    static let retryMilliseconds = 1000
    /// A failing disk is logged once in this time.
    static let complaintMilliseconds = 60_000

    private let lanes: [UsageLane]
    private let control: UsageControl
    private let thread: WorkerThread

    /// Starts the writer thread; opens no file before the first record. `directory` is made if it is missing. The
    /// file is rotated before it grows beyond `bytesMax`; `filesMax` files are kept, the current one included.
    init(
        directory: String, bytesMax: Int, filesMax: Int, loopCount: Int, log: Log,
        retryMilliseconds: Int = UsageLog.retryMilliseconds
    ) throws(WorkerThreadError) {
        let control = UsageControl(wake: try WakeSignal())
        let lanes = (0..<loopCount).map { _ in UsageLane(control: control) }
        self.control = control
        self.lanes = lanes
        thread = try WorkerThread(name: "cairn-usage") {
            var writer = UsageWriter(
                file: UsageFile(directory: directory, bytesMax: bytesMax, filesMax: filesMax), lanes: lanes,
                control: control, log: log, retryMilliseconds: retryMilliseconds)
            writer.run()
        }
    }

    deinit { control.stop(atOnce: true) }

    /// Keeps a record to be written soon. To be called on the thread of that loop. Never waits for the disk. Allocates
    /// nothing. Cost: the spelling of the line.
    func append(_ record: UsageRecord, loopIndex: Int) {
        lanes[loopIndex].append(record)
    }

    /// Records that were not kept because a lane was full or the log was closed, and those that could not be written
    /// before the end.
    var droppedCount: UInt64 { control.droppedCount.load(ordering: .relaxed) }

    /// The next line goes to a file newly opened by its name (SIGHUP, after another program moved the file away).
    func reopen() {
        control.reopens.store(true, ordering: .releasing)
        control.wakeNow()
    }

    /// Takes no more records, writes what is there and closes the file. Waits for that, at most so long; false: the
    /// disk did not take all in time, what is left is counted as dropped.
    func close(withinMilliseconds milliseconds: Int) -> Bool {
        for lane in lanes { lane.close() }
        control.stop(atOnce: false)
        guard thread.join(withinMilliseconds: milliseconds) else {
            control.stop(atOnce: true)
            return false
        }
        return control.isAllWritten.load(ordering: .acquiring)
    }
}

/// What the loops and the owner tell the writer thread, and the other way round.
private final class UsageControl: Sendable {
    let wake: WakeSignal
    let isUrgent = Atomic(false)
    let reopens = Atomic(false)
    let stops = Atomic(false)
    let stopsAtOnce = Atomic(false)
    let isAllWritten = Atomic(true)
    let droppedCount = Atomic<UInt64>(0)

    init(wake: WakeSignal) { self.wake = wake }

    func wakeNow() {
        isUrgent.store(true, ordering: .releasing)
        wake.signal()
    }

    func stop(atOnce: Bool) {
        if atOnce { stopsAtOnce.store(true, ordering: .releasing) }
        stops.store(true, ordering: .releasing)
        wakeNow()
    }

    func countDropped(_ count: UInt64) {
        droppedCount.wrappingAdd(count, ordering: .relaxed)
    }
}

/// The waiting lines of one loop.
private final class UsageLane: Sendable {
    private struct State: ~Copyable {
        var lines = ByteWriter(capacity: UsageLog.laneBytesMax)
        var timestamps = TimestampWriter()
        var isClosed = false
        var isUrgent = false
    }

    private let state = Locked(State())
    private let control: UsageControl

    init(control: UsageControl) { self.control = control }

    func append(_ record: UsageRecord) {
        enum Next: Sendable { case none, wake, wakeNow, drop }
        let next = state.withLock { state -> Next in
            guard !state.isClosed, state.lines.count <= UsageLog.laneBytesMax - UsageRecord.lineBytesMax else {
                return .drop
            }
            let isFirst = state.lines.isEmpty
            record.write(to: &state.lines, timestamps: &state.timestamps)
            if state.lines.count >= UsageLog.laneBytesUrgent, !state.isUrgent {
                state.isUrgent = true
                return .wakeNow
            }
            return isFirst ? .wake : .none
        }
        switch next {
        case .none: break
        case .wake: control.wake.signal()
        case .wakeNow: control.wakeNow()
        case .drop: control.countDropped(1)
        }
    }

    func close() { state.withLock { $0.isClosed = true } }

    /// Exchanges the lane's lines for an empty buffer.
    func swap(_ empty: inout ByteWriter) {
        state.withLock { state in
            Swift.swap(&state.lines, &empty)
            state.isUrgent = false
        }
    }
}

/// What the writer thread does.
private struct UsageWriter: ~Copyable {
    private var file: UsageFile
    private let lanes: [UsageLane]
    private let control: UsageControl
    private let log: Log
    private let retryMilliseconds: Int
    /// Lines taken from a lane; the first `writtenBytes` of them are in the file.
    private var lines = ByteWriter(capacity: UsageLog.laneBytesMax)
    private var writtenBytes = 0
    private var complainedNanoseconds: UInt64?

    init(file: consuming UsageFile, lanes: [UsageLane], control: UsageControl, log: Log, retryMilliseconds: Int) {
        self.file = file
        self.lanes = lanes
        self.control = control
        self.log = log
        self.retryMilliseconds = retryMilliseconds
    }

    mutating func run() {
        var isWell = true
        while true {
            // An idle gateway sleeps here without a timer; a failing disk is tried again after a while.
            _ = control.wake.wait(milliseconds: isWell ? nil : retryMilliseconds)
            if isWell { collectBatch() }
            control.isUrgent.store(false, ordering: .relaxed)
            if control.reopens.exchange(false, ordering: .acquiring) { file.close() }

            let stops = control.stops.load(ordering: .acquiring)
            isWell = writeAll()
            if stops, isWell || control.stopsAtOnce.load(ordering: .acquiring) { break }
        }
        dropRest()
    }

    /// Gives other lines time to come, unless somebody is in a hurry.
    private func collectBatch() {
        let end = SystemTime.monotonicNanoseconds() + UInt64(UsageLog.batchMilliseconds) * 1_000_000
        while !control.isUrgent.load(ordering: .acquiring) {
            let now = SystemTime.monotonicNanoseconds()
            guard now < end else { return }
            _ = control.wake.wait(milliseconds: Int((end - now + 999_999) / 1_000_000))
        }
    }

    /// Writes what is left of the taken lines, then those of every lane. False: the disk does not take them.
    private mutating func writeAll() -> Bool {
        guard writeTaken() else { return false }
        for lane in lanes {
            lane.swap(&lines)
            guard writeTaken() else { return false }
        }
        return true
    }

    private mutating func writeTaken() -> Bool {
        guard !lines.isEmpty else { return true }
        do throws(UsageFileError) {
            try lines.withBytes { (bytes) throws(UsageFileError) in try file.append(bytes, from: &writtenBytes) }
            lines.clear()
            writtenBytes = 0
            return true
        } catch {
            complain(error)
            return false
        }
    }

    private mutating func complain(_ error: UsageFileError) {
        let now = SystemTime.monotonicNanoseconds()
        let interval = UInt64(UsageLog.complaintMilliseconds) * 1_000_000
        if let last = complainedNanoseconds, now - last < interval { return }
        complainedNanoseconds = now
        log.error(
            "usage_log_failing",
            [
                "step": .text(error.step.description), "reason": .text(String(cString: strerror(error.errno))),
                "dropped": .integer(Int(clamping: control.droppedCount.load(ordering: .relaxed))),
                "advice":
                    "free or repair the disk below the home directory; records are kept while memory for them lasts",
            ])
    }

    /// Counts the lines that nobody will write.
    private mutating func dropRest() {
        var count = Self.lineCount(lines, from: writtenBytes)
        for lane in lanes {
            lines.clear()
            lane.swap(&lines)
            count += Self.lineCount(lines, from: 0)
        }
        control.countDropped(count)
        control.isAllWritten.store(count == 0, ordering: .releasing)
        file.close()
    }
    private static func lineCount(_ lines: borrowing ByteWriter, from start: Int) -> UInt64 {
        lines.withBytes { bytes in
            var count: UInt64 = 0
            var position = start
            while position < bytes.count, let base = bytes.baseAddress,
                let found = memchr(base + position, Int32(UInt8(ascii: "\n")), bytes.count - position)
            {
                count += 1
                position = UnsafeRawPointer(found) - UnsafeRawPointer(base) + 1
            }
            return count
        }
    }
}

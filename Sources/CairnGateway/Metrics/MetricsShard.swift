// The counters of one loop. Only the loop's thread writes them, with a plain load and store each; the scraper reads
// them from another thread at any time. Both are relaxed atomics: no lock, no lock-prefixed instruction, no data
// race. The scraper may see a call in one counter and not yet in the next; every counter by itself is exact and never
// goes back.

import CairnWire
import Synchronization

/// What a finished call adds to the counters.
struct FinishedCall: Sendable {
    var route: Route
    /// Position in the list of upstreams; nil: the gateway answered by itself.
    var upstreamIndex: Int?
    /// The status that the client got; 0: none.
    var status: UInt16
    var requestBytes: UInt64
    var responseBytes: UInt64
    /// Our own processing: request complete to upstream write, plus upstream byte to client write.
    var addedNanoseconds: UInt64
    /// Request complete to first byte of the answer; nil: no byte came.
    var firstByteNanoseconds: UInt64?
    var durationNanoseconds: UInt64
}

/// Where each counter lies in a shard, in cells of eight bytes. The same for all shards of a gateway.
///
///     [series 0][series 1]...[upstream errors][refusals][in flight][faults][dropped members]
///     series:  calls by class | request bytes | response bytes | added | first byte | duration
///     histogram:  buckets | sum in nanoseconds
struct MetricsLayout: Sendable {
    /// Classes of a status: none, 1xx ... 5xx.
    static let classCount = 6

    let upstreamCount: Int
    let addedOffset: Int
    let firstByteOffset: Int
    let durationOffset: Int
    let seriesStride: Int
    let upstreamErrorsOffset: Int
    let refusalsOffset: Int
    let inFlightCell: Int
    let faultsCell: Int
    let droppedOffset: Int
    let cellCount: Int

    static let requestBytesOffset = classCount
    static let responseBytesOffset = classCount + 1

    init(upstreamCount: Int) {
        self.upstreamCount = upstreamCount
        addedOffset = Self.classCount + 2
        firstByteOffset = addedOffset + HistogramScale.ownWork.bucketCount + 1
        durationOffset = firstByteOffset + HistogramScale.calls.bucketCount + 1
        seriesStride = durationOffset + HistogramScale.calls.bucketCount + 1
        upstreamErrorsOffset = seriesStride * Route.allCases.count * (upstreamCount + 1)
        refusalsOffset = upstreamErrorsOffset + upstreamCount * GatewayError.Kind.allCases.count
        inFlightCell = refusalsOffset + GatewayError.Kind.allCases.count
        faultsCell = inFlightCell + 1
        droppedOffset = faultsCell + 1
        cellCount = droppedOffset + Loss.Reason.allCases.count
    }

    /// First cell of a series. The place after the last upstream is that of calls without one.
    func series(route: Route, upstreamIndex: Int?) -> Int {
        let upstream = upstreamIndex ?? upstreamCount
        precondition(upstream >= 0 && upstream <= upstreamCount, "no such upstream")
        return (Int(route.rawValue) * (upstreamCount + 1) + upstream) * seriesStride
    }

    func upstreamError(upstreamIndex: Int, kind: GatewayError.Kind) -> Int {
        precondition(upstreamIndex >= 0 && upstreamIndex < upstreamCount, "no such upstream")
        return upstreamErrorsOffset + upstreamIndex * GatewayError.Kind.allCases.count + Int(kind.rawValue)
    }

    func refusal(_ kind: GatewayError.Kind) -> Int { refusalsOffset + Int(kind.rawValue) }
}

/// The counters of one loop. All methods but `add(to:)` belong to the loop's thread.
final class MetricsShard {
    private let layout: MetricsLayout
    private let addedScale = HistogramScale.ownWork
    private let callScale = HistogramScale.calls
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>

    /// Two cache lines, because processors fetch lines in pairs: neighbours in memory are written by other loops.
    private static let alignment = 128

    init(layout: MetricsLayout) {
        self.layout = layout
        let byteCount = layout.cellCount * MemoryLayout<Atomic<UInt64>>.stride
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: (byteCount + Self.alignment - 1) / Self.alignment * Self.alignment, alignment: Self.alignment)
        cells = memory.bindMemory(to: Atomic<UInt64>.self, capacity: layout.cellCount)
        for index in 0..<layout.cellCount { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: layout.cellCount)
        UnsafeMutableRawPointer(cells).deallocate()
    }

    /// A call began; `callFinished` follows in every case.
    func callStarted() { add(1, at: layout.inFlightCell) }

    /// A call ended. About 15 ns.
    func callFinished(_ call: FinishedCall) {
        let series = layout.series(route: call.route, upstreamIndex: call.upstreamIndex)
        let statusClass = Int(call.status / 100)
        add(1, at: series + (statusClass < MetricsLayout.classCount ? statusClass : 0))
        add(call.requestBytes, at: series + MetricsLayout.requestBytesOffset)
        add(call.responseBytes, at: series + MetricsLayout.responseBytesOffset)

        record(call.addedNanoseconds, scale: addedScale, at: series + layout.addedOffset)
        record(call.durationNanoseconds, scale: callScale, at: series + layout.durationOffset)
        if let firstByte = call.firstByteNanoseconds {
            record(firstByte, scale: callScale, at: series + layout.firstByteOffset)
        }
        add(.max, at: layout.inFlightCell)  // minus one, modulo 2^64
    }

    /// A fetch from an upstream failed, whether or not the call went on.
    func upstreamFailed(upstreamIndex: Int, kind: GatewayError.Kind) {
        add(1, at: layout.upstreamError(upstreamIndex: upstreamIndex, kind: kind))
    }

    /// The gateway refused a request or a connection.
    func refused(_ kind: GatewayError.Kind) { add(1, at: layout.refusal(kind)) }

    /// A step of Cairn's own failed and the call went on without it.
    func failedOpen() { add(1, at: layout.faultsCell) }

    /// A translation left members of a request or an answer out; how many, by the places of the reasons.
    func dropped(_ counts: [Int]) {
        for (reason, count) in counts.enumerated() where count > 0 {
            add(UInt64(count), at: layout.droppedOffset + reason)
        }
    }

    /// Adds all cells to `totals`, modulo 2^64. Any thread.
    func add(to totals: inout [UInt64]) {
        for index in 0..<layout.cellCount { totals[index] &+= cells[index].load(ordering: .relaxed) }
    }

    @inline(__always)
    private func record(_ nanoseconds: UInt64, scale: borrowing HistogramScale, at start: Int) {
        add(1, at: start + scale.bucket(of: nanoseconds))
        add(nanoseconds, at: start + scale.bucketCount)
    }

    @inline(__always)
    private func add(_ amount: UInt64, at index: Int) {
        cells[index].store(cells[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }
}

// One thread writes, others only read, and every access to a cell is atomic; everything else is immutable.
extension MetricsShard: @unchecked Sendable {}

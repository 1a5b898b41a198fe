// Connections for reading, each used by one thread at a time, opened when first needed and kept. They see what was
// committed when their question began, and never wait for the writer.

import CairnContext

/// A bounded pool of read-only connections.
final class ReaderPool: Sendable {
    private struct State: ~Copyable {
        var idle: [StoreQueries] = []
        var readers = 0
        /// Why nothing can be read; nil: it can.
        var refusal: StoreError?
    }

    /// What a thread gets when it asks for a connection.
    private enum Place: @unchecked Sendable {  // The connection is taken out of the pool: nobody else has it.
        case reader(StoreQueries)
        case new
        case refused(StoreError)
    }

    private let monitor: Monitor<State>
    private let options: StoreOptions

    /// Refuses until it is opened.
    init(options: StoreOptions) {
        self.options = options
        monitor = Monitor(State(refusal: StoreError(.closed, step: "reading")))
    }

    /// The file is there and may be read.
    func open() { monitor.withLock { $0.refusal = nil } }

    /// Answers every question with this error. Connections at work are closed when they come back.
    func refuse(_ error: StoreError) {
        monitor.withLock { state in
            state.refusal = error
            state.readers -= state.idle.count
            state.idle = []
        }
    }

    /// Lends a connection. Waits for one when all are in use.
    /// - Throws: `readersBusy` when none comes back in time, and what the body throws.
    func read<Result>(_ body: (StoreQueries) throws(StoreError) -> Result) throws(StoreError) -> Result {
        let reader = try take()
        defer { giveBack(reader) }
        return try body(reader)
    }

    private func take() throws(StoreError) -> StoreQueries {
        let end = MonotonicClock.nanoseconds(fromNowMilliseconds: options.limits.readerWaitMilliseconds)
        let place = monitor.wait(untilNanoseconds: end) { state -> Place? in
            if let refusal = state.refusal { return .refused(refusal) }
            if let reader = state.idle.popLast() { return .reader(reader) }
            guard state.readers < options.limits.readersMax else { return nil }
            state.readers += 1
            return .new
        }
        switch place {
        case nil: throw StoreError(.readersBusy, step: "reading \(options.path)")
        case .refused(let error): throw error
        case .reader(let reader): return reader
        case .new:
            do throws(StoreError) {
                return try StoreQueries(options)
            } catch {
                monitor.withLock { $0.readers -= 1 }
                monitor.signal()
                throw error
            }
        }
    }

    private func giveBack(_ reader: StoreQueries) {
        let place = Place.reader(reader)
        monitor.withLock { state in
            guard state.refusal == nil, case .reader(let reader) = place else {
                state.readers -= 1
                return
            }
            state.idle.append(reader)
        }
        monitor.signal()
    }
}

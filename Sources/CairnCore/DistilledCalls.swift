// DistilledCalls.swift: the Swift face of the core's distiller (cairn_distill.h).
//
// Where old tool calls make room, a few lines say what was tried, what failed with which message, and what worked.
internal import CCairn

/// A list of tool calls, shortened to what mattered: equal calls are one entry, and the text has a line an entry.
///
///     worked: read_file src/lib.rs, src/parse.rs
///     failed, then worked: bash cargo test (2x): error[E0425]: cannot find value `x`
///     changed: edit src/lib.rs
///     last: bash cargo test: test result: ok. 3 passed; 0 failed
public struct DistilledCalls: Sendable {
    public static let callsMax = Int(CAIRN_DISTILL_CALLS_MAX)

    /// A call with its result. The bytes are borrowed for the call it is given to.
    public struct Call {
        /// Equal for equal calls: the one of ``ToolCallFingerprinter``.
        public var fingerprint: Fingerprint
        public var tool: UnsafeRawBufferPointer
        /// What stands for the arguments: a path, a command.
        public var argument: UnsafeRawBufferPointer
        public var result: UnsafeRawBufferPointer
        /// The line of the result that tells the outcome, as the first error; the result's first line where it is empty.
        public var message = UnsafeRawBufferPointer(start: nil, count: 0)
        public var hasFailed: Bool
        /// It wrote something.
        public var isChange: Bool

        public init(
            fingerprint: Fingerprint, tool: UnsafeRawBufferPointer, argument: UnsafeRawBufferPointer,
            result: UnsafeRawBufferPointer, hasFailed: Bool, isChange: Bool = false
        ) {
            self.fingerprint = fingerprint
            self.tool = tool
            self.argument = argument
            self.result = result
            self.hasFailed = hasFailed
            self.isChange = isChange
        }

        fileprivate var inC: cairn_distill_call {
            cairn_distill_call(
                fingerprint: cairn_fingerprint(high: fingerprint.high, low: fingerprint.low), tool: tool.span,
                argument: argument.span, result: result.span, message: message.span,
                outcome: UInt8((hasFailed ? CAIRN_DISTILL_FAILED : CAIRN_DISTILL_WORKED).rawValue),
                is_change: isChange)
        }
    }

    /// What became of a call, in the order of what is kept first.
    public enum Kind: UInt8, Sendable {
        /// The last call of the list, which worked.
        case lastWorked
        /// Failed, and did not work since.
        case stillFails
        /// Worked and wrote something.
        case changed
        case failedThenWorked
        case onlyWorked
    }

    /// Equal calls, as one.
    public struct Entry: Equatable, Sendable {
        public let kind: Kind
        public let callCount: Int
        /// Indices in the list of calls.
        public let firstCall: Int
        public let lastCall: Int
    }

    /// In the order of their last calls.
    public let entries: [Entry]
    /// Calls that are in no entry.
    public let leftOutCount: Int
    /// The entries as lines.
    public let text: [UInt8]

    /// - Parameter entriesMax: entries beyond it are left out, those that matter least and are oldest first.
    /// - Throws: `tooBig` for more than ``callsMax`` calls.
    /// - Complexity: linear in calls; results are not scanned.
    public init(of calls: [Call], entriesMax: Int) throws(CoreError) {
        precondition(entriesMax >= 0, "a number of entries is not negative")
        let capacity = min(entriesMax, calls.count)
        var status = CAIRN_OK
        var leftOut = 0
        (entries, text) = withUnsafeTemporaryAllocation(of: cairn_distill_entry.self, capacity: max(1, capacity)) {
            found in
            var count = 0
            status = cairn_distill_find(
                calls.map(\.inC), calls.count, found.baseAddress, capacity, &count, &leftOut)
            guard status == CAIRN_OK else { return ([], []) }
            let bound = cairn_distill_write_bound(count)
            let text = [UInt8](unsafeUninitializedCapacity: bound) { out, length in
                status = cairn_distill_write(found.baseAddress, count, leftOut, out.baseAddress, bound, &length)
            }
            return (found.prefix(count).map { Entry($0) }, text)
        }
        leftOutCount = leftOut
        try status.check()
    }
}

extension DistilledCalls.Entry {
    fileprivate init(_ entry: cairn_distill_entry) {
        kind = DistilledCalls.Kind(rawValue: UInt8(truncatingIfNeeded: entry.kind.rawValue))!
        callCount = Int(entry.call_count)
        firstCall = Int(entry.first_call)
        lastCall = Int(entry.last_call)
    }
}

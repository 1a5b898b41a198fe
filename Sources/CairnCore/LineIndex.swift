// LineIndex.swift: the Swift face of the core's index of lines seen (the first part of cairn_delta.h).
//
// A conversation keeps one; each tool output is read when it appears for the first time, so that runs of lines the model
// can already see may be replaced by a reference. Hot: `read` and `runs`, about 1.5 GB/s together.
internal import CCairn

/// The lines of texts seen so far, without the texts: who acts on a run compares the bytes with ``holds(_:text:earlier:)``.
///
///     try index.read(output)
///     for run in try index.runs() where LineIndex.holds(run, text: output, earlier: text(run.textID)) { ... }
///     try index.add(as: outputID)
public struct LineIndex: ~Copyable {
    /// The most lines of all texts together.
    public static let linesMax = Int(CAIRN_DELTA_LINES_MAX)
    /// The most bytes of one text.
    public static let textBytesMax = Int(CAIRN_DELTA_TEXT_BYTES_MAX)

    /// What is worth a reference.
    public struct Rule: Equatable, Sendable {
        public var linesMin: Int
        public var bytesMin: Int

        public init(linesMin: Int, bytesMin: Int) {
            self.linesMin = linesMin
            self.bytesMin = bytesMin
        }

        /// Three lines and 160 bytes: what paid in recorded sessions of coding agents.
        public static let standard = Rule(
            linesMin: Int(CAIRN_DELTA_RUN_LINES_MIN), bytesMin: Int(CAIRN_DELTA_RUN_BYTES_MIN))

        fileprivate var inC: cairn_delta_rule {
            cairn_delta_rule(lines_min: UInt32(clamping: linesMin), bytes_min: UInt32(clamping: bytesMin))
        }
    }

    /// Lines of the text just read that stand in the same order in one earlier text. Lines count from 0.
    public struct Run: Equatable, Sendable {
        /// The caller's number of the earlier text.
        public let textID: UInt64
        /// The bytes and lines here.
        public let range: Range<Int>
        public let lines: Range<Int>
        /// The bytes and lines there; as many.
        public let textRange: Range<Int>
        public let textLines: Range<Int>

        fileprivate init(_ run: cairn_delta_run) {
            let bytes = Int(run.end - run.start)
            textID = run.text_id
            range = Int(run.start)..<Int(run.end)
            lines = Int(run.first_line)..<Int(run.first_line) + Int(run.line_count)
            textRange = Int(run.text_start)..<Int(run.text_start) + bytes
            textLines = Int(run.text_first_line)..<Int(run.text_first_line) + Int(run.line_count)
        }
    }

    private var state = cairn_delta_index()

    /// - Parameter linesMax: at most ``LineIndex/linesMax``; texts beyond it are refused.
    public init(linesMax: Int = LineIndex.linesMax) {
        precondition(linesMax > 0, "an index needs room for at least one line")
        cairn_delta_index_init(&state, cairn_delta_allocator(), UInt32(clamping: linesMax))
    }

    deinit {
        // A copy of the struct's pointers: deinit may not mutate self, and the index ends here.
        var last = state
        cairn_delta_index_deinit(&last)
    }

    /// Lines of all texts added.
    public var lineCount: Int { Int(state.line_count) }

    /// Bytes of memory it takes.
    public var heldBytes: Int {
        state.line_capacity * 16 + state.slot_count * 8 + state.text_capacity * MemoryLayout<cairn_delta_text>.stride
    }

    /// Reads a text; it is borrowed for the call. Forgets what was read before and not added.
    /// - Throws: `tooBig` or `noMemory`; nothing is read then.
    /// - Complexity: one hash a line.
    public mutating func read(_ text: UnsafeRawBufferPointer) throws(CoreError) {
        try cairn_delta_index_read(&state, text.span.bytes, text.count).check()
    }

    /// The runs of the text just read, in its order, without overlap.
    /// - Throws: `notFound` when no text was read, `argument` when the rule wants less than one line.
    /// - Complexity: linear in lines.
    public func runs(by rule: Rule = .standard) throws(CoreError) -> [Run] {
        guard rule.linesMin > 0, rule.bytesMin >= 0 else { throw CoreError(.argument) }
        var status = CAIRN_OK
        let runs = withUnsafePointer(to: state) { state in
            let bound = cairn_delta_index_find_bound(state, rule.inC)
            return withUnsafeTemporaryAllocation(of: cairn_delta_run.self, capacity: max(1, bound)) { runs in
                var count = 0
                status = cairn_delta_index_find(state, rule.inC, runs.baseAddress, bound, &count)
                return runs.prefix(count).map { Run($0) }
            }
        }
        try status.check()
        return runs
    }

    /// Whether the run's bytes are the same in the text it was found in and in the earlier one with its ``Run/textID``.
    /// Runs are found by 64-bit hashes; this is what makes them certain.
    public static func holds(_ run: Run, text: UnsafeRawBufferPointer, earlier: UnsafeRawBufferPointer) -> Bool {
        guard let start = UInt32(exactly: run.range.lowerBound), let end = UInt32(exactly: run.range.upperBound),
            let textStart = UInt32(exactly: run.textRange.lowerBound)
        else { return false }
        var inC = cairn_delta_run()
        inC.start = start
        inC.end = end
        inC.text_start = textStart
        return cairn_delta_run_holds(&inC, text.span.bytes, text.count, earlier.span)
    }

    /// Makes the text just read a seen one, under the caller's number.
    /// - Throws: `notFound` when no text was read, `noMemory`; the text is then still read and not seen.
    public mutating func add(as textID: UInt64) throws(CoreError) {
        try cairn_delta_index_add(&state, textID).check()
    }

    /// Forgets texts; unknown numbers do not matter.
    /// - Complexity: one pass over all lines, however many texts go.
    public mutating func remove(_ textIDs: some Sequence<UInt64>) {
        let sorted = textIDs.sorted()
        let status = cairn_delta_index_remove(&state, sorted, sorted.count)
        precondition(status == CAIRN_OK, "the numbers are in order")
    }

    /// Forgets all texts and keeps the memory.
    public mutating func reset() {
        cairn_delta_index_reset(&state)
    }
}

// Proof: the memory belongs to this value alone, which cannot be copied.
extension LineIndex: @unchecked Sendable {}

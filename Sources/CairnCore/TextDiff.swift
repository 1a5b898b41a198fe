// TextDiff.swift: the Swift face of the core's diffs and patches (the second part of cairn_delta.h).
//
// A file that is read again may be shown as its difference from the earlier read. Bounded, but not quick for large texts
// (a megabyte takes milliseconds): such calls run on a worker.
internal import CCairn

/// Finds the changes between two texts, and writes them as a patch in the unified format. Keeps its work space.
public struct TextDiffer: ~Copyable {
    public static let contextLinesStandard = Int(CAIRN_DELTA_CONTEXT_LINES)

    /// Lines that are replaced by others; one of the ranges may be empty. Lines count from 0.
    public struct Change: Equatable, Sendable {
        public let oldLines: Range<Int>
        public let newLines: Range<Int>

        public init(oldLines: Range<Int>, newLines: Range<Int>) {
            self.oldLines = oldLines
            self.newLines = newLines
        }

        fileprivate init(_ change: cairn_delta_change) {
            oldLines = Int(change.old_line)..<Int(change.old_line) + Int(change.old_count)
            newLines = Int(change.new_line)..<Int(change.new_line) + Int(change.new_count)
        }
    }

    private var state = cairn_delta_diff()

    public init() {
        cairn_delta_diff_init(&state, cairn_delta_allocator())
    }

    deinit {
        // A copy of the struct's pointers: deinit may not mutate self, and the differ ends here.
        var last = state
        cairn_delta_diff_deinit(&last)
    }

    /// False after a diff whose search was cut short: its changes are right, and perhaps more than needed.
    public var isMinimal: Bool { state.is_minimal }
    /// What the last search took; the same for the same texts on every machine.
    public var stepCount: UInt64 { state.step_count }

    /// The changes that turn `old` into `new`: the fewest lines, unless the search is cut short.
    /// - Parameter stepsMax: steps of the search, then what is left is replaced whole; nil for the core's own limit.
    /// - Throws: `tooBig`, `noMemory`.
    public mutating func changes(
        from old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer, stepsMax: UInt64? = nil
    ) throws(CoreError) -> [Change] {
        try find(old, new, stepsMax)
        return UnsafeBufferPointer(start: state.changes, count: state.change_count).map { Change($0) }
    }

    /// The patch that turns `old` into `new`, as `diff -u` writes it; empty for equal texts. Without names it has no
    /// lines in front of the first hunk.
    /// - Throws: `tooBig`, `noMemory`; `argument` for a name with a control character, quote or backslash.
    public mutating func patch(
        from old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer, oldName: String = "", newName: String = "",
        contextLines: Int = TextDiffer.contextLinesStandard, stepsMax: UInt64? = nil
    ) throws(CoreError) -> [UInt8] {
        guard contextLines >= 0 else { throw CoreError(.argument) }
        try find(old, new, stepsMax)
        let context = UInt32(clamping: contextLines)
        var status = CAIRN_OK
        // Both names side by side in one array, so that one closure holds every pointer.
        let names = Array(oldName.utf8) + Array(newName.utf8)
        let patch = names.withUnsafeBytes { names in
            let split = oldName.utf8.count
            let inC = cairn_delta_names(
                old_name: UnsafeRawBufferPointer(rebasing: names[..<split]).span,
                new_name: UnsafeRawBufferPointer(rebasing: names[split...]).span)
            var length = 0
            status = cairn_delta_diff_write(&state, inC, context, nil, 0, &length)
            guard status == CAIRN_ERR_NO_SPACE else { return [UInt8]() }
            return [UInt8](unsafeUninitializedCapacity: length) { out, count in
                status = cairn_delta_diff_write(&state, inC, context, out.baseAddress, length, &count)
            }
        }
        try status.check()
        return patch
    }

    private mutating func find(
        _ old: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer, _ stepsMax: UInt64?
    ) throws(CoreError) {
        // 0 stands for the core's own limit; no caller means "no step at all" by it.
        try cairn_delta_diff_find(&state, old.span, new.span, stepsMax.map { max(1, $0) } ?? 0).check()
    }
}

// Proof: the memory belongs to this value alone, which cannot be copied; the texts it looked at are not looked at again.
extension TextDiffer: @unchecked Sendable {}

/// Why a patch was not applied. Lines count from 1.
public struct PatchError: Error, Equatable, Sendable {
    /// `syntax`: a line that has no place in a patch. `incomplete`: it ends inside a hunk. `notFound`: the text does not
    /// have the line that stands in the patch at that place. `tooBig`: a text or patch above ``LineIndex/textBytesMax``.
    public let kind: CoreError.Kind
    /// The line of the patch; nil for `tooBig`.
    public let patchLine: Int?
    /// The line of the text that does not fit; nil when the patch itself is wrong.
    public let textLine: Int?

    public init(_ kind: CoreError.Kind, patchLine: Int? = nil, textLine: Int? = nil) {
        self.kind = kind
        self.patchLine = patchLine
        self.textLine = textLine
    }
}

/// Patches in the unified format, applied exactly: without looking for the place elsewhere and without tolerance.
public enum UnifiedPatch {
    /// What `patch` makes of `text`. Both are borrowed for the call.
    /// - Complexity: one pass over both.
    public static func apply(
        _ patch: UnsafeRawBufferPointer, to text: UnsafeRawBufferPointer
    ) throws(PatchError) -> [UInt8] {
        let bound = cairn_delta_apply_bound(text.count, patch.count)
        var failure = cairn_delta_failure()
        var status = CAIRN_OK
        let result = [UInt8](unsafeUninitializedCapacity: bound) { out, count in
            status = cairn_delta_apply(text.span, patch.span, out.baseAddress, bound, &count, &failure)
        }
        guard let error = status.error() else { return result }
        throw PatchError(
            error.kind, patchLine: failure.patch_line == 0 ? nil : Int(failure.patch_line),
            textLine: failure.text_line == 0 ? nil : Int(failure.text_line))
    }
}

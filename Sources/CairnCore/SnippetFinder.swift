// SnippetFinder.swift: the Swift face of the core's snippets (cairn_snippet.h).
//
// What is shortened keeps these values; search over omitted text looks for them. A call costs 2 to 6 ns a byte of what
// programs print, so texts above some 20 KB belong on the worker pool. Nothing allocates but the array of results, and
// the work space when a text has more values than any before.
internal import CCairn

/// A value of a text that must survive word for word when the text is shortened.
public struct Snippet: Equatable, Sendable {
    /// What kind of value it is. Raw values are stored and never renumbered.
    public enum Kind: UInt8, CaseIterable, Sendable {
        /// `src/main.rs:7:35`, `tests/test_a.py::test_b`, `a.py", line 4`
        case path = 1
        /// `E0425`, `TS2304`, `-Wformat`, `ENOENT`, `ValueError`, `exit status 1`
        case errorCode = 2
        /// What stands behind `error:`. The only kind that may hold other values.
        case errorMessage = 3
        /// `500ms`, `1.5 s`, `64 KiB`, `85%`
        case quantity = 4
        /// `1.2.3`, `v1.0.0-rc.1`
        case version = 5
        /// `87b6751`, `sha256:...`
        case hash = 6
        case uuid = 7
        case url = 8
        /// The name of an environment variable.
        case environment = 9
        case port = 10
        /// ISO 8601, with its time.
        case date = 11
        /// A quoted name.
        case identifier = 12
    }

    /// A line of a file, and perhaps a column, as printed: from 1.
    public struct Place: Equatable, Sendable {
        public var line: Int
        public var column: Int?
    }

    public let kind: Kind
    /// The bytes of its first appearance in the text.
    public let range: Range<Int>
    /// Where in the file, for a path that says so.
    public let place: Place?
    /// How often it stands in the text.
    public let count: Int
    /// 0 to 100: what to keep first when not all can be kept.
    public let importance: Int

    fileprivate init(_ snippet: cairn_snippet) {
        guard let kind = Kind(rawValue: snippet.type) else { preconditionFailure("the core has no other kinds") }
        self.kind = kind
        range = Int(snippet.start)..<Int(snippet.end)
        place =
            snippet.line == 0
            ? nil : Place(line: Int(snippet.line), column: snippet.column == 0 ? nil : Int(snippet.column))
        count = Int(snippet.count)
        importance = Int(snippet.importance)
    }
}

/// Finds the values of texts. Keeps its work space between calls.
public struct SnippetFinder: ~Copyable {
    /// The longest text.
    public static let textBytesMax = Int(CAIRN_SNIPPET_TEXT_BYTES_MAX)

    private var capacity = 0
    private var snippets: UnsafeMutablePointer<cairn_snippet>
    private var scratch: UnsafeMutablePointer<UInt32>

    public init() {
        snippets = .allocate(capacity: 0)
        scratch = .allocate(capacity: 0)
    }

    deinit {
        snippets.deallocate()
        scratch.deallocate()
    }

    /// The values of `text`, each once, in the order they were recognised: that of the text, but for error messages
    /// that only their last words tell.
    /// - Throws: `tooBig` for a text above ``textBytesMax``.
    /// - Complexity: one pass; a few passes while the work space grows.
    public mutating func snippets(in text: UnsafeRawBufferPointer) throws(CoreError) -> [Snippet] {
        let bound = cairn_snippet_bound(text.count)
        if capacity == 0 { grow(to: min(bound, 256)) }
        var count = 0
        var status = find(text.span, &count)
        while status == CAIRN_ERR_NO_SPACE {
            precondition(capacity < bound, "the bound is enough")
            grow(to: min(bound, capacity * 4))
            status = find(text.span, &count)
        }
        try status.check()
        return UnsafeBufferPointer(start: snippets, count: count).map(Snippet.init)
    }

    private mutating func find(_ text: cairn_span, _ count: inout Int) -> cairn_status {
        cairn_snippet_find(text.bytes, text.length, snippets, capacity, scratch, &count)
    }

    private mutating func grow(to capacity: Int) {
        snippets.deallocate()
        scratch.deallocate()
        snippets = .allocate(capacity: capacity)
        scratch = .allocate(capacity: cairn_snippet_scratch_bound(capacity))
        self.capacity = capacity
    }
}

// Proof: the work space belongs to this value alone, which cannot be copied.
extension SnippetFinder: @unchecked Sendable {}

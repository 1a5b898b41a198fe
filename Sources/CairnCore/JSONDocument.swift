// JSONDocument.swift: the Swift face of the core's JSON tape (cairn_json.h).
//
// Dialects read a request through one and write it again by splicing spans of its bytes. Hot: `init`, once a body, and
// the node look-ups, which are array accesses; none but `init` and what returns an array or string allocates.
internal import CCairn

/// A parsed JSON document: its bytes, and a tape of spans over them. Nothing is converted: numbers, escapes and duplicate
/// keys stay as they are spelled.
///
/// Nodes are named by their index in the order of the text; 0 is the root.
public struct JSONDocument: ~Copyable {
    public static let depthMax = Int(CAIRN_JSON_DEPTH_MAX)
    public static let bytesMax = Int(CAIRN_JSON_BYTES_MAX)

    public enum Kind: UInt8, Sendable {
        case null, `false`, `true`, number, string, array, object
    }

    /// One value.
    public struct Node: Equatable, Sendable {
        public let kind: Kind
        /// The value's bytes, quotes and brackets included.
        public let range: Range<Int>
        /// The key's bytes between its quotes; nil for array elements and the root.
        public let keyRange: Range<Int>?
        /// The container's index; nil for the root.
        public let parent: Int?
        /// The index behind the last node inside this one: the next sibling, if there is one.
        public let next: Int
        public let childCount: Int
        /// Containers around it; 0 for the root.
        public let depth: Int
    }

    public let text: [UInt8]
    public let nodeCount: Int
    private let nodes: UnsafeMutableBufferPointer<cairn_json_node>

    /// Parses `text`, which is kept and not copied.
    /// - Throws: `syntax` or `incomplete` with the offset, `tooBig` for more than ``depthMax`` levels or ``bytesMax``.
    /// - Complexity: one pass, or two when the first guess of the node count (a node for 16 bytes) was too small.
    public init(_ text: [UInt8]) throws(CoreError) {
        let bound = cairn_json_nodes_bound(text.count)
        var capacity = min(bound, max(64, text.count / 16))
        while true {
            let nodes = UnsafeMutableBufferPointer<cairn_json_node>.allocate(capacity: capacity)
            var count = 0
            var errorOffset = 0
            let status = text.withUnsafeBytes { raw in
                cairn_json_parse(raw.span.bytes, raw.count, nodes.baseAddress, capacity, &count, &errorOffset)
            }
            if status == CAIRN_OK {
                self.text = text
                self.nodes = nodes
                nodeCount = count
                return
            }
            nodes.deallocate()
            guard status == CAIRN_ERR_NO_SPACE, capacity < bound else { throw status.error(offset: errorOffset)! }
            capacity = bound
        }
    }

    deinit { nodes.deallocate() }

    /// The node with this index, below ``nodeCount``.
    public subscript(_ index: Int) -> Node {
        precondition(index >= 0 && index < nodeCount, "no such node")
        let node = nodes[index]
        let hasKey = Int(node.flags) & Int(CAIRN_JSON_KEY) != 0
        return Node(
            kind: Kind(rawValue: node.type)!,
            range: Int(node.start)..<Int(node.end),
            keyRange: hasKey ? Int(node.key_start)..<Int(node.key_end) : nil,
            parent: node.parent == UInt32.max ? nil : Int(node.parent),
            next: Int(node.next), childCount: Int(node.child_count), depth: Int(node.depth))
    }

    // Single facts of a node, for walks that would throw most of a ``Node`` away.

    public func kind(of index: Int) -> Kind {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return Kind(rawValue: nodes[index].type)!
    }

    /// As ``Node/range``.
    public func range(of index: Int) -> Range<Int> {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return Int(nodes[index].start)..<Int(nodes[index].end)
    }

    /// As ``Node/keyRange``; empty for array elements and the root.
    public func keyRange(of index: Int) -> Range<Int> {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return Int(nodes[index].key_start)..<Int(nodes[index].key_end)
    }

    /// As ``Node/next``.
    public func next(after index: Int) -> Int {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return Int(nodes[index].next)
    }

    /// Calls `body` with the index of each child, in order.
    public func forEachChild<Failure: Error>(
        of index: Int, _ body: (Int) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(index >= 0 && index < nodeCount, "no such node")
        var child = index + 1
        while child < Int(nodes[index].next) {
            try body(child)
            child = Int(nodes[child].next)
        }
    }

    /// The last member of an object with this key, compared after unescaping; nil when there is none or no object.
    /// - Complexity: one step a member.
    public func member(_ key: StaticString, of index: Int) -> Int? {
        precondition(index >= 0 && index < nodeCount, "no such node")
        let name = cairn_span(bytes: key.utf8Start, length: key.utf8CodeUnitCount)
        let found = text.withUnsafeBytes { cairn_json_member($0.span.bytes, nodes.baseAddress, UInt32(index), name) }
        return found == UInt32.max ? nil : Int(found)
    }

    /// Shows the value's bytes as they stand.
    public func withRaw<Result, Failure: Error>(
        _ index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let range = self[index].range
        return try text.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[range])))
        }
    }

    /// The text of a string value; nil for other values.
    /// - Throws: `syntax` when it holds a surrogate escape that stands alone: JSON allows it, UTF-8 has no form for it.
    public func string(_ index: Int) throws(CoreError) -> String? {
        guard self[index].kind == .string else { return nil }
        return try withRaw(index) { (raw: UnsafeRawBufferPointer) throws(CoreError) -> String in
            try JSONText.string(raw)
        }
    }

    /// The canonical form of a value: members by key, no white space, shortest escapes, numbers as spelled (RFC 8785 but
    /// for numbers).
    public func canonical(_ index: Int) -> [UInt8] {
        precondition(index >= 0 && index < nodeCount, "no such node")
        let count = Int(nodes[index].next) - index
        let bytesMax = cairn_json_canonical_bound(Int(nodes[index].end - nodes[index].start))
        return text.withUnsafeBytes { raw in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: cairn_json_scratch_bound(count)) { scratch in
                [UInt8](unsafeUninitializedCapacity: bytesMax) { out, length in
                    let status = cairn_json_canonical(
                        raw.span.bytes, nodes.baseAddress, UInt32(index), scratch.baseAddress, out.baseAddress,
                        bytesMax,
                        &length)
                    precondition(status == CAIRN_OK, "the bound is enough")
                }
            }
        }
    }

    /// A replacement of the bytes in `range` (empty: an insertion) by `bytes` (empty: a deletion).
    public struct Edit: Sendable {
        public var range: Range<Int>
        public var bytes: [UInt8]

        public init(_ range: Range<Int>, with bytes: [UInt8]) {
            self.range = range
            self.bytes = bytes
        }
    }

    /// The document's bytes with all edits made, and every other byte as it was. Edits are in order and do not overlap.
    /// - Throws: `argument` for edits out of order or outside the text.
    public func spliced(_ edits: [Edit]) throws(CoreError) -> [UInt8] {
        // All new bytes side by side in one array, so that one closure holds every pointer.
        let newBytes = edits.flatMap(\.bytes)
        var status = CAIRN_OK
        let spliced = newBytes.withUnsafeBytes { new in
            text.withUnsafeBytes { raw -> [UInt8] in
                var start = 0
                let cEdits = edits.map { edit in
                    defer { start += edit.bytes.count }
                    let with = UnsafeRawBufferPointer(rebasing: new[start..<(start + edit.bytes.count)])
                    return cairn_json_edit(start: edit.range.lowerBound, end: edit.range.upperBound, with: with.span)
                }
                var length = 0
                status = cairn_json_splice(raw.span.bytes, raw.count, cEdits, cEdits.count, nil, 0, &length)
                guard status == CAIRN_OK || status == CAIRN_ERR_NO_SPACE else { return [] }
                return [UInt8](unsafeUninitializedCapacity: length) { out, count in
                    status = cairn_json_splice(
                        raw.span.bytes, raw.count, cEdits, cEdits.count, out.baseAddress, length, &count)
                }
            }
        }
        try status.check()
        return spliced
    }
}

// Proof: the tape is written in init only and belongs to this value alone, which cannot be copied.
extension JSONDocument: @unchecked Sendable {}

// JSONTape.swift: a JSON tape whose memory is used again (cairn_json.h).
//
// Answer readers keep one for all events of a stream: 20 to 100 documents a second and call, 100 to 500 bytes each.
// Hot: `parse` and the look-ups; neither allocates once the tape has met the largest event.
internal import CCairn

/// A view of one JSON document after another. Nothing is copied or converted: a string is shown as its *content*, what
/// stands between its quotes, escapes as spelled.
///
/// Right: parse, look, then let go of the bytes. Wrong: look after the bytes that were parsed are gone.
///
///     try tape.parse(event.data)
///     if let text = tape.member("text", of: 0) { show(tape.content(text)) }
public struct JSONTape: ~Copyable {
    private var nodes: UnsafeMutablePointer<cairn_json_node>
    private var capacity: Int
    private var text = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Values of the document parsed last; 0 before the first and after a failure.
    public private(set) var nodeCount = 0

    /// Room for `nodeCapacity` values (at least one) to begin with.
    public init(nodeCapacity: Int = 64) {
        capacity = max(1, nodeCapacity)
        nodes = .allocate(capacity: capacity)
    }

    deinit { nodes.deallocate() }

    /// Parses a document. Borrows `bytes` until the next call of `parse`: they must stay as they are as long as the
    /// tape is looked at.
    /// - Throws: `syntax` or `incomplete` with the offset, `tooBig` for more than ``JSONDocument/depthMax`` levels or
    ///   ``JSONDocument/bytesMax``.
    /// - Complexity: one pass; two, and an allocation, for the first document with more values than the tape has room.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(CoreError) {
        nodeCount = 0
        text = bytes
        var count = 0
        var errorOffset = 0
        var status = cairn_json_parse(bytes.span.bytes, bytes.count, nodes, capacity, &count, &errorOffset)
        if status == CAIRN_ERR_NO_SPACE {
            grow(to: cairn_json_nodes_bound(bytes.count))
            status = cairn_json_parse(bytes.span.bytes, bytes.count, nodes, capacity, &count, &errorOffset)
        }
        try status.check(offset: errorOffset)
        nodeCount = count
    }

    /// Lets go of the document: there is nothing on the tape.
    public mutating func clear() {
        nodeCount = 0
        text = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    private mutating func grow(to bound: Int) {
        nodes.deallocate()
        capacity = bound
        nodes = .allocate(capacity: bound)
    }

    public func kind(_ index: Int) -> JSONDocument.Kind {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return JSONDocument.Kind(rawValue: nodes[index].type)!
    }

    /// The value as it stands, quotes and brackets included. A view of the parsed bytes.
    public func raw(_ index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return view(nodes[index].start, nodes[index].end)
    }

    /// What stands between the quotes of a string; nil for other values. A view of the parsed bytes.
    public func content(_ index: Int) -> UnsafeRawBufferPointer? {
        precondition(index >= 0 && index < nodeCount, "no such node")
        guard nodes[index].type == CAIRN_JSON_STRING.rawValue else { return nil }
        return view(nodes[index].start + 1, nodes[index].end - 1)
    }

    /// A number without fraction and exponent that fits; nil for other values.
    public func integer(_ index: Int) -> Int? {
        guard kind(index) == .number else { return nil }
        var value = 0
        var isNegative = false
        for (position, byte) in raw(index).enumerated() {
            if position == 0, byte == UInt8(ascii: "-") {
                isNegative = true
                continue
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            if overflow || carry { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    /// The last member of an object with this key, compared after unescaping; nil when there is none or no object.
    /// - Complexity: one step a member.
    public func member(_ key: StaticString, of index: Int) -> Int? {
        precondition(index >= 0 && index < nodeCount, "no such node")
        let name = cairn_span(bytes: key.utf8Start, length: key.utf8CodeUnitCount)
        let found = cairn_json_member(text.span.bytes, nodes, UInt32(truncatingIfNeeded: index), name)
        return found == UInt32.max ? nil : Int(found)
    }

    /// The member's value, if it is a number as ``integer(_:)`` takes it.
    public func integer(_ key: StaticString, of index: Int) -> Int? {
        member(key, of: index).flatMap { integer($0) }
    }

    /// The content of the member's value, if it is a string. A view of the parsed bytes.
    public func content(_ key: StaticString, of index: Int) -> UnsafeRawBufferPointer? {
        member(key, of: index).flatMap { content($0) }
    }

    /// The first value inside a container; nil for an empty one and for other values.
    public func firstChild(of index: Int) -> Int? {
        precondition(index >= 0 && index < nodeCount, "no such node")
        return nodes[index].child_count > 0 ? index + 1 : nil
    }

    /// The value behind this one in the same container; nil for the last.
    public func sibling(of index: Int) -> Int? {
        precondition(index >= 0 && index < nodeCount, "no such node")
        let parent = nodes[index].parent
        guard parent != UInt32.max, nodes[index].next < nodes[Int(parent)].next else { return nil }
        return Int(nodes[index].next)
    }

    private func view(_ start: UInt32, _ end: UInt32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[Int(start)..<Int(end)])
    }
}

// Proof: the nodes belong to this value alone, which cannot be copied; the parsed bytes are looked at only by calls of
// whoever holds the value, who answers for them.
extension JSONTape: @unchecked Sendable {}

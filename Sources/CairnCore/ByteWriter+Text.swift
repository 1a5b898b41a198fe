// JSON inside JSON strings and out of them, written without an intermediate String: tool arguments are an object in one
// dialect and a string that holds the object in the others. Workload: 100 bytes to 10 KB a call, some hundred calls a body.
internal import CCairn

extension ByteWriter {
    /// Taken at once while escaping: the space reserved is six times as much.
    static let escapeStepBytes = 8192

    /// Appends text as the content of a JSON string in the form of RFC 8785, without quotes.
    /// - Parameter text: well-formed UTF-8, as every part of a parsed JSON document is.
    public mutating func append(escaping text: UnsafeBufferPointer<UInt8>) {
        var position = 0
        while position < text.count {
            let end = UTF8Scan.boundary(
                in: text, atMost: min(text.count, position + Self.escapeStepBytes))
            let step = UnsafeBufferPointer(rebasing: text[position..<end])
            let bytesMax = cairn_json_escape_bound(step.count)
            append(bytesMax: bytesMax) { out in
                var length = 0
                var errorOffset = 0
                let status = cairn_json_escape(step.baseAddress, step.count, out, bytesMax, &length, &errorOffset)
                precondition(status == CAIRN_OK, "the text is well-formed UTF-8, and the bound is enough")
                return length
            }
            position = end
        }
    }

    /// Appends the text of what stands between the quotes of a JSON string; false, with nothing appended, when it holds a
    /// surrogate escape that stands alone.
    public mutating func append(unescaping content: UnsafeBufferPointer<UInt8>) -> Bool {
        let bytesMax = cairn_json_unescape_bound(content.count)
        var status = CAIRN_OK
        append(bytesMax: bytesMax) { out in
            var length = 0
            var errorOffset = 0
            status = cairn_json_unescape(content.baseAddress, content.count, out, bytesMax, &length, &errorOffset)
            return status == CAIRN_OK ? length : 0
        }
        return status == CAIRN_OK
    }

    /// Whether the content from `start` on is exactly one JSON object.
    /// - Complexity: one pass; allocates for texts with many values only.
    public func holdsObject(from start: Int) -> Bool {
        withBytes { bytes in
            JSONText.isObject(UnsafeBufferPointer(rebasing: bytes[start...]))
        }
    }
}

extension JSONText {
    /// Whether `text` is exactly one JSON object, with white space around it or not.
    public static func isObject(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = text.first(where: { $0 > 0x20 }), first == UInt8(ascii: "{") else { return false }
        let bound = cairn_json_nodes_bound(text.count)
        let guess = min(bound, 16 + text.count / 16)
        return status(of: text, nodeCapacity: guess, orAtMost: bound) == CAIRN_OK
    }

    private static func status(
        of text: UnsafeBufferPointer<UInt8>, nodeCapacity: Int, orAtMost bound: Int
    ) -> cairn_status {
        let status = withUnsafeTemporaryAllocation(of: cairn_json_node.self, capacity: nodeCapacity) { nodes in
            var count = 0
            var errorOffset = 0
            return cairn_json_parse(text.baseAddress, text.count, nodes.baseAddress, nodeCapacity, &count, &errorOffset)
        }
        guard status == CAIRN_ERR_NO_SPACE, nodeCapacity < bound else { return status }
        return self.status(of: text, nodeCapacity: bound, orAtMost: bound)
    }
}

// What every decoder of requests asks of a document: members, types, raw values, and errors that say where. A path is only
// built when something is wrong, by walking up from the node.

import CairnCore

/// A reader over one request body. Nodes are indexes of its tape.
struct PromptReader: Sendable {
    let source: SourceDocument

    func kind(_ node: Int) -> JSONDocument.Kind { source.json.kind(of: node) }

    func raw(_ node: Int) -> RawJSON { RawJSON(source.json.range(of: node)) }

    /// The member's key with its quotes.
    func key(_ node: Int) -> RawJSON {
        let range = source.json.keyRange(of: node)
        return RawJSON(range.lowerBound - 1..<range.upperBound + 1)
    }

    /// The children of a container, in order; none for other values.
    func children(of node: Int) -> Children { Children(source: source, container: node) }

    struct Children: Sequence, IteratorProtocol {
        private let source: SourceDocument
        private var child: Int
        private let end: Int

        init(source: SourceDocument, container: Int) {
            self.source = source
            child = container + 1
            end = source.json.next(after: container)
        }

        mutating func next() -> Int? {
            guard child < end else { return nil }
            defer { child = source.json.next(after: child) }
            return child
        }
    }

    /// What the key of `node` means in `table`.
    func meaning<Value>(ofKey node: Int, in table: WireTable<Value>) -> Value? {
        meaning(of: source.json.keyRange(of: node), in: table)
    }

    /// What the string `node` means in `table`; nil for other values too.
    func meaning<Value>(of node: Int, in table: WireTable<Value>) -> Value? {
        guard kind(node) == .string else { return nil }
        let range = source.json.range(of: node)
        return meaning(of: range.lowerBound + 1..<range.upperBound - 1, in: table)
    }

    /// A word with escapes is rare and looked up unescaped, as every parser of the other side would read it.
    private func meaning<Value>(of content: Range<Int>, in table: WireTable<Value>) -> Value? {
        source.bytes.withUnsafeBufferPointer { bytes in
            let word = UnsafeBufferPointer(rebasing: bytes[content])
            if let value = table[word] { return value }
            guard word.contains(UInt8(ascii: "\\")), var text = try? JSONText.unescape(UnsafeRawBufferPointer(word))
            else { return nil }
            return text.withUTF8 { table[$0] }
        }
    }

    /// The last member of `object` with this key; nil when there is none.
    func member(_ key: StaticString, of object: Int) -> Int? { source.json.member(key, of: object) }

    /// Whether the string `node` is `word`.
    func holds(_ word: StaticString, at node: Int) -> Bool {
        kind(node) == .string
            && source.json.withRaw(node) { raw in
                word.spells(UnsafeBufferPointer(rebasing: raw.bindMemory(to: UInt8.self)[1..<raw.count - 1]))
            }
    }

    // Typed reads: `malformed` names the path of what has the wrong type.

    func object(_ node: Int) throws(WireError) {
        guard kind(node) == .object else { throw malformed(node, "must be an object") }
    }

    func array(_ node: Int) throws(WireError) {
        guard kind(node) == .array else { throw malformed(node, "must be an array") }
    }

    func string(_ node: Int) throws(WireError) -> RawJSON {
        guard kind(node) == .string else { throw malformed(node, "must be a string") }
        return raw(node)
    }

    /// nil for null.
    func optionalString(_ node: Int) throws(WireError) -> RawJSON? {
        kind(node) == .null ? nil : try string(node)
    }

    /// nil for null.
    func optionalBool(_ node: Int) throws(WireError) -> Bool? {
        switch kind(node) {
        case .null: return nil
        case .true: return true
        case .false: return false
        default: throw malformed(node, "must be true or false")
        }
    }

    func requiredMember(_ key: StaticString, of object: Int) throws(WireError) -> Int {
        guard let node = member(key, of: object) else { throw missing(key, in: object) }
        return node
    }

    func requiredString(_ key: StaticString, of object: Int) throws(WireError) -> RawJSON {
        try string(try requiredMember(key, of: object))
    }

    /// A string member; nil when it is missing or null.
    func optionalString(_ key: StaticString, of object: Int) throws(WireError) -> RawJSON? {
        guard let node = member(key, of: object) else { return nil }
        return try optionalString(node)
    }

    /// A member that is neither missing nor null, as it is spelled.
    func optionalRaw(_ key: StaticString, of object: Int) -> RawJSON? {
        guard let node = member(key, of: object), kind(node) != .null else { return nil }
        return raw(node)
    }

    /// The members of `object` whose keys are not in `known`.
    func unknownMembers<Value>(of object: Int, known: WireTable<Value>) -> [Prompt.Member] {
        var unknown: [Prompt.Member] = []
        for child in children(of: object) where meaning(ofKey: child, in: known) == nil {
            unknown.append(Prompt.Member(key: key(child), value: raw(child)))
        }
        return unknown
    }

    // Errors

    func malformed(_ node: Int, _ reason: String) -> WireError { WireError(.malformed, at: path(of: node), reason) }

    func missing(_ key: StaticString, in object: Int) -> WireError {
        let parent = path(of: object)
        return WireError(.malformed, at: parent.isEmpty ? "\(key)" : "\(parent).\(key)", "is missing")
    }

    /// Where a node stands, as the client would write it: `messages[3].content[0].source`. Empty for the root.
    /// - Complexity: one step a sibling before it, on each level.
    func path(of node: Int) -> String {
        let described = source.json[node]
        guard let parent = described.parent else { return "" }
        let front = path(of: parent)
        guard let keyRange = described.keyRange else {
            var index = 0
            for sibling in children(of: parent) {
                if sibling == node { break }
                index += 1
            }
            return "\(front)[\(index)]"
        }
        let key = String(decoding: source.bytes[keyRange], as: UTF8.self)
        return front.isEmpty ? key : "\(front).\(key)"
    }
}

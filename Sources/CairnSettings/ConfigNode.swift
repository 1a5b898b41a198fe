// The configuration file as a tree of maps, lists and texts, each with its line. libyaml reads the
// text; this file asks it for one event after the other and refuses what a configuration does not
// need: aliases, tags, several documents, depth. The format is YAML 1.1 as libyaml 0.2 reads it;
// every scalar stays the text the user wrote.

import CYAML

/// One value of the configuration file.
struct ConfigNode {
    enum Value {
        /// `isPlain`: written without quotes.
        case text(String, isPlain: Bool)
        case list([ConfigNode])
        /// In the order written; keys are unique.
        case map([ConfigEntry])
    }

    let value: Value
    /// Counted from 1.
    let line: Int

    /// Whether the user wrote nothing: `key:`, `key: ~` or `key: null`.
    var isNull: Bool {
        guard case .text(let text, isPlain: true) = value else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }
}

struct ConfigEntry {
    let key: String
    let line: Int
    let value: ConfigNode
}

extension ConfigNode {
    static let fileBytesMax = 1 << 20
    /// Maps and lists inside each other; the schema needs four.
    static let depthMax = 16
    /// Scalars, lists and maps in one file.
    static let nodesMax = 10_000

    /// Parses one document. Nil if it is empty or null. Errors name the line.
    static func parse(_ bytes: [UInt8], path: String) throws(SettingsError) -> ConfigNode? {
        guard !bytes.isEmpty else { return nil }
        let result = bytes.withUnsafeBufferPointer { text -> Result<ConfigNode?, SettingsError> in
            var tree = ConfigTreeBuilder(events: YAMLEvents(text: text, path: path))
            do throws(SettingsError) { return .success(try tree.document()) } catch { return .failure(error) }
        }
        let node = try result.get()
        return node.flatMap { $0.isNull ? nil : $0 }
    }
}

/// Builds the tree from events.
private struct ConfigTreeBuilder: ~Copyable {
    let events: YAMLEvents
    private var nodeCount = 0

    init(events: consuming YAMLEvents) {
        self.events = events
    }

    mutating func document() throws(SettingsError) -> ConfigNode? {
        var document: ConfigNode?
        while true {
            let event = try events.next()
            switch event.kind {
            case .streamEnd: return document
            case .documentStart where document != nil:
                throw events.error("expected one YAML document only", event.line)
            case .documentStart: document = try node(events.next(), depth: 0)
            default: continue
            }
        }
    }

    /// The node that starts with `event`.
    private mutating func node(_ event: YAMLEvents.Event, depth: Int) throws(SettingsError) -> ConfigNode {
        nodeCount += 1
        guard nodeCount <= ConfigNode.nodesMax else {
            throw events.error("the file holds more than \(ConfigNode.nodesMax) values", event.line)
        }
        guard depth <= ConfigNode.depthMax else {
            throw events.error("values are nested more than \(ConfigNode.depthMax) deep", event.line)
        }
        let value: ConfigNode.Value =
            switch event.kind {
            case .listStart: .list(try list(depth))
            case .mapStart: .map(try map(depth))
            default: .text(event.text, isPlain: event.kind == .plainText)
            }
        return ConfigNode(value: value, line: event.line)
    }

    private mutating func list(_ depth: Int) throws(SettingsError) -> [ConfigNode] {
        var elements: [ConfigNode] = []
        while true {
            let event = try events.next()
            if event.kind == .listEnd { return elements }
            elements.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func map(_ depth: Int) throws(SettingsError) -> [ConfigEntry] {
        var entries: [ConfigEntry] = []
        var lines: [String: Int] = [:]
        while true {
            let key = try events.next()
            if key.kind == .mapEnd { return entries }
            guard key.kind == .plainText || key.kind == .quotedText else {
                throw events.error("a key must be a plain word", key.line)
            }
            if let first = lines.updateValue(key.line, forKey: key.text) {
                let name = SettingsText.spacedName(key.text)
                throw events.error("duplicate key\(name), first written on line \(first)", key.line)
            }
            let value = try node(events.next(), depth: depth + 1)
            entries.append(ConfigEntry(key: key.text, line: key.line, value: value))
        }
    }
}

/// The events of libyaml's parser. Owns the parser; borrows the text, which must outlive it.
private struct YAMLEvents: ~Copyable {
    enum Kind {
        case documentStart, streamEnd, plainText, quotedText, listStart, listEnd, mapStart, mapEnd
        /// Start of the stream and end of a document: nothing to do.
        case other
    }

    struct Event {
        let kind: Kind
        /// Counted from 1.
        let line: Int
        /// Of plain and quoted texts; else empty.
        var text = ""
    }

    /// On the heap: libyaml keeps pointers into its own parser.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>
    private let path: String

    /// - Precondition: the text is not empty (libyaml takes no NULL).
    init(text: UnsafeBufferPointer<UInt8>, path: String) {
        precondition(!text.isEmpty)
        self.text = text
        self.path = path
        parser = .allocate(capacity: 1)
        precondition(yaml_parser_initialize(parser) == 1, "out of memory")
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    func error(_ reason: String, _ line: Int) -> SettingsError {
        SettingsError(reason, at: .file(path: path, line: line, key: ""))
    }

    func next() throws(SettingsError) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }

        let line = Int(event.start_mark.line) + 1
        switch event.type {
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, line: line)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, line: line)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            try refuse(anchor: start.anchor, tag: start.tag, line)
            return Event(kind: .listStart, line: line)
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .listEnd, line: line)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            try refuse(anchor: start.anchor, tag: start.tag, line)
            return Event(kind: .mapStart, line: line)
        case YAML_MAPPING_END_EVENT: return Event(kind: .mapEnd, line: line)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            try refuse(anchor: scalar.anchor, tag: scalar.tag, line)
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let kind: Kind = scalar.style == YAML_PLAIN_SCALAR_STYLE ? .plainText : .quotedText
            return Event(kind: kind, line: line, text: String(decoding: bytes, as: UTF8.self))
        case YAML_ALIAS_EVENT: throw error("aliases (*name) are not accepted; write the value out", line)
        default: return Event(kind: .other, line: line)
        }
    }

    private func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, _ line: Int
    ) throws(SettingsError) {
        guard anchor == nil else {
            throw error("anchors (&name) are not accepted; write the value out", line)
        }
        guard tag == nil else { throw error("tags (!name) are not accepted", line) }
    }

    /// libyaml's words hold nothing of the file's text.
    private func syntaxError() -> SettingsError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "out of memory"
        if parser.pointee.error == YAML_READER_ERROR {
            let before = text.prefix(Int(parser.pointee.problem_offset))
            let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
            return error("not valid YAML: \(problem)", line)
        }
        // At the end of the file libyaml counts a line more than there is.
        let newlineCount = text.count { $0 == UInt8(ascii: "\n") }
        let lineCount = text.last == UInt8(ascii: "\n") ? newlineCount : newlineCount + 1
        let line = max(1, min(Int(parser.pointee.problem_mark.line) + 1, lineCount))
        if isIndentedByTab(line) { return error("not valid YAML: indent with spaces, not with tabs", line) }
        let context = parser.pointee.context.map { " " + String(cString: $0) } ?? ""
        return error("not valid YAML: \(problem)\(context)", line)
    }

    private func isIndentedByTab(_ line: Int) -> Bool {
        let lines = text.split(
            separator: UInt8(ascii: "\n"), maxSplits: line, omittingEmptySubsequences: false)
        guard line <= lines.count else { return false }
        return lines[line - 1].prefix { $0 == 0x20 || $0 == 0x09 }.contains(0x09)
    }
}

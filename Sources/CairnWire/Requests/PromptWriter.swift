// What every encoder of requests writes with: members and their commas, raw values, strings built of the contents of other
// strings, and the account of what was left out. All bytes go to one ByteWriter.

import CairnCore

/// A writer of one request body.
struct PromptWriter: ~Copyable {
    var out: ByteWriter
    let source: SourceDocument
    let upstream: UpstreamTraits
    /// Whether the target is the dialect the prompt was read from: elements are copied.
    let isSameDialect: Bool
    let clientDialect: Dialect
    let frontTurnCount: Int
    private(set) var report = EncodingReport()

    init(out: consuming ByteWriter, prompt: Prompt, upstream: UpstreamTraits) {
        self.out = out
        source = prompt.source
        self.upstream = upstream
        isSameDialect = prompt.dialect == upstream.dialect
        clientDialect = prompt.dialect
        frontTurnCount = prompt.frontTurnCount
    }

    // Structure. A comma is needed unless the last byte opens a container or ends a key.

    mutating func open(_ bracket: StaticString) {
        separate()
        out.append(bracket)
    }

    mutating func close(_ bracket: StaticString) { out.append(bracket) }

    mutating func separate() {
        switch out.last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"): return
        default: out.append(byte: UInt8(ascii: ","))
        }
    }

    /// `"key":`, with the comma before it.
    mutating func key(_ key: StaticString) {
        separate()
        out.append(byte: UInt8(ascii: "\""))
        out.append(key)
        out.append("\":")
    }

    mutating func member(_ key: StaticString, _ value: RawJSON) {
        self.key(key)
        out.append(value, of: source)
    }

    mutating func member(_ key: StaticString, ifGiven value: RawJSON?) {
        if let value { member(key, value) }
    }

    /// `"key":"word"`.
    mutating func member(_ key: StaticString, word: StaticString) {
        self.key(key)
        string(word)
    }

    mutating func member(_ key: StaticString, _ value: Bool) {
        self.key(key)
        out.append(value ? "true" : "false")
    }

    mutating func member(_ key: StaticString, _ value: Int) {
        self.key(key)
        out.append(decimal: value)
    }

    /// Members as they stood in the source.
    mutating func members(_ members: [Prompt.Member]) {
        for member in members {
            separate()
            out.append(member.key, of: source)
            out.append(byte: UInt8(ascii: ":"))
            out.append(member.value, of: source)
        }
    }

    /// An element as it is spelled, with the comma before it. In the place of a client's element any number may stand, with
    /// commas between them (``ElementSequence``): none leave nothing, and no comma.
    mutating func element(_ value: RawJSON) {
        if isNothing(value) { return }
        separate()
        out.append(value, of: source)
    }

    mutating func string(_ word: StaticString) {
        out.append(byte: UInt8(ascii: "\""))
        out.append(word)
        out.append(byte: UInt8(ascii: "\""))
    }

    // Strings of pieces. Contents stay as they are escaped.

    mutating func quote() { out.append(byte: UInt8(ascii: "\"")) }

    /// What stands between the quotes of a JSON string.
    mutating func content(of value: RawJSON) {
        source.withBytes(of: value) { out.append(UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1])) }
    }

    /// The same as content of a string within a string.
    mutating func escapedContent(of value: RawJSON) {
        source.withBytes(of: value) { out.append(escaping: UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1])) }
    }

    /// A value's bytes as the content of a JSON string.
    mutating func escaped(_ value: RawJSON) {
        source.withBytes(of: value) { out.append(escaping: $0) }
    }

    /// One string of several: their contents with `separator` (content of a string) between them.
    mutating func joined(_ values: [RawJSON], separator: StaticString) {
        quote()
        for (index, value) in values.enumerated() {
            if index > 0 { out.append(separator) }
            content(of: value)
        }
        quote()
    }

    // Facts of values

    /// Whether nothing stands in the place of an element.
    func isNothing(_ value: RawJSON) -> Bool {
        if case .made(let bytes) = value { bytes.isEmpty } else { false }
    }

    /// Whether the string `value` is empty.
    func isEmpty(_ value: RawJSON) -> Bool {
        switch value {
        case .source(let start, let end): end - start == 2
        case .made(let bytes): bytes.count == 2
        }
    }

    func isWord(_ value: RawJSON?, _ word: StaticString) -> Bool {
        guard let value else { return false }
        return source.withBytes(of: value) {
            $0.count >= 2 && word.spells(UnsafeBufferPointer(rebasing: $0[1..<$0.count - 1]))
        }
    }

    /// The value of a whole number; nil for others.
    func integer(_ value: RawJSON?) -> Int? {
        guard let value else { return nil }
        return source.withBytes(of: value) { Int(String(decoding: $0, as: UTF8.self)) }
    }

    /// The value of a number; nil for others.
    func number(_ value: RawJSON?) -> Double? {
        guard let value else { return nil }
        return source.withBytes(of: value) { Double(String(decoding: $0, as: UTF8.self)) }
    }

    // What was left out

    mutating func lose(_ member: String, _ reason: Loss.Reason) { report.add(Loss(member, reason)) }

    /// Members this room does not know, under `path` (empty at the top).
    mutating func lose(unknown members: [Prompt.Member], in path: String) {
        for member in members {
            let key = source.text(of: member.key) ?? "?"
            lose(path.isEmpty ? key : "\(path).\(key)", .unknown)
        }
    }

    mutating func alias(_ alias: EncodingReport.ToolAlias) { report.aliases.append(alias) }
}

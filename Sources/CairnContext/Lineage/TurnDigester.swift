// What a turn means, as one digest: the name by which it is known again in the next call, however the harness spells it.
//
// Does not count: key order, white space, escapes, cache_control, a text given as a string or as an array of one, volatile
// spans. Counts: roles, the order of parts, every other character, numbers as spelled, members nobody knows.
// Used once for a turn that is new or was respelled; turns that come again byte for byte are known by their bytes.

import CairnCore
import CairnWire

/// Makes semantic digests of turns and tools. Keeps its work space; not shared between threads.
struct TurnDigester: ~Copyable {
    /// Raised when a digest of the same turn changes: lineages of older versions are then not found again.
    static let version: UInt8 = 1

    private var calls = ToolCallFingerprinter()
    private var buffer = ByteWriter(capacity: 4096)

    /// The stored number of a part's kind.
    private enum Tag: UInt8 {
        case text = 1
        case refusal, thinking, image, audio, file, toolCall, toolResult, foreign, member, name, end
    }

    mutating func digest(of turn: Turn, source: SourceDocument) -> Fingerprint {
        buffer.clear()
        buffer.append(byte: Self.version)
        buffer.append(byte: turn.role.rawValue)
        if let name = turn.name { append(.name, canonical: name, source) }
        for part in turn.parts { append(part, source) }
        append(turn.unknown, source)
        return buffer.withBytes { Fingerprint(of: UnsafeRawBufferPointer($0)) }
    }

    /// The digest of one tool definition: its canonical form, without cache_control.
    mutating func digest(of tool: ToolDefinition, source: SourceDocument) -> Fingerprint {
        buffer.clear()
        buffer.append(byte: Self.version)
        if let element = tool.element {
            let bytes = source.withBytes(of: element) { CacheHints.removed(from: $0) ?? Array($0) }
            append(.member, bytes: CanonicalJSON.form(of: bytes))
        }
        return buffer.withBytes { Fingerprint(of: UnsafeRawBufferPointer($0)) }
    }

    private mutating func append(_ part: Part, _ source: SourceDocument) {
        switch part.content {
        case .text(let text): append(text, volatile: part.volatileSpans, source)
        case .refusal(let text): append(.refusal, canonical: text, source)
        case .thinking(let thinking):
            buffer.append(byte: Tag.thinking.rawValue)
            for text in thinking.texts { append(.text, canonical: text, source) }
            if let signature = thinking.signature { append(.member, canonical: signature, source) }
        case .image(let media): append(.image, media, source)
        case .audio(let media): append(.audio, media, source)
        case .file(let media): append(.file, media, source)
        case .toolCall(let call): append(call, source)
        case .toolResult(let result):
            append(.toolResult, canonical: result.identifier, source)
            buffer.append(byte: result.isError == true ? 1 : 0)
            for part in result.parts { append(part, source) }
            buffer.append(byte: Tag.end.rawValue)
        case .foreign(let type, let element):
            append(.foreign, canonical: type, source)
            append(.member, canonical: element, source)
        }
        append(part.unknown, source)
    }

    /// A text without its volatile spans; nothing at all for a text that is nothing else.
    private mutating func append(_ text: RawJSON, volatile spans: [VolatileSpan], _ source: SourceDocument) {
        guard !spans.isEmpty else {
            append(.text, canonical: text, source)
            return
        }
        let stable = source.withBytes(of: text) { VolatileText.removed(spans, from: $0) }
        if stable.count > 2 { append(.text, bytes: CanonicalJSON.form(of: stable)) }
    }

    private mutating func append(_ tag: Tag, _ media: Part.Media, _ source: SourceDocument) {
        buffer.append(byte: tag.rawValue)
        switch media.location {
        case .url(let url): append(.text, canonical: url, source)
        case .base64(let type, let data):
            append(.name, canonical: type, source)
            append(.text, canonical: data, source)
        case .file(let identifier): append(.member, canonical: identifier, source)
        case .text(let text): append(.text, canonical: text, source)
        }
    }

    private mutating func append(_ call: Part.ToolCall, _ source: SourceDocument) {
        append(.toolCall, canonical: call.identifier, source)
        let arguments: [UInt8]
        switch call.arguments {
        case .quoted(let text), .freeform(let text): arguments = source.text(of: text).map { Array($0.utf8) } ?? []
        case .object(let object): arguments = source.withBytes(of: object) { Array($0) }
        }
        let name = source.withBytes(of: call.name) { Array($0) }
        let digest = name.withUnsafeBytes { name in
            arguments.withUnsafeBytes { calls.fingerprint(name: name, arguments: $0) }
        }
        buffer.append(digest.stored)
    }

    private mutating func append(_ members: [Prompt.Member], _ source: SourceDocument) {
        for member in members {
            append(.name, canonical: member.key, source)
            append(.member, canonical: member.value, source)
        }
    }

    private mutating func append(_ tag: Tag, canonical value: RawJSON, _ source: SourceDocument) {
        buffer.append(byte: tag.rawValue)
        source.withBytes(of: value) { bytes in
            if CanonicalJSON.isPlainString(bytes) {
                append(length: bytes.count)
                buffer.append(bytes)
            } else {
                let form = CanonicalJSON.form(of: Array(bytes))
                append(length: form.count)
                buffer.append(form)
            }
        }
    }

    private mutating func append(_ tag: Tag, bytes: [UInt8]) {
        buffer.append(byte: tag.rawValue)
        append(length: bytes.count)
        buffer.append(bytes)
    }

    /// So that no two sequences of parts look alike.
    private mutating func append(length: Int) {
        withUnsafeBytes(of: UInt64(length).bigEndian) { raw in
            buffer.append(raw.assumingMemoryBound(to: UInt8.self))
        }
    }
}

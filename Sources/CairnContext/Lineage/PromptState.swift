// What is frozen along a lineage besides the turns themselves: the tools as first sent, and which volatile texts the model
// was last told. Links share a state until it changes.

import CairnCore
import CairnWire

/// The frozen facts behind a link. Immutable, shared by the links of many calls.
final class PromptState: Sendable {
    let tools: FrozenTools?
    /// The volatile texts of a turn (by its position) that the model knows, as digests.
    let told: [Int: [UInt64]]

    init(tools: FrozenTools?, told: [Int: [UInt64]]) {
        self.tools = tools
        self.told = told
    }

    static let empty = PromptState(tools: nil, told: [:])
}

/// A tool list as it was sent.
struct FrozenTools: Sendable, Equatable {
    /// Of the set: order does not count.
    let set: Fingerprint
    /// Of the tools' bytes in the order sent, without cache hints.
    let emitted: Fingerprint
    /// The blob with their array.
    let blob: Fingerprint
    let byteCount: Int
    /// The digest of each tool in the order sent.
    let tools: [Fingerprint]

    init(set: Fingerprint, emitted: Fingerprint, blob: Fingerprint, byteCount: Int, tools: [Fingerprint]) {
        self.set = set
        self.emitted = emitted
        self.blob = blob
        self.byteCount = byteCount
        self.tools = tools
    }

    /// Tools in the order they are sent.
    init(set: Fingerprint, blob: Fingerprint, _ tools: [ToolKey]) {
        self.init(
            set: set, emitted: FrozenTools.digest(inOrder: tools), blob: blob,
            byteCount: tools.reduce(0) { $0 + $1.byteCount }, tools: tools.map(\.tool))
    }

    static func digest(inOrder tools: [ToolKey]) -> Fingerprint {
        tools.reduce(.lineageStart) { $0.appending(turn: $1.raw) }
    }

    /// The digest of a set: the same for every order.
    static func digest(ofSet tools: [Fingerprint]) -> Fingerprint {
        let sorted = tools.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
        return sorted.reduce(.lineageStart) { $0.appending(turn: $1) }
    }
}

extension FrozenTools {
    /// Digest, bytes and number of the tools in a frozen array; nil: it is no array.
    static func outline(of array: [UInt8]) -> (digest: Fingerprint, byteCount: Int, count: Int)? {
        guard let document = try? JSONDocument(array), document[0].kind == .array else { return nil }
        var digest = Fingerprint.lineageStart
        var byteCount = 0
        document.forEachChild(of: 0) { child in
            document.withRaw(child) { (raw: UnsafeRawBufferPointer) in
                digest = digest.appending(turn: Fingerprint(of: raw))
                byteCount += raw.count
            }
        }
        return (digest, byteCount, document[0].childCount)
    }

    /// The tools of a frozen array, as a same-dialect encoder copies them.
    static func definitions(_ array: [UInt8]) -> [ToolDefinition] {
        guard let document = try? JSONDocument(array), document[0].kind == .array else { return [] }
        var tools: [ToolDefinition] = []
        document.forEachChild(of: 0) { child in
            tools.append(
                ToolDefinition(
                    .function(parameters: nil, strict: nil), name: nil,
                    element: .made(Array(document.text[document[child].range]))))
        }
        return tools
    }
}

// Stored form of a state, in the link that began it (big-endian):
//
//     version 1 | has tools 1 | set 17 | emitted 17 | blob 17 | bytes u64 | count u32 | digests 17 each
//               | told count u32 | { position u32 | count u32 | digests u64 each } ...
extension PromptState {
    static let storedVersion: UInt8 = 1
    /// Tools and told texts a stored state may have; more are not read back.
    static let storedCountMax = 65_536

    var stored: [UInt8] {
        var out: [UInt8] = [Self.storedVersion, tools == nil ? 0 : 1]
        func append<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.bigEndian) { out.append(contentsOf: $0) }
        }
        if let tools {
            out += tools.set.stored + tools.emitted.stored + tools.blob.stored
            append(UInt64(tools.byteCount))
            append(UInt32(tools.tools.count))
            for tool in tools.tools { out += tool.stored }
        }
        append(UInt32(told.count))
        for (position, digests) in told.sorted(by: { $0.key < $1.key }) {
            append(UInt32(position))
            append(UInt32(digests.count))
            for digest in digests { append(digest) }
        }
        return out
    }

    /// nil for bytes that are no stored state of this version.
    convenience init?(stored bytes: [UInt8]) {
        var reader = StoredReader(bytes)
        guard reader.byte() == Self.storedVersion, let hasTools = reader.byte() else { return nil }
        var tools: FrozenTools?
        if hasTools == 1 {
            guard let set = reader.fingerprint(), let emitted = reader.fingerprint(), let blob = reader.fingerprint(),
                let byteCount = reader.integer(UInt64.self), let count = reader.integer(UInt32.self),
                count <= Self.storedCountMax
            else { return nil }
            var digests: [Fingerprint] = []
            for _ in 0..<count {
                guard let digest = reader.fingerprint() else { return nil }
                digests.append(digest)
            }
            tools = FrozenTools(
                set: set, emitted: emitted, blob: blob, byteCount: Int(clamping: byteCount), tools: digests)
        }
        guard let toldCount = reader.integer(UInt32.self), toldCount <= Self.storedCountMax else { return nil }
        var told: [Int: [UInt64]] = [:]
        for _ in 0..<toldCount {
            guard let position = reader.integer(UInt32.self), let count = reader.integer(UInt32.self),
                count <= Self.storedCountMax
            else { return nil }
            var digests: [UInt64] = []
            for _ in 0..<count {
                guard let digest = reader.integer(UInt64.self) else { return nil }
                digests.append(digest)
            }
            told[Int(position)] = digests
        }
        self.init(tools: tools, told: told)
    }
}

/// Reads stored bytes from the front; nil where they end too early.
private struct StoredReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
        let count = MemoryLayout<Value>.size
        guard bytes.count - position >= count else { return nil }
        defer { position += count }
        return bytes[position..<position + count].reduce(0) { $0 << 8 | Value($1) }
    }

    mutating func fingerprint() -> Fingerprint? {
        let count = Fingerprint.storedBytes
        guard bytes.count - position >= count else { return nil }
        defer { position += count }
        return bytes[position..<position + count].withUnsafeBytes { try? Fingerprint(stored: $0) }
    }
}

// What is frozen along a lineage besides the turns themselves: the tools as first sent, and which volatile texts the model
// was last told. Links share a state until it changes.

import CairnCore
import CairnWire

/// The frozen facts behind a link. Immutable, shared by the links of many calls.
final class PromptState: Sendable {
    let tools: FrozenTools?
    /// The volatile texts of a turn (by its position) that the model knows, as digests.
    let told: [Int: [UInt64]]
    /// Turns that leave otherwise since an epoch, by their positions. Stored with the links whose epochs they are.
    let replaced: [Int: ReplacedTurn]

    init(tools: FrozenTools?, told: [Int: [UInt64]], replaced: [Int: ReplacedTurn] = [:]) {
        self.tools = tools
        self.told = told
        self.replaced = replaced
    }

    static let empty = PromptState(tools: nil, told: [:])

    /// Whether a link with it keeps it, behind one with `before`: what is replaced is kept by epochs.
    func isStored(after before: PromptState?) -> Bool {
        guard let before, self !== before else { return before == nil }
        return tools != before.tools || told != before.told
    }

    /// The state of the link that follows one with this state.
    func following(_ facts: LinkFacts) -> PromptState {
        guard facts.state != nil || facts.shortening?.epoch != nil else { return self }
        let tools = facts.state.map(\.tools) ?? tools
        let told = facts.state?.told ?? told
        return PromptState(
            tools: tools, told: told, replaced: replaced.merging(facts.shortening?.epoch?.turns ?? [:]) { $1 })
    }
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

    /// What a link keeps of it: all but the replaced turns.
    var stored: [UInt8] {
        var out = StoredWriter()
        out.append(Self.storedVersion)
        out.append(UInt8(tools == nil ? 0 : 1))
        if let tools {
            out.append(bytes: tools.set.stored + tools.emitted.stored + tools.blob.stored)
            out.append(UInt64(tools.byteCount))
            out.append(UInt32(tools.tools.count))
            for tool in tools.tools { out.append(bytes: tool.stored) }
        }
        out.append(UInt32(told.count))
        for (position, digests) in told.sorted(by: { $0.key < $1.key }) {
            out.append(UInt32(position))
            out.append(UInt32(digests.count))
            for digest in digests { out.append(digest) }
        }
        return out.bytes
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

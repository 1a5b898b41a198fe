// What the lineage must know of each turn of a call, read once a call: digests and volatile texts.
//
// Work is one hash pass over the bytes of all turns; turns seen before are then known by their bytes, so only new or
// respelled ones are looked into. One reader a loop; nothing is shared.

import CairnCore
import CairnWire

/// What the lineage must know of a prompt. Made by ``TurnKeyReader``.
public struct PromptKeys: Sendable {
    let turns: [TurnKey]
    /// In the client's order.
    let tools: [ToolKey]
    /// Whether the client set cache breakpoints of its own.
    let hasHints: Bool
}

/// One turn of a call, as the lineage sees it.
struct TurnKey: Sendable {
    let role: Turn.Role
    /// Of the turn's bytes without cache hints.
    let raw: Fingerprint
    /// Of the turn's meaning.
    let turn: Fingerprint
    /// Bytes without cache hints.
    let byteCount: Int
    /// The bytes without hints where the client's have some; nil: the element in the source has none.
    let withoutHints: [UInt8]?
    let volatile: [VolatileValue]
}

/// One tool of a call, as the lineage sees it.
struct ToolKey: Sendable {
    /// Of its bytes without cache hints.
    let raw: Fingerprint
    /// Of its meaning.
    let tool: Fingerprint
    let byteCount: Int
}

/// A volatile text at its place in a turn.
struct VolatileValue: Sendable, Equatable {
    let kind: VolatileSpan.Kind
    /// Of its bytes.
    let digest: UInt64
}

/// Makes turn keys, and remembers what it found out about turns it saw.
public struct TurnKeyReader: ~Copyable {
    /// Turns remembered: two generations of this many at most. A turn is about 100 bytes here.
    public static let turnsMax = 100_000
    /// Spellings of tools remembered; when there are more, all are forgotten.
    public static let toolsMax = 16_384

    private struct Facts {
        let turn: Fingerprint
        let volatile: [VolatileValue]
    }

    private var digester = TurnDigester()
    private var known: [Fingerprint: Facts] = [:]
    private var older: [Fingerprint: Facts] = [:]
    private var knownTools: [Fingerprint: Fingerprint] = [:]

    public init() {}

    /// The keys of a prompt. Turns with volatile spans, and turns the reader has not seen, are annotated in it.
    public mutating func read(_ prompt: inout Prompt, harness: Harness) -> PromptKeys {
        var turns: [TurnKey] = []
        turns.reserveCapacity(prompt.turns.count)
        var hasHints = prompt.settings.cacheControl != nil || prompt.tools.contains { $0.cacheControl != nil }
        var isLeading = true
        for index in prompt.turns.indices {
            if prompt.turns[index].role != .system, prompt.turns[index].role != .developer { isLeading = false }
            turns.append(key(of: &prompt.turns[index], isLeading, prompt.source, harness, &hasHints))
        }
        var tools: [ToolKey] = []
        for tool in prompt.tools { tools.append(key(of: tool, prompt.source)) }
        return PromptKeys(turns: turns, tools: tools, hasHints: hasHints)
    }

    private mutating func key(
        of turn: inout Turn, _ isLeading: Bool, _ source: SourceDocument, _ harness: Harness, _ anyHints: inout Bool
    ) -> TurnKey {
        guard let element = turn.element else { return madeKey(of: turn, source) }
        let hasHints = turn.parts.contains { $0.hasHint }
        if hasHints { anyHints = true }
        let stripped = hasHints ? source.withBytes(of: element) { CacheHints.removed(from: $0) } : nil
        let (raw, byteCount) =
            stripped.map { bytes in (bytes.withUnsafeBytes { Fingerprint(of: $0) }, bytes.count) }
            ?? source.withBytes(of: element) { (Fingerprint(of: UnsafeRawBufferPointer($0)), $0.count) }
        let facts: Facts
        if let found = known[raw] ?? revived(raw) {
            facts = found
            if !facts.volatile.isEmpty {
                BandRules.annotate(&turn, isLeading: isLeading, source: source, harness: harness)
            }
        } else {
            BandRules.annotate(&turn, isLeading: isLeading, source: source, harness: harness)
            facts = Facts(
                turn: digester.digest(of: turn, source: source), volatile: turn.volatileValues(in: source))
            remember(facts, raw)
        }
        return TurnKey(
            role: turn.role, raw: raw, turn: facts.turn, byteCount: byteCount, withoutHints: stripped,
            volatile: facts.volatile)
    }

    /// A turn that no client spelled: known by its meaning alone.
    private mutating func madeKey(of turn: Turn, _ source: SourceDocument) -> TurnKey {
        let digest = digester.digest(of: turn, source: source)
        return TurnKey(role: turn.role, raw: digest, turn: digest, byteCount: 0, withoutHints: nil, volatile: [])
    }

    private mutating func revived(_ raw: Fingerprint) -> Facts? {
        guard let facts = older[raw] else { return nil }
        remember(facts, raw)
        return facts
    }

    private mutating func remember(_ facts: Facts, _ raw: Fingerprint) {
        if known.count >= Self.turnsMax {
            older = known
            known = [:]
        }
        known[raw] = facts
    }

    private mutating func key(of tool: ToolDefinition, _ source: SourceDocument) -> ToolKey {
        guard let element = tool.element else {
            let digest = digester.digest(of: tool, source: source)
            return ToolKey(raw: digest, tool: digest, byteCount: 0)
        }
        let stripped = tool.cacheControl == nil ? nil : source.withBytes(of: element) { CacheHints.removed(from: $0) }
        let (raw, byteCount) =
            stripped.map { bytes in (bytes.withUnsafeBytes { Fingerprint(of: $0) }, bytes.count) }
            ?? source.withBytes(of: element) { (Fingerprint(of: UnsafeRawBufferPointer($0)), $0.count) }
        if let digest = knownTools[raw] { return ToolKey(raw: raw, tool: digest, byteCount: byteCount) }
        let digest = digester.digest(of: tool, source: source)
        if knownTools.count >= Self.toolsMax { knownTools = [:] }
        knownTools[raw] = digest
        return ToolKey(raw: raw, tool: digest, byteCount: byteCount)
    }
}

extension Part {
    fileprivate var hasHint: Bool {
        if cacheControl != nil { return true }
        if case .toolResult(let result) = content { return result.parts.contains { $0.cacheControl != nil } }
        return false
    }
}

extension Turn {
    /// The volatile texts of all parts, in order.
    fileprivate func volatileValues(in source: SourceDocument) -> [VolatileValue] {
        parts.flatMap { part -> [VolatileValue] in
            guard !part.volatileSpans.isEmpty, case .text(let text) = part.content else { return [] }
            return source.withBytes(of: text) { bytes in
                part.volatileSpans.map { span in
                    let view = UnsafeBufferPointer(
                        rebasing: bytes[Int(span.range.lowerBound)..<Int(span.range.upperBound)])
                    return VolatileValue(kind: span.kind, digest: Fingerprint(of: UnsafeRawBufferPointer(view)).low)
                }
            }
        }
    }
}

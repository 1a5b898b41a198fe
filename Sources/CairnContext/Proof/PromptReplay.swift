// The prompts of a session once more, from what the store holds: what `cairn prove` asks, call by call.
//
//     call ─▶ its last link ─▶ parents up to the root ─▶ bytes of each turn, compared with their digests
//          └▶ its tools                                          │
//     previous proof ─────────▶ outline of the prompt ◀──────────┘ ─▶ common bytes, proof: as recorded, or a failure
//
// Proven are the bytes that went upstream, their order, and how far each prompt extends the one before. Not proven is what
// a prompt is not made of: times, models, bills, the client's own bytes of turns that left otherwise, and cache hints, which
// no provider counts as prompt. Each link is read and hashed once a session, so a session costs what it stores.

import CairnCore
import CairnWire

/// What a replay reads, by digests.
public protocol PromptSource {
    func link(chain: Fingerprint) throws(StoreError) -> LinkRecord?
    func blob(_ digest: Fingerprint) throws(StoreError) -> [UInt8]?
}

/// A call whose prompt is what its record says.
public struct ProvenCall: Equatable, Sendable {
    /// Of the prompt without cache hints.
    public var byteCount: Int
    public var breakReason: PrefixBreak
}

/// Proves the calls of one session.
public struct PromptReplay<Source: PromptSource> {
    /// A verified turn at its place.
    private struct Entry {
        let chain: Fingerprint
        let parent: Fingerprint
        let digest: Fingerprint
        let byteCount: Int
        let position: Int
        let cumulativeBytes: UInt64
        /// Turns that leave otherwise from this link on.
        let replaced: [Int: ReplacedTurn]
    }

    /// A verified list of tools.
    private struct Tools {
        let digest: Fingerprint
        let byteCount: Int
        let count: Int
    }

    /// What is asked of the call before.
    private struct Predecessor {
        let chain: Fingerprint
        let tools: Fingerprint?
        let isObserved: Bool
    }

    private struct Path {
        var outline = PromptOutline()
        var turnCount = 0
        /// Links with an epoch.
        var epochs: [Fingerprint] = []
    }

    private let session: SessionRecord
    private let source: Source
    private var predecessors: [Fingerprint: Predecessor] = [:]
    private var entries: [Fingerprint: Entry] = [:]
    private var tools: [Fingerprint: Tools] = [:]

    public init(of session: SessionRecord, in source: Source) {
        self.session = session
        self.source = source
    }

    /// Makes a call known as one that others may follow. All calls of the session first: calls are stored as they end.
    public mutating func add(_ call: CallRecord) {
        predecessors[call.proof] = Predecessor(chain: call.chain, tools: call.tools, isObserved: call.isObserved)
    }

    /// Proves a call; nil for an observed one: the client's bytes were sent, and they are not kept.
    public mutating func prove(_ call: CallRecord) throws(ProofFailure) -> ProvenCall? {
        if call.isObserved { return nil }
        let path = try path(to: call.chain, tools: call.tools)
        let outline = path.outline
        guard let reason = PrefixBreak(rawValue: call.prefix.breakCode), call.prefix.breakText.hasPrefix(reason.words),
            reason != .none || call.prefix.breakText.isEmpty
        else { throw ProofFailure(.breakDiffers) }
        let common = Int(clamping: call.prefix.commonBytes)
        let proof = LineageTree.proof(after: call.previousProof, outline, commonBytes: common)
        if reason == .emissionLost, proof != call.proof { throw failure(.emissionLost, at: common, path) }
        guard outline.byteCount == Int(clamping: call.emittedBytes) else {
            throw failure(.lengthDiffers, at: min(outline.byteCount, Int(clamping: call.emittedBytes)), path)
        }
        try compare(call, reason, path)
        guard proof == call.proof else { throw failure(.proofDiffers, at: common, path) }
        return ProvenCall(byteCount: outline.byteCount, breakReason: reason)
    }

    // MARK: the call before

    /// Compares a prompt with the one before it.
    private mutating func compare(_ call: CallRecord, _ reason: PrefixBreak, _ path: Path) throws(ProofFailure) {
        let common = Int(clamping: call.prefix.commonBytes)
        if call.previousProof == .lineageStart {
            guard common == 0 else { throw failure(.commonBytesDiffer, at: 0, path) }
            guard reason == .newSession else { throw ProofFailure(.breakDiffers) }
            return
        }
        guard let before = predecessors[call.previousProof] else { throw ProofFailure(.previousCallMissing) }
        guard reason != .newSession else { throw ProofFailure(.breakDiffers) }
        if before.isObserved {
            guard path.outline.endsEntry(at: common) else { throw failure(.commonBytesDiffer, at: common, path) }
            return
        }
        let previousPath = try self.path(to: before.chain, tools: before.tools)
        let previous = previousPath.outline
        let shared = path.outline.commonBytes(with: previous)
        guard common == shared else {
            throw failure(.commonBytesDiffer, at: min(common, shared), path)
        }
        switch reason {
        case .none where common < previous.byteCount, .historyChanged where common == previous.byteCount,
            .historyShortened where common == previous.byteCount:
            throw failure(.breakDiffers, at: common, path)
        case .epoch where path.epochs.allSatisfy(previousPath.epochs.contains):
            throw failure(.breakDiffers, at: common, path)
        default: break
        }
    }

    private func failure(_ reason: ProofFailure.Reason, at byte: Int, _ path: Path) -> ProofFailure {
        var turn = path.turnCount - path.outline.byteCounts.count
        var end = 0
        for byteCount in path.outline.byteCounts {
            end += byteCount
            if byte < end { break }
            turn += 1
        }
        return ProofFailure(reason, turn: (0..<path.turnCount).contains(turn) ? turn : nil, byte: byte)
    }

    // MARK: links

    /// The outline of the prompt that ends at a link.
    private mutating func path(to chain: Fingerprint, tools blob: Fingerprint?) throws(ProofFailure) -> Path {
        let toolBytes = try blob.map { blob throws(ProofFailure) in try frozen(blob).byteCount } ?? 0
        try verify(upTo: chain, behind: toolBytes)
        var path = Path()
        var turns: [Entry] = []
        var next = chain
        while let entry = entries[next] {
            turns.append(entry)
            next = entry.parent
        }
        if let blob, let tools = tools[blob] { path.outline.append(tools.digest, byteCount: tools.byteCount) }
        var replaced: [Int: ReplacedTurn] = [:]
        for entry in turns where !entry.replaced.isEmpty {
            // The newest epoch that replaced a turn counts.
            replaced.merge(entry.replaced) { newer, _ in newer }
            path.epochs.append(entry.chain)
        }
        for entry in turns.reversed() {
            let turn = replaced[entry.position] ?? ReplacedTurn(digest: entry.digest, byteCount: entry.byteCount)
            path.outline.append(turn.digest, byteCount: turn.byteCount)
        }
        path.turnCount = turns.count
        return path
    }

    /// Reads and verifies the links between a link and the newest one that is verified already.
    private mutating func verify(upTo chain: Fingerprint, behind toolBytes: Int) throws(ProofFailure) {
        var links: [LinkRecord] = []
        var next = chain
        while next != .lineageStart, entries[next] == nil {
            guard
                let link = try read(
                    { () throws(StoreError) in try source.link(chain: next) }, turn: nil, byte: toolBytes)
            else {
                // A prompt without turns ends where its account begins.
                if links.isEmpty, next == session.root { return }
                throw ProofFailure(.linkMissing, turn: links.last.map { max(0, $0.position - 1) }, byte: toolBytes)
            }
            guard link.chain == next, links.count < LineageTree.linksMax else {
                throw ProofFailure(.linkMisplaced, turn: link.position, byte: toolBytes)
            }
            links.append(link)
            next = link.parent
        }
        for link in links.reversed() { entries[link.chain] = try verified(link, behind: toolBytes) }
    }

    private mutating func verified(_ link: LinkRecord, behind toolBytes: Int) throws(ProofFailure) -> Entry {
        let parent = entries[link.parent]
        let position = parent.map { $0.position + 1 } ?? 0
        let start = parent?.cumulativeBytes ?? 0
        let byte = toolBytes + Int(clamping: start)
        let follows =
            parent == nil ? link.parent == .lineageStart : link.parent.appending(turn: link.turn) == link.chain
        guard follows, link.position == position, Turn.Role(rawValue: link.role) != nil else {
            throw ProofFailure(.linkMisplaced, turn: position, byte: byte)
        }
        if position == 0, link.session == session.id, link.chain != session.root {
            throw ProofFailure(.rootDiffers, turn: 0, byte: byte)
        }
        let byteCount = try bytes(link.emitted, turn: position, byte: byte).count
        if link.raw != link.emitted { _ = try bytes(link.raw, turn: position, byte: byte) }
        guard link.cumulativeBytes == start + UInt64(byteCount) else {
            throw ProofFailure(.bytesDiffer, turn: position, byte: byte)
        }
        var replaced: [Int: ReplacedTurn] = [:]
        if let stored = link.state {
            guard let facts = LinkFacts(stored: stored) else {
                throw ProofFailure(.stateDiffers, turn: position, byte: byte)
            }
            if let frozen = facts.state?.tools { try compare(frozen, turn: position, byte: byte) }
            replaced = facts.shortening?.epoch?.turns ?? [:]
            for (turn, emission) in replaced {
                guard try bytes(emission.digest, turn: turn, byte: byte).count == emission.byteCount else {
                    throw ProofFailure(.bytesDiffer, turn: turn, byte: byte)
                }
            }
        }
        return Entry(
            chain: link.chain, parent: link.parent, digest: link.emitted, byteCount: byteCount, position: position,
            cumulativeBytes: link.cumulativeBytes, replaced: replaced)
    }

    // MARK: bytes

    /// The bytes under a digest, hashed again.
    private func bytes(_ digest: Fingerprint, turn: Int?, byte: Int) throws(ProofFailure) -> [UInt8] {
        guard let bytes = try read({ () throws(StoreError) in try source.blob(digest) }, turn: turn, byte: byte) else {
            throw ProofFailure(.bytesMissing, turn: turn, byte: byte)
        }
        guard bytes.withUnsafeBytes({ Fingerprint(of: $0) }) == digest else {
            throw ProofFailure(.bytesDiffer, turn: turn, byte: byte)
        }
        return bytes
    }

    private func read<Value>(
        _ question: () throws(StoreError) -> Value, turn: Int?, byte: Int
    ) throws(ProofFailure) -> Value {
        do throws(StoreError) {
            return try question()
        } catch {
            throw ProofFailure(error.kind == .corrupt ? .bytesDiffer : .storage(error), turn: turn, byte: byte)
        }
    }

    /// The digest and size of a frozen list, from its bytes.
    private mutating func frozen(_ blob: Fingerprint) throws(ProofFailure) -> Tools {
        if let known = tools[blob] { return known }
        let array = try bytes(blob, turn: nil, byte: 0)
        guard let outline = FrozenTools.outline(of: array) else { throw ProofFailure(.bytesDiffer) }
        let found = Tools(digest: outline.digest, byteCount: outline.byteCount, count: outline.count)
        tools[blob] = found
        return found
    }

    private mutating func compare(_ frozen: FrozenTools, turn: Int, byte: Int) throws(ProofFailure) {
        let stored = try self.frozen(frozen.blob)
        guard stored.digest == frozen.emitted, stored.byteCount == frozen.byteCount, stored.count == frozen.tools.count,
            frozen.set == FrozenTools.digest(ofSet: frozen.tools)
        else { throw ProofFailure(.stateDiffers, turn: turn, byte: byte) }
    }
}

extension CallRecord {
    /// Made in the mode that only looks: the client's bytes went upstream.
    public var isObserved: Bool { mode == "observe" }
}

extension PromptOutline {
    /// Whether the first entries have exactly this many bytes.
    fileprivate func endsEntry(at byte: Int) -> Bool {
        var end = 0
        for byteCount in byteCounts where end < byte { end += byteCount }
        return end == byte
    }
}

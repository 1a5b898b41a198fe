// What the lineage decided for one call: the value that the gateway acts on.

import CairnCore
import CairnWire

/// Where one turn's bytes come from.
enum TurnEmission: Sendable, Equatable {
    /// As the client sent it in this call.
    case asSent
    /// These bytes instead, without cache hints: any number of elements of the client's array, with commas between them
    /// (`ElementSequence`). None: the turn is left out.
    case bytes([UInt8])

    /// Whether the turn is left out.
    var isNothing: Bool { self == .bytes([]) }

    /// Elements that stand in the turn's place.
    var elementCount: Int {
        guard case .bytes(let bytes) = self else { return 1 }
        guard let elements = ElementSequence(bytes) else { return 1 }
        return elements.nodes.count
    }
}

/// Why a prompt does not extend the one before. The raw values are stored: never change their meaning.
public enum PrefixBreak: Int, Sendable, CaseIterable {
    case none = 0
    /// Nothing was sent before it.
    case newSession = 1
    /// The client offers other tools.
    case toolsChanged = 2
    /// The client changed or removed a turn, by an edit, a rewind or its own compaction.
    case historyChanged = 3
    /// The client's history ends before the last call's did: a retry of an earlier turn, or a rewind.
    case historyShortened = 4
    /// What was sent first could not be found again, so the client's bytes were sent.
    case emissionLost = 5
    /// An epoch rewrote older emissions because that pays.
    case epoch = 6

    /// In words, for records and reports.
    public var words: String {
        switch self {
        case .none: ""
        case .newSession: "new session"
        case .toolsChanged: "the client changed its tools"
        case .historyChanged: "the client changed its history"
        case .historyShortened: "the client's history is shorter than before"
        case .emissionLost: "an earlier emission was lost"
        case .epoch: "planned rewrite"
        }
    }
}

/// The shape of a prompt for cache models: a digest and a size for the tools and each turn, in the order sent.
public struct PromptOutline: Sendable, Equatable {
    public var digests: [Fingerprint]
    public var byteCounts: [Int]

    public init() {
        digests = []
        byteCounts = []
    }

    init(capacity: Int) {
        self.init()
        digests.reserveCapacity(capacity)
        byteCounts.reserveCapacity(capacity)
    }

    public mutating func append(_ digest: Fingerprint, byteCount: Int) {
        digests.append(digest)
        byteCounts.append(byteCount)
    }

    public var byteCount: Int { byteCounts.reduce(0, +) }

    /// Bytes of the leading entries that are equal.
    public func commonBytes(with other: PromptOutline) -> Int {
        var bytes = 0
        var index = 0
        while index < min(digests.count, other.digests.count), digests[index] == other.digests[index] {
            bytes += byteCounts[index]
            index += 1
        }
        return bytes
    }
}

/// A decided call.
public struct EmissionPlan: Sendable {
    public internal(set) var session: SessionIdentifier
    public internal(set) var isNewSession: Bool
    /// The link the prompt ends at.
    public internal(set) var chain: Fingerprint
    /// Turns known from earlier calls.
    public internal(set) var knownTurnCount: Int
    /// Of what is emitted, and of what the client sent.
    public internal(set) var emitted: PromptOutline
    public internal(set) var asSent: PromptOutline
    /// Bytes in common with the call before in this session, emitted and as sent.
    public internal(set) var commonBytes: Int
    public internal(set) var commonBytesAsSent: Int
    public internal(set) var breakReason: PrefixBreak
    /// The turn at which it broke, or nil.
    public internal(set) var breakPosition: Int?
    /// Kinds of volatile text that were kept out of the prefix in this call.
    public internal(set) var movedKinds: [VolatileSpan.Kind]
    /// The blob with the tools as they are sent; nil: there are none.
    public internal(set) var toolsBlob: Fingerprint?
    /// The proof of the call before in the session; `Fingerprint.lineageStart`: there was none.
    public internal(set) var previousProof: Fingerprint
    /// Folds in the proof of the call before: of outline and common bytes.
    public internal(set) var proof: Fingerprint
    /// What must be on disk before the call goes out.
    public internal(set) var batch: StorageBatch
    /// Whether the client's bytes alone, sent again, might not lead to the same emission: then it is a promise.
    public internal(set) var isPromise: Bool

    var turns: [TurnEmission]
    var tools: [UInt8]?
    /// The turn at whose end volatile texts are told, or nil.
    var toldAt: Int?
    var clientHasHints: Bool
    /// Turns of the client that carry its own hints.
    var hintedTurns: [Int]
    /// Share of this session's calls that came after a pause of five minutes to an hour.
    var longPauseShare: Double
    let roles: [Turn.Role]
    /// Parts that this call was the first to send shorter.
    public internal(set) var shortened: [ShortenedPart]
    /// The tools that are sent have the one by which a model asks for what was left out.
    public let hasExpandTool: Bool

    /// Whether anything leaves other than it came.
    public var changesPrompt: Bool { tools != nil || turns.contains { $0 != .asSent } }
}

extension EmissionPlan {
    /// Where cache breakpoints go on a messages upstream: nowhere if the client set its own.
    /// - Parameter prefixBytesMin: the model caches no shorter prefix.
    public func breakpoints(prefixBytesMin: Int) -> BreakpointPlan {
        if clientHasHints { return BreakpointPlan() }
        return .own(
            roles: roles, emitted: emitted, hasTools: toolEntries > 0,
            knownTurnCount: knownTurnCount, commonBytes: commonBytes, prefixBytesMin: prefixBytesMin,
            longPauseShare: longPauseShare)
    }

    /// ``movedKinds`` as the store keeps them: each name once, sorted, with commas between.
    public var movedNames: String { Set(movedKinds.map(\.name)).sorted().joined(separator: ",") }

    /// Entries of the outlines that the client marked for caching.
    public var clientHints: Set<Int> { Set(hintedTurns.map { $0 + toolEntries }) }

    /// Entries of what is emitted that are marked for caching.
    public func hints(_ breakpoints: BreakpointPlan) -> Set<Int> {
        var entries = clientHints
        for place in breakpoints.places {
            switch place {
            case .tools: entries.insert(0)
            case .turn(let index): entries.insert(index + toolEntries)
            }
        }
        return entries
    }

    /// The outlines begin with the tools, if there are any.
    private var toolEntries: Int { emitted.digests.count - roles.count }

    /// Puts the emissions into the prompt, whose encoder then writes them in place of the client's elements.
    public func apply(to prompt: inout Prompt) {
        // A prompt of which nothing changes keeps its turns: the compiler would make them unique in front of a loop.
        let changed = turns.indices.filter { turns[$0] != .asSent }
        if !changed.isEmpty {
            for case (let index, .bytes(let bytes)) in changed.map({ ($0, turns[$0]) }) {
                prompt.turns[index].element = .made(bytes)
            }
        }
        if let tools { prompt.tools = FrozenTools.definitions(tools) }
    }

    /// Marks a prompt of the messages dialect, after ``apply(to:)``: the plan's places, and those of the client's own
    /// hints that stood in turns which left otherwise than they came.
    /// - Parameter client: the prompt as the client sent it, whose own hints come back with the lifetimes it chose: an
    ///   hour behind five minutes is refused by the provider.
    public func mark(_ prompt: inout Prompt, of client: Prompt, _ breakpoints: BreakpointPlan) {
        for place in breakpoints.places {
            switch place {
            case .tools: Self.markTools(&prompt, breakpoints.lifetime.hint)
            case .turn(let index): mark(&prompt, turn: index, breakpoints.lifetime.hint)
            }
        }
        if tools != nil, let hint = client.tools.last(where: { $0.cacheControl != nil })?.cacheControl {
            Self.markTools(&prompt, client.source.withBytes(of: hint) { Array($0) })
        }
        for index in hintedTurns where turns[index] != .asSent {
            guard let hint = client.turns[index].parts.compactMap(\.lastHint).last, let place = place(ofHint: index)
            else { continue }
            mark(&prompt, turn: place, client.source.withBytes(of: hint) { Array($0) })
        }
    }

    /// Where the client's hint in a turn stands: in that turn, or, when it was left out, in the one in front of it that was
    /// not, unless that has a hint of its own.
    private func place(ofHint index: Int) -> Int? {
        guard turns[index].isNothing else { return index }
        let place = turns[..<index].lastIndex { !$0.isNothing }
        return place.flatMap { hintedTurns.contains($0) || roles[$0] == .system ? nil : $0 }
    }

    /// The same places in a prompt that is read again from what ``apply(to:)`` made: there a turn stands for each element,
    /// however many of them left in the place of one turn.
    public func asWritten(_ breakpoints: BreakpointPlan) -> BreakpointPlan {
        if breakpoints.places.isEmpty { return breakpoints }
        let counts = turns.map(\.elementCount)
        var written = breakpoints
        written.places = breakpoints.places.compactMap { place in
            guard case .turn(let index) = place else { return place }
            return counts[index] == 0 ? nil : .turn(counts[...index].reduce(-1, +))
        }
        return written
    }

    private static func markTools(_ prompt: inout Prompt, _ hint: [UInt8]) {
        guard let last = prompt.tools.indices.last, let element = prompt.tools[last].element else { return }
        let marked = prompt.source.withBytes(of: element) { CacheHints.marked(tool: $0, with: hint) }
        if let marked { prompt.tools[last].element = .made(marked) }
    }

    /// Marks a prompt of another dialect that is about to be written for a messages upstream. There a told text is part of
    /// the last text, so the mark stands behind it: it was told for good (docs/decisions/0011).
    public static func markParts(of prompt: inout Prompt, _ breakpoints: BreakpointPlan) {
        for place in breakpoints.places {
            switch place {
            case .tools:
                guard let last = prompt.tools.indices.last else { continue }
                prompt.tools[last].cacheControl = .made(breakpoints.lifetime.hint)
            case .turn(let index):
                guard prompt.turns.indices.contains(index),
                    let part = prompt.turns[index].parts.lastIndex(where: { $0.mayCarryMark(prompt.source) })
                else { continue }
                prompt.turns[index].parts[part].cacheControl = .made(breakpoints.lifetime.hint)
            }
        }
    }

    private func mark(_ prompt: inout Prompt, turn index: Int, _ hint: [UInt8]) {
        guard let element = prompt.turns[index].element else { return }
        let marked = prompt.source.withBytes(of: element) {
            CacheHints.marked($0, with: hint, skipping: index == toldAt ? 1 : 0)
        }
        if let marked { prompt.turns[index].element = .made(marked) }
    }
}

extension Part {
    /// The client's hint on it, or on the last part of its result that has one.
    fileprivate var lastHint: RawJSON? {
        if let cacheControl { return cacheControl }
        guard case .toolResult(let result) = content else { return nil }
        return result.parts.last { $0.cacheControl != nil }?.cacheControl
    }

    /// Thinking and empty texts cannot be marked.
    fileprivate func mayCarryMark(_ source: SourceDocument) -> Bool {
        switch content {
        case .text(let text): source.withBytes(of: text) { $0.count > 2 }
        case .image, .file, .toolCall, .toolResult: true
        case .refusal, .thinking, .audio, .foreign: false
        }
    }
}

// A call while the lineage decides it: what each turn and the tools will be emitted as, and what is still missing.

import CairnCore
import CairnWire

struct EmissionDraft {
    let prompt: Prompt
    let keys: [TurnKey]
    let hasHints: Bool
    let chains: [Fingerprint]
    let knownCount: Int
    let request: LineageTree.Request
    /// Frozen facts behind the last known link.
    let state: PromptState

    private(set) var turns: [TurnEmission]
    /// Digest and size of what differs from the client's bytes.
    private var differing: [Int: (digest: Fingerprint, byteCount: Int)] = [:]
    private(set) var movedKinds: [VolatileSpan.Kind] = []
    private var told: [Int: [UInt64]]
    /// Of these, what stands in the turns themselves: all that is told in front of `toldAt`.
    private var toldInPlace: [Int: [UInt64]]
    private var lostPosition: Int?
    /// The turn at whose end volatile texts are told, or nil.
    private(set) var toldAt: Int?

    /// Digests of bytes that must be brought before the call can be decided.
    var missing: [Fingerprint] = []
    var tools: FrozenTools?
    /// The tools as the client sent them.
    var toolsAsSent = Fingerprint.lineageStart
    /// To be sent instead of the client's tools.
    var toolBytes: [UInt8]?
    var toolsAreNew = false
    var toolsChanged = false
    /// The array of newly frozen tools, for the store.
    private(set) var newTools: BlobRecord?
    /// What was shortened with new turns, by position; the first one's has the epoch.
    private(set) var shortenings: [Int: TurnShortening] = [:]
    /// Parts that leave shorter, for the journal.
    private(set) var journal: [ShortenedPart] = []

    init(
        prompt: Prompt, keys: [TurnKey], hasHints: Bool, chains: [Fingerprint], knownCount: Int,
        request: LineageTree.Request,
        state: PromptState
    ) {
        self.prompt = prompt
        self.keys = keys
        self.hasHints = hasHints
        self.chains = chains
        self.knownCount = knownCount
        self.request = request
        self.state = state
        turns = Array(repeating: .asSent, count: keys.count)
        told = state.told
        toldInPlace = state.told
    }

    // MARK: turns

    /// The client's bytes of a turn, without hints.
    func withBytes<Result>(of index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let bytes = keys[index].withoutHints { return bytes.withUnsafeBufferPointer(body) }
        guard let element = prompt.turns[index].element else { return body(UnsafeBufferPointer(start: nil, count: 0)) }
        return prompt.source.withBytes(of: element, body)
    }

    /// Its bytes as far as they are decided.
    private func withEmittedBytes<Result>(of index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if case .bytes(let bytes) = turns[index] { return bytes.withUnsafeBufferPointer(body) }
        return withBytes(of: index, body)
    }

    func copyBytes(of index: Int) -> [UInt8] { withBytes(of: index) { Array($0) } }

    /// What a turn says, for search; nil for turns without text. System prompts are the same in every session: they are
    /// found in their blobs.
    func plainText(of index: Int) -> String? {
        if keys[index].role == .system || keys[index].role == .developer { return nil }
        let texts = prompt.turns[index].parts.flatMap { $0.texts }.compactMap { prompt.source.text(of: $0) }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    mutating func emit(_ bytes: [UInt8], as digest: Fingerprint, at index: Int) {
        turns[index] = .bytes(bytes)
        differing[index] = (digest, bytes.count)
    }

    /// New turns leave so that every call has its result and every result its call, behind hidden turns as they are.
    mutating func pairCalls() {
        let draft = self
        let edits = PairingEdits(
            prompt, from: knownCount, client: { draft.withEmittedBytes(of: $0) { Array($0) } },
            differs: { draft.turns[$0] != .asSent },
            emitted: { if case .bytes(let bytes) = draft.turns[$0] { bytes } else { nil } })
        guard let edits else { return }
        for (index, bytes) in edits.emissions {
            emit(bytes, as: bytes.withUnsafeBytes { Fingerprint(of: $0) }, at: index)
        }
        // Nothing is left out that a handle would bring back.
        journal = edits.repairs.map { repair in
            ShortenedPart(
                position: repair.place.turn, partIndex: repair.place.part, handle: "", strategy: PairingRepair.name,
                original: repair.original, emitted: repair.emitted, bytesSaved: 0, occasion: .pairing(repair.fault),
                nanodollars: 0)
        }
    }

    /// Takes over what a call leaves out: births in new turns, and the turns an epoch replaced.
    mutating func shorten(_ task: ShorteningTask) {
        for (index, bytes) in task.turns {
            emit(bytes, as: bytes.withUnsafeBytes { Fingerprint(of: $0) }, at: index)
        }
        shortenings = task.shortenings
        journal += task.journal
    }

    /// The epoch this call decided.
    var epoch: EpochFacts? { shortenings[knownCount]?.epoch }

    /// The emission of a known turn is gone: the client's bytes are sent, and the prefix may break there.
    mutating func lose(at index: Int) { lostPosition = min(lostPosition ?? index, index) }

    func emission(at index: Int) -> (digest: Fingerprint, byteCount: Int) {
        if case .asSent = turns[index] { return (keys[index].raw, keys[index].byteCount) }
        return differing[index] ?? (keys[index].raw, keys[index].byteCount)
    }

    /// The difference of an emission from the client's bytes of this call; nil where there is none.
    func splice(at index: Int) -> ByteSplice? {
        guard case .bytes(let bytes) = turns[index] else { return nil }
        return withBytes(of: index) { ByteSplice(from: $0, to: bytes) }
    }

    // MARK: tools

    /// Freezes the client's tools in this order.
    /// - Parameter expandToolPlace: how many of them stand in front of the tool that Cairn adds; nil: it adds none.
    mutating func freezeTools(_ keys: [ToolKey], order: [Int], expandToolPlace: Int? = nil) {
        var elements = order.map { index -> (key: ToolKey, bytes: [UInt8]) in
            let bytes = prompt.tools[index].element.map { element in
                prompt.source.withBytes(of: element) { CacheHints.removed(from: $0) ?? Array($0) }
            }
            return (keys[index], bytes ?? [])
        }
        if let expandToolPlace {
            let bytes = ExpandTool.definition(prompt.dialect)
            elements.insert((ExpandTool.key(prompt.dialect), bytes), at: expandToolPlace)
        }
        let list = Array(elements.map(\.bytes).joined(separator: [UInt8(ascii: ",")]))
        let record = BlobRecord([UInt8(ascii: "[")] + list + [UInt8(ascii: "]")])
        newTools = record
        tools = FrozenTools(
            set: FrozenTools.digest(ofSet: elements.map(\.key.tool)), blob: record.digest, elements.map(\.key))
        toolsAreNew = true
        if expandToolPlace != nil || !order.elementsEqual(prompt.tools.indices) { toolBytes = record.bytes }
    }

    /// The client may be offered the tool that Cairn adds: it has tools, none of that name, and leaves the choice among
    /// them to the model.
    var mayAddExpandTool: Bool {
        // Of several answers to one prompt, none could be gone on with.
        let choices = prompt.settings[.choiceCount].map { prompt.source.withBytes(of: $0) { Array($0) } }
        guard request.addsExpandTool, !hasToolOfThatName, choices == nil || choices == Array("1".utf8) else {
            return false
        }
        switch prompt.settings.toolChoice {
        case nil, .automatic, .required: return true
        case .some(.none), .named, .foreign: return false
        }
    }

    private var hasToolOfThatName: Bool {
        prompt.tools.contains { tool in tool.name.flatMap { prompt.source.text(of: $0) } == "\(ExpandTool.name)" }
    }

    /// The tools that are sent have the one that Cairn adds.
    var hasExpandTool: Bool {
        guard let toolBytes, !hasToolOfThatName else { return false }
        return ExpandTool.isNamed(in: toolBytes)
    }

    // MARK: hidden turns

    /// Messages of new turns that the client knows from answers with hidden turns leave with them.
    mutating func hide(_ find: (Fingerprint) -> [HiddenTurns]) {
        var index = knownCount
        while index < keys.count {
            let start = index
            while index < keys.count, keys[index].role == .assistant { index += 1 }
            guard index > start else {
                index += 1
                continue
            }
            guard start > 0, keys[start - 1].role != .assistant else { continue }
            let turns = prompt.turns[start..<index]
            let found = find(chains[start - 1]).lazy.compactMap { [prompt] in
                $0.emissions(of: turns, in: prompt.source, prompt.dialect)
            }.first
            guard let found else { continue }
            for (turn, bytes) in zip(start..<index, found) {
                emit(bytes, as: bytes.withUnsafeBytes { Fingerprint(of: $0) }, at: turn)
            }
        }
    }

    // MARK: volatile texts

    /// A call that is only looked at: the model reads new turns' volatile texts where they stand.
    mutating func noteVolatileTexts() {
        for index in keys.indices.dropFirst(knownCount) where !keys[index].volatile.isEmpty {
            told[index] = keys[index].volatile.map(\.digest)
        }
    }

    /// Volatile texts that changed since the model was last told are told at the end of the newest turn that takes text;
    /// those that change with every call never enter the system prompt at all. Without such a turn nothing is moved.
    mutating func tellVolatileTexts() {
        let targets = keys.indices.reversed().filter { $0 >= knownCount && keys[$0].role.isHeard }
        if targets.isEmpty { return }
        let untold = self
        var news = ByteWriter(capacity: 256)
        var slots: Set<ToldSlot> = []
        for index in keys.indices where !keys[index].volatile.isEmpty {
            if index < knownCount {
                told[index] = tellChanges(of: index, into: &news, &slots)
                continue
            }
            let isSystem = keys[index].role == .system || keys[index].role == .developer
            let moved = isSystem && turns[index] == .asSent ? moveOut(of: index, into: &news) : []
            slots.formUnion(moved.map { ToldSlot(position: index, number: $0) })
            told[index] = keys[index].volatile.map(\.digest)
            toldInPlace[index] = keys[index].volatile.indices.filter { !moved.contains($0) }
                .map { keys[index].volatile[$0].digest }
        }
        if news.isEmpty { return }
        for target in targets {
            let bytes: [UInt8]? = withEmittedBytes(of: target) { emitted in
                news.withBytes { TailText.inserted($0, into: emitted, dialect: prompt.dialect) }
            }
            guard let bytes else { continue }
            emit(bytes, as: bytes.withUnsafeBytes { Fingerprint(of: $0) }, at: target)
            toldAt = target
            if request.shortens { shortenings[target] = (shortenings[target] ?? TurnShortening()).telling(slots) }
            return
        }
        self = untold
    }

    /// Tells what of a known turn's volatile texts the model has not been told.
    /// - Returns: digests of all it knows of them then.
    private mutating func tellChanges(
        of index: Int, into news: inout ByteWriter, _ slots: inout Set<ToldSlot>
    ) -> [UInt64] {
        let known = state.told[index] ?? []
        let volatile = keys[index].volatile
        var toldNow: [UInt64] = []
        var kinds: [VolatileSpan.Kind] = []
        var number = 0
        forEachSpan(of: index) { span, bytes in
            defer { number += 1 }
            guard number < volatile.count else { return }
            if !known.contains(volatile[number].digest) {
                guard news.count + bytes.count <= LineageTree.toldBytesMax else { return }
                TailText.append(bytes, to: &news)
                kinds.append(span.kind)
                slots.insert(ToldSlot(position: index, number: number))
            }
            toldNow.append(volatile[number].digest)
        }
        movedKinds += kinds
        return toldNow
    }

    /// A new system turn loses what will change with the next call, as long as text is left in each of its parts.
    /// - Returns: which of the turn's volatile texts were moved, by their numbers.
    private mutating func moveOut(of index: Int, into news: inout ByteWriter) -> Set<Int> {
        guard let element = prompt.turns[index].element, case .source(let start, _) = element else { return [] }
        var cuts: [Range<Int>] = []
        var kinds: [VolatileSpan.Kind] = []
        var numbers: Set<Int> = []
        var moved = ByteWriter(capacity: 256)
        var numberBefore = 0
        for part in prompt.turns[index].parts {
            defer { numberBefore += part.volatileSpans.count }
            guard case .text(let text) = part.content, case .source(let textStart, let textEnd) = text else { continue }
            let spans = part.volatileSpans.enumerated().filter(\.element.kind.isPerCall)
            let left = Int(textEnd - textStart) - 2 - spans.reduce(0) { $0 + $1.element.range.count }
            if spans.isEmpty || left <= 0 { continue }
            prompt.source.withBytes(of: text) { bytes in
                for (number, span) in spans {
                    let range = Int(span.range.lowerBound)..<Int(span.range.upperBound)
                    TailText.append(UnsafeBufferPointer(rebasing: bytes[range]), to: &moved)
                    let offset = Int(textStart - start)
                    cuts.append(range.lowerBound + offset..<range.upperBound + offset)
                    kinds.append(span.kind)
                    numbers.insert(numberBefore + number)
                }
            }
        }
        guard !cuts.isEmpty, news.count + moved.count <= LineageTree.toldBytesMax else { return [] }
        let cut = prompt.source.withBytes(of: element) { bytes -> [UInt8] in
            var out: [UInt8] = []
            out.reserveCapacity(bytes.count)
            var position = 0
            for range in cuts {
                out.append(contentsOf: bytes[position..<range.lowerBound])
                position = range.upperBound
            }
            out.append(contentsOf: bytes[position...])
            return out
        }
        let bytes = cut.withUnsafeBufferPointer { CacheHints.removed(from: $0) } ?? cut
        emit(bytes, as: bytes.withUnsafeBytes { Fingerprint(of: $0) }, at: index)
        moved.withBytes { news.append($0) }
        movedKinds += kinds
        return numbers
    }

    private func forEachSpan(of index: Int, _ body: (VolatileSpan, UnsafeBufferPointer<UInt8>) -> Void) {
        for part in prompt.turns[index].parts {
            guard case .text(let text) = part.content else { continue }
            prompt.source.withBytes(of: text) { bytes in
                for span in part.volatileSpans {
                    body(
                        span,
                        UnsafeBufferPointer(rebasing: bytes[Int(span.range.lowerBound)..<Int(span.range.upperBound)]))
                }
            }
        }
    }

    // MARK: outcome

    /// Frozen facts behind the last link of this call.
    var stateAfter: PromptState { changed(told) }

    /// Frozen facts behind its links in front of the turn where volatile texts are told: a conversation that goes on from
    /// there otherwise has not heard them.
    var stateBeforeTold: PromptState { toldAt == nil ? stateAfter : changed(toldInPlace) }

    private func changed(_ told: [Int: [UInt64]]) -> PromptState {
        // A call that is only looked at changes nothing of what is frozen already.
        let tools = request.onlyObserves ? state.tools ?? tools : tools
        if tools == state.tools && told == state.told && epoch == nil { return state }
        return PromptState(
            tools: tools, told: told, replaced: state.replaced.merging(epoch?.turns ?? [:]) { $1 })
    }

    /// Why the prompt does not extend the session's last one, and the turn where.
    /// - Parameter previousReplaced: turns that left otherwise in the session's last call. An epoch since then may also be
    ///   one of a call whose record was lost in a crash.
    func breakReason(
        previousPath: [Fingerprint]?, previousTools: FrozenTools?, previousReplaced: [Int: ReplacedTurn]
    ) -> (PrefixBreak, Int?) {
        guard let previousPath else { return (.newSession, nil) }
        if toolsChanged || previousTools?.emitted != tools?.emitted { return (.toolsChanged, nil) }
        if let lostPosition { return (.emissionLost, lostPosition) }
        let common = zip(previousPath, chains).prefix { $0 == $1 }.count
        let replaced = stateAfter.replaced.filter { $0.key < common && previousReplaced[$0.key] != $0.value }
        // Turns that a call without a record has sent lie behind what is common with the last one that left a record.
        let own = epoch?.turns.keys.filter { $0 < knownCount } ?? []
        if let first = (Array(replaced.keys) + own).min() { return (.epoch, first) }
        if common == previousPath.count { return (.none, nil) }
        return (common == chains.count ? .historyShortened : .historyChanged, common)
    }
}

extension Turn.Role {
    /// Whether the model hears something new in it.
    fileprivate var isHeard: Bool { self == .user || self == .tool }
}

extension Part {
    /// The texts a reader would look for: what was said, asked of tools and answered by them.
    fileprivate var texts: [RawJSON] {
        switch content {
        case .text(let text), .refusal(let text): [text]
        case .thinking(let thinking): thinking.texts
        case .toolCall(let call):
            switch call.arguments {
            case .quoted(let text), .freeform(let text): [call.name, text]
            case .object: [call.name]
            }
        case .toolResult(let result): result.parts.flatMap(\.texts)
        case .image, .audio, .file, .foreign: []
        }
    }
}

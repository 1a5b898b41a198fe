// The conversations of all clients as one forest of links, found without session identifiers: a link is named by the chained
// digests of everything before it, so the longest known prefix of a call is the newest of its links that is here.
//
//     account ─▶ system ─▶ user ─▶ assistant ─▶ tool ─▶ ...      a session: calls end at ever later links
//                   │                     └──▶ tool' ─▶ ...      a fork: the client changed a turn
//                   └────▶ user ─▶ ...                           a sub-agent with the same system prompt
//
// Decides in values: no clock, no disk. What it does not know it asks for (`Outcome.needs`), and the caller brings it from
// the store. Workload: 1,000 live sessions of 50 to 1,000 turns; a call has two new turns and takes tens of microseconds.

import CairnCore
import CairnWire

/// Where a call stands and what shall be sent, for all sessions of a gateway. One thread at a time.
public struct LineageTree: ~Copyable {
    /// Sessions kept in memory; the one unused for longest goes first and is read from the store when it comes back.
    public static let sessionsMax = 4096
    /// Links of all sessions kept in memory, about 200 bytes each.
    public static let linksMax = 1_000_000
    /// Bytes of turns, tools and emissions kept in memory.
    public static let blobBytesMax = 192 * 1024 * 1024
    /// Bytes of volatile texts told again in one call; what is beyond waits for the next one.
    public static let toldBytesMax = 64 * 1024

    /// Bytes of the strategies' views of live prompts; beyond, those of sessions unused for longest are made again when
    /// they come back.
    public static let shortenerBytesMax = 512 * 1024 * 1024

    /// Links whose hidden turns wait in memory for the client's message; the oldest go first and are in the store.
    public static let hiddenLinksMax = 4096
    /// Answers to one prompt with hidden turns; of more, the first are forgotten.
    public static let hiddenAnswersMax = 4

    /// Turns that a call may bring at once and still be known by the end of the session's last prompt.
    static let tipLinksMax = 64

    private struct Link {
        let parent: Fingerprint
        let position: Int
        /// The turn as first seen, without hints.
        let raw: Fingerprint
        /// What was sent for it; equal to raw when that was.
        var emitted: Fingerprint
        var emittedBytes: Int
        /// From raw to emitted; nil when they are equal, or not yet computed.
        var splice: ByteSplice?
        let state: PromptState
        /// What was shortened with it.
        let shortening: TurnShortening?
        let session: SessionIdentifier
        /// The store may have links behind it that are not here: it was read from there, or one behind it left memory.
        var mayContinueInStore = false
    }

    private struct Session {
        /// The links of its last call, in order; shared storage with nothing else.
        var path: [Fingerprint]
        var tools: FrozenTools?
        /// Of its last call; what the client sent if that call was only looked at.
        var emitted: PromptOutline
        var wasOnlyObserved = false
        var asSent: PromptOutline
        var proof: Fingerprint
        var links: [Fingerprint]
        var lastUsedNanoseconds: UInt64
        var callCount = 0
        /// Calls after a pause of five minutes to an hour: what a cache entry of an hour would have saved.
        var longPauseCount = 0
        /// The strategies' view of its prompt; nil while a call works on it, and where none was made.
        var shortener: SessionShortener?
        /// Begun with other versions of the strategies: what was sent is sent again, and nothing more is shortened.
        var isFrozen = false
    }

    private static let longPause: Range<UInt64> = 300_000_000_000..<3_600_000_000_000

    private var links: [Fingerprint: Link] = [:]
    private var sessions: [SessionIdentifier: Session] = [:]
    /// Which session's last prompt ends at a link; the newest one, where several do.
    private var tips: [Fingerprint: SessionIdentifier] = [:]
    private var blobs = BlobCache(bytesMax: LineageTree.blobBytesMax)
    /// Hidden turns by the link their calls' prompts ended at, the newest first; and these links, the oldest first.
    private var hidden: [Fingerprint: [HiddenTurns]] = [:]
    private var hiddenChains: [Fingerprint] = []

    public init() {}

    public var sessionCount: Int { sessions.count }
    public var linkCount: Int { links.count }
    /// Bytes that the strategies' views of live prompts take.
    public private(set) var shortenerBytes = 0

    // MARK: planning

    /// What a call brings besides its prompt.
    public struct Request: Sendable {
        /// Stands for the client's key: conversations of different accounts never meet.
        public var account: Fingerprint
        /// For a session that begins with this call.
        public var newSession: SessionIdentifier
        public var harness: Harness
        public var provider: String
        public var model: String
        /// Nanoseconds since 1970.
        public var wallNanoseconds: UInt64
        /// Only look: emit what the client sent (mode observe).
        public var onlyObserves: Bool
        /// Leave out what the model can already see (mode full).
        public var shortens: Bool
        /// A session that begins gets the tool to ask for what is left out.
        public var addsExpandTool: Bool
        /// Whether the store was asked for the history already, or there is none.
        public var isHistoryLoaded: Bool
        /// Digests the store was asked for and does not have.
        public var lost: Set<Fingerprint>

        public init(
            account: Fingerprint, newSession: SessionIdentifier, harness: Harness, provider: String, model: String,
            wallNanoseconds: UInt64
        ) {
            self.account = account
            self.newSession = newSession
            self.harness = harness
            self.provider = provider
            self.model = model
            self.wallNanoseconds = wallNanoseconds
            onlyObserves = false
            shortens = false
            addsExpandTool = false
            isHistoryLoaded = false
            lost = []
        }
    }

    public enum Outcome: Sendable {
        case planned(EmissionPlan)
        /// No link is known here: ask the store for the longest known prefix (newest first) and `adopt` it.
        case needsHistory([Fingerprint])
        /// Bytes that were sent earlier: ask the store and `adopt` them.
        case needsBlobs([Fingerprint])
        /// New turns that may be shortened: let the task decide, then plan it.
        case needsShortening(ShorteningTask)
    }

    /// Decides a call. `keys` are those of this very prompt.
    public mutating func plan(_ prompt: borrowing Prompt, _ keys: PromptKeys, _ request: Request) -> Outcome {
        let chains = Self.chains(keys.turns, account: request.account, dialect: prompt.dialect)
        let (knownCount, isWhole, differing) = knownTurns(chains, keys.turns)
        if !request.isHistoryLoaded,
            !isWhole || knownCount < chains.count && mayContinueInStore(chains.prefix(knownCount).last)
        {
            return .needsHistory(chains.reversed())
        }

        var draft = EmissionDraft(
            prompt: copy prompt, keys: keys.turns, hasHints: keys.hasHints, chains: chains, knownCount: knownCount,
            request: request,
            state: knownCount > 0 ? links[chains[knownCount - 1]]!.state : .empty)
        recall(turns: differing, &draft)
        recallTools(&draft, keys.tools)
        if !request.onlyObserves { draft.hide { hidden[$0] ?? [] } }
        if !draft.missing.isEmpty { return .needsBlobs(draft.missing) }
        if !request.onlyObserves { draft.pairCalls() }
        if request.shortens, let task = shorteningTask(&draft, keys) { return .needsShortening(task) }
        if !draft.missing.isEmpty { return .needsBlobs(draft.missing) }
        if request.onlyObserves { draft.noteVolatileTexts() } else { draft.tellVolatileTexts() }
        return .planned(record(&draft, keys, shortener: nil))
    }

    /// Decides a call with what was shortened in it. nil: another call of the session was decided meanwhile; plan the
    /// prompt again.
    public mutating func plan(_ task: ShorteningTask) -> EmissionPlan? {
        var draft = task.draft
        guard links[draft.chains[draft.knownCount]] == nil,
            draft.knownCount == 0 || links[draft.chains[draft.knownCount - 1]] != nil
        else { return nil }
        draft.shorten(task)
        draft.tellVolatileTexts()
        if let turn = draft.toldAt { task.shortener?.note(draft.shortenings[turn]?.tail ?? [], at: turn) }
        return record(&draft, task.keys, shortener: task.shortener)
    }

    /// The work that new turns of a session bring; lends the session's view of its prompt. nil: none, or bytes are missing.
    private mutating func shorteningTask(_ draft: inout EmissionDraft, _ keys: PromptKeys) -> ShorteningTask? {
        guard draft.knownCount < draft.keys.count else { return nil }
        let session = continuedSession(draft)
        var idleNanoseconds: UInt64?
        var shortener: SessionShortener?
        if let session, let known = sessions[session] {
            if known.isFrozen { return nil }
            let now = draft.request.wallNanoseconds
            idleNanoseconds = now > known.lastUsedNanoseconds ? now - known.lastUsedNanoseconds : 0
            if let kept = known.shortener, kept.chains.count <= draft.knownCount,
                kept.chains.last == draft.chains.prefix(kept.chains.count).last
            {
                shortener = kept
            }
        }
        let known = shortener?.chains.count ?? 0
        let respelled = respelledTurns(known..<max(known, draft.knownCount), &draft)
        if !draft.missing.isEmpty { return nil }
        if let session, shortener != nil { releaseShortener(of: session) }
        let facts = draft.chains[..<draft.knownCount].enumerated().map { index, chain in
            index < known ? nil : links[chain]?.shortening
        }
        return ShorteningTask(
            draft, keys, facts: facts, respelled: respelled, shortener: shortener, idleNanoseconds: idleNanoseconds)
    }

    /// Known turns that the client spells otherwise than at first, as they came then; nil for one that the store has lost.
    /// What is left out of them is given back as it first came.
    private mutating func respelledTurns(_ turns: Range<Int>, _ draft: inout EmissionDraft) -> [Int: [UInt8]?] {
        var respelled: [Int: [UInt8]?] = [:]
        for index in turns {
            guard let raw = links[draft.chains[index]]?.raw, raw != draft.keys[index].raw else { continue }
            let bytes = blobs.find(raw)
            if bytes == nil, !draft.request.lost.contains(raw) { draft.missing.append(raw) }
            respelled[index] = .some(bytes)
        }
        return respelled
    }

    /// The session is without a view of its prompt until a call brings one.
    private mutating func releaseShortener(of session: SessionIdentifier) {
        guard let shortener = sessions[session]?.shortener else { return }
        shortenerBytes -= shortener.byteCount
        sessions[session]!.shortener = nil
    }

    /// The names of the links a prompt is made of.
    private static func chains(_ keys: [TurnKey], account: Fingerprint, dialect: Dialect) -> [Fingerprint] {
        var chain = Fingerprint.start(ofAccount: account, dialect)
        return keys.map { key in
            chain = chain.appending(turn: key.turn)
            return chain
        }
    }

    /// How many leading turns are known, whether no link is missing between them and the newest known one (a link may have
    /// gone with a session that shared it), and which of them may have left otherwise than they come now.
    /// - Complexity: a comparison a turn when the call goes on with the newest branch of its session, else a look-up.
    private func knownTurns(_ chains: [Fingerprint], _ keys: [TurnKey]) -> (count: Int, isWhole: Bool, differing: [Int])
    {
        guard let newest = chains.lastIndex(where: { links.index(forKey: $0) != nil }) else { return (0, true, []) }
        let session = sessions[links[chains[newest]]!.session]
        // A chain names all turns before it, so one comparison tells that the session's outline is of these very turns.
        if let session, !session.wasOnlyObserved, newest < session.path.count, session.path[newest] == chains[newest] {
            let first = session.emitted.digests.count - session.path.count
            let differing = (0...newest).filter { session.emitted.digests[first + $0] != keys[$0].raw }
            if let missing = differing.first(where: { links.index(forKey: chains[$0]) == nil }) {
                return (missing, false, [])
            }
            return (newest + 1, true, differing)
        }
        let count = chains.firstIndex { links.index(forKey: $0) == nil } ?? chains.count
        return (count, count == newest + 1, Array(0..<count))
    }

    /// Whether the store may know links behind this one that memory does not. nil: the beginning of all conversations.
    private func mayContinueInStore(_ chain: Fingerprint?) -> Bool {
        guard let chain else { return true }
        return links[chain]?.mayContinueInStore ?? true
    }

    /// Known turns leave as they first left.
    private mutating func recall(turns: [Int], _ draft: inout EmissionDraft) {
        if draft.request.onlyObserves { return }
        for index in turns {
            let place = links.index(forKey: draft.chains[index])!
            let key = draft.keys[index]
            if let replaced = draft.state.replaced[index] {
                recall(replaced.digest, at: index, &draft)
                continue
            }
            if links.values[place].emitted == key.raw { continue }
            let link = links.values[place]
            if link.raw == key.raw, let splice = link.splice {
                draft.emit(draft.withBytes(of: index) { splice.applied(to: $0) }, as: link.emitted, at: index)
            } else if let bytes = blobs.find(link.emitted) {
                if link.raw == key.raw {
                    links.values[place].splice = draft.withBytes(of: index) { ByteSplice(from: $0, to: bytes) }
                }
                draft.emit(bytes, as: link.emitted, at: index)
            } else {
                recall(link.emitted, at: index, &draft)
            }
        }
    }

    private mutating func recall(_ digest: Fingerprint, at index: Int, _ draft: inout EmissionDraft) {
        if let bytes = blobs.find(digest) {
            draft.emit(bytes, as: digest, at: index)
        } else if draft.request.lost.contains(digest) {
            draft.lose(at: index)
        } else {
            draft.missing.append(digest)
        }
    }

    /// The same set of tools leaves as it first left; of a changed one, the tools that stay stand where they stood.
    private mutating func recallTools(_ draft: inout EmissionDraft, _ tools: [ToolKey]) {
        guard !tools.isEmpty else { return }
        draft.toolsAsSent = FrozenTools.digest(inOrder: tools)
        guard let frozen = draft.state.tools, !draft.request.onlyObserves else {
            draft.freezeTools(
                tools, order: Array(tools.indices), expandToolPlace: draft.mayAddExpandTool ? tools.count : nil)
            return
        }
        let expandTool = ExpandTool.key(draft.prompt.dialect).tool
        let hasExpandTool = frozen.tools.contains(expandTool) && !tools.contains { $0.tool == expandTool }
        if frozen.set == FrozenTools.digest(ofSet: tools.map(\.tool) + (hasExpandTool ? [expandTool] : [])) {
            draft.tools = frozen
            if frozen.emitted == draft.toolsAsSent { return }
            if let bytes = blobs.find(frozen.blob) {
                draft.toolBytes = bytes
            } else if draft.request.lost.contains(frozen.blob) {
                draft.freezeTools(
                    tools, order: Array(tools.indices), expandToolPlace: hasExpandTool ? tools.count : nil)
                draft.toolsChanged = true
            } else {
                draft.missing.append(frozen.blob)
            }
            return
        }
        let places = Dictionary(frozen.tools.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let order = tools.indices.sorted {
            (places[tools[$0].tool] ?? Int.max, $0) < (places[tools[$1].tool] ?? Int.max, $1)
        }
        let kept = tools.count { places[$0.tool] != nil }
        draft.freezeTools(tools, order: order, expandToolPlace: hasExpandTool ? kept : nil)
        draft.toolsChanged = true
    }

    // MARK: recording

    /// The session a call goes on with: whose last prompt it extends or repeats, or whose answers it knows. One that
    /// shares no more than a system prompt and an opening with another is a conversation of its own, also if that is
    /// all of it: the same task is often given twice.
    private func continuedSession(_ draft: EmissionDraft) -> SessionIdentifier? {
        if let extended = extendedSession(draft.chains.prefix(draft.knownCount)) { return extended }
        guard draft.keys.prefix(draft.knownCount).contains(where: { $0.role == .assistant }) else { return nil }
        return links[draft.chains[draft.knownCount - 1]]!.session
    }

    /// Keeps what was decided, and says what the store shall keep.
    /// - Parameter shortener: the strategies' view of the prompt up to its last turn.
    private mutating func record(
        _ draft: inout EmissionDraft, _ keys: PromptKeys, shortener: SessionShortener?
    ) -> EmissionPlan {
        let request = draft.request
        let continued = continuedSession(draft)
        let session = continued ?? request.newSession
        let previous = sessions[session]
        let stateBeforeTold = draft.stateBeforeTold
        let stateAfter = draft.toldAt == nil ? stateBeforeTold : draft.stateAfter
        var stateBefore: PromptState? = draft.knownCount > 0 ? draft.state : nil
        var batch = StorageBatch()
        var path = draft.chains
        if path.isEmpty { path = [request.account] }

        var emitted = PromptOutline(capacity: draft.keys.count + 1)
        var asSent = PromptOutline(capacity: draft.keys.count + 1)
        if let tools = draft.tools {
            emitted.append(tools.emitted, byteCount: tools.byteCount)
            asSent.append(draft.toolsAsSent, byteCount: keys.tools.reduce(0) { $0 + $1.byteCount })
        }
        var cumulative = 0
        var newLinks: [Fingerprint] = []
        for (index, key) in draft.keys.enumerated() {
            let chain = draft.chains[index]
            let (digest, byteCount) = draft.emission(at: index)
            // Of known turns what was recorded counts, also where this call sends other bytes: an observed one, a lost one.
            cumulative += index < draft.knownCount ? links[chain]!.emittedBytes : byteCount
            emitted.append(digest, byteCount: byteCount)
            asSent.append(key.raw, byteCount: key.byteCount)
            if index < draft.knownCount { continue }
            let state = index < draft.toldAt ?? 0 ? stateBeforeTold : stateAfter
            let splice = draft.splice(at: index)
            links[chain] = Link(
                parent: index > 0 ? draft.chains[index - 1] : .lineageStart, position: index, raw: key.raw,
                emitted: digest, emittedBytes: byteCount, splice: splice, state: state,
                shortening: draft.shortenings[index], session: session)
            newLinks.append(chain)
            if let text = draft.plainText(of: index) { batch.texts.append(TurnText(chain: chain, text: text)) }
            let raw = draft.copyBytes(of: index)
            blobs.insert(key.raw, raw)
            batch.blobs.append(BlobRecord(raw))
            if digest != key.raw, case .bytes(let bytes) = draft.turns[index] {
                blobs.insert(digest, bytes)
                batch.blobs.append(BlobRecord(bytes))
            }
            batch.links.append(
                LinkRecord(
                    chain: chain, parent: index > 0 ? draft.chains[index - 1] : .lineageStart, session: session,
                    position: index, turn: key.turn, raw: key.raw, emission: digest == key.raw ? nil : digest,
                    role: key.role.rawValue, wallNanoseconds: request.wallNanoseconds,
                    cumulativeBytes: UInt64(cumulative), cumulativeTokens: 0,
                    state: LinkFacts(
                        state: state.isStored(after: stateBefore) ? state : nil,
                        shortening: draft.shortenings[index]
                    ).stored))
            stateBefore = state
        }
        if let record = draft.newTools {
            blobs.insert(record.digest, record.bytes)
            batch.blobs.append(record)
        }
        for (position, turn) in draft.epoch?.turns ?? [:] {
            guard case .bytes(let bytes) = draft.turns[position] else { continue }
            blobs.insert(turn.digest, bytes)
            batch.blobs.append(BlobRecord(bytes))
        }
        batch.decisions = draft.journal.map { part in
            DecisionRecord(
                handle: part.handle, session: session, chain: draft.chains[part.position], partIndex: part.partIndex,
                strategy: part.strategy.name, strategyVersion: part.strategy.version, original: part.original,
                emitted: part.emitted, reason: part.occasion.words, priceNanodollars: part.nanodollars,
                wallNanoseconds: request.wallNanoseconds)
        }

        let commonBytes = previous.map { emitted.commonBytes(with: $0.emitted) } ?? 0
        let proof = Self.proof(after: previous?.proof ?? .lineageStart, emitted, commonBytes: commonBytes)
        let (reason, position) = draft.breakReason(
            previousPath: previous?.path, previousTools: previous?.tools,
            previousReplaced: previous?.path.last.flatMap { links[$0]?.state.replaced } ?? [:])
        let isNewSession = previous == nil && continued == nil
        if isNewSession {
            batch.sessions.append(
                SessionRecord(
                    id: session, root: path[0], harness: request.harness.name, provider: request.provider,
                    dialect: draft.prompt.dialect.name, model: request.model, projectHint: "",
                    createdNanoseconds: request.wallNanoseconds, frozenFacts: nil,
                    strategyVersions: StrategyVersions.current))
        }
        let pause = previous.map { request.wallNanoseconds &- $0.lastUsedNanoseconds } ?? 0
        let callCount = (previous?.callCount ?? 0) + 1
        let longPauseCount = (previous?.longPauseCount ?? 0) + (Self.longPause.contains(pause) ? 1 : 0)
        keepTip(session, from: previous?.path.last, to: path.last)
        sessions[session] = Session(
            path: path, tools: draft.tools, emitted: emitted, wasOnlyObserved: request.onlyObserves, asSent: asSent,
            proof: proof, links: (previous?.links ?? []) + newLinks, lastUsedNanoseconds: request.wallNanoseconds,
            callCount: callCount, longPauseCount: longPauseCount, shortener: shortener ?? previous?.shortener,
            isFrozen: previous?.isFrozen ?? false)
        if let shortener {
            shortener.weigh()
            shortenerBytes += shortener.byteCount - (previous?.shortener?.byteCount ?? 0)
            forgetShorteners(but: session)
        }
        let changesNew = draft.turns[draft.knownCount...].contains { $0 != .asSent }
        let plan = EmissionPlan(
            session: session, isNewSession: isNewSession, chain: path[path.count - 1], knownTurnCount: draft.knownCount,
            emitted: emitted, asSent: asSent, commonBytes: commonBytes,
            commonBytesAsSent: previous.map { asSent.commonBytes(with: $0.asSent) } ?? 0, breakReason: reason,
            breakPosition: position, movedKinds: draft.movedKinds,
            toolsBlob: draft.tools?.blob, previousProof: previous?.proof ?? .lineageStart, proof: proof, batch: batch,
            isPromise: !request.onlyObserves
                && (changesNew || draft.toolsAreNew || draft.epoch != nil
                    || shortener?.mayShorten(from: draft.knownCount) ?? false),
            turns: draft.turns,
            tools: draft.toolBytes, toldAt: draft.toldAt, clientHasHints: draft.hasHints,
            hintedTurns: draft.keys.indices.filter { draft.keys[$0].withoutHints != nil },
            longPauseShare: Double(longPauseCount) / Double(callCount), roles: draft.keys.map(\.role),
            shortened: draft.journal, hasExpandTool: draft.hasExpandTool)
        evict()
        return plan
    }

    /// The next link of the proof: any change to an emitted byte of any call of a session changes all later ones.
    public static func proof(after previous: Fingerprint, _ emitted: PromptOutline, commonBytes: Int) -> Fingerprint {
        var proof = previous
        for (digest, byteCount) in zip(emitted.digests, emitted.byteCounts) {
            proof = proof.appending(turn: digest).appending(turn: Fingerprint(high: 0, low: UInt64(byteCount)))
        }
        return proof.appending(turn: Fingerprint(high: 1, low: UInt64(commonBytes)))
    }

    /// Sessions unused for longest go, links and all, until the limits hold. Links that a living session uses too come
    /// back from the store when it asks.
    private mutating func evict() {
        guard sessions.count > Self.sessionsMax || links.count > Self.linksMax else { return }
        let byAge = sessions.sorted { $0.value.lastUsedNanoseconds < $1.value.lastUsedNanoseconds }
        for (identifier, session) in byAge.dropLast(1) {
            if sessions.count <= Self.sessionsMax * 7 / 8, links.count <= Self.linksMax * 7 / 8 { break }
            for chain in session.links {
                guard let link = links.removeValue(forKey: chain) else { continue }
                links[link.parent]?.mayContinueInStore = true
            }
            keepTip(identifier, from: session.path.last, to: nil)
            releaseShortener(of: identifier)
            sessions[identifier] = nil
        }
    }

    /// Views of prompts unused for longest go until the limit holds.
    private mutating func forgetShorteners(but session: SessionIdentifier) {
        guard shortenerBytes > Self.shortenerBytesMax else { return }
        let byAge = sessions.filter { $0.value.shortener != nil && $0.key != session }
            .sorted { $0.value.lastUsedNanoseconds < $1.value.lastUsedNanoseconds }
        for (identifier, _) in byAge {
            if shortenerBytes <= Self.shortenerBytesMax * 7 / 8 { break }
            releaseShortener(of: identifier)
        }
    }

    /// The session whose last prompt ends among the newest of these links; of several the one used last, because a task
    /// that is given again word for word passes the ends of the earlier sessions.
    private func extendedSession(_ known: ArraySlice<Fingerprint>) -> SessionIdentifier? {
        known.suffix(Self.tipLinksMax).compactMap { tips[$0] }
            .max { sessions[$0]?.lastUsedNanoseconds ?? 0 < sessions[$1]?.lastUsedNanoseconds ?? 0 }
    }

    private mutating func keepTip(_ session: SessionIdentifier, from old: Fingerprint?, to new: Fingerprint?) {
        if let old, tips[old] == session { tips[old] = nil }
        if let new { tips[new] = session }
    }

    // MARK: what the store brings

    /// The last call of a session, as the store has it.
    public struct LastCall: Sendable {
        public var record: CallRecord
        /// The lineage its prompt ends at.
        public var path: LineagePath
        /// The array of its tools; nil: it had none.
        public var tools: [UInt8]?
        /// Of the session's strategies, as its record has them.
        public var strategyVersions: String

        public init(record: CallRecord, path: LineagePath, tools: [UInt8]?, strategyVersions: String) {
            self.record = record
            self.path = path
            self.tools = tools
            self.strategyVersions = strategyVersions
        }
    }

    /// Takes over a lineage the store found, from its root on, and the last call of the session it belongs to: what follows
    /// is compared with that, as if it had never left memory.
    public mutating func adopt(_ path: LineagePath, last: LastCall?) {
        adopt(path)
        guard let last, sessions[last.record.session] == nil, last.path.isComplete else { return }
        adopt(last.path)
        var emitted = PromptOutline()
        var asSent = PromptOutline()
        var tools: FrozenTools?
        if let blob = last.record.tools, let outline = last.tools.flatMap({ FrozenTools.outline(of: $0) }) {
            tools = FrozenTools(
                set: .lineageStart, emitted: outline.digest, blob: blob, byteCount: outline.byteCount, tools: [])
            emitted.append(outline.digest, byteCount: outline.byteCount)
            asSent.append(outline.digest, byteCount: outline.byteCount)
        }
        var cumulative: UInt64 = 0
        let replaced = last.path.links.last.flatMap { links[$0.chain]?.state.replaced } ?? [:]
        for (position, link) in last.path.links.enumerated() {
            let byteCount = Int(clamping: link.cumulativeBytes &- cumulative)
            cumulative = link.cumulativeBytes
            let turn = replaced[position] ?? ReplacedTurn(digest: link.emitted, byteCount: byteCount)
            emitted.append(turn.digest, byteCount: turn.byteCount)
            asSent.append(link.raw, byteCount: byteCount)
        }
        keepTip(last.record.session, from: nil, to: last.path.links.last?.chain)
        sessions[last.record.session] = Session(
            path: last.path.links.map(\.chain), tools: tools, emitted: emitted, asSent: asSent,
            proof: last.record.proof,
            links: last.path.links.filter { $0.session == last.record.session }.map(\.chain),
            lastUsedNanoseconds: last.record.startedNanoseconds,
            isFrozen: !StrategyVersions.allow(last.strategyVersions))
    }

    private mutating func adopt(_ path: LineagePath) {
        guard path.isComplete else { return }
        var state = PromptState.empty
        var cumulative: UInt64 = 0
        for record in path.links {
            let facts = record.state.flatMap { LinkFacts(stored: $0) }
            if let facts { state = state.following(facts) }
            let byteCount = Int(clamping: record.cumulativeBytes &- cumulative)
            cumulative = record.cumulativeBytes
            guard links[record.chain] == nil else { continue }
            links[record.chain] = Link(
                parent: record.parent, position: record.position, raw: record.raw, emitted: record.emitted,
                emittedBytes: byteCount, splice: nil, state: state, shortening: facts?.shortening,
                session: record.session, mayContinueInStore: true)
        }
    }

    /// Keeps the hidden turns of an answer for the message that the client makes of it.
    public mutating func remember(_ turns: HiddenTurns, behind chain: Fingerprint) {
        if hidden[chain] == nil {
            hiddenChains.append(chain)
            if hiddenChains.count > Self.hiddenLinksMax { hidden[hiddenChains.removeFirst()] = nil }
        }
        hidden[chain] = Array(([turns] + (hidden[chain] ?? [])).prefix(Self.hiddenAnswersMax))
    }

    /// Takes over hidden turns the store found, the newest first.
    public mutating func adopt(_ turns: [HiddenTurns], behind chain: Fingerprint) {
        guard hidden[chain] == nil else { return }
        for one in turns.reversed() { remember(one, behind: chain) }
    }

    /// Takes over bytes the store found.
    public mutating func adopt(_ bytes: [UInt8], as digest: Fingerprint) { blobs.insert(digest, bytes) }
}

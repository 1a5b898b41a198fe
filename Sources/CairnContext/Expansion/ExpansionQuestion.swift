// From a handle, as a marker shows it, to the one original it means: what `cairn expand`, GET /v1/lcm/expand and a model's
// own tool ask.
//
// A handle is unique in its session, and is made from the digest of what it stands for: the same file read in a hundred
// sessions has one handle in all of them, and any of their copies will do. Only where it means different bytes must a
// session be named; where even branches of one session differ, a longer handle, which is more of the same digest.

import CairnCore
import CairnWire

/// What an expansion is found in.
public protocol ExpansionSource: PromptSource {
    func session(_ id: SessionIdentifier) throws(StoreError) -> SessionRecord?
    /// The newest decisions behind a handle in all sessions, as many as one answer holds; the oldest of them first.
    func decisions(handle: String) throws(StoreError) -> [DecisionRecord]
    /// The same in one session.
    func decisions(handle: String, of session: SessionIdentifier) throws(StoreError) -> [DecisionRecord]
}

/// One question for an original.
public struct ExpansionQuestion: Sendable {
    /// Sessions looked at when none is named, the newest first. In older ones a handle is found by naming its session.
    public static let sessionsMax = 256
    /// Copies of one original that are tried when turns are missing in the store.
    static let copiesMax = 8

    public var handle: Handle
    public var session: SessionIdentifier?
    /// Who asks; nil: the owner of the store, who may see all.
    public var account: Fingerprint?

    public init(_ handle: Handle, session: SessionIdentifier? = nil, account: Fingerprint? = nil) {
        self.handle = handle
        self.session = session
        self.account = account
    }

    /// The original. Waits for the disk.
    /// - Complexity: some look-ups; two more for each session that has the handle.
    public func answer(from source: some ExpansionSource) throws(ExpansionError) -> Expansion {
        let found = try candidates(source)
        var originals: [Fingerprint] = []
        for decision in found where !originals.contains(decision.original) { originals.append(decision.original) }
        guard let original = originals.first else { throw .unknownHandle }
        if originals.count > 1 {
            guard let middle = Self.middle(found) else { throw ambiguity(found) }
            return try expansion(ofMiddle: middle, source)
        }
        return try expansion(of: found.filter { $0.original == original }.prefix(Self.copiesMax), source)
    }

    /// The decisions that the asker may see, the newest first.
    private func candidates(_ source: some ExpansionSource) throws(ExpansionError) -> [DecisionRecord] {
        var seen: [SessionIdentifier: Bool] = [:]
        // The handle as it is; failing that, one that is a beginning of it.
        for length in [handle.text.utf8.count] + (Handle.charactersMin..<handle.text.utf8.count) {
            let named = try read { () throws(StoreError) in
                try decisions(String(handle.text.prefix(length)), source)
            }
            var visible: [DecisionRecord] = []
            for decision in named {
                let isShown = try read { () throws(StoreError) in
                    try isVisible(decision.session, source, &seen)
                }
                if isShown { visible.append(decision) }
            }
            if !visible.isEmpty { return visible }
        }
        return []
    }

    private func decisions(_ text: String, _ source: some ExpansionSource) throws(StoreError) -> [DecisionRecord] {
        let all: [DecisionRecord]
        if let session {
            all = try source.decisions(handle: text, of: session)
        } else {
            all = try source.decisions(handle: text)
        }
        let isWhole = text == handle.text
        return all.reversed().filter { isWhole || Handle($0.original, characters: handle.text.utf8.count) == handle }
    }

    /// Whether the session is the asker's. Of sessions beyond the limit none is.
    private func isVisible(
        _ id: SessionIdentifier, _ source: some ExpansionSource, _ seen: inout [SessionIdentifier: Bool]
    ) throws(StoreError) -> Bool {
        if let known = seen[id] { return known }
        guard seen.count < Self.sessionsMax else { return false }
        let isTheirs = try isTheirs(id, source)
        seen[id] = isTheirs
        return isTheirs
    }

    private func isTheirs(_ id: SessionIdentifier, _ source: some ExpansionSource) throws(StoreError) -> Bool {
        guard let account else { return true }
        guard let record = try source.session(id), let root = try source.link(chain: record.root) else { return false }
        return record.belongs(to: account, rootTurn: root.turn)
    }

    /// The decisions of one session about its middle, which one marker stands for; nil: the handle means something else.
    private static func middle(_ found: [DecisionRecord]) -> [DecisionRecord]? {
        guard let session = found.first?.session,
            found.allSatisfy({ $0.strategy == MiddleDrop.name.name && $0.session == session })
        else { return nil }
        return found
    }

    /// All that was left out with a middle, in the order of the conversation.
    private func expansion(
        ofMiddle decisions: [DecisionRecord], _ source: some ExpansionSource
    ) throws(ExpansionError) -> Expansion {
        var parts: [(position: Int, expansion: Expansion, role: Turn.Role)] = []
        var seen: [Fingerprint: Set<Int>] = [:]
        for decision in decisions {
            let link = try read { () throws(StoreError) in try source.link(chain: decision.chain) }
            guard let link, let role = Turn.Role(rawValue: link.role) else { throw .turnMissing }
            // Two branches of a session may have left out the same.
            guard seen[decision.chain, default: []].insert(decision.partIndex).inserted else { continue }
            parts.append((link.position, try Self.expansion(of: decision, source), role))
        }
        parts.sort {
            ($0.position, $0.expansion.decision.partIndex) < ($1.position, $1.expansion.decision.partIndex)
        }
        return Expansion(middle: parts.map { ($0.expansion, $0.role) })
    }

    private func ambiguity(_ found: [DecisionRecord]) -> ExpansionError {
        var sessions: [SessionIdentifier] = []
        for decision in found where !sessions.contains(decision.session) { sessions.append(decision.session) }
        if sessions.count > 1 { return .manySessions(sessions) }
        let digests = Set(found.map(\.original))
        for characters in handle.text.utf8.count..<Handle.charactersMax {
            let handles = Set(digests.map { Handle($0, characters: characters) })
            if handles.count == digests.count { return .manyOriginals(handles.map(\.text).sorted()) }
        }
        return .manyOriginals(digests.map { Handle($0, characters: Handle.charactersMax).text }.sorted())
    }

    /// The first copy that the store still has; what is wrong with the newest one, if it has none.
    private func expansion(
        of copies: some Sequence<DecisionRecord>, _ source: some ExpansionSource
    ) throws(ExpansionError) -> Expansion {
        var first: ExpansionError?
        for decision in copies {
            do throws(ExpansionError) { return try Self.expansion(of: decision, source) } catch {
                first = first ?? error
            }
        }
        throw first ?? .unknownHandle
    }

    private static func expansion(
        of decision: DecisionRecord, _ source: some ExpansionSource
    ) throws(ExpansionError) -> Expansion {
        let link = try read { () throws(StoreError) in try source.link(chain: decision.chain) }
        guard let link else { throw .turnMissing }
        let raw = try read { () throws(StoreError) in try source.blob(link.raw) }
        guard let raw else { throw .bytesMissing }
        let session = try read { () throws(StoreError) in try source.session(decision.session) }
        guard let dialect = session.flatMap({ Dialect(name: $0.dialect) }) else { throw .turnMissing }
        return try Expansion(decision, link: link, raw: raw, dialect: dialect)
    }
}

/// A question to the store, with its error as one of expansion.
private func read<Value>(_ question: () throws(StoreError) -> Value) throws(ExpansionError) -> Value {
    do throws(StoreError) { return try question() } catch { throw .storage(error) }
}

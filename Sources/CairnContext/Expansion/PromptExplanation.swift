// Every turn of a call's prompt that left otherwise than its client sent it, and why: what `cairn why CALL` tells.

import CairnCore
import CairnWire

/// What an explanation is read from.
public protocol ExplanationSource: ExpansionSource {
    /// The decisions of a session in the order in which they were appended.
    func decisions(of session: SessionIdentifier, _ page: StoragePage) throws(StoreError) -> [DecisionRecord]
    /// The call of that identifier; nil: not known.
    func call(id: String) throws(StoreError) -> CallRecord?
    /// The call of a session that began at that time, in nanoseconds since 1970; nil: not known.
    func call(of session: SessionIdentifier, startedNanoseconds: UInt64) throws(StoreError) -> CallRecord?
}

/// A turn that left otherwise than it came.
public struct ChangedTurn: Equatable, Sendable {
    /// Counted from 0.
    public let position: Int
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    public let role: String
    /// Of the turn's element without cache hints; nil: the store does not have it.
    public let cameBytes: Int?
    public let leftBytes: Int?
    /// Parts that left shorter.
    public let parts: [ExplainedPart]
    /// Volatile texts are told in it.
    public let isTold: Bool
    /// A message of the model that leaves with what it asked Cairn, or behind it.
    public let holdsHiddenTurns: Bool
}

/// The prompt of one call beside what its client sent.
public struct PromptExplanation: Equatable, Sendable {
    public let call: CallRecord
    public let turnCount: Int
    /// In their order.
    public let changed: [ChangedTurn]
    /// Of all turns, as far as the store has them.
    public let cameBytes: Int
    public let leftBytes: Int
    /// False: turns or bytes are missing in the store, and sums are too small.
    public let isComplete: Bool

    /// Waits for the disk.
    /// - Complexity: reads each turn of the prompt once.
    public init(of call: CallRecord, in source: some ExplanationSource) throws(StoreError) {
        self.call = call
        let path = try PromptPath(endingAt: call.chain, in: source)
        let dialect = try source.session(call.session).flatMap { Dialect(name: $0.dialect) }
        // The client's bytes went upstream in a call that was only looked at.
        let decisions = call.isObserved ? [:] : try path.decisions(in: source)
        var changed: [ChangedTurn] = []
        var sums = (came: 0, left: 0)
        var isWhole = path.isComplete && dialect != nil
        for (index, link) in path.links.enumerated() {
            let raw = try source.blob(link.raw)
            let digest = call.isObserved ? link.raw : path.emitted(index)
            let emission = digest == link.raw ? raw : try source.blob(digest)
            sums.came += raw?.count ?? 0
            sums.left += emission?.count ?? 0
            if raw == nil || emission == nil { isWhole = false }
            guard digest != link.raw, let dialect else { continue }
            changed.append(
                ChangedTurn(
                    position: link.position, role: Turn.Role(rawValue: link.role)?.name ?? "?",
                    cameBytes: raw?.count, leftBytes: emission?.count,
                    parts: (decisions[index] ?? [:]).sorted { $0.key < $1.key }.map {
                        ExplainedPart($0.value, link: link, raw: raw, emission: emission, dialect: dialect)
                    }, isTold: TailText.count(in: emission ?? []) > TailText.count(in: raw ?? []),
                    holdsHiddenTurns: link.role == Turn.Role.assistant.rawValue
                        && ExpandTool.isNamed(in: emission ?? []) && !ExpandTool.isNamed(in: raw ?? [])))
        }
        turnCount = path.links.count
        self.changed = changed
        (cameBytes, leftBytes) = sums
        isComplete = isWhole
    }
}

extension Turn.Role {
    /// As users name it.
    var name: String {
        switch self {
        case .system: "system"
        case .developer: "developer"
        case .user: "user"
        case .assistant: "assistant"
        case .tool: "tool"
        }
    }
}

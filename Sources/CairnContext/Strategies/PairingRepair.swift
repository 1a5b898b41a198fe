// Every tool call has its result and every result its call, in the order providers want. Clients that compact their own
// history, cancel calls or edit it send prompts that a provider refuses; repaired, they work. A valid conversation
// passes
// unchanged, and so does a repaired one: the second run finds nothing.
//
// What the codetether rules leave broken and this repairs: a result in front of its call, a message that mixes a good
// result with an orphan, two results of one call, other text between a call and its result, results in messages of the
// user, and orphans that vanish without a trace.

import CairnCore

/// What was repaired.
public struct PairingStats: Equatable, Sendable {
    /// Calls that had no result and got one that says so.
    public var answered = 0
    /// Results without a call, and second results of one: they became text that names them.
    public var orphans = 0
    /// Results that stood elsewhere than right behind their call.
    public var moved = 0
}

public enum PairingRepair {
    public static let name = StrategyName("pairing-repair", version: 1)

    /// Stands in the place of a result that never came.
    static let missing = Array("[no result: the call was not answered]".utf8)

    /// - Complexity: one pass and a look-up for each call and result; a second one when something is wrong.
    public static func repair(
        _ messages: [ContextMessage], handles: inout HandleBook
    ) -> (messages: [ContextMessage], stats: PairingStats) {
        if isPaired(messages) { return (messages, PairingStats()) }
        var repair = Repair(messages)
        return repair.run(&handles)
    }

    /// Whether each assistant message with calls is followed by their results, and nothing else holds a result.
    public static func isPaired(_ messages: [ContextMessage]) -> Bool {
        var waiting: [String] = []
        var known: Set<String> = []
        for message in messages {
            for part in message.parts {
                switch part.kind {
                case .result:
                    guard message.role != .assistant, let place = waiting.firstIndex(of: part.callID) else {
                        return false
                    }
                    waiting.remove(at: place)
                case .arguments:
                    guard message.role == .assistant, known.insert(part.callID).inserted else { return false }
                default:
                    if !waiting.isEmpty { return false }
                }
            }
            if message.role == .assistant {
                guard waiting.isEmpty else { return false }
                waiting = message.parts.filter { $0.kind == .arguments }.map(\.callID)
            }
        }
        return waiting.isEmpty
    }
}

private struct Repair {
    private let messages: [ContextMessage]
    /// Results by call, in the order they stand; the first is the one that counts.
    private var results: [String: (message: Int, part: ContextPart)] = [:]
    /// Results stand in messages of the user, as in the messages dialect.
    private let isGrouped: Bool
    private var stats = PairingStats()

    init(_ messages: [ContextMessage]) {
        self.messages = messages
        isGrouped = messages.contains { $0.role == .user && $0.holdsResults }
        for (index, message) in messages.enumerated() {
            for part in message.parts where part.kind == .result && results[part.callID] == nil {
                results[part.callID] = (index, part)
            }
        }
    }

    mutating func run(_ handles: inout HandleBook) -> ([ContextMessage], PairingStats) {
        let called = Set(messages.flatMap { $0.parts.filter { $0.kind == .arguments }.map(\.callID) })
        var taken: Set<String> = []
        var answered: Set<String> = []
        var out: [ContextMessage] = []
        for (index, message) in messages.enumerated() {
            var kept = message
            kept.parts = message.parts.compactMap { part in
                switch part.kind {
                case .result:
                    if called.contains(part.callID), taken.insert(part.callID).inserted { return nil }
                    stats.orphans += 1
                    return orphan(part, &handles)
                case .arguments:
                    // A second call of the same name, or one that is not the assistant's, can have no result.
                    guard message.role == .assistant, answered.insert(part.callID).inserted else { return nil }
                    return part
                default: return part
                }
            }
            if kept.role == .tool, !kept.parts.isEmpty { kept.role = .user }
            if !kept.parts.isEmpty { out.append(kept) }
            out += answers(to: kept, at: index)
        }
        return (out, stats)
    }

    /// The results of a message's calls, in their order.
    private mutating func answers(to message: ContextMessage, at index: Int) -> [ContextMessage] {
        let calls = message.parts.filter { $0.kind == .arguments }
        guard message.role == .assistant, !calls.isEmpty else { return [] }
        let parts = calls.map { call -> ContextPart in
            guard let found = results[call.callID] else {
                stats.answered += 1
                return ContextPart(
                    .result, PairingRepair.missing, toolName: call.toolName, callID: call.callID,
                    arguments: call.bytes)
            }
            if !stands(found.message, behind: index) { stats.moved += 1 }
            return found.part
        }
        return isGrouped ? [ContextMessage(.user, parts)] : parts.map { ContextMessage(.tool, [$0]) }
    }

    /// Only messages of results lie between.
    private func stands(_ place: Int, behind index: Int) -> Bool {
        place > index && messages[index + 1..<place].allSatisfy { $0.role == .tool }
    }

    /// What is left of a result that has no call: text that names it, so that it can be brought back.
    private func orphan(_ part: ContextPart, _ handles: inout HandleBook) -> ContextPart {
        let handle = handles.handle(for: part.bytes.withUnsafeBytes { Fingerprint(of: $0) })
        return ContextPart(.user, Array(Marker.orphan(handle).utf8))
    }
}

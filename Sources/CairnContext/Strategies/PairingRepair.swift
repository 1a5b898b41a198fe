// Every tool call has its result and every result its call, in the order providers want. Clients that compact their own
// history, cancel calls or edit it send prompts that a provider refuses; repaired, they work. A valid conversation passes
// unchanged, and so does a repaired one: the second run finds nothing. The rules are PairingPlan's; this carries them out on
// messages in parts, for the library face. The gateway's calls are repaired as bytes (PairingEdits).
//
// What the codetether rules leave broken and this repairs: a result in front of its call, a message that mixes a good
// result with an orphan, two results of one call, other text between a call and its result, results in messages of the
// user, and orphans that vanish without a trace.

public enum PairingRepair {
    public static let name = StrategyName("pairing-repair", version: 1)

    /// Stands in the place of a result that never came.
    static let missing = "[no result: the call was not answered]"
    /// Stands in front of a result that became text.
    static let orphan = "[a result that no call waits for]"
    /// Stands in front of a call that became text.
    static let strayCall = "[a call outside of an answer]"

    /// - Complexity: one pass and a look-up for each call and result; a second one when something is wrong.
    public static func repair(_ messages: [ContextMessage]) -> (messages: [ContextMessage], stats: PairingStats) {
        let plan = plan(messages)
        if plan.isEmpty { return (messages, PairingStats()) }
        let isGrouped = isGrouped(messages)
        var out: [ContextMessage] = []
        for index in 0...messages.count {
            let pairing = plan.turns[index] ?? TurnPairing()
            let answers = pairing.answers.map { answer(to: $0, in: messages) }
            let texts = pairing.texts.map { text(of: messages[$0.turn].parts[$0.part], .user) }
            guard index < messages.count else {
                out += ownMessages(answers, isGrouped) + texts.map { ContextMessage(.user, [$0]) }
                break
            }
            let message = messages[index]
            if isGrouped, message.role == .user || message.role == .tool {
                out.append(grouped(message, answers, pairing))
            } else {
                out += ownMessages(answers, isGrouped) + texts.map { ContextMessage(.user, [$0]) }
                out.append(kept(message, pairing))
            }
        }
        out.removeAll(where: \.parts.isEmpty)
        // Without the results that became text these may be messages of the other form.
        guard isGrouped, !Self.isGrouped(out) else { return (out, plan.stats) }
        let again = repair(out)
        return (again.messages, plan.stats + again.stats)
    }

    /// Whether every call of the assistant has its result where a provider wants it, and nothing else holds a result.
    public static func isPaired(_ messages: [ContextMessage]) -> Bool { plan(messages).isEmpty }

    private static func plan(_ messages: [ContextMessage]) -> PairingPlan {
        PairingPlan(messages.map(PairingTurn.init), isGrouped(messages) ? .inFront : .behind)
    }

    /// Results stand in messages of the user, as in the messages dialect.
    private static func isGrouped(_ messages: [ContextMessage]) -> Bool {
        messages.contains { $0.role == .user && $0.holdsResults }
    }

    private static func ownMessages(_ results: [ContextPart], _ isGrouped: Bool) -> [ContextMessage] {
        if results.isEmpty { return [] }
        return isGrouped ? [ContextMessage(.user, results)] : results.map { ContextMessage(.tool, [$0]) }
    }

    private static func answer(to answer: PairedAnswer, in messages: [ContextMessage]) -> ContextPart {
        switch answer {
        case .moved(let place): return messages[place.turn].parts[place.part]
        case .missing(let place):
            let call = messages[place.turn].parts[place.part]
            return ContextPart(
                .result, Array(missing.utf8), toolName: call.toolName, callID: call.callID, arguments: call.bytes)
        }
    }

    /// What is left of a message.
    private static func kept(_ message: ContextMessage, _ pairing: TurnPairing) -> ContextMessage {
        var kept = message
        kept.parts = message.parts.indices.filter { !pairing.moved.contains($0) }.map {
            pairing.orphans.contains($0)
                ? text(of: message.parts[$0], message.role == .assistant ? .text : .user) : message.parts[$0]
        }
        if kept.role == .tool, kept.parts.contains(where: { $0.kind != .result }) { kept.role = .user }
        return kept
    }

    /// The results that stay, the answers, then the rest.
    private static func grouped(
        _ message: ContextMessage, _ answers: [ContextPart], _ pairing: TurnPairing
    ) -> ContextMessage {
        var out = kept(message, pairing)
        let results = out.parts.filter { $0.kind == .result }
        out.parts = results + answers + out.parts.filter { $0.kind != .result }
        return out
    }

    /// What no call waits for, and a call that nobody made, as text that says so and keeps every byte.
    private static func text(of part: ContextPart, _ kind: ContextPart.Kind) -> ContextPart {
        let words = part.kind == .result ? orphan : strayCall
        return ContextPart(kind, Array("\(words)\n".utf8) + part.bytes)
    }
}

extension PairingTurn {
    init(_ message: ContextMessage) {
        switch message.role {
        case .assistant: speaker = .assistant
        case .user: speaker = .user
        case .system: speaker = .other
        case .tool: speaker = message.parts.allSatisfy { $0.kind == .result } ? .tool : .user
        }
        items = message.parts.map { part in
            switch part.kind {
            case .result: .result(part.callID)
            case .arguments: .call(part.callID)
            default: .other
            }
        }
    }
}

// What `cairn why` prints: why parts, or the prompt of a call, left otherwise than their client sent them. No prompt text.
//
//     call 01J...  session 0123...
//       2026-11-20 10:04:21 UTC, mode full, deepseek-v4-flash through deepseek
//       57 turns, 132,004 bytes came and 98,112 left: 33,892 less (25.7 %)
//       97,500 of 98,912 bytes stood in the call before
//     turn 3 (tool): 5,400 bytes left as 610
//       part 0  k7f2  5,120 bytes became 310  seen-line-runs 1: birth, thought to save $0.00012  (this call)

import CairnContext
import CairnLedger

public enum ExplanationText {
    /// Every decision behind a handle, the oldest first.
    public static func text(of handle: Handle, _ all: [HandleExplanation]) -> String {
        var out = ""
        for one in all {
            let decision = one.part.decision
            out += "\(handle)  session \(decision.session), \(place(one)), part \(decision.partIndex)\n"
            out += "  \(sizes(one.part))\n"
            out += "  \(reason(decision))\n"
            out +=
                "  \(time(decision.wallNanoseconds)), \(one.call.map { "call \($0)" } ?? "its call is not recorded")\n"
        }
        if all.count == HandleExplanation.decisionsMax { out += "Older decisions may exist; --session tells them.\n" }
        return out
    }

    private static func place(_ one: HandleExplanation) -> String {
        guard let position = one.position, let role = one.role else { return "a turn that is not in the store" }
        return "turn \(position) (\(role))"
    }

    /// The prompt of a call: sums, its prefix, and each turn that left otherwise.
    public static func text(of explanation: PromptExplanation) -> String {
        let call = explanation.call
        var out = "call \(call.id)  session \(call.session)\n"
        out += "  \(time(call.startedNanoseconds)), mode \(call.mode), \(call.model) through \(call.upstream)\n"
        out += "  \(sums(explanation))\n"
        for line in prefix(explanation) { out += "  \(line)\n" }
        if !explanation.isComplete { out += "  Parts of the prompt are not in the store: the sums are too small.\n" }
        for turn in explanation.changed { out += text(of: turn, in: call) }
        if explanation.changed.isEmpty { out += "Every turn left as it came.\n" }
        return out
    }

    private static func sums(_ explanation: PromptExplanation) -> String {
        let less = explanation.cameBytes - explanation.leftBytes
        let share = NumberText.share(Int64(less.magnitude), of: Int64(explanation.cameBytes)) ?? "0.0 %"
        let turns = NumberText.counted(explanation.turnCount, "turn")
        let came = NumberText.grouped(explanation.cameBytes)
        let left = NumberText.grouped(explanation.leftBytes)
        return "\(turns), \(came) bytes came and \(left) left: "
            + "\(NumberText.grouped(Int(less.magnitude))) \(less < 0 ? "more" : "less") (\(share))"
    }

    private static func prefix(_ explanation: PromptExplanation) -> [String] {
        let call = explanation.call
        var lines: [String] = []
        if call.previousProof == .lineageStart {
            lines.append("the first call of its session")
        } else {
            let common = NumberText.grouped(Int(clamping: call.prefix.commonBytes))
            let all = NumberText.grouped(Int(clamping: call.emittedBytes))
            let reason = call.prefix.breakText.isEmpty ? "" : "; then the prefix broke: \(call.prefix.breakText)"
            lines.append("\(common) of \(all) bytes stood in the call before\(reason)")
        }
        let epoch = explanation.changed.flatMap(\.parts).map(\.decision)
            .filter { $0.wallNanoseconds == call.startedNanoseconds && $0.reason.hasPrefix("epoch") }
        if let first = epoch.first {
            let worth = epoch.reduce(Money.zero) { $0 + Money(nanodollars: $1.priceNanodollars) }
            lines.append(
                "\(NumberText.counted(epoch.count, "part")) rewritten (\(first.reason)), thought to save \(worth)")
        }
        if !call.prefix.movedKinds.isEmpty {
            let kinds = call.prefix.movedKinds.split(separator: ",").joined(separator: ", ")
            lines.append("kept out of the prefix in this call: \(kinds)")
        }
        return lines
    }

    private static func text(of turn: ChangedTurn, in call: CallRecord) -> String {
        var out =
            "turn \(turn.position) (\(turn.role)): \(bytes(turn.cameBytes)) left as \(number(turn.leftBytes))"
        if turn.holdsHiddenTurns {
            out += ", with what the model asked Cairn and was told"
        } else if turn.isTold {
            out += ", volatile texts are told in it"
        } else if turn.parts.isEmpty {
            out += ", volatile texts were moved out of it"
        }
        out += "\n"
        for part in turn.parts {
            let isNew = part.decision.wallNanoseconds == call.startedNanoseconds
            out += "  part \(part.decision.partIndex)  \(part.decision.handle)  \(sizes(part))  "
            out += "\(reason(part.decision))\(isNew ? "  (this call)" : "")\n"
        }
        return out
    }

    // MARK: words

    private static func sizes(_ part: ExplainedPart) -> String {
        "\(bytes(part.originalBytes)) became \(number(part.emittedBytes))"
    }

    private static func reason(_ decision: DecisionRecord) -> String {
        let words = "\(decision.strategy) \(decision.strategyVersion): \(decision.reason)"
        // Nothing is known of the worth of what has no price.
        guard decision.priceNanodollars != 0 else { return words }
        return "\(words), thought to save \(Money(nanodollars: decision.priceNanodollars))"
    }

    private static func bytes(_ count: Int?) -> String { count.map { NumberText.counted($0, "byte") } ?? "? bytes" }

    private static func number(_ count: Int?) -> String { count.map(NumberText.grouped) ?? "?" }

    /// `2026-11-20 10:04:21 UTC`.
    private static func time(_ wallNanoseconds: UInt64) -> String {
        let seconds = Int64(clamping: wallNanoseconds / 1_000_000_000)
        func digits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let day = Moment(milliseconds: seconds * 1000).day
        let rest = seconds % 86_400
        return "\(day) \(digits(rest / 3600)):\(digits(rest / 60 % 60)):\(digits(rest % 60)) UTC"
    }
}

// A session's prompt as the strategies see it, kept between its calls: the shortener, and which of its parts lie in which
// turn. Made again from what the links hold when it is not in memory: after a restart, a fork, or a long absence.

import CairnCore
import CairnWire

/// Owned by one thread at a time: the lineage lends it to a call and takes it back.
final class SessionShortener: @unchecked Sendable {
    var shortener: PromptShortener
    /// The turns it has read, by the names of their links.
    private(set) var chains: [Fingerprint] = []
    /// The number of each turn's first part, and behind the last one that of the next part to come.
    private(set) var firstParts: [Int] = [0]
    private(set) var calls = CallBook()
    private var loop = ToolLoop()
    /// The numbers of parts that went whole: the emissions of their turns hold them no more.
    private(set) var omitted: Set<Int> = []
    /// What was told at the ends of turns.
    private var tails: [Int: Set<ToldSlot>] = [:]
    private var endsWithAssistant = false
    /// About the bytes it took when it was last lent.
    private(set) var byteCount = 0

    init(thinking: ThinkingRule) { shortener = PromptShortener(thinking: thinking) }

    /// The parts of the next turn, which is then part of the prompt. They are to be added in their order.
    func beginTurn(_ turn: Turn, in source: SourceDocument) -> [LocatedPart] {
        if turn.role == .assistant, !endsWithAssistant { shortener.beginAssistantTurn() }
        endsWithAssistant = turn.role == .assistant
        if loop.ends(at: ContextMessage.Role(turn.role), holdsResults: turn.parts.contains(where: \.isToolResult)) {
            shortener.endToolLoop()
        }
        let parts = LocatedPart.parts(of: turn, in: source, calls: &calls)
        if turn.parts.contains(where: \.isThinking) { shortener.beginThinkingTurn(partCount: parts.count) }
        return parts
    }

    /// The turn that was begun leaves with hidden ones, in which the model may have thought.
    func holdHiddenThinking() { shortener.beginThinkingTurn(partCount: 0) }

    /// Notes parts that are gone from the emissions of their turns.
    func note(omitted parts: some Sequence<Int>) { omitted.formUnion(parts) }

    /// The number of a part of a turn among those of the turn's emission; nil: it is gone.
    func emittedNumber(ofPart number: Int, inTurn turn: Int) -> Int? {
        let first = firstParts[turn]
        if omitted.contains(first + number) { return nil }
        return number - (first..<first + number).count { omitted.contains($0) }
    }

    /// Measures it; between, ``byteCount`` stands.
    func weigh() { byteCount = shortener.heldBytes }

    func endTurn(_ chain: Fingerprint) {
        chains.append(chain)
        firstParts.append(shortener.content.parts.count)
    }

    /// Whether turns from this one on hold anything that could be decided otherwise the next time: then it is a decision
    /// that they left as they came, too.
    func mayShorten(from turn: Int) -> Bool {
        guard firstParts.indices.contains(turn) else { return false }
        return shortener.content.parts[firstParts[turn]...].contains { $0.kind != .system && $0.kind != .user }
    }

    /// Notes what was told at the end of a turn.
    func note(_ tail: Set<ToldSlot>, at turn: Int) { tails[turn] = tail.isEmpty ? nil : tail }

    /// Turns from `first` on whose told texts were all told again in later ones; they count as told nowhere then.
    func takeSupersededTails(from first: Int) -> [Int] {
        var later: Set<ToldSlot> = []
        var superseded: [Int] = []
        for (turn, tail) in tails.sorted(by: { $0.key > $1.key }) {
            if turn >= first, tail.isSubset(of: later) { superseded.append(turn) }
            later.formUnion(tail)
        }
        for turn in superseded { tails[turn] = nil }
        return superseded
    }

    /// The turn that holds a part.
    func turn(ofPart number: Int) -> Int {
        var low = 0
        var high = chains.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if firstParts[middle] <= number { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

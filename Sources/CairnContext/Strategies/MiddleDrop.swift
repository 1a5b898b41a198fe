// The last resort when a prompt does not fit the model's window although every epoch was made: what the model was told to do
// stays, and so do the newest turns; what lies between is left out, and a working call replaces an error. It cuts well below
// the window, so that the next cut is far off and the prefix holds until then.
//
//     S  U  A T A T A T U' A T A T        -->        S  U  [-k3f9: earlier messages left out]  U'  A T A T
//           '---- left out ----'

import CairnCore
import CairnWire

/// Turns to leave out.
public enum MiddleDrop {
    public static let name = StrategyName("middle-drop", version: 1)

    /// What is left of the window after a cut.
    static let fillShare = 0.6

    /// The newest turns that stay whatever they cost: two steps of an agent. responses has an item for every part of one.
    static func newestMin(_ dialect: Dialect) -> Int { dialect == .responses ? 8 : 4 }

    /// - Parameters:
    ///   - turns: of the prompt as it would be sent.
    ///   - tokens: of each turn; 0 for one that is left out already.
    ///   - headTokens: of what stands in front.
    ///   - start: turns in front of it stay: what the model was told before it first answered.
    ///   - end: turns from here on stay.
    /// - Returns: the turns to leave out, the first of which the marker takes the place of. Never what the user said last;
    ///   no call without its result; no half of an answer. nil when the prompt fits, or would not fit then either.
    /// - Complexity: linear in turns.
    static func turns(
        leftOutOf turns: [PairingTurn], tokens: [Double], headTokens: Double, windowTokens: Double, from start: Int,
        before end: Int
    ) -> [Int]? {
        precondition(tokens.count == turns.count, "a size for each turn")
        let all = tokens.reduce(headTokens, +)
        let isWhole = wholeBoundaries(turns)
        guard all > windowTokens, start < end, isWhole[start] else { return nil }
        // An earlier marker has no tokens of the conversation: it is not what the user said.
        let told = turns.indices.last { turns[$0].speaker == .user && !turns[$0].holdsResults && tokens[$0] > 0 }
        var freed = 0.0
        var best: (end: Int, freed: Double)?
        for index in start..<min(end, turns.count) {
            if index != told { freed += tokens[index] }
            guard isWhole[index + 1], index + 1 < turns.count, freed > 0 else { continue }
            best = (index + 1, freed)
            if all - freed <= windowTokens * fillShare { break }
        }
        guard let best, all - best.freed <= windowTokens else { return nil }
        return (start..<best.end).filter { $0 != told }
    }

    /// For each place between two turns whether no call stands in front of it whose result stands behind it, and no answer
    /// goes on there.
    private static func wholeBoundaries(_ turns: [PairingTurn]) -> [Bool] {
        var open: [String: [Int]] = [:]
        var torn = Array(repeating: 0, count: turns.count + 2)
        for (index, turn) in turns.enumerated() {
            for item in turn.items {
                switch item {
                case .call(let name): open[name, default: []].append(index)
                case .result(let name):
                    guard let call = open[name]?.popLast() else { continue }
                    torn[call + 1] += 1
                    torn[index + 1] -= 1
                case .other: break
                }
            }
        }
        var count = 0
        return (0...turns.count).map { index in
            count += torn[index]
            let isInAnswer =
                index > 0 && index < turns.count && turns[index - 1].speaker == .assistant
                && turns[index].speaker == .assistant
            return count == 0 && !isInAnswer
        }
    }

    /// What the model reads in place of the turns.
    static func marker(_ handle: Handle) -> String { Marker.middle(handle) }

    /// The marker as a message of the user.
    static func message(_ handle: Handle, _ dialect: Dialect) -> [UInt8] {
        let text = JSONText.quoted(marker(handle))
        let head: StaticString
        switch dialect {
        case .chat: head = "{\"role\":\"user\",\"content\":"
        case .messages: head = "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
        case .responses:
            head = "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
        }
        return head.withUTF8Buffer { Array($0) } + text + Array((dialect == .chat ? "}" : "}]}").utf8)
    }
}

extension PairingTurn {
    fileprivate var holdsResults: Bool { items.contains { if case .result = $0 { true } else { false } } }
}

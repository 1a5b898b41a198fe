// The last resort when a prompt does not fit the model's window although every epoch was made: the first messages (the
// sinks: what the model was told to do) and the newest stay, what lies between is left out, and a working call
// replaces an
// error. It cuts well below the window, so that the next cut is far off and the prefix holds until then.

/// Messages to leave out.
public enum MiddleDrop {
    public static let name = StrategyName("middle-drop", version: 1)

    /// What is left of the window after a cut.
    static let fillShare = 0.6
    /// The newest messages that stay whatever they cost.
    static let newestMin = 4

    /// - Parameters:
    ///   - tokens: of each message.
    ///   - headTokens: of what stands in front.
    /// - Returns: the messages to leave out, never between a call and its result and never the first user message or
    ///   what stands before it; nil when the prompt fits or nothing can go.
    /// - Complexity: linear in messages.
    public static func plan(
        _ messages: [ContextMessage], tokens: [Double], headTokens: Double, windowTokens: Double
    ) -> Range<Int>? {
        precondition(tokens.count == messages.count, "a size for each message")
        let all = tokens.reduce(headTokens, +)
        guard all > windowTokens, let start = sinkEnd(messages) else { return nil }
        let excess = all - windowTokens * fillShare
        var freed = 0.0
        var end = start
        let last = max(start, messages.count - newestMin)
        while end < last, freed < excess {
            freed += tokens[end]
            end += 1
        }
        while end < messages.count, messages[end].holdsResults { end += 1 }
        // Everything up to the end belongs to an unanswered call: nothing can go.
        guard end > start, end < messages.count else { return nil }
        return start..<end
    }

    /// Behind the first message of the user.
    private static func sinkEnd(_ messages: [ContextMessage]) -> Int? {
        messages.firstIndex { $0.role == .user && !$0.holdsResults }.map { $0 + 1 }
    }

    /// The messages without those of the range; in their place a message of the user that names them all.
    public static func apply(
        _ range: Range<Int>, to messages: [ContextMessage], handle: Handle
    ) -> [ContextMessage] {
        let marker = ContextMessage(.user, [ContextPart(.user, Array(Marker.middle(handle).utf8))])
        return Array(messages[..<range.lowerBound]) + [marker] + Array(messages[range.upperBound...])
    }
}

// A prompt of any dialect as the strategies see it: the texts its model reads, unescaped, part by part.

import CairnCore
import CairnWire

extension ContextMessage {
    /// The messages of a prompt, one for each turn. Parts without text (images, files, parts of one dialect only) have no
    /// place here; a result of several texts is one part.
    /// - Complexity: one pass over the texts.
    public static func messages(of prompt: Prompt) -> [ContextMessage] {
        var calls = CallBook()
        return prompt.turns.map { turn in
            ContextMessage(
                Role(turn.role), LocatedPart.parts(of: turn, in: prompt.source, calls: &calls).map(\.part))
        }
    }
}

extension ContextMessage.Role {
    init(_ role: Turn.Role) {
        switch role {
        case .system, .developer: self = .system
        case .user: self = .user
        case .assistant: self = .assistant
        case .tool: self = .tool
        }
    }
}

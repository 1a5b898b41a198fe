// Where a tool loop ends: the model thinks, calls tools, reads their results and thinks on, until a user speaks again. As
// long as a loop is open its signed thinking goes back unchanged; that of loops that are over may be left out
// (platform.claude.com, build-with-claude/extended-thinking). Whoever reads a prompt turn by turn keeps one.

/// Follows a prompt message by message.
struct ToolLoop {
    /// The newest messages that are not the model's hold results: what a user says beside them is one message with them.
    private var answersTools = false

    /// Reads the next message. True: it is a user's prompt, and what stands in front of it is over.
    mutating func ends(at role: ContextMessage.Role, holdsResults: Bool) -> Bool {
        switch role {
        case .system: return false
        case .assistant:
            answersTools = false
            return false
        case .user, .tool:
            answersTools = answersTools || holdsResults
            return !answersTools
        }
    }
}

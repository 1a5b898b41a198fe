// Which wire API a call speaks, as far as the gateway must know: it decides the shape of errors and names the call in
// records.

/// The dialect of a call's route.
enum CallDialect: UInt8, CaseIterable, Sendable {
    /// `/v1/chat/completions`
    case chat
    /// `/v1/responses`
    case responses
    /// `/v1/messages` (Anthropic)
    case messages
    /// A path that belongs to none of them: models, embeddings, files, our own routes.
    case other

    /// The name in records.
    var label: StaticString {
        switch self {
        case .chat: "chat"
        case .responses: "responses"
        case .messages: "messages"
        case .other: "other"
        }
    }
}

// The three wire APIs, as this room speaks them.

/// A wire API between an agent and a model provider.
public enum Dialect: UInt8, CaseIterable, Sendable {
    /// `/v1/chat/completions` (OpenAI, DeepSeek, vLLM, SGLang and most others).
    case chat = 1
    /// `/v1/responses` (OpenAI).
    case responses = 2
    /// `/v1/messages` (Anthropic).
    case messages = 3

    /// The name in records, headers and files.
    public var name: String {
        switch self {
        case .chat: "chat"
        case .responses: "responses"
        case .messages: "messages"
        }
    }

    public init?(name: some StringProtocol) {
        guard let dialect = Dialect.allCases.first(where: { $0.name == name }) else { return nil }
        self = dialect
    }
}

// Who answers and bills a call. The gateway chooses headers, paths and usage fields by it.

/// A provider that Cairn knows by name, or any other server that speaks one of the dialects
/// (`generic`).
public enum Provider: String, CaseIterable, Sendable {
    case deepseek, openai, anthropic, vllm, sglang, generic

    /// Where the provider answers when no URL is given; nil for `generic`, which has no such place.
    public var defaultURL: UpstreamURL? {
        switch self {
        case .deepseek: UpstreamURL(scheme: .https, host: "api.deepseek.com")
        case .openai: UpstreamURL(scheme: .https, host: "api.openai.com")
        case .anthropic: UpstreamURL(scheme: .https, host: "api.anthropic.com")
        case .vllm: UpstreamURL(scheme: .http, host: "127.0.0.1", port: 8000)
        case .sglang: UpstreamURL(scheme: .http, host: "127.0.0.1", port: 30000)
        case .generic: nil
        }
    }

    /// The provider behind a URL for which none was named: the three public hosts are known, all
    /// others are `generic`.
    public init(guessedFrom url: UpstreamURL) {
        switch url.host {
        case "api.deepseek.com": self = .deepseek
        case "api.openai.com": self = .openai
        case "api.anthropic.com": self = .anthropic
        default: self = .generic
        }
    }
}

/// A wire API.
public enum Dialect: String, CaseIterable, Sendable {
    /// `/v1/chat/completions`
    case chat
    /// `/v1/responses`
    case responses
    /// `/v1/messages`
    case messages
}

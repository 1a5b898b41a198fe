// The response headers of the real providers, as far as clients read them: content type, request id,
// processing time and rate limits. Request ids differ from call to call; the rest follows from the request.

struct ProviderHeaders {
    let family: ProviderFamily
    /// Tells this call from all others of the run.
    let sequence: UInt64
    let digest: ContentDigest

    var requestID: String {
        let unique = digest.combined(with: sequence)
        return family == .anthropic ? "req_011C" + unique.base62(20) : "req_" + unique.hex(32)
    }

    func json() -> [(String, String)] {
        [("content-type", "application/json")] + common
    }

    func events() -> [(String, String)] {
        [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")] + common
    }

    private var common: [(String, String)] {
        switch family {
        case .anthropic: anthropic
        case .openai: openAI
        case .deepseek: openAI + [("x-ds-trace-id", digest.hex(32))]
        }
    }

    private var openAI: [(String, String)] {
        [
            ("openai-organization", "cairn-practice"),
            ("openai-processing-ms", String(5 + digest.low % 90)),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", "1999000"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-reset-tokens", "30ms"),
            ("x-request-id", requestID),
        ]
    }

    private var anthropic: [(String, String)] {
        [
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", "3999"),
            ("anthropic-ratelimit-requests-reset", Self.resetTime),
            ("anthropic-ratelimit-input-tokens-limit", "2000000"),
            ("anthropic-ratelimit-input-tokens-remaining", "1999000"),
            ("anthropic-ratelimit-input-tokens-reset", Self.resetTime),
            ("anthropic-ratelimit-output-tokens-limit", "400000"),
            ("anthropic-ratelimit-output-tokens-remaining", "399000"),
            ("anthropic-ratelimit-output-tokens-reset", Self.resetTime),
            ("request-id", requestID),
        ]
    }

    /// One second after every answer was made (`createdSeconds`).
    private static let resetTime = "2025-10-09T08:53:21Z"
}

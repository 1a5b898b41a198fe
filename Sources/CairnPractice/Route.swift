// Which service a path means. Only the end of a path counts, so that every base URL works: `/v1`, none,
// `/anthropic`, `/api/openai/v1`.

enum Route: Sendable, Equatable {
    case health
    case requestLog
    case call(Dialect)
    case countTokens
    case embeddings
    case models
    case model(String)
    case unknown

    /// - Parameter path: without the query.
    init(path: String) {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self =
            switch path {
            case "/", "/health": .health
            case "/practice/requests": .requestLog
            case _ where path.hasSuffix("/chat/completions"): .call(.chat)
            case _ where path.hasSuffix("/messages/count_tokens"): .countTokens
            case _ where path.hasSuffix("/messages"): .call(.messages)
            case _ where path.hasSuffix("/responses"): .call(.responses)
            case _ where path.hasSuffix("/embeddings"): .embeddings
            case _ where path.hasSuffix("/models"): .models
            default: Self.modelName(in: path).map { .model($0) } ?? .unknown
            }
    }

    /// What follows the last `/models/`; model names may have slashes of their own.
    private static func modelName(in path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let folder = parts.lastIndex(of: "models"), folder + 1 < parts.count else { return nil }
        return percentDecoded(parts[(folder + 1)...].joined(separator: "/"))
    }

    private static func percentDecoded(_ text: String) -> String {
        var decoded: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                decoded.append(UInt8(digits[0] << 4 | digits[1]))
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    /// The dialect whose error envelope belongs to the route; nil where either may ask.
    var dialect: Dialect? {
        switch self {
        case .call(let dialect): dialect
        case .countTokens: .messages
        case .embeddings: .chat
        case .health, .requestLog, .models, .model, .unknown: nil
        }
    }
}

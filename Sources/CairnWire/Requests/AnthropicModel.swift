// What an Anthropic model accepts, read from its name. The API wants max_tokens with every request and changed how thinking
// is asked for between generations; names of other makers behind a messages endpoint count as the oldest.
//
// Sources: platform.claude.com/docs, models overview (maximum output), build-with-claude/extended-thinking,
// adaptive-thinking, effort and preserved-thinking.

/// A model as a messages encoder must know it, and as who shortens its prompts must.
public struct AnthropicModel: Sendable, Equatable {
    /// How thinking is asked for.
    enum Thinking: Sendable {
        /// `{"type":"enabled","budget_tokens":n}` only: up to 4.5.
        case budget
        /// `{"type":"adaptive"}` and output_config.effort, without `xhigh`: 4.6.
        case adaptive
        /// The same with `xhigh`; sampling parameters are refused: 4.7 and later.
        case adaptiveOnly
    }

    /// What the API does with thinking blocks of tool loops that are over.
    public enum EarlierThinking: Sendable {
        /// It leaves them out itself and bills nothing for them, or that is not known: Opus to 4.1, Sonnet to 4.5, all Haiku
        /// to 4.5, names of other makers.
        case ignored
        /// The model reads and the client pays them; they may be left out: Opus from 4.5, Sonnet from 4.6.
        case read
        /// The same, but a signature holds only for the very bytes in front of its block. With others the request is
        /// refused: all from 5.1.
        case bound
    }

    var thinking: Thinking
    public let earlierThinking: EarlierThinking
    /// max_tokens when the client names none: the most the model puts out, but no more than 64,000.
    var outputTokensDefault: Int
    var isClaude: Bool

    /// - Parameter name: the bytes of the name, without quotes.
    init(name: UnsafeBufferPointer<UInt8>) {
        let words = Self.words(of: name)
        isClaude = words.contains("claude")
        let numbers = words.compactMap { $0.count <= 2 ? Int($0) : nil }
        let version = isClaude && !numbers.isEmpty ? numbers[0] * 100 + (numbers.count > 1 ? numbers[1] : 0) : 0
        thinking = version >= 407 ? .adaptiveOnly : version >= 406 ? .adaptive : .budget
        if version > 500 {
            earlierThinking = .bound
        } else if version >= 405 && words.contains("opus") || version >= 406 && words.contains("sonnet") {
            earlierThinking = .read
        } else {
            earlierThinking = .ignored
        }
        switch version {
        case 405...: outputTokensDefault = 64000
        case 400...: outputTokensDefault = words.contains("sonnet") ? 64000 : 32000
        case 307..<400: outputTokensDefault = 64000
        case 305..<307: outputTokensDefault = 8192
        case 300..<305: outputTokensDefault = 4096
        default: outputTokensDefault = 32000
        }
    }

    public init(name: String) {
        var name = name
        self = name.withUTF8 { AnthropicModel(name: $0) }
    }

    /// Words of a name that are looked at.
    static let wordsMax = 16

    /// `claude-3-5-haiku-20241022`: claude, 3, 5, haiku, 20241022.
    private static func words(of name: UnsafeBufferPointer<UInt8>) -> [Substring] {
        String(decoding: name, as: UTF8.self).lowercased()
            .split(maxSplits: wordsMax, whereSeparator: { "-._/:@ ".contains($0) })
    }
}

// BilledUsage.swift: what a provider says it billed, in one form for all dialects. The gateway hands over the raw usage
// object of an answer (of a stream: merged). Absent and null fields are taken as the dialect means them; a number that
// cannot be is an error, because a wrong bill is worse than none.

import CairnCore

/// The billed tokens of a call.
public struct BilledUsage: Hashable, Sendable {
    /// A count above this is taken for nonsense; below it every sum and price stays exact.
    public static let tokensMax = 1_000_000_000

    public var tokens: TokenUsage
    /// Part of `tokens.output`; 0 if not reported.
    public var reasoning: Int
    /// Whether the provider said how much was read from its cache. If not, all input counts as missed.
    public var isHitKnown: Bool

    public init(tokens: TokenUsage, reasoning: Int = 0, isHitKnown: Bool = true) {
        self.tokens = tokens
        self.reasoning = reasoning
        self.isHitKnown = isHitKnown
    }

    /// The tokens hit; nil if the provider does not say.
    public var reportedHitTokens: Int? { isHitKnown ? tokens.hit : nil }

    /// How a dialect spells usage.
    public enum Dialect: Sendable {
        /// Chat completions, with the spellings of OpenAI and of DeepSeek.
        case chat
        /// Anthropic's messages.
        case messages
        /// OpenAI's responses.
        case responses
    }

    /// Reads a usage object.
    /// - Throws: `usage`, for bytes that are no JSON object, for a count that is no whole number from 0 to
    ///   ``tokensMax``, for one without the prompt's tokens, and for more cached tokens than prompt.
    /// - Complexity: one pass over the bytes; about two microseconds for a provider's usage.
    public init(_ json: [UInt8], dialect: Dialect) throws(LedgerError) {
        let fields: UsageFields
        do throws(CoreError) { fields = UsageFields(document: try JSONDocument(json)) } catch {
            throw LedgerError(kind: .usage, reason: "not JSON (\(error))")
        }
        guard fields.document[0].kind == .object else { throw LedgerError(kind: .usage, reason: "not an object") }
        switch dialect {
        case .chat: self = try fields.chat()
        case .messages: self = try fields.messages()
        case .responses: self = try fields.responses()
        }
    }
}

/// The counts of one usage object.
private struct UsageFields: ~Copyable {
    let document: JSONDocument

    /// https://api-docs.deepseek.com/api/create-chat-completion and OpenAI's object; `prompt_tokens` is the whole
    /// prompt.
    func chat() throws(LedgerError) -> BilledUsage {
        let details = object("prompt_tokens_details", in: 0)
        let deepseekHit = try count("prompt_cache_hit_tokens", in: 0)
        let hit = if let deepseekHit { deepseekHit } else { try count("cached_tokens", in: details) }
        return try billed(
            prompt: try required("prompt_tokens"), hit: hit, written: try count("cache_write_tokens", in: details),
            output: try count("completion_tokens", in: 0),
            reasoning: try count("reasoning_tokens", in: object("completion_tokens_details", in: 0)))
    }

    /// OpenAI's object; `input_tokens` is the whole prompt.
    func responses() throws(LedgerError) -> BilledUsage {
        let details = object("input_tokens_details", in: 0)
        return try billed(
            prompt: try required("input_tokens"), hit: try count("cached_tokens", in: details),
            written: try count("cache_write_tokens", in: details), output: try count("output_tokens", in: 0),
            reasoning: try count("reasoning_tokens", in: object("output_tokens_details", in: 0)))
    }

    /// https://platform.claude.com/docs/en/api/messages; `input_tokens` is what was neither read nor written.
    func messages() throws(LedgerError) -> BilledUsage {
        let miss = try required("input_tokens")
        let hit = try count("cache_read_input_tokens", in: 0)
        let written = try count("cache_creation_input_tokens", in: 0)
        let split = object("cache_creation", in: 0)
        let write1h = try count("ephemeral_1h_input_tokens", in: split) ?? 0
        let write5m = try count("ephemeral_5m_input_tokens", in: split) ?? 0
        // The sum counts: what it holds beyond the parts is of the default lifetime.
        let write = max(written ?? 0, write5m + write1h)
        return BilledUsage(
            tokens: TokenUsage(
                miss: miss, hit: hit ?? 0, write5m: write - write1h, write1h: write1h,
                output: try count("output_tokens", in: 0) ?? 0),
            isHitKnown: hit != nil || written != nil)
    }

    private func billed(
        prompt: Int, hit: Int?, written: Int?, output: Int?, reasoning: Int?
    ) throws(LedgerError) -> BilledUsage {
        let miss = prompt - (hit ?? 0) - (written ?? 0)
        guard miss >= 0 else { throw LedgerError(kind: .usage, reason: "more cached tokens than prompt tokens") }
        return BilledUsage(
            tokens: TokenUsage(miss: miss, hit: hit ?? 0, write5m: written ?? 0, output: output ?? 0),
            reasoning: reasoning ?? 0, isHitKnown: hit != nil)
    }

    private func required(_ key: StaticString) throws(LedgerError) -> Int {
        guard let value = try count(key, in: 0) else { throw LedgerError(kind: .usage, reason: "\(key) is missing") }
        return value
    }

    private func object(_ key: StaticString, in parent: Int) -> Int? {
        document.member(key, of: parent).flatMap { document[$0].kind == .object ? $0 : nil }
    }

    /// The count under a key; nil if it is absent or null, or there is no parent.
    private func count(_ key: StaticString, in parent: Int?) throws(LedgerError) -> Int? {
        guard let parent, let node = document.member(key, of: parent), document[node].kind != .null else { return nil }
        let value = document.withRaw(node) { (digits: UnsafeRawBufferPointer) -> Int? in
            guard digits.count <= 10 else { return nil }
            var value = 0
            for digit in digits {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                value = value * 10 + Int(digit - UInt8(ascii: "0"))
            }
            return value <= BilledUsage.tokensMax ? value : nil
        }
        guard let value else {
            throw LedgerError(kind: .usage, reason: "\(key) is not a whole number from 0 to \(BilledUsage.tokensMax)")
        }
        return value
    }
}

// CacheModel.swift: what a provider keeps of earlier prompts, as numbers. One family has one model; CacheState applies
// it to a session. The numbers come from the providers' documentation and, for DeepSeek, from recorded sessions
// (docs/ledger.md has the sources).

/// How long a provider keeps a cached prefix after its last use.
public enum CacheLifetime: Hashable, Sendable {
    case fiveMinutes
    case oneHour

    var milliseconds: Int64 { self == .fiveMinutes ? 300_000 : 3_600_000 }
}

/// The rules of one provider's prefix cache.
public struct CacheModel: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case none
        case automatic(AutomaticCache)
        case breakpoints(minimumTokens: Int)
    }

    let kind: Kind

    /// Nothing is kept.
    public static let none = CacheModel(kind: .none)

    /// DeepSeek: automatic, on disk. After a call the provider may hold two units, the prompt, and the prompt with its
    /// answer; a hit is whole units of 64 tokens. Unused prefixes go after "hours to days": 24 hours here, because
    /// taking a warm prefix for cold is the dearer mistake.
    public static let deepseek = CacheModel(
        kind: .automatic(
            AutomaticCache(
                unitTokens: 64, minimumTokens: 64, idleMilliseconds: 24 * 3_600_000, keepsAnswers: true,
                losesUnits: true)))

    /// OpenAI's retention of a prefix.
    public enum OpenAIRetention: Sendable {
        /// Cleared after 5 to 10 minutes without use: 10 here.
        case inMemory
        /// `prompt_cache_retention: 24h`.
        case extended
        /// From the 5.6 family on: 30 minutes, and writes are billed.
        case thirtyMinutes
    }

    /// OpenAI: automatic, prompts only; nothing below 1,024 tokens, then steps of 128.
    public static func openAI(_ retention: OpenAIRetention) -> CacheModel {
        let minutes: Int64 =
            switch retention {
            case .inMemory: 10
            case .extended: 24 * 60
            case .thirtyMinutes: 30
            }
        return CacheModel(
            kind: .automatic(
                AutomaticCache(
                    unitTokens: 128, minimumTokens: 1024, idleMilliseconds: minutes * 60_000,
                    writesAreBilled: retention == .thirtyMinutes)))
    }

    /// Anthropic: prefixes that ended at a breakpoint; a breakpoint finds them up to 20 blocks back.
    /// - Parameter minimumTokens: the shortest prefix that is kept: 512 to 4,096, by model
    ///   (``Price/cacheMinimumTokens``).
    public static func anthropic(minimumTokens: Int) -> CacheModel {
        CacheModel(kind: .breakpoints(minimumTokens: minimumTokens))
    }

    /// vLLM's automatic prefix caching: hashed blocks of 16 tokens; the last token of a prompt is always computed. Kept
    /// until memory runs out, which the gateway cannot see.
    public static let vllm = CacheModel(
        kind: .automatic(AutomaticCache(unitTokens: 16, minimumTokens: 16, keepsAnswers: true, readsWholePrompt: false))
    )

    /// SGLang's radix tree: single tokens; else as vLLM.
    public static let sglang = CacheModel(
        kind: .automatic(AutomaticCache(unitTokens: 1, minimumTokens: 1, keepsAnswers: true, readsWholePrompt: false)))

    /// The cache of a named price book: prompts and answers are kept for ever, in units.
    static func plain(unitTokens: Int, minimumTokens: Int) -> CacheModel {
        CacheModel(
            kind: .automatic(
                AutomaticCache(unitTokens: unitTokens, minimumTokens: minimumTokens, keepsAnswers: true)))
    }

    /// The model of a provider as the settings of an upstream name it; `none` for one that is not known.
    /// - Parameter price: gives Anthropic's minimum, and says whether OpenAI bills writes; without it, 1,024 and no.
    public static func of(provider: String, price: Price?) -> CacheModel {
        switch provider {
        case "deepseek": .deepseek
        case "openai":
            .openAI(price.map { $0.tokens.write5m != $0.tokens.miss } ?? false ? .thirtyMinutes : .inMemory)
        case "anthropic": .anthropic(minimumTokens: price?.cacheMinimumTokens ?? 1024)
        case "vllm": .vllm
        case "sglang": .sglang
        default: .none
        }
    }
}

// MARK: what planners ask

extension CacheModel {
    /// Nothing is ever read from it: every token is billed as a miss.
    public var keepsNothing: Bool { kind == .none }

    /// Whether the next prompt can read the answer before it from the cache.
    public var readsAnswers: Bool {
        if case .automatic(let cache) = kind { cache.keepsAnswers } else { false }
    }

    /// Whether a new prefix is billed at the price of a write.
    public var billsWrites: Bool {
        switch kind {
        case .none: false
        case .automatic(let cache): cache.writesAreBilled
        case .breakpoints: true
        }
    }

    /// Whether a prefix last used that long ago is gone.
    /// - Parameter lifetime: of its breakpoints, where it has some.
    public func isCold(afterMilliseconds idle: Int64, lifetime: CacheLifetime) -> Bool {
        switch kind {
        case .none: true
        case .automatic(let cache): cache.idleMilliseconds.map { idle > $0 } ?? false
        case .breakpoints: idle > lifetime.milliseconds
        }
    }
}

/// A cache that needs no hints.
struct AutomaticCache: Hashable, Sendable {
    /// Hits are multiples of this.
    var unitTokens: Int
    /// Shorter hits are none.
    var minimumTokens: Int
    /// Time without use after which a prefix is gone; nil: never.
    var idleMilliseconds: Int64?
    /// Whether an answer can be read as part of the next prompt.
    var keepsAnswers = false
    /// Whether a prompt may be read to its last token.
    var readsWholePrompt = true
    /// Whether what was written costs its own price.
    var writesAreBilled = false
    /// Whether the unit of a call is at times not there for the next one (``UnitRetention``).
    var losesUnits = false

    /// The part of a common prefix that can be read.
    func hit(prefixTokens: Int, promptTokens: Int) -> Int {
        let readable = min(prefixTokens, readsWholePrompt ? promptTokens : promptTokens - 1)
        let hit = max(0, readable) / unitTokens * unitTokens
        return hit >= minimumTokens ? hit : 0
    }

    func isWarm(_ touched: Moment, at moment: Moment) -> Bool {
        guard let idleMilliseconds else { return true }
        return moment.milliseconds - touched.milliseconds <= idleMilliseconds
    }
}

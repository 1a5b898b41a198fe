// Price.swift: what a model's tokens cost at a moment. A price is looked up once a call (PriceBook) and then turns any
// number of usages into money: billed, predicted, untouched, and every variant the epoch planner weighs.

/// Prices per million tokens.
public struct TokenPrices: Hashable, Sendable {
    public var miss: Money
    public var hit: Money
    public var write5m: Money
    public var write1h: Money
    public var output: Money

    /// A provider that does not charge for writing bills written tokens as misses: that is the default.
    public init(miss: Money, hit: Money, write5m: Money? = nil, write1h: Money? = nil, output: Money) {
        self.miss = miss
        self.hit = hit
        self.write5m = write5m ?? miss
        self.write1h = write1h ?? write5m ?? miss
        self.output = output
    }

    /// Rounded once, to the nearest nanodollar. Exact for every token count up to ``BilledUsage/tokensMax``.
    func cost(of usage: TokenUsage) -> Money {
        func millionfold(_ tokens: Int, _ price: Money) -> Int128 { Int128(tokens) * Int128(price.nanodollars) }
        let sum =
            millionfold(usage.miss, miss) + millionfold(usage.hit, hit) + millionfold(usage.write5m, write5m)
            + millionfold(usage.write1h, write1h) + millionfold(usage.output, output)
        return Money(clamping: (sum + 500_000) / 1_000_000)
    }
}

/// The price of one model at one moment.
public struct Price: Hashable, Sendable {
    /// Where it was found.
    public enum Origin: Hashable, Sendable {
        case builtIn
        case user
        /// A book of one price, selected by its name.
        case named(String)
    }

    public var origin: Origin
    /// The first day it holds; nil for a named book.
    public var from: CalendarDay?
    public var tokens: TokenPrices
    /// Applies to the whole call when its prompt is longer than `promptTokens`.
    public var longPrompt: LongPrompt?
    /// For engines one runs oneself.
    public var gpuSecond: Money
    /// The model's context window in tokens, prompt and answer together, where the book knows it.
    public var contextTokens: Int?
    /// The most tokens of a prompt, where the provider allows fewer than the window has room for.
    public var promptTokens: Int?
    /// The shortest prefix the provider caches for this model, where the book knows it.
    public var cacheMinimumTokens: Int?

    public struct LongPrompt: Hashable, Sendable {
        public var promptTokens: Int
        public var tokens: TokenPrices
    }

    /// The most tokens a prompt may have whose answer may have `outputTokens` (nil: the call does not say), where the book
    /// knows the window.
    public func promptTokensMax(outputTokens: Int?) -> Int? {
        guard let contextTokens else { return promptTokens }
        return max(0, min(promptTokens ?? .max, contextTokens - (outputTokens ?? 0)))
    }

    /// The prices of a call with this many prompt tokens.
    public func tokenPrices(promptTokens: Int) -> TokenPrices {
        guard let longPrompt, promptTokens > longPrompt.promptTokens else { return tokens }
        return longPrompt.tokens
    }

    /// What a call costs.
    /// - Parameter gpuMilliseconds: the engine's time for it; only counts where a price per GPU second is configured.
    public func cost(of usage: TokenUsage, gpuMilliseconds: Int64 = 0) -> Money {
        let tokenCost = tokenPrices(promptTokens: usage.prompt).cost(of: usage)
        guard gpuSecond != .zero else { return tokenCost }
        let gpuCost = (Int128(gpuSecond.nanodollars) * Int128(gpuMilliseconds) + 500) / 1000
        return tokenCost + Money(clamping: gpuCost)
    }
}

// TokenUsage.swift: the tokens of one call, split by what they cost. Billed, predicted and untouched usage of a call
// are all this value, so one function prices them all.

/// Tokens of a call by price class. The four input classes are disjoint and add up to the prompt.
public struct TokenUsage: Hashable, Sendable {
    /// Input at full price.
    public var miss: Int
    /// Input read from the provider's cache.
    public var hit: Int
    /// Input written to the cache for five minutes, or for the provider's only lifetime.
    public var write5m: Int
    /// Input written to the cache for one hour.
    public var write1h: Int
    /// Everything generated, reasoning included.
    public var output: Int

    public init(miss: Int = 0, hit: Int = 0, write5m: Int = 0, write1h: Int = 0, output: Int = 0) {
        self.miss = miss
        self.hit = hit
        self.write5m = write5m
        self.write1h = write1h
        self.output = output
    }

    public var prompt: Int { miss + hit + write5m + write1h }

    public static func + (left: TokenUsage, right: TokenUsage) -> TokenUsage {
        TokenUsage(
            miss: left.miss + right.miss, hit: left.hit + right.hit, write5m: left.write5m + right.write5m,
            write1h: left.write1h + right.write1h, output: left.output + right.output)
    }
}

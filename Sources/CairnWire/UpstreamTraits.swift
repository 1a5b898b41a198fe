// What an encoder must know of the provider beyond its dialect. Facts of providers stand here, in one table, and nowhere in
// the dialects.

/// What an upstream accepts and wants.
public struct UpstreamTraits: Sendable, Hashable {
    /// Who answers; generic for a base URL we know nothing of.
    public enum Family: UInt8, Sendable, CaseIterable {
        case generic
        case deepseek
        case openai
        case anthropic
        case vllm
        case sglang
    }

    public var family: Family
    /// The dialect it is spoken to in.
    public var dialect: Dialect

    public init(_ family: Family, dialect: Dialect) {
        self.family = family
        self.dialect = dialect
    }
}

// One rule that shortens a part when it first appears: the only moment at which that breaks no cached prefix.
// Strategies
// are values; the same part in the same content gives the same emission. What they may leave out then is what the model
// can read further up, word for word, and nothing else.

/// What is sent in the place of a part.
public struct Emission: Equatable, Sendable {
    public let bytes: [UInt8]
    /// The parts its markers point at, which must stay visible as long as it is.
    public let references: [Int]
    public let strategy: StrategyName

    init(_ bytes: [UInt8], references: [Int], by strategy: StrategyName) {
        self.bytes = bytes
        self.references = references
        self.strategy = strategy
    }
}

/// Which rule in which version. Journaled with each decision: a new version decides new sessions only.
public struct StrategyName: Hashable, Sendable {
    public let name: String
    public let version: Int

    public init(_ name: String, version: Int) {
        self.name = name
        self.version = version
    }
}

/// A rule for parts at birth.
public protocol Strategy: Sendable {
    var name: StrategyName { get }
    /// Where the rule applies at all; cheap.
    func applies(to part: ContextPart) -> Bool
    /// What to send instead, shorter than the part; nil to leave it alone.
    func shorten(_ part: ContextPart, in content: inout VisibleContent) -> Emission?
}

/// The rules for a part at birth: the shortest emission is taken, of equal ones the first.
public struct BirthStrategies: Sendable {
    public static let standard = BirthStrategies([ExactDuplicates(), SeenLineRuns(), RereadDiff()])

    public let strategies: [any Strategy]

    public init(_ strategies: [any Strategy]) { self.strategies = strategies }

    /// What to send in the place of a part that comes next.
    /// - Parameter off: strategies that are not asked.
    public func emission(
        for part: ContextPart, in content: inout VisibleContent, without off: Set<StrategyName> = []
    ) -> Emission? {
        if part.isKept { return nil }
        var best: Emission?
        for strategy in strategies where strategy.applies(to: part) && !off.contains(strategy.name) {
            guard let emission = strategy.shorten(part, in: &content), emission.bytes.count < part.bytes.count else {
                continue
            }
            if emission.bytes.count < best?.bytes.count ?? .max { best = emission }
        }
        return best
    }
}

// What one call tells of the strategies: what they left out, what for, and what of it was needed after all. Made while the
// call is shortened, told to the guard when the call is recorded.

import CairnCore

/// Something that was hidden or pointed at, and was needed.
public struct MissSign: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// The agent repeated a call and got what it had got before.
        case reread
        /// The agent wrote a line that a tool told it and that stands nowhere any more.
        case hiddenUse
        /// The model or the user asked for the original behind a handle.
        case expansion
    }

    public let kind: Kind
    /// The strategy that hid it.
    public let strategy: StrategyName

    public init(_ kind: Kind, of strategy: StrategyName) {
        self.kind = kind
        self.strategy = strategy
    }
}

/// Signs among parts that are new, since they were taken last.
public struct ContentSigns: Equatable, Sendable {
    public var misses: [MissSign] = []
    /// Results that are shown whole, and repeats of such calls with the same result: how often an agent asks twice although
    /// it can read the answer.
    public var visibleResults = 0
    public var visibleRepeats = 0

    public init() {}
}

/// What a call did and found.
public struct CallFindings: Equatable, Sendable {
    /// One part that was left out or replaced.
    public struct Replaced: Equatable, Sendable {
        public let strategy: StrategyName
        public let isEpoch: Bool
        /// What that is expected to save.
        public let forecastNanodollars: Int64

        public init(_ strategy: StrategyName, isEpoch: Bool, forecastNanodollars: Int64) {
            self.strategy = strategy
            self.isEpoch = isEpoch
            self.forecastNanodollars = forecastNanodollars
        }
    }

    public var replaced: [Replaced] = []
    public var signs = ContentSigns()
    /// What each of the misses is charged with; 0: the price is not known.
    public var missNanodollars: Int64 = 0

    public init() {}

    public var isEmpty: Bool { replaced.isEmpty && signs == ContentSigns() }
}

// What the strategies left out since the start, for /metrics: parts and bytes by strategy, rewrites by reason.

import CairnContext

/// Sums over all calls of mode full. Strategies are a handful, so the dictionaries stay small.
struct ShorteningTotals: Sendable, Equatable {
    struct Sum: Sendable, Equatable {
        var parts = 0
        var bytes = 0
    }

    private(set) var strategies: [String: Sum] = [:]
    private(set) var epochs: [String: Int] = [:]

    /// Adds what one call was the first to send shorter.
    mutating func add(_ parts: [ShortenedPart]) {
        var reason: String?
        for part in parts {
            strategies[part.strategy.name, default: Sum()].parts += 1
            strategies[part.strategy.name]!.bytes += part.bytesSaved
            if case .epoch(let why) = part.occasion { reason = why.words }
        }
        if let reason { epochs[reason, default: 0] += 1 }
    }
}

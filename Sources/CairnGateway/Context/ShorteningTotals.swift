// What the strategies left out since the start, for /metrics: parts and bytes by strategy, rewrites by reason; and how many
// calls and results had to be paired.

import CairnContext

/// Sums over all calls of the modes that change prompts. Strategies are a handful, so the dictionaries stay small.
struct ShorteningTotals: Sendable, Equatable {
    struct Sum: Sendable, Equatable {
        var parts = 0
        var bytes = 0
    }

    private(set) var strategies: [String: Sum] = [:]
    private(set) var epochs: [String: Int] = [:]
    private(set) var repairs: [PairingFault: Int] = [:]

    /// Adds what one call was the first to send shorter.
    mutating func add(_ parts: [ShortenedPart]) {
        var reason: String?
        for part in parts {
            if case .pairing(let fault) = part.occasion {
                repairs[fault, default: 0] += 1
                continue
            }
            strategies[part.strategy.name, default: Sum()].parts += 1
            strategies[part.strategy.name]!.bytes += part.bytesSaved
            if case .epoch(let why) = part.occasion { reason = why.words }
        }
        if let reason { epochs[reason, default: 0] += 1 }
    }
}

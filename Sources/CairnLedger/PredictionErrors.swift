// PredictionErrors.swift: how far predicted and reported hits were apart, over many calls. The report publishes it: who
// reads a dollar figure of the ledger should know how good the model behind it is.

/// The distribution of prediction errors, in tokens. Adding is exact; a quantile is rounded up to a whole step of 64
/// tokens below 8,192, and to a power of two above.
public struct PredictionErrors: Hashable, Sendable {
    private static let stepTokens = 64
    private static let stepCount = 128
    /// One bucket for no error, one a step, and one a power of two up to 2^30.
    private static let bucketCount = 1 + stepCount + 17

    /// Calls whose hits were predicted and reported.
    public private(set) var callCount = 0
    public private(set) var exactCount = 0
    /// Calls with an error of at most 128 tokens, the exact ones included.
    public private(set) var within128Count = 0
    /// Reported minus predicted, over all calls: negative when the model promises too much.
    public private(set) var sumTokens = 0
    private var buckets = [Int](repeating: 0, count: bucketCount)

    public init() {}

    public mutating func add(errorTokens: Int) {
        callCount += 1
        exactCount += errorTokens == 0 ? 1 : 0
        within128Count += errorTokens.magnitude <= 128 ? 1 : 0
        sumTokens += errorTokens
        buckets[PredictionErrors.bucket(errorTokens.magnitude)] += 1
    }

    public mutating func add(_ other: PredictionErrors) {
        callCount += other.callCount
        exactCount += other.exactCount
        within128Count += other.within128Count
        sumTokens += other.sumTokens
        for index in buckets.indices { buckets[index] += other.buckets[index] }
    }

    /// The smallest bound, in tokens, that at least this share of the calls stay within; nil without calls.
    /// - Parameter percent: 0 to 100.
    public func quantile(percent: Int) -> Int? {
        guard callCount > 0 else { return nil }
        let needed = max(1, (callCount * percent + 99) / 100)
        var seen = 0
        for (index, count) in buckets.enumerated() {
            seen += count
            if seen >= needed { return PredictionErrors.bound(index) }
        }
        return PredictionErrors.bound(PredictionErrors.bucketCount - 1)
    }

    private static func bucket(_ magnitude: UInt) -> Int {
        let steps = Int((magnitude + UInt(stepTokens) - 1) / UInt(stepTokens))
        guard steps > stepCount else { return steps }
        // 8,193...16,384 tokens are the first bucket behind the steps.
        let powers = Int.bitWidth - (steps - 1).leadingZeroBitCount - 7
        return min(stepCount + powers, bucketCount - 1)
    }

    private static func bound(_ bucket: Int) -> Int {
        bucket <= stepCount ? bucket * stepTokens : (stepTokens * stepCount) << (bucket - stepCount)
    }
}

// The bucket bounds of the histograms, and the search for a value's bucket. Bounds grow at least twofold, so between
// two powers of two there is at most one: the position of a value's highest bit gives its bucket but for one
// comparison.

/// Upper bounds of buckets, in nanoseconds, ascending. A value belongs to the first bucket whose bound is not below it
/// (`le` in Prometheus), or to the last one, `+Inf`.
struct HistogramScale: Sendable {
    /// Most bounds of a scale.
    static let boundsMax = 24

    /// Number of bounds; there is one bucket more.
    let boundCount: Int
    /// The bounds; unused places hold the largest value.
    private var bounds = [25 of UInt64](repeating: .max)
    /// For every bit width of a value (0...64): how many bounds are below all values of that width.
    private var boundsBelowWidth = [65 of UInt8](repeating: 0)

    /// - Precondition: ascending bounds of which each is at least twice the one before.
    init(nanoseconds: [UInt64]) {
        precondition(nanoseconds.count <= Self.boundsMax, "too many bounds")
        precondition(zip(nanoseconds, nanoseconds.dropFirst()).allSatisfy { $0 * 2 <= $1 }, "bounds grow twofold")
        boundCount = nanoseconds.count
        for (index, bound) in nanoseconds.enumerated() { bounds[index] = bound }
        for width in 1...64 {
            let smallest = UInt64(1) << (width - 1)
            boundsBelowWidth[width] = UInt8(nanoseconds.count { $0 < smallest })
        }
    }

    var bucketCount: Int { boundCount + 1 }

    func bound(_ index: Int) -> UInt64 { bounds[index] }

    /// The index of the bucket that counts `nanoseconds`. A table look-up and a comparison.
    @inline(__always)
    func bucket(of nanoseconds: UInt64) -> Int {
        let index = Int(boundsBelowWidth[64 - nanoseconds.leadingZeroBitCount])
        return index + (nanoseconds > bounds[index] ? 1 : 0)
    }

    /// 50 us to 600 s: whole calls and waits for an upstream's first byte.
    static let calls = HistogramScale(
        nanoseconds: [50, 100, 250, 500, 1000, 2500].map { $0 * microsecond }
            + [5, 10, 25, 50, 100, 250, 500].map { $0 * millisecond }
            + [1, 3, 10, 30, 60, 120, 300, 600].map { $0 * second })

    /// 5 us to 1 s: the gateway's own work.
    static let ownWork = HistogramScale(
        nanoseconds: [5, 10, 25, 50, 100, 250, 500, 1000, 2500].map { $0 * microsecond }
            + [5, 10, 25, 50, 100, 250, 1000].map { $0 * millisecond })

    private static let microsecond: UInt64 = 1000
    private static let millisecond: UInt64 = 1_000_000
    private static let second: UInt64 = 1_000_000_000
}

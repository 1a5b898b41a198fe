// A difference between a turn as the client sent it and as it was emitted: one stretch replaced. The lineage keeps it
// instead of the emission, which is mostly the client's own bytes, at hand in every call.

import Glibc

/// Bytes `start ..< end` replaced by `bytes`.
struct ByteSplice: Sendable, Equatable {
    var start: Int
    var end: Int
    var bytes: [UInt8]

    func applied(to original: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        precondition(start >= 0 && start <= end && end <= original.count, "a splice lies inside its original")
        return [UInt8](unsafeUninitializedCapacity: original.count - (end - start) + bytes.count) { out, count in
            _ = out[0..<start].initialize(fromContentsOf: original[0..<start])
            _ = out[start..<start + bytes.count].initialize(fromContentsOf: bytes)
            let rest = original[end...]
            _ = out[(start + bytes.count)..<(start + bytes.count + rest.count)].initialize(fromContentsOf: rest)
            count = start + bytes.count + rest.count
        }
    }

    /// The least stretch that makes `original` into `changed`.
    init(from original: UnsafeBufferPointer<UInt8>, to changed: [UInt8]) {
        let shorter = min(original.count, changed.count)
        var front = 0
        while front < shorter, original[front] == changed[front] { front += 1 }
        var back = 0
        while back < shorter - front, original[original.count - 1 - back] == changed[changed.count - 1 - back] {
            back += 1
        }
        start = front
        end = original.count - back
        bytes = Array(changed[front..<changed.count - back])
    }
}

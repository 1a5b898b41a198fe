// Bytes under their digests, as many as a budget allows: what may be sent again in place of a client's respelled turn. The
// store has all of them; this spares the disk in the calls of live sessions.

import CairnCore

/// Two generations of bytes: what is used moves to the young one; when that is full, the old one goes.
struct BlobCache {
    /// Bytes of both generations together.
    let bytesMax: Int
    private var young: [Fingerprint: [UInt8]] = [:]
    private var old: [Fingerprint: [UInt8]] = [:]
    private var youngBytes = 0

    /// What an entry takes besides its bytes.
    private static let overheadBytes = 96

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    mutating func insert(_ digest: Fingerprint, _ bytes: [UInt8]) {
        guard young[digest] == nil else { return }
        let cost = bytes.count + Self.overheadBytes
        guard cost <= bytesMax / 4 else { return }
        if youngBytes + cost > bytesMax / 2 {
            old = young
            young = [:]
            youngBytes = 0
        }
        young[digest] = bytes
        youngBytes += cost
    }

    mutating func find(_ digest: Fingerprint) -> [UInt8]? {
        if let bytes = young[digest] { return bytes }
        guard let bytes = old[digest] else { return nil }
        insert(digest, bytes)
        return bytes
    }
}

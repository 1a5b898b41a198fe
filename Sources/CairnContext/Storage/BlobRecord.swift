// Bytes that are kept under their digest: a turn as the client sent it, a list of tools, an emission that differs from
// the client's bytes, a stored response. Turns of coding agents are 100 bytes to 200 KB; most are text.

import CairnCore

/// Bytes and their digest. Stored once, whoever appends them and however often.
public struct BlobRecord: Equatable, Sendable {
    public let digest: Fingerprint
    public let bytes: [UInt8]
}

extension BlobRecord {
    /// Takes the bytes and computes their digest: one hash pass.
    public init(_ bytes: [UInt8]) {
        digest = bytes.withUnsafeBytes { Fingerprint(of: $0) }
        self.bytes = bytes
    }
}

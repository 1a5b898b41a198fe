// The stored forms of the lineage, written and read from the front: big-endian integers, digests and plain bytes.

import CairnCore

/// Writes a stored form.
struct StoredWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(bytes more: [UInt8]) { bytes += more }
}

/// Reads stored bytes from the front; nil where they end too early.
struct StoredReader {
    private let stored: [UInt8]
    private var position = 0

    init(_ stored: [UInt8]) { self.stored = stored }

    mutating func byte() -> UInt8? { integer(UInt8.self) }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
        let count = MemoryLayout<Value>.size
        guard stored.count - position >= count else { return nil }
        defer { position += count }
        return stored[position..<position + count].reduce(0) { count > 1 ? $0 << 8 | Value($1) : Value($1) }
    }

    mutating func bytes(_ count: Int) -> [UInt8]? {
        guard count >= 0, stored.count - position >= count else { return nil }
        defer { position += count }
        return Array(stored[position..<position + count])
    }

    mutating func fingerprint() -> Fingerprint? {
        bytes(Fingerprint.storedBytes).flatMap { bytes in bytes.withUnsafeBytes { try? Fingerprint(stored: $0) } }
    }
}

// A key (of a provider, or for the admin endpoints) that must never be printed by accident.
// Settings hold keys only in this type; the gateway calls `reveal()` where it writes the header and
// `matches` where it checks one.

/// A key that prints as `<secret>` and compares in constant time.
public struct Secret: Sendable {
    private let bytes: [UInt8]

    /// Longest key, in bytes.
    public static let bytesMax = 8192

    /// Takes any text. Keys that come from users pass `init(parsing:)`.
    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// Takes text that can stand in a header field: 1 to `bytesMax` visible ASCII characters, no
    /// spaces. The error does not quote the text.
    public init(parsing text: String) throws(SettingsError) {
        guard !text.isEmpty else { throw SettingsError("the key is empty") }
        guard text.utf8.count <= Secret.bytesMax else {
            throw SettingsError("the key is longer than \(Secret.bytesMax) bytes")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SettingsError("a key is made of visible ASCII characters, without spaces")
        }
        self.init(text)
    }

    /// The key itself. Do not log, store or show it.
    public func reveal() -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the candidate is this key. The time depends on the two lengths only, never on the
    /// key's bytes.
    public func matches(_ candidate: String) -> Bool {
        var candidate = candidate
        return candidate.withUTF8 { matches($0) }
    }

    private func matches(_ candidate: UnsafeBufferPointer<UInt8>) -> Bool {
        guard !bytes.isEmpty else { return candidate.isEmpty }

        var difference: UInt8 = bytes.count == candidate.count ? 0 : 1
        var position = 0
        for byte in candidate {
            difference |= byte ^ bytes[position]
            position += 1
            if position == bytes.count { position = 0 }
        }
        return difference == 0
    }
}

extension Secret: Equatable {
    public static func == (left: Secret, right: Secret) -> Bool {
        right.bytes.withUnsafeBufferPointer { left.matches($0) }
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "<secret>" }
    public var debugDescription: String { "<secret>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

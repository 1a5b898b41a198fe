// Opaque thinking state of one dialect inside another's field for it, so that it survives a client that only knows its own:
// Anthropic's signature travels to a responses client as encrypted_content, OpenAI's cipher text to a messages client as a
// signature. The provider that made it gets it back as it was; nobody else is ever shown it.
//
//     cairn1.<dialect>.<base64url of the opaque text>            e.g. cairn1.messages.RXFvQ...
//     cairn1.<dialect>.redacted.<base64url of the opaque text>   Anthropic's redacted_thinking: there is no text beside it

import CairnCore

/// The carrying form of opaque thinking state.
public enum CarriedThinking {
    static let prefix = "cairn1."
    private static let redactedMark = "redacted."

    /// `opaque` (a JSON string) of `origin` as it is shown to clients of another dialect: a JSON string. Deterministic.
    public static func wrap(_ opaque: String, of origin: Dialect, isRedacted: Bool = false) -> String {
        prefix + origin.name + "." + (isRedacted ? redactedMark : "") + base64URL(Array(opaque.utf8))
    }

    /// What `carried` holds, if it is a carrying form; nil if it is a dialect's own opaque state.
    public static func unwrap(_ carried: String) -> (opaque: String, origin: Dialect, isRedacted: Bool)? {
        guard carried.hasPrefix(prefix) else { return nil }
        let rest = carried.dropFirst(prefix.count)
        guard let dot = rest.firstIndex(of: "."), let origin = Dialect(name: rest[..<dot]) else { return nil }
        var encoded = rest[rest.index(after: dot)...]
        let isRedacted = encoded.hasPrefix(redactedMark)
        if isRedacted { encoded = encoded.dropFirst(redactedMark.count) }
        guard let bytes = bytes(base64URL: encoded), let opaque = String(validating: bytes, as: UTF8.self)
        else { return nil }
        return (opaque, origin, isRedacted)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// RFC 4648 section 5, without padding.
    private static func base64URL(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count * 4 + 2) / 3)
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            var group: UInt32 = 0
            for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0) }
            for offset in 0...count { out.append(alphabet[Int(group >> UInt32(18 - 6 * offset)) & 63]) }
            index += 3
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func value(ofDigit byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }

    private static func bytes(base64URL text: Substring) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count * 3 / 4)
        var group: UInt32 = 0
        var bitCount: UInt32 = 0
        for byte in text.utf8 {
            guard let value = value(ofDigit: byte) else { return nil }
            group = group << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                out.append(UInt8(truncatingIfNeeded: group >> bitCount))
            }
        }
        return out
    }
}

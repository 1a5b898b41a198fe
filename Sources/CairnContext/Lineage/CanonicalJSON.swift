// JSON values in the one form in which equal values have equal bytes (RFC 8785, numbers as spelled).

import CairnCore
import Glibc

enum CanonicalJSON {
    /// The canonical form. Bytes that are no JSON come back as they are: they are equal to themselves only.
    static func form(of bytes: [UInt8]) -> [UInt8] {
        guard let document = try? JSONDocument(bytes) else { return bytes }
        return document.canonical(0)
    }

    /// Whether the bytes are a string whose spelling is canonical already: it has no escape but those of quotes,
    /// backslashes and line ends.
    /// - Complexity: one memchr pass and a step an escape.
    static func isPlainString(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count >= 2, bytes[0] == UInt8(ascii: "\""), let base = bytes.baseAddress else { return false }
        var position = 1
        while position < bytes.count,
            let hit = memchr(base + position, Int32(UInt8(ascii: "\\")), bytes.count - position)
        {
            let index = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
            switch bytes[index + 1] {
            case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "t"), UInt8(ascii: "r"):
                position = index + 2
            default: return false
            }
        }
        return true
    }
}

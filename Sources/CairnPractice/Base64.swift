// Base64 (RFC 4648, section 4, with padding), for embeddings in base64 and for signatures.

/// The bytes in base64.
func base64(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let second = start + 1 < bytes.count ? bytes[start + 1] : 0
        let third = start + 2 < bytes.count ? bytes[start + 2] : 0
        let group = UInt32(bytes[start]) << 16 | UInt32(second) << 8 | UInt32(third)
        text.append(base64Digits[Int(group >> 18)])
        text.append(base64Digits[Int(group >> 12 & 63)])
        text.append(start + 1 < bytes.count ? base64Digits[Int(group >> 6 & 63)] : UInt8(ascii: "="))
        text.append(start + 2 < bytes.count ? base64Digits[Int(group & 63)] : UInt8(ascii: "="))
    }
    return String(decoding: text, as: UTF8.self)
}

private let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

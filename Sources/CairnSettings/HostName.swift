// Host names and addresses as they stand in URLs, in --listen and in --allow-host, and the ASCII
// classes they are made of.

import Glibc

/// Parsing of a host: a DNS name, an IPv4 address, or an IPv6 address in brackets.
enum HostName {
    /// Longest name, in bytes (RFC 1035, 2.3.4).
    static let bytesMax = 253

    /// The host in lower case; an IPv6 address without brackets and in its shortest form. The error
    /// does not quote the text.
    static func parse(_ text: Substring) throws(SettingsError) -> String {
        guard !text.isEmpty else { throw SettingsError("the host is missing") }
        if text.first == "[" || text.utf8.contains(UInt8(ascii: ":")) { return try parseBracketed(text) }

        guard text.utf8.count <= bytesMax else {
            throw SettingsError("the host is longer than \(bytesMax) bytes")
        }
        let hasGoodBytes = text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "-._".utf8.contains($0) }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard hasGoodBytes, labels.allSatisfy({ (1...63).contains($0.utf8.count) }) else {
            throw SettingsError("the host must be a name of letters, digits, - and ., or an IP address")
        }
        let isNumeric = labels.last?.utf8.allSatisfy(isDigit) ?? false
        guard !isNumeric || IPAddress.isVersion4(String(text)) else {
            throw SettingsError("the host is neither a name nor a complete IPv4 address")
        }
        return text.lowercased()
    }

    private static func parseBracketed(_ text: Substring) throws(SettingsError) -> String {
        guard text.first == "[", text.last == "]",
            let address = IPAddress.version6(String(text.dropFirst().dropLast()))
        else { throw SettingsError("an IPv6 address is written in brackets, as [::1]") }
        return address
    }
}

/// Textual IP addresses, read by the C library.
enum IPAddress {
    /// Whether the text is four decimal numbers, as 127.0.0.1.
    static func isVersion4(_ text: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1
    }

    /// The 4 bytes of an IPv4 address (also of one mapped into IPv6) or the 16 of an IPv6 address, in network order; nil
    /// for any other text.
    static func bytes(of text: String) -> [UInt8]? {
        var version4 = in_addr()
        if inet_pton(AF_INET, text, &version4) == 1 { return withUnsafeBytes(of: version4) { Array($0) } }
        var version6 = in6_addr()
        guard inet_pton(AF_INET6, text, &version6) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: version6) { Array($0) }
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        return bytes.starts(with: mapped) ? Array(bytes.dropFirst(12)) : bytes
    }

    /// The address in its shortest form (RFC 5952), or nil if the text is not an IPv6 address.
    /// Zones (`%eth0`) are not accepted.
    static func version6(_ text: String) -> String? {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
        let shortest = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) {
            buffer in
            inet_ntop(AF_INET6, &address, buffer.baseAddress, socklen_t(buffer.count)).map {
                String(cString: $0)
            }
        }
        return shortest
    }
}

func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
}

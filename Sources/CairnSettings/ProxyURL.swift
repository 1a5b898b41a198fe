// The URL of a forward proxy, from the configuration file or from the environment. User name and password are taken out
// of it here and kept as secrets; errors never quote the URL, because they may stand in it.

/// A proxy through which an upstream is reached. Prints as `scheme://host:port`, without user name and password.
public struct ProxyURL: Equatable, Sendable {
    public enum Scheme: String, CaseIterable, Sendable {
        case http, https, socks4, socks4a, socks5, socks5h

        /// As curl has it.
        public var defaultPort: UInt16 { self == .https ? 443 : 1080 }
    }

    public let scheme: Scheme
    /// A lower-case name, an IPv4 address, or an IPv6 address without brackets.
    public let host: String
    public let port: UInt16
    /// Decoded; nil: the proxy asks for none.
    public let user: Secret?
    /// Decoded. Nil without a user.
    public let password: Secret?

    /// Longest URL, in bytes.
    public static let bytesMax = 2048
    /// Longest user name and longest password, in bytes (RFC 1929: a length is one byte).
    public static let credentialBytesMax = 255

    /// From `scheme://user:password@host:port/`, of which only the host is needed: without a scheme it is http. User name
    /// and password are percent-encoded where they hold `:`, `@`, `/` or `%`.
    public init(parsing text: String) throws(SettingsError) {
        guard text.utf8.count <= ProxyURL.bytesMax else {
            throw SettingsError("the proxy URL is longer than \(ProxyURL.bytesMax) bytes")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SettingsError(
                "the proxy URL holds a space, a control character or a character that is not ASCII")
        }
        let (scheme, rest) = try ProxyURL.splitScheme(text)
        let authority = rest.prefix { $0 != "/" }
        guard ["", "/"].contains(rest.dropFirst(authority.count)) else {
            throw SettingsError("the proxy URL must end behind host and port; a / in a password is written %2F")
        }

        let at = authority.lastIndex(of: "@")
        let hostAndPort = at.map { authority[authority.index(after: $0)...] } ?? authority
        let (hostText, portText) = UpstreamURL.splitAuthority(hostAndPort)
        self.scheme = scheme
        host = try HostName.parse(hostText)
        port = try UpstreamURL.parsePort(portText) ?? scheme.defaultPort
        (user, password) = try ProxyURL.credentials(at.map { authority[..<$0] })
        guard password == nil || ![.socks4, .socks4a].contains(scheme) else {
            throw SettingsError("SOCKS 4 knows no password; use socks5 or socks5h")
        }
    }

    private static func splitScheme(_ text: String) throws(SettingsError) -> (Scheme, Substring) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return (.http, text[...]) }
        guard let scheme = Scheme(rawValue: text[..<colon].lowercased()) else {
            throw SettingsError(
                "expected a proxy URL that starts with \(SettingsText.choices(Scheme.allCases.map { "\($0.rawValue)://" }))"
            )
        }
        return (scheme, text[colon...].dropFirst(3))
    }

    private static func credentials(_ text: Substring?) throws(SettingsError) -> (Secret?, Secret?) {
        guard let text, !text.isEmpty else { return (nil, nil) }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let user = try decoded(parts[0])
        guard !user.utf8.contains(UInt8(ascii: ":")) else {
            throw SettingsError("the proxy's user name must not hold a colon")
        }
        return (Secret(user), parts.count == 2 ? Secret(try decoded(parts[1])) : nil)
    }

    private static func decoded(_ text: Substring) throws(SettingsError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let value = UInt8(rest.prefix(2).map { String(UnicodeScalar($0)) }.joined(), radix: 16)
            else {
                throw SettingsError(
                    "the proxy's user name or password has a % that two hexadecimal digits do not follow")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard bytes.count <= credentialBytesMax else {
            throw SettingsError("the proxy's user name or password is longer than \(credentialBytesMax) bytes")
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), let decoded = String(validating: bytes, as: UTF8.self)
        else {
            throw SettingsError("the proxy's user name or password holds a control character or is not UTF-8")
        }
        return decoded
    }
}

extension ProxyURL: CustomStringConvertible {
    public var description: String {
        "\(scheme.rawValue)://\(host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host):\(port)"
    }
}

/// What the key `proxy` of an upstream says; where it is not given, the environment decides (`ProxyRule`).
enum ProxyChoice: Equatable {
    /// `none`
    case direct
    case through(ProxyURL)

    init(parsing text: String) throws(SettingsError) {
        self = text == "none" ? .direct : .through(try ProxyURL(parsing: text))
    }
}

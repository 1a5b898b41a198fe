// The base URL of an upstream, checked once at start so that the gateway can join paths to it
// without parsing. Follows RFC 3986 with less freedom: http and https only, no user, no query, no
// fragment, ASCII only. Errors never quote the URL: a key may have been pasted into it.

/// Where an upstream answers. A URL with and without a final `/v1` is the same upstream.
///
///     https://host/anthropic/v1/  ->  https, host, 443, pathPrefix "/anthropic"
///     http://[::1]:8000           ->  http, ::1, 8000, pathPrefix ""
public struct UpstreamURL: Equatable, Hashable, Sendable {
    public enum Scheme: String, Sendable {
        case http, https

        public var defaultPort: UInt16 { self == .http ? 80 : 443 }
    }

    public let scheme: Scheme
    /// A lower-case name, an IPv4 address, or an IPv6 address without brackets.
    public let host: String
    public let port: UInt16
    /// What stands before `/v1/...` in a request target: empty, or `/` and more, without a final
    /// slash, percent-encoded as given.
    public let pathPrefix: String

    /// Longest URL, in bytes.
    public static let bytesMax = 2048

    /// From parts that are known to be right; `port` nil means the scheme's own.
    init(scheme: Scheme, host: String, port: UInt16? = nil, pathPrefix: String = "") {
        self.scheme = scheme
        self.host = host
        self.port = port ?? scheme.defaultPort
        self.pathPrefix = pathPrefix
    }

    /// From a user's text.
    public init(parsing text: String) throws(SettingsError) {
        guard text.utf8.count <= UpstreamURL.bytesMax else {
            throw SettingsError("the URL is longer than \(UpstreamURL.bytesMax) bytes")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SettingsError("the URL holds a space, a control character or a character that is not ASCII")
        }
        guard let (scheme, afterScheme) = UpstreamURL.splitScheme(text) else {
            throw SettingsError("expected a URL that starts with http:// or https://")
        }
        guard !afterScheme.utf8.contains(UInt8(ascii: "?")), !afterScheme.utf8.contains(UInt8(ascii: "#"))
        else {
            throw SettingsError("the URL must not have a query (?) or a fragment (#)")
        }
        let authority = afterScheme.prefix { $0 != "/" }
        guard !authority.utf8.contains(UInt8(ascii: "@")) else {
            throw SettingsError(
                "the URL must not hold a user name or password; give the key with --api-key or api_key")
        }

        let (hostText, portText) = UpstreamURL.splitAuthority(authority)
        try self.init(
            scheme: scheme, host: HostName.parse(hostText),
            port: UpstreamURL.parsePort(portText),
            pathPrefix: UpstreamURL.parsePathPrefix(afterScheme.dropFirst(authority.count)))
    }

    /// The value of the Host field: host, in brackets if it is an IPv6 address, and the port unless
    /// it is the scheme's own.
    public var hostHeader: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == scheme.defaultPort ? name : "\(name):\(port)"
    }
}

extension UpstreamURL: CustomStringConvertible {
    /// The URL in its shortest form, without `/v1`.
    public var description: String { "\(scheme.rawValue)://\(hostHeader)\(pathPrefix)" }
}

// MARK: - Parsing

extension UpstreamURL {
    private static func splitScheme(_ text: String) -> (Scheme, Substring)? {
        guard let colon = text.firstIndex(of: ":"), let scheme = Scheme(rawValue: text[..<colon].lowercased())
        else {
            return nil
        }
        let rest = text[colon...]
        return rest.hasPrefix("://") ? (scheme, rest.dropFirst(3)) : nil
    }

    /// Splits `host`, `host:port`, `[address]` and `[address]:port`; the host keeps its brackets,
    /// the port is nil if absent.
    static func splitAuthority(_ authority: Substring) -> (Substring, Substring?) {
        let portSeparator = authority.lastIndex(of: ":")
        let insideBrackets = authority.lastIndex(of: "]").map { $0 > portSeparator ?? $0 } ?? false
        guard let portSeparator, !insideBrackets else { return (authority, nil) }
        return (authority[..<portSeparator], authority[authority.index(after: portSeparator)...])
    }

    /// Nil, and an empty port as in `http://host:/`, mean the scheme's own port (RFC 3986, 3.2.3).
    static func parsePort(_ text: Substring?) throws(SettingsError) -> UInt16? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.allSatisfy(isDigit), let port = UInt16(text), port > 0 else {
            throw SettingsError("the URL's port must be a number from 1 to 65535")
        }
        return port
    }

    private static func parsePathPrefix(_ path: Substring) throws(SettingsError) -> String {
        var path = path.dropTrailingSlashes()
        if path.hasSuffix("/v1") { path = path.dropLast(3).dropTrailingSlashes() }
        for segment in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        where !path.isEmpty {
            guard !segment.isEmpty, segment != ".", segment != ".." else {
                throw SettingsError("the URL's path must not have empty, . or .. segments")
            }
            try checkSegment(segment)
        }
        return String(path)
    }

    /// RFC 3986, 3.3: unreserved and sub-delims characters, ":", "@", and % with two hexadecimal
    /// digits.
    private static func checkSegment(_ segment: Substring) throws(SettingsError) {
        var bytes = segment.utf8[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = bytes.popFirst(), let low = bytes.popFirst(), isHexDigit(high),
                    isHexDigit(low)
                else {
                    throw SettingsError("the URL's path has a % that two hexadecimal digits do not follow")
                }
            } else if !isLetter(byte), !isDigit(byte), !"-._~!$&'()*+,;=:@".utf8.contains(byte) {
                throw SettingsError("the URL's path has a character that must be percent-encoded")
            }
        }
    }
}

extension Substring {
    fileprivate func dropTrailingSlashes() -> Substring {
        var path = self
        while path.last == "/" { path.removeLast() }
        return path
    }
}

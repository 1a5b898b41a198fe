import CairnSettings
import Testing

struct UpstreamURLTests {
    @Test(arguments: [
        ("http://host", "http", "host", 80, "", "host"),
        ("https://host", "https", "host", 443, "", "host"),
        ("HTTPS://Host.Example", "https", "host.example", 443, "", "host.example"),
        ("http://host/", "http", "host", 80, "", "host"),
        ("http://host/v1", "http", "host", 80, "", "host"),
        ("http://host/v1/", "http", "host", 80, "", "host"),
        ("http://host///", "http", "host", 80, "", "host"),
        ("http://host:8000", "http", "host", 8000, "", "host:8000"),
        ("http://host:80/v1", "http", "host", 80, "", "host"),
        ("https://host:80", "https", "host", 80, "", "host:80"),
        ("https://host:443", "https", "host", 443, "", "host"),
        ("http://host:", "http", "host", 80, "", "host"),
        ("http://host:65535", "http", "host", 65535, "", "host:65535"),
        (
            "https://api.deepseek.com/anthropic", "https", "api.deepseek.com", 443, "/anthropic",
            "api.deepseek.com"
        ),
        (
            "https://api.deepseek.com/anthropic/v1", "https", "api.deepseek.com", 443, "/anthropic",
            "api.deepseek.com"
        ),
        (
            "https://api.deepseek.com/anthropic/v1/", "https", "api.deepseek.com", 443, "/anthropic",
            "api.deepseek.com"
        ),
        ("http://host/api/openai", "http", "host", 80, "/api/openai", "host"),
        ("http://host/v1/v1", "http", "host", 80, "/v1", "host"),
        ("http://host/v1beta", "http", "host", 80, "/v1beta", "host"),
        ("http://host/V1", "http", "host", 80, "/V1", "host"),
        ("http://host/xv1", "http", "host", 80, "/xv1", "host"),
        ("http://host/a%2Fb/v1", "http", "host", 80, "/a%2Fb", "host"),
        ("http://host/a=b;c@d:e", "http", "host", 80, "/a=b;c@d:e", "host"),
        ("http://127.0.0.1:8000", "http", "127.0.0.1", 8000, "", "127.0.0.1:8000"),
        ("http://[::1]:8000/v1", "http", "::1", 8000, "", "[::1]:8000"),
        ("http://[::1]", "http", "::1", 80, "", "[::1]"),
        ("https://[2001:DB8:0:0:0:0:0:1]/x", "https", "2001:db8::1", 443, "/x", "[2001:db8::1]"),
        ("http://[::ffff:127.0.0.1]", "http", "::ffff:127.0.0.1", 80, "", "[::ffff:127.0.0.1]"),
        ("http://my_service.local", "http", "my_service.local", 80, "", "my_service.local"),
        ("http://1.example", "http", "1.example", 80, "", "1.example"),
    ])
    func `a good URL is split`(
        _ text: String, scheme: String, host: String, port: UInt16, pathPrefix: String, hostHeader: String
    ) throws {
        let url = try UpstreamURL(parsing: text)

        #expect(url.scheme.rawValue == scheme)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.pathPrefix == pathPrefix)
        #expect(url.hostHeader == hostHeader)
        #expect(try UpstreamURL(parsing: url.description + "/v1") == url)
    }

    static let noScheme = "expected a URL that starts with http:// or https://"
    static let badBytes = "the URL holds a space, a control character or a character that is not ASCII"
    static let badQuery = "the URL must not have a query (?) or a fragment (#)"
    static let badUser =
        "the URL must not hold a user name or password; give the key with --api-key or api_key"
    static let badPort = "the URL's port must be a number from 1 to 65535"
    static let badHost = "the host must be a name of letters, digits, - and ., or an IP address"
    static let badVersion4 = "the host is neither a name nor a complete IPv4 address"
    static let badVersion6 = "an IPv6 address is written in brackets, as [::1]"
    static let badSegment = "the URL's path must not have empty, . or .. segments"
    static let badPercent = "the URL's path has a % that two hexadecimal digits do not follow"
    static let badPath = "the URL's path has a character that must be percent-encoded"

    @Test(arguments: [
        ("", noScheme), ("host", noScheme), ("host:8000", noScheme), ("ftp://host", noScheme),
        ("file:///etc/passwd", noScheme), ("http:/host", noScheme), ("http:host", noScheme),
        ("//host", noScheme),
        ("http://ho st", badBytes), ("http://host/\u{0}", badBytes), ("http://host\r\nX: y", badBytes),
        ("http://h\u{f6}st", badBytes), ("http://host/\u{7f}", badBytes),
        ("http://host?key=secret", badQuery), ("http://host/v1?", badQuery), ("http://host#x", badQuery),
        ("http://user:secret@host", badUser), ("http://@host", badUser), ("http://secret@host/v1", badUser),
        ("http://", "the host is missing"), ("http:///v1", "the host is missing"),
        ("http://:80", "the host is missing"),
        ("http://host:0", badPort), ("http://host:65536", badPort), ("http://host:80x", badPort),
        ("http://host:-1", badPort), ("http://host:+80", badPort),
        ("http://a..b", badHost), ("http://host.", badHost), ("http://h%6Fst", badHost),
        ("http://h*st", badHost),
        ("http://127.0.0", badVersion4), ("http://2130706433", badVersion4),
        ("http://127.0.0.256", badVersion4),
        ("http://::1", badVersion6), ("http://[::1", badVersion6), ("http://[::g]", badVersion6),
        ("http://[127.0.0.1]", badVersion6), ("http://[fe80::1%25eth0]", badVersion6),
        ("http://[::1]x", badVersion6),
        ("http://host//a", badSegment), ("http://host/../v1", badSegment), ("http://host/a/./b", badSegment),
        ("http://host/%", badPercent), ("http://host/%2", badPercent), ("http://host/%zz", badPercent),
        ("http://host/a|b", badPath), ("http://host/a\\b", badPath), ("http://host/\"", badPath),
    ])
    func `a bad URL is refused and not quoted`(_ text: String, reason: String) {
        #expect(throws: SettingsError(reason)) { try UpstreamURL(parsing: text) }
    }

    @Test func `a URL has a longest length`() throws {
        let path = String(repeating: "a", count: UpstreamURL.bytesMax - "http://h/".count)

        #expect(try UpstreamURL(parsing: "http://h/\(path)").pathPrefix == "/\(path)")
        #expect(throws: SettingsError("the URL is longer than 2048 bytes")) {
            try UpstreamURL(parsing: "http://h/\(path)a")
        }
    }

    @Test(
        arguments: [
            (Provider.deepseek, "https://api.deepseek.com"), (.openai, "https://api.openai.com"),
            (.anthropic, "https://api.anthropic.com"), (.vllm, "http://127.0.0.1:8000"),
            (.sglang, "http://127.0.0.1:30000"), (.generic, nil),
        ] as [(Provider, String?)])
    func `a provider has an address of its own, except generic`(_ provider: Provider, url: String?) throws {
        #expect(provider.defaultURL == (try url.map(UpstreamURL.init(parsing:))))
    }

    @Test(arguments: [
        ("https://API.deepseek.com/anthropic", Provider.deepseek), ("https://api.openai.com/v1", .openai),
        ("https://api.anthropic.com", .anthropic), ("https://api.openai.com.example", .generic),
        ("http://127.0.0.1:8000", .generic),
    ])
    func `a provider is guessed from the host`(_ text: String, provider: Provider) throws {
        #expect(Provider(guessedFrom: try UpstreamURL(parsing: text)) == provider)
    }
}

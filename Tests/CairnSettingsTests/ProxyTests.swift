// Which proxy an upstream goes through: the environment's rules, the file's word, and URLs that cannot be used.

import CairnSettings
import Testing

struct ProxyTests {
    /// The proxy of the only upstream, or "direct".
    private func proxy(_ url: String, _ environment: [String: String], file: String? = nil) throws -> String {
        let settings = try serve(["--upstream", url], environment, file: file)
        return settings.upstreams[0].proxy.map { "\($0)" } ?? "direct"
    }

    @Test(
        arguments: [
            ("http://h", ["http_proxy"], "http_proxy"), ("http://h", ["HTTP_PROXY"], nil),
            ("http://h", ["https_proxy", "HTTPS_PROXY"], nil), ("http://h", ["http_proxy", "all_proxy"], "http_proxy"),
            ("http://h", ["all_proxy"], "all_proxy"), ("http://h", ["ALL_PROXY"], "ALL_PROXY"),
            ("https://h", ["http_proxy", "HTTP_PROXY"], nil), ("https://h", ["https_proxy"], "https_proxy"),
            ("https://h", ["HTTPS_PROXY"], "HTTPS_PROXY"),
            ("https://h", ["HTTPS_PROXY", "https_proxy"], "https_proxy"),
            ("https://h", ["HTTPS_PROXY", "all_proxy"], "HTTPS_PROXY"),
            ("https://h", ["ALL_PROXY", "all_proxy"], "all_proxy"),
            ("https://h", [], nil),
        ] as [(String, [String], String?)])
    func `the environment's variables are read in curl's order`(url: String, set: [String], wins: String?) throws {
        let environment = Dictionary(uniqueKeysWithValues: set.map { ($0, "http://\($0):3128") })
        let other = Dictionary(uniqueKeysWithValues: set.map { ($0, "") })

        #expect(try proxy(url, environment) == (wins.map { "http://\($0.lowercased()):3128" } ?? "direct"))
        #expect(try proxy(url, other) == "direct")
    }

    @Test(arguments: [
        "localhost", "api.localhost", "LOCALHOST:8000", "127.0.0.1", "127.255.0.9:1", "[::1]",
    ])
    func `this machine is behind the proxy too unless no_proxy names it`(host: String) throws {
        var environment = ["http_proxy": "p:1", "https_proxy": "p:1"]
        #expect(try proxy("http://\(host)", environment) == "http://p:1")

        environment["no_proxy"] = "localhost,127.0.0.0/8,::1"

        #expect(try proxy("http://\(host)", environment) == "direct")
        #expect(try proxy("https://\(host)", environment) == "direct")
        #expect(try proxy("http://localhost.example", environment) == "http://p:1")
    }

    @Test(arguments: [
        ("*", "http://any.example", true), ("a,*", "http://any.example", true),
        ("example.com", "http://example.com", true), ("example.com", "http://www.Example.com", true),
        ("EXAMPLE.com", "http://example.com:99", true), ("example.com", "http://notexample.com", false),
        (".example.com", "http://www.example.com", true), (".example.com", "http://example.com", true),
        ("*.example.com", "http://www.example.com", true), ("example.com.", "http://example.com", true),
        ("www.example.com", "http://example.com", false), ("com", "http://example.com", true),
        ("a b\tc,  d", "http://c", true), ("a,,d", "http://d", true), ("a;d", "http://d", false),
        (",", "http://d", false),
        ("10.1.2.3", "http://10.1.2.3", true), ("2.3", "http://10.1.2.3", false),
        ("10.1.2.3", "http://10.1.2.30", false),
        ("10.0.0.0/8", "http://10.1.2.3", true), ("10.0.0.0/8", "http://11.1.2.3", false),
        ("10.1.2.0/23", "http://10.1.3.255", true), ("10.1.2.0/23", "http://10.1.4.0", false),
        ("10.1.2.3/32", "http://10.1.2.3", true), ("0.0.0.0/0", "http://10.1.2.3", true),
        ("10.0.0.0/33", "http://10.1.2.3", false), ("10.0.0.0/x", "http://10.1.2.3", false),
        ("10.0.0.0/8", "http://10.example", false), ("::/0", "http://10.1.2.3", false),
        ("2001:db8::1", "http://[2001:DB8::1]", true), ("[2001:db8::1]", "http://[2001:db8::1]:8", true),
        ("2001:db8::/32", "http://[2001:db8:ffff::1]", true), ("2001:db8::/32", "http://[2001:db9::1]", false),
        ("2001:db8::/33", "http://[2001:db8:8000::1]", false),
        ("::ffff:10.1.2.3", "http://10.1.2.3", true),
        ("example.com:8080", "http://example.com:8080", true), ("example.com:8080", "http://example.com", false),
        ("example.com:80", "http://example.com", true), ("example.com:x", "http://example.com", false),
        ("[2001:db8::1]:8080", "http://[2001:db8::1]:8080", true), ("10.1.2.3:8080", "http://10.1.2.3:80", false),
    ])
    func `no_proxy names the hosts that are reached directly`(list: String, url: String, isDirect: Bool) throws {
        let expected = isDirect ? "direct" : "http://p:1"

        #expect(try proxy(url, ["http_proxy": "p:1", "no_proxy": list]) == expected)
        #expect(try proxy(url, ["http_proxy": "p:1", "NO_PROXY": list]) == expected)
        #expect(try proxy(url, ["http_proxy": "p:1", "NO_PROXY": "*", "no_proxy": list]) == expected)
        #expect(try proxy(url, ["http_proxy": "p:1", "no_proxy": "", "NO_PROXY": list]) == expected)
    }

    @Test func `a list of exceptions has a longest length`() throws {
        let list = [String](repeating: "a", count: 1024).joined(separator: ",")

        #expect(try proxy("http://h", ["http_proxy": "p:1", "no_proxy": list]) == "http://p:1")
        #expect(
            serveError(["--upstream", "http://h"], ["http_proxy": "p:1", "no_proxy": list + ",a"])
                == "no_proxy: the list has more than 1024 entries")
    }

    @Test func `the file's word wins over the environment`() throws {
        let environment = ["https_proxy": "http://env:1", "no_proxy": "b.example"]
        let file = """
            upstreams:
              - {name: a, url: 'https://a.example', proxy: none}
              - {name: b, url: 'https://b.example', proxy: 'socks5h://file'}
              - {name: c, url: 'https://c.example'}
              - {name: d, url: 'http://127.0.0.1:8000', proxy: 'file:3128'}
            """

        let settings = try serve([], environment, file: file)
        let moved = try serve(["--upstream", "a=https://moved.example"], environment, file: file)

        #expect(
            settings.upstreams.map { $0.proxy?.description } == [
                nil, "socks5h://file:1080", "http://env:1", "http://file:3128",
            ])
        #expect(moved.upstreams[0].proxy == nil)
    }

    @Test(
        arguments: [
            ("proxy", "http://proxy:1080", nil, nil), ("proxy:3128/", "http://proxy:3128", nil, nil),
            ("HTTP://Proxy.Example:80", "http://proxy.example:80", nil, nil), ("https://p", "https://p:443", nil, nil),
            ("socks4://p", "socks4://p:1080", nil, nil), ("socks4a://ada@p:9", "socks4a://p:9", "ada", nil),
            ("socks5://ada:lock@p", "socks5://p:1080", "ada", "lock"),
            ("http://[::1]:3128", "http://[::1]:3128", nil, nil),
            ("http://ada:l%3Ao%40c%2Fk%25@p", "http://p:1080", "ada", "l:o@c/k%"),
            ("http://ada:@p", "http://p:1080", "ada", ""),
            ("http://ada:a@b:c@p:1", "http://p:1", "ada", "a@b:c"), ("ada:lock@p:1", "http://p:1", "ada", "lock"),
            ("http://@p", "http://p:1080", nil, nil), ("http://j%C3%B6rg:x@p", "http://p:1080", "j\u{f6}rg", "x"),
        ] as [(String, String, String?, String?)])
    func `a good proxy URL is split`(text: String, url: String, user: String?, password: String?) throws {
        let proxy = try ProxyURL(parsing: text)

        #expect(proxy.description == url)
        #expect(proxy.user?.reveal() == user)
        #expect(proxy.password?.reveal() == password)
    }

    static let schemes =
        "expected a proxy URL that starts with http://, https://, socks4://, socks4a://, socks5:// or socks5h://"

    @Test(arguments: [
        ("ftp://hush@p", schemes), ("socks://hush:hush@p", schemes), ("hush://p", schemes),
        ("http://", "the host is missing"), ("http://hush:hush@", "the host is missing"),
        ("http://hush@p:0", "the URL's port must be a number from 1 to 65535"),
        ("http://hush:hush@p:hush", "the URL's port must be a number from 1 to 65535"),
        ("http://hush hush@p", "the proxy URL holds a space, a control character or a character that is not ASCII"),
        ("http://hush:hu/sh@p", "the proxy URL must end behind host and port; a / in a password is written %2F"),
        ("http://p/hush?", "the proxy URL must end behind host and port; a / in a password is written %2F"),
        ("http://hush:%zz@p", "the proxy's user name or password has a % that two hexadecimal digits do not follow"),
        ("http://hush:%2@p", "the proxy's user name or password has a % that two hexadecimal digits do not follow"),
        ("http://hush:%0d%0aX@p", "the proxy's user name or password holds a control character or is not UTF-8"),
        ("http://hush:%ff@p", "the proxy's user name or password holds a control character or is not UTF-8"),
        ("http://hu%3Ash:hush@p", "the proxy's user name must not hold a colon"),
        ("socks4://hush:hush@p", "SOCKS 4 knows no password; use socks5 or socks5h"),
        ("http://hu_sh:x@a..b", "the host must be a name of letters, digits, - and ., or an IP address"),
    ])
    func `a bad proxy URL is one line that names its place and not what it holds`(text: String, reason: String) throws {
        let variable = serveError(["--upstream", "https://h"], ["https_proxy": text])
        let key = serveError([], file: "upstreams: [{url: 'http://h', proxy: '\(text)'}]")

        #expect(variable == "https_proxy: \(reason)")
        #expect(key == "\(configPath):1: upstreams[0].proxy: \(reason)")
    }

    @Test func `URLs and their parts have a longest length`() throws {
        let long = String(repeating: "x", count: 256)

        #expect(try ProxyURL(parsing: "http://\(long.dropFirst()):\(long.dropFirst())@p").user != nil)
        #expect(throws: SettingsError("the proxy's user name or password is longer than 255 bytes")) {
            try ProxyURL(parsing: "http://a:\(long)@p")
        }
        #expect(throws: SettingsError("the proxy URL is longer than 2048 bytes")) {
            try ProxyURL(parsing: "http://\(String(repeating: "x", count: 2042))")
        }
    }

    @Test func `a proxy that no upstream needs is not looked at`() throws {
        #expect(try proxy("http://h", ["https_proxy": "bad://", "HTTPS_PROXY": "bad://"]) == "direct")
        #expect(try proxy("https://h", ["https_proxy": "bad://", "no_proxy": "h"]) == "direct")
    }

    @Test func `user name and password never print`() throws {
        let settings = try serve(["--upstream", "https://h"], ["https_proxy": "http://adahush:lockhush@p:1"])

        var dumped = ""
        dump(settings, to: &dumped)

        for text in ["\(settings)", String(reflecting: settings), dumped] {
            #expect(!text.contains("hush"))
        }
    }
}

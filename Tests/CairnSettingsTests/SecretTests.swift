import CairnSettings
import Testing

struct SecretTests {
    @Test func `a secret prints as a placeholder, also inside other values`() throws {
        let settings = try serve(["--provider", "openai", "--api-key", "sk-hush", "--admin-key", "sk-hush"])

        var dumped = ""
        dump(settings, to: &dumped)

        for text in ["\(settings)", String(reflecting: settings), dumped, "\(Secret("sk-hush"))"] {
            #expect(!text.contains("sk-hush"))
            #expect(text.contains("<secret>"))
        }
        #expect(Mirror(reflecting: Secret("sk-hush")).children.isEmpty)
        #expect(settings.upstreams[0].apiKey?.reveal() == "sk-hush")
    }

    @Test(arguments: [
        ("abc", "abc", true), ("abc", "abd", false), ("abc", "ab", false), ("abc", "abca", false),
        ("abc", "", false),
        ("abc", "abcabc", false), ("", "", true), ("", "a", false), ("a", "aa", false),
    ])
    func `only the same key matches`(_ key: String, candidate: String, isSame: Bool) {
        #expect(Secret(key).matches(candidate) == isSame)
        #expect((Secret(key) == Secret(candidate)) == isSame)
    }

    @Test(arguments: [
        ("", "the key is empty"), ("a b", "a key is made of visible ASCII characters, without spaces"),
        ("a\r\nX: y", "a key is made of visible ASCII characters, without spaces"),
        ("schl\u{fc}ssel", "a key is made of visible ASCII characters, without spaces"),
        (String(repeating: "x", count: 8193), "the key is longer than 8192 bytes"),
    ])
    func `a key that cannot stand in a header is refused`(_ text: String, reason: String) {
        #expect(throws: SettingsError(reason)) { try Secret(parsing: text) }
    }

    /// Each way to put a key in the wrong place or shape. None may show it.
    @Test(arguments: [
        (["--api-key", "sk-hushhushhushhushhushhush", "sk-hushhushhushhushhushhush"], ""),
        (["sk-hushhushhushhushhushhush"], ""),
        (["--sk-hushhushhushhushhushhush"], ""),
        (["--apikey=sk-hushhushhushhushhushhush"], ""),
        (["--api-key", "sk-hush hushhushhushhushhush"], ""),
        (["--api-key", "sk-hushhushhushhushhushhush"], ""),
        (["--api-key", "nobody=sk-hushhushhushhushhushhush"], ""),
        (["--upstream", "sk-hushhushhushhushhushhush"], ""),
        (["--upstream", "http://sk-hushhushhushhushhushhush@host"], ""),
        (["--upstream", "http://host?key=sk-hushhushhushhushhushhush"], ""),
        (["--upstream", "a=sk-hushhushhushhushhushhush"], ""),
        ([], "admin_key: [sk-hushhushhushhushhushhush]"),
        ([], "admin_key: {sk-hushhushhushhushhushhush: x}"),
        ([], "admin_key: sk-hush hushhushhushhushhush"),
        ([], "admin_key_variable: sk-hushhushhushhushhushhush"),
        ([], "admin_key: a\nadmin_key_variable: sk_hushhushhushhushhushhush\nx: y"),
        ([], "sk-hushhushhushhushhushhush"),
        ([], "{sk-hushhushhushhushhushhush}"),
        ([], "sk-hushhushhushhushhushhush: x\nsk-hushhushhushhushhushhush: y"),
        ([], "admin_key: \"sk-hushhushhushhushhushhush"),
        ([], "upstreams: [{url: 'http://user:sk-hushhushhushhushhushhush@host'}]"),
    ])
    func `no error shows a key`(_ flags: [String], file: String) throws {
        let line = try #require(serveError(flags, file: file))

        #expect(!line.contains("hush"), "\(line)")
    }

    @Test func `no error shows the value of a variable`() throws {
        let file = "upstreams: [{provider: openai, api_key_variable: KEY}]"

        let line = try #require(serveError(["--log-level", "info"], ["KEY": "sk hush"], file: file))

        #expect(
            line
                == "\(configPath):1: upstreams[0].api_key_variable: the environment variable KEY: "
                + "a key is made of visible ASCII characters, without spaces")
    }
}

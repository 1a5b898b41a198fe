import Testing

@testable import CairnGateway

@Suite struct HostRuleTests {
    private let loopback = HostRule(
        isLoopback: true, port: 8787, allowedNames: ["host.docker.internal", "Build-Box", "fd00::7"])
    private let open = HostRule(isLoopback: false, port: 8787, allowedNames: ["friend.example"])

    private func decide(_ rule: HostRule, _ host: String, origin: String? = nil) -> HostRule.Decision {
        let hostBytes = Array(host.utf8)
        guard let origin else { return rule.decide(host: hostBytes.span) }
        let originBytes = Array(origin.utf8)
        return rule.decide(host: hostBytes.span, origin: originBytes.span)
    }

    @Test(arguments: [
        "127.0.0.1:8787", "localhost:8787", "localhost", "LOCALHOST:1", "127.0.0.1", "127.255.0.99:65535", "[::1]",
        "[::1]:8787", "app.localhost:8787", "a.b.LocalHost", "localhost.", "localhost.:8787",
        "host.docker.internal:8787",
        "HOST.docker.internal", "build-box", "[fd00::7]:8787",
    ])
    func `a loopback listener answers to its own names`(host: String) {
        #expect(decide(loopback, host) == .allow)
    }

    @Test(arguments: [
        "", "evil.example", "evil.example:8787", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost",
        "xlocalhost:8787", ".localhost.evil", "128.0.0.1", "127.0.0.256", "127.0.0", "127.0.0.1.1", "127.0.0.01",
        "127..0.1", "127.0.0.", "127.1", "0.0.0.0", "10.0.0.1", "2130706433", "0x7f.0.0.1", "[::1", "[::2]", "::1",
        "[::1]x", "user@localhost", "localhost@evil.example", "localhost:", "localhost:x", "localhost:99999",
        "localhost:123456", "localhost:80:80", "local host", "localhost/", "localhost\u{0}", ":8787", ".", "fd00::7",
        "docker.internal", "127.0.0.1:8787 ",
    ])
    func `a loopback listener refuses every other name`(host: String) {
        #expect(decide(loopback, host) == .foreignHost)
    }

    @Test(arguments: [
        "http://localhost:3000", "https://127.0.0.1", "http://[::1]:99", "HTTP://LocalHost", "http://app.localhost",
        "http://host.docker.internal:1",
    ])
    func `pages of this machine may call a loopback listener`(origin: String) {
        #expect(decide(loopback, "127.0.0.1:8787", origin: origin) == .allow)
    }

    @Test(arguments: [
        "null", "", "https://evil.example", "http://evil.example:8787", "file://", "chrome-extension://abc",
        "http://localhost.evil.example", "http://", "http:///localhost", "localhost:8787", "http://localhost/path",
        "http://localhost evil.example", "http://user@localhost",
    ])
    func `pages of other origins may not call a loopback listener`(origin: String) {
        #expect(decide(loopback, "127.0.0.1:8787", origin: origin) == .foreignOrigin)
    }

    @Test func `a rebound name is refused although host and origin agree`() {
        #expect(decide(loopback, "evil.example:8787", origin: "http://evil.example:8787") == .foreignHost)
    }

    @Test(arguments: ["gateway.example", "10.1.2.3:8787", "", "anything at all"])
    func `an open listener answers to any host`(host: String) {
        #expect(decide(open, host) == .allow)
    }

    @Test(arguments: [
        ("gateway.example:8787", "http://gateway.example:8787", HostRule.Decision.allow),
        ("gateway.example", "https://GATEWAY.example", .allow),
        ("10.1.2.3:8787", "http://10.1.2.3", .allow),
        ("gateway.example", "https://friend.example", .allow),
        ("gateway.example", "https://evil.example", .foreignOrigin),
        ("gateway.example", "http://localhost", .foreignOrigin),
        ("gateway.example", "null", .foreignOrigin),
        ("", "http://x", .foreignOrigin),
    ])
    func `an open listener wants the page's host to be its own or an allowed one`(
        host: String, origin: String, decision: HostRule.Decision
    ) {
        #expect(decide(open, host, origin: origin) == decision)
    }

    @Test func `without allowed names no foreign name passes`() {
        let rule = HostRule(isLoopback: true, port: 1, allowedNames: [])

        #expect(decide(rule, "host.docker.internal") == .foreignHost)
        #expect(decide(rule, "127.0.0.1:1") == .allow)
    }
}

import CairnSettings
import Testing

struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:8787", "127.0.0.1", 8787, true), (":9000", "127.0.0.1", 9000, true),
        ("localhost:0", "127.0.0.1", 0, true),
        ("LocalHost:1", "127.0.0.1", 1, true), ("0.0.0.0:80", "0.0.0.0", 80, false),
        ("127.9.9.9:1", "127.9.9.9", 1, true),
        ("[::1]:8787", "::1", 8787, true), ("[0:0:0:0:0:0:0:1]:1", "::1", 1, true),
        ("[::]:1", "::", 1, false),
        ("[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, true), ("10.0.0.1:65535", "10.0.0.1", 65535, false),
        ("[::127.0.0.1]:1", "::127.0.0.1", 1, false),
    ])
    func `an address is split`(_ text: String, host: String, port: UInt16, isLoopback: Bool) throws {
        let address = try ListenAddress(parsing: text)

        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.isLoopback == isLoopback)
        #expect(try ListenAddress(parsing: address.description) == address)
    }

    @Test(arguments: [
        "", "8787", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:+1",
        "::1:8787", "[::1]", "[::1:8787", "example.com:80", "*:80", "127.0.0:80", "http://127.0.0.1:80",
        "[127.0.0.1]:80",
    ])
    func `a bad address is refused`(_ text: String) {
        let reason = "expected ADDRESS:PORT such as 127.0.0.1:8787, [::1]:8787 or :8787, got \"\(text)\""

        #expect(throws: SettingsError(reason)) { try ListenAddress(parsing: text) }
    }
}

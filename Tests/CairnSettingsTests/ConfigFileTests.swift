// The configuration file: every key, and every way to write it badly.

import CairnSettings
import Testing

struct ConfigFileTests {
    @Test func `every key is read`() throws {
        let file = """
            listen: "[::1]:99"
            threads: 3
            mode: stable
            home: ~/elsewhere
            log_level: debug
            admin_key: adm
            allow_hosts: [A.example, 10.0.0.1]
            drain_seconds: 500ms
            tls: {cert: ~/c.pem, key: /k.pem, auto: no}
            limits: {body_bytes_max: 1MiB, header_bytes_max: 2048, connections_max: 9}
            timeouts: {header_seconds: 1, body_seconds: 2.5, keepalive_seconds: 3s, write_seconds: 4m}
            usage_log: {bytes_max: 64KiB, files_max: 2}
            upstreams:
              - name: one
                url: https://h/anthropic/v1
                provider: anthropic
                dialect: messages
                api_key: key1
                models: ["claude-*", other]
                model_map: {b*: x, a*: y}
                timeouts: {connect_seconds: 1, first_byte_seconds: 2, idle_seconds: 0.25}
                http2: true
                ca_file: ~/ca.pem
                connections_max: 5
                insecure_tls: true
              - provider: openai
                api_key_variable: KEY2
            """

        let settings = try serve([], ["KEY2": "key2"], file: file)

        #expect(settings.listen == ListenAddress(host: "::1", port: 99))
        #expect(settings.threads == 3)
        #expect(settings.mode == .stable)
        #expect(settings.home == "/home/ada/elsewhere")
        #expect(settings.logLevel == .debug)
        #expect(settings.adminKey == Secret("adm"))
        #expect(settings.allowedHosts == ["a.example", "10.0.0.1"])
        #expect(settings.drainMilliseconds == 500)
        #expect(settings.tls == .files(certificate: "/home/ada/c.pem", key: "/k.pem"))
        #expect(settings.limits.bodyBytesMax == 1_048_576)
        #expect(settings.limits.headerBytesMax == 2048)
        #expect(settings.limits.connectionsMax == 9)
        #expect(settings.timeouts.headerMilliseconds == 1000)
        #expect(settings.timeouts.bodyMilliseconds == 2500)
        #expect(settings.timeouts.keepaliveMilliseconds == 3000)
        #expect(settings.timeouts.writeMilliseconds == 240_000)
        #expect(settings.usageLog.bytesMax == 65_536)
        #expect(settings.usageLog.filesMax == 2)

        let one = settings.upstreams[0]
        #expect(one.name == "one")
        #expect("\(one.url)" == "https://h/anthropic")
        #expect(one.provider == .anthropic)
        #expect(one.dialect == .messages)
        #expect(one.apiKey == Secret("key1"))
        #expect(one.modelPatterns.map(\.description) == ["claude-*", "other"])
        #expect(one.modelMap.rules.map { "\($0.pattern) \($0.target)" } == ["b* x", "a* y"])
        #expect(one.timeouts.connectMilliseconds == 1000)
        #expect(one.timeouts.firstByteMilliseconds == 2000)
        #expect(one.timeouts.idleMilliseconds == 250)
        #expect(one.usesHTTP2)
        #expect(one.caFile == "/home/ada/ca.pem")
        #expect(one.connectionsMax == 5)
        #expect(!one.verifiesTLS)

        let two = settings.upstreams[1]
        #expect(two.name == "openai")
        #expect("\(two.url)" == "https://api.openai.com")
        #expect(two.apiKey == Secret("key2"))
        #expect(two.verifiesTLS)
        #expect(settings.upstreams.count == 2)
    }

    @Test(arguments: [
        "", "\n\n", "# only a comment\n", "---\n", "~", "null", "\u{feff}threads: 2",
        "threads: 2\r\nmode: full\r\n", "--- {}\n...\n",
    ])
    func `an empty file and other spellings are accepted`(_ file: String) throws {
        #expect(serveError(file: file) == nil)
    }

    @Test func `the admin key can be held in a variable`() throws {
        let file = "mode: full\nadmin_key_variable: ADM"

        #expect(try serve([], ["ADM": "a"], file: file).adminKey == Secret("a"))
        #expect(try serve(["--admin-key", "b"], file: file).adminKey == Secret("b"))
        #expect(
            serveError(file: file)
                == "\(configPath):2: admin_key_variable: the environment variable ADM is not set")
        #expect(
            serveError([], ["ADM": ""], file: file)
                == "\(configPath):2: admin_key_variable: the environment variable ADM is not set")
    }

    static let noSize = "written as 65536, 64KiB or 64MiB"
    static let noDuration = "written as 10 (seconds), 0.5, 500ms, 10s or 5m"
    static let noAddress = "expected ADDRESS:PORT such as 127.0.0.1:8787, [::1]:8787 or :8787"
    static let noPattern =
        "expected a model name or pattern of 1 to 128 bytes without spaces (* any text, ? one character)"
    static let keys =
        "listen, threads, mode, expand_tool, home, log_level, admin_key, admin_key_variable, allow_hosts, drain_seconds, "
        + "tls, limits, timeouts, usage_log, upstreams"

    /// What follows the path in the error line.
    @Test(arguments: [
        ("threads: 2\nlisten: 80", ":2: listen: \(noAddress), got \"80\""),
        ("threads: four", ":1: threads: expected a whole number from 1 to 1024, got \"four\""),
        ("threads: [1]", ":1: threads: expected a single value, got a list"),
        ("threads: {a: 1}", ":1: threads: expected a single value, got keys and values"),
        ("threads:", ":1: threads: expected a single value, got nothing"),
        ("admin_key: ~", ":1: admin_key: expected a single value, got nothing"),
        ("admin_key: ''", ":1: admin_key: the key is empty"),
        ("mode: fast", ":1: mode: expected passthrough, observe, stable or full, got \"fast\""),
        ("allow_hosts: a", ":1: allow_hosts: expected a list, got a single value"),
        ("allow_hosts:\n  - a\n  - [b]", ":3: allow_hosts[1]: expected a single value, got a list"),
        (
            "allow_hosts:\n  - 'a b'",
            ":2: allow_hosts[0]: expected a host name or an IP address, without port, got \"a b\""
        ),
        ("tls: yes", ":1: tls: expected keys and values, got a single value"),
        ("tls: {auto: 2}", ":1: tls.auto: expected true or false, got \"2\""),
        ("tls:\n  cret: /c", ":2: tls: unknown key \"cret\"; did you mean cert?"),
        (
            "limits: {body_bytes_max: 64MB}",
            ":1: limits.body_bytes_max: expected a size from 1KiB to 1GiB, \(noSize), got \"64MB\""
        ),
        (
            "limits: {body_bytes_max: 9223372036854775807GiB}",
            ":1: limits.body_bytes_max: expected a size from 1KiB to 1GiB, \(noSize), got \"9223372036854775807GiB\""
        ),
        (
            "usage_log: {bytes_max: KiB}",
            ":1: usage_log.bytes_max: expected a size from 64KiB to 16GiB, \(noSize), got \"KiB\""
        ),
        (
            "timeouts: {body_seconds: 0}",
            ":1: timeouts.body_seconds: expected a duration from 1ms to 24h, \(noDuration), got \"0\""
        ),
        ("lisen: :1", ":1: unknown key \"lisen\"; did you mean listen?"),
        ("api-key: x", ":1: unknown key \"api-key\"; expected one of \(keys)"),
        ("mode: full\nthreads: 1\nmode: full", ":3: duplicate key \"mode\", first written on line 1"),
        ("tls: {key: a, key: b}", ":1: duplicate key \"key\", first written on line 1"),
        (
            "admin_key: a\nadmin_key_variable: B",
            ":2: admin_key_variable: admin_key is given too; keep one of the two"
        ),
        (
            "admin_key_variable: a-b",
            ":1: admin_key_variable: expected the name of an environment variable: letters, digits and underscores"
        ),
        ("upstreams: []", ":1: upstreams: the list is empty"),
        ("upstreams: {a: b}", ":1: upstreams: expected a list, got keys and values"),
        ("upstreams: [http://a]", ":1: upstreams[0]: expected keys and values, got a single value"),
        (
            "upstreams:\n  - name: a",
            ":2: upstreams[0]: expected a url, or a provider that has one of its own"
        ),
        (
            "upstreams:\n  - provider: generic",
            ":2: upstreams[0]: expected a url, or a provider that has one of its own"
        ),
        (
            "upstreams:\n  - url: ftp://a",
            ":2: upstreams[0].url: expected a URL that starts with http:// or https://"
        ),
        (
            "upstreams:\n  - {name: a, url: 'http://a'}\n  - {name: a, url: 'http://b'}",
            ":3: upstreams[1]: the upstream name \"a\" is used twice"
        ),
        (
            "upstreams: [{url: 'http://a', dialect: grpc}]",
            ":1: upstreams[0].dialect: expected any, chat, responses or messages, got \"grpc\""
        ),
        (
            "upstreams:\n  - url: http://a\n    timeouts:\n      connect: 3",
            ":4: upstreams[0].timeouts: unknown key \"connect\"; did you mean connect_seconds?"
        ),
        (
            "upstreams: [{url: 'http://a', model_map: [a]}]",
            ":1: upstreams[0].model_map: expected keys and values, got a list"
        ),
        (
            "upstreams:\n  - url: http://a\n    model_map:\n      a: b\n      c: 'd e'",
            ":5: upstreams[0].model_map: expected a model name of 1 to 256 bytes without spaces, got \"d e\""
        ),
        (
            "upstreams: [{url: 'http://a', models: ['']}]",
            ":1: upstreams[0].models[0]: \(noPattern)"
        ),
        ("- a", ":1: expected keys and values, got a list"),
        ("text", ":1: expected keys and values, got a single value"),
        ("mode: full\n---\nmode: full", ":2: expected one YAML document only"),
        ("a: &x 1", ":1: anchors (&name) are not accepted; write the value out"),
        ("a: &x [1]", ":1: anchors (&name) are not accepted; write the value out"),
        ("a: &x {b: 1}", ":1: anchors (&name) are not accepted; write the value out"),
        ("mode: full\nthreads: *x", ":2: aliases (*name) are not accepted; write the value out"),
        ("threads: !!int 3", ":1: tags (!name) are not accepted"),
        ("? [a]\n: b", ":1: a key must be a plain word"),
        ("mode: full\n\tthreads: 2", ":2: not valid YAML: indent with spaces, not with tabs"),
        ("tls:\n\tcert: a", ":2: not valid YAML: indent with spaces, not with tabs"),
        (
            "mode: full\nthreads 2\nlisten: :1",
            ":3: not valid YAML: could not find expected ':' while scanning a simple key"
        ),
        ("mode: \"full", ":1: not valid YAML: found unexpected end of stream while scanning a quoted scalar"),
        (
            "tls: {auto: true",
            ":1: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping"
        ),
        (
            "mode: @x",
            ":1: not valid YAML: found character that cannot start any token while scanning for the next token"
        ),
        ("mode: full\nhome: /a\u{0}", ":2: not valid YAML: control characters are not allowed"),
    ])
    func `a bad file is one line with place, key and what is expected`(_ file: String, rest: String) {
        #expect(serveError(file: file) == configPath + rest)
    }

    @Test func `bytes that are not UTF-8 are refused with their line`() {
        func line(_ bytes: [UInt8]) -> String? {
            let files = MemoryFiles(files: [configPath: bytes])
            do throws(SettingsError) {
                _ = try Command.parse(arguments: ["serve"], environment: ["HOME": "/home/ada"], files: files)
                return nil
            } catch { return error.description }
        }

        #expect(
            line(Array("mode: full\nhome: ".utf8) + [0xC3])
                == "\(configPath):2: not valid YAML: incomplete UTF-8 octet sequence")
        #expect(
            line([0xFF, 0xFE, 0x61, 0]) == "\(configPath):1: not valid YAML: invalid leading UTF-8 octet")
    }

    @Test(arguments: [
        String(repeating: "[", count: 500_000), String(repeating: "{a: ", count: 200_000),
        String(repeating: "- ", count: 400_000) + "x",
    ])
    func `deep nesting is refused at once`(_ file: String) throws {
        let clock = ContinuousClock()
        var line: String?

        let duration = clock.measure { line = serveError(file: file) }

        #expect(line == "\(configPath):1: values are nested more than 16 deep")
        #expect(duration < .seconds(2))
    }

    @Test func `a file with too many values is refused`() {
        let file = "allow_hosts:\n" + String(repeating: "- a\n", count: 10_001)

        #expect(serveError(file: file) == "\(configPath):10000: the file holds more than 10000 values")
    }

    @Test func `the largest file is read quickly, a larger one not at all`() throws {
        let comment = "# " + String(repeating: "x", count: 97) + "\n"
        let mebibyte = String(repeating: comment, count: 10_485)
        let clock = ContinuousClock()

        let duration = clock.measure { #expect(serveError(file: mebibyte) == nil) }

        #expect(duration < .seconds(5))
        #expect(
            serveError(file: String(repeating: comment, count: 100_000))
                == "cannot read the configuration file \(configPath): it is larger than 1048576 bytes")
    }

    @Test func `random damage to a good file never crashes and gives one line`() throws {
        let good = Array(HelpTopic.config.text.utf8)
        var seed: UInt64 = 7
        func draw(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0...draw(4) {
                switch draw(3) {
                case 0: bytes[draw(bytes.count)] = UInt8(draw(128))
                case 1: bytes.remove(at: draw(bytes.count))
                default: bytes.insert(Array("[]{}:-*&!?\"'\n\t #|>%@".utf8)[draw(20)], at: draw(bytes.count))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)

            if let line = serveError([], ["ADMIN_KEY": "a", "DEEPSEEK_KEY": "d"], file: text) {
                #expect(!line.contains("\n") && !line.isEmpty)
            }
        }
    }
}

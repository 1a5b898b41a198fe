// The commands besides serve, and help.

import CairnSettings
import Testing

struct CommandTests {
    @Test(
        arguments: [
            ([], HelpTopic.overview), (["-h"], .overview), (["--help"], .overview), (["help"], .overview),
            (["help", "serve"], .serve), (["help", "config"], .config), (["help", "-h"], .overview),
            (["serve", "--help"], .serve), (["serve", "--bad", "-h"], .serve),
            (["serve", "--mode", "x", "--help"], .serve),
            (["practice", "-h"], .practice), (["demo", "--help"], .demo), (["version", "-h"], .version),
        ] as [([String], HelpTopic)])
    func `help is given wherever it is asked for`(_ arguments: [String], topic: HelpTopic) throws {
        #expect(try parse(arguments) == .help(topic))
    }

    @Test func `version needs nothing`() throws {
        #expect(try parse(["version"], ["HOME": ""]) == .version)
        #expect(try parse(["--version"]) == .version)
    }

    @Test(arguments: [
        (["sevre"], "cairn: unknown command \"sevre\"; did you mean serve?"),
        (
            ["start"],
            "cairn: unknown command \"start\"; expected serve, practice, demo, status, report, prove, search, expand, why, backup, context, version or help"
        ),
        (
            ["--mode", "full"],
            "cairn: unknown command \"--mode\"; expected serve, practice, demo, status, report, prove, search, expand, why, backup, context, version or help"
        ),
        (
            [""],
            "cairn: unknown command \"\"; expected serve, practice, demo, status, report, prove, search, expand, why, backup, context, version or help"
        ),
        (
            ["help", "me"],
            "cairn help: expected one of overview, serve, practice, demo, status, report, prove, search, expand, why, backup, context, version, config"
        ),
        (
            ["help", "serve", "now"],
            "cairn help: expected one of overview, serve, practice, demo, status, report, prove, search, expand, why, backup, context, version, config"
        ),
        (
            ["version", "1"],
            "cairn version: expected a flag, written --name VALUE or --name=VALUE, as argument 1"
        ),
        (["version", "--x"], "cairn version: unknown flag \"--x\"; cairn version --help lists the flags"),
        (["demo", "--home", "/h"], "cairn demo: unknown flag \"--home\"; cairn demo --help lists the flags"),
        (
            ["practice", "--mode", "full"],
            "cairn practice: unknown flag \"--mode\"; cairn practice --help lists the flags"
        ),
        (
            ["practice", "--latency-ms", "1.5"],
            "--latency-ms: expected a whole number from 0 to 600000, got \"1.5\""
        ),
        (
            ["practice", "--tokens-per-second", "0"],
            "--tokens-per-second: expected a whole number from 1 to 1000000, got \"0\""
        ),
        (["practice", "--fault="], "--fault: expected the name of a fault"),
        (["practice", "--dialect", "soap"], "--dialect: expected chat, responses or messages, got \"soap\""),
        (
            ["context"],
            "cairn context: write cairn context convert --to DIALECT FILE, cairn context export --session ID or cairn context shorten FILE"
        ),
        (
            ["context", "copy"],
            "cairn context: unknown action \"copy\"; write cairn context convert --to DIALECT FILE, cairn context export --session ID or cairn context shorten FILE"
        ),
        (
            ["context", "convert", "--to", "chat"],
            "cairn context convert: a FILE is missing; write cairn context convert --to DIALECT FILE, cairn context export --session ID or cairn context shorten FILE"
        ),
        (
            ["context", "convert", "-"],
            "cairn context convert: --to is missing; write cairn context convert --to DIALECT FILE, cairn context export --session ID or cairn context shorten FILE"
        ),
        (
            ["context", "convert", "a", "b", "--to", "chat"],
            "cairn context: expected a flag, written --name VALUE or --name=VALUE, as argument 3"
        ),
    ])
    func `a bad command is one clear line`(_ arguments: [String], line: String) {
        #expect(errorLine(arguments) == line)
    }

    @Test func `practice takes its flags and its own variables`() throws {
        var practice = PracticeSettings()
        practice.listen = ListenAddress(host: "127.0.0.1", port: 0)
        practice.latencyMilliseconds = 5
        practice.tokensPerSecond = 50
        practice.fault = "reset"
        practice.scriptFile = "/home/ada/s.json"
        practice.threads = 2
        let flags = [
            "--listen", ":0", "--latency-ms=5", "--tokens-per-second", "50", "--fault", "reset",
            "--script=~/s.json",
            "--threads", "2",
        ]
        let environment = [
            "CAIRN_PRACTICE_LISTEN": ":0", "CAIRN_PRACTICE_LATENCY_MS": "5",
            "CAIRN_PRACTICE_TOKENS_PER_SECOND": "50",
            "CAIRN_PRACTICE_FAULT": "reset", "CAIRN_PRACTICE_SCRIPT": "~/s.json",
            "CAIRN_PRACTICE_THREADS": "2",
        ]

        #expect(try parse(["practice"] + flags) == .practice(practice))
        #expect(try parse(["practice"], environment) == .practice(practice))
        #expect(try parse(["practice"], ["CAIRN_LISTEN": ":1", "HOME": ""]) == .practice(PracticeSettings()))
        #expect(PracticeSettings().listen == ListenAddress(host: "127.0.0.1", port: 9100))
    }

    @Test func `practice may speak one dialect only`() throws {
        var practice = PracticeSettings()
        practice.dialect = .messages

        #expect(try parse(["practice", "--dialect", "messages"]) == .practice(practice))
        #expect(try parse(["practice"], ["CAIRN_PRACTICE_DIALECT": "messages"]) == .practice(practice))
    }

    @Test func `convert takes a file and two dialects`() throws {
        let plain = ConvertSettings(file: "/tmp/body.json", target: .chat)
        let named = ConvertSettings(file: "-", target: .messages, source: .responses)

        #expect(try parse(["context", "convert", "--to", "chat", "/tmp/body.json"]) == .convert(plain))
        #expect(try parse(["context", "convert", "-", "--from=responses", "--to=messages"]) == .convert(named))
    }

    @Test func `demo takes its flags and its own variables`() throws {
        var demo = DemoSettings()
        demo.mode = .full
        demo.logLevel = .debug
        demo.threads = 2

        #expect(try parse(["demo"]) == .demo(DemoSettings()))
        #expect(try parse(["demo", "--mode=full", "--log-level", "debug", "--threads=2"]) == .demo(demo))
        #expect(
            try parse(
                ["demo"],
                [
                    "CAIRN_DEMO_MODE": "full", "CAIRN_DEMO_LOG_LEVEL": "debug", "CAIRN_DEMO_THREADS": "2",
                    "CAIRN_MODE": "x",
                ]
            ) == .demo(demo))
    }

    @Test(arguments: HelpTopic.allCases)
    func `help fits a terminal`(_ topic: HelpTopic) {
        let lines = topic.text.split(separator: "\n", omittingEmptySubsequences: false)

        #expect(lines.last == "")
        #expect(lines.count > 2)
        for line in lines {
            #expect(line.count <= 100 && line.last != " ", "\(line)")
        }
    }

    @Test(
        arguments: FlagTests.twins.map { ($0.flag, $0.variable) } + [
            ("--config", "CAIRN_CONFIG"), ("--tls-cert", "CAIRN_TLS_CERT"), ("--tls-key", "CAIRN_TLS_KEY"),
            ("--tls-auto", "CAIRN_TLS_AUTO"),
        ])
    func `help for serve names each flag and its variable`(_ flag: String, variable: String) {
        let text = HelpTopic.serve.text

        #expect(text.contains("\n  \(flag)"))
        #expect(text.contains("[\(variable)]"))
    }

    @Test func `the example of help is a file with the defaults`() throws {
        let file = HelpTopic.config.text
        let settings = try serve([], ["ADMIN_KEY": "a", "DEEPSEEK_KEY": "d"], file: file)
        let plain = try serve(["--provider", "deepseek"])

        #expect(settings.listen == plain.listen)
        #expect(settings.mode == plain.mode)
        #expect(settings.home == plain.home)
        #expect(settings.logLevel == plain.logLevel)
        #expect(settings.drainMilliseconds == plain.drainMilliseconds)
        #expect(settings.limits == plain.limits)
        #expect(settings.timeouts == plain.timeouts)
        #expect(settings.usageLog == plain.usageLog)
        let upstream = settings.upstreams[0]
        #expect(upstream.name == plain.upstreams[0].name)
        #expect(upstream.url == plain.upstreams[0].url)
        #expect(upstream.provider == plain.upstreams[0].provider)
        #expect(upstream.dialect == plain.upstreams[0].dialect)
        #expect(upstream.timeouts == plain.upstreams[0].timeouts)
        #expect(upstream.usesHTTP2 == plain.upstreams[0].usesHTTP2)
        #expect(upstream.verifiesTLS == plain.upstreams[0].verifiesTLS)
        #expect(upstream.connectionsMax == plain.upstreams[0].connectionsMax)
    }

    /// An unknown key makes the error list the keys that are accepted; each must stand in the
    /// example.
    @Test(arguments: [
        "zzzzzz: 1", "tls: {zzzzzz: 1}", "limits: {zzzzzz: 1}", "timeouts: {zzzzzz: 1}",
        "usage_log: {zzzzzz: 1}", "upstreams: [{url: 'http://a', zzzzzz: 1}]",
        "upstreams: [{url: 'http://a', timeouts: {zzzzzz: 1}}]",
    ])
    func `help for the configuration file names each key`(_ file: String) throws {
        let line = try #require(serveError(file: file))
        let keys = try #require(line.split(separator: "expected one of ").last).split(separator: ", ")

        #expect(keys.count >= 2)
        for key in keys {
            #expect(HelpTopic.config.text.contains("\(key):"), "\(key)")
        }
    }
}

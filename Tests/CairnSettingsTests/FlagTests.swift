// Every flag, its variable, the order of precedence, and the text of each error.

import CairnSettings
import Foundation
import Testing

struct FlagTests {
    @Test func `without anything the defaults hold`() throws {
        let settings = try serve()

        #expect(settings.listen == ListenAddress(host: "127.0.0.1", port: 8787))
        #expect(settings.mode == .stable)
        #expect(settings.home == "/home/ada/.cairn")
        #expect(settings.logLevel == .info)
        #expect(settings.drainMilliseconds == 30_000)
        #expect(settings.adminKey == nil)
        #expect(settings.tls == nil)
        #expect(settings.allowedHosts == [])
        #expect(settings.limits.bodyBytesMax == 67_108_864)
        #expect(settings.limits.headerBytesMax == 65_536)
        #expect(settings.limits.connectionsMax == 16_384)
        #expect(settings.timeouts.headerMilliseconds == 30_000)
        #expect(settings.timeouts.bodyMilliseconds == 60_000)
        #expect(settings.timeouts.keepaliveMilliseconds == 120_000)
        #expect(settings.timeouts.writeMilliseconds == 300_000)
        #expect(settings.usageLog.bytesMax == 67_108_864)
        #expect(settings.usageLog.filesMax == 8)
    }

    @Test func `there are as many threads as nproc counts`() throws {
        let nproc = Process()
        let output = Pipe()
        nproc.executableURL = URL(fileURLWithPath: "/usr/bin/nproc")
        nproc.environment = [:]
        nproc.standardOutput = output
        try nproc.run()
        let counted = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        nproc.waitUntilExit()

        #expect("\(try serve().threads)\n" == counted)
    }

    /// Each flag with a value, the variable that does the same, and a look at the setting.
    static let twins: [(flag: String, variable: String, value: String, seen: @Sendable (Settings) -> String)] = [
        ("--listen", "CAIRN_LISTEN", "[::1]:1", { "\($0.listen)" }),
        (
            "--upstream", "CAIRN_UPSTREAM", "x=http://h:1/p",
            { "\($0.upstreams[0].name)=\($0.upstreams[0].url)" }
        ),
        ("--provider", "CAIRN_PROVIDER", "sglang", { "\($0.upstreams[0].provider)" }),
        (
            "--api-key", "CAIRN_API_KEY", "openai=key",
            { "openai=\($0.upstreams[2].apiKey?.reveal() ?? "")" }
        ),
        ("--admin-key", "CAIRN_ADMIN_KEY", "key", { $0.adminKey?.reveal() ?? "" }),
        ("--mode", "CAIRN_MODE", "full", { "\($0.mode)" }),
        ("--home", "CAIRN_HOME", "/srv/cairn", { $0.home }),
        ("--log-level", "CAIRN_LOG_LEVEL", "trace", { "\($0.logLevel)" }),
        ("--threads", "CAIRN_THREADS", "7", { "\($0.threads)" }),
        ("--allow-host", "CAIRN_ALLOW_HOST", "gate.example", { $0.allowedHosts.joined() }),
        ("--drain-seconds", "CAIRN_DRAIN_SECONDS", "0.5", { "\(Double($0.drainMilliseconds) / 1000)" }),
    ]

    @Test(arguments: twins.indices)
    func `a flag and its variable say the same`(_ index: Int) throws {
        let (flag, variable, value, seen) = Self.twins[index]

        #expect(seen(try serve([flag, value])) == value)
        #expect(seen(try serve(["\(flag)=\(value)"])) == value)
        #expect(seen(try serve([], [variable: value])) == value)
        #expect(seen(try serve([])) != value)
        #expect(seen(try serve([], [variable: ""])) == seen(try serve([])))
    }

    @Test func `the tls flags and their variables say the same`() throws {
        let files = TLSIdentity.files(certificate: "/c.pem", key: "/k.pem")

        #expect(try serve(["--tls-cert", "/c.pem", "--tls-key=/k.pem"]).tls == files)
        #expect(try serve(["--tls-cert", "/c.pem"], ["CAIRN_TLS_KEY": "/k.pem"]).tls == files)
        #expect(try serve([], ["CAIRN_TLS_CERT": "/c.pem", "CAIRN_TLS_KEY": "/k.pem"]).tls == files)
        #expect(try serve(["--tls-auto"]).tls == .automatic)
        #expect(try serve(["--tls-auto=yes"]).tls == .automatic)
        #expect(try serve(["--tls-auto=false"]).tls == nil)
        for yes in ["1", "true", "YES", "on"] {
            #expect(try serve([], ["CAIRN_TLS_AUTO": yes]).tls == .automatic)
        }
        for no in ["0", "false", "no", "off"] { #expect(try serve([], ["CAIRN_TLS_AUTO": no]).tls == nil) }
    }

    @Test func `tls given by a higher layer wins, and within one layer it must be clear`() throws {
        let file = "tls: {cert: /c.pem, key: /k.pem}"
        let both = ["CAIRN_TLS_CERT": "/c.pem", "CAIRN_TLS_KEY": "/k.pem"]
        let automatic = ["CAIRN_TLS_AUTO": "1"]

        #expect(try serve(["--tls-auto"], file: file).tls == .automatic)
        #expect(try serve(["--tls-auto"], both).tls == .automatic)
        #expect(
            try serve(["--tls-cert=/a", "--tls-key=/b"], automatic).tls
                == .files(certificate: "/a", key: "/b"))
        #expect(
            try serve([], both, file: "tls: {auto: true}").tls == .files(certificate: "/c.pem", key: "/k.pem")
        )
        #expect(try serve(["--tls-cert=/a"], file: file).tls == .files(certificate: "/a", key: "/k.pem"))
        #expect(
            serveError(["--tls-auto", "--tls-cert=/a", "--tls-key=/b"])
                == "--tls-auto: cannot go together with a certificate or key file")
        #expect(
            serveError([], automatic.merging(both) { $1 })
                == "CAIRN_TLS_AUTO: cannot go together with a certificate or key file")
        #expect(
            serveError(file: "tls:\n  cert: /c\n  key: /k\n  auto: true")
                == "\(configPath):4: tls.auto: cannot go together with a certificate or key file")
        #expect(
            serveError(["--tls-cert", "/a"])
                == "--tls-cert: the certificate needs its key (--tls-key, CAIRN_TLS_KEY or tls.key)")
        #expect(
            serveError([], ["CAIRN_TLS_KEY": "/a"])
                == "CAIRN_TLS_KEY: the key needs its certificate (--tls-cert, CAIRN_TLS_CERT or tls.cert)")
        #expect(
            serveError(file: "tls: {cert: /a}")
                == "\(configPath):1: tls.cert: the certificate needs its key (--tls-key, CAIRN_TLS_KEY or tls.key)"
        )
    }

    @Test func `a flag wins over a variable, a variable over the file, the file over the default`() throws {
        let file = """
            listen: :1
            mode: observe
            log_level: error
            threads: 1
            home: /file
            admin_key: file
            drain_seconds: 1
            allow_hosts: [file]
            """
        let environment = [
            "CAIRN_LISTEN": ":2", "CAIRN_MODE": "stable", "CAIRN_LOG_LEVEL": "warning", "CAIRN_THREADS": "2",
            "CAIRN_ADMIN_KEY": "variable", "CAIRN_DRAIN_SECONDS": "2", "CAIRN_ALLOW_HOST": "variable, other",
        ]
        let flags = [
            "--listen=:3", "--mode=full", "--log-level=debug", "--threads=3", "--admin-key=flag",
            "--drain-seconds=3",
            "--allow-host=flag",
        ]
        func line(_ settings: Settings) -> String {
            [
                "\(settings.listen.port)", "\(settings.mode)", "\(settings.logLevel)", "\(settings.threads)",
                settings.adminKey?.reveal() ?? "", "\(settings.drainMilliseconds)",
                settings.allowedHosts.joined(separator: "+"),
            ].joined(separator: " ")
        }

        #expect(line(try serve(file: file)) == "1 observe error 1 file 1000 file")
        #expect(
            line(try serve([], environment, file: file)) == "2 stable warning 2 variable 2000 variable+other")
        #expect(line(try serve(flags, environment, file: file)) == "3 full debug 3 flag 3000 flag")
        #expect(try serve(file: file).home == "/file")
    }

    @Test func `the file is the one named, else config yaml in the home directory`() throws {
        var files = MemoryFiles()
        files.files = [
            "/a.yaml": "threads: 5", "/h/config.yaml": "threads: 6", "/home/ada/b.yaml": "threads: 7",
        ]
        .mapValues { Array($0.utf8) }
        func threads(_ flags: [String], _ environment: [String: String]) throws -> Int? {
            let command = try Command.parse(
                arguments: ["serve"] + flags, environment: environment, files: files)
            guard case .serve(let settings) = command else { return nil }
            return settings.threads
        }

        #expect(try threads(["--config", "/a.yaml"], ["HOME": "/home/ada"]) == 5)
        #expect(try threads([], ["HOME": "/home/ada", "CAIRN_CONFIG": "/a.yaml"]) == 5)
        #expect(try threads(["--home", "/h"], [:]) == 6)
        #expect(try threads([], ["CAIRN_HOME": "/h"]) == 6)
        #expect(try threads(["--config=~/b.yaml"], ["HOME": "/home/ada"]) == 7)
        #expect(
            errorLine(["serve", "--config", "/none.yaml"])
                == "--config: cannot read the configuration file /none.yaml: there is no such file")
    }

    @Test func `a file that cannot be read is an error, unless it is absent and was not named`() {
        func error(_ failure: ConfigFileError) -> String? {
            let files = MemoryFiles(failures: [configPath: failure])
            do throws(SettingsError) {
                _ = try Command.parse(arguments: ["serve"], environment: ["HOME": "/home/ada"], files: files)
                return nil
            } catch { return error.description }
        }

        #expect(error(.notFound) == nil)
        #expect(
            error(.failed("Permission denied"))
                == "cannot read the configuration file \(configPath): Permission denied")
        #expect(
            error(.tooBig(bytesMax: 1_048_576))
                == "cannot read the configuration file \(configPath): it is larger than 1048576 bytes")
    }

    @Test func `the home directory must be known`() throws {
        let reason = "HOME is not set; say with --home DIR or CAIRN_HOME where the home directory is"

        #expect(serveError([], ["HOME": ""]) == reason)
        #expect(serveError(["--home", "/h"], ["HOME": ""]) == nil)
        #expect(
            serveError(["--home=~/h"], ["HOME": ""]) == "--home: the path starts with ~ but HOME is not set")
        #expect(try serve(["--home=~/h"]).home == "/home/ada/h")
        #expect(try serve(["--home", "~"]).home == "/home/ada")
        #expect(try serve(["--home", "~ada"]).home == "~ada")
    }

    static let noDuration = "written as 10 (seconds), 0.5, 500ms, 10s or 5m"

    @Test(arguments: [
        (["--lisen", ":1"], "cairn serve: unknown flag \"--lisen\"; did you mean --listen?"),
        (["--LISTEN=:1"], "cairn serve: unknown flag \"--LISTEN\"; did you mean --listen?"),
        (["--tls_cert=/c"], "cairn serve: unknown flag \"--tls_cert\"; did you mean --tls-cert?"),
        (["--drain", "3"], "cairn serve: unknown flag \"--drain\"; did you mean --drain-seconds?"),
        (["--hlep"], "cairn serve: unknown flag \"--hlep\"; did you mean --help?"),
        (["--frobnicate"], "cairn serve: unknown flag \"--frobnicate\"; cairn serve --help lists the flags"),
        (["-x"], "cairn serve: unknown flag \"-x\"; cairn serve --help lists the flags"),
        (["--"], "cairn serve: unknown flag \"--\"; cairn serve --help lists the flags"),
        (
            ["--latency-ms", "1"],
            "cairn serve: unknown flag \"--latency-ms\"; cairn serve --help lists the flags"
        ),
        (
            ["--fl\u{1b}[2Jag"],
            "cairn serve: unknown flag \"--fl\\u{1b}[2Jag\"; cairn serve --help lists the flags"
        ),
        (["now"], "cairn serve: expected a flag, written --name VALUE or --name=VALUE, as argument 1"),
        (
            ["--tls-auto", "true"],
            "cairn serve: expected a flag, written --name VALUE or --name=VALUE, as argument 2"
        ),
        (["-"], "cairn serve: expected a flag, written --name VALUE or --name=VALUE, as argument 1"),
        ([""], "cairn serve: expected a flag, written --name VALUE or --name=VALUE, as argument 1"),
        (["--mode"], "--mode: a value is missing: --mode passthrough|observe|stable|full"),
        (["--listen", "--mode", "full"], "--listen: a value is missing: --listen HOST:PORT"),
        (["--mode=full", "--mode", "full"], "--mode: given twice"),
        (["--tls-auto", "--tls-auto"], "--tls-auto: given twice"),
        (["--mode", "ful"], "--mode: expected passthrough, observe, stable or full, got \"ful\""),
        (["--mode="], "--mode: expected passthrough, observe, stable or full, got \"\""),
        (
            ["--log-level", "INFO"],
            "--log-level: expected error, warning, info, debug or trace, got \"INFO\""
        ),
        (
            ["--provider", "azure"],
            "--provider: expected deepseek, openai, anthropic, vllm, sglang or generic, got \"azure\""
        ),
        (["--threads", "0"], "--threads: expected a whole number from 1 to 1024, got \"0\""),
        (["--threads", "-1"], "--threads: expected a whole number from 1 to 1024, got \"-1\""),
        (["--threads", "+1"], "--threads: expected a whole number from 1 to 1024, got \"+1\""),
        (["--threads", "1025"], "--threads: expected a whole number from 1 to 1024, got \"1025\""),
        (
            ["--threads", "99999999999999999999"],
            "--threads: expected a whole number from 1 to 1024, got \"99999999999999999999\""
        ),
        (["--threads", "2.5"], "--threads: expected a whole number from 1 to 1024, got \"2.5\""),
        (
            ["--drain-seconds", "soon"],
            "--drain-seconds: expected a duration from 0ms to 1h, \(noDuration), got \"soon\""
        ),
        (
            ["--drain-seconds", "2h"],
            "--drain-seconds: expected a duration from 0ms to 1h, \(noDuration), got \"2h\""
        ),
        (["--tls-auto=maybe"], "--tls-auto: expected true or false, got \"maybe\""),
        (["--home", ""], "--home: expected a path"),
        (["--tls-cert", "a\u{0}b"], "--tls-cert: expected a path"),
        (["--admin-key", ""], "--admin-key: the key is empty"),
        (
            ["--listen", "80"],
            "--listen: expected ADDRESS:PORT such as 127.0.0.1:8787, [::1]:8787 or :8787, got \"80\""
        ),
        (
            ["--allow-host", "a:80"],
            "--allow-host: expected a host name or an IP address, without port, got \"a:80\""
        ),
        (
            ["--allow-host", "*"],
            "--allow-host: expected a host name or an IP address, without port, got \"*\""
        ),
        (["--upstream", "host"], "--upstream: expected a URL that starts with http:// or https://"),
        (
            ["--upstream", "a b=http://h"],
            "--upstream: expected a name of 1 to 64 letters, digits, dots, hyphens or underscores, got \"a b\""
        ),
        (
            ["--upstream", "=http://h"],
            "--upstream: expected a name of 1 to 64 letters, digits, dots, hyphens or underscores, got \"\""
        ),
        (["--mode", "a\nb"], "--mode: expected passthrough, observe, stable or full, got \"a\\u{a}b\""),
        (
            ["--mode", String(repeating: "x", count: 90)],
            "--mode: expected passthrough, observe, stable or full, got \"\(String(repeating: "x", count: 80))...\""
        ),
    ])
    func `a bad flag is one clear line`(_ flags: [String], line: String) {
        #expect(serveError(flags) == line)
    }

    @Test(arguments: [
        ("CAIRN_MODE", "ful", "CAIRN_MODE: expected passthrough, observe, stable or full, got \"ful\""),
        ("CAIRN_THREADS", "many", "CAIRN_THREADS: expected a whole number from 1 to 1024, got \"many\""),
        ("CAIRN_UPSTREAM", "host", "CAIRN_UPSTREAM: expected a URL that starts with http:// or https://"),
        ("CAIRN_TLS_AUTO", "maybe", "CAIRN_TLS_AUTO: expected true or false, got \"maybe\""),
    ])
    func `a bad variable is one clear line`(_ variable: String, value: String, line: String) {
        #expect(serveError([], [variable: value]) == line)
    }

    @Test(arguments: [
        ("0", 0), ("0.0004", 0), ("0.0006", 1), ("1.5", 1500), ("500ms", 500), ("10s", 10_000),
        ("5m", 300_000), ("1h", 3_600_000),
        ("0.5m", 30_000),
    ])
    func `a duration has units`(_ text: String, milliseconds: Int) throws {
        #expect(try serve(["--drain-seconds", text]).drainMilliseconds == milliseconds)
    }

    @Test(arguments: ["1.", ".5", "1.2.3", "1e3", "-1", "ms", "", "10 s", "inf", "nan", "0x10", "1d"])
    func `a bad duration is refused`(_ text: String) throws {
        let line = try #require(serveError(["--drain-seconds=\(text)"]))

        #expect(line.hasPrefix("--drain-seconds: expected a duration from 0ms to 1h"))
        #expect(line.hasSuffix("got \"\(text)\""))
    }

    @Test func `allowed hosts are lower case, and may be addresses`() throws {
        let hosts = try serve([
            "--allow-host", "Gate.Example", "--allow-host=[::1]", "--allow-host", "0:0::1",
        ]).allowedHosts

        #expect(hosts == ["gate.example", "::1", "::1"])
    }
}

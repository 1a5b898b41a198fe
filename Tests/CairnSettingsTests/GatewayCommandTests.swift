// The commands that look at a gateway or at its home.

import CairnSettings
import Testing

struct GatewayCommandTests {
    private static let session = "0123456789abcdef0123456789abcdef"

    @Test func `they find the home as serve does`() throws {
        #expect(try parse(["prove"]) == .prove(ProveSettings(home: "/home/ada/.cairn")))
        #expect(try parse(["report"], ["CAIRN_HOME": "/h"]) == .report(ReportSettings(home: "/h")))
        #expect(try parse(["backup", "--home", "/i"], ["CAIRN_HOME": "/h"]) == .backup(BackupSettings(home: "/i")))
    }

    @Test func `the configuration file may name another home, and a flag wins over it`() throws {
        let file = "home: /other\nupstreams: [{name: a, url: https://a.example, api_key_variable: ABSENT}]\n"
        #expect(try parse(["prove"], file: file) == .prove(ProveSettings(home: "/other")))
        #expect(
            try parse(["prove", "--config", configPath, "--home", "/h"], file: file)
                == .prove(ProveSettings(home: "/h")))
    }

    @Test func `prove takes a session or all`() throws {
        let home = "/home/ada/.cairn"
        #expect(try parse(["prove", Self.session]) == .prove(ProveSettings(home: home, session: Self.session)))
        #expect(try parse(["prove", "--all"]) == .prove(ProveSettings(home: home)))
    }

    @Test func `report takes a session, a time and a form`() throws {
        var report = ReportSettings(home: "/home/ada/.cairn")
        report.session = Self.session
        report.since = .hoursAgo(168)
        report.format = .json
        #expect(try parse(["report", "--session", Self.session, "--since=7d", "--format", "json"]) == .report(report))
        report.since = .day("2026-11-01")
        #expect(
            try parse(["report", "--session", Self.session, "--since=2026-11-01", "--format", "json"])
                == .report(report))
        report.since = .hoursAgo(12)
        #expect(
            try parse(
                ["report"],
                ["CAIRN_REPORT_SESSION": Self.session, "CAIRN_REPORT_SINCE": "12h", "CAIRN_REPORT_FORMAT": "json"])
                == .report(report))
    }

    @Test func `expand takes a handle, and why a handle or a call`() throws {
        let home = "/home/ada/.cairn"
        #expect(try parse(["expand", "k7f2"]) == .expand(ExpandSettings(home: home, handle: "k7f2")))
        #expect(
            try parse(["expand", "k7f2", "--session", Self.session, "--lines", "3-9", "--home", "/h"])
                == .expand(ExpandSettings(home: "/h", handle: "k7f2", session: Self.session, lines: 3...9)))
        #expect(
            try parse(["expand", "k7f2", "--lines=7"])
                == .expand(ExpandSettings(home: home, handle: "k7f2", lines: 7...7)))
        #expect(try parse(["why", "k7f2"]) == .why(WhySettings(home: home, subject: .handle("k7f2"))))
        let call = "01J8ZQ4M5N6P7R8S9T0V1W2X3Y"
        #expect(try parse(["why", call]) == .why(WhySettings(home: home, subject: .call(call))))
        let whole = String(repeating: "k", count: 26)
        #expect(try parse(["why", whole]) == .why(WhySettings(home: home, subject: .handle(whole))))
    }

    @Test func `a context is exported by its session`() throws {
        #expect(
            try parse(["context", "export", "--session", Self.session], ["CAIRN_HOME": "/h"])
                == .exportContext(ExportSettings(home: "/h", session: Self.session)))
        let usage = "cairn context export: write cairn context export --session ID"
        #expect(errorLine(["context", "export"]) == usage)
        #expect(errorLine(["context", "export", "f", "--session", Self.session]) == usage)
    }

    @Test func `status finds the gateway by its own variables and file`() throws {
        var status = StatusSettings()
        #expect(try parse(["status"]) == .status(status))
        status.address = ListenAddress(host: "127.0.0.1", port: 1)
        status.adminKey = Secret("key-of-the-admin")
        #expect(
            try parse(["status"], ["CAIRN_LISTEN": ":1", "CAIRN_ADMIN_KEY": "key-of-the-admin"]) == .status(status))
        status.usesTLS = true
        status.isOnce = true
        let file = "listen: ':1'\nadmin_key: key-of-the-admin\ntls: {auto: true}\n"
        #expect(try parse(["status", "--once"], file: file) == .status(status))
    }

    @Test(arguments: [
        (["prove", "abc"], "SESSION: expected the 32 hexadecimal digits of a session, got \"abc\""),
        (["prove", session, "--all"], "--all: cannot go together with a SESSION"),
        (
            ["prove", session, session],
            "cairn prove: expected a flag, written --name VALUE or --name=VALUE, as argument 2"
        ),
        (["report", "--since", "7w"], "--since: expected 12h, 7d or a day such as 2026-11-01, got \"7w\""),
        (["report", "--since", "0d"], "--since: expected 12h, 7d or a day such as 2026-11-01, got \"0d\""),
        (["report", "--format", "pdf"], "--format: expected text, md, json or svg, got \"pdf\""),
        (
            ["report", "--session", "ABCDEF"],
            "--session: expected the 32 hexadecimal digits of a session, got \"ABCDEF\""
        ),
        (
            ["expand"], "expand: expected a HANDLE, the characters of a marker in front of its colon"
        ),
        (
            ["expand", "k7fl"], "HANDLE: expected the characters of a marker in front of its colon, got \"k7fl\""
        ),
        (["expand", "k7f2", "--lines", "9-3"], "--lines: expected lines such as 3-9, counted from 1, got \"9-3\""),
        (["expand", "k7f2", "--lines", "0-3"], "--lines: expected lines such as 3-9, counted from 1, got \"0-3\""),
        (["why"], "why: expected a HANDLE of a marker, or a CALL as the header x-cairn-call names it"),
        (
            ["why", "01J"],
            "HANDLE|CALL: expected the characters of a marker in front of its colon, or the 26 of a call, got \"01J\""
        ),
        (
            ["status", "--once", "x"],
            "cairn status: expected a flag, written --name VALUE or --name=VALUE, as argument 2"
        ),
    ])
    func `a bad command is one clear line`(_ arguments: [String], line: String) {
        #expect(errorLine(arguments)?.hasSuffix(line) == true, "\(errorLine(arguments) ?? "")")
    }
}

// One screen from a gateway's own pages.

import CairnCore
import Testing

@testable import CairnReport

@Suite struct StatusScreenTests {
    private static let health = #"""
        {"status":"ok","version":"1.2.3","mode":"stable","uptime_seconds":7260,"loops":[{"client_connections":1}],
        "store":{"state":"degraded","reason":"no space is left","queued_records":7,"lost_records":3,"file_bytes":2048},
        "sessions_in_memory":5,"links_in_memory":60,"strategies_off":["project 01: result-digest 1 is off for 7 days"],
        "recent_breaks":[{"session":"00ff","reason":"the client changed its tools","seconds_ago":61}],
        "upstreams":[{"name":"main","provider":"openai","url":"https://api.example","reachable":false,"failure":"refused"},
        {"name":"other","url":"http://other","reachable":true}]}
        """#
    private static let metrics = """
        # HELP cairn_saved_dollars_total x
        cairn_saved_dollars_total{provider="deepseek"} 1.5
        cairn_saved_dollars_total{provider="openai"} -0.25
        cairn_billed_dollars_total{provider="deepseek"} 2
        cairn_untouched_dollars_total{provider="deepseek"} 3.25
        cairn_unpriced_calls_total{provider="openai"} 2
        cairn_prompt_tokens_total{provider="deepseek",kind="hit"} 980
        cairn_prompt_tokens_total{provider="deepseek",kind="miss"} 20
        cairn_provider_hit_ratio{provider="deepseek"} 0.980
        cairn_calls_total{route="chat",upstream="main",class="2xx"} 12
        cairn_calls_in_flight 1

        """

    private func screen(_ health: String = health, _ metrics: String = metrics) throws -> String {
        try StatusScreen(health: Array(health.utf8), metrics: Array(metrics.utf8)).text(address: "127.0.0.1:8787")
    }

    @Test func `everything a user asks for is on it`() throws {
        let text = try screen()
        for part in [
            "Cairn 1.2.3 at 127.0.0.1:8787, ok, mode stable, up 2 h 1 min", "$1.25: billed $2.00, untouched $3.25",
            "(2 calls of unknown price left out)", "1000 in prompts, 98.0 % from the cache",
            "12 ended, 1 under way, 0 faults",
            "5 in memory, 60 turns", "degraded (no space is left), 2 KiB, 7 records waiting, 3 LOST",
            "main (https://api.example): NOT REACHABLE refused", "other (http://other): reachable",
            "provider deepseek: 98.0 %", "Strategies switched off\n  project 01: result-digest 1 is off for 7 days",
            "00ff  1 min ago  the client changed its tools",
        ] {
            #expect(text.contains(part), "\(part) is missing in \(text)")
        }
    }

    @Test func `a gateway that tells little shows little`() throws {
        let text = try screen(#"{"status":"ok","version":"1","mode":"observe","uptime_seconds":1}"#, "")
        #expect(text.contains("mode observe, up 1 s"))
        #expect(text.contains("none yet"))
        #expect(text.contains("store       unknown"))
        #expect(!text.contains("Upstreams"))
    }

    @Test func `a long list is cut and counted`() throws {
        let ratios = (0..<20).map { "cairn_harness_hit_ratio{harness=\"h\($0)\"} 0.5\n" }.joined()
        let text = try screen(Self.health, ratios)
        #expect(text.matches(of: /harness h/).count == StatusScreen.rowsMax)
        #expect(text.contains("and 12 more"))
    }

    @Test(arguments: [
        "cairn_saved_dollars_total nan", "cairn_saved_dollars_total 1e400", "cairn_calls_total inf", "x", "} {", " ",
    ])
    func `metrics of something else do no harm`(_ metrics: String) throws {
        #expect(try screen(Self.health, metrics).contains("$0"))
    }

    @Test func `a page that is no JSON is refused`() {
        #expect(throws: CoreError.self) { _ = try StatusScreen(health: Array("<html>".utf8), metrics: []) }
    }
}

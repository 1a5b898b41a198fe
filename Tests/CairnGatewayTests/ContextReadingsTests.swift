// Dollars, sessions and the store in /metrics and /health.

import CairnContext
import CairnCore
import CairnLedger
import Foundation
import Testing

@testable import CairnGateway

@Suite struct ContextReadingsTests {
    private static func readings(_ state: StorageHealth.State = .ready) -> ContextReadings {
        var totals = LedgerTotals()
        for (provider, hit) in [("deepseek", 900), ("deepseek", 100), ("o\"pen", 0)] {
            let usage = BilledUsage(tokens: TokenUsage(miss: 1000 - hit, hit: hit, output: 10))
            let price = PriceBook.builtIn.price(
                provider: provider, model: "deepseek-v4-flash", at: Moment(milliseconds: 1_795_000_000_000)
            ).price
            totals.add(
                LedgerLine(
                    LedgerParty(provider: provider, model: "deepseek-v4-flash", harness: "codex", session: "s"),
                    at: Moment(milliseconds: 1_795_000_000_000), price: price, billed: usage,
                    prediction: CacheState(.of(provider: provider, price: price)).predict(
                        PromptShape(), at: Moment(milliseconds: 1_795_000_000_000)),
                    untouched: TokenUsage(miss: 1000)))
        }
        return ContextReadings(
            totals: totals, sessionCount: 3, linkCount: 40,
            storage: StorageHealth(state: state, queuedRecords: 5, lostRecords: 2, fileBytes: 4096),
            breaks: [
                RecentBreak(
                    session: SessionIdentifier(high: 1, low: 2), words: "the client changed its tools",
                    wallNanoseconds: 0)
            ], shortening: ShorteningTotals(), strategies: Self.strategies)
    }

    /// A guard that has switched one strategy off for one project.
    private static var strategies: StrategyReadings {
        var one = StrategyGuard()
        let digest = StrategyName("result-digest", version: 1)
        var findings = CallFindings()
        findings.replaced = Array(repeating: .init(digest, isEpoch: true, forecastNanodollars: 1000), count: 40)
        findings.signs.misses = Array(repeating: MissSign(.hiddenUse, of: digest), count: 16)
        findings.missNanodollars = 6000
        let project = GuardedProject(
            account: Fingerprint(high: 1, low: 2), harness: "codex", provider: "deepseek", model: "m \"quoted\"")
        _ = one.note(findings, session: SessionIdentifier(high: 1, low: 2), in: project, at: 1)
        return StrategyReadings(off: one.switchesInForce(at: 1), tallies: one.tallies)
    }

    @Test func `a strategy that is off is told with the reason`() throws {
        let text = try Self.text(Self.readings())
        #expect(text.contains("cairn_strategy_off{strategy=\"result-digest\"} 1\n"))
        #expect(text.contains("cairn_missed_parts_total{strategy=\"result-digest\",kind=\"used\"} 16\n"))
        _ = try PrometheusText(parsing: text)

        var writer = ByteWriter(capacity: 1024)
        writer.append("{\"status\":\"ok\"")
        Self.readings().writeHealth(to: &writer, wallNanoseconds: 61_000_000_000)
        writer.append("}")
        let object = try JSONSerialization.jsonObject(with: Data(writer.copyBytes())) as? [String: Any]
        let off = object?["strategies_off"] as? [String]
        #expect(off?.count == 1)
        #expect(off?.first?.contains("result-digest 1 is off for 7 days for codex with m \"quoted\"") == true)
    }

    @Test func `each provider has its dollars, tokens and hit ratio`() throws {
        let readings = Self.readings()
        let text = try Self.text(readings)

        let sum = readings.totals.sums(by: .provider)["deepseek"]!
        _ = try PrometheusText(parsing: text)
        #expect(text.contains("cairn_billed_dollars_total{provider=\"deepseek\"} \(sum.billed.decimalText)\n"))
        #expect(text.contains("cairn_saved_dollars_total{provider=\"deepseek\"} \(sum.saved.decimalText)\n"))
        #expect(text.contains("cairn_prompt_tokens_total{provider=\"deepseek\",kind=\"hit\"} 1000\n"))
        #expect(text.contains("cairn_provider_hit_ratio{provider=\"deepseek\"} 0.500\n"))
        #expect(text.contains("cairn_harness_hit_ratio{harness=\"codex\"} 0.333\n"))
        #expect(text.contains("cairn_unpriced_calls_total{provider=\"o\\\"pen\"} 1\n"))
        #expect(text.contains("cairn_store_lost_records_total 2\n"))
        #expect(text.contains("cairn_store_ready 1\n"))
        #expect(text.contains("cairn_sessions_in_memory 3\n"))
    }

    private static func text(_ readings: ContextReadings) throws -> String {
        var writer = ByteWriter(capacity: 1024)
        readings.writeMetrics(to: &writer)
        return String(decoding: writer.copyBytes(), as: UTF8.self)
    }

    @Test func `a store that cannot write is told with its reason`() throws {
        var writer = ByteWriter(capacity: 1024)
        writer.append("{\"status\":\"ok\"")
        let readings = Self.readings(.degraded(StoreError(.full, step: "writing /h/cairn.db")))
        readings.writeHealth(to: &writer, wallNanoseconds: 61_000_000_000)
        writer.append("}")

        let object = try JSONSerialization.jsonObject(with: Data(writer.copyBytes())) as? [String: Any]

        let store = object?["store"] as? [String: Any]
        #expect(store?["state"] as? String == "degraded")
        #expect((store?["reason"] as? String)?.contains("no space is left") == true)
        #expect(store?["lost_records"] as? Int == 2)
        let last = (object?["recent_breaks"] as? [[String: Any]])?.first
        #expect(last?["seconds_ago"] as? Int == 61)
        #expect(last?["reason"] as? String == "the client changed its tools")
        #expect(try Self.text(readings).contains("cairn_store_ready 0\n"))
    }

    @Test func `the last breaks are kept, and not more than a few`() {
        var breaks = RecentBreaks()
        for number in 0..<20 as Range<UInt64> {
            breaks.add(
                RecentBreak(session: SessionIdentifier(high: 0, low: number), words: "w", wallNanoseconds: number))
        }
        #expect(breaks.breaks.map(\.wallNanoseconds) == Array(12..<20))
        #expect(breaks.breaks.count == RecentBreaks.countMax)
    }
}

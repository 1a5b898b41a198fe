// The forms of a report: each complete, and the same every time.

import CairnContext
import CairnLedger
import Foundation
import Testing

@testable import CairnReport

@Suite struct ReportFormatTests {
    private static func report(model: String = "deepseek-v4-flash") -> Report {
        var first = SampleCalls(1, model: model)
        first.add(reason: .newSession, moved: "clock")
        first.add(common: 3000, moved: "clock")
        first.add(minutes: 1440, common: 100, reason: .toolsChanged, untouched: 500_000)
        var second = SampleCalls(2, model: "other|model", harness: "")
        second.add(minutes: 2880, reason: .newSession, billed: nil, untouched: nil)
        return SampleCalls.report(first, second)
    }

    @Test(arguments: ReportFormat.allCases)
    func `the same calls give the same bytes`(_ format: ReportFormat) {
        #expect(Self.report().rendered(as: format) == Self.report().rendered(as: format))
        #expect(Self.report().rendered(as: format).hasSuffix("\n"))
    }

    @Test func `dollars come first`() {
        let text = Self.report().rendered(as: .text)
        #expect(text.hasPrefix("Dollars, 2026-11-20 to 2026-11-22\n  billed"))
        #expect(text.contains("The price of 1 call is unknown"))
        #expect(
            text.contains(
                "The clock in your prompts would cost $0.0900 a month without Cairn, extrapolated from 2 calls."))
        #expect(text.contains("Offer the same tools in all calls"))
    }

    @Test func `columns stand under each other`() {
        let lines = Self.report().rendered(as: .text).split(separator: "\n").map(String.init)
        let head = lines.firstIndex { $0.hasPrefix("  cause") }!
        let end = lines[head].count
        #expect(lines[head + 1].count == end)
    }

    @Test func `a strategy that was switched off is told in every format for reading`() throws {
        var report = Self.report()
        #expect(!report.rendered(as: .text).contains("Strategies switched off"))
        let event = EventRecord(
            wallNanoseconds: 1_795_046_400_000_000_000, kind: "strategy-off", session: nil,
            text:
                "project 0123456789abcdef0123456789abcdef: result-digest 2 is off for 7 days for codex with m: it lost")
        report.switches = [try #require(StrategySwitch(event))]

        #expect(report.rendered(as: .text).contains("Strategies switched off\n  2026-11-19: \(event.text)\n"))
        #expect(report.rendered(as: .md).contains("## Strategies switched off\n\n- 2026-11-19: \(event.text)\n"))
        let object = try JSONSerialization.jsonObject(with: Data(report.rendered(as: .json).utf8)) as? [String: Any]
        let off = (object?["strategies_off"] as? [[String: Any]])?.first
        #expect(off?["strategy"] as? String == "result-digest")
        #expect(off?["version"] as? Int == 2)
        #expect(off?["text"] as? String == event.text)
    }

    @Test func `a bar in a name does not break a Markdown table`() {
        #expect(Self.report().rendered(as: .md).contains("| other\\|model |"))
    }

    @Test func `JSON is read back with the same sums`() throws {
        let report = Self.report(model: "a \"quoted\" model")
        let object = try JSONSerialization.jsonObject(with: Data(report.rendered(as: .json).utf8)) as? [String: Any]

        let total = object?["total"] as? [String: Any]
        #expect(total?["billed_usd"] as? String == report.sum.billed.decimalText)
        #expect(total?["hit_tokens"] as? Int == report.sum.tokens.hit)
        #expect((object?["days"] as? [Any])?.count == 3)
        #expect(
            (object?["models"] as? [[String: Any]])?.contains { $0["name"] as? String == "a \"quoted\" model" } == true)
        #expect(((object?["worst_sessions"] as? [[String: Any]])?.first?["break_cost_usd"]) is NSNull)
    }

    @Test func `an empty period says so in each form`() throws {
        let empty = Report()
        #expect(empty.rendered(as: .text).contains("No calls in this period"))
        #expect(empty.rendered(as: .md).contains("No calls in this period"))
        #expect(empty.rendered(as: .svg).contains("no calls"))
        _ = try JSONSerialization.jsonObject(with: Data(empty.rendered(as: .json).utf8))
    }

    @Test func `a chart shows losses below the line, and the last days of many`() {
        var sample = SampleCalls()
        for day in 0..<70 as Range<UInt64> { sample.add(minutes: day * 1440, untouched: day % 2 == 0 ? 4_000_000 : 0) }

        let chart = SampleCalls.report(sample).rendered(as: .svg)

        #expect(chart.matches(of: /<title>/).count == Report.chartDaysMax)
        #expect(chart.contains("#b3402a"))
        #expect(!chart.contains("2026-11-20"))
    }
}

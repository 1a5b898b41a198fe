// What a report says of given calls.

import CairnContext
import CairnCore
import CairnLedger
import Testing

@testable import CairnReport

/// Calls of one session a minute apart, made from what differs.
struct SampleCalls {
    static let start: UInt64 = 1_795_132_800_000_000_000  // 2026-11-20T00:00Z
    let session: SessionRecord
    private(set) var calls: [CallRecord] = []

    init(
        _ number: UInt64 = 1, provider: String = "deepseek", model: String = "deepseek-v4-flash",
        harness: String = "codex"
    ) {
        session = SessionRecord(
            id: SessionIdentifier(high: number, low: number), root: Fingerprint(high: 1, low: number), harness: harness,
            provider: provider, dialect: "chat", model: model, projectHint: "", createdNanoseconds: Self.start,
            frozenFacts: nil, strategyVersions: "")
    }

    mutating func add(
        minutes: UInt64? = nil, bytes: UInt64 = 3000, common: UInt64 = 0, asSent: UInt64 = 0,
        reason: PrefixBreak = .none,
        moved: String = "",
        usage: String? = #"{"prompt_tokens":1000,"completion_tokens":10,"prompt_cache_hit_tokens":600}"#,
        billed: Int64? = 1_000_000, untouched: Int64? = 4_000_000, predictedHit: Int64? = 600, reportedHit: Int64? = 600
    ) {
        let number = UInt64(calls.count)
        calls.append(
            CallRecord(
                id: "\(session.id) \(number)", session: session.id, chain: Fingerprint(high: 2, low: number),
                startedNanoseconds: Self.start + (minutes ?? number) * 60_000_000_000, mode: "stable",
                model: session.model,
                upstream: "main", requestBytes: bytes, emittedBytes: bytes,
                prefix: CallRecord.Prefix(
                    commonBytes: common, commonTokens: 0, commonBytesAsSent: asSent, breakCode: reason.rawValue,
                    breakText: reason.words, movedKinds: moved),
                tools: nil, previousProof: .lineageStart, proof: Fingerprint(high: 3, low: number),
                usage: usage.map { Array($0.utf8) },
                cost: CallRecord.Cost(
                    billedNanodollars: billed, predictedNanodollars: billed, untouchedNanodollars: untouched,
                    predictedHitTokens: predictedHit, reportedHitTokens: reportedHit),
                status: 200, outcome: "ok"))
    }

    static func report(_ all: SampleCalls...) -> Report {
        var builder = ReportBuilder(book: .builtIn)
        for sample in all { for call in sample.calls { builder.add(call, of: sample.session) } }
        return builder.finished()
    }
}

@Suite struct ReportBuilderTests {
    @Test func `dollars and tokens are the sums of the calls`() {
        var sample = SampleCalls()
        sample.add(reason: .newSession)
        sample.add(common: 3000, asSent: 1000)

        let report = SampleCalls.report(sample)

        #expect(report.sum.billed.nanodollars == 2_000_000)
        #expect(report.sum.saved.nanodollars == 6_000_000)
        #expect(report.sum.tokens == TokenUsage(miss: 800, hit: 1200, output: 20))
        #expect(report.sessionCount == 1)
        #expect((report.followingBytes, report.commonBytes, report.commonBytesAsSent) == (3000, 3000, 1000))
        #expect(report.models.map(\.name) == ["deepseek-v4-flash"])
        #expect(report.harnesses.map(\.name) == ["codex"])
        #expect(report.days.map(\.name) == ["2026-11-20"])
    }

    @Test func `an unknown price is unknown and never nothing`() {
        var sample = SampleCalls(provider: "generic", model: "own")
        sample.add(reason: .newSession, billed: nil, untouched: nil)
        sample.add(common: 10, reason: .historyChanged, moved: "clock", billed: nil, untouched: nil)

        let report = SampleCalls.report(sample)

        #expect(report.sum.unpricedCallCount == 2)
        #expect(report.breaks.map(\.unpricedCount) == [1])
        #expect(report.moved.map(\.unpricedCount) == [1])
        for format in [ReportFormat.text, .md] {
            #expect(report.rendered(as: format).contains("unknown"))
            #expect(!report.rendered(as: format).contains("$"))
        }
        #expect(report.rendered(as: .json).contains(#""billed_usd":null"#))
    }

    @Test func `a break costs what was sent again as misses`() {
        var sample = SampleCalls()
        sample.add(reason: .newSession)
        sample.add(common: 1000, reason: .toolsChanged)

        let report = SampleCalls.report(sample)

        // 2,000 of 3,000 bytes are 666 of 1,000 tokens.
        let day = Moment(milliseconds: Int64(SampleCalls.start / 1_000_000))
        let price = PriceBook.builtIn.price(provider: "deepseek", model: "deepseek-v4-flash", at: day).price
        let cost = price.map { 666 * ($0.tokens.miss - $0.tokens.hit).nanodollars / 1_000_000 }
        #expect(report.breaks.count == 1)
        #expect(report.breaks.first?.lostBytes == 2000)
        #expect(report.breaks.first?.lostTokens == 666)
        #expect(report.breaks.first?.cost.nanodollars == cost)
        #expect(report.worstSessions.map(\.breakCount) == [1])
    }

    @Test func `what was moved is extrapolated to a month of the period`() {
        var sample = SampleCalls()
        sample.add(minutes: 0, reason: .newSession, moved: "clock,process")
        sample.add(minutes: 3 * 1440, common: 3000, moved: "clock,process")

        let report = SampleCalls.report(sample)

        #expect(report.moved.map(\.kinds) == ["clock, process"])
        #expect(report.moved.map(\.saved.nanodollars) == [6_000_000])
        #expect(report.moved.map(\.monthly.nanodollars) == [60_000_000])
    }

    @Test func `an hour of calls is taken for a day, not for a twenty-fourth of one`() {
        var sample = SampleCalls()
        sample.add(minutes: 0, reason: .newSession, moved: "clock")
        sample.add(minutes: 60, common: 3000, moved: "clock")

        #expect(SampleCalls.report(sample).moved.map(\.monthly.nanodollars) == [180_000_000])
    }

    @Test func `calls without usage are told and in no sum`() {
        var sample = SampleCalls()
        sample.add(usage: nil, billed: nil, untouched: nil, predictedHit: 5, reportedHit: nil)
        sample.add(usage: "nonsense", billed: nil, untouched: nil)

        let report = SampleCalls.report(sample)

        #expect(report.unreportedCallCount == 2)
        #expect(report.sum.callCount == 0)
        #expect(report.errors.callCount == 1)
        #expect(report.rendered(as: .text).contains("No usage was reported for 2 calls"))
    }

    @Test func `prediction errors are a distribution`() {
        var sample = SampleCalls()
        sample.add(predictedHit: 600)
        sample.add(predictedHit: 700)
        sample.add(predictedHit: 10_000)

        let errors = SampleCalls.report(sample).errors

        #expect((errors.callCount, errors.exactCount, errors.within128Count) == (3, 1, 2))
    }

    @Test func `the sessions that lost most come first, and not more than a few`() {
        var builder = ReportBuilder(book: .builtIn)
        for number in 1...8 as ClosedRange<UInt64> {
            var sample = SampleCalls(number)
            sample.add(reason: .newSession)
            sample.add(common: 3000 - number * 100, reason: .historyChanged)
            for call in sample.calls { builder.add(call, of: sample.session) }
        }

        let worst = builder.finished().worstSessions

        #expect(worst.map(\.id.low) == [8, 7, 6, 5, 4])
        #expect(worst.count == ReportBuilder.worstSessionsMax)
    }

    @Test func `a call whose session is not known counts as one without usage`() {
        var sample = SampleCalls()
        sample.add()
        var builder = ReportBuilder(book: .builtIn)

        builder.add(sample.calls[0], of: nil)

        #expect(builder.finished().unreportedCallCount == 1)
        #expect(builder.finished().sessionCount == 0)
    }
}

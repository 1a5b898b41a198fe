// Lines and totals: what was billed, predicted and not taken, and that sums do not depend on the order.

import CairnCore
import Testing

@testable import CairnLedger

@Suite struct LedgerTests {
    static let price = PriceBook.builtIn.named("deepseek-flash")!.price

    static func party(_ session: String = "s", provider: String = "deepseek") -> LedgerParty {
        LedgerParty(provider: provider, model: "deepseek-v4-flash", harness: "codex", session: session)
    }

    static func line(
        _ party: LedgerParty = party(), price: Price? = price, hit: Int = 600, predictedHit: Int = 640,
        isHitKnown: Bool = true, day: Int64 = 0
    ) -> LedgerLine {
        LedgerLine(
            party, at: minutes(day * 1440), price: price,
            billed: BilledUsage(
                tokens: TokenUsage(miss: 1000 - hit, hit: hit, output: 100), isHitKnown: isHitKnown),
            prediction: PredictedUsage(
                usage: TokenUsage(miss: 1000 - predictedHit, hit: predictedHit), freshHitTokens: predictedHit,
                heldHitTokens: predictedHit, keptPermille: 1000),
            untouched: TokenUsage(miss: 2000, hit: 500))
    }

    @Test func `a line prices what was billed, predicted and not taken with the same output`() {
        let line = Self.line()

        // 0.15, 0.003 and 0.60 dollars per million are 150, 3 and 600 nanodollars a token.
        #expect(line.billed == Money(nanodollars: 60_000 + 1_800 + 60_000))
        #expect(line.predicted == Money(nanodollars: 54_000 + 1_920 + 60_000))
        #expect(line.untouched == Money(nanodollars: 300_000 + 1_500 + 60_000))
        #expect(line.saved == Money(nanodollars: 240_000 - 300))
        #expect(line.hitErrorTokens == -40)
    }

    @Test func `an own call is a debit`() {
        let usage = BilledUsage(tokens: TokenUsage(miss: 100, output: 10))
        let prediction = CacheState(.deepseek).predict(prompt([1]), at: minutes(0))
        let line = LedgerLine(
            ownCallOf: Self.party(), at: minutes(0), price: Self.price, billed: usage, prediction: prediction)
        var sum = LedgerSum()
        sum.add(line)

        #expect(line.saved == Money(nanodollars: -21_000))
        #expect(sum.ownCallCount == 1 && sum.ownCalls == sum.billed && sum.untouched == .zero)
    }

    @Test func `without a price there is no money, and without a report no error`() {
        let line = Self.line(price: nil, isHitKnown: false)
        var sum = LedgerSum()
        sum.add(line)
        sum.add(Self.line())

        #expect(line.billed == nil && line.predicted == nil && line.untouched == nil && line.saved == nil)
        #expect(line.hitErrorTokens == nil)
        #expect(sum.callCount == 2 && sum.unpricedCallCount == 1 && sum.tokens.prompt == 2000)
        #expect(sum.billed == Self.line().billed)
    }

    @Test func `totals group by every name and know the errors by provider`() {
        var totals = LedgerTotals()
        totals.add(Self.line(Self.party("a"), predictedHit: 600))
        totals.add(Self.line(Self.party("b"), predictedHit: 500, day: 1))
        totals.add(Self.line(Self.party("b", provider: "openai"), predictedHit: 0, day: 1))

        #expect(totals.all.callCount == 3)
        #expect(totals.sums(by: .session).mapValues(\.callCount) == ["a": 1, "b": 2])
        #expect(totals.sums(by: .provider).mapValues(\.callCount) == ["deepseek": 2, "openai": 1])
        #expect(totals.sums(by: .day).keys.sorted() == ["1970-01-01", "1970-01-02"])
        #expect(totals.sums(by: .model).count == 1 && totals.sums(by: .harness).count == 1)
        #expect(totals.errors.callCount == 3 && totals.errors(provider: "openai").within128Count == 0)
        #expect(totals.errors(provider: "deepseek").exactCount == 1)
        #expect(totals.errors(provider: "deepseek").within128Count == 2)
        #expect(totals.errors(provider: "none").callCount == 0)
        #expect(totals.all.hitPermille == 600 && LedgerSum().hitPermille == nil)
    }

    @Test func `totals of parts merged equal the totals of all, in any order`() {
        let lines = (0..<50).map { Self.line(Self.party("\($0 % 7)"), predictedHit: $0 * 20, day: Int64($0 % 3)) }
        var all = LedgerTotals()
        for line in lines { all.add(line) }
        var left = LedgerTotals()
        var right = LedgerTotals()
        for line in lines.prefix(20).reversed() { right.add(line) }
        for line in lines.dropFirst(20) { left.add(line) }
        left.add(right)

        #expect(left.all == all.all && left.errors == all.errors)
        #expect(left.errors(provider: "deepseek") == all.errors(provider: "deepseek"))
        for grouping in LedgerTotals.Grouping.allCases { #expect(left.sums(by: grouping) == all.sums(by: grouping)) }
        #expect(all.all.saved == all.all.untouched - all.all.billed)
    }

    @Test func `names beyond the limit are added up under one`() {
        var totals = LedgerTotals()
        for number in 0..<LedgerTotals.namesMax + 5 { totals.add(Self.line(Self.party("\(number)"))) }
        let sessions = totals.sums(by: .session)

        #expect(sessions.count == LedgerTotals.namesMax + 1)
        #expect(sessions[LedgerTotals.otherName]?.callCount == 5)
        #expect(sessions.values.reduce(0) { $0 + $1.callCount } == totals.all.callCount)
    }

    @Test func `quantiles round up to a step, and the largest error has a bucket`() {
        var errors = PredictionErrors()
        #expect(errors.quantile(percent: 50) == nil)
        for error in [0, 0, -64, 65, 128, -8192, 8193, 100_000, Int(Int32.max)] { errors.add(errorTokens: error) }

        #expect(errors.exactCount == 2 && errors.within128Count == 5 && errors.callCount == 9)
        #expect(
            [0, 22, 33, 50, 66, 77, 88].map { errors.quantile(percent: $0) } == [0, 0, 64, 128, 8192, 16384, 131_072])
        #expect(errors.quantile(percent: 100)! >= 1 << 30)
        #expect(errors.sumTokens == -64 + 65 + 128 - 8192 + 8193 + 100_000 + Int(Int32.max))
    }

    @Test(arguments: [
        ("deepseek", CacheModel.deepseek), ("openai", .openAI(.inMemory)), ("vllm", .vllm), ("sglang", .sglang),
        ("generic", .none), ("anthropic", .anthropic(minimumTokens: 1024)),
    ])
    func `a provider has its cache model`(provider: String, model: CacheModel) {
        #expect(CacheModel.of(provider: provider, price: nil) == model)
    }

    @Test func `the price book knows what a model's cache needs`() throws {
        let moment = try PriceBookTests.moment("2026-11-20")
        func model(_ provider: String, _ name: String) -> CacheModel {
            .of(
                provider: provider,
                price: PriceBook.builtIn.price(provider: provider, model: name, at: moment).price)
        }

        #expect(model("anthropic", "claude-opus-4-6") == .anthropic(minimumTokens: 4096))
        #expect(model("openai", "gpt-5.5") == .openAI(.inMemory))
        #expect(model("openai", "gpt-5.6") == .openAI(.thirtyMinutes))
    }
}

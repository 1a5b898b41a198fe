// Money is exact, and reads well.

import Testing

@testable import CairnLedger

@Suite struct MoneyTests {
    @Test(
        arguments: [
            (0, "$0"), (41_200_000, "$0.0412"), (-41_200_000, "-$0.0412"), (41_000_000_000, "$41"),
            (41_499_999_999, "$41"), (41_500_000_000, "$42"), (9_994_999_999, "$9.99"), (9_995_000_000, "$10"),
            (999_499_999, "$0.999"), (999_500_000, "$1.00"), (4_125_000_000, "$4.13"), (100_000_000, "$0.100"),
            (99_949_999, "$0.0999"), (99_950_000, "$0.100"), (412, "$0.000000412"), (1, "$0.000000001"),
            (51_234, "$0.0000512"), (1_234_567_000_000_000, "$1,234,567"), (999_999_600_000_000, "$1,000,000"),
        ] as [(Int64, String)])
    func `an amount is shown with three digits, cents, or whole dollars`(nanodollars: Int64, text: String) {
        #expect(Money(nanodollars: nanodollars).description == text)
    }

    @Test(
        arguments: [
            (0, "0"), (41_200_000, "0.0412"), (-41_200_000, "-0.0412"), (41_000_000_000, "41"), (1, "0.000000001"),
            (Int64.min, "-9223372036.854775808"),
        ] as [(Int64, String)])
    func `a machine gets the exact number`(nanodollars: Int64, text: String) {
        #expect(Money(nanodollars: nanodollars).decimalText == text)
    }

    @Test(
        arguments: [
            ("0.003", 3_000_000), ("15", 15_000_000_000), ("3.75", 3_750_000_000), ("0.000000001", 1), ("0", 0),
        ] as [(String, Int64)])
    func `a price is read exactly`(text: String, nanodollars: Int64) {
        #expect(Money.parse(text, dollarsMax: 1000)?.nanodollars == nanodollars)
    }

    @Test(arguments: ["", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1,5", "1001", "0.0000000001", "1.2.3", "١"])
    func `a text that is no price is refused`(text: String) {
        #expect(Money.parse(text, dollarsMax: 1000) == nil)
    }

    @Test func `a sum beyond the bounds stays at the bound`() {
        let large = Money(nanodollars: .max)

        #expect(large + Money(nanodollars: 1) == large)
        #expect(Money.zero - large - large == Money(nanodollars: .min))
    }

    @Test func `a cost is rounded once`() {
        let prices = TokenPrices(
            miss: Money(nanodollars: 400_000), hit: Money(nanodollars: 400_000), output: Money(nanodollars: 400_000))

        // Each part is 0.4 nanodollars; three of them are 1.2.
        #expect(prices.cost(of: TokenUsage(miss: 1, hit: 1, output: 1)).nanodollars == 1)
    }

    @Test func `the largest call at the largest price fits`() {
        let price = Money(nanodollars: PriceFile.dollarsMax * Money.nanodollarsPerDollar)
        let prices = TokenPrices(miss: price, hit: price, output: price)

        let cost = prices.cost(of: TokenUsage(miss: BilledUsage.tokensMax, output: BilledUsage.tokensMax))

        #expect(cost.description == "$200,000,000")
    }
}

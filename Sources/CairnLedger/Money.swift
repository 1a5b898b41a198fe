// Money.swift: dollars as whole nanodollars. The ledger adds up millions of calls of a few thousandths of a cent, so no
// sum of it is ever a floating-point number, and adding lines in another order gives the same total.

/// An amount of money. A sum beyond ±9.2 thousand million dollars stays at that bound instead of wrapping around.
public struct Money: Hashable, Sendable {
    public static let zero = Money(nanodollars: 0)
    public static let nanodollarsPerDollar: Int64 = 1_000_000_000

    public let nanodollars: Int64

    public init(nanodollars: Int64) {
        self.nanodollars = nanodollars
    }

    /// From a wider number, kept within the bounds.
    init(clamping nanodollars: Int128) {
        self.init(nanodollars: Int64(clamping: nanodollars))
    }
}

extension Money: Comparable, AdditiveArithmetic {
    public static func < (left: Money, right: Money) -> Bool { left.nanodollars < right.nanodollars }

    public static func + (left: Money, right: Money) -> Money {
        Money(clamping: Int128(left.nanodollars) + Int128(right.nanodollars))
    }

    public static func - (left: Money, right: Money) -> Money {
        Money(clamping: Int128(left.nanodollars) - Int128(right.nanodollars))
    }
}

extension Money: CustomStringConvertible {
    /// For people: whole dollars from ten up, cents from one up, three significant digits below: `$1,234`, `$41`,
    /// `$4.12`, `$0.0412`, `$0.00000051`, `-$0.0412`, `$0`. Halves are rounded away from zero.
    public var description: String {
        let amount = nanodollars.magnitude
        let places =
            switch amount {
            case 0: 0
            case 9_995_000_000...: 0
            case 999_500_000...: 2
            default: Money.placesForThreeDigits(amount)
            }
        return (nanodollars < 0 ? "-$" : "$") + Money.text(amount, places: places, groups: true)
    }

    /// For machines: the exact decimal number of dollars without trailing zeros: `-0.0412`, `41`.
    public var decimalText: String {
        var places = 9
        var rest = nanodollars.magnitude
        while places > 0, rest % 10 == 0 {
            rest /= 10
            places -= 1
        }
        return (nanodollars < 0 ? "-" : "") + Money.text(nanodollars.magnitude, places: places, groups: false)
    }

    /// Decimal places that leave three significant digits of an amount below one dollar.
    private static func placesForThreeDigits(_ amount: UInt64) -> Int {
        var places = 3
        var limit: UInt64 = 99_950_000  // below it, 0.100 loses its first digit even after rounding
        while places < 9, amount < limit {
            places += 1
            limit /= 10
        }
        return places
    }

    private static func text(_ amount: UInt64, places: Int, groups: Bool) -> String {
        var unit: UInt64 = 1
        for _ in places..<9 { unit *= 10 }
        let rounded = amount / unit + (amount % unit >= (unit + 1) / 2 && unit > 1 ? 1 : 0)
        var scale: UInt64 = 1
        for _ in 0..<places { scale *= 10 }
        let whole = String(rounded / scale)
        let dollars = groups ? grouped(whole) : whole
        guard places > 0 else { return dollars }
        let fraction = String(rounded % scale)
        return dollars + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }

    private static func grouped(_ digits: String) -> String {
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return result
    }
}

extension Money {
    /// Parses a decimal number of dollars with at most nine places and without a sign: `0.003`, `15`, `3.75`. Nil for
    /// anything else, and above `dollarsMax`.
    static func parse(_ text: String, dollarsMax: Int64) -> Money? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = digits(parts[0], countMax: 9), whole <= dollarsMax else { return nil }
        guard parts.count == 2 else { return Money(nanodollars: whole * nanodollarsPerDollar) }
        guard var nanodollars = digits(parts[1], countMax: 9) else { return nil }
        for _ in parts[1].count..<9 { nanodollars *= 10 }
        return Money(nanodollars: whole * nanodollarsPerDollar + nanodollars)
    }

    private static func digits(_ text: some Collection<UInt8>, countMax: Int) -> Int64? {
        guard (1...countMax).contains(text.count) else { return nil }
        var value: Int64 = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return value
    }
}

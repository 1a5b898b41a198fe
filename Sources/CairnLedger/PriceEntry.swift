// PriceEntry.swift: one dated entry of a price book: which models of which provider it prices, from when to when, and
// at which hours it is cheaper. Entries come from the built-in file and from a user's.

/// One dated entry of a price book.
struct PriceEntry: Hashable, Sendable {
    /// The provider's name as in the settings of an upstream (`deepseek`, `openai`, ...).
    var provider: String
    var models: [ModelPattern]
    /// First and last day, UTC. A later entry for the same models ends this one as well.
    var from: CalendarDay
    var until: CalendarDay?
    var tokens: TokenPrices
    var longPrompt: Price.LongPrompt?
    var offPeak: OffPeak?
    var gpuSecond: Money = .zero
    var contextTokens: Int?
    var promptTokens: Int?
    var cacheMinimumTokens: Int?

    /// Other prices at some hours of the week.
    struct OffPeak: Hashable, Sendable {
        var tokens: TokenPrices
        var hours: [WeekHours]
    }

    func price(at moment: Moment, origin: Price.Origin) -> Price {
        let isOffPeak = offPeak?.hours.contains { $0.contains(moment) } ?? false
        return Price(
            origin: origin, from: from, tokens: isOffPeak ? offPeak!.tokens : tokens, longPrompt: longPrompt,
            gpuSecond: gpuSecond, contextTokens: contextTokens, promptTokens: promptTokens,
            cacheMinimumTokens: cacheMinimumTokens)
    }
}

/// Hours on some days of the week, UTC: `mon-fri 04:00-06:00`. The end is not included; 24:00 is midnight.
struct WeekHours: Hashable, Sendable {
    /// 0 is Monday.
    private let days: ClosedRange<Int>
    private let minutes: Range<Int>

    private static let dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    /// Nil for another form, for days or hours in reverse order, and for an empty time.
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2 else { return nil }
        let days = parts[0].split(separator: "-").map { WeekHours.dayNames.firstIndex(of: String($0)) }
        let times = parts[1].split(separator: "-").map { WeekHours.minute($0) }
        guard let firstDay = days.first ?? nil, let lastDay = days.last ?? nil, days.count <= 2, firstDay <= lastDay,
            times.count == 2, let start = times[0], let end = times[1], start < end
        else { return nil }
        self.days = firstDay...lastDay
        minutes = start..<end
    }

    func contains(_ moment: Moment) -> Bool {
        days.contains(moment.day.weekday) && minutes.contains(moment.minuteOfDay)
    }

    private static func minute(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }), let hour = UInt8(parts[0]),
            let minute = UInt8(parts[1]), minute < 60, hour < 24 || (hour == 24 && minute == 0)
        else { return nil }
        return Int(hour) * 60 + Int(minute)
    }
}

/// The models an entry is for: a name, in which `?` is any one byte and a final `*` any rest. Letters match either
/// case.
///
/// Dates at the end of a name are spelled out with `?`, so that `claude-opus-4-5-20??????` is not a price for a model
/// that does not exist yet.
struct ModelPattern: Hashable, Sendable {
    static let bytesMax = 128

    /// Lower case, without the final `*`.
    private let bytes: [UInt8]
    private let hasAnyRest: Bool

    /// Nil for an empty or too long pattern, for spaces and control characters, and for a `*` before the end.
    init?(_ text: String) {
        guard (1...ModelPattern.bytesMax).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return nil }
        hasAnyRest = text.utf8.last == UInt8(ascii: "*")
        bytes = text.utf8.dropLast(hasAnyRest ? 1 : 0).map(lowerCase)
        guard !bytes.contains(UInt8(ascii: "*")) else { return nil }
    }

    /// How exactly the pattern says what it means: a name without `*` before one with, then the more letters.
    var precision: Int {
        (hasAnyRest ? 0 : ModelPattern.bytesMax + 1) + bytes.count { $0 != UInt8(ascii: "?") }
    }

    /// - Complexity: one step a byte of the pattern; no allocation.
    func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard hasAnyRest ? name.count >= bytes.count : name.count == bytes.count else { return false }
        for (index, expected) in bytes.enumerated()
        where expected != UInt8(ascii: "?") && expected != lowerCase(name[index]) {
            return false
        }
        return true
    }
}

private func lowerCase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

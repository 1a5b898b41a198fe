// Moment.swift: points in time that the ledger is told; it has no clock. Prices depend on the day, the weekday and the
// minute in UTC, caches on how long ago something was.

/// A point in time.
public struct Moment: Hashable, Comparable, Sendable {
    /// Since 1970-01-01T00:00Z.
    public let milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    public static func < (left: Moment, right: Moment) -> Bool { left.milliseconds < right.milliseconds }

    public var day: CalendarDay { CalendarDay(number: Moment.floorDivide(milliseconds, 86_400_000)) }

    /// Minutes since midnight UTC.
    var minuteOfDay: Int { Int((milliseconds - day.number * 86_400_000) / 60_000) }

    fileprivate static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value / divisor - (value % divisor < 0 ? 1 : 0)
    }
}

/// A day in UTC.
public struct CalendarDay: Hashable, Comparable, Sendable {
    /// Days since 1970-01-01.
    public let number: Int64

    init(number: Int64) {
        self.number = number
    }

    /// Parses `2026-11-20`; nil for anything else, and for days that no calendar has.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.count) == [4, 2, 2],
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        self.init(number: CalendarDay.dayNumber(year, month, day))
        guard date == (year, month, day) else { return nil }
    }

    public static func < (left: CalendarDay, right: CalendarDay) -> Bool { left.number < right.number }

    /// 0 is Monday, 6 is Sunday. 1970-01-01 was a Thursday.
    var weekday: Int { Int((number % 7 + 10) % 7) }

    // Both conversions count in years that begin in March, so that the leap day is a year's last day, and in eras of
    // 400 such years (146,097 days), after which the calendar repeats. 719,468 days lie between 0000-03-01 and
    // 1970-01-01.

    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = Moment.floorDivide(marchYear, 400)
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private var date: (year: Int64, month: Int64, day: Int64) {
        let shifted = number + 719_468
        let era = Moment.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}

extension CalendarDay: CustomStringConvertible {
    public var description: String {
        let (year, month, day) = date
        return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}

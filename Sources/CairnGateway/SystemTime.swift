// The two clocks of the machine, read in nanoseconds, and the RFC 3339 spelling of the first. Services take a function
// that reads the clock, so that tests can give their own.

import CairnCore
import Glibc

/// Readings of the machine's clocks.
enum SystemTime {
    /// Nanoseconds since 1970-01-01 UTC; may jump when the clock is set. About 25 ns.
    @Sendable static func wallNanoseconds() -> UInt64 { read(CLOCK_REALTIME) }

    /// Nanoseconds since an arbitrary start; never goes back. About 25 ns.
    @Sendable static func monotonicNanoseconds() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Seconds since 1970 of an RFC 3339 time in UTC (`2025-10-09T08:53:20Z`, fractions allowed); nil for other texts and
    /// for times before 1970.
    static func seconds(timestamp text: String) -> UInt64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        for (position, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] {
            guard bytes[position] == mark.utf8.first else { return nil }
        }
        func number(_ range: Range<Int>) -> Int? {
            guard bytes[range].allSatisfy(\.isASCIIDigit) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            year >= 1970, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = TimestampWriter.dayNumber(year: year, month: month, day: day)
        return UInt64(days) * 86_400 + UInt64(hour * 3600 + minute * 60 + second)
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}

/// Writes times as `2026-11-20T10:04:21.123Z` (RFC 3339, UTC). Remembers the text of the last second, so that writing
/// many times of one second costs a copy each.
struct TimestampWriter: Sendable {
    private var second: UInt64
    private var text: [19 of UInt8] = .init(repeating: 0)

    init() {
        second = 0
        text = Self.spell(second: 0)
    }

    /// Appends 24 bytes. Milliseconds are cut, not rounded.
    mutating func append(wallNanoseconds: UInt64, to writer: inout ByteWriter) {
        let now = wallNanoseconds / 1_000_000_000
        if now != second {
            second = now
            text = Self.spell(second: now)
        }
        writer.append(text.span)
        writer.append(byte: UInt8(ascii: "."))
        writer.append(decimal: wallNanoseconds / 1_000_000 % 1000, digits: 3)
        writer.append(byte: UInt8(ascii: "Z"))
    }

    private static func spell(second: UInt64) -> [19 of UInt8] {
        let date = civilDate(day: Int(second / 86_400))
        let secondOfDay = Int(second % 86_400)
        var text = [19 of UInt8](repeating: UInt8(ascii: "-"))
        put(date.year, digits: 4, at: 0, into: &text)
        put(date.month, digits: 2, at: 5, into: &text)
        put(date.day, digits: 2, at: 8, into: &text)
        text[10] = UInt8(ascii: "T")
        put(secondOfDay / 3600, digits: 2, at: 11, into: &text)
        text[13] = UInt8(ascii: ":")
        put(secondOfDay / 60 % 60, digits: 2, at: 14, into: &text)
        text[16] = UInt8(ascii: ":")
        put(secondOfDay % 60, digits: 2, at: 17, into: &text)
        return text
    }

    private static func put(_ value: Int, digits: Int, at position: Int, into text: inout [19 of UInt8]) {
        var rest = value
        for offset in stride(from: position + digits - 1, through: position, by: -1) {
            text[offset] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }

    /// The date of a day counted from 1970-01-01, in the Gregorian calendar, for days not before it. A year is taken to
    /// begin in March, so that the leap day is its last; 146097 days make 400 years. The method is Howard Hinnant's
    /// "civil_from_days".
    static func civilDate(day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468  // days since 0000-03-01
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    /// The other way: the day of a date, counted from 1970-01-01 (Howard Hinnant's "days_from_civil").
    static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

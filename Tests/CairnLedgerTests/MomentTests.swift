// Days, weekdays and minutes, beside Foundation's calendar.

import Foundation
import Testing

@testable import CairnLedger

@Suite struct MomentTests {
    @Test func `days and weekdays equal Foundation's from 1586 on`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for number in stride(from: -140_000, through: 180_000, by: 37) {
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: date)
            let moment = Moment(milliseconds: Int64(number) * 86_400_000 + 86_399_999)

            let text = String(format: "%04d-%02d-%02d", parts.year!, parts.month!, parts.day!)
            #expect(moment.day.description == text)
            #expect(CalendarDay(text) == moment.day)
            #expect(moment.day.weekday == (parts.weekday! + 5) % 7)
            #expect(moment.minuteOfDay == 1439)
        }
    }

    @Test(arguments: [
        "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "26-01-01", "2026-01-32", "2026/01/01", "", "+026-01-01",
        "2026-01-01-01",
    ])
    func `a text that is no day is refused`(text: String) {
        #expect(CalendarDay(text) == nil)
    }

    @Test func `off-peak hours end before their end`() throws {
        let hours = try #require(WeekHours("mon-fri 04:00-06:00"))
        let friday = try #require(CalendarDay("2026-11-20")).number * 86_400_000

        #expect(hours.contains(Moment(milliseconds: friday + 4 * 3_600_000)))
        #expect(hours.contains(Moment(milliseconds: friday + 6 * 3_600_000 - 1)))
        #expect(!hours.contains(Moment(milliseconds: friday + 6 * 3_600_000)))
        #expect(!hours.contains(Moment(milliseconds: friday + 28 * 3_600_000)))
    }

    @Test(arguments: [
        "fri-mon 04:00-06:00", "mon 06:00-04:00", "mon 04:00", "mon-fri", "day 04:00-06:00", "mon 24:01-24:02",
        "mon 4:00-6:00", "mon-tue-wed 04:00-06:00", "",
    ])
    func `hours that cannot be are refused`(text: String) {
        #expect(WeekHours(text) == nil)
    }
}

// Reads a date or a time of day as harnesses write them, from a known place on: after a label, never in search of one.
//
//     2026-11-20   2026-11-20T12:00:01.5Z   2026/11/20, 12:00   20.11.2026   11/20/2026 3:07:21 PM   12:00   1763640001
//     Fri, 20 Nov 2026 12:00:01 +0000   Fri Nov 20 12:00:01 UTC 2026   Thursday, February 5th, 2026 — 10:30 AM (UTC)
//
// A table of tokens in any order rather than a list of formats: the end moves behind a token only when what was read up
// to there is a whole moment, so words that happen to follow ("12:00 May I ...") stay outside.

/// A date or a time found in a text.
struct Moment {
    /// `clock` if it has a time of day, `date` if not.
    var kind: VolatileSpan.Kind
    var end: Int
}

struct MomentReader {
    /// Tokens of one moment; a longer one ends there.
    static let tokensMax = 24
    /// Bytes of a zone in brackets.
    static let zoneCharactersMax = 64

    private let text: SpelledText
    private var at: Int
    private var whole: Moment?
    private var hasTime = false
    private var hasDate = false
    private var hasMonth = false
    private var hasDay = false
    private var hasYear = false

    private init(_ text: SpelledText, at offset: Int) {
        self.text = text
        at = offset
    }

    /// The moment that starts at `offset`; nil if none does.
    /// - Parameter takesEpoch: whether ten or thirteen digits are a moment too.
    /// - Complexity: bounded by ``tokensMax`` short tokens.
    static func read(_ text: SpelledText, at offset: Int, takesEpoch: Bool) -> Moment? {
        if takesEpoch, let end = epoch(text, at: offset) { return Moment(kind: .clock, end: end) }
        var reader = MomentReader(text, at: offset)
        var count = 0
        while count < tokensMax, reader.token() {
            count += 1
            reader.skipJoiner()
        }
        return reader.whole
    }

    /// Seconds or milliseconds since 1970, between 2001 and 2096, maybe with a fraction.
    private static func epoch(_ text: SpelledText, at offset: Int) -> Int? {
        let digits = number(text, at: offset)
        let first = text.unit(at: offset).value
        guard digits.count == 10 || digits.count == 13, first >= 0x31, first <= 0x33 else { return nil }
        guard let point = text.match(".", at: digits.end) else { return digits.end }
        let fraction = number(text, at: point)
        return fraction.count > 0 ? fraction.end : digits.end
    }

    private static func number(_ text: SpelledText, at offset: Int) -> (value: Int, count: Int, end: Int) {
        var (value, count, at) = (0, 0, offset)
        while count < 20, case let step = text.unit(at: at), SpelledText.isDigit(step.value) {
            value = value < 100_000_000 ? value * 10 + Int(step.value - 0x30) : value
            count += 1
            at = step.next
        }
        return (value, count, at)
    }

    // MARK: tokens

    private mutating func token() -> Bool {
        let first = text.unit(at: at).value
        if SpelledText.isDigit(first) { return time() || numericDate() || dayOrYear() }
        if SpelledText.isLetter(first) { return word() }
        if first == 0x2B || first == 0x2D { return offsetFromUTC() }
        if first == 0x28 { return zoneInBrackets() }
        return false
    }

    /// The end of what was read moves to `end`, if a whole moment was read.
    private mutating func take(_ end: Int) -> Bool {
        at = end
        if hasTime && (!hasMonth || hasDate) || hasDate && !hasTime {
            whole = Moment(kind: hasTime ? .clock : .date, end: end)
        }
        return true
    }

    /// `12:00`, `9:05:33.25`, and the `Z` behind it.
    private mutating func time() -> Bool {
        let hour = Self.number(text, at: at)
        guard hour.count <= 2, hour.value < 25, let colon = text.match(":", at: hour.end) else { return false }
        var minute = Self.number(text, at: colon)
        guard minute.count == 2, minute.value < 60 else { return false }
        if let colon = text.match(":", at: minute.end), case let second = Self.number(text, at: colon),
            second.count == 2
        {
            minute = second
            if let point = text.match(".", at: second.end) ?? text.match(",", at: second.end),
                case let fraction = Self.number(text, at: point), fraction.count >= 3
            {
                minute = fraction
            }
        }
        hasTime = true
        let zulu = text.unit(at: minute.end)
        return take(zulu.value == 0x5A && !isWordAt(zulu.next) ? zulu.next : minute.end)
    }

    /// `2026-11-20`, `2026/11/20`, `11/20/2026`, `20.11.2026`; a `T` in front of a time belongs to it.
    private mutating func numericDate() -> Bool {
        let first = Self.number(text, at: at)
        for separator: StaticString in ["-", "/", "."] {
            guard let second = text.match(separator, at: first.end).map({ Self.number(text, at: $0) }),
                (1...2).contains(second.count),
                let third = text.match(separator, at: second.end).map({ Self.number(text, at: $0) })
            else { continue }
            let isYearFirst = first.count == 4 && (1...2).contains(third.count)
            let isYearLast = (1...2).contains(first.count) && third.count == 4
            guard isYearFirst || isYearLast, second.value >= 1, second.value <= 31 else { return false }
            (hasDate, hasMonth, hasDay, hasYear) = (true, true, true, true)
            let joiner = text.unit(at: third.end)
            let isTimeNext = joiner.value == 0x54 && SpelledText.isDigit(text.unit(at: joiner.next).value)
            _ = take(third.end)
            if isTimeNext { at = joiner.next }
            return true
        }
        return false
    }

    /// `20`, `5th`, `2026`; `10 AM`.
    private mutating func dayOrYear() -> Bool {
        let digits = Self.number(text, at: at)
        if digits.count == 4, digits.value >= 1970, digits.value < 2100, hasMonth, !hasYear {
            hasYear = true
            hasDate = true
            return take(digits.end)
        }
        guard digits.count <= 2, digits.value >= 1, digits.value <= 31 else { return false }
        if let half = halfDay(digits.end), !hasTime, digits.value <= 12 {
            hasTime = true
            return take(half)
        }
        guard !hasDay else { return false }
        hasDay = true
        // Behind a time a day alone proves nothing: the year must follow.
        if hasMonth, !hasTime { hasDate = true }
        return take(ordinal(digits.end) ?? digits.end)
    }

    private func ordinal(_ offset: Int) -> Int? {
        for suffix: StaticString in ["st", "nd", "rd", "th"] {
            if let end = text.match(suffix, at: offset), !isWordAt(end) { return end }
        }
        return nil
    }

    /// ` AM`, `pm`, behind the number it belongs to.
    private func halfDay(_ offset: Int) -> Int? {
        let start = text.skipBlanks(offset, max: 1)
        for half: StaticString in ["am", "pm"] {
            if let end = text.match(half, at: start, caseless: true), !isWordAt(end) { return end }
        }
        return nil
    }

    private mutating func word() -> Bool {
        if let end = listed(Self.weekdays) { return take(end) }
        if !hasMonth, let end = listed(Self.months) {
            hasMonth = true
            if hasDay, !hasTime { hasDate = true }
            return take(end)
        }
        if hasTime, let end = halfDay(at) { return take(end) }
        guard hasTime, let end = Self.zone(text, at: at) else { return false }
        return take(end)
    }

    /// A capitalised word of a list, or its first three letters.
    private func listed(_ words: [StaticString]) -> Int? {
        for word in words {
            if let end = text.match(word, at: at), !isWordAt(end) { return end }
            guard case let start = word.utf8Start, UInt32(start[0]) == text.unit(at: at).value,
                UInt32(start[1]) == text.unit(at: at + 1).value, UInt32(start[2]) == text.unit(at: at + 2).value,
                !isWordAt(at + 3)
            else { continue }
            return at + 3
        }
        return nil
    }

    /// `+0000`, `-05:00` behind a time.
    private mutating func offsetFromUTC() -> Bool {
        guard hasTime, let end = Self.offset(text, at: at) else { return false }
        return take(end)
    }

    private mutating func zoneInBrackets() -> Bool {
        guard hasTime || hasDate else { return false }
        var inside = text.unit(at: at).next
        let limit = inside + Self.zoneCharactersMax
        while inside < limit, let end = Self.zone(text, at: inside) ?? Self.offset(text, at: inside) {
            if let close = text.match(")", at: end) { return take(close) }
            guard let comma = text.match(", ", at: end) else { return false }
            inside = comma
        }
        return false
    }

    /// `UTC`, `GMT+1`, `UTC-05:00`, `EST`, `America/New_York`.
    private static func zone(_ text: SpelledText, at offset: Int) -> Int? {
        for zone in zones {
            guard let end = text.match(zone, at: offset) else { continue }
            if let shifted = Self.offset(text, at: end) { return shifted }
            if !isWord(text, at: end) { return end }
        }
        for area in areas {
            guard var at = text.match(area, at: offset) else { continue }
            let first = at
            while case let step = text.unit(at: at), isWord(text, at: at) || step.value == 0x2F || step.value == 0x2D,
                at < first + zoneCharactersMax
            {
                at = step.next
            }
            return at > first ? at : nil
        }
        return nil
    }

    /// `+1`, `-05:00`, `+0530`.
    private static func offset(_ text: SpelledText, at offset: Int) -> Int? {
        let sign = text.unit(at: offset)
        guard sign.value == 0x2B || sign.value == 0x2D else { return nil }
        let hour = number(text, at: sign.next)
        guard (1...4).contains(hour.count), hour.count != 3, !isWord(text, at: hour.end) else { return nil }
        guard hour.count <= 2, let colon = text.match(":", at: hour.end), case let minute = number(text, at: colon),
            minute.count == 2
        else { return hour.end }
        return minute.end
    }

    /// What may stand between two tokens: blanks, and one comma, dash, slash or "at".
    private mutating func skipJoiner() {
        var next = text.skipBlanks(at, max: 2)
        let joiner = text.unit(at: next)
        switch joiner.value {
        case 0x2C, 0x2F, 0x7C, 0x2013, 0x2014: next = text.skipBlanks(joiner.next, max: 2)
        case 0x2D where text.unit(at: joiner.next).value == 0x20: next = text.skipBlanks(joiner.next, max: 2)
        default:
            if let end = text.match("at ", at: next) { next = end }
        }
        at = next
    }

    private func isWordAt(_ offset: Int) -> Bool { Self.isWord(text, at: offset) }

    private static func isWord(_ text: SpelledText, at offset: Int) -> Bool {
        let unit = text.unit(at: offset).value
        return SpelledText.isLetter(unit) || SpelledText.isDigit(unit) || unit == 0x5F
    }

    private static let weekdays: [StaticString] = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]
    private static let months: [StaticString] = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let zones: [StaticString] = [
        "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "CET", "CEST",
        "EET", "EEST", "WET", "WEST", "BST", "IST", "MSK", "JST", "KST", "SGT", "HKT", "AEST", "AEDT", "ACST", "AWST",
        "NZST", "NZDT", "BRT", "ART", "SAST",
    ]
    private static let areas: [StaticString] = [
        "America/", "Europe/", "Asia/", "Africa/", "Australia/", "Pacific/", "Atlantic/", "Indian/", "Antarctica/",
        "Etc/",
    ]
}

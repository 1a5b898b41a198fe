// How the text of one value is understood: the same for a flag, a variable and a line of the
// configuration file. Every error says what is expected; it quotes the text, except for keys and
// URLs, which have parsers of their own.

/// Parsers of the values that are no type of their own.
enum SettingsValue {
    /// One of the names of an enum.
    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ text: String
    ) throws(SettingsError) -> Choice {
        guard let choice = Choice(rawValue: text) else {
            throw mismatch("expected \(SettingsText.choices(Choice.allCases.map(\.rawValue)))", text)
        }
        return choice
    }

    static func bool(_ text: String) throws(SettingsError) -> Bool {
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw mismatch("expected true or false", text)
        }
    }

    /// A whole number in decimal digits.
    static func number(_ range: ClosedRange<Int>) -> (String) throws(SettingsError) -> Int {
        { (text) throws(SettingsError) in
            guard !text.isEmpty, text.utf8.allSatisfy(isDigit), let number = Int(text), range.contains(number)
            else {
                throw mismatch(
                    "expected a whole number from \(range.lowerBound) to \(range.upperBound)", text)
            }
            return number
        }
    }

    /// A size in bytes: `65536`, `64KiB`, `64MiB` or `1GiB`.
    static func bytes(_ range: ClosedRange<Int>) -> (String) throws(SettingsError) -> Int {
        { (text) throws(SettingsError) in
            let units: [(String, Int)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
            let (suffix, bytesPerUnit) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
            let digits = text.dropLast(suffix.count)
            guard !digits.isEmpty, digits.utf8.allSatisfy(isDigit), let count = Int(digits),
                case (let bytes, let overflow) = count.multipliedReportingOverflow(by: bytesPerUnit),
                !overflow,
                range.contains(bytes)
            else {
                let bounds = "\(byteText(range.lowerBound)) to \(byteText(range.upperBound))"
                throw mismatch("expected a size from \(bounds), written as 65536, 64KiB or 64MiB", text)
            }
            return bytes
        }
    }

    /// A duration in milliseconds: seconds with or without decimals (`10`, `0.5`), or a number with
    /// `ms`, `s`, `m` or `h`.
    static func milliseconds(_ range: ClosedRange<Int>) -> (String) throws(SettingsError) -> Int {
        { (text) throws(SettingsError) in
            let units: [(String, Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
            let (suffix, millisecondsPerUnit) = units.first { text.hasSuffix($0.0) } ?? ("", 1000)
            let decimal = text.dropLast(suffix.count)
            let parts = decimal.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            let isDecimal = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }
            guard isDecimal, let count = Double(decimal), count < 1e12,
                case let milliseconds = Int((count * millisecondsPerUnit).rounded()),
                range.contains(milliseconds)
            else {
                let bounds = "\(durationText(range.lowerBound)) to \(durationText(range.upperBound))"
                throw mismatch(
                    "expected a duration from \(bounds), written as 10 (seconds), 0.5, 500ms, 10s or 5m", text
                )
            }
            return milliseconds
        }
    }

    /// The path of a file or directory; `~` and `~/` at its start become `userHome`.
    static func path(userHome: String?) -> (String) throws(SettingsError) -> String {
        { (text) throws(SettingsError) in
            guard !text.isEmpty, !text.utf8.contains(0) else { throw SettingsError("expected a path") }
            guard text == "~" || text.hasPrefix("~/") else { return text }
            guard let userHome else { throw SettingsError("the path starts with ~ but HOME is not set") }
            return userHome + text.dropFirst()
        }
    }

    /// A host that a client may name: without port, in lower case, an IPv6 address with or without
    /// brackets.
    static func hostName(_ text: String) throws(SettingsError) -> String {
        do { return try IPAddress.version6(text) ?? HostName.parse(text[...]) } catch {
            throw mismatch("expected a host name or an IP address, without port", text)
        }
    }

    /// The name of an upstream.
    static func upstreamName(_ text: String) throws(SettingsError) -> String {
        let hasGoodBytes = text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "._-".utf8.contains($0) }
        guard (1...64).contains(text.utf8.count), hasGoodBytes else {
            throw mismatch("expected a name of 1 to 64 letters, digits, dots, hyphens or underscores", text)
        }
        return text
    }

    /// The name of a model as an upstream knows it.
    static func modelName(_ text: String) throws(SettingsError) -> String {
        guard (1...256).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw mismatch("expected a model name of 1 to 256 bytes without spaces", text)
        }
        return text
    }

    /// The name of a fault; the practice room knows which there are.
    static func faultName(_ text: String) throws(SettingsError) -> String {
        guard !text.isEmpty else { throw SettingsError("expected the name of a fault") }
        return text
    }

    /// A session: 32 hexadecimal digits.
    static func session(_ text: String) throws(SettingsError) -> String {
        guard text.utf8.count == 32,
            text.utf8.allSatisfy({ isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) })
        else { throw mismatch("expected the 32 hexadecimal digits of a session", text) }
        return text
    }

    /// What a marker shows: 4 to 26 digits and small letters without i, l, o and u.
    static func handle(_ text: String) throws(SettingsError) -> String {
        guard isHandle(text) else { throw mismatch("expected the characters of a marker in front of its colon", text) }
        return text
    }

    private static func isHandle(_ text: String) -> Bool {
        let letters = "abcdefghjkmnpqrstvwxyz".utf8
        return (4...26).contains(text.utf8.count) && text.utf8.allSatisfy { isDigit($0) || letters.contains($0) }
    }

    /// A handle, or the 26 digits and capital letters of a call.
    static func explainable(_ text: String) throws(SettingsError) -> WhySettings.Subject {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        if text.utf8.count == 26, text.utf8.allSatisfy({ isDigit($0) || capitals.contains($0) }) { return .call(text) }
        guard isHandle(text) else {
            throw mismatch("expected the characters of a marker in front of its colon, or the 26 of a call", text)
        }
        return .handle(text)
    }

    /// Lines counted from 1: `3-9`, or `3`.
    static func lines(_ text: String) throws(SettingsError) -> ClosedRange<Int> {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = ends.compactMap { $0.utf8.allSatisfy(isDigit) ? Int($0) : nil }
        guard numbers.count == ends.count, let first = numbers.first, let last = numbers.last, first >= 1, last >= first
        else { throw mismatch("expected lines such as 3-9, counted from 1", text) }
        return first...last
    }

    /// Where a report begins: `12h`, `7d` or `2026-11-01`.
    static func since(_ text: String) throws(SettingsError) -> ReportSettings.Since {
        let digits = text.dropLast()
        if let unit = text.last, unit == "h" || unit == "d", !digits.isEmpty, digits.utf8.allSatisfy(isDigit),
            let count = Int(digits), (1...SettingsRange.sinceDaysMax).contains(count)
        {
            return .hoursAgo(unit == "d" ? count * 24 : count)
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) }) else {
            throw mismatch("expected 12h, 7d or a day such as 2026-11-01", text)
        }
        return .day(text)
    }

    private static func mismatch(_ expected: String, _ text: String) -> SettingsError {
        SettingsError("\(expected), got \(SettingsText.quoted(text))")
    }

    private static func byteText(_ bytes: Int) -> String {
        switch bytes {
        case 1 << 30..<Int.max where bytes % (1 << 30) == 0: "\(bytes >> 30)GiB"
        case 1 << 20..<Int.max where bytes % (1 << 20) == 0: "\(bytes >> 20)MiB"
        case 1 << 10..<Int.max where bytes % (1 << 10) == 0: "\(bytes >> 10)KiB"
        default: "\(bytes)"
        }
    }

    private static func durationText(_ milliseconds: Int) -> String {
        switch milliseconds {
        case 3_600_000... where milliseconds % 3_600_000 == 0: "\(milliseconds / 3_600_000)h"
        case 1000... where milliseconds % 1000 == 0: "\(milliseconds / 1000)s"
        default: "\(milliseconds)ms"
        }
    }
}

/// The ranges that values must stay in.
enum SettingsRange {
    static let threads = 1...1024
    /// Days or hours that a report may look back.
    static let sinceDaysMax = 100_000
    static let drainMilliseconds = 0...3_600_000
    /// Every timeout: from a millisecond to a day.
    static let timeoutMilliseconds = 1...86_400_000
    static let bodyBytes = 1 << 10...1 << 30
    static let headerBytes = 1 << 10...1 << 20
    static let connections = 1...1_000_000
    static let usageLogBytes = 64 << 10...16 << 30
    static let usageLogFiles = 1...1000
    static let latencyMilliseconds = 0...600_000
    static let tokensPerSecond = 1...1_000_000
}

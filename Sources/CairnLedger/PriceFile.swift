// PriceFile.swift: reads price files: the built-in one and a user's. The form is a small part of YAML, so that any
// YAML tool can read and check the file: two lists of flat maps, whose values are words, lists in brackets and maps in
// braces. The settings have a reader for all of YAML; this room does not use it, because rooms of this floor depend on
// the core alone, and because the built-in prices must not need a file system or libyaml to be known.
//
//     prices:
//       - provider: deepseek          # an entry starts with a dash
//         models: [deepseek-v4-pro]
//         from: 2026-10-01
//         miss: 1.32
//         off_peak: {miss: 0.66, hit: 0.022, output: 1.98}

enum PriceFile {
    /// A larger file is refused.
    static let fileBytesMax = 1 << 20
    /// Words in one list or map.
    static let wordsMax = 256
    /// A higher price per million tokens or per GPU second is refused: it is a mistake, and sums stay exact below it.
    static let dollarsMax: Int64 = 100_000
    /// More tokens in a field are refused.
    static let tokensMax: Int64 = 1_000_000_000

    static func parse(_ bytes: [UInt8]) throws(LedgerError) -> PriceBook {
        guard bytes.count <= fileBytesMax else {
            throw LedgerError(kind: .priceFile(line: 1), reason: "larger than \(fileBytesMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw LedgerError(kind: .priceFile(line: 1), reason: "not valid UTF-8")
        }
        var entries: [PriceEntry] = []
        var named: [NamedPriceBook] = []
        for var map in try PriceLines.maps(text) {
            if map.section == .prices { entries.append(try entry(&map)) } else { named.append(try book(&map)) }
            try map.finish()
        }
        return PriceBook(entries: entries, named: named)
    }

    private static func entry(_ map: inout PriceMap) throws(LedgerError) -> PriceEntry {
        let provider = try map.required("provider", "a provider's name") { $0.isEmpty ? nil : $0 }
        let models = try map.list("models", modelWords) { ModelPattern($0) }
        guard let models, !models.isEmpty else { throw map.fault("models is missing") }
        let from = try map.required("from", "a day such as 2026-10-01") { CalendarDay($0) }
        var entry = PriceEntry(provider: provider, models: models, from: from, tokens: try tokenPrices(&map))
        entry.until = try map.value("until", "a day such as 2026-10-01") { CalendarDay($0) }
        entry.gpuSecond = try map.value("gpu_second", moneyWords, money) ?? .zero
        entry.contextTokens = try map.value("context", tokenWords, tokens)
        entry.promptTokens = try map.value("prompt", tokenWords, tokens)
        entry.cacheMinimumTokens = try map.value("cache_minimum", tokenWords, tokens)
        if var above = try map.map("above") {
            let promptTokens = try above.required("tokens", tokenWords, tokens)
            entry.longPrompt = Price.LongPrompt(promptTokens: promptTokens, tokens: try tokenPrices(&above))
            try above.finish()
        }
        let hours = try map.list("off_peak_hours", "hours such as mon-fri 04:00-06:00") { WeekHours($0) }
        if var offPeak = try map.map("off_peak") {
            guard let hours else { throw map.fault("off_peak needs off_peak_hours") }
            guard entry.longPrompt == nil else { throw map.fault("off_peak and above exclude each other") }
            entry.offPeak = PriceEntry.OffPeak(tokens: try tokenPrices(&offPeak), hours: hours)
            try offPeak.finish()
        } else if hours != nil {
            throw map.fault("off_peak_hours needs off_peak")
        }
        if let until = entry.until, until < from { throw map.fault("until is before from") }
        return entry
    }

    private static func book(_ map: inout PriceMap) throws(LedgerError) -> NamedPriceBook {
        let name = try map.required("book", "a name") { $0.isEmpty ? nil : $0 }
        let unit = try map.value("cache_unit", tokenWords, tokens)
        let minimum = try map.value("cache_minimum", tokenWords, tokens)
        let price = Price(
            origin: .named(name), tokens: try tokenPrices(&map), gpuSecond: .zero, cacheMinimumTokens: minimum)
        let cache = unit.map { CacheModel.plain(unitTokens: $0, minimumTokens: minimum ?? $0) } ?? .none
        return NamedPriceBook(name: name, price: price, cache: cache)
    }

    private static func tokenPrices(_ map: inout PriceMap) throws(LedgerError) -> TokenPrices {
        TokenPrices(
            miss: try map.required("miss", moneyWords, money), hit: try map.required("hit", moneyWords, money),
            write5m: try map.value("write_5m", moneyWords, money),
            write1h: try map.value("write_1h", moneyWords, money),
            output: try map.required("output", moneyWords, money))
    }

    private static let modelWords =
        "a model's name, in quotes if it holds ?, in which only the last character may be *"
    private static let moneyWords = "dollars, such as 0.003, of at most \(dollarsMax)"
    private static let tokenWords = "a number of tokens from 1 to \(tokensMax)"

    private static func money(_ text: String) -> Money? { Money.parse(text, dollarsMax: dollarsMax) }

    private static func tokens(_ text: String) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int64(text),
            (1...tokensMax).contains(value)
        else { return nil }
        return Int(value)
    }
}

/// The fields of one map; who reads it takes them, and what is left over is an error.
private struct PriceMap {
    enum Section: String {
        case prices
        case books
    }

    let section: Section
    let line: Int
    private var fields: [String: (line: Int, text: String)] = [:]

    init(section: Section, line: Int) {
        self.section = section
        self.line = line
    }

    mutating func add(_ key: String, _ text: String, line: Int) throws(LedgerError) {
        guard fields.updateValue((line, text), forKey: key) == nil else {
            throw LedgerError(kind: .priceFile(line: line), reason: "\(key) is written twice")
        }
    }

    func fault(_ reason: String) -> LedgerError { LedgerError(kind: .priceFile(line: line), reason: reason) }

    func finish() throws(LedgerError) {
        guard let (key, field) = fields.min(by: { $0.value.line < $1.value.line || $0.key < $1.key }) else { return }
        throw LedgerError(kind: .priceFile(line: field.line), reason: "unknown key \(key.prefix(40))")
    }

    mutating func value<Value>(
        _ key: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(LedgerError) -> Value? {
        guard let field = fields.removeValue(forKey: key) else { return nil }
        guard let value = PriceLines.word(field.text).flatMap(parse) else {
            throw LedgerError(kind: .priceFile(line: field.line), reason: "\(key): expected \(expected)")
        }
        return value
    }

    mutating func required<Value>(
        _ key: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(LedgerError) -> Value {
        guard let value = try value(key, expected, parse) else { throw fault("\(key) is missing") }
        return value
    }

    mutating func list<Value>(
        _ key: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(LedgerError) -> [Value]? {
        guard let field = fields.removeValue(forKey: key) else { return nil }
        guard let words = PriceLines.words(field.text, "[", "]") else {
            throw LedgerError(kind: .priceFile(line: field.line), reason: "\(key): expected a list in brackets")
        }
        var values: [Value] = []
        for text in words {
            guard let value = PriceLines.word(text).flatMap(parse) else {
                throw LedgerError(kind: .priceFile(line: field.line), reason: "\(key): expected \(expected)")
            }
            values.append(value)
        }
        return values
    }

    mutating func map(_ key: String) throws(LedgerError) -> PriceMap? {
        guard let field = fields.removeValue(forKey: key) else { return nil }
        guard let words = PriceLines.words(field.text, "{", "}") else {
            throw LedgerError(kind: .priceFile(line: field.line), reason: "\(key): expected a map in braces")
        }
        var map = PriceMap(section: section, line: field.line)
        for text in words {
            guard let (key, value) = PriceLines.pair(text) else {
                throw LedgerError(kind: .priceFile(line: field.line), reason: "\(key): expected key: value")
            }
            try map.add(key, value, line: field.line)
        }
        return map
    }
}

/// The lines of a price file: comments, sections, and the fields of each map.
private enum PriceLines {
    static func maps(_ text: String) throws(LedgerError) -> [PriceMap] {
        var maps: [PriceMap] = []
        var section: PriceMap.Section?
        // Columns of the dash and of the first key behind it, of the map being read.
        var columns: (dash: Int, key: Int)?
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, raw) in lines.enumerated() {
            let line = index + 1
            func fault(_ reason: String) -> LedgerError { LedgerError(kind: .priceFile(line: line), reason: reason) }
            guard !raw.contains(UInt8(ascii: "\t")) else { throw fault("indent with spaces, not with tabs") }
            let content = withoutComment(Substring(raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw))
            guard let start = content.utf8.firstIndex(where: { $0 != space }) else { continue }
            let column = content.utf8.distance(from: content.startIndex, to: start)
            if column == 0 && content.utf8.first != UInt8(ascii: "-") {
                guard content.hasSuffix(":"), let next = PriceMap.Section(rawValue: String(content.dropLast())) else {
                    throw fault("expected prices: or books:")
                }
                section = next
                columns = nil
                continue
            }
            guard let section else { throw fault("expected prices: or books: first") }
            var fieldText = content[start...]
            if fieldText.hasPrefix("- ") {
                guard maps.count < PriceBook.entriesMax else {
                    throw fault("more than \(PriceBook.entriesMax) entries")
                }
                let key = trimmed(fieldText.dropFirst())
                guard column == columns?.dash ?? column else { throw fault("the dashes do not stand in one column") }
                columns = (column, content.utf8.distance(from: content.startIndex, to: key.startIndex))
                maps.append(PriceMap(section: section, line: line))
                fieldText = key
            } else {
                guard column == columns?.key else { throw fault("expected a key in the column of the entry's first") }
            }
            guard let (key, value) = pair(fieldText) else { throw fault("expected key: value") }
            try maps[maps.count - 1].add(key, value, line: line)
        }
        return maps
    }

    /// `key: value`; nil when either is missing.
    static func pair(_ text: Substring) -> (key: String, value: String)? {
        let bytes = text.utf8
        let colon = bytes.indices.first { index in
            bytes[index] == UInt8(ascii: ":") && bytes[index...].dropFirst().first == space
        }
        guard let colon else { return nil }
        let key = trimmed(text[..<colon])
        let value = trimmed(text[colon...].dropFirst())
        let isWord = key.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        return key.isEmpty || value.isEmpty || !isWord ? nil : (String(key), String(value))
    }

    /// What stands between two brackets, split at its commas; nil without the brackets and for too many words.
    static func words(_ text: String, _ open: Character, _ close: Character) -> [Substring]? {
        guard text.first == open, text.last == close, text.count >= 2 else { return nil }
        let inside = trimmed(text.dropFirst().dropLast())
        guard !inside.isEmpty else { return [] }
        let words = inside.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { trimmed(Substring($0)) }
        return words.count <= PriceFile.wordsMax ? words : nil
    }

    /// A plain word, or one in quotes without escapes; nil for what YAML would, or might, read as something else.
    static func word(_ text: some StringProtocol) -> String? {
        for quote in ["\"", "'"] where text.hasPrefix(quote) {
            let inside = text.dropFirst().dropLast()
            guard text.count >= 2, text.hasSuffix(quote), !inside.contains(quote), !inside.contains("\\") else {
                return nil
            }
            return String(inside)
        }
        guard let first = text.utf8.first, !"[]{},#&*!|>%@`\"'".utf8.contains(first),
            !text.utf8.contains(UInt8(ascii: "?"))
        else { return nil }
        return String(text)
    }

    /// YAML: a comment starts at a `#` that begins the line or follows a space.
    private static func withoutComment(_ line: Substring) -> Substring {
        var previous = space
        for index in line.utf8.indices {
            if line.utf8[index] == UInt8(ascii: "#"), previous == space {
                return trimmed(line[..<index], start: false)
            }
            previous = line.utf8[index]
        }
        return trimmed(line, start: false)
    }

    /// Without the spaces at the end, and unless told otherwise at the start.
    private static func trimmed(_ text: Substring, start: Bool = true) -> Substring {
        var bytes = start ? text.utf8.drop { $0 == space } : text.utf8
        while bytes.last == space { bytes.removeLast() }
        return Substring(bytes)
    }
}

private let space = UInt8(ascii: " ")

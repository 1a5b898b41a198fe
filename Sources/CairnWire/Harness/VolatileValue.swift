// What stands behind a label: where the value starts and ends, and whether it is one. One function for each shape of
// VolatileLabel's table.

struct VolatileValue {
    /// Characters of a path, a word or a line behind a label; a longer one is no value.
    static let charactersMax = 1024
    static let identifierCharactersMin = 8
    static let identifierCharactersMax = 128

    /// `clock` or `date` for a moment, the label's own kind else.
    var kind: VolatileSpan.Kind
    var range: Range<Int>

    /// The value of `label`, whose words end at `offset`.
    init?(_ text: SpelledText, behind offset: Int, of label: VolatileLabel, lineEnd: Int) {
        guard let start = Self.start(text, behind: offset) else { return nil }
        kind = label.kind
        let end: Int?
        switch label.shape {
        case .moment, .momentOrEpoch:
            let moment = MomentReader.read(text, at: start, takesEpoch: label.shape == .momentOrEpoch)
            if let moment { kind = moment.kind }
            end = moment?.end
        case .path: end = Self.path(text, start, lineEnd)
        case .process: end = Self.process(text, start)
        case .identifier: end = Self.identifier(text, start)
        case .word: end = Self.lonelyWord(text, start, lineEnd)
        case .pairs: end = Self.pairs(text, start, lineEnd)
        case .platform: end = Self.platform(text, start, lineEnd)
        }
        guard let end, end > start, end <= lineEnd else { return nil }
        range = start..<end
    }

    /// What stands between a label and its value: a colon, an equals sign or "is", Markdown's stars, an opening quote.
    private static func start(_ text: SpelledText, behind offset: Int) -> Int? {
        var at = text.match("**", at: offset) ?? offset
        if let inside = text.match(" (", at: at) {
            guard let close = closingBracket(text, inside) else { return nil }
            at = close
        }
        let separators: [StaticString] = [":", " is now:", " is now ", " is: ", " is ", " = ", "="]
        guard let separated = separators.lazy.compactMap({ text.match($0, at: at) }).first else { return nil }
        at = text.skipBlanks(text.match("**", at: separated) ?? separated, max: 8)
        return text.match("`", at: at) ?? text.match("\"", at: at) ?? at
    }

    /// `Current time (UTC): ...`
    private static func closingBracket(_ text: SpelledText, _ inside: Int) -> Int? {
        var at = inside
        while at < inside + MomentReader.zoneCharactersMax {
            let step = text.unit(at: at)
            if step.value == 0x29 { return step.next }
            if step.value == SpelledText.newline || step.value == SpelledText.noUnit { return nil }
            at = step.next
        }
        return nil
    }

    /// Whether nothing but a closing quote, stars or a full stop stands between a value and the end of its line.
    static func isLast(_ text: SpelledText, _ end: Int, lineEnd: Int) -> Bool {
        var at = end
        for mark: StaticString in ["`", "\"", "**", "."] { at = text.match(mark, at: at) ?? at }
        return text.isBlank(at, to: lineEnd)
    }

    // MARK: shapes

    /// Up to a blank that no further part of a path follows ("/Users/Ada Lovelace/app" is one).
    private static func path(_ text: SpelledText, _ start: Int, _ lineEnd: Int) -> Int? {
        let first = text.unit(at: start)
        let second = text.unit(at: first.next)
        let isDrive = SpelledText.isLetter(first.value) && second.value == 0x3A
        guard first.value == 0x2F || first.value == 0x7E || isDrive else { return nil }
        var end = pathWord(text, start, lineEnd)
        while end.offset < lineEnd, case let next = pathWord(text, text.skipBlanks(end.offset, max: 1), lineEnd),
            next.hasSlash, text.unit(at: end.offset).value == 0x20, next.offset - start < charactersMax
        {
            end = next
        }
        let last = text.bytes[end.offset - 1]
        let trimmed = last == UInt8(ascii: ".") || last == UInt8(ascii: ",") ? end.offset - 1 : end.offset
        return trimmed - start <= charactersMax ? trimmed : nil
    }

    private static func pathWord(_ text: SpelledText, _ start: Int, _ lineEnd: Int) -> (offset: Int, hasSlash: Bool) {
        var at = start
        var hasSlash = false
        while at < lineEnd, at < start + charactersMax {
            let step = text.unit(at: at)
            if isBlank(step.value) || step.value == 0x60 || step.value == 0x22 { break }
            hasSlash = hasSlash || ((step.value == 0x2F || step.value == 0x5C) && at > start)
            at = step.next
        }
        return (at, hasSlash)
    }

    private static func process(_ text: SpelledText, _ start: Int) -> Int? {
        var at = start
        while at < start + 10, case let step = text.unit(at: at), SpelledText.isDigit(step.value) { at = step.next }
        let behind = text.unit(at: at).value
        return SpelledText.isDigit(behind) || SpelledText.isLetter(behind) ? nil : at
    }

    private static func identifier(_ text: SpelledText, _ start: Int) -> Int? {
        var at = start
        var hasDigit = false
        while case let step = text.unit(at: at), isIdentifierCharacter(step.value), at - start < identifierCharactersMax
        {
            hasDigit = hasDigit || SpelledText.isDigit(step.value)
            at = step.next
        }
        guard !isIdentifierCharacter(text.unit(at: at).value) else { return nil }
        if at > start, text.bytes[at - 1] == UInt8(ascii: ".") { at -= 1 }
        return hasDigit && at - start >= identifierCharactersMin ? at : nil
    }

    private static func isIdentifierCharacter(_ unit: UInt32) -> Bool {
        if SpelledText.isLetter(unit) || SpelledText.isDigit(unit) { return true }
        return unit == 0x5F || unit == 0x2D || unit == 0x2E || unit == 0x3A
    }

    /// One word, and nothing behind it in the line.
    private static func lonelyWord(_ text: SpelledText, _ start: Int, _ lineEnd: Int) -> Int? {
        var at = start
        while at < lineEnd, at < start + charactersMax, case let step = text.unit(at: at), !isBlank(step.value),
            step.value != 0x60
        {
            at = step.next
        }
        return isLast(text, at, lineEnd: lineEnd) ? at : nil
    }

    /// A line whose first word is `name=value`.
    private static func pairs(_ text: SpelledText, _ start: Int, _ lineEnd: Int) -> Int? {
        var at = start
        while case let step = text.unit(at: at), SpelledText.isLetter(step.value) || step.value == 0x5F {
            at = step.next
        }
        guard at > start, text.match("=", at: at) != nil, lineEnd - start <= charactersMax else { return nil }
        return lineEnd
    }

    private static func platform(_ text: SpelledText, _ start: Int, _ lineEnd: Int) -> Int? {
        let names: [StaticString] = ["linux ", "darwin ", "macos ", "windows ", "win32 ", "freebsd "]
        let isNamed = names.contains { text.match($0, at: start, caseless: true) != nil }
        return isNamed && lineEnd - start <= charactersMax ? lineEnd : nil
    }

    private static func isBlank(_ unit: UInt32) -> Bool { unit == 0x20 || unit == 9 || unit == 13 }
}

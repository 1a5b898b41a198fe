// Finds the stretches of one text that are true for one call only. Line by line, never in search of a value: a line has
// to open with a label or a tag of the tables (VolatileLabel, VolatileTag), in a place where a harness writes it.
//
//     system text    every line outside of fences and examples; sentences for clocks and dates; temporary folders
//     user text      only what the harness put in front of the user's words: its tags, and lines that are only a clock
//                    or a date; the user's words end the search
//
// Asked once for each new text of a conversation; most have nothing volatile, and then nothing is allocated. The time
// is linear in the text, whatever it holds: a closing tag is searched once for each tag, every other look-ahead is
// bounded.

struct VolatileScanner {
    enum Place {
        case system
        case user
    }

    /// Spans of one text; what follows stays.
    static let spansMax = 256
    /// Bytes of a block that is volatile as a whole; a larger one stays.
    static let blockBytesMax = 65536
    /// Bytes between the tags of a block of one line.
    static let lineBytesMax = 256
    /// Lines in front of a user's words that are looked at.
    static let headLinesMax = 64
    /// Bytes at the end of a user's text among which its last lines are looked for.
    static let tailBytesMax = 512

    private let text: SpelledText
    private var spans: [VolatileSpan] = []
    /// The next closing tag that is known, by index of VolatileTag.table; made when the first tag is met.
    private var closings: [Range<Int>] = []

    /// The volatile spans of a JSON string (quotes included): in order, apart, inside the quotes, between characters.
    /// - Complexity: linear; allocates only for what it finds.
    static func spans(in bytes: UnsafeBufferPointer<UInt8>, place: Place, harness: Harness) -> [VolatileSpan] {
        guard let text = SpelledText(bytes) else { return [] }
        var scanner = VolatileScanner(text)
        switch place {
        case .system: scanner.scanSystem()
        case .user: scanner.scanUser(harness)
        }
        return scanner.spans
    }

    private init(_ text: SpelledText) { self.text = text }

    // MARK: system texts

    private mutating func scanSystem() {
        var shield = Shield()
        var at = text.start
        var line = text.lineEnd(from: at)
        while at < text.end, spans.count < Self.spansMax {
            if at >= line.next { line = text.lineEnd(from: at) }
            let first = text.skipBlanks(at)
            guard first < line.end, !shield.covers(text, first) else {
                at = line.next
                continue
            }
            if let behind = systemBlock(first) {
                at = behind == line.end ? line.next : behind
            } else if let end = GitSnapshot.end(text, line: at, takesParts: true) {
                add(.gitStatus, first..<end)
                at = text.lineEnd(from: end).next
            } else {
                scanSystemLine(at, first, line.end)
                at = line.next
            }
        }
    }

    /// Behind a volatile block, or behind the opening tag of a reminder that is not.
    private mutating func systemBlock(_ first: Int) -> Int? {
        guard let (index, inside, isEscaped) = openTag(first) else { return nil }
        let tag = VolatileTag.table[index]
        guard let close = closing(index, from: inside, isEscaped: isEscaped) else { return nil }
        if isVolatile(tag, inside..<close.lowerBound) {
            add(tag.kind, first..<close.upperBound)
            return close.upperBound
        }
        return tag.content == .reminder ? inside : nil
    }

    private mutating func scanSystemLine(_ start: Int, _ first: Int, _ end: Int) {
        var rest = first
        if let head = labelStart(start), let (value, isWhole) = labelled(head, in: .systemLine, lineEnd: end) {
            add(value.kind, isWhole ? first..<end : value.range)
            rest = isWhole ? end : value.range.upperBound
        }
        scanSentences(rest, end)
    }

    /// Clocks and dates behind the start of a sentence, and temporary folders, in the rest of a line.
    private mutating func scanSentences(_ start: Int, _ end: Int) {
        var at = start
        var before = SpelledText.newline
        // What stands in quotation marks or backticks is an example.
        var (isQuoted, isCode) = (false, false)
        while at < end, spans.count < Self.spansMax {
            // Letters and spaces, most of any text, start nothing.
            let byte = text.bytes[at]
            if byte == 0x20 || byte >= 0x40 && byte < 0x80 && byte != 0x5C && byte != 0x60 {
                before = UInt32(byte)
                at += 1
                continue
            }
            let step = text.unit(at: at)
            var next = step.next
            switch step.value {
            case 0x2E, 0x21, 0x3F, 0x3B, 0x29:  // . ! ? ; )
                let word = text.skipBlanks(next, max: 2)
                if word > next, !isQuoted, !isCode, let value = sentence(word, end) { next = value.range.upperBound }
            case 0x28:  // (
                if !isQuoted, !isCode, let value = sentence(next, end) { next = value.range.upperBound }
            case 0x2F:  // /
                if !Self.continuesPath(before), let pathEnd = TemporaryPath.end(text, at: at) {
                    add(.randomIdentifier, at..<pathEnd)
                    next = pathEnd
                }
            case 0x22: isQuoted.toggle()
            case 0x60: isCode.toggle()
            default: break
            }
            before = step.value
            at = next
        }
    }

    private mutating func sentence(_ word: Int, _ end: Int) -> VolatileValue? {
        guard let (value, _) = labelled(word, in: .systemSentence, lineEnd: end) else { return nil }
        add(value.kind, value.range)
        return value
    }

    /// Whether a slash behind `unit` continues a path or a URL instead of starting one.
    private static func continuesPath(_ unit: UInt32) -> Bool {
        if SpelledText.isLetter(unit) || SpelledText.isDigit(unit) { return true }
        return unit == 0x2F || unit == 0x5F || unit == 0x2D || unit == 0x2E || unit == 0x7D
    }

    // MARK: user texts

    private mutating func scanUser(_ harness: Harness) {
        if harness.stampsUserTexts, let range = envelopeClock() {
            add(.clock, range)
        } else {
            scanHead()
        }
        if harness.stampsUserTexts { scanTail() }
    }

    private mutating func scanHead() {
        var at = text.start
        var isStart = true
        var line = text.lineEnd(from: at)
        for _ in 0..<Self.headLinesMax where at < text.end {
            if at >= line.next { line = text.lineEnd(from: at) }
            let first = text.skipBlanks(at)
            if first >= line.end {
                at = line.next
            } else if let behind = userBlock(first) {
                at = behind == line.end ? line.next : behind
            } else if let (value, isWhole) = labelled(first, in: .userHead, lineEnd: line.end), isWhole {
                add(value.kind, first..<line.end)
                at = line.next
                isStart = false
            } else {
                if isStart, let (value, _) = labelled(first, in: .userStart, lineEnd: line.end), value.kind == .clock {
                    add(.clock, value.range)
                }
                return
            }
        }
    }

    private mutating func userBlock(_ first: Int) -> Int? {
        guard let (index, inside, isEscaped) = openTag(first) else { return nil }
        let tag = VolatileTag.table[index]
        guard tag.isInUserTurns, let close = closing(index, from: inside, isEscaped: isEscaped) else { return nil }
        if isVolatile(tag, inside..<close.lowerBound) {
            add(tag.kind, first..<close.upperBound)
        } else if tag.content == .reminder {
            scanBlock(inside, close.lowerBound)
        } else {
            return nil
        }
        return close.upperBound
    }

    /// The lines of a reminder that is not volatile as a whole: it may carry the user's own instructions.
    private mutating func scanBlock(_ start: Int, _ end: Int) {
        var shield = Shield()
        var at = start
        while at < end, spans.count < Self.spansMax {
            let line = text.lineEnd(from: at)
            let lineEnd = min(line.end, end)
            let first = text.skipBlanks(at)
            if !shield.covers(text, first), first < lineEnd {
                if let snapshot = GitSnapshot.end(text, line: at, takesParts: false), snapshot <= end {
                    add(.gitStatus, first..<snapshot)
                    at = text.lineEnd(from: snapshot).next
                    continue
                }
                if let (value, isWhole) = labelled(first, in: .block, lineEnd: lineEnd), isWhole {
                    add(value.kind, first..<lineEnd)
                } else if let (value, _) = labelled(first, in: .blockSentence, lineEnd: lineEnd) {
                    add(value.kind, value.range)
                }
            }
            at = line.next
        }
    }

    /// The time in the brackets OpenClaw puts in front of a message: "[WhatsApp +1555 2026-01-18 00:19 PST] hello".
    private func envelopeClock() -> Range<Int>? {
        guard var at = text.match("[", at: text.start) else { return nil }
        let limit = at + Self.lineBytesMax
        while at < limit {
            if let moment = MomentReader.read(text, at: at, takesEpoch: false), moment.kind == .clock,
                text.match("]", at: moment.end) != nil
            {
                return at..<moment.end
            }
            // On to the next word.
            while at < limit, case let step = text.unit(at: at), step.value != 0x20 {
                if step.value == 0x5D || step.value == SpelledText.newline || step.value == SpelledText.noUnit {
                    return nil
                }
                at = step.next
            }
            at = text.unit(at: at).next
        }
        return nil
    }

    /// The clock lines OpenClaw puts behind the text of a heartbeat or a scheduled task.
    private mutating func scanTail() {
        var found: [(VolatileSpan.Kind, Range<Int>)] = []
        var end = text.end
        while found.count < 2, let start = lastLine(endingAt: end), start >= Int(spans.last?.range.upperBound ?? 0),
            let (value, isWhole) = labelled(text.skipBlanks(start), in: .userTail, lineEnd: end), isWhole
        {
            found.append((value.kind, text.skipBlanks(start)..<end))
            end = start - 2
        }
        for (kind, range) in found.reversed() { add(kind, range) }
    }

    /// Where the line that ends at `end` starts, if "\n" stands in front of it and it is not long.
    private func lastLine(endingAt end: Int) -> Int? {
        var at = end - 1
        while at > text.start, end - at < Self.tailBytesMax {
            if text.bytes[at] == UInt8(ascii: "n"), text.bytes[at - 1] == 0x5C {
                var slash = at - 1
                while slash > text.start, text.bytes[slash - 1] == 0x5C { slash -= 1 }
                // An odd number of backslashes: the last one belongs to the n.
                if (at - slash) % 2 == 1 { return at + 1 }
            }
            at -= 1
        }
        return nil
    }

    // MARK: labels and tags

    /// Where a label may start in a line: behind a list's bullet and Markdown's stars; nil in indented code.
    private func labelStart(_ line: Int) -> Int? {
        let shallow = text.skipBlanks(line, max: 3)
        var at = text.skipBlanks(line)
        if let bullet = text.match("- ", at: at) ?? text.match("* ", at: at) {
            at = text.skipBlanks(bullet, max: 3)
        } else if at > shallow {
            return nil
        }
        return text.match("**", at: at) ?? at
    }

    /// The value behind the label at `offset`, and whether the line ends with it.
    private func labelled(_ offset: Int, in place: LabelPlaces, lineEnd: Int) -> (value: VolatileValue, isWhole: Bool)?
    {
        let first = text.unit(at: offset).value
        guard VolatileLabel.canStart(first) else { return nil }
        for label in VolatileLabel.rows(startingWith: SpelledText.lowercase(first)) where label.places.contains(place) {
            if let end = text.match(label.words, at: offset, caseless: true),
                let value = VolatileValue(text, behind: end, of: label, lineEnd: lineEnd)
            {
                return (value, VolatileValue.isLast(text, value.range.upperBound, lineEnd: lineEnd))
            }
        }
        return nil
    }

    /// The tag of the table that opens at `offset`: its index, and where its content starts.
    private func openTag(_ offset: Int) -> (index: Int, inside: Int, isEscaped: Bool)? {
        let bracket = text.unit(at: offset)
        guard bracket.value == 0x3C else { return nil }
        for (index, tag) in VolatileTag.table.enumerated() {
            if let named = text.match(tag.name, at: bracket.next), let inside = text.match(">", at: named) {
                return (index, inside, bracket.next > offset + 1)
            }
        }
        return nil
    }

    /// The next closing tag behind `offset`; remembered, so that many opening tags do not search the same bytes.
    private mutating func closing(_ index: Int, from offset: Int, isEscaped: Bool) -> Range<Int>? {
        if closings.isEmpty { closings = Array(repeating: 0..<0, count: VolatileTag.table.count) }
        if closings[index].lowerBound < offset {
            let name = VolatileTag.table[index].name
            closings[index] = text.closing(name, from: offset, isEscaped: isEscaped) ?? text.end..<text.end
        }
        return closings[index].isEmpty ? nil : closings[index]
    }

    private func isVolatile(_ tag: VolatileTag, _ inside: Range<Int>) -> Bool {
        switch tag.content {
        case .wholly: return inside.count <= Self.blockBytesMax
        case .oneLine: return inside.count <= Self.lineBytesMax && isOneLine(inside)
        case .reminder:
            var at = inside.lowerBound
            while case let step = text.unit(at: at), step.value <= 0x20 { at = step.next }
            let isKnown = VolatileTag.reminders.contains { text.match($0, at: at) != nil }
            return isKnown && inside.count <= Self.blockBytesMax
        }
    }

    /// Text without a line's end or another tag.
    private func isOneLine(_ range: Range<Int>) -> Bool {
        var at = range.lowerBound
        while at < range.upperBound {
            let step = text.unit(at: at)
            if step.value == SpelledText.newline || step.value == 0x3C { return false }
            at = step.next
        }
        return !range.isEmpty
    }

    private mutating func add(_ kind: VolatileSpan.Kind, _ range: Range<Int>) {
        guard spans.count < Self.spansMax, !range.isEmpty else { return }
        assert(range.lowerBound >= Int(spans.last?.range.upperBound ?? 1) && range.upperBound <= text.end)
        spans.append(VolatileSpan(kind, UInt32(range.lowerBound)..<UInt32(range.upperBound)))
    }
}

/// Knows whether a line stands in fenced code or in an example, where everything is quoted.
private struct Shield {
    private var fence: UInt32?
    private var isInExample = false

    /// Whether the line whose first character is at `first` is covered, the lines that open and close included. Fences
    /// that are never closed cover the rest.
    mutating func covers(_ text: SpelledText, _ first: Int) -> Bool {
        let mark = text.unit(at: first).value
        if isInExample {
            isInExample = text.match("</example", at: first) == nil
            return true
        }
        if mark == 0x60 || mark == 0x7E, text.match("```", at: first) ?? text.match("~~~", at: first) != nil {
            if fence == nil { fence = mark } else if fence == mark { fence = nil }
            return true
        }
        if fence != nil { return true }
        if mark == 0x3C, text.match("<example", at: first) != nil {
            isInExample = true
            return true
        }
        return false
    }
}

extension Harness {
    /// Whether it writes the time into user texts: an envelope in front, clock lines behind (OpenClaw's envelope.ts and
    /// current-time.ts). From others the same shape is the user's own.
    var stampsUserTexts: Bool { self == .openclaw }
}

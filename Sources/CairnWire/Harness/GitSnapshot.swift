// The git section a harness puts into a prompt at the start of a session, found from its first line and read line by
// line as long as the lines have its shape. Claude Code's:
//
//     gitStatus: This is the git status at the start of the conversation. Note that ...
//                                                          (blank lines between the parts)
//     Current branch: main
//     Main branch (you will usually use this for PRs): main
//     Git user: Ada
//     Status:
//     M src/a.swift            porcelain lines, or (clean)
//     Recent commits:
//     2b0a853 fix(reports): ...
//
// Others write "Git status:" and "Recent commits:" with the same lines below.

enum GitSnapshot {
    /// The end of the snapshot whose first line starts at `line`; nil if none does.
    /// - Parameter takesParts: whether "Git status:" and "Recent commits:" open one too (system texts).
    /// - Complexity: linear in the lines it covers, plus one.
    static func end(_ text: SpelledText, line: Int, takesParts: Bool) -> Int? {
        let start = text.skipBlanks(line)
        // "gitStatus", "This is", "Git status", "Recent commits": g, t and r open a snapshot, nothing else does.
        guard case let first = text.unit(at: start).value | 0x20, first == 0x67 || first == 0x74 || first == 0x72 else {
            return nil
        }
        let sentence = text.match("gitStatus: ", at: start) ?? start
        if text.match("This is the git status at the start of the conversation", at: sentence) != nil {
            return lines(text, behind: text.lineEnd(from: start), reads: [.label, .status, .commit])
        }
        guard takesParts else { return nil }
        if let end = heading("git status:", text, start) { return list(text, behind: end, of: .status) }
        if let end = heading("recent commits:", text, start) { return list(text, behind: end, of: .commit) }
        return nil
    }

    private enum Line {
        case label, status, commit
    }

    private static func heading(_ words: StaticString, _ text: SpelledText, _ start: Int) -> (end: Int, next: Int)? {
        guard let end = text.match(words, at: start, caseless: true), case let line = text.lineEnd(from: end),
            text.isBlank(end, to: line.end)
        else { return nil }
        return line
    }

    /// A heading alone is no snapshot: at least one line must follow.
    private static func list(_ text: SpelledText, behind heading: (end: Int, next: Int), of line: Line) -> Int? {
        let end = lines(text, behind: heading, reads: [line])
        return end > heading.end ? end : nil
    }

    /// The end of the last line that is one of `reads`, blank lines between them included.
    private static func lines(_ text: SpelledText, behind first: (end: Int, next: Int), reads: [Line]) -> Int {
        var end = first.end
        var next = first.next
        while next < text.end {
            let line = text.lineEnd(from: next)
            let start = text.skipBlanks(next)
            if start < line.end {
                guard reads.contains(where: { holds($0, text, start, line.end) }) else { break }
                end = line.end
            }
            next = line.next
        }
        return end
    }

    private static func holds(_ line: Line, _ text: SpelledText, _ start: Int, _ end: Int) -> Bool {
        switch line {
        case .label: return isLabel(text, start)
        case .status: return isStatus(text, start, end)
        case .commit: return isCommit(text, start)
        }
    }

    private static func isLabel(_ text: SpelledText, _ start: Int) -> Bool {
        let valued: [StaticString] = [
            "Current branch: ", "Main branch (you will usually use this for PRs):", "Git user: ",
        ]
        return valued.contains { text.match($0, at: start) != nil } || heading("status:", text, start) != nil
            || heading("recent commits:", text, start) != nil
    }

    /// `M src/a.swift`, `?? "a b"`, `R  old -> new`, `(clean)`: one or two letters of git and one path, so that a
    /// sentence that starts with "A " is none.
    private static func isStatus(_ text: SpelledText, _ start: Int, _ end: Int) -> Bool {
        if let clean = text.match("(clean)", at: start) { return text.isBlank(clean, to: end) }
        if text.match("... (truncated", at: start) != nil { return true }
        var at = start
        var count = 0
        while count < 2, case let step = text.unit(at: at), isStatusLetter(step.value) {
            at = step.next
            count += 1
        }
        let path = text.skipBlanks(at)
        guard count > 0, path > at, path < end else { return false }
        if text.unit(at: path).value == 0x22 { return true }
        let first = word(text, path, end)
        guard first < end, let arrow = text.match(" -> ", at: first) else { return text.isBlank(first, to: end) }
        return text.isBlank(word(text, arrow, end), to: end)
    }

    private static func isStatusLetter(_ unit: UInt32) -> Bool {
        switch unit {
        case 0x4D, 0x41, 0x44, 0x52, 0x43, 0x55, 0x54, 0x3F, 0x21: true  // M A D R C U T ? !
        default: false
        }
    }

    private static func word(_ text: SpelledText, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end, case let step = text.unit(at: at), step.value != 0x20, step.value != 9, step.value != 13 {
            at = step.next
        }
        return at
    }

    /// `2b0a853 fix(reports): ...`: 7 to 40 hexadecimal digits and a subject. Without a decimal one among them it may
    /// be a word ("defaced").
    private static func isCommit(_ text: SpelledText, _ start: Int) -> Bool {
        var at = start
        var (count, decimalCount) = (0, 0)
        while count <= 40, case let step = text.unit(at: at), SpelledText.isHex(step.value) {
            decimalCount += SpelledText.isDigit(step.value) ? 1 : 0
            at = step.next
            count += 1
        }
        return (7...40).contains(count) && decimalCount > 0 && text.unit(at: at).value == 0x20
    }
}

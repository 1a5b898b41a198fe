// Paths of temporary folders with a random part, as mkdtemp and its kin make them: another one in every run of an
// agent.
//
//     /tmp/tmpk3_x9qv1/repo   /var/folders/zz/zyx.../T/claude-7f3a9c01d2e4   /tmp/claude-1000/998512c6-.../scratchpad

enum TemporaryPath {
    /// Characters of one path; a longer one is none.
    static let charactersMax = 512

    /// The end of the temporary path that starts at `offset`, if a part of it is random.
    static func end(_ text: SpelledText, at offset: Int) -> Int? {
        let roots: [StaticString] = ["/tmp/", "/private/tmp/", "/var/folders/", "/private/var/folders/", "/var/tmp/"]
        guard var at = roots.lazy.compactMap({ text.match($0, at: offset) }).first else { return nil }
        var part = at
        var isRandom = false
        var count = 0
        while count < charactersMax {
            let step = text.unit(at: at)
            let isInPath = isPathCharacter(step.value)
            if step.value == 0x2F || !isInPath {
                isRandom = isRandom || Self.isRandom(text, part, at)
                part = step.next
            }
            guard isInPath else { return isRandom ? trimmed(text, offset, at) : nil }
            at = step.next
            count += 1
        }
        return nil
    }

    private static func isPathCharacter(_ unit: UInt32) -> Bool {
        if SpelledText.isLetter(unit) || SpelledText.isDigit(unit) { return true }
        switch unit {
        case 0x2F, 0x2D, 0x5F, 0x2E, 0x2B, 0x40, 0x25, 0x7E: return true
        default: return false
        }
    }

    /// Without the full stop that ends the sentence.
    private static func trimmed(_ text: SpelledText, _ start: Int, _ end: Int) -> Int {
        end > start && text.bytes[end - 1] == UInt8(ascii: ".") ? end - 1 : end
    }

    /// A part of a path is random if it is a UUID, "tmp" and eight characters of Python's mkdtemp, "tmp." and mktemp's
    /// ten, or ends with at least ten hexadecimal digits among which both digits and letters stand.
    private static func isRandom(_ text: SpelledText, _ start: Int, _ end: Int) -> Bool {
        let count = end - start
        if let behind = text.match("tmp.", at: start), end - behind == 10 { return true }
        if let behind = text.match("tmp", at: start), end - behind == 8, isMade(text, behind, end) { return true }
        guard count >= 10 else { return false }
        var (at, digitCount, letterCount) = (start, 0, 0)
        while at < end {
            let step = text.unit(at: at)
            if SpelledText.isDigit(step.value) {
                digitCount += 1
            } else if SpelledText.isHex(step.value) {
                letterCount += 1
            } else if step.value != 0x2D || count != 36 {
                (digitCount, letterCount) = (0, 0)
            }
            at = step.next
        }
        return digitCount >= 2 && letterCount >= 1 && digitCount + letterCount >= 10
    }

    /// Lower-case letters, digits and underscores, a digit among them.
    private static func isMade(_ text: SpelledText, _ start: Int, _ end: Int) -> Bool {
        var hasDigit = false
        for byte in text.bytes[start..<end] {
            let unit = UInt32(byte)
            guard byte == 0x5F || SpelledText.isDigit(unit) || SpelledText.isLetter(unit) && !SpelledText.isUpper(unit)
            else {
                return false
            }
            hasDigit = hasDigit || SpelledText.isDigit(unit)
        }
        return hasDigit
    }
}

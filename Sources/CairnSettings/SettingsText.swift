// How values and lists of choices are written inside error lines; used by every parser of this
// room.

enum SettingsText {
    /// Longest piece of a user's value that an error line quotes, in characters.
    static let quotedCharactersMax = 80
    /// Longest unknown flag or key that an error line quotes, in characters. Longer ones are not
    /// shown: a word of that length in the wrong place may be a key of a provider (those are 35
    /// characters and more).
    static let quotedNameCharactersMax = 24

    /// The value in double quotes, cut at `quotedCharactersMax`.
    static func quoted(_ value: String) -> String {
        value.count <= quotedCharactersMax ? "\"\(value)\"" : "\"\(value.prefix(quotedCharactersMax))...\""
    }

    /// " \"name\"" for a short name, nothing for one that may be a secret in the wrong place.
    static func spacedName(_ name: String) -> String {
        name.count <= quotedNameCharactersMax ? " \"\(name)\"" : ""
    }

    /// `a`, `a or b`, `a, b or c`.
    static func choices(_ words: [String]) -> String {
        guard words.count > 1, let last = words.last else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }

    /// The text with every control character and line separator written as `\u{..}`, so that it
    /// prints as one line.
    static func singleLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: line += "\\u{\(String(scalar.value, radix: 16))}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}

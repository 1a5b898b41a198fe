// Patterns for model names: `gpt-*-mini`, `claude-*`, `o?`. Used for the choice of an upstream and
// by ModelMap, once a call.

/// A pattern in which `*` stands for any bytes, also none, and `?` for exactly one. Letters A-Z
/// match either case.
public struct Glob: Equatable, Hashable, Sendable {
    /// Lower case; no two `*` in a row.
    private let pattern: [UInt8]

    /// Longest pattern, in bytes. With it, matching is linear in the name.
    public static let bytesMax = 128

    /// From a user's text: 1 to `bytesMax` bytes, no spaces or control characters.
    public init(parsing text: String) throws(SettingsError) {
        guard !text.isEmpty, text.utf8.count <= Glob.bytesMax,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else {
            throw SettingsError(
                "expected a model name or pattern of 1 to \(Glob.bytesMax) bytes without spaces"
                    + " (* any text, ? one character)"
            )
        }
        self.init(unchecked: text)
    }

    /// From a text that is known to be right.
    init(unchecked text: String) {
        var pattern: [UInt8] = []
        for byte in text.utf8 where byte != star || pattern.last != star {
            pattern.append(lowerCase(byte))
        }
        self.pattern = pattern
    }

    /// Whether it stands for one name only.
    public var isLiteral: Bool { !pattern.contains(star) && !pattern.contains(anyByte) }

    /// Whether the whole name matches.
    ///
    /// Greedy: after a mismatch only the last `*` takes one byte more, because an earlier `*` could
    /// not reach further.
    /// - Complexity: at most (name bytes) x (bytes between two `*`, at most `bytesMax`) steps; allocates nothing.
    public func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8(matches)
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var nameIndex = 0
        var patternIndex = 0
        var afterStar: (patternIndex: Int, nameIndex: Int)?
        while nameIndex < name.count {
            let expected = patternIndex < pattern.count ? pattern[patternIndex] : nil
            if expected == star {
                patternIndex += 1
                afterStar = (patternIndex, nameIndex)
            } else if let expected, expected == anyByte || expected == lowerCase(name[nameIndex]) {
                patternIndex += 1
                nameIndex += 1
            } else if let retry = afterStar {
                patternIndex = retry.patternIndex
                nameIndex = retry.nameIndex + 1
                afterStar = (patternIndex, nameIndex)
            } else {
                return false
            }
        }
        return pattern[patternIndex...].allSatisfy { $0 == star }
    }
}

extension Glob: CustomStringConvertible {
    /// The pattern, in lower case.
    public var description: String { String(decoding: pattern, as: UTF8.self) }
}

private let star = UInt8(ascii: "*")
private let anyByte = UInt8(ascii: "?")

private func lowerCase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

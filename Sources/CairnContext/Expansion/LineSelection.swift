// Lines of a text as a marker names them: `[=k7f2:3-9]` stands for the lines 3 to 9 of its part.

import CairnCore

/// Lines that follow each other, counted from 1.
public struct LineSelection: Equatable, Sendable {
    public let first: Int
    public let last: Int

    /// nil for a first line below 1 and for a last one in front of it.
    public init?(first: Int, last: Int) {
        guard first >= 1, last >= first else { return nil }
        self.first = first
        self.last = last
    }

    /// `3-9`, or `3` for one line; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = ends.compactMap { $0.utf8.allSatisfy(LineForm.isDigit) ? Int($0) : nil }
        guard numbers.count == ends.count, let first = numbers.first, let last = numbers.last else { return nil }
        self.init(first: first, last: last)
    }

    /// The bytes of these lines, each with its line feed, so that selections that follow each other make up the text; nil
    /// if the text has fewer lines.
    /// - Complexity: one pass up to the last of them.
    func bytes(of text: [UInt8]) -> [UInt8]? {
        var line = 1
        var start = first == 1 ? 0 : nil
        for position in text.indices where text[position] == UInt8(ascii: "\n") {
            if line == last { return start.map { Array(text[$0...position]) } }
            line += 1
            if line == first { start = position + 1 }
        }
        return line == last ? start.map { Array(text[$0...]) } : nil
    }

    /// Lines of a text as markers count them: one more than it has line feeds.
    static func count(of text: [UInt8]) -> Int { text.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) } }
}

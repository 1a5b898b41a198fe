// Tables in Markdown, as far as ARCHITECTURE.md and docs/limits.md use them: pipes at both ends, no pipe
// inside a cell.

enum MarkdownTable {
    /// The cells of every row below the given header, over all tables of the text that have it. Throws when
    /// there is none, so that a renamed column cannot turn a check off.
    static func rows(_ header: [String], in text: String) throws(TidyError) -> [[String]] {
        var rows: [[String]] = []
        var isInside = false
        var isFound = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard let cells = cells(line) else {
                isInside = false
                continue
            }
            if cells == header {
                isInside = true
                isFound = true
            } else if isInside, !cells.allSatisfy({ $0.allSatisfy { "-: ".contains($0) } && !$0.isEmpty }) {
                rows.append(cells)
            }
        }
        guard isFound else { throw .unreadable("a table with the columns \(header)") }
        return rows
    }

    private static func cells(_ line: Substring) -> [String]? {
        guard line.hasPrefix("|"), line.hasSuffix("|"), line.count > 1 else { return nil }
        return line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false).map { cell in
            String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}

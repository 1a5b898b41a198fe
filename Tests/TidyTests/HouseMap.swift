// The two tables of ARCHITECTURE.md that say what the house is made of.

import Foundation

struct HouseMap {
    struct Room: Equatable {
        var name: String
        /// 0 for system libraries to 6 for the command; nil for tests, which may look at every floor.
        var floor: Int?
        var mayImport: Set<String>
    }

    let rooms: [Room]
    /// Folders that are no target.
    let folders: [String]

    init(_ text: String) throws {
        rooms = try MarkdownTable.rows(["floor", "target", "may import"], in: text).map { cells in
            guard cells.count == 3 else { throw TidyError.unreadable("the row \(cells) of ARCHITECTURE.md") }
            return Room(
                name: cells[1], floor: try Self.floor(cells[0]),
                mayImport: Set(cells[2].matches(of: #/\w+/#).map { String($0.0) }))
        }
        folders = try MarkdownTable.rows(["folder", "what it is"], in: text).map { $0[0] }
    }

    private static func floor(_ cell: String) throws -> Int? {
        if cell == "test" { return nil }
        guard let floor = cell.wholeMatch(of: #/L([0-9])/#)?.1 else {
            throw TidyError.unreadable("the floor '\(cell)' of ARCHITECTURE.md")
        }
        return Int(floor)
    }
}

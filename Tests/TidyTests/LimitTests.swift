// docs/limits.md and the code name the same limits: each row's name stands in the row's file, and each limit
// the product defines has a row. A limit is a constant or a setting defined by a number, called ...Max or
// ...MaxDefault in Swift, ..._MAX in C.

import Foundation
import Testing

@Suite struct LimitTests {
    static func faults(_ repository: Repository) throws -> [String] {
        guard let page = try repository.text("docs/limits.md") else { return ["docs/limits.md is missing"] }
        let rows = try MarkdownTable.rows(["limit", "value", "unit", "where", "what happens"], in: page)
        let unfounded = try rows.compactMap { cells -> String? in
            guard cells.count == 5, cells.allSatisfy({ !$0.isEmpty }) else { return "the row \(cells) has empty cells" }
            guard let text = try repository.text(cells[3]) else { return "\(cells[0]): there is no file \(cells[3])" }
            let isNamed = text.contains(try Regex("\\b\(NSRegularExpression.escapedPattern(for: cells[0]))\\b"))
            return isNamed ? nil : "\(cells[0]) is not in \(cells[3])"
        }
        let known = Set(rows.map { Limit(name: $0[0], path: $0.count > 3 ? $0[3] : "") })
        let unlisted = try limits(in: repository).filter { !known.contains($0) }.map {
            "\($0.path): \($0.name) has no row"
        }
        return unfounded + unlisted
    }

    private struct Limit: Hashable {
        var name: String
        var path: String
    }

    /// The limits the product's sources define.
    private static func limits(in repository: Repository) throws -> [Limit] {
        let swift = try repository.texts("swift").filter { $0.path.hasPrefix("Sources/") }.flatMap { file in
            file.text.matches(of: #/(?m)\b(?:static let|var) (\w+Max(?:Default)?)\b(?::[^=\n{]+)? = [0-9]/#)
                .map { Limit(name: String($0.1), path: file.path) }
        }
        let c = try repository.texts("c", "h").filter { $0.path.hasPrefix("CSources/") }.flatMap { file in
            file.text.matches(of: #/(?m)^[ \t]*#[ \t]*define[ \t]+(\w+_MAX)\b/#)
                .map { Limit(name: String($0.1), path: file.path) }
        }
        return swift + c
    }

    @Test func `the page and the code name the same limits`() throws {
        let faults = try Self.faults(.here())

        #expect(faults == [])
    }

    @Test func `a renamed limit, a moved one and an unlisted one are noticed`() throws {
        let header = "| limit | value | unit | where | what happens |\n|---|---|---|---|---|\n"
        let files = Repository([
            "docs/limits.md": header
                + "| bodyBytesMax | 1 | bytes | Sources/x/A.swift | 413 |\n"
                + "| headBytesMax | 1 | bytes | Sources/x/A.swift | 431 |\n"
                + "| CAIRN_X_MAX | 1 | events | CSources/gone.h | refused |\n",
            "Sources/x/A.swift":
                "static let bodyBytesMax = 1\nvar headBytesMaximum = 1\nvar eventsMax: Int = 2\nlet poolMax: Int\n",
            "CSources/CHTTP/chttp.h": "#define CHTTP_POOL_MAX 4\n",
        ])

        #expect(
            try Self.faults(files) == [
                "headBytesMax is not in Sources/x/A.swift", "CAIRN_X_MAX: there is no file CSources/gone.h",
                "Sources/x/A.swift: eventsMax has no row", "CSources/CHTTP/chttp.h: CHTTP_POOL_MAX has no row",
            ])
    }
}

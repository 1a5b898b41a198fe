// docs/limits.md and the code name the same limits: each row's name is defined in the row's file, each limit the
// product defines has a row, and the values are equal where the code writes them in numbers. A limit is a constant
// or a setting defined by a number, called ...Max or ...MaxDefault in Swift, ..._MAX in C.

import Foundation
import Testing

@Suite struct LimitTests {
    /// Two files may have limits of one name.
    struct Limit: Hashable {
        var name: String
        var path: String
    }

    static func faults(_ repository: Repository) throws -> [String] {
        guard let page = try repository.text("docs/limits.md") else { return ["docs/limits.md is missing"] }
        let rows = try MarkdownTable.rows(["limit", "value", "unit", "where", "what happens"], in: page)
        var listed: Set<Limit> = []
        var faults: [String] = []
        for cells in rows {
            guard cells.count == 5, cells.allSatisfy({ !$0.isEmpty }), let value = Int(cells[1]) else {
                faults.append("the row of \(cells[0]) has an empty cell, or a value that is no number")
                continue
            }
            let limit = Limit(name: cells[0], path: cells[3])
            if !listed.insert(limit).inserted { faults.append("\(limit.name) of \(limit.path) has two rows") }
            switch try repository.text(limit.path).flatMap({ try definition(of: limit.name, in: $0) }) {
            case nil: faults.append("\(limit.name) is not defined in \(limit.path)")
            case let expression? where number(expression) ?? value != value:
                faults.append("\(limit.name) is \(expression) in \(limit.path), \(value) on the page")
            default: break
            }
        }
        let unlisted = Set(try limits(in: repository)).subtracting(listed).map { "\($0.path): \($0.name) has no row" }
        return faults + unlisted.sorted()
    }

    /// The expression that gives the name its value, as it stands in the source.
    private static func definition(of name: String, in text: String) throws -> String? {
        let name = NSRegularExpression.escapedPattern(for: name)
        let pattern = try Regex("(?m)(?:^|\\blet |\\bvar |\\bdefine )\(name)\\b(?:: ?\\w+)?(?: =)?[ \\t]+(.+)$")
        return text.firstMatch(of: pattern)?[1].substring.map(String.init)
    }

    /// The limits that the product's sources define by a number.
    private static func limits(in repository: Repository) throws -> [Limit] {
        let swift = try repository.texts("swift").filter { $0.path.hasPrefix("Sources/") }.flatMap { file in
            file.text.matches(of: #/\b(?:static let|var) (\w+Max(?:Default)?)\b(?:: ?\w+)? = [0-9]/#)
                .map { Limit(name: String($0.1), path: file.path) }
        }
        let c = try repository.texts("c", "h").filter { $0.path.hasPrefix("CSources/") }.flatMap { file in
            file.text.matches(of: #/(?m)^[ \t]*#[ \t]*define[ \t]+(\w+_MAX)\b/#)
                .map { Limit(name: String($0.1), path: file.path) }
        }
        return swift + c
    }

    /// The value of an expression such as `4 << 20`, `16 * 1024` or `((size_t)4 << 20)  /* why */`; nil for any other.
    static func number(_ expression: String) -> Int? {
        let bare = expression.replacing(#/\/\*.*|\/\/.*|\(size_t\)|[()_ ]|\.0\b/#, with: "")
        guard let shifted = bare.wholeMatch(of: #/([0-9*]+)(?:<<([0-9]+))?/#) else { return nil }
        let factors = shifted.1.split(separator: "*").map { Int($0) ?? 0 }
        return factors.reduce(1, *) << (shifted.2.flatMap { Int($0) } ?? 0)
    }

    @Test func `the page and the code name the same limits with the same values`() throws {
        let faults = try Self.faults(.here())

        #expect(faults == [])
    }

    @Test(arguments: [
        ("64 << 20", 67_108_864), ("16 * 1024", 16_384), ("10_000", 10_000), ("1_000_000.0", 1_000_000),
        (" ((size_t)4 << 20)", 4_194_304), (" 32  /* bytes of one key */", 32), ("2 * nameBytesMax", nil),
        (" (6 * A_MAX)", nil),
    ])
    func `a value is read where it is written in numbers`(expression: String, value: Int?) {
        #expect(Self.number(expression) == value)
    }

    @Test func `a renamed limit, a changed one and an unlisted one are noticed`() throws {
        let header = "| limit | value | unit | where | what happens |\n|---|---|---|---|---|\n"
        let files = Repository([
            "docs/limits.md": header
                + "| bodyBytesMax | 1024 | bytes | Sources/x/A.swift | 413 |\n"
                + "| headBytesMax | 1 | bytes | Sources/x/A.swift | 431 |\n"
                + "| CAIRN_X_MAX | 1 | events | CSources/gone.h | refused |\n"
                + "| CHTTP_LINE_MAX | 3 | bytes | CSources/CHTTP/chttp.h | refused |\n"
                + "| CHTTP_PAGE_MAX | many | bytes | CSources/CHTTP/chttp.h | refused |\n",
            "Sources/x/A.swift": """
            static let bodyBytesMax = 1 << 10
            var headBytesMaximum = 1
            var eventsMax: Int = 2
            let poolMax: Int
            """,
            "CSources/CHTTP/chttp.h": "#define CHTTP_POOL_MAX 4\n#define CHTTP_LINE_MAX 4\n",
        ])

        let faults = try Self.faults(files)

        #expect(
            faults == [
                "headBytesMax is not defined in Sources/x/A.swift", "CAIRN_X_MAX is not defined in CSources/gone.h",
                "CHTTP_LINE_MAX is 4 in CSources/CHTTP/chttp.h, 3 on the page",
                "the row of CHTTP_PAGE_MAX has an empty cell, or a value that is no number",
                "CSources/CHTTP/chttp.h: CHTTP_POOL_MAX has no row", "Sources/x/A.swift: eventsMax has no row",
            ])
    }
}

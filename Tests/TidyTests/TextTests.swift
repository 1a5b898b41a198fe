// What stands in text files: links that lead somewhere, no machine's paths, no package hosts, no unfinished
// marks, no over-long lines. Forbidden words are put together here, so that this file passes its own tests.

import Foundation
import Testing

@Suite struct TextTests {
    static let columnsMax = 120

    static func faults(links repository: Repository) throws -> [String] {
        try repository.texts("md").flatMap { file in
            try prose(file.text).matches(of: #/\]\(([^)\s]+)\)/#).compactMap { match in
                try fault(link: String(match.1), from: file.path, in: repository)
            }
        }
    }

    private static func fault(link: String, from path: String, in repository: Repository) throws -> String? {
        if link.contains(#/^[a-z][a-z0-9+.-]*:/#) { return nil }
        let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let target = parts[0].isEmpty ? path : resolve(parts[0], from: path)
        guard let target, repository.contains(target) else { return "\(path): nothing at \(link)" }
        guard parts.count == 2 else { return nil }
        let headings = try repository.text(target).map(anchors) ?? []
        return headings.contains(parts[1]) ? nil : "\(path): no heading for \(link)"
    }

    /// The path a relative link means; nil when it climbs out of the repository.
    private static func resolve(_ link: String, from path: String) -> String? {
        var folders = path.split(separator: "/").dropLast().map(String.init)
        for step in link.split(separator: "/") where step != "." {
            if step != ".." {
                folders.append(String(step))
            } else if folders.popLast() == nil {
                return nil
            }
        }
        return folders.joined(separator: "/")
    }

    /// Markdown without its fenced code.
    private static func prose(_ text: String) -> String {
        text.replacing(#/(?m)^```[\s\S]*?^```/#, with: "")
    }

    /// The anchors of a page's headings, as the usual hosts make them.
    private static func anchors(_ text: String) -> [String] {
        prose(text).matches(of: #/(?m)^#+ +(.+)$/#).map { match in
            String(match.1.lowercased().filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }).replacing(
                " ", with: "-")
        }
    }

    static func faults(words repository: Repository) throws -> [String] {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].joined(separator: "|")
        let hosts = ["py" + "pi", "python" + "hosted", "deb" + "ian", "cra" + "tes", "npm" + "js"].joined(
            separator: "|")
        let rules: [(what: String, pattern: Regex<AnyRegexOutput>)] = [
            ("an unfinished mark", try Regex("\\b(\(marks))\\b")),
            (
                "a machine's path",
                try Regex("(^|[^A-Za-z0-9_.])/(wo" + "rk|fa" + "rm|ro" + "ot)/|/tm" + "p/[a-z]+/")
            ),
            ("a package host", try Regex("https?://[a-z0-9.-]*(\(hosts))")),
        ]
        return try repository.allTexts().flatMap { file in
            file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { index, line in
                rules.filter { line.contains($0.pattern) }.map { "\(file.path):\(index + 1) has \($0.what)" }
            }
        }
    }

    static func faults(longLines repository: Repository) throws -> [String] {
        try repository.texts("c", "h", "py", "sh").flatMap { file in
            file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .filter { $0.element.count > columnsMax }
                .map { "\(file.path):\($0.offset + 1) has \($0.element.count) columns" }
        }
    }

    @Test func `relative links lead somewhere`() throws {
        let faults = try Self.faults(links: .here())

        #expect(faults == [])
    }

    @Test func `no machine paths, package hosts or unfinished marks`() throws {
        let faults = try Self.faults(words: .here())

        #expect(faults == [])
    }

    @Test func `lines of C, Python and shell fit the page`() throws {
        let faults = try Self.faults(longLines: .here())

        #expect(faults == [])
    }

    @Test func `a dead link is noticed`() throws {
        let files = Repository([
            "README.md":
                "# One two!\n[a](docs/a.md) [b](docs) [c](gone.md) [d](https://x.org/y) [e](#one-two) [f](#three)\n",
            "docs/a.md": "[up](../README.md#one-two) [out](../../x.md)\n```\n[code](no.md)\n```\n",
        ])

        #expect(
            try Self.faults(links: files) == [
                "README.md: nothing at gone.md", "README.md: no heading for #three", "docs/a.md: nothing at ../../x.md",
            ])
    }

    @Test(arguments: [
        ("// TO" + "DO later", "an unfinished mark"), ("cd /wo" + "rk/main", "a machine's path"),
        ("x=/tm" + "p/mine/file", "a machine's path"), ("\"/ro" + "ot/x\"", "a machine's path"),
        ("see https://py" + "pi.org/x", "a package host"),
    ])
    func `a forbidden word is noticed`(line: String, what: String) throws {
        let files = Repository([
            "Sources/x/A.swift": "// A.\n\(line)\n", "docs/b.md": "https://host/work/ed, mktemp XXXXXX\n",
        ])

        #expect(try Self.faults(words: files) == ["Sources/x/A.swift:2 has \(what)"])
    }

    @Test func `a long line is noticed`() throws {
        let files = Repository(["Tests/a.py": "# ok\n" + String(repeating: "x", count: 121) + "\n"])

        #expect(try Self.faults(longLines: files) == ["Tests/a.py:2 has 121 columns"])
    }
}

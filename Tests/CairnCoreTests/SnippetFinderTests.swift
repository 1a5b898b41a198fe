import Testing

@testable import CairnCore

private func snippets(in text: String) throws -> [Snippet] {
    var finder = SnippetFinder()
    return try Array(text.utf8).withUnsafeBytes { try finder.snippets(in: $0) }
}

private func text(of snippet: Snippet, in text: String) -> String {
    String(decoding: Array(text.utf8)[snippet.range], as: UTF8.self)
}

@Suite struct SnippetFinderTests {
    @Test func `a compiler's error has a place, a code, a message and a name`() throws {
        let text = "src/main.rs:7:35: error[E0425]: cannot find value `MAX_RETRY` in this scope"

        let found = try snippets(in: text)

        #expect(found.map(\.kind) == [.path, .errorCode, .errorMessage, .identifier])
        #expect(
            found.map { CairnCoreTests.text(of: $0, in: text) } == [
                "src/main.rs:7:35", "E0425", "cannot find value `MAX_RETRY` in this scope", "MAX_RETRY",
            ])
        #expect(found[0].place == .init(line: 7, column: 35))
        #expect(found[1].place == nil)
        #expect(found[2].importance > found[3].importance)
    }

    @Test func `every kind of value comes through the door`() throws {
        let text = """
            src/a.c E0425 error: no "x"
            5 ms, v1.2.3, 87b6751, 6f1d0b1e-2c55-4c0f-9d0e-7a3a1f0b9c42
            https://x.org/ $HOME port 80 2026-03-12 `name`
            """

        let kinds = try Set(snippets(in: text).map(\.kind))

        #expect(kinds == Set(Snippet.Kind.allCases))
    }

    @Test func `a value that stands twice is given once and counted`() throws {
        let found = try snippets(in: "wait 5 ms, then 5 ms, in src/a.c")

        #expect(found.map(\.count) == [2, 1])
        #expect(found[0].range == 5..<9)
    }

    @Test func `the work space grows with the text and serves the next one`() throws {
        var finder = SnippetFinder()
        let many = (0..<3000).map { "src/f\($0).c" }.joined(separator: " ")

        let found = try Array(many.utf8).withUnsafeBytes { try finder.snippets(in: $0) }
        let next = try Array("src/a.c".utf8).withUnsafeBytes { try finder.snippets(in: $0) }

        #expect(found.count == 3000)
        #expect(next.count == 1)
    }

    @Test func `an empty text has no values`() throws {
        #expect(try snippets(in: "") == [])
    }
}

import Testing

@testable import CairnCore

private let anyThree = LineIndex.Rule(linesMin: 3, bytesMin: 0)

extension LineIndex {
    fileprivate mutating func read(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { try read($0) }
    }

    fileprivate mutating func add(_ text: String, as textID: UInt64) throws {
        try read(text)
        try add(as: textID)
    }

    fileprivate mutating func runs(in text: String, by rule: Rule = anyThree) throws -> [Run] {
        try read(text)
        return try runs(by: rule)
    }
}

private func holds(_ run: LineIndex.Run, _ text: String, _ earlier: String) -> Bool {
    Array(text.utf8).withUnsafeBytes { text in
        Array(earlier.utf8).withUnsafeBytes { LineIndex.holds(run, text: text, earlier: $0) }
    }
}

@Suite struct LineIndexTests {
    @Test func `a run names its place in both texts`() throws {
        var index = LineIndex()
        try index.add("zero\none\ntwo\nthree\nfour\n", as: 77)

        let runs = try index.runs(in: "new\none\ntwo\nthree\nother\n")

        let run = try #require(runs.first)
        #expect(runs.count == 1 && run.textID == 77)
        #expect(run.lines == 1..<4 && run.range == 4..<18)
        #expect(run.textLines == 1..<4 && run.textRange == 5..<19)
        #expect(holds(run, "new\none\ntwo\nthree\nother\n", "zero\none\ntwo\nthree\nfour\n"))
        #expect(!holds(run, "new\none\ntwo\nthree\nother\n", "zero\none\ntwo\nTHREE\nfour\n"))
    }

    @Test func `the standard rule asks for three lines and 160 bytes`() throws {
        var index = LineIndex()
        let line = String(repeating: "x", count: 52) + "\n"
        try index.add(line + line + line + "end\n", as: 1)

        let short = try index.runs(in: line + line + line, by: .standard)
        let long = try index.runs(in: line + line + line + "end\n", by: .standard)

        #expect(short.isEmpty)
        #expect(long.map(\.lines) == [0..<4])
    }

    @Test func `removed texts and a reset index know nothing`() throws {
        var index = LineIndex()
        try index.add("a\nb\nc\n", as: 9)
        try index.add("d\ne\nf\n", as: 3)

        index.remove([9, 5])
        let found = try index.runs(in: "a\nb\nc\nd\ne\nf\n")
        let lineCount = index.lineCount
        #expect(found.map(\.textID) == [3] && lineCount == 3)

        index.reset()
        let foundLater = try index.runs(in: "d\ne\nf\n")
        let lineCountLater = index.lineCount
        #expect(foundLater.isEmpty && lineCountLater == 0)
    }

    @Test func `calls out of order and texts beyond the limit are refused`() {
        #expect(throws: CoreError(.notFound)) {
            let index = LineIndex()
            _ = try index.runs()
        }
        #expect(throws: CoreError(.notFound)) {
            var index = LineIndex()
            try index.add(as: 1)
        }
        #expect(throws: CoreError(.tooBig)) {
            var index = LineIndex(linesMax: 2)
            try index.read("a\nb\nc")
        }
        for rule in [LineIndex.Rule(linesMin: 0, bytesMin: 0), .init(linesMin: 1, bytesMin: -1)] {
            #expect(throws: CoreError(.argument)) {
                var index = LineIndex()
                _ = try index.runs(in: "a\nb", by: rule)
            }
        }
    }
}

import CairnContext
import CairnCore
import Testing

@testable import CairnStore

@Suite struct SearchTests {
    private func search(
        _ words: String, all: Bool = false, session: SessionIdentifier? = nil, hits: Int = 10
    ) -> TurnSearch {
        TurnSearch(words: words, needsAll: all, session: session, hitsMax: hits)
    }

    /// A store with texts that are all in the index.
    private func withTexts(_ texts: [String], _ body: (SQLiteStore, [LinkRecord]) throws -> Void) throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        try home.withStore { store throws in
            for text in texts { store.append(lineage.add(text)) }
            try store.appendAndWait(StorageBatch())
            #expect(eventually { store.health.unindexedTexts == 0 })
            try body(store, lineage.links)
        }
    }

    @Test func `turns are found by their words, the best first`() throws {
        try withTexts(["the parser fails", "a parser of a parser, parser", "nothing here"]) { store, links throws in
            let hits = try store.search(search("PARSER"))

            #expect(hits.map(\.chain) == [links[1].chain, links[0].chain])
            #expect(hits.map(\.position) == [1, 0])
            #expect(hits[0].score > hits[1].score)
            #expect(hits[1].excerpt == "the parser fails")
        }
    }

    @Test func `all words or any, one session or all, no more than asked for`() throws {
        try withTexts(["red green", "green blue", "blue red"]) { store, links throws in
            #expect(try store.search(search("red green", all: true)).map(\.chain) == [links[0].chain])
            #expect(try store.search(search("red green")).count == 3)
            #expect(try store.search(search("red green", hits: 2)).count == 2)
            #expect(try store.search(search("red", session: links[0].session)).count == 2)
            #expect(try store.search(search("red", session: SessionIdentifier(high: 5, low: 5))).isEmpty)
        }
    }

    @Test(arguments: ["\"", "AND", "red* OR NEAR(", "text:red", "-red ^blue", "(", "'; DROP TABLE links"])
    func `no character of the words has a meaning`(words: String) throws {
        try withTexts(["red and blue"]) { store, _ throws in
            _ = try store.search(search(words))
            #expect(try store.search(search("red")).count == 1)
        }
    }

    @Test func `no words find nothing`() throws {
        try withTexts(["red"]) { store, _ throws in
            #expect(try store.search(search(" ,. ")).isEmpty)
        }
    }

    @Test func `words beyond the bound are left out`() {
        let words = (0..<20).map { "w\($0)" }.joined(separator: " ")

        let match = StoreQueries.match(search(words), wordsMax: 3)

        #expect(match == "\"w0\" OR \"w1\" OR \"w2\"")
    }

    @Test func `a long text is cut between characters and found by its beginning`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        try home.withStore {
            $0.limits.textBytesMax = 8
        } _: { store throws in
            try store.appendAndWait(lineage.add("begin \u{1F600} end"))
            #expect(eventually { store.health.unindexedTexts == 0 })

            let hits = try store.search(search("begin"))

            #expect(hits.map(\.excerpt) == ["begin "])
            #expect(try store.search(search("end")).isEmpty)
        }
    }

    @Test func `what was not indexed before the end is indexed after the next start`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        try home.withStore { store throws in
            for number in 0..<2000 { store.append(lineage.add("turn \(number)")) }
        }

        try home.withStore { store throws in
            #expect(eventually { store.health.unindexedTexts == 0 })
            #expect(try store.search(search("1999")).map(\.chain) == [lineage.links[1999].chain])
            #expect(try store.search(search("turn", hits: 10_000)).count == 2000)
        }
    }
}

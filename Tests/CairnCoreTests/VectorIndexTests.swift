import Testing

@testable import CairnCore

/// Vectors that look random and are the same in each run.
private func vectors(_ count: Int, dimension: Int) -> [[Float]] {
    var state: UInt64 = 0x1234_5678
    return (0..<count).map { _ in
        (0..<dimension).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32)) / 1e9
        }
    }
}

private func filled(_ rows: [[Float]]) throws -> VectorIndex {
    var index = try VectorIndex(dimension: rows[0].count)
    for (row, vector) in rows.enumerated() { try index.add(vector, id: UInt64(row)) }
    return index
}

@Suite struct VectorIndexTests {
    @Test func `the most similar come first and equal ones by id`() throws {
        var index = try VectorIndex(dimension: 2)
        try index.add([0, 5], id: 9)
        try index.add([1, 1], id: 7)
        try index.add([2, 2], id: 3)

        let matches = try index.matches(for: [3, 3.5], similarityMin: 0.5, limit: 5)

        #expect(matches.map(\.id) == [3, 7, 9])
        #expect(matches[0].similarity == matches[1].similarity && matches[1].similarity > matches[2].similarity)
        let up = try index.matches(for: [0, 1])
        let down = try index.matches(for: [0, -1])
        #expect(up.map(\.id) == [9] && down == [])
    }

    @Test func `a search through BLAS gives the same bits`() throws {
        let rows = vectors(700, dimension: 40)
        let index = try filled(rows)
        let queries = vectors(20, dimension: 40).map { zip($0, rows[13]).map { $0 + $1 } }

        let found = try index.matchesThroughBLAS(forEach: queries, similarityMin: -1, limit: 9)

        #expect(found.count == 20)
        for (query, matches) in zip(queries, found) {
            let expected = try index.matches(for: query, similarityMin: -1, limit: 9)
            #expect(matches == expected)
        }
        let none = try index.matchesThroughBLAS(forEach: [])
        #expect(none == [])
    }

    @Test func `vectors are replaced, removed and kept with length 1`() throws {
        var index = try VectorIndex(dimension: 2)
        try index.add([3, 4], id: 1)
        let first = index.vector(id: 1)
        try index.add([0, -2], id: 1)
        let second = index.vector(id: 1)
        let wasThere = index.remove(id: 1)
        let isStillThere = index.remove(id: 1)

        #expect(first == [0.6, 0.8] && second == [0, -1])
        #expect(wasThere && !isStillThere)
        #expect(index.count == 0)
    }

    @Test func `wrong vectors, limits and dimensions are refused`() throws {
        var index = try VectorIndex(dimension: 2)
        for vector: [Float] in [[1], [0, 0], [.nan, 0]] {
            #expect(throws: CoreError(.argument)) { try index.add(vector, id: 1) }
            #expect(throws: CoreError(.argument)) { try index.matches(for: vector) }
            #expect(throws: CoreError(.argument)) { try index.matchesThroughBLAS(forEach: [[1, 0], vector]) }
        }
        #expect(throws: CoreError(.argument)) { try index.matches(for: [1, 0], limit: 0) }
        #expect(throws: CoreError(.argument)) { _ = try VectorIndex(dimension: -1) }
        #expect(throws: CoreError(.tooBig)) { _ = try VectorIndex(dimension: VectorIndex.dimensionMax + 1) }
    }

    @Test func `a stored index comes back and a damaged one is refused`() throws {
        let rows = vectors(300, dimension: 5)
        let index = try filled(rows)
        var stored = try index.stored()

        let back = try VectorIndex(stored: stored)

        let (again, row, rowBefore) = try (back.stored(), back.vector(id: 7), index.vector(id: 7))
        #expect(again == stored && row == rowBefore && row != nil)
        stored[30] ^= 1
        #expect(throws: CoreError(.syntax)) {
            _ = try VectorIndex(stored: stored)
        }
    }
}

@Suite struct TextEmbedderTests {
    private func embed(_ text: String, with embedder: inout TextEmbedder) throws -> [Float]? {
        try Array(text.utf8).withUnsafeBytes { try embedder.embed($0) }
    }

    @Test func `the nearest text says the same in other words`() throws {
        var embedder = try TextEmbedder()
        var index = try VectorIndex(dimension: TextEmbedder.dimension)
        let texts = [
            "The build fails because the header cairn.h is not found.",
            "Tokens are counted by byte pair encoding of each word.",
            "The upstream closed the connection before the head was read.",
        ]
        for (id, text) in texts.enumerated() { try index.add(embed(text, with: &embedder)!, id: UInt64(id)) }

        let query = try embed("connection closed by upstream before it had read the head", with: &embedder)!
        let match = try index.matches(for: query, similarityMin: 0.4)

        let nothing = try embed(" \n", with: &embedder)
        #expect(match.map(\.id) == [2] && nothing == nil)
    }

    @Test func `what was learned comes back and a cut form is refused`() throws {
        var embedder = try TextEmbedder()
        let plain = try embed("one two three", with: &embedder)
        try Array("one two".utf8).withUnsafeBytes { try embedder.learn($0) }
        let learned = try embed("one two three", with: &embedder)
        let stored = embedder.stored

        var back = try TextEmbedder(stored: stored)

        let again = try embed("one two three", with: &back)
        #expect(plain != learned && again == learned)
        #expect(throws: CoreError(.incomplete)) {
            _ = try TextEmbedder(stored: stored.dropLast())
        }
    }
}

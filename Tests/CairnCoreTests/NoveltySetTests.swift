import Testing

@testable import CairnCore

private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}

@Suite struct NoveltySetTests {
    @Test func `a text said before is not new, another one is`() throws {
        var set = try NoveltySet()
        var scratch = try NoveltyScratch()

        let first = withBytes("cannot find value `x`") { set.add($0, using: &scratch) }
        let again = withBytes("find value") { set.compare($0, using: &scratch) }
        let foreign = withBytes("QWERTZUIOP") { set.compare($0, using: &scratch) }

        let count = set.count
        #expect(first.novelty == 1 && first.setCount == 0 && first.textCount == count)
        #expect(again.novelty == 0 && again.containment == 1 && again.jaccard < 1)
        #expect(foreign.novelty == 1 && foreign.knownCount == 0)
    }

    @Test func `a text without trigrams is all new`() throws {
        var set = try NoveltySet()
        var scratch = try NoveltyScratch()

        let nothing = set.add(UnsafeRawBufferPointer(start: nil, count: 0), using: &scratch)

        #expect(nothing.novelty == 1 && nothing.jaccard == 0 && nothing.textCount == 0)
    }

    @Test func `sets are merged, compared and emptied`() throws {
        var set = try NoveltySet()
        var other = try NoveltySet()
        var scratch = try NoveltyScratch()
        withBytes("abcd") { _ = set.add($0, using: &scratch) }
        withBytes("bcde") { _ = other.add($0, using: &scratch) }

        let before = set.compare(other)
        set.merge(other)
        let merged = set.compare(other)
        set.reset()
        let emptied = set.compare(other)

        #expect(before.jaccard == 1.0 / 3)
        #expect(merged.containment == 1 && merged.setCount == 3)
        #expect(emptied.setCount == 0 && emptied.textCount == 2)
    }

    @Test func `a stored set comes back and a damaged one is refused`() throws {
        var set = try NoveltySet()
        var scratch = try NoveltyScratch()
        withBytes("some text") { _ = set.add($0, using: &scratch) }
        var stored = set.stored

        let back = try NoveltySet(stored: stored)

        let (count, again) = (back.count, back.stored)
        #expect(count == 7 && again == stored)
        stored[20] ^= 1
        #expect(throws: CoreError(.syntax)) {
            _ = try NoveltySet(stored: stored)
        }
    }
}

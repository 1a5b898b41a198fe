import CairnContext
import CairnCore
import Testing

@testable import CairnStore

@Suite struct LineageTests {
    @Test func `a lineage is given from its root in order, and branches share their common part`() throws {
        let home = try StoreHome()
        var trunk = SampleLineage(session: 1)
        let trunkBatches = (0..<40).map { trunk.add("turn \($0)") }
        var branch = SampleLineage(branchOf: trunk, after: 10)
        let branchBatches = (0..<5).map { branch.add("other \($0)") }

        try home.withStore { store throws in
            for batch in trunkBatches + branchBatches.dropLast() { store.append(batch) }
            try store.appendAndWait(branchBatches[4])

            #expect(
                try store.lineage(endingAt: trunk.links[39].chain) == LineagePath(links: trunk.links, isComplete: true))
            #expect(
                try store.lineage(endingAt: branch.links[14].chain)
                    == LineagePath(links: branch.links, isComplete: true))
            #expect(store.health.writtenRows == 3 * 45)
        }
    }

    @Test func `the longest known prefix is the newest link that is stored`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        let batches = (0..<20).map { lineage.add("turn \($0)") }

        try home.withStore { store throws in
            for batch in batches[..<11] { store.append(batch) }
            try store.appendAndWait(batches[11])
            let newestFirst = Array(lineage.links.map(\.chain).reversed())

            #expect(
                try store.longestKnownPrefix(newestFirst: newestFirst)
                    == KnownPrefix(index: 8, link: lineage.links[11]))
            #expect(try store.longestKnownPrefix(newestFirst: Array(newestFirst[..<8])) == nil)
        }
    }

    @Test func `a lineage with a lost link is given from behind it and says so`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        let batches = (0..<6).map { lineage.add("turn \($0)") }

        try home.withStore { store throws in
            for index in [0, 1, 3, 4] { store.append(batches[index]) }
            try store.appendAndWait(batches[5])

            #expect(
                try store.lineage(endingAt: lineage.links[5].chain)
                    == LineagePath(links: Array(lineage.links[3...]), isComplete: false))
        }
    }

    @Test func `a lineage longer than the bound, or in a circle, ends`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        let batches = (0..<6).map { lineage.add("turn \($0)") }

        try home.withStore {
            $0.limits.lineageLinksMax = 4
        } _: { store throws in
            for batch in batches { try store.appendAndWait(batch) }
            let end = lineage.links[5].chain
            #expect(
                try store.lineage(endingAt: end) == LineagePath(links: Array(lineage.links[2...]), isComplete: false))
            try home.execute("UPDATE links SET parent = chain")
            #expect(try store.lineage(endingAt: end).links.count == 4)
        }
    }

    @Test func `call 500 of a session writes no more than call 5`() throws {
        let home = try StoreHome()
        var lineage = SampleLineage(session: 1)
        func batch(_ number: Int) -> StorageBatch {
            // Turns of one size, whatever the number.
            var batch = lineage.add("user \(1000 + number)")
            let answer = lineage.add("answer \(1000 + number)")
            batch.blobs += answer.blobs
            batch.links += answer.links
            batch.texts += answer.texts
            batch.calls = [.sample(UInt64(1001 + 2 * number), session: lineage.session)]
            return batch
        }
        struct Cost { var rows: UInt64, bytes: UInt64 }

        try home.withStore {
            $0.limits.groupMilliseconds = 0
        } _: { store throws in
            func cost(of number: Int) throws -> Cost {
                let before = store.health
                try store.appendAndWait(batch(number))
                let after = store.health
                return Cost(
                    rows: after.writtenRows - before.writtenRows, bytes: after.writtenBytes - before.writtenBytes)
            }
            let costs = try (0..<520).map { try cost(of: $0) }
            let early = Array(costs[5..<25])
            let late = Array(costs[500..<520])

            #expect(Set(early.map(\.rows)) == [7] && Set(late.map(\.rows)) == [7])
            #expect(late.map(\.bytes).max() == early.map(\.bytes).max())
        }
    }
}

// What is measured, on turns of about 1.1 KB that compress as JSON with prose does. Wall time depends on who else uses the
// machine; the processor time beside it does so much less.

import CairnContext
import CairnCore
import CairnStore
import Glibc

struct StoreBenchmark {
    let folder: String
    let turns: Int
    /// Turns of one session.
    private static let sessionTurns = 200
    private static let lookups = 20_000

    private static let words = [
        "the", "file", "returns", "error", "test", "path", "of", "lineage", "branch", "value", "is", "not", "found",
        "in", "module", "store", "commit", "line", "function", "call", "provider", "cache", "prefix", "token",
    ]

    private static func text(_ number: Int) -> String {
        var state = UInt64(number) &* 0x9E37_79B9_7F4A_7C15 | 1
        var text = "{\"role\":\"tool\",\"content\":\"turn \(number):"
        while text.utf8.count < 1100 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            text += state % 5 == 0 ? " \(state >> 50)" : " " + words[Int(state >> 33) % words.count]
        }
        return text + "\"}"
    }

    private func nanoseconds(_ clock: clockid_t = CLOCK_MONOTONIC) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Batches of one turn each, and the names of their links.
    private func batches(withTexts: Bool) -> (batches: [StorageBatch], chains: [Fingerprint]) {
        var batches: [StorageBatch] = []
        var chains: [Fingerprint] = []
        var tip = Fingerprint.lineageStart
        for number in 0..<turns {
            let position = number % Self.sessionTurns
            if position == 0 { tip = .lineageStart }
            let text = Self.text(number)
            let raw = BlobRecord(Array(text.utf8))
            let chain = tip.appending(turn: raw.digest)
            let link = LinkRecord(
                chain: chain, parent: tip, session: SessionIdentifier(high: UInt64(number / Self.sessionTurns), low: 1),
                position: position, turn: raw.digest, raw: raw.digest, emission: nil, role: 3, wallNanoseconds: 1,
                cumulativeBytes: UInt64(position) * 1000, cumulativeTokens: UInt64(position) * 300)
            tip = chain
            chains.append(chain)
            batches.append(
                StorageBatch(
                    blobs: [raw], links: [link], texts: withTexts ? [TurnText(chain: chain, text: text)] : []))
        }
        return (batches, chains)
    }

    /// False: something was not as it must be.
    func run() -> Bool {
        guard let plain = write("turns", withTexts: false), let full = write("turns with text", withTexts: true) else {
            return false
        }
        print("hash \(plain.appending(turn: full))")
        return true
    }

    /// Writes all turns into a file of its own and asks it. The fingerprint of what was read; nil: something is wrong.
    private func write(_ name: String, withTexts: Bool) -> Fingerprint? {
        let (batches, chains) = batches(withTexts: withTexts)
        let options = StoreOptions(folder: folder + "/" + (withTexts ? "texts" : "plain"))
        guard let store = try? SQLiteStore(options) else { return nil }
        let start = nanoseconds()
        let startOfWork = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)
        for (number, batch) in batches.enumerated() {
            // The queue is bounded: who appends faster than a disk takes it must look.
            if number % 1000 == 0 { while store.health.queuedBytes > 32 << 20 { usleep(500) } }
            store.append(batch)
        }
        while store.health.queuedRecords > 0 { usleep(200) }
        let written = nanoseconds()
        let work = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - startOfWork
        let health = store.health
        guard health.state == .ready, health.lostRecords == 0 else { return nil }
        print(
            name, "x \(turns): \(rate(start, written)) turns/s in \(health.commits) commits,",
            "\(Double(work / UInt64(turns) / 100) / 10) us of processor time a turn,",
            "\(health.writtenBytes / UInt64(turns)) bytes a turn kept")
        if withTexts {
            while store.health.unindexedTexts > 0 { usleep(1000) }
            print("  until they can be searched: \(rate(start, nanoseconds())) turns/s")
            search(store)
        }
        promises(store)
        let digest = lookUp(store, chains)
        let isClosed = store.close(withinMilliseconds: 60_000)
        return isClosed ? digest : nil
    }

    private func rate(_ start: UInt64, _ end: UInt64) -> Int { turns * 1_000_000_000 / Int(max(1, end - start)) }

    private func show(_ name: String, _ times: [UInt64]) {
        let sorted = times.sorted()
        func microseconds(_ share: Double) -> Double {
            Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] / 10) / 100
        }
        print("  \(name): median \(microseconds(0.5)) us, p99 \(microseconds(0.99)) us")
    }

    /// A promised turn on an idle store, until its promise is kept.
    private func promises(_ store: SQLiteStore) {
        let times = (0..<200).map { number -> UInt64 in
            let batch = StorageBatch(blobs: [BlobRecord(Array((Self.text(number) + "promised").utf8))])
            let signal = SpinSignal()
            let start = nanoseconds()
            store.append(batch) { _ in signal.raise() }
            while !signal.isRaised { sched_yield() }
            return nanoseconds() - start
        }
        show("a promise kept", times)
    }

    private func search(_ store: SQLiteStore) {
        let times = (0..<50).map { number -> UInt64 in
            let start = nanoseconds()
            let search = TurnSearch(words: "\(number * turns / 50)", needsAll: true, session: nil, hitsMax: 10)
            _ = try? store.search(search)
            return nanoseconds() - start
        }
        show("search of a rare word", times)
    }

    private func lookUp(_ store: SQLiteStore, _ chains: [Fingerprint]) -> Fingerprint? {
        var digest = Fingerprint.lineageStart
        var state: UInt64 = 1
        var times: [UInt64] = []
        for _ in 0..<min(Self.lookups, turns * 2) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let chain = chains[Int(state >> 33) % chains.count]
            let start = nanoseconds()
            guard let link = try? store.link(chain: chain), link.chain == chain else { return nil }
            times.append(nanoseconds() - start)
            digest = digest.appending(turn: link.raw)
        }
        show("a link by its chain", times)
        return walk(store, chains) ? digest : nil
    }

    /// A call with three new turns, a conversation nobody knows, and a whole lineage.
    private func walk(_ store: SQLiteStore, _ chains: [Fingerprint]) -> Bool {
        let sessions = min(100, turns / Self.sessionTurns)
        let unknown = (1...Self.sessionTurns).map { Fingerprint(high: UInt64($0), low: 0) }
        var prefixes: [UInt64] = []
        var misses: [UInt64] = []
        var paths: [UInt64] = []
        var blobs: [UInt64] = []
        for session in 0..<sessions {
            let end = chains[(session + 1) * Self.sessionTurns - 1]
            var start = nanoseconds()
            guard (try? store.longestKnownPrefix(newestFirst: unknown[..<3] + [end]))??.index == 3 else { return false }
            prefixes.append(nanoseconds() - start)

            start = nanoseconds()
            _ = try? store.longestKnownPrefix(newestFirst: unknown)
            misses.append(nanoseconds() - start)

            start = nanoseconds()
            guard let path = try? store.lineage(endingAt: end), path.links.count == Self.sessionTurns else {
                return false
            }
            paths.append(nanoseconds() - start)

            start = nanoseconds()
            guard let bytes = try? store.blob(path.links[7].raw), bytes.count >= 1100 else { return false }
            blobs.append(nanoseconds() - start)
        }
        show("the known prefix of a call with 3 new turns", prefixes)
        show("the same of \(Self.sessionTurns) unknown turns", misses)
        show("a lineage of \(Self.sessionTurns) turns", paths)
        show("a blob of 1 KB, verified", blobs)
        return true
    }
}

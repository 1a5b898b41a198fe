// The process that is killed: it appends turns as fast as a busy gateway would, every sixteenth one promised.

import CairnContext
import CairnCore
import CairnStore
import Glibc
import Synchronization

enum Load {
    static let promisedEvery = 16
    /// Items of a burst, and the pause behind it: about 8,000 turns a second.
    private static let burst = 16
    private static let pauseMicroseconds: UInt32 = 2000

    /// The links of an item: item 0 of a round starts a lineage, the others extend it.
    struct Lineage {
        let round: UInt64
        private var tip = Fingerprint.lineageStart
        private var position = 0

        init(round: UInt64) { self.round = round }

        mutating func next() -> StorageBatch {
            var text = "{\"content\":\"round \(round) turn \(position) "
            while text.utf8.count < 300 { text += "and so on \(text.utf8.count) " }
            let raw = BlobRecord(Array((text + "\"}").utf8))
            let chain = tip.appending(turn: raw.digest)
            let link = LinkRecord(
                chain: chain, parent: tip, session: SessionIdentifier(high: round, low: 1), position: position,
                turn: raw.digest, raw: raw.digest, emission: nil, role: 1, wallNanoseconds: 1, cumulativeBytes: 1,
                cumulativeTokens: 1)
            tip = chain
            position += 1
            return StorageBatch(blobs: [raw], links: [link], texts: [TurnText(chain: chain, text: text)])
        }
    }

    /// Ends only when it cannot begin, or after so many items that the other process must have failed.
    static func run(folder: String, round: UInt64) -> Int32 {
        guard let progress = Progress(path: folder + "/progress"),
            let store = try? SQLiteStore(StoreOptions(folder: folder + "/home")), store.health.state == .ready
        else { return 3 }
        progress.isReady = true
        var lineage = Lineage(round: round)
        for item in 0..<Progress.itemsMax {
            let batch = lineage.next()
            if item % promisedEvery == 0 {
                store.append(batch) { if case .success = $0 { progress.note(kept: item) } }
            } else {
                store.append(batch)
            }
            progress.note(appended: item)
            if item % burst == burst - 1 { usleep(pauseMicroseconds) }
        }
        return 4
    }
}

// The strategies on recorded sessions of a coding agent, priced under five price books. Runs where CAIRN_TRACES names the
// folder of the recordings.

import Testing

@testable import CairnContext

@Suite(.enabled(if: !RecordedSession.all.isEmpty, "CAIRN_TRACES names no recordings"))
struct StrategyReplayTests {
    @Test(arguments: ReplayBook.all)
    func `every book saves its target and the agent misses next to nothing`(book: ReplayBook) {
        var all = ReplayBill()
        let watch = ReplayWatch()
        for session in RecordedSession.all {
            let bill = Replay.run(session, book, watch: watch)
            #expect(bill.saving > -0.005, "\(session.identifier)")
            all = all + bill
        }
        print(
            "\(book): direct \(all.direct), cost \(all.cost), net \(all.net), \(all.misses) missed, \(all.epochs) epochs"
        )
        for (strategy, tally) in watch.tallies {
            print(
                "    \(strategy.name): \(tally.replacements) replaced, \(tally.rereads) reread, \(tally.hiddenUses) used"
            )
        }
        // What saves money is not switched off for the chance that an agent repeats itself.
        #expect(watch.switches.map(\.text) == [])
        #expect(all.saving >= book.target)
        #expect(Double(all.identifiersVisible) >= 0.998 * Double(all.identifiers))
        if book.hit < book.miss { #expect(all.missShare <= 0.02) }
    }
}

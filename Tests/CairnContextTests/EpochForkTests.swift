// An epoch of a call that brings many turns at once, and a branch from among these turns: what the epoch made of turns that
// are not on the branch never stands in it.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct EpochForkTests {
    @Test(arguments: Dialect.allCases)
    func `a branch from among the turns that came with an epoch has its own words`(dialect: Dialect) throws {
        var random = SeededRandom(seed: 3)
        let stage = LineageStage()
        stage.dialect = dialect
        var terms = ShorteningTerms()
        terms.prices = EpochPrices(miss: 1, hit: 1, output: 4)
        stage.terms = terms
        let spelled = Spelled(dialect: dialect)
        let trunk = GrowingConversation.messages(turns: 40, &random)
        let other = GrowingConversation.messages(turns: 40, &random)
        let branch = Array(trunk[..<10]) + Array(other[10..<40])
        _ = try stage.call(spelled.body(Array(trunk[..<2])))
        let long = try stage.call(spelled.body(trunk))
        #expect(long.plan.batch.decisions.contains { $0.reason.hasPrefix("epoch") })
        let first = try stage.call(spelled.body(branch))
        stage.restart()

        let more = ContextMessage(.user, [ContextPart(.user, Array("more".utf8))])
        let second = try stage.call(spelled.body(branch + [more]))

        let own = Set(branch.flatMap(\.parts).map { $0.bytes.withUnsafeBytes { Fingerprint(of: $0) } })
        for (kind, text) in try texts(second.body, dialect) where kind != .user && kind != .system {
            for handle in Marker.handles(in: text) {
                #expect(stage.decisions.contains { $0.handle == handle && own.contains($0.original) }, "\(handle)")
            }
        }
        #expect(first.plan.session == second.plan.session)
        // The trunk goes on as it was.
        stage.restart()
        let trunkAgain = try stage.call(spelled.body(trunk + [more]))
        #expect(trunkAgain.body.hasPrefix(String(promptText(long.body))) || trunkAgain.plan.breakReason == .epoch)
    }
}

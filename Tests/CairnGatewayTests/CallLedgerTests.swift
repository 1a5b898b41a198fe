// What a call cost, what it was thought to cost, and what it would have cost without Cairn.

import CairnContext
import CairnCore
import CairnLedger
import CairnWire
import Testing

@testable import CairnGateway

@Suite struct CallLedgerTests {
    /// A conversation of a client against a provider whose cache works as the book says.
    private final class Play {
        let ledger = CallLedger(book: .builtIn)
        var tree = LineageTree()
        var reader = TurnKeyReader()
        private var seconds: Int64 = 1_795_000_000
        private let account = Fingerprint(high: 1, low: 1)

        /// One call: its line, with the usage that a provider with these hits reports.
        func call(
            turns: Int, tools: [String], hit: Int, model: String = "m", book: String? = "deepseek-flash"
        ) throws -> LedgerLine {
            try settled(turns: turns, tools: tools, hit: hit, model: model, book: book).line
        }

        /// The same, with calls of Cairn's own behind it that added so many bytes each, and hit so many tokens.
        func settled(
            turns: Int, tools: [String], hit: Int, own: [(addedBytes: Int, hit: Int)] = [], model: String = "m",
            book: String? = "deepseek-flash"
        ) throws -> SettledCall {
            var prompt = try Prompt(
                reading: SourceDocument(parsing: Array(Self.body(turns: turns, tools: tools).utf8)), dialect: .chat)
            let keys = reader.read(&prompt, harness: .generic)
            seconds += 10
            var request = LineageTree.Request(
                account: account, newSession: SessionIdentifier(high: 5, low: UInt64(seconds)), harness: .generic,
                provider: "deepseek", model: model, wallNanoseconds: UInt64(seconds) * 1_000_000_000)
            request.isHistoryLoaded = true
            guard case .planned(let plan) = tree.plan(prompt, keys, request) else { throw Unplanned() }
            let moment = Moment(milliseconds: seconds * 1000)
            let forecast = ledger.forecast(
                plan, isObserved: false, breakpoints: BreakpointPlan(), account: account,
                party: LedgerParty(
                    provider: "deepseek", model: model, harness: "generic", session: plan.session.description),
                upstream: "deepseek",
                pricing: ledger.price(provider: .deepseek, model: model, bookName: book, at: moment),
                provider: .deepseek, at: moment)
            let prompted = Int(Double(plan.emitted.byteCount) / CallLedger.bytesPerToken)
            let usage = BilledUsage(tokens: TokenUsage(miss: prompted - hit, hit: hit, output: 20))
            let line = ledger.settle(forecast, usage: usage)
            var served = usage
            let lines = own.map { call in
                let tokens = prompted + Int(Double(call.addedBytes) / CallLedger.bytesPerToken)
                let usage = BilledUsage(tokens: TokenUsage(miss: tokens - call.hit, hit: call.hit, output: 20))
                defer { served = usage }
                return ledger.settleOwn(forecast, addedBytes: call.addedBytes, served: served, usage: usage)
            }
            return SettledCall(line: line, own: lines)
        }

        struct Unplanned: Error {}

        private static func body(turns: Int, tools: [String]) -> String {
            var list = [#"{"role":"user","content":"\#(String(repeating: "begin ", count: 400))"}"#]
            for number in 0..<turns {
                list.append(#"{"role":"assistant","content":"step \#(number)"}"#)
                list.append(#"{"role":"user","content":"result \#(number) \#(String(repeating: "x ", count: 200))"}"#)
            }
            let names = tools.map { #"{"type":"function","function":{"name":"\#($0)"}}"# }.joined(separator: ",")
            return #"{"model":"m","tools":[\#(names)],"messages":[\#(list.joined(separator: ","))]}"#
        }
    }

    @Test func `a client that jitters nothing saves nothing and loses nothing`() throws {
        let play = Play()
        for number in 0..<5 {
            let line = try play.call(turns: number, tools: ["a", "b"], hit: number == 0 ? 0 : 704)

            #expect(line.billed == line.untouched)
            #expect(line.saved == .zero)
        }
    }

    @Test func `tools that come in another order would have cost a miss`() throws {
        let play = Play()
        _ = try play.call(turns: 0, tools: ["a", "b"], hit: 0)

        let line = try play.call(turns: 1, tools: ["b", "a"], hit: 704)

        #expect(line.untouchedUsage.hit == 0)
        #expect(try #require(line.saved).nanodollars > 0)
        #expect(play.ledger.totals.all.saved.nanodollars > 0)
    }

    @Test func `what the model asked is billed, and the path not taken is without it`() throws {
        let play = Play()
        _ = try play.call(turns: 0, tools: ["a"], hit: 0)

        let settled = try play.settled(turns: 1, tools: ["a"], hit: 704, own: [(660, 832), (1320, 960)])

        let all = play.ledger.totals.all
        #expect(all.callCount == 4)
        #expect(all.ownCallCount == 2)
        #expect(settled.own.allSatisfy { $0.isOwnCall && $0.untouched == .zero })
        #expect(settled.untouched == settled.line.untouched)
        let billed = try #require(settled.billed)
        #expect(billed == settled.own.reduce(try #require(settled.line.billed)) { $0 + ($1.billed ?? .zero) })
        #expect(all.ownCalls == settled.own.reduce(Money.zero) { $0 + ($1.billed ?? .zero) })
        // The prompt before it is still warm.
        #expect(settled.own[0].predictedUsage.hit > 640)
        // The next call is forecast as if nothing had been asked in between.
        #expect(try play.call(turns: 2, tools: ["a"], hit: 896).predictedUsage.hit > 768)
    }

    @Test func `a model without a price has no dollars`() throws {
        let line = try Play().call(turns: 0, tools: ["a"], hit: 0, model: "nobody-knows-me", book: nil)

        #expect(line.billed == nil)
        #expect(line.saved == nil)
    }

    @Test func `the forecast of the second call counts on the first and its answer`() throws {
        let play = Play()
        _ = try play.call(turns: 0, tools: ["a"], hit: 0)

        let line = try play.call(turns: 1, tools: ["a"], hit: 704)

        #expect(line.predictedUsage.hit > 640)
    }
}

// Whatever the harness jitters, the emitted prompt only grows.

import CairnCore
import CairnWire
import Testing

@testable import CairnContext

@Suite struct LineageTests {
    private static let tools =
        #"[{"type":"function","function":{"name":"a","parameters":{"type":"object","x":1}}},{"type":"function","function":{"name":"b"}}]"#
    private static let toolsShuffled =
        #"[ {"function":{"name":"b"},"type":"function"}, {"type":"function","function":{"parameters":{"x":1,"type":"object"},"name":"a"}}]"#

    private func body(_ turns: [String], tools: String? = LineageTests.tools) -> String {
        let list = turns.joined(separator: ",")
        return #"{"model":"m",\#(tools.map { "\"tools\":\($0)," } ?? "")"messages":[\#(list)]}"#
    }

    private let opening = [#"{"role":"system","content":"You are."}"#, #"{"role":"user","content":"Go"}"#]
    private func step(_ number: Int) -> [String] {
        [
            #"{"role":"assistant","content":null,"tool_calls":[{"id":"c\#(number)","type":"function","function":{"name":"a","arguments":"{\"n\":\#(number),\"m\":1}"}}]}"#,
            #"{"role":"tool","tool_call_id":"c\#(number)","content":"out \#(number)"}"#,
        ]
    }

    @Test func `a plain conversation leaves as it came and extends itself`() throws {
        let stage = LineageStage()
        var turns = opening
        var before: EmissionPlan?
        for number in 0..<6 {
            let call = try stage.call(body(turns))

            #expect(!call.plan.changesPrompt)
            #expect(call.plan.knownTurnCount == (number == 0 ? 0 : turns.count - 2))
            if let before {
                #expect(call.plan.session == before.session)
                #expect(call.plan.commonBytes == before.emitted.byteCount)
                #expect(call.plan.breakReason == .none)
            }
            before = call.plan
            turns += step(number)
        }
    }

    @Test func `shuffled tools and keys leave as they first left`() throws {
        let stage = LineageStage()
        let first = try stage.call(body(opening))
        let respelled = [
            #"{ "content" : "You are.", "role":"system"}"#,
            #"{"role":"user","content":[{"type":"text","text":"G\u006f"}]}"#,
        ]

        let second = try stage.call(body(respelled + step(0), tools: Self.toolsShuffled))

        #expect(second.plan.commonBytes == first.plan.emitted.byteCount)
        #expect(second.plan.commonBytesAsSent == 0)
        #expect(second.plan.breakReason == .none)
        #expect(second.body.hasPrefix(String(promptText(first.body))))
    }

    @Test func `the same holds after a restart`() throws {
        let stage = LineageStage()
        let first = try stage.call(body(opening))
        stage.restart()

        let second = try stage.call(body(opening + step(0), tools: Self.toolsShuffled))

        #expect(second.plan.session == first.plan.session)
        #expect(second.plan.commonBytes == first.plan.emitted.byteCount)
        #expect(second.body.hasPrefix(String(promptText(first.body))))
        #expect(second.storeReads > 0)
    }

    @Test func `branches read from the store one after the other know all their turns`() throws {
        let stage = LineageStage()
        let trunk = opening + step(0)
        let left = trunk + step(1) + step(2)
        let right = trunk + step(3) + step(4)
        for turns in [trunk, left, right] { _ = try stage.call(body(turns)) }
        for order in [[left, right], [right, left]] {
            stage.restart()
            for turns in order {
                let call = try stage.call(body(turns + step(9)))
                #expect(call.plan.knownTurnCount >= turns.count)
            }
        }
    }

    @Test func `a conversation begun again after a restart is known turn by turn`() throws {
        let stage = LineageStage()
        let steps = opening + step(0) + step(1)
        for count in [2, 4, 6] { _ = try stage.call(body(Array(steps.prefix(count)))) }
        stage.restart()
        for count in [2, 4, 6] {
            #expect(try stage.call(body(Array(steps.prefix(count)))).plan.knownTurnCount == count)
        }
    }

    @Test func `after a restart a rewind is compared with the last prompt, not with what is left of it`() throws {
        let stage = LineageStage()
        _ = try stage.call(body(opening + step(0) + step(1)))
        stage.restart()

        let second = try stage.call(body(opening + step(0) + step(5)))

        #expect(second.plan.breakReason == .historyChanged)
        #expect(second.plan.breakPosition == 4)
    }

    @Test func `new tools stand behind the old ones`() throws {
        let stage = LineageStage()
        _ = try stage.call(body(opening))
        let grown = #"[{"type":"function","function":{"name":"c"}},"# + Self.toolsShuffled.dropFirst()

        let second = try stage.call(body(opening + step(0), tools: grown))

        #expect(second.plan.breakReason == .toolsChanged)
        let names = second.body.matches(of: #/"name":"([abc])"/#).prefix(3).map { String($0.1) }
        #expect(names == ["a", "b", "c"])
    }

    @Test func `an edited history breaks where it was edited and says so`() throws {
        let stage = LineageStage()
        _ = try stage.call(body(opening + step(0) + step(1)))
        let edited = opening + [step(0)[0], #"{"role":"tool","tool_call_id":"c0","content":"other"}"#] + step(1)

        let second = try stage.call(body(edited))

        #expect(second.plan.breakReason == .historyChanged)
        #expect(second.plan.breakPosition == 3)
        #expect(!second.plan.changesPrompt)
    }

    @Test func `a retry emits the same bytes`() throws {
        let stage = LineageStage()
        let first = try stage.call(body(opening + step(0)))

        let second = try stage.call(body(opening + step(0)))

        #expect(second.body == first.body)
        #expect(second.plan.batch.links.isEmpty)
        #expect(second.plan.session == first.plan.session)
    }

    @Test func `sub-agents with one system prompt are sessions of their own`() throws {
        let stage = LineageStage()
        let first = try stage.call(body(opening + step(0)))

        let other = try stage.call(body([opening[0], #"{"role":"user","content":"Elsewhere"}"#]))

        #expect(other.plan.session != first.plan.session)
        #expect(other.plan.isNewSession)
        #expect(other.plan.knownTurnCount == 1)
    }

    @Test func `the same task given again is a conversation of its own`() throws {
        let stage = LineageStage()
        let first = try stage.call(body(opening))
        let retried = try stage.call(body(opening))
        _ = try stage.call(body(opening + step(0)))

        let again = try stage.call(body(opening))

        #expect(retried.plan.session == first.plan.session)
        #expect(again.plan.session != first.plan.session)
        #expect(again.body == first.body)
        let goesOn = try stage.call(body(opening + [step(7)[0], step(7)[1]]))
        #expect(goesOn.plan.session == again.plan.session)
        #expect(goesOn.plan.commonBytes == again.plan.emitted.byteCount)
    }

    @Test func `sessions that leave memory come back from the store as they were`() throws {
        let stage = LineageStage()
        let first = try stage.call(body(opening + step(0)))
        for number in 0...LineageTree.sessionsMax {
            _ = try stage.call(body([#"{"role":"user","content":"other \#(number)"}"#]))
        }

        let again = try stage.call(body(opening + step(0) + step(1), tools: Self.toolsShuffled))

        #expect(stage.tree.sessionCount <= LineageTree.sessionsMax)
        #expect(again.storeReads > 0)
        #expect(again.plan.session == first.plan.session)
        #expect(again.plan.commonBytes == first.plan.emitted.byteCount)
        #expect(again.body.hasPrefix(String(promptText(first.body))))
    }

    @Test func `accounts never meet`() throws {
        let stage = LineageStage()
        _ = try stage.call(body(opening))
        stage.account = Fingerprint(high: 9, low: 9)

        let other = try stage.call(body(opening + step(0)))

        #expect(other.plan.knownTurnCount == 0)
    }

    @Test func `an emission that is lost is replaced by the client's bytes, and that is said`() throws {
        let stage = LineageStage()
        _ = try stage.call(body(opening))
        stage.forgotten = Set(stage.blobs.keys)
        stage.restart()
        let respelled = [#"{"content":"You are.","role":"system"}"#, opening[1]]

        let second = try stage.call(body(respelled + step(0)))

        #expect(second.plan.breakReason == .emissionLost)
        #expect(second.body.contains(respelled[0]))
    }

    @Test func `observing changes nothing and still tells what would have been`() throws {
        let stage = LineageStage()
        stage.onlyObserves = true
        _ = try stage.call(body(opening))
        let jittered = body(opening + step(0), tools: Self.toolsShuffled)

        let second = try stage.call(jittered)

        #expect(!second.plan.changesPrompt)
        #expect(!second.plan.isPromise)
        #expect(second.plan.commonBytesAsSent == 0)
    }

    @Test func `a call far into a session stores no more than an early one`() throws {
        let stage = LineageStage()
        var turns = opening
        var stored: [Int] = []
        for number in 0..<200 {
            turns += step(number)
            let batch = try stage.call(body(turns)).plan.batch
            stored.append(batch.estimatedBytes)
        }
        #expect(stored[199] <= stored[5] + 64)
    }

    @Test func `states survive their stored form`() throws {
        let digest = Fingerprint(high: 3, low: 4)
        let state = PromptState(
            tools: FrozenTools(
                set: digest, emitted: digest, blob: digest, byteCount: 12, tools: [digest, .lineageStart]),
            told: [0: [1, 2], 7: []])

        let back = try #require(PromptState(stored: state.stored))

        #expect(back.tools == state.tools)
        #expect(back.told == state.told)
        for count in 0..<state.stored.count { #expect(PromptState(stored: Array(state.stored[..<count])) == nil) }
    }

    @Test func `the least splice makes one text of the other`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let one = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                UInt8.random(in: 0...2, using: &generator)
            }
            let other = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                UInt8.random(in: 0...2, using: &generator)
            }
            let made = one.withUnsafeBufferPointer { ByteSplice(from: $0, to: other).applied(to: $0) }
            #expect(made == other)
        }
    }
}

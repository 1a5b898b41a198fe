// DeepSeek at times loses the unit of the last call. The state measures how often, and both paths have the same luck.

import CairnCore
import Testing

@testable import CairnLedger

@Suite struct UnitRetentionTests {
    /// A session of calls that each add one turn of 200 tokens, in which the provider holds units as told.
    static func session(kept: [Bool]) -> CacheState {
        var state = CacheState(.deepseek)
        var numbers: [UInt64] = [1, 2, 3, 4]
        for (call, isKept) in ([true] + kept).enumerated() {
            let shape = prompt(numbers, tokens: 200)
            let predicted = state.predict(shape, at: minutes(Int64(call)))
            let hit = isKept ? predicted.freshHitTokens : predicted.heldHitTokens
            let served = TokenUsage(miss: shape.tokens - hit, hit: hit)
            state.record(shape, at: minutes(Int64(call)), served: served)
            numbers.append(UInt64(100 + call))
        }
        return state
    }

    @Test func `a unit the provider lost is read again only up to the one before`() {
        var state = Self.session(kept: [true])
        let second = prompt([1, 2, 3, 4, 100, 101], tokens: 200)
        state.record(second, at: minutes(2), served: TokenUsage(miss: 432, hit: 768))

        let third = state.predict(prompt([1, 2, 3, 4, 100, 101, 102], tokens: 200), at: minutes(3))

        #expect(third.freshHitTokens == 1200 / 64 * 64)
        #expect(third.heldHitTokens == 768)
    }

    @Test func `units that are kept leave the share at one`() {
        #expect(Self.session(kept: Array(repeating: true, count: 20)).retention.keptPermille == 1000)
    }

    @Test func `a share that falls makes the forecast the middle of two near cases`() {
        let state = Self.session(kept: [true, false, true, false])
        // The turn after the five calls above; the last unit was lost, so the cases are 1 and 2 turns apart.
        let next = state.predict(prompt([1, 2, 3, 4, 100, 101, 102, 103, 104], tokens: 200), at: minutes(9))

        #expect(state.retention.keptPermille < CacheState.trustedPermille)
        #expect(next.freshHitTokens - next.heldHitTokens > CacheState.middleTokensMax)
        #expect(next.usage.hit == next.freshHitTokens)

        let kept = Self.session(kept: [true, false, true, false, true])
        let near = kept.predict(prompt([1, 2, 3, 4, 100, 101, 102, 103, 104, 105], tokens: 200), at: minutes(9))
        #expect(near.usage.hit > near.heldHitTokens && near.usage.hit < near.freshHitTokens)
        #expect(near.freshHitTokens - near.usage.hit <= 128 && near.usage.hit - near.heldHitTokens <= 128)
        #expect(near.expected.hit > near.heldHitTokens && near.expected.hit < near.freshHitTokens)
        #expect(near.expected.prompt == near.usage.prompt)
    }

    @Test func `the share goes on into the next session of the account`() {
        let state = Self.session(kept: [true, false, false])

        #expect(CacheState(.deepseek, retention: state.retention).retention == state.retention)
    }

    @Test func `the path not taken has the luck of the real one`() {
        // The client's own prompt is one turn longer than what was sent.
        var real = CacheState(.deepseek)
        var untouched = CacheState(.deepseek)
        for (call, isKept) in [true, true, false].enumerated() {
            let sent = prompt([1, 2, 3] + (0..<UInt64(call)).map { 100 + $0 }, tokens: 400)
            let original = prompt([1, 2, 3, 4] + (0..<UInt64(call)).map { 100 + $0 }, tokens: 400)
            let prediction = real.predict(sent, at: minutes(Int64(call)))
            let hit = isKept ? prediction.freshHitTokens : prediction.heldHitTokens
            let served = TokenUsage(miss: sent.tokens - hit, hit: hit)
            let outcome = prediction.outcome(reportedHitTokens: hit)
            let assumed = untouched.predict(original, at: minutes(Int64(call))).assuming(outcome)
            real.record(sent, at: minutes(Int64(call)), served: served)
            untouched.record(original, at: minutes(Int64(call)), served: assumed)

            switch call {
            case 0: #expect(outcome == .unknown && assumed == TokenUsage(miss: 1600))
            case 1: #expect(outcome == .kept && assumed == TokenUsage(miss: 400, hit: 1600))
            default: #expect(outcome == .lost && assumed == TokenUsage(miss: 800, hit: 1600))
            }
        }
    }

    @Test(arguments: [
        CacheModel.deepseek, .openAI(.inMemory), .openAI(.thirtyMinutes), .anthropic(minimumTokens: 1024),
    ])
    func `where nothing was changed, the path not taken costs what was billed`(model: CacheModel) {
        var real = CacheState(model)
        var untouched = CacheState(model)
        // The shape's estimate is wrong by another factor in every call; the provider keeps only some of its units.
        var shape = PromptShape()
        var promptTokens = 0
        for call in 0..<40 {
            let now = minutes(Int64(call * call))  // pauses of 1 to 79 minutes
            shape.append(turn: turn(UInt64(call)), tokens: 700, breakpoint: .fiveMinutes)
            promptTokens += 500 + 37 * (call % 9)
            let prediction = real.predict(shape, at: now, promptTokens: promptTokens)
            let isKept = call % 3 != 0
            var served = prediction.assuming(prediction.outcome(reportedHitTokens: isKept ? .max : 0))
            served.output = 50
            let outcome = prediction.outcome(reportedHitTokens: served.hit)
            let assumed = untouched.predict(shape, at: now, promptTokens: served.prompt).assuming(outcome)
            let line = LedgerLine(
                LedgerTests.party(), at: now, price: LedgerTests.price, billed: BilledUsage(tokens: served),
                prediction: prediction, untouched: assumed)

            #expect(line.untouchedUsage == served, "call \(call)")
            #expect(line.saved == .zero, "call \(call)")
            real.record(shape, at: now, served: served)
            untouched.record(shape, at: now, served: line.untouchedUsage)
        }
    }

    @Test func `a report between the two cases says nothing`() {
        let prediction = PredictedUsage(
            usage: TokenUsage(miss: 100, hit: 640), freshHitTokens: 640, heldHitTokens: 128, keptPermille: 500)

        #expect(prediction.outcome(reportedHitTokens: 320) == .unknown)
        #expect(prediction.outcome(reportedHitTokens: nil) == .unknown)
        #expect(prediction.outcome(reportedHitTokens: 704) == .kept)
        #expect(prediction.outcome(reportedHitTokens: 0) == .lost)
    }
}

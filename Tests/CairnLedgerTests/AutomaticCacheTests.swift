// The caches that need no hints: DeepSeek, OpenAI, vLLM, SGLang.

import CairnCore
import Testing

@testable import CairnLedger

@Suite struct AutomaticCacheTests {
    @Test func `DeepSeek reads the last prompt and its answer in whole units, but never the answer's last token`() {
        var state = CacheState(.deepseek)

        let first = state.play(prompt([1, 2], tokens: 500), at: minutes(0), output: 88, answer: 3)
        let second = state.predict(prompt([1, 2, 3, 4], tokens: 500), at: minutes(1)).usage

        #expect(first == TokenUsage(miss: 1000))
        // 1000 + 88 = 17 x 64, of which one token was never read.
        #expect(second.hit == 16 * 64)
    }

    @Test func `an answer that does not come back whole is not read`() {
        var state = CacheState(.deepseek)
        _ = state.play(prompt([1, 2], tokens: 500), at: minutes(0), output: 88, answer: nil)

        #expect(state.predict(prompt([1, 2, 3, 4], tokens: 500), at: minutes(1)).usage.hit == 15 * 64)
    }

    @Test func `a changed answer leaves the prompt`() {
        var state = CacheState(.deepseek)
        _ = state.play(prompt([1, 2], tokens: 500), at: minutes(0), output: 88, answer: 3)

        #expect(state.predict(prompt([1, 2, 9, 4], tokens: 500), at: minutes(1)).usage.hit == 15 * 64)
    }

    @Test func `the provider's count of a prompt corrects the shape's`() {
        var state = CacheState(.deepseek)
        state.record(prompt([1, 2], tokens: 500), at: minutes(0), served: TokenUsage(miss: 1300))

        let next = state.predict(prompt([1, 2, 3], tokens: 500), at: minutes(1)).usage

        #expect(next.hit == 1300 / 64 * 64)
        #expect(next.prompt == 1300 + 500)
    }

    @Test(
        arguments: [
            (CacheModel.openAI(.inMemory), 10), (.openAI(.extended), 24 * 60), (.openAI(.thirtyMinutes), 30),
            (.deepseek, 24 * 60),
        ] as [(CacheModel, Int64)])
    func `an idle prefix is gone after its lifetime, and use extends it`(model: CacheModel, lifetime: Int64) {
        var state = CacheState(model)
        _ = state.play(prompt([1, 2], tokens: 1000), at: minutes(0))
        _ = state.play(prompt([1, 2], tokens: 1000), at: minutes(lifetime))

        #expect(state.predict(prompt([1, 2], tokens: 1000), at: minutes(2 * lifetime)).usage.hit > 0)
        #expect(state.predict(prompt([1, 2], tokens: 1000), at: minutes(2 * lifetime + 1)).usage.hit == 0)
    }

    @Test(arguments: [(1023, 0), (1024, 1024), (1151, 1024), (1152, 1152)])
    func `OpenAI reads nothing below 1024 tokens, then steps of 128, and no answers`(tokens: Int, hit: Int) {
        var state = CacheState(.openAI(.inMemory))
        _ = state.play(prompt([1], tokens: tokens), at: minutes(0), output: 500, answer: 2)

        #expect(state.predict(prompt([1, 2, 3], tokens: tokens), at: minutes(1)).usage.hit == hit)
    }

    @Test func `a model that bills writes writes what it keeps`() {
        var state = CacheState(.openAI(.thirtyMinutes))
        let first = state.play(prompt([1], tokens: 1100), at: minutes(0))
        let second = state.predict(prompt([1, 2], tokens: 1100), at: minutes(1)).usage

        #expect(first == TokenUsage(miss: 1100 - 1024, write5m: 1024))
        #expect(second == TokenUsage(miss: 2200 - 2176, hit: 1024, write5m: 2176 - 1024))
    }

    @Test func `vLLM reads blocks of 16 and SGLang tokens, but not a whole prompt`() {
        for (model, hit) in [(CacheModel.vllm, 144), (.sglang, 159)] {
            var state = CacheState(model)
            _ = state.play(prompt([1], tokens: 160), at: minutes(0))

            #expect(state.predict(prompt([1], tokens: 160), at: minutes(1)).usage.hit == hit)
        }
    }

    @Test func `a branch keeps what both have in common warm`() {
        var state = CacheState(.sglang)
        _ = state.play(prompt([1, 2, 3, 4]), at: minutes(0))
        let branch = state.play(prompt([1, 2, 8, 9]), at: minutes(1))
        let trunk = state.predict(prompt([1, 2, 3, 4, 5]), at: minutes(2)).usage
        let other = state.predict(prompt([1, 2, 8, 9, 10]), at: minutes(2)).usage

        #expect(branch == TokenUsage(miss: 200, hit: 200))
        #expect(trunk == TokenUsage(miss: 100, hit: 400))
        #expect(other == TokenUsage(miss: 100, hit: 400))
    }

    @Test func `a session that starts from the account's last state knows the tools they share`() {
        var first = CacheState(.deepseek)
        _ = first.play(prompt([1, 2, 3], tokens: 330), at: minutes(0), output: 50, answer: 4)
        var second = first

        #expect(second.play(prompt([1, 9], tokens: 330), at: minutes(5)).hit == 320)
        #expect(first.predict(prompt([1, 2, 3, 4, 5], tokens: 330), at: minutes(6)).freshHitTokens == 1024)
    }

    @Test func `branches beyond the limit forget the one used longest ago`() {
        var state = CacheState(.sglang)
        for branch in 0...UInt64(CacheState.pathsMax) {
            _ = state.play(prompt([1, 100 + branch]), at: minutes(Int64(branch)))
        }

        #expect(state.predict(prompt([1, 100, 5]), at: minutes(60)).usage.hit == 100)
        #expect(state.predict(prompt([1, 101, 5]), at: minutes(60)).usage.hit == 200)
    }

    @Test func `turns beyond the limit count as never cached`() {
        var state = CacheState(.sglang)
        let numbers = Array(1...UInt64(CacheState.marksMax + 50))
        _ = state.play(prompt(numbers, tokens: 1), at: minutes(0), output: 10, answer: 7)

        #expect(state.predict(prompt(numbers + [7], tokens: 1), at: minutes(1)).usage.hit == CacheState.marksMax)
    }

    @Test func `an empty prompt is no call`() {
        var state = CacheState(.deepseek)

        #expect(state.play(PromptShape(), at: minutes(0)) == TokenUsage())
        #expect(state.predict(prompt([1]), at: minutes(0)).usage == TokenUsage(miss: 100))
    }

    @Test func `no cache hits nothing`() {
        var state = CacheState(CacheModel.none)
        _ = state.play(prompt([1, 2]), at: minutes(0))

        #expect(state.play(prompt([1, 2]), at: minutes(0)) == TokenUsage(miss: 200))
    }

    /// The prefix found by comparing marks from the start equals the one found by the binary search, for random
    /// histories.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func `the longest common prefix with any remembered prompt is found`(seed: UInt64) {
        var random = seed
        func next(_ bound: UInt64) -> UInt64 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (random >> 33) % bound
        }
        var state = CacheState(.sglang)
        var sent: [[UInt64]] = []
        for call in 0..<CacheState.pathsMax {
            // A cut of an earlier prompt, and new turns.
            var numbers = sent.isEmpty ? [] : sent[Int(next(UInt64(sent.count)))]
            numbers.removeLast(Int(next(UInt64(numbers.count) + 1)))
            for _ in 0...next(6) { numbers.append(1000 * UInt64(call + 1) + next(900)) }
            let shared = sent.map { zip($0, numbers).prefix { $0 == $1 }.count }.max() ?? 0

            let usage = state.play(prompt(numbers, tokens: 10), at: minutes(Int64(call)))

            #expect(usage.hit == min(shared * 10, numbers.count * 10 - 1), "seed \(seed), call \(call)")
            sent.append(numbers)
        }
    }
}

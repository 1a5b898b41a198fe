import Testing

@testable import CairnPractice

@Suite struct PrefixCacheTests {
    private let owner = ContentDigest("key and model")
    private func prompt(_ tokens: Int, seed: UInt8 = 0) -> [UInt8] {
        (0..<tokens * bytesPerToken).map { UInt8(truncatingIfNeeded: $0 &* 31) ^ seed }
    }

    @Test func `a repeated prompt hits in whole units of 64 tokens`() {
        var cache = PrefixCache()

        let cold = cache.automatic(owner: owner, prompt: prompt(1000))
        let warm = cache.automatic(owner: owner, prompt: prompt(1000))

        #expect(cold.deepseekHitTokens == 0)
        #expect(warm.deepseekHitTokens == 960)
        #expect(warm.promptTokens == 1000)
    }

    @Test func `a prompt hits up to the first block that differs`() {
        var cache = PrefixCache()
        var changed = prompt(1000)
        changed[300 * bytesPerToken] ^= 1

        _ = cache.automatic(owner: owner, prompt: prompt(1000))

        #expect(cache.automatic(owner: owner, prompt: changed).deepseekHitTokens == 256)
    }

    @Test func `the answer is part of the next prefix`() {
        var cache = PrefixCache()
        let whole = prompt(640)
        let half = Array(whole.prefix(320 * bytesPerToken))

        _ = cache.automatic(owner: owner, prompt: half, continuation: Array(whole.dropFirst(half.count)))

        #expect(cache.automatic(owner: owner, prompt: whole).deepseekHitTokens == 640)
    }

    @Test(arguments: [(1023, 0), (1024, 1024), (1087, 1024), (1151, 1024), (1152, 1152), (2000, 1920)])
    func `OpenAI hits from 1024 tokens in steps of 128`(tokens: Int, hit: Int) {
        var cache = PrefixCache()

        let cold = cache.automatic(owner: owner, prompt: prompt(tokens))
        let warm = cache.automatic(owner: owner, prompt: prompt(tokens))

        #expect(cold.openAIStoredTokens == hit)
        #expect(warm.openAIHitTokens == hit)
        #expect(warm.openAIStoredTokens == 0)
    }

    @Test func `another owner does not hit`() {
        var cache = PrefixCache()

        _ = cache.automatic(owner: owner, prompt: prompt(1000))

        #expect(cache.automatic(owner: ContentDigest("another"), prompt: prompt(1000)).deepseekHitTokens == 0)
    }

    // MARK: Breakpoints

    private func block(_ tokens: Int, _ name: String, _ lifetime: PromptBlock.Lifetime? = nil) -> PromptBlock {
        let text = String(repeating: name + " ", count: tokens * bytesPerToken).prefix(tokens * bytesPerToken)
        let body: JSONValue = ["messages": [["role": "user", "content": .string(String(text))]]]
        var block = PromptBlock.blocks(of: body)[0]
        block.bytes = Array(text.utf8)
        block.lifetime = lifetime
        return block
    }

    private func verdict(
        _ cache: inout PrefixCache, _ blocks: [PromptBlock], now: UInt64 = 0
    ) -> PrefixCache.BreakpointVerdict {
        cache.breakpoints(owner: owner, blocks: blocks, model: "claude-practice", now: now)
    }

    @Test func `a breakpoint is written once and read afterwards`() {
        var cache = PrefixCache()
        let blocks = [block(2000, "a", .fiveMinutes), block(10, "b")]

        let cold = verdict(&cache, blocks)
        let warm = verdict(&cache, blocks)

        #expect(
            cold
                == .init(inputTokens: 10, readTokens: 0, createdFiveMinuteTokens: 2000, createdOneHourTokens: 0))
        #expect(
            warm
                == .init(inputTokens: 10, readTokens: 2000, createdFiveMinuteTokens: 0, createdOneHourTokens: 0))
    }

    @Test func `a later breakpoint reads the earlier prefix and writes what is new`() {
        var cache = PrefixCache()
        _ = verdict(&cache, [block(2000, "a", .fiveMinutes)])

        let next = verdict(&cache, [block(2000, "a"), block(500, "b"), block(100, "c", .fiveMinutes)])

        #expect(next.readTokens == 2000)
        #expect(next.createdFiveMinuteTokens == 600)
    }

    @Test func `a breakpoint looks back over twenty blocks and no more`() {
        var cache = PrefixCache()
        _ = verdict(&cache, [block(2000, "a", .fiveMinutes)])
        func far(_ count: Int) -> [PromptBlock] {
            [block(2000, "a")] + (1..<count).map { block(10, "x\($0)") } + [block(10, "end", .fiveMinutes)]
        }

        #expect(verdict(&cache, far(19)).readTokens == 2000)
        #expect(verdict(&cache, far(20)).readTokens == 0)
    }

    @Test func `one-hour and five-minute tokens are told apart`() {
        var cache = PrefixCache()

        let cold = verdict(&cache, [block(2000, "a", .oneHour), block(300, "b", .fiveMinutes)])

        #expect(cold.createdOneHourTokens == 2000)
        #expect(cold.createdFiveMinuteTokens == 300)
    }

    @Test func `a prefix dies after its lifetime and lives on by reads`() {
        var cache = PrefixCache()
        let blocks = [block(2000, "a", .fiveMinutes)]

        _ = verdict(&cache, blocks, now: 0)

        #expect(verdict(&cache, blocks, now: 299_999).readTokens == 2000)
        #expect(verdict(&cache, blocks, now: 599_998).readTokens == 2000)
        #expect(verdict(&cache, blocks, now: 900_000).readTokens == 0)
    }

    @Test func `a prefix below the minimum is not cached`() {
        var cache = PrefixCache()
        let blocks = [block(1000, "a", .fiveMinutes)]

        #expect(verdict(&cache, blocks).createdFiveMinuteTokens == 0)
        #expect(verdict(&cache, blocks).readTokens == 0)
    }

    @Test func `the set forgets the least recently used and keeps its bound`() {
        var set = RecentSet(countMax: 100)
        let first = ContentDigest("first")
        _ = set.insert(first, lifetime: .max, now: 0)

        for index in 0..<1000 {
            _ = set.insert(ContentDigest("filler \(index)"), lifetime: .max, now: 0)
            _ = set.insert(first, lifetime: .max, now: 0)
        }

        #expect(set.count <= 100)
        #expect(set.contains(first, now: 0))
        #expect(!set.contains(ContentDigest("filler 0"), now: 0))
    }

    // MARK: As the dialects report it

    @Test func `usage reports a second turn of a conversation as cached`() throws {
        var desk = PracticeDesk()
        let system = String(repeating: "Stone by stone. ", count: 400)
        func chat(_ model: String, _ more: String = "") throws -> JSONValue? {
            try desk.post(
                "/v1/chat/completions",
                #"""
                {"model":"\#(model)","messages":[{"role":"system","content":"\#(system)"},\#
                {"role":"user","content":"one"}\#(more)]}
                """#,
                headers: ["authorization": "Bearer a"]
            ).document()["usage"]
        }

        _ = try chat("practice")
        let deepseek = try chat("practice", #",{"role":"user","content":"two"}"#)
        _ = try chat("gpt-5.5")
        let openAI = try chat("gpt-5.5", #",{"role":"user","content":"two"}"#)

        #expect(deepseek?["prompt_cache_hit_tokens"]?.integer == 1600)
        #expect(
            (deepseek?["prompt_cache_hit_tokens"]?.integer ?? 0) + (deepseek?["prompt_cache_miss_tokens"]?.integer ?? 0)
                == deepseek?["prompt_tokens"]?.integer)
        #expect(openAI?["prompt_tokens_details"]?["cached_tokens"]?.integer == 1536)
    }

    @Test func `another key does not see the cache`() throws {
        var desk = PracticeDesk()
        let system = String(repeating: "Stone by stone. ", count: 400)
        let body =
            #"""
            {"model":"practice","messages":[{"role":"system","content":"\#(system)"},\#
            {"role":"user","content":"one"}]}
            """#

        _ = desk.post("/v1/chat/completions", body, headers: ["authorization": "Bearer a"])
        let other = try desk.post("/v1/chat/completions", body, headers: ["authorization": "Bearer b"]).document()

        #expect(other["usage"]?["prompt_cache_hit_tokens"] == 0)
    }
}

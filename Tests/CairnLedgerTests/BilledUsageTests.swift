// Usage objects as the providers spell them, and nonsense.

import Testing

@testable import CairnLedger

@Suite struct BilledUsageTests {
    @Test(arguments: [
        (
            // DeepSeek
            #"""
            {"prompt_tokens":2647,"completion_tokens":72,"total_tokens":2719,
            "prompt_tokens_details":{"cached_tokens":2112},"prompt_cache_hit_tokens":2112,
            "prompt_cache_miss_tokens":535}
            """#,
            BilledUsage.Dialect.chat, TokenUsage(miss: 535, hit: 2112, output: 72), 0, true
        ),
        (
            // DeepSeek with reasoning
            #"""
            {"prompt_tokens":100,"completion_tokens":50,
            "completion_tokens_details":{"reasoning_tokens":40},"prompt_cache_hit_tokens":0,
            "prompt_cache_miss_tokens":100}
            """#,
            .chat, TokenUsage(miss: 100, output: 50), 40, true
        ),
        (
            // OpenAI
            #"""
            {"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 128, "accepted_prediction_tokens": 0}}
            """#,
            .chat, TokenUsage(miss: 86, hit: 1920, output: 300), 128, true
        ),
        (
            // OpenAI, a model that bills writes
            #"""
            {"prompt_tokens":2000,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":1024,
            "cache_write_tokens":896}}
            """#,
            .chat, TokenUsage(miss: 80, hit: 1024, write5m: 896, output: 3), 0, true
        ),
        (
            // vLLM without cache reports
            #"{"prompt_tokens":12,"total_tokens":15,"completion_tokens":3,"prompt_tokens_details":null}"#,
            .chat, TokenUsage(miss: 12, output: 3), 0, false
        ),
        (
            // Anthropic with the split of writes
            #"""
            {"input_tokens":51,"cache_creation_input_tokens":17645,"cache_read_input_tokens":10,
            "cache_creation":{"ephemeral_5m_input_tokens":491,"ephemeral_1h_input_tokens":17154},
            "output_tokens":7,"service_tier":"standard"}
            """#,
            .messages, TokenUsage(miss: 51, hit: 10, write5m: 491, write1h: 17154, output: 7), 0, true
        ),
        (
            // Anthropic without it: writes are of the default lifetime
            #"{"input_tokens":3,"cache_creation_input_tokens":2048,"cache_read_input_tokens":null,"output_tokens":1}"#,
            .messages, TokenUsage(miss: 3, write5m: 2048, output: 1), 0, true
        ),
        (
            // An engine that speaks messages without a cache
            #"{"input_tokens":3,"output_tokens":1}"#, .messages, TokenUsage(miss: 3, output: 1), 0, false
        ),
        (
            #"""
            {"input_tokens":3000,"input_tokens_details":{"cached_tokens":2944},"output_tokens":120,
            "output_tokens_details":{"reasoning_tokens":64},"total_tokens":3120}
            """#,
            .responses, TokenUsage(miss: 56, hit: 2944, output: 120), 64, true
        ),
        (#"{"input_tokens":5}"#, .responses, TokenUsage(miss: 5), 0, false),
    ])
    func `a usage object becomes one value`(
        json: String, dialect: BilledUsage.Dialect, tokens: TokenUsage, reasoning: Int, isHitKnown: Bool
    ) throws {
        let usage = try BilledUsage(Array(json.utf8), dialect: dialect)

        #expect(usage == BilledUsage(tokens: tokens, reasoning: reasoning, isHitKnown: isHitKnown))
        #expect(usage.reportedHitTokens == (isHitKnown ? tokens.hit : nil))
    }

    @Test(
        arguments: [
            ("", "not JSON (incomplete at byte 0)"), ("[1]", "not an object"), ("{\"prompt_tokens\":", nil),
            ("{}", "prompt_tokens is missing"), ("{\"prompt_tokens\":null}", "prompt_tokens is missing"),
            ("{\"prompt_tokens\":-1}", "prompt_tokens is not a whole number from 0 to 1000000000"),
            ("{\"prompt_tokens\":1.5}", "prompt_tokens is not a whole number from 0 to 1000000000"),
            ("{\"prompt_tokens\":1e3}", "prompt_tokens is not a whole number from 0 to 1000000000"),
            ("{\"prompt_tokens\":\"5\"}", "prompt_tokens is not a whole number from 0 to 1000000000"),
            ("{\"prompt_tokens\":1000000001}", "prompt_tokens is not a whole number from 0 to 1000000000"),
            (
                "{\"prompt_tokens\":99999999999999999999999}",
                "prompt_tokens is not a whole number from 0 to 1000000000"
            ),
            ("{\"prompt_tokens\":5,\"prompt_cache_hit_tokens\":6}", "more cached tokens than prompt tokens"),
            (
                "{\"prompt_tokens\":5,\"completion_tokens\":true}",
                "completion_tokens is not a whole number from 0 to 1000000000"
            ),
        ] as [(String, String?)])
    func `nonsense is refused with a reason`(json: String, reason: String?) throws {
        let error = #expect(throws: LedgerError.self) { try BilledUsage(Array(json.utf8), dialect: .chat) }

        #expect(error?.kind == .usage)
        if let reason { #expect(error?.reason == reason) }
    }
}

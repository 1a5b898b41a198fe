// What may be done with thinking, by provider, model and client.

import CairnContext
import CairnSettings
import CairnWire
import Testing

@testable import CairnGateway

@Suite struct ShorteningTermsTests {
    private func rule(_ provider: Provider, _ model: String, _ client: WireDialect = .messages) -> ThinkingRule {
        ShorteningTerms(
            pricing: nil, provider: provider, model: model, client: client, idleNanoseconds: nil, keepsNewParts: false,
            outputTokensMax: nil
        ).thinking
    }

    @Test(arguments: [
        ("claude-opus-4-5-20251101", ThinkingRule.omit), ("claude-opus-4-8", .omit), ("claude-opus-5", .omit),
        ("claude-sonnet-4-6", .omit), ("claude-sonnet-5", .omit),
        // The provider leaves it out itself.
        ("claude-opus-4-1-20250805", .keep), ("claude-sonnet-4-5-20250929", .keep), ("claude-haiku-4-5", .keep),
        ("claude-3-7-sonnet-20250219", .keep), ("claude-mythos-preview", .keep), ("my-model", .keep),
        // Signatures hold for what stands in front of them.
        ("claude-fable-5-1", .hold), ("claude-opus-5-5", .hold), ("claude-sonnet-5-5", .hold), ("claude-opus-6", .hold),
    ])
    func `thinking of an Anthropic model goes whole only where that saves and is allowed`(
        model: String, rule: ThinkingRule
    ) {
        #expect(self.rule(.anthropic, model) == rule)
        #expect(self.rule(.anthropic, model, .chat) == (rule == .omit ? .keep : rule))
        #expect(self.rule(.generic, "anthropic/\(model)") == (rule == .hold ? .hold : .shorten))
    }

    @Test func `plain thinking is shortened and encrypted thinking stays`() {
        #expect(rule(.deepseek, "deepseek-v4-pro", .chat) == .shorten)
        #expect(rule(.vllm, "qwen3", .chat) == .shorten)
        #expect(rule(.openai, "gpt-5", .responses) == .keep)
    }
}

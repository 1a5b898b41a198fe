// What a growing session is made of by all that shortens, as one digest for each book: a change that is to make
// shortening faster and nothing else leaves them as they are. Whoever changes what is emitted changes them, on purpose.

import CairnCore
import Testing

@testable import CairnContext

@Suite struct ShorteningDigestTests {
    struct Case: Sendable, CustomStringConvertible {
        let name: String
        let prices: EpochPrices
        var thinking = ThinkingRule.shorten
        var isCold = false
        var windowTokens: Double?
        /// Of all emissions and replacements, and how many epochs there were.
        let digest: String
        let epochs: Int

        var description: String { name }
    }

    private static let cases = [
        Case(
            name: "deepseek-flash", prices: EpochPrices(miss: 0.15, hit: 0.003, output: 0.6),
            digest: "ffb134ab7aee6991", epochs: 47),
        Case(
            name: "deepseek-pro", prices: EpochPrices(miss: 0.66, hit: 0.022, output: 1.98), digest: "8312bc136781ecc4",
            epochs: 63),
        Case(
            name: "anthropic", prices: EpochPrices(miss: 3.75, hit: 0.3, output: 15), thinking: .omit,
            digest: "3d87c63c68314604",
            epochs: 83),
        Case(
            name: "openai", prices: EpochPrices(miss: 1.25, hit: 0.125, output: 10), digest: "d8f2876c6c61ce47",
            epochs: 84),
        Case(
            name: "no cache", prices: EpochPrices(miss: 1, hit: 1, output: 4), thinking: .keep, isCold: true,
            digest: "3727c7285e182ce4",
            epochs: 253),
        Case(
            name: "a small window", prices: EpochPrices(miss: 0.15, hit: 0.003, output: 0.6), windowTokens: 12_000,
            digest: "b4131a34ae8d3402", epochs: 167),
    ]

    @Test(arguments: cases)
    func `a growing session is shortened to the same bytes`(one: Case) {
        var digest = Fingerprint.lineageStart
        var epochs = 0
        for seed in 0..<3 {
            var random = SeededRandom(seed: UInt64(seed))
            let messages = GrowingConversation.messages(turns: 160, fileLinesMax: 60 + seed * 60, &random)
            run(messages, one, &digest, &epochs)
        }
        #expect(String(digest.high, radix: 16) == one.digest)
        #expect(epochs == one.epochs)
    }

    private func run(_ messages: [ContextMessage], _ one: Case, _ digest: inout Fingerprint, _ epochs: inout Int) {
        var shortener = PromptShortener(thinking: one.thinking)
        var cached = 0
        for message in messages {
            if message.role == .assistant {
                let plan = shortener.epochPlan(
                    cachedPartCount: one.isCold ? 0 : cached, headTokens: 500, prices: one.prices,
                    windowTokens: one.windowTokens)
                if let epoch = plan.flatMap({ shortener.carryOut($0) }) {
                    epochs += 1
                    for replacement in epoch.replacements {
                        add(replacement.bytes, "\(replacement.number) \(replacement.strategy)", &digest)
                    }
                }
                cached = shortener.content.parts.count
                shortener.beginAssistantTurn()
            }
            for part in message.parts {
                guard let emission = shortener.append(part) else { continue }
                add(emission.bytes, "\(emission.references) \(emission.strategy)", &digest)
            }
        }
    }

    private func add(_ bytes: [UInt8], _ facts: String, _ digest: inout Fingerprint) {
        (bytes + Array(facts.utf8)).withUnsafeBytes { digest = digest.appending(turn: Fingerprint(of: $0)) }
    }
}

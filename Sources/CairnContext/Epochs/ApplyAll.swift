// The library face: a whole conversation in, a shorter one out, without a session, a cache or a store. For embedding,
// and
// for prompts that are sent once: it takes the prefix to be cold, so what may go at a profit goes. A conversation that
// grows
// keeps a PromptShortener instead, whose prefix stays.

import CairnCore

/// What was saved, for each strategy.
public struct ShorteningStats: Equatable, Sendable {
    public struct Share: Equatable, Sendable {
        public var hits = 0
        public var bytesSaved = 0
    }

    public internal(set) var strategies: [StrategyName: Share] = [:]
    public internal(set) var pairing = PairingStats()
    public internal(set) var bytesSaved = 0
    public internal(set) var tokensSaved = 0.0

    /// Parts that point at what stands above: duplicates, runs and differences.
    public var dedupHits: Int {
        strategies.filter { ["exact-duplicates", "seen-line-runs", "reread-diff"].contains($0.key.name) }
            .reduce(0) { $0 + $1.value.hits }
    }
    /// Parts that were digested.
    public var snippetHits: Int {
        strategies.filter { $0.key.name.hasSuffix("-digest") }.reduce(0) { $0 + $1.value.hits }
    }

    mutating func count(_ name: StrategyName, from old: Int, to new: Int) {
        strategies[name, default: Share()].hits += 1
        strategies[name]!.bytesSaved += old - new
        bytesSaved += old - new
    }
}

public struct ApplyAll: Sendable {
    public var prices: EpochPrices
    public var rules: EpochRules
    public var birth: BirthStrategies
    public var thinking: ThinkingRule

    /// - Parameter prices: of the model the prompt goes to; only ratios count.
    public init(
        prices: EpochPrices, rules: EpochRules = .standard, birth: BirthStrategies = .standard,
        thinking: ThinkingRule = .keep
    ) {
        self.prices = prices
        self.rules = rules
        self.birth = birth
        self.thinking = thinking
    }

    /// Pairing is repaired, then each part is shortened at birth, then older parts are digested, then white space goes.
    /// The same messages give the same result; a result given in again comes back as it is. No part grows, but for
    /// results
    /// that pairing had to add.
    public func callAsFunction(_ messages: [ContextMessage]) -> (messages: [ContextMessage], stats: ShorteningStats) {
        var stats = ShorteningStats()
        let paired = PairingRepair.repair(messages)
        stats.pairing = paired.stats
        // What carries markers was shortened before, and its digests tell less than what they stand for did.
        if paired.messages.contains(where: { $0.parts.contains { Marker.stands(in: $0.bytes) && $0.kind != .user } }) {
            return (paired.messages, stats)
        }
        var out = shortened(paired.messages, &stats)
        tidy(&out, &stats)
        stats.tokensSaved = Double(stats.bytesSaved) / prices.bytesPerToken
        return (out, stats)
    }

    private func shortened(_ messages: [ContextMessage], _ stats: inout ShorteningStats) -> [ContextMessage] {
        var shortener = PromptShortener(birth: birth, rules: rules, thinking: thinking)
        var loop = ToolLoop()
        for message in messages {
            if message.role == .assistant { shortener.beginAssistantTurn() }
            if loop.ends(at: message.role, holdsResults: message.holdsResults) { shortener.endToolLoop() }
            if message.parts.contains(where: { $0.kind == .thinking }) {
                shortener.beginThinkingTurn(partCount: message.parts.count)
            }
            for part in message.parts {
                guard let emission = shortener.append(part) else { continue }
                stats.count(emission.strategy, from: part.bytes.count, to: emission.bytes.count)
            }
        }
        // One digest can make room for the next, when it pointed at it; each pass replaces at least one part.
        while true {
            let before = shortener.content.parts.map(\.bytes.count)
            guard let epoch = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: prices) else { break }
            for replacement in epoch.replacements {
                stats.count(replacement.strategy, from: before[replacement.number], to: replacement.bytes.count)
            }
        }
        var number = 0
        return messages.map { message in
            var message = message
            for index in message.parts.indices {
                message.parts[index].bytes = shortener.content.parts[number].bytes
                number += 1
            }
            return message
        }
    }

    /// What the assistant said, but for its newest turn.
    private func tidy(_ messages: inout [ContextMessage], _ stats: inout ShorteningStats) {
        guard let newest = messages.lastIndex(where: { $0.role == .assistant }) else { return }
        for message in messages.indices where message < newest && messages[message].role == .assistant {
            for part in messages[message].parts.indices
            where messages[message].parts[part].kind == .text && !messages[message].parts[part].isKept {
                let old = messages[message].parts[part].bytes
                let new = TalkWhitespace.tidied(old)
                guard new.count < old.count else { continue }
                messages[message].parts[part].bytes = new
                stats.count(TalkWhitespace.name, from: old.count, to: new.count)
            }
        }
    }
}

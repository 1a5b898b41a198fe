// The simulated prefix cache. Two sides, as the providers have them:
//
//   automatic (chat, responses)   the prompt is cut in blocks of 64 tokens; a block is hit when it and all
//                                 before it were seen before, for the same key and model
//   breakpoints (messages)        a prefix that ended at a cache_control mark can be read again until its
//                                 lifetime runs out; each mark looks back over 20 blocks
//
// One token is 4 bytes of rendered prompt. Both sides are bounded and forget the least recently used.

struct PrefixCache: Sendable {
    /// Tokens in a block of the automatic side; DeepSeek reports hits in such units.
    static let blockTokens = 64
    /// Automatic blocks remembered: 64 MiB of prompts.
    static let blocksMax = 1 << 18
    /// Breakpoint prefixes remembered.
    static let prefixesMax = 1 << 15
    /// Blocks a breakpoint looks back over, itself included.
    static let lookBackBlocks = 20
    /// OpenAI caches nothing below this, and then in steps.
    static let openAITokensMin = 1024
    static let openAIStepTokens = 128

    private var blocks = RecentSet(countMax: blocksMax)
    private var prefixes = RecentSet(countMax: prefixesMax)

    // MARK: Automatic

    /// What an automatic cache says of a prompt.
    struct AutomaticVerdict: Sendable, Equatable {
        var promptTokens: Int
        /// Tokens of whole blocks seen before.
        var blockHitTokens: Int
        /// Tokens of whole blocks stored because of this call.
        var blockStoredTokens: Int

        /// DeepSeek: whole 64-token units.
        var deepseekHitTokens: Int { blockHitTokens }
        /// OpenAI: nothing below 1,024 tokens, then steps of 128.
        var openAIHitTokens: Int { Self.openAISteps(blockHitTokens) }
        var openAIStoredTokens: Int {
            Self.openAISteps(blockHitTokens + blockStoredTokens) - openAIHitTokens
        }

        private static func openAISteps(_ tokens: Int) -> Int {
            guard tokens >= openAITokensMin else { return 0 }
            return openAITokensMin + (tokens - openAITokensMin) / openAIStepTokens * openAIStepTokens
        }
    }

    /// Looks a prompt up and remembers it.
    /// - Parameters:
    ///   - owner: digest of the API key and the model: caches are never shared between keys.
    ///   - continuation: rendered bytes that will follow the prompt in the next call (the answer);
    ///     remembered, not looked up.
    mutating func automatic(
        owner: ContentDigest, prompt: [UInt8], continuation: [UInt8] = []
    ) -> AutomaticVerdict {
        let blockBytes = Self.blockTokens * bytesPerToken
        let promptBlocks = prompt.count / blockBytes
        var hits = 0
        var isPrefixKnown = true
        var digest = owner
        let whole = continuation.isEmpty ? prompt : prompt + continuation
        whole.withUnsafeBytes { bytes in
            for index in 0..<(bytes.count / blockBytes) {
                digest.combine(
                    UnsafeRawBufferPointer(rebasing: bytes[index * blockBytes..<(index + 1) * blockBytes]))
                let isKnown = blocks.insert(digest, lifetime: .max, now: 0)
                guard index < promptBlocks else { continue }
                isPrefixKnown = isPrefixKnown && isKnown
                if isPrefixKnown { hits += 1 }
            }
        }
        return AutomaticVerdict(
            promptTokens: tokenCount(ofBytes: prompt.count), blockHitTokens: hits * Self.blockTokens,
            blockStoredTokens: (promptBlocks - hits) * Self.blockTokens)
    }

    // MARK: Breakpoints

    /// What a cache with breakpoints says of a prompt. The four counts add up to the prompt.
    struct BreakpointVerdict: Sendable, Equatable {
        /// Tokens after the last breakpoint.
        var inputTokens: Int
        var readTokens: Int
        var createdFiveMinuteTokens: Int
        var createdOneHourTokens: Int
    }

    /// The shortest prefix that is worth a cache entry.
    static func prefixTokensMin(model: String) -> Int {
        model.contains("opus") || model.contains("haiku") ? 4096 : 1024
    }

    /// Looks a prompt up, remembers its breakpoints and extends the life of what it read.
    /// - Parameter now: milliseconds of any steady clock.
    mutating func breakpoints(
        owner: ContentDigest, blocks: [PromptBlock], model: String, now: UInt64
    ) -> BreakpointVerdict {
        let ends = prefixEnds(owner: owner, blocks: blocks)
        let marks = blocks.indices.filter { blocks[$0].lifetime != nil }
        var read = 0
        if let known = longestKnown(marks: marks, ends: ends, now: now) {
            read = ends[known].tokens
            prefixes.refresh(ends[known].digest, now: now)
        }
        var cached = read
        var created: (fiveMinute: Int, oneHour: Int) = (0, 0)
        for mark in marks where ends[mark].tokens >= Self.prefixTokensMin(model: model) {
            let isHour = blocks[mark].lifetime == .oneHour
            _ = prefixes.insert(ends[mark].digest, lifetime: isHour ? 3_600_000 : 300_000, now: now)
            let fresh = max(0, ends[mark].tokens - cached)
            if isHour { created.oneHour += fresh } else { created.fiveMinute += fresh }
            cached += fresh
        }
        return BreakpointVerdict(
            inputTokens: (ends.last?.tokens ?? 0) - cached, readTokens: read,
            createdFiveMinuteTokens: created.fiveMinute, createdOneHourTokens: created.oneHour)
    }

    private typealias PrefixEnd = (digest: ContentDigest, tokens: Int)

    private func prefixEnds(owner: ContentDigest, blocks: [PromptBlock]) -> [PrefixEnd] {
        var digest = owner
        var bytes = 0
        return blocks.map { block in
            block.bytes.withUnsafeBytes { digest.combine($0) }
            bytes += block.bytes.count
            return (digest, tokenCount(ofBytes: bytes))
        }
    }

    /// The block that ends the longest remembered prefix within reach of a breakpoint.
    private func longestKnown(marks: [Int], ends: [PrefixEnd], now: UInt64) -> Int? {
        for mark in marks.reversed() {
            for index in (max(0, mark - Self.lookBackBlocks + 1)...mark).reversed()
            where prefixes.contains(ends[index].digest, now: now) {
                return index
            }
        }
        return nil
    }
}

/// A set that forgets: entries expire a lifetime after their last use, and past the limit the least
/// recently used quarter is dropped at once, which makes an insertion cost O(log n) amortised.
struct RecentSet: Sendable {
    private struct Entry {
        var expiresAt: UInt64
        var lifetime: UInt64
        var lastUse: UInt64
    }

    let countMax: Int
    private var entries: [ContentDigest: Entry] = [:]
    private var uses: UInt64 = 0

    init(countMax: Int) {
        self.countMax = countMax
    }

    var count: Int { entries.count }

    func contains(_ digest: ContentDigest, now: UInt64) -> Bool {
        entries[digest].map { $0.expiresAt > now } ?? false
    }

    /// Adds an entry, or uses it again; the longer lifetime counts.
    /// - Returns: whether it was there and alive.
    mutating func insert(_ digest: ContentDigest, lifetime: UInt64, now: UInt64) -> Bool {
        let earlier = entries[digest].flatMap { $0.expiresAt > now ? $0 : nil }
        use(digest, lifetime: max(lifetime, earlier?.lifetime ?? 0), now: now)
        if entries.count > countMax { dropLeastRecent() }
        return earlier != nil
    }

    /// A read extends the life of what was read.
    mutating func refresh(_ digest: ContentDigest, now: UInt64) {
        guard let entry = entries[digest] else { return }
        use(digest, lifetime: entry.lifetime, now: now)
    }

    private mutating func use(_ digest: ContentDigest, lifetime: UInt64, now: UInt64) {
        uses += 1
        let (end, isPastForever) = now.addingReportingOverflow(lifetime)
        entries[digest] = Entry(
            expiresAt: isPastForever ? .max : end, lifetime: lifetime, lastUse: uses)
    }

    private mutating func dropLeastRecent() {
        let lastUses = entries.values.map(\.lastUse).sorted()
        let oldestKept = lastUses[lastUses.count / 4]
        entries = entries.filter { $0.value.lastUse >= oldestKept }
    }
}

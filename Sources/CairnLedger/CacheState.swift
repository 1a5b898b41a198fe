// CacheState.swift: what is warm for one session at one provider, as far as the provider's rules and its reports tell.
// Two of them go with a session: one is told the prompts that were sent, the other those the client would have sent by
// itself. Asked and told once a call; a call costs work for its new turns only.
//
// Automatic caches are a few paths, each the marks of a prompt and of its answer. A prompt that extends a path replaces
// it; one that leaves it earlier (an edited history, a second agent) makes a path of its own:
//
//     path 0   tools ── turn 1 ── answer 1 ── turn 2 ── answer 2
//     path 1   tools ── turn 1 ── answer 1 ── turn 2'
//
// Caches with breakpoints are a list of prefixes, one for each breakpoint seen lately.

import CairnCore

/// The warm prefixes of one session.
public struct CacheState: Sendable {
    /// Paths remembered; the least recently used one goes first.
    static let pathsMax = 8
    /// Marks of a path remembered; later turns count as never cached. 256 KiB.
    static let marksMax = 8192
    /// Prefixes of breakpoints remembered; the least recently used one goes first.
    static let prefixesMax = 64
    /// Breakpoints that count in one prompt: the last ones. Anthropic refuses more.
    static let breakpointsMax = 4
    /// Blocks a breakpoint looks back over, its own included.
    static let lookBackBlocksMax = 20
    /// Two cases this close are forecast by their middle when units get lost: it is within 128 tokens of both.
    static let middleTokensMax = 256
    /// The share of units held from which the newest one is simply believed in.
    static let trustedPermille = 900

    public let model: CacheModel
    /// Measured here, and where the next session of the account starts.
    public private(set) var retention: UnitRetention

    private var paths: [WarmPath] = []
    private var prefixes: [WarmPrefix] = []

    public init(_ model: CacheModel, retention: UnitRetention = UnitRetention()) {
        self.model = model
        self.retention = retention
    }

    /// What the provider would bill for this prompt at this moment.
    /// - Parameter promptTokens: the tokens the prompt really has, where they are known better than by the shape's
    ///   estimate of what is new. Of a path not taken: the billed prompt and the difference of the two shapes, so that
    ///   an error of the estimate is not taken for a saving.
    /// - Complexity: a few comparisons for each path or prefix; with breakpoints, one pass over the marks as well.
    public func predict(_ prompt: PromptShape, at moment: Moment, promptTokens: Int? = nil) -> PredictedUsage {
        switch model.kind {
        case .none: prediction(TokenUsage(miss: promptTokens ?? prompt.tokens))
        case .automatic(let cache): predict(prompt, at: moment, promptTokens, cache)
        case .breakpoints(let minimum): predict(prompt, at: moment, promptTokens, minimumTokens: minimum)
        }
    }

    /// Records that a prompt was answered.
    /// - Parameters:
    ///   - moment: when the call was sent: lifetimes count from there.
    ///   - served: the usage the provider reported; for a path not taken, the one assumed for it. Its prompt corrects
    ///     the token counts of the shape.
    ///   - isHitKnown: whether the provider said what was hit.
    ///   - answer: the answer as a turn, if the next prompt can hold it whole.
    /// - Complexity: one step for each turn that is new to its path.
    public mutating func record(
        _ prompt: PromptShape, at moment: Moment, served: TokenUsage, isHitKnown: Bool = true,
        answer: AnswerMark? = nil
    ) {
        guard !prompt.marks.isEmpty else { return }
        switch model.kind {
        case .none: break
        case .automatic(let cache):
            record(prompt, at: moment, served, isHitKnown, cache.keepsAnswers ? answer : nil, cache)
        case .breakpoints(let minimum): record(prompt, at: moment, served, minimumTokens: minimum)
        }
    }

    private func prediction(_ usage: TokenUsage) -> PredictedUsage {
        PredictedUsage(
            usage: usage, freshHitTokens: usage.hit, heldHitTokens: usage.hit, keptPermille: retention.keptPermille)
    }
}

// MARK: Automatic caches

extension CacheState {
    private func predict(
        _ prompt: PromptShape, at moment: Moment, _ promptTokens: Int?, _ cache: AutomaticCache
    ) -> PredictedUsage {
        guard let found = longestShared(prompt, at: moment, cache) else {
            return prediction(automatic(hit: 0, promptTokens: promptTokens ?? prompt.tokens, cache))
        }
        let path = paths[found.pathIndex]
        let promptTokens = promptTokens ?? path.promptTokens(of: prompt, sharedCount: found.markCount)
        let prefixTokens = path.computedTokens(found.markCount)
        let fresh = cache.hit(prefixTokens: prefixTokens, promptTokens: promptTokens)
        let held = cache.losesUnits ? min(fresh, path.heldTokens ?? fresh) : fresh
        let hit = forecast(fresh: fresh, held: held, unitTokens: cache.unitTokens)
        return PredictedUsage(
            usage: automatic(hit: hit, promptTokens: promptTokens, cache), freshHitTokens: fresh,
            heldHitTokens: held, keptPermille: retention.keptPermille)
    }

    private func forecast(fresh: Int, held: Int, unitTokens: Int) -> Int {
        guard retention.keptPermille < CacheState.trustedPermille, fresh - held <= CacheState.middleTokensMax else {
            return fresh
        }
        return held + (fresh - held) / 2 / unitTokens * unitTokens
    }

    private func automatic(hit: Int, promptTokens: Int, _ cache: AutomaticCache) -> TokenUsage {
        guard cache.writesAreBilled else { return TokenUsage(miss: promptTokens - hit, hit: hit) }
        let kept = cache.hit(prefixTokens: promptTokens, promptTokens: promptTokens)
        return TokenUsage(miss: promptTokens - max(kept, hit), hit: hit, write5m: max(0, kept - hit))
    }

    /// The warm path that shares the most tokens with the prompt.
    private func longestShared(
        _ prompt: PromptShape, at moment: Moment, _ cache: AutomaticCache
    ) -> (pathIndex: Int, markCount: Int)? {
        var best: (pathIndex: Int, markCount: Int)?
        var bestTokens = 0
        for (index, path) in paths.enumerated() where cache.isWarm(path.touched, at: moment) {
            let count = path.sharedCount(with: prompt)
            guard count > 0, path.tokens[count - 1] > bestTokens else { continue }
            best = (index, count)
            bestTokens = path.tokens[count - 1]
        }
        return best
    }

    private mutating func record(
        _ prompt: PromptShape, at moment: Moment, _ served: TokenUsage, _ isHitKnown: Bool, _ answer: AnswerMark?,
        _ cache: AutomaticCache
    ) {
        let found = longestShared(prompt, at: moment, cache)
        if let found, isHitKnown, cache.losesUnits {
            observe(hitTokens: served.hit, of: paths[found.pathIndex], sharedCount: found.markCount, served, cache)
        }
        var path: WarmPath
        if let found, found.markCount == paths[found.pathIndex].count {
            path = paths.remove(at: found.pathIndex)
        } else {
            path = found.map { paths[$0.pathIndex].prefix($0.markCount) } ?? WarmPath()
            if paths.count == CacheState.pathsMax { forgetOldestPath() }
        }
        path.extend(with: prompt, promptTokens: served.prompt, marksMax: CacheState.marksMax)
        if let answer { path.append(answer, after: prompt, tokens: served.output, marksMax: CacheState.marksMax) }
        path.touched = moment
        if isHitKnown { path.heldTokens = served.hit }
        paths.append(path)
    }

    private mutating func observe(
        hitTokens: Int, of path: WarmPath, sharedCount: Int, _ served: TokenUsage, _ cache: AutomaticCache
    ) {
        let fresh = cache.hit(prefixTokens: path.computedTokens(sharedCount), promptTokens: served.prompt)
        guard fresh > path.heldTokens ?? 0 else { return }
        retention.observe(isKept: hitTokens >= fresh)
    }

    private mutating func forgetOldestPath() {
        guard let oldest = paths.indices.min(by: { paths[$0].touched < paths[$1].touched }) else { return }
        paths.remove(at: oldest)
    }
}

/// One prompt with its answer, as an automatic cache holds it.
private struct WarmPath: Sendable {
    private(set) var lineages: [Fingerprint] = []
    /// Tokens up to each mark, corrected by what the provider reported.
    private(set) var tokens: [Int] = []
    /// Whether the last mark is an answer's.
    private var endsWithAnswer = false
    var touched = Moment(milliseconds: 0)
    /// The hit the provider last reported; nil before it did.
    var heldTokens: Int?

    var count: Int { lineages.count }

    /// Tokens the provider has computed up to a mark: the last one of an answer was generated, but never read.
    func computedTokens(_ markCount: Int) -> Int {
        tokens[markCount - 1] - (endsWithAnswer && markCount == count ? 1 : 0)
    }

    /// Marks from the start that are equal. Usually all of the path, which takes one comparison; else, as digests are
    /// chained, a binary search.
    func sharedCount(with prompt: PromptShape) -> Int {
        var low = 0
        var high = min(count, prompt.marks.count)
        guard high > 0, lineages[high - 1] != prompt.marks[high - 1].lineage else { return high }
        high -= 1
        while low < high {
            let middle = (low + high + 1) / 2
            if lineages[middle - 1] == prompt.marks[middle - 1].lineage { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// What is known of the shared part, and the shape's own count of the rest.
    func promptTokens(of prompt: PromptShape, sharedCount: Int) -> Int {
        tokens[sharedCount - 1] + prompt.tokens - prompt.marks[sharedCount - 1].tokens
    }

    func prefix(_ markCount: Int) -> WarmPath {
        var path = WarmPath()
        path.lineages = Array(lineages[..<markCount])
        path.tokens = Array(tokens[..<markCount])
        path.heldTokens = heldTokens.map { min($0, tokens[markCount - 1]) }
        return path
    }

    /// Adds the marks of a prompt that extends this path, scaled so that the last one has the reported tokens.
    mutating func extend(with prompt: PromptShape, promptTokens: Int, marksMax: Int) {
        let shared = count
        guard prompt.marks.count > shared else { return }
        endsWithAnswer = false
        let knownTokens = tokens.last ?? 0
        let startTokens = shared > 0 ? prompt.marks[shared - 1].tokens : 0
        let estimated = prompt.tokens - startTokens
        let reported = max(0, promptTokens - knownTokens)
        for mark in prompt.marks[shared...].prefix(max(0, marksMax - shared)) {
            lineages.append(mark.lineage)
            tokens.append(knownTokens + (estimated > 0 ? (mark.tokens - startTokens) * reported / estimated : 0))
        }
    }

    mutating func append(_ answer: AnswerMark, after prompt: PromptShape, tokens answerTokens: Int, marksMax: Int) {
        guard count == prompt.marks.count, count < marksMax else { return }
        lineages.append(prompt.lineage.appending(turn: answer.turn))
        tokens.append((tokens.last ?? 0) + answerTokens)
        endsWithAnswer = true
    }
}

// MARK: Caches with breakpoints

extension CacheState {
    private func predict(
        _ prompt: PromptShape, at moment: Moment, _ promptTokens: Int?, minimumTokens: Int
    ) -> PredictedUsage {
        let breakpoints = CacheState.breakpoints(of: prompt)
        let found = longestPrefix(prompt, breakpoints, at: moment)
        let scale = scale(of: prompt, behind: found, promptTokens: promptTokens)
        var usage = TokenUsage(hit: scale.knownTokens)
        // A breakpoint writes what no earlier one wrote or read, at the price of its lifetime.
        for index in breakpoints {
            let tokens = scale.tokens(upTo: prompt.marks[index])
            let fresh = tokens - usage.prompt
            guard tokens >= minimumTokens, fresh > 0 else { continue }
            if prompt.marks[index].breakpoint == .oneHour { usage.write1h += fresh } else { usage.write5m += fresh }
        }
        usage.miss = scale.promptTokens - usage.prompt
        return prediction(usage)
    }

    /// What is known of the prefix found, and the shape's counts behind it in the proportion of the prompt's tokens.
    private func scale(of prompt: PromptShape, behind found: Int?, promptTokens: Int?) -> TokenScale {
        let knownTokens = found.map { prefixes[$0].tokens } ?? 0
        let startTokens = found.map { prompt.marks[prefixes[$0].markIndex].tokens } ?? 0
        let estimated = prompt.tokens - startTokens
        return TokenScale(
            knownTokens: knownTokens, startTokens: startTokens, estimatedTokens: estimated,
            promptTokens: max(knownTokens, promptTokens ?? knownTokens + estimated))
    }

    /// The indices of the marks with a breakpoint, in order; at most the last `breakpointsMax`.
    private static func breakpoints(of prompt: PromptShape) -> [Int] {
        Array(prompt.marks.indices.lazy.filter { prompt.marks[$0].breakpoint != nil }.suffix(breakpointsMax))
    }

    /// The longest live prefix within reach of a breakpoint.
    private func longestPrefix(_ prompt: PromptShape, _ breakpoints: [Int], at moment: Moment) -> Int? {
        var best: Int?
        for (index, prefix) in prefixes.enumerated() where prefix.isWarm(at: moment) {
            guard prefix.markIndex < prompt.marks.count,
                prompt.marks[prefix.markIndex].lineage == prefix.lineage,
                prefix.tokens > best.map({ prefixes[$0].tokens }) ?? 0
            else { continue }
            let blocks = prompt.marks[prefix.markIndex].blocks
            let isInReach = breakpoints.contains {
                $0 >= prefix.markIndex && prompt.marks[$0].blocks - blocks < CacheState.lookBackBlocksMax
            }
            if isInReach { best = index }
        }
        return best
    }

    private mutating func record(
        _ prompt: PromptShape, at moment: Moment, _ served: TokenUsage, minimumTokens: Int
    ) {
        let breakpoints = CacheState.breakpoints(of: prompt)
        let found = longestPrefix(prompt, breakpoints, at: moment)
        let scale = scale(of: prompt, behind: found, promptTokens: served.prompt)
        if let found { prefixes[found].touched = moment }
        for index in breakpoints {
            let mark = prompt.marks[index]
            let tokens = scale.tokens(upTo: mark)
            guard tokens >= minimumTokens, let lifetime = mark.breakpoint else { continue }
            keep(
                WarmPrefix(
                    lineage: mark.lineage, markIndex: index, tokens: tokens, touched: moment, lifetime: lifetime))
        }
    }

    private mutating func keep(_ prefix: WarmPrefix) {
        if let known = prefixes.firstIndex(where: { $0.lineage == prefix.lineage }) {
            // A live hour stays an hour; the tokens were right the first time.
            if !prefixes[known].isWarm(at: prefix.touched) || prefix.lifetime == .oneHour {
                prefixes[known].lifetime = prefix.lifetime
            }
            prefixes[known].touched = prefix.touched
            return
        }
        if prefixes.count == CacheState.prefixesMax,
            let oldest = prefixes.indices.min(by: { prefixes[$0].touched < prefixes[$1].touched })
        {
            prefixes.remove(at: oldest)
        }
        prefixes.append(prefix)
    }
}

/// How the token counts of a shape become those of the provider: in proportion up to a prefix whose tokens are known,
/// and in proportion behind it.
private struct TokenScale {
    /// Of the prefix, as the provider counted and as the shape did.
    let knownTokens: Int
    let startTokens: Int
    /// Of what follows it, as the shape counted.
    let estimatedTokens: Int
    /// Of the whole prompt, as the provider counts.
    let promptTokens: Int

    func tokens(upTo mark: PromptMark) -> Int {
        guard mark.tokens > startTokens else { return startTokens > 0 ? knownTokens * mark.tokens / startTokens : 0 }
        return knownTokens + (mark.tokens - startTokens) * (promptTokens - knownTokens) / estimatedTokens
    }
}

/// A prefix that ended at a breakpoint.
private struct WarmPrefix: Sendable {
    let lineage: Fingerprint
    let markIndex: Int
    let tokens: Int
    var touched: Moment
    var lifetime: CacheLifetime

    func isWarm(at moment: Moment) -> Bool {
        moment.milliseconds - touched.milliseconds <= lifetime.milliseconds
    }
}

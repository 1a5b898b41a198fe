// A call of mode full between two visits to the lineage: what it leaves out is decided, on the loop where that is little
// work, else on a worker.
//
//     plan ─▶ needsShortening ─▶ births and the planner (loop, or a worker if much is to be read)
//                                 └─ an epoch pays? ─▶ digests, on a worker ─▶ plan with it ─▶ emissions

import CairnContext
import CairnLedger
import CairnSettings
import CairnWire

extension CallLife {
    static let keepField = "x-cairn-keep"

    /// Lets the task decide and goes on with what it decided.
    func shorten(_ work: PromptWork, _ task: ShorteningTask, _ context: ContextService) {
        guard let upstreamIndex else { return failOpen(work.next) }
        let upstream = owner.shared.upstreams.upstreams[upstreamIndex]
        var terms = ShorteningTerms(
            pricing: pricing(work, upstream, context), provider: upstream.settings.provider, model: work.request.model,
            client: work.client, idleNanoseconds: task.idleNanoseconds,
            keepsNewParts: call.header(Self.keepField) != nil, outputTokensMax: Self.outputTokensMax(work.prompt))
        terms.off = context.strategiesOff(for: work.request)
        let isDecided = !task.isHeavy
        if isDecided, !task.decide(terms) { return recordShortened(work, task, context) }
        let loop = call.loop
        let life = LoopConfined(self)
        call.perform { [terms] in
            await loop.offload { if isDecided || task.decide(terms) { task.carryOutEpoch() } }
            if life.value.call.isOpen { life.value.recordShortened(work, task, context) }
        }
    }

    /// The most tokens the client allows the answer; nil: it does not say.
    private static func outputTokensMax(_ prompt: Prompt) -> Int? {
        prompt.settings[.maxOutputTokens].flatMap { value in
            prompt.source.withBytes(of: value) { Int(String(decoding: $0, as: UTF8.self)) }
        }
    }

    private func recordShortened(_ work: PromptWork, _ task: ShorteningTask, _ context: ContextService) {
        if let plan = context.plan(task, of: work.request) { return emit(work, plan, context) }
        // Another call of the session came first.
        var work = work
        work.askedCount += 1
        if work.askedCount >= PromptWork.askedMax { return failOpen(work.next) }
        decide(work)
    }
}

extension ShorteningTerms {
    /// What holds for a call.
    /// - Parameter pricing: nil where the model's price is not known.
    init(
        pricing: CallPricing?, provider: Provider, model: String, client: WireDialect, idleNanoseconds: UInt64?,
        keepsNewParts: Bool, outputTokensMax: Int?
    ) {
        self.init()
        self.keepsNewParts = keepsNewParts
        thinking = Self.thinking(provider, model: model, client: client)
        guard let pricing else { return }
        prices = EpochPrices(pricing)
        missNanodollars = prices?.miss ?? 0
        readsAnswers = pricing.cache.readsAnswers
        // Which lifetime the prefix was written with is the plan's choice; the longer one errs on the side of warm.
        let idle = Int64(clamping: (idleNanoseconds ?? 0) / 1_000_000)
        isCold = !pricing.cache.keepsNothing && pricing.cache.isCold(afterMilliseconds: idle, lifetime: .oneHour)
        windowTokens = pricing.price.promptTokensMax(outputTokens: outputTokensMax).map(Double.init)
    }

    /// Thinking that is plain text is shortened like talk; where a provider signs or encrypts it, it stays or goes whole.
    /// Leaving out what Anthropic does not bill would save nothing. A model that binds thinking does so behind any server.
    private static func thinking(_ provider: Provider, model: String, client: WireDialect) -> ThinkingRule {
        let earlier = AnthropicModel(name: model).earlierThinking
        if earlier == .bound { return .hold }
        switch provider {
        case .anthropic: return earlier == .read && client == .messages ? .omit : .keep
        case .openai: return .keep
        case .deepseek, .vllm, .sglang, .generic: return .shorten
        }
    }
}

extension EpochPrices {
    /// In nanodollars a token.
    init(_ pricing: CallPricing) {
        let tokens = pricing.price.tokens
        let perToken = { (price: Money) in Double(price.nanodollars) / 1_000_000 }
        let miss = perToken(pricing.cache.billsWrites ? tokens.write5m : tokens.miss)
        self.init(
            miss: miss, hit: pricing.cache.keepsNothing ? miss : perToken(tokens.hit), output: perToken(tokens.output),
            bytesPerToken: CallLedger.bytesPerToken)
    }
}

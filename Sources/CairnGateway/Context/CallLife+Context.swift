// The life of a call whose prompt is kept byte-stable: between the choice of the upstream and the sending of the request.
//
//     body ─read─▶ Prompt ─keys─▶ plan (a lock, microseconds) ─▶ emissions ─▶ body ─▶ (promise on disk) ─▶ sent
//                                  │ history or bytes unknown: read from the store on a worker, then again
//
// Whatever fails here lets the call go on as the client wrote it, is counted and, once a minute, logged.

import CairnContext
import CairnCore
import CairnHTTP
import CairnLedger
import CairnSettings
import CairnWire

/// What a call in one of the modes that look at prompts is made of.
final class ContextCall {
    let mode: Mode
    let plan: EmissionPlan
    let forecast: CallForecast
    let breakpoints: BreakpointPlan
    let client: WireDialect
    let harness: Harness
    let project: GuardedProject

    init(
        mode: Mode, plan: EmissionPlan, forecast: CallForecast, breakpoints: BreakpointPlan, client: WireDialect,
        harness: Harness, project: GuardedProject
    ) {
        self.mode = mode
        self.plan = plan
        self.forecast = forecast
        self.breakpoints = breakpoints
        self.client = client
        self.harness = harness
        self.project = project
    }
}

/// A prompt on its way through the lineage.
struct PromptWork: Sendable {
    var prompt: Prompt
    let keys: PromptKeys
    var request: LineageTree.Request
    let mode: Mode
    let next: CallPlan
    let client: WireDialect
    /// The store is asked at most this often for one call: for the history, for bytes, and for bytes behind those.
    var askedCount = 0
    static let askedMax = 4
}

extension CallLife {
    /// Bodies up to this size are read on the loop; 1 MB takes about a millisecond.
    private static let readOnLoopBytesMax = 1024 * 1024

    /// Looks at the prompt, then goes on with `next`. False: the mode or the route leaves it alone.
    func keepStable(_ body: UnsafeRawBufferPointer, _ mode: CallMode, _ next: CallPlan) -> Bool {
        guard mode.mode != .passthrough, let client = dialect.wire, let context = owner.shared.context else {
            return false
        }
        switch next {
        case .pass, .rewrite: break
        case .countTokens, .models, .storedResponse: return false
        }
        switch routed.route {
        case .chatCompletions, .responses, .messages: break
        default: return false
        }
        guard let head = call.head else { return false }
        let account = context.account(of: Credentials(head))
        guard body.count > Self.readOnLoopBytesMax else {
            read(Self.prompt(Array(body), client), mode.mode, next, client, account)
            return true
        }
        // The worker reads what the call must still be able to send as it came.
        if heldBody == nil { heldBody = call.takeBody().map { HeldBody($0) } }
        offload(body) {
            Self.prompt(Array($0), client)
        } then: { life, prompt in
            life.read(prompt, mode.mode, next, client, account)
        }
        return true
    }

    /// nil: no request of the dialect; whoever reads it next says so to the client.
    private static func prompt(_ bytes: [UInt8], _ client: WireDialect) -> Prompt? {
        guard let source = try? SourceDocument(parsing: bytes) else { return nil }
        return try? Prompt(reading: source, dialect: client)
    }

    /// Takes the prompt, so that noting something in one of its turns does not copy them all.
    private func read(
        _ prompt: consuming Prompt?, _ mode: Mode, _ next: CallPlan, _ client: WireDialect, _ account: Fingerprint
    ) {
        guard var prompt = consume prompt, let upstreamIndex else { return failOpen(next) }
        // What such a call extends is only known to whoever keeps its response.
        if prompt.settings[.previousResponse] != nil { return goOn(next) }
        let harness = Harness.recognise(prompt) { self.call.header($0) }
        let keys = owner.turnKeys.read(&prompt, harness: harness)
        let upstream = owner.shared.upstreams.upstreams[upstreamIndex]
        var request = LineageTree.Request(
            account: account, newSession: ContextService.newSessionIdentifier(), harness: harness,
            provider: upstream.settings.provider.rawValue, model: modelText(next), wallNanoseconds: wallNanoseconds)
        request.onlyObserves = mode == .observe
        request.shortens = mode == .full
        request.addsExpandTool =
            mode == .full && owner.shared.settings.addsExpandTool && owner.shared.context?.storage != nil
        decide(PromptWork(prompt: prompt, keys: keys, request: request, mode: mode, next: next, client: client))
    }

    /// The model the upstream is asked for.
    private func modelText(_ next: CallPlan) -> String {
        if case .rewrite(let rewriting) = next, let renamed = rewriting.model { return renamed }
        return model.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func decide(_ work: PromptWork) {
        guard let context = owner.shared.context else { return failOpen(work.next) }
        let outcome = context.plan(work.prompt, work.keys, work.request)
        switch outcome {
        case .planned(let plan): return emit(work, plan, context)
        case .needsShortening(let task): return shorten(work, task, context)
        case .needsHistory, .needsBlobs: break
        }
        guard work.askedCount < PromptWork.askedMax else { return failOpen(work.next) }
        let loop = call.loop
        let life = LoopConfined(self)
        call.perform {
            let asked = await loop.offload { () -> PromptWork in
                var work = work
                work.askedCount += 1
                context.load(outcome, into: &work.request)
                return work
            }
            if life.value.call.isOpen { life.value.decide(asked) }
        }
    }

    func emit(_ work: PromptWork, _ plan: EmissionPlan, _ context: ContextService) {
        guard let upstreamIndex else { return failOpen(work.next) }
        let upstream = owner.shared.upstreams.upstreams[upstreamIndex]
        let target = Self.target(work)
        let pricing = pricing(work, upstream, context)
        let isObserved = work.mode == .observe
        let breakpoints =
            target == .messages && !isObserved
            ? plan.breakpoints(prefixBytesMin: ContextService.prefixBytesMin(pricing)) : BreakpointPlan()
        let forecast = context.ledger.forecast(
            plan, isObserved: isObserved, breakpoints: breakpoints, account: work.request.account,
            party: LedgerParty(
                provider: work.request.provider, model: work.request.model, harness: work.request.harness.name,
                session: plan.session.description),
            upstream: upstream.settings.name, pricing: pricing, provider: upstream.settings.provider, at: moment)
        contextCall = ContextCall(
            mode: work.mode, plan: plan, forecast: forecast, breakpoints: breakpoints, client: work.client,
            harness: work.request.harness, project: GuardedProject(work.request))
        if isObserved {
            context.storage?.append(plan.batch)
            return goOn(work.next)
        }
        guard let body = Self.body(work, plan, breakpoints, upstream) else { return failOpen(work.next) }
        heldBody = body
        guard plan.isPromise, let storage = context.storage else {
            context.storage?.append(plan.batch)
            return goOn(work.next)
        }
        let loop = call.loop
        let life = LoopConfined(self)
        storage.append(plan.batch) { _ in
            // A broken promise is told by the store's health; the call goes on.
            loop.post { if life.value.call.isOpen { life.value.goOn(work.next) } }
        }
    }

    /// When the call came, for prices and caches.
    var moment: Moment { Moment(milliseconds: Int64(clamping: wallNanoseconds / 1_000_000)) }

    func pricing(_ work: PromptWork, _ upstream: PreparedUpstream, _ context: ContextService) -> CallPricing? {
        context.ledger.price(
            provider: upstream.settings.provider, model: work.request.model,
            bookName: call.header("x-cairn-price-book"), at: moment)
    }

    private static func target(_ work: PromptWork) -> WireDialect {
        if case .rewrite(let rewriting) = work.next { return rewriting.target }
        return work.client
    }

    /// The body with the emissions in it, in the client's dialect.
    private static func body(
        _ work: PromptWork, _ plan: EmissionPlan, _ breakpoints: BreakpointPlan, _ upstream: PreparedUpstream
    ) -> HeldBody? {
        var prompt = work.prompt
        plan.apply(to: &prompt)
        if work.client == .messages, target(work) == .messages { plan.mark(&prompt, of: work.prompt, breakpoints) }
        if upstream.settings.provider == .openai, target(work) != .messages, prompt.settings[.promptCacheKey] == nil {
            prompt.settings[.promptCacheKey] = RawJSON(quoting: "cairn-\(plan.session)")
        }
        var out = ByteWriter(capacity: prompt.source.bytes.count + 4096)
        let traits = UpstreamTraits(
            UpstreamTraits.Family(upstream.settings.provider), dialect: work.client,
            keepsCarriedThinking: target(work) != work.client)
        guard (try? prompt.encode(for: traits, to: &out)) != nil else { return nil }
        return HeldBody(out)
    }

    /// A step of ours failed: the call goes on as the client wrote it.
    func failOpen(_ next: CallPlan) {
        owner.shard.failedOpen()
        contextCall = nil
        goOn(next)
    }

    private func goOn(_ next: CallPlan) {
        if let heldBody, let contextCall, contextCall.plan.hasExpandTool {
            asking = AskingCall(body: heldBody, client: contextCall.client)
        }
        if let heldBody {
            perform(next, heldBody.bytes)
        } else {
            call.withBody { perform(next, $0) }
        }
    }

    // MARK: the end

    /// Fields that tell the client about its prompt.
    var contextFields: [(String, String)] {
        guard let contextCall else { return [] }
        let plan = contextCall.plan
        let reason = plan.breakReason == .none ? "" : "; \(plan.breakReason.words)"
        var fields = [
            ("x-cairn-session", plan.session.description),
            ("x-cairn-prefix", "\(plan.commonBytes)/\(plan.emitted.byteCount)\(reason)"),
        ]
        if let saved = contextCall.forecast.savedNanodollars {
            fields.append(("x-cairn-saved-usd", Money(nanodollars: saved).decimalText))
        }
        return fields
    }

    func writeContextLines(to writer: inout ByteWriter) {
        for (name, value) in contextFields {
            writer.append(name)
            writer.append(": ")
            writer.append(value)
            writer.append("\r\n")
        }
    }

    /// Settles the call with what the provider reported, and stores its record. The ledger's lines for usage.jsonl.
    func settleContext(usage: [UInt8]?) -> SettledCall? {
        guard let contextCall, let context = owner.shared.context, let upstreamIndex else { return nil }
        let (billed, settled) = settle(contextCall.forecast, usage, contextCall.client, context.ledger)
        let plan = contextCall.plan
        if let settled {
            context.settle(settled, contextCall.project, session: plan.session, at: wallNanoseconds)
        }
        if plan.breakReason != .none, plan.breakReason != .newSession, plan.breakReason != .epoch {
            context.note(RecentBreak(session: plan.session, words: plan.breakText, wallNanoseconds: wallNanoseconds))
        }
        context.storage?.append(
            StorageBatch(calls: [
                CallRecord(
                    id: identifier.description, session: plan.session, chain: plan.chain,
                    startedNanoseconds: wallNanoseconds, mode: contextCall.mode.rawValue,
                    model: contextCall.forecast.party.model,
                    upstream: owner.shared.upstreams.upstreams[upstreamIndex].settings.name, requestBytes: requestBytes,
                    emittedBytes: UInt64(plan.emitted.byteCount),
                    prefix: CallRecord.Prefix(
                        commonBytes: UInt64(plan.commonBytes),
                        commonTokens: UInt64(Double(plan.commonBytes) / CallLedger.bytesPerToken),
                        commonBytesAsSent: UInt64(plan.commonBytesAsSent), breakCode: plan.breakReason.rawValue,
                        breakText: plan.breakText, movedKinds: plan.movedNames),
                    tools: plan.toolsBlob, previousProof: plan.previousProof, proof: plan.proof, usage: usage,
                    cost: CallRecord.Cost(
                        billedNanodollars: settled?.billed?.nanodollars,
                        predictedNanodollars: settled?.predicted?.nanodollars,
                        untouchedNanodollars: settled?.untouched?.nanodollars,
                        predictedHitTokens: Int64(contextCall.forecast.prediction.usage.hit),
                        reportedHitTokens: billed?.reportedHitTokens.map { Int64($0) }),
                    status: Int(status), outcome: outcome.label.description)
            ]))
        return settled
    }

    /// The usage of the call as it was forecast, and all its lines. What the client is told is the sum of several answers;
    /// each of them was a call.
    private func settle(
        _ forecast: CallForecast, _ usage: [UInt8]?, _ client: WireDialect, _ ledger: CallLedger
    ) -> (BilledUsage?, SettledCall?) {
        guard let asking, let rewriting = asking.rewriting, let filter = asking.filter, asking.isGoingOn else {
            let billed = usage.flatMap { try? BilledUsage($0, dialect: client.usageDialect) }
            return (billed, billed.map { SettledCall(line: ledger.settle(forecast, usage: $0), own: []) })
        }
        let billed = filter.usages.map { try? BilledUsage($0, dialect: rewriting.target.usageDialect) }
        guard let first = billed.first ?? nil else { return (nil, nil) }
        let line = ledger.settle(forecast, usage: first)
        var served = first
        var own: [LedgerLine] = []
        for (usage, addedBytes) in zip(billed.dropFirst(), asking.addedBytes) {
            guard let usage else { continue }
            own.append(ledger.settleOwn(forecast, addedBytes: addedBytes, served: served, usage: usage))
            served = usage
        }
        return (first, SettledCall(line: line, own: own))
    }
}

extension EmissionPlan {
    /// The break in words.
    var breakText: String {
        var text = breakReason.words
        if let breakPosition { text += " at turn \(breakPosition)" }
        return text
    }
}

extension WireDialect {
    /// How the ledger calls it.
    var usageDialect: BilledUsage.Dialect {
        switch self {
        case .chat: .chat
        case .messages: .messages
        case .responses: .responses
        }
    }
}

// The bill of each call: forecast before it is sent, settled when its usage is known. One object for all loops.
//
//     forecast ─▶ two cache states of the session: what was sent, and what the client would have sent by itself
//     settle   ─▶ LedgerLine: billed, predicted, untouched ─▶ totals, the store's record, usage.jsonl
//                 and a line of its own for each call that Cairn made besides, to answer what the model asked
//
// A state is told an answer when the next prompt shows how the client spells it, because only then it has a digest.

import CairnContext
import CairnCore
import CairnLedger
import CairnSettings
import CairnWire

/// What was predicted of a call before it was sent.
struct CallForecast: Sendable {
    let session: SessionIdentifier
    let sent: PromptShape
    let original: PromptShape
    let price: Price?
    let moment: Moment
    let prediction: PredictedUsage
    let party: LedgerParty
    /// Nothing on the client's own path is different: what is billed is what it would have been.
    let isUntouched: Bool

    /// What Cairn saves on the prompt by this forecast; nil without a price.
    let savedNanodollars: Int64?
}

/// What a call's tokens cost, and what its provider keeps.
struct CallPricing: Sendable {
    let price: Price
    let cache: CacheModel
}

final class CallLedger: Sendable {
    /// Sessions with a cache state in memory; the one unused for longest goes first.
    static let sessionsMax = 4096
    /// Accounts, by provider and model, whose last state a new session begins with.
    static let accountsMax = 1024
    /// Bytes of prompt a token is taken for until the provider has counted. Measured on recorded sessions.
    static let bytesPerToken = 3.3

    fileprivate struct Account: Hashable {
        let account: Fingerprint
        let upstream: String
        let model: String
    }

    fileprivate struct Pending {
        let forecast: CallForecast
        let usage: BilledUsage
        let untouched: TokenUsage
    }

    fileprivate struct Session {
        var sent: CacheState
        var original: CacheState
        var pending: Pending?
        let account: Account
        var lastUsed: Moment
    }

    fileprivate struct Books {
        var sessions: [SessionIdentifier: Session] = [:]
        var accounts: [Account: (sent: CacheState, original: CacheState)] = [:]
        var totals = LedgerTotals()
    }

    private let book: PriceBook
    fileprivate let books = Locked(Books())

    init(book: PriceBook) { self.book = book }

    var totals: LedgerTotals { books.withLock { $0.totals } }

    // MARK: before the call

    /// The price of a model at a moment. `bookName`: a named book a client chose for this call.
    func price(provider: Provider, model: String, bookName: String?, at moment: Moment) -> CallPricing? {
        if let bookName, let named = book.named(bookName) { return CallPricing(price: named.price, cache: named.cache) }
        guard let price = book.price(provider: provider.rawValue, model: model, at: moment).price else { return nil }
        return CallPricing(price: price, cache: .of(provider: provider.rawValue, price: price))
    }

    /// Predicts a call that is about to be sent.
    func forecast(
        _ plan: EmissionPlan, isObserved: Bool, breakpoints: BreakpointPlan, account: Fingerprint, party: LedgerParty,
        upstream: String, pricing: CallPricing?, provider: Provider, at moment: Moment
    ) -> CallForecast {
        let cache = pricing?.cache ?? .of(provider: provider.rawValue, price: nil)
        let original = Self.shape(plan.asSent, hints: plan.clientHints, lifetime: .fiveMinutes)
        let sent =
            isObserved
            ? original : Self.shape(plan.emitted, hints: plan.hints(breakpoints), lifetime: breakpoints.lifetime)
        let owner = Account(account: account, upstream: upstream, model: party.model)
        let (prediction, untouched) = books.withLock { books in
            var session = books.session(plan.session, owner, cache, at: moment)
            session.tell(
                (sent, isObserved ? plan.asSent.digests : plan.emitted.digests), (original, plan.asSent.digests))
            let answer = Forecasts(
                sent: session.sent.predict(sent, at: moment), original: session.original.predict(original, at: moment))
            books.keep(session, plan.session)
            return answer
        }.pair
        let saved = pricing.map { pricing in
            (pricing.price.cost(of: untouched.expected) - pricing.price.cost(of: prediction.expected)).nanodollars
        }
        return CallForecast(
            session: plan.session, sent: sent, original: original, price: pricing?.price, moment: moment,
            prediction: prediction, party: party,
            isUntouched: sent.lineage == original.lineage && prediction == untouched, savedNanodollars: saved)
    }

    /// Turns as marks: tokens are estimated, and corrected by what the provider counts.
    private static func shape(_ outline: PromptOutline, hints: Set<Int>, lifetime: CairnContext.CacheLifetime)
        -> PromptShape
    {
        var shape = PromptShape()
        for (index, digest) in outline.digests.enumerated() {
            let breakpoint: CairnLedger.CacheLifetime? =
                hints.contains(index) ? (lifetime == .oneHour ? .oneHour : .fiveMinutes) : nil
            shape.append(
                turn: digest, tokens: Int(Double(outline.byteCounts[index]) / bytesPerToken), breakpoint: breakpoint)
        }
        return shape
    }

    // MARK: after the call

    /// Settles a call with the usage its provider reported.
    func settle(_ forecast: CallForecast, usage: BilledUsage) -> LedgerLine {
        books.withLock { books in
            let outcome = forecast.prediction.outcome(reportedHitTokens: usage.reportedHitTokens)
            let tokens = max(0, usage.tokens.prompt + forecast.original.tokens - forecast.sent.tokens)
            let state = books.sessions[forecast.session]?.original
            let untouched =
                forecast.isUntouched
                ? usage.tokens
                : state.map {
                    $0.predict(forecast.original, at: forecast.moment, promptTokens: tokens).assuming(outcome)
                }
                    ?? TokenUsage(miss: tokens)
            let line = LedgerLine(
                forecast.party, at: forecast.moment, price: forecast.price, billed: usage,
                prediction: forecast.prediction, untouched: untouched)
            books.sessions[forecast.session]?.pending = Pending(
                forecast: forecast, usage: usage, untouched: line.untouchedUsage)
            books.totals.add(line)
            return line
        }
    }

    /// Settles a call that Cairn made for itself behind one of a client's: the same prompt with `addedBytes` more.
    /// - Parameter served: what the call before it used, whose prompt this one extends.
    func settleOwn(
        _ forecast: CallForecast, addedBytes: Int, served: BilledUsage, usage: BilledUsage
    ) -> LedgerLine {
        books.withLock { books in
            // Only looked at: what stays in the provider's cache is told when the client's message comes.
            var state = books.sessions[forecast.session]?.sent ?? CacheState(.of(provider: "", price: nil))
            state.record(
                forecast.sent, at: forecast.moment, served: served.tokens, isHitKnown: served.isHitKnown, answer: nil)
            var longer = forecast.sent
            longer.append(
                turn: Fingerprint(high: 0, low: UInt64(addedBytes)),
                tokens: Int(Double(addedBytes) / Self.bytesPerToken),
                breakpoint: nil)
            let line = LedgerLine(
                ownCallOf: forecast.party, at: forecast.moment, price: forecast.price, billed: usage,
                prediction: state.predict(longer, at: forecast.moment))
            books.totals.add(line)
            return line
        }
    }
}

/// The lines of one call of a client: its own, and those of what Cairn asked besides.
struct SettledCall: Sendable {
    let line: LedgerLine
    let own: [LedgerLine]

    /// Sums; nil where the model has no known price.
    var billed: Money? { sum(\.billed) }
    var predicted: Money? { sum(\.predicted) }
    var untouched: Money? { line.untouched }

    private func sum(_ money: KeyPath<LedgerLine, Money?>) -> Money? {
        ([line] + own).reduce(Money.zero as Money?) { sum, line in
            guard let sum, let more = line[keyPath: money] else { return nil }
            return sum + more
        }
    }
}

/// Two predictions; a tuple is not Sendable.
private struct Forecasts: Sendable {
    let sent: PredictedUsage
    let original: PredictedUsage
    var pair: (PredictedUsage, PredictedUsage) { (sent, original) }
}

extension CallLedger.Books {
    fileprivate mutating func session(
        _ identifier: SessionIdentifier, _ account: CallLedger.Account, _ cache: CacheModel, at moment: Moment
    ) -> CallLedger.Session {
        if var session = sessions[identifier], session.account == account, session.sent.model == cache {
            session.lastUsed = moment
            return session
        }
        // A new session knows what others of the account have left warm: tools, a system prompt, and how much gets lost.
        let known = accounts[account].flatMap { $0.sent.model == cache ? $0 : nil }
        return CallLedger.Session(
            sent: known?.sent ?? CacheState(cache), original: known?.original ?? CacheState(cache), pending: nil,
            account: account, lastUsed: moment)
    }

    fileprivate mutating func keep(_ session: CallLedger.Session, _ identifier: SessionIdentifier) {
        if sessions[identifier] == nil, sessions.count >= CallLedger.sessionsMax,
            let oldest = sessions.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key
        {
            sessions[oldest] = nil
        }
        sessions[identifier] = session
        if accounts[session.account] == nil, accounts.count >= CallLedger.accountsMax { accounts.removeAll() }
        accounts[session.account] = (session.sent, session.original)
    }
}

extension CallLedger.Session {
    /// Records the call before, with its answer as this prompt spells it. An answer with thinking does not come back whole.
    fileprivate mutating func tell(
        _ sent: (shape: PromptShape, turns: [Fingerprint]), _ original: (shape: PromptShape, turns: [Fingerprint])
    ) {
        guard let pending else { return }
        self.pending = nil
        let before = pending.forecast
        let comesBack = pending.usage.reasoning == 0
        self.sent.record(
            before.sent, at: before.moment, served: pending.usage.tokens, isHitKnown: pending.usage.isHitKnown,
            answer: comesBack ? sent.shape.answer(to: before.sent, sent.turns) : nil)
        self.original.record(
            before.original, at: before.moment, served: pending.untouched,
            answer: comesBack ? original.shape.answer(to: before.original, original.turns) : nil)
    }
}

extension PromptShape {
    /// The turn of this prompt that follows `before`, if this prompt extends it.
    fileprivate func answer(to before: PromptShape, _ turns: [Fingerprint]) -> AnswerMark? {
        let count = before.marks.count
        guard count > 0, turns.count > count, marks[count - 1].lineage == before.lineage else { return nil }
        return AnswerMark(turn: turns[count])
    }
}

// From the records of calls to a report: one pass in the order in which they were stored.

import CairnContext
import CairnLedger
import CairnStore

/// Adds calls up. Memory grows with sessions, models and days, not with calls.
public struct ReportBuilder {
    /// Sessions told apart; the calls of further ones count in all sums but those of sessions.
    public static let sessionsMax = 100_000
    /// Models, harnesses and days told apart; further ones are added up as one.
    public static let namesMax = 10_000
    public static let worstSessionsMax = 5
    /// Monthly sums are extrapolated from at least this much time.
    private static let periodMillisecondsMin: Int64 = 86_400_000
    private static let monthMilliseconds: Int64 = 30 * 86_400_000

    private struct Tracked {
        var line: Report.Session
        let record: SessionRecord
        /// Of the call stored before; nil: it lies before the period.
        var emittedBytes: Int?
    }

    private let book: PriceBook
    private var report = Report()
    private var sessions: [SessionIdentifier: Tracked] = [:]
    private var models: [String: LedgerSum] = [:]
    private var harnesses: [String: LedgerSum] = [:]
    private var days: [String: LedgerSum] = [:]
    private var breaks: [PrefixBreak: Report.Breaks] = [:]
    private var moved: [String: Report.Moved] = [:]

    /// `book`: prices of what was lost by breaks; the calls' own money was known when they were made.
    public init(book: PriceBook) { self.book = book }

    /// The report of a store's calls.
    public static func report(
        of store: StoreReader, session: SessionIdentifier?, sinceNanoseconds: UInt64, book: PriceBook
    ) throws(StoreError) -> Report {
        var builder = ReportBuilder(book: book)
        var records: [SessionIdentifier: SessionRecord] = [:]
        var failure: StoreError?
        try store.forEachCall(of: session, sinceNanoseconds: sinceNanoseconds) { call in
            if records[call.session] == nil, records.count < sessionsMax, failure == nil {
                do throws(StoreError) { records[call.session] = try store.session(call.session) } catch {
                    failure = error
                }
            }
            builder.add(call, of: records[call.session])
        }
        if let failure { throw failure }
        if session == nil {
            builder.report.switches = try StrategySwitch.stored(sinceNanoseconds: sinceNanoseconds) {
                page throws(StoreError) in try store.events(page)
            }
        }
        return builder.finished()
    }

    /// Adds a call. `session`: its record; nil: it is not known, and with it not the dialect of the call's usage, so that the
    /// call counts as one without.
    public mutating func add(_ call: CallRecord, of session: SessionRecord?) {
        let moment = Moment(milliseconds: Int64(clamping: call.startedNanoseconds / 1_000_000))
        report.period = report.period.map { min($0.lowerBound, moment)...max($0.upperBound, moment) } ?? moment...moment
        let tokens = session.flatMap { Self.tokens(call, $0) }
        let money = call.cost
        if let tokens {
            func add(_ sum: inout LedgerSum) {
                sum.add(
                    tokens, billed: Money(money.billedNanodollars), predicted: Money(money.predictedNanodollars),
                    untouched: Money(money.untouchedNanodollars))
            }
            add(&report.sum)
            add(&models[bounded(call.model, in: models), default: LedgerSum()])
            add(&harnesses[bounded(session?.harness ?? "", in: harnesses), default: LedgerSum()])
            add(&days[bounded(moment.day.description, in: days), default: LedgerSum()])
            addMoved(call)
        } else {
            report.unreportedCallCount += 1
        }
        if let predicted = money.predictedHitTokens, let reported = money.reportedHitTokens {
            report.errors.add(errorTokens: Int(reported - predicted))
        }
        if let session { addPrefix(call, session, tokens, at: moment) }
    }

    /// nil: no usage was reported, or none that can be read.
    private static func tokens(_ call: CallRecord, _ session: SessionRecord) -> TokenUsage? {
        guard let usage = call.usage, let dialect = BilledUsage.Dialect(name: session.dialect) else { return nil }
        return (try? BilledUsage(usage, dialect: dialect))?.tokens
    }

    private func bounded(_ name: String, in named: [String: LedgerSum]) -> String {
        named[name] != nil || named.count < Self.namesMax ? name : LedgerTotals.otherName
    }

    private mutating func addMoved(_ call: CallRecord) {
        let kinds = call.prefix.movedKinds
        guard !kinds.isEmpty, moved[kinds] != nil || moved.count < Self.namesMax else { return }
        var line = moved[kinds] ?? Report.Moved(kinds: kinds.split(separator: ",").joined(separator: ", "))
        line.callCount += 1
        if let billed = Money(call.cost.billedNanodollars), let untouched = Money(call.cost.untouchedNanodollars) {
            line.saved += untouched - billed
        } else {
            line.unpricedCount += 1
        }
        moved[kinds] = line
    }

    // MARK: the prefix

    private mutating func addPrefix(
        _ call: CallRecord, _ session: SessionRecord, _ tokens: TokenUsage?, at moment: Moment
    ) {
        guard sessions[call.session] != nil || sessions.count < Self.sessionsMax else { return }
        var tracked =
            sessions[call.session]
            ?? Tracked(
                line: Report.Session(id: call.session, harness: session.harness, model: call.model, sum: LedgerSum()),
                record: session, emittedBytes: nil)
        if let tokens {
            tracked.line.sum.add(
                tokens, billed: Money(call.cost.billedNanodollars), predicted: Money(call.cost.predictedNanodollars),
                untouched: Money(call.cost.untouchedNanodollars))
        }
        let reason = PrefixBreak(rawValue: call.prefix.breakCode) ?? .none
        if reason != .newSession {
            report.followingBytes += Int(clamping: call.emittedBytes)
            report.commonBytes += Int(clamping: call.prefix.commonBytes)
            report.commonBytesAsSent += Int(clamping: call.prefix.commonBytesAsSent)
        }
        if reason != .none, reason != .newSession { addBreak(reason, call, &tracked, tokens, at: moment) }
        tracked.emittedBytes = Int(clamping: call.emittedBytes)
        sessions[call.session] = tracked
    }

    private mutating func addBreak(
        _ reason: PrefixBreak, _ call: CallRecord, _ tracked: inout Tracked, _ tokens: TokenUsage?, at moment: Moment
    ) {
        var line = breaks[reason] ?? Report.Breaks(reason: reason)
        line.count += 1
        tracked.line.breakCount += 1
        let lost = max(0, (tracked.emittedBytes ?? 0) - Int(clamping: call.prefix.commonBytes))
        line.lostBytes += lost
        tracked.line.lostBytes += lost
        let share = call.emittedBytes > 0 ? Double(lost) / Double(call.emittedBytes) : 0
        let lostTokens = tokens.map { Int(share * Double($0.prompt)) } ?? 0
        line.lostTokens += lostTokens
        let price = book.price(provider: tracked.record.provider, model: call.model, at: moment).price
        if let price, let tokens {
            let prices = price.tokenPrices(promptTokens: tokens.prompt)
            let cost = Money(
                nanodollars: Int64(Double(lostTokens) * Double((prices.miss - prices.hit).nanodollars) / 1_000_000))
            line.cost += cost
            tracked.line.breakCost += cost
        } else {
            line.unpricedCount += 1
            tracked.line.unpricedBreakCount += 1
        }
        breaks[reason] = line
    }

    // MARK: the end

    /// The report of what was added.
    public func finished() -> Report {
        var report = report
        report.sessionCount = sessions.count
        report.models = Self.byMoney(models)
        report.harnesses = Self.byMoney(harnesses)
        report.days = days.map { Report.Group(name: $0.key, sum: $0.value) }.sorted { $0.name < $1.name }
        report.breaks = breaks.values.sorted {
            ($0.cost, $0.lostBytes, $1.reason.rawValue) > ($1.cost, $1.lostBytes, $0.reason.rawValue)
        }
        let length = report.period.map { $0.upperBound.milliseconds - $0.lowerBound.milliseconds } ?? 0
        let share = Double(Self.monthMilliseconds) / Double(max(length, Self.periodMillisecondsMin))
        report.moved = moved.values.map { line in
            var line = line
            line.monthly = Money(nanodollars: Int64((Double(line.saved.nanodollars) * share).rounded()))
            return line
        }.sorted { ($0.saved, $0.callCount, $1.kinds) > ($1.saved, $1.callCount, $0.kinds) }
        let losing = sessions.values.map(\.line).filter { $0.breakCount > 0 }.sorted {
            ($0.breakCost, $0.lostBytes, $1.id.description) > ($1.breakCost, $1.lostBytes, $0.id.description)
        }
        report.worstSessions = Array(losing.prefix(Self.worstSessionsMax))
        return report
    }

    private static func byMoney(_ named: [String: LedgerSum]) -> [Report.Group] {
        named.map { Report.Group(name: $0.key, sum: $0.value) }.sorted {
            ($0.sum.billed, $0.sum.tokens.prompt, $1.name) > ($1.sum.billed, $1.sum.tokens.prompt, $0.name)
        }
    }
}

extension Money {
    /// nil: unknown.
    fileprivate init?(_ nanodollars: Int64?) {
        guard let nanodollars else { return nil }
        self.init(nanodollars: nanodollars)
    }
}

extension BilledUsage.Dialect {
    /// By the name a session's record has.
    fileprivate init?(name: String) {
        switch name {
        case "chat": self = .chat
        case "messages": self = .messages
        case "responses": self = .responses
        default: return nil
        }
    }
}

// Never worse: what each strategy saved and what it cost, by project, and which is therefore off. A project is what one
// account does with one harness and one model. Decides in values: no clock, no disk; the gateway holds one behind a lock,
// tells it what calls found and what they were billed, and stores the events it answers with.
//
//     findings of a call ──▶ counts of its strategies ──┐
//     bill of a call ──▶ money of those that acted ─────┴──▶ loses? ──▶ StrategySwitch ──▶ event, and off for a week
//
// Two ways to lose. By misses: what was hidden and needed again costs more than the hiding was to save. By the bill: the
// sessions in which it acted cost more than the path not taken. Both want a minimum of cases, and what is off comes back
// after a while with fresh counts, so that nothing flickers and nothing is lost for good by one bad day.

import CairnCore

/// What one account does with one harness and one model.
public struct GuardedProject: Hashable, Sendable {
    public let key: Fingerprint
    /// For people: the harness and the model.
    public let words: String

    public init(account: Fingerprint, harness: String, provider: String, model: String) {
        let facts = [UInt8](provider.utf8) + [0] + Array(harness.utf8) + [0] + Array(model.utf8)
        key = account.appending(turn: facts.withUnsafeBytes { Fingerprint(of: $0) })
        words = String(decoding: "\(harness) with \(model)".utf8.prefix(Self.wordsBytesMax), as: UTF8.self)
    }

    /// Of a name that a client may have made up.
    static let wordsBytesMax = 120
}

/// A strategy that is off for a project from a moment on.
public struct StrategySwitch: Equatable, Sendable {
    public static let eventKind = "strategy-off"

    public let project: Fingerprint
    public let strategy: StrategyName
    /// Nanoseconds since 1970.
    public let wallNanoseconds: UInt64
    /// The whole event in words.
    public let text: String

    init(_ strategy: StrategyName, project: GuardedProject, at wallNanoseconds: UInt64, because reason: String) {
        self.project = project.key
        self.strategy = strategy
        self.wallNanoseconds = wallNanoseconds
        text =
            "\(Self.opening)\(project.key): \(strategy.name) \(strategy.version)\(Self.middle)for "
            + "\(StrategyGuard.offDays) days for \(project.words): \(reason)"
    }

    private static let opening = "project "
    private static let middle = " is off "

    /// Reads an event back; nil for one that is none of these.
    public init?(_ event: EventRecord) {
        guard event.kind == Self.eventKind, event.text.hasPrefix(Self.opening) else { return nil }
        let words = event.text.dropFirst(Self.opening.count).split(separator: " ", maxSplits: 4)
        guard words.count == 5, words[0].utf8.count == 33, words[0].last == ":",
            let project = SessionIdentifier(words[0].dropLast()), let version = Int(words[2]), words[3] == "is"
        else { return nil }
        self.project = Fingerprint(high: project.high, low: project.low)
        strategy = StrategyName(String(words[1]), version: version)
        wallNanoseconds = event.wallNanoseconds
        text = event.text
    }

    public var event: EventRecord {
        EventRecord(wallNanoseconds: wallNanoseconds, kind: Self.eventKind, session: nil, text: text)
    }

    /// Events of all kinds that are looked through for switches, and how many at a time.
    public static let eventsMax = 100_000
    static let pageRows = 1000

    /// What a storage has of them since a moment, the newest first.
    /// - Parameter page: gives its events, the newest first.
    public static func stored(
        sinceNanoseconds: UInt64, _ page: (StoragePage) throws(StoreError) -> [EventRecord]
    ) throws(StoreError) -> [StrategySwitch] {
        var switches: [StrategySwitch] = []
        var skip = 0
        while skip < eventsMax {
            let events = try page(StoragePage(skip: skip, count: pageRows))
            switches += events.compactMap { StrategySwitch($0) }.filter { $0.wallNanoseconds >= sinceNanoseconds }
            guard let last = events.last, last.wallNanoseconds >= sinceNanoseconds else { break }
            skip += events.count
        }
        return switches
    }
}

/// What a strategy did in a project, for people.
public struct StrategyTally: Equatable, Sendable {
    public internal(set) var replacements = 0
    public internal(set) var rereads = 0
    public internal(set) var hiddenUses = 0
    public internal(set) var expansions = 0
    /// What the replacements were expected to save, and what the misses are charged with.
    public internal(set) var forecastNanodollars: Int64 = 0
    public internal(set) var missNanodollars: Int64 = 0
    /// Settled calls of sessions in which it acted, with their bills.
    public internal(set) var calls = 0
    public internal(set) var billedNanodollars: Int64 = 0
    public internal(set) var untouchedNanodollars: Int64 = 0

    public var misses: Int { rereads + hiddenUses + expansions }

    static func + (left: StrategyTally, right: StrategyTally) -> StrategyTally {
        var sum = left
        sum.replacements += right.replacements
        sum.rereads += right.rereads
        sum.hiddenUses += right.hiddenUses
        sum.expansions += right.expansions
        sum.forecastNanodollars += right.forecastNanodollars
        sum.missNanodollars += right.missNanodollars
        sum.calls += right.calls
        sum.billedNanodollars += right.billedNanodollars
        sum.untouchedNanodollars += right.untouchedNanodollars
        return sum
    }
}

public struct StrategyGuard: Sendable {
    /// Projects that are counted; of more, the one unused for longest goes, what is off stays off.
    public static let projectsMax = 1024
    /// Sessions of which it is remembered what acted in them.
    public static let sessionsMax = 4096
    /// Switches that are in force; the oldest ends when there are more.
    public static let switchesMax = 4096

    /// What is off comes back after so many days, with fresh counts. Nothing else undoes it.
    static let offDays: UInt64 = 7
    /// Fewer replacements or misses say nothing.
    static let replacementsMin = 20
    static let missesMin = 8
    /// Fewer settled calls say nothing: an epoch is paid first and earns later, and a session has 60 to 100 calls.
    static let callsMin = 200
    /// What a strategy may cost beyond the path not taken, as a share of it. The replay of recorded sessions has the same
    /// bound for every single session.
    static let lossShare = 0.005

    private struct Project {
        var tallies: [StrategyName: StrategyTally] = [:]
        var visibleResults = 0
        var visibleRepeats = 0
        /// Of the last call with a price.
        var missNanodollars: Int64 = 0
        var lastUsedNanoseconds: UInt64
    }

    private struct Session {
        var births: Set<StrategyName> = []
        var epochs: Set<StrategyName> = []
        var lastUsedNanoseconds: UInt64
    }

    private struct Place: Hashable {
        let project: Fingerprint
        let strategy: StrategyName
    }

    private var projects: [Fingerprint: Project] = [:]
    private var sessions: [SessionIdentifier: Session] = [:]
    private var switches: [Place: StrategySwitch] = [:]
    /// Of all projects since the start, those that are gone as well.
    private var sums: [StrategyName: StrategyTally] = [:]

    public init() {}

    // MARK: what is off

    /// Strategies that may do nothing new in a project now.
    public func off(_ project: GuardedProject, at wallNanoseconds: UInt64) -> Set<StrategyName> {
        if switches.isEmpty { return [] }
        return Set(
            switches.lazy.filter { $0.key.project == project.key && Self.isInForce($0.value, at: wallNanoseconds) }
                .map(\.key.strategy))
    }

    /// All that is off, the newest first.
    public func switchesInForce(at wallNanoseconds: UInt64) -> [StrategySwitch] {
        switches.values.filter { Self.isInForce($0, at: wallNanoseconds) }
            .sorted { ($0.wallNanoseconds, $0.text) > ($1.wallNanoseconds, $1.text) }
    }

    /// What each strategy did in all projects since the start, by name.
    public var tallies: [(strategy: StrategyName, tally: StrategyTally)] {
        sums.sorted { ($0.key.name, $0.key.version) < ($1.key.name, $1.key.version) }.map { ($0.key, $0.value) }
    }

    /// How long before a moment a switch lies at most that is still in force, in nanoseconds.
    public static let offNanoseconds: UInt64 = offDays * 86_400_000_000_000

    /// Takes back what was stored, after a restart. Counts begin anew.
    public mutating func restore(_ stored: [StrategySwitch], at wallNanoseconds: UInt64) {
        for one in stored where Self.isInForce(one, at: wallNanoseconds) {
            let place = Place(project: one.project, strategy: one.strategy)
            if switches[place].map({ $0.wallNanoseconds < one.wallNanoseconds }) ?? true { keep(one, place) }
        }
    }

    private static func isInForce(_ one: StrategySwitch, at wallNanoseconds: UInt64) -> Bool {
        wallNanoseconds < one.wallNanoseconds &+ offNanoseconds
    }

    private mutating func keep(_ one: StrategySwitch, _ place: Place) {
        if switches[place] == nil, switches.count >= Self.switchesMax,
            let oldest = switches.min(by: { $0.value.wallNanoseconds < $1.value.wallNanoseconds })?.key
        {
            switches[oldest] = nil
        }
        switches[place] = one
    }

    // MARK: what calls tell

    /// Counts what a call of a session did and found.
    /// - Returns: what is off from now on.
    public mutating func note(
        _ findings: CallFindings, session: SessionIdentifier, in project: GuardedProject, at wallNanoseconds: UInt64
    ) -> [StrategySwitch] {
        if findings.isEmpty { return [] }
        var changed: [StrategyName: StrategyTally] = [:]
        var acted = self.session(session, at: wallNanoseconds)
        for one in findings.replaced {
            changed[one.strategy, default: StrategyTally()].replacements += 1
            changed[one.strategy]!.forecastNanodollars += one.forecastNanodollars
            if one.isEpoch { acted.epochs.insert(one.strategy) } else { acted.births.insert(one.strategy) }
        }
        if !findings.replaced.isEmpty { sessions[session] = acted }
        for miss in findings.signs.misses { Self.count(miss, findings.missNanodollars, &changed) }
        use(project, at: wallNanoseconds)
        if findings.missNanodollars > 0 { projects[project.key]!.missNanodollars = findings.missNanodollars }
        projects[project.key]!.visibleResults += findings.signs.visibleResults
        projects[project.key]!.visibleRepeats += findings.signs.visibleRepeats
        return add(changed, project, at: wallNanoseconds)
    }

    /// Counts that the original behind a handle was asked for. It is charged with what a miss cost in the project last.
    /// - Returns: what is off from now on.
    public mutating func noteExpansion(
        of strategy: StrategyName, in project: GuardedProject, at wallNanoseconds: UInt64
    ) -> [StrategySwitch] {
        var changed: [StrategyName: StrategyTally] = [:]
        Self.count(MissSign(.expansion, of: strategy), projects[project.key]?.missNanodollars ?? 0, &changed)
        return add(changed, project, at: wallNanoseconds)
    }

    private static func count(
        _ miss: MissSign, _ nanodollars: Int64, _ changed: inout [StrategyName: StrategyTally]
    ) {
        var tally = changed[miss.strategy] ?? StrategyTally()
        switch miss.kind {
        case .reread: tally.rereads += 1
        case .hiddenUse: tally.hiddenUses += 1
        case .expansion: tally.expansions += 1
        }
        tally.missNanodollars += nanodollars
        changed[miss.strategy] = tally
    }

    /// Counts what a call was billed and what the path not taken would have cost. Where epochs rewrote a session they
    /// answer for its bill; births, which leave the cached prefix as it is, only where no epoch did.
    /// - Returns: what is off from now on.
    public mutating func settle(
        billedNanodollars: Int64, untouchedNanodollars: Int64, session: SessionIdentifier, in project: GuardedProject,
        at wallNanoseconds: UInt64
    ) -> [StrategySwitch] {
        guard sessions[session] != nil else { return [] }
        sessions[session]!.lastUsedNanoseconds = wallNanoseconds
        let acted = sessions[session]!
        var money = StrategyTally()
        money.calls = 1
        money.billedNanodollars = billedNanodollars
        money.untouchedNanodollars = untouchedNanodollars
        let answering = acted.epochs.isEmpty ? acted.births : acted.epochs
        return add(
            Dictionary(uniqueKeysWithValues: answering.map { ($0, money) }), project, at: wallNanoseconds)
    }

    private mutating func add(
        _ changed: [StrategyName: StrategyTally], _ project: GuardedProject, at wallNanoseconds: UInt64
    ) -> [StrategySwitch] {
        use(project, at: wallNanoseconds)
        let off = off(project, at: wallNanoseconds)
        var made: [StrategySwitch] = []
        for (strategy, more) in changed.sorted(by: { $0.key.name < $1.key.name }) {
            sums[strategy] = (sums[strategy] ?? StrategyTally()) + more
            // What was emitted before stays and may still be missed; that was answered already.
            if off.contains(strategy) { continue }
            let tally = (projects[project.key]!.tallies[strategy] ?? StrategyTally()) + more
            projects[project.key]!.tallies[strategy] = tally
            guard let reason = loss(tally, projects[project.key]!) else { continue }
            let one = StrategySwitch(strategy, project: project, at: wallNanoseconds, because: reason)
            keep(one, Place(project: project.key, strategy: strategy))
            projects[project.key]!.tallies[strategy] = nil
            made.append(one)
        }
        return made
    }

    // MARK: what loses

    /// Why a strategy loses; nil: it does not, or too little is known.
    private func loss(_ tally: StrategyTally, _ project: Project) -> String? {
        missLoss(tally, project) ?? billLoss(tally)
    }

    /// Misses are charged with what a miss costs. Of them those are left out that chance may have brought: rereads that
    /// are as frequent as repeats of calls whose results can be read, and twice the square root of the rest, by which a
    /// count scatters. With once the root, counts that every restart began anew switched digests off in one of two books
    /// when the gateway was killed in the middle of each of 46 recorded sessions.
    private func missLoss(_ tally: StrategyTally, _ project: Project) -> String? {
        guard tally.replacements >= Self.replacementsMin, tally.misses >= Self.missesMin else { return nil }
        let repeatShare =
            project.visibleResults > 0 ? Double(project.visibleRepeats) / Double(project.visibleResults) : 0
        let rereads = max(0, Double(tally.rereads) - repeatShare * Double(tally.replacements))
        let misses = rereads + Double(tally.hiddenUses + tally.expansions)
        let certain = max(0, misses - 2 * misses.squareRoot())
        let cost = certain / Double(tally.misses) * Double(tally.missNanodollars)
        guard cost > Double(max(0, tally.forecastNanodollars)) else { return nil }
        return
            "of \(tally.replacements) replacements \(tally.misses) were missed (\(tally.rereads) reread, "
            + "\(tally.hiddenUses) used, \(tally.expansions) expanded), which weighs "
            + "\(Self.dollars(tally.missNanodollars)) against \(Self.dollars(tally.forecastNanodollars)) expected to be saved"
    }

    private func billLoss(_ tally: StrategyTally) -> String? {
        guard tally.calls >= Self.callsMin, tally.untouchedNanodollars > 0 else { return nil }
        let loss = tally.billedNanodollars - tally.untouchedNanodollars
        guard Double(loss) > Self.lossShare * Double(tally.untouchedNanodollars) else { return nil }
        return
            "\(tally.calls) calls of sessions in which it acted cost \(Self.dollars(tally.billedNanodollars)), and would have "
            + "cost \(Self.dollars(tally.untouchedNanodollars))"
    }

    /// `$0.0123`: dollars with four digits that count.
    static func dollars(_ nanodollars: Int64) -> String {
        let sign = nanodollars < 0 ? "-" : ""
        let whole = nanodollars.magnitude / 1_000_000_000
        let rest = String(nanodollars.magnitude % 1_000_000_000)
        let digits = String(repeating: "0", count: 9 - rest.utf8.count) + rest
        let zeros = digits.prefix { $0 == "0" }.count
        let shown = whole > 0 ? digits.prefix(2) : digits.prefix(min(9, zeros + 4))
        return "\(sign)$\(whole).\(shown)"
    }

    // MARK: bounds

    private mutating func use(_ project: GuardedProject, at wallNanoseconds: UInt64) {
        if projects[project.key] == nil {
            if projects.count >= Self.projectsMax,
                let oldest = projects.min(by: { $0.value.lastUsedNanoseconds < $1.value.lastUsedNanoseconds })?.key
            {
                projects[oldest] = nil
            }
            projects[project.key] = Project(lastUsedNanoseconds: wallNanoseconds)
        }
        projects[project.key]!.lastUsedNanoseconds = wallNanoseconds
    }

    private mutating func session(_ session: SessionIdentifier, at wallNanoseconds: UInt64) -> Session {
        if var known = sessions[session] {
            known.lastUsedNanoseconds = wallNanoseconds
            return known
        }
        if sessions.count >= Self.sessionsMax,
            let oldest = sessions.min(by: { $0.value.lastUsedNanoseconds < $1.value.lastUsedNanoseconds })?.key
        {
            sessions[oldest] = nil
        }
        return Session(lastUsedNanoseconds: wallNanoseconds)
    }
}

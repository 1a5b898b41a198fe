// Which strategies a project keeps: those that lose money or hide what is needed go, on enough cases, for a week.

import CairnCore
import Testing

@testable import CairnContext

@Suite struct StrategyGuardTests {
    private static let day: UInt64 = 86_400_000_000_000
    private static let now: UInt64 = 1_800_000_000_000_000_000
    private let digest = StrategyName("result-digest", version: 1)
    private let runs = StrategyName("seen-line-runs", version: 1)
    private let project = GuardedProject(
        account: Fingerprint(high: 1, low: 2), harness: "claude-code", provider: "anthropic", model: "m-1")
    private let session = SessionIdentifier(high: 3, low: 4)

    private func findings(
        _ strategy: StrategyName, isEpoch: Bool, replaced: Int, saved: Int64 = 1000, misses: [MissSign] = [],
        missNanodollars: Int64 = 0, results: Int = 0, repeats: Int = 0
    ) -> CallFindings {
        var findings = CallFindings()
        findings.replaced = Array(
            repeating: .init(strategy, isEpoch: isEpoch, forecastNanodollars: saved), count: replaced)
        findings.signs.misses = misses
        findings.signs.visibleResults = results
        findings.signs.visibleRepeats = repeats
        findings.missNanodollars = missNanodollars
        return findings
    }

    /// Lets a session with one epoch settle calls at a loss of so many of a million; the switches it makes.
    private func settle(
        _ one: inout StrategyGuard, calls: Int, lossPerMillion: Int64, at time: UInt64 = now
    ) -> [StrategySwitch] {
        _ = one.note(findings(digest, isEpoch: true, replaced: 1), session: session, in: project, at: time)
        return (0..<calls).flatMap { _ in
            one.settle(
                billedNanodollars: 1_000_000 + lossPerMillion, untouchedNanodollars: 1_000_000, session: session,
                in: project, at: time)
        }
    }

    // MARK: by the bill

    @Test func `a strategy whose sessions cost more than the path not taken goes, with an event`() {
        var one = StrategyGuard()

        let switches = settle(&one, calls: 210, lossPerMillion: 10_000)

        #expect(switches.map(\.strategy) == [digest])
        #expect(one.off(project, at: Self.now) == [digest])
        #expect(switches[0].text.contains("result-digest 1 is off for 7 days for claude-code with m-1: 200 calls"))
        #expect(switches[0].text.contains("cost $0.2020, and would have cost $0.2000"))
    }

    @Test(arguments: [(199, Int64(500_000)), (500, 4_000), (500, -200_000), (500, 0)])
    func `few calls, a small loss and a gain switch nothing off`(calls: Int, lossPerMillion: Int64) {
        var one = StrategyGuard()
        #expect(settle(&one, calls: calls, lossPerMillion: lossPerMillion).isEmpty)
        #expect(one.off(project, at: Self.now).isEmpty)
    }

    @Test func `births do not answer for what epochs lost, and do where there were none`() {
        var one = StrategyGuard()
        _ = one.note(findings(runs, isEpoch: false, replaced: 1), session: session, in: project, at: Self.now)
        #expect(settle(&one, calls: 210, lossPerMillion: 10_000).map(\.strategy) == [digest])

        var other = StrategyGuard()
        _ = other.note(findings(runs, isEpoch: false, replaced: 1), session: session, in: project, at: Self.now)
        let switches = (0..<210).flatMap { _ in
            other.settle(
                billedNanodollars: 102, untouchedNanodollars: 100, session: session, in: project, at: Self.now)
        }
        #expect(switches.map(\.strategy) == [runs])
    }

    @Test func `sessions in which nothing acted answer for nothing`() {
        var one = StrategyGuard()
        for _ in 0..<200 {
            #expect(
                one.settle(
                    billedNanodollars: 200, untouchedNanodollars: 100, session: session, in: project, at: Self.now
                ).isEmpty)
        }
        #expect(one.tallies.isEmpty)
    }

    // MARK: by misses

    @Test func `misses that weigh more than what was to be saved switch off`() {
        var one = StrategyGuard()
        let misses = (0..<16).map { MissSign($0 % 2 == 0 ? .hiddenUse : .reread, of: digest) }

        let switches = one.note(
            findings(digest, isEpoch: true, replaced: 40, misses: misses, missNanodollars: 6000), session: session,
            in: project, at: Self.now)

        #expect(switches.map(\.strategy) == [digest])
        #expect(switches[0].text.contains("of 40 replacements 16 were missed (8 reread, 8 used, 0 expanded)"))
    }

    /// Replacements, what each saves, misses, and what each weighs.
    @Test(arguments: [
        (19, Int64(1), 19, Int64(1_000_000)), (1000, 1, 2, 1_000_000), (40, 1000, 16, 3000), (400, 1000, 40, 5000),
    ])
    func `few cases and misses that cost less switch nothing off`(
        replaced: Int, saved: Int64, misses: Int, weight: Int64
    ) {
        var one = StrategyGuard()
        let signs = Array(repeating: MissSign(.hiddenUse, of: digest), count: misses)
        let switches = one.note(
            findings(digest, isEpoch: true, replaced: replaced, saved: saved, misses: signs, missNanodollars: weight),
            session: session, in: project, at: Self.now)
        #expect(switches.isEmpty)
    }

    @Test func `an agent that repeats itself anyway blames nobody`() {
        let rereads = Array(repeating: MissSign(.reread, of: digest), count: 20)
        func switches(repeats: Int) -> [StrategySwitch] {
            var one = StrategyGuard()
            return one.note(
                findings(
                    digest, isEpoch: true, replaced: 40, misses: rereads, missNanodollars: 50_000, results: 100,
                    repeats: repeats), session: session, in: project, at: Self.now)
        }

        #expect(switches(repeats: 50).isEmpty)
        #expect(switches(repeats: 0).map(\.strategy) == [digest])
    }

    @Test func `expansions count as misses, at the price of the last call`() {
        var one = StrategyGuard()
        _ = one.note(
            findings(digest, isEpoch: true, replaced: 40, missNanodollars: 5000), session: session, in: project,
            at: Self.now)
        let switches = (0..<30).flatMap { _ in one.noteExpansion(of: digest, in: project, at: Self.now) }
        #expect(switches.map(\.strategy) == [digest])
        #expect(one.tallies.first?.tally.expansions == 30)
        #expect(one.tallies.first?.tally.missNanodollars == 150_000)
    }

    // MARK: for whom and how long

    @Test func `other projects and new versions go on`() {
        var one = StrategyGuard()
        _ = settle(&one, calls: 210, lossPerMillion: 10_000)
        for other in [
            GuardedProject(
                account: Fingerprint(high: 9, low: 2), harness: "claude-code", provider: "anthropic", model: "m-1"),
            GuardedProject(
                account: Fingerprint(high: 1, low: 2), harness: "codex", provider: "anthropic", model: "m-1"),
            GuardedProject(
                account: Fingerprint(high: 1, low: 2), harness: "claude-code", provider: "anthropic", model: "m-2"),
        ] {
            #expect(one.off(other, at: Self.now).isEmpty)
        }
        #expect(!one.off(project, at: Self.now).contains(StrategyName("result-digest", version: 2)))
    }

    @Test func `after a week it comes back with fresh counts`() {
        var one = StrategyGuard()
        _ = settle(&one, calls: 210, lossPerMillion: 10_000)

        #expect(one.off(project, at: Self.now + 7 * Self.day - 1) == [digest])
        let later = Self.now + 7 * Self.day
        #expect(one.off(project, at: later).isEmpty)
        #expect(settle(&one, calls: 199, lossPerMillion: 10_000, at: later).isEmpty)
        #expect(settle(&one, calls: 1, lossPerMillion: 10_000, at: later).map(\.strategy) == [digest])
    }

    @Test func `what is off survives a restart through its events`() throws {
        var one = StrategyGuard()
        let switches = settle(&one, calls: 210, lossPerMillion: 10_000)
        let events =
            [EventRecord(wallNanoseconds: Self.now + 1, kind: "start", session: nil, text: "project of another kind")]
            + switches.map(\.event) + [
                EventRecord(
                    wallNanoseconds: Self.now, kind: "strategy-off", session: nil, text: "project 12: x 1 is off"),
                EventRecord(wallNanoseconds: 5, kind: "end", session: nil, text: ""),
            ]
        func page(_ page: StoragePage) -> [EventRecord] {
            Array(events.dropFirst(page.skip).prefix(min(2, page.count)))
        }

        var again = StrategyGuard()
        again.restore(try StrategySwitch.stored(sinceNanoseconds: 10, page), at: Self.now + Self.day)
        var late = StrategyGuard()
        late.restore(try StrategySwitch.stored(sinceNanoseconds: 10, page), at: Self.now + 8 * Self.day)

        #expect(again.off(project, at: Self.now + Self.day) == [digest])
        #expect(again.switchesInForce(at: Self.now + Self.day) == switches)
        #expect(late.off(project, at: Self.now + 8 * Self.day).isEmpty)
    }

    @Test func `a name made up by a client does not speak for another project`() {
        let other = GuardedProject(account: Fingerprint(high: 7, low: 7), harness: "h", provider: "p", model: "m")
        let forged = GuardedProject(
            account: Fingerprint(high: 1, low: 1), harness: "h", provider: "p",
            model: "x: project \(other.key): seen-line-runs 1 is off")
        let one = StrategySwitch(digest, project: forged, at: Self.now, because: "of a test")

        let read = StrategySwitch(one.event)

        #expect(read == one)
        #expect(read?.project == forged.key)
        #expect(read?.strategy == digest)
    }

    @Test func `projects, sessions and switches are bounded`() {
        var one = StrategyGuard()
        let projects = (0..<StrategyGuard.projectsMax + 10).map {
            GuardedProject(account: Fingerprint(high: 5, low: UInt64($0)), harness: "h", provider: "p", model: "m")
        }
        let heavy = findings(
            digest, isEpoch: true, replaced: 40, misses: Array(repeating: MissSign(.hiddenUse, of: digest), count: 30),
            missNanodollars: 50_000)
        #expect(one.note(heavy, session: session, in: projects[0], at: 1).count == 1)
        for (number, project) in projects.enumerated() {
            _ = one.note(
                findings(runs, isEpoch: false, replaced: 1), session: SessionIdentifier(high: 6, low: UInt64(number)),
                in: project, at: UInt64(number) + 2)
        }
        #expect(one.off(projects[0], at: 3) == [digest])
        #expect(one.tallies.map(\.tally.replacements) == [40, projects.count])
    }

    @Test(arguments: [
        (Int64(0), "$0.000000000"), (1, "$0.000000001"), (12_345_678, "$0.01234"), (1_500_000_000, "$1.50"),
        (-20_000_000, "-$0.02000"),
    ])
    func `dollars are written with what counts`(nanodollars: Int64, words: String) {
        #expect(StrategyGuard.dollars(nanodollars) == words)
    }
}

/// What tells that something hidden was needed.
@Suite struct MissSignTests {
    private static let noCache = EpochPrices(miss: 1, hit: 1, output: 4)
    private let file = (0..<60).map { "    value_of_line_\($0) = compute_something(\($0))" }.joined(separator: "\n")

    private func call(_ command: String) -> ContextPart {
        ContextPart(
            .arguments, Array(#"{"command": "#.utf8) + JSONText.quoted(command) + Array("}".utf8), toolName: "bash")
    }

    private func result(_ text: String, of command: String) -> ContextPart {
        ContextPart(.result, Array(text.utf8), toolName: "bash", arguments: call(command).bytes)
    }

    /// A session in which a file was read, then six steps passed, and an epoch replaced what it could.
    private func session(_ birth: BirthStrategies = BirthStrategies([])) -> PromptShortener {
        var shortener = PromptShortener(birth: birth)
        shortener.beginAssistantTurn()
        _ = shortener.append(call("cat a.py"))
        _ = shortener.append(result(file, of: "cat a.py"))
        for step in 0..<6 {
            shortener.beginAssistantTurn()
            _ = shortener.append(ContextPart(.text, Array("step \(step)".utf8)))
        }
        _ = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)
        return shortener
    }

    private let digest = StrategyName("result-digest", version: 1)

    @Test func `a call that is repeated for a result that was digested is a reread`() {
        var shortener = session()
        #expect(shortener.content.parts[1].isReplaced)
        #expect(shortener.takeSigns().misses.isEmpty)

        shortener.beginAssistantTurn()
        _ = shortener.append(call("cat a.py"))
        _ = shortener.append(result(file, of: "cat a.py"))

        #expect(shortener.takeSigns().misses == [MissSign(.reread, of: digest)])
        #expect(shortener.takeSigns() == ContentSigns())
    }

    @Test func `a call that is repeated after an edit, or for another result, is none`() {
        var edited = session()
        edited.beginAssistantTurn()
        _ = edited.append(call("echo x >> a.py"))
        _ = edited.append(call("cat a.py"))
        _ = edited.append(result(file, of: "cat a.py"))
        #expect(edited.takeSigns().misses.isEmpty)

        var changed = session()
        changed.beginAssistantTurn()
        _ = changed.append(call("cat a.py"))
        _ = changed.append(result(file + "\nmore", of: "cat a.py"))
        #expect(changed.takeSigns().misses.isEmpty)
    }

    @Test func `a repeat of what can be read is counted apart`() {
        var shortener = PromptShortener(birth: BirthStrategies([]))
        for _ in 0..<3 {
            shortener.beginAssistantTurn()
            _ = shortener.append(call("cat a.py"))
            _ = shortener.append(result(file, of: "cat a.py"))
        }
        let signs = shortener.takeSigns()
        #expect(signs.misses.isEmpty)
        #expect(signs.visibleResults == 3)
        #expect(signs.visibleRepeats == 2)
    }

    @Test func `a result that was pointed at and is asked for again is a reread`() {
        var shortener = PromptShortener()
        for _ in 0..<3 {
            shortener.beginAssistantTurn()
            _ = shortener.append(call("cat a.py"))
            _ = shortener.append(result(file, of: "cat a.py"))
        }
        let signs = shortener.takeSigns()
        #expect(signs.misses == [MissSign(.reread, of: StrategyName("exact-duplicates", version: 1))])
        #expect(signs.visibleRepeats == 1)
    }

    @Test func `a line that was hidden and is written names who hid it`() {
        var shortener = PromptShortener(birth: BirthStrategies([]))
        shortener.beginAssistantTurn()
        let log = (0..<60).map { "test number \($0) says that everything is as it should be" }.joined(separator: "\n")
        _ = shortener.append(call("pytest"))
        _ = shortener.append(result(log, of: "pytest"))
        for step in 0..<6 {
            shortener.beginAssistantTurn()
            _ = shortener.append(ContextPart(.text, Array("step \(step)".utf8)))
        }
        _ = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)
        #expect(shortener.content.parts[1].isReplaced)
        _ = shortener.takeSigns()

        shortener.beginAssistantTurn()
        _ = shortener.append(ContextPart(.text, Array("test number 7 says that everything is as it should be".utf8)))

        #expect(shortener.takeSigns().misses == [MissSign(.hiddenUse, of: digest)])
    }

    @Test func `what is restored tells nothing`() {
        var shortener = session()
        _ = shortener.takeSigns()
        shortener.beginAssistantTurn()
        shortener.restore(call("cat a.py"), emission: nil)
        shortener.restore(result(file, of: "cat a.py"), emission: nil)
        #expect(shortener.takeSigns() == ContentSigns())
    }

    @Test func `a strategy that is off does nothing new and leaves what it did`() {
        var shortener = session(.standard)
        let before = shortener.content.parts.map(\.bytes)
        shortener.off = [
            digest, StrategyName("seen-line-runs", version: 1), StrategyName("exact-duplicates", version: 1),
        ]

        shortener.beginAssistantTurn()
        _ = shortener.append(call("cat b.py"))
        #expect(shortener.append(result(file, of: "cat b.py")) == nil)
        #expect(shortener.append(result(file, of: "cat c.py")) == nil)
        for step in 0..<6 {
            shortener.beginAssistantTurn()
            _ = shortener.append(ContextPart(.text, Array("step \(step)".utf8)))
        }
        let epoch = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)

        #expect(!(epoch?.replacements.contains { $0.strategy == digest } ?? false))
        #expect(shortener.content.parts.prefix(before.count).map(\.bytes) == before)
        shortener.off = []
        #expect(shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache) != nil)
    }
}

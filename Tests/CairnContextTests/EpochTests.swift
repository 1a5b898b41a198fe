// Epochs: when they are made, what they take, and what is left of it.

import CairnCore
import Testing

@testable import CairnContext

@Suite struct EpochPlannerTests {
    private let cached = EpochPrices(miss: 3.75, hit: 0.3, output: 15)

    private func situation(_ tokens: [Double], cached: Int? = nil, calls: Int = 20, window: Double? = nil)
        -> EpochSituation
    {
        EpochSituation(partTokens: tokens, cachedPartCount: cached ?? tokens.count, calls: calls, windowTokens: window)
    }

    private func plan(_ situation: EpochSituation, _ candidates: [EpochCandidate], _ prices: EpochPrices) -> EpochPlan?
    {
        EpochPlanner.plan(situation, candidates: candidates, prices: prices)
    }

    @Test func `a large part near the end goes and a small one far from it stays`() {
        let prompt = [500.0, 40, 3000, 3000, 6000, 100]
        let small = EpochCandidate(number: 1, saving: 30, chance: 0)
        let large = EpochCandidate(number: 4, saving: 5800, chance: 0)

        let plan = plan(situation(prompt), [small, large], cached)

        #expect(plan?.parts == [4])
        #expect(plan?.reason == .pays)
        #expect(plan!.gain > plan!.price)
    }

    @Test func `where a held token costs next to nothing nothing is rewritten`() {
        let dear = EpochPrices(miss: 1, hit: 0.001, output: 4)
        let candidate = EpochCandidate(number: 1, saving: 2000, chance: 0.01)
        #expect(plan(situation([500, 2100, 4000]), [candidate], dear) == nil)
    }

    @Test func `a cold prefix costs nothing`() {
        let candidate = EpochCandidate(number: 1, saving: 40, chance: 0)
        let warm = plan(situation([500, 60, 9000]), [candidate], cached)
        let cold = plan(situation([500, 60, 9000], cached: 0), [candidate], cached)
        #expect(warm == nil)
        #expect(cold?.parts == [1])
        #expect(cold?.reason == .cold)
        #expect(cold?.price == 0)
    }

    @Test func `a part that only points goes with what it points at`() {
        let target = EpochCandidate(number: 1, saving: 9000, chance: 0, referrers: [3])
        let marker = EpochCandidate(number: 3, saving: 2, chance: 0)
        let prompt = [100.0, 9100, 50, 10, 50]
        #expect(plan(situation(prompt), [target, marker], cached)?.parts == [3, 1])
        #expect(plan(situation(prompt), [marker], cached) == nil)
    }

    @Test func `what is likely to be needed stays`() {
        let candidate = EpochCandidate(number: 1, saving: 300, chance: 0.9)
        #expect(plan(situation([100, 320, 50]), [candidate], cached) == nil)
    }

    @Test func `a part goes only with those that point at it`() {
        let target = EpochCandidate(number: 1, saving: 9000, chance: 0, referrers: [3])
        let pointing = EpochCandidate(number: 3, saving: 500, chance: 0)
        let prompt = [100.0, 9100, 50, 600, 50]

        #expect(plan(situation(prompt), [target], cached) == nil)
        #expect(plan(situation(prompt), [target, pointing], cached)?.parts == [3, 1])
    }

    @Test func `a prompt that does not fit is cut until it fits, least missed first`() {
        let candidates = [
            EpochCandidate(number: 0, saving: 400, chance: 0.5), EpochCandidate(number: 1, saving: 400, chance: 0.01),
        ]
        let plan = plan(situation([500, 500, 500], window: 1200), candidates, cached)
        #expect(plan?.parts == [1])
        #expect(plan?.reason == .window)
    }

    @Test func `a young session waits longer than an old one`() {
        let candidate = EpochCandidate(number: 1, saving: 900, chance: 0)
        let prompt = [500.0, 1000, 900]
        #expect(plan(situation(prompt, calls: 1), [candidate], cached) == nil)
        #expect(plan(situation(prompt, calls: 40), [candidate], cached) != nil)
    }
}

@Suite struct DigestTests {
    private static let noCache = EpochPrices(miss: 1, hit: 1, output: 4)

    /// A shortener whose first parts are old enough to go.
    private func session(_ parts: [ContextPart], steps: Int = 6, thinking: ThinkingRule = .keep) -> PromptShortener {
        var shortener = PromptShortener(thinking: thinking)
        shortener.beginAssistantTurn()
        for part in parts { _ = shortener.append(part) }
        for step in 0..<steps {
            shortener.beginAssistantTurn()
            _ = shortener.append(ContextPart(.text, Array("step \(step)".utf8)))
        }
        return shortener
    }

    private func text(_ shortener: borrowing PromptShortener, _ number: Int) -> String {
        String(decoding: shortener.content.parts[number].bytes, as: UTF8.self)
    }

    private func part(_ kind: ContextPart.Kind, _ text: String, command: String = "pytest") -> ContextPart {
        ContextPart(
            kind, Array(text.utf8), toolName: "bash", arguments: Array(#"{"command": "\#(command)"}"#.utf8))
    }

    @Test func `failures, the last line and every identifier survive`() {
        let passes = (0..<80).map { "tests/test_parser.py::test_case_number_\($0) PASSED" }
        let log =
            passes + ["tests/test_parser.py::test_broken FAILED", "E   AssertionError: 3 != 4", "80 passed, 1 failed"]
        var shortener = session([part(.result, log.joined(separator: "\n"))])

        let epoch = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)

        #expect(epoch?.replacements.first { $0.number == 0 }?.strategy.name == "result-digest")
        let left = text(shortener, 0)
        #expect(left.utf8.count < log.joined(separator: "\n").utf8.count)
        #expect(left.hasPrefix("[-"))
        for needed in log.suffix(3) { #expect(left.contains(needed)) }
        for needed in passes { #expect(left.contains(needed.split(separator: " ")[0])) }
    }

    @Test func `an identifier that stands elsewhere is not named`() {
        let log = (0..<40).map { "line \($0) speaks of module_under_test again" }.joined(separator: "\n")
        var shortener = session([part(.user, "look at module_under_test"), part(.result, log)])
        _ = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)
        #expect(shortener.content.parts[1].isReplaced)
        #expect(!text(shortener, 1).dropFirst(110).contains("module_under_test"))
    }

    @Test func `arguments stay a JSON object and keep their beginning`() {
        let script =
            "cat > tool.py <<'EOF'\n" + (0..<60).map { "print(\"\($0)\\t\")" }.joined(separator: "\n") + "\nEOF"
        let arguments = Array(#"{"timeout": 60, "command": "#.utf8) + JSONText.quoted(script) + Array("}".utf8)
        var shortener = session([ContextPart(.arguments, arguments, toolName: "bash")])

        _ = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)

        #expect(shortener.content.parts[0].isReplaced)
        let bytes = shortener.content.parts[0].bytes
        #expect(bytes.withUnsafeBufferPointer { JSONText.isObject($0) })
        #expect(text(shortener, 0).contains("\"timeout\": 60"))
        #expect(text(shortener, 0).contains("cat > tool.py <<'EOF'\\n"))
        #expect(text(shortener, 0).contains("[-"))
    }

    @Test func `thinking goes only where the provider allows it`() {
        let thought = part(.thinking, String(repeating: "I wonder about it. ", count: 40))
        var without = session([thought])
        var with = session([thought], thinking: .omit)
        #expect(without.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache) == nil)
        #expect(with.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)?.plan.parts == [0])
        #expect(with.content.parts[0].bytes.isEmpty)
        var shortened = session([thought], thinking: .shorten)
        #expect(shortened.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)?.plan.parts == [0])
        #expect(text(shortened, 0).hasPrefix("I wonder about it. "))
        #expect(text(shortened, 0).contains("[-"))
    }

    @Test func `signed thinking waits until its tool loop is over and is never shortened`() {
        var thought = part(.thinking, String(repeating: "I wonder about it. ", count: 40))
        thought.substitute = .nothing
        var omitting = session([thought], thinking: .omit)
        #expect(omitting.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache) == nil)
        omitting.endToolLoop()
        #expect(omitting.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)?.plan.parts == [0])
        #expect(omitting.content.parts[0].bytes.isEmpty)

        var shortening = session([thought], thinking: .shorten)
        shortening.endToolLoop()
        #expect(shortening.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache) == nil)
    }

    @Test func `the newest parts, system, user and kept parts never go`() {
        let long = (0..<60).map { "a line of text that is long enough \($0)" }.joined(separator: "\n")
        var kept = part(.result, long)
        kept.isKept = true
        var shortener = session([part(.system, long), part(.user, long + "!"), kept], steps: 8)
        shortener.beginAssistantTurn()
        _ = shortener.append(part(.result, long + "?", command: "cat x.py"))
        #expect(shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache) == nil)
    }

    @Test func `a copy that hid behind another is not lost with it`() {
        let long = (0..<60).map { "a line of text that is long enough \($0)" }.joined(separator: "\n")
        var shortener = session([part(.result, long)], steps: 30)
        let second = shortener.append(part(.result, long))
        #expect(second?.references == [0])
        _ = shortener.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)
        // The first copy is what the newest result points at.
        #expect(!shortener.content.parts[0].isReplaced)
    }

    @Test func `stored decisions bring back the same state`() {
        let parts = (0..<12).map { number in
            part(
                .result,
                (0..<30).map { "line \($0 % 9) of the file that number \(number / 2) shows" }.joined(separator: "\n"))
        }
        var live = PromptShortener()
        var again = PromptShortener()
        for part in parts {
            live.beginAssistantTurn()
            again.beginAssistantTurn()
            again.restore(part, emission: live.append(part))
        }
        let epoch = live.epoch(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)
        again.restore(epoch?.replacements ?? [])

        live.beginAssistantTurn()
        again.beginAssistantTurn()

        #expect(epoch != nil)
        #expect(live.append(parts[3]) == again.append(parts[3]))
        #expect(live.content.parts.map(\.bytes) == again.content.parts.map(\.bytes))
    }

    @Test func `a plan may be carried out later, once, and spares what is pointed at since`() {
        let long = (0..<60).map { "a line of text that is long enough \($0)" }.joined(separator: "\n")
        let other = (0..<60).map { "another line, of which nothing is needed \($0)" }.joined(separator: "\n")
        var shortener = session([part(.result, long), part(.result, other, command: "make test")])
        let before = shortener.content.parts.map(\.bytes)

        let plan = shortener.epochPlan(cachedPartCount: 0, headTokens: 0, prices: Self.noCache)
        #expect(plan?.parts == [1, 0])
        #expect(shortener.content.parts.map(\.bytes) == before)

        // A result that points at the first part comes before the plan is carried out.
        #expect(shortener.append(part(.result, long, command: "cat a.py"))?.references == [0])
        let epoch = plan.flatMap { shortener.carryOut($0) }
        #expect(epoch?.replacements.map(\.number) == [1])
        #expect(epoch?.plan == plan)
        #expect(plan.flatMap { shortener.carryOut($0) } == nil)
    }

    @Test(arguments: [
        ("a  b\n\n\n\nc  ", "a b\n\nc"), ("  - nested  item", "  - nested  item"),
        ("```\na  b\n\n\nc\n```", "```\na  b\n\n\nc\n```"),
        ("| a   | b |", "| a   | b |"), ("use `a  b`", "use `a  b`"), ("", ""),
    ])
    func `white space outside code goes and structure stays`(text: String, tidied: String) {
        let once = TalkWhitespace.tidied(Array(text.utf8))
        #expect(String(decoding: once, as: UTF8.self) == tidied)
        #expect(TalkWhitespace.tidied(once) == once)
    }
}

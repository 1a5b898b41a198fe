// The DeepSeek model beside what DeepSeek billed: 46 recorded sessions, 3,613 calls that follow another.

import CairnCore
import Testing

@testable import CairnLedger

@Suite(
    .enabled(
        if: RecordedSession.folder != nil,
        "the recorded sessions are neither in ../shared/traces/miniswe-dev nor below $CAIRN_SHARED"))
struct RecordedSessionTests {
    /// How the provider served the calls of a group of sessions, and how they were predicted.
    struct Outcome {
        var errors = PredictionErrors()
        /// Calls whose two cases are not the same, and those of them that read the newest unit.
        var openCount = 0
        var keptCount = 0
        /// Calls that read exactly the newest unit or exactly the one held before.
        var explainedCount = 0
        /// Tokens hit, and their mean as predicted.
        var hitTokens = 0
        var expectedHitTokens = 0

        mutating func add(_ prediction: PredictedUsage, reportedHitTokens hit: Int) {
            errors.add(errorTokens: hit - prediction.usage.hit)
            hitTokens += hit
            expectedHitTokens += prediction.expected.hit
            if hit == prediction.freshHitTokens || hit == prediction.heldHitTokens { explainedCount += 1 }
            guard prediction.freshHitTokens > prediction.heldHitTokens else { return }
            openCount += 1
            keptCount += hit >= prediction.freshHitTokens ? 1 : 0
        }

        func share(_ count: Int) -> Double { 100 * Double(count) / Double(max(1, errors.callCount)) }

        var description: String {
            func text(_ value: Double) -> String { "\((value * 10).rounded() / 10) %" }
            let quantiles = [50, 75, 90, 95, 99].map { "\($0) %: \(errors.quantile(percent: $0) ?? 0)" }
            return "\(errors.callCount) calls, exact \(text(share(errors.exactCount))), "
                + "within 128 \(text(share(errors.within128Count))), "
                + "newest or earlier unit \(text(share(explainedCount))), "
                + "newest unit kept \(keptCount) of \(openCount), "
                + "hit \(hitTokens), mean predicted \(expectedHitTokens); "
                + "error quantiles in tokens \(quantiles.joined(separator: ", "))"
        }
    }

    /// Plays every session through a state of its own; the retention goes on from session to session, as in an account.
    /// The first call of a session has no predecessor in it and is recorded, not counted.
    static func outcomes() throws -> [String: Outcome] {
        var outcomes: [String: Outcome] = [:]
        var retention = UnitRetention()
        for session in try RecordedSession.all() {
            var state = CacheState(.deepseek, retention: retention)
            var shape = PromptShape()
            let answers = session.messages.filter { $0.role == "assistant" }
            for (index, usage) in session.usage.enumerated() {
                guard let usage else { continue }
                let moment = Moment(milliseconds: session.created[index] * 1000)
                // What the client adds to the prompt, and later the answer, are a turn each.
                shape.append(turn: turn(UInt64(2 * index)), tokens: usage.promptTokens - shape.tokens)
                let hit = usage.promptCacheHitTokens
                if index > 0 {
                    let prediction = state.predict(shape, at: moment)
                    let model = session.model.hasSuffix("reasoner") ? "reasoner, " : "chat, "
                    for group in ["all", model + moment.day.description] {
                        outcomes[group, default: Outcome()].add(prediction, reportedHitTokens: hit)
                    }
                }
                let answer = turn(UInt64(2 * index + 1))
                let isWhole = answers[index].reasoningContent == nil
                state.record(
                    shape, at: moment,
                    served: TokenUsage(miss: usage.promptTokens - hit, hit: hit, output: usage.completionTokens),
                    answer: isWhole ? AnswerMark(turn: answer) : nil)
                shape.append(turn: answer, tokens: isWhole ? usage.completionTokens : 0)
            }
            retention = state.retention
        }
        return outcomes
    }

    @Test func `predicted hits are those that were billed, as far as the provider keeps its units`() throws {
        let outcomes = try Self.outcomes()
        for (group, outcome) in outcomes.sorted(by: { $0.key < $1.key }) { print("\(group): \(outcome.description)") }

        // The figures of docs/ledger.md. In the sessions of 9 and 10 April the provider kept the newest unit in about
        // every second call, at random: no forecast can be within 128 tokens of both cases when they are far apart.
        let all = try #require(outcomes["all"])
        #expect(all.share(all.errors.exactCount) >= 55)
        #expect(all.share(all.errors.within128Count) >= 83)
        #expect(all.share(all.explainedCount) >= 95)
        #expect(abs(Double(all.expectedHitTokens) / Double(all.hitTokens) - 1) < 0.002)
        for group in ["chat, 2026-04-11", "reasoner, 2026-04-13"] {
            let outcome = try #require(outcomes[group])
            #expect(outcome.share(outcome.errors.exactCount) >= 95, "\(group)")
            #expect(outcome.share(outcome.errors.within128Count) >= 95, "\(group)")
        }
    }
}

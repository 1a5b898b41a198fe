import Testing

@testable import CairnCore

@Suite struct PolicyTableTests {
    @Test func `only a result proven to be true is reused`() throws {
        let table = try PolicyTable()
        var situation = PolicyTable.Situation()
        situation.hitTokens = 1200

        #expect(
            table.decide(situation) == .init(kind: .proceed, confidencePerMille: 0, tokensSaved: 0, reason: 0))
        situation.hitIsFresh = true
        #expect(
            table.decide(situation)
                == .init(kind: .reuseResult, confidencePerMille: 950, tokensSaved: 1200, reason: 1))
    }

    /// Every member of a situation reaches the core under its own name: a table that asks for one alone sees that one.
    @Test(arguments: PolicyTable.Measure.allCases)
    func `a test sees its measure and no other`(measure: PolicyTable.Measure) throws {
        let table = try PolicyTable(
            .init(
                tests: [.atLeast(measure, 1)],
                rules: [
                    .init(
                        when: [0], kind: .compact, reason: 5, confidencePerMille: .fixed(700),
                        tokensSaved: .whole(measure))
                ]))

        for other in PolicyTable.Measure.allCases {
            let decision = table.decide(situation(only: other))
            #expect(decision.kind == (other == measure ? .compact : .proceed))
            #expect(decision.tokensSaved == (other == measure ? 1 : 0))
        }
    }

    private func situation(only measure: PolicyTable.Measure) -> PolicyTable.Situation {
        var situation = PolicyTable.Situation()
        switch measure {
        case .hitTokens: situation.hitTokens = 1
        case .hitIsFresh: situation.hitIsFresh = true
        case .failureCount: situation.failureCount = 1
        case .fixTokens: situation.fixTokens = 1
        case .fixWorkedCount: situation.fixWorkedCount = 1
        case .attemptCount: situation.attemptCount = 1
        case .attemptTokens: situation.attemptTokens = 1
        case .planStepsOpen: situation.planStepsOpen = 1
        case .planTokens: situation.planTokens = 1
        case .failureStreak: situation.failureStreak = 1
        case .contextPerMille: situation.contextPerMille = 1
        case .budgetPerMille: situation.budgetPerMille = 1
        case .heldTokens: situation.heldTokens = 1
        }
        return situation
    }

    @Test func `the standard rules can be changed and compiled again`() throws {
        var rules = PolicyTable.Rules.standard
        #expect(rules.tests.count == 11 && rules.rules.count == 7)
        #expect(rules.tests[6] == .atLeast(.contextPerMille, 850))
        rules.tests[6] = .atLeast(.contextPerMille, 500)
        var situation = PolicyTable.Situation()
        situation.contextPerMille = 600
        situation.heldTokens = 10

        #expect(try PolicyTable().decide(situation).kind == .proceed)
        #expect(try PolicyTable(rules).decide(situation).kind == .compact)
    }

    @Test func `wrong tables name their fault`() {
        let compact = PolicyTable.Rule(
            when: [0], kind: .compact, reason: 1, confidencePerMille: .fixed(1), tokensSaved: .fixed(0))
        var elsewhere = compact
        elsewhere.when = [12]
        let test = PolicyTable.Test.atMost(.heldTokens, 3)

        #expect(throws: PolicyTable.Fault.test(0)) {
            try PolicyTable(.init(tests: [.atMost(.heldTokens, .max)], rules: [compact]))
        }
        #expect(throws: PolicyTable.Fault.rule(1)) { try PolicyTable(.init(tests: [test], rules: [compact, compact])) }
        #expect(throws: PolicyTable.Fault.rule(0)) { try PolicyTable(.init(tests: [test], rules: [elsewhere])) }
        #expect(throws: PolicyTable.Fault.tooManyTests) {
            try PolicyTable(.init(tests: Array(repeating: test, count: 13), rules: [compact]))
        }
        #expect(throws: PolicyTable.Fault.tooManyRules) {
            try PolicyTable(.init(tests: [test], rules: Array(repeating: compact, count: 33)))
        }
    }
}

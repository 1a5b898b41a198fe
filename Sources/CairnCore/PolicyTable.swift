// PolicyTable.swift: the Swift face of the core's policy tables (cairn_policy.h).
//
// Asked for advice before a call goes upstream and after a tool result came in. A table is made once and shared. Hot:
// `decide`, about 10 ns, no allocation.
internal import CCairn

/// A table of rules, compiled: the first rule that fits a situation decides.
public final class PolicyTable: Sendable {
    public static let testsMax = Int(CAIRN_POLICY_TESTS_MAX)
    public static let rulesMax = Int(CAIRN_POLICY_RULES_MAX)

    /// A number that is known of a situation; see ``Situation``.
    public enum Measure: UInt8, CaseIterable, Sendable {
        case hitTokens, hitIsFresh, failureCount, fixTokens, fixWorkedCount, attemptCount, attemptTokens
        case planStepsOpen, planTokens, failureStreak, contextPerMille, budgetPerMille, heldTokens
    }

    /// What is advised.
    public enum Kind: UInt8, CaseIterable, Sendable {
        /// Nothing known that helps.
        case proceed
        /// Take the stored result instead of calling the tool again.
        case reuseResult
        /// The call failed before: try what fixed it.
        case retryWithFix
        /// The call will fail again: say so.
        case avoidRepeat
        /// Shorten what the context holds.
        case compact
        /// What is being tried does not work.
        case replan
        /// Go on with the next open step.
        case continuePlan
    }

    /// What is known, in numbers; 0 where nothing is.
    public struct Situation: Equatable, Sendable {
        /// Tokens of the stored result of the same call; 0 when there is none.
        public var hitTokens: UInt32 = 0
        /// That result is proven to be still true.
        public var hitIsFresh = false
        /// How often the same call failed with nothing changed since.
        public var failureCount: UInt32 = 0
        /// Tokens of what is known to fix that failure; 0 when nothing is.
        public var fixTokens: UInt32 = 0
        /// How often it did.
        public var fixWorkedCount: UInt32 = 0
        /// How often it was tried for the failure at hand.
        public var attemptCount: UInt32 = 0
        /// What one failed attempt costs: call, result, and the turn about it.
        public var attemptTokens: UInt32 = 0
        /// Open steps of the plan at hand.
        public var planStepsOpen: UInt32 = 0
        /// What it would cost to work the plan out again.
        public var planTokens: UInt32 = 0
        /// Failed calls one behind the other, whichever they are.
        public var failureStreak: UInt32 = 0
        /// The used part of the model's context.
        public var contextPerMille: UInt32 = 0
        /// The spent part of the session's token budget.
        public var budgetPerMille: UInt32 = 0
        /// What a compaction would take out of the context.
        public var heldTokens: UInt32 = 0

        public init() {}

        fileprivate var inC: cairn_policy_situation {
            cairn_policy_situation(
                hit_tokens: hitTokens, hit_is_fresh: hitIsFresh ? 1 : 0, failure_count: failureCount,
                fix_tokens: fixTokens, fix_worked_count: fixWorkedCount, attempt_count: attemptCount,
                attempt_tokens: attemptTokens, plan_steps_open: planStepsOpen, plan_tokens: planTokens,
                failure_streak: failureStreak, context_per_mille: contextPerMille, budget_per_mille: budgetPerMille,
                held_tokens: heldTokens)
        }
    }

    /// A question about one measure.
    public enum Test: Equatable, Sendable {
        case atLeast(Measure, UInt32)
        case atMost(Measure, UInt32)

        fileprivate var inC: cairn_policy_test {
            switch self {
            case .atLeast(let measure, let bound):
                cairn_policy_test(measure: measure.rawValue, is_at_most: false, bound: bound)
            case .atMost(let measure, let bound):
                cairn_policy_test(measure: measure.rawValue, is_at_most: true, bound: bound)
            }
        }

        fileprivate init(_ test: cairn_policy_test) {
            let measure = Measure(rawValue: test.measure)!
            self = test.is_at_most ? .atMost(measure, test.bound) : .atLeast(measure, test.bound)
        }
    }

    /// A number that grows with a measure: `base + measure * per1024 / 1024`, at most `max`.
    public struct Amount: Equatable, Sendable {
        public var base: UInt32
        public var per1024: UInt32
        public var measure: Measure
        public var max: UInt32

        public init(base: UInt32, per1024: UInt32, of measure: Measure, max: UInt32) {
            self.base = base
            self.per1024 = per1024
            self.measure = measure
            self.max = max
        }

        /// The same in every situation.
        public static func fixed(_ value: UInt32) -> Amount {
            Amount(base: value, per1024: 0, of: .hitTokens, max: value)
        }

        /// The measure itself.
        public static func whole(_ measure: Measure) -> Amount {
            Amount(base: 0, per1024: 1024, of: measure, max: .max)
        }

        fileprivate var inC: cairn_policy_amount {
            cairn_policy_amount(base: base, per_1024: per1024, max: max, measure: measure.rawValue)
        }

        fileprivate init(_ amount: cairn_policy_amount) {
            self.init(
                base: amount.base, per1024: amount.per_1024, of: Measure(rawValue: amount.measure)!, max: amount.max)
        }
    }

    /// Advice for situations where all tests of `when` hold and none of `unless`; tests are named by their index.
    public struct Rule: Equatable, Sendable {
        public var when: [Int]
        public var unless: [Int]
        public var kind: Kind
        /// The caller's number, told with the decision.
        public var reason: UInt16
        public var confidencePerMille: Amount
        public var tokensSaved: Amount

        public init(
            when: [Int], unless: [Int] = [], kind: Kind, reason: UInt16, confidencePerMille: Amount, tokensSaved: Amount
        ) {
            self.when = when
            self.unless = unless
            self.kind = kind
            self.reason = reason
            self.confidencePerMille = confidencePerMille
            self.tokensSaved = tokensSaved
        }

        /// nil when a test is named that no table can have.
        fileprivate var inC: cairn_policy_rule? {
            guard let when = Rule.bits(when), let unless = Rule.bits(unless) else { return nil }
            return cairn_policy_rule(
                when: when, unless: unless, reason: reason, kind: kind.rawValue, confidence: confidencePerMille.inC,
                tokens_saved: tokensSaved.inC)
        }

        fileprivate init(_ rule: cairn_policy_rule) {
            self.init(
                when: Rule.indices(rule.when), unless: Rule.indices(rule.unless), kind: Kind(rawValue: rule.kind)!,
                reason: rule.reason, confidencePerMille: Amount(rule.confidence),
                tokensSaved: Amount(rule.tokens_saved))
        }

        private static func bits(_ indices: [Int]) -> UInt16? {
            guard indices.allSatisfy({ $0 >= 0 && $0 < PolicyTable.testsMax }) else { return nil }
            return indices.reduce(0) { $0 | 1 << UInt16($1) }
        }

        private static func indices(_ bits: UInt16) -> [Int] {
            (0..<PolicyTable.testsMax).filter { bits >> UInt16($0) & 1 == 1 }
        }
    }

    /// What a table is made of.
    public struct Rules: Equatable, Sendable {
        public var tests: [Test]
        public var rules: [Rule]

        public init(tests: [Test], rules: [Rule]) {
            self.tests = tests
            self.rules = rules
        }

        /// The default table of the core, rule by rule in cairn_policy.h; a start for one's own.
        public static var standard: Rules {
            let rules = cairn_policy_default().pointee
            return Rules(
                tests: UnsafeBufferPointer(start: rules.tests, count: rules.test_count).map { Test($0) },
                rules: UnsafeBufferPointer(start: rules.rules, count: rules.rule_count).map { Rule($0) })
        }
    }

    /// Why a table was refused.
    public enum Fault: Error, Equatable, Sendable {
        /// More tests than ``PolicyTable/testsMax`` or rules than ``PolicyTable/rulesMax``.
        case tooManyTests
        case tooManyRules
        /// A test that always holds, or that no rule asks for.
        case test(Int)
        /// A rule with a test that does not exist or is in both lists, with a confidence above 1000, or that never
        /// decides because earlier rules always do.
        case rule(Int)
    }

    public struct Decision: Equatable, Sendable {
        public let kind: Kind
        public let confidencePerMille: Int
        /// Estimated.
        public let tokensSaved: Int
        /// Of the rule that decided; 0 when none did.
        public let reason: UInt16
    }

    // Proof of safety: written in init only, before the object is shared; constant until deinit.
    private nonisolated(unsafe) let table: UnsafeMutablePointer<cairn_policy_table>

    /// Compiles a table.
    /// - Complexity: rules times two to the power of tests; about 0.1 ms at the limits.
    public init(_ rules: Rules = .standard) throws(Fault) {
        guard rules.tests.count <= PolicyTable.testsMax else { throw .tooManyTests }
        guard rules.rules.count <= PolicyTable.rulesMax else { throw .tooManyRules }
        var rulesInC: [cairn_policy_rule] = []
        for (index, rule) in rules.rules.enumerated() {
            guard let inC = rule.inC else { throw .rule(index) }
            rulesInC.append(inC)
        }
        let table = UnsafeMutablePointer<cairn_policy_table>.allocate(capacity: 1)
        var fault = cairn_policy_fault()
        let status = rules.tests.map(\.inC).withUnsafeBufferPointer { tests in
            rulesInC.withUnsafeBufferPointer { rules in
                var all = cairn_policy_rules(
                    tests: tests.baseAddress, test_count: tests.count, rules: rules.baseAddress,
                    rule_count: rules.count)
                return cairn_policy_table_init(table, &all, &fault)
            }
        }
        guard status == CAIRN_OK else {
            table.deallocate()
            throw fault.is_rule ? .rule(Int(fault.index)) : .test(Int(fault.index))
        }
        self.table = table
    }

    deinit { table.deallocate() }

    /// The advice for a situation.
    public func decide(_ situation: Situation) -> Decision {
        var inC = situation.inC
        let decision = cairn_policy_decide(table, &inC)
        return Decision(
            kind: Kind(rawValue: UInt8(truncatingIfNeeded: decision.kind.rawValue))!,
            confidencePerMille: Int(decision.confidence_per_mille), tokensSaved: Int(decision.tokens_saved),
            reason: decision.reason)
    }
}

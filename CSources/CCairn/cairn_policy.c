/* cairn_policy.c: tables of rules, compiled to one look-up.
 *
 * The answers of all tests are one number, a bit each; for every such number the first rule that fits is
 * worked out when the table is made. To decide is then to compare, to look up, and to work out two amounts:
 * no branch depends on the situation, so the time does not either. */
#include "cairn_policy.h"

#include <string.h>

_Static_assert(sizeof(cairn_policy_situation) == CAIRN_POLICY_MEASURE_COUNT * sizeof(uint32_t),
    "a situation is its measures, one behind the other");
_Static_assert(offsetof(cairn_policy_situation, held_tokens) == CAIRN_POLICY_HELD_TOKENS * sizeof(uint32_t),
    "measures are numbered in the order of the members");

/* Deciding */

static inline uint32_t measure_at(const cairn_policy_situation *situation, uint32_t offset) {
    uint32_t value;
    memcpy(&value, (const uint8_t *)situation + offset, sizeof value);
    return value;
}

static inline uint32_t amount_of(
    const cairn_policy_amount *amount, const cairn_policy_situation *situation) {
    const uint64_t measure = measure_at(situation, amount->measure * (uint32_t)sizeof(uint32_t));
    const uint64_t grown = amount->base + (measure * amount->per_1024 >> 10);
    return grown < amount->max ? (uint32_t)grown : amount->max;
}

static inline cairn_policy_decision decide(
    const cairn_policy_table *self, const cairn_policy_situation *situation) {
    uint32_t answers = self->inverted;
    for (uint32_t i = 0; i < CAIRN_POLICY_TESTS_MAX; i += 1)
        answers ^= (uint32_t)(measure_at(situation, self->offsets[i]) >= self->at_least[i]) << i;
    const cairn_policy_rule *rule = &self->rules[self->first_rule[answers]];
    return (cairn_policy_decision){(cairn_policy_kind)rule->kind, amount_of(&rule->tokens_saved, situation),
        (uint16_t)amount_of(&rule->confidence, situation), rule->reason};
}

cairn_policy_decision cairn_policy_decide(
    const cairn_policy_table *self, const cairn_policy_situation *situation) {
    return decide(self, situation);
}

void cairn_policy_decide_all(const cairn_policy_table *self, const cairn_policy_situation *situations,
    size_t count, cairn_policy_decision *out_decisions) {
    for (size_t i = 0; i < count; i += 1) out_decisions[i] = decide(self, &situations[i]);
}

/* Making a table */

static bool is_right_test(const cairn_policy_rules *rules, uint32_t index) {
    const cairn_policy_test *test = &rules->tests[index];
    if (test->measure >= CAIRN_POLICY_MEASURE_COUNT) return false;
    if (test->bound == (test->is_at_most ? UINT32_MAX : 0)) return false;
    for (size_t i = 0; i < rules->rule_count; i += 1) {
        if (((rules->rules[i].when | rules->rules[i].unless) >> index & 1) != 0) return true;
    }
    return false;
}

static bool is_right_rule(const cairn_policy_rule *rule, size_t test_count) {
    return rule->kind < CAIRN_POLICY_KIND_COUNT && (rule->when | rule->unless) >> test_count == 0 &&
           (rule->when & rule->unless) == 0 && rule->confidence.max <= CAIRN_POLICY_CONFIDENCE_MAX &&
           rule->confidence.measure < CAIRN_POLICY_MEASURE_COUNT &&
           rule->tokens_saved.measure < CAIRN_POLICY_MEASURE_COUNT;
}

static bool fits(const cairn_policy_rule *rule, uint32_t answers) {
    return (rule->when & ~answers) == 0 && (rule->unless & answers) == 0;
}

/* For each combination of answers the first rule that fits, rule_count if none. Returns the rules that are
 * the first of some combination, a bit each. */
static uint32_t find_first_rules(const cairn_policy_rules *rules, uint8_t *first_rule) {
    uint32_t deciding = 0;
    for (uint32_t answers = 0; answers < UINT32_C(1) << rules->test_count; answers += 1) {
        uint32_t index = 0;
        while (index < rules->rule_count && !fits(&rules->rules[index], answers)) index += 1;
        first_rule[answers] = (uint8_t)index;
        if (index < rules->rule_count) deciding |= UINT32_C(1) << index;
    }
    return deciding;
}

/* The first test or rule that is wrong by itself. */
static bool find_wrong_part(const cairn_policy_rules *rules, cairn_policy_fault *out_fault) {
    for (uint32_t i = 0; i < rules->test_count; i += 1) {
        if (is_right_test(rules, i)) continue;
        *out_fault = (cairn_policy_fault){false, i};
        return true;
    }
    for (uint32_t i = 0; i < rules->rule_count; i += 1) {
        if (is_right_rule(&rules->rules[i], rules->test_count)) continue;
        *out_fault = (cairn_policy_fault){true, i};
        return true;
    }
    return false;
}

cairn_status cairn_policy_table_init(
    cairn_policy_table *self, const cairn_policy_rules *rules, cairn_policy_fault *out_fault) {
    if (rules->test_count > CAIRN_POLICY_TESTS_MAX || rules->rule_count > CAIRN_POLICY_RULES_MAX) {
        const bool is_rule = rules->test_count <= CAIRN_POLICY_TESTS_MAX;
        const size_t count = is_rule ? rules->rule_count : rules->test_count;
        *out_fault = (cairn_policy_fault){is_rule, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX};
        return CAIRN_ERR_TOO_BIG;
    }
    if (find_wrong_part(rules, out_fault)) return CAIRN_ERR_ARGUMENT;
    uint8_t first_rule[sizeof self->first_rule] = {0};
    const uint32_t deciding = find_first_rules(rules, first_rule);
    for (uint32_t i = 0; i < rules->rule_count; i += 1) {
        if ((deciding >> i & 1) != 0) continue;
        *out_fault = (cairn_policy_fault){true, i};
        return CAIRN_ERR_ARGUMENT;
    }
    *self = (cairn_policy_table){0};
    memcpy(self->first_rule, first_rule, sizeof first_rule);
    for (uint32_t i = 0; i < rules->test_count; i += 1) {
        const cairn_policy_test test = rules->tests[i];
        self->offsets[i] = test.measure * (uint32_t)sizeof(uint32_t);
        self->at_least[i] = test.bound + test.is_at_most;
        self->inverted |= (uint32_t)test.is_at_most << i;
    }
    for (size_t i = rules->test_count; i < CAIRN_POLICY_TESTS_MAX; i += 1)
        self->inverted |= UINT32_C(1) << i; /* what is not there is "at least 0", inverted */
    for (size_t i = 0; i < rules->rule_count; i += 1) self->rules[i] = rules->rules[i];
    return CAIRN_OK; /* rules[rule_count] is all zero: proceed */
}

/* The default table */

enum {
    HAS_HIT = 1 << 0,
    IS_FRESH = 1 << 1,
    HAS_FAILED = 1 << 2,
    HAS_FAILED_TWICE = 1 << 3,
    HAS_FIX = 1 << 4,
    MAY_TRY = 1 << 5,
    IS_CONTEXT_FULL = 1 << 6,
    IS_BUDGET_SPENT = 1 << 7,
    HAS_HELD = 1 << 8,
    IS_STUCK = 1 << 9,
    HAS_PLAN = 1 << 10
};

static const cairn_policy_test default_tests[] = {
    {CAIRN_POLICY_HIT_TOKENS, false, 1},
    {CAIRN_POLICY_HIT_IS_FRESH, false, 1},
    {CAIRN_POLICY_FAILURE_COUNT, false, 1},
    {CAIRN_POLICY_FAILURE_COUNT, false, 2},
    {CAIRN_POLICY_FIX_TOKENS, false, 1},
    {CAIRN_POLICY_ATTEMPT_COUNT, true, 1},
    {CAIRN_POLICY_CONTEXT_PER_MILLE, false, 850},
    {CAIRN_POLICY_BUDGET_PER_MILLE, false, 850},
    {CAIRN_POLICY_HELD_TOKENS, false, 1},
    {CAIRN_POLICY_FAILURE_STREAK, false, 3},
    {CAIRN_POLICY_PLAN_STEPS_OPEN, false, 1},
};

/* base, then so much for each unit of a measure */
#define FIXED(base) {(base), 0, (base), 0}
#define GROWING(base, each, measure, max) {(base), (each) * 1024, (max), (measure)}
#define WHOLE(measure) GROWING(0, 1, measure, UINT32_MAX)

static const cairn_policy_rule default_rules[] = {
    {HAS_HIT | IS_FRESH, 0, CAIRN_POLICY_REASON_STILL_TRUE, CAIRN_POLICY_REUSE_RESULT, FIXED(950),
        WHOLE(CAIRN_POLICY_HIT_TOKENS)},
    {HAS_FAILED | HAS_FIX | MAY_TRY, 0, CAIRN_POLICY_REASON_FIX_KNOWN, CAIRN_POLICY_RETRY_WITH_FIX,
        GROWING(500, 100, CAIRN_POLICY_FIX_WORKED_COUNT, 900), WHOLE(CAIRN_POLICY_ATTEMPT_TOKENS)},
    {HAS_FAILED_TWICE, 0, CAIRN_POLICY_REASON_FAILS_AGAIN, CAIRN_POLICY_AVOID_REPEAT,
        GROWING(400, 150, CAIRN_POLICY_FAILURE_COUNT, 900), WHOLE(CAIRN_POLICY_ATTEMPT_TOKENS)},
    {IS_CONTEXT_FULL | HAS_HELD, 0, CAIRN_POLICY_REASON_CONTEXT_FULL, CAIRN_POLICY_COMPACT, FIXED(800),
        WHOLE(CAIRN_POLICY_HELD_TOKENS)},
    {IS_BUDGET_SPENT | HAS_HELD, 0, CAIRN_POLICY_REASON_BUDGET_SPENT, CAIRN_POLICY_COMPACT, FIXED(600),
        WHOLE(CAIRN_POLICY_HELD_TOKENS)},
    {IS_STUCK, 0, CAIRN_POLICY_REASON_STUCK, CAIRN_POLICY_REPLAN, FIXED(600),
        WHOLE(CAIRN_POLICY_ATTEMPT_TOKENS)},
    {HAS_PLAN, 0, CAIRN_POLICY_REASON_PLAN_OPEN, CAIRN_POLICY_CONTINUE_PLAN, FIXED(850),
        WHOLE(CAIRN_POLICY_PLAN_TOKENS)},
};

const cairn_policy_rules *cairn_policy_default(void) {
    static const cairn_policy_rules rules = {default_tests, sizeof default_tests / sizeof default_tests[0],
        default_rules, sizeof default_rules / sizeof default_rules[0]};
    return &rules;
}

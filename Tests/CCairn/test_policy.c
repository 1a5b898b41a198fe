/* test_policy.c: what the default table advises, that compiled tables mean what they say, and which tables
 * are refused. */
#include "policy_trace.h"
#include "tap.h"

static cairn_policy_decision by_default(cairn_policy_situation situation) {
    cairn_policy_table table;
    cairn_policy_fault fault;
    CHECK(cairn_policy_table_init(&table, cairn_policy_default(), &fault) == CAIRN_OK);
    return cairn_policy_decide(&table, &situation);
}

static void check_advice(cairn_policy_situation situation, cairn_policy_kind kind, uint32_t confidence,
    uint32_t tokens_saved, uint16_t reason) {
    const cairn_policy_decision advice = by_default(situation);
    CHECK(advice.kind == kind && advice.confidence_per_mille == confidence &&
          advice.tokens_saved == tokens_saved && advice.reason == reason);
}

static void test_policy_nothing_known_is_to_proceed(void) {
    check_advice((cairn_policy_situation){0}, CAIRN_POLICY_PROCEED, 0, 0, CAIRN_POLICY_REASON_NONE);
}

static void test_policy_only_a_result_proven_true_is_reused(void) {
    check_advice((cairn_policy_situation){.hit_tokens = 1200, .hit_is_fresh = 1}, CAIRN_POLICY_REUSE_RESULT,
        950, 1200, CAIRN_POLICY_REASON_STILL_TRUE);
    check_advice((cairn_policy_situation){.hit_tokens = 1200}, CAIRN_POLICY_PROCEED, 0, 0, 0);
}

static void test_policy_a_fix_is_tried_twice_and_trusted_by_its_record(void) {
    cairn_policy_situation failed = {.failure_count = 2, .fix_tokens = 30, .attempt_tokens = 700};
    check_advice(failed, CAIRN_POLICY_RETRY_WITH_FIX, 500, 700, CAIRN_POLICY_REASON_FIX_KNOWN);
    failed.fix_worked_count = 3;
    failed.attempt_count = 1;
    check_advice(failed, CAIRN_POLICY_RETRY_WITH_FIX, 800, 700, CAIRN_POLICY_REASON_FIX_KNOWN);
    failed.fix_worked_count = UINT32_MAX;
    check_advice(failed, CAIRN_POLICY_RETRY_WITH_FIX, 900, 700, CAIRN_POLICY_REASON_FIX_KNOWN);
    failed.attempt_count = 2;
    check_advice(failed, CAIRN_POLICY_AVOID_REPEAT, 700, 700, CAIRN_POLICY_REASON_FAILS_AGAIN);
}

static void test_policy_one_failure_may_be_repeated(void) {
    check_advice((cairn_policy_situation){.failure_count = 1}, CAIRN_POLICY_PROCEED, 0, 0, 0);
    check_advice((cairn_policy_situation){.failure_count = 2, .attempt_tokens = 5}, CAIRN_POLICY_AVOID_REPEAT,
        700, 5, CAIRN_POLICY_REASON_FAILS_AGAIN);
}

static void test_policy_a_full_context_goes_before_an_open_plan(void) {
    cairn_policy_situation situation = {
        .plan_steps_open = 4, .plan_tokens = 800, .context_per_mille = 849, .held_tokens = 9000};
    check_advice(situation, CAIRN_POLICY_CONTINUE_PLAN, 850, 800, CAIRN_POLICY_REASON_PLAN_OPEN);
    situation.context_per_mille = 850;
    check_advice(situation, CAIRN_POLICY_COMPACT, 800, 9000, CAIRN_POLICY_REASON_CONTEXT_FULL);
    situation.held_tokens = 0;
    check_advice(situation, CAIRN_POLICY_CONTINUE_PLAN, 850, 800, CAIRN_POLICY_REASON_PLAN_OPEN);
}

static void test_policy_a_spent_budget_compacts_and_failures_in_a_row_replan(void) {
    check_advice((cairn_policy_situation){.budget_per_mille = 850, .held_tokens = 1}, CAIRN_POLICY_COMPACT,
        600, 1, CAIRN_POLICY_REASON_BUDGET_SPENT);
    check_advice(
        (cairn_policy_situation){.failure_streak = 3, .plan_steps_open = 2, .attempt_tokens = 40},
        CAIRN_POLICY_REPLAN, 600, 40, CAIRN_POLICY_REASON_STUCK);
}

/* Random tables and situations */

static uint32_t random_number(uint64_t *seed) {
    const uint32_t number = (uint32_t)(tap_random(seed) >> 32);
    switch (tap_random(seed) >> 60) {
    case 0:
        return UINT32_MAX;
    case 1:
        return number;
    default:
        return number % 4;
    }
}

static cairn_policy_amount random_amount(uint64_t *seed, uint32_t most) {
    const uint32_t max = random_number(seed);
    return (cairn_policy_amount){random_number(seed), random_number(seed), max < most ? max : most,
        (uint8_t)(tap_random(seed) % CAIRN_POLICY_MEASURE_COUNT)};
}

static void test_policy_compiled_tables_decide_as_their_rules_say(void) {
    uint64_t seed = 99;
    int compiled = 0;
    for (int round = 0; round < 1500; round += 1) {
        cairn_policy_test tests[CAIRN_POLICY_TESTS_MAX];
        cairn_policy_rule table_rules[CAIRN_POLICY_RULES_MAX];
        const size_t test_count = tap_random(&seed) % (CAIRN_POLICY_TESTS_MAX + 1);
        const size_t rule_count = 1 + tap_random(&seed) % 8;
        for (size_t i = 0; i < test_count; i += 1)
            tests[i] = (cairn_policy_test){(uint8_t)(tap_random(&seed) % CAIRN_POLICY_MEASURE_COUNT),
                tap_random(&seed) >> 63 != 0, random_number(&seed)};
        for (size_t i = 0; i < rule_count; i += 1) {
            const uint16_t all = (uint16_t)((1u << test_count) - 1);
            const uint16_t when = (uint16_t)(tap_random(&seed) & tap_random(&seed)) & all;
            table_rules[i] = (cairn_policy_rule){when,
                (uint16_t)(tap_random(&seed) & tap_random(&seed)) & all & (uint16_t)~when,
                (uint16_t)tap_random(&seed), (uint8_t)(tap_random(&seed) % CAIRN_POLICY_KIND_COUNT),
                random_amount(&seed, CAIRN_POLICY_CONFIDENCE_MAX), random_amount(&seed, UINT32_MAX)};
        }
        const cairn_policy_rules rules = {tests, test_count, table_rules, rule_count};
        cairn_policy_table table;
        cairn_policy_fault fault;
        if (cairn_policy_table_init(&table, &rules, &fault) != CAIRN_OK) continue;
        compiled += 1;
        for (int i = 0; i < 50; i += 1) {
            cairn_policy_situation situation;
            cairn_policy_decision at_once;
            uint32_t values[CAIRN_POLICY_MEASURE_COUNT];
            for (size_t v = 0; v < CAIRN_POLICY_MEASURE_COUNT; v += 1) values[v] = random_number(&seed);
            memcpy(&situation, values, sizeof situation);
            const cairn_policy_decision decision = cairn_policy_decide(&table, &situation);
            cairn_policy_decide_all(&table, &situation, 1, &at_once);
            CHECK(policy_same(decision, policy_decide_slowly(&rules, &situation)));
            CHECK(policy_same(decision, at_once));
        }
    }
    CHECK(compiled > 100);
}

/* Tables that are refused */

static void check_refused(const cairn_policy_test *tests, size_t test_count,
    const cairn_policy_rule *table_rules, size_t rule_count, cairn_status expected, bool is_rule,
    uint32_t index) {
    cairn_policy_table table;
    cairn_policy_fault fault = {false, 99};
    memset(&table, 0x5A, sizeof table);
    const cairn_policy_rules rules = {tests, test_count, table_rules, rule_count};
    CHECK(cairn_policy_table_init(&table, &rules, &fault) == expected);
    CHECK(fault.is_rule == is_rule && fault.index == index);
    CHECK(table.inverted == 0x5A5A5A5A && table.first_rule[0] == 0x5A);
}

static void test_policy_wrong_tables_name_the_fault(void) {
    const cairn_policy_rule asks = {.when = 1, .kind = CAIRN_POLICY_COMPACT};
    const cairn_policy_test right = {CAIRN_POLICY_HIT_TOKENS, false, 1};
    const cairn_policy_test wrong_tests[] = {
        {CAIRN_POLICY_MEASURE_COUNT, false, 1}, {0, false, 0}, {0, true, UINT32_MAX}};
    for (size_t i = 0; i < sizeof wrong_tests / sizeof wrong_tests[0]; i += 1)
        check_refused(&wrong_tests[i], 1, &asks, 1, CAIRN_ERR_ARGUMENT, false, 0);
    const cairn_policy_test two[] = {right, right};
    check_refused(two, 2, &asks, 1, CAIRN_ERR_ARGUMENT, false, 1); /* no rule asks for the second */
    cairn_policy_rule wrong_rules[] = {asks, asks, asks, asks, asks, asks};
    wrong_rules[0].kind = CAIRN_POLICY_KIND_COUNT;
    wrong_rules[1].when = 3;
    wrong_rules[2].unless = 1;
    wrong_rules[3].confidence.max = CAIRN_POLICY_CONFIDENCE_MAX + 1;
    wrong_rules[4].confidence.measure = CAIRN_POLICY_MEASURE_COUNT;
    wrong_rules[5].tokens_saved.measure = CAIRN_POLICY_MEASURE_COUNT;
    for (size_t i = 0; i < sizeof wrong_rules / sizeof wrong_rules[0]; i += 1)
        check_refused(
            &right, 1, (const cairn_policy_rule[]){asks, wrong_rules[i]}, 2, CAIRN_ERR_ARGUMENT, true, 1);
}

static void test_policy_a_rule_that_never_decides_is_refused(void) {
    const cairn_policy_test test = {CAIRN_POLICY_HIT_TOKENS, false, 1};
    const cairn_policy_rule rules[] = {{.when = 1, .kind = CAIRN_POLICY_COMPACT},
        {.unless = 1, .kind = CAIRN_POLICY_REPLAN}, {.kind = CAIRN_POLICY_CONTINUE_PLAN}};
    check_refused(&test, 1, rules, 3, CAIRN_ERR_ARGUMENT, true, 2);
}

static void test_policy_tables_above_the_limits_are_refused(void) {
    const cairn_policy_test tests[CAIRN_POLICY_TESTS_MAX + 1] = {{0}};
    const cairn_policy_rule rules[CAIRN_POLICY_RULES_MAX + 1] = {{0}};
    check_refused(tests, CAIRN_POLICY_TESTS_MAX + 1, rules, 1, CAIRN_ERR_TOO_BIG, false,
        CAIRN_POLICY_TESTS_MAX + 1);
    check_refused(
        tests, 1, rules, CAIRN_POLICY_RULES_MAX + 1, CAIRN_ERR_TOO_BIG, true, CAIRN_POLICY_RULES_MAX + 1);
}

int main(void) {
    TEST(test_policy_nothing_known_is_to_proceed);
    TEST(test_policy_only_a_result_proven_true_is_reused);
    TEST(test_policy_a_fix_is_tried_twice_and_trusted_by_its_record);
    TEST(test_policy_one_failure_may_be_repeated);
    TEST(test_policy_a_full_context_goes_before_an_open_plan);
    TEST(test_policy_a_spent_budget_compacts_and_failures_in_a_row_replan);
    TEST(test_policy_compiled_tables_decide_as_their_rules_say);
    TEST(test_policy_wrong_tables_name_the_fault);
    TEST(test_policy_a_rule_that_never_decides_is_refused);
    TEST(test_policy_tables_above_the_limits_are_refused);
    return tap_end();
}

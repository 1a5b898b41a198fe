/* policy_trace.h: what a table means, rule by rule: what the test and the fuzz target of room policy compare
 * compiled tables with. */
#ifndef POLICY_TRACE_H
#define POLICY_TRACE_H

#include "cairn_policy.h"

#include <string.h>

static inline uint32_t policy_measure(const cairn_policy_situation *situation, uint8_t measure) {
    uint32_t values[CAIRN_POLICY_MEASURE_COUNT];
    memcpy(values, situation, sizeof values);
    return values[measure];
}

static inline bool policy_holds(const cairn_policy_test *test, const cairn_policy_situation *situation) {
    const uint32_t value = policy_measure(situation, test->measure);
    return test->is_at_most ? value <= test->bound : value >= test->bound;
}

static inline bool policy_fits(
    const cairn_policy_rules *rules, const cairn_policy_rule *rule, const cairn_policy_situation *situation) {
    for (size_t i = 0; i < rules->test_count; i += 1) {
        const bool holds = policy_holds(&rules->tests[i], situation);
        if ((rule->when >> i & 1) != 0 && !holds) return false;
        if ((rule->unless >> i & 1) != 0 && holds) return false;
    }
    return true;
}

static inline uint32_t policy_amount(
    const cairn_policy_amount *amount, const cairn_policy_situation *situation) {
    const unsigned __int128 measure = policy_measure(situation, amount->measure);
    const unsigned __int128 value = amount->base + measure * amount->per_1024 / 1024;
    return value > amount->max ? amount->max : (uint32_t)value;
}

static inline cairn_policy_decision policy_decide_slowly(
    const cairn_policy_rules *rules, const cairn_policy_situation *situation) {
    for (size_t i = 0; i < rules->rule_count; i += 1) {
        const cairn_policy_rule *rule = &rules->rules[i];
        if (policy_fits(rules, rule, situation))
            return (cairn_policy_decision){(cairn_policy_kind)rule->kind,
                policy_amount(&rule->tokens_saved, situation),
                (uint16_t)policy_amount(&rule->confidence, situation), rule->reason};
    }
    return (cairn_policy_decision){CAIRN_POLICY_PROCEED, 0, 0, 0};
}

static inline bool policy_same(cairn_policy_decision a, cairn_policy_decision b) {
    return a.kind == b.kind && a.tokens_saved == b.tokens_saved &&
           a.confidence_per_mille == b.confidence_per_mille && a.reason == b.reason;
}

#endif

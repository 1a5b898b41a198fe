/* fuzz_policy.c: any bytes as a table and a situation: the table is refused with a fault inside it, or it
 * decides as its rules say, one by one.
 *
 * Input: two bytes for the counts, then tests (6 bytes each), rules (22 each) and measures (4 each); what is
 * missing is zero. */
#include "policy_trace.h"

#include <stdlib.h>

typedef struct source {
    const uint8_t *bytes;
    size_t length;
} source;

static uint32_t take(source *self, size_t width) {
    uint32_t value = 0;
    const size_t there = self->length < width ? self->length : width;
    if (there > 0) memcpy(&value, self->bytes, there);
    self->bytes += there;
    self->length -= there;
    return value;
}

static cairn_policy_amount take_amount(source *self) {
    return (cairn_policy_amount){take(self, 2), take(self, 2), take(self, 4), (uint8_t)take(self, 1)};
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    static cairn_policy_test tests[256];
    static cairn_policy_rule table_rules[256];
    source from = {input, length};
    const cairn_policy_rules rules = {tests, take(&from, 1) % 16, table_rules, take(&from, 1) % 40};
    for (size_t i = 0; i < rules.test_count; i += 1)
        tests[i] = (cairn_policy_test){(uint8_t)take(&from, 1), take(&from, 1) % 2 == 1, take(&from, 4)};
    for (size_t i = 0; i < rules.rule_count; i += 1) {
        table_rules[i] = (cairn_policy_rule){.when = (uint16_t)take(&from, 2),
            .unless = (uint16_t)take(&from, 2), .reason = (uint16_t)i, .kind = (uint8_t)take(&from, 1)};
        table_rules[i].confidence = take_amount(&from);
        table_rules[i].tokens_saved = take_amount(&from);
    }
    uint32_t values[CAIRN_POLICY_MEASURE_COUNT];
    for (size_t i = 0; i < CAIRN_POLICY_MEASURE_COUNT; i += 1) values[i] = take(&from, 4);
    cairn_policy_situation situation;
    memcpy(&situation, values, sizeof situation);

    cairn_policy_table table;
    cairn_policy_fault fault = {false, UINT32_MAX};
    switch (cairn_policy_table_init(&table, &rules, &fault)) {
    case CAIRN_OK:
        if (!policy_same(cairn_policy_decide(&table, &situation), policy_decide_slowly(&rules, &situation)))
            abort();
        break;
    case CAIRN_ERR_ARGUMENT:
        if (fault.index >= (fault.is_rule ? rules.rule_count : rules.test_count)) abort();
        break;
    case CAIRN_ERR_TOO_BIG:
        if (fault.index != (fault.is_rule ? rules.rule_count : rules.test_count)) abort();
        break;
    default:
        abort();
    }
    return 0;
}

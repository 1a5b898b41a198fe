/* test_fingerprint.c: what fingerprints depend on, what they do not, and that stored ones stay readable: the
 * values below are those of version 1 for ever. */
#include "cairn_fingerprint.h"
#include "json_trace.h"
#include "tap.h"

static cairn_span text(const char *text) {
    return (cairn_span){(const uint8_t *)text, strlen(text)};
}

static cairn_fingerprint tool_call(const char *name, const char *arguments) {
    cairn_json_node nodes[64];
    uint32_t scratch[128];
    cairn_fingerprint fingerprint = {0};
    CHECK(cairn_fingerprint_tool_call(text(name), text(arguments), nodes, 64, scratch, &fingerprint) ==
          CAIRN_OK);
    return fingerprint;
}

static int same_call(const char *arguments, const char *others) {
    return cairn_fingerprint_equal(tool_call("run", arguments), tool_call("run", others));
}

static void check_value(cairn_fingerprint fingerprint, uint64_t high, uint64_t low) {
    if (fingerprint.high != high || fingerprint.low != low)
        printf("# got 0x%016llx, 0x%016llx\n", (unsigned long long)fingerprint.high,
            (unsigned long long)fingerprint.low);
    CHECK(fingerprint.high == high && fingerprint.low == low);
}

static void test_bytes_have_the_digest_that_xxhash_publishes(void) {
    check_value(cairn_fingerprint_of(NULL, 0), 0x99aa06d3014798d8, 0x6001c324468d497f);
}

static void test_spelling_of_arguments_does_not_matter(void) {
    CHECK(same_call("{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ] ,\n\"a\" : 1 } "));
    CHECK(same_call("{\"a\":\"x/\\n\"}", "{\"\\u0061\":\"\\u0078\\/\\u000A\"}"));
    CHECK(same_call("{}", "{ }"));
}

static void test_meaning_of_arguments_matters(void) {
    CHECK(!same_call("{\"a\":1}", "{\"a\":\"1\"}"));
    CHECK(!same_call("{\"a\":1}", "{\"a\":1.0}"));
    CHECK(!same_call("{\"a\":[1,2]}", "{\"a\":[2,1]}"));
    CHECK(!same_call("{\"a\":null}", "{}"));
    CHECK(!same_call("{\"a\":{\"b\":1}}", "{\"a\":1,\"b\":1}"));
    CHECK(!same_call("[]", "{}"));
    CHECK(!same_call("{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}"));
    CHECK(!cairn_fingerprint_equal(tool_call("run", "{}"), tool_call("ran", "{}")));
}

static void test_arguments_that_are_no_json_count_as_they_are(void) {
    CHECK(same_call("{\"a\":", "{\"a\":"));
    CHECK(!same_call("{\"a\":", "{ \"a\":"));
    CHECK(!same_call("", "{}"));
    CHECK(!same_call("x", "\"x\""));
}

static void test_a_tool_call_says_when_the_work_space_is_too_small(void) {
    cairn_json_node nodes[2];
    uint32_t scratch[4];
    cairn_fingerprint fingerprint = {7, 7};
    CHECK(cairn_fingerprint_tool_call(text("run"), text("[1,2]"), nodes, 2, scratch, &fingerprint) ==
          CAIRN_ERR_NO_SPACE);
    CHECK(fingerprint.high == 7 && fingerprint.low == 7);
}

static void test_a_turn_depends_on_role_kind_content_and_order(void) {
    const cairn_fingerprint_part ab[] = {{text("a"), 1}, {text("b"), 1}},
                                 ba[] = {{text("b"), 1}, {text("a"), 1}};
    const cairn_fingerprint_part joined[] = {{text("ab"), 1}}, kind[] = {{text("a"), 2}, {text("b"), 1}};
    const cairn_fingerprint turns[] = {cairn_fingerprint_turn(1, ab, 2), cairn_fingerprint_turn(2, ab, 2),
        cairn_fingerprint_turn(1, ba, 2), cairn_fingerprint_turn(1, joined, 1),
        cairn_fingerprint_turn(1, kind, 2), cairn_fingerprint_turn(1, ab, 1),
        cairn_fingerprint_turn(1, NULL, 0), cairn_fingerprint_turn(2, NULL, 0)};
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i += 1) {
        for (size_t j = 0; j < i; j += 1) CHECK(!cairn_fingerprint_equal(turns[i], turns[j]));
    }
    CHECK(cairn_fingerprint_equal(turns[0], cairn_fingerprint_turn(1, ab, 2)));
}

static void test_a_lineage_folds_in_all_that_came_before(void) {
    const cairn_fingerprint a = cairn_fingerprint_of((const uint8_t *)"a", 1),
                            b = cairn_fingerprint_of((const uint8_t *)"b", 1);
    const cairn_fingerprint start = CAIRN_FINGERPRINT_LINEAGE_START;
    const cairn_fingerprint just_b = cairn_fingerprint_lineage(start, b);
    const cairn_fingerprint a_b = cairn_fingerprint_lineage(cairn_fingerprint_lineage(start, a), b);
    const cairn_fingerprint b_a = cairn_fingerprint_lineage(just_b, a);
    CHECK(!cairn_fingerprint_equal(a_b, b_a) && !cairn_fingerprint_equal(a_b, just_b) &&
          !cairn_fingerprint_equal(just_b, b));
}

/* Computed from the rules in cairn_fingerprint.h with the xxHash library by another program. */
static void test_version_1_keeps_its_values(void) {
    const cairn_fingerprint_part parts[] = {{text("Fix the failing test."), 1}, {text("{}"), 2}};
    const cairn_fingerprint turn = cairn_fingerprint_turn(1, parts, 2);
    check_value(turn, 0xeadb12d6d479424a, 0x548136131423db40);
    check_value(cairn_fingerprint_lineage(CAIRN_FINGERPRINT_LINEAGE_START, turn), 0xf1feb5b15ae586cf,
        0x39f15a5de326f618);
    check_value(tool_call("read_file", "{\"path\":\"a.c\",\"lines\":[1,20]}"), 0x2835c52de3698654,
        0xe9287e0e1a42d938);
    check_value(tool_call("read_file", "{\"path\":"), 0xa1b12276fd37f946, 0x22357c25d6d398db);
    char big[1000];
    memset(big, 'x', sizeof big); /* beyond 240 bytes XXH3 takes another road */
    const cairn_fingerprint_part long_part = {{(const uint8_t *)big, sizeof big}, 3};
    check_value(cairn_fingerprint_turn(2, &long_part, 1), 0xf539fac4dbb80f7b, 0x6fb78f00e3630b10);
}

static void test_the_stored_form_comes_back(void) {
    const cairn_fingerprint fingerprint = {0x0102030405060708, 0x090A0B0C0D0E0F10};
    uint8_t stored[CAIRN_FINGERPRINT_BYTES + 1] = {0};
    cairn_fingerprint back = {0};

    cairn_fingerprint_write(fingerprint, stored);

    for (uint8_t i = 0; i <= 16; i += 1) CHECK(stored[i] == (i == 0 ? CAIRN_FINGERPRINT_VERSION : i));
    CHECK(cairn_fingerprint_read(stored, CAIRN_FINGERPRINT_BYTES, &back) == CAIRN_OK);
    CHECK(cairn_fingerprint_equal(back, fingerprint));
    CHECK(cairn_fingerprint_read(stored, CAIRN_FINGERPRINT_BYTES - 1, &back) == CAIRN_ERR_INCOMPLETE);
    CHECK(cairn_fingerprint_read(stored, CAIRN_FINGERPRINT_BYTES + 1, &back) == CAIRN_ERR_TOO_BIG);
    stored[0] += 1;
    CHECK(cairn_fingerprint_read(stored, CAIRN_FINGERPRINT_BYTES, &back) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_fingerprint_equal(back, fingerprint));
}

int main(void) {
    TEST(test_bytes_have_the_digest_that_xxhash_publishes);
    TEST(test_spelling_of_arguments_does_not_matter);
    TEST(test_meaning_of_arguments_matters);
    TEST(test_arguments_that_are_no_json_count_as_they_are);
    TEST(test_a_tool_call_says_when_the_work_space_is_too_small);
    TEST(test_a_turn_depends_on_role_kind_content_and_order);
    TEST(test_a_lineage_folds_in_all_that_came_before);
    TEST(test_version_1_keeps_its_values);
    TEST(test_the_stored_form_comes_back);
    return tap_end();
}

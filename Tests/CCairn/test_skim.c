/* test_skim.c: the JSON skimmer: what it takes, what it refuses, and that no cut of the document changes
 * that. */
#include "cairn_skim_int.h"
#include "skim_trace.h"
#include "tap.h"

static cairn_span text(const char *text) {
    return (cairn_span){(const uint8_t *)text, strlen(text)};
}

/* The plan of the gateway: model, usage, and usage one level down. */
static cairn_skim_plan usage_plan(bool stops_when_found) {
    const cairn_skim_path paths[] = {
        {.keys = {text("model")}, .key_count = 1, .value_bytes_max = 64},
        {.keys = {text("usage")}, .key_count = 1, .value_bytes_max = 256},
        {.keys = {text("message"), text("usage")}, .key_count = 2, .value_bytes_max = 256},
        {.keys = {text("message"), text("model")}, .key_count = 2, .value_bytes_max = 64},
    };
    cairn_skim_plan plan;
    CHECK(cairn_skim_plan_init(paths, 4, stops_when_found, &plan) == CAIRN_OK);
    return plan;
}

enum { MODEL, USAGE, MESSAGE_USAGE, MESSAGE_MODEL };

static skim_outcome skim(const char *document) {
    const cairn_skim_plan plan = usage_plan(false);
    return skim_in_pieces(&plan, (const uint8_t *)document, strlen(document), 0);
}

/* One expectation: the raw value of a path, NULL for "not found". */
static void check_value(const char *document, size_t path, const char *raw) {
    skim_outcome outcome = skim(document);
    if (outcome.finished != CAIRN_OK) printf("# status %d for %s\n", outcome.finished, document);
    CHECK(outcome.finished == CAIRN_OK);
    CHECK(outcome.statuses[path] == (raw == NULL ? CAIRN_ERR_NOT_FOUND : CAIRN_OK));
    if (raw != NULL && outcome.statuses[path] == CAIRN_OK) {
        CHECK_TEXT(outcome.values[path].raw, raw);
        CHECK(outcome.values[path].length == strlen(raw));
        CHECK(memcmp(document + outcome.values[path].offset, raw, strlen(raw)) == 0);
    }
    skim_outcome_free(&outcome);
}

static void check_syntax(const char *document, uint64_t offset) {
    skim_outcome outcome = skim(document);
    if (outcome.offset != offset)
        printf("# offset %llu for %s\n", (unsigned long long)outcome.offset, document);
    CHECK(
        outcome.fed == CAIRN_ERR_SYNTAX && outcome.finished == CAIRN_ERR_SYNTAX && outcome.offset == offset);
    skim_outcome_free(&outcome);
}

static void check_incomplete(const char *document) {
    skim_outcome outcome = skim(document);
    CHECK(outcome.finished == CAIRN_ERR_INCOMPLETE);
    CHECK(outcome.offset == strlen(document));
    skim_outcome_free(&outcome);
}

static void test_a_value_of_any_type_is_captured_raw(void) {
    check_value("{\"model\":\"gpt \\\"x\\\" \\\\\"}", MODEL, "\"gpt \\\"x\\\" \\\\\"");
    check_value("{\"model\":-1.5e+10}", MODEL, "-1.5e+10");
    check_value("{\"model\":12 }", MODEL, "12");
    check_value("{\"model\":null}", MODEL, "null");
    check_value("{\"model\":[1,[\"]\"],{}]}", MODEL, "[1,[\"]\"],{}]");
    check_value("{\"model\": {\"a\" : \"}\"} }", MODEL, "{\"a\" : \"}\"}");
    check_value("{\"model\":\"\"}", MODEL, "\"\"");
}

static void test_a_path_of_two_keys_leads_into_the_object(void) {
    const char *document =
        "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7},\"model\":\"m\"}}";
    check_value(document, MESSAGE_USAGE, "{\"input_tokens\":7}");
    check_value(document, MESSAGE_MODEL, "\"m\"");
    check_value(document, MODEL, NULL);
    check_value(document, USAGE, NULL);
}

static void test_the_same_key_elsewhere_is_not_taken(void) {
    check_value("{\"a\":{\"usage\":1,\"message\":{\"usage\":2}},\"b\":[{\"usage\":3}]}", USAGE, NULL);
    check_value("{\"message\":{\"message\":{\"usage\":2}}}", MESSAGE_USAGE, NULL);
    check_value("{\"message\":[{\"usage\":2}]}", MESSAGE_USAGE, NULL);
    check_value("{\"a\":\"\\\",\\\"usage\\\":5\"}", USAGE, NULL);
    check_value("{\"usag\":1,\"usages\":2,\"\":3}", USAGE, NULL);
    check_value("[{\"usage\":1}]", USAGE, NULL);
}

static void test_the_last_duplicate_wins_also_on_the_way(void) {
    check_value("{\"usage\":1,\"usage\":{\"b\":2}}", USAGE, "{\"b\":2}");
    check_value("{\"message\":{\"usage\":1},\"message\":{\"usage\":2}}", MESSAGE_USAGE, "2");
    check_value("{\"message\":{\"usage\":1},\"message\":{}}", MESSAGE_USAGE, NULL);
    check_value("{\"message\":{\"usage\":1},\"message\":3}", MESSAGE_USAGE, NULL);
}

static void test_an_escaped_key_matches(void) {
    check_value("{\"\\u006dodel\":1}", MODEL, "1");
    check_value("{\"\\u006D\\u006f\\u0064\\u0065\\u006c\":1}", MODEL, "1");
    check_value("{\"mode\\u006\":2}", MODEL, NULL);
    check_value("{\"model\\u0000\":2}", MODEL, NULL);
    check_value("{\"model\\\"\":2}", MODEL, NULL);
}

static void test_a_very_long_key_is_no_wanted_one(void) {
    char document[4096] = "{\"";
    memset(document + 2, 'm', 3000);
    strcpy(document + 3002, "\":1,\"model\":2}");
    check_value(document, MODEL, "2");
}

static void test_white_space_and_a_byte_order_mark_are_tolerated(void) {
    check_value("\xEF\xBB\xBF \t\r\n{ \"usage\" : 1 , \"model\" : true \n} \n", MODEL, "true");
    check_value("{}", MODEL, NULL);
    check_value(" { } ", MODEL, NULL);
    check_value("{\"message\":{}}", MESSAGE_USAGE, NULL);
}

static void test_other_documents_hold_no_member(void) {
    check_value("17", MODEL, NULL);
    check_value("\"model\"", MODEL, NULL);
    check_value("[]", MODEL, NULL);
    check_value("true ", MODEL, NULL);
}

static void test_wrong_punctuation_is_refused_at_its_byte(void) {
    check_syntax("x", 0);
    check_syntax("{]", 1);
    check_syntax("{\"a\" 1}", 5);
    check_syntax("{\"a\":}", 5);
    check_syntax("{\"a\":1,}", 7);
    check_syntax("{\"a\":1 \"b\":2}", 7);
    check_syntax("{\"a\":1]", 6);
    check_syntax("{,}", 1);
    check_syntax("{\"a\":\"x\"\"y\"}", 8);
    check_syntax("{} {}", 3);
    check_syntax("{}}", 2);
    check_syntax("\xEF\xBBx", 2);
    check_syntax("{'a':1}", 1);
    check_syntax("]", 0);
}

static void test_a_document_cut_anywhere_is_incomplete(void) {
    const char *document = "{\"model\":\"a\\\"\",\"x\":[1,{\"y\":\"z\"}],\"message\":{\"usage\":{\"a\":1}}}";
    check_incomplete("");
    check_incomplete("   ");
    for (size_t length = 1; length < strlen(document); length += 1) {
        char front[128];
        memcpy(front, document, length);
        front[length] = 0;
        check_incomplete(front);
    }
}

static void test_a_value_above_its_limit_is_said_to_be_too_big(void) {
    const cairn_skim_path path = {.keys = {text("model")}, .key_count = 1, .value_bytes_max = 6};
    cairn_skim_plan plan;
    CHECK(cairn_skim_plan_init(&path, 1, false, &plan) == CAIRN_OK);
    static const char big[] = "{\"model\":\"12345\"}", fits[] = "{\"model\":\"1234567\",\"model\":\"1234\"}";
    for (size_t size = 0; size < 20; size += 1) {
        skim_outcome outcome = skim_in_pieces(&plan, (const uint8_t *)big, sizeof big - 1, size);
        CHECK(outcome.finished == CAIRN_OK && outcome.is_done && outcome.statuses[0] == CAIRN_ERR_TOO_BIG);
        CHECK(outcome.values[0].raw.length == 0 && outcome.values[0].offset == 9 &&
              outcome.values[0].length == 7);
        skim_outcome_free(&outcome);
        outcome = skim_in_pieces(&plan, (const uint8_t *)fits, sizeof fits - 1, size);
        CHECK(outcome.statuses[0] == CAIRN_OK);
        CHECK_TEXT(outcome.values[0].raw, "\"1234\"");
        skim_outcome_free(&outcome);
    }
}

static void test_a_path_of_zero_bytes_only_tells_the_place(void) {
    const cairn_skim_path path = {.keys = {text("a")}, .key_count = 1, .value_bytes_max = 0};
    cairn_skim_plan plan;
    CHECK(cairn_skim_plan_init(&path, 1, false, &plan) == CAIRN_OK && cairn_skim_capture_bound(&plan) == 0);
    skim_outcome outcome = skim_in_pieces(&plan, (const uint8_t *)"{\"a\":[1,2]}", 11, 3);
    CHECK(outcome.statuses[0] == CAIRN_OK && outcome.values[0].raw.length == 0);
    CHECK(outcome.values[0].offset == 5 && outcome.values[0].length == 5);
    skim_outcome_free(&outcome);
}

static void test_a_plan_that_stops_does_not_look_at_the_rest(void) {
    const cairn_skim_path path = {.keys = {text("model")}, .key_count = 1, .value_bytes_max = 8};
    cairn_skim_plan plan;
    CHECK(cairn_skim_plan_init(&path, 1, true, &plan) == CAIRN_OK);
    static const char document[] = "{\"model\":\"m\",\"model\":2} rubbish";
    for (size_t size = 0; size < sizeof document; size += 1) {
        skim_outcome outcome = skim_in_pieces(&plan, (const uint8_t *)document, sizeof document - 1, size);
        CHECK(outcome.finished == CAIRN_OK && outcome.offset == 12);
        CHECK_TEXT(outcome.values[0].raw, "\"m\"");
        skim_outcome_free(&outcome);
    }
}

static void test_twenty_thousand_nested_arrays_are_passed_over(void) {
    enum { DEPTH = 20000 };
    char *document = malloc(2 * DEPTH + 64);
    memcpy(document, "{\"a\":", 5);
    memset(document + 5, '[', DEPTH);
    memset(document + 5 + DEPTH, ']', DEPTH);
    strcpy(document + 5 + 2 * DEPTH, ",\"model\":1}");
    check_value(document, MODEL, "1");
    strcpy(document + 5 + 2 * DEPTH, "],\"model\":1}");
    check_syntax(document, 5 + 2 * DEPTH);
    free(document);
}

static void test_a_cut_at_every_byte_changes_nothing(void) {
    static const char *const documents[] = {
        "\xEF\xBB\xBF{\"mess\\u0061ge\":{\"usage\":{\"a\":[1,\"}\\\\\"]},\"x\":1},\"model\":\"m\\\"\"}",
        "{\"usage\":12,\"usage\":[true,{\"a\":null}],\"u\":\"\\\\\\\"\",\"message\":{\"usage\":\"end\"}}",
        "  [1,2,3]  x",
        "{\"model\":1,\"model\"x",
        "-12.5",
    };
    const cairn_skim_plan plan = usage_plan(false);
    for (size_t d = 0; d < sizeof documents / sizeof documents[0]; d += 1) {
        const size_t length = strlen(documents[d]);
        skim_outcome expected = skim_in_pieces(&plan, (const uint8_t *)documents[d], length, 0);
        for (size_t size = 1; size < length; size += 1) {
            skim_outcome outcome = skim_in_pieces(&plan, (const uint8_t *)documents[d], length, size);
            CHECK(skim_outcome_same(&expected, &outcome));
            skim_outcome_free(&outcome);
        }
        skim_outcome_free(&expected);
    }
}

/* Random text of the bytes that matter, from random states: both twins pass the same bytes into the same
 * state. */
static void test_twins_pass_over_the_same_bytes(void) {
    static const char alphabet[] = "\"\"\\{}[]aaaaaaaaaaaaaaa";
    uint64_t seed = 0x7313;
    for (int round = 0; round < 30000; round += 1) {
        const size_t length = tap_random(&seed) % 400;
        uint8_t *text = malloc(length + (length == 0));
        for (size_t i = 0; i < length; i += 1)
            text[i] = (uint8_t)alphabet[(tap_random(&seed) >> 33) % (sizeof alphabet - 1)];
        cairn_skim_inside fast = {tap_random(&seed) >> 62, false, false};
        fast.is_in_string = fast.nesting == 0 || tap_random(&seed) >> 63;
        fast.is_escaped = fast.is_in_string && tap_random(&seed) >> 63;
        cairn_skim_inside portable = fast;
        const size_t passed = cairn_skim_pass_portable(text, length, &portable);
        CHECK(cairn_skim_pass(text, length, &fast) == passed);
        CHECK(fast.nesting == portable.nesting && fast.is_in_string == portable.is_in_string);
        CHECK(fast.is_escaped == portable.is_escaped);
        free(text);
    }
}

static void test_a_plan_refuses_what_it_cannot_hold(void) {
    cairn_skim_plan plan;
    cairn_skim_path paths[CAIRN_SKIM_PATHS_MAX + 1] = {0};
    for (size_t i = 0; i <= CAIRN_SKIM_PATHS_MAX; i += 1)
        paths[i] = (cairn_skim_path){.keys = {{(const uint8_t *)"abcdefghi" + i, 1}}, .key_count = 1};
    CHECK(cairn_skim_plan_init(paths, 0, false, &plan) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_skim_plan_init(paths, CAIRN_SKIM_PATHS_MAX + 1, false, &plan) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_skim_plan_init(paths, CAIRN_SKIM_PATHS_MAX, false, &plan) == CAIRN_OK);
    paths[1] = (cairn_skim_path){.keys = {text("a"), text("b")}, .key_count = 2};
    CHECK(cairn_skim_plan_init(paths, 2, false, &plan) == CAIRN_ERR_ARGUMENT); /* leads through "a" */
    paths[0].key_count = 0;
    CHECK(cairn_skim_plan_init(paths, 1, false, &plan) == CAIRN_ERR_ARGUMENT);
    paths[0].key_count = CAIRN_SKIM_KEYS_MAX + 1;
    CHECK(cairn_skim_plan_init(paths, 1, false, &plan) == CAIRN_ERR_TOO_BIG);
    paths[0] = (cairn_skim_path){.keys = {text("123456789012345678901234567890123")}, .key_count = 1};
    CHECK(cairn_skim_plan_init(paths, 1, false, &plan) == CAIRN_ERR_TOO_BIG);
    paths[0] = (cairn_skim_path){.keys = {text("a")}, .key_count = 1, .value_bytes_max = 16385};
    CHECK(cairn_skim_plan_init(paths, 1, false, &plan) == CAIRN_ERR_TOO_BIG);
}

static cairn_status member(const char *body, const char *key, cairn_span *value, size_t *offset) {
    return cairn_skim_member((const uint8_t *)body, strlen(body), text(key), value, offset);
}

static void test_member_finds_the_first_one_and_stops(void) {
    cairn_span value = {0};
    size_t offset = 99;
    const char *body = "{\"messages\":[{\"model\":1}], \"model\": \"gpt-5\", not json any more";
    CHECK(member(body, "model", &value, &offset) == CAIRN_OK);
    CHECK_TEXT(value, "\"gpt-5\"");
    CHECK(offset == 36 && value.bytes == (const uint8_t *)body + 36);
    CHECK(member("{\"stream\":true}", "stream", &value, &offset) == CAIRN_OK);
    CHECK_TEXT(value, "true");
}

static void test_member_says_why_there_is_none(void) {
    cairn_span value = {0};
    size_t offset = 99;
    CHECK(member("{\"a\":1}", "model", &value, &offset) == CAIRN_ERR_NOT_FOUND && offset == 99);
    CHECK(member("{\"a\":1", "model", &value, &offset) == CAIRN_ERR_INCOMPLETE && offset == 6);
    CHECK(member("{\"a\";1", "model", &value, &offset) == CAIRN_ERR_SYNTAX && offset == 4);
    CHECK(member("{}", "123456789012345678901234567890123", &value, &offset) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_skim_member(NULL, 0, text("model"), &value, &offset) == CAIRN_ERR_INCOMPLETE);
    CHECK(value.bytes == NULL);
}

int main(void) {
    TEST(test_a_value_of_any_type_is_captured_raw);
    TEST(test_a_path_of_two_keys_leads_into_the_object);
    TEST(test_the_same_key_elsewhere_is_not_taken);
    TEST(test_the_last_duplicate_wins_also_on_the_way);
    TEST(test_an_escaped_key_matches);
    TEST(test_a_very_long_key_is_no_wanted_one);
    TEST(test_white_space_and_a_byte_order_mark_are_tolerated);
    TEST(test_other_documents_hold_no_member);
    TEST(test_wrong_punctuation_is_refused_at_its_byte);
    TEST(test_a_document_cut_anywhere_is_incomplete);
    TEST(test_a_value_above_its_limit_is_said_to_be_too_big);
    TEST(test_a_path_of_zero_bytes_only_tells_the_place);
    TEST(test_a_plan_that_stops_does_not_look_at_the_rest);
    TEST(test_twenty_thousand_nested_arrays_are_passed_over);
    TEST(test_a_cut_at_every_byte_changes_nothing);
    TEST(test_twins_pass_over_the_same_bytes);
    TEST(test_a_plan_refuses_what_it_cannot_hold);
    TEST(test_member_finds_the_first_one_and_stops);
    TEST(test_member_says_why_there_is_none);
    return tap_end();
}

/* test_distill.c: what is kept of a list of calls, what is merged, and how it reads. */
#include "cairn_distill.h"
#include "tap.h"

enum { ENTRIES = 64 };

static cairn_span text(const char *text) {
    return (cairn_span){(const uint8_t *)text, strlen(text)};
}

static cairn_fingerprint fingerprint_of(const char *tool, const char *argument) {
    char both[1024];
    const int length = snprintf(both, sizeof both, "%s %s", tool, argument);
    return cairn_fingerprint_of((const uint8_t *)both, (size_t)length);
}

static cairn_distill_call call_of(
    const char *tool, const char *argument, const char *result, cairn_distill_outcome outcome) {
    return (cairn_distill_call){.fingerprint = fingerprint_of(tool, argument), .tool = text(tool),
        .argument = text(argument), .result = text(result), .outcome = (uint8_t)outcome};
}
static cairn_distill_call worked(const char *tool, const char *argument, const char *result) {
    return call_of(tool, argument, result, CAIRN_DISTILL_WORKED);
}
static cairn_distill_call failed(const char *tool, const char *argument, const char *result) {
    return call_of(tool, argument, result, CAIRN_DISTILL_FAILED);
}
/* A change; each is another call, whatever its argument. */
static cairn_distill_call changed(const char *tool, const char *argument) {
    static uint64_t count;
    cairn_distill_call call = call_of(tool, argument, "ok", CAIRN_DISTILL_WORKED);
    call.is_change = true;
    call.fingerprint.low += ++count;
    return call;
}

static void check_text(
    const cairn_distill_call *calls, size_t count, size_t capacity, const char *expected) {
    cairn_distill_entry entries[ENTRIES];
    size_t entry_count = 0, left_out = 0, length = 0;
    uint8_t out[4096];
    CHECK(cairn_distill_find(calls, count, entries, capacity, &entry_count, &left_out) == CAIRN_OK);
    CHECK(cairn_distill_write(entries, entry_count, left_out, out, sizeof out, &length) == CAIRN_OK);
    CHECK(length <= cairn_distill_write_bound(entry_count));
    if (!tap_same_text((cairn_span){out, length}, expected)) printf("# got:\n%.*s", (int)length, out);
    CHECK_TEXT(((cairn_span){out, length}), expected);
}

static void test_distill_the_example_of_the_header(void) {
    const cairn_distill_call calls[] = {worked("read_file", "src/lib.rs", "fn main() {}\n"),
        worked("read_file", "src/parse.rs", "use std::fmt;\nuse std::io;\n"),
        failed("bash", "cargo test", "error[E0425]: cannot find value `x`\n --> src/lib.rs:3\n"),
        changed("edit", "src/lib.rs"),
        failed("bash", "cargo test", "test result: FAILED. 1 passed; 2 failed"),
        changed("edit", "src/parse.rs"),
        failed("bash", "cargo test", "test result: FAILED. 2 passed; 1 failed"),
        failed("bash", "grep -rn limit .", "grep: .git: Permission denied"), changed("edit", "src/parse.rs"),
        worked("bash", "cargo test", "test result: ok. 3 passed; 0 failed\n")};
    check_text(calls, 10, ENTRIES,
        "worked: read_file src/lib.rs, src/parse.rs\n"
        "failed, then worked: bash cargo test: error[E0425]: cannot find value `x`\n"
        "changed: edit src/lib.rs, src/parse.rs\n"
        "failed, then worked: bash cargo test (2x): test result: FAILED. 2 passed; 1 failed\n"
        "failed: bash grep -rn limit .: grep: .git: Permission denied\n"
        "changed: edit src/parse.rs\n"
        "last: bash cargo test: test result: ok. 3 passed; 0 failed\n");
}

static void test_distill_no_calls_are_no_text(void) {
    check_text(NULL, 0, ENTRIES, "");
}

static void test_distill_equal_calls_are_one_entry(void) {
    const cairn_distill_call calls[] = {worked("read", "a", "x"), worked("read", "b", "y"),
        worked("read", "a", "z"), failed("run", "make", "Error 2"), failed("run", "make", "Error 2"),
        failed("run", "make", "Error 17"), failed("run", "make", "no rule")};
    cairn_distill_entry entries[ENTRIES];
    size_t count = 0, left_out = 9;

    CHECK(cairn_distill_find(calls, 7, entries, ENTRIES, &count, &left_out) == CAIRN_OK);

    CHECK(count == 4 && left_out == 0);
    CHECK(entries[1].call_count == 2 && entries[1].first_call == 0 && entries[1].last_call == 2);
    CHECK_TEXT(entries[1].message, "z");
    CHECK(entries[2].call_count == 3 && entries[2].kind == CAIRN_DISTILL_STILL_FAILS);
    CHECK_TEXT(entries[2].message, "Error 17");
    CHECK(entries[3].call_count == 1);
    check_text(calls, 7, ENTRIES,
        "worked: read b, a (2x)\nfailed: run make (3x): Error 17\nfailed: run make: no rule\n");
}

static void test_distill_a_failure_after_success_still_fails(void) {
    const cairn_distill_call calls[] = {failed("run", "make", "Error 2"), worked("run", "make", "done"),
        failed("run", "make", "Error 2"), worked("read", "a", "x")};
    check_text(calls, 4, ENTRIES,
        "worked: run make\nfailed: run make (2x): Error 2\nlast: read a: x\n");
}

static void test_distill_a_given_message_goes_before_the_result(void) {
    cairn_distill_call call = failed("run", "tests", "collected 3 items\nE  assert 1 == 2\n");
    call.message = text("E  assert 1 == 2");
    check_text(&call, 1, ENTRIES, "failed: run tests: E  assert 1 == 2\n");
}

static void test_distill_numbers_alone_do_not_tell_messages_apart(void) {
    const char *const same[] = {"at 12:30 line 7", "at 9:05 line 1234"};
    const char *const different[] = {"line", "line 1", "line 1 2", "line x"};
    const cairn_distill_call pair[] = {failed("t", "", same[0]), failed("t", "", same[1])};
    check_text(pair, 2, ENTRIES, "failed: t (2x): at 9:05 line 1234\n");
    for (size_t i = 0; i + 1 < 4; i += 1) {
        const cairn_distill_call other[] = {failed("t", "", different[i]), failed("t", "", different[i + 1])};
        cairn_distill_entry entries[2];
        size_t count = 0, left_out = 0;
        CHECK(cairn_distill_find(other, 2, entries, 2, &count, &left_out) == CAIRN_OK && count == 2);
    }
}

static void test_distill_of_many_messages_the_last_are_merged(void) {
    const cairn_distill_call calls[] = {failed("t", "", "a"), failed("t", "", "b"), failed("t", "", "c"),
        failed("t", "", "d"), failed("t", "", "e"), failed("t", "", "f")};
    check_text(calls, 6, ENTRIES, "failed: t: a\nfailed: t: b\nfailed: t: c\nfailed: t (3x): f\n");
}

static void test_distill_what_matters_least_is_left_out_first(void) {
    const cairn_distill_call calls[] = {worked("read", "a", ""), worked("read", "b", ""),
        failed("run", "x", "E"), failed("run", "y", "E"), worked("run", "y", "ok"), changed("edit", "c"),
        worked("run", "z", "ok")};
    check_text(calls, 7, 7,
        "worked: read a, b\nfailed: run x: E\nfailed, then worked: run y: E\nworked: run y\n"
        "changed: edit c\nlast: run z: ok\n");
    check_text(calls, 7, 5,
        "failed: run x: E\nfailed, then worked: run y: E\nworked: run y\nchanged: edit c\nlast: run z: ok\n"
        "(2 calls left out)\n");
    check_text(calls, 7, 3, "failed: run x: E\nchanged: edit c\nlast: run z: ok\n(4 calls left out)\n");
    check_text(calls, 7, 1, "last: run z: ok\n(6 calls left out)\n");
    check_text(calls, 7, 0, "(7 calls left out)\n");
}

static void test_distill_long_texts_are_cut_between_characters(void) {
    static char tool[200], argument[400], result[400];
    memset(tool, 't', 199);
    memset(result, 'r', 399);
    for (size_t i = 0; i + 3 < sizeof argument; i += 3) memcpy(argument + i, "\xE2\x82\xAC", 3); /* euro */
    memcpy(result + CAIRN_DISTILL_MESSAGE_BYTES_MAX - 1, "\xC3\xA4", 2);
    const cairn_distill_call call = failed(tool, argument, result);
    cairn_distill_entry entry;
    size_t count = 0, left_out = 0;

    CHECK(cairn_distill_find(&call, 1, &entry, 1, &count, &left_out) == CAIRN_OK);

    CHECK(entry.tool.length == CAIRN_DISTILL_TOOL_BYTES_MAX && entry.is_tool_cut);
    CHECK(entry.argument.length == CAIRN_DISTILL_ARGUMENT_BYTES_MAX && entry.is_argument_cut);
    CHECK(entry.message.length == CAIRN_DISTILL_MESSAGE_BYTES_MAX - 1 && entry.is_message_cut);
}

static void test_distill_one_line_is_shown_and_more_of_a_command_is_told(void) {
    const cairn_distill_call calls[] = {
        failed("bash", "  cat <<E\nx\nE\n", "\n\n  first\nsecond"), failed("bash", "ls\n", "gone\r\n")};
    check_text(calls, 2, ENTRIES, "failed: bash cat <<E...: first\nfailed: bash ls: gone\n");
    const cairn_distill_call blank = failed("", "", " \n ");
    check_text(&blank, 1, ENTRIES, "failed: \n");
}

static void test_distill_wrong_lists_are_refused(void) {
    static cairn_distill_call calls[CAIRN_DISTILL_CALLS_MAX + 1];
    cairn_distill_entry entries[1];
    size_t count = 7, left_out = 7;
    for (size_t i = 0; i <= CAIRN_DISTILL_CALLS_MAX; i += 1) {
        calls[i] = worked("t", "", "");
        calls[i].fingerprint.low = i;
    }
    CHECK(cairn_distill_find(calls, CAIRN_DISTILL_CALLS_MAX + 1, entries, 1, &count, &left_out) ==
          CAIRN_ERR_TOO_BIG);
    calls[3].outcome = 0;
    CHECK(cairn_distill_find(calls, 4, entries, 1, &count, &left_out) == CAIRN_ERR_ARGUMENT);
    CHECK(count == 7 && left_out == 7);
    calls[3].outcome = CAIRN_DISTILL_WORKED;
    CHECK(cairn_distill_find(calls, CAIRN_DISTILL_CALLS_MAX, entries, 1, &count, &left_out) == CAIRN_OK);
    CHECK(count == 1 && left_out == CAIRN_DISTILL_CALLS_MAX - 1);
}

/* Fingerprints that all want the same slot cost no more than the slots looked at; the calls stay alone. */
static void test_distill_crowded_slots_are_given_up(void) {
    cairn_distill_call calls[40];
    cairn_distill_entry entries[ENTRIES];
    size_t count = 0, left_out = 0;
    for (size_t i = 0; i < 40; i += 1) {
        calls[i] = worked("t", "", "");
        calls[i].fingerprint = (cairn_fingerprint){i % 20, 0};
    }
    CHECK(cairn_distill_find(calls, 40, entries, ENTRIES, &count, &left_out) == CAIRN_OK);
    CHECK(count == CAIRN_DISTILL_PROBES_MAX + 2 * (20 - CAIRN_DISTILL_PROBES_MAX) && left_out == 0);
}

static void test_distill_too_small_a_buffer_is_told(void) {
    const cairn_distill_call call = failed("run", "make", "Error 2");
    cairn_distill_entry entry;
    size_t count = 0, left_out = 0, length = 0;
    uint8_t out[10];
    CHECK(cairn_distill_find(&call, 1, &entry, 1, &count, &left_out) == CAIRN_OK);
    CHECK(cairn_distill_write(&entry, 1, 0, out, sizeof out, &length) == CAIRN_ERR_NO_SPACE);
    CHECK(length == strlen("failed: run make: Error 2\n"));
    CHECK(cairn_distill_write_bound(SIZE_MAX) == SIZE_MAX);
}

int main(void) {
    TEST(test_distill_the_example_of_the_header);
    TEST(test_distill_no_calls_are_no_text);
    TEST(test_distill_equal_calls_are_one_entry);
    TEST(test_distill_a_failure_after_success_still_fails);
    TEST(test_distill_a_given_message_goes_before_the_result);
    TEST(test_distill_numbers_alone_do_not_tell_messages_apart);
    TEST(test_distill_of_many_messages_the_last_are_merged);
    TEST(test_distill_what_matters_least_is_left_out_first);
    TEST(test_distill_long_texts_are_cut_between_characters);
    TEST(test_distill_one_line_is_shown_and_more_of_a_command_is_told);
    TEST(test_distill_wrong_lists_are_refused);
    TEST(test_distill_crowded_slots_are_given_up);
    TEST(test_distill_too_small_a_buffer_is_told);
    return tap_end();
}

/* test_delta_patch.c: patches look as GNU diff and git write them (the texts below are theirs), and are
 * applied exactly or refused with the line that is wrong. */
#include "delta_trace.h"
#include "tap.h"

#include <string.h>

static const cairn_delta_names no_names = {{NULL, 0}, {NULL, 0}};

static void check_patch(const char *old_text, const char *new_text, uint32_t context, const char *expected) {
    bool is_minimal = false;
    const cairn_span patch =
        delta_patch(delta_text(old_text), delta_text(new_text), context, 0, no_names, &is_minimal);
    if (!tap_same_text(patch, expected)) printf("# got:\n%.*s", (int)patch.length, (const char *)patch.bytes);
    CHECK_TEXT(patch, expected);
    CHECK(delta_makes(delta_text(old_text), patch, delta_text(new_text)));
    free((void *)patch.bytes);
}

static void test_delta_a_patch_has_hunks_with_context(void) {
    check_patch("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve",
        "one\n2\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\n12\n", 3,
        "@@ -1,5 +1,5 @@\n one\n-two\n+2\n three\n four\n five\n"
        "@@ -9,4 +9,4 @@\n nine\n ten\n eleven\n-twelve\n\\ No newline at end of file\n+12\n");
}

static void test_delta_contexts_that_touch_share_a_hunk(void) {
    check_patch("a\nb\nc\nd\n", "A\nb\nc\nD\n", 1, "@@ -1,4 +1,4 @@\n-a\n+A\n b\n c\n-d\n+D\n");
    check_patch("a\nb\nc\nx\nd\n", "A\nb\nc\nx\nD\n", 1,
        "@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -4,2 +4,2 @@\n x\n-d\n+D\n");
}

static void test_delta_empty_ranges_name_the_line_before(void) {
    check_patch("a\nb\nc\n", "a\nc\n", 0, "@@ -2 +1,0 @@\n-b\n");
    check_patch("a\nc\n", "a\nb\nc\n", 0, "@@ -1,0 +2 @@\n+b\n");
    check_patch("", "a\nb\n", 3, "@@ -0,0 +1,2 @@\n+a\n+b\n");
    check_patch("a\nb\n", "", 3, "@@ -1,2 +0,0 @@\n-a\n-b\n");
}

static void test_delta_equal_texts_have_an_empty_patch(void) {
    check_patch("a\nb", "a\nb", 3, "");
    check_patch("", "", 3, "");
}

static void test_delta_missing_newlines_are_told_on_either_side(void) {
    check_patch("a", "b", 3,
        "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n");
    check_patch("a\n", "a", 3, "@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n");
    check_patch("b\na", "a", 3, "@@ -1,2 +1 @@\n-b\n a\n\\ No newline at end of file\n");
}

static void test_delta_names_are_written_as_git_does(void) {
    bool is_minimal = false;
    const cairn_delta_names names = {delta_text("a/x y"), delta_text("b/xy")};
    cairn_span patch = delta_patch(delta_text("1\n"), delta_text("2\n"), 3, 0, names, &is_minimal);
    CHECK_TEXT(patch, "--- a/x y\t\n+++ b/xy\n@@ -1 +1 @@\n-1\n+2\n");
    CHECK(delta_makes(delta_text("1\n"), patch, delta_text("2\n")));
    free((void *)patch.bytes);
    cairn_delta_diff diff;
    size_t length = 9;
    cairn_delta_diff_init(&diff, delta_memory);
    const cairn_delta_names wrong = {delta_text("a\nb"), delta_text("b")};
    CHECK(cairn_delta_diff_write(&diff, wrong, 3, NULL, 0, &length) == CAIRN_ERR_ARGUMENT && length == 9);
    CHECK(cairn_delta_diff_write(&diff, no_names, CAIRN_DELTA_CONTEXT_LINES_MAX + 1, NULL, 0, &length) ==
              CAIRN_ERR_TOO_BIG &&
          length == 9);
    CHECK(cairn_delta_diff_write(&diff, no_names, 3, NULL, 0, &length) == CAIRN_OK && length == 0);
}

static void test_delta_lines_of_git_around_hunks_are_read(void) {
    const cairn_span patch = delta_text("diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n"
                                        "@@ -1,2 +1,2 @@ int main(void)\n a\n-b\n+c\n");
    CHECK(delta_makes(delta_text("a\nb\n"), patch, delta_text("a\nc\n")));
}

static void check_refused(
    const char *text, const char *patch, cairn_status expected, uint32_t patch_line, uint32_t text_line) {
    uint8_t out[256];
    size_t length = 9;
    cairn_delta_failure failure = {99, 99};
    const cairn_status status =
        cairn_delta_apply(delta_text(text), delta_text(patch), out, sizeof out, &length, &failure);
    if (status != expected || failure.patch_line != patch_line || failure.text_line != text_line)
        printf("# got %s at patch line %u, text line %u\n", cairn_status_text(status), failure.patch_line,
            failure.text_line);
    CHECK(status == expected && length == 9);
    CHECK(failure.patch_line == patch_line && failure.text_line == text_line);
}

static void test_delta_a_patch_that_does_not_fit_names_both_lines(void) {
    check_refused("a\nX\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", CAIRN_ERR_NOT_FOUND, 3, 2);
    check_refused("z\na\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", CAIRN_ERR_NOT_FOUND, 2, 1);
    check_refused("a\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", CAIRN_ERR_NOT_FOUND, 3, 2);
    check_refused("a\n", "@@ -7 +7 @@\n-b\n+c\n", CAIRN_ERR_NOT_FOUND, 1, 2);
    check_refused("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n", CAIRN_ERR_NOT_FOUND, 3, 2);
    check_refused("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n",
        CAIRN_ERR_NOT_FOUND, 3, 2);
}

static void test_delta_a_wrong_patch_names_its_line(void) {
    check_refused("a\n", "hello\n", CAIRN_ERR_SYNTAX, 1, 0);
    check_refused("a\n", "@@ -1 +1 @@\n-a\n+b\nbehind\n", CAIRN_ERR_SYNTAX, 4, 0);
    check_refused("a\n", "@@ -1 +1 @@\n-a\n+b\n--- a\n", CAIRN_ERR_SYNTAX, 4, 0);
    check_refused("a\n", "@@ -1 +1\n", CAIRN_ERR_SYNTAX, 1, 0);
    check_refused("a\n", "@@ -0 +1 @@\n", CAIRN_ERR_SYNTAX, 1, 0);
    check_refused("a\n", "@@ -1234567890 +1 @@\n", CAIRN_ERR_SYNTAX, 1, 0);
    check_refused("a\n", "@@ -1,x +1 @@\n", CAIRN_ERR_SYNTAX, 1, 0);
    check_refused("a\n", "@@ -1 +1 @@\n-a\n-a\n+b\n", CAIRN_ERR_SYNTAX, 3, 0);
    check_refused("a\n", "@@ -1 +1 @@\n-a\n*b\n", CAIRN_ERR_SYNTAX, 3, 0);
    check_refused("a\n", "@@ -1 +2 @@\n-a\n+b\n", CAIRN_ERR_SYNTAX, 1, 0);
    check_refused("a\nb\n", "@@ -2 +2 @@\n-b\n+c\n@@ -1 +1 @@\n-a\n+d\n", CAIRN_ERR_SYNTAX, 4, 0);
    check_refused("a\nb\n", "@@ -1 +1 @@\n-a\n+c\n\\ No newline\n", CAIRN_ERR_SYNTAX, 4, 0);
    check_refused("a\n", "@@ -1 +1,2 @@\n-a\n+c\n\\ No newline\n+d\n", CAIRN_ERR_SYNTAX, 5, 0);
    check_refused("a\n", "@@ -1 +1 @@\n-\n\\ No newline\n+d\n", CAIRN_ERR_SYNTAX, 2, 0);
}

static void test_delta_a_cut_patch_is_incomplete(void) {
    check_refused("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n", CAIRN_ERR_INCOMPLETE, 3, 0);
    check_refused("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c", CAIRN_ERR_INCOMPLETE, 4, 0);
}

static void test_delta_too_small_a_buffer_is_told(void) {
    uint8_t out[3];
    size_t length = 9;
    cairn_delta_failure failure = {99, 99};
    CHECK(cairn_delta_apply(delta_text("abc\n"), delta_text(""), out, 3, &length, &failure) ==
          CAIRN_ERR_NO_SPACE);
    CHECK(length == 9 && failure.patch_line == 0 && failure.text_line == 0);
}

static size_t random_bytes(uint64_t *seed, uint8_t *out, size_t length_max) {
    const size_t length = tap_random(seed) % (length_max + 1);
    static const uint8_t alphabet[] = {'\n', '\n', 'a', 'b', 0, '\r', 0xFF, '-', '+', '@', ' ', '\\'};
    const size_t kinds = 2 + tap_random(seed) % (sizeof alphabet - 1);
    for (size_t i = 0; i < length; i += 1) out[i] = alphabet[(tap_random(seed) >> 20) % kinds];
    return length;
}

static void test_delta_any_bytes_survive_the_round_trip(void) {
    uint64_t seed = 21;
    for (int round = 0; round < 6000; round += 1) {
        uint8_t a[200], b[200];
        const size_t a_length = random_bytes(&seed, a, sizeof a), b_length = random_bytes(&seed, b, sizeof b);
        uint8_t *old_bytes = tap_exact_copy(a, a_length), *new_bytes = tap_exact_copy(b, b_length);
        const cairn_span old_text = {old_bytes, a_length}, new_text = {new_bytes, b_length};
        bool is_minimal = false;
        const uint64_t limit = round % 2 == 0 ? 0 : 1 + (uint64_t)round % 50;
        const cairn_span patch =
            delta_patch(old_text, new_text, (uint32_t)round % 5, limit, no_names, &is_minimal);
        CHECK(delta_makes(old_text, patch, new_text));
        free((void *)patch.bytes);
        free(old_bytes);
        free(new_bytes);
    }
}

int main(void) {
    TEST(test_delta_a_patch_has_hunks_with_context);
    TEST(test_delta_contexts_that_touch_share_a_hunk);
    TEST(test_delta_empty_ranges_name_the_line_before);
    TEST(test_delta_equal_texts_have_an_empty_patch);
    TEST(test_delta_missing_newlines_are_told_on_either_side);
    TEST(test_delta_names_are_written_as_git_does);
    TEST(test_delta_lines_of_git_around_hunks_are_read);
    TEST(test_delta_a_patch_that_does_not_fit_names_both_lines);
    TEST(test_delta_a_wrong_patch_names_its_line);
    TEST(test_delta_a_cut_patch_is_incomplete);
    TEST(test_delta_too_small_a_buffer_is_told);
    TEST(test_delta_any_bytes_survive_the_round_trip);
    return tap_end();
}

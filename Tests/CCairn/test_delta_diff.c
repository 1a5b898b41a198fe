/* test_delta_diff.c: diffs turn old into new, are as short as can be, and end in time. */
#include "delta_trace.h"
#include "tap.h"

#include <string.h>

static void find(cairn_delta_diff *diff, const char *old_text, const char *new_text) {
    CHECK(cairn_delta_diff_find(diff, delta_text(old_text), delta_text(new_text), 0) == CAIRN_OK);
}

static void check_change(cairn_delta_change change, uint32_t old_line, uint32_t old_count, uint32_t new_line,
    uint32_t new_count) {
    CHECK(change.old_line == old_line && change.old_count == old_count && change.new_line == new_line &&
          change.new_count == new_count);
}

static uint64_t edits_of(const cairn_delta_diff *diff) {
    uint64_t edits = 0;
    for (size_t i = 0; i < diff->change_count; i += 1)
        edits += diff->changes[i].old_count + diff->changes[i].new_count;
    return edits;
}

static void test_delta_changes_name_lines_of_both_texts(void) {
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);

    find(&diff, "a\nb\nc\nd\ne\n", "a\nx\ny\nc\ne\nf\n");

    CHECK(diff.change_count == 3 && diff.is_minimal);
    check_change(diff.changes[0], 1, 1, 1, 2);
    check_change(diff.changes[1], 3, 1, 4, 0);
    check_change(diff.changes[2], 5, 0, 5, 1);
    cairn_delta_diff_deinit(&diff);
}

static void test_delta_equal_texts_have_no_changes(void) {
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    const char *const texts[] = {"", "\n", "a", "a\nb\n", "a\nb"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i += 1) {
        find(&diff, texts[i], texts[i]);
        CHECK(diff.change_count == 0 && diff.is_minimal);
    }
    cairn_delta_diff_deinit(&diff);
}

static void test_delta_a_missing_newline_is_a_change(void) {
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    find(&diff, "a\nb\n", "a\nb");
    CHECK(diff.change_count == 1);
    check_change(diff.changes[0], 1, 1, 1, 1);
    cairn_delta_diff_deinit(&diff);
}

static void test_delta_empty_sides_are_whole_changes(void) {
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    find(&diff, "", "a\nb\n");
    CHECK(diff.change_count == 1);
    check_change(diff.changes[0], 0, 0, 0, 2);
    find(&diff, "a\nb\n", "");
    CHECK(diff.change_count == 1);
    check_change(diff.changes[0], 0, 2, 0, 0);
    cairn_delta_diff_deinit(&diff);
}

/* Lines of one letter, with many equal ones. */
static size_t random_lines(uint64_t *seed, unsigned kinds, size_t lines_max, char *out) {
    const size_t lines = tap_random(seed) % (lines_max + 1);
    for (size_t i = 0; i < lines; i += 1) {
        out[2 * i] = (char)('a' + (tap_random(seed) >> 33) % kinds);
        out[2 * i + 1] = '\n';
    }
    out[2 * lines] = 0;
    return lines;
}

/* The fewest added and deleted lines, by dynamic programming over all pairs. */
static uint64_t fewest_edits(const char *a, size_t a_lines, const char *b, size_t b_lines) {
    static uint32_t row[64];
    for (size_t j = 0; j <= b_lines; j += 1) row[j] = (uint32_t)j;
    for (size_t i = 1; i <= a_lines; i += 1) {
        uint32_t corner = row[0];
        row[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_lines; j += 1) {
            const uint32_t above = row[j], left = row[j - 1];
            row[j] = a[2 * (i - 1)] == b[2 * (j - 1)] ? corner : (above < left ? above : left) + 1;
            corner = above;
        }
    }
    return row[b_lines];
}

/* The changes are in order and apart, and what they leave alone is equal. */
static bool is_sound(
    const cairn_delta_diff *diff, const char *a, size_t a_lines, const char *b, size_t b_lines) {
    size_t i = 0, j = 0;
    for (size_t c = 0; c <= diff->change_count; c += 1) {
        const bool is_end = c == diff->change_count;
        const size_t stop = is_end ? a_lines : diff->changes[c].old_line;
        if (c > 0 && stop == i && !is_end) return false;
        for (; i < stop; i += 1, j += 1) {
            if (j >= b_lines || a[2 * i] != b[2 * j]) return false;
        }
        if (is_end) break;
        if (j != diff->changes[c].new_line) return false;
        if (diff->changes[c].old_count + diff->changes[c].new_count == 0) return false;
        i += diff->changes[c].old_count;
        j += diff->changes[c].new_count;
    }
    return i == a_lines && j == b_lines;
}

static void test_delta_random_diffs_are_sound_and_minimal(void) {
    uint64_t seed = 7;
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    for (int round = 0; round < 6000; round += 1) {
        char a[128], b[128];
        const unsigned kinds = 1 + (unsigned)round % 6;
        const size_t a_lines = random_lines(&seed, kinds, 60, a);
        const size_t b_lines = random_lines(&seed, kinds, 60, b);
        find(&diff, a, b);
        CHECK(diff.is_minimal && is_sound(&diff, a, a_lines, b, b_lines));
        CHECK(edits_of(&diff) == fewest_edits(a, a_lines, b, b_lines));
    }
    cairn_delta_diff_deinit(&diff);
}

static void test_delta_diffs_cut_short_are_still_sound(void) {
    uint64_t seed = 11;
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    int cut_short = 0;
    for (int round = 0; round < 2000; round += 1) {
        char a[128], b[128];
        const size_t a_lines = random_lines(&seed, 3, 60, a), b_lines = random_lines(&seed, 3, 60, b);
        const uint64_t limit = 1 + tap_random(&seed) % 400;
        CHECK(cairn_delta_diff_find(&diff, delta_text(a), delta_text(b), limit) == CAIRN_OK);
        CHECK(is_sound(&diff, a, a_lines, b, b_lines));
        CHECK(diff.step_count <= limit + 2 * (a_lines + b_lines) + 8);
        CHECK(!diff.is_minimal || edits_of(&diff) == fewest_edits(a, a_lines, b, b_lines));
        cut_short += !diff.is_minimal;
    }
    CHECK(cut_short > 500);
    cairn_delta_diff_deinit(&diff);
}

/* Two random texts of two different lines: far more edits apart than one part is searched for. */
static uint64_t steps_for(size_t lines, uint64_t limit, bool *out_is_sound) {
    uint64_t seed = 3;
    char *a = malloc(2 * lines + 1), *b = malloc(2 * lines + 1);
    if (a == NULL || b == NULL) abort();
    for (size_t i = 0; i < lines; i += 1) {
        a[2 * i] = (char)('a' + (tap_random(&seed) >> 40) % 8);
        b[2 * i] = (char)('a' + (tap_random(&seed) >> 40) % 8);
        a[2 * i + 1] = b[2 * i + 1] = '\n';
    }
    a[2 * lines] = b[2 * lines] = 0;
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    CHECK(cairn_delta_diff_find(&diff, delta_text(a), delta_text(b), limit) == CAIRN_OK);
    *out_is_sound = is_sound(&diff, a, lines, b, lines) && !diff.is_minimal;
    const uint64_t steps = diff.step_count;
    cairn_delta_diff_deinit(&diff);
    free(a);
    free(b);
    return steps;
}

static void test_delta_hard_diffs_take_steps_in_proportion_to_lines(void) {
    bool is_sound = false;
    const uint64_t few = steps_for(4000, UINT64_MAX, &is_sound);
    CHECK(is_sound);
    const uint64_t many = steps_for(16000, UINT64_MAX, &is_sound);
    CHECK(is_sound);
    CHECK(many < 6 * few && many < (uint64_t)16000 * 2 * 4 * CAIRN_DELTA_BOX_EDITS_MAX);
    CHECK(steps_for(16000, 100000, &is_sound) <= 100000 + 16000 * 4);
    CHECK(is_sound);
}

/* One text is a shuffled, cut and repeated other: boxes get uneven. */
static void test_delta_large_random_diffs_are_sound(void) {
    uint64_t seed = 5;
    static char a[2 * 3000 + 1], b[2 * 3000 + 1];
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    for (int round = 0; round < 30; round += 1) {
        const unsigned kinds = 2 + (unsigned)round % 24;
        const size_t a_lines = random_lines(&seed, kinds, 3000, a);
        size_t b_lines = random_lines(&seed, kinds, 3000, b);
        if (round % 2 == 0 && a_lines > 0) {
            const size_t from = tap_random(&seed) % a_lines, half = b_lines / 2;
            const size_t count = a_lines - from < b_lines - half ? a_lines - from : b_lines - half;
            memcpy(b + 2 * half, a + 2 * from, 2 * count);
        }
        find(&diff, a, b);
        CHECK(is_sound(&diff, a, a_lines, b, b_lines));
    }
    cairn_delta_diff_deinit(&diff);
}

static int reallocs_allowed;
static void *refuse(void *context, void *memory, size_t bytes) {
    (void)context;
    if (bytes == 0) {
        free(memory);
        return NULL;
    }
    if (reallocs_allowed == 0) return NULL;
    reallocs_allowed -= 1;
    return __real_realloc(memory, bytes);
}

static void test_delta_a_failed_allocation_leaves_no_changes(void) {
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, (cairn_delta_allocator){refuse, NULL});
    reallocs_allowed = 0;
    CHECK(cairn_delta_diff_find(&diff, delta_text("a\n"), delta_text("b\n"), 0) == CAIRN_ERR_NO_MEMORY);
    CHECK(diff.change_count == 0);
    reallocs_allowed = 1;
    find(&diff, "a\n", "b\n");
    CHECK(diff.change_count == 1);
    static char large[4000];
    memset(large, '\n', sizeof large - 1);
    CHECK(cairn_delta_diff_find(&diff, delta_text(large), delta_text("b\n"), 0) == CAIRN_ERR_NO_MEMORY);
    CHECK(diff.change_count == 0);
    reallocs_allowed = 1;
    find(&diff, large, "b\n");
    find(&diff, "a\n", "b\n"); /* in the memory it has */
    CHECK(diff.change_count == 1);
    cairn_delta_diff_deinit(&diff);
}

static void test_delta_too_many_lines_are_refused(void) {
    const size_t length = CAIRN_DELTA_LINES_MAX + 1;
    uint8_t *lines = malloc(length);
    if (lines == NULL) abort();
    memset(lines, '\n', length);
    cairn_delta_diff diff;
    cairn_delta_diff_init(&diff, delta_memory);
    CHECK(cairn_delta_diff_find(&diff, delta_text("a"), (cairn_span){lines, length}, 0) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_delta_diff_find(&diff, (cairn_span){lines, length}, delta_text(""), 0) == CAIRN_ERR_TOO_BIG);
    const cairn_span too_long = {lines, (size_t)CAIRN_DELTA_TEXT_BYTES_MAX + 1};
    CHECK(cairn_delta_diff_find(&diff, too_long, delta_text(""), 0) == CAIRN_ERR_TOO_BIG); /* never read */
    cairn_delta_diff_deinit(&diff);
    free(lines);
}

int main(void) {
    TEST(test_delta_changes_name_lines_of_both_texts);
    TEST(test_delta_equal_texts_have_no_changes);
    TEST(test_delta_a_missing_newline_is_a_change);
    TEST(test_delta_empty_sides_are_whole_changes);
    TEST(test_delta_random_diffs_are_sound_and_minimal);
    TEST(test_delta_diffs_cut_short_are_still_sound);
    TEST(test_delta_hard_diffs_take_steps_in_proportion_to_lines);
    TEST(test_delta_large_random_diffs_are_sound);
    TEST(test_delta_a_failed_allocation_leaves_no_changes);
    TEST(test_delta_too_many_lines_are_refused);
    return tap_end();
}

/* test_delta_index.c: which runs of lines are found in earlier texts, and which are not any more. */
#include "cairn_delta_int.h"
#include "delta_trace.h"
#include "tap.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { RUNS = 64 };

static const cairn_delta_rule any_three = {3, 0};

static void add(cairn_delta_index *index, uint64_t id, cairn_span text) {
    CHECK(cairn_delta_index_read(index, text.bytes, text.length) == CAIRN_OK);
    CHECK(cairn_delta_index_add(index, id) == CAIRN_OK);
}

static size_t find(cairn_delta_index *index, cairn_span text, cairn_delta_rule rule, cairn_delta_run *runs) {
    size_t count = 0;
    CHECK(cairn_delta_index_read(index, text.bytes, text.length) == CAIRN_OK);
    CHECK(cairn_delta_index_find(index, rule, runs, RUNS, &count) == CAIRN_OK);
    return count;
}

static void check_run(cairn_delta_run run, uint64_t id, uint32_t there, uint32_t here, uint32_t lines) {
    CHECK(run.text_id == id && run.text_first_line == there && run.first_line == here &&
          run.line_count == lines);
}

static void test_delta_a_run_is_found_with_its_places(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    const cairn_span earlier = delta_text("zero\none\ntwo\nthree\nfour\n");
    add(&index, 77, earlier);
    const cairn_span text = delta_text("new\none\ntwo\nthree\nother\n");

    const size_t count = find(&index, text, any_three, runs);

    CHECK(count == 1);
    check_run(runs[0], 77, 1, 1, 3);
    CHECK(runs[0].start == 4 && runs[0].end == 18 && runs[0].text_start == 5);
    CHECK(cairn_delta_run_holds(&runs[0], text.bytes, text.length, earlier));
    cairn_delta_index_deinit(&index);
}

static void test_delta_too_few_lines_or_bytes_are_no_run(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    const cairn_span text = delta_text("a\nb\nc\n");
    add(&index, 1, text);

    CHECK(find(&index, text, (cairn_delta_rule){4, 0}, runs) == 0);
    CHECK(find(&index, text, (cairn_delta_rule){3, 7}, runs) == 0);
    CHECK(find(&index, text, (cairn_delta_rule){3, 6}, runs) == 1);
    CHECK(find(&index, delta_text("a\nb\nx\nb\nc\n"), any_three, runs) == 0);
    cairn_delta_index_deinit(&index);
}

static void test_delta_the_longest_place_wins_and_then_the_newest(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    add(&index, 1, delta_text("a\nb\nc\nd\n"));
    add(&index, 2, delta_text("a\nb\nc\nx\n"));
    add(&index, 3, delta_text("y\na\nb\nc\n"));

    CHECK(find(&index, delta_text("a\nb\nc\nd\n"), any_three, runs) == 1);
    check_run(runs[0], 1, 0, 0, 4);
    CHECK(find(&index, delta_text("a\nb\nc\nz\n"), any_three, runs) == 1);
    check_run(runs[0], 3, 1, 0, 3);
    cairn_delta_index_deinit(&index);
}

/* The line that both texts start with was seen more often since than places are tried, so the run is found
 * from its second line, and grows backwards. */
static void test_delta_a_run_begins_with_a_line_that_is_common(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    add(&index, 1, delta_text("}\nb\nc\nd\n"));
    for (uint64_t id = 2; id < 2 + 2 * CAIRN_DELTA_CANDIDATES_MAX; id += 1)
        add(&index, id, delta_text("}\nother\n"));

    CHECK(find(&index, delta_text("}\nb\nc\nd\n"), any_three, runs) == 1);
    check_run(runs[0], 1, 0, 0, 4);
    cairn_delta_index_deinit(&index);
}

static void test_delta_runs_end_with_their_texts(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    add(&index, 1, delta_text("a\nb\nc\n"));
    add(&index, 2, delta_text("d\ne\nf\n"));

    const size_t count = find(&index, delta_text("a\nb\nc\nd\ne\nf\n"), any_three, runs);

    CHECK(count == 2);
    check_run(runs[0], 1, 0, 0, 3);
    check_run(runs[1], 2, 0, 3, 3);
    CHECK(cairn_delta_index_find_bound(&index, any_three) == 2);
    cairn_delta_index_deinit(&index);
}

static void test_delta_a_missing_newline_is_left_out_of_the_run(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    const cairn_span open = delta_text("a\nb\nc"), closed = delta_text("a\nb\nc\n");
    add(&index, 1, open);

    CHECK(find(&index, closed, any_three, runs) == 1);
    CHECK(runs[0].end == 5 && cairn_delta_run_holds(&runs[0], closed.bytes, closed.length, open));
    cairn_delta_index_reset(&index);
    add(&index, 1, closed);
    CHECK(find(&index, open, any_three, runs) == 1);
    CHECK(runs[0].end == 5 && cairn_delta_run_holds(&runs[0], open.bytes, open.length, closed));
    CHECK(find(&index, closed, any_three, runs) == 1 && runs[0].end == 6);
    cairn_delta_index_deinit(&index);
}

static void test_delta_a_run_holds_only_where_the_bytes_are_equal(void) {
    const cairn_delta_run run = {.text_start = 2, .start = 1, .end = 4, .line_count = 1};
    const cairn_span here = delta_text("-abc");

    CHECK(cairn_delta_run_holds(&run, here.bytes, here.length, delta_text("--abc")));
    CHECK(!cairn_delta_run_holds(&run, here.bytes, here.length, delta_text("--abd")));
    CHECK(!cairn_delta_run_holds(&run, here.bytes, here.length, delta_text("--ab")));
    CHECK(!cairn_delta_run_holds(&run, here.bytes, here.length, delta_text("-")));
    CHECK(!cairn_delta_run_holds(&run, here.bytes, 3, delta_text("--abc")));
}

static void test_delta_removed_texts_are_not_found(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    add(&index, 1, delta_text("a\nb\nc\n"));
    add(&index, 2, delta_text("x\na\nb\nc\n"));
    add(&index, 3, delta_text("d\ne\nf\n"));

    CHECK(cairn_delta_index_remove(&index, (const uint64_t[]){2, 9}, 2) == CAIRN_OK);

    CHECK(find(&index, delta_text("a\nb\nc\nd\ne\nf\n"), any_three, runs) == 2);
    check_run(runs[0], 1, 0, 0, 3);
    check_run(runs[1], 3, 0, 3, 3);
    CHECK(cairn_delta_index_remove(&index, (const uint64_t[]){1, 3}, 2) == CAIRN_OK);
    CHECK(find(&index, delta_text("a\nb\nc\nd\ne\nf\n"), any_three, runs) == 0);
    CHECK(cairn_delta_index_remove(&index, (const uint64_t[]){2, 1}, 2) == CAIRN_ERR_ARGUMENT);
    cairn_delta_index_deinit(&index);
}

static void test_delta_calls_out_of_order_are_refused(void) {
    cairn_delta_index index;
    cairn_delta_run runs[1];
    size_t count = 9;
    cairn_delta_index_init(&index, delta_memory, 4);
    CHECK(cairn_delta_index_find(&index, any_three, runs, 1, &count) == CAIRN_ERR_NOT_FOUND);
    CHECK(cairn_delta_index_add(&index, 1) == CAIRN_ERR_NOT_FOUND);
    add(&index, 1, delta_text("a\nb\nc\n"));
    CHECK(cairn_delta_index_find(&index, any_three, runs, 1, &count) == CAIRN_ERR_NOT_FOUND);
    CHECK(cairn_delta_index_read(&index, (const uint8_t *)"a\nb", 3) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_delta_index_add(&index, 2) == CAIRN_ERR_NOT_FOUND);
    CHECK(cairn_delta_index_read(&index, (const uint8_t *)"a", 1) == CAIRN_OK);
    CHECK(cairn_delta_index_find(&index, (cairn_delta_rule){0, 0}, runs, 1, &count) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_delta_index_find(&index, (cairn_delta_rule){1, 0}, runs, 0, &count) == CAIRN_ERR_NO_SPACE);
    CHECK(count == 9);
    cairn_delta_index_deinit(&index);
}

static void test_delta_empty_texts_have_no_lines(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    add(&index, 1, (cairn_span){NULL, 0});
    CHECK(find(&index, (cairn_span){NULL, 0}, (cairn_delta_rule){1, 0}, runs) == 0);
    add(&index, 2, delta_text("\n\n\n"));
    CHECK(find(&index, delta_text("\n\n\n"), any_three, runs) == 1);
    cairn_delta_index_reset(&index);
    CHECK(find(&index, delta_text("\n\n\n"), any_three, runs) == 0);
    cairn_delta_index_deinit(&index);
}

/* Random texts of few different lines, and texts that come and go: every run holds, meets the rule, and is as
 * long as it can be forwards; and a line of three that stands in an earlier text is in a run, when no line is
 * more common than places are tried. */
typedef struct shelf {
    char texts[8][512];
    bool is_there[8];
} shelf;

static void random_text(uint64_t *seed, unsigned kinds, char *out, size_t capacity) {
    size_t length = 0;
    const size_t lines = tap_random(seed) % 40;
    for (size_t i = 0; i < lines && length + 8 < capacity; i += 1)
        length += (size_t)snprintf(out + length, 8, "%u\n", (unsigned)(tap_random(seed) >> 33) % kinds);
    if (length > 0 && tap_random(seed) >> 63 != 0) length -= 1;
    out[length] = 0;
}

static bool is_in_run(const cairn_delta_run *runs, size_t count, size_t offset) {
    for (size_t i = 0; i < count; i += 1) {
        if (offset >= runs[i].start && offset < runs[i].end) return true;
    }
    return false;
}

/* Three whole lines at text[offset]. */
static size_t three_lines(const char *text, size_t offset) {
    size_t end = offset;
    for (int i = 0; i < 3; i += 1) {
        const char *newline = strchr(text + end, '\n');
        if (newline == NULL) return 0;
        end = (size_t)(newline - text) + 1;
    }
    return end - offset;
}

static bool stands_in(const char *text, const char *lines, size_t length) {
    for (const char *at = text; at != NULL; at = strchr(at, '\n'), at = at == NULL ? NULL : at + 1) {
        if (strlen(at) >= length && memcmp(at, lines, length) == 0) return true;
    }
    return false;
}

static void check_runs(
    const shelf *shelf, const char *text, const cairn_delta_run *runs, size_t count, bool is_complete) {
    const size_t length = strlen(text);
    for (size_t i = 0; i < count; i += 1) {
        CHECK(runs[i].text_id < 8 && shelf->is_there[runs[i].text_id]);
        CHECK(runs[i].line_count >= 3 && (i == 0 || runs[i].start >= runs[i - 1].end));
        CHECK(cairn_delta_run_holds(
            &runs[i], (const uint8_t *)text, length, delta_text(shelf->texts[runs[i].text_id])));
    }
    for (size_t offset = 0; is_complete && offset < length; offset += 1) {
        if (offset > 0 && text[offset - 1] != '\n') continue;
        const size_t three = three_lines(text, offset);
        for (size_t t = 0; three > 0 && t < 8; t += 1) {
            if (shelf->is_there[t] && stands_in(shelf->texts[t], text + offset, three))
                CHECK(is_in_run(runs, count, offset) || is_in_run(runs, count, offset + three - 1));
        }
    }
}

static void test_delta_runs_of_random_texts_hold_and_none_is_missed(void) {
    for (uint64_t round = 1; round <= 300; round += 1) {
        uint64_t seed = round * 977;
        const unsigned kinds = round % 3 == 0 ? 3 : 400;
        shelf shelf = {0};
        cairn_delta_index index;
        cairn_delta_index_init(&index, delta_memory, 0);
        for (uint64_t i = 0; i < 40; i += 1) {
            cairn_delta_run runs[RUNS];
            char text[512];
            random_text(&seed, kinds, text, sizeof text);
            const size_t from = tap_random(&seed) % 8;
            if (kinds > 3 && shelf.is_there[from] && strlen(shelf.texts[from]) > 30)
                strcpy(text + strlen(text), shelf.texts[from] + tap_random(&seed) % 16);
            text[sizeof shelf.texts[0] - 1] = 0;
            const size_t count = find(&index, delta_text(text), any_three, runs);
            check_runs(&shelf, text, runs, count, kinds > 3);
            if (shelf.is_there[i % 8]) {
                CHECK(cairn_delta_index_remove(&index, (const uint64_t[]){i % 8}, 1) == CAIRN_OK);
                shelf.is_there[i % 8] = false;
            }
            random_text(&seed, kinds, shelf.texts[i % 8], sizeof shelf.texts[0]);
            add(&index, i % 8, delta_text(shelf.texts[i % 8]));
            shelf.is_there[i % 8] = true;
        }
        cairn_delta_index_deinit(&index);
    }
}

static void test_delta_a_reset_index_is_like_a_new_one(void) {
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    for (int round = 0; round < 3; round += 1) {
        for (uint64_t id = 0; id < 200; id += 1) {
            char text[64];
            snprintf(text, sizeof text, "a%d\nb%d\nc%d\n", (int)id, (int)id, (int)id);
            CHECK(find(&index, delta_text(text), any_three, runs) == 0);
            add(&index, id, delta_text(text));
            CHECK(find(&index, delta_text(text), any_three, runs) == 1);
        }
        cairn_delta_index_reset(&index);
        for (size_t i = 0; i < index.slot_count; i += 1) CHECK(index.slots[i] == 0);
    }
    cairn_delta_index_deinit(&index);
}

/* Lines whose hashes all want the same slot cost no more than the slots looked at: those too far away are not
 * found, and a run that leads over them still is. */
static void test_delta_crowded_slots_are_given_up(void) {
    enum { LINES = 200, LINE_BYTES = 8, SLOTS = 512 };
    static char text[LINES * LINE_BYTES + 1];
    unsigned tried = 0;
    for (size_t i = 0; i < LINES; tried += 1) {
        snprintf(text + i * LINE_BYTES, LINE_BYTES + 1, "%07u\n", tried);
        i += (XXH3_64bits(text + i * LINE_BYTES, LINE_BYTES - 1) & (SLOTS - 1)) == 0;
    }
    text[sizeof text - 1] = 0;
    cairn_delta_index index;
    cairn_delta_run runs[RUNS];
    cairn_delta_index_init(&index, delta_memory, 0);
    add(&index, 1, delta_text(text));

    CHECK(index.slot_count == SLOTS && index.slots_used == CAIRN_DELTA_PROBES_MAX);
    CHECK(find(&index, delta_text(text), any_three, runs) == 1);
    check_run(runs[0], 1, 0, 0, LINES);
    CHECK(find(&index, delta_text(text + CAIRN_DELTA_PROBES_MAX * LINE_BYTES), any_three, runs) == 0);
    cairn_delta_index_deinit(&index);
}

static void test_delta_newline_twins_agree(void) {
    uint64_t seed = 42;
    for (size_t length = 0; length < 400; length += 1) {
        uint8_t *bytes = tap_exact_copy("", 0);
        bytes = realloc(bytes, length + 1);
        if (bytes == NULL) abort();
        const unsigned density = 1 + tap_random(&seed) % 20;
        for (size_t i = 0; i < length; i += 1)
            bytes[i] = tap_random(&seed) % density == 0 ? '\n' : (uint8_t)(tap_random(&seed) >> 50);
        uint8_t *exact = tap_exact_copy(bytes, length);
        uint32_t portable[400], chosen[400];
        const size_t count = cairn_delta_count_newlines_portable(exact, length);
        CHECK(cairn_delta_find_newlines_portable(exact, length, portable) == count);
        CHECK(cairn_delta_count_newlines(exact, length) == count);
        CHECK(cairn_delta_find_newlines(exact, length, chosen) == count);
        CHECK(memcmp(portable, chosen, count * sizeof portable[0]) == 0);
        for (size_t i = 0; i < count; i += 1) CHECK(exact[portable[i] - 1] == '\n');
        free(bytes);
        free(exact);
    }
}

/* The caller's memory: counts what is out, and can refuse the N-th request. */
typedef struct ration {
    int left; /* requests that may still succeed; -1: all */
    int blocks;
} ration;

static void *take_ration(void *context, void *memory, size_t bytes) {
    ration *ration = context;
    if (bytes == 0) {
        ration->blocks -= 1;
        free(memory);
        return NULL;
    }
    if (ration->left == 0) return NULL;
    if (ration->left > 0) ration->left -= 1;
    ration->blocks += memory == NULL;
    return __real_realloc(memory, bytes);
}

static void test_delta_a_failed_allocation_leaves_the_index_as_it_was(void) {
    for (int left = 0; left < 12; left += 1) {
        ration ration = {left, 0};
        cairn_delta_index index;
        cairn_delta_index_init(&index, (cairn_delta_allocator){take_ration, &ration}, 0);
        cairn_delta_run runs[RUNS];
        uint64_t added = 0;
        for (uint64_t id = 0; id < 40; id += 1) {
            char text[64];
            snprintf(text, sizeof text, "a%d\nb%d\nc%d\n", (int)id, (int)id, (int)id);
            const cairn_span span = delta_text(text);
            cairn_status status = cairn_delta_index_read(&index, span.bytes, span.length);
            if (status == CAIRN_OK) status = cairn_delta_index_add(&index, id);
            CHECK(status == CAIRN_OK || status == CAIRN_ERR_NO_MEMORY);
            if (status != CAIRN_OK) break;
            added += 1;
        }
        ration.left = -1;
        CHECK(left < 5 ? added == 0 : added > 0);
        for (uint64_t id = 0; id < 40; id += 1) {
            char text[64];
            snprintf(text, sizeof text, "a%d\nb%d\nc%d\n", (int)id, (int)id, (int)id);
            CHECK(find(&index, delta_text(text), any_three, runs) == (id < added));
        }
        cairn_delta_index_deinit(&index);
        CHECK(ration.blocks == 0);
    }
}

int main(void) {
    TEST(test_delta_a_run_is_found_with_its_places);
    TEST(test_delta_too_few_lines_or_bytes_are_no_run);
    TEST(test_delta_the_longest_place_wins_and_then_the_newest);
    TEST(test_delta_a_run_begins_with_a_line_that_is_common);
    TEST(test_delta_runs_end_with_their_texts);
    TEST(test_delta_a_missing_newline_is_left_out_of_the_run);
    TEST(test_delta_a_run_holds_only_where_the_bytes_are_equal);
    TEST(test_delta_removed_texts_are_not_found);
    TEST(test_delta_calls_out_of_order_are_refused);
    TEST(test_delta_empty_texts_have_no_lines);
    TEST(test_delta_runs_of_random_texts_hold_and_none_is_missed);
    TEST(test_delta_a_reset_index_is_like_a_new_one);
    TEST(test_delta_crowded_slots_are_given_up);
    TEST(test_delta_newline_twins_agree);
    TEST(test_delta_a_failed_allocation_leaves_the_index_as_it_was);
    return tap_end();
}

/* fuzz_delta_index.c: of texts that come and go in an index, every run found lies in both texts, byte for
 * byte, meets the rule, and overlaps no other; all lines of the text just added are in runs.
 *
 * Input: texts, each behind a byte: even adds it, odd also removes the text two before; 0x1E ends a text. */
#include "delta_trace.h"

enum { TEXTS_MAX = 64, RUNS_MAX = 4096 };

static cairn_span texts[TEXTS_MAX];
static bool is_there[TEXTS_MAX];
static cairn_delta_run runs[RUNS_MAX];

static void check_runs(const cairn_delta_index *index, cairn_span text, cairn_delta_rule rule, size_t count) {
    if (count > cairn_delta_index_find_bound(index, rule)) abort();
    for (size_t i = 0; i < count; i += 1) {
        const cairn_delta_run *run = &runs[i];
        if (run->text_id >= TEXTS_MAX || !is_there[run->text_id]) abort();
        if (run->line_count < rule.lines_min || run->end - run->start < rule.bytes_min) abort();
        if (i > 0 && (run->start < runs[i - 1].end || run->first_line < runs[i - 1].first_line)) abort();
        if (!cairn_delta_run_holds(run, text.bytes, text.length, texts[run->text_id])) abort();
    }
}

static size_t find(cairn_delta_index *index, cairn_span text, cairn_delta_rule rule) {
    size_t count = 0;
    if (cairn_delta_index_read(index, text.bytes, text.length) != CAIRN_OK) abort();
    if (cairn_delta_index_find(index, rule, runs, RUNS_MAX, &count) != CAIRN_OK) abort();
    check_runs(index, text, rule, count);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    cairn_delta_index index;
    cairn_delta_index_init(&index, delta_memory, 0);
    memset(is_there, 0, sizeof is_there);
    size_t start = 0;
    for (uint64_t id = 0; id < TEXTS_MAX && start < length; id += 1) {
        const uint8_t what = input[start];
        const uint8_t *end = memchr(input + start, 0x1E, length - start);
        const size_t stop = end == NULL ? length : (size_t)(end - input);
        texts[id] = (cairn_span){input + start + 1, stop > start ? stop - start - 1 : 0};
        find(&index, texts[id], (cairn_delta_rule){1 + what / 2 % 4, what / 8 % 32});
        if (cairn_delta_index_add(&index, id) != CAIRN_OK) abort();
        is_there[id] = true;
        if (texts[id].length > 0) {
            const size_t count = find(&index, texts[id], (cairn_delta_rule){1, 0});
            size_t bytes = 0;
            for (size_t i = 0; i < count; i += 1) bytes += runs[i].end - runs[i].start;
            if (bytes + count < texts[id].length) abort(); /* each may lack the LF of its last line */
        }
        if (what % 2 == 1 && id >= 2 && cairn_delta_index_remove(&index, &(uint64_t){id - 2}, 1) == CAIRN_OK)
            is_there[id - 2] = false;
        start = stop + 1;
    }
    cairn_delta_index_deinit(&index);
    return 0;
}

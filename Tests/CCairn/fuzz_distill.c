/* fuzz_distill.c: whatever the calls hold, entries are in the order of their last calls, their counts and
 * what was left out are all calls, their spans lie in those of their last call, and the text keeps its bound.
 *
 * Input: calls, each a byte that says what it is, and the text behind it up to 0x1E, as tool, argument and
 * result; the lower bits choose one of eight fingerprints. */
#include "cairn_distill.h"

#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 256 };

static cairn_distill_call calls[CALLS_MAX];
static cairn_distill_entry entries[CALLS_MAX];

static void check_inside(cairn_span part, cairn_span whole, size_t bytes_max) {
    if (part.length == 0) return;
    if (part.length > bytes_max || part.bytes < whole.bytes) abort();
    if (part.bytes + part.length > whole.bytes + whole.length) abort();
    if (memchr(part.bytes, '\n', part.length) != NULL) abort();
}

static void check_entries(size_t count, size_t entry_count, size_t left_out) {
    size_t told = left_out;
    for (size_t i = 0; i < entry_count; i += 1) {
        const cairn_distill_entry *entry = &entries[i];
        const cairn_distill_call *call = &calls[entry->last_call];
        if (entry->last_call >= count || entry->first_call > entry->last_call) abort();
        if (i > 0 && entry->last_call <= entries[i - 1].last_call) abort();
        const bool has_failed = entry->kind == CAIRN_DISTILL_STILL_FAILS ||
                                entry->kind == CAIRN_DISTILL_FAILED_THEN_WORKED;
        if (has_failed != (call->outcome == CAIRN_DISTILL_FAILED)) abort();
        const bool is_end = !has_failed && entry->last_call + 1 == count;
        if ((entry->kind == CAIRN_DISTILL_LAST_WORKED) != is_end) abort();
        check_inside(entry->tool, call->tool, CAIRN_DISTILL_TOOL_BYTES_MAX);
        check_inside(entry->argument, call->argument, CAIRN_DISTILL_ARGUMENT_BYTES_MAX);
        check_inside(entry->message, call->message.length > 0 ? call->message : call->result,
            CAIRN_DISTILL_MESSAGE_BYTES_MAX);
        told += entry->call_count;
    }
    if (told != count) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    size_t count = 0;
    for (size_t start = 0; start < length && count < CALLS_MAX; count += 1) {
        const uint8_t *end = memchr(input + start, 0x1E, length - start);
        const size_t stop = end == NULL ? length : (size_t)(end - input);
        const uint8_t what = input[start];
        const cairn_span text = {input + start + 1, stop > start ? stop - start - 1 : 0};
        calls[count] = (cairn_distill_call){.fingerprint = {0, what % 8},
            .tool = {text.bytes, text.length / 3},
            .argument = {text.bytes, text.length / 2}, .result = text,
            .message = (what & 64) != 0 ? text : (cairn_span){NULL, 0},
            .outcome = (what & 16) != 0 ? CAIRN_DISTILL_FAILED : CAIRN_DISTILL_WORKED,
            .is_change = (what & 32) != 0};
        start = stop + 1;
    }
    const size_t capacity = length > 0 && input[0] >= 128 ? count / 2 : CALLS_MAX;
    size_t entry_count = 0, left_out = 0, text_length = 0;
    if (cairn_distill_find(calls, count, entries, capacity, &entry_count, &left_out) != CAIRN_OK) abort();
    if (entry_count > capacity) abort();
    check_entries(count, entry_count, left_out);
    const size_t bound = cairn_distill_write_bound(entry_count);
    uint8_t *out = malloc(bound);
    if (out == NULL) abort();
    if (cairn_distill_write(entries, entry_count, left_out, out, bound, &text_length) != CAIRN_OK) abort();
    if (text_length > bound) abort();
    free(out);
    return 0;
}

/* fuzz_sse.c: any cut of a stream gives the same events as the stream in one piece, and the raw bytes of the
 * events are the stream. The first bytes of the input choose the cuts and the limit. */
#include "sse_trace.h"

static size_t cut_nothing(void *context, size_t left) {
    (void)context;
    return left;
}

typedef struct cuts {
    uint64_t random;
    size_t size_max;
} cuts;

static size_t cut_anywhere(void *context, size_t left) {
    cuts *cuts = context;
    cuts->random = cuts->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    const size_t size = 1 + (size_t)(cuts->random >> 33) % cuts->size_max;
    return size < left ? size : left;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (length < 3) return 0;
    cuts cuts = {input[0], 1 + input[1] % 16};
    const size_t event_bytes_max = input[2] < 128 ? 0 : input[2] - 124;
    sse_trace one = sse_trace_of(input + 3, length - 3, event_bytes_max, cut_nothing, NULL);
    sse_trace cut = sse_trace_of(input + 3, length - 3, event_bytes_max, cut_anywhere, &cuts);
    if (!sse_text_same(&one.facts, &cut.facts)) abort();
    if (one.raw.length > 0 && one.error_count == 0) {
        if (memcmp(one.raw.bytes, input + 3, one.raw.length) != 0) abort();
        if (cut.raw.length > one.raw.length || cut.raw.length + 1 < one.raw.length) abort();
        if (cut.raw.length > 0 && memcmp(one.raw.bytes, cut.raw.bytes, cut.raw.length) != 0) abort();
    }
    sse_trace_free(&one);
    sse_trace_free(&cut);
    return 0;
}

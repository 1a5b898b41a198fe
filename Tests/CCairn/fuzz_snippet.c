/* fuzz_snippet.c: whatever the bytes, the values lie in the text, do not overlap, are distinct, fit into the
 * bound, and are found with bounded work; one place too few is refused; the twins of the classification
 * agree. */
#include "snippet_trace.h"

#if CAIRN_BYTES_HAS_AVX2
static void compare_twins(const uint8_t *input, size_t length) {
    enum { BLOCKS_MAX = 64 };
    cairn_snippet_marks portable[BLOCKS_MAX], fast[BLOCKS_MAX];
    cairn_snippet_carry portable_carry = {0}, fast_carry = {0};
    const size_t block_count = length / CAIRN_SNIPPET_BLOCK;
    if (!cairn_bytes_can_avx2() || block_count > BLOCKS_MAX) return;
    cairn_snippet_mark_portable(input, block_count, &portable_carry, portable);
    cairn_snippet_mark_avx2(input, block_count, &fast_carry, fast);
    if (memcmp(portable, fast, block_count * sizeof portable[0]) != 0) abort();
    if (memcmp(&portable_carry, &fast_carry, sizeof fast_carry) != 0) abort();
}
#else
static void compare_twins(const uint8_t *input, size_t length) {
    (void)input;
    (void)length;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    snippet_outcome outcome = snippet_find(input, length);
    if (!snippet_is_sound(&outcome) || !snippet_is_distinct(&outcome)) abort();
    if (outcome.count > 0) {
        const size_t capacity = outcome.count - 1, scratch_count = cairn_snippet_scratch_bound(capacity);
        uint32_t *scratch = malloc(scratch_count * sizeof *scratch);
        size_t count = 12345;
        if (scratch == NULL) abort();
        if (cairn_snippet_find(outcome.text, length, outcome.snippets, capacity, scratch, &count) !=
                CAIRN_ERR_NO_SPACE ||
            count != 12345)
            abort();
        free(scratch);
    }
    snippet_free(&outcome);
    compare_twins(input, length);
    return 0;
}

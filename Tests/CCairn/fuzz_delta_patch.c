/* fuzz_delta_patch.c: whatever two texts are, the patch between them makes the second of the first, with any
 * context and any limit of the search. Whatever a text and a patch are, applying one ends with a result
 * within its bound, or with a line of the patch that exists.
 *
 * Input: a byte for context and limit; the texts (or text and patch), parted by the first 0x1E. */
#include "delta_trace.h"

static void check_round_trip(cairn_span old_text, cairn_span new_text, uint8_t choice) {
    const cairn_delta_names names = {delta_text("a"), delta_text("b")};
    bool is_minimal = false;
    const cairn_span patch =
        delta_patch(old_text, new_text, choice % 5, choice < 128 ? 0 : choice % 64 + 1, names, &is_minimal);
    if (!delta_makes(old_text, patch, new_text)) abort();
    if (choice < 128 && !is_minimal) abort(); /* inputs are far below every limit */
    free((void *)patch.bytes);
}

static void check_any_patch(cairn_span text, cairn_span patch) {
    const size_t bound = cairn_delta_apply_bound(text.length, patch.length);
    uint8_t *out = delta_allocate(bound);
    size_t out_length = 0;
    uint32_t patch_lines = 1;
    for (size_t i = 0; i < patch.length; i += 1) patch_lines += patch.bytes[i] == '\n';
    cairn_delta_failure failure = {0, 0};
    switch (cairn_delta_apply(text, patch, out, bound, &out_length, &failure)) {
    case CAIRN_OK:
        if (out_length > bound) abort();
        break;
    case CAIRN_ERR_SYNTAX:
    case CAIRN_ERR_INCOMPLETE:
        if (failure.patch_line == 0 || failure.patch_line > patch_lines || failure.text_line != 0) abort();
        break;
    case CAIRN_ERR_NOT_FOUND:
        if (failure.patch_line == 0 || failure.patch_line > patch_lines || failure.text_line == 0) abort();
        break;
    default:
        abort();
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (length == 0) return 0;
    const uint8_t *middle = memchr(input + 1, 0x1E, length - 1);
    const size_t stop = middle == NULL ? length : (size_t)(middle - input);
    const cairn_span first = {input + 1, stop - 1};
    const cairn_span second = middle == NULL ? (cairn_span){NULL, 0}
                                             : (cairn_span){middle + 1, length - stop - 1};
    check_round_trip(first, second, input[0]);
    check_any_patch(first, second);
    return 0;
}

/* fuzz_novelty.c: a text's counts are those of a naive twin, whatever text came before; and bytes that are accepted
 * as a stored set are exactly what that set writes. */
#include "cairn_novelty.h"

#include <stdlib.h>
#include <string.h>

static cairn_novelty_set *set;
static cairn_novelty_scratch *scratch;
static uint8_t *is_of_text, *is_of_set; /* by trigram; all 0 between inputs */

static void prepare(void) {
    if (set != NULL) return;
    if (cairn_novelty_set_new(&set) != CAIRN_OK || cairn_novelty_scratch_new(&scratch) != CAIRN_OK) abort();
    is_of_text = calloc(1 << 24, 1);
    is_of_set = calloc(1 << 24, 1);
    if (is_of_text == NULL || is_of_set == NULL) abort();
}

/* Sets or clears the trigrams of a text; returns how many changed. */
static uint32_t mark(uint8_t *is_of, const uint8_t *text, size_t length, uint8_t value) {
    uint32_t changed_count = 0;
    for (size_t i = 0; i + 2 < length; i += 1) {
        uint8_t *is = &is_of[text[i] | text[i + 1] << 8 | text[i + 2] << 16];
        changed_count += *is != value;
        *is = value;
    }
    return changed_count;
}

static uint32_t common_of(const uint8_t *text, size_t length) {
    uint32_t common_count = 0;
    for (size_t i = 0; i + 2 < length; i += 1) {
        const uint32_t trigram = text[i] | text[i + 1] << 8 | text[i + 2] << 16;
        common_count += is_of_text[trigram] & is_of_set[trigram];
        is_of_text[trigram] = 0;
    }
    return common_count;
}

/* The first half of the input is the set, the second the text. */
static void check_counts(const uint8_t *input, size_t length) {
    const size_t half = length / 2;
    cairn_novelty_set_reset(set);
    cairn_novelty_add(set, scratch, input, half);
    const uint32_t set_count = mark(is_of_set, input, half, 1);
    const uint32_t text_count = mark(is_of_text, input + half, length - half, 1);
    const uint32_t known_count = common_of(input + half, length - half);
    const cairn_novelty counts = cairn_novelty_find(set, scratch, input + half, length - half);
    if (counts.set_count != set_count || counts.text_count != text_count || counts.known_count != known_count) abort();
    mark(is_of_set, input, half, 0);
}

static void check_stored(const uint8_t *input, size_t length) {
    cairn_novelty_set_reset(set);
    if (cairn_novelty_set_read(set, input, length) != CAIRN_OK) return;
    uint8_t *bytes = malloc(length);
    size_t written = 0;
    if (bytes == NULL || cairn_novelty_set_write(set, bytes, length, &written) != CAIRN_OK) abort();
    if (written != length || memcmp(bytes, input, length) != 0) abort();
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    prepare();
    check_counts(input, length);
    check_stored(input, length);
    return 0;
}

/* delta_trace.h: small things the tests and fuzz targets of room delta share. */
#ifndef DELTA_TRACE_H
#define DELTA_TRACE_H

#include "cairn_delta.h"

#include <stdlib.h>
#include <string.h>

static const cairn_delta_allocator delta_memory = {NULL, NULL};

static inline cairn_span delta_text(const char *text) {
    return (cairn_span){(const uint8_t *)text, strlen(text)};
}

static inline uint8_t *delta_allocate(size_t length) {
    uint8_t *bytes = malloc(length == 0 ? 1 : length);
    if (bytes == NULL) abort();
    return bytes;
}

/* The patch from one text to another, to be freed; aborts when it cannot be written. */
static inline cairn_span delta_patch(cairn_span old_text, cairn_span new_text, uint32_t context_lines,
    uint64_t step_count_max, cairn_delta_names names, bool *out_is_minimal) {
    cairn_delta_diff diff;
    size_t length = 0;
    cairn_delta_diff_init(&diff, delta_memory);
    if (cairn_delta_diff_find(&diff, old_text, new_text, step_count_max) != CAIRN_OK) abort();
    const cairn_status status = cairn_delta_diff_write(&diff, names, context_lines, NULL, 0, &length);
    if (status != (length == 0 ? CAIRN_OK : CAIRN_ERR_NO_SPACE)) abort();
    uint8_t *patch = delta_allocate(length);
    if (cairn_delta_diff_write(&diff, names, context_lines, patch, length, &length) != CAIRN_OK) abort();
    *out_is_minimal = diff.is_minimal;
    cairn_delta_diff_deinit(&diff);
    return (cairn_span){patch, length};
}

/* Whether the patch makes the second text of the first. */
static inline bool delta_makes(cairn_span old_text, cairn_span patch, cairn_span new_text) {
    const size_t bound = cairn_delta_apply_bound(old_text.length, patch.length);
    uint8_t *out = delta_allocate(bound);
    size_t length = 0;
    cairn_delta_failure failure = {0, 0};
    const bool makes = cairn_delta_apply(old_text, patch, out, bound, &length, &failure) == CAIRN_OK &&
                       length == new_text.length &&
                       (length == 0 || memcmp(out, new_text.bytes, length) == 0);
    free(out);
    return makes;
}

#endif

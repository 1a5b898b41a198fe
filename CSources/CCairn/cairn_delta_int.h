/* cairn_delta_int.h: what the files of room delta share: finding line ends, and the caller's memory. */
#ifndef CAIRN_DELTA_INT_H
#define CAIRN_DELTA_INT_H

#include "cairn_delta.h"

#include <stdlib.h>

/* How many LFs there are. */
size_t cairn_delta_count_newlines(const uint8_t *bytes, size_t length);
size_t cairn_delta_count_newlines_portable(const uint8_t *bytes, size_t length);

/* Writes the index behind each LF, in order; `behind` has room for all of them. `length` is at most
 * CAIRN_DELTA_TEXT_BYTES_MAX. Returns how many there are. */
size_t cairn_delta_find_newlines(const uint8_t *bytes, size_t length, uint32_t *behind);
size_t cairn_delta_find_newlines_portable(const uint8_t *bytes, size_t length, uint32_t *behind);

#if CAIRN_BYTES_HAS_AVX2
size_t cairn_delta_count_newlines_avx2(const uint8_t *bytes, size_t length);
size_t cairn_delta_find_newlines_avx2(const uint8_t *bytes, size_t length, uint32_t *behind);
#endif

/* Lines of a text: one for each LF, and one for what stands behind the last. */
static inline size_t cairn_delta_line_count(const uint8_t *bytes, size_t length) {
    return cairn_delta_count_newlines(bytes, length) + (length > 0 && bytes[length - 1] != '\n');
}

static inline void *cairn_delta_resize(cairn_delta_allocator allocator, void *memory, size_t bytes) {
    if (allocator.resize != NULL) return allocator.resize(allocator.context, memory, bytes);
    if (bytes > 0) return realloc(memory, bytes);
    free(memory);
    return NULL;
}

#endif

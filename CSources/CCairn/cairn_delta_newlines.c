/* cairn_delta_newlines.c: where lines end: the portable twins, eight bytes a step, and the choice of twin. */
#include "cairn_delta_int.h"

#include <string.h>

#define WORD_ONES UINT64_C(0x0101010101010101)
#define WORD_LOWS UINT64_C(0x7F7F7F7F7F7F7F7F)
#define LINE_FEEDS (WORD_ONES * '\n')

/* The high bit of each byte that is an LF; exact for all eight, as no sum carries into the next byte. */
static uint64_t newlines_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    word ^= LINE_FEEDS;
    return ~(((word & WORD_LOWS) + WORD_LOWS) | word | WORD_LOWS);
}

size_t cairn_delta_count_newlines_portable(const uint8_t *bytes, size_t length) {
    size_t count = 0, index = 0;
    for (; length - index >= 8; index += 8) count += (size_t)__builtin_popcountll(newlines_at(bytes + index));
    for (; index < length; index += 1) count += bytes[index] == '\n';
    return count;
}

size_t cairn_delta_find_newlines_portable(const uint8_t *bytes, size_t length, uint32_t *behind) {
    size_t count = 0, index = 0;
    while (index < length) {
        if (length - index >= 8 && newlines_at(bytes + index) == 0) {
            index += 8;
            continue;
        }
        const size_t stop = length - index >= 8 ? index + 8 : length;
        for (; index < stop; index += 1) {
            if (bytes[index] == '\n') behind[count++] = (uint32_t)(index + 1);
        }
    }
    return count;
}

size_t cairn_delta_count_newlines(const uint8_t *bytes, size_t length) {
#if CAIRN_BYTES_HAS_AVX2
    if (cairn_bytes_can_avx2()) return cairn_delta_count_newlines_avx2(bytes, length);
#endif
    return cairn_delta_count_newlines_portable(bytes, length);
}

size_t cairn_delta_find_newlines(const uint8_t *bytes, size_t length, uint32_t *behind) {
#if CAIRN_BYTES_HAS_AVX2
    if (cairn_bytes_can_avx2()) return cairn_delta_find_newlines_avx2(bytes, length, behind);
#endif
    return cairn_delta_find_newlines_portable(bytes, length, behind);
}

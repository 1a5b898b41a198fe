/* cairn_delta_newlines_avx2.c: where lines end, 64 bytes a step as a bit mask, for processors with AVX2. */
#include "cairn_delta_int.h"

#if CAIRN_BYTES_HAS_AVX2
#include "cairn_bytes_block.h"

CAIRN_WITH_AVX2 size_t cairn_delta_count_newlines_avx2(const uint8_t *bytes, size_t length) {
    size_t count = 0, index = 0;
    for (; length - index >= CAIRN_BYTES_BLOCK; index += CAIRN_BYTES_BLOCK) {
        const uint64_t newlines = cairn_bytes_block_equal(cairn_bytes_block_at(bytes + index), '\n');
        count += (size_t)__builtin_popcountll(newlines);
    }
    return count + (index == length ? 0 : cairn_delta_count_newlines_portable(bytes + index, length - index));
}

CAIRN_WITH_AVX2 size_t cairn_delta_find_newlines_avx2(
    const uint8_t *bytes, size_t length, uint32_t *behind) {
    size_t count = 0, index = 0;
    for (; length - index >= CAIRN_BYTES_BLOCK; index += CAIRN_BYTES_BLOCK) {
        uint64_t newlines = cairn_bytes_block_equal(cairn_bytes_block_at(bytes + index), '\n');
        for (; newlines != 0; newlines &= newlines - 1)
            behind[count++] = (uint32_t)(index + 1 + (size_t)__builtin_ctzll(newlines));
    }
    for (; index < length; index += 1) {
        if (bytes[index] == '\n') behind[count++] = (uint32_t)(index + 1);
    }
    return count;
}
#endif

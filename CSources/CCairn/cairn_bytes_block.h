/* cairn_bytes_block.h: 64 bytes of text as bit masks, one bit a byte (bit 0 is the first byte). For the AVX2
 * files of this core, which include it below CAIRN_BYTES_HAS_AVX2. Every caller is compiled for AVX2 too. */
#ifndef CAIRN_BYTES_BLOCK_H
#define CAIRN_BYTES_BLOCK_H

#include <immintrin.h>
#include <stdint.h>

#define CAIRN_BYTES_BLOCK 64
#define CAIRN_WITH_AVX2 __attribute__((target("avx2,bmi,popcnt")))

typedef struct cairn_bytes_block {
    __m256i low, high;
} cairn_bytes_block;

/* Reads bytes[0 ..< 64]. */
CAIRN_WITH_AVX2 static inline cairn_bytes_block cairn_bytes_block_at(const uint8_t *bytes) {
    return (cairn_bytes_block){_mm256_loadu_si256((const __m256i *)(const void *)bytes),
        _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32))};
}

/* The high bits of the 64 bytes. */
CAIRN_WITH_AVX2 static inline uint64_t cairn_bytes_block_high(cairn_bytes_block text) {
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(text.low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(text.high) << 32;
}

/* The bytes equal to `byte`. */
CAIRN_WITH_AVX2 static inline uint64_t cairn_bytes_block_equal(cairn_bytes_block text, uint8_t byte) {
    const __m256i wanted = _mm256_set1_epi8((char)byte);
    return cairn_bytes_block_high(
        (cairn_bytes_block){_mm256_cmpeq_epi8(text.low, wanted), _mm256_cmpeq_epi8(text.high, wanted)});
}

/* The bytes below 0x20 or from 0x80 on: as signed numbers both are below 0x20. */
CAIRN_WITH_AVX2 static inline uint64_t cairn_bytes_block_outside_ascii_text(cairn_bytes_block text) {
    const __m256i space = _mm256_set1_epi8(0x20);
    return cairn_bytes_block_high(
        (cairn_bytes_block){_mm256_cmpgt_epi8(space, text.low), _mm256_cmpgt_epi8(space, text.high)});
}

/* The same text with bit 5 set in every byte: '[' becomes '{', ']' becomes '}'. */
CAIRN_WITH_AVX2 static inline cairn_bytes_block cairn_bytes_block_folded(cairn_bytes_block text) {
    const __m256i bit_5 = _mm256_set1_epi8(0x20);
    return (cairn_bytes_block){_mm256_or_si256(text.low, bit_5), _mm256_or_si256(text.high, bit_5)};
}

#endif

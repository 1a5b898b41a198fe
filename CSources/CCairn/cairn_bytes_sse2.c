/* cairn_bytes_sse2.c: the x86-64 twins of the byte searches, 16 bytes a load.
 *
 * Both searches share one shape: four single steps for short texts, then 64 bytes a step with one branch,
 * then single steps, then one last load that overlaps the bytes already seen (they hold no hit, so overlap is
 * harmless). Texts below 16 bytes go to the portable twin: no load may leave the buffer. */
#include "cairn_bytes.h"

#if CAIRN_BYTES_HAS_SSE2
#include <emmintrin.h>

#define STEP 16
#define BLOCK 64

static inline __m128i load(const uint8_t *bytes) {
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

static inline __m128i hits_either(__m128i text, __m128i first, __m128i second) {
    return _mm_or_si128(_mm_cmpeq_epi8(text, first), _mm_cmpeq_epi8(text, second));
}

/* Signed comparison: bytes from 0x80 on are negative, so "below 0x20" covers them and the control characters.
 */
static inline __m128i hits_json_special(__m128i text, __m128i quote, __m128i backslash) {
    const __m128i outside = _mm_cmplt_epi8(text, _mm_set1_epi8(0x20));
    return _mm_or_si128(outside, hits_either(text, quote, backslash));
}

static inline size_t first_bit(__m128i hits) {
    return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(hits));
}

/* The shared shape. A macro, because the two kernels differ only in HITS, which must be inlined. */
#define FIND(HITS)                                                                                           \
    do {                                                                                                     \
        size_t index = 0;                                                                                    \
        for (; length - index >= STEP; index += STEP) {                                                      \
            if (index == BLOCK) {                                                                            \
                for (; length - index >= BLOCK; index += BLOCK) {                                            \
                    const __m128i a = HITS(load(bytes + index), one, two);                                   \
                    const __m128i b = HITS(load(bytes + index + 16), one, two);                              \
                    const __m128i c = HITS(load(bytes + index + 32), one, two);                              \
                    const __m128i d = HITS(load(bytes + index + 48), one, two);                              \
                    const __m128i any = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));                \
                    if (_mm_movemask_epi8(any) == 0) continue;                                               \
                    if (_mm_movemask_epi8(a) != 0) return index + first_bit(a);                              \
                    if (_mm_movemask_epi8(b) != 0) return index + 16 + first_bit(b);                         \
                    if (_mm_movemask_epi8(c) != 0) return index + 32 + first_bit(c);                         \
                    return index + 48 + first_bit(d);                                                        \
                }                                                                                            \
                if (length - index < STEP) break;                                                            \
            }                                                                                                \
            const __m128i hits = HITS(load(bytes + index), one, two);                                        \
            if (_mm_movemask_epi8(hits) != 0) return index + first_bit(hits);                                \
        }                                                                                                    \
        if (index == length) return length;                                                                  \
        const __m128i hits = HITS(load(bytes + length - STEP), one, two);                                    \
        return _mm_movemask_epi8(hits) == 0 ? length : length - STEP + first_bit(hits);                      \
    } while (0)

size_t cairn_bytes_find_either_sse2(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second) {
    if (length < STEP) return cairn_bytes_find_either_portable(bytes, length, first, second);
    const __m128i one = _mm_set1_epi8((char)first), two = _mm_set1_epi8((char)second);
    FIND(hits_either);
}

size_t cairn_bytes_find_json_special_sse2(const uint8_t *bytes, size_t length) {
    if (length < STEP) return cairn_bytes_find_json_special_portable(bytes, length);
    const __m128i one = _mm_set1_epi8('"'), two = _mm_set1_epi8('\\');
    FIND(hits_json_special);
}
#endif

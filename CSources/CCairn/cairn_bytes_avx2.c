/* cairn_bytes_avx2.c: UTF-8 validation 32 bytes a step, for processors with AVX2.
 *
 * Method: J. Keiser, D. Lemire, "Validating UTF-8 in less than one instruction per byte" (2021). Every wrong
 * pair of neighbouring bytes is recognised by three table look-ups (high and low nibble of the first byte,
 * high nibble of the second); each table entry is a set of possible errors, and an error is real when all
 * three have it. What two bytes cannot show, the place of the third and fourth byte of a sequence, is
 * compared separately. */
#include "cairn_bytes.h"

#if CAIRN_BYTES_HAS_AVX2
#include <immintrin.h>

#define WITH_AVX2 __attribute__((target("avx2")))

enum {
    TOO_SHORT = 1 << 0,      /* a lead byte is followed by no continuation */
    TOO_LONG = 1 << 1,       /* ASCII is followed by a continuation */
    OVERLONG_3 = 1 << 2,     /* E0 80..9F */
    TOO_LARGE = 1 << 3,      /* F4 90.., F5.. */
    SURROGATE = 1 << 4,      /* ED A0..BF */
    OVERLONG_2 = 1 << 5,     /* C0, C1 */
    TOO_LARGE_1000 = 1 << 6, /* F5.. 80..8F */
    OVERLONG_4 = 1 << 6,     /* F0 80..8F */
    TWO_CONTS = 1 << 7,      /* a continuation after a continuation: right only inside a longer sequence */
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTS
};

int cairn_bytes_can_avx2(void) {
    return __builtin_cpu_supports("avx2") != 0;
}

/* The 32 bytes that end `back` bytes before the end of `now`; `before` is the block in front of it. */
#define SHIFTED(now, before, back)                                                                           \
    _mm256_alignr_epi8(now, _mm256_permute2x128_si256(before, now, 0x21), 16 - (back))

#define TABLE(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

WITH_AVX2 static inline __m256i pair_errors(__m256i now, __m256i first) {
    const __m256i nibble = _mm256_set1_epi8(0x0F);
    const __m256i first_high = TABLE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        TOO_LONG, (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, (char)TWO_CONTS, TOO_SHORT | OVERLONG_2,
        TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4);
    const char large = (char)(CARRY | TOO_LARGE | TOO_LARGE_1000);
    const __m256i first_low =
        TABLE((char)(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (char)(CARRY | OVERLONG_2), (char)CARRY,
            (char)CARRY, (char)(CARRY | TOO_LARGE), large, large, large, large, large, large, large, large,
            (char)(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE), large, large);
    const char cont_80 = (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4);
    const char cont_90 = (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | OVERLONG_3 | TOO_LARGE);
    const char cont_a0 = (char)(TOO_LONG | OVERLONG_2 | TWO_CONTS | SURROGATE | TOO_LARGE);
    const __m256i second_high = TABLE(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        TOO_SHORT, TOO_SHORT, cont_80, cont_90, cont_a0, cont_a0, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
    const __m256i a = _mm256_shuffle_epi8(first_high, _mm256_and_si256(_mm256_srli_epi16(first, 4), nibble));
    const __m256i b = _mm256_shuffle_epi8(first_low, _mm256_and_si256(first, nibble));
    const __m256i c = _mm256_shuffle_epi8(second_high, _mm256_and_si256(_mm256_srli_epi16(now, 4), nibble));
    return _mm256_and_si256(_mm256_and_si256(a, b), c);
}

/* Non-zero bytes where `now`, with the block `before` in front, has an error. */
WITH_AVX2 static inline __m256i block_errors(__m256i now, __m256i before) {
    const __m256i first = SHIFTED(now, before, 1);
    const __m256i pairs = pair_errors(now, first);
    /* Bytes that must be the third of three or more, or the fourth of four: lead byte at least E0, F0. */
    const __m256i third = _mm256_subs_epu8(SHIFTED(now, before, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
    const __m256i fourth = _mm256_subs_epu8(SHIFTED(now, before, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    const __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(must, pairs);
}

WITH_AVX2 size_t cairn_bytes_utf8_front_avx2(const uint8_t *bytes, size_t length) {
    size_t index = 0;
    __m256i before = _mm256_setzero_si256();
    for (; length - index >= 32; index += 32) {
        const __m256i now = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + index));
        /* ASCII after ASCII needs no look-up; after anything else a sequence might be cut. */
        if (_mm256_movemask_epi8(_mm256_or_si256(now, before)) != 0) {
            const __m256i errors = block_errors(now, before);
            if (!_mm256_testz_si256(errors, errors)) break;
        }
        before = now;
    }
    /* The exact place of an error, a sequence that the block's end cuts, and the tail: from a character's
     * first byte. */
    size_t start = index;
    while (start > 0 && index - start < 4 && (bytes[start - 1] & 0xC0) == 0x80) start -= 1;
    if (start > 0 && bytes[start - 1] >= 0xC0) start -= 1;
    return start + cairn_bytes_utf8_front_portable(bytes + start, length - start);
}
#endif

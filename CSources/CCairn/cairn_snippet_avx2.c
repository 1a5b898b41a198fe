/* cairn_snippet_avx2.c: classifies text 64 bytes a step, for processors with AVX2.
 *
 * Dividers and spaces are two sets of ASCII bytes: a look-up by the low half of a byte gives the high halves
 * it may have in each set, one bit a high half, and a look-up by the high half the bit to test (the shuffle
 * gives 0 for bytes from 0x80 on, which are dividers and are added by their high bit). The other classes are
 * ranges or single bytes. */
#include "cairn_snippet_int.h"

#if CAIRN_BYTES_HAS_AVX2
#include "cairn_bytes_block.h"

/* Bit h of entry l: the byte h * 16 + l is in the set. */
#define SET(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

CAIRN_WITH_AVX2 static inline __m256i in_set(__m256i text, __m256i set, __m256i high_bits) {
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(text, 4), _mm256_set1_epi8(0x0F));
    const __m256i hit =
        _mm256_and_si256(_mm256_shuffle_epi8(set, text), _mm256_shuffle_epi8(high_bits, high));
    return _mm256_xor_si256(_mm256_cmpeq_epi8(hit, _mm256_setzero_si256()), _mm256_set1_epi8(-1));
}

CAIRN_WITH_AVX2 static inline uint64_t set_mask(cairn_bytes_block text, __m256i set, __m256i high_bits) {
    return cairn_bytes_block_high(
        (cairn_bytes_block){in_set(text.low, set, high_bits), in_set(text.high, set, high_bits)});
}

/* The bytes from `first` to `last`. */
CAIRN_WITH_AVX2 static inline __m256i in_range(__m256i text, char first, char last) {
    const __m256i offset = _mm256_sub_epi8(text, _mm256_set1_epi8(first));
    return _mm256_cmpeq_epi8(offset, _mm256_min_epu8(offset, _mm256_set1_epi8((char)(last - first))));
}

CAIRN_WITH_AVX2 static inline uint64_t range_mask(cairn_bytes_block text, char first, char last) {
    return cairn_bytes_block_high(
        (cairn_bytes_block){in_range(text.low, first, last), in_range(text.high, first, last)});
}

CAIRN_WITH_AVX2 static inline uint64_t quote_mask(cairn_bytes_block text) {
    return cairn_bytes_block_equal(text, '"') | cairn_bytes_block_equal(text, '`') |
           cairn_bytes_block_equal(text, 0x98) | cairn_bytes_block_equal(text, 0x9C);
}

CAIRN_WITH_AVX2 void cairn_snippet_mark_avx2(
    const uint8_t *bytes, size_t block_count, cairn_snippet_carry *carry, cairn_snippet_marks *out) {
    /* Rows 0 to 7 of the ASCII table are bits 0 to 7. Dividers: all of rows 0 and 1, space, DEL, " ' ( ) , ;
     * < = > [ ] ` { | } */
    const __m256i dividers = SET(0x47, 0x03, 0x07, 0x03, 0x03, 0x03, 0x03, 0x07, 0x07, 0x07, 0x03, (char)0xAB,
        (char)0x8F, (char)0xAB, 0x0B, (char)0x83);
    /* NUL, tab, line feed, vertical tab, form feed, carriage return, space. */
    const __m256i spaces = SET(0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x01, 0x01, 0x01, 0x01, 0, 0);
    const __m256i high_bits =
        SET(0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, (char)0x80, 0, 0, 0, 0, 0, 0, 0, 0);
    for (size_t block = 0; block < block_count; block += 1) {
        const cairn_bytes_block text = cairn_bytes_block_at(bytes + block * CAIRN_SNIPPET_BLOCK);
        const cairn_snippet_classes is = {
            .digit = range_mask(text, '0', '9'),
            .upper = range_mask(text, 'A', 'Z'),
            .lower = range_mask(text, 'a', 'z'),
            .underscore = cairn_bytes_block_equal(text, '_'),
            .divider = set_mask(text, dividers, high_bits) | cairn_bytes_block_high(text),
            .space = set_mask(text, spaces, high_bits),
            .newline = cairn_bytes_block_equal(text, '\n'),
            .slash = cairn_bytes_block_equal(text, '/'),
            .dot = cairn_bytes_block_equal(text, '.'),
            .quote = quote_mask(text),
            .apostrophe = cairn_bytes_block_equal(text, '\''),
            .dollar = cairn_bytes_block_equal(text, '$'),
            .colon = cairn_bytes_block_equal(text, ':'),
            .blank = cairn_bytes_block_equal(text, ' '),
            .bracket = cairn_bytes_block_equal(text, '['),
            .equals = cairn_bytes_block_equal(text, '='),
            .letter_e = cairn_bytes_block_equal(text, 'e'),
            .letter_f = cairn_bytes_block_equal(text, 'f'),
            .letter_l = cairn_bytes_block_equal(text, 'l'),
            .letter_r = cairn_bytes_block_equal(text, 'r'),
        };
        out[block] = cairn_snippet_rules(&is, carry);
    }
}
#endif

/* cairn_json_int.h: what the files of room json share: passing over a string's content, and its escapes. */
#ifndef CAIRN_JSON_INT_H
#define CAIRN_JSON_INT_H

#include "cairn_json.h"

#if CAIRN_BYTES_HAS_SSE2
#include <emmintrin.h>
#endif

/* What was met on the way through a string. */
enum {
    CAIRN_JSON_SAW_ESCAPE = 1,
    CAIRN_JSON_SAW_RESPELLED = 2, /* an escape the canonical form spells differently, or may: \/ and \uXXXX */
    CAIRN_JSON_SAW_HIGH = 4       /* a byte from 0x80 on: its UTF-8 is not checked here */
};

/* Passes over string content from text[index] to the quote that ends it, or to the first wrong byte, or to
 * the end. Returns its index: a '"', or `length` when the text ends first (also inside an escape), or a wrong
 * byte (a control character, or the backslash of a wrong escape). Adds to *seen. A cut escape is wrong only
 * if its bytes so far are. */
size_t cairn_json_pass_string(const uint8_t *text, size_t index, size_t length, uint32_t *seen);
size_t cairn_json_pass_string_portable(const uint8_t *text, size_t index, size_t length, uint32_t *seen);
#if CAIRN_BYTES_HAS_AVX2
size_t cairn_json_pass_string_avx2(const uint8_t *text, size_t index, size_t length, uint32_t *seen);
#endif

/* The index of the quote within the next 16 bytes if nothing special stands in front of it, else `length`:
 * what most keys and short values need, without a call and the set-up of a 64-byte step. */
static inline size_t cairn_json_short_string_end(const uint8_t *text, size_t index, size_t length) {
#if CAIRN_BYTES_HAS_SSE2
    if (length - index < 16) return length;
    const __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(text + index));
    const __m128i quote = _mm_cmpeq_epi8(here, _mm_set1_epi8('"'));
    const __m128i other =
        _mm_or_si128(_mm_cmpeq_epi8(here, _mm_set1_epi8('\\')), _mm_cmplt_epi8(here, _mm_set1_epi8(0x20)));
    const unsigned quotes = (unsigned)_mm_movemask_epi8(quote), others = (unsigned)_mm_movemask_epi8(other);
    if (quotes == 0 || (others & (quotes ^ (quotes - 1))) != 0) return length;
    return index + (size_t)__builtin_ctz(quotes);
#else
    (void)text, (void)index;
    return length;
#endif
}

/* Passes over the escape at text[index], a backslash. Returns the index behind it, `length` when the text
 * ends inside it, or `index` when it is wrong. Adds CAIRN_JSON_SAW_RESPELLED to *seen if it may be spelled
 * differently. */
size_t cairn_json_pass_escape(const uint8_t *text, size_t index, size_t length, uint32_t *seen);

/* The value of a hexadecimal digit, or -1. */
int cairn_json_hex_digit(uint8_t byte);

/* The code unit of the escape \uXXXX at the front of `text`, or -1 when there is no such whole escape. */
int32_t cairn_json_code_unit(const uint8_t *text, size_t length);

/* Reads the escape at the front of `text`, a backslash, as UTF-8 into `utf8`. Returns its length (12 for a
 * surrogate pair), 0 when it is wrong or a surrogate that stands alone. */
size_t cairn_json_read_escape(const uint8_t *text, size_t length, uint8_t utf8[4], size_t *out_utf8_length);

/* Writes the canonical escape of '"', '\\' or a control character. Returns its length. */
size_t cairn_json_put_escape(uint8_t byte, uint8_t out[6]);

#endif

/* cairn_json_pass.c: passing over string content, the portable twin, and the choice between twins. */
#include "cairn_json_int.h"

#if CAIRN_BYTES_HAS_SSE2
#include <emmintrin.h>
#endif

size_t cairn_json_pass_escape(const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
    if (length - index < 2) return length;
    switch (text[index + 1]) {
    case '"':
    case '\\':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return index + 2;
    case '/':
        *seen |= CAIRN_JSON_SAW_RESPELLED;
        return index + 2;
    case 'u':
        break;
    default:
        return index;
    }
    *seen |= CAIRN_JSON_SAW_RESPELLED;
    for (size_t digit = index + 2; digit < index + 6; digit += 1) {
        if (digit == length) return length;
        if (cairn_json_hex_digit(text[digit]) < 0) return index;
    }
    return index + 6;
}

size_t cairn_json_pass_string_portable(const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
    while (index < length) {
        index += cairn_bytes_find_json_special(text + index, length - index);
        if (index == length || text[index] == '"' || text[index] < 0x20) return index;
        if (text[index] >= 0x80) {
            *seen |= CAIRN_JSON_SAW_HIGH;
            while (index < length && text[index] >= 0x80) index += 1;
            continue;
        }
        *seen |= CAIRN_JSON_SAW_ESCAPE;
        const size_t behind = cairn_json_pass_escape(text, index, length, seen);
        if (behind == index) return index;
        index = behind;
    }
    return length;
}

/* The quote within the next 16 bytes if nothing special stands in front of it, else `index`: what most keys
 * and short values need, without the set-up of a 64-byte step. */
static inline size_t short_string_end(const uint8_t *text, size_t index, size_t length) {
#if CAIRN_BYTES_HAS_SSE2
    if (length - index < 16) return index;
    const __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(text + index));
    const __m128i quote = _mm_cmpeq_epi8(here, _mm_set1_epi8('"'));
    const __m128i other =
        _mm_or_si128(_mm_cmpeq_epi8(here, _mm_set1_epi8('\\')), _mm_cmplt_epi8(here, _mm_set1_epi8(0x20)));
    const unsigned quotes = (unsigned)_mm_movemask_epi8(quote), others = (unsigned)_mm_movemask_epi8(other);
    if (quotes == 0 || (others & (quotes ^ (quotes - 1))) != 0) return index;
    return index + (size_t)__builtin_ctz(quotes);
#else
    (void)text, (void)length;
    return index;
#endif
}

size_t cairn_json_pass_string(const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
    const size_t end = short_string_end(text, index, length);
    if (end > index) return end;
#if CAIRN_BYTES_HAS_AVX2
    if (cairn_bytes_can_avx2()) return cairn_json_pass_string_avx2(text, index, length, seen);
#endif
    return cairn_json_pass_string_portable(text, index, length, seen);
}

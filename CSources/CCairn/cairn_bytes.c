/* cairn_bytes.c: the portable twins of the byte searches, and the choice between twins.
 *
 * The portable searches look at eight bytes a step in a 64-bit word. The zero-byte test is the classic one
 * ((v - 0x01..) & ~v & 0x80..): exact for the lowest set byte, which is all that a first hit needs once the
 * word is re-read byte by byte. */
#include "cairn_bytes.h"

#include <string.h>

#define WORD_ONES UINT64_C(0x0101010101010101)
#define WORD_HIGHS UINT64_C(0x8080808080808080)

static uint64_t word_at(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Non-zero exactly when some byte of `word` equals `byte`. */
static uint64_t word_has(uint64_t word, uint8_t byte) {
    const uint64_t difference = word ^ (WORD_ONES * byte);
    return (difference - WORD_ONES) & ~difference & WORD_HIGHS;
}

size_t cairn_bytes_find_either_portable(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second) {
    size_t index = 0;
    while (length - index >= sizeof(uint64_t)) {
        const uint64_t word = word_at(bytes + index);
        if (word_has(word, first) | word_has(word, second)) break;
        index += sizeof(uint64_t);
    }
    while (index < length && bytes[index] != first && bytes[index] != second) index += 1;
    return index;
}

static int is_json_special(uint8_t byte) {
    return byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
}

size_t cairn_bytes_find_json_special_portable(const uint8_t *bytes, size_t length) {
    size_t index = 0;
    while (length - index >= sizeof(uint64_t)) {
        const uint64_t word = word_at(bytes + index);
        /* A byte below 0x20 borrows from its high bit, a byte from 0x80 on has it set already. */
        const uint64_t outside = (word | (word - WORD_ONES * 0x20)) & WORD_HIGHS;
        if (outside | word_has(word, '"') | word_has(word, '\\')) break;
        index += sizeof(uint64_t);
    }
    while (index < length && !is_json_special(bytes[index])) index += 1;
    return index;
}

size_t cairn_bytes_find_either(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second) {
#if CAIRN_BYTES_HAS_SSE2
    return cairn_bytes_find_either_sse2(bytes, length, first, second);
#else
    return cairn_bytes_find_either_portable(bytes, length, first, second);
#endif
}

size_t cairn_bytes_find_json_special(const uint8_t *bytes, size_t length) {
#if CAIRN_BYTES_HAS_SSE2
    return cairn_bytes_find_json_special_sse2(bytes, length);
#else
    return cairn_bytes_find_json_special_portable(bytes, length);
#endif
}

static int is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

size_t cairn_bytes_utf8_sequence(const uint8_t *bytes, size_t length) {
    if (length == 0) return 0;
    const uint8_t lead = bytes[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    if (lead < 0xE0) return length >= 2 && is_continuation(bytes[1]) ? 2 : 0;
    if (length < 3 || !is_continuation(bytes[1]) || !is_continuation(bytes[2])) return 0;
    if (lead < 0xF0) {
        if (lead == 0xE0 && bytes[1] < 0xA0) return 0; /* overlong */
        if (lead == 0xED && bytes[1] > 0x9F) return 0; /* surrogate */
        return 3;
    }
    if (length < 4 || !is_continuation(bytes[3])) return 0;
    if (lead == 0xF0 && bytes[1] < 0x90) return 0; /* overlong */
    if (lead == 0xF4 && bytes[1] > 0x8F) return 0; /* above U+10FFFF */
    return 4;
}

size_t cairn_bytes_utf8_front_portable(const uint8_t *bytes, size_t length) {
    size_t index = 0;
    while (index < length) {
        if (length - index >= sizeof(uint64_t) && (word_at(bytes + index) & WORD_HIGHS) == 0) {
            index += sizeof(uint64_t);
            continue;
        }
        const size_t taken = cairn_bytes_utf8_sequence(bytes + index, length - index);
        if (taken == 0) break;
        index += taken;
    }
    return index;
}

size_t cairn_bytes_utf8_front(const uint8_t *bytes, size_t length) {
#if CAIRN_BYTES_HAS_AVX2
    if (length >= 64 && cairn_bytes_can_avx2()) return cairn_bytes_utf8_front_avx2(bytes, length);
#endif
    return cairn_bytes_utf8_front_portable(bytes, length);
}

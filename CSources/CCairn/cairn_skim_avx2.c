/* cairn_skim_avx2.c: passing over a value 64 bytes a step, for processors with AVX2.
 *
 * A block becomes bit masks, one bit a byte: quotes that are not escaped, then everything inside strings (a
 * running exclusive or over the quotes, as in G. Langdale, D. Lemire, "Parsing Gigabytes of JSON per Second",
 * 2019), then the brackets outside. A block with fewer closing brackets than are open cannot end the value:
 * its brackets are counted. */
#include "cairn_skim_int.h"

#if CAIRN_BYTES_HAS_AVX2
#include "cairn_bytes_block.h"

/* Bit i: the exclusive or of bits 0 to i. */
static inline uint64_t running_xor(uint64_t bits) {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ bits << 32;
}

/* Goes through the brackets of a block one by one. Returns the number of bytes up to and including the
 * bracket that ends the value, or 0 when none does. */
CAIRN_WITH_AVX2 static inline size_t count_brackets(uint64_t opens, uint64_t closes, uint64_t *nesting) {
    for (uint64_t left = opens | closes; left != 0; left &= left - 1) {
        if (opens & left & (0 - left)) {
            *nesting += 1;
        } else {
            *nesting -= 1;
            if (*nesting == 0) return (size_t)__builtin_ctzll(left) + 1;
        }
    }
    return 0;
}

CAIRN_WITH_AVX2 size_t cairn_skim_pass_avx2(const uint8_t *bytes, size_t length, cairn_skim_inside *inside) {
    uint64_t is_escaped = inside->is_escaped, nesting = inside->nesting;
    uint64_t string_before = inside->is_in_string ? ~UINT64_C(0) : 0;
    size_t index = 0;
    for (; length - index >= CAIRN_BYTES_BLOCK; index += CAIRN_BYTES_BLOCK) {
        const cairn_bytes_block here = cairn_bytes_block_at(bytes + index);
        const uint64_t backslashes = cairn_bytes_block_equal(here, '\\'), escaped_before = is_escaped;
        uint64_t quotes = cairn_bytes_block_equal(here, '"');
        if ((backslashes | is_escaped) != 0) quotes &= ~cairn_bytes_escaped(backslashes, &is_escaped);
        if (quotes == 0 && string_before != 0) continue;
        if (nesting == 0) { /* a string that stands alone */
            *inside = (cairn_skim_inside){0};
            return index + (size_t)__builtin_ctzll(quotes) + 1;
        }
        const uint64_t in_string = running_xor(quotes) ^ string_before;
        if ((backslashes & ~in_string) !=
            0) { /* outside strings it escapes nothing: no JSON, but it must not matter */
            is_escaped = escaped_before;
            break;
        }
        string_before = 0 - (in_string >> 63);
        const cairn_bytes_block folded = cairn_bytes_block_folded(here);
        const uint64_t opens = cairn_bytes_block_equal(folded, '{') & ~in_string;
        const uint64_t closes = cairn_bytes_block_equal(folded, '}') & ~in_string;
        const uint64_t open_count = (uint64_t)__builtin_popcountll(opens);
        const uint64_t close_count = (uint64_t)__builtin_popcountll(closes);
        if (close_count < nesting) {
            nesting += open_count - close_count;
            continue;
        }
        const size_t end = count_brackets(opens, closes, &nesting);
        if (end > 0) {
            *inside = (cairn_skim_inside){0};
            return index + end;
        }
    }
    *inside = (cairn_skim_inside){nesting, string_before != 0, is_escaped != 0};
    return index + cairn_skim_pass_portable(bytes + index, length - index, inside);
}
#endif

/* cairn_json_pass_avx2.c: passing over string content 64 bytes a step, for processors with AVX2.
 *
 * A block becomes bit masks, one bit a byte. The bytes behind an escaping backslash are taken out of the
 * quotes; what then is the first quote ends the string. In a block whose escapes are all of the common ones
 * (\n \t \r \" \\) nothing is looked at byte by byte; in others the block is walked, and the masks go on
 * behind it. */
#include "cairn_json_int.h"

#if CAIRN_BYTES_HAS_AVX2
#include "cairn_bytes_block.h"

/* Walks from `index` until at least `stop`, as the portable twin does. True when the string ends or is wrong
 * there. */
static bool walk_block(const uint8_t *text, size_t *index, size_t stop, size_t length, uint32_t *seen) {
    while (*index < stop) {
        const uint8_t byte = text[*index];
        if (byte == '"' || byte < 0x20) return true;
        if (byte >= 0x80) *seen |= CAIRN_JSON_SAW_HIGH;
        if (byte != '\\') {
            *index += 1;
            continue;
        }
        *seen |= CAIRN_JSON_SAW_ESCAPE;
        const size_t behind = cairn_json_pass_escape(text, *index, length, seen);
        if (behind == *index || behind == length) {
            *index = behind;
            return true;
        }
        *index = behind;
    }
    return false;
}

CAIRN_WITH_AVX2 size_t cairn_json_pass_string_avx2(
    const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
    uint64_t is_escaped = 0; /* 1: the first byte of the block belongs to an escape */
    while (length - index >= CAIRN_BYTES_BLOCK) {
        const cairn_bytes_block here = cairn_bytes_block_at(text + index);
        const uint64_t outside = cairn_bytes_block_outside_ascii_text(here);
        const uint64_t backslashes = cairn_bytes_block_equal(here, '\\');
        const uint64_t quotes = cairn_bytes_block_equal(here, '"');
        uint64_t ends = quotes, uncommon = 0;
        if ((backslashes | is_escaped) != 0) {
            const uint64_t was_escaped = is_escaped, escaped = cairn_bytes_escaped(backslashes, &is_escaped);
            ends &= ~escaped;
            const uint64_t common = quotes | backslashes | cairn_bytes_block_equal(here, 'n') |
                                    cairn_bytes_block_equal(here, 't') | cairn_bytes_block_equal(here, 'r');
            uncommon = escaped & ~common & (ends ^ (ends - 1));
            if (uncommon != 0) {
                index -= was_escaped; /* back to the backslash */
                if (walk_block(text, &index, index + CAIRN_BYTES_BLOCK, length, seen)) return index;
                is_escaped = 0;
                continue;
            }
        }
        const uint64_t inside = ends == 0 ? ~UINT64_C(0) : (ends & (0 - ends)) - 1;
        if ((backslashes & inside) != 0) *seen |= CAIRN_JSON_SAW_ESCAPE;
        if ((outside & inside) != 0) {
            const uint64_t high = cairn_bytes_block_high(here) & inside;
            const uint64_t control = outside & inside & ~high;
            if (control != 0) {
                if ((high & (control ^ (control - 1))) != 0) *seen |= CAIRN_JSON_SAW_HIGH;
                return index + (size_t)__builtin_ctzll(control);
            }
            *seen |= CAIRN_JSON_SAW_HIGH;
        }
        if (ends != 0) return index + (size_t)__builtin_ctzll(ends);
        index += CAIRN_BYTES_BLOCK;
    }
    return cairn_json_pass_string_portable(text, index - is_escaped, length, seen);
}
#endif

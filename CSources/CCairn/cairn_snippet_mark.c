/* cairn_snippet_mark.c: which bytes of a text are triggers and dividers: the portable twin, and
 * the choice between twins. The rules themselves are in cairn_snippet_int.h, shared by both. */
#include "cairn_snippet_int.h"

#define N (CLASS_DIGIT | CLASS_HEX)
#define U CLASS_UPPER
#define UX (CLASS_UPPER | CLASS_HEX)
#define L CLASS_LOWER
#define LX (CLASS_LOWER | CLASS_HEX)
#define US CLASS_UNDERSCORE
#define V CLASS_DIVIDER
#define SP (CLASS_DIVIDER | CLASS_SPACE)
#define SL CLASS_SLASH
#define DT CLASS_DOT
#define CO (CLASS_COLON | CLASS_SPLIT)
#define DA CLASS_DASH
#define AT (CLASS_AT | CLASS_SPLIT)
#define DO CLASS_DOLLAR
#define OT CLASS_OTHER
#define OS (CLASS_OTHER | CLASS_SPLIT)

/* Sixteen bytes a line; from 80 on they are parts of characters, which divide words. */
/* clang-format off */
const uint16_t cairn_snippet_class[256] = {
    SP, V, V, V, V, V, V, V, V, SP, SP, SP, SP, SP, V, V, /* 00 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* 10 */
    SP, OT, V, OS, DO, OT, OS, V, V, V, OT, OT, V, DA, DT, SL, /* 20 */
    N, N, N, N, N, N, N, N, N, N, CO, V, V, V, V, OT, /* 30 */
    AT, UX, UX, UX, UX, UX, UX, U, U, U, U, U, U, U, U, U, /* 40 */
    U, U, U, U, U, U, U, U, U, U, U, V, OT, V, OS, US, /* 50 */
    V, LX, LX, LX, LX, LX, LX, L, L, L, L, L, L, L, L, L, /* 60 */
    L, L, L, L, L, L, L, L, L, L, L, V, V, V, OT, V, /* 70 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* 80 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* 90 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* a0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* b0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* c0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* d0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* e0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* f0 */
};
/* clang-format on */

static void add_byte(cairn_snippet_classes *is, uint8_t byte, uint64_t bit) {
    const uint16_t class = cairn_snippet_class[byte];
    if (class & CLASS_DIGIT) is->digit |= bit;
    if (class & CLASS_UPPER) is->upper |= bit;
    if (class & CLASS_LOWER) is->lower |= bit;
    if (class & CLASS_UNDERSCORE) is->underscore |= bit;
    if (class & CLASS_DIVIDER) is->divider |= bit;
    if (class & CLASS_SPACE) is->space |= bit;
    if (class & CLASS_SLASH) is->slash |= bit;
    if (class & CLASS_DOT) is->dot |= bit;
    if (class & CLASS_COLON) is->colon |= bit;
    if (class & CLASS_DOLLAR) is->dollar |= bit;
    switch (byte) {
    case '\n':
        is->newline |= bit;
        break;
    case ' ':
        is->blank |= bit;
        break;
    case '"':
    case '`':
    case 0x98: /* the last byte of a typographic quote, U+2018; cairn_snippet_quote looks at all three */
    case 0x9C: /* U+201C */
        is->quote |= bit;
        break;
    case '\'':
        is->apostrophe |= bit;
        break;
    case '[':
        is->bracket |= bit;
        break;
    case '=':
        is->equals |= bit;
        break;
    case 'e':
        is->letter_e |= bit;
        break;
    case 'f':
        is->letter_f |= bit;
        break;
    case 'l':
        is->letter_l |= bit;
        break;
    case 'r':
        is->letter_r |= bit;
        break;
    default:
        break;
    }
}

void cairn_snippet_mark_portable(
    const uint8_t *bytes, size_t block_count, cairn_snippet_carry *carry, cairn_snippet_marks *out) {
    for (size_t block = 0; block < block_count; block += 1) {
        cairn_snippet_classes is = {0};
        for (size_t i = 0; i < CAIRN_SNIPPET_BLOCK; i += 1)
            add_byte(&is, bytes[block * CAIRN_SNIPPET_BLOCK + i], UINT64_C(1) << i);
        out[block] = cairn_snippet_rules(&is, carry);
    }
}

void cairn_snippet_mark(
    const uint8_t *bytes, size_t block_count, cairn_snippet_carry *carry, cairn_snippet_marks *out) {
#if CAIRN_BYTES_HAS_AVX2
    if (cairn_bytes_can_avx2()) {
        cairn_snippet_mark_avx2(bytes, block_count, carry, out);
        return;
    }
#endif
    cairn_snippet_mark_portable(bytes, block_count, carry, out);
}

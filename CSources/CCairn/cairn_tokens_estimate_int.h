/* cairn_tokens_estimate_int.h: what the estimate and its calibration (Tests/Tokens/calibrate.c) share. */
#ifndef CAIRN_TOKENS_ESTIMATE_INT_H
#define CAIRN_TOKENS_ESTIMATE_INT_H

#include "cairn_tokens_int.h"

/* What a pre-token is made of, as far as its first bytes tell. */
typedef enum cairn_tokens_kind {
    CAIRN_TOKENS_KIND_WORD,        /* behind a space; ASCII only, as the next five */
    CAIRN_TOKENS_KIND_JOINED_WORD, /* part of a name, or at the start of a line */
    CAIRN_TOKENS_KIND_CAPITALS,
    CAIRN_TOKENS_KIND_NUMBER,
    CAIRN_TOKENS_KIND_SYMBOL,
    CAIRN_TOKENS_KIND_WHITE,
    CAIRN_TOKENS_KIND_LATIN, /* with accents */
    CAIRN_TOKENS_KIND_GREEK,
    CAIRN_TOKENS_KIND_CYRILLIC,
    CAIRN_TOKENS_KIND_HEBREW,
    CAIRN_TOKENS_KIND_ARABIC,
    CAIRN_TOKENS_KIND_DEVANAGARI,
    CAIRN_TOKENS_KIND_INDIC, /* and what else is below U+2000 */
    CAIRN_TOKENS_KIND_THAI,
    CAIRN_TOKENS_KIND_SIGN, /* below U+3000 */
    CAIRN_TOKENS_KIND_KANA,
    CAIRN_TOKENS_KIND_HAN,
    CAIRN_TOKENS_KIND_HANGUL,  /* and what else is below U+F000 */
    CAIRN_TOKENS_KIND_PICTURE, /* from U+10000 on; also bytes that are no UTF-8 */
    CAIRN_TOKENS_KIND_COUNT
} cairn_tokens_kind;

enum {
    CAIRN_TOKENS_KIND_BYTES = 16, /* looked at for a kind */
    CAIRN_TOKENS_MEAN_BYTES = 32, /* lengths that have a mean of their own */
    /* The error: so many thousandths of the count, and the root of so many times the count. Chosen so that at least 19
     * of 20 held-out texts lie within, from 200 bytes to 16 KB (docs/core.md). */
    CAIRN_TOKENS_ERROR_PER_MILLE = 220,
    CAIRN_TOKENS_ERROR_SQUARED = 1
};

/* [splitter - 1][kind][bytes - 1]: tokens of such a pre-token, in 256ths; the last entry: tokens a byte of
 * longer ones. */
extern const uint16_t
    cairn_tokens_estimate_means[CAIRN_TOKENS_DEEPSEEK][CAIRN_TOKENS_KIND_COUNT][CAIRN_TOKENS_MEAN_BYTES + 1];

cairn_tokens_kind cairn_tokens_kind_of(const uint8_t *bytes, size_t length);

#endif

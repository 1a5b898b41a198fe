/* cairn_tokens_estimate.c: counts without a vocabulary, from how many tokens pre-tokens of each kind and length have on
 * average (cairn_tokens_estimate_table.c, made by Tests/Tokens/calibrate.c). */
#include "cairn_tokens_estimate_int.h"

/* The script that a character outside ASCII belongs to, roughly, by its first two bytes. */
static cairn_tokens_kind script_of(uint8_t first, uint8_t second) {
    if (first < 0xCB) return CAIRN_TOKENS_KIND_LATIN;
    if (first < 0xD0) return CAIRN_TOKENS_KIND_GREEK;
    if (first < 0xD5) return CAIRN_TOKENS_KIND_CYRILLIC;
    if (first < 0xD8) return CAIRN_TOKENS_KIND_HEBREW;
    if (first < 0xE0) return CAIRN_TOKENS_KIND_ARABIC;
    if (first == 0xE0) return second < 0xA6 ? CAIRN_TOKENS_KIND_DEVANAGARI
                            : second < 0xB8 ? CAIRN_TOKENS_KIND_INDIC : CAIRN_TOKENS_KIND_THAI;
    if (first == 0xE1) return CAIRN_TOKENS_KIND_INDIC;
    if (first == 0xE2) return CAIRN_TOKENS_KIND_SIGN;
    if (first == 0xE3) return CAIRN_TOKENS_KIND_KANA;
    if (first < 0xEA || first == 0xEF) return CAIRN_TOKENS_KIND_HAN;
    return first < 0xEF ? CAIRN_TOKENS_KIND_HANGUL : CAIRN_TOKENS_KIND_PICTURE;
}

/* By the first character that is not ASCII; if all is, by the first and the last one. */
cairn_tokens_kind cairn_tokens_kind_of(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length && i < CAIRN_TOKENS_KIND_BYTES; i += 1)
        if (bytes[i] >= 0x80) return script_of(bytes[i], i + 1 < length ? bytes[i + 1] : 0);
    const uint8_t class_bits = cairn_tokens_classes[bytes[length - 1] & 0x7F];
    if (class_bits == CAIRN_CLASS_UPPER) return CAIRN_TOKENS_KIND_CAPITALS;
    if (class_bits == CAIRN_CLASS_LOWER)
        return bytes[0] == ' ' ? CAIRN_TOKENS_KIND_WORD : CAIRN_TOKENS_KIND_JOINED_WORD;
    if (class_bits == CAIRN_CLASS_NUMBER) return CAIRN_TOKENS_KIND_NUMBER;
    const bool is_white = (class_bits & CAIRN_CLASS_WHITE) != 0 && bytes[0] <= ' ';
    return is_white ? CAIRN_TOKENS_KIND_WHITE : CAIRN_TOKENS_KIND_SYMBOL;
}

/* The integer square root, rounded down. */
static uint64_t square_root(uint64_t number) {
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
        if ((root | bit) * (root | bit) <= number) root |= bit;
    return root;
}

cairn_status cairn_tokens_estimate_count(
    cairn_tokens_splitter splitter, const uint8_t *text, size_t length, cairn_tokens_estimate *out_estimate) {
    if (splitter < CAIRN_TOKENS_CL100K || splitter > CAIRN_TOKENS_DEEPSEEK) return CAIRN_ERR_ARGUMENT;
    if (length > CAIRN_TOKENS_INPUT_MAX) return CAIRN_ERR_TOO_BIG;
    cairn_tokens_text split = {.bytes = text, .length = length};
    uint64_t parts = 0; /* of 256 a token */
    size_t position = 0, end;
    while (cairn_tokens_next(splitter, &split, position, &end)) {
        const size_t bytes = end - position;
        const cairn_tokens_kind kind = cairn_tokens_kind_of(text + position, bytes);
        const uint16_t *means = cairn_tokens_estimate_means[splitter - 1][kind];
        parts += bytes <= CAIRN_TOKENS_MEAN_BYTES ? means[bytes - 1] : bytes * means[CAIRN_TOKENS_MEAN_BYTES];
        position = end;
    }
    const uint64_t tokens = (parts + 128) / 256;
    const uint64_t error = tokens * CAIRN_TOKENS_ERROR_PER_MILLE / 1000 +
                           square_root(tokens * CAIRN_TOKENS_ERROR_SQUARED) + (tokens > 0);
    out_estimate->tokens = (uint32_t)tokens;
    out_estimate->tokens_low = (uint32_t)(tokens > error ? tokens - error : 0);
    out_estimate->tokens_high = (uint32_t)(tokens + error);
    return CAIRN_OK;
}

/* cairn_tokens_pretoken.c: splitting text into pre-tokens, one function a vocabulary, each by hand instead of by its
 * regular expression. A comment over each rule quotes the alternative it stands for; the first that matches wins.
 *
 * Published patterns: tiktoken 0.14.0 (tiktoken_ext/openai_public.py) for cl100k_base and o200k_base, the pre_tokenizer
 * of DeepSeek V3's tokenizer.json. A run is scanned at most twice: splitting is linear. */
#include "cairn_tokens_int.h"

/* A character: its class and its bytes; 0 bytes at the end of what is looked at. */
typedef struct character {
    uint32_t code;
    uint8_t class_bits, length;
} character;

static inline uint8_t class_of(uint32_t code) {
    uint32_t block = code >> 7;
    if (block >= cairn_tokens_class_block_count) block = cairn_tokens_class_block_count - 1;
    return cairn_tokens_classes[(size_t)cairn_tokens_class_blocks[block] << 7 | (code & 0x7F)];
}

static character beyond_ascii(const uint8_t *bytes) {
    if (bytes[0] < 0xE0) {
        const uint32_t code = (bytes[0] & 0x1FU) << 6 | (bytes[1] & 0x3FU);
        return (character){code, class_of(code), 2};
    }
    if (bytes[0] < 0xF0) {
        const uint32_t code = (bytes[0] & 0x0FU) << 12 | (bytes[1] & 0x3FU) << 6 | (bytes[2] & 0x3FU);
        return (character){code, class_of(code), 3};
    }
    const uint32_t code =
        (bytes[0] & 0x07U) << 18 | (bytes[1] & 0x3FU) << 12 | (bytes[2] & 0x3FU) << 6 | (bytes[3] & 0x3FU);
    return (character){code, class_of(code), 4};
}

static inline character character_at(cairn_tokens_text *text, size_t position) {
    if (position >= text->part_end) {
        text->has_looked_at_end = true;
        return (character){0, 0, 0};
    }
    const uint8_t byte = text->bytes[position];
    if (byte < 0x80) return (character){byte, cairn_tokens_classes[byte], 1};
    return beyond_ascii(text->bytes + position);
}

/* The end of the run of characters that are in one of `classes`. */
static inline size_t run_of(cairn_tokens_text *text, size_t position, uint8_t classes) {
    for (;;) {
        const character next = character_at(text, position);
        if ((next.class_bits & classes) == 0) return position;
        position += next.length;
    }
}

/* The end of the run of characters that are in none of `classes`. */
static inline size_t run_outside(cairn_tokens_text *text, size_t position, uint8_t classes) {
    for (;;) {
        const character next = character_at(text, position);
        if (next.length == 0 || (next.class_bits & classes) != 0) return position;
        position += next.length;
    }
}

/* \p{N}{1,3}, the first being at `position` */
static size_t numbers_end(cairn_tokens_text *text, size_t position) {
    for (int i = 0; i < 3; i += 1) {
        const character next = character_at(text, position);
        if (next.class_bits != CAIRN_CLASS_NUMBER) break;
        position += next.length;
    }
    return position;
}

/* The bytes of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `position`, 0 if there is none. Without regard to case, U+017F is an s.
 * */
static size_t contraction(cairn_tokens_text *text, size_t position) {
    if (character_at(text, position).code != '\'') return 0;
    const character first = character_at(text, position + 1);
    if (first.code == 0x17F) return 1 + first.length;
    switch (first.code | 0x20) {
    case 's': case 't': case 'm': case 'd':
        return 2;
    case 'r': case 'v':
        return (character_at(text, position + 2).code | 0x20) == 'e' ? 3 : 0;
    case 'l':
        return (character_at(text, position + 2).code | 0x20) == 'l' ? 3 : 0;
    default:
        return 0;
    }
}

/* Where the last newline of the white space at [start, end) ends; `start` if it has none. */
static size_t newline_end(const cairn_tokens_text *text, size_t start, size_t end) {
    while (end > start && text->bytes[end - 1] != '\n' && text->bytes[end - 1] != '\r') end -= 1;
    return end;
}

/* \s+(?!\S)|\s+ for white space at [start, end), without newlines if the end of the text does not follow: all of it at
 * the end of the text, else all but its last character, if there is another. */
static size_t white_end(const cairn_tokens_text *text, size_t start, size_t end, bool is_at_end) {
    if (is_at_end) return end;
    size_t last = end - 1;
    while ((text->bytes[last] & 0xC0) == 0x80) last -= 1;
    return last > start ? last : end;
}

static size_t cl100k_end(cairn_tokens_text *text, size_t start) {
    const character first = character_at(text, start);
    const size_t behind = start + first.length;

    /* '(?i:[sdmt]|ll|ve|re) */
    const size_t contracted = first.code == '\'' ? contraction(text, start) : 0;
    if (contracted > 0) return start + contracted;

    /* [^\r\n\p{L}\p{N}]?+\p{L}++ */
    if ((first.class_bits & (CAIRN_CLASS_NEWLINE | CAIRN_CLASS_NUMBER)) == 0) {
        const size_t end = run_of(text, behind, CAIRN_CLASS_LETTERS);
        if (end > behind || (first.class_bits & CAIRN_CLASS_LETTERS) != 0) return end;
    }

    /* \p{N}{1,3}+ */
    if (first.class_bits == CAIRN_CLASS_NUMBER) return numbers_end(text, start);

    /*  ?[^\s\p{L}\p{N}]++[\r\n]*+ */
    const uint8_t not_other = CAIRN_CLASS_WHITE | CAIRN_CLASS_LETTERS | CAIRN_CLASS_NUMBER;
    const size_t others = first.code == ' ' ? behind : start, others_end = run_outside(text, others, not_other);
    if (others_end > others) return run_of(text, others_end, CAIRN_CLASS_NEWLINE);

    /* \s++$|\s*[\r\n]|\s+(?!\S)|\s */
    const size_t end = run_of(text, start, CAIRN_CLASS_WHITE);
    if (end == text->part_end) return end;
    const size_t newline = newline_end(text, start, end);
    return newline > start ? newline : white_end(text, start, end, false);
}

/* The two alternatives of o200k_base for words, which are
 *     [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 *     [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
 * Lm, Lo and M are in both sets ("both" below). The first set's run is as long as it can be; then
 *   - a small letter follows: the second set goes on from there;
 *   - else the first alternative gives characters back until one of both comes; it ends behind the last of those;
 *   - there is none: only capitals, which the second alternative takes.
 * A mark in front may be the free first character or belong to the word; if only capitals follow it, the first
 * alternative ends behind it. Returns `start` if no word begins there. */
static size_t o200k_word_end(cairn_tokens_text *text, size_t start, character first) {
    const uint8_t both = CAIRN_CLASS_LETTER | CAIRN_CLASS_MARK;
    if ((first.class_bits & (CAIRN_CLASS_NEWLINE | CAIRN_CLASS_NUMBER)) != 0) return start;
    const bool is_letter = (first.class_bits & CAIRN_CLASS_LETTERS) != 0;
    const size_t word = is_letter ? start : start + first.length;
    size_t capitals_end = word, both_end = first.class_bits == CAIRN_CLASS_MARK ? word : start;
    for (;;) {
        const character next = character_at(text, capitals_end);
        if ((next.class_bits & (CAIRN_CLASS_UPPER | both)) == 0) {
            if (next.class_bits == CAIRN_CLASS_LOWER)
                both_end = run_of(text, capitals_end + next.length, CAIRN_CLASS_LOWER | both);
            break;
        }
        capitals_end += next.length;
        if ((next.class_bits & both) != 0) both_end = capitals_end;
    }
    if (both_end == start) both_end = capitals_end > word ? capitals_end : start;
    return both_end == start ? start : both_end + contraction(text, both_end);
}

static size_t o200k_end(cairn_tokens_text *text, size_t start) {
    const character first = character_at(text, start);
    const size_t word_end = o200k_word_end(text, start, first);
    if (word_end > start) return word_end;

    /* \p{N}{1,3} */
    if (first.class_bits == CAIRN_CLASS_NUMBER) return numbers_end(text, start);

    /*  ?[^\s\p{L}\p{N}]+[\r\n/]* */
    const uint8_t not_other = CAIRN_CLASS_WHITE | CAIRN_CLASS_LETTERS | CAIRN_CLASS_NUMBER;
    const size_t others = first.code == ' ' ? start + 1 : start;
    size_t end = run_outside(text, others, not_other);
    if (end > others) {
        for (character next = character_at(text, end); next.class_bits == CAIRN_CLASS_NEWLINE || next.code == '/';) {
            end += 1;
            next = character_at(text, end);
        }
        return end;
    }

    /* \s*[\r\n]+|\s+(?!\S)|\s+ */
    end = run_of(text, start, CAIRN_CLASS_WHITE);
    const size_t newline = newline_end(text, start, end);
    return newline > start ? newline : white_end(text, start, end, end == text->part_end);
}

/* DeepSeek splits three times: \p{N}{1,3} first, then [U+4E00-U+9FA5 U+3040-U+309F U+30A0-U+30FF]+, then what lies
 * between by a pattern, for which each stretch is a text of its own. */
static inline bool is_deepseek_cjk(uint32_t code) {
    return (code >= 0x4E00 && code <= 0x9FA5) || (code >= 0x3040 && code <= 0x30FF);
}

static inline bool is_deepseek_border(character next, bool is_cjk) {
    return next.class_bits == CAIRN_CLASS_NUMBER || is_deepseek_cjk(next.code) != is_cjk;
}

/* The character at `position`; 0 bytes where the stretch of kind `is_cjk` ends. */
static inline character stretch_at(cairn_tokens_text *text, size_t position, bool is_cjk) {
    const character next = character_at(text, position);
    return is_deepseek_border(next, is_cjk) ? (character){0, 0, 0} : next;
}

static inline size_t stretch_run(cairn_tokens_text *text, size_t position, uint8_t classes, bool is_cjk) {
    for (;;) {
        const character next = stretch_at(text, position, is_cjk);
        if ((next.class_bits & classes) == 0) return position;
        position += next.length;
    }
}

static inline bool is_ascii_letter(uint32_t code) {
    return (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
}

static size_t deepseek_end(cairn_tokens_text *text, size_t start) {
    const character first = character_at(text, start);
    if (first.class_bits == CAIRN_CLASS_NUMBER) return numbers_end(text, start);
    const bool is_cjk = is_deepseek_cjk(first.code);
    const uint8_t word = CAIRN_CLASS_LETTERS | CAIRN_CLASS_MARK;
    const size_t behind = start + first.length;
    size_t end = behind;

    /* [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+ */
    if (first.class_bits == CAIRN_CLASS_SYMBOL && first.code < 0x80) {
        while (is_ascii_letter(character_at(text, end).code)) end += 1;
        if (end > behind) return end;
    }

    /* [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+ */
    if ((first.class_bits & (CAIRN_CLASS_NEWLINE | CAIRN_CLASS_SYMBOL)) == 0) {
        end = stretch_run(text, behind, word, is_cjk);
        if (end > behind || (first.class_bits & word) != 0) return end;
    }

    /*  ?[\p{P}\p{S}]+[\r\n]* */
    const size_t symbols = first.code == ' ' ? behind : start;
    end = stretch_run(text, symbols, CAIRN_CLASS_SYMBOL, is_cjk);
    if (end > symbols) return stretch_run(text, end, CAIRN_CLASS_NEWLINE, is_cjk);

    /* \s*[\r\n]+|\s+(?!\S)|\s+ */
    if ((first.class_bits & CAIRN_CLASS_WHITE) != 0) {
        end = stretch_run(text, start, CAIRN_CLASS_WHITE, is_cjk);
        const size_t newline = newline_end(text, start, end);
        if (newline > start) return newline;
        return white_end(text, start, end, stretch_at(text, end, is_cjk).length == 0);
    }

    /* Nothing matches: such characters stay together up to where something does. */
    for (end = behind;;) {
        const character next = stretch_at(text, end, is_cjk);
        if (next.length == 0 || next.class_bits != 0) return end;
        if ((stretch_at(text, end + next.length, is_cjk).class_bits & word) != 0) return end;
        end += next.length;
    }
}

size_t cairn_tokens_pretoken_end(cairn_tokens_splitter splitter, cairn_tokens_text *text, size_t start) {
    switch (splitter) {
    case CAIRN_TOKENS_CL100K: return cl100k_end(text, start);
    case CAIRN_TOKENS_O200K: return o200k_end(text, start);
    default: return deepseek_end(text, start);
    }
}

/* Finds the part that begins at `position`. */
static void begin_part(cairn_tokens_text *text, size_t position) {
    const size_t front = cairn_bytes_utf8_front(text->bytes + position, text->length - position);
    text->is_well_formed = front > 0;
    text->part_end = position + (front > 0 ? front : 1);
}

bool cairn_tokens_next(cairn_tokens_splitter splitter, cairn_tokens_text *text, size_t position, size_t *out_end) {
    if (position >= text->length) return false;
    if (position >= text->part_end) begin_part(text, position);
    *out_end = text->is_well_formed ? cairn_tokens_pretoken_end(splitter, text, position) : position + 1;
    return true;
}

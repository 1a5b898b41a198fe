/* cairn_snippet_int.h: what the files of room snippet share.
 *
 *     cairn_snippet.c          the pass over the text: from trigger to trigger, and the set of values
 *     cairn_snippet_mark.c     which bytes are triggers and which divide words; _avx2.c is its twin
 *     cairn_snippet_word.c     a word between dividers: what is it?
 *     cairn_snippet_path.c     paths, URLs, host:port
 *     cairn_snippet_number.c   words that start with a digit
 *     cairn_snippet_quote.c    what stands in quotes
 *     cairn_snippet_message.c  error messages
 *
 * A *word* is a run of bytes without dividers (white space, brackets, quotes, comma, semicolon, bar, equals
 * sign, bytes from 0x80 on). A *trigger* is a byte in or behind a word that may be part of a value. Most
 * bytes are neither looked at alone nor copied: the masks lead from one trigger to the next. */
#ifndef CAIRN_SNIPPET_INT_H
#define CAIRN_SNIPPET_INT_H

#include "cairn_bytes.h"
#include "cairn_snippet.h"

#include <stdbool.h>
#include <string.h>

/* Bits of cairn_snippet_class[byte]. */
enum {
    CLASS_DIGIT = 1 << 0,
    CLASS_UPPER = 1 << 1,
    CLASS_LOWER = 1 << 2,
    CLASS_UNDERSCORE = 1 << 3,
    CLASS_HEX = 1 << 4, /* 0-9 a-f A-F */
    CLASS_DIVIDER = 1 << 5,
    CLASS_SPACE = 1 << 6, /* space, tab, line ends, NUL */
    CLASS_SLASH = 1 << 7,
    CLASS_DOT = 1 << 8,
    CLASS_COLON = 1 << 9,
    CLASS_DASH = 1 << 10,
    CLASS_AT = 1 << 11,
    CLASS_DOLLAR = 1 << 12,
    CLASS_OTHER = 1 << 13,
    CLASS_SPLIT = 1 << 14, /* : @ # & ^, which divide a word into pieces */
    CLASS_LETTER = CLASS_UPPER | CLASS_LOWER,
    CLASS_NAME = CLASS_LETTER | CLASS_DIGIT | CLASS_UNDERSCORE
};

extern const uint16_t cairn_snippet_class[256];

/* Sixty-four bytes of text as masks, one bit a byte. */
#define CAIRN_SNIPPET_BLOCK 64
typedef struct cairn_snippet_marks {
    uint64_t triggers, dividers;
} cairn_snippet_marks;

/* What the classification of a block needs to know of the bytes in front of it: for each class that a rule
 * looks back at, bit 63 is the byte just before, bit 62 the one before that. All zero in front of a text. */
typedef struct cairn_snippet_carry {
    uint64_t digit, upper, name, space, quote, dot, slash, colon, bracket, letter_l, letter_e, letter_re;
} cairn_snippet_carry;

/* Classifies `block_count` blocks of bytes. Twins with equal results. */
void cairn_snippet_mark(
    const uint8_t *bytes, size_t block_count, cairn_snippet_carry *carry, cairn_snippet_marks *out);
void cairn_snippet_mark_portable(
    const uint8_t *bytes, size_t block_count, cairn_snippet_carry *carry, cairn_snippet_marks *out);
#if CAIRN_BYTES_HAS_AVX2
void cairn_snippet_mark_avx2(
    const uint8_t *bytes, size_t block_count, cairn_snippet_carry *carry, cairn_snippet_marks *out);
#endif

/* The classes of a block, before the rules are applied. */
typedef struct cairn_snippet_classes {
    uint64_t digit, upper, lower, underscore, divider, space, newline, slash, dot, quote, apostrophe, dollar,
        colon, blank;
    uint64_t bracket, equals, letter_e, letter_f, letter_l, letter_r;
} cairn_snippet_classes;

/* The rules: which bytes are triggers. Looks back only, so that blocks can be taken one by one. */
static inline cairn_snippet_marks cairn_snippet_rules(
    const cairn_snippet_classes *is, cairn_snippet_carry *carry) {
#define BEHIND(mask, before) ((mask) << 1 | (before) >> 63)
#define TWO_BEHIND(mask, before) ((mask) << 2 | (before) >> 62)
    const uint64_t letter = is->upper | is->lower, name = letter | is->digit | is->underscore;
    const uint64_t behind_name = BEHIND(name, carry->name), two_behind_name = TWO_BEHIND(name, carry->name);
    const uint64_t quote = is->quote | (is->apostrophe & ~behind_name); /* not the apostrophe of don't */
    const uint64_t letter_re = is->letter_r | is->letter_e;
    /* numbers, codes, hashes */
    uint64_t triggers = is->digit & ~BEHIND(is->digit, carry->digit);
    /* paths, URLs; file names */
    triggers |= (is->slash & ~BEHIND(is->slash, carry->slash)) | (letter & BEHIND(is->dot, carry->dot));
    /* quoted names */
    triggers |= ~is->divider & BEHIND(quote, carry->quote);
    /* variables, log levels, errno names: the second letter of an upper-case word; $NAME */
    triggers |= (is->upper & BEHIND(is->upper, carry->upper) & ~two_behind_name) | is->dollar;
    /* Dockerfile, Makefile */
    triggers |= is->letter_f & BEHIND(letter_re, carry->letter_re);
    /* [error] behind a blank */
    triggers |= is->lower & BEHIND(is->bracket, carry->bracket) & TWO_BEHIND(is->space, carry->space);
    /* level= */
    triggers |=
        is->equals & BEHIND(is->letter_l, carry->letter_l) & TWO_BEHIND(is->letter_e, carry->letter_e);
    /* the blank of `error: ...`, and line ends */
    triggers |= (is->blank & BEHIND(is->colon, carry->colon)) | is->newline;
#undef BEHIND
#undef TWO_BEHIND
    *carry = (cairn_snippet_carry){is->digit, is->upper, name, is->space, quote, is->dot, is->slash,
        is->colon, is->bracket, is->letter_l, is->letter_e, letter_re};
    return (cairn_snippet_marks){triggers, is->divider};
}

/* The state of one pass. */
typedef struct cairn_snippet_finder {
    const uint8_t *text;
    size_t length;
    cairn_snippet *snippets;
    size_t capacity, count;
    uint32_t *hashes, *slots; /* of snippet i; open addressing, 0 or index + 1 */
    size_t slot_count, slot_count_max;
    size_t consumed;    /* triggers before it have been dealt with */
    size_t line_start;  /* of the line at hand */
    size_t message_end; /* of the last error message: there are no messages in messages */
    size_t alarm_line;  /* 1 + start of the last line that named a level from warning up */
    size_t name_end;    /* behind the closing quote of the last identifier */
    size_t version_end; /* behind the last version */
    size_t value_end;   /* behind the last value that is no message: the others start no earlier */
    size_t reserved_start,
        reserved_end; /* a code in brackets at the end of a diagnostic, added before its time */
    bool is_full;
    uint64_t *looked_at; /* bytes that loops beyond a few steps have looked at: what the tests hold linear */
} cairn_snippet_finder;

/* cairn_snippet_find, which also tells how much work it was. */
cairn_status cairn_snippet_find_counted(const uint8_t *text, size_t length, cairn_snippet *snippets,
    size_t capacity, uint32_t *scratch, size_t *out_count, uint64_t *out_looked_at);

/* Adds the value text[start ..< end], or counts it once more. A value in the way of an earlier one is left
 * out; messages are in nobody's way. */
void cairn_snippet_add(
    cairn_snippet_finder *self, cairn_snippet_type type, size_t start, size_t end, uint8_t importance);
/* Adds an error code that stands further on than values still to come. */
void cairn_snippet_add_ahead(cairn_snippet_finder *self, size_t start, size_t end, uint8_t importance);
void cairn_snippet_add_place(
    cairn_snippet_finder *self, size_t start, size_t end, uint32_t line, uint32_t column);

/* Looks at the word text[start ..< end]; its neighbours are dividers. Returns how far the text has been dealt
 * with, at least `end`. */
size_t cairn_snippet_word(cairn_snippet_finder *self, size_t start, size_t end);

/* Looks at one piece of a word. Returns how far the text has been dealt with, `start` when the piece is no
 * value. */
size_t cairn_snippet_piece(cairn_snippet_finder *self, size_t start, size_t end);

/* Looks at what begins at `start`, one byte behind an opening quote. Returns how far the text has been dealt
 * with, or `start` when nothing in quotes was recognised and the words in them are still to be looked at. */
size_t cairn_snippet_quote(cairn_snippet_finder *self, size_t start);

/* Each looks for its kind at the front of text[start ..< end] and returns how far the text has been dealt
 * with, `start` when it found nothing. */
size_t cairn_snippet_url(cairn_snippet_finder *self, size_t start, size_t end);
size_t cairn_snippet_path(cairn_snippet_finder *self, size_t start, size_t end);
size_t cairn_snippet_python_place(cairn_snippet_finder *self, size_t start);
size_t cairn_snippet_host_port(cairn_snippet_finder *self, size_t start, size_t end);
size_t cairn_snippet_number(cairn_snippet_finder *self, size_t start, size_t end);
size_t cairn_snippet_version(cairn_snippet_finder *self, size_t start, size_t end);
size_t cairn_snippet_hexadecimal(cairn_snippet_finder *self, size_t start, size_t end);

/* True when text[start ..< end] is a compiler's or linter's code: E0425, TS2304, F401. */
bool cairn_snippet_is_code(const cairn_snippet_finder *self, size_t start, size_t end);
/* True when it is the name of an exception: ValueError, java.lang.IllegalStateException. */
bool cairn_snippet_is_exception(const cairn_snippet_finder *self, size_t start, size_t end);
/* The rank of a log level: 0 none of those, 1 warning, 2 error and above. */
int cairn_snippet_level(const cairn_snippet_finder *self, size_t start, size_t end);

/* Error messages: at the blank behind a colon, at the end of a line, behind an upper-case level, at `level=`,
 * behind `[` */
void cairn_snippet_at_colon(cairn_snippet_finder *self, size_t colon);
void cairn_snippet_at_line_end(cairn_snippet_finder *self, size_t newline);
void cairn_snippet_behind_level(cairn_snippet_finder *self, size_t start, size_t end);
void cairn_snippet_message(cairn_snippet_finder *self, size_t start, size_t end, uint8_t importance);

/* The byte at `index`, 0 outside the text (also for index -1). */
static inline uint8_t byte_at(const cairn_snippet_finder *self, size_t index) {
    return index < self->length ? self->text[index] : 0;
}

static inline uint16_t class_at(const cairn_snippet_finder *self, size_t index) {
    return cairn_snippet_class[byte_at(self, index)];
}

static inline bool is_at(const cairn_snippet_finder *self, size_t index, uint16_t classes) {
    return (class_at(self, index) & classes) != 0;
}

/* The first index from `index` on, up to `end`, whose byte is in none of the classes. */
static inline size_t pass_over(const cairn_snippet_finder *self, size_t index, size_t end, uint16_t classes) {
    while (index < end && (cairn_snippet_class[self->text[index]] & classes) != 0) index += 1;
    return index;
}

/* Where the blanks and tabs in front of `index` begin, in its line. */
static inline size_t blanks_before(const cairn_snippet_finder *self, size_t index) {
    const size_t end = index;
    while (index > self->line_start && (self->text[index - 1] == ' ' || self->text[index - 1] == '\t'))
        index -= 1;
    *self->looked_at += end - index;
    return index;
}

/* True when `text` (a literal) stands at `index`. */
#define STANDS_AT(self, index, literal)                                                                      \
    ((index) < (self)->length && sizeof(literal) - 1 <= (self)->length - (index) &&                          \
        memcmp((self)->text + (index), literal, sizeof(literal) - 1) == 0)

/* True when `text` (a literal) ends at `index`. */
#define STANDS_BEFORE(self, index, literal)                                                                  \
    ((index) >= sizeof(literal) - 1 &&                                                                       \
        memcmp((self)->text + (index) - (sizeof(literal) - 1), literal, sizeof(literal) - 1) == 0)

/* A set of ASCII words by their first byte: each entry holds words divided by single blanks. A look-up
 * compares the few words with the same first letter. */
typedef const char *cairn_snippet_words[128];

/* True when bytes[0 ..< length] is one of the words of `list`, which are divided by single blanks. */
static inline bool cairn_snippet_is_in_list(const uint8_t *bytes, size_t length, const char *list) {
    while (*list != 0) {
        size_t index = 0;
        while (index < length && list[index] == (char)bytes[index] && list[index] != ' ') index += 1;
        if (index == length && (list[index] == ' ' || list[index] == 0)) return true;
        while (list[index] != 0 && list[index] != ' ') index += 1;
        list += index + (list[index] == ' ');
    }
    return false;
}

static inline bool cairn_snippet_is_listed(
    const uint8_t *bytes, size_t length, const cairn_snippet_words words) {
    if (length == 0 || bytes[0] >= 128 || words[bytes[0]] == NULL) return false;
    return cairn_snippet_is_in_list(bytes, length, words[bytes[0]]);
}

#endif

/* cairn_novelty.c: the distinct trigrams of a text without a branch that the text could mispredict.
 *
 * One byte a trigram marks what the text at hand has shown. Each position stores its trigram at the end of a list and
 * moves the end on unless the mark was set; the mark is then set whether it was or not. So a step is two loads and
 * two stores, and no step waits for the one before: a bitmap would be eight times smaller, but setting a bit reads
 * the word that the last step may just have written, and that wait is longer than the step. Afterwards only the list
 * is walked: it resets the marks and looks the distinct trigrams up in the set. */
#include "cairn_novelty.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define TRIGRAMS (1 << 24)
#define WORDS (TRIGRAMS / 64)
#define STEP_TRIGRAMS 6   /* in one load of 8 bytes */
#define LIST_ROOM_MIN 4096 /* with less room the list is emptied: pieces must not become short */
#define HEAD_BYTES 16
#define WORD_BYTES 12
#define CHECKSUM_BYTES 8

struct cairn_novelty_set {
    uint64_t words[WORDS];
    uint32_t used[WORDS + 1]; /* indices of the words that are not 0, in the order of their first use; one to spare */
    uint32_t used_count, trigram_count;
};

struct cairn_novelty_scratch {
    uint8_t marks[TRIGRAMS]; /* 0, or MARK for a trigram that the text has shown; all 0 between calls */
    uint32_t list[CAIRN_NOVELTY_LIST_MAX + STEP_TRIGRAMS];
};

#define MARK sizeof(uint32_t) /* a list entry's size, so that a mark is also the distance the list's end stays behind */

cairn_status cairn_novelty_set_new(cairn_novelty_set **out_set) {
    cairn_novelty_set *set = calloc(1, sizeof *set);
    if (set == NULL) return CAIRN_ERR_NO_MEMORY;
    *out_set = set;
    return CAIRN_OK;
}

void cairn_novelty_set_free(cairn_novelty_set *set) {
    free(set);
}

cairn_status cairn_novelty_scratch_new(cairn_novelty_scratch **out_scratch) {
    cairn_novelty_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL) return CAIRN_ERR_NO_MEMORY;
    *out_scratch = scratch;
    return CAIRN_OK;
}

void cairn_novelty_scratch_free(cairn_novelty_scratch *scratch) {
    free(scratch);
}

uint32_t cairn_novelty_set_count(const cairn_novelty_set *set) {
    return set->trigram_count;
}

/* Little-endian numbers */

static inline uint64_t get_64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t get_32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put(uint8_t *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 1) out[i] = (uint8_t)(value >> 8 * i);
}

/* Texts */

/* Puts `trigram` at `place` bytes behind `end`, and returns the new end: the same, or one entry back if it is not
 * fresh. */
static inline uint8_t *list_trigram(uint8_t *marks, uint8_t *end, size_t place, uint32_t trigram) {
    memcpy(end + place, &trigram, sizeof trigram);
    const size_t mark = marks[trigram];
    marks[trigram] = MARK;
    return end - mark;
}

/* Lists behind `list` the trigrams of `text` that have no mark yet, and marks them. Returns their number. The caller
 * has seen to it that the list has room for all trigrams of the text and STEP_TRIGRAMS more. */
static size_t list_fresh(uint8_t *marks, uint32_t *list, const uint8_t *text, size_t length) {
    uint8_t *end = (uint8_t *)list;
    size_t index = 0;
    for (; length - index >= sizeof(uint64_t); index += STEP_TRIGRAMS) {
        const uint64_t bytes = get_64(text + index);
        for (unsigned i = 0; i < STEP_TRIGRAMS; i += 1)
            end = list_trigram(marks, end, i * MARK, (uint32_t)(bytes >> 8 * i) & (TRIGRAMS - 1));
        end += STEP_TRIGRAMS * MARK;
    }
    for (; length - index >= 3; index += 1) {
        const uint32_t trigram = text[index] | (uint32_t)text[index + 1] << 8 | (uint32_t)text[index + 2] << 16;
        end = list_trigram(marks, end, 0, trigram) + MARK;
    }
    return (size_t)(end - (uint8_t *)list) / MARK;
}

static inline bool set_has(const cairn_novelty_set *set, uint32_t trigram) {
    return set->words[trigram / 64] >> trigram % 64 & 1;
}

/* Adds bits to a word of the set and keeps the counts. */
static void add_bits(cairn_novelty_set *set, uint32_t word, uint64_t bits) {
    const uint64_t before = set->words[word];
    set->words[word] = before | bits;
    set->used[set->used_count] = word;
    set->used_count += before == 0 && bits != 0;
    set->trigram_count += (uint32_t)__builtin_popcountll(bits & ~before);
}

/* How many of the listed trigrams the set has; their marks become `mark`. */
static uint32_t count_known(
    const cairn_novelty_set *set, uint8_t *marks, uint8_t mark, const uint32_t *list, size_t count) {
    uint32_t known_count = 0;
    for (size_t i = 0; i < count; i += 1) {
        known_count += set_has(set, list[i]);
        marks[list[i]] = mark;
    }
    return known_count;
}

static void add_listed(cairn_novelty_set *set, const uint32_t *list, size_t count) {
    for (size_t i = 0; i < count; i += 1) {
        if (!set_has(set, list[i])) add_bits(set, list[i] / 64, UINT64_C(1) << list[i] % 64);
    }
}

/* The walk over a text; adds to `growing`, which is `set` or NULL. */
static cairn_novelty walk(const cairn_novelty_set *set, cairn_novelty_set *growing, cairn_novelty_scratch *scratch,
    const uint8_t *text, size_t length) {
    cairn_novelty counts = {0, 0, set->trigram_count};
    size_t start = 0, listed_count = 0;
    bool is_spilled = false; /* some marks are no longer listed */
    while (length - start >= 3) {
        /* A piece has no more trigrams than the list has room for; pieces overlap by two bytes. */
        const size_t left = length - start, room = CAIRN_NOVELTY_LIST_MAX - listed_count;
        const size_t piece = left - 2 <= room ? left : room + 2;
        listed_count += list_fresh(scratch->marks, scratch->list + listed_count, text + start, piece);
        start += piece - 2;
        const bool is_last = length - start < 3, is_full = CAIRN_NOVELTY_LIST_MAX - listed_count < LIST_ROOM_MIN;
        if (!is_last && !is_full) continue;
        const uint8_t mark = is_last && !is_spilled ? 0 : MARK;
        counts.text_count += (uint32_t)listed_count;
        counts.known_count += count_known(set, scratch->marks, mark, scratch->list, listed_count);
        if (growing != NULL) add_listed(growing, scratch->list, listed_count);
        if (is_last) break;
        is_spilled = true;
        listed_count = 0;
    }
    if (is_spilled) memset(scratch->marks, 0, sizeof scratch->marks);
    return counts;
}

cairn_novelty cairn_novelty_find(
    const cairn_novelty_set *set, cairn_novelty_scratch *scratch, const uint8_t *text, size_t length) {
    return walk(set, NULL, scratch, text, length);
}

cairn_novelty cairn_novelty_add(
    cairn_novelty_set *set, cairn_novelty_scratch *scratch, const uint8_t *text, size_t length) {
    return walk(set, set, scratch, text, length);
}

/* Sets */

cairn_novelty cairn_novelty_set_find(const cairn_novelty_set *set, const cairn_novelty_set *text) {
    const cairn_novelty_set *smaller = set->used_count < text->used_count ? set : text;
    cairn_novelty counts = {text->trigram_count, 0, set->trigram_count};
    for (uint32_t i = 0; i < smaller->used_count; i += 1) {
        const uint32_t word = smaller->used[i];
        counts.known_count += (uint32_t)__builtin_popcountll(set->words[word] & text->words[word]);
    }
    return counts;
}

void cairn_novelty_set_merge(cairn_novelty_set *set, const cairn_novelty_set *from) {
    for (uint32_t i = 0; i < from->used_count; i += 1) add_bits(set, from->used[i], from->words[from->used[i]]);
}

void cairn_novelty_set_reset(cairn_novelty_set *set) {
    for (uint32_t i = 0; i < set->used_count; i += 1) set->words[set->used[i]] = 0;
    set->used_count = 0;
    set->trigram_count = 0;
}

/* Stored form */

static const uint8_t magic[4] = {'C', 'N', 'O', 'V'};

size_t cairn_novelty_set_bound(const cairn_novelty_set *set) {
    return HEAD_BYTES + (size_t)WORD_BYTES * set->used_count + CHECKSUM_BYTES;
}

cairn_status cairn_novelty_set_write(
    const cairn_novelty_set *set, uint8_t *out, size_t capacity, size_t *out_length) {
    const size_t length = cairn_novelty_set_bound(set);
    if (capacity < length) return CAIRN_ERR_NO_SPACE;
    memcpy(out, magic, sizeof magic);
    put(out + 4, CAIRN_NOVELTY_VERSION, 4);
    put(out + 8, set->used_count, 4);
    put(out + 12, set->trigram_count, 4);
    uint8_t *end = out + HEAD_BYTES;
    for (uint32_t word = 0; word < WORDS; word += 1) {
        if (set->words[word] == 0) continue;
        put(end, word, 4);
        put(end + 4, set->words[word], 8);
        end += WORD_BYTES;
    }
    put(end, XXH3_64bits(out, length - CHECKSUM_BYTES), CHECKSUM_BYTES);
    *out_length = length;
    return CAIRN_OK;
}

/* Checks that the words are ascending, not empty, and as many as promised. */
static bool are_words_sound(const uint8_t *words, uint32_t word_count, uint32_t trigram_count) {
    uint64_t found_count = 0;
    for (uint32_t i = 0; i < word_count; i += 1, words += WORD_BYTES) {
        const uint32_t word = get_32(words);
        if (word >= WORDS || (i > 0 && word <= get_32(words - WORD_BYTES)) || get_64(words + 4) == 0) return false;
        found_count += (uint64_t)__builtin_popcountll(get_64(words + 4));
    }
    return found_count == trigram_count;
}

cairn_status cairn_novelty_set_read(cairn_novelty_set *set, const uint8_t *bytes, size_t length) {
    const size_t magic_length = length < sizeof magic ? length : sizeof magic;
    if (length > 0 && memcmp(bytes, magic, magic_length) != 0) return CAIRN_ERR_SYNTAX;
    if (length < HEAD_BYTES + CHECKSUM_BYTES) return CAIRN_ERR_INCOMPLETE;
    if (get_32(bytes + 4) != CAIRN_NOVELTY_VERSION) return CAIRN_ERR_ARGUMENT;
    const uint32_t word_count = get_32(bytes + 8);
    if (word_count > WORDS) return CAIRN_ERR_SYNTAX;
    const size_t body_length = HEAD_BYTES + (size_t)WORD_BYTES * word_count;
    if (length < body_length + CHECKSUM_BYTES) return CAIRN_ERR_INCOMPLETE;
    if (length > body_length + CHECKSUM_BYTES) return CAIRN_ERR_SYNTAX;
    if (get_64(bytes + body_length) != XXH3_64bits(bytes, body_length)) return CAIRN_ERR_SYNTAX;
    if (!are_words_sound(bytes + HEAD_BYTES, word_count, get_32(bytes + 12))) return CAIRN_ERR_SYNTAX;

    cairn_novelty_set_reset(set);
    for (uint32_t i = 0; i < word_count; i += 1) {
        const uint8_t *word = bytes + HEAD_BYTES + (size_t)WORD_BYTES * i;
        add_bits(set, get_32(word), get_64(word + 4));
    }
    return CAIRN_OK;
}

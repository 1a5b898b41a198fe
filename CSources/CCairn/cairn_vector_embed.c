/* cairn_vector_embed.c: texts as vectors by signed feature hashing, in integers. */
#include "cairn_vector_int.h"

#include <math.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define TERMS 65536
#define LOG_STEPS 256           /* entries of the logarithm's table for each power of two */
#define ONE 65536               /* 1 with 16 fraction bits */
#define SQUARABLE_BITS 26       /* 384 squares of 26 bits fit 64 bits */
#define HEAD_BYTES 12
#define CHECKSUM_BYTES 8

/* What a feature is; part of its hash. */
enum { FEATURE_BYTES_3 = 1, FEATURE_BYTES_5 = 2, FEATURE_WORD = 3, FEATURE_TWO_WORDS = 4, TERM_PLACE = 5 };

struct cairn_vector_embedder {
    uint32_t document_count;
    uint32_t documents_with[TERMS];
    uint32_t counts[TERMS]; /* of the text at hand; all 0 between calls */
    uint32_t used[TERMS + 1]; /* the terms of the text at hand, in the order of their first use; one to spare */
    uint32_t used_count;
    uint32_t logs[LOG_STEPS + 1]; /* log2 (1 + i / LOG_STEPS), 16 fraction bits */
};

/* Logarithms */

/* log2 (1 + i / LOG_STEPS) by squaring: each square that reaches 2 is one more bit. */
static uint32_t log_of_step(uint32_t i) {
    uint64_t mantissa = (uint64_t)(LOG_STEPS + i) << (31 - 8); /* 1 is 2^31 */
    uint32_t log = 0;
    if (i == LOG_STEPS) return ONE;
    for (int bit = 0; bit < 16; bit += 1) {
        mantissa = mantissa * mantissa >> 31;
        log = log << 1 | (uint32_t)(mantissa >> 32);
        mantissa >>= mantissa >> 32;
    }
    return log;
}

/* log2 of a number that is not 0, 16 fraction bits, between the table's steps on a straight line. */
static uint32_t log_of(const cairn_vector_embedder *self, uint64_t value) {
    const unsigned shift = (unsigned)__builtin_clzll(value);
    const uint64_t mantissa = value << shift;
    const size_t step = mantissa >> 55 & (LOG_STEPS - 1);
    const uint32_t rest = (uint32_t)(mantissa >> 39) & (ONE - 1);
    const uint32_t below = self->logs[step], above = self->logs[step + 1];
    return (63 - shift) * ONE + below + (uint32_t)((uint64_t)(above - below) * rest / ONE);
}

cairn_status cairn_vector_embedder_new(cairn_vector_embedder **out_embedder) {
    cairn_vector_embedder *self = malloc(sizeof *self);
    if (self == NULL) return CAIRN_ERR_NO_MEMORY;
    memset(self, 0, sizeof *self);
    for (uint32_t i = 0; i <= LOG_STEPS; i += 1) self->logs[i] = log_of_step(i);
    *out_embedder = self;
    return CAIRN_OK;
}

void cairn_vector_embedder_free(cairn_vector_embedder *self) {
    free(self);
}

/* Features */

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014) over a value and what it is. */
static inline uint64_t hash_of(uint64_t value, uint64_t kind) {
    value += kind * UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

static inline void add_feature(cairn_vector_embedder *self, uint64_t value, uint64_t kind) {
    const uint32_t term = (uint32_t)(hash_of(value, kind) >> 48);
    self->used[self->used_count] = term;
    self->used_count += self->counts[term] == 0;
    self->counts[term] += 1;
}

/* Where the reader of a text stands. */
typedef struct reader {
    uint64_t window;    /* the last eight bytes, the last one lowest */
    size_t seen_count;  /* bytes after folding */
    uint64_t word;      /* FNV-1a of the word at hand, 0 outside one */
    uint64_t last_word; /* of the word before, 0 before the first */
} reader;

#define FNV_START UINT64_C(0xCBF29CE484222325)
#define FNV_PRIME UINT64_C(0x100000001B3)

static inline bool is_of_word(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
}

static void end_word(cairn_vector_embedder *self, reader *reader) {
    if (reader->word == 0) return;
    add_feature(self, reader->word, FEATURE_WORD);
    if (reader->last_word != 0) add_feature(self, reader->last_word * 3 + reader->word, FEATURE_TWO_WORDS);
    reader->last_word = reader->word;
    reader->word = 0;
}

/* One byte of the folded text. */
static inline void read_byte(cairn_vector_embedder *self, reader *reader, uint8_t byte) {
    reader->window = reader->window << 8 | byte;
    reader->seen_count += 1;
    if (reader->seen_count >= 3) add_feature(self, reader->window & 0xFFFFFF, FEATURE_BYTES_3);
    if (reader->seen_count >= 5) add_feature(self, reader->window & 0xFFFFFFFFFF, FEATURE_BYTES_5);
    if (is_of_word(byte)) {
        reader->word = ((reader->word == 0 ? FNV_START : reader->word) ^ byte) * FNV_PRIME;
    } else {
        end_word(self, reader);
    }
}

/* Counts the features of the text folded as cairn_vector.h says. */
static void read_text(cairn_vector_embedder *self, const uint8_t *text, size_t length) {
    reader reader = {0};
    bool is_after_space = true;
    read_byte(self, &reader, ' ');
    for (size_t i = 0; i < length; i += 1) {
        const uint8_t byte = text[i];
        if (byte <= ' ') {
            if (!is_after_space) read_byte(self, &reader, ' ');
            is_after_space = true;
            continue;
        }
        read_byte(self, &reader, byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte);
        is_after_space = false;
    }
    if (!is_after_space) read_byte(self, &reader, ' ');
}

static void forget_text(cairn_vector_embedder *self) {
    for (uint32_t i = 0; i < self->used_count; i += 1) self->counts[self->used[i]] = 0;
    self->used_count = 0;
}

cairn_status cairn_vector_embedder_learn(cairn_vector_embedder *self, const uint8_t *text, size_t length) {
    if (length > CAIRN_VECTOR_TEXT_BYTES_MAX || self->document_count == UINT32_MAX) return CAIRN_ERR_TOO_BIG;
    read_text(self, text, length);
    for (uint32_t i = 0; i < self->used_count; i += 1) self->documents_with[self->used[i]] += 1;
    self->document_count += 1;
    forget_text(self);
    return CAIRN_OK;
}

/* Vectors */

/* At most 27 * 33 * ONE, below 2^26; the sums of all terms are below 2^42. */
static int64_t weight_of(const cairn_vector_embedder *self, uint32_t term, uint32_t all_documents_log) {
    const uint64_t of_count = ONE + log_of(self, self->counts[term]);
    const uint64_t of_rarity = ONE + all_documents_log - log_of(self, (uint64_t)self->documents_with[term] + 1);
    return (int64_t)(of_count * of_rarity / ONE);
}

static void sum_terms(const cairn_vector_embedder *self, int64_t sums[CAIRN_VECTOR_EMBEDDING_FLOATS]) {
    const uint32_t all_documents_log = log_of(self, (uint64_t)self->document_count + 1);
    for (uint32_t i = 0; i < self->used_count; i += 1) {
        const uint32_t term = self->used[i];
        const uint64_t hash = hash_of(term, TERM_PLACE);
        const int64_t weight = weight_of(self, term, all_documents_log);
        sums[(hash >> 32) * CAIRN_VECTOR_EMBEDDING_FLOATS >> 32] += hash & 1 ? weight : -weight;
    }
}

/* Divides the sums so that their squares fit, and returns the sum of the squares. */
static uint64_t make_squarable(int64_t sums[CAIRN_VECTOR_EMBEDDING_FLOATS]) {
    int64_t largest = 0, divisor = 1;
    for (size_t i = 0; i < CAIRN_VECTOR_EMBEDDING_FLOATS; i += 1) {
        const int64_t size = sums[i] < 0 ? -sums[i] : sums[i];
        largest = size > largest ? size : largest;
    }
    while (largest / divisor >= INT64_C(1) << SQUARABLE_BITS) divisor *= 2; /* at most 16 times */
    uint64_t square_sum = 0;
    for (size_t i = 0; i < CAIRN_VECTOR_EMBEDDING_FLOATS; i += 1) {
        sums[i] /= divisor;
        square_sum += (uint64_t)(sums[i] * sums[i]);
    }
    return square_sum;
}

cairn_status cairn_vector_embed(
    cairn_vector_embedder *self, const uint8_t *text, size_t length, float out[CAIRN_VECTOR_EMBEDDING_FLOATS]) {
    if (length > CAIRN_VECTOR_TEXT_BYTES_MAX) return CAIRN_ERR_TOO_BIG;
    int64_t sums[CAIRN_VECTOR_EMBEDDING_FLOATS] = {0};
    read_text(self, text, length);
    sum_terms(self, sums);
    forget_text(self);
    const uint64_t square_sum = make_squarable(sums);
    if (square_sum == 0) return CAIRN_ERR_NOT_FOUND;
    const double vector_length = sqrt((double)square_sum);
    for (size_t i = 0; i < CAIRN_VECTOR_EMBEDDING_FLOATS; i += 1) out[i] = (float)((double)sums[i] / vector_length);
    return CAIRN_OK;
}

/* Stored form */

static const uint8_t magic[4] = {'C', 'V', 'E', 'M'};

void cairn_vector_embedder_write(const cairn_vector_embedder *self, uint8_t out[CAIRN_VECTOR_EMBEDDER_BYTES]) {
    memcpy(out, magic, sizeof magic);
    cairn_vector_put(out + 4, CAIRN_VECTOR_VERSION, 4);
    cairn_vector_put(out + 8, self->document_count, 4);
    for (size_t term = 0; term < TERMS; term += 1)
        cairn_vector_put(out + HEAD_BYTES + term * 4, self->documents_with[term], 4);
    const size_t body_length = CAIRN_VECTOR_EMBEDDER_BYTES - CHECKSUM_BYTES;
    cairn_vector_put(out + body_length, XXH3_64bits(out, body_length), CHECKSUM_BYTES);
}

cairn_status cairn_vector_embedder_read(cairn_vector_embedder *self, const uint8_t *bytes, size_t length) {
    const size_t body_length = CAIRN_VECTOR_EMBEDDER_BYTES - CHECKSUM_BYTES;
    const size_t magic_length = length < sizeof magic ? length : sizeof magic;
    if (length > 0 && memcmp(bytes, magic, magic_length) != 0) return CAIRN_ERR_SYNTAX;
    if (length < CAIRN_VECTOR_EMBEDDER_BYTES) return CAIRN_ERR_INCOMPLETE;
    if (cairn_vector_get(bytes + 4, 4) != CAIRN_VECTOR_VERSION) return CAIRN_ERR_ARGUMENT;
    if (length > CAIRN_VECTOR_EMBEDDER_BYTES) return CAIRN_ERR_SYNTAX;
    const uint64_t checksum = cairn_vector_get(bytes + body_length, CHECKSUM_BYTES);
    if (checksum != XXH3_64bits(bytes, body_length)) return CAIRN_ERR_SYNTAX;
    const uint64_t document_count = cairn_vector_get(bytes + 8, 4);
    for (size_t term = 0; term < TERMS; term += 1) {
        if (cairn_vector_get(bytes + HEAD_BYTES + term * 4, 4) > document_count) return CAIRN_ERR_SYNTAX;
    }
    self->document_count = (uint32_t)document_count;
    for (size_t term = 0; term < TERMS; term += 1)
        self->documents_with[term] = (uint32_t)cairn_vector_get(bytes + HEAD_BYTES + term * 4, 4);
    return CAIRN_OK;
}

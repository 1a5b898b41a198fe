/* tokens_small.h: small vocabularies made in memory for the tests of room tokens, and byte-pair encoding by its
 * definition to compare with. The files they make are what CSources/vocabularies.py makes of real ones. */
#ifndef TOKENS_SMALL_H
#define TOKENS_SMALL_H

#include "cairn_tokens_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL_TOKENS_MAX = 8192, SMALL_TOKEN_BYTES_MAX = 24, SMALL_EDGES_MAX = 65536, SMALL_TEXT_MAX = 65536 };

typedef struct small_vocabulary {
    uint32_t token_count;
    uint8_t bytes[SMALL_TOKENS_MAX][SMALL_TOKEN_BYTES_MAX];
    uint8_t lengths[SMALL_TOKENS_MAX];
    uint32_t splits[SMALL_TOKENS_MAX][2];
    uint64_t pairs[4 * SMALL_TOKENS_MAX]; /* open-addressed: left + 1, right + 1, merged, 21 bits each */
    uint8_t *file;
    size_t file_length;
    cairn_tokens tokens; /* the opened file */
} small_vocabulary;

static inline void *small_allocate(size_t bytes) {
    void *memory = calloc(bytes == 0 ? 1 : bytes, 1);
    if (memory == NULL) abort();
    return memory;
}

static inline uint64_t *small_pair_slot(small_vocabulary *self, uint32_t left, uint32_t right) {
    const uint64_t key = (left + 1) | (uint64_t)(right + 1) << 21;
    size_t slot = key * CAIRN_TOKENS_MULTIPLIER_2 >> 49;
    while (self->pairs[slot] != 0 && (self->pairs[slot] & ((UINT64_C(1) << 42) - 1)) != key)
        slot = (slot + 1) % (4 * SMALL_TOKENS_MAX);
    return &self->pairs[slot];
}

static inline uint32_t small_merged(small_vocabulary *self, uint32_t left, uint32_t right) {
    const uint64_t entry = *small_pair_slot(self, left, right);
    return entry == 0 ? CAIRN_TOKENS_NONE : (uint32_t)(entry >> 42);
}

/* The definition: merge the leftmost pair of the lowest rank until there is none. Returns how many tokens are left. */
static inline uint32_t small_encode(small_vocabulary *self, const uint8_t *bytes, size_t length, uint32_t *out) {
    uint32_t count = (uint32_t)length;
    for (size_t i = 0; i < length; i += 1) out[i] = bytes[i];
    for (;;) {
        uint32_t best = CAIRN_TOKENS_NONE, place = 0;
        for (uint32_t i = 0; i + 1 < count; i += 1) {
            const uint32_t merged = small_merged(self, out[i], out[i + 1]);
            if (merged < best) best = merged, place = i;
        }
        if (best == CAIRN_TOKENS_NONE) return count;
        out[place] = best;
        count -= 1;
        memmove(out + place + 1, out + place + 2, (count - place - 1) * sizeof *out);
    }
}

/* Starts a vocabulary with the bytes, each its own token. */
static inline small_vocabulary *small_new(void) {
    small_vocabulary *self = small_allocate(sizeof *self);
    for (self->token_count = 0; self->token_count < 256; self->token_count += 1) {
        self->bytes[self->token_count][0] = (uint8_t)self->token_count;
        self->lengths[self->token_count] = 1;
        self->splits[self->token_count][0] = self->splits[self->token_count][1] = self->token_count;
    }
    return self;
}

static inline void small_free(small_vocabulary *self) {
    free(self->file);
    free(self);
}

/* Adds the token that `left` and `right` merge into. False when there is one, it would be too long, or the bytes'
 * merges do not end in that pair (then no training would have made it). */
static inline bool small_add(small_vocabulary *self, uint32_t left, uint32_t right) {
    const size_t length = (size_t)self->lengths[left] + self->lengths[right];
    if (self->token_count == SMALL_TOKENS_MAX || length > SMALL_TOKEN_BYTES_MAX) return false;
    uint8_t *bytes = self->bytes[self->token_count];
    memcpy(bytes, self->bytes[left], self->lengths[left]);
    memcpy(bytes + self->lengths[left], self->bytes[right], self->lengths[right]);
    uint32_t parts[SMALL_TOKEN_BYTES_MAX];
    if (small_encode(self, bytes, length, parts) != 2 || parts[0] != left || parts[1] != right) return false;
    *small_pair_slot(self, left, right) =
        (left + 1) | (uint64_t)(right + 1) << 21 | (uint64_t)self->token_count << 42;
    self->lengths[self->token_count] = (uint8_t)length;
    self->splits[self->token_count][0] = left;
    self->splits[self->token_count][1] = right;
    self->token_count += 1;
    return true;
}

/* Writing the file */

typedef struct small_file {
    uint8_t *bytes;
    size_t length;
} small_file;

static inline uint8_t *small_section(small_file *file, size_t bytes, uint8_t fill) {
    uint8_t *section = file->bytes + file->length;
    memset(section, fill, bytes);
    file->length += (bytes + 63) / 64 * 64;
    return section;
}

static inline void small_put32(uint8_t *section, size_t index, uint32_t value) {
    memcpy(section + 4 * index, &value, 4); /* the tests run on little-endian machines; others would see it fail */
}

static inline void small_put64(uint8_t *section, size_t index, uint64_t value) {
    memcpy(section + 8 * index, &value, 8);
}

/* Puts an entry into the first empty slot from its hash on. */
static inline void small_place(uint8_t *table, uint32_t slots, uint32_t hash, uint64_t entry) {
    uint32_t slot = cairn_tokens_slot(hash, slots);
    while (cairn_tokens_get64(table, slot) != CAIRN_TOKENS_EMPTY) slot = slot + 1 == slots ? 0 : slot + 1;
    small_put64(table, slot, entry);
}

/* Writes the checksum of what is behind it. */
static inline void small_seal(uint8_t *file, size_t length) {
    uint64_t sum = 0, sums = 0;
    for (size_t i = CAIRN_TOKENS_SUMMED_FROM / 8; i < length / 8; i += 1) sums += sum += cairn_tokens_get64(file, i);
    small_put64(file, 3, sum);
    small_put64(file, 4, sums);
}

static inline uint32_t small_find(small_vocabulary *self, const uint8_t *bytes, size_t length) {
    for (uint32_t i = 0; i < self->token_count; i += 1)
        if (self->lengths[i] == length && memcmp(self->bytes[i], bytes, length) == 0) return i;
    return CAIRN_TOKENS_NONE;
}

typedef struct small_edge {
    uint32_t key, child;
} small_edge;

/* The edges of the trie, and each token's longest proper front among the tokens. Returns the number of nodes. */
static inline uint32_t small_trie(small_vocabulary *self, small_edge *edges, uint32_t *edge_count, uint32_t *shorter) {
    uint32_t nodes = self->token_count + 1;
    for (uint32_t i = 0; i < self->token_count; i += 1) {
        uint32_t node = self->token_count;
        shorter[i] = CAIRN_TOKENS_NONE;
        for (size_t length = 1; length <= self->lengths[i]; length += 1) {
            const uint32_t key = node << 8 | self->bytes[i][length - 1];
            const uint32_t front = small_find(self, self->bytes[i], length);
            uint32_t edge = 0;
            while (edge < *edge_count && edges[edge].key != key) edge += 1;
            if (edge == *edge_count) {
                if (*edge_count == SMALL_EDGES_MAX) abort();
                edges[edge] = (small_edge){key, front != CAIRN_TOKENS_NONE ? front : nodes++};
                *edge_count += 1;
            }
            node = edges[edge].child;
            if (front != CAIRN_TOKENS_NONE && front != i) shorter[i] = front;
        }
    }
    return nodes;
}

/* Makes and opens the file; the vocabulary is complete then. */
static inline void small_finish(small_vocabulary *self, cairn_tokens_splitter splitter) {
    const uint32_t count = self->token_count;
    small_edge *edges = small_allocate(SMALL_EDGES_MAX * sizeof *edges);
    uint32_t *shorter = small_allocate(count * sizeof *shorter), edge_count = 0;
    const uint32_t node_count = small_trie(self, edges, &edge_count, shorter);
    const uint32_t slots = count * 2, edge_slots = edge_count * 2;
    size_t byte_count = 0;
    for (uint32_t i = 0; i < count; i += 1) byte_count += self->lengths[i];

    small_file file = {aligned_alloc(64, (size_t)8 << 20), 0};
    if (file.bytes == NULL) abort();
    uint8_t *head = small_section(&file, CAIRN_TOKENS_HEAD_BYTES, 0);
    uint8_t *short_keys = small_section(&file, (size_t)slots * 16, 0);
    uint8_t *short_tokens = small_section(&file, (size_t)slots * 4, 0);
    uint8_t *longs = small_section(&file, (size_t)slots * 8, 0xFF);
    uint8_t *pairs = small_section(&file, (size_t)slots * 8, 0xFF);
    uint8_t *edge_table = small_section(&file, (size_t)edge_slots * 8, 0xFF);
    uint8_t *splits = small_section(&file, (size_t)count * 8, 0);
    uint8_t *shorters = small_section(&file, (size_t)count * 4, 0);
    uint8_t *ends = small_section(&file, (size_t)count * 4, 0);
    uint8_t *ids = small_section(&file, (size_t)count * 4, 0);
    uint8_t *lengths = small_section(&file, count, 0);
    uint8_t *bytes = small_section(&file, byte_count, 0);

    uint32_t end = 0;
    for (uint32_t i = 0; i < count; i += 1) {
        const size_t length = self->lengths[i];
        memcpy(bytes + end, self->bytes[i], length);
        end += (uint32_t)length;
        if (length <= CAIRN_TOKENS_SHORT_BYTES) {
            const cairn_tokens_key key = cairn_tokens_key_of(self->bytes[i], length, SMALL_TOKEN_BYTES_MAX);
            uint32_t slot = cairn_tokens_slot((uint32_t)(cairn_tokens_short_hash(key.low, key.high) >> 32), slots);
            while (cairn_tokens_get64(short_keys, 2 * (size_t)slot + 1) != 0) slot = slot + 1 == slots ? 0 : slot + 1;
            small_put64(short_keys, 2 * (size_t)slot, key.low);
            small_put64(short_keys, 2 * (size_t)slot + 1, key.high);
            small_put32(short_tokens, slot, i);
        } else {
            const uint32_t hash = cairn_tokens_long_hash(self->bytes[i], length);
            small_place(longs, slots, hash, hash | (uint64_t)i << 32);
        }
        if (i >= 256) {
            const uint64_t key = self->splits[i][0] | (uint64_t)self->splits[i][1] << 21;
            small_place(pairs, slots, cairn_tokens_key_hash(key), key | (uint64_t)i << 42);
        }
        small_put32(splits, 2 * (size_t)i, self->splits[i][0]);
        small_put32(splits, 2 * (size_t)i + 1, self->splits[i][1]);
        small_put32(shorters, i, shorter[i]);
        small_put32(ends, i, end);
        small_put32(ids, i, i + 1000);
        lengths[i] = (uint8_t)length;
    }
    for (uint32_t i = 0; i < edge_count; i += 1)
        small_place(edge_table, edge_slots, cairn_tokens_key_hash(edges[i].key),
            (uint64_t)edges[i].key << 32 | edges[i].child);

    memcpy(head, "CairnTok", 8);
    small_put32(head, 2, CAIRN_TOKENS_FORMAT_VERSION);
    small_put32(head, 3, splitter);
    small_put64(head, 2, file.length);
    const uint32_t counts[] = {
        count, node_count, SMALL_TOKEN_BYTES_MAX, (uint32_t)byte_count, slots, slots, slots, edge_slots};
    memcpy(head + 40, counts, sizeof counts);
    memcpy(head + 72, "small", 6);
    small_seal(file.bytes, file.length);

    self->file = aligned_alloc(64, file.length);
    if (self->file == NULL) abort();
    memcpy(self->file, file.bytes, file.length);
    self->file_length = file.length;
    free(file.bytes);
    free(edges);
    free(shorter);
    if (cairn_tokens_open(self->file, self->file_length, &self->tokens) != CAIRN_OK) abort();
}

/* A vocabulary of random merges over few characters, so that random text over them meets all kinds of conflicts. */
static inline small_vocabulary *small_random(cairn_tokens_splitter splitter, uint32_t tokens, uint64_t seed) {
    static const uint8_t few[] = "abcABC  01'(/\n\xE6\x97\xA5\xCC\x81";
    small_vocabulary *self = small_new();
    uint64_t state = seed;
    for (uint32_t tries = 0; self->token_count < 256 + tokens && tries < 200 * tokens; tries += 1) {
        uint32_t sides[2];
        for (int side = 0; side < 2; side += 1) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const uint32_t pick = (uint32_t)(state >> 33) % (sizeof few - 1 + self->token_count - 256);
            sides[side] = pick < sizeof few - 1 ? few[pick] : 256 + pick - (uint32_t)(sizeof few - 1);
        }
        small_add(self, sides[0], sides[1]);
    }
    small_finish(self, splitter);
    return self;
}

#endif

/* cairn_tokens_int.h: what the files of room tokens share: classes of characters, pre-tokens, merging one of them. */
#ifndef CAIRN_TOKENS_INT_H
#define CAIRN_TOKENS_INT_H

#include "cairn_tokens.h"
#include "cairn_tokens_format.h"

#include <stdbool.h>

/* A character has at most one of these. What has none is a control, a format character, private or unassigned. */
enum {
    CAIRN_CLASS_UPPER = 1,   /* Lu, Lt */
    CAIRN_CLASS_LOWER = 2,   /* Ll */
    CAIRN_CLASS_LETTER = 4,  /* Lm, Lo */
    CAIRN_CLASS_MARK = 8,    /* M */
    CAIRN_CLASS_NUMBER = 16, /* N */
    CAIRN_CLASS_SYMBOL = 32, /* P, S */
    CAIRN_CLASS_SPACE = 64,  /* White_Space but for: */
    CAIRN_CLASS_NEWLINE = 128, /* CR, LF */
    CAIRN_CLASS_LETTERS = CAIRN_CLASS_UPPER | CAIRN_CLASS_LOWER | CAIRN_CLASS_LETTER,
    CAIRN_CLASS_WHITE = CAIRN_CLASS_SPACE | CAIRN_CLASS_NEWLINE
};

extern const uint32_t cairn_tokens_class_block_count;
extern const uint8_t cairn_tokens_class_blocks[];
extern const uint8_t cairn_tokens_classes[];

/* Text being split. A part is a stretch of well-formed UTF-8, or one byte that begins no well-formed sequence. */
typedef struct cairn_tokens_text {
    const uint8_t *bytes;
    size_t length;
    size_t part_end;         /* of the part that is being split */
    bool is_well_formed;     /* that part */
    bool has_looked_at_end;  /* some pre-token's end so far depended on where the part ends */
} cairn_tokens_text;

/* Where the pre-token that starts at `start` ends. start < text->part_end, in a well-formed part. */
size_t cairn_tokens_pretoken_end(cairn_tokens_splitter splitter, cairn_tokens_text *text, size_t start);

/* The next pre-token from *position on: false at the end of the text, else its end is in *out_end. */
bool cairn_tokens_next(
    cairn_tokens_splitter splitter, cairn_tokens_text *text, size_t position, size_t *out_end);

/* A short pre-token as in short_keys: its bytes, zeros, its length in the last byte. */
typedef struct cairn_tokens_key {
    uint64_t low, high;
} cairn_tokens_key;

/* Of bytes[0 ..< length], 0 < length <= 15; `readable` bytes may be read, `length` or more. */
static inline cairn_tokens_key cairn_tokens_key_of(const uint8_t *bytes, size_t length, size_t readable) {
    uint8_t copy[16] = {0};
    if (readable < 16) bytes = memcpy(copy, bytes, length);
    cairn_tokens_key key = {cairn_tokens_get64(bytes, 0), 0};
    if (length < 8) key.low &= (UINT64_C(1) << 8 * length) - 1;
    if (length > 8) key.high = cairn_tokens_get64(bytes, 1) & ((UINT64_C(1) << 8 * (length - 8)) - 1);
    key.high |= (uint64_t)length << 56;
    return key;
}

/* The slot of short_keys that holds a whole pre-token, or CAIRN_TOKENS_NONE: whether it is a token, without a look at
 * which. */
uint32_t cairn_tokens_short_slot(const cairn_tokens *self, cairn_tokens_key key);

/* The token that a whole pre-token is, or CAIRN_TOKENS_NONE. */
uint32_t cairn_tokens_find_short(const cairn_tokens *self, cairn_tokens_key key);
uint32_t cairn_tokens_find_long(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t hash);
uint32_t cairn_tokens_long_hash(const uint8_t *bytes, size_t length);

/* In the cache, the count stands above the length in the last byte of the key; neither is above 15. */
#define CAIRN_TOKENS_COUNT_SHIFT 60
#define CAIRN_TOKENS_COUNT_MASK (UINT64_C(15) << CAIRN_TOKENS_COUNT_SHIFT)

/* The row that a key may be in, at any of the four places. */
static inline uint64_t (*cairn_tokens_cache_row(cairn_tokens_cache *cache, cairn_tokens_key key))[2] {
    return cache->rows[cairn_tokens_short_hash(key.low, key.high) >> 32 & (CAIRN_TOKENS_CACHE_ROWS - 1)];
}

/* Counts a short pre-token that is not in its row, and puts it there; `row` may be NULL. */
uint32_t cairn_tokens_count_new(
    const cairn_tokens *self, uint64_t (*row)[2], const uint8_t *bytes, cairn_tokens_key key);

/* Counts a longer one; `cache` may be NULL. */
uint32_t cairn_tokens_count_long(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *bytes, size_t length);

#if CAIRN_BYTES_HAS_AVX2
#define CAIRN_TOKENS_BLOCK 64

/* Where pre-tokens start in bytes[0 ..< CAIRN_TOKENS_BLOCK], given that one starts at bytes[0] and that all of them
 * are in one part: bit i for bytes[i], bit 0 always. The starts below the highest bit are all there; what is above is
 * not known. Callable only where cairn_bytes_can_avx2. Its twin is cairn_tokens_pretoken_end. */
uint64_t cairn_tokens_block_starts_avx2(const uint8_t *bytes, cairn_tokens_splitter splitter);

/* Counts ASCII text a block at a time, from the pre-token at *position on as far as that goes, and moves *position on
 * to where the next one starts; *position stays if nothing could be counted. `end` is the end of the part. `cache` may
 * be NULL. Callable only where cairn_bytes_can_avx2. */
uint32_t cairn_tokens_count_blocks_avx2(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text, size_t end, size_t *position);
#endif

/* The token that `left` and `right` merge into, or CAIRN_TOKENS_NONE. */
static inline uint32_t cairn_tokens_merged(const cairn_tokens *self, uint32_t left, uint32_t right) {
    const uint64_t key = left | (uint64_t)right << CAIRN_TOKENS_TOKEN_BITS;
    const uint64_t key_mask = (UINT64_C(1) << 2 * CAIRN_TOKENS_TOKEN_BITS) - 1;
    for (uint32_t slot = cairn_tokens_slot(cairn_tokens_key_hash(key), self->pair_slots);;) {
        const uint64_t entry = cairn_tokens_get64(self->pairs, slot);
        if (entry == CAIRN_TOKENS_EMPTY) return CAIRN_TOKENS_NONE;
        if ((entry & key_mask) == key) return (uint32_t)(entry >> 2 * CAIRN_TOKENS_TOKEN_BITS);
        slot = slot + 1 == self->pair_slots ? 0 : slot + 1;
    }
}

/* The node that `byte` leads to from `node`, or CAIRN_TOKENS_NONE. */
static inline uint32_t cairn_tokens_child(const cairn_tokens *self, uint32_t node, uint8_t byte) {
    const uint32_t key = node << 8 | byte;
    for (uint32_t slot = cairn_tokens_slot(cairn_tokens_key_hash(key), self->edge_slots);;) {
        const uint64_t entry = cairn_tokens_get64(self->edges, slot);
        if (entry == CAIRN_TOKENS_EMPTY) return CAIRN_TOKENS_NONE;
        if (entry >> 32 == key) return (uint32_t)entry;
        slot = slot + 1 == self->edge_slots ? 0 : slot + 1;
    }
}

/* Merging one pre-token, of any length.
 *
 * `limit`: when the pre-token has more tokens, *out_offset is where the first `limit` of them end, else its length.
 * Both return the number of its tokens, and write them if out_tokens is not NULL (room for `length` of them). */
uint32_t cairn_tokens_merge(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t limit,
    size_t *out_offset, uint32_t *out_tokens);

/* The twin that goes forward only, in memory of constant size: slower, and what cairn_tokens_merge does when it would
 * have to go back further than it remembers. */
uint32_t cairn_tokens_merge_forward(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t limit,
    size_t *out_offset, uint32_t *out_tokens);

#endif

/* cairn_tokens_format.h: the vocabulary file, as CSources/vocabularies.py writes it and room tokens maps it.
 *
 * Little-endian; no pointers and no offsets: the counts in the head give the size and so the place of every section.
 * Sections start at multiples of 64 bytes, zeros between them.
 *
 *      0        8         12         16          24       32       40                                  128
 *      +--------+---------+----------+-----------+--------+--------+---------------------------+-------+----------
 *      |CairnTok| version | splitter | file size | sum    | sum of | 8 counts (u32), name (24) | zeros | sections
 *      +--------+---------+----------+-----------+--------+ sums   +---------------------------+-------+----------
 *                                                         +--------+ \__ checksum covers all from here on, as u64 words
 *
 *      section       entries          entry
 *      short_keys    short_slots      16 bytes: a token of up to 15 bytes, zeros, its length in the last byte; 0: empty
 *      short_tokens  short_slots      u32: that token
 *      longs         long_slots       u32 hash, u32 token: tokens of more than 15 bytes; all ones: empty
 *      pairs         pair_slots       u64: left | right << 21 | merged << 42; all ones: empty
 *      edges         edge_slots       u64: child | byte << 32 | node << 40; all ones: empty
 *      splits        token_count      u32 left, u32 right: what merges into the token (0, 0: no merges lead to it)
 *      shorter       token_count      u32: the longest token that is a proper front of this one; all ones: none
 *      ends          token_count      u32: where the token's bytes end in `bytes`; they start where the one before ends
 *      ids           token_count      u32: the number that the tokenizer's makers gave it
 *      lengths       token_count      u8: its bytes
 *      bytes         byte_count       u8
 *
 * Tokens are numbered in the order of their merges, the 256 single bytes first. The four tables are open-addressed hash
 * tables, probed linearly from slot (hash * slots) >> 32 and round the end; the hashes are in this header.
 * `short_keys`, `longs` hold the tokens that a whole pre-token is looked up in, `edges` is the trie of those that
 * merges lead to: its nodes below token_count are that token, token_count is the root. */
#ifndef CAIRN_TOKENS_FORMAT_H
#define CAIRN_TOKENS_FORMAT_H

#include <stdint.h>
#include <string.h>

enum {
    CAIRN_TOKENS_FORMAT_VERSION = 1,
    CAIRN_TOKENS_HEAD_BYTES = 128,
    CAIRN_TOKENS_SUMMED_FROM = 40,
    CAIRN_TOKENS_SECTION_ALIGN = 64,
    CAIRN_TOKENS_NAME_BYTES = 24,
    CAIRN_TOKENS_SHORT_BYTES = 15, /* the longest token in short_keys */
    CAIRN_TOKENS_TOKEN_BITS = 21,
    CAIRN_TOKENS_NODE_BITS = 24
};

#define CAIRN_TOKENS_NONE UINT32_C(0xFFFFFFFF)
#define CAIRN_TOKENS_EMPTY UINT64_C(0xFFFFFFFFFFFFFFFF)
#define CAIRN_TOKENS_MULTIPLIER_0 UINT64_C(0x9E3779B97F4A7C15)
#define CAIRN_TOKENS_MULTIPLIER_1 UINT64_C(0xC2B2AE3D27D4EB4F)
#define CAIRN_TOKENS_MULTIPLIER_2 UINT64_C(0xD6E8FEB86659FD93)

static inline uint32_t cairn_tokens_get32(const uint8_t *section, size_t index) {
    uint32_t value;
    memcpy(&value, section + index * sizeof value, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t cairn_tokens_get64(const uint8_t *section, size_t index) {
    uint64_t value;
    memcpy(&value, section + index * sizeof value, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* Of 16 bytes of short_keys, as two little-endian numbers. */
static inline uint64_t cairn_tokens_short_hash(uint64_t low, uint64_t high) {
    uint64_t hash = low * CAIRN_TOKENS_MULTIPLIER_0 + high * CAIRN_TOKENS_MULTIPLIER_1;
    return (hash ^ hash >> 29) * CAIRN_TOKENS_MULTIPLIER_2;
}

/* Of a pair's or an edge's key. */
static inline uint32_t cairn_tokens_key_hash(uint64_t key) {
    return (uint32_t)(key * CAIRN_TOKENS_MULTIPLIER_0 >> 32);
}

static inline uint32_t cairn_tokens_slot(uint32_t hash, uint32_t slots) {
    return (uint32_t)((uint64_t)hash * slots >> 32);
}

#endif

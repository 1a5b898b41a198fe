/* cairn_tokens.h: exact counts of BPE tokens, for budgets, bills and cuts.
 *
 * A vocabulary is a file of its own, made at set-up (CSources/vocabularies.py) and mapped by the caller: this core
 * does no I/O. Three ways of splitting text in front of the merges are known: those of cl100k_base and o200k_base (as
 * tiktoken 0.14.0 does it) and of DeepSeek V3 (as tokenizers 0.23.3 does it), with the character classes of
 * Unicode 16. Workload: whole conversations, 100 KB to 1 MB a call, mostly source code and English.
 *
 * What is counted: the text as ordinary text. Names of special tokens in it ("<|endoftext|>") are just characters, as
 * for tiktoken's encode_ordinary. Text that is not well-formed UTF-8 has a count too: every byte that begins no
 * well-formed sequence counts as the token of that byte, and what stands before and behind it is counted like a text
 * of its own.
 *
 * The simple call:
 *     cairn_tokens tokens;
 *     if (cairn_tokens_open(file_bytes, file_length, &tokens) != CAIRN_OK) ...
 *     cairn_tokens_count(&tokens, NULL, text, length, &count);
 * and faster, with memory for words seen before that one thread keeps between calls:
 *     cairn_tokens_cache_init(cache, &tokens);
 *     cairn_tokens_count(&tokens, cache, text, length, &count); */
#ifndef CAIRN_TOKENS_H
#define CAIRN_TOKENS_H

#include "cairn_bytes.h"
#include "cairn_status.h"

#define CAIRN_TOKENS_INPUT_MAX (1 << 30) /* bytes of text in one call */
#define CAIRN_TOKENS_CACHE_ROWS 4096       /* of 4 pre-tokens of up to 15 bytes */
#define CAIRN_TOKENS_CACHE_LONGS 512      /* longer pre-tokens, */
#define CAIRN_TOKENS_CACHE_LONG_BYTES 56  /* up to this */

/* How text is split in front of the merges; the numbers are stored in vocabulary files. */
typedef enum cairn_tokens_splitter {
    CAIRN_TOKENS_CL100K = 1,
    CAIRN_TOKENS_O200K = 2,
    CAIRN_TOKENS_DEEPSEEK = 3
} cairn_tokens_splitter;

/* An open vocabulary. Plain memory of the caller; constant once opened, so that any number of threads may use it.
 * Members are private, views into the file: cairn_tokens_format.h draws it. */
typedef struct cairn_tokens {
    cairn_tokens_splitter splitter;
    uint32_t token_count, node_count, token_bytes_max;
    uint32_t short_slots, long_slots, pair_slots, edge_slots;
    uint64_t stamp; /* of the file's content */
    const uint8_t *short_keys, *short_tokens, *longs, *pairs, *edges, *splits, *shorter, *ends, *ids, *lengths, *bytes;
    const char *name;
    uint32_t byte_tokens[256];
} cairn_tokens;

/* Counts of pre-tokens met before, 288 KiB. Memory of the caller, best aligned to 64 bytes, a row being as long as a
 * cache line; used by one thread at a time. Members are private. */
typedef struct cairn_tokens_cache {
    uint64_t rows[CAIRN_TOKENS_CACHE_ROWS][4][2];
    struct {
        uint32_t length, count;
        uint8_t bytes[CAIRN_TOKENS_CACHE_LONG_BYTES];
    } longs[CAIRN_TOKENS_CACHE_LONGS];
    uint64_t stamp; /* of the vocabulary it belongs to */
} cairn_tokens_cache;

/* Opens a vocabulary. Borrows `bytes` (aligned to 8) for as long as *out_tokens is used. Every offset and number in the
 * file is checked, so that no content whatever can make a later call read outside it, or not return.
 * Returns CAIRN_ERR_SYNTAX when the bytes are no vocabulary of this version, or damaged; CAIRN_ERR_INCOMPLETE when the
 * file is cut off; CAIRN_ERR_ARGUMENT when `bytes` is not aligned. *out_tokens is then untouched.
 * Cost: two passes over the file, 5 to 15 ms. */
cairn_status cairn_tokens_open(const uint8_t *bytes, size_t length, cairn_tokens *out_tokens);

/* The vocabulary's name, as "o200k_base". A view into the file. */
const char *cairn_tokens_name(const cairn_tokens *self);

/* Empties a cache and binds it to a vocabulary. With any other vocabulary it is ignored. */
void cairn_tokens_cache_init(cairn_tokens_cache *self, const cairn_tokens *tokens);

/* Counts the tokens of `text`. Borrows `text` for the call, allocates nothing. Same text, same count, on every
 * processor and with every cache. `cache` may be NULL. Cost: one pass, linear also for text without any space.
 * Returns CAIRN_ERR_TOO_BIG when length > CAIRN_TOKENS_INPUT_MAX; *out_count is then unchanged. */
cairn_status cairn_tokens_count(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text, size_t length, uint32_t *out_count);

/* The same, but stops as soon as it is known that there are more than `limit`: *out_count is then limit + 1.
 * Cost: at most the text that can make up limit + 1 tokens, and the pre-token it ends in. */
cairn_status cairn_tokens_count_up_to(const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text,
    size_t length, uint32_t limit, uint32_t *out_count);

/* Finds where to cut: the longest front of the text's tokens that has at most `limit` of them and ends between two
 * characters. *out_offset is the number of bytes in front of the cut, *out_count the tokens there. The front by itself
 * may have another count than in its place, as the last word is split by what follows it: leave a few tokens to spare.
 * Errors as above. */
cairn_status cairn_tokens_split(const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text, size_t length,
    uint32_t limit, size_t *out_offset, uint32_t *out_count);

/* The tokens of the text, as the vocabulary numbers them. `capacity` must be at least `length` (no token has less than
 * a byte), else CAIRN_ERR_NO_SPACE. All of out_ids[0 ..< length] may be written; *out_count of them are meant.
 * For tests and tools: it has neither the cache nor the fast paths of counting. */
cairn_status cairn_tokens_encode(const cairn_tokens *self, const uint8_t *text, size_t length, uint32_t *out_ids,
    size_t capacity, uint32_t *out_count);

/* What is settled of a text that still grows: its first `bytes` bytes have `tokens` tokens, whatever comes. 16 bytes,
 * all there is to keep; starts as zeros. */
typedef struct cairn_tokens_front {
    uint64_t bytes, tokens;
} cairn_tokens_front;

/* Counts a text that has grown at its end. `tail` is all of the text from byte front->bytes on: what was not settled by
 * the call before and what was added; the bytes in front of it are not needed any more. *out_count is the count of the
 * whole text so far; *front moves on.
 *
 *     cairn_tokens_front front = {0};
 *     ... text grows ...    cairn_tokens_append(tokens, text + front.bytes, text_length - front.bytes, &front, &count);
 *
 * Why it is exact: text is split from left to right, and where a pre-token ends depends only on the bytes from its
 * start to the last one that was looked at. A pre-token is settled when the end of the text was not looked at; so are
 * all before it, and nothing that is added can change them. Tokens never cross the end of a pre-token.
 * Cost: the tail, of which what is not settled is one or two words, or a run of white space. Errors as above, and
 * CAIRN_ERR_TOO_BIG also when the whole text has more tokens than an uint32_t holds; *front is then untouched. */
cairn_status cairn_tokens_append(
    const cairn_tokens *self, const uint8_t *tail, size_t length, cairn_tokens_front *front, uint32_t *out_count);

/* What to do without a vocabulary: an estimate, which says that it is one. */
typedef struct cairn_tokens_estimate {
    uint32_t tokens;      /* most likely */
    uint32_t tokens_low;  /* between these two is the true count of 19 in 20 texts like those of the calibration, */
    uint32_t tokens_high; /* and of 98 in 100 within twice that distance; no promise for any one text */
} cairn_tokens_estimate;

/* Estimates the count without a vocabulary: the text is split exactly, and each pre-token counts as its kind and length
 * do on average (measured on real text of many kinds; docs/core.md has the errors). Deterministic. Cost: one pass.
 * Returns CAIRN_ERR_ARGUMENT for an unknown splitter, CAIRN_ERR_TOO_BIG as above. */
cairn_status cairn_tokens_estimate_count(
    cairn_tokens_splitter splitter, const uint8_t *text, size_t length, cairn_tokens_estimate *out_estimate);

#endif

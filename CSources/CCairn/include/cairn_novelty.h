/* cairn_novelty.h: how much of a text is new to a set of texts, by distinct byte trigrams.
 *
 * Used to keep what is novel and shorten what was said before, and to see that one text is contained in another. The
 * work for a text depends on that text alone: a set holds the trigrams of any number of texts, nothing is compared
 * pairwise. Workload: one text of 200 bytes to 1 MB at a time, against a set that grows with a conversation.
 *
 * What is counted, exactly: a trigram is three neighbouring bytes as they stand (no folding, no characters); a text
 * of n bytes has n - 2 of them, each counts once, however often it occurs. Sets are exact: a bitmap of all 2^24
 * trigrams.
 *
 *     text  "abcabcd"   distinct trigrams  abc bca cab bcd   text_count 4
 *     set   "xabcx"                        xab abc bcx       set_count  3
 *     both                                 abc               known_count 1
 *     containment 1/4 (of the text in the set), Jaccard 1/6, novelty 1 - containment = 3/4
 *
 * A text in pieces: give the last two bytes of a piece again in front of the next one. */
#ifndef CAIRN_NOVELTY_H
#define CAIRN_NOVELTY_H

#include "cairn_status.h"

#include <stddef.h>
#include <stdint.h>

#define CAIRN_NOVELTY_VERSION 1          /* of the stored form */
#define CAIRN_NOVELTY_LIST_MAX (1 << 20) /* distinct trigrams a work space lists; a text with more costs a long reset */

/* What two sets of trigrams, or a text and a set, have in common. */
typedef struct cairn_novelty {
    uint32_t text_count;  /* distinct trigrams of the text */
    uint32_t known_count; /* of those, how many the set has */
    uint32_t set_count;   /* distinct trigrams of the set */
} cairn_novelty;

/* The share of the text's trigrams that the set has, 0 to 1. 0 for a text without trigrams: all of it is new. */
static inline double cairn_novelty_containment(cairn_novelty counts) {
    return counts.text_count == 0 ? 0 : (double)counts.known_count / counts.text_count;
}

/* Common trigrams by all trigrams of either, 0 to 1. 0 when there are none. */
static inline double cairn_novelty_jaccard(cairn_novelty counts) {
    const uint32_t either_count = counts.text_count + counts.set_count - counts.known_count;
    return either_count == 0 ? 0 : (double)counts.known_count / either_count;
}

/* A set of trigrams: 3 MiB of address space, of which only pages with trigrams are used (about 400 KB for English and
 * code). Threads: as any value, readers together or one writer. */
typedef struct cairn_novelty_set cairn_novelty_set;

/* The work space of a thread that looks at texts: 20 MiB of address space, used as above (about 2 MB for English and
 * code). Its content means nothing between calls. */
typedef struct cairn_novelty_scratch cairn_novelty_scratch;

/* Each returns owned memory for its free. CAIRN_ERR_NO_MEMORY leaves the output untouched. NULL may be freed. */
cairn_status cairn_novelty_set_new(cairn_novelty_set **out_set);
void cairn_novelty_set_free(cairn_novelty_set *set);
cairn_status cairn_novelty_scratch_new(cairn_novelty_scratch **out_scratch);
void cairn_novelty_scratch_free(cairn_novelty_scratch *scratch);

/* Compares a text with a set. Borrows `text`; allocates nothing; `set` is only read.
 * Cost: one pass over the text, about 1 ns a byte whatever the set holds; no branch depends on the text. */
cairn_novelty cairn_novelty_find(
    const cairn_novelty_set *set, cairn_novelty_scratch *scratch, const uint8_t *text, size_t length);

/* The same, and adds the text's trigrams to the set. The counts are those of before. */
cairn_novelty cairn_novelty_add(
    cairn_novelty_set *set, cairn_novelty_scratch *scratch, const uint8_t *text, size_t length);

/* Distinct trigrams of a set. Cost: a load. */
uint32_t cairn_novelty_set_count(const cairn_novelty_set *set);

/* Compares two sets; `text` stands where cairn_novelty_find has a text. Cost: proportional to the smaller one. */
cairn_novelty cairn_novelty_set_find(const cairn_novelty_set *set, const cairn_novelty_set *text);

/* Adds all of `from`, which is not `set`. Cost: proportional to `from`. */
void cairn_novelty_set_merge(cairn_novelty_set *set, const cairn_novelty_set *from);

/* Empties the set. Cost: proportional to what it holds. */
void cairn_novelty_set_reset(cairn_novelty_set *set);

/* Stored form, all numbers least significant byte first; equal sets have equal bytes:
 *      0  "CNOV"    4  version, 4 bytes    8  word count, 4 bytes    12  trigram count, 4 bytes
 *     16  for each non-empty word, ascending: index, 4 bytes; bits, 8 bytes
 *         bit b of word w: the trigram 64 w + b = first byte + 256 * second + 65536 * third
 *    end  XXH3-64 of all bytes before, 8 bytes
 * The bound is the exact length, at most 24 + 12 * 2^18 bytes. */
size_t cairn_novelty_set_bound(const cairn_novelty_set *set);

/* Writes the stored form. CAIRN_ERR_NO_SPACE when `capacity` is below the bound. Cost: a pass over 2 MiB. */
cairn_status cairn_novelty_set_write(
    const cairn_novelty_set *set, uint8_t *out, size_t capacity, size_t *out_length);

/* Replaces the set's content by a stored one. Borrows `bytes`. On failure the set is as it was: CAIRN_ERR_INCOMPLETE
 * for too few bytes, CAIRN_ERR_ARGUMENT for another version, CAIRN_ERR_SYNTAX for anything that
 * cairn_novelty_set_write does not write, a wrong checksum among it. */
cairn_status cairn_novelty_set_read(cairn_novelty_set *set, const uint8_t *bytes, size_t length);

#endif

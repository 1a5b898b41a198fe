/* cairn_vector.h: texts as vectors, and the nearest of many vectors.
 *
 * Used to find what was said, done or failed before in other words: a text becomes 384 floats without a model or
 * network, or a vector comes from outside; an index of them answers "which are most similar". Workload: 100 to
 * 100,000 vectors of 384 (embedder) to 3,072 (model) floats, searched a few times a call, one added now and then.
 *
 * Similarity is the cosine: vectors are scaled to length 1 when they come in, so it is the dot product, -1 to 1. All
 * results are the same on every processor and with any BLAS library: what is fast only proposes rows, with a proven
 * bound on its error, and an exact dot product in a fixed order decides (see cairn_vector_search.c). */
#ifndef CAIRN_VECTOR_H
#define CAIRN_VECTOR_H

#include "cairn_status.h"

#include <stddef.h>
#include <stdint.h>

#define CAIRN_VECTOR_EMBEDDING_FLOATS 384
#define CAIRN_VECTOR_VERSION 1                   /* of the stored forms, and of what the embedder computes */
#define CAIRN_VECTOR_TEXT_BYTES_MAX (64 << 20)   /* of a text to embed or learn */
#define CAIRN_VECTOR_DIMENSION_MAX 4096          /* floats of a vector */
#define CAIRN_VECTOR_COUNT_MAX (1 << 24)         /* vectors of an index */
#define CAIRN_VECTOR_MATCHES_MAX 1024            /* matches of one search */
#define CAIRN_VECTOR_SIMILARITY_DEFAULT 0.85f    /* from here on two texts are taken to say the same */

/* Text to vector */

/* Turns texts into vectors by feature hashing with signs (Weinberger, Dasgupta, Langford, Smola, Attenberg: "Feature
 * hashing for large scale multitask learning", 2009). Exactly (version 1):
 *     text      A-Z become a-z; each run of bytes up to 0x20 becomes one space, and one stands at either end
 *     features  each 3 and each 5 neighbouring bytes; each word, a run of a-z 0-9 _ and bytes from 0x80 on; each two
 *               neighbouring words
 *     term      a feature's hash in 16 bits; a term's count c is that of its features
 *     weight    (1 + log2 c) * (1 + log2 ((documents + 1) / (documents with the term + 1))), 16 fraction bits
 *     vector    each term's hash says to which of the 384 floats its weight is added, and with which sign; the sum has
 *               length 1
 * Sums are integers, so that their order does not matter; one square root and the divisions are IEEE 754 doubles.
 *
 * The documents are those given to cairn_vector_embedder_learn; before the first all terms weigh the same. Learning
 * moves the vectors of all later texts: learn first, then embed what is to be compared. 1 MiB; one thread at a time.
 * */
typedef struct cairn_vector_embedder cairn_vector_embedder;

/* Returns owned memory for cairn_vector_embedder_free, or CAIRN_ERR_NO_MEMORY. NULL may be freed. */
cairn_status cairn_vector_embedder_new(cairn_vector_embedder **out_embedder);
void cairn_vector_embedder_free(cairn_vector_embedder *self);

/* Counts the text as one document that has its terms. Borrows `text`; allocates nothing. CAIRN_ERR_TOO_BIG for more
 * than CAIRN_VECTOR_TEXT_BYTES_MAX, or after 2^32 - 1 documents. Cost: as embedding. */
cairn_status cairn_vector_embedder_learn(cairn_vector_embedder *self, const uint8_t *text, size_t length);

/* Writes the text's vector. Borrows `text`; allocates nothing; what was learned is only read. CAIRN_ERR_TOO_BIG as
 * above, CAIRN_ERR_NOT_FOUND for a text that has no direction, such as an empty one. Cost: one pass, about 8 ns a
 * byte. */
cairn_status cairn_vector_embed(
    cairn_vector_embedder *self, const uint8_t *text, size_t length, float out[CAIRN_VECTOR_EMBEDDING_FLOATS]);

/* The stored form of what was learned, numbers least significant byte first: "CVEM", version (4 bytes), documents
 * (4), for each term the documents that have it (65,536 of 4 bytes), XXH3-64 of all before (8). */
#define CAIRN_VECTOR_EMBEDDER_BYTES 262164 /* 12 + 65536 * 4 + 8 */
void cairn_vector_embedder_write(const cairn_vector_embedder *self, uint8_t out[CAIRN_VECTOR_EMBEDDER_BYTES]);

/* Replaces what was learned by a stored form. Borrows `bytes`. On failure all is as it was: CAIRN_ERR_INCOMPLETE for
 * too few bytes, CAIRN_ERR_ARGUMENT for another version, CAIRN_ERR_SYNTAX for anything that is not written. */
cairn_status cairn_vector_embedder_read(cairn_vector_embedder *self, const uint8_t *bytes, size_t length);

/* Nearest vectors */

/* Vectors of one dimension, each under an id of the caller's. Rows lie in blocks of 256 that never move: growing
 * copies no vector. About 5.1 bytes a float. Threads: readers together or one writer. */
typedef struct cairn_vector_index cairn_vector_index;

typedef struct cairn_vector_match {
    uint64_t id;
    float similarity; /* -1 to 1 */
} cairn_vector_match;

/* Returns owned memory for cairn_vector_index_free. CAIRN_ERR_ARGUMENT for a dimension of 0, CAIRN_ERR_TOO_BIG for
 * one above CAIRN_VECTOR_DIMENSION_MAX, CAIRN_ERR_NO_MEMORY. NULL may be freed. */
cairn_status cairn_vector_index_new(size_t dimension, cairn_vector_index **out_index);
void cairn_vector_index_free(cairn_vector_index *self);

size_t cairn_vector_index_dimension(const cairn_vector_index *self);
size_t cairn_vector_index_count(const cairn_vector_index *self);

/* Puts a vector under `id`, in place of the one that may be there. Copies `dimension` floats, scaled to length 1.
 * CAIRN_ERR_ARGUMENT for a vector with a NaN or infinity, or whose length is not between 1e-18 and 1e18 (0 among them);
 * CAIRN_ERR_TOO_BIG beyond CAIRN_VECTOR_COUNT_MAX vectors; CAIRN_ERR_NO_MEMORY. The index is then as it was.
 * Cost: a few passes over the vector; sometimes a new block, or a larger table of ids. */
cairn_status cairn_vector_index_add(cairn_vector_index *self, uint64_t id, const float *vector);

/* CAIRN_ERR_NOT_FOUND when there is no such id. Cost: a copy of one vector. */
cairn_status cairn_vector_index_remove(cairn_vector_index *self, uint64_t id);

/* The vector under `id` as it is kept, of length 1; NULL when there is none. View: until the index is changed. */
const float *cairn_vector_index_vector(const cairn_vector_index *self, uint64_t id);

/* Finds the vectors most similar to `query`, at most `capacity` (1 to CAIRN_VECTOR_MATCHES_MAX), none below
 * `similarity_min`; most similar first, equal ones by id. Borrows `query`, of any length; allocates nothing.
 * CAIRN_ERR_ARGUMENT for a query that could not be added, a NaN as minimum or a wrong capacity; outputs are then
 * untouched. Cost: one pass over a byte a float, at the speed of memory (16 GB/s: 2.4 ms for 100,000 x 384), plus an
 * exact dot product for each row that the bytes cannot rule out; at worst, all rows equally similar, for all. */
cairn_status cairn_vector_index_search(const cairn_vector_index *self, const float *query, float similarity_min,
    cairn_vector_match *matches, size_t capacity, size_t *out_count);

/* What a BLAS library does for a search; all matrices row by row. See cairn_vector_cblas.h. Elements may be rounded
 * as any order of float sums rounds them. */
typedef struct cairn_vector_blas {
    /* out[r] = row r of `matrix` (`rows` of `columns` floats, `stride` apart) times `vector`. */
    void (*multiply_vector)(
        size_t rows, size_t columns, const float *matrix, size_t stride, const float *vector, float *out);
    /* out[r * vector_count + v] = row r of `matrix` times row v of `vectors`, which lie `columns` apart. */
    void (*multiply_vectors)(size_t rows, size_t columns, const float *matrix, size_t stride, const float *vectors,
        size_t vector_count, float *out);
} cairn_vector_blas;

/* The same search through BLAS, for `query_count` queries that lie `dimension` floats apart: the matches of query q
 * start at matches[q * capacity], their number is out_counts[q]. Equal results, bit for bit. Cost: one pass over the
 * floats for 16 queries, the library's gemv for one, its gemm for more. */
cairn_status cairn_vector_index_search_blas(const cairn_vector_index *self, const cairn_vector_blas *blas,
    const float *queries, size_t query_count, float similarity_min, cairn_vector_match *matches, size_t capacity,
    size_t *out_counts);

/* Stored form, numbers least significant byte first; equal indexes have equal bytes:
 *     "CVEC", version (4 bytes), dimension (4), count (4); by ascending id: id (8), floats (4 each, IEEE 754 bits);
 *     XXH3-64 of all before (8)
 * The bound is the exact length. */
size_t cairn_vector_index_bound(const cairn_vector_index *self);

/* Writes the stored form. CAIRN_ERR_NO_SPACE when `capacity` is below the bound, CAIRN_ERR_NO_MEMORY for the 16 bytes
 * a vector that sorting takes. */
cairn_status cairn_vector_index_write(
    const cairn_vector_index *self, uint8_t *out, size_t capacity, size_t *out_length);

/* Makes an index of a stored form: returns owned memory for cairn_vector_index_free. Borrows `bytes`.
 * CAIRN_ERR_INCOMPLETE for too few bytes, CAIRN_ERR_ARGUMENT for another version, CAIRN_ERR_SYNTAX for anything that
 * is not written (a wrong checksum, ids out of order, a vector whose length is not 1), CAIRN_ERR_TOO_BIG,
 * CAIRN_ERR_NO_MEMORY. */
cairn_status cairn_vector_index_read(const uint8_t *bytes, size_t length, cairn_vector_index **out_index);

#endif

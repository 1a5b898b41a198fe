/* cairn_vector_int.h: what the files of the vector room share: the rows of an index, exact dot products, byte codes. */
#ifndef CAIRN_VECTOR_INT_H
#define CAIRN_VECTOR_INT_H

#include "cairn_bytes.h"
#include "cairn_vector.h"

#include <stdbool.h>
#include <string.h>

#define CAIRN_VECTOR_BLOCK_ROWS 256  /* 490 KB of 384 floats with their codes: half of a core's L2 */
#define CAIRN_VECTOR_STRIDE_FLOATS 32 /* rows are padded with zeros to a multiple: one step of the code dot products */

/* Rows that never move. Row r of floats and codes starts at r * stride. A code c stands for c * scale; `residuals`
 * bounds the length of what the codes of a row miss of it:  |row - scale * codes| <= residual. */
typedef struct cairn_vector_block {
    float *floats;
    int8_t *codes;
    float scales[CAIRN_VECTOR_BLOCK_ROWS];
    float residuals[CAIRN_VECTOR_BLOCK_ROWS];
    uint64_t ids[CAIRN_VECTOR_BLOCK_ROWS];
} cairn_vector_block;

struct cairn_vector_index {
    size_t dimension, stride;
    size_t row_count;
    cairn_vector_block **blocks;
    size_t block_count, block_capacity; /* blocks made, and places for them */
    uint32_t *slots;   /* open addressing by id: row + 1, or 0; linear probing, at most half full */
    size_t slot_count; /* 0 or a power of two */
};

/* Where a row is. */
static inline cairn_vector_block *cairn_vector_block_of(const cairn_vector_index *self, size_t row) {
    return self->blocks[row / CAIRN_VECTOR_BLOCK_ROWS];
}

static inline float *cairn_vector_row(const cairn_vector_index *self, size_t row) {
    return cairn_vector_block_of(self, row)->floats + row % CAIRN_VECTOR_BLOCK_ROWS * self->stride;
}

/* The dot product in doubles: products of floats are exact, and the eight partial sums and their order are fixed, so
 * the result is the same on every machine, whether it fuses multiply and add or not. */
double cairn_vector_dot(const float *a, const float *b, size_t count);

/* The vector's length; 0 when it is none that an index takes (see cairn_vector_index_add). */
double cairn_vector_length(const float *vector, size_t count);

/* cairn_vector_index_add for a vector whose length is known; length 1 copies it as it is. */
cairn_status cairn_vector_index_put(cairn_vector_index *self, uint64_t id, const float *row, double length);

/* A query in 14 bits a float: query / length = scale * codes + rest, |rest| <= residual. */
typedef struct cairn_vector_query {
    int16_t codes[CAIRN_VECTOR_DIMENSION_MAX];
    float scale, residual;
} cairn_vector_query;

void cairn_vector_query_init(
    cairn_vector_query *self, const float *query, size_t dimension, size_t stride, double length);

/* Codes of a row of `count` floats; the padding up to `stride` becomes 0. */
void cairn_vector_encode(const float *row, size_t count, size_t stride, int8_t *codes, float *out_scale,
    float *out_residual);

/* out[r] = codes of row r times codes of the query, exactly: no sum leaves 32 bits (cairn_vector_query_init sees to
 * it). `stride` is a multiple of CAIRN_VECTOR_STRIDE_FLOATS. Twins. */
void cairn_vector_code_dots(const int8_t *codes, size_t rows, size_t stride, const int16_t *query, int32_t *out);
void cairn_vector_code_dots_portable(
    const int8_t *codes, size_t rows, size_t stride, const int16_t *query, int32_t *out);
#if CAIRN_BYTES_HAS_AVX2
/* Callable only where cairn_bytes_can_avx2. */
void cairn_vector_code_dots_avx2(const int8_t *codes, size_t rows, size_t stride, const int16_t *query, int32_t *out);
#endif

/* Little-endian numbers of the stored forms. */
static inline void cairn_vector_put(uint8_t *out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 1) out[i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t cairn_vector_get(const uint8_t *in, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i += 1) value |= (uint64_t)in[i] << 8 * i;
    return value;
}

#endif

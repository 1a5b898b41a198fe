/* fuzz_vector.c: bytes that are accepted as a stored index are exactly what that index writes, and a search among its
 * vectors for one of them finds it, through codes and through BLAS alike; any text has a vector of length 1 or none,
 * and the same one again; learned documents come back. */
#include "cairn_vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes == 0 ? 1 : bytes);
    if (memory == NULL) abort();
    return memory;
}

static void multiply_vector(
    size_t rows, size_t columns, const float *matrix, size_t stride, const float *vector, float *out) {
    for (size_t row = 0; row < rows; row += 1) {
        float sum = 0;
        for (size_t i = 0; i < columns; i += 1) sum += matrix[row * stride + i] * vector[i];
        out[row] = sum;
    }
}

static const cairn_vector_blas blas = {multiply_vector, NULL}; /* one query at a time needs no more */

static void check_search(const cairn_vector_index *index, uint64_t id) {
    cairn_vector_match matches[8] = {0}, others[8] = {0};
    size_t count = 0, other_count = 0;
    const float *query = cairn_vector_index_vector(index, id);
    if (query == NULL) abort();
    if (cairn_vector_index_search(index, query, -1, matches, 8, &count) != CAIRN_OK) abort();
    if (cairn_vector_index_search_blas(index, &blas, query, 1, -1, others, 8, &other_count) != CAIRN_OK) abort();
    if (count == 0 || count != other_count || matches[0].similarity < 0.9999f) abort();
    for (size_t i = 0; i < count; i += 1) {
        if (matches[i].id != others[i].id || matches[i].similarity != others[i].similarity) abort();
        if (i > 0 && matches[i].similarity > matches[i - 1].similarity) abort();
    }
}

static void check_stored(const uint8_t *bytes, size_t length) {
    cairn_vector_index *index = NULL;
    if (cairn_vector_index_read(bytes, length, &index) != CAIRN_OK) return;
    uint8_t *again = allocate(length);
    size_t written = 0;
    if (cairn_vector_index_write(index, again, length, &written) != CAIRN_OK) abort();
    if (written != length || memcmp(again, bytes, length) != 0) abort();
    uint64_t id = 0;
    if (cairn_vector_index_count(index) > 0) {
        for (size_t i = 0; i < sizeof id; i += 1) id |= (uint64_t)bytes[16 + i] << 8 * i;
        check_search(index, id);
    }
    free(again);
    cairn_vector_index_free(index);
}

/* The input as the rows of an index that is put together here, so that the fuzzer need not guess frame and checksum:
 * ids ascend, floats are made of bytes and brought to length 1 now and then. */
static void check_rows(const uint8_t *input, size_t length) {
    if (length < 2) return;
    const size_t dimension = input[0] % 40 + 1, count = (length - 1) / dimension;
    cairn_vector_index *index = NULL;
    float *vector = allocate(dimension * sizeof *vector);
    if (cairn_vector_index_new(dimension, &index) != CAIRN_OK) abort();
    for (size_t row = 0; row < count; row += 1) {
        for (size_t i = 0; i < dimension; i += 1) vector[i] = (float)(int8_t)input[1 + row * dimension + i];
        const cairn_status status = cairn_vector_index_add(index, row % 50 * 7, vector);
        if (status != CAIRN_OK && status != CAIRN_ERR_ARGUMENT) abort();
        if (row % 5 == 4) cairn_vector_index_remove(index, row % 30 * 7);
        if (cairn_vector_index_vector(index, row % 50 * 7) != NULL) check_search(index, row % 50 * 7);
    }
    const size_t bound = cairn_vector_index_bound(index);
    uint8_t *stored = allocate(bound);
    size_t written = 0;
    cairn_vector_index *back = NULL;
    if (cairn_vector_index_write(index, stored, bound, &written) != CAIRN_OK) abort();
    if (cairn_vector_index_read(stored, written, &back) != CAIRN_OK) abort();
    check_stored(stored, written);
    /* A changed byte under a right checksum must be refused or be another index in its only form. */
    stored[input[length - 1] * (size_t)251 % (written - 8)] ^= input[length / 2] | 1;
    const uint64_t checksum = XXH3_64bits(stored, written - 8);
    for (size_t i = 0; i < 8; i += 1) stored[written - 8 + i] = (uint8_t)(checksum >> 8 * i);
    check_stored(stored, written);
    free(stored);
    free(vector);
    cairn_vector_index_free(index);
    cairn_vector_index_free(back);
}

static void check_text(const uint8_t *text, size_t length) {
    static cairn_vector_embedder *embedder;
    float vector[CAIRN_VECTOR_EMBEDDING_FLOATS], again[CAIRN_VECTOR_EMBEDDING_FLOATS];
    if (embedder == NULL && cairn_vector_embedder_new(&embedder) != CAIRN_OK) abort();
    const cairn_status status = cairn_vector_embed(embedder, text, length, vector);
    if (status == CAIRN_ERR_NOT_FOUND) return;
    if (status != CAIRN_OK || cairn_vector_embed(embedder, text, length, again) != CAIRN_OK) abort();
    if (memcmp(vector, again, sizeof vector) != 0) abort();
    double square_sum = 0;
    for (size_t i = 0; i < CAIRN_VECTOR_EMBEDDING_FLOATS; i += 1) square_sum += (double)vector[i] * vector[i];
    if (fabs(square_sum - 1) > 1e-5) abort();
    if (cairn_vector_embedder_learn(embedder, text, length) != CAIRN_OK) abort();
    if (cairn_vector_embedder_read(embedder, text, length) == CAIRN_OK) abort(); /* inputs are shorter */
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    check_stored(input, length);
    check_rows(input, length);
    check_text(input, length);
    return 0;
}

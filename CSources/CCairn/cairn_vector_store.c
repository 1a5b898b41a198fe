/* cairn_vector_store.c: the stored form of an index. Codes are not stored: they follow from the floats. */
#include "cairn_vector_int.h"

#include <math.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HEAD_BYTES 16
#define CHECKSUM_BYTES 8
#define LENGTH_TOLERANCE 1e-5 /* floats of a vector of length 1 are rounded: 4,096 of them by less than this */

static const uint8_t magic[4] = {'C', 'V', 'E', 'C'};

static size_t record_bytes(size_t dimension) {
    return sizeof(uint64_t) + dimension * sizeof(float);
}

size_t cairn_vector_index_bound(const cairn_vector_index *self) {
    /* No overflow: the rows in memory are larger. */
    return HEAD_BYTES + self->row_count * record_bytes(self->dimension) + CHECKSUM_BYTES;
}

typedef struct row_id {
    uint64_t id;
    size_t row;
} row_id;

static int compare_ids(const void *a, const void *b) {
    const uint64_t x = ((const row_id *)a)->id, y = ((const row_id *)b)->id;
    return (x > y) - (x < y);
}

static void put_record(const cairn_vector_index *self, row_id entry, uint8_t *out) {
    const float *floats = cairn_vector_row(self, entry.row);
    cairn_vector_put(out, entry.id, sizeof entry.id);
    out += sizeof entry.id;
    for (size_t i = 0; i < self->dimension; i += 1, out += sizeof(float)) {
        uint32_t bits;
        memcpy(&bits, &floats[i], sizeof bits);
        cairn_vector_put(out, bits, sizeof bits);
    }
}

cairn_status cairn_vector_index_write(
    const cairn_vector_index *self, uint8_t *out, size_t capacity, size_t *out_length) {
    const size_t length = cairn_vector_index_bound(self);
    if (capacity < length) return CAIRN_ERR_NO_SPACE;
    row_id *entries = malloc((self->row_count + 1) * sizeof *entries); /* one more: never 0 bytes */
    if (entries == NULL) return CAIRN_ERR_NO_MEMORY;
    for (size_t row = 0; row < self->row_count; row += 1) {
        const cairn_vector_block *block = cairn_vector_block_of(self, row);
        entries[row] = (row_id){block->ids[row % CAIRN_VECTOR_BLOCK_ROWS], row};
    }
    qsort(entries, self->row_count, sizeof *entries, compare_ids);

    memcpy(out, magic, sizeof magic);
    cairn_vector_put(out + 4, CAIRN_VECTOR_VERSION, 4);
    cairn_vector_put(out + 8, self->dimension, 4);
    cairn_vector_put(out + 12, self->row_count, 4);
    for (size_t i = 0; i < self->row_count; i += 1)
        put_record(self, entries[i], out + HEAD_BYTES + i * record_bytes(self->dimension));
    free(entries);
    cairn_vector_put(out + length - CHECKSUM_BYTES, XXH3_64bits(out, length - CHECKSUM_BYTES), CHECKSUM_BYTES);
    *out_length = length;
    return CAIRN_OK;
}

/* Checks all but the records; CAIRN_OK says that `length` is right for the dimension and count that it found. */
static cairn_status check_frame(const uint8_t *bytes, size_t length, size_t *dimension, size_t *count) {
    const size_t magic_length = length < sizeof magic ? length : sizeof magic;
    if (length > 0 && memcmp(bytes, magic, magic_length) != 0) return CAIRN_ERR_SYNTAX;
    if (length < HEAD_BYTES + CHECKSUM_BYTES) return CAIRN_ERR_INCOMPLETE;
    if (cairn_vector_get(bytes + 4, 4) != CAIRN_VECTOR_VERSION) return CAIRN_ERR_ARGUMENT;
    *dimension = cairn_vector_get(bytes + 8, 4);
    *count = cairn_vector_get(bytes + 12, 4);
    if (*dimension == 0) return CAIRN_ERR_SYNTAX;
    if (*dimension > CAIRN_VECTOR_DIMENSION_MAX || *count > CAIRN_VECTOR_COUNT_MAX) return CAIRN_ERR_TOO_BIG;
    const size_t left = length - HEAD_BYTES - CHECKSUM_BYTES, record = record_bytes(*dimension);
    if (left / record < *count) return CAIRN_ERR_INCOMPLETE;
    if (left != *count * record) return CAIRN_ERR_SYNTAX;
    const uint64_t checksum = cairn_vector_get(bytes + length - CHECKSUM_BYTES, CHECKSUM_BYTES);
    return checksum == XXH3_64bits(bytes, length - CHECKSUM_BYTES) ? CAIRN_OK : CAIRN_ERR_SYNTAX;
}

static cairn_status read_record(cairn_vector_index *self, const uint8_t *record) {
    float vector[CAIRN_VECTOR_DIMENSION_MAX];
    const uint8_t *floats = record + sizeof(uint64_t);
    for (size_t i = 0; i < self->dimension; i += 1) {
        const uint32_t bits = (uint32_t)cairn_vector_get(floats + i * sizeof(float), sizeof bits);
        memcpy(&vector[i], &bits, sizeof bits);
    }
    const double length = cairn_vector_length(vector, self->dimension);
    if (!(fabs(length - 1) <= LENGTH_TOLERANCE)) return CAIRN_ERR_SYNTAX;
    return cairn_vector_index_put(self, cairn_vector_get(record, sizeof(uint64_t)), vector, 1);
}

static cairn_status read_records(cairn_vector_index *self, const uint8_t *record, size_t count) {
    const size_t bytes = record_bytes(self->dimension);
    for (size_t i = 0; i < count; i += 1, record += bytes) {
        const uint64_t id = cairn_vector_get(record, sizeof id);
        if (i > 0 && id <= cairn_vector_get(record - bytes, sizeof id)) return CAIRN_ERR_SYNTAX;
        const cairn_status status = read_record(self, record);
        if (status != CAIRN_OK) return status;
    }
    return CAIRN_OK;
}

cairn_status cairn_vector_index_read(const uint8_t *bytes, size_t length, cairn_vector_index **out_index) {
    size_t dimension = 0, count = 0;
    cairn_vector_index *index = NULL;
    cairn_status status = check_frame(bytes, length, &dimension, &count);
    if (status == CAIRN_OK) status = cairn_vector_index_new(dimension, &index);
    if (status == CAIRN_OK) status = read_records(index, bytes + HEAD_BYTES, count);
    if (status != CAIRN_OK) {
        cairn_vector_index_free(index);
        return status;
    }
    *out_index = index;
    return CAIRN_OK;
}

/* cairn_vector_index.c: the rows of an index: adding, replacing, removing, and finding the row of an id. */
#include "cairn_vector_int.h"

#include <stdlib.h>

#define LINE_BYTES 64
#define SLOTS_MIN 64

/* Blocks */

static cairn_vector_block *block_new(size_t stride) {
    const size_t row_bytes = stride * (sizeof(float) + sizeof(int8_t)); /* small: DIMENSION_MAX bounds stride */
    uint8_t *allocation = malloc(sizeof(cairn_vector_block) + LINE_BYTES + CAIRN_VECTOR_BLOCK_ROWS * row_bytes);
    if (allocation == NULL) return NULL;
    cairn_vector_block *block = (cairn_vector_block *)(void *)allocation;
    uint8_t *rows = allocation + sizeof *block;
    rows += (LINE_BYTES - (uintptr_t)rows % LINE_BYTES) % LINE_BYTES;
    block->floats = (float *)(void *)rows;
    block->codes = (int8_t *)(rows + CAIRN_VECTOR_BLOCK_ROWS * stride * sizeof(float));
    return block;
}

/* Makes sure that there is a block for one more row. */
static cairn_status reserve_row(cairn_vector_index *self) {
    if (self->row_count < self->block_count * CAIRN_VECTOR_BLOCK_ROWS) return CAIRN_OK;
    if (self->block_count == self->block_capacity) {
        const size_t capacity = self->block_capacity == 0 ? 4 : self->block_capacity * 2;
        cairn_vector_block **blocks = realloc(self->blocks, capacity * sizeof *blocks);
        if (blocks == NULL) return CAIRN_ERR_NO_MEMORY;
        self->blocks = blocks;
        self->block_capacity = capacity;
    }
    cairn_vector_block *block = block_new(self->stride);
    if (block == NULL) return CAIRN_ERR_NO_MEMORY;
    self->blocks[self->block_count] = block;
    self->block_count += 1;
    return CAIRN_OK;
}

/* Frees the blocks behind the last row, but for one. */
static void release_blocks(cairn_vector_index *self) {
    const size_t used_count = (self->row_count + CAIRN_VECTOR_BLOCK_ROWS - 1) / CAIRN_VECTOR_BLOCK_ROWS;
    while (self->block_count > used_count + 1) {
        self->block_count -= 1;
        free(self->blocks[self->block_count]);
    }
}

/* Ids */

static uint64_t *id_of(const cairn_vector_index *self, size_t row) {
    return &cairn_vector_block_of(self, row)->ids[row % CAIRN_VECTOR_BLOCK_ROWS];
}

/* Where the search for an id starts (the finalizer of splitmix64: Steele, Lea, Flood 2014). */
static size_t home_of(uint64_t id, size_t slot_count) {
    id = (id ^ id >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    id = (id ^ id >> 27) * UINT64_C(0x94D049BB133111EB);
    return (size_t)(id ^ id >> 31) & (slot_count - 1);
}

/* The slot that names `id`, or the empty one where it would stand. There is an empty one: at most half are taken. */
static size_t slot_of(const cairn_vector_index *self, uint64_t id) {
    const size_t mask = self->slot_count - 1;
    size_t slot = home_of(id, self->slot_count);
    while (self->slots[slot] != 0 && *id_of(self, self->slots[slot] - 1) != id) slot = (slot + 1) & mask;
    return slot;
}

/* Makes sure that one more id leaves half of the slots empty. */
static cairn_status reserve_slot(cairn_vector_index *self) {
    if (self->row_count < self->slot_count / 2) return CAIRN_OK;
    const size_t slot_count = self->slot_count == 0 ? SLOTS_MIN : self->slot_count * 2;
    uint32_t *slots = malloc(slot_count * sizeof *slots);
    if (slots == NULL) return CAIRN_ERR_NO_MEMORY;
    memset(slots, 0, slot_count * sizeof *slots);
    free(self->slots);
    self->slots = slots;
    self->slot_count = slot_count;
    for (size_t row = 0; row < self->row_count; row += 1) slots[slot_of(self, *id_of(self, row))] = (uint32_t)row + 1;
    return CAIRN_OK;
}

/* Empties a slot and moves what stands behind it and would no longer be found. */
static void empty_slot(cairn_vector_index *self, size_t hole) {
    const size_t mask = self->slot_count - 1;
    for (size_t slot = (hole + 1) & mask; self->slots[slot] != 0; slot = (slot + 1) & mask) {
        const size_t home = home_of(*id_of(self, self->slots[slot] - 1), self->slot_count);
        if (((slot - home) & mask) < ((slot - hole) & mask)) continue; /* its home lies behind the hole */
        self->slots[hole] = self->slots[slot];
        hole = slot;
    }
    self->slots[hole] = 0;
}

/* The index */

cairn_status cairn_vector_index_new(size_t dimension, cairn_vector_index **out_index) {
    if (dimension == 0) return CAIRN_ERR_ARGUMENT;
    if (dimension > CAIRN_VECTOR_DIMENSION_MAX) return CAIRN_ERR_TOO_BIG;
    cairn_vector_index *self = malloc(sizeof *self);
    if (self == NULL) return CAIRN_ERR_NO_MEMORY;
    const size_t steps = (dimension + CAIRN_VECTOR_STRIDE_FLOATS - 1) / CAIRN_VECTOR_STRIDE_FLOATS;
    *self = (cairn_vector_index){.dimension = dimension, .stride = steps * CAIRN_VECTOR_STRIDE_FLOATS};
    *out_index = self;
    return CAIRN_OK;
}

void cairn_vector_index_free(cairn_vector_index *self) {
    if (self == NULL) return;
    for (size_t i = 0; i < self->block_count; i += 1) free(self->blocks[i]);
    free(self->blocks);
    free(self->slots);
    free(self);
}

size_t cairn_vector_index_dimension(const cairn_vector_index *self) {
    return self->dimension;
}

size_t cairn_vector_index_count(const cairn_vector_index *self) {
    return self->row_count;
}

cairn_status cairn_vector_index_put(cairn_vector_index *self, uint64_t id, const float *vector, double length) {
    cairn_status status = reserve_slot(self);
    if (status != CAIRN_OK) return status;
    const size_t slot = slot_of(self, id);
    if (self->slots[slot] == 0) {
        if (self->row_count == CAIRN_VECTOR_COUNT_MAX) return CAIRN_ERR_TOO_BIG;
        status = reserve_row(self);
        if (status != CAIRN_OK) return status;
        *id_of(self, self->row_count) = id;
        self->row_count += 1;
        self->slots[slot] = (uint32_t)self->row_count;
    }
    const size_t row = self->slots[slot] - 1, place = row % CAIRN_VECTOR_BLOCK_ROWS;
    cairn_vector_block *block = cairn_vector_block_of(self, row);
    float *floats = cairn_vector_row(self, row);
    for (size_t i = 0; i < self->dimension; i += 1) floats[i] = (float)(vector[i] / length);
    memset(floats + self->dimension, 0, (self->stride - self->dimension) * sizeof *floats);
    cairn_vector_encode(floats, self->dimension, self->stride, block->codes + place * self->stride,
        &block->scales[place], &block->residuals[place]);
    return CAIRN_OK;
}

cairn_status cairn_vector_index_add(cairn_vector_index *self, uint64_t id, const float *vector) {
    const double length = cairn_vector_length(vector, self->dimension);
    return length == 0 ? CAIRN_ERR_ARGUMENT : cairn_vector_index_put(self, id, vector, length);
}

static void copy_row(cairn_vector_index *self, size_t to, size_t from) {
    cairn_vector_block *target = cairn_vector_block_of(self, to);
    const cairn_vector_block *source = cairn_vector_block_of(self, from);
    const size_t to_place = to % CAIRN_VECTOR_BLOCK_ROWS, from_place = from % CAIRN_VECTOR_BLOCK_ROWS;
    memcpy(cairn_vector_row(self, to), cairn_vector_row(self, from), self->stride * sizeof(float));
    memcpy(target->codes + to_place * self->stride, source->codes + from_place * self->stride, self->stride);
    target->scales[to_place] = source->scales[from_place];
    target->residuals[to_place] = source->residuals[from_place];
    target->ids[to_place] = source->ids[from_place];
}

cairn_status cairn_vector_index_remove(cairn_vector_index *self, uint64_t id) {
    if (self->slot_count == 0) return CAIRN_ERR_NOT_FOUND;
    const size_t slot = slot_of(self, id);
    if (self->slots[slot] == 0) return CAIRN_ERR_NOT_FOUND;
    const size_t row = self->slots[slot] - 1, last = self->row_count - 1;
    empty_slot(self, slot);
    if (row != last) { /* the last row fills the gap */
        self->slots[slot_of(self, *id_of(self, last))] = (uint32_t)row + 1;
        copy_row(self, row, last);
    }
    self->row_count -= 1;
    release_blocks(self);
    return CAIRN_OK;
}

const float *cairn_vector_index_vector(const cairn_vector_index *self, uint64_t id) {
    if (self->slot_count == 0) return NULL;
    const size_t slot = slot_of(self, id);
    return self->slots[slot] == 0 ? NULL : cairn_vector_row(self, self->slots[slot] - 1);
}

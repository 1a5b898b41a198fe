/* cgrammars_pool.c: tree-sitter's allocator. */
#include "cgrammars_pool.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(cgrammars_block) % _Alignof(max_align_t) == 0, "what is behind the front must be aligned");

static _Thread_local cgrammars_pool *current_pool;

void cgrammars_pool_init(cgrammars_pool *self) {
    self->blocks = (cgrammars_block){&self->blocks, &self->blocks};
    self->bytes_left = 0;
}

void cgrammars_pool_deinit(cgrammars_pool *self) {
    cgrammars_block *block = self->blocks.next;
    while (block != &self->blocks) {
        cgrammars_block *next = block->next;
        free(block);
        block = next;
    }
    cgrammars_pool_init(self);
}

cgrammars_pool *cgrammars_pool_use(cgrammars_pool *pool) {
    cgrammars_pool *outer = current_pool;
    current_pool = pool;
    return outer;
}

_Noreturn void cgrammars_pool_leave(cgrammars_pool *self, int reason) { longjmp(self->escape, reason); }

/* Counts what is asked for. May jump, so the caller's blocks are all in their rings. */
static void take(uint64_t bytes) {
    cgrammars_pool *pool = current_pool;
    if (pool == NULL) return;
    if (bytes > pool->bytes_left) cgrammars_pool_leave(pool, CGRAMMARS_SPENT);
    pool->bytes_left -= bytes;
}

_Noreturn static void leave_without_memory(void) {
    if (current_pool == NULL) abort();
    cgrammars_pool_leave(current_pool, CGRAMMARS_NO_MEMORY);
}

/* Of a block with so many bytes behind its front; what cannot be is more than any system has. */
static size_t block_bytes(size_t bytes) {
    return bytes > SIZE_MAX - sizeof(cgrammars_block) ? SIZE_MAX : sizeof(cgrammars_block) + bytes;
}

/* Puts a block into the ring of the current pool; without one it stands alone. */
static void link_block(cgrammars_block *block) {
    cgrammars_pool *pool = current_pool;
    *block = (cgrammars_block){NULL, NULL};
    if (pool == NULL) return;
    *block = (cgrammars_block){&pool->blocks, pool->blocks.next};
    block->next->previous = block;
    pool->blocks.next = block;
}

static void unlink_block(cgrammars_block *block) {
    if (block->next == NULL) return;
    block->previous->next = block->next;
    block->next->previous = block->previous;
}

void *cgrammars_malloc(size_t bytes) {
    take(bytes);
    cgrammars_block *block = malloc(block_bytes(bytes));
    if (block == NULL) leave_without_memory();
    link_block(block);
    return block + 1;
}

void *cgrammars_calloc(size_t count, size_t bytes) {
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all)) all = SIZE_MAX;
    void *memory = cgrammars_malloc(all);
    memset(memory, 0, all);
    return memory;
}

void *cgrammars_realloc(void *memory, size_t bytes) {
    if (memory == NULL) return cgrammars_malloc(bytes);
    take(bytes);
    cgrammars_block *block = (cgrammars_block *)memory - 1;
    unlink_block(block);
    cgrammars_block *grown = realloc(block, block_bytes(bytes)); /* on failure the old one is as it was */
    link_block(grown == NULL ? block : grown);
    if (grown == NULL) leave_without_memory();
    return grown + 1;
}

void cgrammars_free(void *memory) {
    if (memory == NULL) return;
    cgrammars_block *block = (cgrammars_block *)memory - 1;
    unlink_block(block);
    free(block);
}

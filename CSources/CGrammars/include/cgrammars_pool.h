/* cgrammars_pool.h: the memory of tree-sitter, with a way out of it.
 *
 * tree-sitter takes time and memory in the square of a broken stretch and beyond (20 KB of "x=>" as Java: 13 GB, two
 * minutes), looks at its cancellation flag too seldom, and ends the process when there is no memory. So it is compiled
 * (build.sh) with its allocator replaced by this one: the blocks of a parser are in a pool, what it may ask for is
 * counted, and whoever asks for more never gets an answer: the pool jumps back to where the parser was called, and all
 * its blocks are freed at once.
 *
 *     cgrammars_pool *outer = cgrammars_pool_use(&pool);
 *     const int reason = setjmp(pool.escape);
 *     if (reason == 0) tree = ts_parser_parse(...);        // frames of C only may lie between here and the jump
 *     cgrammars_pool_use(outer);
 *     if (reason != 0) cgrammars_pool_deinit(&pool);       // and forget every pointer tree-sitter ever gave
 *
 * What is asked for is also the measure of the work: 2 to 6 ns a byte, on sound and on the worst broken text alike, and
 * the same on every machine. */
#ifndef CGRAMMARS_POOL_H
#define CGRAMMARS_POOL_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In front of each block; the blocks of a pool are a ring. */
typedef struct cgrammars_block {
    struct cgrammars_block *previous, *next;
} cgrammars_block;

typedef struct cgrammars_pool {
    cgrammars_block blocks; /* the ring's beginning and end */
    uint64_t bytes_left;    /* that may still be asked for; set by the caller, a block that grows counts as a whole */
    jmp_buf escape;
} cgrammars_pool;

/* What setjmp returns when the parser was left. */
enum {
    CGRAMMARS_SPENT = 1,    /* it asked for more than bytes_left */
    CGRAMMARS_NO_MEMORY = 2 /* the system has none */
};

/* Makes an empty pool. Its place in memory must not change until cgrammars_pool_deinit. */
void cgrammars_pool_init(cgrammars_pool *self);

/* Frees all blocks; the pool is empty again. */
void cgrammars_pool_deinit(cgrammars_pool *self);

/* From now on what tree-sitter asks for on this thread comes from `pool`; NULL: from malloc, uncounted, and the process
 * ends where there is none. Returns what was used so far. tree-sitter's allocator takes no context, so a variable of
 * the thread carries it. */
cgrammars_pool *cgrammars_pool_use(cgrammars_pool *pool);

/* Leaves the parser, for a caller's own reason: setjmp returns it. For use in the callback that reads text. */
_Noreturn void cgrammars_pool_leave(cgrammars_pool *self, int reason);

/* What tree-sitter and its scanners call instead of malloc and the like. */
void *cgrammars_malloc(size_t bytes);
void *cgrammars_calloc(size_t count, size_t bytes);
void *cgrammars_realloc(void *memory, size_t bytes);
void cgrammars_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif

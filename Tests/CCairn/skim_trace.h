/* skim_trace.h: skims a document cut into given pieces and keeps all that is known afterwards, so that two
 * ways to cut one document can be compared. Used by test_skim.c and fuzz_skim.c. */
#ifndef SKIM_TRACE_H
#define SKIM_TRACE_H

#include "cairn_skim.h"

#include <stdlib.h>
#include <string.h>

typedef struct skim_outcome {
    cairn_status fed, finished;
    uint64_t offset;
    bool is_done;
    cairn_status statuses[CAIRN_SKIM_PATHS_MAX];
    cairn_skim_value values[CAIRN_SKIM_PATHS_MAX]; /* raw: views into `capture` */
    uint8_t *capture;
} skim_outcome;

/* Pieces of `piece_bytes`, each in a heap buffer with no byte to spare; 0 means one piece. */
static inline skim_outcome skim_in_pieces(
    const cairn_skim_plan *plan, const uint8_t *document, size_t length, size_t piece_bytes) {
    skim_outcome outcome = {.fed = CAIRN_ERR_INCOMPLETE};
    const size_t capture_bytes = cairn_skim_capture_bound(plan);
    outcome.capture = malloc(capture_bytes == 0 ? 1 : capture_bytes);
    if (outcome.capture == NULL) abort();
    cairn_skim skim;
    cairn_skim_init(&skim, plan, outcome.capture);
    for (size_t start = 0; start < length;) {
        const size_t left = length - start;
        const size_t size = piece_bytes == 0 || piece_bytes > left ? left : piece_bytes;
        uint8_t *piece = malloc(size);
        if (piece == NULL) abort();
        memcpy(piece, document + start, size);
        outcome.fed = cairn_skim_feed(&skim, piece, size);
        free(piece);
        start += size;
    }
    outcome.finished = cairn_skim_finish(&skim);
    outcome.offset = cairn_skim_offset(&skim);
    outcome.is_done = cairn_skim_done(&skim);
    for (size_t i = 0; i < CAIRN_SKIM_PATHS_MAX; i += 1)
        outcome.statuses[i] = cairn_skim_value_at(&skim, i, &outcome.values[i]);
    return outcome;
}

static inline void skim_outcome_free(skim_outcome *outcome) {
    free(outcome->capture);
}

static inline int skim_outcome_same(const skim_outcome *a, const skim_outcome *b) {
    if (a->finished != b->finished || a->offset != b->offset || a->is_done != b->is_done) return 0;
    for (size_t i = 0; i < CAIRN_SKIM_PATHS_MAX; i += 1) {
        const cairn_skim_value *x = &a->values[i], *y = &b->values[i];
        if (a->statuses[i] != b->statuses[i]) return 0;
        if (a->statuses[i] == CAIRN_ERR_NOT_FOUND) continue;
        if (x->offset != y->offset || x->length != y->length || x->raw.length != y->raw.length) return 0;
        if (x->raw.length > 0 && memcmp(x->raw.bytes, y->raw.bytes, x->raw.length) != 0) return 0;
    }
    return 1;
}

#endif

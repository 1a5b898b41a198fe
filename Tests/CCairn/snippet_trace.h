/* snippet_trace.h: what always holds of the values found in a text, whatever its bytes; for the tests and the
 * fuzz target. */
#ifndef SNIPPET_TRACE_H
#define SNIPPET_TRACE_H

#include "cairn_snippet_int.h"

#include <stdlib.h>

/* The bytes that may be looked at per byte of text: a message's length, counted for a handful of bytes that
 * introduce it. */
enum { SNIPPET_LOOKED_AT_MAX = 200, SNIPPET_LOOKED_AT_ANYWAY = 4096 };

typedef struct snippet_outcome {
    uint8_t *text; /* an exact copy on the heap */
    size_t length, count;
    cairn_snippet *snippets;
    uint64_t looked_at;
} snippet_outcome;

static inline snippet_outcome snippet_find(const void *bytes, size_t length) {
    snippet_outcome outcome = {.text = malloc(length == 0 ? 1 : length), .length = length};
    const size_t capacity = cairn_snippet_bound(length),
                 scratch_count = cairn_snippet_scratch_bound(capacity);
    uint32_t *scratch = malloc(scratch_count * sizeof *scratch);
    outcome.snippets = malloc(capacity * sizeof *outcome.snippets);
    if (outcome.text == NULL || scratch == NULL || outcome.snippets == NULL) abort();
    if (length > 0) memcpy(outcome.text, bytes, length);
    memset(scratch, 0xA5, scratch_count * sizeof *scratch); /* it need not be initialised */
    if (cairn_snippet_find_counted(outcome.text, length, outcome.snippets, capacity, scratch, &outcome.count,
            &outcome.looked_at) != CAIRN_OK)
        abort(); /* the bound is enough */
    free(scratch);
    return outcome;
}

static inline void snippet_free(snippet_outcome *outcome) {
    free(outcome->text);
    free(outcome->snippets);
}

/* True when every value lies in the text, is of a known type, and stands at least once; values that are no
 * messages do not overlap; and the work was within its bound. */
static inline bool snippet_is_sound(const snippet_outcome *outcome) {
    bool is_sound =
        outcome->looked_at <= SNIPPET_LOOKED_AT_MAX * (uint64_t)outcome->length + SNIPPET_LOOKED_AT_ANYWAY;
    uint8_t *taken = calloc(outcome->length + 1, 1);
    if (taken == NULL) abort();
    for (size_t i = 0; i < outcome->count; i += 1) {
        const cairn_snippet *snippet = &outcome->snippets[i];
        if (snippet->start >= snippet->end || snippet->end > outcome->length || snippet->count == 0 ||
            snippet->type < CAIRN_SNIPPET_PATH || snippet->type > CAIRN_SNIPPET_IDENTIFIER ||
            snippet->importance > 100) {
            is_sound = false;
            break;
        }
        if (snippet->type == CAIRN_SNIPPET_ERROR_MESSAGE) continue;
        for (size_t at = snippet->start; at < snippet->end; at += 1) {
            if (taken[at] != 0) is_sound = false;
            taken[at] = 1;
        }
    }
    free(taken);
    return is_sound;
}

/* True when no two values have the same type and bytes. Quadratic: for small texts. */
static inline bool snippet_is_distinct(const snippet_outcome *outcome) {
    for (size_t i = 0; i < outcome->count; i += 1) {
        for (size_t j = 0; j < i; j += 1) {
            const cairn_snippet *a = &outcome->snippets[i], *b = &outcome->snippets[j];
            if (a->type == b->type && a->end - a->start == b->end - b->start &&
                memcmp(outcome->text + a->start, outcome->text + b->start, a->end - a->start) == 0)
                return false;
        }
    }
    return true;
}

#endif

/* sse_trace.h: scans a stream cut into given pieces and writes down what came out, one line a fact, so that
 * two ways to cut one stream can be compared. Used by test_sse.c and fuzz_sse.c. */
#ifndef SSE_TRACE_H
#define SSE_TRACE_H

#include "cairn_sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sse_text {
    uint8_t *bytes;
    size_t length, capacity;
} sse_text;

typedef struct sse_trace {
    sse_text facts; /* everything about every event but its raw bytes */
    sse_text raw;   /* the raw bytes of all events put together */
    size_t event_count, error_count;
} sse_trace;

static inline void sse_text_add(sse_text *text, const void *bytes, size_t length) {
    if (length > text->capacity - text->length) {
        text->capacity = (text->length + length) * 2;
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) abort();
    }
    if (length > 0) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static inline void sse_trace_add_span(sse_trace *trace, const char *label, cairn_span span) {
    char line[64];
    const int length = snprintf(line, sizeof line, "%s %zu:", label, span.length);
    sse_text_add(&trace->facts, line, (size_t)length);
    sse_text_add(&trace->facts, span.bytes, span.length);
    sse_text_add(&trace->facts, "\n", 1);
}

static inline void sse_trace_add_event(sse_trace *trace, const cairn_sse_event *event) {
    char line[160];
    const int length =
        snprintf(line, sizeof line, "event lines %u data %u id %d retry %d %llu terminated %d\n",
            event->line_count, event->data_line_count, event->has_id, event->has_retry,
            (unsigned long long)event->retry_milliseconds, event->is_terminated);
    sse_text_add(&trace->facts, line, (size_t)length);
    sse_trace_add_span(trace, "type", event->type);
    sse_trace_add_span(trace, "data", event->data);
    sse_trace_add_span(trace, "id", event->id);
    cairn_sse_field field;
    for (size_t cursor = 0; cairn_sse_field_next(event, &cursor, &field);) {
        static const char *const names[] = {"comment", "event", "data", "id", "retry", "unknown"};
        sse_trace_add_span(trace, names[field.kind], field.name);
        sse_trace_add_span(trace, "  value", field.value);
    }
    sse_text_add(&trace->raw, event->raw.bytes, event->raw.length);
    trace->event_count += 1;
}

static inline void sse_trace_free(sse_trace *trace) {
    free(trace->facts.bytes);
    free(trace->raw.bytes);
}

/* The length of the next piece, given what is left; at least 1 while something is left. */
typedef size_t sse_cut(void *context, size_t left);

static inline sse_trace sse_trace_of(
    const uint8_t *stream, size_t length, size_t event_bytes_max, sse_cut *cut, void *context) {
    sse_trace trace = {0};
    cairn_sse scanner;
    cairn_sse_event event;
    cairn_sse_init(&scanner, event_bytes_max);
    for (size_t start = 0; start < length;) {
        const size_t piece = cut(context, length - start);
        uint8_t *chunk = malloc(piece); /* exact, and gone after the last look */
        if (chunk == NULL) abort();
        memcpy(chunk, stream + start, piece);
        cairn_span rest = {chunk, piece};
        for (cairn_status status = CAIRN_OK; status != CAIRN_ERR_INCOMPLETE;) {
            status = cairn_sse_next(&scanner, &rest, &event);
            if (status == CAIRN_OK) sse_trace_add_event(&trace, &event);
            if (status == CAIRN_ERR_TOO_BIG) {
                sse_text_add(&trace.facts, "too big\n", 8);
                trace.error_count += 1;
            }
        }
        free(chunk);
        start += piece;
    }
    if (cairn_sse_finish(&scanner, &event) == CAIRN_OK) sse_trace_add_event(&trace, &event);
    cairn_sse_deinit(&scanner);
    return trace;
}

static inline int sse_text_same(const sse_text *a, const sse_text *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

#endif

/* cairn_sse.h: an incremental scanner of event streams (text/event-stream), fed in pieces cut at any byte.
 *
 * Used by the gateway, which lets the bytes of an answer go by and looks at the `data` of each event, and by
 * dialect translation, which needs every field. Format: WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6.
 * Lines end with LF, CRLF or CR, mixed at will; a leading byte order mark is skipped; a blank line ends an
 * event.
 *
 * Workload: many small events a chunk, now and then a data line of megabytes that arrives in many chunks. An
 * event that lies whole inside one chunk is handed out as views of that chunk; only an event cut by the
 * border of a chunk is copied, once, into a buffer the scanner owns.
 *
 *     cairn_span rest = {chunk, chunk_bytes};
 *     cairn_sse_event event;
 *     cairn_status status;
 *     while ((status = cairn_sse_next(&scanner, &rest, &event)) != CAIRN_ERR_INCOMPLETE) {
 *         if (status == CAIRN_OK && event.data_line_count > 0) look_at(event.data);
 *     }
 *
 * Differences from a browser, all in favour of an observer: an event without data is reported too
 * (data_line_count 0), comments and unknown fields can be walked, and an event without its blank line at the
 * end of the stream is reported by cairn_sse_finish instead of being dropped. The raw bytes of all events,
 * put together, are the stream. */
#ifndef CAIRN_SSE_H
#define CAIRN_SSE_H

#include "cairn_bytes.h"
#include "cairn_status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most bytes of one event, and so of one line, without the blank line that ends it. A model that returns
 * an image or a file in one data line was seen to need 2 MB. */
#define CAIRN_SSE_EVENT_BYTES_MAX 4194304
/* A buffer that had to grow beyond this is given back as soon as its event has been handed out. */
#define CAIRN_SSE_KEEP_BYTES 65536

/* One event. All spans are views: valid until the next call on the scanner, and while the chunk lives. */
typedef struct cairn_sse_event {
    cairn_span raw;   /* every byte since the event before it, the ending blank line included */
    cairn_span lines; /* raw without a byte order mark in front, or the LF of a CRLF cut in two */
    cairn_span type;  /* value of the last `event` field; empty when there is none */
    cairn_span data;  /* the `data` values, joined with LF when there are several (the only copy ever made) */
    cairn_span id;    /* value of the last `id` field without a NUL; empty when there is none */
    uint64_t retry_milliseconds; /* value of the last all-digits `retry` field, at most UINT64_MAX */
    uint32_t line_count;         /* lines before the blank one, comments included */
    uint32_t data_line_count;    /* 0: a browser would not dispatch this event */
    bool has_id, has_retry;
    bool is_terminated; /* false only for the rest that cairn_sse_finish reports */
} cairn_sse_event;

typedef enum cairn_sse_field_kind {
    CAIRN_SSE_COMMENT = 0, /* a line that starts with ':' */
    CAIRN_SSE_EVENT = 1,
    CAIRN_SSE_DATA = 2,
    CAIRN_SSE_ID = 3,
    CAIRN_SSE_RETRY = 4,
    CAIRN_SSE_UNKNOWN = 5 /* any other name; clients ignore it */
} cairn_sse_field_kind;

/* One line of an event. Views, valid as long as the event's. */
typedef struct cairn_sse_field {
    cairn_sse_field_kind kind;
    cairn_span name;  /* empty for a comment */
    cairn_span value; /* without the one space that may follow the colon; as it stands otherwise */
} cairn_sse_field;

/* Memory the scanner owns; part of cairn_sse, not to be touched by callers. */
typedef struct cairn_sse_buffer {
    uint8_t *bytes;
    size_t length, capacity;
} cairn_sse_buffer;

/* Where a field value lies, counted from the event's first byte; part of cairn_sse. */
typedef struct cairn_sse_range {
    size_t start, length;
} cairn_sse_range;

/* The state between two chunks. Plain memory of the caller, who may move it between calls; its members are
 * private. */
typedef struct cairn_sse {
    cairn_sse_buffer kept;   /* the front of an event that a chunk border cut */
    cairn_sse_buffer joined; /* the data of an event with several data lines */
    size_t event_bytes_max;
    size_t lines_start, line_start; /* counted from the event's first byte */
    cairn_sse_range type, data, id;
    uint64_t retry_milliseconds;
    uint32_t line_count, data_line_count;
    bool has_id, has_retry;
    bool is_at_stream_start; /* a byte order mark may come */
    bool is_after_cr;        /* the last byte was a CR, so an LF right now belongs to it */
    bool is_skipping;        /* inside an event that was given up; its blank line is awaited */
    bool is_line_empty;      /* while skipping: no byte of the current line came yet */
    bool is_handed_out;      /* views into the buffers are with the caller until the next call */
} cairn_sse;

/* Makes an empty scanner in the caller's memory. `event_bytes_max` 0 means CAIRN_SSE_EVENT_BYTES_MAX.
 * Allocates nothing; cairn_sse_deinit must follow. */
void cairn_sse_init(cairn_sse *self, size_t event_bytes_max);
/* Frees what the scanner owns. The memory of `self` stays the caller's and must be initialised again before
 * use. */
void cairn_sse_deinit(cairn_sse *self);
/* Ready for another stream, with the buffers kept. */
void cairn_sse_reset(cairn_sse *self);

/* Scans the front of *rest up to and including the end of one event, and moves *rest behind what was scanned.
 * Borrows the bytes until the event has been looked at. Returns
 * - CAIRN_OK: *out_event is filled;
 * - CAIRN_ERR_INCOMPLETE: *rest is used up without the end of an event (give the next chunk);
 * - CAIRN_ERR_TOO_BIG, CAIRN_ERR_NO_MEMORY: the event is larger than the limit, or could not be kept. Said
 * once for that event; the rest of it is skipped and scanning goes on behind it. On anything but CAIRN_OK
 * *out_event is untouched. Cost: one pass over the bytes; a copy only of an event that a chunk border cuts or
 * that has several data lines. A line that comes byte by byte is still scanned once. */
cairn_status cairn_sse_next(cairn_sse *self, cairn_span *rest, cairn_sse_event *out_event);

/* The stream has ended: reports what stands behind the last blank line as an event that is not terminated.
 * Call once, after cairn_sse_next returned CAIRN_ERR_INCOMPLETE. Returns CAIRN_OK with *out_event filled,
 * CAIRN_ERR_NOT_FOUND when nothing was left (the usual end), CAIRN_ERR_NO_MEMORY. cairn_sse_reset or
 * cairn_sse_deinit must follow. */
cairn_status cairn_sse_finish(cairn_sse *self, cairn_sse_event *out_event);

/* Walks the lines of an event: *cursor starts at 0 and is moved behind each line. Returns false after the
 * last one, *out_field is then untouched. Cost: one more pass over the line. */
bool cairn_sse_field_next(const cairn_sse_event *event, size_t *cursor, cairn_sse_field *out_field);

#ifdef __cplusplus
}
#endif

#endif

/* What the benchmark's upstream says, byte for byte: one chat completion with its usage object, and event
 * streams whose every event carries its own number. The upstream sends these bytes and the client compares
 * what reached it with the same bytes, so a lost, doubled, reordered or changed event cannot go unseen. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of one server-sent event, its blank line included. */
#define BENCH_EVENT_BYTES 160
/* Bytes of one event in its chunk: "a0\r\n", the event, "\r\n". */
#define BENCH_EVENT_CHUNK_BYTES (4 + BENCH_EVENT_BYTES + 2)
/* Most events in one stream, and most streams of different length in one process. */
#define BENCH_EVENTS_MAX 100000
#define BENCH_STREAM_KINDS_MAX 16

/* One stream of `event_count` events, in the two forms that are needed.
 *
 *   body    event event ... event "data: [DONE]\n\n"           as a client sees it, without chunk frames
 *   chunks  "a0\r\n" event "\r\n" ... "e\r\n" [DONE] "\r\n" "0\r\n\r\n"    as the upstream writes it
 *
 * Chunk n starts at n * BENCH_EVENT_CHUNK_BYTES; the last piece runs to the end of `chunks`. */
typedef struct bench_stream {
    uint64_t event_count;
    char *body;
    size_t body_bytes;
    char *chunks;
    size_t chunks_bytes;
} bench_stream;

/* The stream of `event_count` events (1...BENCH_EVENTS_MAX), built on first use and kept for the life of the
 * process. Returns NULL when the count is out of range or too many different counts were asked for. */
const bench_stream *bench_stream_of(uint64_t event_count);

/* The whole body of the plain answer: an OpenAI chat completion. Static; *length gets its byte count. */
const char *bench_answer(size_t *length);

#endif

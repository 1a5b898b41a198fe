/* The little HTTP/1.1 that the benchmark's upstream and client both need: where a head ends, one header by
 * name, and a chunked decoder. It reads only what the programs under test send, so it is strict and small:
 * anything unusual is reported as malformed and fails the run. Used by bench_upstream.c and bench_client.c. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest request or response head either program accepts, in bytes. */
#define BENCH_HTTP_HEAD_BYTES_MAX 8192

/* A view of bytes owned by someone else; valid as long as that buffer is. */
typedef struct bench_slice {
    const char *bytes;
    size_t length;
} bench_slice;

/* Byte count of the head including its blank line, or 0 while `bytes` does not hold all of it. */
size_t bench_http_head_length(const char *bytes, size_t length);

/* Finds header `name` (lower case) in a whole head; *out is a view of its value without outer spaces. */
bool bench_http_find(bench_slice head, const char *name, bench_slice *out);

/* Reads a decimal number of at most 18 digits that fills `text`; false, and *out untouched, otherwise. */
bool bench_http_number(bench_slice text, uint64_t *out);

/* Finds header `name` and reads it as a number; `fallback` when it is absent or not a number. */
uint64_t bench_http_number_or(bench_slice head, const char *name, uint64_t fallback);

/* Where a chunked body stands. Start with all bytes zero. */
typedef struct bench_chunked {
    enum {
        BENCH_CHUNKED_SIZE = 0,
        BENCH_CHUNKED_SIZE_LF,
        BENCH_CHUNKED_DATA,
        BENCH_CHUNKED_DATA_CR,
        BENCH_CHUNKED_DATA_LF,
        BENCH_CHUNKED_END_CR,
        BENCH_CHUNKED_END_LF,
        BENCH_CHUNKED_DONE,
        BENCH_CHUNKED_MALFORMED
    } state;
    uint32_t size_digits;
    uint64_t left_bytes;
} bench_chunked;

/* Takes bytes from the front of `in` until it meets body data or runs out. Returns how many bytes it took;
 * *data is a view of the body bytes among them (empty when there were only frames). Call again with the rest
 * until `in` is used up or the state is DONE or MALFORMED. Extensions and trailers count as malformed. */
size_t bench_chunked_take(bench_chunked *self, bench_slice in, bench_slice *data);

#endif

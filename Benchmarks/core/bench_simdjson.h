/* bench_simdjson.h: simdjson's DOM parser as an anchor for bench_core.c; without it (BENCH_SIMDJSON
 * undefined) the anchor says so by returning 0. */
#ifndef BENCH_SIMDJSON_H
#define BENCH_SIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Copies the document with simdjson's padding, outside the measured time. */
void *bench_simdjson_new(const uint8_t *bytes, size_t length);
void bench_simdjson_free(void *document);
/* Parses the whole document. Returns the number of members or elements of the root, 0 when it is refused. */
uint64_t bench_simdjson_parse(void *document);

#ifdef __cplusplus
}
#endif
#endif

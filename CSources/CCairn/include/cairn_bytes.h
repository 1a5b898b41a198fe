/* cairn_bytes.h: byte spans and the few searches every scanner of this core is built on.
 *
 * Used by: the rooms sse, skim and json. The workload is chat traffic: long strings with few special bytes, so a
 * search runs 16 to 64 bytes a step and short inputs must not pay for that.
 *
 * Each search has two twins with equal results: `_portable` (plain C17) and, on x86-64, `_sse2`. The name without a
 * suffix is the faster one of the build. No twin reads a byte outside bytes[0 ..< length]. */
#ifndef CAIRN_BYTES_H
#define CAIRN_BYTES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#define CAIRN_BYTES_HAS_SSE2 1
#else
#define CAIRN_BYTES_HAS_SSE2 0
#endif

/* A view of bytes that belong to someone else. `bytes` may be NULL only if `length` is 0. */
typedef struct cairn_span {
    const uint8_t *bytes;
    size_t length;
} cairn_span;

/* The index of the first byte that equals `first` or `second`, or `length` when there is none. Borrows `bytes`.
 * Cost: one pass, up to the hit. */
size_t cairn_bytes_find_either(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second);
size_t cairn_bytes_find_either_portable(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second);

/* The index of the first byte that cannot stand for itself in a JSON string of ASCII text: a control character
 * (below 0x20), '"', '\\', or any byte from 0x80 on; `length` when there is none. Borrows `bytes`. */
size_t cairn_bytes_find_json_special(const uint8_t *bytes, size_t length);
size_t cairn_bytes_find_json_special_portable(const uint8_t *bytes, size_t length);

#if CAIRN_BYTES_HAS_SSE2
size_t cairn_bytes_find_either_sse2(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second);
size_t cairn_bytes_find_json_special_sse2(const uint8_t *bytes, size_t length);
#endif

/* The length (1 to 4) of the well-formed UTF-8 sequence at the front of `bytes`, 0 when there is none (also when it is
 * cut off by the end). Refuses overlong forms, surrogates and values above U+10FFFF (Unicode 15, table 3-7). */
size_t cairn_bytes_utf8_sequence(const uint8_t *bytes, size_t length);

#endif

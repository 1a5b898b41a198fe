/* cairn_bytes.h: byte spans and the few searches every scanner of this core is built on.
 *
 * Used by: the rooms sse, skim and json. The workload is chat traffic: long strings with few special bytes,
 * so a search runs 16 to 64 bytes a step and short inputs must not pay for that.
 *
 * Each search has twins with equal results: `_portable` (plain C17) and, on x86-64, `_sse2` or `_avx2`. The
 * name without a suffix takes the fastest one the processor has. No twin reads behind `length`. */
#ifndef CAIRN_BYTES_H
#define CAIRN_BYTES_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#define CAIRN_BYTES_HAS_SSE2 1
#else
#define CAIRN_BYTES_HAS_SSE2 0
#endif

/* The AVX2 twins are in every x86-64 build and are called only where cairn_bytes_can_avx2 says so. */
#if defined(__x86_64__)
#define CAIRN_BYTES_HAS_AVX2 1
#else
#define CAIRN_BYTES_HAS_AVX2 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A view of bytes that belong to someone else. `bytes` may be NULL only if `length` is 0. */
typedef struct cairn_span {
    const uint8_t *bytes;
    size_t length;
} cairn_span;

/* The index of the first byte that equals `first` or `second`, or `length` when there is none. Borrows
 * `bytes`. Cost: one pass, up to the hit. */
size_t cairn_bytes_find_either(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second);
size_t cairn_bytes_find_either_portable(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second);

/* The index of the first byte that cannot stand for itself in a JSON string of ASCII text: a control
 * character (below 0x20), '"', '\\', or any from 0x80 on; `length` when there is none. Borrows `bytes`. */
size_t cairn_bytes_find_json_special(const uint8_t *bytes, size_t length);
size_t cairn_bytes_find_json_special_portable(const uint8_t *bytes, size_t length);

#if CAIRN_BYTES_HAS_SSE2
size_t cairn_bytes_find_either_sse2(const uint8_t *bytes, size_t length, uint8_t first, uint8_t second);
size_t cairn_bytes_find_json_special_sse2(const uint8_t *bytes, size_t length);
#endif

/* In a block of 64 bytes, one bit a byte: the bytes that a backslash of `backslashes` escapes. *is_escaped is
 * 1 when the first byte of the block is escaped by the one before, and becomes 1 when the first byte behind
 * the block is. */
static inline uint64_t cairn_bytes_escaped(uint64_t backslashes, uint64_t *is_escaped) {
    backslashes &= ~*is_escaped;
    uint64_t escaped = *is_escaped;
    if ((backslashes & backslashes << 1) == 0) { /* no two in a row: each escapes what follows */
        *is_escaped = backslashes >> 63;
        return escaped | backslashes << 1;
    }
    *is_escaped = 0;
    while (backslashes != 0) {
        const uint64_t first = backslashes & (0 - backslashes);
        *is_escaped = first >> 63;
        escaped |= first << 1;
        backslashes &= ~(first | first << 1);
    }
    return escaped;
}

/* The length (1 to 4) of the well-formed UTF-8 sequence at the front of `bytes`, 0 when there is none (also
 * when it is cut off by the end). Refuses overlong forms, surrogates and values above U+10FFFF (Unicode 15,
 * table 3-7). */
size_t cairn_bytes_utf8_sequence(const uint8_t *bytes, size_t length);

/* The length of the longest front of `bytes` that is well-formed UTF-8: `length` when all of it is. Borrows
 * `bytes`. Cost: one pass. */
size_t cairn_bytes_utf8_front(const uint8_t *bytes, size_t length);
size_t cairn_bytes_utf8_front_portable(const uint8_t *bytes, size_t length);

#if CAIRN_BYTES_HAS_AVX2
/* True when this processor runs AVX2. Cost: a load. */
int cairn_bytes_can_avx2(void);
/* Callable only where cairn_bytes_can_avx2. */
size_t cairn_bytes_utf8_front_avx2(const uint8_t *bytes, size_t length);
#endif

#ifdef __cplusplus
}
#endif

#endif

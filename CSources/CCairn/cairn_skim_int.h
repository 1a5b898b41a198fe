/* cairn_skim_int.h: what the files of room skim share: passing over the inside of a value. */
#ifndef CAIRN_SKIM_INT_H
#define CAIRN_SKIM_INT_H

#include "cairn_bytes.h"

#include <stdbool.h>

/* A place inside a value that is passed over: a container's (nesting above 0), or a string's that stands
 * alone (nesting 0 and is_in_string). */
typedef struct cairn_skim_inside {
    uint64_t nesting;
    bool is_in_string;
    bool is_escaped; /* the byte before was the backslash of an escape */
} cairn_skim_inside;

/* Passes over bytes until the value ends. Returns how many were passed, the last bracket or quote included;
 * the value has ended when nesting is 0 and is_in_string is false afterwards. */
size_t cairn_skim_pass(const uint8_t *bytes, size_t length, cairn_skim_inside *inside);
size_t cairn_skim_pass_portable(const uint8_t *bytes, size_t length, cairn_skim_inside *inside);
#if CAIRN_BYTES_HAS_AVX2
size_t cairn_skim_pass_avx2(const uint8_t *bytes, size_t length, cairn_skim_inside *inside);
#endif

#endif

/* cairn_snippet.h: finds the values in a text that must survive word for word when the text is shortened:
 * paths with their places, error codes and messages, numbers with units, versions, hashes, UUIDs, URLs,
 * environment variables, ports, dates and quoted names.
 *
 * Used by the strategies that replace a tool's output by a digest, and by search over what was omitted.
 * Workload: what compilers, test runners, shells and logs print, up to some hundred KB, once per text.
 *
 *     src/main.rs:7:35: error[E0425]: cannot find value `MAX_RETRY` in this scope
 *     path............         code   message.................................
 *                                                        identifier
 *
 * The rules are heuristics, laid down and measured in docs/snippets.md: a labelled set of real texts in
 * Tests/Snippets holds precision and recall at 0.95 or better. Values do not overlap, with one exception: an
 * error message may hold other values. Each value (type and bytes) is given once, with the number of its
 * appearances. */
#ifndef CAIRN_SNIPPET_H
#define CAIRN_SNIPPET_H

#include "cairn_status.h"

#include <stddef.h>
#include <stdint.h>

#define CAIRN_SNIPPET_TEXT_BYTES_MAX 1073741824 /* the longest text; offsets are 32-bit */
#define CAIRN_SNIPPET_VALUE_BYTES_MAX 2048      /* a longer URL is cut; a longer word holds no value */
#define CAIRN_SNIPPET_MESSAGE_BYTES_MAX 512     /* a longer error message is cut, between characters */
#define CAIRN_SNIPPET_NAME_BYTES_MAX 128        /* a longer quoted name is none */
#define CAIRN_SNIPPET_PROBES_MAX 32             /* slots looked at; beyond it a value may be given twice */

/* Values are never renumbered: they may be stored. */
typedef enum cairn_snippet_type {
    CAIRN_SNIPPET_PATH = 1,          /* src/main.rs:7:35, tests/test_a.py::test_b, a.py", line 4 */
    CAIRN_SNIPPET_ERROR_CODE = 2,    /* E0425, TS2304, -Wformat, ENOENT, ValueError, exit status 1 */
    CAIRN_SNIPPET_ERROR_MESSAGE = 3, /* what stands behind `error:` */
    CAIRN_SNIPPET_QUANTITY = 4,      /* 500ms, 1.5 s, 64 KiB, 85% */
    CAIRN_SNIPPET_VERSION = 5,       /* 1.2.3, v1.0.0-rc.1 */
    CAIRN_SNIPPET_HASH = 6,          /* 87b6751, sha256:... */
    CAIRN_SNIPPET_UUID = 7,
    CAIRN_SNIPPET_URL = 8,
    CAIRN_SNIPPET_ENVIRONMENT = 9, /* the name of a variable */
    CAIRN_SNIPPET_PORT = 10,
    CAIRN_SNIPPET_DATE = 11,      /* ISO 8601, with its time */
    CAIRN_SNIPPET_IDENTIFIER = 12 /* a quoted name */
} cairn_snippet_type;

/* A value at its first place in the text. */
typedef struct cairn_snippet {
    uint32_t start, end;   /* its bytes are text[start ..< end] */
    uint32_t line, column; /* of a path that names a place, from 1 as printed; else 0 */
    uint32_t count;        /* how often it stands in the text, at least 1 */
    uint8_t type;          /* a cairn_snippet_type */
    uint8_t importance;    /* 0 to 100: what to keep first when not all can be kept */
} cairn_snippet;

/* Room that is enough for every value of a text of `length` bytes. Real texts need far less: callers may
 * start with a sixty-fourth and come back with more after CAIRN_ERR_NO_SPACE. */
size_t cairn_snippet_bound(size_t length);

/* Entries of the scratch space that goes with room for `capacity` values. */
size_t cairn_snippet_scratch_bound(size_t capacity);

/* Finds the values of `text` (any bytes; meant for UTF-8). Borrows everything for the call, allocates
 * nothing; needs no initialised memory. `snippets` has room for `capacity`, `scratch`
 * cairn_snippet_scratch_bound(capacity) entries. Values are in the order they were recognised, which is that
 * of the text but for messages recognised by their last words. Same text, same result, on every processor.
 * Returns CAIRN_OK; CAIRN_ERR_NO_SPACE when there are more than `capacity`; CAIRN_ERR_TOO_BIG above
 * CAIRN_SNIPPET_TEXT_BYTES_MAX. On failure *out_count is unchanged and `snippets` holds nothing of use.
 * Cost: one pass, linear in `length` whatever the bytes. Thread: any. */
cairn_status cairn_snippet_find(const uint8_t *text, size_t length, cairn_snippet *snippets, size_t capacity,
    uint32_t *scratch, size_t *out_count);

#endif

/* cairn_distill.h: a list of tool calls and results, shortened to what mattered.
 *
 * Used where old calls make room for a few lines about them: what was tried, what failed and with which
 * message, what worked. Workload: 20 to some hundred calls whose outcomes are known from the moment they were
 * recorded; a result is never scanned, only the front of one line of it is looked at.
 *
 * Before: ten calls with their results, of which the first line is shown, and what the caller knows of each.
 *
 *     read_file  src/lib.rs        fn main() {}
 *     read_file  src/parse.rs      use std::fmt;
 *     bash       cargo test        error[E0425]: cannot find value `x`          (failed)
 *     edit       src/lib.rs        ok                                           (a change)
 *     bash       cargo test        test result: FAILED. 1 passed; 2 failed      (failed)
 *     edit       src/parse.rs      ok                                           (a change)
 *     bash       cargo test        test result: FAILED. 2 passed; 1 failed      (failed)
 *     bash       grep -rn limit .  grep: .git: Permission denied                (failed)
 *     edit       src/parse.rs      ok                                           (a change)
 *     bash       cargo test        test result: ok. 3 passed; 0 failed
 *
 * After:
 *
 *     worked: read_file src/lib.rs, src/parse.rs
 *     failed, then worked: bash cargo test: error[E0425]: cannot find value `x`
 *     changed: edit src/lib.rs, src/parse.rs
 *     failed, then worked: bash cargo test (2x): test result: FAILED. 2 passed; 1 failed
 *     failed: bash grep -rn limit .: grep: .git: Permission denied
 *     changed: edit src/parse.rs
 *     last: bash cargo test: test result: ok. 3 passed; 0 failed
 *
 * Calls with the same fingerprint are one entry if all of them worked, or if they failed with the same
 * message; messages that differ in their numbers only are the same, and the last one is shown. Entries are in
 * the order of their last calls. The same calls always give the same entries. */
#ifndef CAIRN_DISTILL_H
#define CAIRN_DISTILL_H

#include "cairn_bytes.h"
#include "cairn_fingerprint.h"
#include "cairn_status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAIRN_DISTILL_CALLS_MAX 1024         /* in one list */
#define CAIRN_DISTILL_TOOL_BYTES_MAX 64      /* shown of a tool's name */
#define CAIRN_DISTILL_ARGUMENT_BYTES_MAX 120 /* shown of an argument */
#define CAIRN_DISTILL_MESSAGE_BYTES_MAX 160  /* shown and compared of a message */
#define CAIRN_DISTILL_FAILURES_MAX 4         /* messages told apart of one call; later ones join the last */
#define CAIRN_DISTILL_PROBES_MAX 16          /* slots looked at for the same call; then it stays alone */

typedef enum cairn_distill_outcome {
    CAIRN_DISTILL_WORKED = 1,
    CAIRN_DISTILL_FAILED = 2
} cairn_distill_outcome;

/* A call with its result. Only the front of the first line of `message`, or else `result`, is looked at,
 * behind white space. */
typedef struct cairn_distill_call {
    cairn_fingerprint fingerprint; /* equal for equal calls: cairn_fingerprint_tool_call */
    cairn_span tool;               /* its name */
    cairn_span argument;           /* what stands for the arguments: a path, a command; may be empty */
    cairn_span result;
    cairn_span message; /* the line of the result that tells the outcome, as the first error; may be empty */
    uint8_t outcome;    /* a cairn_distill_outcome */
    bool is_change;     /* it wrote something */
} cairn_distill_call;

/* What became of a call, in the order of what goes first when there are too many entries. */
typedef enum cairn_distill_kind {
    CAIRN_DISTILL_LAST_WORKED = 0,      /* the last call of the list, which worked */
    CAIRN_DISTILL_STILL_FAILS = 1,      /* failed, and did not work since */
    CAIRN_DISTILL_CHANGED = 2,          /* worked and wrote something */
    CAIRN_DISTILL_FAILED_THEN_WORKED = 3,
    CAIRN_DISTILL_ONLY_WORKED = 4
} cairn_distill_kind;
#define CAIRN_DISTILL_KIND_COUNT 5

/* Equal calls, as one. The spans are views of the calls' spans: of the last of the calls, cut at the end of
 * the first line and at the limits above, between characters if the text is UTF-8. */
typedef struct cairn_distill_entry {
    cairn_distill_kind kind;
    uint32_t call_count;
    uint32_t first_call, last_call; /* indices in the list */
    cairn_span tool, argument, message;
    bool is_tool_cut, is_argument_cut, is_message_cut;
} cairn_distill_entry;

/* Finds the entries for a list of calls, at most `capacity`: of more, those of the later kinds are left out
 * first, and of one kind the oldest. Borrows all; allocates nothing (14 KiB of stack). *out_count is how many
 * there are, *out_left_out how many calls are in none. Returns CAIRN_ERR_TOO_BIG for more than
 * CAIRN_DISTILL_CALLS_MAX calls, CAIRN_ERR_ARGUMENT for an outcome that is none; both are then untouched.
 * Cost: linear in calls, and at most two lines of CAIRN_DISTILL_MESSAGE_BYTES_MAX looked at for each slot
 * tried. */
cairn_status cairn_distill_find(const cairn_distill_call *calls, size_t count, cairn_distill_entry *entries,
    size_t capacity, size_t *out_count, size_t *out_left_out);

/* The most bytes cairn_distill_write can write for `count` entries. */
size_t cairn_distill_write_bound(size_t count);

/* Writes entries as text: a line an entry, as in the example above; entries side by side that worked or
 * changed share a line. What was cut ends with "...". Says at the end how many calls were left out, if any.
 * Borrows all. *out_length is the text's length, also on CAIRN_ERR_NO_SPACE, when `out` holds the front. */
cairn_status cairn_distill_write(const cairn_distill_entry *entries, size_t count, size_t left_out,
    uint8_t *out, size_t capacity, size_t *out_length);

#ifdef __cplusplus
}
#endif

#endif

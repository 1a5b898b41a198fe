/* cairn_delta.h: lines seen before, the difference of two texts, and patches.
 *
 * Used when a tool result appears for the first time: runs of lines that the conversation already shows are
 * replaced by a reference, and a file that is read again by its difference from the earlier read. Workload:
 * outputs of 1 KB to 1 MB, lines of about 35 bytes, a third of them seen before in the session.
 *
 * Three parts: the *index* of lines seen, the *diff* of two texts, and the *patch* (unified format) that a
 * diff is written as and applied from. A line is what stands before an LF, or behind the last one; any bytes
 * will do.
 *
 *     cairn_delta_index_read(&index, output, length);              // splits and hashes, once
 *     cairn_delta_index_find(&index, rule, runs, capacity, &count);
 *     for (i = 0; i < count; i++)                                  // the caller keeps the texts
 *         if (cairn_delta_run_holds(&runs[i], output, length, earlier(runs[i].text_id))) shorten(runs[i]);
 *     cairn_delta_index_add(&index, output_id);                    // from now on these lines are seen */
#ifndef CAIRN_DELTA_H
#define CAIRN_DELTA_H

#include "cairn_bytes.h"
#include "cairn_status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits */

#define CAIRN_DELTA_TEXT_BYTES_MAX 1073741824 /* of one text: 1 GiB, offsets are 31 bits wide */
#define CAIRN_DELTA_LINES_MAX 4194304         /* of an index, all texts together; of one side of a diff */
#define CAIRN_DELTA_PROBES_MAX 64             /* slots looked at for a line; further away it is not found */
#define CAIRN_DELTA_CANDIDATES_MAX 8          /* earlier places of a line from which a run is tried */
#define CAIRN_DELTA_BACKWARD_LINES_MAX 256    /* lines a run begins before the line it was found at */
#define CAIRN_DELTA_BOX_EDITS_MAX 256         /* edits searched in one part of a diff; then it is cut */
#define CAIRN_DELTA_STEPS_MAX 16777216        /* steps of a diff's search when the caller names no limit */
#define CAIRN_DELTA_CONTEXT_LINES_MAX 4194304 /* unchanged lines around a change in a patch */

/* Memory */

/* Where the index and the diff get their memory: `resize` works as realloc does, with 0 bytes it frees and
 * returns NULL, and on failure it returns NULL and leaves `memory` as it was. With `resize` NULL the C
 * library's memory is used. */
typedef struct cairn_delta_allocator {
    void *(*resize)(void *context, void *memory, size_t bytes);
    void *context;
} cairn_delta_allocator;

/* The index of lines seen */

/* What is worth a reference: a run has at least `lines_min` lines and at least `bytes_min` bytes. */
typedef struct cairn_delta_rule {
    uint32_t lines_min, bytes_min;
} cairn_delta_rule;

/* The rule that paid in recorded sessions of coding agents. */
#define CAIRN_DELTA_RUN_LINES_MIN 3
#define CAIRN_DELTA_RUN_BYTES_MIN 160
#define CAIRN_DELTA_RULE_DEFAULT ((cairn_delta_rule){CAIRN_DELTA_RUN_LINES_MIN, CAIRN_DELTA_RUN_BYTES_MIN})

/* A run: lines of the text just read that stand, in the same order and with nothing between them, in one
 * earlier text. Lines count from 0. Both places have end - start bytes. The LF of the last line belongs to
 * the run where both texts have one. */
typedef struct cairn_delta_run {
    uint64_t text_id;         /* the caller's number of the earlier text */
    uint32_t text_first_line; /* there */
    uint32_t text_start;      /* there, in bytes */
    uint32_t first_line, line_count;
    uint32_t start, end; /* here, in bytes */
} cairn_delta_run;

/* A text of the index; part of cairn_delta_index. */
typedef struct cairn_delta_text {
    uint64_t id;
    uint32_t first_line, line_count, bytes;
    bool is_terminated; /* its last line has an LF */
} cairn_delta_text;

/* The index. Plain memory of the caller, who may move it between calls; members are private. It keeps no
 * text: of each line a 64-bit hash (XXH3), its start, and a link to the place before it with the same hash
 * (16 bytes), and 16 to 32 bytes of hash table for each different line. */
typedef struct cairn_delta_index {
    cairn_delta_allocator allocator;
    uint64_t *hashes; /* of lines, all texts one behind the other, the text just read last */
    uint32_t *starts; /* in the line's text; the top bit marks the last line of a text */
    uint32_t *links;  /* 1 + the line before this one with the same hash; 0: none */
    size_t line_capacity;
    uint64_t *slots; /* half of the hash << 32 | 1 + the newest line with that hash */
    size_t slot_count, slots_used;
    cairn_delta_text *texts; /* in the order they were added */
    size_t text_count, text_capacity;
    uint32_t line_count, line_count_max;
    cairn_delta_text fresh; /* the text just read */
    bool has_fresh;
} cairn_delta_index;

/* An empty index in the caller's memory for at most `line_count_max` lines; 0, or more than it, means
 * CAIRN_DELTA_LINES_MAX. Allocates nothing; cairn_delta_index_deinit must follow. */
void cairn_delta_index_init(
    cairn_delta_index *self, cairn_delta_allocator allocator, uint32_t line_count_max);
void cairn_delta_index_deinit(cairn_delta_index *self);

/* Forgets all texts and keeps the memory. Cost: one step for each line forgotten. */
void cairn_delta_index_reset(cairn_delta_index *self);

/* Reads a text: splits it, hashes each line, and looks it up. The text is not seen by that. Borrows `bytes`
 * for the call. Forgets what was read before and not added. CAIRN_ERR_TOO_BIG for a text above
 * CAIRN_DELTA_TEXT_BYTES_MAX or more lines than the index may hold, CAIRN_ERR_NO_MEMORY; nothing is read
 * then. Cost: two passes for the line ends, one hash of each line, at most CAIRN_DELTA_PROBES_MAX slots. */
cairn_status cairn_delta_index_read(cairn_delta_index *self, const uint8_t *bytes, size_t length);

/* How many runs cairn_delta_index_find can at most report for the text just read. */
size_t cairn_delta_index_find_bound(const cairn_delta_index *self, cairn_delta_rule rule);

/* Finds the runs of the text just read, in its order, without overlap. Each is as long as it can be made from
 * the place it was found at. Of several earlier places the one with the longest run is taken, of equals the
 * newest; of a line seen more often only the newest CAIRN_DELTA_CANDIDATES_MAX places are tried (a run that
 * is missed for that at a common line is found at its next line, and grows backwards). Returns CAIRN_OK with
 * *out_count, CAIRN_ERR_NOT_FOUND when no text was read, CAIRN_ERR_ARGUMENT when the rule wants less than one
 * line, CAIRN_ERR_NO_SPACE when there are more than `capacity` runs; *out_count is then untouched. Thread:
 * any, if `self` is not being changed. Cost: linear in lines; allocates nothing.
 *
 * Lines are compared by hash: a run is true but for a collision (one in 2^64 for two lines by chance, easy on
 * purpose). Whoever acts on one asks cairn_delta_run_holds first. */
cairn_status cairn_delta_index_find(const cairn_delta_index *self, cairn_delta_rule rule,
    cairn_delta_run *runs, size_t capacity, size_t *out_count);

/* Whether the run's bytes are the same in both texts: `bytes`, the text it was found in, and `earlier`, the
 * one with its text_id. False also when a text is too short for it. Borrows both. Cost: one comparison. */
bool cairn_delta_run_holds(
    const cairn_delta_run *run, const uint8_t *bytes, size_t length, cairn_span earlier);

/* Makes the text just read a seen one under the caller's number. Numbers may repeat. CAIRN_ERR_NOT_FOUND when
 * no text was read, CAIRN_ERR_NO_MEMORY; the index is then as before, the text still read. Cost: one slot a
 * line, now and then one more pass over all lines to grow (constant for a line on average). */
cairn_status cairn_delta_index_add(cairn_delta_index *self, uint64_t text_id);

/* Forgets the texts with these numbers, and what was read and not added. `text_ids` are in ascending order
 * (else CAIRN_ERR_ARGUMENT); unknown ones do not matter. Allocates nothing. Cost: one pass over all lines,
 * however many texts go. */
cairn_status cairn_delta_index_remove(cairn_delta_index *self, const uint64_t *text_ids, size_t count);

/* The diff of two texts */

/* Lines old_line ..< old_line + old_count of the old text are replaced by those of the new one; one of the
 * counts may be 0. Lines count from 0. */
typedef struct cairn_delta_change {
    uint32_t old_line, old_count, new_line, new_count;
} cairn_delta_change;

/* A diff. Plain memory of the caller; only what is said to be readable may be read. Keeps its memory for the
 * next diff. */
typedef struct cairn_delta_diff {
    const cairn_delta_change *changes; /* readable: in order, never touching; view until the next call */
    size_t change_count;               /* readable */
    uint64_t step_count;               /* readable: what the search took, for whoever sets its limit */
    bool is_minimal;                   /* readable: no shorter list of added and deleted lines exists */
    cairn_delta_allocator allocator;
    uint8_t *memory;
    size_t memory_bytes;
    cairn_span old_text, new_text;
    const uint32_t *old_starts, *new_starts; /* of each line, and the text's length behind the last */
    uint32_t old_line_count, new_line_count;
} cairn_delta_diff;

void cairn_delta_diff_init(cairn_delta_diff *self, cairn_delta_allocator allocator);
void cairn_delta_diff_deinit(cairn_delta_diff *self);

/* Finds the changes that turn one text into another, line by line. Lines are compared byte for byte, LF
 * included. Borrows both texts until the diff has been written. E. Myers, "An O(ND) Difference Algorithm and
 * Its Variations" (Algorithmica 1, 1986): the variant in linear space, after equal lines at both ends and
 * lines without a match were taken out.
 *
 * The result always turns old into new. It is minimal unless the search had to be cut short: more than
 * CAIRN_DELTA_BOX_EDITS_MAX edits in one part, which is then split where most was matched so far; more than
 * `step_count_max` steps in all (0: CAIRN_DELTA_STEPS_MAX), then what is left is replaced whole.
 *
 * Returns CAIRN_ERR_TOO_BIG for a text above CAIRN_DELTA_TEXT_BYTES_MAX or CAIRN_DELTA_LINES_MAX,
 * CAIRN_ERR_NO_MEMORY; there are no changes to read then. Cost: two passes over the texts, and one step an
 * edit and line searched, at most step_count_max + 2 * CAIRN_DELTA_LINES_MAX; about 50 bytes of memory a
 * line. What may take longer than the caller can wait belongs on a worker. */
cairn_status cairn_delta_diff_find(
    cairn_delta_diff *self, cairn_span old_text, cairn_span new_text, uint64_t step_count_max);

/* Patches: the unified format, as `diff -u` and git write and read it. */

/* Names for the two lines in front ("--- old", "+++ new"); no such lines when both are empty. A name has no
 * byte below 0x20, no quote and no backslash. A name with a space is followed by a tab, as git does it. */
typedef struct cairn_delta_names {
    cairn_span old_name, new_name;
} cairn_delta_names;

#define CAIRN_DELTA_CONTEXT_LINES 3 /* the usual number of unchanged lines around a change */

/* Writes the diff's changes with `context_lines` unchanged lines around each, "\ No newline at end of file"
 * included. Nothing is written for equal texts. Borrows the texts given to cairn_delta_diff_find, which must
 * still be there. *out_length is the patch's length, also on CAIRN_ERR_NO_SPACE, when `out` holds the front:
 * ask with capacity 0 first. CAIRN_ERR_ARGUMENT for a wrong name, CAIRN_ERR_TOO_BIG for more than
 * CAIRN_DELTA_CONTEXT_LINES_MAX; *out_length is then untouched. Cost: one copy of the lines written. */
cairn_status cairn_delta_diff_write(const cairn_delta_diff *self, cairn_delta_names names,
    uint32_t context_lines, uint8_t *out, size_t capacity, size_t *out_length);

/* Where a patch failed. Lines count from 1, as editors do. */
typedef struct cairn_delta_failure {
    uint32_t patch_line; /* the line of the patch that is wrong or does not fit */
    uint32_t text_line;  /* the line of the text it does not fit; 0 when the patch itself is wrong */
} cairn_delta_failure;

/* The most bytes a patch of `patch_length` bytes can make of a text of `length`; SIZE_MAX when that fits in
 * no size. */
size_t cairn_delta_apply_bound(size_t length, size_t patch_length);

/* Applies a patch. Borrows all; `out` overlaps nothing. Strict: every hunk must stand at the line it names,
 * its counts must be right, hunks must be in order, and each context and deleted line must be there byte for
 * byte, its missing newline too. An empty patch changes nothing. In front of the hunks the lines that diff
 * and git put there are passed over: "diff ", "index ", "--- ", "+++ ". Returns CAIRN_OK with *out_length,
 * else with *out_failure
 * - CAIRN_ERR_SYNTAX: a line that has no place in a patch, or a number that is not right;
 * - CAIRN_ERR_INCOMPLETE: the patch ends inside a hunk;
 * - CAIRN_ERR_NOT_FOUND: the text does not have the line that stands in the patch at that place;
 * - CAIRN_ERR_NO_SPACE, CAIRN_ERR_TOO_BIG (a text or patch above CAIRN_DELTA_TEXT_BYTES_MAX): 0 and 0.
 * *out_length is then untouched and `out` may hold a front. Cost: one pass over patch and text. */
cairn_status cairn_delta_apply(cairn_span text, cairn_span patch, uint8_t *out, size_t capacity,
    size_t *out_length, cairn_delta_failure *out_failure);

#ifdef __cplusplus
}
#endif

#endif

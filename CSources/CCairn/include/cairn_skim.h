/* cairn_skim.h: takes a few members out of a JSON document that goes by in pieces, and skips the rest at
 * memory speed.
 *
 * Used by the gateway: the `model` of a request body before it is forwarded, `usage` and `model` in answers
 * and stream events. Workload: bodies of 600 KB that are mostly long strings; events of 200 bytes. No tree is
 * built, nothing is allocated, nesting costs a counter (any depth), and a piece may end at any byte.
 *
 *     {"id":"x", "message":{"usage":{"input_tokens":7}, ...}, ...}
 *                           path {"message","usage"} captures: {"input_tokens":7}
 *
 * A plan says what is wanted; it is made once and shared by any number of skimmers and threads. A skimmer is
 * the state for one document. Paths go through objects only; a wanted value may be of any type and is handed
 * out raw, as spelled. Keys are compared after unescaping ("\u006dodel" is model).
 *
 * Duplicate keys: the last one wins, also for a key on the way ({"message":{..},"message":{}} has no usage);
 * with `stops_when_found` the first complete set wins instead, and what follows is not looked at.
 *
 * This is a skimmer and no validator (Grammar: RFC 8259). It refuses what it must notice to keep its place:
 * wrong punctuation and keys in objects that lie on a path, values that begin with an impossible byte, text
 * behind the document. It does not look into skipped or captured values: their brackets are only counted,
 * their strings only ended. */
#ifndef CAIRN_SKIM_H
#define CAIRN_SKIM_H

#include "cairn_bytes.h"
#include "cairn_status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAIRN_SKIM_PATHS_MAX 8
#define CAIRN_SKIM_KEYS_MAX 4            /* keys in one path */
#define CAIRN_SKIM_KEY_BYTES_MAX 32      /* bytes of one wanted key, unescaped */
#define CAIRN_SKIM_RAW_KEY_BYTES_MAX 192 /* the same as spelled: six times, if every byte is an escape */
#define CAIRN_SKIM_VALUE_BYTES_MAX 16384 /* the most a captured value may be allowed */

/* A wanted member: the keys from the root to it, and the most bytes its raw value may have. 0 bytes means
 * that only the place of the value is wanted, and nothing is copied. */
typedef struct cairn_skim_path {
    cairn_span keys[CAIRN_SKIM_KEYS_MAX];
    uint32_t key_count;
    uint32_t value_bytes_max;
} cairn_skim_path;

/* A compiled plan. Plain memory of the caller, about 1.2 KiB; constant after cairn_skim_plan_init. Members
 * are private. */
typedef struct cairn_skim_plan {
    struct {
        uint8_t key_bytes[CAIRN_SKIM_KEYS_MAX];
        uint8_t key_count;
        uint32_t value_bytes_max;
        uint32_t capture_start; /* of this path's slot in the capture buffer */
    } paths[CAIRN_SKIM_PATHS_MAX];
    uint32_t path_count;
    uint32_t capture_bytes;
    bool stops_when_found;
    uint8_t keys[CAIRN_SKIM_PATHS_MAX][CAIRN_SKIM_KEYS_MAX][CAIRN_SKIM_KEY_BYTES_MAX];
} cairn_skim_plan;

/* What a skimmer knows of one wanted member. */
typedef struct cairn_skim_value {
    cairn_span raw;  /* view into the capture buffer until the next call; empty if nothing was to be copied */
    uint64_t offset; /* of the value's first byte, from the start of the document */
    uint64_t length; /* of the value in the document */
} cairn_skim_value;

typedef enum cairn_skim_phase {
    CAIRN_SKIM_AT_START = 0, /* in front of the document; a byte order mark may come */
    CAIRN_SKIM_AT_VALUE,
    CAIRN_SKIM_AT_FIRST_KEY, /* behind '{' */
    CAIRN_SKIM_AT_KEY,       /* behind ',' */
    CAIRN_SKIM_IN_KEY,
    CAIRN_SKIM_AT_COLON,
    CAIRN_SKIM_IN_VALUE,  /* a string, or a container of which only the nesting counts */
    CAIRN_SKIM_IN_SCALAR, /* number, true, false, null */
    CAIRN_SKIM_BEHIND_VALUE,
    CAIRN_SKIM_AT_END,  /* behind the document */
    CAIRN_SKIM_STOPPED, /* all was found and the plan stops then */
    CAIRN_SKIM_FAILED
} cairn_skim_phase;

/* The state for one document. Plain memory of the caller, about 0.6 KiB; may be moved between calls. Members
 * are private. */
typedef struct cairn_skim {
    const cairn_skim_plan *plan;
    uint8_t *capture;
    uint64_t consumed; /* bytes of the document scanned so far */
    uint64_t nesting; /* open brackets of the value that is being skipped or captured; 0 in a string or key */
    cairn_skim_phase phase;
    uint8_t level;                      /* open objects that lie on a path */
    uint8_t found;                      /* bit i: path i has its value */
    uint8_t too_big;                    /* bit i: its value was larger than the path allows */
    uint8_t matched;                    /* bit i: the key just read is on path i */
    int8_t capturing;                   /* index of the path whose value is going by, or -1 */
    uint8_t mark_bytes;                 /* bytes of the byte order mark seen */
    bool is_in_string;                  /* inside a string of that value, or a key */
    bool is_escaped;                    /* the byte before was the backslash of an escape */
    bool is_key_long;                   /* the key at hand is longer than any wanted one */
    uint8_t alive[CAIRN_SKIM_KEYS_MAX]; /* per level: the paths whose keys so far were met */
    uint32_t raw_key_bytes;
    struct {
        uint64_t offset, length;
    } values[CAIRN_SKIM_PATHS_MAX];
    uint8_t raw_key[CAIRN_SKIM_RAW_KEY_BYTES_MAX]; /* front of a key that the border of a piece cut */
} cairn_skim;

/* Compiles `paths`. Copies the keys. Returns CAIRN_ERR_ARGUMENT when there is no path or more than
 * CAIRN_SKIM_PATHS_MAX, a path has no key, or leads through another one; CAIRN_ERR_TOO_BIG when a key, a key
 * count or value_bytes_max is above its limit. *out_plan is then untouched. */
cairn_status cairn_skim_plan_init(
    const cairn_skim_path *paths, size_t path_count, bool stops_when_found, cairn_skim_plan *out_plan);

/* How many bytes the capture buffer of a skimmer with this plan must have (the sum of value_bytes_max). */
size_t cairn_skim_capture_bound(const cairn_skim_plan *plan);

/* Starts a skimmer at the front of a document. Borrows `plan` and `capture` (at least
 * cairn_skim_capture_bound bytes, NULL if that is 0) as long as the skimmer is used. Cost: about 10 stores.
 * There is nothing to free. */
void cairn_skim_init(cairn_skim *self, const cairn_skim_plan *plan, uint8_t *capture);

/* Scans the next piece of the document. Borrows `bytes` for the call. Returns
 * - CAIRN_OK: the document is complete, or all was found and the plan stops then;
 * - CAIRN_ERR_INCOMPLETE: more is to come (only cairn_skim_finish knows the end of a top-level number);
 * - CAIRN_ERR_SYNTAX: a wrong byte, whose place cairn_skim_offset then tells. It stays that way.
 * Cost: one pass; no allocation. */
cairn_status cairn_skim_feed(cairn_skim *self, const uint8_t *bytes, size_t length);

/* The document has ended. CAIRN_OK when it was complete (or the plan's stop was reached), else
 * CAIRN_ERR_INCOMPLETE or CAIRN_ERR_SYNTAX as above. An empty document is incomplete. */
cairn_status cairn_skim_finish(cairn_skim *self);

/* True when every wanted member was found (too big counts as found): a caller who does not care for a later
 * duplicate may stop feeding. */
bool cairn_skim_done(const cairn_skim *self);

/* How many bytes were accepted: the place of the wrong byte after CAIRN_ERR_SYNTAX. */
uint64_t cairn_skim_offset(const cairn_skim *self);

/* The value of path `path_index`. CAIRN_OK, or CAIRN_ERR_TOO_BIG with raw empty and the place filled: it is
 * larger than its path allows. CAIRN_ERR_NOT_FOUND: not in what was fed so far (or cut off), *out_value is
 * then untouched. */
cairn_status cairn_skim_value_at(const cairn_skim *self, size_t path_index, cairn_skim_value *out_value);

/* One call for a body in one piece: the raw value of the first top-level member `key`, and where it starts.
 * Stops behind that value. *out_value is a view of `body`. `key` has at most CAIRN_SKIM_KEY_BYTES_MAX bytes.
 * Returns CAIRN_OK; CAIRN_ERR_NOT_FOUND for a complete document without it; CAIRN_ERR_INCOMPLETE,
 * CAIRN_ERR_SYNTAX with *out_offset at the end or the wrong byte; CAIRN_ERR_TOO_BIG for the key. */
cairn_status cairn_skim_member(
    const uint8_t *body, size_t length, cairn_span key, cairn_span *out_value, size_t *out_offset);

#ifdef __cplusplus
}
#endif

#endif

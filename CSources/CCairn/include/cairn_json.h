/* cairn_json.h: JSON documents (RFC 8259) as spans over their own bytes.
 *
 * Used by the dialects, which read a request as a tape of spans and write it again by copying spans; by
 * fingerprints, which need one form for documents that mean the same; and by everything that reads or writes
 * a string. Workload: chat bodies of 600 KB, mostly long strings with an escape every line; tool arguments of
 * 100 bytes to 10 KB.
 *
 * Nothing is copied or converted while parsing: numbers stay as spelled (any size), duplicate keys stay,
 * escapes stay. */
#ifndef CAIRN_JSON_H
#define CAIRN_JSON_H

#include "cairn_bytes.h"
#include "cairn_status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Types */

#define CAIRN_JSON_DEPTH_MAX 512        /* containers open at once */
#define CAIRN_JSON_BYTES_MAX 1073741824 /* of one document: 1 GiB, offsets are 32 bits wide */
#define CAIRN_JSON_NONE UINT32_MAX      /* no node */

typedef enum cairn_json_type {
    CAIRN_JSON_NULL = 0,
    CAIRN_JSON_FALSE = 1,
    CAIRN_JSON_TRUE = 2,
    CAIRN_JSON_NUMBER = 3,
    CAIRN_JSON_STRING = 4,
    CAIRN_JSON_ARRAY = 5,
    CAIRN_JSON_OBJECT = 6
} cairn_json_type;

/* What a node's spelling is like. */
enum {
    CAIRN_JSON_KEY = 1,           /* the node is a member of an object and has a key */
    CAIRN_JSON_KEY_ESCAPED = 2,   /* the key has escapes */
    CAIRN_JSON_KEY_RESPELLED = 4, /* ... among them one that the canonical form spells differently */
    CAIRN_JSON_VALUE_ESCAPED = 8, /* the same for a string value */
    CAIRN_JSON_VALUE_RESPELLED = 16
};

/* One value. The tape holds them in the order of the text, so the first child is the node behind its
 * container:
 *
 *     {"a":[1,2],"b":3}        index   0:{ }   1:a [ ]   2:1   3:2   4:b 3
 *                              next    5       4         3     4     5
 *
 * Children of n: for (i = n + 1; i < nodes[n].next; i = nodes[i].next). */
typedef struct cairn_json_node {
    uint32_t start, end;         /* the value's bytes, quotes and brackets included */
    uint32_t key_start, key_end; /* the key's bytes between its quotes; 0, 0 without a key */
    uint32_t parent;             /* index of the container; CAIRN_JSON_NONE for the root */
    uint32_t next;               /* index behind the last node inside this one */
    uint32_t child_count;
    uint8_t type; /* a cairn_json_type */
    uint8_t flags;
    uint16_t depth; /* containers around it; 0 for the root */
} cairn_json_node;

/* Parsing */

/* The most nodes a text of `length` bytes can need, valid or not. Most have far fewer: a caller may start
 * with length / 16 and come back with more on CAIRN_ERR_NO_SPACE. */
size_t cairn_json_nodes_bound(size_t length);

/* Parses a whole document into `nodes`. Borrows `text`; allocates nothing. Strict: RFC 8259 grammar and
 * well-formed UTF-8; one leading byte order mark and white space around are tolerated; a surrogate escape may
 * stand alone, as the grammar has it. Returns CAIRN_OK with *out_count. Else *out_count is untouched and
 * *out_error_offset tells the place of
 * - CAIRN_ERR_SYNTAX: the first byte that no valid document has there (in a string: the wrong escape's
 *   backslash, or the wrong character's first byte);
 * - CAIRN_ERR_INCOMPLETE: the text is a proper prefix of a valid document; the place is `length`;
 * - CAIRN_ERR_TOO_BIG: the bracket that opens level CAIRN_JSON_DEPTH_MAX + 1; 0 for a text above the limit;
 * - CAIRN_ERR_NO_SPACE: the value for which no node was left.
 * Cost: one pass. */
cairn_status cairn_json_parse(const uint8_t *text, size_t length, cairn_json_node *nodes, size_t capacity,
    size_t *out_count, size_t *out_error_offset);

/* The last member of object `object` whose key, unescaped, is `key`; CAIRN_JSON_NONE when there is none or
 * `object` is no object. Cost: one step a member. */
uint32_t cairn_json_member(
    const uint8_t *text, const cairn_json_node *nodes, uint32_t object, cairn_span key);

/* Canonical form: RFC 8785 (members ordered by the UTF-16 units of their keys, no white space, shortest
 * escapes), except that numbers stay as spelled, members with equal keys stay in their order, and a surrogate
 * escape that stands alone is kept (as \udXXX). So no value is ever changed, and there is a canonical form of
 * every document. */

/* Where canonical text goes. Called with views valid for the call only; a status other than CAIRN_OK stops
 * the writer, which returns it. Text that stands canonical in the source already comes in runs as long as
 * they are. */
typedef struct cairn_json_sink {
    cairn_status (*write)(void *context, const uint8_t *bytes, size_t length);
    void *context;
} cairn_json_sink;

/* How many uint32_t of scratch the canonical writer needs for a tape of `node_count` nodes. */
size_t cairn_json_scratch_bound(size_t node_count);

/* Writes the canonical form of node `root` and what is inside it. Borrows all; `scratch` has at least
 * cairn_json_scratch_bound(nodes[root].next - root) entries. Cost: one pass, plus sorting the members of each
 * object that is not in order. Returns CAIRN_OK or what the sink returned. */
cairn_status cairn_json_canonical_write(const uint8_t *text, const cairn_json_node *nodes, uint32_t root,
    uint32_t *scratch, const cairn_json_sink *sink);

/* The most bytes of the canonical form of `length` bytes of text. */
size_t cairn_json_canonical_bound(size_t length);

/* The same into a buffer. CAIRN_ERR_NO_SPACE when `capacity` is too small; *out_length is then untouched,
 * `out` holds the front. */
cairn_status cairn_json_canonical(const uint8_t *text, const cairn_json_node *nodes, uint32_t root,
    uint32_t *scratch, uint8_t *out, size_t capacity, size_t *out_length);

/* Splicing */

/* A replacement of text[start ..< end] by `with`; start == end inserts, an empty `with` deletes. */
typedef struct cairn_json_edit {
    size_t start, end;
    cairn_span with;
} cairn_json_edit;

/* Copies `text` with all edits made; every byte outside them stays as it is. Edits are in order and do not
 * overlap. *out_length is the length of the result, also on CAIRN_ERR_NO_SPACE, when nothing was written: ask
 * with capacity 0 first, or keep the result's bound yourself. CAIRN_ERR_ARGUMENT for edits out of order or
 * outside the text, or a result above SIZE_MAX; *out_length is then untouched. Whether the result is JSON is
 * the caller's care. Cost: one copy. */
cairn_status cairn_json_splice(const uint8_t *text, size_t length, const cairn_json_edit *edits,
    size_t edit_count, uint8_t *out, size_t capacity, size_t *out_length);

/* Strings: the content between the quotes; the quotes are the caller's. */

/* The most bytes cairn_json_unescape can write for `length` bytes: no escape is shorter than its UTF-8. */
size_t cairn_json_unescape_bound(size_t length);

/* Turns the content of a JSON string into UTF-8. Borrows `text`, which must not overlap `out`; allocates
 * nothing. Strict: refuses control characters, a bare '"', unknown escapes, surrogates that are not a pair,
 * and ill-formed UTF-8. Returns CAIRN_ERR_SYNTAX with *out_error_offset at the first wrong byte (an escape is
 * wrong as a whole, at its backslash), or CAIRN_ERR_NO_SPACE when more than `capacity` bytes would be
 * written; *out_length is then untouched, and `out` holds the front. Cost: one pass, 16 bytes a step in plain
 * ASCII. */
cairn_status cairn_json_unescape(const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
    size_t *out_length, size_t *out_error_offset);

/* The most bytes cairn_json_escape can write for `length` bytes, SIZE_MAX when that fits in no size. */
size_t cairn_json_escape_bound(size_t length);

/* Turns UTF-8 text into the content of a JSON string in the form of RFC 8785 3.2.2.2: \b \t \n \f \r \" \\,
 * \u00xx for other control characters, everything else as it is. Borrows `text`, which must not overlap
 * `out`. Returns CAIRN_ERR_SYNTAX with *out_error_offset at the first byte that is not well-formed UTF-8, or
 * CAIRN_ERR_NO_SPACE; *out_length is then untouched, and `out` holds the front. Cost: one pass. */
cairn_status cairn_json_escape(const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
    size_t *out_length, size_t *out_error_offset);

#ifdef __cplusplus
}
#endif

#endif

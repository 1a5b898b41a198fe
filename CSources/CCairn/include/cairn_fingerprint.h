/* cairn_fingerprint.h: 128-bit digests of turns, lineages and tool calls.
 *
 * Used to find the longest known prefix of a conversation without a session id, to store each turn once, and
 * to see that a tool call was made before. Workload: hundreds of turns a call, mostly short, hashed on every
 * call.
 *
 * The hash is XXH3-128 (xxHash 0.8): fast and well mixed, but no protection against someone who makes
 * collisions on purpose. Who acts on equal fingerprints where that matters compares the bytes too.
 *
 * What is hashed, exactly (version 1). H(seed, bytes) is XXH3-128 with that seed; `+` joins bytes; a digest
 * stands for its 16 bytes, most significant first. Equal on every machine.
 *
 *     part i of a turn   P(i) = H(1 | role << 8 | kind << 16 | i << 32, content)
 *     turn               T(0) = P(0), T(i) = H(2, T(i-1) + P(i)); without parts H(1 | role << 8, "")
 *     lineage            L(0) = 0, L(n) = H(3, L(n-1) + T of turn n)
 *     arguments          A    = H(0, canonical arguments), or H(5, arguments) if they are no JSON
 *     tool call          C    = H(6, H(4, name) + A) */
#ifndef CAIRN_FINGERPRINT_H
#define CAIRN_FINGERPRINT_H

#include "cairn_bytes.h"
#include "cairn_json.h"
#include "cairn_status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when any rule above changes: stored fingerprints of other versions never compare equal. */
#define CAIRN_FINGERPRINT_VERSION 1
#define CAIRN_FINGERPRINT_BYTES 17 /* as stored: the version, then 16 bytes, most significant first */

typedef struct cairn_fingerprint {
    uint64_t high, low;
} cairn_fingerprint;

static inline bool cairn_fingerprint_equal(cairn_fingerprint a, cairn_fingerprint b) {
    return a.high == b.high && a.low == b.low;
}

/* The fingerprint of bytes as they are: H(0, bytes). Cost: one pass, about 20 GB/s. */
cairn_fingerprint cairn_fingerprint_of(const uint8_t *bytes, size_t length);

/* One part of a turn. `kind` is the caller's number for text, tool call, image, ...; such numbers are stored
 * in fingerprints and must never change their meaning. */
typedef struct cairn_fingerprint_part {
    cairn_span content;
    uint8_t kind;
} cairn_fingerprint_part;

/* The fingerprint of a turn: of its role (the caller's number, as above) and its parts in their order.
 * Borrows all. */
cairn_fingerprint cairn_fingerprint_turn(
    uint8_t role, const cairn_fingerprint_part *parts, size_t part_count);

/* Where every lineage starts. */
#define CAIRN_FINGERPRINT_LINEAGE_START ((cairn_fingerprint){0, 0})

/* The fingerprint of the lineage that `turn` makes of `lineage`. Cost: one hash of 32 bytes. */
cairn_fingerprint cairn_fingerprint_lineage(cairn_fingerprint lineage, cairn_fingerprint turn);

/* The fingerprint of a tool call: key order, white space and escapes in `arguments` do not matter, the
 * spelling of numbers does ({"a":1}, {"a":1.0} and {"a":"1"} differ). Arguments that are no JSON document
 * count as they are. Borrows all; allocates nothing: `nodes` and `scratch` are the caller's work space, with
 * cairn_json_nodes_bound(length) nodes at most needed, and cairn_json_scratch_bound(capacity) entries.
 * CAIRN_ERR_NO_SPACE when `capacity` nodes were not enough; *out_fingerprint is then untouched. Cost: one
 * parse, one canonical pass, one hash. */
cairn_status cairn_fingerprint_tool_call(cairn_span name, cairn_span arguments, cairn_json_node *nodes,
    size_t capacity, uint32_t *scratch, cairn_fingerprint *out_fingerprint);

/* Writes the stored form. */
void cairn_fingerprint_write(cairn_fingerprint fingerprint, uint8_t out[CAIRN_FINGERPRINT_BYTES]);

/* Reads the stored form. CAIRN_ERR_INCOMPLETE for fewer bytes, CAIRN_ERR_TOO_BIG for more, CAIRN_ERR_ARGUMENT
 * for another version. */
cairn_status cairn_fingerprint_read(const uint8_t *bytes, size_t length, cairn_fingerprint *out_fingerprint);

#ifdef __cplusplus
}
#endif

#endif

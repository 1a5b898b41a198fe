/* cairn_fingerprint.c: the digests of cairn_fingerprint.h. xxHash is included whole, so that short inputs are
 * hashed without a call. */
#include "cairn_fingerprint.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What is hashed; the first byte of a seed. */
enum {
    SEED_BYTES = 0,
    SEED_PART = 1,
    SEED_PARTS = 2,
    SEED_LINEAGE = 3,
    SEED_TOOL_NAME = 4,
    SEED_TOOL_TEXT = 5,
    SEED_TOOL_CALL = 6
};

static inline cairn_fingerprint hash(uint64_t seed, const uint8_t *bytes, size_t length) {
    const XXH128_hash_t digest = XXH3_128bits_withSeed(bytes, length, seed);
    return (cairn_fingerprint){digest.high64, digest.low64};
}

/* The value's eight bytes, most significant first. */
static inline void put_big_endian(uint64_t value, uint8_t *out) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(out, &value, sizeof value);
}

static inline uint64_t get_big_endian(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline cairn_fingerprint fold(uint64_t seed, cairn_fingerprint first, cairn_fingerprint second) {
    uint8_t both[32];
    put_big_endian(first.high, both);
    put_big_endian(first.low, both + 8);
    put_big_endian(second.high, both + 16);
    put_big_endian(second.low, both + 24);
    return hash(seed, both, sizeof both);
}

cairn_fingerprint cairn_fingerprint_of(const uint8_t *bytes, size_t length) {
    return hash(SEED_BYTES, bytes, length);
}

cairn_fingerprint cairn_fingerprint_turn(
    uint8_t role, const cairn_fingerprint_part *parts, size_t part_count) {
    const uint64_t seed = SEED_PART | (uint64_t)role << 8;
    if (part_count == 0) return hash(seed, NULL, 0);
    cairn_fingerprint turn = {0};
    for (size_t i = 0; i < part_count; i += 1) {
        const uint64_t part_seed = seed | (uint64_t)parts[i].kind << 16 | (uint64_t)i << 32;
        const cairn_fingerprint part = hash(part_seed, parts[i].content.bytes, parts[i].content.length);
        turn = i == 0 ? part : fold(SEED_PARTS, turn, part);
    }
    return turn;
}

cairn_fingerprint cairn_fingerprint_lineage(cairn_fingerprint lineage, cairn_fingerprint turn) {
    return fold(SEED_LINEAGE, lineage, turn);
}

/* Tool calls */

static cairn_status add_to_hash(void *context, const uint8_t *bytes, size_t length) {
    XXH3_128bits_update(context, bytes, length);
    return CAIRN_OK;
}

static cairn_fingerprint hash_canonical(
    const uint8_t *text, const cairn_json_node *nodes, uint32_t *scratch) {
    XXH3_state_t state; /* 576 bytes */
    XXH3_128bits_reset(&state);
    const cairn_json_sink sink = {add_to_hash, &state};
    cairn_json_canonical_write(text, nodes, 0, scratch, &sink); /* cannot fail: the sink does not */
    const XXH128_hash_t digest = XXH3_128bits_digest(&state);
    return (cairn_fingerprint){digest.high64, digest.low64};
}

cairn_status cairn_fingerprint_tool_call(cairn_span name, cairn_span arguments, cairn_json_node *nodes,
    size_t capacity, uint32_t *scratch, cairn_fingerprint *out_fingerprint) {
    size_t count = 0, error_offset = 0;
    const cairn_status status =
        cairn_json_parse(arguments.bytes, arguments.length, nodes, capacity, &count, &error_offset);
    if (status == CAIRN_ERR_NO_SPACE) return status;
    const cairn_fingerprint what = hash(SEED_TOOL_NAME, name.bytes, name.length);
    const cairn_fingerprint with = status == CAIRN_OK
                                       ? hash_canonical(arguments.bytes, nodes, scratch)
                                       : hash(SEED_TOOL_TEXT, arguments.bytes, arguments.length);
    *out_fingerprint = fold(SEED_TOOL_CALL, what, with);
    return CAIRN_OK;
}

/* Stored form */

void cairn_fingerprint_write(cairn_fingerprint fingerprint, uint8_t out[CAIRN_FINGERPRINT_BYTES]) {
    out[0] = CAIRN_FINGERPRINT_VERSION;
    put_big_endian(fingerprint.high, out + 1);
    put_big_endian(fingerprint.low, out + 9);
}

cairn_status cairn_fingerprint_read(const uint8_t *bytes, size_t length, cairn_fingerprint *out_fingerprint) {
    if (length < CAIRN_FINGERPRINT_BYTES) return CAIRN_ERR_INCOMPLETE;
    if (length > CAIRN_FINGERPRINT_BYTES) return CAIRN_ERR_TOO_BIG;
    if (bytes[0] != CAIRN_FINGERPRINT_VERSION) return CAIRN_ERR_ARGUMENT;
    *out_fingerprint = (cairn_fingerprint){get_big_endian(bytes + 1), get_big_endian(bytes + 9)};
    return CAIRN_OK;
}

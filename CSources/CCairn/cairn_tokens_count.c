/* cairn_tokens_count.c: counting, cutting and encoding text; the cache. */
#include "cairn_tokens_int.h"

uint32_t cairn_tokens_count_long(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *bytes, size_t length) {
    const uint32_t hash = cairn_tokens_long_hash(bytes, length);
    const bool is_cached = cache != NULL && length <= CAIRN_TOKENS_CACHE_LONG_BYTES;
    const size_t slot = hash % CAIRN_TOKENS_CACHE_LONGS;
    if (is_cached && cache->longs[slot].length == length && memcmp(cache->longs[slot].bytes, bytes, length) == 0)
        return cache->longs[slot].count;
    uint32_t count = 1;
    size_t offset;
    if (cairn_tokens_find_long(self, bytes, length, hash) == CAIRN_TOKENS_NONE)
        count = cairn_tokens_merge(self, bytes, length, UINT32_MAX, &offset, NULL);
    if (is_cached) {
        cache->longs[slot].length = (uint32_t)length;
        cache->longs[slot].count = count;
        memcpy(cache->longs[slot].bytes, bytes, length);
    }
    return count;
}

uint32_t cairn_tokens_count_new(
    const cairn_tokens *self, uint64_t (*row)[2], const uint8_t *bytes, cairn_tokens_key key) {
    const size_t length = (size_t)(key.high >> 56);
    uint32_t count = 1;
    size_t offset;
    if (cairn_tokens_short_slot(self, key) == CAIRN_TOKENS_NONE)
        count = cairn_tokens_merge(self, bytes, length, UINT32_MAX, &offset, NULL);
    if (row != NULL) { /* the oldest of the row goes */
        memmove(row[1], row[0], 3 * sizeof row[0]);
        row[0][0] = key.low;
        row[0][1] = key.high | (uint64_t)count << CAIRN_TOKENS_COUNT_SHIFT;
    }
    return count;
}

/* The number of tokens of a pre-token; `readable` bytes may be read, `length` or more. */
static uint32_t count_pretoken(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *bytes, size_t length, size_t readable) {
    if (length > CAIRN_TOKENS_SHORT_BYTES) return cairn_tokens_count_long(self, cache, bytes, length);
    const cairn_tokens_key key = cairn_tokens_key_of(bytes, length, readable);
    if (cache == NULL) return cairn_tokens_count_new(self, NULL, bytes, key);
    uint64_t(*row)[2] = cairn_tokens_cache_row(cache, key);
    for (int i = 0; i < 4; i += 1)
        if (row[i][0] == key.low && (row[i][1] & ~CAIRN_TOKENS_COUNT_MASK) == key.high)
            return (uint32_t)(row[i][1] >> CAIRN_TOKENS_COUNT_SHIFT);
    return cairn_tokens_count_new(self, row, bytes, key);
}

/* The cache if it belongs to this vocabulary. */
static cairn_tokens_cache *own_cache(const cairn_tokens *self, cairn_tokens_cache *cache) {
    return cache != NULL && cache->stamp == self->stamp ? cache : NULL;
}

void cairn_tokens_cache_init(cairn_tokens_cache *self, const cairn_tokens *tokens) {
    memset(self, 0, sizeof *self);
    self->stamp = tokens->stamp;
}

cairn_status cairn_tokens_count(
    const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text, size_t length, uint32_t *out_count) {
    if (length > CAIRN_TOKENS_INPUT_MAX) return CAIRN_ERR_TOO_BIG;
    cairn_tokens_text split = {.bytes = text, .length = length};
    cache = own_cache(self, cache);
#if CAIRN_BYTES_HAS_AVX2
    const bool has_blocks = cairn_bytes_can_avx2() != 0;
#endif
    uint32_t count = 0;
    size_t position = 0, end;
    while (cairn_tokens_next(self->splitter, &split, position, &end)) {
        count += count_pretoken(self, cache, text + position, end - position, length - position);
        position = end;
#if CAIRN_BYTES_HAS_AVX2
        if (has_blocks && position < split.part_end)
            count += cairn_tokens_count_blocks_avx2(self, cache, text, split.part_end, &position);
#endif
    }
    *out_count = count;
    return CAIRN_OK;
}

/* True when `length` bytes have more than `limit` tokens, however they are split: none is longer than the longest. */
static bool are_surely_more(const cairn_tokens *self, size_t length, uint32_t limit) {
    return length > (uint64_t)limit * self->token_bytes_max;
}

cairn_status cairn_tokens_count_up_to(const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text,
    size_t length, uint32_t limit, uint32_t *out_count) {
    if (length > CAIRN_TOKENS_INPUT_MAX) return CAIRN_ERR_TOO_BIG;
    cairn_tokens_text split = {.bytes = text, .length = length};
    cache = own_cache(self, cache);
    uint32_t count = 0;
    size_t position = 0, end;
    bool is_more = are_surely_more(self, length, limit);
    while (!is_more && cairn_tokens_next(self->splitter, &split, position, &end)) {
        count += count_pretoken(self, cache, text + position, end - position, length - position);
        position = end;
        is_more = count > limit || are_surely_more(self, length - position, limit - count);
    }
    *out_count = is_more ? limit + 1 : count;
    return CAIRN_OK;
}

/* The longest front of a pre-token's tokens, more than `limit`, that has at most that many and ends between two
 * characters. */
static uint32_t split_pretoken(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t limit,
    size_t *out_offset) {
    for (; limit > 0; limit -= 1) { /* at most 3 times: a character has at most 4 tokens */
        cairn_tokens_merge(self, bytes, length, limit, out_offset, NULL);
        if ((bytes[*out_offset] & 0xC0) != 0x80) return limit;
    }
    *out_offset = 0;
    return 0;
}

cairn_status cairn_tokens_split(const cairn_tokens *self, cairn_tokens_cache *cache, const uint8_t *text, size_t length,
    uint32_t limit, size_t *out_offset, uint32_t *out_count) {
    if (length > CAIRN_TOKENS_INPUT_MAX) return CAIRN_ERR_TOO_BIG;
    cairn_tokens_text split = {.bytes = text, .length = length};
    cache = own_cache(self, cache);
    uint32_t count = 0;
    size_t position = 0, end;
    while (cairn_tokens_next(self->splitter, &split, position, &end)) {
        const size_t bytes = end - position;
        const uint32_t more = are_surely_more(self, bytes, limit - count)
                                  ? UINT32_MAX
                                  : count_pretoken(self, cache, text + position, bytes, length - position);
        if (more > limit - count) {
            size_t offset = 0;
            count += split_pretoken(self, text + position, bytes, limit - count, &offset);
            position += offset;
            break;
        }
        count += more;
        position = end;
    }
    *out_offset = position;
    *out_count = count;
    return CAIRN_OK;
}

cairn_status cairn_tokens_encode(const cairn_tokens *self, const uint8_t *text, size_t length, uint32_t *out_ids,
    size_t capacity, uint32_t *out_count) {
    if (length > CAIRN_TOKENS_INPUT_MAX) return CAIRN_ERR_TOO_BIG;
    if (capacity < length) return CAIRN_ERR_NO_SPACE;
    cairn_tokens_text split = {.bytes = text, .length = length};
    uint32_t count = 0;
    size_t position = 0, end, offset;
    while (cairn_tokens_next(self->splitter, &split, position, &end)) {
        const size_t bytes = end - position;
        uint32_t token;
        if (bytes <= CAIRN_TOKENS_SHORT_BYTES) {
            token = cairn_tokens_find_short(self, cairn_tokens_key_of(text + position, bytes, bytes));
        } else {
            token = cairn_tokens_find_long(
                self, text + position, bytes, cairn_tokens_long_hash(text + position, bytes));
        }
        if (token != CAIRN_TOKENS_NONE) {
            out_ids[count] = token;
            count += 1;
        } else {
            count += cairn_tokens_merge(self, text + position, bytes, UINT32_MAX, &offset, out_ids + count);
        }
        position = end;
    }
    for (uint32_t i = 0; i < count; i += 1) out_ids[i] = cairn_tokens_get32(self->ids, out_ids[i]);
    *out_count = count;
    return CAIRN_OK;
}

/* How many bytes at the end begin a character that is cut off: 0 to 3. */
static size_t cut_bytes(const uint8_t *text, size_t length) {
    for (size_t bytes = 1; bytes <= 3 && bytes <= length; bytes += 1) {
        const uint8_t *last = text + length - bytes;
        if ((last[0] & 0xC0) == 0x80) continue;
        const size_t wanted = last[0] >= 0xF0 ? 4 : last[0] >= 0xE0 ? 3 : last[0] >= 0xC0 ? 2 : 1;
        return wanted > bytes ? bytes : 0;
    }
    return 0;
}

cairn_status cairn_tokens_append(
    const cairn_tokens *self, const uint8_t *tail, size_t length, cairn_tokens_front *front, uint32_t *out_count) {
    if (length > CAIRN_TOKENS_INPUT_MAX) return CAIRN_ERR_TOO_BIG;
    /* What may still become a character is looked at as the end: nothing that depends on it is settled. */
    const size_t certain = length - cut_bytes(tail, length);
    cairn_tokens_text split = {.bytes = tail, .length = length};
    cairn_tokens_front settled = *front;
    uint64_t tokens = front->tokens;
    size_t position = 0, end;
    bool is_settled = true;
    while (cairn_tokens_next(self->splitter, &split, position, &end)) {
        is_settled = is_settled && position < certain && !(split.has_looked_at_end && split.part_end >= certain);
        split.has_looked_at_end = false;
        tokens += count_pretoken(self, NULL, tail + position, end - position, length - position);
        position = end;
        if (is_settled) settled = (cairn_tokens_front){front->bytes + position, tokens};
    }
    if (tokens > UINT32_MAX) return CAIRN_ERR_TOO_BIG;
    *front = settled;
    *out_count = (uint32_t)tokens;
    return CAIRN_OK;
}

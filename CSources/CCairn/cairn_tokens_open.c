/* cairn_tokens_open.c: opening a vocabulary file: its checks, and the look-up of whole pre-tokens. */
#include "cairn_tokens_int.h"

/* Places the next section of `entries` entries. False when it does not fit. */
static bool take(const uint8_t *bytes, uint64_t file_bytes, uint64_t *position, uint64_t entries, uint64_t entry_bytes,
    const uint8_t **out_section) {
    const uint64_t size = entries * entry_bytes; /* below 2^32 * 16 */
    if (size > file_bytes - *position) return false;
    *out_section = bytes + *position;
    *position += size;
    const uint64_t over = *position % CAIRN_TOKENS_SECTION_ALIGN;
    if (over > 0) *position += CAIRN_TOKENS_SECTION_ALIGN - over;
    return *position <= file_bytes;
}

/* The sum of all words and the sum of all sums on the way (after J. Fletcher, "An Arithmetic Checksum for Serial
 * Transmissions", 1982), modulo 2^64. It tells damage from soundness, not a forger's file from ours. */
static bool has_right_sums(const uint8_t *bytes, size_t length) {
    uint64_t sum = 0, sum_of_sums = 0;
    for (size_t i = CAIRN_TOKENS_SUMMED_FROM / 8; i < length / 8; i += 1) {
        sum += cairn_tokens_get64(bytes, i);
        sum_of_sums += sum;
    }
    return sum == cairn_tokens_get64(bytes, 3) && sum_of_sums == cairn_tokens_get64(bytes, 4);
}

static bool has_empty_slot(const uint8_t *table, uint32_t slots) {
    for (uint32_t i = 0; i < slots; i += 1)
        if (cairn_tokens_get64(table, i) == CAIRN_TOKENS_EMPTY) return true;
    return false;
}

static bool are_shorts_sound(const cairn_tokens *self) {
    bool has_empty = false;
    for (uint32_t i = 0; i < self->short_slots; i += 1) {
        has_empty |= cairn_tokens_get64(self->short_keys, 2 * (size_t)i + 1) == 0;
        if (cairn_tokens_get32(self->short_tokens, i) >= self->token_count) return false;
    }
    return has_empty;
}

static bool are_longs_sound(const cairn_tokens *self) {
    for (uint32_t i = 0; i < self->long_slots; i += 1) {
        const uint64_t entry = cairn_tokens_get64(self->longs, i);
        if (entry != CAIRN_TOKENS_EMPTY && entry >> 32 >= self->token_count) return false;
    }
    return has_empty_slot(self->longs, self->long_slots);
}

static bool are_pairs_sound(const cairn_tokens *self) {
    for (uint32_t i = 0; i < self->pair_slots; i += 1) {
        const uint64_t entry = cairn_tokens_get64(self->pairs, i);
        if (entry != CAIRN_TOKENS_EMPTY && entry >> 2 * CAIRN_TOKENS_TOKEN_BITS >= self->token_count) return false;
    }
    return has_empty_slot(self->pairs, self->pair_slots);
}

static bool are_edges_sound(const cairn_tokens *self) {
    for (uint32_t i = 0; i < self->edge_slots; i += 1) {
        const uint64_t entry = cairn_tokens_get64(self->edges, i);
        if (entry != CAIRN_TOKENS_EMPTY && (uint32_t)entry >= self->node_count) return false;
    }
    return has_empty_slot(self->edges, self->edge_slots);
}

/* Parts below the token, fronts that get shorter, lengths that fit the bytes: what the merging relies on to end. */
static bool are_tokens_sound(const cairn_tokens *self, uint32_t byte_count) {
    uint32_t end_before = 0;
    for (uint32_t i = 0; i < self->token_count; i += 1) {
        const uint32_t left = cairn_tokens_get32(self->splits, 2 * (size_t)i);
        const uint32_t right = cairn_tokens_get32(self->splits, 2 * (size_t)i + 1);
        const uint32_t shorter = cairn_tokens_get32(self->shorter, i), end = cairn_tokens_get32(self->ends, i);
        const uint32_t length = self->lengths[i];
        if (i >= 256 && (left >= i || right >= i)) return false;
        if (i < 256 && length != 1) return false;
        if (shorter != CAIRN_TOKENS_NONE && (shorter >= self->token_count || self->lengths[shorter] >= length))
            return false;
        if (length == 0 || length > self->token_bytes_max) return false;
        if (end < end_before || end - end_before != length || end > byte_count) return false;
        end_before = end;
    }
    return end_before == byte_count;
}

/* Every byte must be a token, and the trie must know it: so every text has tokens. */
static bool has_all_bytes(cairn_tokens *self) {
    for (uint32_t byte = 0; byte < 256; byte += 1) {
        const uint32_t token = cairn_tokens_child(self, self->token_count, (uint8_t)byte);
        if (token >= 256 || self->bytes[token] != byte) return false;
        self->byte_tokens[byte] = token;
    }
    return true;
}

cairn_status cairn_tokens_open(const uint8_t *bytes, size_t length, cairn_tokens *out_tokens) {
    if ((uintptr_t)bytes % 8 != 0) return CAIRN_ERR_ARGUMENT;
    const size_t magic_bytes = length < 8 ? length : 8;
    if (magic_bytes > 0 && memcmp(bytes, "CairnTok", magic_bytes) != 0) return CAIRN_ERR_SYNTAX;
    if (length < CAIRN_TOKENS_HEAD_BYTES) return CAIRN_ERR_INCOMPLETE;

    cairn_tokens self = {0};
    const uint64_t file_bytes = cairn_tokens_get64(bytes, 2);
    const uint32_t splitter = cairn_tokens_get32(bytes, 3), byte_count = cairn_tokens_get32(bytes, 13);
    if (cairn_tokens_get32(bytes, 2) != CAIRN_TOKENS_FORMAT_VERSION) return CAIRN_ERR_SYNTAX;
    if (splitter < CAIRN_TOKENS_CL100K || splitter > CAIRN_TOKENS_DEEPSEEK) return CAIRN_ERR_SYNTAX;
    if (file_bytes > length) return CAIRN_ERR_INCOMPLETE;
    if (file_bytes < length || file_bytes % 8 != 0) return CAIRN_ERR_SYNTAX;

    self.splitter = (cairn_tokens_splitter)splitter;
    self.token_count = cairn_tokens_get32(bytes, 10);
    self.node_count = cairn_tokens_get32(bytes, 11);
    self.token_bytes_max = cairn_tokens_get32(bytes, 12);
    self.short_slots = cairn_tokens_get32(bytes, 14);
    self.long_slots = cairn_tokens_get32(bytes, 15);
    self.pair_slots = cairn_tokens_get32(bytes, 16);
    self.edge_slots = cairn_tokens_get32(bytes, 17);
    self.name = (const char *)bytes + 72;
    self.stamp = cairn_tokens_get64(bytes, 4);
    if (self.token_count < 256 || self.token_count > UINT32_C(1) << CAIRN_TOKENS_TOKEN_BITS) return CAIRN_ERR_SYNTAX;
    if (self.node_count <= self.token_count || self.node_count > UINT32_C(1) << CAIRN_TOKENS_NODE_BITS)
        return CAIRN_ERR_SYNTAX;
    if (self.token_bytes_max == 0 || self.token_bytes_max > UINT8_MAX) return CAIRN_ERR_SYNTAX;
    if (memchr(self.name, 0, CAIRN_TOKENS_NAME_BYTES) == NULL) return CAIRN_ERR_SYNTAX;

    uint64_t position = CAIRN_TOKENS_HEAD_BYTES;
    const struct {
        uint64_t entries, entry_bytes;
        const uint8_t **section;
    } sections[] = {{self.short_slots, 16, &self.short_keys}, {self.short_slots, 4, &self.short_tokens},
        {self.long_slots, 8, &self.longs}, {self.pair_slots, 8, &self.pairs}, {self.edge_slots, 8, &self.edges},
        {self.token_count, 8, &self.splits}, {self.token_count, 4, &self.shorter}, {self.token_count, 4, &self.ends},
        {self.token_count, 4, &self.ids}, {self.token_count, 1, &self.lengths}, {byte_count, 1, &self.bytes}};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i += 1)
        if (!take(bytes, file_bytes, &position, sections[i].entries, sections[i].entry_bytes, sections[i].section))
            return CAIRN_ERR_SYNTAX;
    if (position != file_bytes) return CAIRN_ERR_SYNTAX;

    if (!has_right_sums(bytes, length) || !are_tokens_sound(&self, byte_count) || !are_shorts_sound(&self) ||
        !are_longs_sound(&self) || !are_pairs_sound(&self) || !are_edges_sound(&self) || !has_all_bytes(&self))
        return CAIRN_ERR_SYNTAX;
    *out_tokens = self;
    return CAIRN_OK;
}

const char *cairn_tokens_name(const cairn_tokens *self) {
    return self->name;
}

uint32_t cairn_tokens_short_slot(const cairn_tokens *self, cairn_tokens_key key) {
    const uint32_t hash = (uint32_t)(cairn_tokens_short_hash(key.low, key.high) >> 32);
    for (uint32_t slot = cairn_tokens_slot(hash, self->short_slots);;) {
        const uint64_t entry_low = cairn_tokens_get64(self->short_keys, 2 * (size_t)slot);
        const uint64_t entry_high = cairn_tokens_get64(self->short_keys, 2 * (size_t)slot + 1);
        if (entry_low == key.low && entry_high == key.high) return slot;
        if (entry_high == 0) return CAIRN_TOKENS_NONE; /* the length is never 0 */
        slot = slot + 1 == self->short_slots ? 0 : slot + 1;
    }
}

uint32_t cairn_tokens_find_short(const cairn_tokens *self, cairn_tokens_key key) {
    const uint32_t slot = cairn_tokens_short_slot(self, key);
    return slot == CAIRN_TOKENS_NONE ? CAIRN_TOKENS_NONE : cairn_tokens_get32(self->short_tokens, slot);
}

uint32_t cairn_tokens_long_hash(const uint8_t *bytes, size_t length) {
    uint64_t hash = length * CAIRN_TOKENS_MULTIPLIER_1;
    for (size_t start = 0; start < length; start += 8) {
        uint8_t word[8] = {0};
        memcpy(word, bytes + start, length - start < 8 ? length - start : 8);
        hash = (hash ^ cairn_tokens_get64(word, 0)) * CAIRN_TOKENS_MULTIPLIER_0;
        hash ^= hash >> 29;
    }
    return (uint32_t)(hash >> 32);
}

uint32_t cairn_tokens_find_long(const cairn_tokens *self, const uint8_t *bytes, size_t length, uint32_t hash) {
    if (length > self->token_bytes_max) return CAIRN_TOKENS_NONE;
    for (uint32_t slot = cairn_tokens_slot(hash, self->long_slots);;) {
        const uint64_t entry = cairn_tokens_get64(self->longs, slot);
        if (entry == CAIRN_TOKENS_EMPTY) return CAIRN_TOKENS_NONE;
        const uint32_t token = (uint32_t)(entry >> 32);
        if ((uint32_t)entry == hash && self->lengths[token] == length &&
            memcmp(self->bytes + cairn_tokens_get32(self->ends, token) - length, bytes, length) == 0)
            return token;
        slot = slot + 1 == self->long_slots ? 0 : slot + 1;
    }
}

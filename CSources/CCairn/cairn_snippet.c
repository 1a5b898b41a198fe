/* cairn_snippet.c: the pass over a text from trigger to trigger, and the set of the values found.
 *
 * The text is marked in chunks of 4 KiB, so that the masks stay in the first-level cache. A word is looked at
 * once, at its first trigger: `consumed` then lies behind it. That, the limits on what is looked at behind a
 * word, and a hash table with a bounded number of probes make the pass linear on any input. */
#include "cairn_snippet_int.h"

enum { CHUNK_BLOCKS = 64, SLOTS_MIN = 1024 };

/* The set of values */

static size_t slots_for(size_t capacity) {
    size_t slots = 16;
    while (slots < 2 * capacity) slots *= 2;
    return slots;
}

size_t cairn_snippet_bound(size_t length) {
    return length / 2 + 1;
}

size_t cairn_snippet_scratch_bound(size_t capacity) {
    return capacity + slots_for(capacity);
}

/* Four or eight bytes as a little-endian number, so that every machine has the same hashes. */
static uint64_t low_bytes(const uint8_t *bytes, size_t count) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i += 1) word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/* The last bytes of a value; from eight on they may overlap those already hashed. */
static uint64_t last_bytes(const uint8_t *bytes, size_t length) {
    if (length >= 8) return low_bytes(bytes + length - 8, 8);
    if (length >= 4) return low_bytes(bytes, 4) | low_bytes(bytes + length - 4, 4) << 32;
    return (uint64_t)bytes[0] | (uint64_t)bytes[length / 2] << 8 | (uint64_t)bytes[length - 1] << 16;
}

/* Multiply and fold, eight bytes a step. `length` is at least 1. */
static uint32_t hash_of(const uint8_t *bytes, size_t length, cairn_snippet_type type) {
    const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = (length << 8 | (uint64_t)type) * factor;
    for (size_t index = 0; index + 8 < length; index += 8) {
        hash = (hash ^ low_bytes(bytes + index, 8)) * factor;
        hash ^= hash >> 29;
    }
    hash = (hash ^ last_bytes(bytes, length)) * factor;
    return (uint32_t)(hash >> 32);
}

static void clear_slots(cairn_snippet_finder *self, size_t slot_count) {
    self->slot_count = slot_count;
    memset(self->slots, 0, slot_count * sizeof self->slots[0]);
}

static void put_in_slot(cairn_snippet_finder *self, size_t snippet) {
    size_t slot = self->hashes[snippet] & (self->slot_count - 1);
    for (uint32_t probe = 0; probe < CAIRN_SNIPPET_PROBES_MAX; probe += 1) {
        if (self->slots[slot] == 0) {
            self->slots[slot] = (uint32_t)snippet + 1;
            return;
        }
        slot = (slot + 1) & (self->slot_count - 1);
    }
}

/* Twice the slots, as long as the scratch space has them: small texts do not pay for clearing room that large
 * ones need. */
static void grow_slots(cairn_snippet_finder *self) {
    clear_slots(self, self->slot_count * 2);
    for (size_t i = 0; i < self->count; i += 1) put_in_slot(self, i);
}

/* The value equal to text[start ..< end], or NULL. */
static cairn_snippet *find_equal(
    const cairn_snippet_finder *self, cairn_snippet_type type, size_t start, size_t end, uint32_t hash) {
    size_t slot = hash & (self->slot_count - 1);
    for (uint32_t probe = 0; probe < CAIRN_SNIPPET_PROBES_MAX && self->slots[slot] != 0; probe += 1) {
        const uint32_t index = self->slots[slot] - 1;
        cairn_snippet *snippet = &self->snippets[index];
        if (self->hashes[index] == hash && snippet->type == type &&
            snippet->end - snippet->start == end - start &&
            memcmp(self->text + snippet->start, self->text + start, end - start) == 0)
            return snippet;
        slot = (slot + 1) & (self->slot_count - 1);
    }
    return NULL;
}

/* The value text[start ..< end], new or not; NULL when there is no room for it. */
static cairn_snippet *add(
    cairn_snippet_finder *self, cairn_snippet_type type, size_t start, size_t end, uint8_t importance) {
    const uint32_t hash = hash_of(self->text + start, end - start, type);
    cairn_snippet *snippet = find_equal(self, type, start, end, hash);
    if (snippet != NULL) {
        snippet->count += 1;
        if (importance > snippet->importance) snippet->importance = importance;
        return snippet;
    }
    if (self->count == self->capacity) {
        self->is_full = true;
        return NULL;
    }
    if (self->count * 2 >= self->slot_count && self->slot_count < self->slot_count_max) grow_slots(self);
    snippet = &self->snippets[self->count];
    *snippet = (cairn_snippet){(uint32_t)start, (uint32_t)end, 0, 0, 1, (uint8_t)type, importance};
    self->hashes[self->count] = hash;
    put_in_slot(self, self->count);
    self->count += 1;
    return snippet;
}

/* True when text[start ..< end] would overlap an earlier value. Takes the place otherwise. */
static bool is_taken(cairn_snippet_finder *self, size_t start, size_t end) {
    if (start < self->value_end || (start < self->reserved_end && end > self->reserved_start)) return true;
    self->value_end = end;
    return false;
}

void cairn_snippet_add(
    cairn_snippet_finder *self, cairn_snippet_type type, size_t start, size_t end, uint8_t importance) {
    if (type == CAIRN_SNIPPET_ERROR_MESSAGE || !is_taken(self, start, end))
        add(self, type, start, end, importance);
}

void cairn_snippet_add_ahead(cairn_snippet_finder *self, size_t start, size_t end, uint8_t importance) {
    if (start < self->value_end) return;
    self->reserved_start = start;
    self->reserved_end = end;
    add(self, CAIRN_SNIPPET_ERROR_CODE, start, end, importance);
}

void cairn_snippet_add_place(
    cairn_snippet_finder *self, size_t start, size_t end, uint32_t line, uint32_t column) {
    if (is_taken(self, start, end)) return;
    cairn_snippet *snippet = add(self, CAIRN_SNIPPET_PATH, start, end, line > 0 ? 90 : 70);
    if (snippet == NULL) return;
    snippet->line = line;
    snippet->column = column;
}

/* The pass */

/* A chunk of the text with its marks. */
typedef struct chunk {
    size_t start, block_count;
    cairn_snippet_marks marks[CHUNK_BLOCKS];
} chunk;

/* Where the word around `trigger`, in block `block`, ends. */
static size_t word_end(const cairn_snippet_finder *self, const chunk *chunk, size_t block, size_t trigger) {
    const size_t base = chunk->start + block * CAIRN_SNIPPET_BLOCK;
    const uint64_t above = chunk->marks[block].dividers >> (trigger - base);
    if (above != 0) return trigger + (size_t)__builtin_ctzll(above);
    for (size_t next = block + 1; next < chunk->block_count; next += 1) {
        const uint64_t dividers = chunk->marks[next].dividers;
        if (dividers != 0)
            return chunk->start + next * CAIRN_SNIPPET_BLOCK + (size_t)__builtin_ctzll(dividers);
    }
    size_t end = chunk->start + chunk->block_count * CAIRN_SNIPPET_BLOCK;
    while (end < self->length && !is_at(self, end, CLASS_DIVIDER)) end += 1;
    *self->looked_at += end - trigger;
    return end;
}

/* `level=error`, at its equals sign. */
static void at_level_key(cairn_snippet_finder *self, size_t equals) {
    const size_t start = equals + 1, end = pass_over(self, start, self->length, CLASS_LETTER);
    if (STANDS_BEFORE(self, equals, "level") && cairn_snippet_level(self, start, end) > 0)
        self->alarm_line = self->line_start + 1;
}

/* `[error] `, at the byte behind the bracket; false when it is no level. */
static bool at_bracketed_level(cairn_snippet_finder *self, size_t start) {
    if (byte_at(self, start - 1) != '[') return false;
    const size_t end = pass_over(self, start, self->length, CLASS_LOWER);
    if (byte_at(self, end) != ']' || byte_at(self, end + 1) != ' ') return false;
    if (cairn_snippet_level(self, start, end) == 0) return false;
    cairn_snippet_behind_level(self, start, end);
    self->consumed = end;
    return true;
}

static bool is_behind_quote(const cairn_snippet_finder *self, size_t index) {
    const uint8_t before = byte_at(self, index - 1);
    return before == '"' || before == '\'' || before == '`' || before == 0x98 || before == 0x9C;
}

/* Deals with the trigger at `trigger`; the word around it starts at or behind `word_start`. */
static void at_trigger(
    cairn_snippet_finder *self, const chunk *chunk, size_t block, size_t trigger, size_t word_start) {
    const uint8_t byte = self->text[trigger];
    if (byte == '\n') {
        cairn_snippet_at_line_end(self, trigger);
        self->line_start = trigger + 1;
        return;
    }
    if (byte == ' ') {
        cairn_snippet_at_colon(self, trigger - 1);
        return;
    }
    if (byte == '=') {
        at_level_key(self, trigger);
        return;
    }
    if (is_behind_quote(self, trigger)) {
        const size_t dealt = cairn_snippet_quote(self, trigger);
        if (dealt > trigger) {
            self->consumed = dealt;
            return;
        }
    }
    if (at_bracketed_level(self, trigger)) return;
    const size_t start = word_start > self->consumed ? word_start : self->consumed;
    const size_t end = word_end(self, chunk, block, trigger);
    self->consumed = end - start > CAIRN_SNIPPET_VALUE_BYTES_MAX ? end : cairn_snippet_word(self, start, end);
}

/* Goes through the triggers of a chunk. *word_start is behind the last divider seen. */
static void walk(cairn_snippet_finder *self, const chunk *chunk, size_t *word_start) {
    for (size_t block = 0; block < chunk->block_count; block += 1) {
        const size_t base = chunk->start + block * CAIRN_SNIPPET_BLOCK;
        const uint64_t dividers = chunk->marks[block].dividers;
        for (uint64_t triggers = chunk->marks[block].triggers; triggers != 0; triggers &= triggers - 1) {
            const unsigned bit = (unsigned)__builtin_ctzll(triggers);
            const size_t trigger = base + bit;
            if (trigger >= self->length) return;
            if (trigger < self->consumed) continue;
            const uint64_t below = dividers & ((UINT64_C(1) << bit) - 1);
            const size_t start = below == 0 ? *word_start : base + 64 - (size_t)__builtin_clzll(below);
            at_trigger(self, chunk, block, trigger, start);
            if (self->is_full) return;
        }
        if (dividers != 0) *word_start = base + 64 - (size_t)__builtin_clzll(dividers);
    }
}

static void pass(cairn_snippet_finder *self) {
    chunk chunk;
    cairn_snippet_carry carry = {0};
    size_t word_start = 0;
    const size_t whole = self->length / CAIRN_SNIPPET_BLOCK * CAIRN_SNIPPET_BLOCK;
    for (chunk.start = 0; chunk.start < whole && !self->is_full;
        chunk.start += chunk.block_count * CAIRN_SNIPPET_BLOCK) {
        const size_t left = (whole - chunk.start) / CAIRN_SNIPPET_BLOCK;
        chunk.block_count = left < CHUNK_BLOCKS ? left : CHUNK_BLOCKS;
        cairn_snippet_mark(self->text + chunk.start, chunk.block_count, &carry, chunk.marks);
        walk(self, &chunk, &word_start);
    }
    if (self->is_full || whole == self->length) return;
    uint8_t tail[CAIRN_SNIPPET_BLOCK] = {0}; /* NUL divides words and triggers nothing */
    memcpy(tail, self->text + whole, self->length - whole);
    chunk.start = whole;
    chunk.block_count = 1;
    cairn_snippet_mark(tail, 1, &carry, chunk.marks);
    walk(self, &chunk, &word_start);
}

cairn_status cairn_snippet_find_counted(const uint8_t *text, size_t length, cairn_snippet *snippets,
    size_t capacity, uint32_t *scratch, size_t *out_count, uint64_t *out_looked_at) {
    uint64_t looked_at = 0;
    if (length > CAIRN_SNIPPET_TEXT_BYTES_MAX) return CAIRN_ERR_TOO_BIG;
    cairn_snippet_finder self = {
        .text = text,
        .length = length,
        .snippets = snippets,
        .capacity = capacity,
        .hashes = scratch,
        .slots = scratch + capacity,
        .slot_count_max = slots_for(capacity),
        .looked_at = &looked_at,
    };
    clear_slots(&self, self.slot_count_max < SLOTS_MIN ? self.slot_count_max : SLOTS_MIN);
    pass(&self);
    if (!self.is_full) cairn_snippet_at_line_end(&self, length);
    if (self.is_full) return CAIRN_ERR_NO_SPACE;
    *out_count = self.count;
    *out_looked_at = looked_at;
    return CAIRN_OK;
}

cairn_status cairn_snippet_find(const uint8_t *text, size_t length, cairn_snippet *snippets, size_t capacity,
    uint32_t *scratch, size_t *out_count) {
    uint64_t looked_at = 0;
    return cairn_snippet_find_counted(text, length, snippets, capacity, scratch, out_count, &looked_at);
}

/* cairn_delta_index.c: the index of lines seen, and the runs of a text that stand in it.
 *
 * The lines of all texts have one numbering. For each line the hash, the start and a link backwards through
 * the places with the same hash are kept in arrays; an open-addressing table leads from a hash to its newest
 * place. Following a run is then a walk along two rows of hashes:
 *
 *     line        0  1  2  3 | 4  5  6 | 7  8  9      texts A (0..3), B (4..6), and C just read (7..9)
 *     hash        p  q  r  q | q  r  s | q  r  s
 *     link        -  -  -  1 | 3  2  -   4  5  6      C from 7: candidates 4, 3, 1; 4 gives the longest run
 *
 * Links of the text just read point to the newest place before it and become part of the chains when it is
 * added. */
#include "cairn_delta_int.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define LAST_OF_TEXT UINT32_C(0x80000000) /* in `starts` */
#define SLOTS_MIN 64
#define LINES_MIN 64
#define BATCH 32 /* lines whose slots are fetched while others are hashed */

void cairn_delta_index_init(
    cairn_delta_index *self, cairn_delta_allocator allocator, uint32_t line_count_max) {
    const bool is_given = line_count_max > 0 && line_count_max < CAIRN_DELTA_LINES_MAX;
    *self = (cairn_delta_index){
        .allocator = allocator, .line_count_max = is_given ? line_count_max : CAIRN_DELTA_LINES_MAX};
}

void cairn_delta_index_deinit(cairn_delta_index *self) {
    void *const blocks[] = {self->hashes, self->starts, self->links, self->slots, self->texts};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i += 1) {
        if (blocks[i] != NULL) cairn_delta_resize(self->allocator, blocks[i], 0);
    }
    *self = (cairn_delta_index){.allocator = self->allocator, .line_count_max = self->line_count_max};
}

/* Memory */

/* Grows one array to `count` members of `size` bytes. False when there is no memory; it is then as before. */
static bool grow(cairn_delta_allocator allocator, void *array, size_t count, size_t size) {
    void *before;
    size_t bytes = 0;
    memcpy(&before, array, sizeof before); /* `array` is the address of a pointer of any type */
    if (__builtin_mul_overflow(count, size, &bytes)) return false;
    void *const after = cairn_delta_resize(allocator, before, bytes);
    if (after == NULL) return false;
    memcpy(array, &after, sizeof after);
    return true;
}

static size_t grown_capacity(size_t capacity, size_t wanted, size_t least) {
    size_t grown = capacity < least ? least : capacity;
    while (grown < wanted) grown *= 2;
    return grown;
}

static bool reserve_lines(cairn_delta_index *self, size_t count) {
    if (count <= self->line_capacity) return true;
    const size_t more = self->line_capacity + self->line_capacity / 4; /* kept for a session: not twice as much */
    const size_t least = more < LINES_MIN ? LINES_MIN : more;
    const size_t capacity = count > least ? count : least;
    if (!grow(self->allocator, &self->hashes, capacity, sizeof *self->hashes) ||
        !grow(self->allocator, &self->starts, capacity, sizeof *self->starts) ||
        !grow(self->allocator, &self->links, capacity, sizeof *self->links))
        return false;
    self->line_capacity = capacity;
    return true;
}

static bool reserve_text(cairn_delta_index *self) {
    if (self->text_count < self->text_capacity) return true;
    const size_t capacity = grown_capacity(self->text_capacity, self->text_count + 1, 8);
    if (!grow(self->allocator, &self->texts, capacity, sizeof *self->texts)) return false;
    self->text_capacity = capacity;
    return true;
}

/* The hash table */

static inline uint64_t slot_of(uint64_t hash, uint32_t line) {
    return (hash & ~UINT64_C(0xFFFFFFFF)) | (line + 1);
}

/* The place of a hash in the table: the slot that holds it, or the empty one where it belongs. NULL when
 * neither is near. */
static inline uint64_t *place_of(uint64_t *slots, size_t slot_count, const uint64_t *hashes, uint64_t hash) {
    const size_t mask = slot_count - 1;
    size_t index = (size_t)hash & mask;
    for (size_t probes = 0; probes < CAIRN_DELTA_PROBES_MAX; probes += 1) {
        const uint64_t slot = slots[index];
        const bool is_like = slot != 0 && (slot ^ hash) >> 32 == 0;
        if (slot == 0 || (is_like && hashes[(uint32_t)slot - 1] == hash)) return &slots[index];
        index = (index + 1) & mask;
    }
    return NULL;
}

/* 1 + the newest line with this hash, 0 if there is none. */
static inline uint32_t newest(const cairn_delta_index *self, uint64_t hash) {
    const uint64_t *place = place_of(self->slots, self->slot_count, self->hashes, hash);
    return place == NULL ? 0 : (uint32_t)*place;
}

static inline void insert(cairn_delta_index *self, uint32_t line) {
    const uint64_t hash = self->hashes[line];
    uint64_t *place = place_of(self->slots, self->slot_count, self->hashes, hash);
    self->links[line] = place == NULL ? 0 : (uint32_t)*place;
    if (place == NULL) return;
    self->slots_used += *place == 0;
    *place = slot_of(hash, line);
}

static inline void prefetch(const cairn_delta_index *self, uint64_t hash) {
    __builtin_prefetch(&self->slots[(size_t)hash & (self->slot_count - 1)]);
}

/* Inserts lines in order; later ones become the newest. */
static void insert_lines(cairn_delta_index *self, uint32_t first, uint32_t end) {
    for (uint32_t base = first; base < end; base += BATCH) {
        const uint32_t stop = end - base < BATCH ? end : base + BATCH;
        for (uint32_t line = base; line < stop; line += 1) prefetch(self, self->hashes[line]);
        for (uint32_t line = base; line < stop; line += 1) insert(self, line);
    }
}

/* Makes room for `more` hashes: the table is at most half full. */
static bool reserve_slots(cairn_delta_index *self, size_t more) {
    const size_t wanted = (self->slots_used + more) * 2;
    if (wanted <= self->slot_count) return true;
    const size_t count = grown_capacity(self->slot_count, wanted, SLOTS_MIN);
    uint64_t *slots = NULL;
    if (!grow(self->allocator, &slots, count, sizeof *slots)) return false;
    memset(slots, 0, count * sizeof *slots);
    self->slots_used = 0;
    for (size_t i = 0; i < self->slot_count; i += 1) {
        if (self->slots[i] == 0) continue;
        const uint64_t hash = self->hashes[(uint32_t)self->slots[i] - 1];
        uint64_t *place = place_of(slots, count, self->hashes, hash);
        if (place == NULL) continue; /* too far away: this line is not found any more */
        *place = self->slots[i];
        self->slots_used += 1;
    }
    if (self->slots != NULL) cairn_delta_resize(self->allocator, self->slots, 0);
    self->slots = slots;
    self->slot_count = count;
    return true;
}

/* Empties the table in as many steps as there are lines. A slot in use is reached from its own home without
 * crossing a slot that was never used, so clearing up to the next empty one from each line's home reaches
 * every slot: whoever emptied one in between went on behind it. */
static void clear_slots(cairn_delta_index *self) {
    const size_t mask = self->slot_count - 1;
    for (uint32_t line = 0; line < self->line_count; line += 1) {
        for (size_t i = (size_t)self->hashes[line] & mask; self->slots[i] != 0; i = (i + 1) & mask)
            self->slots[i] = 0;
    }
    self->slots_used = 0;
}

/* Texts */

void cairn_delta_index_reset(cairn_delta_index *self) {
    clear_slots(self);
    self->line_count = 0;
    self->text_count = 0;
    self->has_fresh = false;
}

/* Behind the content of a line of the text just read: its LF, or the end of the text. */
static inline uint32_t content_end(const cairn_delta_text *text, const uint32_t *starts, uint32_t line) {
    if (line + 1 < text->line_count) return (starts[line + 1] & ~LAST_OF_TEXT) - 1;
    return text->bytes - text->is_terminated;
}

/* Hashes the lines of `text` and looks each of them up. */
static void hash_lines(cairn_delta_index *self, const cairn_delta_text *text, const uint8_t *bytes) {
    const uint32_t *starts = self->starts + text->first_line;
    uint64_t *hashes = self->hashes + text->first_line;
    uint32_t *links = self->links + text->first_line;
    for (uint32_t base = 0; base < text->line_count; base += BATCH) {
        const uint32_t stop = text->line_count - base < BATCH ? text->line_count : base + BATCH;
        for (uint32_t line = base; line < stop; line += 1) {
            const uint32_t start = starts[line];
            hashes[line] = XXH3_64bits(bytes + start, content_end(text, starts, line) - start);
            if (self->slots_used > 0) prefetch(self, hashes[line]);
        }
        for (uint32_t line = base; line < stop; line += 1)
            links[line] = self->slots_used > 0 ? newest(self, hashes[line]) : 0;
    }
}

cairn_status cairn_delta_index_read(cairn_delta_index *self, const uint8_t *bytes, size_t length) {
    self->has_fresh = false;
    if (length > CAIRN_DELTA_TEXT_BYTES_MAX) return CAIRN_ERR_TOO_BIG;
    const size_t count = cairn_delta_line_count(bytes, length);
    if (count > self->line_count_max - self->line_count) return CAIRN_ERR_TOO_BIG;
    if (!reserve_lines(self, self->line_count + count + 1)) return CAIRN_ERR_NO_MEMORY;
    self->fresh = (cairn_delta_text){.first_line = self->line_count, .line_count = (uint32_t)count,
        .bytes = (uint32_t)length, .is_terminated = length > 0 && bytes[length - 1] == '\n'};
    self->has_fresh = true;
    if (count == 0) return CAIRN_OK;
    uint32_t *starts = self->starts + self->line_count;
    starts[0] = 0;
    cairn_delta_find_newlines(bytes, length, starts + 1);
    hash_lines(self, &self->fresh, bytes);
    starts[count - 1] |= LAST_OF_TEXT;
    return CAIRN_OK;
}

cairn_status cairn_delta_index_add(cairn_delta_index *self, uint64_t text_id) {
    if (!self->has_fresh) return CAIRN_ERR_NOT_FOUND;
    if (self->fresh.line_count > 0) {
        if (!reserve_text(self) || !reserve_slots(self, self->fresh.line_count)) return CAIRN_ERR_NO_MEMORY;
        insert_lines(self, self->line_count, self->line_count + self->fresh.line_count);
        self->fresh.id = text_id;
        self->texts[self->text_count] = self->fresh;
        self->text_count += 1;
        self->line_count += self->fresh.line_count;
    }
    self->has_fresh = false;
    return CAIRN_OK;
}

static bool contains(const uint64_t *sorted, size_t count, uint64_t value) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && sorted[low] == value;
}

/* Moves a text's lines to the front, to line `to`, which is not behind them. */
static void move_text(cairn_delta_index *self, cairn_delta_text *text, uint32_t to) {
    const size_t from = text->first_line, count = text->line_count;
    memmove(self->hashes + to, self->hashes + from, count * sizeof *self->hashes);
    memmove(self->starts + to, self->starts + from, count * sizeof *self->starts);
    text->first_line = to;
}

cairn_status cairn_delta_index_remove(cairn_delta_index *self, const uint64_t *text_ids, size_t count) {
    for (size_t i = 1; i < count; i += 1) {
        if (text_ids[i - 1] > text_ids[i]) return CAIRN_ERR_ARGUMENT;
    }
    self->has_fresh = false;
    clear_slots(self);
    uint32_t line_count = 0;
    size_t text_count = 0;
    for (size_t i = 0; i < self->text_count; i += 1) {
        cairn_delta_text text = self->texts[i];
        if (contains(text_ids, count, text.id)) continue;
        move_text(self, &text, line_count);
        self->texts[text_count] = text;
        text_count += 1;
        line_count += text.line_count;
    }
    self->text_count = text_count;
    self->line_count = line_count;
    insert_lines(self, 0, line_count);
    return CAIRN_OK;
}

/* Runs */

size_t cairn_delta_index_find_bound(const cairn_delta_index *self, cairn_delta_rule rule) {
    return !self->has_fresh || rule.lines_min == 0 ? 0 : self->fresh.line_count / rule.lines_min;
}

/* Lines that are equal from `here` and from `there` on, up to the end of either text. */
static uint32_t equal_forward(const cairn_delta_index *self, uint32_t here, uint32_t there) {
    const uint32_t end = self->fresh.first_line + self->fresh.line_count;
    uint32_t count = 0;
    while (here + count < end && self->hashes[here + count] == self->hashes[there + count]) {
        count += 1;
        if ((self->starts[there + count - 1] & LAST_OF_TEXT) != 0) break;
    }
    return count;
}

/* Lines that are equal in front of `here` and `there`, back to line `floor` and to the start of the text
 * there, and not more than CAIRN_DELTA_BACKWARD_LINES_MAX. */
static uint32_t equal_backward(
    const cairn_delta_index *self, uint32_t here, uint32_t there, uint32_t floor) {
    uint32_t count = 0;
    while (count < CAIRN_DELTA_BACKWARD_LINES_MAX && here - count > floor && there - count > 0 &&
           (self->starts[there - count - 1] & LAST_OF_TEXT) == 0 &&
           self->hashes[here - count - 1] == self->hashes[there - count - 1])
        count += 1;
    return count;
}

typedef struct stretch {
    uint32_t here, there, count; /* lines, in the numbering of all texts */
} stretch;

/* The longest run that starts at line `here` in one of its newest places; count 0 if it has none. */
static stretch longest_at(const cairn_delta_index *self, uint32_t here) {
    const uint32_t end = self->fresh.first_line + self->fresh.line_count;
    stretch best = {here, 0, 0};
    uint32_t link = self->links[here];
    for (int tried = 0; link != 0 && tried < CAIRN_DELTA_CANDIDATES_MAX; tried += 1) {
        const uint32_t count = equal_forward(self, here, link - 1);
        if (count > best.count) best = (stretch){here, link - 1, count};
        if (here + best.count == end) break;
        link = self->links[link - 1];
    }
    return best;
}

/* The text that holds a line: the last one that starts at or before it. */
static const cairn_delta_text *text_of(const cairn_delta_index *self, uint32_t line) {
    size_t low = 0, high = self->text_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (self->texts[middle].first_line <= line) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &self->texts[low];
}

static inline uint32_t start_of(const cairn_delta_index *self, uint32_t line) {
    return self->starts[line] & ~LAST_OF_TEXT;
}

/* Whether the LF behind a line belongs to its text. */
static bool has_newline(const cairn_delta_text *text, uint32_t line) {
    return text->is_terminated || line + 1 < text->first_line + text->line_count;
}

static cairn_delta_run run_of(const cairn_delta_index *self, stretch found) {
    const cairn_delta_text *text = text_of(self, found.there), *fresh = &self->fresh;
    const uint32_t first_line = found.here - fresh->first_line, last = found.count - 1;
    const uint32_t end = content_end(fresh, self->starts + fresh->first_line, first_line + last);
    const bool has_both = has_newline(fresh, found.here + last) && has_newline(text, found.there + last);
    return (cairn_delta_run){.text_id = text->id, .text_first_line = found.there - text->first_line,
        .text_start = start_of(self, found.there), .first_line = first_line, .line_count = found.count,
        .start = start_of(self, found.here), .end = end + has_both};
}

cairn_status cairn_delta_index_find(const cairn_delta_index *self, cairn_delta_rule rule,
    cairn_delta_run *runs, size_t capacity, size_t *out_count) {
    if (!self->has_fresh) return CAIRN_ERR_NOT_FOUND;
    if (rule.lines_min == 0) return CAIRN_ERR_ARGUMENT;
    const uint32_t end = self->fresh.first_line + self->fresh.line_count;
    size_t count = 0;
    /* A run may begin before the line it was found at, among lines that were found elsewhere and were not
     * worth a reference there. */
    uint32_t floor = self->fresh.first_line;
    for (uint32_t line = floor; line < end;) {
        stretch found = longest_at(self, line);
        if (found.count == 0) {
            line += 1;
            continue;
        }
        const uint32_t back = equal_backward(self, line, found.there, floor);
        line += found.count;
        found = (stretch){found.here - back, found.there - back, found.count + back};
        if (found.count < rule.lines_min) continue;
        const cairn_delta_run run = run_of(self, found);
        if (run.end - run.start < rule.bytes_min) continue;
        if (count == capacity) return CAIRN_ERR_NO_SPACE;
        runs[count] = run;
        count += 1;
        floor = line;
    }
    *out_count = count;
    return CAIRN_OK;
}

bool cairn_delta_run_holds(
    const cairn_delta_run *run, const uint8_t *bytes, size_t length, cairn_span earlier) {
    if (run->end < run->start || run->end > length || run->text_start > earlier.length) return false;
    const size_t run_bytes = run->end - run->start;
    if (run_bytes > earlier.length - run->text_start) return false;
    return run_bytes == 0 || memcmp(bytes + run->start, earlier.bytes + run->text_start, run_bytes) == 0;
}

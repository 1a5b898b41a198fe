/* cairn_delta_diff.c: which lines must go and come to turn one text into another.
 *
 * Equal lines at both ends are set aside; the lines between them become numbers, equal exactly where the
 * lines are; lines that the other text does not have are settled. What is left is searched as E. Myers
 * describes it ("An O(ND) Difference Algorithm and Its Variations", Algorithmica 1, 1986, section 4b): paths
 * from both corners of a box meet on a shortest one, and the box is cut there in two.
 *
 *          new ->         A path goes right over a line of `new` that comes, down over a line of `old` that
 *        + - - - - +      goes, and diagonally, for nothing, over equal lines. Diagonal k holds the points
 *    old | \       |      with old - new = k; on each only the furthest point reached so far with so many
 *     |  |   \_*   |      edits is kept. The box is cut at *.
 *     v  |     | \ |
 *        + - - - - +
 *
 * Boxes wait on a stack; of two halves the smaller is done first, so the stack is as deep as the logarithm of
 * the number of lines. */
#include "cairn_delta_int.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BOXES 32 /* more than log2(2 * CAIRN_DELTA_LINES_MAX) */

void cairn_delta_diff_init(cairn_delta_diff *self, cairn_delta_allocator allocator) {
    *self = (cairn_delta_diff){.allocator = allocator};
}

void cairn_delta_diff_deinit(cairn_delta_diff *self) {
    if (self->memory != NULL) cairn_delta_resize(self->allocator, self->memory, 0);
    *self = (cairn_delta_diff){.allocator = self->allocator};
}

/* The work space of one search, all parts of the diff's one block. */
typedef struct search {
    const uint8_t *old_bytes, *new_bytes;
    uint32_t *old_starts, *new_starts; /* with the length behind the last */
    uint8_t *old_goes, *new_comes;     /* for each line: 1 when it is part of a change */
    uint32_t old_count, new_count;     /* lines */
    uint32_t front, back;              /* equal lines at both ends */
    uint32_t *classes;                 /* of the lines between, old ones first: equal for equal lines */
    uint8_t *class_sides;              /* of each class: which texts have it */
    uint32_t *table;                   /* 1 + a line of each class, by hash */
    size_t table_count;
    uint32_t *old_left, *new_left; /* classes of the lines with a match, in order ... */
    uint32_t *old_at, *new_at;     /* ... and which lines they are */
    uint32_t old_left_count, new_left_count;
    int32_t *forward, *backward; /* the furthest point on each diagonal of the box at hand */
    cairn_delta_change *changes;
    uint64_t step_count, step_count_max;
    bool is_minimal;
} search;

/* Memory */

/* Lays parts one behind the other: the first pass, without memory, finds the size. */
typedef struct layout {
    uint8_t *memory;
    size_t used;
    bool is_too_big;
} layout;

static void *part(layout *self, size_t count, size_t size) {
    const size_t start = self->used;
    size_t bytes = 0, padded = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || __builtin_add_overflow(bytes, 15, &padded) ||
        __builtin_add_overflow(start, padded & ~(size_t)15, &self->used))
        self->is_too_big = true;
    return self->memory == NULL ? NULL : self->memory + start;
}

static size_t table_count_for(size_t line_count) {
    size_t count = 16;
    while (count < line_count * 2) count *= 2;
    return count;
}

static void lay_out(search *work, layout *layout) {
    const size_t old_count = work->old_count, new_count = work->new_count, all = old_count + new_count;
    const size_t changes_max = (old_count < new_count ? old_count : new_count) + 1;
    work->old_starts = part(layout, old_count + 1, sizeof *work->old_starts);
    work->new_starts = part(layout, new_count + 1, sizeof *work->new_starts);
    work->old_goes = part(layout, old_count, 1);
    work->new_comes = part(layout, new_count, 1);
    work->changes = part(layout, changes_max, sizeof *work->changes);
    work->classes = part(layout, all, sizeof *work->classes);
    work->class_sides = part(layout, all, 1);
    work->table_count = table_count_for(all);
    work->table = part(layout, work->table_count, sizeof *work->table);
    work->old_left = part(layout, old_count, sizeof *work->old_left);
    work->new_left = part(layout, new_count, sizeof *work->new_left);
    work->old_at = part(layout, old_count, sizeof *work->old_at);
    work->new_at = part(layout, new_count, sizeof *work->new_at);
    work->forward = part(layout, all + 3, sizeof *work->forward);
    work->backward = part(layout, all + 3, sizeof *work->backward);
}

static cairn_status reserve(cairn_delta_diff *self, search *work) {
    layout layout = {0};
    lay_out(work, &layout);
    if (layout.is_too_big) return CAIRN_ERR_NO_MEMORY;
    if (layout.used > self->memory_bytes) {
        /* Nothing of the diff before is kept, so it need not be copied. */
        if (self->memory != NULL) cairn_delta_resize(self->allocator, self->memory, 0);
        self->memory_bytes = 0;
        self->memory = cairn_delta_resize(self->allocator, NULL, layout.used);
        if (self->memory == NULL) return CAIRN_ERR_NO_MEMORY;
        self->memory_bytes = layout.used;
    }
    layout.memory = self->memory;
    layout.used = 0;
    lay_out(work, &layout);
    return CAIRN_OK;
}

/* Lines */

static void find_lines(const uint8_t *bytes, size_t length, uint32_t *starts, uint32_t count) {
    starts[0] = 0;
    if (count == 0) return;
    cairn_delta_find_newlines(bytes, length, starts + 1);
    starts[count] = (uint32_t)length;
}

static inline bool same_line(const search *work, uint32_t old_line, uint32_t new_line) {
    const uint32_t old_start = work->old_starts[old_line], new_start = work->new_starts[new_line];
    const uint32_t bytes = work->old_starts[old_line + 1] - old_start;
    return work->new_starts[new_line + 1] - new_start == bytes &&
           memcmp(work->old_bytes + old_start, work->new_bytes + new_start, bytes) == 0;
}

static void set_ends_aside(search *work) {
    const uint32_t both = work->old_count < work->new_count ? work->old_count : work->new_count;
    while (work->front < both && same_line(work, work->front, work->front)) work->front += 1;
    while (work->back < both - work->front &&
           same_line(work, work->old_count - 1 - work->back, work->new_count - 1 - work->back))
        work->back += 1;
}

/* The bytes of a line between the ends: the old ones are numbered first, then the new ones. */
static inline cairn_span line_between(const search *work, uint32_t index) {
    const uint32_t old_between = work->old_count - work->front - work->back;
    const bool is_old = index < old_between;
    const uint32_t line = work->front + (is_old ? index : index - old_between);
    const uint32_t *starts = is_old ? work->old_starts : work->new_starts;
    const uint8_t *bytes = is_old ? work->old_bytes : work->new_bytes;
    return (cairn_span){bytes + starts[line], starts[line + 1] - starts[line]};
}

/* The number of the first line that equals line `index`: its class. A line whose place in the table is too
 * far away stays alone, which is right but perhaps not minimal. */
static uint32_t class_of(search *work, uint32_t index) {
    const cairn_span line = line_between(work, index);
    const size_t mask = work->table_count - 1;
    size_t slot = (size_t)XXH3_64bits(line.bytes, line.length) & mask;
    for (size_t probes = 0; probes < CAIRN_DELTA_PROBES_MAX; probes += 1) {
        if (work->table[slot] == 0) {
            work->table[slot] = index + 1;
            return index;
        }
        const cairn_span first = line_between(work, work->table[slot] - 1);
        if (first.length == line.length && memcmp(first.bytes, line.bytes, line.length) == 0)
            return work->table[slot] - 1;
        slot = (slot + 1) & mask;
    }
    work->is_minimal = false;
    return index;
}

enum { IN_OLD = 1, IN_NEW = 2 };

/* Gives the lines between the ends their classes, settles those without a match, and keeps the others. */
static void classify(search *work) {
    const uint32_t old_between = work->old_count - work->front - work->back;
    const uint32_t new_between = work->new_count - work->front - work->back, all = old_between + new_between;
    work->table_count = table_count_for(all);
    memset(work->table, 0, work->table_count * sizeof *work->table);
    memset(work->class_sides, 0, all);
    for (uint32_t i = 0; i < all; i += 1) {
        work->classes[i] = class_of(work, i);
        work->class_sides[work->classes[i]] |= i < old_between ? IN_OLD : IN_NEW;
    }
    for (uint32_t i = 0; i < all; i += 1) {
        const bool is_old = i < old_between;
        const uint32_t line = work->front + (is_old ? i : i - old_between);
        const bool has_match = work->class_sides[work->classes[i]] == (IN_OLD | IN_NEW);
        if (!has_match) {
            (is_old ? work->old_goes : work->new_comes)[line] = 1;
        } else if (is_old) {
            work->old_left[work->old_left_count] = work->classes[i];
            work->old_at[work->old_left_count++] = line;
        } else {
            work->new_left[work->new_left_count] = work->classes[i];
            work->new_at[work->new_left_count++] = line;
        }
    }
}

/* The search */

/* Lines old_start ..< old_end and new_start ..< new_end of those left. */
typedef struct box {
    uint32_t old_start, old_end, new_start, new_end;
} box;

static inline uint32_t box_lines(box box) {
    return box.old_end - box.old_start + (box.new_end - box.new_start);
}

static void replace_whole(search *work, box box) {
    for (uint32_t i = box.old_start; i < box.old_end; i += 1) work->old_goes[work->old_at[i]] = 1;
    for (uint32_t i = box.new_start; i < box.new_end; i += 1) work->new_comes[work->new_at[i]] = 1;
}

/* One of the two directions of a search in a box. Points are counted from the corner the paths come from. */
typedef struct paths {
    const uint32_t *old_lines, *new_lines; /* the corner's lines; `step` leads away from it */
    int32_t step;
    int32_t old_count, new_count;
    int32_t *furthest; /* lines of `old` passed, by diagonal: -new_count - 1 to old_count + 1 */
} paths;

/* The diagonals reached with `edits` edits that can still be gone on from: those that left the box at an edge
 * fall away one by one. */
static inline int32_t lowest_diagonal(const paths *self, int32_t edits) {
    return edits <= self->new_count ? -edits : edits - 2 * self->new_count;
}
static inline int32_t highest_diagonal(const paths *self, int32_t edits) {
    return edits <= self->old_count ? edits : 2 * self->old_count - edits;
}

static inline bool is_used_up(const search *work) {
    return work->step_count > work->step_count_max;
}

/* The furthest point on a diagonal with one edit more than its neighbours, and along equal lines from there.
 * Returns the lines of `old` passed; counts the equal ones. */
static inline int32_t advance(search *work, const paths *self, int32_t diagonal) {
    const int32_t over_old = self->furthest[diagonal - 1] + 1, over_new = self->furthest[diagonal + 1];
    int32_t old_at = over_old > over_new ? over_old : over_new, new_at = old_at - diagonal;
    const int32_t start = old_at;
    while (old_at < self->old_count && new_at < self->new_count &&
           self->old_lines[old_at * self->step] == self->new_lines[new_at * self->step]) {
        old_at += 1;
        new_at += 1;
    }
    work->step_count += (uint64_t)(old_at - start) + 1;
    self->furthest[diagonal] = old_at;
    return old_at;
}

/* A point of a box, counted from its front corner. */
typedef struct point {
    int32_t old_at, new_at;
} point;

/* One more edit in one direction. True when a path met one of the opposite direction, which has
 * `opposite_edits` edits so far; *out_meeting is then on a shortest path, counted from this direction's
 * corner. Stops early when the search has used up its steps. */
static bool extend(search *work, const paths *self, int32_t edits, const paths *opposite,
    int32_t opposite_edits, point *out_meeting) {
    const int32_t low = lowest_diagonal(self, edits), high = highest_diagonal(self, edits);
    const int32_t across = self->old_count - self->new_count; /* diagonal k here is across - k there */
    const int32_t opposite_low = lowest_diagonal(opposite, opposite_edits);
    const int32_t opposite_high = highest_diagonal(opposite, opposite_edits);
    const bool can_meet = ((across ^ edits ^ opposite_edits) & 1) == 0;
    if (edits <= self->new_count) self->furthest[low - 1] = -1;
    if (edits <= self->old_count) self->furthest[high + 1] = -1;
    for (int32_t diagonal = low; diagonal <= high && !is_used_up(work); diagonal += 2) {
        const int32_t old_at = advance(work, self, diagonal), mirrored = across - diagonal;
        if (!can_meet || mirrored < opposite_low || mirrored > opposite_high) continue;
        if (old_at + opposite->furthest[mirrored] < self->old_count) continue;
        *out_meeting = (point){old_at, old_at - diagonal};
        return true;
    }
    return false;
}

/* The point inside the box furthest from the corner. */
static point furthest_point(const paths *self, int32_t edits) {
    const int32_t high = highest_diagonal(self, edits);
    point best = {0, 0};
    for (int32_t diagonal = lowest_diagonal(self, edits); diagonal <= high; diagonal += 2) {
        const point here = {self->furthest[diagonal], self->furthest[diagonal] - diagonal};
        if (here.old_at > self->old_count || here.new_at > self->new_count) continue;
        if (here.old_at + here.new_at > best.old_at + best.new_at) best = here;
    }
    return best;
}

static point from_front(const paths *backward, point point) {
    point.old_at = backward->old_count - point.old_at;
    point.new_at = backward->new_count - point.new_at;
    return point;
}

/* Where to cut a box that has lines of both texts, not equal at either end: on a shortest path, or after
 * CAIRN_DELTA_BOX_EDITS_MAX edits at the furthest point of either direction. (There always is one inside the
 * box: a shortest path stays inside, and no path that left it can be further on the same diagonal.) False
 * when the steps are used up; *out_cut is then untouched. */
static bool find_cut(search *work, box box, point *out_cut) {
    const int32_t old_count = (int32_t)(box.old_end - box.old_start);
    const int32_t new_count = (int32_t)(box.new_end - box.new_start);
    const paths forward = {work->old_left + box.old_start, work->new_left + box.new_start, 1, old_count,
        new_count, work->forward + new_count + 1};
    const paths backward = {work->old_left + box.old_end - 1, work->new_left + box.new_end - 1, -1, old_count,
        new_count, work->backward + new_count + 1};
    forward.furthest[0] = backward.furthest[0] = 0;
    for (int32_t edits = 1; edits <= CAIRN_DELTA_BOX_EDITS_MAX; edits += 1) {
        if (extend(work, &forward, edits, &backward, edits - 1, out_cut)) return true;
        point meeting = {0, 0};
        if (extend(work, &backward, edits, &forward, edits, &meeting)) {
            *out_cut = from_front(&backward, meeting);
            return true;
        }
        if (is_used_up(work)) return false;
    }
    work->is_minimal = false;
    const point front = furthest_point(&forward, CAIRN_DELTA_BOX_EDITS_MAX);
    const point back = furthest_point(&backward, CAIRN_DELTA_BOX_EDITS_MAX);
    const bool is_front = front.old_at + front.new_at >= back.old_at + back.new_at;
    *out_cut = is_front ? front : from_front(&backward, back);
    return true;
}

/* Takes equal lines off both ends of a box. */
static box without_equal_ends(search *work, box box) {
    const uint32_t before = box_lines(box);
    while (box.old_start < box.old_end && box.new_start < box.new_end &&
           work->old_left[box.old_start] == work->new_left[box.new_start]) {
        box.old_start += 1;
        box.new_start += 1;
    }
    while (box.old_start < box.old_end && box.new_start < box.new_end &&
           work->old_left[box.old_end - 1] == work->new_left[box.new_end - 1]) {
        box.old_end -= 1;
        box.new_end -= 1;
    }
    work->step_count += before - box_lines(box) + 1;
    return box;
}

static void search_boxes(search *work) {
    box waiting[BOXES];
    size_t count = 1;
    waiting[0] = (box){0, work->old_left_count, 0, work->new_left_count};
    while (count > 0) {
        count -= 1;
        const box whole = without_equal_ends(work, waiting[count]);
        if (whole.old_start == whole.old_end || whole.new_start == whole.new_end) {
            replace_whole(work, whole);
            continue;
        }
        point cut = {0, 0};
        if (is_used_up(work) || !find_cut(work, whole, &cut)) {
            work->is_minimal = false;
            replace_whole(work, whole);
            continue;
        }
        const uint32_t old_cut = whole.old_start + (uint32_t)cut.old_at;
        const uint32_t new_cut = whole.new_start + (uint32_t)cut.new_at;
        const box front = {whole.old_start, old_cut, whole.new_start, new_cut};
        const box back = {old_cut, whole.old_end, new_cut, whole.new_end};
        assert(box_lines(front) < box_lines(whole) && box_lines(back) < box_lines(whole));
        assert(count + 2 <= BOXES);
        const bool front_is_smaller = box_lines(front) < box_lines(back);
        waiting[count] = front_is_smaller ? back : front;
        waiting[count + 1] = front_is_smaller ? front : back;
        count += 2;
    }
}

/* The result */

static size_t gather_changes(const search *work) {
    size_t count = 0;
    uint32_t old_line = work->front, new_line = work->front;
    const uint32_t old_end = work->old_count - work->back, new_end = work->new_count - work->back;
    while (old_line < old_end || new_line < new_end) {
        const uint32_t old_first = old_line, new_first = new_line;
        while (old_line < old_end && work->old_goes[old_line]) old_line += 1;
        while (new_line < new_end && work->new_comes[new_line]) new_line += 1;
        if (old_line == old_first && new_line == new_first) { /* an equal line in both */
            old_line += 1;
            new_line += 1;
            continue;
        }
        work->changes[count] = (cairn_delta_change){
            old_first, old_line - old_first, new_first, new_line - new_first};
        count += 1;
    }
    return count;
}

cairn_status cairn_delta_diff_find(
    cairn_delta_diff *self, cairn_span old_text, cairn_span new_text, uint64_t step_count_max) {
    self->changes = NULL;
    self->change_count = 0;
    self->step_count = 0;
    self->is_minimal = false;
    self->old_line_count = self->new_line_count = 0;
    if (old_text.length > CAIRN_DELTA_TEXT_BYTES_MAX || new_text.length > CAIRN_DELTA_TEXT_BYTES_MAX)
        return CAIRN_ERR_TOO_BIG;
    const size_t old_count = cairn_delta_line_count(old_text.bytes, old_text.length);
    const size_t new_count = cairn_delta_line_count(new_text.bytes, new_text.length);
    if (old_count > CAIRN_DELTA_LINES_MAX || new_count > CAIRN_DELTA_LINES_MAX) return CAIRN_ERR_TOO_BIG;
    search work = {.old_bytes = old_text.bytes, .new_bytes = new_text.bytes,
        .old_count = (uint32_t)old_count, .new_count = (uint32_t)new_count,
        .step_count_max = step_count_max > 0 ? step_count_max : CAIRN_DELTA_STEPS_MAX, .is_minimal = true};
    const cairn_status status = reserve(self, &work);
    if (status != CAIRN_OK) return status;
    find_lines(old_text.bytes, old_text.length, work.old_starts, work.old_count);
    find_lines(new_text.bytes, new_text.length, work.new_starts, work.new_count);
    memset(work.old_goes, 0, old_count);
    memset(work.new_comes, 0, new_count);
    set_ends_aside(&work);
    classify(&work);
    search_boxes(&work);
    self->changes = work.changes;
    self->change_count = gather_changes(&work);
    self->step_count = work.step_count;
    self->is_minimal = work.is_minimal;
    self->old_text = old_text;
    self->new_text = new_text;
    self->old_starts = work.old_starts;
    self->new_starts = work.new_starts;
    self->old_line_count = work.old_count;
    self->new_line_count = work.new_count;
    return CAIRN_OK;
}

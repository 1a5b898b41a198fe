/* cairn_distill.c: tool calls, merged, chosen, and written as lines.
 *
 * One pass puts each call in a group: the groups of one fingerprint lie side by side in a small hash table,
 * at most one that worked and CAIRN_DISTILL_FAILURES_MAX that failed. A second pass makes entries of the
 * groups, each at its last call, which gives their order without sorting. */
#include "cairn_distill.h"

#include <string.h>

#define SLOTS (2 * CAIRN_DISTILL_CALLS_MAX)

/* Equal calls. Kinds are final when all calls were seen. */
typedef struct group {
    uint16_t first_call, last_call, call_count;
    uint8_t kind;
    bool has_failed;
} group;

typedef struct work {
    const cairn_distill_call *calls;
    size_t count, slot_count, group_count;
    group groups[CAIRN_DISTILL_CALLS_MAX];
    uint16_t group_of[CAIRN_DISTILL_CALLS_MAX]; /* by call */
    uint16_t slots[SLOTS];                  /* 1 + a group */
} work;

/* Lines */

static inline bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* The front of the first line behind white space, at most `bytes_max` bytes, between characters. */
static inline cairn_span first_line(cairn_span text, size_t bytes_max, bool *out_is_cut) {
    size_t start = 0;
    while (start < text.length && start < bytes_max && is_blank(text.bytes[start])) start += 1;
    *out_is_cut = false;
    if (start == text.length) return (cairn_span){NULL, 0};
    const uint8_t *line = text.bytes + start;
    size_t length = text.length - start;
    if (length > bytes_max) {
        *out_is_cut = true;
        length = bytes_max;
    }
    const uint8_t *newline = memchr(line, '\n', length);
    if (newline != NULL) {
        length = (size_t)(newline - line);
        *out_is_cut = false;
    } else if (*out_is_cut) {
        size_t end = length;
        while (end > 0 && length - end < 3 && (line[end] & 0xC0) == 0x80) end -= 1;
        if ((line[end] & 0xC0) != 0x80) length = end;
    }
    while (length > 0 && is_blank(line[length - 1])) length -= 1;
    return (cairn_span){line, length};
}

/* Without white space at the end, as far as an argument is shown. */
static inline cairn_span without_blank_end(cairn_span text) {
    for (int i = 0; i < CAIRN_DISTILL_ARGUMENT_BYTES_MAX && text.length > 0; i += 1) {
        if (!is_blank(text.bytes[text.length - 1])) break;
        text.length -= 1;
    }
    return text;
}

static inline cairn_span message_of(const cairn_distill_call *call, bool *out_is_cut) {
    const cairn_span text = call->message.length > 0 ? call->message : call->result;
    return first_line(text, CAIRN_DISTILL_MESSAGE_BYTES_MAX, out_is_cut);
}

static inline bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static inline size_t behind_digits(cairn_span text, size_t index) {
    while (index < text.length && is_digit(text.bytes[index])) index += 1;
    return index;
}

/* Equal but for the numbers in them. */
static bool is_same_message(const cairn_distill_call *call, const cairn_distill_call *before) {
    bool is_cut = false;
    const cairn_span a = message_of(call, &is_cut), b = message_of(before, &is_cut);
    size_t i = 0, j = 0;
    while (i < a.length && j < b.length) {
        if (is_digit(a.bytes[i]) && is_digit(b.bytes[j])) {
            i = behind_digits(a, i);
            j = behind_digits(b, j);
        } else if (a.bytes[i] == b.bytes[j]) {
            i += 1;
            j += 1;
        } else {
            return false;
        }
    }
    return i == a.length && j == b.length;
}

/* Groups */

static uint16_t add_group(work *self, size_t index, bool has_failed) {
    const uint16_t number = (uint16_t)self->group_count, call = (uint16_t)index;
    self->groups[number] = (group){call, call, 0, CAIRN_DISTILL_ONLY_WORKED, has_failed};
    self->group_count += 1;
    return number;
}

/* The group of call `index`: one with the same fingerprint and outcome, or a new one. A call that worked
 * settles all failures before it on the way. */
static uint16_t group_for(work *self, size_t index) {
    const cairn_distill_call *call = &self->calls[index];
    const bool has_failed = call->outcome == CAIRN_DISTILL_FAILED;
    const size_t mask = self->slot_count - 1;
    size_t slot = (size_t)call->fingerprint.low & mask;
    uint16_t found = UINT16_MAX;
    for (int probes = 0, failures = 0; probes < CAIRN_DISTILL_PROBES_MAX; probes += 1) {
        if (self->slots[slot] == 0) {
            if (found != UINT16_MAX) return found;
            found = add_group(self, index, has_failed);
            self->slots[slot] = (uint16_t)(found + 1);
            return found;
        }
        group *group = &self->groups[self->slots[slot] - 1];
        const cairn_distill_call *before = &self->calls[group->last_call];
        if (cairn_fingerprint_equal(before->fingerprint, call->fingerprint)) {
            failures += group->has_failed;
            if (!has_failed && group->has_failed) {
                group->kind = CAIRN_DISTILL_FAILED_THEN_WORKED;
            } else if (!has_failed) {
                found = (uint16_t)(self->slots[slot] - 1);
            } else if (group->has_failed &&
                       (failures == CAIRN_DISTILL_FAILURES_MAX || is_same_message(call, before))) {
                return (uint16_t)(self->slots[slot] - 1);
            }
        }
        slot = (slot + 1) & mask;
    }
    return found != UINT16_MAX ? found : add_group(self, index, has_failed);
}

static void group_calls(work *self) {
    for (size_t i = 0; i < self->count; i += 1) {
        const uint16_t number = group_for(self, i);
        group *group = &self->groups[number];
        self->group_of[i] = number;
        group->last_call = (uint16_t)i;
        group->call_count += 1;
        if (group->has_failed) {
            group->kind = CAIRN_DISTILL_STILL_FAILS;
        } else if (i + 1 == self->count) {
            group->kind = CAIRN_DISTILL_LAST_WORKED;
        } else if (self->calls[i].is_change) {
            group->kind = CAIRN_DISTILL_CHANGED;
        }
    }
}

/* Entries */

/* How many groups of each kind, the oldest, must be left out. */
static void find_surplus(const work *self, size_t capacity, size_t surplus[CAIRN_DISTILL_KIND_COUNT]) {
    size_t counts[CAIRN_DISTILL_KIND_COUNT] = {0};
    for (size_t i = 0; i < self->group_count; i += 1) counts[self->groups[i].kind] += 1;
    for (size_t kind = 0; kind < CAIRN_DISTILL_KIND_COUNT; kind += 1) {
        const size_t kept = counts[kind] < capacity ? counts[kind] : capacity;
        surplus[kind] = counts[kind] - kept;
        capacity -= kept;
    }
}

static inline void make_entry(
    const cairn_distill_call *call, const group *group, cairn_distill_entry *out_entry) {
    out_entry->kind = (cairn_distill_kind)group->kind;
    out_entry->call_count = group->call_count;
    out_entry->first_call = group->first_call;
    out_entry->last_call = group->last_call;
    out_entry->tool = first_line(call->tool, CAIRN_DISTILL_TOOL_BYTES_MAX, &out_entry->is_tool_cut);
    const cairn_span argument = without_blank_end(call->argument);
    out_entry->argument =
        first_line(argument, CAIRN_DISTILL_ARGUMENT_BYTES_MAX, &out_entry->is_argument_cut);
    /* Further lines of a command are part of it; those of a message are not. */
    const cairn_span shown = out_entry->argument;
    if (shown.length > 0 && shown.bytes + shown.length < argument.bytes + argument.length)
        out_entry->is_argument_cut = true;
    out_entry->message = message_of(call, &out_entry->is_message_cut);
}

cairn_status cairn_distill_find(const cairn_distill_call *calls, size_t count, cairn_distill_entry *entries,
    size_t capacity, size_t *out_count, size_t *out_left_out) {
    if (count > CAIRN_DISTILL_CALLS_MAX) return CAIRN_ERR_TOO_BIG;
    for (size_t i = 0; i < count; i += 1) {
        if (calls[i].outcome != CAIRN_DISTILL_WORKED && calls[i].outcome != CAIRN_DISTILL_FAILED)
            return CAIRN_ERR_ARGUMENT;
    }
    work work; /* what is used of it is set below */
    work.calls = calls;
    work.count = count;
    work.group_count = 0;
    work.slot_count = 16;
    while (work.slot_count < 2 * count) work.slot_count *= 2;
    memset(work.slots, 0, work.slot_count * sizeof work.slots[0]);
    group_calls(&work);

    size_t surplus[CAIRN_DISTILL_KIND_COUNT], entry_count = 0, left_out = 0;
    find_surplus(&work, capacity, surplus);
    for (size_t i = 0; i < count; i += 1) {
        const group *group = &work.groups[work.group_of[i]];
        if (group->last_call != i) continue;
        if (surplus[group->kind] > 0) {
            surplus[group->kind] -= 1;
            left_out += group->call_count;
            continue;
        }
        make_entry(&calls[i], group, &entries[entry_count]);
        entry_count += 1;
    }
    *out_count = entry_count;
    *out_left_out = left_out;
    return CAIRN_OK;
}

/* Text */

static const struct {
    const char *text;
    size_t length;
    bool has_message;
} heads[CAIRN_DISTILL_KIND_COUNT] = {
    [CAIRN_DISTILL_LAST_WORKED] = {"last: ", 6, true},
    [CAIRN_DISTILL_STILL_FAILS] = {"failed: ", 8, true},
    [CAIRN_DISTILL_CHANGED] = {"changed: ", 9, false},
    [CAIRN_DISTILL_FAILED_THEN_WORKED] = {"failed, then worked: ", 21, true},
    [CAIRN_DISTILL_ONLY_WORKED] = {"worked: ", 8, false},
};

#define PUNCTUATION_BYTES 64 /* head, separators, count and line end of one entry */
#define LEFT_OUT_BYTES 48

/* Text that is written as far as there is room and counted beyond. */
typedef struct output {
    uint8_t *bytes;
    size_t capacity, length;
} output;

static inline void put(output *out, const void *bytes, size_t length) {
    if (length > 0 && out->length <= out->capacity && length <= out->capacity - out->length)
        memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static inline void put_span(output *out, cairn_span span, bool is_cut) {
    put(out, span.bytes, span.length);
    if (is_cut) put(out, "...", 3);
}

static void put_number(output *out, size_t number) {
    char digits[20];
    size_t count = 0;
    do {
        count += 1;
        digits[sizeof digits - count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(out, digits + sizeof digits - count, count);
}

static inline bool is_same_tool(const cairn_distill_entry *entry, const cairn_distill_entry *before) {
    return entry->tool.length == before->tool.length && entry->argument.length > 0 &&
           (entry->tool.length == 0 ||
               memcmp(entry->tool.bytes, before->tool.bytes, entry->tool.length) == 0);
}

static inline void put_entry(
    output *out, const cairn_distill_entry *entry, const cairn_distill_entry *before) {
    const bool is_joined = before != NULL && before->kind == entry->kind && !heads[entry->kind].has_message;
    const bool is_tool_known = is_joined && is_same_tool(entry, before);
    if (is_tool_known) {
        put(out, ", ", 2);
    } else {
        if (is_joined) {
            put(out, "; ", 2);
        } else {
            if (before != NULL) put(out, "\n", 1);
            put(out, heads[entry->kind].text, heads[entry->kind].length);
        }
        put_span(out, entry->tool, entry->is_tool_cut);
        if (entry->argument.length > 0) put(out, " ", 1);
    }
    put_span(out, entry->argument, entry->is_argument_cut);
    if (entry->call_count > 1) {
        put(out, " (", 2);
        put_number(out, entry->call_count);
        put(out, "x)", 2);
    }
    if (heads[entry->kind].has_message && entry->message.length > 0) {
        put(out, ": ", 2);
        put_span(out, entry->message, entry->is_message_cut);
    }
}

size_t cairn_distill_write_bound(size_t count) {
    const size_t entry_bytes = CAIRN_DISTILL_TOOL_BYTES_MAX + CAIRN_DISTILL_ARGUMENT_BYTES_MAX +
                               CAIRN_DISTILL_MESSAGE_BYTES_MAX + PUNCTUATION_BYTES;
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, entry_bytes, &bytes) ||
        __builtin_add_overflow(bytes, LEFT_OUT_BYTES, &bytes))
        return SIZE_MAX;
    return bytes;
}

cairn_status cairn_distill_write(const cairn_distill_entry *entries, size_t count, size_t left_out,
    uint8_t *out, size_t capacity, size_t *out_length) {
    output text = {out, capacity, 0};
    for (size_t i = 0; i < count; i += 1) put_entry(&text, &entries[i], i > 0 ? &entries[i - 1] : NULL);
    if (count > 0) put(&text, "\n", 1);
    if (left_out > 0) {
        put(&text, "(", 1);
        put_number(&text, left_out);
        put(&text, " calls left out)\n", 17);
    }
    *out_length = text.length;
    return text.length <= capacity ? CAIRN_OK : CAIRN_ERR_NO_SPACE;
}

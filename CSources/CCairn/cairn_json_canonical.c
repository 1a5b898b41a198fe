/* cairn_json_canonical.c: one spelling for documents that mean the same. See cairn_json.h for what that is.
 *
 * The walk goes over the tape without recursion; `scratch` holds, for each node, the sibling that follows it
 * in canonical order and its first child. What is canonical in the source already is not written byte by
 * byte: neighbouring pieces grow together into one run of the source, which goes to the sink in one call.
 *
 *     source      {"a":1,"b":"x"}      one run, the whole text
 *     source      {"a": 1,"b":"x"}     runs {"a":  and  1,"b":"x"}
 */
#include "cairn_json_int.h"

#include <string.h>

/* Order of keys */

/* The UTF-16 code units of a raw key, one after the other. */
typedef struct unit_cursor {
    const uint8_t *text;
    size_t index, end;
    int32_t low; /* the second unit of a pair, still to come; -1 for none */
} unit_cursor;

static uint32_t decode_utf8(const uint8_t *text, size_t length) {
    if (length == 1) return text[0];
    uint32_t scalar = text[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i += 1) scalar = scalar << 6 | (text[i] & 0x3F);
    return scalar;
}

/* The next unit, -1 at the end. The key was parsed, so its escapes and its UTF-8 are right. */
static int32_t next_unit(unit_cursor *cursor) {
    if (cursor->low >= 0) {
        const int32_t low = cursor->low;
        cursor->low = -1;
        return low;
    }
    if (cursor->index == cursor->end) return -1;
    const uint8_t *text = cursor->text + cursor->index;
    const size_t left = cursor->end - cursor->index;
    if (text[0] == '\\' && text[1] == 'u') {
        cursor->index += 6;
        return cairn_json_code_unit(text, left);
    }
    if (text[0] == '\\') {
        uint8_t utf8[4];
        size_t utf8_length = 0;
        cursor->index += cairn_json_read_escape(text, left, utf8, &utf8_length);
        return utf8[0];
    }
    const size_t length = cairn_bytes_utf8_sequence(text, left);
    const uint32_t scalar = decode_utf8(text, length);
    cursor->index += length;
    if (scalar < 0x10000) return (int32_t)scalar;
    cursor->low = (int32_t)(0xDC00 + ((scalar - 0x10000) & 0x3FF));
    return (int32_t)(0xD800 + ((scalar - 0x10000) >> 10));
}

static int compare_units(unit_cursor a, unit_cursor b) {
    for (;;) {
        const int32_t x = next_unit(&a), y = next_unit(&b);
        if (x != y) return x < y ? -1 : 1;
        if (x < 0) return 0;
    }
}

/* The same order for keys without escapes, over their UTF-8. It is byte order, but for one thing: in UTF-16 a
 * character above U+FFFF (lead byte F0..F4) comes before U+E000..U+FFFF (lead bytes EE, EF). */
static int compare_plain(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length) {
    const size_t shared = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < shared; i += 1) {
        if (a[i] == b[i]) continue;
        if (a[i] >= 0xEE && b[i] >= 0xEE && (a[i] >= 0xF0) != (b[i] >= 0xF0)) return a[i] >= 0xF0 ? -1 : 1;
        return a[i] < b[i] ? -1 : 1;
    }
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

static int compare_keys(const uint8_t *text, const cairn_json_node *a, const cairn_json_node *b) {
    if ((a->flags | b->flags) & CAIRN_JSON_KEY_ESCAPED) {
        return compare_units((unit_cursor){text, a->key_start, a->key_end, -1},
            (unit_cursor){text, b->key_start, b->key_end, -1});
    }
    return compare_plain(
        text + a->key_start, a->key_end - a->key_start, text + b->key_start, b->key_end - b->key_start);
}

/* The writer */

typedef struct writer {
    const uint8_t *text;
    const cairn_json_node *nodes;
    uint32_t root;
    uint32_t *scratch; /* pairs: the sibling that follows, the first child */
    const cairn_json_sink *sink;
    size_t run_start, run_end; /* source bytes to be written, not yet given to the sink */
    cairn_status status;       /* of the sink; after a failure nothing more is written */
} writer;

static inline uint32_t *sibling_of(const writer *self, uint32_t node) {
    return &self->scratch[2 * (size_t)(node - self->root)];
}

static inline uint32_t *first_child_of(const writer *self, uint32_t node) {
    return &self->scratch[2 * (size_t)(node - self->root) + 1];
}

/* Merges two sibling lists that are in order; of equal keys those of `a` come first. */
static uint32_t merge(const writer *self, uint32_t a, uint32_t b) {
    uint32_t first = CAIRN_JSON_NONE, *end = &first;
    while (a != CAIRN_JSON_NONE && b != CAIRN_JSON_NONE) {
        uint32_t *taken = compare_keys(self->text, &self->nodes[b], &self->nodes[a]) < 0 ? &b : &a;
        *end = *taken;
        end = sibling_of(self, *taken);
        *taken = *end;
    }
    *end = a != CAIRN_JSON_NONE ? a : b;
    return first;
}

/* Sorts a sibling list by key, stable: a bottom-up merge sort, where bin k holds a sorted list of 2^k nodes
 * or none. */
static uint32_t sort_members(const writer *self, uint32_t first) {
    uint32_t bins[32]; /* enough for 2^32 nodes */
    size_t bin_count = 0;
    while (first != CAIRN_JSON_NONE) {
        uint32_t list = first;
        first = *sibling_of(self, list);
        *sibling_of(self, list) = CAIRN_JSON_NONE;
        size_t bin = 0;
        for (; bin < bin_count && bins[bin] != CAIRN_JSON_NONE; bin += 1) {
            list = merge(self, bins[bin], list);
            bins[bin] = CAIRN_JSON_NONE;
        }
        if (bin == bin_count) bin_count += 1;
        bins[bin] = list;
    }
    uint32_t sorted = CAIRN_JSON_NONE;
    for (size_t bin = 0; bin < bin_count; bin += 1) sorted = merge(self, bins[bin], sorted);
    return sorted;
}

/* Links the children of a container in canonical order. */
static void order_children(const writer *self, uint32_t container) {
    const cairn_json_node *nodes = self->nodes;
    bool is_in_order = true;
    uint32_t previous = CAIRN_JSON_NONE, *link = first_child_of(self, container);
    for (uint32_t child = container + 1; child < nodes[container].next; child = nodes[child].next) {
        *link = child;
        link = sibling_of(self, child);
        if (nodes[container].type == CAIRN_JSON_OBJECT && is_in_order && previous != CAIRN_JSON_NONE)
            is_in_order = compare_keys(self->text, &nodes[previous], &nodes[child]) <= 0;
        previous = child;
    }
    *link = CAIRN_JSON_NONE;
    if (!is_in_order) *first_child_of(self, container) = sort_members(self, *first_child_of(self, container));
}

static void put_bytes(writer *self, const uint8_t *bytes, size_t length) {
    if (self->status == CAIRN_OK && length > 0)
        self->status = self->sink->write(self->sink->context, bytes, length);
}

static void end_run(writer *self) {
    put_bytes(self, self->text + self->run_start, self->run_end - self->run_start);
    self->run_start = self->run_end = 0;
}

static void put_source(writer *self, size_t start, size_t end) {
    if (self->run_end != start || self->run_start == self->run_end) {
        end_run(self);
        self->run_start = start;
    }
    self->run_end = end;
}

/* A comma or colon: part of the run if the source has it there, else by itself. A run never reaches the
 * root's end here: a closing bracket is still to come. */
static void put_separator(writer *self, uint8_t byte) {
    if (self->run_start < self->run_end && self->text[self->run_end] == byte) {
        self->run_end += 1;
        return;
    }
    end_run(self);
    put_bytes(self, &byte, 1);
}

/* The canonical spelling of the escape at text[index]. Returns the index behind it. */
static size_t put_escape(writer *self, size_t index, size_t end) {
    uint8_t utf8[4], escape[6];
    size_t utf8_length = 0;
    end_run(self);
    const size_t taken = cairn_json_read_escape(self->text + index, end - index, utf8, &utf8_length);
    if (taken == 0) { /* a surrogate alone: kept, its digits in lower case */
        memcpy(escape, self->text + index, 6);
        for (size_t i = 2; i < 6; i += 1)
            escape[i] |= 0x20; /* digits have that bit, letters become lower case */
        put_bytes(self, escape, 6);
        return index + 6;
    }
    if (utf8[0] < 0x20 || utf8[0] == '"' || utf8[0] == '\\')
        put_bytes(self, escape, cairn_json_put_escape(utf8[0], escape));
    else
        put_bytes(self, utf8, utf8_length);
    return index + taken;
}

/* A string with its quotes, text[start ..< end]. */
static void put_string(writer *self, size_t start, size_t end, bool is_respelled) {
    if (!is_respelled) {
        put_source(self, start, end);
        return;
    }
    for (size_t index = start; index < end;) {
        const uint8_t *escape = memchr(self->text + index, '\\', end - index);
        const size_t plain_end = escape == NULL ? end : (size_t)(escape - self->text);
        if (plain_end > index) put_source(self, index, plain_end);
        index = escape == NULL ? end : put_escape(self, plain_end, end - 1);
    }
}

/* A node's key and colon, and its value as far as it stands in front of its children. */
static void put_node(writer *self, uint32_t index) {
    const cairn_json_node *node = &self->nodes[index];
    if (index != self->root && (node->flags & CAIRN_JSON_KEY)) {
        put_string(self, node->key_start - 1u, node->key_end + 1u, node->flags & CAIRN_JSON_KEY_RESPELLED);
        put_separator(self, ':');
    }
    switch (node->type) {
    case CAIRN_JSON_ARRAY:
    case CAIRN_JSON_OBJECT:
        order_children(self, index);
        put_source(self, node->start, node->start + 1u);
        break;
    case CAIRN_JSON_STRING:
        put_string(self, node->start, node->end, node->flags & CAIRN_JSON_VALUE_RESPELLED);
        break;
    default:
        put_source(self, node->start, node->end);
        break;
    }
}

static void put_close(writer *self, uint32_t index) {
    put_source(self, self->nodes[index].end - 1u, self->nodes[index].end);
}

size_t cairn_json_scratch_bound(size_t node_count) {
    return node_count > SIZE_MAX / 2 ? SIZE_MAX : 2 * node_count;
}

cairn_status cairn_json_canonical_write(const uint8_t *text, const cairn_json_node *nodes, uint32_t root,
    uint32_t *scratch, const cairn_json_sink *sink) {
    writer self = {.text = text, .nodes = nodes, .root = root, .scratch = scratch, .sink = sink};
    for (uint32_t index = root; self.status == CAIRN_OK;) {
        put_node(&self, index);
        const bool is_container = nodes[index].type >= CAIRN_JSON_ARRAY;
        if (is_container && nodes[index].child_count > 0) {
            index = *first_child_of(&self, index);
            continue;
        }
        if (is_container) put_close(&self, index);
        while (index != root && *sibling_of(&self, index) == CAIRN_JSON_NONE) {
            index = nodes[index].parent;
            put_close(&self, index);
        }
        if (index == root) break;
        put_separator(&self, ',');
        index = *sibling_of(&self, index);
    }
    end_run(&self);
    return self.status;
}

/* Into a buffer */

typedef struct buffer {
    uint8_t *bytes;
    size_t length, capacity;
} buffer;

static cairn_status write_to_buffer(void *context, const uint8_t *bytes, size_t length) {
    buffer *out = context;
    if (length > out->capacity - out->length) return CAIRN_ERR_NO_SPACE;
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
    return CAIRN_OK;
}

size_t cairn_json_canonical_bound(size_t length) {
    return length; /* white space goes, and no canonical escape is longer than the spelling it replaces */
}

cairn_status cairn_json_canonical(const uint8_t *text, const cairn_json_node *nodes, uint32_t root,
    uint32_t *scratch, uint8_t *out, size_t capacity, size_t *out_length) {
    buffer buffer = {out, 0, capacity};
    const cairn_json_sink sink = {write_to_buffer, &buffer};
    const cairn_status status = cairn_json_canonical_write(text, nodes, root, scratch, &sink);
    if (status == CAIRN_OK) *out_length = buffer.length;
    return status;
}

/* cairn_json_edit.c: finding a member on a tape, and copying a document with some of its spans replaced. */
#include "cairn_json_int.h"

#include <string.h>

/* True when the raw key text[start ..< end], unescaped, is `key`. */
static bool key_is(const uint8_t *text, size_t start, size_t end, cairn_span key) {
    size_t matched = 0;
    for (size_t index = start; index < end;) {
        uint8_t utf8[4];
        size_t taken = 1, length = 1;
        utf8[0] = text[index];
        if (text[index] == '\\') taken = cairn_json_read_escape(text + index, end - index, utf8, &length);
        if (taken == 0) return false; /* a surrogate alone is in no UTF-8 key */
        if (length > key.length - matched || memcmp(key.bytes + matched, utf8, length) != 0) return false;
        matched += length;
        index += taken;
    }
    return matched == key.length;
}

uint32_t cairn_json_member(
    const uint8_t *text, const cairn_json_node *nodes, uint32_t object, cairn_span key) {
    uint32_t found = CAIRN_JSON_NONE;
    if (nodes[object].type != CAIRN_JSON_OBJECT) return found;
    for (uint32_t child = object + 1; child < nodes[object].next; child = nodes[child].next) {
        const cairn_json_node *node = &nodes[child];
        const size_t length = node->key_end - node->key_start;
        bool is_equal = false;
        if (node->flags & CAIRN_JSON_KEY_ESCAPED)
            is_equal = key_is(text, node->key_start, node->key_end, key);
        else
            is_equal = length == key.length &&
                       (length == 0 || memcmp(text + node->key_start, key.bytes, length) == 0);
        if (is_equal) found = child;
    }
    return found;
}

/* The length of the spliced text; false for edits out of order or outside, or a length that overflows. */
static bool spliced_length(
    size_t length, const cairn_json_edit *edits, size_t edit_count, size_t *out_length) {
    size_t position = 0, total = length;
    for (size_t i = 0; i < edit_count; i += 1) {
        if (edits[i].start < position || edits[i].end < edits[i].start || edits[i].end > length) return false;
        position = edits[i].end;
        total -= edits[i].end - edits[i].start;
        if (edits[i].with.length > SIZE_MAX - total) return false;
        total += edits[i].with.length;
    }
    *out_length = total;
    return true;
}

static uint8_t *copy(uint8_t *out, const uint8_t *bytes, size_t length) {
    if (length > 0) memcpy(out, bytes, length);
    return length > 0 ? out + length : out;
}

cairn_status cairn_json_splice(const uint8_t *text, size_t length, const cairn_json_edit *edits,
    size_t edit_count, uint8_t *out, size_t capacity, size_t *out_length) {
    size_t total = 0;
    if (!spliced_length(length, edits, edit_count, &total)) return CAIRN_ERR_ARGUMENT;
    *out_length = total;
    if (total > capacity) return CAIRN_ERR_NO_SPACE;
    size_t position = 0;
    for (size_t i = 0; i < edit_count; i += 1) {
        if (edits[i].start > position) out = copy(out, text + position, edits[i].start - position);
        out = copy(out, edits[i].with.bytes, edits[i].with.length);
        position = edits[i].end;
    }
    if (length > position) copy(out, text + position, length - position);
    return CAIRN_OK;
}

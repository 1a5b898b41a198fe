/* cairn_json_parse.c: one pass over a document into a tape of nodes. See cairn_json.h for the tape.
 *
 * A loop without recursion: the tape itself is the stack, as each node knows its container. Time goes to
 * string content (cairn_json_pass_string, 64 bytes a step) and to short tokens (byte by byte here). */
#include "cairn_json_int.h"

/* A document while it is parsed. */
typedef struct parser {
    const uint8_t *text;
    size_t length, index;
    cairn_json_node *nodes;
    size_t count, capacity;
    uint32_t open;                          /* the innermost open container, CAIRN_JSON_NONE outside all */
    uint32_t depth;                         /* open containers */
    uint32_t key_start, key_end, key_flags; /* of the value that comes next */
    cairn_status status;
} parser;

static bool fail(parser *self, cairn_status status, size_t offset) {
    self->status = status;
    self->index = offset;
    return false;
}

/* The text ends where something must follow. */
static bool fail_at_end(parser *self) {
    return fail(self, CAIRN_ERR_INCOMPLETE, self->length);
}

/* A wrong byte here, or the end of the text. */
static bool fail_here(parser *self) {
    return self->index >= self->length ? fail_at_end(self) : fail(self, CAIRN_ERR_SYNTAX, self->index);
}

static inline bool is_whitespace(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline void skip_whitespace(parser *self) {
    if (self->index < self->length && self->text[self->index] > ' ') return; /* nearly always */
    while (self->index < self->length && is_whitespace(self->text[self->index])) self->index += 1;
}

static inline bool is_at(const parser *self, uint8_t byte) {
    return self->index < self->length && self->text[self->index] == byte;
}

/* Strings */

/* Checks the UTF-8 of string content that may end badly at `end`. A sequence cut by the end of the whole text
 * is no error of its own: the text may go on. Returns the place of the first error, or `end`. */
static size_t utf8_end(const parser *self, size_t start, size_t end) {
    const size_t good = start + cairn_bytes_utf8_front(self->text + start, end - start);
    if (good == end || end < self->length) return good;
    /* Would some continuation make it well-formed? Tried with the few that reach every lead byte's range. */
    static const uint8_t fillers[3] = {0x80, 0x90, 0xA0};
    const size_t left = end - good;
    if (left >= 4) return good;
    for (size_t f = 0; f < sizeof fillers; f += 1) {
        uint8_t probe[4];
        for (size_t i = 0; i < sizeof probe; i += 1)
            probe[i] = i < left ? self->text[good + i] : i == left ? fillers[f] : 0x80;
        if (cairn_bytes_utf8_sequence(probe, sizeof probe) > left) return end;
    }
    return good;
}

/* Passes over a string that is not short. */
static bool pass_long_string(parser *self, uint32_t *seen) {
    const size_t start = self->index;
    const size_t end = cairn_json_pass_string(self->text, start, self->length, seen);
    if (*seen & CAIRN_JSON_SAW_HIGH) {
        const size_t good = utf8_end(self, start, end);
        if (good < end) return fail(self, CAIRN_ERR_SYNTAX, good);
    }
    self->index = end;
    if (end == self->length || self->text[end] != '"') return fail_here(self);
    self->index = end + 1;
    return true;
}

/* Passes over a string, from behind its opening quote to behind the closing one. */
static inline bool pass_string(parser *self, uint32_t *seen) {
    *seen = 0;
    const size_t end = cairn_json_short_string_end(self->text, self->index, self->length);
    if (end == self->length) return pass_long_string(self, seen);
    self->index = end + 1;
    return true;
}

/* Reads a key and its colon. */
static inline bool read_key(parser *self) {
    skip_whitespace(self);
    if (!is_at(self, '"')) return fail_here(self);
    self->index += 1;
    const size_t start = self->index;
    uint32_t seen = 0;
    if (!pass_string(self, &seen)) return false;
    self->key_start = (uint32_t)start;
    self->key_end = (uint32_t)(self->index - 1);
    self->key_flags = CAIRN_JSON_KEY | (seen & CAIRN_JSON_SAW_ESCAPE ? CAIRN_JSON_KEY_ESCAPED : 0) |
                      (seen & CAIRN_JSON_SAW_RESPELLED ? CAIRN_JSON_KEY_RESPELLED : 0);
    skip_whitespace(self);
    if (!is_at(self, ':')) return fail_here(self);
    self->index += 1;
    return true;
}

/* Scalars */

static inline bool pass_digits(parser *self) {
    const size_t start = self->index;
    while (self->index < self->length && (uint8_t)(self->text[self->index] - '0') <= 9) self->index += 1;
    return self->index > start || fail_here(self);
}

/* number = [ "-" ] ( "0" / digit1-9 *digit ) [ "." 1*digit ] [ ( "e" / "E" ) [ "+" / "-" ] 1*digit ] */
static bool pass_number(parser *self) {
    if (is_at(self, '-')) self->index += 1;
    if (is_at(self, '0'))
        self->index += 1;
    else if (!pass_digits(self))
        return false;
    if (is_at(self, '.')) {
        self->index += 1;
        if (!pass_digits(self)) return false;
    }
    if (is_at(self, 'e') || is_at(self, 'E')) {
        self->index += 1;
        if (is_at(self, '+') || is_at(self, '-')) self->index += 1;
        if (!pass_digits(self)) return false;
    }
    return true;
}

static bool pass_word(parser *self, const char *word) {
    for (; *word != 0; word += 1, self->index += 1) {
        if (!is_at(self, (uint8_t)*word)) return fail_here(self);
    }
    return true;
}

/* Nodes */

static inline cairn_json_node *add_node(parser *self, cairn_json_type type) {
    if (self->count == self->capacity) {
        fail(self, CAIRN_ERR_NO_SPACE, self->index);
        return NULL;
    }
    cairn_json_node *node = &self->nodes[self->count];
    *node = (cairn_json_node){
        .start = (uint32_t)self->index,
        .key_start = self->key_start,
        .key_end = self->key_end,
        .parent = self->open,
        .next = (uint32_t)self->count + 1,
        .type = (uint8_t)type,
        .flags = (uint8_t)self->key_flags,
        .depth = (uint16_t)self->depth,
    };
    if (self->open != CAIRN_JSON_NONE) self->nodes[self->open].child_count += 1;
    self->count += 1;
    self->key_start = self->key_end = self->key_flags = 0;
    return node;
}

static inline bool open_container(parser *self, cairn_json_type type) {
    if (self->depth == CAIRN_JSON_DEPTH_MAX) return fail(self, CAIRN_ERR_TOO_BIG, self->index);
    if (add_node(self, type) == NULL) return false;
    self->open = (uint32_t)(self->count - 1);
    self->depth += 1;
    self->index += 1;
    return true;
}

/* The innermost container ends with the byte at the index. */
static inline void close_container(parser *self) {
    cairn_json_node *node = &self->nodes[self->open];
    self->index += 1;
    node->end = (uint32_t)self->index;
    node->next = (uint32_t)self->count;
    self->open = node->parent;
    self->depth -= 1;
}

static inline uint8_t closing_byte(const parser *self) {
    return self->nodes[self->open].type == CAIRN_JSON_OBJECT ? '}' : ']';
}

static bool read_scalar(parser *self, uint8_t byte) {
    cairn_json_type type = CAIRN_JSON_NUMBER;
    if (byte == '"')
        type = CAIRN_JSON_STRING;
    else if (byte == 't')
        type = CAIRN_JSON_TRUE;
    else if (byte == 'f')
        type = CAIRN_JSON_FALSE;
    else if (byte == 'n')
        type = CAIRN_JSON_NULL;
    else if (byte != '-' && (uint8_t)(byte - '0') > 9)
        return fail_here(self);
    cairn_json_node *node = add_node(self, type);
    if (node == NULL) return false;
    bool is_read = false;
    uint32_t seen = 0;
    switch (type) {
    case CAIRN_JSON_STRING:
        self->index += 1;
        is_read = pass_string(self, &seen);
        if (seen & CAIRN_JSON_SAW_ESCAPE) node->flags |= CAIRN_JSON_VALUE_ESCAPED;
        if (seen & CAIRN_JSON_SAW_RESPELLED) node->flags |= CAIRN_JSON_VALUE_RESPELLED;
        break;
    case CAIRN_JSON_TRUE:
        is_read = pass_word(self, "true");
        break;
    case CAIRN_JSON_FALSE:
        is_read = pass_word(self, "false");
        break;
    case CAIRN_JSON_NULL:
        is_read = pass_word(self, "null");
        break;
    default:
        is_read = pass_number(self);
        break;
    }
    node->end = (uint32_t)self->index;
    return is_read;
}

/* Reads a scalar, or opens containers until one is empty (and closes that) or a scalar was read. */
static bool read_value(parser *self) {
    for (;;) {
        skip_whitespace(self);
        if (self->index == self->length) return fail_at_end(self);
        const uint8_t byte = self->text[self->index];
        if (byte != '{' && byte != '[') return read_scalar(self, byte);
        if (!open_container(self, byte == '{' ? CAIRN_JSON_OBJECT : CAIRN_JSON_ARRAY)) return false;
        skip_whitespace(self);
        if (is_at(self, closing_byte(self))) {
            close_container(self);
            return true;
        }
        if (byte == '{' && !read_key(self)) return false;
    }
}

/* Behind a value: closes containers up to a comma, and takes that and a key. True with nothing open at the
 * end. */
static bool read_behind_value(parser *self) {
    while (self->open != CAIRN_JSON_NONE) {
        skip_whitespace(self);
        if (self->index == self->length) return fail_at_end(self);
        const uint8_t byte = self->text[self->index];
        if (byte == ',') {
            self->index += 1;
            return self->nodes[self->open].type == CAIRN_JSON_ARRAY || read_key(self);
        }
        if (byte != closing_byte(self)) return fail_here(self);
        close_container(self);
    }
    return true;
}

static bool read_document(parser *self) {
    static const uint8_t mark[3] = {0xEF, 0xBB, 0xBF};
    if (self->length > 0 && self->text[0] == mark[0]) {
        for (; self->index < sizeof mark; self->index += 1) {
            if (!is_at(self, mark[self->index])) return fail_here(self);
        }
    }
    do {
        if (!read_value(self) || !read_behind_value(self)) return false;
    } while (self->open != CAIRN_JSON_NONE);
    skip_whitespace(self);
    return self->index == self->length || fail_here(self);
}

size_t cairn_json_nodes_bound(size_t length) {
    /* Each value starts at a byte of its own. But for the last one and containers still open when a text is
     * cut, it also has a comma or closing bracket to itself. */
    const size_t closed = length / 2 + 1 + CAIRN_JSON_DEPTH_MAX;
    return length < closed ? length : closed;
}

cairn_status cairn_json_parse(const uint8_t *text, size_t length, cairn_json_node *nodes, size_t capacity,
    size_t *out_count, size_t *out_error_offset) {
    if (length > CAIRN_JSON_BYTES_MAX) {
        *out_error_offset = 0;
        return CAIRN_ERR_TOO_BIG;
    }
    parser self = {
        .text = text, .length = length, .nodes = nodes, .capacity = capacity, .open = CAIRN_JSON_NONE};
    if (!read_document(&self)) {
        *out_error_offset = self.index;
        return self.status;
    }
    *out_count = self.count;
    return CAIRN_OK;
}

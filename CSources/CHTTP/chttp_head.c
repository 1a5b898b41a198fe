/* chttp_head.c: header fields as they came, and which of them travel on.
 *
 * RFC 9110 section 7.6.1: a proxy passes on the end-to-end fields and keeps the hop-by-hop ones (those named there and
 * those that Connection names). Framing fields (Content-Length, Transfer-Encoding) and Host are written anew. */
#include "chttp_int.h"

#include <stdlib.h>
#include <string.h>

#define CHTTP_HEAD_FIRST_BYTES 1536
#define CHTTP_HEAD_FIRST_FIELDS 24

static inline char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

bool chttp_name_equals(const char *name, size_t length, const char *lower_name, size_t lower_length) {
    if (length != lower_length) return false;
    for (size_t i = 0; i < length; i++) {
        if (lower(name[i]) != lower_name[i]) return false;
    }
    return true;
}

bool chttp_head_init(chttp_head *head, uint32_t bytes_max) {
    memset(head, 0, sizeof *head);
    head->bytes_max = bytes_max;
    head->block = malloc(CHTTP_HEAD_FIRST_BYTES);
    head->fields = malloc(CHTTP_HEAD_FIRST_FIELDS * sizeof *head->fields);
    if (!head->block || !head->fields) {
        chttp_head_deinit(head);
        return false;
    }
    head->capacity = CHTTP_HEAD_FIRST_BYTES;
    head->fields_capacity = CHTTP_HEAD_FIRST_FIELDS;
    return true;
}

void chttp_head_reset(chttp_head *head, uint32_t bytes_max) {
    head->used = head->count = 0;
    head->value_open = false;
    head->bytes_max = bytes_max;
}

void chttp_head_deinit(chttp_head *head) {
    free(head->block);
    free(head->fields);
    memset(head, 0, sizeof *head);
}

bool chttp_head_add_bytes(chttp_head *head, const char *data, size_t length) {
    if (length > head->bytes_max - head->used) return false;
    if (length > head->capacity - head->used) {
        size_t capacity = head->capacity;
        while (capacity - head->used < length) capacity *= 2;
        char *block = realloc(head->block, capacity);
        if (!block) return false;
        head->block = block;
        head->capacity = (uint32_t)capacity;
    }
    memcpy(head->block + head->used, data, length);
    head->used += (uint32_t)length;
    return true;
}

bool chttp_head_add_name(chttp_head *head, const char *data, size_t length) {
    if (head->count == 0 || head->value_open) {
        if (head->count == CHTTP_HEADER_COUNT_MAX) return false;
        if (head->count == head->fields_capacity) {
            chttp_field *fields = realloc(head->fields, 2 * head->fields_capacity * sizeof *fields);
            if (!fields) return false;
            head->fields = fields;
            head->fields_capacity *= 2;
        }
        head->fields[head->count++] = (chttp_field){.name_at = head->used, .value_at = head->used};
        head->value_open = false;
    }
    chttp_field *field = &head->fields[head->count - 1];
    if (!chttp_head_add_bytes(head, data, length)) return false;
    field->name_length += (uint32_t)length;
    field->value_at = head->used;
    return true;
}

bool chttp_head_add_value(chttp_head *head, const char *data, size_t length) {
    chttp_field *field = &head->fields[head->count - 1];
    head->value_open = true;
    if (!chttp_head_add_bytes(head, data, length)) return false;
    field->value_length += (uint32_t)length;
    return true;
}

static chttp_field_kind kind_of(const char *name, size_t length) {
#define IS(text) chttp_name_equals(name, length, text, sizeof text - 1)
    switch (length) {
    case 2: return IS("te") ? CHTTP_FIELD_HOP : CHTTP_FIELD_OTHER;
    case 4: return IS("host") ? CHTTP_FIELD_HOST : CHTTP_FIELD_OTHER;
    case 6: return IS("expect") ? CHTTP_FIELD_EXPECT : CHTTP_FIELD_OTHER;
    case 7: return IS("trailer") || IS("upgrade") ? CHTTP_FIELD_HOP : CHTTP_FIELD_OTHER;
    case 10:
        if (IS("connection")) return CHTTP_FIELD_CONNECTION;
        return IS("keep-alive") ? CHTTP_FIELD_HOP : CHTTP_FIELD_OTHER;
    case 14: return IS("content-length") ? CHTTP_FIELD_CONTENT_LENGTH : CHTTP_FIELD_OTHER;
    case 16: return IS("proxy-connection") ? CHTTP_FIELD_HOP : CHTTP_FIELD_OTHER;
    case 17: return IS("transfer-encoding") ? CHTTP_FIELD_TRANSFER_ENCODING : CHTTP_FIELD_OTHER;
    case 18: return IS("proxy-authenticate") ? CHTTP_FIELD_HOP : CHTTP_FIELD_OTHER;
    case 19: return IS("proxy-authorization") ? CHTTP_FIELD_HOP : CHTTP_FIELD_OTHER;
    default: return CHTTP_FIELD_OTHER;
    }
#undef IS
}

static bool same_name(const char *a, size_t a_length, const char *b, size_t b_length) {
    if (a_length != b_length) return false;
    for (size_t i = 0; i < a_length; i++) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

/* Marks the fields that a Connection value names. `keep-alive` and `close` name no fields worth a search. Returns how
 * many names it met, counting on from `names`. */
static unsigned mark_named(chttp_head *head, const chttp_field *connection, unsigned names) {
    const char *at = head->block + connection->value_at, *end = at + connection->value_length;
    while (at < end) {
        while (at < end && (*at == ',' || *at == ' ' || *at == '\t')) at++;
        const char *token = at;
        while (at < end && *at != ',' && *at != ' ' && *at != '\t') at++;
        size_t length = (size_t)(at - token);
        if (length == 0 || chttp_name_equals(token, length, "close", 5)
            || chttp_name_equals(token, length, "keep-alive", 10)) continue;
        if (++names > CHTTP_CONNECTION_NAMES_MAX) break; /* each is compared with every field */
        for (uint32_t i = 0; i < head->count; i++) {
            chttp_field *field = &head->fields[i];
            if (field->kind != CHTTP_FIELD_OTHER) continue;
            if (same_name(head->block + field->name_at, field->name_length, token, length)) {
                field->kind = CHTTP_FIELD_HOP;
            }
        }
    }
    return names;
}

bool chttp_head_finish(chttp_head *head) {
    bool has_connection = false;
    for (uint32_t i = 0; i < head->count; i++) {
        chttp_field *field = &head->fields[i];
        const char *value = head->block + field->value_at;
        uint32_t length = field->value_length;
        while (length && (value[length - 1] == ' ' || value[length - 1] == '\t')) length--;
        field->value_length = length;
        field->kind = (uint8_t)kind_of(head->block + field->name_at, field->name_length);
        has_connection |= field->kind == CHTTP_FIELD_CONNECTION;
    }
    unsigned names = 0;
    for (uint32_t i = 0; has_connection && i < head->count; i++) {
        if (head->fields[i].kind == CHTTP_FIELD_CONNECTION) names = mark_named(head, &head->fields[i], names);
    }
    return names <= CHTTP_CONNECTION_NAMES_MAX;
}

bool chttp_head_has_known_coding(const chttp_head *head) {
    unsigned count = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        const chttp_field *field = &head->fields[i];
        if (field->kind != CHTTP_FIELD_TRANSFER_ENCODING) continue;
        if (!chttp_name_equals(head->block + field->value_at, field->value_length, "chunked", 7)) return false;
        count++;
    }
    return count <= 1;
}

size_t chttp_head_count(const chttp_head *head) { return head->count; }

void chttp_head_at(const chttp_head *head, size_t index, chttp_bytes *out_name, chttp_bytes *out_value) {
    const chttp_field *field = &head->fields[index];
    *out_name = (chttp_bytes){head->block + field->name_at, field->name_length};
    *out_value = (chttp_bytes){head->block + field->value_at, field->value_length};
}

bool chttp_head_find(const chttp_head *head, chttp_bytes lower_name, chttp_bytes *out_value) {
    for (uint32_t i = 0; i < head->count; i++) {
        const chttp_field *field = &head->fields[i];
        if (chttp_name_equals(head->block + field->name_at, field->name_length, lower_name.data, lower_name.length)) {
            *out_value = (chttp_bytes){head->block + field->value_at, field->value_length};
            return true;
        }
    }
    return false;
}

size_t chttp_head_emit_bound(const chttp_head *head) { return head ? head->used + 4 * (size_t)head->count : 0; }

char *chttp_head_emit(const chttp_head *head, const chttp_names *less, char *out) {
    for (uint32_t i = 0; i < head->count; i++) {
        const chttp_field *field = &head->fields[i];
        if (field->kind != CHTTP_FIELD_OTHER) continue;
        const char *name = head->block + field->name_at;
        if (less && chttp_names_has(less, name, field->name_length)) continue;
        memcpy(out, name, field->name_length);
        out += field->name_length;
        *out++ = ':';
        *out++ = ' ';
        memcpy(out, head->block + field->value_at, field->value_length);
        out += field->value_length;
        *out++ = '\r';
        *out++ = '\n';
    }
    return out;
}

/* --------------------------------------------------------------------------------------------------------- names */

typedef struct chttp_name {
    const char *text;
    uint32_t length;
    bool is_prefix;
} chttp_name;

/* A name can only match if its length's bit is set (bit 63: 63 or longer) or a prefix is in the set. */
struct chttp_names {
    uint64_t lengths;
    bool has_prefix;
    size_t count;
    chttp_name names[];
};

chttp_names *chttp_names_new(const chttp_bytes *names, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += names[i].length;
    chttp_names *self = malloc(sizeof *self + count * sizeof(chttp_name) + bytes);
    if (!self) return NULL;
    *self = (chttp_names){.count = count};

    char *text = (char *)(self->names + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = names[i].length;
        bool is_prefix = length > 0 && names[i].data[length - 1] == '*';
        if (is_prefix) length--;
        for (size_t k = 0; k < length; k++) text[k] = lower(names[i].data[k]);
        self->names[i] = (chttp_name){text, (uint32_t)length, is_prefix};
        if (is_prefix) self->has_prefix = true;
        else self->lengths |= 1ull << (length < 63 ? length : 63);
        text += length;
    }
    return self;
}

void chttp_names_free(chttp_names *names) { free(names); }

bool chttp_names_has(const chttp_names *names, const char *name, size_t length) {
    if (!names->has_prefix && !(names->lengths >> (length < 63 ? length : 63) & 1)) return false;
    char first = length ? lower(name[0]) : 0;
    for (size_t i = 0; i < names->count; i++) {
        const chttp_name *known = &names->names[i];
        if (known->length && known->text[0] != first) continue;
        if (known->is_prefix ? length >= known->length : length == known->length) {
            if (chttp_name_equals(name, known->length, known->text, known->length)) return true;
        }
    }
    return false;
}

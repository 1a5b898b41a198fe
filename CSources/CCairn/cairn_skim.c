/* cairn_skim.c: the JSON skimmer. See cairn_skim.h for what it takes and what it refuses.
 *
 * A state machine over the bytes. Objects on a wanted path ("levels") are walked key by key; everything else
 * is one value to be passed over: a string (to its quote), a scalar (to its delimiter), or a container
 * (brackets counted).
 *
 *     level 1          level 2                     passed over          captured
 *     {"message": {"content": [ ... any depth ... ], "usage": {"input_tokens": 7} } }
 *      alive = {message,usage}   alive = {message,usage}
 */
#include "cairn_skim.h"

#include "cairn_json.h"
#include "cairn_skim_int.h"

#include <string.h>

/* The plan */

_Static_assert(
    CAIRN_SKIM_RAW_KEY_BYTES_MAX == 6 * CAIRN_SKIM_KEY_BYTES_MAX, "room for every byte as \\u00XX");

static cairn_status check_path(const cairn_skim_path *path) {
    if (path->key_count == 0) return CAIRN_ERR_ARGUMENT;
    if (path->key_count > CAIRN_SKIM_KEYS_MAX) return CAIRN_ERR_TOO_BIG;
    if (path->value_bytes_max > CAIRN_SKIM_VALUE_BYTES_MAX) return CAIRN_ERR_TOO_BIG;
    for (uint32_t i = 0; i < path->key_count; i += 1) {
        if (path->keys[i].length > CAIRN_SKIM_KEY_BYTES_MAX) return CAIRN_ERR_TOO_BIG;
    }
    return CAIRN_OK;
}

static bool key_equals(cairn_span a, cairn_span b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* True when one of the two paths is the other, or leads to a place inside its value. */
static bool overlaps(const cairn_skim_path *a, const cairn_skim_path *b) {
    const uint32_t shared = a->key_count < b->key_count ? a->key_count : b->key_count;
    for (uint32_t i = 0; i < shared; i += 1) {
        if (!key_equals(a->keys[i], b->keys[i])) return false;
    }
    return true;
}

cairn_status cairn_skim_plan_init(
    const cairn_skim_path *paths, size_t path_count, bool stops_when_found, cairn_skim_plan *out_plan) {
    if (path_count == 0 || path_count > CAIRN_SKIM_PATHS_MAX) return CAIRN_ERR_ARGUMENT;
    for (size_t i = 0; i < path_count; i += 1) {
        const cairn_status status = check_path(&paths[i]);
        if (status != CAIRN_OK) return status;
        for (size_t j = 0; j < i; j += 1) {
            if (overlaps(&paths[i], &paths[j])) return CAIRN_ERR_ARGUMENT;
        }
    }
    out_plan->path_count = (uint32_t)path_count;
    out_plan->stops_when_found = stops_when_found;
    out_plan->capture_bytes = 0;
    for (size_t i = 0; i < path_count; i += 1) {
        out_plan->paths[i].key_count = (uint8_t)paths[i].key_count;
        out_plan->paths[i].value_bytes_max = paths[i].value_bytes_max;
        out_plan->paths[i].capture_start = out_plan->capture_bytes;
        out_plan->capture_bytes += paths[i].value_bytes_max;
        for (uint32_t k = 0; k < paths[i].key_count; k += 1) {
            const cairn_span key = paths[i].keys[k];
            out_plan->paths[i].key_bytes[k] = (uint8_t)key.length;
            if (key.length > 0) memcpy(out_plan->keys[i][k], key.bytes, key.length);
        }
    }
    return CAIRN_OK;
}

size_t cairn_skim_capture_bound(const cairn_skim_plan *plan) {
    return plan->capture_bytes;
}

/* The skimmer */

static uint8_t all_paths(const cairn_skim *self) {
    return (uint8_t)((1u << self->plan->path_count) - 1);
}

void cairn_skim_init(cairn_skim *self, const cairn_skim_plan *plan, uint8_t *capture) {
    self->plan = plan;
    self->capture = capture;
    self->consumed = self->nesting = 0;
    self->phase = CAIRN_SKIM_AT_START;
    self->level = 0;
    self->found = self->too_big = 0;
    self->matched = all_paths(self);
    self->capturing = -1;
    self->mark_bytes = 0;
    self->is_in_string = self->is_escaped = self->is_key_long = false;
    self->raw_key_bytes = 0;
}

/* A piece of the document while it is walked. Everything before `start` has been taken over by the skimmer:
 * `start` is where the key or captured value at hand begins in this piece, 0 when it began in an earlier one.
 */
typedef struct piece {
    const uint8_t *bytes;
    size_t length, index, start;
} piece;

/* Adds the bytes from piece->start up to the index to the value being captured. */
static void capture_bytes(cairn_skim *self, const piece *piece) {
    const size_t fresh = piece->index - piece->start, path = (size_t)self->capturing;
    const uint64_t length = self->values[path].length + fresh;
    const uint32_t bytes_max = self->plan->paths[path].value_bytes_max;
    if (bytes_max > 0 && length > bytes_max) self->too_big |= (uint8_t)(1u << path);
    if (length <= bytes_max && fresh > 0) {
        uint8_t *slot = self->capture + self->plan->paths[path].capture_start;
        memcpy(slot + self->values[path].length, piece->bytes + piece->start, fresh);
    }
    self->values[path].length = length;
}

/* The value at hand has ended in front of the index. */
static void end_value(cairn_skim *self, const piece *piece) {
    self->phase = self->level == 0 ? CAIRN_SKIM_AT_END : CAIRN_SKIM_BEHIND_VALUE;
    if (self->capturing < 0) return;
    capture_bytes(self, piece);
    self->found |= (uint8_t)(1u << self->capturing);
    self->capturing = -1;
    if (self->plan->stops_when_found && cairn_skim_done(self)) self->phase = CAIRN_SKIM_STOPPED;
}

static void close_object(cairn_skim *self) {
    self->level -= 1;
    self->phase = self->level == 0 ? CAIRN_SKIM_AT_END : CAIRN_SKIM_BEHIND_VALUE;
}

/* The path that ends with the key just read, or -1. There is at most one: no path leads through another. */
static int8_t path_ending_here(const cairn_skim *self) {
    for (uint32_t i = 0; i < self->plan->path_count; i += 1) {
        if ((self->matched >> i & 1) && self->plan->paths[i].key_count == self->level) return (int8_t)i;
    }
    return -1;
}

static bool starts_scalar(uint8_t byte) {
    return byte == '-' || (byte >= '0' && byte <= '9') || byte == 't' || byte == 'f' || byte == 'n';
}

/* Takes the first byte of a value. */
static bool begin_value(cairn_skim *self, piece *piece) {
    const uint8_t byte = piece->bytes[piece->index];
    const int8_t path = self->matched == 0 ? -1 : path_ending_here(self);
    if (byte == '{' && self->matched != 0 && path < 0) {
        self->alive[self->level] =
            self->matched; /* some path has more keys, so the level is below the limit */
        self->level += 1;
        self->phase = CAIRN_SKIM_AT_FIRST_KEY;
    } else if (byte == '"') {
        self->nesting = 0;
        self->is_in_string = true;
        self->phase = CAIRN_SKIM_IN_VALUE;
    } else if (byte == '{' || byte == '[') {
        self->nesting = 1;
        self->phase = CAIRN_SKIM_IN_VALUE;
    } else if (starts_scalar(byte)) {
        self->phase = CAIRN_SKIM_IN_SCALAR;
    } else {
        return false;
    }
    if (path >= 0) {
        self->capturing = path;
        self->values[path].offset = self->consumed + piece->index;
        self->values[path].length = 0;
        piece->start = piece->index;
    }
    piece->index += 1;
    return true;
}

/* Passes over the inside of the value or key at hand; true when it has ended in front of the index. */
static bool pass_inside(cairn_skim *self, piece *piece) {
    cairn_skim_inside inside = {self->nesting, self->is_in_string, self->is_escaped};
    piece->index += cairn_skim_pass(piece->bytes + piece->index, piece->length - piece->index, &inside);
    self->nesting = inside.nesting;
    self->is_in_string = inside.is_in_string;
    self->is_escaped = inside.is_escaped;
    return inside.nesting == 0 && !inside.is_in_string;
}

static bool is_scalar_byte(uint8_t byte) {
    const uint8_t lower = byte | 0x20;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '-' || byte == '+' ||
           byte == '.';
}

/* Adds the bytes from piece->start up to `end` to the key that a border cut. */
static void keep_key(cairn_skim *self, const piece *piece, size_t end) {
    const size_t fresh = end - piece->start;
    if (fresh > sizeof self->raw_key - self->raw_key_bytes) {
        self->is_key_long = true;
    } else if (fresh > 0) {
        memcpy(self->raw_key + self->raw_key_bytes, piece->bytes + piece->start, fresh);
        self->raw_key_bytes += (uint32_t)fresh;
    }
}

/* The paths still possible on which `raw_key`, at the current level, lies. */
static uint8_t match_key(const cairn_skim *self, cairn_span raw_key) {
    uint8_t unescaped[CAIRN_SKIM_KEY_BYTES_MAX];
    cairn_span key = raw_key;
    if (key.length > sizeof self->raw_key) return 0;
    if (key.length > 0 && memchr(key.bytes, '\\', key.length) != NULL) {
        size_t error_offset = 0;
        key.bytes = unescaped;
        if (cairn_json_unescape(raw_key.bytes, raw_key.length, unescaped, sizeof unescaped, &key.length,
                &error_offset) != CAIRN_OK)
            return 0; /* too long, or no text at all: not a wanted key either way */
    }
    const uint32_t depth = self->level - 1u;
    uint8_t matched = 0;
    for (uint32_t i = 0; i < self->plan->path_count; i += 1) {
        if (!(self->alive[depth] >> i & 1)) continue;
        const cairn_span wanted = {self->plan->keys[i][depth], self->plan->paths[i].key_bytes[depth]};
        if (key_equals(key, wanted)) matched |= (uint8_t)(1u << i);
    }
    return matched;
}

/* The key's closing quote lies in front of the index. A member seen again forgets what was found for it
 * before. */
static void end_key(cairn_skim *self, const piece *piece) {
    const size_t end = piece->index - 1;
    cairn_span raw_key = {piece->bytes + piece->start, end - piece->start};
    if (self->raw_key_bytes > 0 || self->is_key_long) {
        keep_key(self, piece, end);
        raw_key = (cairn_span){self->raw_key, self->raw_key_bytes};
    }
    self->matched = self->is_key_long ? 0 : match_key(self, raw_key);
    self->found &= (uint8_t)~self->matched;
    self->too_big &= (uint8_t)~self->matched;
    self->raw_key_bytes = 0;
    self->is_key_long = false;
    self->phase = CAIRN_SKIM_AT_COLON;
}

/* Takes the punctuation byte at the index; false when it is a wrong one. */
static bool take_punctuation(cairn_skim *self, piece *piece) {
    const uint8_t byte = piece->bytes[piece->index];
    const bool is_key_place = self->phase == CAIRN_SKIM_AT_KEY || self->phase == CAIRN_SKIM_AT_FIRST_KEY;
    const bool may_close = self->phase == CAIRN_SKIM_BEHIND_VALUE || self->phase == CAIRN_SKIM_AT_FIRST_KEY;
    if (is_key_place && byte == '"') {
        self->phase = CAIRN_SKIM_IN_KEY;
        self->nesting = 0;
        self->is_in_string = true;
        piece->start = piece->index + 1;
    } else if (self->phase == CAIRN_SKIM_AT_COLON && byte == ':') {
        self->phase = CAIRN_SKIM_AT_VALUE;
    } else if (self->phase == CAIRN_SKIM_BEHIND_VALUE && byte == ',') {
        self->phase = CAIRN_SKIM_AT_KEY;
    } else if (may_close && byte == '}') {
        close_object(self);
    } else {
        return false;
    }
    piece->index += 1;
    return true;
}

/* Takes the byte at the index as part of a leading byte order mark, or decides that there is none. */
static bool take_mark(cairn_skim *self, piece *piece) {
    static const uint8_t mark[3] = {0xEF, 0xBB, 0xBF};
    const bool is_mark = piece->bytes[piece->index] == mark[self->mark_bytes];
    if (!is_mark && self->mark_bytes > 0) return false;
    if (is_mark) {
        self->mark_bytes += 1;
        piece->index += 1;
    }
    if (!is_mark || self->mark_bytes == sizeof mark) self->phase = CAIRN_SKIM_AT_VALUE;
    return true;
}

static bool is_whitespace(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Takes at least one byte of the piece, or changes the phase; false at a wrong byte. */
static bool step(cairn_skim *self, piece *piece) {
    switch (self->phase) {
    case CAIRN_SKIM_AT_START:
        return take_mark(self, piece);
    case CAIRN_SKIM_IN_VALUE:
        if (pass_inside(self, piece)) end_value(self, piece);
        return true;
    case CAIRN_SKIM_IN_KEY:
        if (pass_inside(self, piece)) end_key(self, piece);
        return true;
    case CAIRN_SKIM_IN_SCALAR:
        while (piece->index < piece->length && is_scalar_byte(piece->bytes[piece->index])) piece->index += 1;
        if (piece->index < piece->length) end_value(self, piece);
        return true;
    case CAIRN_SKIM_AT_VALUE:
    case CAIRN_SKIM_AT_FIRST_KEY:
    case CAIRN_SKIM_AT_KEY:
    case CAIRN_SKIM_AT_COLON:
    case CAIRN_SKIM_BEHIND_VALUE:
    case CAIRN_SKIM_AT_END:
        if (is_whitespace(piece->bytes[piece->index])) {
            piece->index += 1;
            return true;
        }
        if (self->phase == CAIRN_SKIM_AT_VALUE) return begin_value(self, piece);
        return take_punctuation(self, piece);
    case CAIRN_SKIM_STOPPED:
    case CAIRN_SKIM_FAILED:
        break;
    }
    return false;
}

static cairn_status status_of(const cairn_skim *self) {
    switch (self->phase) {
    case CAIRN_SKIM_AT_END:
    case CAIRN_SKIM_STOPPED:
        return CAIRN_OK;
    case CAIRN_SKIM_FAILED:
        return CAIRN_ERR_SYNTAX;
    default:
        return CAIRN_ERR_INCOMPLETE;
    }
}

cairn_status cairn_skim_feed(cairn_skim *self, const uint8_t *bytes, size_t length) {
    piece piece = {bytes, length, 0, 0};
    while (piece.index < length && self->phase < CAIRN_SKIM_STOPPED) {
        if (!step(self, &piece)) self->phase = CAIRN_SKIM_FAILED;
    }
    if (self->capturing >= 0) capture_bytes(self, &piece);
    if (self->phase == CAIRN_SKIM_IN_KEY && length > 0) keep_key(self, &piece, length);
    self->consumed += piece.index;
    return status_of(self);
}

cairn_status cairn_skim_finish(cairn_skim *self) {
    if (self->phase == CAIRN_SKIM_IN_SCALAR && self->level == 0) self->phase = CAIRN_SKIM_AT_END;
    return status_of(self);
}

bool cairn_skim_done(const cairn_skim *self) {
    return self->found == all_paths(self);
}

uint64_t cairn_skim_offset(const cairn_skim *self) {
    return self->consumed;
}

cairn_status cairn_skim_value_at(const cairn_skim *self, size_t path_index, cairn_skim_value *out_value) {
    if (path_index >= self->plan->path_count) return CAIRN_ERR_NOT_FOUND;
    if (!(self->found >> path_index & 1)) return CAIRN_ERR_NOT_FOUND;
    const bool is_too_big = self->too_big >> path_index & 1;
    cairn_skim_value value = {
        .offset = self->values[path_index].offset, .length = self->values[path_index].length};
    if (!is_too_big && self->plan->paths[path_index].value_bytes_max > 0) {
        value.raw.bytes = self->capture + self->plan->paths[path_index].capture_start;
        value.raw.length = (size_t)value.length;
    }
    *out_value = value;
    return is_too_big ? CAIRN_ERR_TOO_BIG : CAIRN_OK;
}

cairn_status cairn_skim_member(
    const uint8_t *body, size_t length, cairn_span key, cairn_span *out_value, size_t *out_offset) {
    const cairn_skim_path path = {.keys = {key}, .key_count = 1, .value_bytes_max = 0};
    cairn_skim_plan plan;
    cairn_skim skim;
    cairn_status status = cairn_skim_plan_init(&path, 1, true, &plan);
    if (status != CAIRN_OK) return status;
    cairn_skim_init(&skim, &plan, NULL);
    cairn_skim_feed(&skim, body, length);
    status = cairn_skim_finish(&skim);
    cairn_skim_value value;
    if (status == CAIRN_OK) status = cairn_skim_value_at(&skim, 0, &value);
    if (status == CAIRN_OK) {
        *out_offset = (size_t)value.offset;
        *out_value = (cairn_span){body + value.offset, (size_t)value.length};
    } else if (status != CAIRN_ERR_NOT_FOUND) {
        *out_offset = (size_t)cairn_skim_offset(&skim);
    }
    return status;
}

/* cairn_sse.c: the event stream scanner. See cairn_sse.h for the format and the contract.
 *
 * All positions inside an event are offsets from its first byte, because that byte may move: it lies in the
 * caller's chunk, or, once a border has cut the event, at the front of `kept`, which may be reallocated.
 *
 *        kept (earlier chunks)          *rest (this chunk)
 *     [event:x LF data:{"a":]        [1} LF LF event:y ...]
 *      0        ^line_start           ^kept.length
 */
#include "cairn_sse.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t byte_order_mark[3] = {0xEF, 0xBB, 0xBF};

/* Buffers */

static cairn_status buffer_reserve(cairn_sse_buffer *buffer, size_t length) {
    if (length <= buffer->capacity) return CAIRN_OK;
    size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
    while (capacity < length) capacity = capacity > SIZE_MAX / 2 ? length : capacity * 2;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL) return CAIRN_ERR_NO_MEMORY;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return CAIRN_OK;
}

static cairn_status buffer_append(cairn_sse_buffer *buffer, const uint8_t *bytes, size_t length) {
    if (length == 0) return CAIRN_OK;
    const cairn_status status = buffer_reserve(buffer, buffer->length + length);
    if (status != CAIRN_OK) return status;
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return CAIRN_OK;
}

static void buffer_free(cairn_sse_buffer *buffer) {
    free(buffer->bytes);
    *buffer = (cairn_sse_buffer){0};
}

static void buffer_clear(cairn_sse_buffer *buffer) {
    if (buffer->capacity > CAIRN_SSE_KEEP_BYTES) buffer_free(buffer);
    buffer->length = 0;
}

/* Life */

static void start_event(cairn_sse *self) {
    self->lines_start = self->line_start = 0;
    self->type = self->data = self->id = (cairn_sse_range){0};
    self->retry_milliseconds = 0;
    self->line_count = self->data_line_count = 0;
    self->has_id = self->has_retry = false;
    self->is_skipping = false;
}

void cairn_sse_init(cairn_sse *self, size_t event_bytes_max) {
    memset(self, 0, sizeof *self);
    self->event_bytes_max = event_bytes_max == 0 ? CAIRN_SSE_EVENT_BYTES_MAX : event_bytes_max;
    self->is_at_stream_start = true;
}

void cairn_sse_deinit(cairn_sse *self) {
    buffer_free(&self->kept);
    buffer_free(&self->joined);
}

void cairn_sse_reset(cairn_sse *self) {
    buffer_clear(&self->kept);
    buffer_clear(&self->joined);
    start_event(self);
    self->is_at_stream_start = true;
    self->is_after_cr = false;
}

/* Lines */

static bool span_equals(cairn_span span, const char *text, size_t length) {
    return span.length == length && memcmp(span.bytes, text, length) == 0;
}

static cairn_sse_field_kind kind_of(cairn_span name) {
    if (span_equals(name, "data", 4)) return CAIRN_SSE_DATA;
    if (span_equals(name, "event", 5)) return CAIRN_SSE_EVENT;
    if (span_equals(name, "id", 2)) return CAIRN_SSE_ID;
    if (span_equals(name, "retry", 5)) return CAIRN_SSE_RETRY;
    return CAIRN_SSE_UNKNOWN;
}

/* Splits a line that is not blank into name and value. */
static cairn_sse_field split_line(const uint8_t *line, size_t length) {
    const bool is_data = length >= 5 && memcmp(line, "data:", 5) == 0; /* nearly every line */
    const uint8_t *colon = is_data ? line + 4 : memchr(line, ':', length);
    const size_t name_length = colon == NULL ? length : (size_t)(colon - line);
    size_t value_start = colon == NULL ? length : name_length + 1;
    if (value_start < length && line[value_start] == ' ') value_start += 1;
    cairn_sse_field field = {
        .name = {line, name_length}, .value = {line + value_start, length - value_start}};
    field.kind = is_data ? CAIRN_SSE_DATA : name_length == 0 ? CAIRN_SSE_COMMENT : kind_of(field.name);
    return field;
}

/* The decimal number of a `retry` value; false when it is not all digits, and so to be ignored. */
static bool read_digits(cairn_span text, uint64_t *out_number) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.length; i += 1) {
        const uint8_t digit = (uint8_t)(text.bytes[i] - '0');
        if (digit > 9) return false;
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    if (text.length == 0) return false;
    *out_number = number;
    return true;
}

/* Notes a line of the event whose first byte is at `base`. */
static void note_line(cairn_sse *self, const uint8_t *base, size_t line_start, size_t line_end) {
    const cairn_sse_field field = split_line(base + line_start, line_end - line_start);
    const cairn_sse_range value = {(size_t)(field.value.bytes - base), field.value.length};
    self->line_count += 1;
    switch (field.kind) {
    case CAIRN_SSE_DATA:
        self->data_line_count += 1;
        self->data = value;
        break;
    case CAIRN_SSE_EVENT:
        self->type = value;
        break;
    case CAIRN_SSE_ID:
        if (value.length > 0 && memchr(field.value.bytes, 0, value.length) != NULL) break;
        self->id = value;
        self->has_id = true;
        break;
    case CAIRN_SSE_RETRY:
        self->has_retry |= read_digits(field.value, &self->retry_milliseconds);
        break;
    case CAIRN_SSE_COMMENT:
    case CAIRN_SSE_UNKNOWN:
        break;
    }
}

/* Handles the line base[line_start ..< line_end], its end excluded; true when it is blank. */
static bool take_line(cairn_sse *self, const uint8_t *base, size_t line_end) {
    size_t line_start = self->line_start;
    if (self->is_at_stream_start) {
        self->is_at_stream_start = false;
        if (line_end - line_start >= 3 && memcmp(base + line_start, byte_order_mark, 3) == 0) {
            line_start += 3;
            self->lines_start += 3;
        }
    }
    if (line_start == line_end) return true;
    note_line(self, base, line_start, line_end);
    return false;
}

/* Events */

static cairn_span range_of(const uint8_t *base, cairn_sse_range range) {
    return range.length == 0 ? (cairn_span){0} : (cairn_span){base + range.start, range.length};
}

/* Joins the values of all data lines with LF into `joined`. */
static cairn_status join_data(cairn_sse *self, cairn_sse_event *event) {
    cairn_sse_field field;
    size_t cursor = 0;
    self->joined.length = 0;
    for (uint32_t seen = 0; cairn_sse_field_next(event, &cursor, &field);) {
        if (field.kind != CAIRN_SSE_DATA) continue;
        cairn_status status = seen == 0 ? CAIRN_OK : buffer_append(&self->joined, (const uint8_t *)"\n", 1);
        if (status == CAIRN_OK) status = buffer_append(&self->joined, field.value.bytes, field.value.length);
        if (status != CAIRN_OK) return status;
        seen += 1;
    }
    event->data = (cairn_span){self->joined.bytes, self->joined.length};
    return CAIRN_OK;
}

static cairn_status fill_event(
    cairn_sse *self, const uint8_t *base, size_t length, bool is_terminated, cairn_sse_event *out_event) {
    cairn_sse_event event = {
        .raw = {base, length},
        .lines = {base + self->lines_start, length - self->lines_start},
        .type = range_of(base, self->type),
        .data = range_of(base, self->data),
        .id = range_of(base, self->id),
        .retry_milliseconds = self->retry_milliseconds,
        .line_count = self->line_count,
        .data_line_count = self->data_line_count,
        .has_id = self->has_id,
        .has_retry = self->has_retry,
        .is_terminated = is_terminated,
    };
    if (self->data_line_count > 1) {
        const cairn_status status = join_data(self, &event);
        if (status != CAIRN_OK) return status;
    }
    *out_event = event;
    return CAIRN_OK;
}

/* Forgets the current event: behind its blank line already, or to be skipped up to it. */
static cairn_status give_up(cairn_sse *self, bool is_over, bool is_line_empty, cairn_status why) {
    buffer_clear(&self->kept);
    start_event(self);
    self->is_skipping = !is_over;
    self->is_line_empty = is_line_empty;
    self->is_at_stream_start = false;
    return why;
}

/* Scanning: a chunk's walk state, so that the two modes below share one line finder. */
typedef struct walk {
    const uint8_t *bytes;
    size_t length;
    size_t position; /* of the first byte not yet scanned */
} walk;

/* Finds the next end of line. Returns false when the chunk has none; else *out_line_end is where the line's
 * own bytes end, and the position moves behind the line end. */
static bool find_line_end(cairn_sse *self, walk *chunk, size_t *out_line_end) {
    const size_t left = chunk->length - chunk->position;
    const size_t found = cairn_bytes_find_either(chunk->bytes + chunk->position, left, '\n', '\r');
    if (found == left) return false;
    *out_line_end = chunk->position + found;
    chunk->position = *out_line_end + 1;
    if (chunk->bytes[*out_line_end] == '\n') return true;
    self->is_after_cr = chunk->position == chunk->length;
    if (!self->is_after_cr && chunk->bytes[chunk->position] == '\n') chunk->position += 1;
    return true;
}

/* While skipping: looks for the blank line; true when it was found. */
static bool skip_to_blank_line(cairn_sse *self, walk *chunk) {
    size_t line_end = 0;
    for (;;) {
        const size_t line_start = chunk->position;
        if (!find_line_end(self, chunk, &line_end)) break;
        if (self->is_line_empty && line_end == line_start) return true;
        self->is_line_empty = true;
    }
    if (chunk->position < chunk->length) self->is_line_empty = false;
    chunk->position = chunk->length;
    return false;
}

/* Scans lines until one is blank. CAIRN_OK: the event ends at chunk->position. CAIRN_ERR_INCOMPLETE: the
 * chunk is used up and its bytes are kept. With kept bytes in front, each line is appended to them before it
 * is looked at. */
static cairn_status scan_event(cairn_sse *self, walk *chunk) {
    const bool is_kept = self->kept.length > 0;
    size_t appended = 0; /* bytes of the chunk that are in `kept` already */
    for (;;) {
        size_t line_end = chunk->length;
        const bool has_end = find_line_end(self, chunk, &line_end);
        if (!has_end) chunk->position = chunk->length;
        const size_t event_line_end = (is_kept ? self->kept.length : 0) + line_end - appended;
        const bool is_blank = event_line_end == self->line_start;
        if (!is_blank && event_line_end - self->lines_start > self->event_bytes_max)
            return give_up(self, false, has_end, CAIRN_ERR_TOO_BIG);
        if (is_kept || !has_end) {
            const size_t fresh = chunk->position - appended;
            if (buffer_append(&self->kept, chunk->bytes + appended, fresh) != CAIRN_OK)
                return give_up(self, has_end && is_blank, has_end || is_blank, CAIRN_ERR_NO_MEMORY);
            appended = chunk->position;
        }
        if (!has_end) return CAIRN_ERR_INCOMPLETE;
        if (take_line(self, is_kept ? self->kept.bytes : chunk->bytes, event_line_end)) return CAIRN_OK;
        self->line_start = is_kept ? self->kept.length : chunk->position;
    }
}

/* What the previous call handed out is no longer looked at: its memory may be reused. */
static void release_handed_out(cairn_sse *self) {
    if (!self->is_handed_out) return;
    self->is_handed_out = false;
    buffer_clear(&self->kept);
    buffer_clear(&self->joined);
}

/* The LF of a CRLF that a chunk border cut: it opens the bytes of this chunk, and no line. */
static void take_cut_line_feed(cairn_sse *self, walk *chunk) {
    if (!self->is_after_cr) return;
    self->is_after_cr = false;
    if (chunk->bytes[0] != '\n') return;
    chunk->position = 1;
    if (self->line_start == 0) self->lines_start = 1;
    self->line_start += 1;
}

cairn_status cairn_sse_next(cairn_sse *self, cairn_span *rest, cairn_sse_event *out_event) {
    release_handed_out(self);
    if (rest->length == 0) return CAIRN_ERR_INCOMPLETE;
    walk chunk = {rest->bytes, rest->length, 0};
    take_cut_line_feed(self, &chunk);
    if (self->is_skipping) {
        const bool is_over = skip_to_blank_line(self, &chunk);
        *rest = (cairn_span){chunk.bytes + chunk.position, chunk.length - chunk.position};
        if (!is_over) return CAIRN_ERR_INCOMPLETE;
        start_event(self);
        return cairn_sse_next(self, rest, out_event); /* one level deep: no event is being skipped now */
    }
    const bool is_kept = self->kept.length > 0;
    cairn_status status = scan_event(self, &chunk);
    *rest = (cairn_span){chunk.bytes + chunk.position, chunk.length - chunk.position};
    if (status != CAIRN_OK) return status;
    const uint8_t *base = is_kept ? self->kept.bytes : chunk.bytes;
    status = fill_event(self, base, is_kept ? self->kept.length : chunk.position, true, out_event);
    start_event(self);
    self->is_handed_out = true;
    return status;
}

cairn_status cairn_sse_finish(cairn_sse *self, cairn_sse_event *out_event) {
    release_handed_out(self);
    if (self->is_skipping) return CAIRN_ERR_NOT_FOUND;
    if (self->kept.length > self->line_start) take_line(self, self->kept.bytes, self->kept.length);
    if (self->line_count == 0) return CAIRN_ERR_NOT_FOUND;
    return fill_event(self, self->kept.bytes, self->kept.length, false, out_event);
}

bool cairn_sse_field_next(const cairn_sse_event *event, size_t *cursor, cairn_sse_field *out_field) {
    const size_t start = *cursor, left = event->lines.length - start;
    if (left == 0) return false;
    const uint8_t *line = event->lines.bytes + start;
    const size_t length = cairn_bytes_find_either(line, left, '\n', '\r');
    if (length == 0) return false; /* the blank line */
    const bool is_crlf = left - length >= 2 && line[length] == '\r' && line[length + 1] == '\n';
    *cursor = start + length + (length == left ? 0 : is_crlf ? 2 : 1);
    *out_field = split_line(line, length);
    return true;
}

/* cairn_delta_patch.c: diffs as unified patches, and patches applied.
 *
 * The format is the one of GNU diff -u, as POSIX has it (Issue 8, "diff", unified): hunks of context (' '),
 * deleted ('-') and added ('+') lines under a head that tells their places.
 *
 *     @@ -2,3 +2,4 @@        from line 2 three lines of the old text, from line 2 four of the new
 *      unchanged             a count of 1 is left out; with a count of 0 the number is the line before
 *     -goes
 *     +comes
 *     +comes too
 *      unchanged
 *     \ No newline at end of file */
#include "cairn_delta_int.h"

#include <string.h>

static const char no_newline[] = "\\ No newline at end of file\n";

/* Writing */

/* Text that is written as far as there is room and counted beyond. */
typedef struct output {
    uint8_t *bytes;
    size_t capacity, length;
} output;

static void put(output *out, const void *bytes, size_t length) {
    if (length > 0 && out->length <= out->capacity && length <= out->capacity - out->length)
        memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void put_text(output *out, const char *text) {
    put(out, text, strlen(text));
}

static void put_number(output *out, uint32_t number) {
    char digits[10];
    size_t count = 0;
    do {
        count += 1;
        digits[sizeof digits - count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(out, digits + sizeof digits - count, count);
}

/* Lines first ..< first + count, as a hunk's head names them. */
static void put_range(output *out, char sign, uint32_t first, uint32_t count) {
    put(out, &sign, 1);
    put_number(out, count == 0 ? first : first + 1);
    if (count == 1) return;
    put(out, ",", 1);
    put_number(out, count);
}

static void put_lines(
    output *out, char sign, const uint8_t *bytes, const uint32_t *starts, uint32_t first, uint32_t end) {
    for (uint32_t line = first; line < end; line += 1) {
        put(out, &sign, 1);
        put(out, bytes + starts[line], starts[line + 1] - starts[line]);
        if (bytes[starts[line + 1] - 1] != '\n') {
            put(out, "\n", 1);
            put_text(out, no_newline);
        }
    }
}

static void put_old(output *out, const cairn_delta_diff *diff, char sign, uint32_t first, uint32_t end) {
    put_lines(out, sign, diff->old_text.bytes, diff->old_starts, first, end);
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* One hunk: changes first ..< end, with context. */
static void put_hunk(
    output *out, const cairn_delta_diff *diff, size_t first, size_t end, uint32_t context_lines) {
    const cairn_delta_change *changes = diff->changes, *last = &changes[end - 1];
    const uint32_t before = smaller(changes[first].old_line, context_lines);
    const uint32_t old_behind = last->old_line + last->old_count;
    const uint32_t new_behind = last->new_line + last->new_count;
    const uint32_t after = smaller(diff->old_line_count - old_behind, context_lines);
    const uint32_t old_first = changes[first].old_line - before, new_first = changes[first].new_line - before;
    put_text(out, "@@ ");
    put_range(out, '-', old_first, old_behind + after - old_first);
    put(out, " ", 1);
    put_range(out, '+', new_first, new_behind + after - new_first);
    put_text(out, " @@\n");
    uint32_t old_line = old_first;
    for (size_t i = first; i < end; i += 1) {
        const cairn_delta_change change = changes[i];
        put_old(out, diff, ' ', old_line, change.old_line);
        old_line = change.old_line + change.old_count;
        put_old(out, diff, '-', change.old_line, old_line);
        put_lines(out, '+', diff->new_text.bytes, diff->new_starts, change.new_line,
            change.new_line + change.new_count);
    }
    put_old(out, diff, ' ', old_line, old_behind + after);
}

static bool is_right_name(cairn_span name) {
    for (size_t i = 0; i < name.length; i += 1) {
        if (name.bytes[i] < 0x20 || name.bytes[i] == '"' || name.bytes[i] == '\\') return false;
    }
    return true;
}

static void put_name(output *out, const char *sign, cairn_span name) {
    put_text(out, sign);
    put(out, name.bytes, name.length);
    if (name.length > 0 && memchr(name.bytes, ' ', name.length) != NULL) put(out, "\t", 1);
    put(out, "\n", 1);
}

/* Unchanged lines between a change and the next. */
static uint32_t gap_behind(const cairn_delta_change *change) {
    return change[1].old_line - change->old_line - change->old_count;
}

cairn_status cairn_delta_diff_write(const cairn_delta_diff *self, cairn_delta_names names,
    uint32_t context_lines, uint8_t *out, size_t capacity, size_t *out_length) {
    if (!is_right_name(names.old_name) || !is_right_name(names.new_name)) return CAIRN_ERR_ARGUMENT;
    if (context_lines > CAIRN_DELTA_CONTEXT_LINES_MAX) return CAIRN_ERR_TOO_BIG;
    output written = {out, capacity, 0};
    if (self->change_count > 0 && (names.old_name.length > 0 || names.new_name.length > 0)) {
        put_name(&written, "--- ", names.old_name);
        put_name(&written, "+++ ", names.new_name);
    }
    for (size_t first = 0; first < self->change_count;) {
        size_t end = first + 1;
        /* Changes whose contexts touch share a hunk. */
        while (end < self->change_count && gap_behind(&self->changes[end - 1]) <= 2 * context_lines) end += 1;
        put_hunk(&written, self, first, end, context_lines);
        first = end;
    }
    *out_length = written.length;
    return written.length <= capacity ? CAIRN_OK : CAIRN_ERR_NO_SPACE;
}

/* Applying */

/* A text that is read line by line. */
typedef struct reader {
    cairn_span rest;
    uint32_t line; /* lines taken so far */
} reader;

/* Takes the next line, its LF included. Empty at the end. */
static cairn_span take_line(reader *self) {
    if (self->rest.length == 0) return (cairn_span){NULL, 0};
    const uint8_t *newline = memchr(self->rest.bytes, '\n', self->rest.length);
    const size_t length = newline == NULL ? self->rest.length : (size_t)(newline - self->rest.bytes) + 1;
    const cairn_span line = {self->rest.bytes, length};
    self->rest = (cairn_span){self->rest.bytes + length, self->rest.length - length};
    self->line += 1;
    return line;
}

static bool starts_with(cairn_span line, const char *front) {
    const size_t length = strlen(front);
    return line.length >= length && memcmp(line.bytes, front, length) == 0;
}

/* A hunk's head: the numbers as written. */
typedef struct hunk {
    uint32_t old_number, old_count, new_number, new_count;
} hunk;

/* Takes a decimal number of at most nine digits off the front. */
static bool take_number(cairn_span *text, uint32_t *out_number) {
    uint32_t number = 0;
    size_t length = 0;
    for (; length < text->length && text->bytes[length] >= '0' && text->bytes[length] <= '9'; length += 1) {
        if (length == 9) return false;
        number = number * 10 + (uint32_t)(text->bytes[length] - '0');
    }
    if (length == 0) return false;
    *text = (cairn_span){text->bytes + length, text->length - length};
    *out_number = number;
    return true;
}

static bool take_text(cairn_span *text, const char *expected) {
    const size_t length = strlen(expected);
    if (!starts_with(*text, expected)) return false;
    *text = (cairn_span){text->bytes + length, text->length - length};
    return true;
}

static bool take_range(cairn_span *text, uint32_t *out_number, uint32_t *out_count) {
    *out_count = 1;
    if (!take_number(text, out_number)) return false;
    if (take_text(text, ",") && !take_number(text, out_count)) return false;
    return *out_number > 0 || *out_count == 0;
}

/* Behind the second @@ git puts the name of a function, which does not matter. */
static bool read_head(cairn_span line, hunk *out_hunk) {
    return take_text(&line, "@@ -") && take_range(&line, &out_hunk->old_number, &out_hunk->old_count) &&
           take_text(&line, " +") && take_range(&line, &out_hunk->new_number, &out_hunk->new_count) &&
           take_text(&line, " @@") && (take_text(&line, "\n") || take_text(&line, " "));
}

/* How many lines stand in front of a range. */
static uint32_t lines_before(uint32_t number, uint32_t count) {
    return count == 0 ? number : number - 1;
}

typedef struct application {
    reader text, patch;
    output out;
    uint32_t out_line;    /* lines written */
    bool is_out_unended;  /* the last line written has no LF: nothing may follow */
    uint32_t failed_line; /* of the text, when a line of the patch does not fit */
} application;

static cairn_status write_line(application *self, cairn_span line) {
    if (self->is_out_unended) return CAIRN_ERR_SYNTAX;
    if (line.length > self->out.capacity - self->out.length) return CAIRN_ERR_NO_SPACE;
    put(&self->out, line.bytes, line.length);
    self->out_line += 1;
    self->is_out_unended = line.bytes[line.length - 1] != '\n';
    return CAIRN_OK;
}

/* Takes one line of the text, which must be `line`. */
static cairn_status expect_line(application *self, cairn_span line) {
    const cairn_span here = take_line(&self->text);
    if (here.length == line.length && memcmp(here.bytes, line.bytes, line.length) == 0) return CAIRN_OK;
    self->failed_line = here.length == 0 ? self->text.line + 1 : self->text.line;
    return CAIRN_ERR_NOT_FOUND;
}

/* The line of text in a line of the patch: without the sign, and without the LF if the next line says so. */
static cairn_span content_of(application *self, cairn_span line) {
    cairn_span content = {line.bytes + 1, line.length - 1};
    if (starts_with(self->patch.rest, "\\ ")) {
        take_line(&self->patch);
        content.length -= 1;
    }
    return content;
}

static cairn_status apply_hunk(application *self, hunk hunk) {
    while (hunk.old_count > 0 || hunk.new_count > 0) {
        if (self->patch.rest.length == 0) return CAIRN_ERR_INCOMPLETE;
        const cairn_span line = take_line(&self->patch);
        const uint32_t line_number = self->patch.line;
        if (line.bytes[line.length - 1] != '\n') return CAIRN_ERR_INCOMPLETE;
        const bool is_old = line.bytes[0] == ' ' || line.bytes[0] == '-';
        const bool is_new = line.bytes[0] == ' ' || line.bytes[0] == '+';
        if ((!is_old && !is_new) || (is_old && hunk.old_count == 0) || (is_new && hunk.new_count == 0))
            return CAIRN_ERR_SYNTAX;
        const cairn_span content = content_of(self, line);
        cairn_status status = content.length == 0 ? CAIRN_ERR_SYNTAX : CAIRN_OK;
        if (status == CAIRN_OK && is_old) status = expect_line(self, content);
        if (status == CAIRN_OK && is_new) status = write_line(self, content);
        if (status != CAIRN_OK) {
            self->patch.line = line_number;
            return status;
        }
        hunk.old_count -= is_old;
        hunk.new_count -= is_new;
    }
    return CAIRN_OK;
}

/* Copies the lines in front of a hunk. */
static cairn_status copy_up_to(application *self, hunk hunk) {
    const uint32_t old_before = lines_before(hunk.old_number, hunk.old_count);
    const uint32_t new_before = lines_before(hunk.new_number, hunk.new_count);
    if (old_before < self->text.line) return CAIRN_ERR_SYNTAX; /* hunks overlap or are out of order */
    while (self->text.line < old_before) {
        const cairn_span line = take_line(&self->text);
        if (line.length == 0) {
            self->failed_line = self->text.line + 1;
            return CAIRN_ERR_NOT_FOUND;
        }
        const cairn_status status = write_line(self, line);
        if (status != CAIRN_OK) return status;
    }
    return self->out_line == new_before ? CAIRN_OK : CAIRN_ERR_SYNTAX;
}

static cairn_status apply_all(application *self) {
    bool is_in_front = true; /* of the first hunk */
    while (self->patch.rest.length > 0) {
        const cairn_span line = take_line(&self->patch);
        const bool is_preamble = starts_with(line, "diff ") || starts_with(line, "index ") ||
                                 starts_with(line, "--- ") || starts_with(line, "+++ ");
        if (is_in_front && is_preamble) continue;
        hunk hunk = {0};
        if (!read_head(line, &hunk)) return CAIRN_ERR_SYNTAX;
        is_in_front = false;
        cairn_status status = copy_up_to(self, hunk);
        if (status == CAIRN_OK) status = apply_hunk(self, hunk);
        if (status != CAIRN_OK) return status;
    }
    const cairn_span rest = self->text.rest;
    if (rest.length > 0 && self->is_out_unended) return CAIRN_ERR_SYNTAX;
    if (rest.length > self->out.capacity - self->out.length) return CAIRN_ERR_NO_SPACE;
    put(&self->out, rest.bytes, rest.length);
    return CAIRN_OK;
}

size_t cairn_delta_apply_bound(size_t length, size_t patch_length) {
    size_t bound = 0;
    return __builtin_add_overflow(length, patch_length, &bound) ? SIZE_MAX : bound;
}

cairn_status cairn_delta_apply(cairn_span text, cairn_span patch, uint8_t *out, size_t capacity,
    size_t *out_length, cairn_delta_failure *out_failure) {
    application work = {.text.rest = text, .patch.rest = patch, .out = {out, capacity, 0}};
    cairn_status status = CAIRN_ERR_TOO_BIG;
    if (text.length <= CAIRN_DELTA_TEXT_BYTES_MAX && patch.length <= CAIRN_DELTA_TEXT_BYTES_MAX)
        status = apply_all(&work);
    if (status == CAIRN_OK) {
        *out_length = work.out.length;
    } else if (status == CAIRN_ERR_NO_SPACE || status == CAIRN_ERR_TOO_BIG) {
        *out_failure = (cairn_delta_failure){0, 0};
    } else {
        *out_failure = (cairn_delta_failure){work.patch.line, work.failed_line};
    }
    return status;
}

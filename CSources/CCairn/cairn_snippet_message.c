/* cairn_snippet_message.c: error messages, by what introduces them: a severity, an exception's name, a code
 * or a place with a colon behind it; a log level; the words of a system error at the end of a line. */
#include "cairn_snippet_int.h"

enum { IMPORTANCE_ERROR = 100, IMPORTANCE_WARNING = 75, CODE_IN_BRACKETS_MAX = 64, HEAD_BYTES_MAX = 16 };

void cairn_snippet_message(cairn_snippet_finder *self, size_t start, size_t end, uint8_t importance) {
    if (end - start > CAIRN_SNIPPET_MESSAGE_BYTES_MAX) {
        end = start + CAIRN_SNIPPET_MESSAGE_BYTES_MAX;
        while (end > start && (self->text[end] & 0xC0) == 0x80) end -= 1;
    }
    while (end > start && is_at(self, end - 1, CLASS_SPACE)) end -= 1;
    if (end <= start) return;
    cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_MESSAGE, start, end, importance);
    self->message_end = end;
}

/* The end of the line from `start` on, looking no further than a message may be long. */
static size_t line_end(const cairn_snippet_finder *self, size_t start) {
    const size_t left = self->length - start;
    const size_t limit = left > CAIRN_SNIPPET_MESSAGE_BYTES_MAX ? CAIRN_SNIPPET_MESSAGE_BYTES_MAX + 1 : left;
    const uint8_t *newline = limit == 0 ? NULL : memchr(self->text + start, '\n', limit);
    const size_t end = newline == NULL ? start + limit : (size_t)(newline - self->text);
    *self->looked_at += end - start;
    return end;
}

/* Takes `[-Wformat]` or `[arg-type]` off the end of a diagnostic and adds it as a code. */
static size_t without_code(cairn_snippet_finder *self, size_t start, size_t end, bool is_diagnostic) {
    if (end - start < 4 || self->text[end - 1] != ']') return end;
    size_t open = end - 1;
    while (open > start && end - open < CODE_IN_BRACKETS_MAX && self->text[open] != '[') open -= 1;
    if (self->text[open] != '[' || byte_at(self, open - 1) != ' ') return end;
    const size_t code = open + 1;
    const bool is_flag = self->text[code] == '-' && byte_at(self, code + 1) == 'W';
    if (!is_flag && !is_diagnostic) return end;
    for (size_t i = code; i < end - 1; i += 1) {
        if (!is_at(self, i, CLASS_NAME | CLASS_DASH) && self->text[i] != '=' && self->text[i] != '+')
            return end;
    }
    if (!is_at(self, code, CLASS_LETTER | CLASS_DASH)) return end;
    cairn_snippet_add_ahead(self, code, end - 1, 80);
    while (open > start && self->text[open - 1] == ' ') open -= 1;
    return open;
}

/* Passes over a code in front of a message: `[rawtypes] `, `F401 [*] `. */
static size_t behind_codes(cairn_snippet_finder *self, size_t start) {
    size_t at = start;
    if (byte_at(self, at) == '[') {
        const size_t name_end = pass_over(self, at + 1, self->length, CLASS_LOWER | CLASS_DASH);
        if (name_end > at + 1 && byte_at(self, name_end) == ']' && byte_at(self, name_end + 1) == ' ') {
            cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, at + 1, name_end, 80);
            return name_end + 2;
        }
    }
    const size_t code_end =
        pass_over(self, at, self->length - at > 10 ? at + 10 : self->length, CLASS_UPPER | CLASS_DIGIT);
    if (byte_at(self, code_end) == ' ' && cairn_snippet_is_code(self, at, code_end)) at = code_end + 1;
    if (at > start && STANDS_AT(self, at, "[*] ")) at += 4;
    return at;
}

/* The message from `start` to the end of its line. */
static void rest_of_line(cairn_snippet_finder *self, size_t start, uint8_t importance, bool is_diagnostic) {
    const size_t end = line_end(self, start);
    size_t last = end;
    while (last > start && is_at(self, last - 1, CLASS_SPACE)) last -= 1;
    if (last == start || self->text[start] == '|' || (last - start == 1 && self->text[start] == '>'))
        return; /* YAML blocks */
    cairn_snippet_message(self, start, without_code(self, start, last, is_diagnostic), importance);
}

/* True when the word that ends at `colon` is a place behind a path, file:4 or file:4:2, and the first of its
 * line. */
static bool is_place_at_line_start(const cairn_snippet_finder *self, size_t colon) {
    size_t number = colon;
    while (number > self->line_start && is_at(self, number - 1, CLASS_DIGIT)) number -= 1;
    if (number == colon || byte_at(self, number - 1) != ':') return false;
    size_t start = number;
    bool has_path_byte = STANDS_BEFORE(self, number - 1, "file"); /* Makefile:6 */
    while (start > self->line_start && !is_at(self, start - 1, CLASS_DIVIDER)) {
        start -= 1;
        has_path_byte |= is_at(self, start, CLASS_DOT | CLASS_SLASH);
    }
    *self->looked_at += colon - start;
    return has_path_byte && number > start + 2 && blanks_before(self, start) == self->line_start;
}

/* Words behind a place that bring their own message, or none. */
static bool has_own_introduction(const cairn_snippet_finder *self, size_t start) {
    static const char heads[] = "error warning note fatal remark info hint in In";
    const size_t end = pass_over(self, start,
        self->length - start > HEAD_BYTES_MAX ? start + HEAD_BYTES_MAX : self->length, CLASS_LETTER);
    if (cairn_snippet_is_in_list(self->text + start, end - start, heads) &&
        (byte_at(self, end) == ':' || byte_at(self, end) == ' ' || byte_at(self, end) == '['))
        return true;
    const size_t word_end = pass_over(self, start, line_end(self, start), CLASS_NAME | CLASS_DOT);
    return cairn_snippet_is_exception(self, start, word_end);
}

/* The start of the name that ends at `end`: letters, digits, dots. */
static size_t name_start(const cairn_snippet_finder *self, size_t end) {
    const size_t front = end - self->line_start > CAIRN_SNIPPET_NAME_BYTES_MAX
                             ? end - CAIRN_SNIPPET_NAME_BYTES_MAX
                             : self->line_start;
    size_t start = end;
    while (start > front && is_at(self, start - 1, CLASS_NAME | CLASS_DOT | CLASS_DOLLAR)) start -= 1;
    *self->looked_at += end - start;
    return start;
}

/* error[E0425], CONFLICT (content): the end of the word in front of the brackets, `end` when there are none.
 */
static size_t without_brackets(const cairn_snippet_finder *self, size_t end) {
    const uint8_t closing = byte_at(self, end - 1);
    if (closing != ']' && closing != ')') return end;
    size_t open = end - 1;
    while (open > self->line_start && end - open < HEAD_BYTES_MAX && self->text[open] != '[' &&
           self->text[open] != '(')
        open -= 1;
    if (self->text[open] != '[' && self->text[open] != '(') return end;
    return byte_at(self, open - 1) == ' ' ? open - 1 : open;
}

/* An exception and its message. Inside quotes the message ends with them. */
static void exception_message(cairn_snippet_finder *self, size_t name, size_t colon) {
    const bool is_bare =
        colon - name == 5 || (colon - name == 7 && self->text[name] == 'W'); /* Error, Warning */
    if (STANDS_BEFORE(self, name, "except ")) return;                        /* a line of Python */
    if (!is_bare) cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, name, colon, 95);
    if (colon < self->message_end) return;
    const uint8_t quote = byte_at(self, name - 1);
    size_t end = line_end(self, colon + 2);
    if (quote == '"' || quote == '\'') {
        const uint8_t *closing =
            end > colon + 2 ? memchr(self->text + colon + 2, quote, end - colon - 2) : NULL;
        if (closing != NULL) end = (size_t)(closing - self->text);
    }
    cairn_snippet_message(self, colon + 2, end, IMPORTANCE_ERROR);
}

void cairn_snippet_at_colon(cairn_snippet_finder *self, size_t colon) {
    const size_t start = colon + 2;
    const size_t word_end = without_brackets(self, colon);
    const size_t word = name_start(self, word_end);
    if (word == word_end) {
        if (STANDS_AT(self, start, "undefined reference to ") && colon >= self->message_end)
            rest_of_line(self, start, IMPORTANCE_ERROR, false);
        return;
    }
    if (word_end == colon && cairn_snippet_is_exception(self, word, colon)) {
        exception_message(self, word, colon);
        return;
    }
    if (colon < self->message_end) return;
    const int level = cairn_snippet_level(self, word, word_end);
    if (level > 0) {
        const bool is_behind_place = STANDS_BEFORE(self, word, ": ");
        rest_of_line(self, behind_codes(self, start), level == 1 ? IMPORTANCE_WARNING : IMPORTANCE_ERROR,
            is_behind_place);
    } else if (cairn_snippet_is_code(self, word, colon) || STANDS_BEFORE(self, word_end, "CONFLICT")) {
        rest_of_line(self, start, IMPORTANCE_ERROR, false);
    } else if (STANDS_AT(self, start, "undefined reference to ")) {
        rest_of_line(self, start, IMPORTANCE_ERROR, false);
    } else if (!is_at(self, start, CLASS_SPACE) && is_place_at_line_start(self, colon) &&
               !has_own_introduction(self, start)) {
        rest_of_line(self, behind_codes(self, start), IMPORTANCE_ERROR, true);
    }
}

void cairn_snippet_behind_level(cairn_snippet_finder *self, size_t start, size_t end) {
    const int level = cairn_snippet_level(self, start, end);
    size_t open = start, at = end;
    if (start < self->message_end) return;
    if (byte_at(self, start - 1) == '[' && byte_at(self, end) == ']') {
        open -= 1;
        at += 1;
    }
    const uint8_t first = byte_at(self, self->line_start);
    const bool is_log_line = open == self->line_start || (first >= '0' && first <= '9') || first == '[';
    if (byte_at(self, at) != ' ' || !is_log_line) return;
    at = pass_over(
        self, at, self->length - at > HEAD_BYTES_MAX ? at + HEAD_BYTES_MAX : self->length, CLASS_SPACE);
    const size_t word_end =
        at < self->length ? pass_over(self, at, line_end(self, at), (uint16_t)~CLASS_DIVIDER) : at;
    for (size_t i = at; i + 1 < word_end; i += 1) {
        if (self->text[i] == ':' && self->text[i + 1] == ':')
            return; /* pytest: ERROR tests/test_a.py::test_b - ... */
    }
    if (STANDS_AT(self, at, "- ")) at += 2;
    rest_of_line(self, at, level == 1 ? IMPORTANCE_WARNING : IMPORTANCE_ERROR, false);
}

/* What strerror and shells print, as the last words of a line. */
static bool ends_in_system_error(const cairn_snippet_finder *self, size_t end) {
    switch (byte_at(self, end - 1)) {
    case 'd':
        return STANDS_BEFORE(self, end, "ermission denied") ||
               STANDS_BEFORE(self, end, "command not found") ||
               STANDS_BEFORE(self, end, "onnection refused") ||
               STANDS_BEFORE(self, end, "peration not permitted") || STANDS_BEFORE(self, end, "ot supported");
    case 'y':
        return STANDS_BEFORE(self, end, "o such file or directory") ||
               STANDS_BEFORE(self, end, "s a directory") || STANDS_BEFORE(self, end, "ot a directory") ||
               STANDS_BEFORE(self, end, "irectory not empty") || STANDS_BEFORE(self, end, "esource busy") ||
               STANDS_BEFORE(self, end, "annot allocate memory");
    case 's':
        return STANDS_BEFORE(self, end, "ile exists") || STANDS_BEFORE(self, end, "o such process");
    case 'r':
        return STANDS_BEFORE(self, end, "eset by peer") || STANDS_BEFORE(self, end, "ad file descriptor");
    case 't':
        return STANDS_BEFORE(self, end, "onnection timed out") || STANDS_BEFORE(self, end, "nvalid argument");
    case 'e':
        return STANDS_BEFORE(self, end, "o space left on device") || STANDS_BEFORE(self, end, "roken pipe") ||
               STANDS_BEFORE(self, end, "emporarily unavailable") ||
               STANDS_BEFORE(self, end, "ddress already in use");
    case ')':
        return STANDS_BEFORE(self, end, "(core dumped)");
    default:
        return false;
    }
}

/* `program: what went wrong`: from behind the first colon of the line. */
static void system_error(cairn_snippet_finder *self, size_t end) {
    const size_t front = end - self->line_start > CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             ? end - CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             : self->line_start;
    if (self->message_end > self->line_start) return;
    *self->looked_at += end - front;
    for (size_t colon = front; colon + 2 < end; colon += 1) {
        if (self->text[colon] != ':' || self->text[colon + 1] != ' ') continue;
        cairn_snippet_message(self, colon + 2, end, IMPORTANCE_ERROR);
        return;
    }
}

/* An exception without a message, alone on its line or at the end of a place's line. */
static void bare_exception(cairn_snippet_finder *self, size_t end) {
    const size_t name = name_start(self, end);
    const bool is_report =
        name == self->line_start || STANDS_BEFORE(self, name, ": ") || STANDS_BEFORE(self, name, "E   ");
    if (end - name > 7 && is_report && cairn_snippet_is_exception(self, name, end))
        cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, name, end, 95);
}

/* `thread 'x' panicked at src/main.rs:2:42:`: the message is the next line. */
static void panic_message(cairn_snippet_finder *self, size_t end, size_t newline) {
    const size_t front = end - self->line_start > CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             ? end - CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             : self->line_start;
    if (!is_at(self, end - 2, CLASS_DIGIT) || newline + 1 >= self->length) return;
    *self->looked_at += end - front;
    for (size_t i = front; i + 13 < end; i += 1) {
        if (self->text[i] != ' ' || !STANDS_AT(self, i, " panicked at ")) continue;
        rest_of_line(self, newline + 1, IMPORTANCE_ERROR, false);
        return;
    }
}

void cairn_snippet_at_line_end(cairn_snippet_finder *self, size_t newline) {
    size_t end = newline;
    if (end > self->line_start && self->text[end - 1] == '\r') end -= 1;
    if (end - self->line_start < 4) return;
    const uint8_t last = self->text[end - 1];
    if (last == ':') {
        panic_message(self, end, newline);
        return;
    }
    if (last == 'r' || last == 'n' || last == 't' || last == 'g' || last == 'p') bare_exception(self, end);
    if (ends_in_system_error(self, end)) system_error(self, end);
}

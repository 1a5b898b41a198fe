/* cairn_snippet_quote.c: what stands in quotes: names, and the values of keys that tell of errors. */
#include "cairn_snippet_int.h"

/* An opening quote and the bytes that close it. */
typedef struct quotes {
    size_t start; /* of the opening quote */
    uint8_t closing, closing_too;
    bool is_typographic, is_backtick;
} quotes;

/* Reads the opening quote that ends at `inside`; false when there is none (an apostrophe, part of another
 * character). */
static bool opening(const cairn_snippet_finder *self, size_t inside, quotes *out) {
    const uint8_t byte = byte_at(self, inside - 1);
    *out = (quotes){.start = inside - 1, .closing = byte, .closing_too = byte};
    if (byte == 0x98 || byte == 0x9C) { /* U+2018 or U+201C, closed by U+2019 or U+201D */
        if (byte_at(self, inside - 2) != 0x80 || byte_at(self, inside - 3) != 0xE2) return false;
        out->start = inside - 3;
        out->closing = out->closing_too = byte + 1;
        out->is_typographic = true;
        return true;
    }
    if (byte == '`') {
        out->closing_too = '\''; /* `name' is GNU's older style */
        out->is_backtick = true;
        return true;
    }
    return !is_at(self, inside - 2, CLASS_NAME);
}

static bool is_closing(const cairn_snippet_finder *self, size_t index, const quotes *quotes) {
    const uint8_t byte = self->text[index];
    if (!quotes->is_typographic) return byte == quotes->closing || byte == quotes->closing_too;
    return byte == 0xE2 && byte_at(self, index + 1) == 0x80 && byte_at(self, index + 2) == quotes->closing;
}

/* Where the closing quote of a text without white space starts, or 0. */
static size_t closing(const cairn_snippet_finder *self, size_t inside, const quotes *quotes) {
    const size_t limit = self->length - inside > CAIRN_SNIPPET_NAME_BYTES_MAX
                             ? inside + CAIRN_SNIPPET_NAME_BYTES_MAX
                             : self->length;
    size_t end = inside;
    while (end < limit && self->text[end] > ' ' && !is_closing(self, end, quotes)) end += 1;
    *self->looked_at += end - inside;
    return end < limit && self->text[end] > ' ' ? end : 0;
}

/* True for a name: it starts like one, and has nothing in it that names and types do not have. */
static bool is_identifier(const cairn_snippet_finder *self, size_t start, size_t end) {
    size_t first = start, letter_count = 0;
    while (first < end && first - start < 2 && memchr("$@#&*-.[", self->text[first], 8) != NULL) first += 1;
    if (first == end || !is_at(self, first, CLASS_LETTER | CLASS_UNDERSCORE)) return false;
    for (size_t i = first; i < end; i += 1) {
        if (is_at(self, i, CLASS_NAME)) {
            letter_count += 1;
        } else if (memchr(".:$@#&*-<>()[]!?/+~,", self->text[i], 20) == NULL) {
            return false;
        }
    }
    return letter_count > 0;
}

/* True when single or double quotes stand in running text and not where a program or a document has its
 * strings. */
static bool is_running_text(const cairn_snippet_finder *self, const quotes *quotes, size_t end) {
    size_t before = quotes->start;
    if (byte_at(self, end + 1) == ':') return false;
    while (before > self->line_start && quotes->start - before < 3 && self->text[before - 1] == ' ')
        before -= 1;
    switch (byte_at(self, before - 1)) {
    case '=':
    case '(':
    case '[':
    case '{':
    case '\\':
    case '+':
        return false;
    case ',':
        return self->name_end != 0 && self->name_end == before - 1;
    case ':':
        return byte_at(self, before - 2) != '"' && byte_at(self, before - 2) != '\'';
    default:
        return true;
    }
}

/* The key in front of a value in quotes: `"key": "`, `key: '`, `key="`. Returns its length, 0 when there is
 * none. */
static size_t key_before(const cairn_snippet_finder *self, size_t quote, const uint8_t **key) {
    size_t end = quote;
    if (end > 0 && self->text[end - 1] == ' ') end -= 1;
    if (end == 0 || (self->text[end - 1] != ':' && self->text[end - 1] != '=')) return 0;
    end -= 1;
    if (end > 0 && (self->text[end - 1] == '"' || self->text[end - 1] == '\'')) end -= 1;
    size_t start = end;
    while (start > 0 && end - start < 9 && is_at(self, start - 1, CLASS_NAME | CLASS_DASH)) start -= 1;
    *key = self->text + start;
    return end - start;
}

/* The end of a string that may hold white space and escapes, 0 when it does not end in its line and limit. */
static size_t string_end(const cairn_snippet_finder *self, size_t start, uint8_t quote) {
    const size_t limit = self->length - start > CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             ? start + CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             : self->length;
    size_t end = start;
    while (end < limit && self->text[end] != '\n' && self->text[end] != quote)
        end += self->text[end] == '\\' ? 2 : 1;
    *self->looked_at += end - start;
    return end < limit && self->text[end] == quote ? end : 0;
}

/* "error": "...", msg="...", code: '...'. Returns true when the value itself was taken as an error code. */
static bool take_key_value(cairn_snippet_finder *self, size_t inside, const quotes *quotes) {
    const uint8_t *key = NULL;
    const size_t key_length = key_before(self, quotes->start, &key);
    if (key_length < 3 || key_length > 8) return false;
    if (cairn_snippet_is_in_list(key, key_length, "level severity")) {
        const size_t level_end = pass_over(self, inside, self->length, CLASS_LETTER);
        if (cairn_snippet_level(self, inside, level_end) > 0) self->alarm_line = self->line_start + 1;
        return false;
    }
    if (cairn_snippet_is_in_list(key, key_length, "code")) {
        const size_t end = pass_over(self, inside, self->length, CLASS_NAME | CLASS_DASH);
        if (byte_at(self, end) != quotes->closing || !is_at(self, inside, CLASS_LETTER) || end - inside < 3)
            return false;
        cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, inside, end, 95);
        return true;
    }
    const bool is_alarm =
        self->alarm_line == self->line_start + 1 && cairn_snippet_is_in_list(key, key_length, "msg");
    if (inside < self->message_end ||
        (!is_alarm && !cairn_snippet_is_in_list(key, key_length, "error err message")))
        return false;
    const size_t end = string_end(self, inside, quotes->closing);
    if (end > inside + 1) cairn_snippet_message(self, inside, end, 90);
    return false;
}

size_t cairn_snippet_quote(cairn_snippet_finder *self, size_t inside) {
    quotes quotes;
    if (!opening(self, inside, &quotes)) return inside;
    if (STANDS_BEFORE(self, inside, "File \"")) {
        const size_t dealt = cairn_snippet_python_place(self, inside);
        if (dealt != inside) return dealt;
    }
    const bool is_plain = !quotes.is_typographic && !quotes.is_backtick;
    if (is_plain && take_key_value(self, inside, &quotes))
        return pass_over(self, inside, self->length, CLASS_NAME | CLASS_DASH);
    const size_t end = closing(self, inside, &quotes);
    if (end <= inside) return inside;
    if (cairn_snippet_is_exception(self, inside, end)) {
        cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, inside, end, 80);
        return end;
    }
    if (!is_identifier(self, inside, end)) return inside;
    const bool is_word = pass_over(self, inside, end, (uint16_t)~CLASS_DIVIDER) == end;
    if (is_word) { /* a value of another type wins */
        const size_t dealt = cairn_snippet_piece(self, inside, end);
        if (dealt != inside) return dealt;
    }
    if (is_plain && !is_running_text(self, &quotes, end)) return inside;
    cairn_snippet_add(self, CAIRN_SNIPPET_IDENTIFIER, inside, end, 55);
    self->name_end = end + 1;
    return end;
}

/* outline_text.h: an outline as readable text, and all installed grammars in one parser. Shared by the tests of the
 * outline room.
 *
 *     3-9 class Shape               first line, last line, kind, name; "broken" behind it where the code is
 *       | class Shape(Base):        the signature
 *       5-6 method area             what is inside is indented
 *         | def area(self):
 */
#ifndef OUTLINE_TEXT_H
#define OUTLINE_TEXT_H

#include "cairn_outline.h"
#include "cgrammars.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Growing text. */
typedef struct outline_text {
    char *bytes;
    size_t length, capacity;
} outline_text;

static inline void outline_put(outline_text *self, const char *bytes, size_t length) {
    if (self->length + length + 1 > self->capacity) {
        self->capacity = (self->length + length + 1) * 2;
        self->bytes = realloc(self->bytes, self->capacity);
        if (self->bytes == NULL) abort();
    }
    memcpy(self->bytes + self->length, bytes, length);
    self->length += length;
    self->bytes[self->length] = '\0';
}

static inline void outline_print(outline_text *self, const char *format, ...) {
    char line[256];
    va_list values;
    va_start(values, format);
    const int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    outline_put(self, line, (size_t)length);
}

static inline uint32_t outline_depth(const cairn_outline_item *items, uint32_t index) {
    uint32_t depth = 0;
    for (; items[index].parent != CAIRN_OUTLINE_NO_PARENT; index = items[index].parent) depth += 1;
    return depth;
}

/* Returns owned text. Carriage returns are left out of it. */
static inline outline_text outline_describe(const cairn_outline_item *items, size_t count, const uint8_t *text) {
    outline_text out = {0};
    outline_put(&out, "", 0);
    for (uint32_t i = 0; i < count; i += 1) {
        const cairn_outline_item *item = &items[i];
        const int indent = (int)outline_depth(items, i) * 2;
        outline_print(&out, "%*s%u-%u %s ", indent, "", item->first_line, item->last_line,
            cairn_outline_kind_name((cairn_outline_kind)item->kind));
        for (uint32_t at = item->name_start; at < item->name_end; at += 1) {
            const char *shown = (const char *)text + at;
            if (*shown != '\r') outline_put(&out, *shown == '\n' ? " " : shown, 1);
        }
        outline_print(&out, "%s\n%*s| ", item->is_broken ? " (broken)" : "", indent + 2, "");
        for (uint32_t at = item->start; at < item->signature_end; at += 1) {
            if (text[at] != '\r') outline_put(&out, (const char *)text + at, 1);
            if (text[at] == '\n') outline_print(&out, "%*s| ", indent + 2, "");
        }
        outline_put(&out, "\n", 1);
    }
    return out;
}

/* A parser with every grammar that is installed. Returns owned. */
static inline cairn_outline *outline_with_all_grammars(void) {
    cairn_outline *parser;
    if (cairn_outline_new(&parser) != CAIRN_OUTLINE_OK) abort();
    for (int language = 1; language < CAIRN_OUTLINE_LANGUAGE_COUNT; language += 1) {
        const TSLanguage *grammar = cgrammars_find(cairn_outline_language_name((cairn_outline_language)language));
        if (grammar == NULL) continue;
        if (cairn_outline_add(parser, (cairn_outline_language)language, grammar) != CAIRN_OUTLINE_OK) abort();
    }
    return parser;
}

/* What must hold for the outline of any text. */
static inline bool outline_is_sound(const cairn_outline_item *items, size_t count, const uint8_t *text, size_t length) {
    uint32_t last_start = 0;
    for (size_t i = 0; i < count; i += 1) {
        const cairn_outline_item *item = &items[i];
        if (item->start > item->signature_end || item->signature_end > item->end || item->end > length) return false;
        if (item->name_start >= item->name_end || item->name_end > length) return false;
        if (item->name_start < item->start) return false;
        if (item->start < last_start) return false;
        last_start = item->start;
        if (item->kind < CAIRN_OUTLINE_IMPORT || item->kind > CAIRN_OUTLINE_IMPLEMENTATION) return false;
        if (item->parent != CAIRN_OUTLINE_NO_PARENT && item->parent >= i) return false;
        uint32_t line = 1;
        for (uint32_t at = 0; at < item->start; at += 1) line += text[at] == '\n';
        if (item->first_line != line) return false;
        for (uint32_t at = item->start; at < item->end; at += 1) line += text[at] == '\n';
        if (item->last_line != line) return false;
    }
    return true;
}

#endif

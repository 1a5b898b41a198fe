/* count_texts.h: the texts that instructions are counted on. Used by count_core.c. All are made here, from a seed:
 * counts must not change because a source file of this repository did. They have the shape of agent traffic:
 * indented source whose names mostly return, tool output dense with values, bodies and streams built of those. */
#ifndef COUNT_TEXTS_H
#define COUNT_TEXTS_H

#include "cairn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_ALIGN = 64, TEXT_BYTES_MAX = 1 << 21 };

/* Text in memory of one alignment: what is counted must not depend on where the heap begins. */
typedef struct text {
    uint8_t *bytes;
    size_t length;
} text;

static void *aligned(size_t bytes) {
    void *memory = aligned_alloc(TEXT_ALIGN, (bytes / TEXT_ALIGN + 1) * TEXT_ALIGN);
    if (memory == NULL) exit(2);
    return memory;
}

static text text_new(void) {
    return (text){aligned(TEXT_BYTES_MAX), 0};
}

static void text_add(text *self, const void *bytes, size_t length) {
    if (length > TEXT_BYTES_MAX - self->length) exit(2);
    memcpy(self->bytes + self->length, bytes, length);
    self->length += length;
}

static void text_add_string(text *self, const char *string) {
    text_add(self, string, strlen(string));
}

static uint32_t random_number(uint64_t *state) { /* xorshift64*, Vigna 2016 */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * UINT64_C(2685821657736338717) >> 32);
}

/* A name: half of the time one of thirty words, else two of them, or one and a few letters that hardly return. */
static void text_add_name(text *self, uint64_t *seed) {
    static const char *const words[] = {"request", "index", "buffer", "cache", "find", "parse", "token", "count",
        "node", "line", "text", "value", "stream", "error", "path", "result", "offset", "length", "session", "header",
        "write", "read", "config", "update", "event", "handler", "client", "timeout", "schema", "message"};
    const uint32_t word_count = sizeof words / sizeof words[0], number = random_number(seed);
    text_add_string(self, words[number % word_count]);
    if ((number >> 8) % 2 == 0) return;
    if ((number >> 9) % 3 != 0) {
        text_add_string(self, (number >> 9) % 3 == 1 ? "." : "_");
        text_add_string(self, words[(number >> 12) % word_count]);
        return;
    }
    for (uint32_t letters = number >> 12; letters > 3; letters /= 50) {
        const char letter = (char)('a' + letters % 50 % 26);
        text_add(self, &letter, 1);
    }
}

static text source_text(size_t bytes, uint64_t seed) {
    static const char *const shapes[] = {"    let @ = @(@, @)\n", "    if @ > # { return @ }\n", "        @.@ += #\n",
        "    /// Returns the @ of the @, or # when there is none.\n", "}\n", "\n",
        "func @(@: Int, @: String) -> Bool {\n", "    for (@, @) in @ { @(@) }\n",
        "    print(\"@: \\(@), expected #\")\n", "# @ and @ don't match \xE2\x80\x94 see @\n"};
    text self = text_new();
    char number[16];
    while (self.length < bytes) {
        const char *shape = shapes[random_number(&seed) % (sizeof shapes / sizeof shapes[0])];
        for (; *shape != 0; shape += 1) {
            if (*shape == '@') {
                text_add_name(&self, &seed);
            } else if (*shape == '#') {
                snprintf(number, sizeof number, "%u", random_number(&seed) % 5000);
                text_add_string(&self, number);
            } else {
                text_add(&self, shape, 1);
            }
        }
    }
    return self;
}

static text tool_output(size_t bytes, uint64_t seed) {
    text self = text_new();
    char line[200];
    while (self.length < bytes) {
        const uint32_t a = random_number(&seed), b = random_number(&seed) % 900;
        static const char *const shapes[] = {"error[E0%u]: mismatched types in src/module_%u/lib.rs:%u:7\n",
            "2026-03-%02uT10:00:%02uZ INFO listening on port %u, took 12.5ms\n",
            "FAILED tests/test_%u.py::test_case_%u - AssertionError: `value_%u` is not None\n",
            "   Compiling crate-%u v1.%u.%u (https://example.com/registry)\n", "drwxr-xr-x %u staff %u bytes %u\n",
            "commit 87b6751%03u9ac%03ufe0%03u\n"};
        const int length = snprintf(line, sizeof line, shapes[a % (sizeof shapes / sizeof shapes[0])], 10 + a % 19,
            10 + b % 50, 100 + b);
        text_add(&self, line, (size_t)length);
    }
    return self;
}

static void text_add_escaped(text *self, const uint8_t *bytes, size_t length) {
    size_t written = 0, error_offset = 0;
    if (cairn_json_escape(bytes, length, self->bytes + self->length, TEXT_BYTES_MAX - self->length, &written,
            &error_offset) != CAIRN_OK)
        exit(2);
    self->length += written;
}

/* One message for every 4,000 bytes of the content; the model is the last member. */
static text chat_body(const text *content) {
    text self = text_new();
    text_add_string(&self, "{\"messages\":[");
    for (size_t start = 0; start + 4000 <= content->length; start += 4000) {
        size_t end = start + 4000, from = start;
        while ((content->bytes[from] & 0xC0) == 0x80) from += 1;
        while (end < content->length && (content->bytes[end] & 0xC0) == 0x80) end += 1;
        text_add_string(&self, start == 0 ? "{\"role\":\"user\",\"content\":\"" : ",{\"role\":\"user\",\"content\":\"");
        text_add_escaped(&self, content->bytes + from, end - from);
        text_add_string(&self, "\"}");
    }
    text_add_string(&self, "],\"model\":\"gpt-5\"}");
    return self;
}

static text tool_schemas(size_t bytes) {
    text self = text_new();
    text_add_string(&self, "{\"tools\":[");
    while (self.length < bytes) {
        if (self.bytes[self.length - 1] != '[') text_add_string(&self, ", ");
        text_add_string(&self,
            "{\"type\": \"function\", \"function\": {\"name\": \"read_file\", \"description\": \"Reads a file.\", "
            "\"parameters\": {\"type\": \"object\", \"properties\": {\"path\": {\"type\": \"string\"}, \"limit\": "
            "{\"type\": \"integer\", \"minimum\": 1}}, \"required\": [\"path\"]}, \"strict\": true}}");
    }
    text_add_string(&self, "],\"model\":\"gpt-5\"}");
    return self;
}

static text event_stream(size_t bytes) {
    text self = text_new();
    char event[300];
    for (unsigned i = 0; self.length < bytes; i += 1) {
        const int length = snprintf(event, sizeof event,
            "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"content\":\" token%u\"},\"finish_reason\":null}]}\n\n",
            i);
        text_add(&self, event, (size_t)length);
    }
    return self;
}

/* Every seventh line changed, every eleventh gone. */
static text edited_text(const text *old_text) {
    text self = text_new();
    size_t line = 0;
    for (size_t start = 0; start < old_text->length; line += 1) {
        const uint8_t *newline = memchr(old_text->bytes + start, '\n', old_text->length - start);
        const size_t end = newline == NULL ? old_text->length : (size_t)(newline - old_text->bytes) + 1;
        if (line % 7 == 3) {
            text_add_string(&self, "a changed line\n");
        } else if (line % 11 != 5) {
            text_add(&self, old_text->bytes + start, end - start);
        }
        start = end;
    }
    return self;
}

/* `length` bytes of `unit` over and over. */
static text repeated_text(const char *unit, size_t length) {
    text self = text_new();
    while (self.length + strlen(unit) <= length) text_add_string(&self, unit);
    return self;
}

/* `length` random bytes of `letters`. */
static text random_text(const char *letters, size_t length) {
    text self = {aligned(TEXT_BYTES_MAX), length};
    uint64_t seed = 7;
    const uint32_t letter_count = (uint32_t)strlen(letters);
    for (size_t i = 0; i < length; i += 1) self.bytes[i] = (uint8_t)letters[random_number(&seed) % letter_count];
    return self;
}

#endif

/* golden_file.h: a case of Tests/Outline/golden: prose, a code block with the input, one with its outline.
 *
 *     What the case is about.
 *     ```python
 *     import os
 *     ```
 *     ```outline
 *     1-1 import os
 *       | import os
 *     ```
 *
 * The language is told by the word behind the first fence. */
#ifndef GOLDEN_FILE_H
#define GOLDEN_FILE_H

#include "outline_text.h"

typedef struct golden_file {
    char path[512];
    outline_text whole;
    cairn_outline_bytes tag, input, expected; /* views of `whole`; a block ends in front of its last fence */
    bool is_valid;
} golden_file;

static inline cairn_outline_bytes golden_block(const outline_text *whole, size_t *at, cairn_outline_bytes *out_tag) {
    const char *open = strstr(whole->bytes + *at, "```");
    const char *start = open == NULL ? NULL : strchr(open, '\n');
    const char *end = start == NULL ? NULL : strstr(start, "\n```");
    if (end == NULL) return (cairn_outline_bytes){NULL, 0};
    *out_tag = (cairn_outline_bytes){(const uint8_t *)open + 3, (size_t)(start - open) - 3};
    *at = (size_t)(end - whole->bytes) + 4;
    return (cairn_outline_bytes){(const uint8_t *)start + 1, (size_t)(end - start)};
}

/* Returns owned: free with golden_free. */
static inline golden_file golden_read(const char *folder, const char *name) {
    golden_file self = {0};
    snprintf(self.path, sizeof self.path, "%s/%s", folder, name);
    FILE *file = fopen(self.path, "rb");
    if (file == NULL) return self;
    char piece[4096];
    for (size_t length; (length = fread(piece, 1, sizeof piece, file)) > 0;) outline_put(&self.whole, piece, length);
    fclose(file);
    if (self.whole.bytes == NULL) return self;
    size_t at = 0;
    cairn_outline_bytes outline_tag;
    self.input = golden_block(&self.whole, &at, &self.tag);
    if (self.input.bytes == NULL) return self;
    self.expected = golden_block(&self.whole, &at, &outline_tag);
    self.is_valid = self.expected.bytes != NULL;
    return self;
}

/* Writes the case again with another outline. */
static inline void golden_rewrite(const golden_file *self, const outline_text *outline) {
    FILE *file = fopen(self->path, "wb");
    if (file == NULL) abort();
    fwrite(self->whole.bytes, 1, (size_t)((const char *)self->expected.bytes - self->whole.bytes), file);
    fwrite(outline->bytes, 1, outline->length, file);
    const char *rest = (const char *)self->expected.bytes + self->expected.length;
    fwrite(rest, 1, strlen(rest), file);
    fclose(file);
}

static inline void golden_free(golden_file *self) { free(self->whole.bytes); }

#endif

/* bench_snippet.c: the values of texts of 4,000 lines. Inputs: the eight repeated lines that DeepLossless
 * publishes its figure on (generated), the sources named on the command line, and the labelled texts of
 * Tests/Snippets (what programs printed). Anchors in the same run: memcpy, and a walk from line end to line
 * end with memchr, which is the least that any line-wise tool does. */
#include "bench_measure.h"
#include "cairn.h"

#include <glob.h>
#include <string.h>

enum { LINES = 4000, LINES_TINY = 40, TEXT_BYTES_MAX = 1 << 20 };

typedef struct text {
    uint8_t *bytes, *copy;
    size_t length, line_count;
    cairn_snippet *snippets;
    size_t capacity;
    uint32_t *scratch;
} text;

static text text_new(void) {
    text text = {.bytes = malloc(TEXT_BYTES_MAX), .copy = malloc(TEXT_BYTES_MAX)};
    text.capacity = cairn_snippet_bound(TEXT_BYTES_MAX);
    text.snippets = malloc(text.capacity * sizeof *text.snippets);
    text.scratch = malloc(cairn_snippet_scratch_bound(text.capacity) * sizeof *text.scratch);
    if (text.bytes == NULL || text.copy == NULL || text.snippets == NULL || text.scratch == NULL) exit(2);
    return text;
}

static void text_free(text *text) {
    free(text->bytes);
    free(text->copy);
    free(text->snippets);
    free(text->scratch);
}

/* Adds whole lines until the text has as many as are wanted. */
static void add_lines(text *text, const char *bytes, size_t length) {
    const size_t wanted = is_tiny ? LINES_TINY : LINES;
    for (size_t start = 0; start < length && text->line_count < wanted;) {
        const char *newline = memchr(bytes + start, '\n', length - start);
        const size_t end = newline == NULL ? length : (size_t)(newline - bytes) + 1;
        if (end - start > TEXT_BYTES_MAX - text->length) return;
        memcpy(text->bytes + text->length, bytes + start, end - start);
        text->length += end - start;
        text->line_count += 1;
        start = end;
    }
}

static void add_file(text *text, const char *path) {
    static char bytes[TEXT_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "bench_snippet: cannot read %s\n", path);
        exit(2);
    }
    add_lines(text, bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
}

/* The published input of DeepLossless, 511 bytes a block. */
static text published_lines(void) {
    static const char block[] =
        "User: Can you fix the build error in src/main.rs?\n"
        "Assistant: Let me check the error message. The issue is on line 42.\n"
        "User: The error is E0425: cannot find value `MAX_RETRY` in this scope.\n"
        "Assistant: I'll add the missing constant. Port 8080 should be configurable.\n"
        "User: According to Gartner 2026, 67% of projects face this issue.\n"
        "Assistant: Let me check the Cargo.toml for the dependency version.\n"
        "User: We need to upgrade reqwest from 0.11 to 0.12.\n"
        "Assistant: Done. The build passes now at 500ms compile time.\n";
    text text = text_new();
    for (int i = 0; i < LINES / 8; i += 1) add_lines(&text, block, sizeof block - 1);
    return text;
}

static text sources(char **paths, int path_count) {
    text text = text_new();
    for (int i = 0; i < path_count; i += 1) add_file(&text, paths[i]);
    return text;
}

/* What programs printed, from the start again until there are enough lines. */
static text printed_texts(void) {
    char pattern[1000];
    glob_t files;
    text text = text_new();
    const char *slash = strrchr(__FILE__, '/');
    snprintf(pattern, sizeof pattern, "%.*s/../../Tests/Snippets/*/*.txt",
        slash == NULL ? 1 : (int)(slash - __FILE__), slash == NULL ? "." : __FILE__);
    if (glob(pattern, 0, NULL, &files) != 0) exit(2);
    for (int round = 0; round < 4; round += 1) {
        for (size_t i = 0; i < files.gl_pathc; i += 1) add_file(&text, files.gl_pathv[i]);
    }
    globfree(&files);
    return text;
}

static uint64_t copy(void *context) {
    text *text = context;
    memcpy(text->copy, text->bytes, text->length);
    return text->copy[text->length / 2];
}

static uint64_t walk_lines(void *context) {
    const text *text = context;
    uint64_t count = 0;
    for (const uint8_t *at = text->bytes, *end = at + text->length; at < end; count += 1) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline + 1;
    }
    return count;
}

static uint64_t find(void *context) {
    text *text = context;
    size_t count = 0;
    if (cairn_snippet_find(
            text->bytes, text->length, text->snippets, text->capacity, text->scratch, &count) != CAIRN_OK)
        exit(2);
    uint64_t hash = count;
    for (size_t i = 0; i < count; i += 1)
        hash = (hash ^ text->snippets[i].start ^ (uint64_t)text->snippets[i].type << 32) *
               UINT64_C(0x9E3779B97F4A7C15);
    return hash;
}

static void bench(const char *name, text text) {
    char label[80];
    struct {
        const char *what;
        work *work;
    } const works[] = {{"memcpy *", copy}, {"memchr, line by line *", walk_lines}, {"snippet find", find}};
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i += 1) {
        snprintf(label, sizeof label, "%s: %s", name, works[i].what);
        measure(label, text.length, works[i].work, &text);
    }
    text_free(&text);
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    const int first = is_tiny ? 2 : 1;
    measure_heading();
    bench("generated lines", published_lines());
    if (argc > first) bench("real source", sources(argv + first, argc - first));
    bench("real output", printed_texts());
    return 0;
}

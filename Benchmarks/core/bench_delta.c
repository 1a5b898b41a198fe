/* bench_delta.c: micro-benchmarks of room delta. Run by run.sh; prints one line a measurement
 * (bench_measure.h). Anchors: memcpy and XXH3 over the whole text.
 *
 * "Real" texts are made of the files named on the command line. Half of the files are seen; the text that is
 * read takes 40 lines from a seen one, then 80 from one that is not, and so on: a third of its bytes, as in
 * recorded sessions. The index is small enough for the caches ("warm") or holds a million lines more
 * ("large"). "Generated" texts are the worst case of shortness: two-byte lines. */
#include "bench_measure.h"
#include "cairn.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { TEXT_BYTES = 600 * 1024, TINY_TEXT_BYTES = 4 * 1024, LARGE_INDEX_LINES = 1000000, RUNS_MAX = 400000 };

typedef struct bytes {
    uint8_t *at;
    size_t length, capacity;
} bytes;

static void add(bytes *out, const void *more, size_t length) {
    if (length > out->capacity - out->length) {
        out->capacity = (out->length + length) * 2;
        out->at = realloc(out->at, out->capacity);
        if (out->at == NULL) exit(2);
    }
    if (length > 0) memcpy(out->at + out->length, more, length);
    out->length += length;
}

static bytes file_at(const char *path) {
    static uint8_t content[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "bench_delta: cannot read %s\n", path);
        exit(2);
    }
    bytes text = {0};
    add(&text, content, fread(content, 1, sizeof content, file));
    fclose(file);
    return text;
}

/* The front of `lines` lines of what is left of a text. */
static size_t front_of(const bytes *text, size_t from, int lines) {
    size_t end = from;
    for (; end < text->length && lines > 0; end += 1) lines -= text->at[end] == '\n';
    return end - from;
}

typedef struct bench {
    bytes text;
    uint8_t *copy;
    cairn_delta_index index;
    cairn_delta_run *runs;
    cairn_delta_diff diff;
    cairn_span old_text, new_text;
    bytes patch;
} bench;

static uint64_t copy_text(void *context) {
    bench *self = context;
    memcpy(self->copy, self->text.at, self->text.length);
    return self->copy[self->text.length / 2];
}

static uint64_t hash_text(void *context) {
    bench *self = context;
    return XXH3_64bits(self->text.at, self->text.length);
}

static uint64_t read_text(void *context) {
    bench *self = context;
    if (cairn_delta_index_read(&self->index, self->text.at, self->text.length) != CAIRN_OK) exit(2);
    return self->index.hashes[self->index.line_count];
}

static uint64_t read_and_find(void *context) {
    bench *self = context;
    size_t count = 0;
    uint64_t bytes = 0;
    read_text(context);
    if (cairn_delta_index_find(&self->index, CAIRN_DELTA_RULE_DEFAULT, self->runs, RUNS_MAX, &count) !=
        CAIRN_OK)
        exit(2);
    for (size_t i = 0; i < count; i += 1) bytes += self->runs[i].end - self->runs[i].start;
    return bytes << 32 | count;
}

static uint64_t read_and_add(void *context) {
    bench *self = context;
    cairn_delta_index_reset(&self->index);
    read_text(context);
    if (cairn_delta_index_add(&self->index, 1) != CAIRN_OK) exit(2);
    return self->index.slots_used;
}

static void add_to_index(bench *self, const bytes *text, uint64_t id) {
    if (cairn_delta_index_read(&self->index, text->at, text->length) != CAIRN_OK ||
        cairn_delta_index_add(&self->index, id) != CAIRN_OK)
        exit(2);
}

static void add_many_lines(bench *self) {
    bytes text = {0};
    char line[64];
    for (int i = 0; i < LARGE_INDEX_LINES; i += 1) {
        add(&text, line, (size_t)snprintf(line, sizeof line, "    another line, number %d of many\n", i));
    }
    add_to_index(self, &text, UINT64_MAX);
    free(text.at);
}

static void bench_runs(const char *name, bench *self) {
    char label[80];
    struct {
        const char *what;
        work *work;
    } const works[] = {{"memcpy *", copy_text}, {"XXH3-64 *", hash_text}, {"split, hash, look up", read_text},
        {"the same and runs", read_and_find}};
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i += 1) {
        snprintf(label, sizeof label, "%s: %s", name, works[i].what);
        measure(label, self->text.length, works[i].work, self);
    }
}

static void bench_real_runs(bench *self, size_t text_bytes, char **paths, int path_count) {
    bytes *files = calloc((size_t)path_count, sizeof *files);
    size_t *used = calloc((size_t)path_count, sizeof *used);
    if (files == NULL || used == NULL) exit(2);
    for (int i = 0; i < path_count; i += 1) {
        files[i] = file_at(paths[i]);
        if (i % 2 == 0) add_to_index(self, &files[i], (uint64_t)i);
    }
    self->text.length = 0;
    for (int i = 0, skipped = 0; self->text.length < text_bytes && skipped < path_count;
         i = (i + 1) % path_count) {
        const size_t front = front_of(&files[i], used[i], i % 2 == 0 ? 40 : 80);
        add(&self->text, files[i].at + used[i], front);
        used[i] += front;
        skipped = front == 0 ? skipped + 1 : 0;
    }
    bench_runs("real, warm index", self);
    if (!is_tiny) {
        add_many_lines(self);
        bench_runs("real, large index", self);
    }
    measure("real: add to an empty index", self->text.length, read_and_add, self);
    for (int i = 0; i < path_count; i += 1) free(files[i].at);
    free(files);
    free(used);
}

static void bench_short_lines(bench *self, size_t text_bytes) {
    cairn_delta_index_reset(&self->index);
    self->text.length = 0;
    for (size_t i = 0; i < text_bytes / 2; i += 1)
        add(&self->text, (const char[]){(char)('0' + i * i % 64), '\n'}, 2);
    add_to_index(self, &self->text, 1);
    for (size_t i = 0; i < self->text.length; i += 14) self->text.at[i] = 'x';
    bench_runs("generated, two-byte lines", self);
}

/* Diffs */

static uint64_t find_changes(void *context) {
    bench *self = context;
    if (cairn_delta_diff_find(&self->diff, self->old_text, self->new_text, 0) != CAIRN_OK) exit(2);
    return self->diff.step_count << 32 | self->diff.change_count;
}

static uint64_t write_patch(void *context) {
    bench *self = context;
    size_t length = 0;
    if (cairn_delta_diff_write(&self->diff, (cairn_delta_names){0}, CAIRN_DELTA_CONTEXT_LINES, self->patch.at,
            self->patch.capacity, &length) != CAIRN_OK)
        exit(2);
    self->patch.length = length;
    return XXH3_64bits(self->patch.at, length);
}

static uint64_t apply_patch(void *context) {
    bench *self = context;
    size_t length = 0;
    cairn_delta_failure failure = {0};
    const cairn_span patch = {self->patch.at, self->patch.length};
    if (cairn_delta_apply(self->old_text, patch, self->copy, self->old_text.length + patch.length, &length,
            &failure) != CAIRN_OK)
        exit(2);
    return length;
}

/* The text with one line in `spacing` changed, one in `spacing` gone and one in `spacing` new. */
static bytes edited(cairn_span text, size_t spacing) {
    bytes out = {0};
    size_t line = 0;
    for (size_t start = 0; start < text.length; line += 1) {
        const uint8_t *newline = memchr(text.bytes + start, '\n', text.length - start);
        const size_t end = newline == NULL ? text.length : (size_t)(newline - text.bytes) + 1;
        const size_t kind = line % spacing;
        if (kind == spacing / 3) add(&out, "a changed line\n", 15);
        if (kind == spacing / 2) add(&out, "a new line\n", 11);
        if (kind != spacing / 3 && kind != spacing - 1) add(&out, text.bytes + start, end - start);
        start = end;
    }
    return out;
}

static void bench_diff(bench *self, const char *name, cairn_span old_text, size_t spacing) {
    char label[80];
    bytes other = edited(old_text, spacing);
    self->old_text = old_text;
    self->new_text = (cairn_span){other.at, other.length};
    snprintf(label, sizeof label, "%s: diff", name);
    measure(label, old_text.length, find_changes, self);
    snprintf(label, sizeof label, "%s: patch written", name);
    measure(label, old_text.length, write_patch, self);
    snprintf(label, sizeof label, "%s: patch applied", name);
    measure(label, old_text.length, apply_patch, self);
    free(other.at);
}

int main(int argc, char **argv) {
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    const size_t text_bytes = is_tiny ? TINY_TEXT_BYTES : TEXT_BYTES;
    char **paths = argv + (is_tiny ? 2 : 1);
    const int path_count = argc - (is_tiny ? 2 : 1);
    bench self = {0};
    self.copy = malloc(8 * text_bytes);
    self.runs = malloc(RUNS_MAX * sizeof *self.runs);
    self.patch = (bytes){malloc(8 * text_bytes), 0, 8 * text_bytes};
    if (self.copy == NULL || self.runs == NULL || self.patch.at == NULL) exit(2);
    cairn_delta_index_init(&self.index, (cairn_delta_allocator){0}, 0);
    cairn_delta_diff_init(&self.diff, (cairn_delta_allocator){0});
    measure_heading();
    if (path_count > 0) {
        bench_real_runs(&self, text_bytes, paths, path_count);
        const cairn_span text = {self.text.at, self.text.length};
        bench_diff(&self, "real, 3 lines in 100 differ", text, 100);
        bench_diff(&self, "real, 3 lines in 6 differ", text, 6);
    }
    bench_short_lines(&self, text_bytes);
    cairn_delta_diff_deinit(&self.diff);
    cairn_delta_index_deinit(&self.index);
    free(self.runs);
    free(self.copy);
    free(self.patch.at);
    free(self.text.at);
    return 0;
}

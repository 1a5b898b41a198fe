/* test_snippet_labels.c: precision and recall of the values found in the labelled texts of Tests/Snippets.
 *
 * Fails when either is below 0.95, over all texts or for any type. `--show development` or `--show held-out`
 * prints every difference of those texts; the figures of docs/snippets.md are this program's output. A value
 * counts as found when type, bytes and place equal those of a label. */
#define _DEFAULT_SOURCE
#include "cairn_snippet.h"
#include "tap.h"

#include <dirent.h>
#include <stdbool.h>

enum {
    TYPE_COUNT = CAIRN_SNIPPET_IDENTIFIER + 1,
    FILE_BYTES_MAX = 1 << 16,
    LABELS_MAX = 512,
    TEXTS_MAX = 512,
    KINDS_MIN = 10,
    TEXTS_MIN = 60,
    LABEL_COUNT_MIN = 600,
    NAME_MAX_BYTES = 600,
    LIST_BYTES = 16384
};
static const double FIGURE_MIN = 0.95;

static const char *const type_names[TYPE_COUNT] = {"", "path", "error_code", "error_message", "quantity",
    "version", "hash", "uuid", "url", "environment", "port", "date", "identifier"};

typedef struct tally {
    size_t found, missed, invented;
} tally;

static tally tallies[2][TYPE_COUNT]; /* development, held out */
static size_t text_count, label_count, kind_count, bad_label_count;
static const char *shown = "";
static char held_out[LIST_BYTES];

static const char *folder(void) {
    static char path[NAME_MAX_BYTES];
    const char *file = __FILE__, *slash = strrchr(file, '/');
    snprintf(path, sizeof path, "%.*s/../Snippets", slash == NULL ? 1 : (int)(slash - file),
        slash == NULL ? "." : file);
    return path;
}

/* Reads a file of at most `capacity` bytes; returns its length, or SIZE_MAX when it cannot be read. */
static size_t read_file(const char *path, char *bytes, size_t capacity) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return SIZE_MAX;
    const size_t length = fread(bytes, 1, capacity, file);
    fclose(file);
    return length;
}

typedef struct label {
    int type;
    size_t start, length;
    bool is_found;
} label;

static const char *find_bytes(const char *text, size_t length, const char *wanted, size_t wanted_length) {
    for (size_t i = 0; i + wanted_length <= length; i += 1) {
        if (memcmp(text + i, wanted, wanted_length) == 0) return text + i;
    }
    return NULL;
}

/* Reads one line `type TAB bytes TAB occurrence`; false when it does not name a place in the text. */
static bool read_label(const char *line, size_t length, const char *text, size_t text_length, label *out) {
    const char *tab = memchr(line, '\t', length);
    if (tab == NULL) return false;
    const char *last = line + length;
    while (last > tab && *last != '\t') last -= 1;
    if (last == tab) return false;
    out->type = 0;
    for (int type = 1; type < TYPE_COUNT; type += 1) {
        if (strlen(type_names[type]) == (size_t)(tab - line) &&
            memcmp(line, type_names[type], (size_t)(tab - line)) == 0)
            out->type = type;
    }
    const char *value = tab + 1, *at = NULL;
    out->length = (size_t)(last - value);
    size_t from = 0;
    for (int occurrence = atoi(last + 1); occurrence > 0; occurrence -= 1) {
        at = find_bytes(text + from, text_length - from, value, out->length);
        if (at == NULL) return false;
        from = (size_t)(at - text) + 1;
    }
    if (at == NULL || out->type == 0 || out->length == 0) return false;
    out->start = (size_t)(at - text);
    out->is_found = false;
    return true;
}

static bool is_held_out(const char *name) {
    char line[NAME_MAX_BYTES];
    snprintf(line, sizeof line, "\n%s\n", name);
    return strstr(held_out, line) != NULL;
}

static void show(
    const char *set, const char *name, const char *what, int type, const char *bytes, size_t length) {
    if (strcmp(shown, set) == 0)
        printf("# %s: %s %s %.*s\n", name, what, type_names[type], (int)length, bytes);
}

static void compare(const char *name, const char *text, size_t length, label *labels, size_t count) {
    static cairn_snippet snippets[FILE_BYTES_MAX / 2 + 1];
    static uint32_t scratch[FILE_BYTES_MAX * 3];
    const bool is_held = is_held_out(name);
    const char *set = is_held ? "held-out" : "development";
    tally *tally = tallies[is_held];
    size_t found = 0;
    uint8_t *exact = tap_exact_copy(text, length);
    CHECK(cairn_snippet_find(exact, length, snippets, cairn_snippet_bound(length), scratch, &found) ==
          CAIRN_OK);
    free(exact);
    for (size_t i = 0; i < found; i += 1) {
        bool is_label = false;
        for (size_t j = 0; j < count && !is_label; j += 1) {
            is_label = labels[j].type == snippets[i].type && labels[j].start == snippets[i].start &&
                       labels[j].start + labels[j].length == snippets[i].end;
            labels[j].is_found |= is_label;
        }
        if (is_label) continue;
        tally[snippets[i].type].invented += 1;
        show(set, name, "invented", snippets[i].type, text + snippets[i].start,
            snippets[i].end - snippets[i].start);
    }
    for (size_t j = 0; j < count; j += 1) {
        if (labels[j].is_found) {
            tally[labels[j].type].found += 1;
        } else {
            tally[labels[j].type].missed += 1;
            show(set, name, "missed", labels[j].type, text + labels[j].start, labels[j].length);
        }
    }
}

/* One text, `kind/name` without extension. */
static void take_text(const char *name) {
    static char text[FILE_BYTES_MAX], list[FILE_BYTES_MAX];
    static label labels[LABELS_MAX];
    char path[2 * NAME_MAX_BYTES];
    snprintf(path, sizeof path, "%s/%s.txt", folder(), name);
    const size_t length = read_file(path, text, sizeof text);
    snprintf(path, sizeof path, "%s/%s.labels", folder(), name);
    const size_t list_length = read_file(path, list, sizeof list);
    if (length == SIZE_MAX || list_length == SIZE_MAX) {
        printf("# %s: cannot be read, or has no labels\n", name);
        bad_label_count += 1;
        return;
    }
    size_t count = 0;
    for (size_t start = 0; start < list_length;) {
        const char *newline = memchr(list + start, '\n', list_length - start);
        const size_t end = newline == NULL ? list_length : (size_t)(newline - list);
        if (count < LABELS_MAX && read_label(list + start, end - start, text, length, &labels[count])) {
            count += 1;
        } else {
            printf("# %s: no such value: %.*s\n", name, (int)(end - start), list + start);
            bad_label_count += 1;
        }
        start = end + 1;
    }
    text_count += 1;
    label_count += count;
    compare(name, text, length, labels, count);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Calls `take` for the entries of a folder that end in `ending`, without the ending, in order of name. */
static void each_entry(const char *prefix, const char *ending, void take(const char *name)) {
    char (*names)[NAME_MAX_BYTES] = calloc(TEXTS_MAX, NAME_MAX_BYTES);
    char path[2 * NAME_MAX_BYTES];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", folder(), prefix);
    DIR *directory = opendir(path);
    if (directory == NULL || names == NULL) exit(2);
    for (struct dirent *entry = readdir(directory); entry != NULL && count < TEXTS_MAX;
        entry = readdir(directory)) {
        const size_t length = strlen(entry->d_name), ending_length = strlen(ending);
        if (entry->d_name[0] == '.' || length <= ending_length) continue;
        if (strcmp(entry->d_name + length - ending_length, ending) != 0) continue;
        if (ending_length == 0 && strchr(entry->d_name, '.') != NULL)
            continue; /* a file beside the folders */
        snprintf(names[count], NAME_MAX_BYTES, "%s%s%.*s", prefix, prefix[0] == 0 ? "" : "/",
            (int)(length - ending_length), entry->d_name);
        count += 1;
    }
    closedir(directory);
    qsort(names, count, NAME_MAX_BYTES, compare_names);
    for (size_t i = 0; i < count; i += 1) take(names[i]);
    free(names);
}

static void take_kind(const char *kind) {
    kind_count += 1;
    each_entry(kind, ".txt", take_text);
}

static void test_labelled_texts_are_many_and_every_label_names_a_place(void) {
    char path[2 * NAME_MAX_BYTES];
    snprintf(path, sizeof path, "%s/held-out.txt", folder());
    held_out[0] = '\n';
    const size_t length = read_file(path, held_out + 1, sizeof held_out - 2);
    CHECK(length != SIZE_MAX);
    held_out[length == SIZE_MAX ? 1 : length + 1] = 0;

    each_entry("", "", take_kind);

    CHECK(bad_label_count == 0);
    CHECK(kind_count >= KINDS_MIN);
    CHECK(text_count >= TEXTS_MIN);
    CHECK(label_count >= LABEL_COUNT_MIN);
}

static tally sum(const tally *a, const tally *b) {
    return (tally){a->found + b->found, a->missed + b->missed, a->invented + b->invented};
}

static double precision(tally tally) {
    const size_t all = tally.found + tally.invented;
    return all == 0 ? 1 : (double)tally.found / (double)all;
}

static double recall(tally tally) {
    const size_t all = tally.found + tally.missed;
    return all == 0 ? 1 : (double)tally.found / (double)all;
}

static void print_row(const char *name, tally development, tally held) {
    const tally all = sum(&development, &held);
    printf("# | %-13s | %4zu | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f |\n", name, all.found + all.missed,
        precision(development), recall(development), precision(held), recall(held), precision(all),
        recall(all));
}

static void test_precision_and_recall_are_high_for_every_type(void) {
    tally total[2] = {{0, 0, 0}, {0, 0, 0}};
    printf(
        "# %zu texts of %zu kinds, %zu labels; precision and recall\n", text_count, kind_count, label_count);
    printf("# | type | labels | development: p | r | held out: p | r | all: p | r |\n");
    for (int type = 1; type < TYPE_COUNT; type += 1) {
        const tally all = sum(&tallies[0][type], &tallies[1][type]);
        print_row(type_names[type], tallies[0][type], tallies[1][type]);
        for (int set = 0; set < 2; set += 1) total[set] = sum(&total[set], &tallies[set][type]);
        CHECK(precision(all) >= FIGURE_MIN);
        CHECK(recall(all) >= FIGURE_MIN);
    }
    print_row("all", total[0], total[1]);
    const tally all = sum(&total[0], &total[1]);
    CHECK(precision(all) >= FIGURE_MIN);
    CHECK(recall(all) >= FIGURE_MIN);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--show") == 0) shown = argv[2];
    TEST(test_labelled_texts_are_many_and_every_label_names_a_place);
    TEST(test_precision_and_recall_are_high_for_every_type);
    return tap_end();
}

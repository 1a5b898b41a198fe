/* bench_outline.c: the outline of source files beside the parse alone. Inputs: the files named on the command line
 * whose names tell a language, up to 128 KB a language, and among them the golden cases of Tests/Outline, which are
 * written to have every kind of definition. Anchor in the same run: tree-sitter as its makers ship it, with malloc and
 * without a limit, over the same grammars (run.sh compiles it again, with plain_ in front of its names). */
#include "bench_measure.h"
#include "golden_file.h"

enum { TEXTS_MAX = 256, GROUP_BYTES_MAX = 128 << 10, GROUP_BYTES_TINY = 2 << 10 };

typedef struct TSParser TSParser;
typedef struct TSTree TSTree;
TSParser *plain_ts_parser_new(void);
bool plain_ts_parser_set_language(TSParser *self, const TSLanguage *language);
TSTree *plain_ts_parser_parse_string(TSParser *self, const TSTree *old, const char *text, uint32_t length);
void plain_ts_tree_delete(TSTree *self);
void plain_ts_parser_delete(TSParser *self);

/* Texts of one language. */
typedef struct group {
    cairn_outline_bytes texts[TEXTS_MAX];
    size_t count, bytes;
    cairn_outline_language language;
    TSParser *plain;
    cairn_outline *parser;
} group;

static uint64_t parse_alone(void *context) {
    group *group = context;
    uint64_t parsed = 0;
    for (size_t i = 0; i < group->count; i += 1) {
        const cairn_outline_bytes text = group->texts[i];
        TSTree *tree =
            plain_ts_parser_parse_string(group->plain, NULL, (const char *)text.bytes, (uint32_t)text.length);
        parsed += tree != NULL;
        plain_ts_tree_delete(tree);
    }
    return parsed;
}

static uint64_t outline(void *context) {
    group *group = context;
    uint64_t hash = 0;
    for (size_t i = 0; i < group->count; i += 1) {
        const cairn_outline_item *items;
        size_t count;
        const cairn_outline_bytes text = group->texts[i];
        if (cairn_outline_parse(group->parser, group->language, text.bytes, text.length, &items, &count) !=
            CAIRN_OUTLINE_OK) {
            exit(2);
        }
        hash = (hash ^ count) * UINT64_C(0x9E3779B97F4A7C15);
        for (size_t j = 0; j < count; j += 1) {
            hash = (hash ^ items[j].signature_end ^ (uint64_t)items[j].kind << 32) * UINT64_C(0x9E3779B97F4A7C15);
        }
    }
    return hash;
}

/* Adds the text, or the lines of it for which there is room. */
static void add(group *groups, cairn_outline_language language, cairn_outline_bytes text) {
    group *group = &groups[language];
    const size_t room = (is_tiny ? GROUP_BYTES_TINY : GROUP_BYTES_MAX) - group->bytes;
    if (text.length > room) text.length = room;
    while (text.length > 0 && text.bytes[text.length - 1] != '\n') text.length -= 1;
    if (text.length == 0 || group->count == TEXTS_MAX) return;
    group->texts[group->count] = text;
    group->count += 1;
    group->bytes += text.length;
}

/* The texts stay in memory until the program ends. */
static void add_golden(group *groups, const char *path) {
    const golden_file file = golden_read(".", path);
    if (!file.is_valid) exit(2);
    const cairn_outline_bytes none = {NULL, 0};
    const cairn_outline_language language = cairn_outline_language_of(none, file.tag, none);
    if (language != CAIRN_OUTLINE_UNKNOWN) add(groups, language, file.input);
}

static void add_file(group *groups, const char *path) {
    const cairn_outline_bytes name = {(const uint8_t *)path, strlen(path)}, none = {NULL, 0};
    const cairn_outline_language language = cairn_outline_language_of(name, none, none);
    if (language == CAIRN_OUTLINE_UNKNOWN) return;
    uint8_t *bytes = malloc(GROUP_BYTES_MAX);
    FILE *file = fopen(path, "rb");
    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "bench_outline: cannot read %s\n", path);
        exit(2);
    }
    add(groups, language, (cairn_outline_bytes){bytes, fread(bytes, 1, GROUP_BYTES_MAX, file)});
    fclose(file);
}

static void bench(const char *kind, group *groups, cairn_outline *parser) {
    char label[80];
    for (int language = 1; language < CAIRN_OUTLINE_LANGUAGE_COUNT; language += 1) {
        group *group = &groups[language];
        const char *name = cairn_outline_language_name((cairn_outline_language)language);
        if (group->count == 0 || !cairn_outline_knows(parser, (cairn_outline_language)language)) continue;
        group->language = (cairn_outline_language)language;
        group->parser = parser;
        group->plain = plain_ts_parser_new();
        if (!plain_ts_parser_set_language(group->plain, cgrammars_find(name))) exit(2);
        snprintf(label, sizeof label, "%s %s: ts_parser_parse *", kind, name);
        measure(label, group->bytes, parse_alone, group);
        snprintf(label, sizeof label, "%s %s: outline", kind, name);
        measure(label, group->bytes, outline, group);
        plain_ts_parser_delete(group->plain);
    }
}

int main(int argc, char **argv) {
    static group real[CAIRN_OUTLINE_LANGUAGE_COUNT], golden[CAIRN_OUTLINE_LANGUAGE_COUNT];
    is_tiny = argc > 1 && strcmp(argv[1], "--tiny") == 0;
    for (int i = is_tiny ? 2 : 1; i < argc; i += 1) {
        if (strstr(argv[i], "/golden/") != NULL) {
            add_golden(golden, argv[i]);
        } else {
            add_file(real, argv[i]);
        }
    }
    cairn_outline *parser = outline_with_all_grammars();
    measure_heading();
    bench("real", real, parser);
    bench("golden", golden, parser);
    cairn_outline_free(parser);
    return 0;
}

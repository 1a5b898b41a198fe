/* test_outline.c: the outline room. Usage: test_outline FOLDER, with golden cases; UPDATE_GOLDEN=1 rewrites them. */
#include "cairn_outline_int.h"
#include "golden_file.h"
#include "tap.h"

#include <dirent.h>

static const char *golden_folder;
static cairn_outline *parser;

static cairn_outline_bytes span(const char *text) { return (cairn_outline_bytes){(const uint8_t *)text, strlen(text)}; }

static cairn_outline_language language_of(const char *path, const char *tag, const char *text) {
    return cairn_outline_language_of(span(path), span(tag), span(text));
}

/* Describes the outline of an exact copy, so that reading behind the text is noticed. Returns owned. */
static outline_text outline_of(cairn_outline_language language, const void *text, size_t length) {
    uint8_t *copy = tap_exact_copy(text, length);
    const cairn_outline_item *items = NULL;
    size_t count = 0;
    const cairn_outline_status status = cairn_outline_parse(parser, language, copy, length, &items, &count);
    CHECK(status == CAIRN_OUTLINE_OK);
    CHECK(status != CAIRN_OUTLINE_OK || outline_is_sound(items, count, copy, length));
    outline_text out = outline_describe(items, status == CAIRN_OUTLINE_OK ? count : 0, copy);
    free(copy);
    return out;
}

/* ---- golden cases ---- */

static const char *golden_name;

static bool is_same(const outline_text *outline, cairn_outline_bytes expected) {
    return outline->length == expected.length && memcmp(outline->bytes, expected.bytes, outline->length) == 0;
}

static void test_golden_case(void) {
    golden_file file = golden_read(golden_folder, golden_name);
    CHECK(file.is_valid);
    if (file.is_valid) {
        const cairn_outline_language language =
            cairn_outline_language_of(span(""), file.tag, (cairn_outline_bytes){NULL, 0});
        outline_text outline = outline_of(language, file.input.bytes, file.input.length);
        if (getenv("UPDATE_GOLDEN") != NULL) {
            golden_rewrite(&file, &outline);
        } else if (!is_same(&outline, file.expected)) {
            tap_fail(file.path, 0, "another outline:");
            fputs(outline.bytes, stdout);
        }
        free(outline.bytes);
    }
    golden_free(&file);
}

static void test_golden_case_has_the_same_outline_with_crlf(void) {
    golden_file file = golden_read(golden_folder, golden_name);
    CHECK(file.is_valid);
    if (file.is_valid && getenv("UPDATE_GOLDEN") == NULL) {
        outline_text crlf = {0};
        for (size_t i = 0; i < file.input.length; i += 1) {
            if (file.input.bytes[i] == '\n') outline_put(&crlf, "\r", 1);
            outline_put(&crlf, (const char *)file.input.bytes + i, 1);
        }
        const cairn_outline_language language =
            cairn_outline_language_of(span(""), file.tag, (cairn_outline_bytes){NULL, 0});
        outline_text outline = outline_of(language, crlf.bytes, crlf.length);
        if (!is_same(&outline, file.expected)) {
            tap_fail(file.path, 0, "another outline with CRLF:");
            fputs(outline.bytes, stdout);
        }
        free(outline.bytes);
        free(crlf.bytes);
    }
    golden_free(&file);
}

static int is_case(const struct dirent *entry) { return strstr(entry->d_name, ".md") != NULL; }

typedef struct recall {
    size_t expected, found;
} recall;

static bool has_name(const cairn_outline_item *items, size_t count, const uint8_t *text, cairn_outline_bytes name) {
    for (size_t i = 0; i < count; i += 1) {
        const size_t length = items[i].name_end - items[i].name_start;
        if (length == name.length && memcmp(text + items[i].name_start, name.bytes, length) == 0) return true;
    }
    return false;
}

/* Of the definitions whose signature lies in front of the cut, how many are found when the rest is missing? */
static void count_recall(const golden_file *file, recall *counts) {
    const cairn_outline_language language =
        cairn_outline_language_of(span(""), file->tag, (cairn_outline_bytes){NULL, 0});
    const cairn_outline_item *view;
    size_t count;
    const uint8_t *text = file->input.bytes;
    if (cairn_outline_parse(parser, language, text, file->input.length, &view, &count) != CAIRN_OUTLINE_OK) abort();
    cairn_outline_item *whole = (cairn_outline_item *)tap_exact_copy(view, count * sizeof *view);
    for (size_t cut = 0; cut < file->input.length; cut += 1) {
        size_t cut_count;
        if (cairn_outline_parse(parser, language, text, cut, &view, &cut_count) != CAIRN_OUTLINE_OK) abort();
        CHECK(outline_is_sound(view, cut_count, text, cut));
        if (text[cut] != '\n') continue;
        for (size_t i = 0; i < count; i += 1) {
            if (whole[i].signature_end > cut) continue;
            const cairn_outline_bytes name = {text + whole[i].name_start, whole[i].name_end - whole[i].name_start};
            counts->expected += 1;
            counts->found += has_name(view, cut_count, text, name);
        }
    }
    free(whole);
}

static void test_texts_cut_off_at_any_line_keep_their_definitions(void) {
    struct dirent **entries;
    const int count = scandir(golden_folder, &entries, is_case, alphasort);
    recall all = {0};
    for (int i = 0; i < count; i += 1) {
        golden_file file = golden_read(golden_folder, entries[i]->d_name);
        if (file.is_valid) {
            recall one = {0};
            count_recall(&file, &one);
            printf("# %-24s %5zu of %5zu definitions in front of a cut\n", entries[i]->d_name, one.found,
                one.expected);
            all.found += one.found;
            all.expected += one.expected;
        }
        golden_free(&file);
        free(entries[i]);
    }
    free(entries);
    printf("# all %zu of %zu\n", all.found, all.expected);
    CHECK(all.expected > 1000);
    CHECK(all.found * 100 >= all.expected * 97);
}

/* ---- languages ---- */

static void test_the_file_name_tells_the_language(void) {
    CHECK(language_of("src/main.rs", "", "") == CAIRN_OUTLINE_RUST);
    CHECK(language_of("a.b/setup.PY", "", "") == CAIRN_OUTLINE_PYTHON);
    CHECK(language_of("index.d.ts", "", "") == CAIRN_OUTLINE_TYPESCRIPT);
    CHECK(language_of("App.tsx", "", "") == CAIRN_OUTLINE_TSX);
    CHECK(language_of("x.mjs", "", "") == CAIRN_OUTLINE_JAVASCRIPT);
    CHECK(language_of("A.java", "", "") == CAIRN_OUTLINE_JAVA);
    CHECK(language_of("a.c", "", "") == CAIRN_OUTLINE_C);
    CHECK(language_of("a.c++", "", "") == CAIRN_OUTLINE_CPP);
    CHECK(language_of("a.cs", "", "") == CAIRN_OUTLINE_C_SHARP);
    CHECK(language_of("a_test.go", "", "") == CAIRN_OUTLINE_GO);
}

static void test_a_file_name_without_a_known_ending_tells_nothing(void) {
    CHECK(language_of("README.md", "", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("folder.rs/Makefile", "", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of(".c", "", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("c", "", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("a/.go", "", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("a.", "", "") == CAIRN_OUTLINE_UNKNOWN);
}

static void test_the_word_behind_a_fence_tells_the_language(void) {
    CHECK(language_of("", "rust,no_run", "") == CAIRN_OUTLINE_RUST);
    CHECK(language_of("", " Python title=a", "") == CAIRN_OUTLINE_PYTHON);
    CHECK(language_of("", "{.c++ #id}", "") == CAIRN_OUTLINE_CPP);
    CHECK(language_of("", "C#", "") == CAIRN_OUTLINE_C_SHARP);
    CHECK(language_of("", "jsx", "") == CAIRN_OUTLINE_JAVASCRIPT);
    CHECK(language_of("", "golang\r", "") == CAIRN_OUTLINE_GO);
    CHECK(language_of("", "text", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("", "{.}", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("notes.txt", "ts", "") == CAIRN_OUTLINE_TYPESCRIPT);
    CHECK(language_of("a.py", "ts", "") == CAIRN_OUTLINE_PYTHON);
}

static void test_prose_has_no_language(void) {
    CHECK(language_of("", "", "") == CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("", "", "The import of a class is a function of its type.\nLet us go.\n") ==
        CAIRN_OUTLINE_UNKNOWN);
    CHECK(language_of("", "", "{\"a\": [1, 2]}\n") == CAIRN_OUTLINE_UNKNOWN);
}

static void test_a_header_is_cpp_when_its_text_is(void) {
    const char *c = "#ifndef A_H\n#define A_H\n#include <stddef.h>\nint f(void);\n#endif\n";
    const char *cpp = "#pragma once\n#include <vector>\nnamespace a {\ntemplate <class T> class B {\npublic:\n};\n}\n";
    CHECK(language_of("a.h", "", c) == CAIRN_OUTLINE_C);
    CHECK(language_of("a.h", "", cpp) == CAIRN_OUTLINE_CPP);
    CHECK(language_of("a.h", "", "") == CAIRN_OUTLINE_C);
    CHECK(language_of("a.c", "", cpp) == CAIRN_OUTLINE_C);
}

/* The golden cases have a file for each language; their text alone must tell it. Nothing tells TSX from TypeScript. */
static void test_golden_case_is_told_by_its_text(void) {
    golden_file file = golden_read(golden_folder, golden_name);
    CHECK(file.is_valid);
    cairn_outline_language language = cairn_outline_language_of(span(""), file.tag, (cairn_outline_bytes){NULL, 0});
    if (language == CAIRN_OUTLINE_TSX) language = CAIRN_OUTLINE_TYPESCRIPT;
    const cairn_outline_language told = cairn_outline_language_of(span(""), span(""), file.input);
    if (told != language) printf("# %s: %s\n", golden_name, cairn_outline_language_name(told));
    CHECK(told == language);
    golden_free(&file);
}

static void test_names_are_never_null(void) {
    CHECK(strcmp(cairn_outline_language_name(CAIRN_OUTLINE_C_SHARP), "c_sharp") == 0);
    CHECK(strcmp(cairn_outline_language_name(CAIRN_OUTLINE_UNKNOWN), "") == 0);
    CHECK(strcmp(cairn_outline_language_name((cairn_outline_language)99), "") == 0);
    CHECK(strcmp(cairn_outline_kind_name(CAIRN_OUTLINE_IMPLEMENTATION), "implementation") == 0);
    CHECK(strcmp(cairn_outline_kind_name((cairn_outline_kind)0), "") == 0);
    CHECK(strcmp(cairn_outline_kind_name((cairn_outline_kind)99), "") == 0);
}

/* ---- rules ---- */

static void test_every_rule_names_a_node_of_its_grammar(void) {
    for (int language = 1; language < CAIRN_OUTLINE_LANGUAGE_COUNT; language += 1) {
        const char *name = cairn_outline_language_name((cairn_outline_language)language);
        const TSLanguage *known = cgrammars_find(name);
        CHECK(known != NULL);
        const uint32_t symbols = ts_language_symbol_count(known);
        outline_grammar grammar = {
            .language = known,
            .rules = calloc(symbols, sizeof *grammar.rules),
            .symbol_count = symbols,
        };
        const outline_rule *const *lists = cairn_outline_rules((cairn_outline_language)language);
        for (size_t i = 0; i < OUTLINE_RULE_LISTS && lists[i] != NULL; i += 1) {
            const uint32_t unknown = cairn_outline_bind(lists[i], &grammar);
            if (unknown > 0) printf("# %s, list %zu: %u rules name no node\n", name, i, unknown);
            CHECK(unknown == 0);
        }
        free(grammar.rules);
    }
}

/* ---- order ---- */

static void test_what_is_declared_behind_a_type_comes_behind_its_members(void) {
    static const char source[] = "const struct S { void f(); int a; } *s(int), t = {1};";
    outline_text outline = outline_of(CAIRN_OUTLINE_CPP, source, strlen(source));
    const char *expected = "1-1 class S\n  | const struct S\n  1-1 method f\n    | void f()\n"
                           "1-1 function s\n  | *s\n1-1 constant t\n  | t\n";
    CHECK(strcmp(outline.bytes, expected) == 0);
    if (strcmp(outline.bytes, expected) != 0) fputs(outline.bytes, stdout);
    free(outline.bytes);
}

/* ---- limits and failures ---- */

static void test_a_signature_without_an_end_is_cut_between_two_characters(void) {
    outline_text text = {0};
    outline_print(&text, "def ff(");
    for (int i = 0; i < 1000; i += 1) outline_print(&text, "\xc3\xa9, "); /* the limit is inside one of them */
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    const cairn_outline_item *items;
    size_t count;
    CHECK((bytes[CAIRN_OUTLINE_BROKEN_BYTES_MAX] & 0xC0) == 0x80);
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_PYTHON, bytes, text.length, &items, &count) == CAIRN_OUTLINE_OK);
    CHECK(count == 1);
    if (count == 1) {
        CHECK(items[0].is_broken);
        CHECK(items[0].signature_end > CAIRN_OUTLINE_BROKEN_BYTES_MAX - 8);
        CHECK(items[0].signature_end < CAIRN_OUTLINE_BROKEN_BYTES_MAX);
        CHECK((bytes[items[0].signature_end] & 0xC0) != 0x80);
    }
    free(text.bytes);
}

static void test_what_breaks_the_contract_is_refused(void) {
    cairn_outline *empty;
    const cairn_outline_item *items = (const cairn_outline_item *)&empty;
    size_t count = 7;
    CHECK(cairn_outline_new(&empty) == CAIRN_OUTLINE_OK);
    CHECK(!cairn_outline_knows(empty, CAIRN_OUTLINE_GO));
    CHECK(cairn_outline_parse(empty, CAIRN_OUTLINE_GO, NULL, 0, &items, &count) == CAIRN_OUTLINE_ERR_NOT_FOUND);
    CHECK(cairn_outline_parse(empty, CAIRN_OUTLINE_UNKNOWN, NULL, 0, &items, &count) == CAIRN_OUTLINE_ERR_NOT_FOUND);
    const cairn_outline_language none = (cairn_outline_language)99;
    CHECK(cairn_outline_parse(empty, none, NULL, 0, &items, &count) == CAIRN_OUTLINE_ERR_NOT_FOUND);
    CHECK(cairn_outline_add(empty, CAIRN_OUTLINE_GO, NULL) == CAIRN_OUTLINE_ERR_ARGUMENT);
    CHECK(cairn_outline_add(empty, CAIRN_OUTLINE_UNKNOWN, cgrammars_find("go")) == CAIRN_OUTLINE_ERR_ARGUMENT);
    CHECK(cairn_outline_add(empty, (cairn_outline_language)11, cgrammars_find("go")) == CAIRN_OUTLINE_ERR_ARGUMENT);
    CHECK(cairn_outline_add(empty, CAIRN_OUTLINE_GO, cgrammars_find("go")) == CAIRN_OUTLINE_OK);
    CHECK(cairn_outline_add(empty, CAIRN_OUTLINE_GO, cgrammars_find("go")) == CAIRN_OUTLINE_OK);
    CHECK(cairn_outline_knows(empty, CAIRN_OUTLINE_GO));
    CHECK(items == (const cairn_outline_item *)&empty && count == 7);
    CHECK(cairn_outline_parse(empty, CAIRN_OUTLINE_GO, NULL, 0, &items, &count) == CAIRN_OUTLINE_OK);
    CHECK(count == 0);
    cairn_outline_free(empty);
    cairn_outline_free(NULL);
}

static void test_a_text_that_is_too_large_is_refused(void) {
    const size_t length = CAIRN_OUTLINE_INPUT_BYTES_MAX + 1;
    uint8_t *text = malloc(length);
    memset(text, '\n', length);
    const cairn_outline_item *items;
    size_t count;
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_PYTHON, text, length, &items, &count) == CAIRN_OUTLINE_ERR_TOO_BIG);
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_PYTHON, text, length - 1, &items, &count) == CAIRN_OUTLINE_OK);
    CHECK(count == 0);
    free(text);
}

static uint8_t *repeated(const char *part, size_t length) {
    uint8_t *text = malloc(length);
    const size_t part_length = strlen(part);
    for (size_t i = 0; i < length; i += 1) text[i] = (uint8_t)part[i % part_length];
    return text;
}

static void test_more_definitions_than_the_limit_are_refused(void) {
    const size_t one = strlen("A=1\n");
    uint8_t *text = repeated("A=1\n", one * (CAIRN_OUTLINE_ITEMS_MAX + 1));
    const cairn_outline_item *items;
    size_t count;
    const size_t length = one * CAIRN_OUTLINE_ITEMS_MAX;
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_PYTHON, text, length, &items, &count) == CAIRN_OUTLINE_OK);
    CHECK(count == CAIRN_OUTLINE_ITEMS_MAX);
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_PYTHON, text, length + one, &items, &count) ==
        CAIRN_OUTLINE_ERR_TOO_BIG);
    free(text);
}

static void test_definitions_nested_too_deep_are_left_out(void) {
    outline_text text = {0};
    for (int i = 0; i < 3 * CAIRN_OUTLINE_DEPTH_MAX; i += 1) outline_print(&text, "class A%d { ", i);
    for (int i = 0; i < 3 * CAIRN_OUTLINE_DEPTH_MAX; i += 1) outline_print(&text, "}");
    const cairn_outline_item *items;
    size_t count;
    const uint8_t *bytes = (const uint8_t *)text.bytes;
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_JAVA, bytes, text.length, &items, &count) == CAIRN_OUTLINE_OK);
    CHECK(count == CAIRN_OUTLINE_DEPTH_MAX + 1);
    CHECK(cairn_outline_parse(parser, CAIRN_OUTLINE_JAVA, bytes, text.length / 2, &items, &count) == CAIRN_OUTLINE_OK);
    CHECK(outline_is_sound(items, count, bytes, text.length / 2));
    free(text.bytes);
}

/* Texts on which tree-sitter alone takes minutes, gigabytes or the stack; each as each language. */
static void test_hostile_texts_end_within_the_limits(void) {
    static const char *const parts[] = {
        "(", "{", "[", "<", "\"", "'", "`", "/*", "/**/\n", "->", "x=>", "<b", "a,", "a?", "::a", "<a>", "f'{", "`${",
        "r#\"", "$\"{", "class A{ ", "class A:\n ", "def f(", "fn a(){", "#if 1\n", "#define A \\\n", "template<",
        "case a:", "if ", "else if(a)b;", "\\\n", "\xff", "\xf0\x9f", "\t", "@", "'a", "R\"(", "a<b>(", "x if y else ",
    };
    enum { LENGTH = 12000 };
    size_t refused = 0;
    for (int language = 1; language < CAIRN_OUTLINE_LANGUAGE_COUNT; language += 1) {
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i += 1) {
            uint8_t *text = repeated(parts[i], LENGTH);
            const cairn_outline_item *items;
            size_t count;
            const cairn_outline_status status =
                cairn_outline_parse(parser, (cairn_outline_language)language, text, LENGTH, &items, &count);
            CHECK(status == CAIRN_OUTLINE_OK || status == CAIRN_OUTLINE_ERR_TOO_BIG);
            CHECK(status != CAIRN_OUTLINE_OK || outline_is_sound(items, count, text, LENGTH));
            refused += status == CAIRN_OUTLINE_ERR_TOO_BIG;
            free(text);
        }
    }
    printf("# %zu refused\n", refused);
    CHECK(refused > 0);
}

static void test_the_same_hostile_text_gets_the_same_answer(void) {
    uint8_t *text = repeated("x=>", 20000);
    const cairn_outline_item *items;
    size_t count;
    for (int i = 0; i < 2; i += 1) {
        const cairn_outline_status status =
            cairn_outline_parse(parser, CAIRN_OUTLINE_JAVA, text, 20000, &items, &count);
        CHECK(status == CAIRN_OUTLINE_ERR_TOO_BIG);
        outline_text after = outline_of(CAIRN_OUTLINE_JAVA, "class A { }", 11);
        CHECK(strcmp(after.bytes, "1-1 class A\n  | class A\n") == 0);
        free(after.bytes);
    }
    free(text);
}

/* A value is looked ahead of again and again by the scanner, which asks for no memory while it does. */
static void test_reading_the_same_text_again_and_again_is_bounded(void) {
    const size_t length = 400000;
    uint8_t *text = repeated("/**/", length);
    text[0] = 'x';
    text[1] = text[2] = text[3] = ' ';
    text[length - 2] = '+';
    text[length - 1] = 'y';
    const cairn_outline_item *items;
    size_t count;
    const cairn_outline_status status =
        cairn_outline_parse(parser, CAIRN_OUTLINE_TYPESCRIPT, text, length, &items, &count);
    CHECK(status == CAIRN_OUTLINE_ERR_TOO_BIG);
    free(text);
}

static void test_every_failing_allocation_is_told_and_survived(void) {
    static const char source[] = "class A:\n    def f(self, a=(1, [2, {3}])):\n        pass\nclass B(";
    outline_text expected = outline_of(CAIRN_OUTLINE_PYTHON, source, strlen(source));
    const TSLanguage *const python = cgrammars_find("python");
    cairn_outline_status status = CAIRN_OUTLINE_ERR_NO_MEMORY;
    int allowed = 0;
    for (; status == CAIRN_OUTLINE_ERR_NO_MEMORY && allowed < 10000; allowed += 1) {
        cairn_outline *fresh = NULL;
        const cairn_outline_item *items = NULL;
        size_t count = 0;
        tap_allocations_until_failure = allowed;
        status = cairn_outline_new(&fresh);
        if (status == CAIRN_OUTLINE_OK) status = cairn_outline_add(fresh, CAIRN_OUTLINE_PYTHON, python);
        if (status == CAIRN_OUTLINE_OK) {
            status = cairn_outline_parse(
                fresh, CAIRN_OUTLINE_PYTHON, (const uint8_t *)source, strlen(source), &items, &count);
        }
        tap_allocations_until_failure = -1;
        const bool has_grammar = fresh != NULL && cairn_outline_knows(fresh, CAIRN_OUTLINE_PYTHON);
        if (status == CAIRN_OUTLINE_ERR_NO_MEMORY && has_grammar) {
            const cairn_outline_status again = cairn_outline_parse(
                fresh, CAIRN_OUTLINE_PYTHON, (const uint8_t *)source, strlen(source), &items, &count);
            CHECK(again == CAIRN_OUTLINE_OK);
            outline_text outline = outline_describe(items, count, (const uint8_t *)source);
            CHECK(strcmp(outline.bytes, expected.bytes) == 0);
            free(outline.bytes);
        }
        cairn_outline_free(fresh);
    }
    CHECK(status == CAIRN_OUTLINE_OK);
    printf("# %d allocations\n", allowed - 1);
    CHECK(allowed > 20);
    free(expected.bytes);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    golden_folder = argv[1];
    parser = outline_with_all_grammars();
    TEST(test_the_file_name_tells_the_language);
    TEST(test_a_file_name_without_a_known_ending_tells_nothing);
    TEST(test_the_word_behind_a_fence_tells_the_language);
    TEST(test_prose_has_no_language);
    TEST(test_a_header_is_cpp_when_its_text_is);
    TEST(test_names_are_never_null);
    TEST(test_every_rule_names_a_node_of_its_grammar);

    struct dirent **entries;
    const int count = scandir(golden_folder, &entries, is_case, alphasort);
    for (int i = 0; i < count; i += 1) {
        golden_name = entries[i]->d_name;
        printf("# %s\n", golden_name);
        TEST(test_golden_case);
        TEST(test_golden_case_has_the_same_outline_with_crlf);
        TEST(test_golden_case_is_told_by_its_text);
        free(entries[i]);
    }
    free(entries);
    TEST(test_texts_cut_off_at_any_line_keep_their_definitions);

    TEST(test_what_is_declared_behind_a_type_comes_behind_its_members);
    TEST(test_a_signature_without_an_end_is_cut_between_two_characters);
    TEST(test_what_breaks_the_contract_is_refused);
    TEST(test_a_text_that_is_too_large_is_refused);
    TEST(test_more_definitions_than_the_limit_are_refused);
    TEST(test_definitions_nested_too_deep_are_left_out);
    TEST(test_hostile_texts_end_within_the_limits);
    TEST(test_the_same_hostile_text_gets_the_same_answer);
    TEST(test_reading_the_same_text_again_and_again_is_bounded);
    TEST(test_every_failing_allocation_is_told_and_survived);
    cairn_outline_free(parser);
    return tap_end();
}

/* test_json.c: the tape of a document, what is refused and where, members, and splices. */
#include "cairn_json_int.h"
#include "json_trace.h"
#include "tap.h"

static json_document parse(const char *text) {
    return json_parse(text, strlen(text));
}

static cairn_span value_of(const json_document *document, uint32_t node) {
    return (cairn_span){document->text + document->nodes[node].start,
        document->nodes[node].end - document->nodes[node].start};
}

static cairn_span key_of(const json_document *document, uint32_t node) {
    const cairn_json_node *n = &document->nodes[node];
    return (cairn_span){document->text + n->key_start, n->key_end - n->key_start};
}

static void test_the_tape_holds_values_in_the_order_of_the_text(void) {
    json_document document =
        parse("\xEF\xBB\xBF {\"a\" : [1, -2.5e+3 ],\"\":{},\"b\":\"x\\n\", \"c\":null}\n");

    CHECK(document.status == CAIRN_OK && document.count == 7 && json_tape_holds(&document));
    static const uint8_t types[] = {CAIRN_JSON_OBJECT, CAIRN_JSON_ARRAY, CAIRN_JSON_NUMBER, CAIRN_JSON_NUMBER,
        CAIRN_JSON_OBJECT, CAIRN_JSON_STRING, CAIRN_JSON_NULL};
    static const char *const values[] = {"", "[1, -2.5e+3 ]", "1", "-2.5e+3", "{}", "\"x\\n\"", "null"};
    static const char *const keys[] = {"", "a", "", "", "", "b", "c"};
    static const uint32_t next[] = {7, 4, 3, 4, 5, 6, 7};
    for (uint32_t i = 0; i < 7 && i < document.count; i += 1) {
        CHECK(document.nodes[i].type == types[i] && document.nodes[i].next == next[i]);
        if (i > 0) CHECK_TEXT(value_of(&document, i), values[i]);
        CHECK_TEXT(key_of(&document, i), keys[i]);
    }
    CHECK(document.nodes[4].flags == CAIRN_JSON_KEY);
    CHECK(document.nodes[5].flags == (CAIRN_JSON_KEY | CAIRN_JSON_VALUE_ESCAPED));
    CHECK(
        document.nodes[2].parent == 1 && document.nodes[2].depth == 2 && document.nodes[0].child_count == 4);
    json_free(&document);
}

static void test_flags_tell_escapes_and_respellings(void) {
    json_document document = parse("{\"k\\\"\":\"plain\",\"\\u006b\":\"\\/\"}");
    CHECK(document.status == CAIRN_OK);
    CHECK(document.nodes[1].flags == (CAIRN_JSON_KEY | CAIRN_JSON_KEY_ESCAPED));
    CHECK(document.nodes[2].flags == (CAIRN_JSON_KEY | CAIRN_JSON_KEY_ESCAPED | CAIRN_JSON_KEY_RESPELLED |
                                         CAIRN_JSON_VALUE_ESCAPED | CAIRN_JSON_VALUE_RESPELLED));
    json_free(&document);
}

static void test_any_legal_document_is_taken(void) {
    static const char *const legal[] = {"0", "-0", "1e5", "1E-5", "0.0",
        "123456789012345678901234567890.5e+400", "\"\"", "true", "false", "null", "[]", "{}", " [ ] ",
        "[[],{}]", "{\"a\":1,\"a\":1}", "\"\\ud800\"", "\"\\uDC00\\ud800\"", "\"\x7F\"", "[\"\\u0000\"]",
        "\t\r\n 1 \t\r\n"};
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i += 1) {
        json_document document = parse(legal[i]);
        if (document.status != CAIRN_OK) printf("# refused: %s\n", legal[i]);
        CHECK(document.status == CAIRN_OK && json_tape_holds(&document));
        json_free(&document);
    }
}

static void check_refused(const char *text, size_t offset) {
    json_document document = parse(text);
    if (document.status != CAIRN_ERR_SYNTAX || document.error_offset != offset)
        printf("# status %d offset %zu for %s\n", document.status, document.error_offset, text);
    CHECK(document.status == CAIRN_ERR_SYNTAX && document.error_offset == offset);
    json_free(&document);
}

static void test_what_is_no_json_is_refused_at_its_first_wrong_byte(void) {
    check_refused("01", 1);
    check_refused("+1", 0);
    check_refused("1.e", 2);
    check_refused("-a", 1);
    check_refused("1ex", 2);
    check_refused(".5", 0);
    check_refused("truE", 3);
    check_refused("nul!", 3);
    check_refused("True", 0);
    check_refused("[1,]", 3);
    check_refused("[1 2]", 3);
    check_refused("{\"a\":1,}", 7);
    check_refused("{\"a\" 1}", 5);
    check_refused("{a:1}", 1);
    check_refused("{\"a\":1]", 6);
    check_refused("[1}", 2);
    check_refused("[]]", 2);
    check_refused("1 2", 2);
    check_refused("\"a\nb\"", 2);
    check_refused("\"a\\x\"", 2);
    check_refused("\"\\u12G4\"", 1);
    check_refused("\"ab\xFF\"", 3);
    check_refused("\"\xC3\x28\"", 1);
    check_refused("\"\xED\xA0\x80\"", 1);
}

static void test_each_front_of_a_document_is_incomplete(void) {
    static const char text[] =
        "\xEF\xBB\xBF{\"k\\u00e9y\\n\":[true,false,null,-0.5e+1,"
        "\"\xC3\xA9\xE0\xA0\x80\xED\x9F\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\\\\\"],\"\":{}}";
    for (size_t length = 0; length < sizeof text - 1; length += 1) {
        json_document document = json_parse(text, length);
        if (document.status != CAIRN_ERR_INCOMPLETE)
            printf("# length %zu status %d\n", length, document.status);
        CHECK(document.status == CAIRN_ERR_INCOMPLETE && document.error_offset == length);
        json_free(&document);
    }
    json_document document = json_parse(text, sizeof text - 1);
    CHECK(document.status == CAIRN_OK && document.count == 8);
    json_free(&document);
}

static void test_nesting_has_a_limit_and_no_recursion(void) {
    char text[2 * CAIRN_JSON_DEPTH_MAX + 3];
    memset(text, '[', CAIRN_JSON_DEPTH_MAX);
    memset(text + CAIRN_JSON_DEPTH_MAX, ']', CAIRN_JSON_DEPTH_MAX);
    json_document document = json_parse(text, 2 * CAIRN_JSON_DEPTH_MAX);
    CHECK(
        document.status == CAIRN_OK && document.count == CAIRN_JSON_DEPTH_MAX && json_tape_holds(&document));
    json_free(&document);

    memset(text, '[', CAIRN_JSON_DEPTH_MAX + 1);
    document = json_parse(text, CAIRN_JSON_DEPTH_MAX + 1);
    CHECK(document.status == CAIRN_ERR_TOO_BIG && document.error_offset == CAIRN_JSON_DEPTH_MAX);
    json_free(&document);
}

static void test_a_short_tape_is_said_and_outputs_stay(void) {
    const uint8_t text[] = "[1,2]";
    cairn_json_node nodes[2];
    size_t count = 77, offset = 77;
    CHECK(cairn_json_parse(text, 5, nodes, 2, &count, &offset) == CAIRN_ERR_NO_SPACE && offset == 3 &&
          count == 77);
    CHECK(cairn_json_parse(NULL, 0, NULL, 0, &count, &offset) == CAIRN_ERR_INCOMPLETE && offset == 0);
}

static void test_the_bound_is_enough_for_the_densest_documents(void) {
    static const char *const dense[] = {"[1,1,1]", "[[[]]]", "1", "[[],[],[]]", "[1]", "[[1],1]"};
    for (size_t i = 0; i < sizeof dense / sizeof dense[0]; i += 1) {
        json_document document = parse(dense[i]); /* with exactly the bound */
        CHECK(document.status == CAIRN_OK);
        json_free(&document);
    }
}

/* Random string content of what matters: both twins stop at the same byte having seen the same. */
static void test_twins_pass_over_the_same_string(void) {
    static const char *const pieces[] = {"\\n", "\\\"", "\\\\", "\\u00e9", "\\/", "text text text", "a",
        "\xC3\xA9", "x", "\"", "\\u12", "\x01", "yy", "zzz", "\\t", "\\q"};
    uint64_t seed = 0x57A1;
    for (int round = 0; round < 40000; round += 1) {
        char text[700];
        size_t length = 0;
        const size_t wanted = tap_random(&seed) % 600, kinds = round % 3 == 0 ? 16 : round % 3 == 1 ? 9 : 3;
        while (length < wanted) {
            const char *piece = pieces[(tap_random(&seed) >> 40) % kinds];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        uint8_t *exact = tap_exact_copy(text, length);
        uint32_t seen = 0, portable_seen = 0;
        const size_t end = cairn_json_pass_string(exact, 0, length, &seen);
        CHECK(cairn_json_pass_string_portable(exact, 0, length, &portable_seen) == end);
        CHECK(end == length || exact[end] != '"' || seen == portable_seen);
        free(exact);
    }
}

static cairn_span text_span(const char *text) {
    return (cairn_span){(const uint8_t *)text, strlen(text)};
}

static void test_a_member_is_found_by_its_unescaped_key(void) {
    json_document document = parse("{\"a\":1,\"\\u0062\\n\":2,\"a\":3,\"\":4,\"\\ud800\":5,\"c\":{\"a\":6}}");
    CHECK(document.status == CAIRN_OK);
    CHECK_TEXT(value_of(&document, cairn_json_member(document.text, document.nodes, 0, text_span("a"))), "3");
    CHECK_TEXT(
        value_of(&document, cairn_json_member(document.text, document.nodes, 0, text_span("b\n"))), "2");
    CHECK_TEXT(value_of(&document, cairn_json_member(document.text, document.nodes, 0, text_span(""))), "4");
    CHECK(cairn_json_member(document.text, document.nodes, 0, text_span("b")) == CAIRN_JSON_NONE);
    CHECK(cairn_json_member(document.text, document.nodes, 0, text_span("b\nx")) == CAIRN_JSON_NONE);
    CHECK(cairn_json_member(document.text, document.nodes, 1, text_span("a")) == CAIRN_JSON_NONE);
    json_free(&document);
}

static void check_splice(const char *text, const cairn_json_edit *edits, size_t count, const char *expected) {
    uint8_t *in = tap_exact_copy(text, strlen(text)), *out = malloc(strlen(expected) + 1);
    size_t length = 77;
    CHECK(cairn_json_splice(in, strlen(text), edits, count, out, 0, &length) ==
          (strlen(expected) == 0 ? CAIRN_OK : CAIRN_ERR_NO_SPACE));
    CHECK(length == strlen(expected));
    CHECK(cairn_json_splice(in, strlen(text), edits, count, out, length, &length) == CAIRN_OK);
    CHECK(length == strlen(expected) && memcmp(out, expected, length) == 0);
    free(in);
    free(out);
}

static void test_a_splice_changes_its_spans_and_nothing_else(void) {
    const char *text = "{\"model\":\"a\",\"x\":1}";
    check_splice(text, NULL, 0, text);
    const cairn_json_edit edits[] = {
        {0, 0, text_span(" ")}, {9, 12, text_span("\"longer\"")}, {12, 18, {NULL, 0}}};
    check_splice(text, edits, 3, " {\"model\":\"longer\"}");
    const cairn_json_edit all = {0, 19, {NULL, 0}};
    check_splice(text, &all, 1, "");
}

static void test_a_splice_refuses_edits_out_of_order_or_outside(void) {
    size_t length = 77;
    uint8_t out[8];
    const cairn_json_edit overlap[] = {{0, 2, {NULL, 0}}, {1, 3, {NULL, 0}}}, outside = {2, 5, {NULL, 0}},
                          turned = {2, 1, {NULL, 0}};
    CHECK(cairn_json_splice((const uint8_t *)"abcd", 4, overlap, 2, out, 8, &length) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_json_splice((const uint8_t *)"abcd", 4, &outside, 1, out, 8, &length) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_json_splice((const uint8_t *)"abcd", 4, &turned, 1, out, 8, &length) == CAIRN_ERR_ARGUMENT);
    const cairn_json_edit huge[] = {{0, 0, {out, SIZE_MAX - 3}}, {0, 0, {out, 8}}};
    CHECK(cairn_json_splice((const uint8_t *)"abcd", 4, huge, 2, out, 8, &length) == CAIRN_ERR_ARGUMENT);
    CHECK(length == 77);
}

int main(void) {
    TEST(test_the_tape_holds_values_in_the_order_of_the_text);
    TEST(test_flags_tell_escapes_and_respellings);
    TEST(test_any_legal_document_is_taken);
    TEST(test_what_is_no_json_is_refused_at_its_first_wrong_byte);
    TEST(test_each_front_of_a_document_is_incomplete);
    TEST(test_nesting_has_a_limit_and_no_recursion);
    TEST(test_a_short_tape_is_said_and_outputs_stay);
    TEST(test_the_bound_is_enough_for_the_densest_documents);
    TEST(test_twins_pass_over_the_same_string);
    TEST(test_a_member_is_found_by_its_unescaped_key);
    TEST(test_a_splice_changes_its_spans_and_nothing_else);
    TEST(test_a_splice_refuses_edits_out_of_order_or_outside);
    return tap_end();
}

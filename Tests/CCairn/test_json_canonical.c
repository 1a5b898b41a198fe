/* test_json_canonical.c: the canonical form: RFC 8785 order and escapes, numbers as spelled, nothing lost. */
#include "json_trace.h"
#include "tap.h"

static void check_canonical(const char *text, const char *expected) {
    json_document document = json_parse(text, strlen(text));
    CHECK(document.status == CAIRN_OK);
    if (document.status == CAIRN_OK) {
        size_t length = 0;
        uint8_t *out = json_canonical(&document, 0, &length);
        const int same = length == strlen(expected) && memcmp(out, expected, length) == 0;
        if (!same) printf("# expected %s\n# got      %.*s\n", expected, (int)length, (char *)out);
        CHECK(same);
        free(out);
    }
    json_free(&document);
}

static void test_white_space_goes_and_members_are_ordered(void) {
    check_canonical(" { \"b\" : [ 1 , 2 , { } ] , \"a\" : { \"d\" : 1 , \"c\" : [ ] } } ",
        "{\"a\":{\"c\":[],\"d\":1},\"b\":[1,2,{}]}");
    check_canonical("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}");
    check_canonical("{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}");
    check_canonical("[3,1,2]", "[3,1,2]");
    check_canonical("{\"c\":{\"z\":[{\"y\":1,\"x\":2}],\"a\":0},\"b\":1}",
        "{\"b\":1,\"c\":{\"a\":0,\"z\":[{\"x\":2,\"y\":1}]}}");
}

/* The example of RFC 8785 3.2.3: order by UTF-16 units, which is not the order of code points. */
static void test_keys_are_ordered_by_their_utf16_units(void) {
    check_canonical(
        "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
        "{\"\\r\":2,\"1\":4,\"\xC2\x80\":6,\"\xC3\xB6\":7,\"\xE2\x82\xAC\":1,\"\xF0\x9F\x98\x80\":5,"
        "\"\xEF\xAC\xB3\":3}");
    check_canonical("{\"\xE2\x82\xAC\":1,\"\xEF\xAC\xB3\":3,\"\xF0\x9F\x98\x80\":5,\"\xC3\xB6\":7}",
        "{\"\xC3\xB6\":7,\"\xE2\x82\xAC\":1,\"\xF0\x9F\x98\x80\":5,\"\xEF\xAC\xB3\":3}");
}

static void test_escapes_are_spelled_the_shortest_way(void) {
    check_canonical("\"\\u0041\\/\\u000a\\u0022\\u005c\\u001F\\u20AC\\ud83d\\uDE00 \\b\\f\\n\\r\\t\"",
        "\"A/\\n\\\"\\\\\\u001f\xE2\x82\xAC\xF0\x9F\x98\x80 \\b\\f\\n\\r\\t\"");
    check_canonical("{\"\\u0061\":1,\"\\/\":2}", "{\"/\":2,\"a\":1}");
    check_canonical("[\"\\uD83D\",\"\\uDE00x\"]", "[\"\\ud83d\",\"\\ude00x\"]");
}

static void test_numbers_and_duplicates_stay(void) {
    check_canonical("[1.0,1e2,-0,12345678901234567890123]", "[1.0,1e2,-0,12345678901234567890123]");
    check_canonical("{\"b\":0,\"a\":3,\"a\":1,\"\\u0061\":2}", "{\"a\":3,\"a\":1,\"a\":2,\"b\":0}");
}

static void test_a_part_of_a_document_has_a_form_of_its_own(void) {
    const char *text = "{\"x\":{\"b\":1, \"a\":[ 2 ]},\"y\":0}";
    json_document document = json_parse(text, strlen(text));
    size_t length = 0;
    uint8_t *out = json_canonical(&document, 1, &length);
    CHECK(length == 15 && memcmp(out, "{\"a\":[2],\"b\":1}", 15) == 0);
    free(out);
    json_free(&document);
}

static cairn_status count_writes(void *context, const uint8_t *bytes, size_t length) {
    (void)bytes, (void)length;
    *(size_t *)context += 1;
    return CAIRN_OK;
}

static void test_what_is_canonical_already_is_written_in_one_piece(void) {
    const char *text = "{\"a\":[1,{\"b\":\"x\\n\"}],\"c\":{}}";
    json_document document = json_parse(text, strlen(text));
    size_t writes = 0;
    const cairn_json_sink sink = {count_writes, &writes};
    CHECK(cairn_json_canonical_write(document.text, document.nodes, 0, document.scratch, &sink) == CAIRN_OK);
    CHECK(writes == 1);
    json_free(&document);
}

static void test_a_small_buffer_is_said(void) {
    json_document document = json_parse("[1, 2]", 6);
    uint8_t out[5];
    size_t length = 77;
    for (size_t capacity = 0; capacity < 5; capacity += 1)
        CHECK(cairn_json_canonical(document.text, document.nodes, 0, document.scratch, out, capacity,
                  &length) == CAIRN_ERR_NO_SPACE);
    CHECK(length == 77);
    CHECK(cairn_json_canonical(document.text, document.nodes, 0, document.scratch, out, 5, &length) ==
          CAIRN_OK);
    CHECK(length == 5);
    json_free(&document);
}

static void test_a_thousand_members_are_sorted_and_stable(void) {
    enum { COUNT = 1000 };
    char *text = malloc(COUNT * 16 + 2), *end = text;
    uint64_t seed = 0x50F7;
    for (int i = 0; i < COUNT; i += 1) {
        const int key = (int)(tap_random(&seed) % 200);
        end += sprintf(end, "%c\"k%03d\":%d", i == 0 ? '{' : ',', key, i);
    }
    *end++ = '}';
    json_document document = json_parse(text, (size_t)(end - text));
    size_t length = 0;
    uint8_t *out = json_canonical(&document, 0, &length);
    json_document sorted = json_parse(out, length);
    CHECK(sorted.status == CAIRN_OK && sorted.count == COUNT + 1 && length == document.length);
    for (uint32_t i = 2; i < sorted.count; i += 1) {
        const char *a = (const char *)sorted.text + sorted.nodes[i - 1].key_start,
                   *b = (const char *)sorted.text + sorted.nodes[i].key_start;
        const int order = strncmp(a, b, 4);
        CHECK(order < 0 || (order == 0 && atoi(a + 6) < atoi(b + 6)));
    }
    free(out);
    free(text);
    json_free(&document);
    json_free(&sorted);
}

int main(void) {
    TEST(test_white_space_goes_and_members_are_ordered);
    TEST(test_keys_are_ordered_by_their_utf16_units);
    TEST(test_escapes_are_spelled_the_shortest_way);
    TEST(test_numbers_and_duplicates_stay);
    TEST(test_a_part_of_a_document_has_a_form_of_its_own);
    TEST(test_what_is_canonical_already_is_written_in_one_piece);
    TEST(test_a_small_buffer_is_said);
    TEST(test_a_thousand_members_are_sorted_and_stable);
    return tap_end();
}

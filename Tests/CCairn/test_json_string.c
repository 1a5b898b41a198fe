/* test_json_string.c: JSON string content in and out of its escapes. */
#include "cairn_json.h"
#include "tap.h"

/* Unescapes from and into exact heap buffers. */
static void check_unescape(const char *text, size_t length, const char *expected, size_t expected_length) {
    uint8_t *in = tap_exact_copy(text, length), *out = malloc(expected_length + (expected_length == 0));
    size_t written = 0, offset = 0;
    CHECK(cairn_json_unescape(in, length, out, expected_length, &written, &offset) == CAIRN_OK);
    CHECK(written == expected_length && (written == 0 || memcmp(out, expected, written) == 0));
    if (expected_length > 0) {
        written = 77;
        CHECK(cairn_json_unescape(in, length, out, expected_length - 1, &written, &offset) ==
              CAIRN_ERR_NO_SPACE);
        CHECK(written == 77);
    }
    free(in);
    free(out);
}

static void check_wrong(const char *text, size_t length, size_t error_offset) {
    uint8_t *in = tap_exact_copy(text, length);
    uint8_t out[128];
    size_t written = 77, offset = 77;
    CHECK(cairn_json_unescape(in, length, out, sizeof out, &written, &offset) == CAIRN_ERR_SYNTAX);
    if (offset != error_offset) printf("# offset %zu for %s\n", offset, text);
    CHECK(offset == error_offset && written == 77);
    free(in);
}

#define UNESCAPES(text, expected) check_unescape(text, sizeof text - 1, expected, sizeof expected - 1)
#define IS_WRONG(text, offset) check_wrong(text, sizeof text - 1, offset)

static void test_every_escape_is_read(void) {
    UNESCAPES("", "");
    UNESCAPES("plain text longer than sixteen bytes", "plain text longer than sixteen bytes");
    UNESCAPES("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
    UNESCAPES("\\u0041\\u00e9\\u20AC\\u0000.", "A\xC3\xA9\xE2\x82\xAC\0.");
    UNESCAPES("\\ud83d\\uDE00", "\xF0\x9F\x98\x80");
    UNESCAPES(
        "caf\xC3\xA9 \xF0\x9F\x98\x80 and more text here", "caf\xC3\xA9 \xF0\x9F\x98\x80 and more text here");
    UNESCAPES("\\uffff\\uD7FF\\uE000", "\xEF\xBF\xBF\xED\x9F\xBF\xEE\x80\x80");
}

static void test_wrong_content_is_refused_at_its_byte(void) {
    IS_WRONG("a\nb", 1);
    IS_WRONG("ab\"", 2);
    IS_WRONG("\\", 0);
    IS_WRONG("x\\x", 1);
    IS_WRONG("\\u12", 0);
    IS_WRONG("\\u12g4", 0);
    IS_WRONG("0123456789abcdef\\uD800", 16);
    IS_WRONG("\\uD800\\u0041", 0);
    IS_WRONG("\\uDC00", 0);
    IS_WRONG("\\uD800\\uD800", 0);
    IS_WRONG("abc\xFF", 3);
    IS_WRONG("abc\xE2\x82", 3);
    IS_WRONG("\xED\xA0\x80", 0);
}

static void check_escape(const char *text, size_t length, const char *expected) {
    uint8_t *in = tap_exact_copy(text, length);
    uint8_t *out = malloc(cairn_json_escape_bound(length) + 1);
    size_t written = 0, offset = 0;
    CHECK(cairn_json_escape(in, length, out, cairn_json_escape_bound(length), &written, &offset) == CAIRN_OK);
    CHECK(written == strlen(expected) && memcmp(out, expected, written) == 0);
    CHECK(written == 0 ||
          cairn_json_escape(in, length, out, written - 1, &written, &offset) == CAIRN_ERR_NO_SPACE);
    free(in);
    free(out);
}

static void test_escapes_are_written_as_rfc_8785_has_them(void) {
    check_escape("", 0, "");
    check_escape("\b\t\n\f\r\"\\/", 8, "\\b\\t\\n\\f\\r\\\"\\\\/");
    check_escape("\0\x1f\x0b\x7f", 4, "\\u0000\\u001f\\u000b\x7f");
    check_escape("caf\xC3\xA9 \xF0\x9F\x98\x80", 10, "caf\xC3\xA9 \xF0\x9F\x98\x80");
}

static void test_escape_refuses_ill_formed_utf8(void) {
    uint8_t out[64];
    size_t written = 77, offset = 77;
    CHECK(cairn_json_escape((const uint8_t *)"ab\x80", 3, out, 64, &written, &offset) == CAIRN_ERR_SYNTAX);
    CHECK(offset == 2 && written == 77);
}

static void test_bounds_hold_at_their_ends(void) {
    CHECK(cairn_json_escape_bound(0) == 0);
    CHECK(cairn_json_escape_bound(7) == 42);
    CHECK(cairn_json_escape_bound(SIZE_MAX / 6) == SIZE_MAX / 6 * 6);
    CHECK(cairn_json_escape_bound(SIZE_MAX / 6 + 1) == SIZE_MAX);
    CHECK(cairn_json_unescape_bound(7) == 7);
}

static void test_random_text_survives_the_round_trip(void) {
    uint64_t seed = 0xCA1A;
    for (int round = 0; round < 5000; round += 1) {
        uint8_t in[90], escaped[600], back[90];
        size_t length = 0, written = 0, returned = 0, offset = 0;
        while (length < 80) {
            static const char *const pieces[] = {
                "a", "\"", "\\", "\n", "\x01", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
            const char *piece = pieces[tap_random(&seed) >> 32 & 7];
            memcpy(in + length, piece, strlen(piece));
            length += strlen(piece);
        }
        CHECK(cairn_json_escape(in, length, escaped, sizeof escaped, &written, &offset) == CAIRN_OK);
        CHECK(cairn_json_unescape(escaped, written, back, sizeof back, &returned, &offset) == CAIRN_OK);
        CHECK(returned == length && memcmp(in, back, length) == 0);
    }
}

int main(void) {
    TEST(test_every_escape_is_read);
    TEST(test_wrong_content_is_refused_at_its_byte);
    TEST(test_escapes_are_written_as_rfc_8785_has_them);
    TEST(test_escape_refuses_ill_formed_utf8);
    TEST(test_bounds_hold_at_their_ends);
    TEST(test_random_text_survives_the_round_trip);
    return tap_end();
}

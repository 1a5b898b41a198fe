/* test_bytes.c: the byte searches: twins equal, no byte outside is read, UTF-8 as table 3-7 of Unicode has
 * it. */
#include "tap.h"

enum { TEXT_BYTES_MAX = 300 };

/* All lengths up to 300, a hit at every place: every step, block and tail of the fast twin. */
static void test_find_either_finds_the_hit_at_every_place(void) {
    for (size_t length = 0; length <= TEXT_BYTES_MAX; length += 1) {
        uint8_t *text = malloc(length + (length == 0));
        memset(text, 'x', length);
        CHECK(cairn_bytes_find_either(text, length, '\n', '\r') == length);
        CHECK(cairn_bytes_find_either_portable(text, length, '\n', '\r') == length);
        for (size_t place = 0; place < length; place += 1) {
            text[place] = place % 2 == 0 ? '\n' : '\r';
            CHECK(cairn_bytes_find_either(text, length, '\n', '\r') == place);
            CHECK(cairn_bytes_find_either_portable(text, length, '\n', '\r') == place);
            text[place] = 'x';
        }
        free(text);
    }
}

static void test_find_json_special_finds_each_kind_at_every_place(void) {
    static const uint8_t specials[] = {0x00, 0x1F, '"', '\\', 0x80, 0xFF};
    for (size_t length = 1; length <= TEXT_BYTES_MAX; length += 1) {
        uint8_t *text = malloc(length);
        memset(text, 0x7F, length);
        CHECK(cairn_bytes_find_json_special(text, length) == length);
        for (size_t place = 0; place < length; place += 1) {
            text[place] = specials[place % sizeof specials];
            CHECK(cairn_bytes_find_json_special(text, length) == place);
            CHECK(cairn_bytes_find_json_special_portable(text, length) == place);
            text[place] = ' ';
        }
        free(text);
    }
}

static void test_find_json_special_knows_every_byte_value(void) {
    for (int value = 0; value < 256; value += 1) {
        uint8_t text[40];
        memset(text, 'a', sizeof text);
        text[20] = (uint8_t)value;
        const int special = value < 0x20 || value >= 0x80 || value == '"' || value == '\\';
        const size_t expected = special ? 20 : sizeof text;
        CHECK(cairn_bytes_find_json_special(text, sizeof text) == expected);
        CHECK(cairn_bytes_find_json_special_portable(text, sizeof text) == expected);
    }
}

static void test_twins_agree_on_random_text(void) {
    uint64_t seed = 0x5EED;
    for (int round = 0; round < 20000; round += 1) {
        const size_t length = tap_random(&seed) % 200;
        uint8_t *text = malloc(length + (length == 0));
        const int sparse = tap_random(&seed) % 2 == 0;
        for (size_t i = 0; i < length; i += 1) {
            const uint8_t byte = (uint8_t)(tap_random(&seed) >> 32);
            text[i] = sparse && byte > 4 ? 'q' : byte;
        }
        const uint8_t a = (uint8_t)(tap_random(&seed) >> 32), b = (uint8_t)(tap_random(&seed) >> 32);
        CHECK(cairn_bytes_find_either(text, length, a, b) ==
              cairn_bytes_find_either_portable(text, length, a, b));
        CHECK(cairn_bytes_find_json_special(text, length) ==
              cairn_bytes_find_json_special_portable(text, length));
        free(text);
    }
}

static size_t sequence(const char *text, size_t length) {
    uint8_t *copy = tap_exact_copy(text, length);
    const size_t result = cairn_bytes_utf8_sequence(copy, length);
    free(copy);
    return result;
}

static void test_utf8_sequence_accepts_the_edges_and_refuses_beyond(void) {
    CHECK(sequence("", 0) == 0);
    CHECK(sequence("\x00", 1) == 1);
    CHECK(sequence("\x7F", 1) == 1);
    CHECK(sequence("\xC2\x80", 2) == 2);
    CHECK(sequence("\xDF\xBF", 2) == 2);
    CHECK(sequence("\xE0\xA0\x80", 3) == 3);
    CHECK(sequence("\xED\x9F\xBF", 3) == 3);
    CHECK(sequence("\xEE\x80\x80", 3) == 3);
    CHECK(sequence("\xF0\x90\x80\x80", 4) == 4);
    CHECK(sequence("\xF4\x8F\xBF\xBF", 4) == 4);
    CHECK(sequence("\x80", 1) == 0);
    CHECK(sequence("\xC1\xBF", 2) == 0);
    CHECK(sequence("\xE0\x9F\xBF", 3) == 0);
    CHECK(sequence("\xED\xA0\x80", 3) == 0);
    CHECK(sequence("\xF0\x8F\xBF\xBF", 4) == 0);
    CHECK(sequence("\xF4\x90\x80\x80", 4) == 0);
    CHECK(sequence("\xF5\x80\x80\x80", 4) == 0);
    CHECK(sequence("\xC3", 1) == 0);
    CHECK(sequence("\xE2\x82", 2) == 0);
    CHECK(sequence("\xF0\x9F\x98", 3) == 0);
    CHECK(sequence("\xC3\x28", 2) == 0);
}

/* Well-formed text with now and then a byte changed or cut: both twins find the same front. */
static void test_utf8_front_twins_agree(void) {
    static const char *const pieces[] = {"plain ascii text", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
        "x", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF", "\xE0\xA0\x80"};
    uint64_t seed = 0xF00D;
    for (int round = 0; round < 20000; round += 1) {
        uint8_t text[300];
        size_t length = 0;
        const size_t wanted = tap_random(&seed) % 270;
        while (length < wanted) {
            const char *piece = pieces[tap_random(&seed) >> 40 & 7];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        if (length > 0 && round % 4 != 0)
            text[tap_random(&seed) % length] = (uint8_t)(tap_random(&seed) >> 32);
        if (length > 0 && round % 8 == 1) length -= 1;
        uint8_t *exact = tap_exact_copy(text, length);
        const size_t front = cairn_bytes_utf8_front_portable(exact, length);
        CHECK(cairn_bytes_utf8_front(exact, length) == front);
        CHECK(round % 4 != 0 || front == length);
        free(exact);
    }
}

/* Each wrong sequence, at every place of two vector blocks, is found at its first byte. */
static void test_utf8_front_finds_each_error_at_every_place(void) {
    static const char *const errors[] = {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3(", "\xE2\x82(", "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xF0\x9F\x98(",
        "\xE2("};
    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e += 1) {
        for (size_t place = 0; place < 100; place += 1) {
            uint8_t text[160];
            for (size_t i = 0; i < sizeof text; i += 2) memcpy(text + i, "\xC3\xA9", 2);
            if (place % 2 == 1) memmove(text + 1, text, sizeof text - 1), text[0] = 'a';
            memset(text + place, 'z', sizeof text - place);
            memcpy(text + place, errors[e], strlen(errors[e]));
            CHECK(cairn_bytes_utf8_front(text, sizeof text) == place);
            CHECK(cairn_bytes_utf8_front_portable(text, sizeof text) == place);
        }
    }
}

static void test_escaped_bytes_follow_an_odd_run_of_backslashes(void) {
    uint64_t seed = 0xBAC5;
    for (int round = 0; round < 20000; round += 1) {
        uint64_t backslashes = tap_random(&seed), expected = 0, carry = round % 2, carried = carry;
        if (round % 3 == 0) backslashes &= tap_random(&seed) & tap_random(&seed);
        if (round % 7 == 0) backslashes = ~UINT64_C(0);
        for (int bit = 0; bit < 64; bit += 1) {
            if (carried) expected |= UINT64_C(1) << bit;
            carried = !carried && (backslashes >> bit & 1);
        }
        CHECK(cairn_bytes_escaped(backslashes, &carry) == expected);
        CHECK(carry == carried);
    }
}

int main(void) {
    TEST(test_find_either_finds_the_hit_at_every_place);
    TEST(test_find_json_special_finds_each_kind_at_every_place);
    TEST(test_find_json_special_knows_every_byte_value);
    TEST(test_twins_agree_on_random_text);
    TEST(test_utf8_sequence_accepts_the_edges_and_refuses_beyond);
    TEST(test_utf8_front_twins_agree);
    TEST(test_utf8_front_finds_each_error_at_every_place);
    TEST(test_escaped_bytes_follow_an_odd_run_of_backslashes);
    return tap_end();
}

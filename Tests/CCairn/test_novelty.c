/* test_novelty.c: trigrams are counted as a naive twin counts them, sets keep what they were given, stored sets come
 * back. */
#include "cairn_novelty.h"
#include "tap.h"

static cairn_novelty_set *new_set(void) {
    cairn_novelty_set *set = NULL;
    if (cairn_novelty_set_new(&set) != CAIRN_OK) abort();
    return set;
}

/* One for all tests: a call must leave it as if new. */
static cairn_novelty_scratch *scratch(void) {
    static cairn_novelty_scratch *scratch;
    if (scratch == NULL && cairn_novelty_scratch_new(&scratch) != CAIRN_OK) abort();
    return scratch;
}

static cairn_novelty add(cairn_novelty_set *set, const char *text) {
    return cairn_novelty_add(set, scratch(), (const uint8_t *)text, strlen(text));
}

static cairn_novelty find(const cairn_novelty_set *set, const char *text) {
    return cairn_novelty_find(set, scratch(), (const uint8_t *)text, strlen(text));
}

static int is_counts(cairn_novelty counts, uint32_t text_count, uint32_t known_count, uint32_t set_count) {
    return counts.text_count == text_count && counts.known_count == known_count && counts.set_count == set_count;
}

/* The naive twin: an array that says which trigrams were seen. */
typedef struct twin {
    uint8_t *has; /* of 2^24 */
    uint32_t count;
} twin;

static twin new_twin(void) {
    twin twin = {__real_calloc(1 << 24, 1), 0};
    if (twin.has == NULL) abort();
    return twin;
}

static void twin_add(twin *self, const uint8_t *text, size_t length) {
    for (size_t i = 0; i + 2 < length; i += 1) {
        uint8_t *has = &self->has[text[i] | text[i + 1] << 8 | text[i + 2] << 16];
        self->count += !*has;
        *has = 1;
    }
}

static cairn_novelty twin_find(const twin *self, const uint8_t *text, size_t length) {
    twin of_text = new_twin();
    cairn_novelty counts = {0, 0, self->count};
    for (size_t i = 0; i + 2 < length; i += 1) {
        const uint32_t before = of_text.count;
        twin_add(&of_text, text + i, 3);
        if (of_text.count > before) counts.known_count += self->has[text[i] | text[i + 1] << 8 | text[i + 2] << 16];
    }
    counts.text_count = of_text.count;
    free(of_text.has);
    return counts;
}

static int is_same(cairn_novelty a, cairn_novelty b) {
    return is_counts(a, b.text_count, b.known_count, b.set_count);
}

static void test_the_example_of_the_header_holds(void) {
    cairn_novelty_set *set = new_set();
    CHECK(is_counts(add(set, "xabcx"), 3, 0, 0));

    const cairn_novelty counts = find(set, "abcabcd");

    CHECK(is_counts(counts, 4, 1, 3));
    CHECK(cairn_novelty_containment(counts) == 0.25 && cairn_novelty_jaccard(counts) == 1.0 / 6);
    cairn_novelty_set_free(set);
}

static void test_trigram_empty_input_is_all_new(void) {
    cairn_novelty_set *set = new_set();
    add(set, "something");
    const char *texts[] = {"", "a", "ab"};
    for (size_t i = 0; i < 3; i += 1) {
        const cairn_novelty counts = find(set, texts[i]);
        CHECK(is_counts(counts, 0, 0, 7));
        CHECK(cairn_novelty_containment(counts) == 0 && cairn_novelty_jaccard(counts) == 0);
    }
    CHECK(is_counts(cairn_novelty_find(set, scratch(), NULL, 0), 0, 0, 7));
    cairn_novelty_set_free(set);
}

static void test_a_text_is_contained_in_itself_and_jaccard_sees_what_the_set_has_more(void) {
    cairn_novelty_set *set = new_set();
    add(set, "error: cannot find value");

    CHECK(cairn_novelty_containment(find(set, "cannot find")) == 1);
    CHECK(cairn_novelty_jaccard(find(set, "cannot find")) < 0.5);
    CHECK(cairn_novelty_jaccard(find(set, "error: cannot find value")) == 1);
    CHECK(cairn_novelty_containment(find(set, "CANNOT FIND")) < 0.2);
    cairn_novelty_set_free(set);
}

static void test_finding_leaves_the_set_as_it_is(void) {
    cairn_novelty_set *set = new_set();
    add(set, "abc");
    find(set, "something else");
    CHECK(cairn_novelty_set_count(set) == 1);
    CHECK(is_counts(find(set, "abc"), 1, 1, 1));
    cairn_novelty_set_free(set);
}

static void test_pieces_that_share_two_bytes_make_the_whole(void) {
    const char *text = "the quick brown fox jumps";
    cairn_novelty_set *whole = new_set(), *pieces = new_set();
    add(whole, text);
    for (size_t cut = 2; cut < strlen(text); cut += 1) {
        cairn_novelty_set_reset(pieces);
        cairn_novelty_add(pieces, scratch(), (const uint8_t *)text, cut);
        add(pieces, text + cut - 2);
        CHECK(cairn_novelty_jaccard(cairn_novelty_set_find(whole, pieces)) == 1);
    }
    cairn_novelty_set_free(whole);
    cairn_novelty_set_free(pieces);
}

/* Lengths around the steps of eight, six and three bytes; alphabets from one letter to all bytes. */
static void test_counts_are_those_of_the_naive_twin(void) {
    static const int alphabets[] = {1, 2, 4, 26, 128, 256};
    uint64_t random = 0x1234567;
    for (size_t a = 0; a < sizeof alphabets / sizeof *alphabets; a += 1) {
        cairn_novelty_set *set = new_set();
        twin twin = new_twin();
        for (size_t round = 0; round < 40; round += 1) {
            const size_t length = round < 24 ? round : (size_t)(tap_random(&random) % 3000);
            uint8_t text[3000];
            for (size_t i = 0; i < length; i += 1)
                text[i] = (uint8_t)(tap_random(&random) % (uint64_t)alphabets[a] + 97);
            uint8_t *exact = tap_exact_copy(text, length);
            const cairn_novelty expected = twin_find(&twin, exact, length);
            CHECK(is_same(cairn_novelty_find(set, scratch(), exact, length), expected));
            CHECK(is_same(cairn_novelty_add(set, scratch(), exact, length), expected));
            twin_add(&twin, exact, length);
            CHECK(cairn_novelty_set_count(set) == twin.count);
            free(exact);
        }
        cairn_novelty_set_free(set);
        free(twin.has);
    }
}

/* More distinct trigrams than the work space lists: it is emptied on the way and cleared whole at the end. */
static void test_a_text_that_outgrows_the_list_is_counted_right(void) {
    const size_t length = 5 * CAIRN_NOVELTY_LIST_MAX / 2;
    uint64_t random = 0x7654321;
    uint8_t *text = malloc(length);
    if (text == NULL) abort();
    for (size_t i = 0; i < length; i += 1) text[i] = (uint8_t)(tap_random(&random) >> 56);
    cairn_novelty_set *set = new_set();
    twin twin = new_twin();
    cairn_novelty_add(set, scratch(), text, length / 3);
    twin_add(&twin, text, length / 3);

    CHECK(is_same(cairn_novelty_find(set, scratch(), text, length), twin_find(&twin, text, length)));
    CHECK(is_same(cairn_novelty_add(set, scratch(), text, length), twin_find(&twin, text, length)));
    twin_add(&twin, text, length);
    CHECK(cairn_novelty_set_count(set) == twin.count && twin.count > CAIRN_NOVELTY_LIST_MAX);
    CHECK(is_counts(find(set, "abab"), 2, (uint32_t)(twin.has[0x616261] + twin.has[0x626162]), twin.count));

    cairn_novelty_set_free(set);
    free(twin.has);
    free(text);
}

static void test_merged_sets_have_what_either_had(void) {
    cairn_novelty_set *a = new_set(), *b = new_set(), *both = new_set();
    add(a, "shared and only in a");
    add(b, "shared and just in b");
    add(both, "shared and only in a");
    add(both, "shared and just in b");

    const cairn_novelty before = cairn_novelty_set_find(a, b);
    cairn_novelty_set_merge(a, b);

    CHECK(before.known_count == find(b, "shared and only in a").known_count && before.known_count == 11);
    CHECK(cairn_novelty_set_count(a) == cairn_novelty_set_count(both));
    CHECK(cairn_novelty_jaccard(cairn_novelty_set_find(a, both)) == 1);
    CHECK(cairn_novelty_containment(cairn_novelty_set_find(a, b)) == 1);
    cairn_novelty_set_free(a);
    cairn_novelty_set_free(b);
    cairn_novelty_set_free(both);
}

static void test_a_reset_set_is_empty_and_can_be_used_again(void) {
    cairn_novelty_set *set = new_set();
    add(set, "one two three");
    cairn_novelty_set_reset(set);
    CHECK(cairn_novelty_set_count(set) == 0);
    CHECK(is_counts(add(set, "one two three"), 11, 0, 0));
    CHECK(is_counts(find(set, "one"), 1, 1, 11));
    cairn_novelty_set_free(set);
}

/* A full set: every trigram, through its stored form, since a text of 2^24 bytes that has all is no short test. */
static void test_a_set_of_all_trigrams_can_be_written_and_merged(void) {
    cairn_novelty_set *set = new_set(), *other = new_set();
    uint8_t *text = malloc((1 << 16) * 3 + 256);
    if (text == NULL) abort();
    for (int third = 0; third < 256; third += 1) {
        size_t length = 0;
        for (int pair = 0; pair < 1 << 16; pair += 1) {
            text[length] = (uint8_t)pair, text[length + 1] = (uint8_t)(pair >> 8), text[length + 2] = (uint8_t)third;
            length += 3;
        }
        cairn_novelty_add(third % 2 == 0 ? set : other, scratch(), text, length);
    }
    cairn_novelty_set_merge(set, other);
    CHECK(cairn_novelty_set_count(set) == 1 << 24);
    CHECK(is_counts(add(set, "anything"), 6, 6, 1 << 24));
    CHECK(cairn_novelty_set_bound(set) == 24 + 12 * (1 << 18));
    free(text);
    cairn_novelty_set_free(set);
    cairn_novelty_set_free(other);
}

static uint8_t *write_exact(const cairn_novelty_set *set, size_t *out_length) {
    const size_t bound = cairn_novelty_set_bound(set);
    uint8_t *bytes = malloc(bound);
    if (bytes == NULL) abort();
    CHECK(cairn_novelty_set_write(set, bytes, bound - 1, out_length) == CAIRN_ERR_NO_SPACE);
    CHECK(cairn_novelty_set_write(set, bytes, bound, out_length) == CAIRN_OK);
    CHECK(*out_length == bound);
    return bytes;
}

static void test_a_stored_set_comes_back_and_does_not_depend_on_its_history(void) {
    cairn_novelty_set *set = new_set(), *back = new_set();
    size_t length = 0, back_length = 0;
    add(set, "zebra");
    add(set, "abacus");
    add(back, "to be forgotten");

    uint8_t *bytes = write_exact(set, &length);
    CHECK(cairn_novelty_set_read(back, bytes, length) == CAIRN_OK);
    CHECK(cairn_novelty_set_count(back) == 7 && cairn_novelty_jaccard(cairn_novelty_set_find(set, back)) == 1);
    cairn_novelty_set_reset(back);
    add(back, "abacus");
    add(back, "zebra");
    uint8_t *again = write_exact(back, &back_length);

    CHECK(back_length == length && memcmp(bytes, again, length) == 0);
    free(bytes);
    free(again);
    cairn_novelty_set_free(set);
    cairn_novelty_set_free(back);
}

/* Version 1, for ever: "abc" is trigram 0x636261, bit 33 of word 0x18D89. The checksum is of another program. */
static void test_version_1_keeps_its_bytes(void) {
    static const uint8_t expected[36] = {'C', 'N', 'O', 'V', 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x89, 0x8D, 1, 0,
        0, 0, 0, 0, 2, 0, 0, 0, 0x1F, 0x0B, 0xD5, 0x1F, 0x36, 0x74, 0xD7, 0x21};
    cairn_novelty_set *set = new_set();
    size_t length = 0;
    add(set, "abc");
    uint8_t *bytes = write_exact(set, &length);
    CHECK(length == sizeof expected && memcmp(bytes, expected, sizeof expected) == 0);
    free(bytes);
    cairn_novelty_set_free(set);
}

static void test_a_damaged_set_is_refused_and_changes_nothing(void) {
    cairn_novelty_set *set = new_set(), *kept = new_set();
    size_t length = 0;
    add(set, "some text to store");
    add(kept, "kept");
    uint8_t *bytes = write_exact(set, &length);

    for (size_t cut = 0; cut < length; cut += 1) {
        uint8_t *front = tap_exact_copy(bytes, cut);
        CHECK(cairn_novelty_set_read(kept, front, cut) == CAIRN_ERR_INCOMPLETE);
        free(front);
    }
    for (size_t i = 0; i < length; i += 1) {
        bytes[i] ^= 1;
        CHECK(cairn_novelty_set_read(kept, bytes, length) != CAIRN_OK);
        bytes[i] ^= 1;
    }
    bytes[4] = 2;
    CHECK(cairn_novelty_set_read(kept, bytes, length) == CAIRN_ERR_ARGUMENT);
    CHECK(is_counts(find(kept, "kept"), 2, 2, 2));
    free(bytes);
    cairn_novelty_set_free(set);
    cairn_novelty_set_free(kept);
}

static void test_no_memory_is_said(void) {
    cairn_novelty_set *set = NULL;
    cairn_novelty_scratch *scratch = NULL;
    tap_allocations_until_failure = 0;
    CHECK(cairn_novelty_set_new(&set) == CAIRN_ERR_NO_MEMORY && set == NULL);
    CHECK(cairn_novelty_scratch_new(&scratch) == CAIRN_ERR_NO_MEMORY && scratch == NULL);
    tap_allocations_until_failure = -1;
    cairn_novelty_set_free(NULL);
    cairn_novelty_scratch_free(NULL);
}

int main(void) {
    TEST(test_the_example_of_the_header_holds);
    TEST(test_trigram_empty_input_is_all_new);
    TEST(test_a_text_is_contained_in_itself_and_jaccard_sees_what_the_set_has_more);
    TEST(test_finding_leaves_the_set_as_it_is);
    TEST(test_pieces_that_share_two_bytes_make_the_whole);
    TEST(test_counts_are_those_of_the_naive_twin);
    TEST(test_a_text_that_outgrows_the_list_is_counted_right);
    TEST(test_merged_sets_have_what_either_had);
    TEST(test_a_reset_set_is_empty_and_can_be_used_again);
    TEST(test_a_set_of_all_trigrams_can_be_written_and_merged);
    TEST(test_a_stored_set_comes_back_and_does_not_depend_on_its_history);
    TEST(test_version_1_keeps_its_bytes);
    TEST(test_a_damaged_set_is_refused_and_changes_nothing);
    TEST(test_no_memory_is_said);
    cairn_novelty_scratch_free(scratch());
    return tap_end();
}

/* test_tokens.c: token counts: splitting, merging, cutting, growing text, and files that are no vocabulary. Real
 * vocabularies are compared with the tokenizers themselves in Tests/Tokens. */
#include "tap.h"
#include "tokens_small.h"

static const cairn_tokens_splitter splitters[] = {CAIRN_TOKENS_CL100K, CAIRN_TOKENS_O200K, CAIRN_TOKENS_DEEPSEEK};
static small_vocabulary *vocabularies[3]; /* one a splitter */
static uint64_t random_state = 20261120;

static uint32_t random_below(uint32_t bound) {
    return (uint32_t)(tap_random(&random_state) >> 32) % bound;
}

/* Random text of the given pieces; returns its length. */
static size_t random_text(const char *const *pieces, size_t piece_count, size_t length_max, uint8_t *out) {
    size_t length = 0;
    for (size_t wanted = 1 + random_below((uint32_t)length_max); length < wanted;) {
        const char *piece = pieces[random_below((uint32_t)piece_count)];
        if (length + strlen(piece) > length_max) break;
        memcpy(out + length, piece, strlen(piece));
        length += strlen(piece);
    }
    return length;
}

static const char *const mixed_pieces[] = {
    "a", "b", "abc", "A", "B", "ABC", " ", "  ", "\n", "\r\n", "\t", "0", "123", "'s", "'LL", "'", "(", "((", "/",
    "//", ".", "\xE6\x97\xA5", "\xE3\x83\xBB", "\xCC\x81", "e\xCC\x81", "\xC2\x85", "\xE3\x80\x80", "\xC7\x85",
    "\xF0\x9F\x98\x80\xE2\x80\x8D", "\xFF", "\xE6\x97", "\x80", "\xC5\xBF", "'\xC5\xBF", "\x01", "\x01\x02",
    "\xD9\xA3"};
static const char *const ascii_pieces[] = {
    "a", "b", "abc", "A", "B", "ABC", "aBc", " ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "0", "1234567", "'s",
    "'LL", "'re", "'rE", "'", "(", "((", "/", "//", ".", ";\n", "\n/", "x's'd", "don't", "\v", "\x01", "\x7F"};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Splitting */

/* The pre-tokens of `text`, with '|' between them. */
static void check_split(cairn_tokens_splitter splitter, const char *text, const char *expected) {
    char found[400];
    size_t length = 0, position = 0, end;
    uint8_t *exact = tap_exact_copy(text, strlen(text));
    cairn_tokens_text split = {.bytes = exact, .length = strlen(text)};
    while (cairn_tokens_next(splitter, &split, position, &end)) {
        if (position > 0) found[length++] = '|';
        memcpy(found + length, exact + position, end - position);
        length += end - position;
        position = end;
    }
    found[length] = 0;
    if (strcmp(found, expected) != 0) printf("# splitter %d: \"%s\" instead of \"%s\"\n", splitter, found, expected);
    CHECK(strcmp(found, expected) == 0);
    free(exact);
}

static void test_cl100k_splits_as_its_pattern_says(void) {
    const cairn_tokens_splitter s = CAIRN_TOKENS_CL100K;
    check_split(s, "", "");
    check_split(s, "Hello world, it's 12345", "Hello| world|,| it|'s| |123|45");
    check_split(s, "we'LL'veS 'tis 's'", "we|'LL|'ve|S| '|tis| '|s|'");
    check_split(s, "(a ((a \t(a\ta", "(a| ((|a| |\t|(a|\ta");
    check_split(s, "a  b\n  c \n\n d", "a| | b|\n| | c| \n\n| d");
    check_split(s, "a;\n\n\tb", "a|;\n\n|\tb");
    check_split(s, "a\n  ", "a|\n  ");
    check_split(s, "x'\xC5\xBFy", "x|'\xC5\xBF|y");
    check_split(s, "e\xCC\x81 camelCase", "e|\xCC\x81| camelCase");
}

static void test_o200k_splits_words_by_case(void) {
    const cairn_tokens_splitter s = CAIRN_TOKENS_O200K;
    check_split(s, "camelCase HTTPServer ABC", "camel|Case| HTTPServer| ABC");
    check_split(s, "don't've WE'LL x'rE", "don't|'ve| WE'LL| x'rE");
    check_split(s, "a;\n//b /c\n/d", "a|;\n//|b| /|c|\n|/d");
    check_split(s, "\xE6\x97\xA5"
                   "AB",
        "\xE6\x97\xA5|AB");
    check_split(s, "\xE6\x97\xA5"
                   "ABc",
        "\xE6\x97\xA5"
        "ABc");
    check_split(s, "\xCC\x81"
                   "AB",
        "\xCC\x81|AB");
    check_split(s, "a\n  ", "a|\n|  ");
    check_split(s, "e\xCC\x81tude 1234", "e\xCC\x81tude| |123|4");
}

static void test_deepseek_splits_three_times(void) {
    const cairn_tokens_splitter s = CAIRN_TOKENS_DEEPSEEK;
    check_split(s, "don't (abc ((abc 12345", "don|'t| (|abc| ((|abc| |123|45");
    check_split(s, "a  1  b", "a|  |1| | b");
    check_split(s, "x\xE6\x97\xA5\xE6\x9C\xAC 1", "x|\xE6\x97\xA5\xE6\x9C\xAC| |1");
    check_split(s, "\xE3\x82\xA2\xE3\x83\xBB\xE3\x82\xA4", "\xE3\x82\xA2|\xE3\x83\xBB|\xE3\x82\xA4");
    check_split(s, "\x01\x02"
                   "a\x01\x02",
        "\x01|\x02"
        "a|\x01\x02");
    check_split(s, "(a\xC3\xA9", "(a|\xC3\xA9");
    check_split(s, "!\n\n x", "!\n\n| x");
}

static void test_bytes_that_are_no_utf8_stand_alone(void) {
    for (int i = 0; i < 3; i += 1) {
        check_split(splitters[i], "ab\xFF\xFE"
                                  "cd\xE6\x97",
            "ab|\xFF|\xFE|cd|\xE6|\x97");
        check_split(splitters[i], "  \x80 ", "  |\x80| ");
    }
}

#if CAIRN_BYTES_HAS_AVX2
static void test_blocks_start_pre_tokens_where_the_portable_splitter_does(void) {
    uint8_t text[400];
    size_t reported = 0;
    for (int round = 0; cairn_bytes_can_avx2() && round < 60000; round += 1) {
        const cairn_tokens_splitter splitter = splitters[round % 3];
        size_t length = random_text(ascii_pieces, COUNT_OF(ascii_pieces), 300, text);
        if (round % 5 == 0 && length > 70) text[random_below(70)] = 0xC3; /* not ASCII, maybe not UTF-8 either */
        cairn_tokens_text split = {.bytes = text, .length = length, .part_end = length, .is_well_formed = true};
        uint8_t *exact = NULL;
        for (size_t start = 0; start + CAIRN_TOKENS_BLOCK <= length && text[start] < 0x80;) {
            exact = tap_exact_copy(text + start, CAIRN_TOKENS_BLOCK);
            const uint64_t starts = cairn_tokens_block_starts_avx2(exact, splitter);
            free(exact);
            size_t position = 0;
            uint64_t expected = 1;
            while (starts >> position > 1) {
                position = cairn_tokens_pretoken_end(splitter, &split, start + position) - start;
                if (position >= 64) break;
                expected |= UINT64_C(1) << position;
                reported += 1;
            }
            if (starts != expected)
                printf("# splitter %d: %016llx, not %016llx: \"%.64s\"\n", splitter, (unsigned long long)starts,
                    (unsigned long long)expected, (const char *)text + start);
            CHECK(starts == expected);
            start = cairn_tokens_pretoken_end(splitter, &split, start);
        }
    }
    CHECK(!cairn_bytes_can_avx2() || reported > 100000);
}
#endif

/* Merging */

static void check_merge(small_vocabulary *vocabulary, const uint8_t *bytes, size_t length) {
    static uint32_t expected[SMALL_TEXT_MAX], found[SMALL_TEXT_MAX];
    const uint32_t count = small_encode(vocabulary, bytes, length, expected);
    const uint32_t limit = random_below(count + 2);
    size_t expected_offset = 0, offset = 0;
    for (uint32_t i = 0; i < count && i < limit; i += 1) expected_offset += vocabulary->lengths[expected[i]];
    uint8_t *exact = tap_exact_copy(bytes, length);

    CHECK(cairn_tokens_merge(&vocabulary->tokens, exact, length, limit, &offset, found) == count);
    CHECK(offset == expected_offset && memcmp(found, expected, count * sizeof *found) == 0);
    CHECK(cairn_tokens_merge(&vocabulary->tokens, exact, length, limit, &offset, NULL) == count);
    CHECK(offset == expected_offset);
    memset(found, 0, sizeof found);
    CHECK(cairn_tokens_merge_forward(&vocabulary->tokens, exact, length, limit, &offset, found) == count);
    CHECK(offset == expected_offset && memcmp(found, expected, count * sizeof *found) == 0);
    free(exact);
}

static void test_merging_equals_its_definition(void) {
    static const char *const pieces[] = {"a", "b", "c", "A", "B", "ab", "(", "'", "0", "\xE6\x97\xA5"};
    uint8_t text[300];
    for (int i = 0; i < 3; i += 1)
        for (int round = 0; round < 3000; round += 1)
            check_merge(vocabularies[i], text,
                random_text(pieces, 2 + random_below(COUNT_OF(pieces) - 1), round % 2 ? 40 : 300, text));
}

/* Symbols of two or three bytes, of which each two neighbours merge, the later ones first: which pairs are merged
 * depends on where the row ends, so a search from the left takes all of it back when the number of symbols is odd.
 * Long rows are more than it remembers. */
static void test_a_search_that_goes_back_to_the_start_ends(void) {
    enum { SYMBOLS = 2301, LONGER = 300 };
    small_vocabulary *vocabulary = small_new();
    static uint8_t text[3 * SYMBOLS];
    size_t ends[SYMBOLS + 1] = {0};
    uint32_t symbols[SYMBOLS];
    for (uint32_t i = 0; i < SYMBOLS; i += 1) {
        uint8_t *bytes = text + ends[i];
        bytes[0] = (uint8_t)(1 + i / 64);
        bytes[1] = (uint8_t)(128 + i % 64);
        bytes[2] = 0xF0;
        symbols[i] = vocabulary->token_count;
        CHECK(small_add(vocabulary, bytes[0], bytes[1]));
        if (i < LONGER) CHECK(small_add(vocabulary, symbols[i], bytes[2]));
        if (i < LONGER) symbols[i] += 1;
        ends[i + 1] = ends[i] + (i < LONGER ? 3 : 2);
    }
    for (uint32_t i = SYMBOLS - 1; i > 0; i -= 1) CHECK(small_add(vocabulary, symbols[i - 1], symbols[i]));
    small_finish(vocabulary, CAIRN_TOKENS_CL100K);

    for (uint32_t count = 9; count <= SYMBOLS; count += 382) {
        size_t offset;
        check_merge(vocabulary, text, ends[count]);
        CHECK(cairn_tokens_merge(&vocabulary->tokens, text, ends[count], UINT32_MAX, &offset, NULL) == (count + 1) / 2);
    }
    small_free(vocabulary);
}

/* Texts */

static uint32_t count_of(const cairn_tokens *tokens, cairn_tokens_cache *cache, const uint8_t *text, size_t length) {
    uint32_t count = UINT32_MAX;
    CHECK(cairn_tokens_count(tokens, cache, text, length, &count) == CAIRN_OK);
    return count;
}

/* All ways to count `text` agree. */
static void check_text(small_vocabulary *vocabulary, cairn_tokens_cache *cache, const uint8_t *bytes, size_t length) {
    static uint32_t ids[SMALL_TEXT_MAX];
    const cairn_tokens *tokens = &vocabulary->tokens;
    uint8_t *text = tap_exact_copy(bytes, length);
    uint32_t count = 0, other = 0;
    CHECK(cairn_tokens_encode(tokens, text, length, ids, length, &count) == CAIRN_OK);
    CHECK(count_of(tokens, NULL, text, length) == count);
    CHECK(count_of(tokens, cache, text, length) == count);

    uint8_t *again = small_allocate(length + 1);
    size_t written = 0;
    for (uint32_t i = 0; i < count; i += 1) {
        const uint32_t token = ids[i] - 1000; /* as tokens_small.h numbers them */
        memcpy(again + written, vocabulary->bytes[token], vocabulary->lengths[token]);
        written += vocabulary->lengths[token];
    }
    CHECK(written == length && memcmp(again, bytes, length) == 0);
    free(again);

    const uint32_t limit = random_below(count + 3);
    CHECK(cairn_tokens_count_up_to(tokens, cache, text, length, limit, &other) == CAIRN_OK);
    CHECK(other == (count > limit ? limit + 1 : count));

    size_t offset = length + 1, expected = 0;
    uint32_t best = 0;
    CHECK(cairn_tokens_split(tokens, cache, text, length, limit, &offset, &other) == CAIRN_OK);
    written = 0;
    for (uint32_t i = 0; i < count && i < limit; i += 1) {
        written += vocabulary->lengths[ids[i] - 1000];
        if (written == length || (text[written] & 0xC0) != 0x80) best = i + 1, expected = written;
    }
    /* Where bytes are no UTF-8, more places are between two characters than this knows. */
    if (cairn_bytes_utf8_front(text, length) == length) CHECK(offset == expected && other == best);
    CHECK(offset <= length && other <= limit);

    cairn_tokens_front front = {0};
    for (size_t fed = 0; fed <= length; fed += 1 + random_below(20)) {
        if (length - fed < 4) fed = length;
        const cairn_tokens_front before = front;
        uint8_t *tail = tap_exact_copy(text + front.bytes, fed - front.bytes);
        CHECK(cairn_tokens_append(tokens, tail, fed - front.bytes, &front, &other) == CAIRN_OK);
        CHECK(other == count_of(tokens, NULL, text, fed));
        CHECK(front.bytes >= before.bytes && front.bytes <= fed && front.tokens <= other);
        free(tail);
    }
    free(text);
}

static void test_all_ways_to_count_agree(void) {
    cairn_tokens_cache *cache = aligned_alloc(64, (sizeof *cache + 63) / 64 * 64);
    if (cache == NULL) abort();
    uint8_t text[600];
    for (int i = 0; i < 3; i += 1) {
        cairn_tokens_cache_init(cache, &vocabularies[i]->tokens);
        for (int round = 0; round < 3000; round += 1) {
            const bool is_ascii = round % 2 == 0;
            check_text(vocabularies[i], cache, text,
                random_text(is_ascii ? ascii_pieces : mixed_pieces,
                    is_ascii ? COUNT_OF(ascii_pieces) : COUNT_OF(mixed_pieces), round % 8 == 0 ? 600 : 60, text));
        }
    }
    /* A cache of another vocabulary is left alone. */
    const cairn_tokens_cache before = *cache;
    CHECK(count_of(&vocabularies[0]->tokens, cache, text, 60) == count_of(&vocabularies[0]->tokens, NULL, text, 60));
    CHECK(memcmp(&before, cache, sizeof before) == 0);
    free(cache);
}

static void test_a_cut_never_divides_a_character(void) {
    const uint8_t *text = (const uint8_t *)"\xF0\x9F\x98\x80\xF0\x9F\x98\x80";
    small_vocabulary *bytes_only = small_new();
    small_finish(bytes_only, CAIRN_TOKENS_CL100K);
    const size_t offsets[] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8};
    for (uint32_t limit = 0; limit < COUNT_OF(offsets); limit += 1) {
        size_t offset = 99;
        uint32_t count = 99;
        CHECK(cairn_tokens_split(&bytes_only->tokens, NULL, text, 8, limit, &offset, &count) == CAIRN_OK);
        CHECK(offset == offsets[limit] && count == offsets[limit]);
    }
    small_free(bytes_only);
}

static void test_a_megabyte_without_spaces_is_counted(void) {
    const size_t length = 1 << 20;
    uint8_t *text = small_allocate(length);
    for (int i = 0; i < 3; i += 1) {
        memset(text, 'a', length);
        const uint32_t same = count_of(&vocabularies[i]->tokens, NULL, text, length);
        CHECK(same > length / SMALL_TOKEN_BYTES_MAX && same <= length);
        for (size_t k = 0; k < length; k += 1) text[k] = (uint8_t)('a' + random_below(3));
        uint32_t limited = 0;
        CHECK(count_of(&vocabularies[i]->tokens, NULL, text, length) <= length);
        CHECK(cairn_tokens_count_up_to(&vocabularies[i]->tokens, NULL, text, length, 1000, &limited) == CAIRN_OK);
        CHECK(limited == 1001);
    }
    free(text);
}

static void test_limits_and_space_are_checked(void) {
    uint32_t count = 7, ids[2];
    size_t offset = 7;
    cairn_tokens_front front = {0};
    const cairn_tokens *tokens = &vocabularies[0]->tokens;
    const uint8_t *text = (const uint8_t *)"abc";
    const size_t over = (size_t)CAIRN_TOKENS_INPUT_MAX + 1;
    CHECK(cairn_tokens_count(tokens, NULL, text, over, &count) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_tokens_count_up_to(tokens, NULL, text, over, 1, &count) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_tokens_split(tokens, NULL, text, over, 1, &offset, &count) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_tokens_append(tokens, text, over, &front, &count) == CAIRN_ERR_TOO_BIG);
    CHECK(cairn_tokens_encode(tokens, text, 3, ids, 2, &count) == CAIRN_ERR_NO_SPACE);
    front.tokens = UINT32_MAX;
    CHECK(cairn_tokens_append(tokens, text, 3, &front, &count) == CAIRN_ERR_TOO_BIG);
    CHECK(front.tokens == UINT32_MAX && front.bytes == 0);
    CHECK(count == 7 && offset == 7);
    CHECK(cairn_tokens_count(tokens, NULL, NULL, 0, &count) == CAIRN_OK && count == 0);
    CHECK(strcmp(cairn_tokens_name(tokens), "small") == 0);
}

/* Estimates */

static void test_an_estimate_says_how_sure_it_is(void) {
    cairn_tokens_estimate estimate = {9, 9, 9};
    CHECK(cairn_tokens_estimate_count((cairn_tokens_splitter)0, NULL, 0, &estimate) == CAIRN_ERR_ARGUMENT);
    CHECK(cairn_tokens_estimate_count((cairn_tokens_splitter)4, NULL, 0, &estimate) == CAIRN_ERR_ARGUMENT);
    CHECK(estimate.tokens == 9);
    const char *text = "The quick brown fox jumps over the lazy dog. def main(arguments): return 0\n";
    for (int i = 0; i < 3; i += 1) {
        CHECK(cairn_tokens_estimate_count(splitters[i], NULL, 0, &estimate) == CAIRN_OK);
        CHECK(estimate.tokens == 0 && estimate.tokens_low == 0 && estimate.tokens_high == 0);
        CHECK(cairn_tokens_estimate_count(splitters[i], (const uint8_t *)text, strlen(text), &estimate) == CAIRN_OK);
        CHECK(estimate.tokens >= 17 && estimate.tokens <= 22); /* 19 by cl100k_base */
        CHECK(estimate.tokens_low < estimate.tokens && estimate.tokens < estimate.tokens_high);
    }
}

/* Files */

static cairn_status status_of(const uint8_t *bytes, size_t length) {
    uint8_t *exact = aligned_alloc(8, length / 8 * 8 + 8);
    if (exact == NULL) abort();
    memcpy(exact, bytes, length);
    cairn_tokens tokens = {.token_count = 4711};
    const cairn_status status = cairn_tokens_open(exact, length, &tokens);
    CHECK(status == CAIRN_OK || tokens.token_count == 4711);
    free(exact);
    return status;
}

static void test_a_file_that_is_cut_off_is_incomplete(void) {
    const small_vocabulary *vocabulary = vocabularies[0];
    CHECK(status_of(vocabulary->file, vocabulary->file_length) == CAIRN_OK);
    for (size_t length = 0; length < vocabulary->file_length; length += length < 200 ? 1 : 997)
        CHECK(status_of(vocabulary->file, length) == CAIRN_ERR_INCOMPLETE);
    CHECK(status_of((const uint8_t *)"PK\x03\x04", 4) == CAIRN_ERR_SYNTAX);
    cairn_tokens tokens;
    CHECK(cairn_tokens_open(vocabulary->file + 1, 64, &tokens) == CAIRN_ERR_ARGUMENT);
}

static void test_every_changed_byte_is_noticed(void) {
    small_vocabulary *vocabulary = vocabularies[1];
    for (size_t i = 0; i < vocabulary->file_length; i += i < 200 ? 1 : 61) {
        vocabulary->file[i] ^= 0x10;
        CHECK(status_of(vocabulary->file, vocabulary->file_length) != CAIRN_OK);
        vocabulary->file[i] ^= 0x10;
    }
}

/* Changes one number of a file, with a checksum that fits. */
static void check_refused(const small_vocabulary *vocabulary, const uint8_t *section, size_t index, size_t entry_bytes,
    uint64_t value) {
    uint8_t *file = aligned_alloc(8, vocabulary->file_length);
    if (file == NULL) abort();
    memcpy(file, vocabulary->file, vocabulary->file_length);
    memcpy(file + (section - vocabulary->file) + index * entry_bytes, &value, entry_bytes);
    small_seal(file, vocabulary->file_length);
    CHECK(status_of(file, vocabulary->file_length) == CAIRN_ERR_SYNTAX);
    free(file);
}

static void test_numbers_that_lead_astray_are_refused(void) {
    const small_vocabulary *vocabulary = vocabularies[2];
    const cairn_tokens *tokens = &vocabulary->tokens;
    const uint32_t many = tokens->token_count;
    const uint8_t *head = vocabulary->file;
    check_refused(vocabulary, head, 2, 4, 2);                   /* version */
    check_refused(vocabulary, head, 3, 4, 0);                   /* splitter */
    check_refused(vocabulary, head, 3, 4, 4);
    check_refused(vocabulary, head, 10, 4, 255);                /* tokens */
    check_refused(vocabulary, head, 10, 4, UINT32_MAX);
    check_refused(vocabulary, head, 11, 4, many);               /* nodes */
    check_refused(vocabulary, head, 11, 4, UINT32_C(1) << 25);
    check_refused(vocabulary, head, 12, 4, 0);                  /* longest token */
    check_refused(vocabulary, head, 12, 4, 256);
    check_refused(vocabulary, head, 12, 4, 2);
    for (size_t i = 13; i < 18; i += 1) {                       /* sizes of sections */
        check_refused(vocabulary, head, i, 4, 0);
        check_refused(vocabulary, head, i, 4, UINT32_MAX);
        check_refused(vocabulary, head, i, 4, 4);
    }
    check_refused(vocabulary, tokens->short_tokens, 3, 4, many);
    check_refused(vocabulary, tokens->longs, 1, 8, (uint64_t)many << 32);
    check_refused(vocabulary, tokens->pairs, 1, 8, (uint64_t)many << 42);
    check_refused(vocabulary, tokens->edges, 1, 8, tokens->node_count);
    check_refused(vocabulary, tokens->splits, 2 * 300, 4, 300); /* a token that is part of itself */
    check_refused(vocabulary, tokens->splits, 2 * 300 + 1, 4, many);
    check_refused(vocabulary, tokens->shorter, 300, 4, 300);
    check_refused(vocabulary, tokens->shorter, 300, 4, many);
    check_refused(vocabulary, tokens->ends, 300, 4, UINT32_MAX);
    check_refused(vocabulary, tokens->ends, many - 1, 4, 1);
    check_refused(vocabulary, tokens->lengths, 300, 1, 0);
    check_refused(vocabulary, tokens->lengths, 300, 1, 255);
    check_refused(vocabulary, tokens->lengths, 100, 1, 2);
    check_refused(vocabulary, tokens->bytes, 65, 1, 'B');       /* no token is 'A' then */
    for (size_t i = 0; i < 24; i += 1)
        if (tokens->name[i] == 0) {
            uint8_t full[24];
            memset(full, 'x', sizeof full);
            uint8_t *file = aligned_alloc(8, vocabulary->file_length);
            if (file == NULL) abort();
            memcpy(file, vocabulary->file, vocabulary->file_length);
            memcpy(file + 72, full, sizeof full);
            small_seal(file, vocabulary->file_length);
            CHECK(status_of(file, vocabulary->file_length) == CAIRN_ERR_SYNTAX);
            free(file);
            break;
        }
}

static void test_a_table_without_an_empty_slot_is_refused(void) {
    const small_vocabulary *vocabulary = vocabularies[0];
    const cairn_tokens *tokens = &vocabulary->tokens;
    const struct {
        const uint8_t *table;
        size_t bytes;
    } tables[] = {
        {tokens->short_keys, (size_t)tokens->short_slots * 16},
        {tokens->longs, (size_t)tokens->long_slots * 8},
        {tokens->pairs, (size_t)tokens->pair_slots * 8},
        {tokens->edges, (size_t)tokens->edge_slots * 8},
    };
    for (size_t i = 0; i < COUNT_OF(tables); i += 1) {
        uint8_t *file = aligned_alloc(8, vocabulary->file_length);
        if (file == NULL) abort();
        memcpy(file, vocabulary->file, vocabulary->file_length);
        for (size_t k = 0; k < tables[i].bytes; k += 8) {
            const uint64_t one = 1;
            memcpy(file + (tables[i].table - vocabulary->file) + k, &one, 8);
        }
        small_seal(file, vocabulary->file_length);
        CHECK(status_of(file, vocabulary->file_length) == CAIRN_ERR_SYNTAX);
        free(file);
    }
}

int main(void) {
    for (int i = 0; i < 3; i += 1) vocabularies[i] = small_random(splitters[i], 500, 77 + (uint64_t)i);
    TEST(test_cl100k_splits_as_its_pattern_says);
    TEST(test_o200k_splits_words_by_case);
    TEST(test_deepseek_splits_three_times);
    TEST(test_bytes_that_are_no_utf8_stand_alone);
#if CAIRN_BYTES_HAS_AVX2
    TEST(test_blocks_start_pre_tokens_where_the_portable_splitter_does);
#endif
    TEST(test_merging_equals_its_definition);
    TEST(test_a_search_that_goes_back_to_the_start_ends);
    TEST(test_all_ways_to_count_agree);
    TEST(test_a_cut_never_divides_a_character);
    TEST(test_a_megabyte_without_spaces_is_counted);
    TEST(test_limits_and_space_are_checked);
    TEST(test_an_estimate_says_how_sure_it_is);
    TEST(test_a_file_that_is_cut_off_is_incomplete);
    TEST(test_every_changed_byte_is_noticed);
    TEST(test_numbers_that_lead_astray_are_refused);
    TEST(test_a_table_without_an_empty_slot_is_refused);
    for (int i = 0; i < 3; i += 1) small_free(vocabularies[i]);
    return tap_end();
}

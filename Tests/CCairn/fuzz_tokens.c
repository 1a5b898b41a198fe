/* fuzz_tokens.c: any text, with three small vocabularies: every way to count it agrees, blocks and caches change
 * nothing, growing text counts as if it had come at once, and the merges are those of the definition. */
#include "tokens_small.h"

enum { LENGTH_MAX = 4096 };

static small_vocabulary *vocabularies[3];
static cairn_tokens_cache caches[3];

static void prepare(void) {
    const cairn_tokens_splitter splitters[] = {CAIRN_TOKENS_CL100K, CAIRN_TOKENS_O200K, CAIRN_TOKENS_DEEPSEEK};
    for (int i = 0; i < 3; i += 1) {
        vocabularies[i] = small_random(splitters[i], 400, 5 + (uint64_t)i);
        cairn_tokens_cache_init(&caches[i], &vocabularies[i]->tokens);
    }
}

static uint32_t count_of(const cairn_tokens *tokens, cairn_tokens_cache *cache, const uint8_t *text, size_t length) {
    uint32_t count = 0;
    if (cairn_tokens_count(tokens, cache, text, length, &count) != CAIRN_OK) abort();
    return count;
}

/* Encodes by the definition: pre-token by pre-token, whole ones at once. */
static uint32_t encode(small_vocabulary *vocabulary, const uint8_t *text, size_t length, uint32_t *out) {
    cairn_tokens_text split = {.bytes = text, .length = length};
    uint32_t count = 0;
    size_t position = 0, end;
    while (cairn_tokens_next(vocabulary->tokens.splitter, &split, position, &end)) {
        if (end <= position) abort();
        count += small_encode(vocabulary, text + position, end - position, out + count);
        position = end;
    }
    if (position != length) abort();
    for (uint32_t i = 0; i < count; i += 1) out[i] += 1000;
    return count;
}

static void check(small_vocabulary *vocabulary, cairn_tokens_cache *cache, const uint8_t *text, size_t length) {
    static uint32_t expected[LENGTH_MAX], found[LENGTH_MAX];
    const cairn_tokens *tokens = &vocabulary->tokens;
    const uint32_t count = encode(vocabulary, text, length, expected);
    uint32_t other = 0;
    if (cairn_tokens_encode(tokens, text, length, found, LENGTH_MAX, &other) != CAIRN_OK || other != count) abort();
    if (memcmp(found, expected, count * sizeof *found) != 0) abort();
    if (count_of(tokens, NULL, text, length) != count || count_of(tokens, cache, text, length) != count) abort();

    const uint32_t limit = length > 0 ? (uint32_t)(text[0] * count / 200) : 0;
    size_t offset = 0;
    if (cairn_tokens_count_up_to(tokens, cache, text, length, limit, &other) != CAIRN_OK) abort();
    if (other != (count > limit ? limit + 1 : count)) abort();
    if (cairn_tokens_split(tokens, cache, text, length, limit, &offset, &other) != CAIRN_OK) abort();
    if (offset > length || other > limit || (limit >= count && offset != length)) abort();

    cairn_tokens_front front = {0};
    for (size_t fed = 0; fed <= length; fed += fed < length && text[fed] % 16 > 0 ? text[fed] % 16 : 1) {
        if (cairn_tokens_append(tokens, text + front.bytes, fed - front.bytes, &front, &other) != CAIRN_OK) abort();
        if (front.bytes > fed || other != count_of(tokens, NULL, text, fed)) abort();
    }

    cairn_tokens_estimate estimate;
    if (cairn_tokens_estimate_count(tokens->splitter, text, length, &estimate) != CAIRN_OK) abort();
    if (estimate.tokens_low > estimate.tokens || estimate.tokens > estimate.tokens_high) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (vocabularies[0] == NULL) prepare();
    if (length > LENGTH_MAX) return 0;
    /* An exact copy, so that a read behind the end is seen. */
    uint8_t *text = small_allocate(length);
    if (length > 0) memcpy(text, input, length);
    for (int i = 0; i < 3; i += 1) check(vocabularies[i], &caches[i], text, length);
    free(text);
    return 0;
}

/* fuzz_tokens_open.c: a vocabulary file with any changes and a checksum that fits them is refused, or counts any text
 * without reading outside it and without going on for ever. Input: how many changes, then place and value of each
 * (eight bytes), then text. */
#include "tokens_small.h"

enum { TEXT_MAX = 600 };

static small_vocabulary *vocabulary;

static void use(const cairn_tokens *tokens, const uint8_t *text, size_t length) {
    static uint32_t ids[TEXT_MAX];
    uint32_t count = 0, other = 0;
    size_t offset = 0;
    cairn_tokens_front front = {0};
    if (length > TEXT_MAX) length = TEXT_MAX;
    if (cairn_tokens_count(tokens, NULL, text, length, &count) != CAIRN_OK || count > length) abort();
    if (cairn_tokens_encode(tokens, text, length, ids, TEXT_MAX, &other) != CAIRN_OK || other > length) abort();
    if (cairn_tokens_split(tokens, NULL, text, length, count / 2, &offset, &other) != CAIRN_OK) abort();
    if (offset > length) abort();
    if (cairn_tokens_append(tokens, text, length, &front, &other) != CAIRN_OK || front.bytes > length) abort();
    if (length > 0 && cairn_tokens_merge_forward(tokens, text, length, 3, &offset, ids) > length) abort();
    if (length > 0 && cairn_tokens_merge(tokens, text, length, 3, &offset, NULL) > length) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (vocabulary == NULL) vocabulary = small_random(CAIRN_TOKENS_O200K, 300, 9);
    if (length < 2) return 0;
    const size_t changes = input[0] % 16;
    cairn_tokens_splitter splitter = (cairn_tokens_splitter)(1 + input[1] % 3);
    input += 2, length -= 2;
    uint8_t *file = aligned_alloc(8, vocabulary->file_length);
    if (file == NULL) abort();
    memcpy(file, vocabulary->file, vocabulary->file_length);
    for (size_t i = 0; i < changes && length >= 8; i += 1, input += 8, length -= 8) {
        uint32_t place;
        memcpy(&place, input, sizeof place);
        memcpy(file + place % (vocabulary->file_length / 4) * 4, input + 4, 4);
    }
    file[12] = (uint8_t)splitter;
    small_seal(file, vocabulary->file_length);
    cairn_tokens tokens;
    uint8_t *text = small_allocate(length);
    memcpy(text, input, length);
    if (cairn_tokens_open(file, vocabulary->file_length, &tokens) == CAIRN_OK) use(&tokens, text, length);
    free(text);
    free(file);
    return 0;
}

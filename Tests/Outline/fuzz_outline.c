/* fuzz_outline.c: the outline of any text is sound, is the same each time, and is a refusal only for the work it would
 * take. The first byte chooses the language; with 10 or more above it, the text chooses. */
#include "outline_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    static cairn_outline *parser;
    if (parser == NULL) parser = outline_with_all_grammars();
    if (length == 0) return 0;
    const cairn_outline_bytes text = {input + 1, length - 1};
    cairn_outline_language language = (cairn_outline_language)(1 + input[0] % 16);
    if (!cairn_outline_knows(parser, language)) {
        language = cairn_outline_language_of((cairn_outline_bytes){NULL, 0}, text, text);
        if (language == CAIRN_OUTLINE_UNKNOWN) return 0;
    }
    const cairn_outline_item *items;
    size_t count;
    const cairn_outline_status status = cairn_outline_parse(parser, language, text.bytes, text.length, &items, &count);
    if (status == CAIRN_OUTLINE_ERR_TOO_BIG) return 0;
    if (status != CAIRN_OUTLINE_OK || !outline_is_sound(items, count, text.bytes, text.length)) abort();
    outline_text first = outline_describe(items, count, text.bytes);
    if (cairn_outline_parse(parser, language, text.bytes, text.length, &items, &count) != CAIRN_OUTLINE_OK) abort();
    outline_text second = outline_describe(items, count, text.bytes);
    if (first.length != second.length || memcmp(first.bytes, second.bytes, first.length) != 0) abort();
    free(first.bytes);
    free(second.bytes);
    return 0;
}

/* fuzz_json.c: the tape of an accepted document is well-formed; its canonical form is accepted, is its own
 * canonical form, and is no longer; each front of it is incomplete or accepted, never wrong; a refused
 * document is wrong at a byte that no longer front survives. And: string content that is unescaped and
 * escaped again means the same. */
#include "json_trace.h"

static void check_fronts(const json_document *document) {
    for (size_t length = 0; length < document->length; length += 1 + document->length / 64) {
        json_document front = json_parse(document->text, length);
        if (front.status == CAIRN_ERR_SYNTAX) abort();
        if (front.status == CAIRN_ERR_INCOMPLETE && front.error_offset != length) abort();
        json_free(&front);
    }
}

static void check_canonical(const json_document *document) {
    size_t length = 0, again_length = 0;
    uint8_t *canonical = json_canonical(document, 0, &length);
    json_document parsed = json_parse(canonical, length);
    if (parsed.status != CAIRN_OK || parsed.count != document->count || length > document->length) abort();
    uint8_t *again = json_canonical(&parsed, 0, &again_length);
    if (again_length != length || memcmp(again, canonical, length) != 0) abort();
    free(canonical);
    free(again);
    json_free(&parsed);
}

static void check_strings(const uint8_t *text, size_t length) {
    uint8_t *plain = json_allocate(cairn_json_unescape_bound(length)),
            *escaped = json_allocate(cairn_json_escape_bound(length));
    uint8_t *back = json_allocate(length);
    size_t plain_length = 0, escaped_length = 0, back_length = 0, offset = 0;
    if (cairn_json_unescape(text, length, plain, length, &plain_length, &offset) == CAIRN_OK) {
        if (cairn_json_escape(plain, plain_length, escaped, cairn_json_escape_bound(length), &escaped_length,
                &offset) != CAIRN_OK)
            abort();
        if (cairn_json_unescape(escaped, escaped_length, back, length, &back_length, &offset) != CAIRN_OK)
            abort();
        if (back_length != plain_length || memcmp(back, plain, plain_length) != 0) abort();
    } else if (offset >= length) {
        abort();
    }
    free(plain);
    free(escaped);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    json_document document = json_parse(input, length);
    switch (document.status) {
    case CAIRN_OK:
        if (!json_tape_holds(&document)) abort();
        check_canonical(&document);
        check_fronts(&document);
        break;
    case CAIRN_ERR_INCOMPLETE:
        check_fronts(&document);
        break;
    case CAIRN_ERR_SYNTAX: {
        if (document.error_offset >= length) abort();
        json_document front = json_parse(input, document.error_offset);
        if (front.status == CAIRN_ERR_SYNTAX) abort();
        json_free(&front);
        break;
    }
    case CAIRN_ERR_TOO_BIG:
        break;
    default:
        abort();
    }
    json_free(&document);
    check_strings(input, length);
    return 0;
}

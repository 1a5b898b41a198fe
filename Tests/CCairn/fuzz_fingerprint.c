/* fuzz_fingerprint.c: a tool call's fingerprint is that of its canonical arguments hashed whole, however they
 * are spelled; stored fingerprints come back. */
#include "cairn_fingerprint.h"
#include "json_trace.h"

static cairn_fingerprint tool_call(const json_document *document) {
    const cairn_span name = {(const uint8_t *)"run", 3}, arguments = {document->text, document->length};
    const size_t capacity = cairn_json_nodes_bound(document->length);
    uint32_t *scratch = json_allocate(cairn_json_scratch_bound(capacity) * sizeof *scratch);
    cairn_fingerprint fingerprint = {0}, back = {0};
    if (cairn_fingerprint_tool_call(name, arguments, document->nodes, capacity, scratch, &fingerprint) !=
        CAIRN_OK)
        abort();
    free(scratch);
    uint8_t stored[CAIRN_FINGERPRINT_BYTES];
    cairn_fingerprint_write(fingerprint, stored);
    if (cairn_fingerprint_read(stored, sizeof stored, &back) != CAIRN_OK) abort();
    if (!cairn_fingerprint_equal(fingerprint, back)) abort();
    return fingerprint;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    json_document document = json_parse(input, length);
    const cairn_fingerprint fingerprint = tool_call(&document);
    if (document.status == CAIRN_OK) {
        size_t canonical_length = 0;
        uint8_t *canonical = json_canonical(&document, 0, &canonical_length);
        json_document again = json_parse(canonical, canonical_length);
        if (!cairn_fingerprint_equal(fingerprint, tool_call(&again))) abort();
        json_free(&again);
        free(canonical);
    }
    json_free(&document);
    return 0;
}

/* fuzz_skim.c: skimming a document in pieces equals skimming it whole, and a value's place in the document
 * holds the bytes that were captured. The first two bytes choose the size of the pieces and whether the plan
 * stops early. */
#include "skim_trace.h"

static cairn_span text(const char *text) {
    return (cairn_span){(const uint8_t *)text, strlen(text)};
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (length < 2) return 0;
    const cairn_skim_path paths[] = {
        {.keys = {text("m")}, .key_count = 1, .value_bytes_max = 8},
        {.keys = {text("u")}, .key_count = 1, .value_bytes_max = 0},
        {.keys = {text("r"), text("u")}, .key_count = 2, .value_bytes_max = 64},
        {.keys = {text("r"), text("a"), text("b"), text("")}, .key_count = 4, .value_bytes_max = 16},
    };
    cairn_skim_plan plan;
    if (cairn_skim_plan_init(paths, 4, input[1] & 1, &plan) != CAIRN_OK) abort();
    const uint8_t *document = input + 2;
    length -= 2;
    skim_outcome whole = skim_in_pieces(&plan, document, length, 0);
    skim_outcome cut = skim_in_pieces(&plan, document, length, 1 + input[0] % 24);
    if (!skim_outcome_same(&whole, &cut)) abort();
    if (whole.offset > length) abort();
    for (size_t i = 0; i < 4; i += 1) {
        const cairn_skim_value *value = &whole.values[i];
        if (whole.statuses[i] == CAIRN_ERR_NOT_FOUND) continue;
        if (value->offset + value->length > length) abort();
        if (value->raw.length == 0) continue;
        if (memcmp(document + value->offset, value->raw.bytes, value->raw.length) != 0) abort();
    }
    skim_outcome_free(&whole);
    skim_outcome_free(&cut);
    return 0;
}

/* cairn_skim_pass.c: passing over a value, the portable twin (strings by search, brackets byte by byte), and
 * the choice between twins. */
#include "cairn_skim_int.h"

/* Passes to behind the quote that ends the string at hand, or to the end. */
static size_t pass_string(const uint8_t *bytes, size_t index, size_t length, cairn_skim_inside *inside) {
    while (index < length) {
        if (inside->is_escaped) {
            inside->is_escaped = false;
            index += 1;
            continue;
        }
        index += cairn_bytes_find_either(bytes + index, length - index, '"', '\\');
        if (index == length) break;
        inside->is_escaped = bytes[index] == '\\';
        index += 1;
        if (inside->is_escaped) continue;
        inside->is_in_string = false;
        break;
    }
    return index;
}

size_t cairn_skim_pass_portable(const uint8_t *bytes, size_t length, cairn_skim_inside *inside) {
    size_t index = 0;
    while (index < length) {
        if (inside->is_in_string) {
            index = pass_string(bytes, index, length, inside);
            if (inside->nesting == 0 && !inside->is_in_string) break;
            continue;
        }
        const uint8_t byte = bytes[index];
        index += 1;
        if (byte == '"') inside->is_in_string = true;
        if (byte == '{' || byte == '[') inside->nesting += 1;
        if (byte == '}' || byte == ']') {
            inside->nesting -= 1;
            if (inside->nesting == 0) break;
        }
    }
    return index;
}

size_t cairn_skim_pass(const uint8_t *bytes, size_t length, cairn_skim_inside *inside) {
#if CAIRN_BYTES_HAS_AVX2
    if (length >= 64 && cairn_bytes_can_avx2()) return cairn_skim_pass_avx2(bytes, length, inside);
#endif
    return cairn_skim_pass_portable(bytes, length, inside);
}

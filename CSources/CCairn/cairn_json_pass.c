/* cairn_json_pass.c: passing over string content, the portable twin, and the choice between twins. */
#include "cairn_json_int.h"

size_t cairn_json_pass_escape(const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
    if (length - index < 2) return length;
    switch (text[index + 1]) {
    case '"':
    case '\\':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return index + 2;
    case '/':
        *seen |= CAIRN_JSON_SAW_RESPELLED;
        return index + 2;
    case 'u':
        break;
    default:
        return index;
    }
    *seen |= CAIRN_JSON_SAW_RESPELLED;
    for (size_t digit = index + 2; digit < index + 6; digit += 1) {
        if (digit == length) return length;
        if (cairn_json_hex_digit(text[digit]) < 0) return index;
    }
    return index + 6;
}

size_t cairn_json_pass_string_portable(const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
    while (index < length) {
        index += cairn_bytes_find_json_special(text + index, length - index);
        if (index == length || text[index] == '"' || text[index] < 0x20) return index;
        if (text[index] >= 0x80) {
            *seen |= CAIRN_JSON_SAW_HIGH;
            while (index < length && text[index] >= 0x80) index += 1;
            continue;
        }
        *seen |= CAIRN_JSON_SAW_ESCAPE;
        const size_t behind = cairn_json_pass_escape(text, index, length, seen);
        if (behind == index) return index;
        index = behind;
    }
    return length;
}

size_t cairn_json_pass_string(const uint8_t *text, size_t index, size_t length, uint32_t *seen) {
#if CAIRN_BYTES_HAS_AVX2
    if (cairn_bytes_can_avx2()) return cairn_json_pass_string_avx2(text, index, length, seen);
#endif
    return cairn_json_pass_string_portable(text, index, length, seen);
}

/* cairn_json_string.c: JSON string content to UTF-8 and back. Runs of plain ASCII are found 16 bytes a step
 * and copied whole; what stands between the runs is handled one character at a time. */
#include "cairn_json_int.h"

#include <stdbool.h>
#include <string.h>

/* A bounded place to write to. */
typedef struct sink {
    uint8_t *bytes;
    size_t length, capacity;
} sink;

static bool sink_write(sink *out, const uint8_t *bytes, size_t length) {
    if (length > out->capacity - out->length) return false;
    if (length > 0) memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
    return true;
}

int cairn_json_hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    const uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int32_t cairn_json_code_unit(const uint8_t *text, size_t length) {
    if (length < 6 || text[0] != '\\' || text[1] != 'u') return -1;
    int32_t unit = 0;
    for (size_t i = 2; i < 6; i += 1) {
        const int digit = cairn_json_hex_digit(text[i]);
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t put_utf8(uint32_t scalar, uint8_t out[4]) {
    if (scalar < 0x80) {
        out[0] = (uint8_t)scalar;
        return 1;
    }
    if (scalar < 0x800) {
        out[0] = (uint8_t)(0xC0 | scalar >> 6);
        out[1] = (uint8_t)(0x80 | (scalar & 0x3F));
        return 2;
    }
    if (scalar < 0x10000) {
        out[0] = (uint8_t)(0xE0 | scalar >> 12);
        out[1] = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (scalar & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | scalar >> 18);
    out[1] = (uint8_t)(0x80 | (scalar >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (scalar >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (scalar & 0x3F));
    return 4;
}

/* Reads the \uXXXX escape, or the pair of them, at the front of `text`. Returns its length, 0 when it is
 * wrong. */
static size_t read_unicode_escape(const uint8_t *text, size_t length, uint32_t *out_scalar) {
    const int32_t unit = cairn_json_code_unit(text, length);
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return 0;
    if (unit < 0xD800 || unit > 0xDFFF) {
        *out_scalar = (uint32_t)unit;
        return 6;
    }
    const int32_t low = cairn_json_code_unit(text + 6, length - 6);
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *out_scalar = 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return 12;
}

size_t cairn_json_read_escape(const uint8_t *text, size_t length, uint8_t utf8[4], size_t *out_utf8_length) {
    if (length < 2) return 0;
    *out_utf8_length = 1;
    switch (text[1]) {
    case '"':
        utf8[0] = '"';
        return 2;
    case '\\':
        utf8[0] = '\\';
        return 2;
    case '/':
        utf8[0] = '/';
        return 2;
    case 'b':
        utf8[0] = '\b';
        return 2;
    case 'f':
        utf8[0] = '\f';
        return 2;
    case 'n':
        utf8[0] = '\n';
        return 2;
    case 'r':
        utf8[0] = '\r';
        return 2;
    case 't':
        utf8[0] = '\t';
        return 2;
    case 'u':
        break;
    default:
        return 0;
    }
    uint32_t scalar = 0;
    const size_t taken = read_unicode_escape(text, length, &scalar);
    if (taken > 0) *out_utf8_length = put_utf8(scalar, utf8);
    return taken;
}

static cairn_status fail_at(size_t offset, size_t *out_error_offset) {
    *out_error_offset = offset;
    return CAIRN_ERR_SYNTAX;
}

size_t cairn_json_unescape_bound(size_t length) {
    return length;
}

cairn_status cairn_json_unescape(const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
    size_t *out_length, size_t *out_error_offset) {
    sink sink = {out, 0, capacity};
    for (size_t index = 0; index < length;) {
        const size_t run = cairn_bytes_find_json_special(text + index, length - index);
        if (!sink_write(&sink, text + index, run)) return CAIRN_ERR_NO_SPACE;
        index += run;
        if (index == length) break;
        uint8_t utf8[4];
        const uint8_t *piece = utf8;
        size_t taken = 0, piece_length = 0;
        if (text[index] == '\\') {
            taken = cairn_json_read_escape(text + index, length - index, utf8, &piece_length);
        } else if (text[index] >= 0x80) {
            piece = text + index;
            taken = piece_length = cairn_bytes_utf8_sequence(piece, length - index);
        }
        if (taken == 0) return fail_at(index, out_error_offset);
        if (!sink_write(&sink, piece, piece_length)) return CAIRN_ERR_NO_SPACE;
        index += taken;
    }
    *out_length = sink.length;
    return CAIRN_OK;
}

size_t cairn_json_escape_bound(size_t length) {
    return length > SIZE_MAX / 6 ? SIZE_MAX : length * 6;
}

size_t cairn_json_put_escape(uint8_t byte, uint8_t out[6]) {
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char digits[] = "0123456789abcdef";
    out[0] = '\\';
    out[1] = byte >= 0x20 ? byte : (uint8_t)short_forms[byte];
    if (out[1] != 0) return 2;
    memcpy(out + 1, "u00", 3);
    out[4] = (uint8_t)digits[byte >> 4];
    out[5] = (uint8_t)digits[byte & 0xF];
    return 6;
}

cairn_status cairn_json_escape(const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
    size_t *out_length, size_t *out_error_offset) {
    sink sink = {out, 0, capacity};
    for (size_t index = 0; index < length;) {
        const size_t run = cairn_bytes_find_json_special(text + index, length - index);
        if (!sink_write(&sink, text + index, run)) return CAIRN_ERR_NO_SPACE;
        index += run;
        if (index == length) break;
        uint8_t escape[6];
        const uint8_t *piece = escape;
        size_t taken = 1, piece_length = 0;
        if (text[index] >= 0x80) {
            piece = text + index;
            taken = piece_length = cairn_bytes_utf8_sequence(piece, length - index);
            if (taken == 0) return fail_at(index, out_error_offset);
        } else {
            piece_length = cairn_json_put_escape(text[index], escape);
        }
        if (!sink_write(&sink, piece, piece_length)) return CAIRN_ERR_NO_SPACE;
        index += taken;
    }
    *out_length = sink.length;
    return CAIRN_OK;
}

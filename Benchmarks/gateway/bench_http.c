/* See bench_http.h: heads, headers and chunks for the benchmark's own two programs. */
#define _GNU_SOURCE
#include "bench_http.h"

#include <string.h>
#include <strings.h>

size_t bench_http_head_length(const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - bytes) + 4;
}

bool bench_http_find(bench_slice head, const char *name, bench_slice *out)
{
    size_t name_length = strlen(name);
    const char *end = head.bytes + head.length;
    const char *line = memchr(head.bytes, '\n', head.length);
    while (line != NULL && ++line < end) {
        const char *line_end = memchr(line, '\r', (size_t)(end - line));
        if (line_end == NULL)
            return false;
        if ((size_t)(line_end - line) > name_length && line[name_length] == ':'
            && strncasecmp(line, name, name_length) == 0) {
            const char *value = line + name_length + 1;
            while (value < line_end && *value == ' ')
                value++;
            while (value < line_end && line_end[-1] == ' ')
                line_end--;
            *out = (bench_slice){value, (size_t)(line_end - value)};
            return true;
        }
        line = memchr(line_end, '\n', (size_t)(end - line_end));
    }
    return false;
}

bool bench_http_number(bench_slice text, uint64_t *out)
{
    if (text.length == 0 || text.length > 18)
        return false;
    uint64_t number = 0;
    for (size_t index = 0; index < text.length; index++) {
        char digit = text.bytes[index];
        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (uint64_t)(digit - '0');
    }
    *out = number;
    return true;
}

uint64_t bench_http_number_or(bench_slice head, const char *name, uint64_t fallback)
{
    bench_slice text;
    uint64_t number = fallback;
    if (bench_http_find(head, name, &text))
        bench_http_number(text, &number);
    return number;
}

static int hexadecimal_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* One byte of a chunk's frame: the size line, the line end after the data, or the end of the body. */
static void take_frame_byte(bench_chunked *self, char byte)
{
    int digit;
    switch (self->state) {
    case BENCH_CHUNKED_SIZE:
        digit = hexadecimal_value(byte);
        if (digit >= 0 && self->size_digits < 8) {
            self->left_bytes = self->left_bytes * 16 + (uint64_t)digit;
            self->size_digits++;
        } else if (byte == '\r' && self->size_digits > 0) {
            self->state = BENCH_CHUNKED_SIZE_LF;
        } else {
            self->state = BENCH_CHUNKED_MALFORMED;
        }
        return;
    case BENCH_CHUNKED_SIZE_LF:
        self->size_digits = 0;
        if (byte != '\n')
            self->state = BENCH_CHUNKED_MALFORMED;
        else
            self->state = self->left_bytes == 0 ? BENCH_CHUNKED_END_CR : BENCH_CHUNKED_DATA;
        return;
    case BENCH_CHUNKED_DATA_CR:
        self->state = byte == '\r' ? BENCH_CHUNKED_DATA_LF : BENCH_CHUNKED_MALFORMED;
        return;
    case BENCH_CHUNKED_DATA_LF:
        self->state = byte == '\n' ? BENCH_CHUNKED_SIZE : BENCH_CHUNKED_MALFORMED;
        return;
    case BENCH_CHUNKED_END_CR:
        self->state = byte == '\r' ? BENCH_CHUNKED_END_LF : BENCH_CHUNKED_MALFORMED;
        return;
    case BENCH_CHUNKED_END_LF:
        self->state = byte == '\n' ? BENCH_CHUNKED_DONE : BENCH_CHUNKED_MALFORMED;
        return;
    case BENCH_CHUNKED_DATA:
    case BENCH_CHUNKED_DONE:
    case BENCH_CHUNKED_MALFORMED:
        return;
    }
}

size_t bench_chunked_take(bench_chunked *self, bench_slice in, bench_slice *data)
{
    size_t taken = 0;
    *data = (bench_slice){in.bytes, 0};
    while (taken < in.length && self->state != BENCH_CHUNKED_DATA) {
        if (self->state == BENCH_CHUNKED_DONE || self->state == BENCH_CHUNKED_MALFORMED)
            return taken;
        take_frame_byte(self, in.bytes[taken++]);
    }
    if (self->state == BENCH_CHUNKED_DATA && taken < in.length) {
        size_t available = in.length - taken;
        size_t length = available < self->left_bytes ? available : (size_t)self->left_bytes;
        *data = (bench_slice){in.bytes + taken, length};
        taken += length;
        self->left_bytes -= length;
        if (self->left_bytes == 0)
            self->state = BENCH_CHUNKED_DATA_CR;
    }
    return taken;
}

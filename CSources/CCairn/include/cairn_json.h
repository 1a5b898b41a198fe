/* cairn_json.h: JSON text (RFC 8259) as bytes: string content in and out of its escapes.
 *
 * Used by everything that reads a captured value or writes a document around spans it copies. Strings here are the
 * content between the quotes; the quotes are the caller's. */
#ifndef CAIRN_JSON_H
#define CAIRN_JSON_H

#include "cairn_bytes.h"
#include "cairn_status.h"

/* The most bytes cairn_json_unescape can write for `length` bytes: an escape is never shorter than its UTF-8. */
size_t cairn_json_unescape_bound(size_t length);

/* Turns the content of a JSON string into UTF-8. Borrows `text`, which must not overlap `out`; allocates nothing.
 * Strict: refuses control characters, a bare '"', unknown escapes, surrogates that are not a pair, and ill-formed UTF-8.
 * Returns CAIRN_ERR_SYNTAX with *out_error_offset at the first wrong byte (an escape is wrong as a whole, at its
 * backslash), or CAIRN_ERR_NO_SPACE when more than `capacity` bytes would be written; *out_length is then untouched, and
 * `out` holds the front. Cost: one pass, 16 bytes a step in plain ASCII. */
cairn_status cairn_json_unescape(
    const uint8_t *text, size_t length, uint8_t *out, size_t capacity, size_t *out_length, size_t *out_error_offset);

/* The most bytes cairn_json_escape can write for `length` bytes, SIZE_MAX when that does not fit in a size. */
size_t cairn_json_escape_bound(size_t length);

/* Turns UTF-8 text into the content of a JSON string in the form of RFC 8785 3.2.2.2: \b \t \n \f \r \" \\, \u00xx for
 * other control characters, everything else as it is. Borrows `text`, which must not overlap `out`.
 * Returns CAIRN_ERR_SYNTAX with *out_error_offset at the first byte that is not well-formed UTF-8, or CAIRN_ERR_NO_SPACE;
 * *out_length is then untouched, and `out` holds the front. Cost: one pass. */
cairn_status cairn_json_escape(
    const uint8_t *text, size_t length, uint8_t *out, size_t capacity, size_t *out_length, size_t *out_error_offset);

#endif

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef ROOMD_WIRE_UTF8_H
#define ROOMD_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many bytes (1 to 4) the well-formed sequence at the beginning of `bytes` has, and in `*code_point` what
 * it stands for; 0, and `*code_point` is untouched, when there is none within `size`.
 */
size_t utf8_sequence(const uint8_t *bytes, size_t size, uint32_t *code_point);

bool utf8_is_valid(const uint8_t *bytes, size_t size);

/*
 * What the name of a room, a template or a content must be: 1 to ROOMD_NAME_BYTES_MAX bytes of valid UTF-8
 * without control characters (U+0000 to U+001F, U+007F to U+009F), line and paragraph separators (U+2028, U+2029) and what
 * turns the direction of the text around (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069; UAX #9): a name is what
 * it looks like.
 */
bool utf8_name_is_valid(const uint8_t *bytes, size_t size);

/*
 * Copies text of `text_bytes` bytes into `out`, as much as fits in `out_bytes_max` without cutting a
 * sequence; a byte that belongs to no well-formed sequence becomes '?', so what is written is always valid
 * UTF-8. It is not terminated. Returns how many bytes were written.
 */
size_t utf8_copy(uint8_t *out, size_t out_bytes_max, const uint8_t *text, size_t text_bytes);

#endif

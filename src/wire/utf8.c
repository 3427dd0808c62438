#include "wire/utf8.h"

#include "roomd/wire.h"

#include <string.h>

size_t utf8_sequence(const uint8_t *bytes, size_t size, uint32_t *code_point)
{
    /* By length: what marks the first byte, and the least code point that may be written so long. */
    static const struct {
        uint8_t mask, mark;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

    for (size_t length = 1; length <= 4 && length <= size; length++) {
        if ((bytes[0] & forms[length - 1].mask) != forms[length - 1].mark) {
            continue;
        }
        uint32_t value = bytes[0] & (uint32_t)(uint8_t)~forms[length - 1].mask;

        for (size_t i = 1; i < length; i++) {
            if ((bytes[i] & 0xC0) != 0x80) {
                return 0;
            }
            value = value << 6 | (bytes[i] & 0x3Fu);
        }
        if (value < forms[length - 1].least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
            return 0;
        }
        *code_point = value;
        return length;
    }
    return 0;
}

bool utf8_is_valid(const uint8_t *bytes, size_t size)
{
    uint32_t code_point;

    for (size_t pos = 0; pos < size;) {
        const size_t length = utf8_sequence(bytes + pos, size - pos, &code_point);

        if (length == 0) {
            return false;
        }
        pos += length;
    }
    return true;
}

/* Controls, line and paragraph separators, and what turns the direction of the text around (UAX #9). */
static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) || code_point == 0x061C ||
           code_point == 0x200E || code_point == 0x200F || (code_point >= 0x2028 && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

bool utf8_name_is_valid(const uint8_t *bytes, size_t size)
{
    uint32_t code_point;

    if (size < 1 || size > ROOMD_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t pos = 0; pos < size;) {
        const size_t length = utf8_sequence(bytes + pos, size - pos, &code_point);

        if (length == 0 || is_control(code_point)) {
            return false;
        }
        pos += length;
    }
    return true;
}

size_t utf8_copy(uint8_t *out, size_t out_bytes_max, const uint8_t *text, size_t text_bytes)
{
    uint32_t code_point;
    size_t used = 0;

    for (size_t pos = 0; pos < text_bytes;) {
        const size_t length = utf8_sequence(text + pos, text_bytes - pos, &code_point);
        const size_t step = length == 0 ? 1 : length;

        if (step > out_bytes_max - used) {
            break;
        }
        if (length == 0) {
            out[used] = '?';
        } else {
            memcpy(out + used, text + pos, length);
        }
        used += step;
        pos += step;
    }
    return used;
}

#include "base/base64url.h"

#include <errno.h>

/* 6 bits to their character. A mask is all ones where `value` lies beyond a border of the alphabet, or 0. */
static char character_of(uint32_t value)
{
    uint32_t beyond_upper = (25u - value) >> 8;
    uint32_t beyond_lower = (51u - value) >> 8;
    uint32_t beyond_digits = (61u - value) >> 8;
    uint32_t is_last = (62u - value) >> 8;
    uint32_t character = value + 'A';

    character += beyond_upper & (uint32_t)('a' - 'A' - 26);
    character += beyond_lower & (uint32_t)('0' - 'a' - 26);
    character += beyond_digits & (uint32_t)('-' - '0' - 10);
    character += is_last & (uint32_t)('_' - '-' - 1);
    return (char)(character & 0xFF);
}

size_t base64url_encode(char *out, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    char *at = out;

    for (; size >= 3; p += 3, size -= 3) {
        uint32_t group = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

        *at++ = character_of(group >> 18);
        *at++ = character_of(group >> 12 & 63);
        *at++ = character_of(group >> 6 & 63);
        *at++ = character_of(group & 63);
    }
    if (size > 0) {
        uint32_t group = (uint32_t)p[0] << 16 | (size > 1 ? (uint32_t)p[1] << 8 : 0);

        *at++ = character_of(group >> 18);
        *at++ = character_of(group >> 12 & 63);
        if (size > 1) {
            *at++ = character_of(group >> 6 & 63);
        }
    }
    return (size_t)(at - out);
}

/* -1: not of the alphabet. */
static int value_of(char character)
{
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    return character == '-' ? 62 : character == '_' ? 63 : -1;
}

ssize_t base64url_decode(uint8_t *out, const char *text, size_t size)
{
    uint8_t *at = out;
    uint32_t group = 0;
    unsigned bits = 0; /* of `group` that are not written yet */

    if (size % 4 == 1) {
        return -EINVAL;
    }
    for (size_t i = 0; i < size; i++) {
        int value = value_of(text[i]);

        if (value < 0) {
            return -EINVAL;
        }
        group = group << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *at++ = (uint8_t)(group >> bits);
        }
    }
    if ((group & ((1u << bits) - 1)) != 0) {
        return -EINVAL; /* the same bytes have a text already */
    }
    return at - out;
}

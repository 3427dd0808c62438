/* Text of the operator's: which names are fit to be seen, and how to show those that are not. */
#include "daemon/config_internal.h"

#include <string.h>

/*
 * Spaces, controls, and what is invisible or turns the text around it: a name that holds one is not what it
 * seems.
 */
static const struct {
    uint32_t first;
    uint32_t last;
} unprintable[] = {
    {0x0000, 0x0020},  /* C0 controls, space */
    {0x007F, 0x00A0},  /* DEL, C1 controls, no-break space */
    {0x00AD, 0x00AD},  /* soft hyphen */
    {0x061C, 0x061C},  /* Arabic letter mark */
    {0x1680, 0x1680},  /* Ogham space mark */
    {0x180E, 0x180E},  /* Mongolian vowel separator */
    {0x2000, 0x200F},  /* spaces of all widths, joiners, direction marks */
    {0x2028, 0x202F},  /* line and paragraph separators, direction embeddings, narrow no-break space */
    {0x205F, 0x206F},  /* mathematical space, invisible operators, direction isolates */
    {0x3000, 0x3000},  /* ideographic space */
    {0xD800, 0xDFFF},  /* surrogates are not characters */
    {0xFDD0, 0xFDEF},  /* noncharacters */
    {0xFEFF, 0xFEFF},  /* byte order mark */
    {0xFFF0, 0xFFFB},  /* unassigned, interlinear annotations */
    {0xFFFE, 0xFFFF},  /* noncharacters */
    {0xE0000, 0xE007F} /* tags */
};

/*
 * One character of UTF-8 in the shortest form, at most U+10FFFF. Returns its bytes, or 0 when it is
 * malformed. The text ends in a NUL, which is no continuation byte, so that nothing is read beyond it.
 */
static size_t decode_utf8(const unsigned char *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80   ? 1
                  : text[0] < 0xC0 ? 0
                  : text[0] < 0xE0 ? 2
                  : text[0] < 0xF0 ? 3
                  : text[0] < 0xF8 ? 4
                                   : 0;

    if (size <= 1) {
        *character = text[0];
        return size;
    }
    uint32_t value = text[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text[i] & 0x3Fu);
    }
    *character = value;
    return value >= least[size] && value <= 0x10FFFF ? size : 0;
}

static bool is_printable(uint32_t character)
{
    for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++) {
        if (character >= unprintable[i].first && character <= unprintable[i].last) {
            return false;
        }
    }
    return true;
}

/* The bytes of the printable character that `text` begins with, or 0. */
static size_t printable_size(const char *text)
{
    uint32_t character = 0;
    size_t size = decode_utf8((const unsigned char *)text, &character);

    return size > 0 && is_printable(character) ? size : 0;
}

bool config_text_is_printable(const char *text)
{
    if (text[0] == '\0') {
        return false;
    }
    while (text[0] != '\0') {
        size_t size = printable_size(text);

        if (size == 0) {
            return false;
        }
        text += size;
    }
    return true;
}

bool config_text_is_line(const char *text)
{
    while (text[0] != '\0') {
        size_t size = text[0] == ' ' ? 1 : printable_size(text);

        if (size == 0) {
            return false;
        }
        text += size;
    }
    return true;
}

const char *config_text_show(char *out, size_t out_size, const char *text)
{
    static const char dots[] = "...";
    size_t used = 0;

    while (text[0] != '\0') {
        size_t size = text[0] == ' ' ? 1 : printable_size(text);
        size_t step = size == 0 ? 1 : size;

        if (used + step + sizeof(dots) > out_size) {
            memcpy(out + used, dots, sizeof(dots));
            return out;
        }
        memcpy(out + used, size == 0 ? "?" : text, step);
        used += step;
        text += step;
    }
    out[used] = '\0';
    return out;
}

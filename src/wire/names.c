#include "wire/names.h"

#include <stddef.h>

/*
 * Lower case of a string literal, character by character, so that the names are read-only data from the
 * first.
 */
#define NAME_BYTES    24
#define NAME_AT(s, i) ((s)[(i) < sizeof(s) ? (i) : sizeof(s) - 1])
#define LOWER(s, i)                                                                                          \
    ((char)(NAME_AT(s, i) >= 'A' && NAME_AT(s, i) <= 'Z' ? NAME_AT(s, i) + 32 : NAME_AT(s, i)))
#define LOWER4(s, i) LOWER(s, i), LOWER(s, i + 1), LOWER(s, i + 2), LOWER(s, i + 3)
#define LOWER24(s)                                                                                           \
    {                                                                                                        \
        LOWER4(s, 0), LOWER4(s, 4), LOWER4(s, 8), LOWER4(s, 12), LOWER4(s, 16), LOWER4(s, 20)                \
    }

struct close_reason {
    char name[NAME_BYTES];
    const char *text; /* NULL where the table has a gap */
};

#define FITS(number, name, text) _Static_assert(sizeof(#name) <= NAME_BYTES, #name " outgrows NAME_BYTES");
ROOMD_CLOSE_REASONS(FITS)

#define REASON(number, name, text) [number] = {LOWER24(#name), text},
static const struct close_reason close_reasons[ROOMD_CLOSE_REASON_COUNT] = {
    [ROOMD_CLOSE_NONE] = {"none", "none"}, ROOMD_CLOSE_REASONS(REASON)};

#define ERROR(number, name, text) [number] = (text),
static const char *const error_texts[ROOMD_ERROR_COUNT] = {[ROOMD_ERROR_NONE] = "none", ROOMD_ERRORS(ERROR)};

static const struct close_reason *close_reason_find(enum roomd_close_reason reason)
{
    static const struct close_reason unknown = {"unknown", "unknown"};
    unsigned int number = (unsigned int)reason; /* a negative number becomes one that is out of range */

    return number < ROOMD_CLOSE_REASON_COUNT && close_reasons[number].text != NULL ? &close_reasons[number]
                                                                                   : &unknown;
}

const char *close_reason_name(enum roomd_close_reason reason)
{
    return close_reason_find(reason)->name;
}

const char *close_reason_text(enum roomd_close_reason reason)
{
    return close_reason_find(reason)->text;
}

const char *error_text(enum roomd_error code)
{
    unsigned int number = (unsigned int)code;

    return number < ROOMD_ERROR_COUNT && error_texts[number] != NULL ? error_texts[number] : "unknown";
}

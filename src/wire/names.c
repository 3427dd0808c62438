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

struct entry {
    char name[NAME_BYTES]; /* empty where the table has a gap */
    const char *text;
};

#define FITS(number, name, text) _Static_assert(sizeof(#name) <= NAME_BYTES, #name " outgrows NAME_BYTES");
ROOMD_CLOSE_REASONS(FITS)
ROOMD_ERRORS(FITS)

#define ENTRY(number, name, text) [number] = {LOWER24(#name), text},
static const struct entry close_reasons[] = {[ROOMD_CLOSE_NONE] = {"none", "none"},
                                             ROOMD_CLOSE_REASONS(ENTRY)};
static const struct entry errors[] = {[ROOMD_ERROR_NONE] = {"none", "none"}, ROOMD_ERRORS(ENTRY)};

#define LEAVE(name) [ROOMD_LEAVE_##name] = {LOWER24(#name), ""}
static const struct entry leave_reasons[] = {
    [0] = {"none", "none"}, LEAVE(ASKED), LEAVE(MOVED), LEAVE(DISCONNECTED), LEAVE(ROOM_CLOSED)};

static const struct entry *entry_find(const struct entry *entries, size_t count, size_t number)
{
    static const struct entry unknown = {"unknown", "unknown"};

    return number < count && entries[number].name[0] != '\0' ? &entries[number] : &unknown;
}

/* Through unsigned: a negative number becomes one that is out of range. */
#define FIND(entries, number)                                                                                \
    entry_find(entries, sizeof(entries) / sizeof(entries)[0], (unsigned int)(number))

const char *close_reason_name(enum roomd_close_reason reason)
{
    return FIND(close_reasons, reason)->name;
}

const char *close_reason_text(enum roomd_close_reason reason)
{
    return FIND(close_reasons, reason)->text;
}

const char *error_name(enum roomd_error code)
{
    return FIND(errors, code)->name;
}

const char *error_text(enum roomd_error code)
{
    return FIND(errors, code)->text;
}

const char *leave_reason_name(enum roomd_leave_reason reason)
{
    return FIND(leave_reasons, reason)->name;
}

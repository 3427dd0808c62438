/*
 * What the config_*.c files share: the table of keys, and values to and from text. Nobody else includes this
 * but tests.
 */
#ifndef ROOMD_DAEMON_CONFIG_INTERNAL_H
#define ROOMD_DAEMON_CONFIG_INTERNAL_H

#include "daemon/config.h"

enum config_section { CONFIG_SERVER, CONFIG_ROOM, CONFIG_SECTION_COUNT };

enum config_type {
    CONFIG_ADDRESSES, /* server_config.listen; the key may be given several times */
    CONFIG_TEXT,      /* char[] */
    CONFIG_CHOICE,    /* an enum that counts from 0 in the order of `choices` */
    CONFIG_FLAG,      /* bool: yes or no */
    CONFIG_NUMBER     /* uint32_t or uint64_t, counted in `unit` */
};

enum config_unit { CONFIG_COUNT, CONFIG_BYTES, CONFIG_NS };

/* One row of the table. `offset` and `size` place the field in struct server_config or struct room_config. */
struct config_key {
    enum config_section section;
    const char *name;
    enum config_type type;
    enum config_unit unit;      /* of numbers */
    const char *default_text;   /* as one would write it in the file */
    uint64_t least;             /* of numbers, in their unit */
    uint64_t most;              /* of numbers, in their unit */
    bool is_zero_allowed;       /* 0 is taken although it is below the least */
    const char *const *choices; /* of choices; ends in NULL */
    size_t offset;
    size_t size;
    bool is_reloadable; /* may change on SIGHUP */
    const char *help;
};

enum { CONFIG_KEYS_MAX = 32, CONFIG_VALUE_TEXT_BYTES = 320 };

extern const struct config_key config_keys[]; /* grouped by section */
extern const size_t config_key_count;         /* at most CONFIG_KEYS_MAX */

/* The key of that section and name, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);

/* The key of that section that `name` was probably meant to be (at most two edits away), or NULL. */
const struct config_key *config_key_nearest(enum config_section section, const char *name);

/*
 * Reads `text` into the key's field of `object`, a struct server_config or room_config as the key's section
 * says. Addresses are appended, everything else is replaced. Returns 0, or -EINVAL with the reason in `why`,
 * and `object` is as it was.
 */
int config_value_read(const struct config_key *key, void *object, const char *text, char *why,
                      size_t why_size);

/*
 * Writes the key's field of `object` as one would write it in the file; several addresses are set apart by
 * spaces.
 */
void config_value_print(const struct config_key *key, const void *object, char *out, size_t out_size);

/* The key's field as a number: numbers, choices and flags only. */
uint64_t config_value_number(const struct config_key *key, const void *object);

/* Writes a number in the largest unit in which it is whole: 250ms, 64KiB, 0. */
void config_number_print(enum config_unit unit, uint64_t value, char *out, size_t out_size);

/* Zeroes `object`, a struct server_config or room_config, and gives every key of the section its default. */
void config_section_default(enum config_section section, void *object);

/* Whether `text` is one or more printable characters of well-formed UTF-8 without any kind of space. */
bool config_text_is_printable(const char *text);

/*
 * Copies `text` for an error message: unprintable bytes become `?`, and long texts end in `...`. Returns
 * `out`.
 */
const char *config_text_show(char *out, size_t out_size, const char *text);

/*
 * Looks for two rooms of one name. Returns 0 and the pair whose second head comes first in the file, or NULL
 * for both when all names differ; -ENOMEM.
 */
int config_find_twins(const struct config *config, const struct room_config **first,
                      const struct room_config **second);

#endif

/*
 * What the config_*.c files share: the table of keys, and values to and from text. Nobody else includes this
 * but tests.
 */
#ifndef ROOMD_DAEMON_CONFIG_INTERNAL_H
#define ROOMD_DAEMON_CONFIG_INTERNAL_H

#include "daemon/config.h"

/*
 * A row of the table stands under CONFIG_ROOM when both rooms and templates have it, unless it is_room_only, and
 * under CONFIG_TEMPLATE when only templates do.
 */
enum config_section { CONFIG_SERVER, CONFIG_ROOM, CONFIG_TEMPLATE, CONFIG_SECTION_COUNT };

enum config_type {
    CONFIG_ADDRESSES, /* server_config.listen; the key may be given several times */
    CONFIG_NETWORKS,  /* struct network_list, set apart by spaces; may be empty */
    CONFIG_TEXT,      /* char[], never empty */
    CONFIG_PATH,      /* char[], may be empty */
    CONFIG_LINE,      /* char[], printable, with spaces; may be empty */
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
    bool is_room_only;
    const char *help;
};

enum {
    CONFIG_KEYS_MAX = 128,
    CONFIG_VALUE_TEXT_BYTES = 520,
    CONFIG_SHOWN_BYTES = 80 /* of foreign text in an error */
};

extern const struct config_key config_keys[]; /* grouped by section */
extern const size_t config_key_count;         /* at most CONFIG_KEYS_MAX */

/* Whether the key may stand in that section. */
bool config_key_is_in(const struct config_key *key, enum config_section section);

/* The key of that section and name, or NULL. */
const struct config_key *config_key_find(enum config_section section, const char *name);

/* The key of that section that `name` was probably meant to be (at most two edits away), or NULL. */
const struct config_key *config_key_nearest(enum config_section section, const char *name);

/*
 * Whether `candidate` is nearer to `name` than *edits edits, and not wholly another name; then *edits is how near.
 * Start with CONFIG_EDITS_NONE.
 */
enum { CONFIG_EDITS_NONE = 3 };
bool config_is_nearer(const char *candidate, const char *name, size_t *edits);

/* `[server]`, `[room NAME]` or `[template NAME]`: where a key of that section is written. */
extern const char *const config_section_heads[CONFIG_SECTION_COUNT];

/* Where a text comes from, and where to say what is wrong with it. */
struct config_source {
    const char *name; /* the file's */
    char *error;
    size_t error_size;
};

/* Writes `FILE:LINE: ` and the text; returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int config_refuse(const struct config_source *source, int line,
                                                        const char *format, ...);

/* `[room NAME]` or `[template NAME]` of this one. Returns `out`. */
const char *config_room_head(const struct room_config *room, char out[CONFIG_SHOWN_BYTES]);

/*
 * Keeps a key of the content's own. `why` says why not: -EINVAL for one that is there already or one too many,
 * -ENOMEM.
 */
int config_setting_add(struct room_config *room, const char *key, const char *value, int line, char *why,
                       size_t why_size);
void config_settings_fini(struct room_config *room);

/* The module's keys, which end with a NULL key; never NULL. */
const struct roomd_option *config_content_options(const struct roomd_content *content);
/* The room's value of an option: as given, or the default. */
const char *config_setting_value(const struct room_config *room, const struct roomd_option *option);
/* Whether two values of an option are the same to its content. */
bool config_option_is_same(const struct roomd_option *option, const char *a, const char *b);
/* Checks the room's settings against the options of room->module. 0 or -EINVAL. */
int config_check_settings(const struct config_source *source, const struct room_config *room);

/*
 * What must hold between keys, and between the rooms and templates of a file of `lines` lines. `server_line` is that of
 * [server]. 0, -EINVAL or -ENOMEM.
 */
int config_check_whole(const struct config_source *source, const struct config *config, int server_line,
                       int lines);

/*
 * The rooms in the order of their names, and of their lines where they have the same name; with the templates among
 * them if so wanted. To be freed by the caller; NULL when there is no memory.
 */
const struct room_config **config_sort_rooms(const struct config *config, bool has_templates);

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
/* The same, but ordinary spaces may be among them, and it may be empty. */
bool config_text_is_line(const char *text);

/*
 * Copies `text` for an error message: unprintable bytes become `?`, and long texts end in `...`. Returns
 * `out`.
 */
const char *config_text_show(char *out, size_t out_size, const char *text);

#endif

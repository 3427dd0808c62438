/*
 * The file's grammar, and how a configuration comes to be. What the keys are and what their values may be is
 * the table's affair (config_keys.c, config_value.c); what must hold between keys is checked at the end of
 * the file.
 */
#include "daemon/config.h"

#include "base/check.h"
#include "daemon/config_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 80 }; /* of foreign text in an error */

static const char blanks[] = " \t";

struct parser {
    struct config *config;
    const char *name; /* the file's, for errors */
    char *error;
    size_t error_size;
    int line;                       /* the one that is read now, from 1; 0 before the first */
    int server_line;                /* where [server] began; 0: not yet */
    enum config_section section;    /* the one that is open; CONFIG_SECTION_COUNT: none yet */
    int key_lines[CONFIG_KEYS_MAX]; /* in the open section, by the key's place in the table; 0: not given */
    uint32_t room_capacity;         /* of config->rooms */
    int autojoin_line;              /* 0: no room has it yet */
    uint64_t job_bytes_least;       /* the least job_bytes_max that was given; UINT64_MAX: none was */
    int job_bytes_line;
};

/* Writes `FILE:LINE: ` and the text; returns -EINVAL. */
__attribute__((format(printf, 3, 4))) static int refuse(const struct parser *parser, int line,
                                                        const char *format, ...)
{
    va_list arguments;
    int used = snprintf(parser->error, parser->error_size, "%s:%d: ", parser->name, line);

    if (used >= 0 && (size_t)used < parser->error_size) {
        va_start(arguments, format);
        vsnprintf(parser->error + used, parser->error_size - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return -EINVAL;
}

static struct room_config *open_room(const struct parser *parser)
{
    CHECK(parser->section == CONFIG_ROOM && parser->config->room_count > 0);
    return &parser->config->rooms[parser->config->room_count - 1];
}

/* Makes place for one more room, doubling. */
static int grow_rooms(struct parser *parser)
{
    struct config *config = parser->config;

    if (config->room_count < parser->room_capacity) {
        return 0;
    }
    if (config->room_count == CONFIG_ROOMS_MAX) {
        return refuse(parser, parser->line, "more than %d rooms", CONFIG_ROOMS_MAX);
    }
    uint32_t capacity = parser->room_capacity == 0 ? 4 : parser->room_capacity * 2;
    struct room_config *rooms = realloc(config->rooms, (size_t)capacity * sizeof(*rooms));
    if (rooms == NULL) {
        refuse(parser, parser->line, "no memory for %u rooms", capacity);
        return -ENOMEM;
    }
    config->rooms = rooms;
    parser->room_capacity = capacity;
    return 0;
}

static int parse_room_head(struct parser *parser, const char *name)
{
    char shown[SHOWN_BYTES];

    if (name[0] == '\0') {
        return refuse(parser, parser->line, "a room needs a name (write it like [room lobby])");
    }
    config_text_show(shown, sizeof(shown), name);
    if (strlen(name) > ROOMD_NAME_BYTES_MAX) {
        return refuse(parser, parser->line, "[room %s] the name is longer than %u bytes", shown,
                      ROOMD_NAME_BYTES_MAX);
    }
    if (!config_text_is_printable(name)) {
        return refuse(parser, parser->line, "[room %s] the name is not printable UTF-8 without spaces",
                      shown);
    }
    int result = grow_rooms(parser);
    if (result < 0) {
        return result;
    }
    struct room_config *room = &parser->config->rooms[parser->config->room_count++];
    config_section_default(CONFIG_ROOM, room);
    memcpy(room->name, name, strlen(name) + 1);
    room->line = parser->line;
    parser->section = CONFIG_ROOM;
    return 0;
}

static int parse_server_head(struct parser *parser)
{
    if (parser->server_line != 0) {
        return refuse(parser, parser->line, "a second [server] (the first is in line %d)",
                      parser->server_line);
    }
    parser->server_line = parser->line;
    parser->section = CONFIG_SERVER;
    return 0;
}

/* Cuts white space off the end and returns where the text begins behind the white space before it. */
static char *trim(char *text)
{
    size_t size = strlen(text);

    while (size > 0 && strchr(blanks, text[size - 1]) != NULL) {
        size--;
    }
    text[size] = '\0';
    return text + strspn(text, blanks);
}

static int parse_head(struct parser *parser, char *text)
{
    static const char room[] = "room";
    const size_t room_size = sizeof(room) - 1;
    char shown[SHOWN_BYTES];
    size_t size = strlen(text);

    if (text[size - 1] != ']') {
        return refuse(parser, parser->line, "%s: a section ends in ] (write [server] or [room NAME])",
                      config_text_show(shown, sizeof(shown), text));
    }
    text[size - 1] = '\0';
    text = trim(text + 1);
    memset(parser->key_lines, 0, sizeof(parser->key_lines));
    if (strcmp(text, "server") == 0) {
        return parse_server_head(parser);
    }
    if (strncmp(text, room, room_size) == 0 &&
        (text[room_size] == '\0' || strchr(blanks, text[room_size]) != NULL)) {
        return parse_room_head(parser, trim(text + room_size));
    }
    return refuse(parser, parser->line, "unknown section [%s] (write [server] or [room NAME])",
                  config_text_show(shown, sizeof(shown), text));
}

/* `[server]` or `[room NAME]` for an error. */
static const char *open_head(const struct parser *parser, char out[SHOWN_BYTES])
{
    if (parser->section == CONFIG_SERVER) {
        snprintf(out, SHOWN_BYTES, "[server]");
    } else {
        snprintf(out, SHOWN_BYTES, "[room %s]", open_room(parser)->name);
    }
    return out;
}

static int refuse_unknown_key(const struct parser *parser, const char *name)
{
    enum config_section other = parser->section == CONFIG_SERVER ? CONFIG_ROOM : CONFIG_SERVER;
    const struct config_key *nearest = config_key_nearest(parser->section, name);
    char head[SHOWN_BYTES];
    char shown[SHOWN_BYTES];

    open_head(parser, head);
    config_text_show(shown, sizeof(shown), name);
    if (config_key_find(other, name) != NULL) {
        return refuse(parser, parser->line, "%s unknown key '%s' (it belongs into %s)", head, shown,
                      other == CONFIG_SERVER ? "[server]" : "[room NAME]");
    }
    if (nearest != NULL) {
        return refuse(parser, parser->line, "%s unknown key '%s' (did you mean '%s'?)", head, shown,
                      nearest->name);
    }
    return refuse(parser, parser->line, "%s unknown key '%s'", head, shown);
}

/* What the checks between keys must remember, since a room's later lines or [server] may still come. */
static int note_room_value(struct parser *parser, const struct room_config *room)
{
    if (room->is_autojoin && parser->autojoin_line == 0) {
        parser->autojoin_line = parser->line;
    } else if (room->is_autojoin && parser->autojoin_line < room->line) {
        return refuse(parser, parser->line, "[room %s] autojoin = yes, but another room has it (line %d)",
                      room->name, parser->autojoin_line);
    }
    if (room->job_bytes_max < parser->job_bytes_least) {
        parser->job_bytes_least = room->job_bytes_max;
        parser->job_bytes_line = parser->line;
    }
    return 0;
}

static int parse_value(struct parser *parser, const struct config_key *key, const char *text)
{
    char shown[SHOWN_BYTES];
    char why[CONFIG_VALUE_TEXT_BYTES];
    int *key_line = &parser->key_lines[key - config_keys];
    void *object = &parser->config->server;

    if (*key_line != 0 && key->type != CONFIG_ADDRESSES) {
        return refuse(parser, parser->line, "%s %s is given twice (first in line %d)",
                      open_head(parser, shown), key->name, *key_line);
    }
    if (*key_line == 0 && key->type == CONFIG_ADDRESSES) {
        parser->config->server.listen_count = 0; /* the file's addresses take the default's place */
    }
    *key_line = parser->line;
    if (key->section == CONFIG_ROOM) {
        object = open_room(parser);
    }
    if (config_value_read(key, object, text, why, sizeof(why)) < 0) {
        return refuse(parser, parser->line, "%s = %s: %s", key->name,
                      config_text_show(shown, sizeof(shown), text), why);
    }
    return key->section == CONFIG_ROOM ? note_room_value(parser, object) : 0;
}

static int parse_pair(struct parser *parser, char *text)
{
    char shown[SHOWN_BYTES];
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text) {
        return refuse(parser, parser->line, "'%s' is not a [section], a key = value or a # comment",
                      config_text_show(shown, sizeof(shown), text));
    }
    *equals = '\0';
    const char *name = trim(text);
    if (parser->section == CONFIG_SECTION_COUNT) {
        return refuse(parser, parser->line,
                      "'%s' stands before any section (write [server] or [room NAME] first)",
                      config_text_show(shown, sizeof(shown), name));
    }
    const struct config_key *key = config_key_find(parser->section, name);
    if (key == NULL) {
        return refuse_unknown_key(parser, name);
    }
    return parse_value(parser, key, trim(equals + 1));
}

static int parse_line(struct parser *parser, char *text)
{
    text = trim(text);
    if (text[0] == '\0' || text[0] == '#' || text[0] == ';') {
        return 0;
    }
    for (char *hash = strchr(text, '#'); hash != NULL; hash = strchr(hash + 1, '#')) {
        if (strchr(blanks, hash[-1]) != NULL) {
            *hash = '\0';
            break;
        }
    }
    text = trim(text);
    return text[0] == '[' ? parse_head(parser, text) : parse_pair(parser, text);
}

/*
 * Reads the next line without its newline, and without the CR before it. Returns 1; 0 at the end of the file;
 * or what is wrong.
 */
static int read_line(struct parser *parser, FILE *file, char text[CONFIG_LINE_BYTES_MAX + 1])
{
    size_t size = 0;
    int byte = 0;

    parser->line++;
    while ((byte = getc(file)) != EOF && byte != '\n') {
        if (byte == '\0') {
            return refuse(parser, parser->line, "a NUL byte");
        }
        if (size == CONFIG_LINE_BYTES_MAX) {
            return refuse(parser, parser->line, "longer than %d bytes", CONFIG_LINE_BYTES_MAX);
        }
        text[size++] = (char)byte;
    }
    if (byte == EOF && ferror(file)) {
        int number = errno;

        refuse(parser, parser->line, "cannot be read: %s", strerror(number));
        return number > 0 ? -number : -EIO;
    }
    if (byte == EOF && size == 0) {
        parser->line--;
        return 0;
    }
    if (parser->line > CONFIG_LINES_MAX) {
        return refuse(parser, parser->line, "more than %d lines", CONFIG_LINES_MAX);
    }
    if (size > 0 && text[size - 1] == '\r') {
        size--;
    }
    text[size] = '\0';
    return 1;
}

/* A round hands each player up to early_flush, so that much a player must be allowed to owe. */
static int check_early_flush(const struct parser *parser)
{
    for (uint32_t i = 0; i < parser->config->room_count; i++) {
        const struct room_config *room = &parser->config->rooms[i];
        char early[SHOWN_BYTES];
        char most[SHOWN_BYTES];

        if (room->early_flush_bytes > room->outbox_bytes_max) {
            config_number_print(CONFIG_BYTES, room->early_flush_bytes, early, sizeof(early));
            config_number_print(CONFIG_BYTES, room->outbox_bytes_max, most, sizeof(most));
            return refuse(parser, room->line, "[room %s] early_flush = %s: above outbox_bytes_max, %s",
                          room->name, early, most);
        }
    }
    return 0;
}

/* What can be judged only when the whole file is known. */
static int check_whole(const struct parser *parser)
{
    const struct config *config = parser->config;
    const struct room_config *first = NULL;
    const struct room_config *second = NULL;
    uint64_t job_bytes_needed = (uint64_t)CONFIG_FRAMES_PER_JOB_QUEUE * config->server.frame_bytes_max;

    if (config->room_count == 0) {
        return refuse(parser, parser->line > 0 ? parser->line : 1,
                      "no room (write at least one [room NAME])");
    }
    if (config->room_count > config->server.rooms_max) {
        const struct room_config *room = &config->rooms[config->server.rooms_max];

        return refuse(parser, room->line, "[room %s] is one more than rooms_max = %u", room->name,
                      config->server.rooms_max);
    }
    if (config_find_twins(config, &first, &second) < 0) {
        refuse(parser, parser->line, "no memory to compare %u rooms", config->room_count);
        return -ENOMEM;
    }
    if (second != NULL) {
        return refuse(parser, second->line, "a second [room %s] (the first is in line %d)", second->name,
                      first->line);
    }
    if (parser->job_bytes_least < job_bytes_needed) {
        char given[SHOWN_BYTES];

        config_number_print(CONFIG_BYTES, parser->job_bytes_least, given, sizeof(given));
        return refuse(parser, parser->job_bytes_line, "job_bytes_max = %s: below %d x frame_max, %llu", given,
                      CONFIG_FRAMES_PER_JOB_QUEUE, (unsigned long long)job_bytes_needed);
    }
    return check_early_flush(parser);
}

int config_parse(struct config *config, const char *name, FILE *file, char *error, size_t error_size)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF"; /* some editors begin a UTF-8 file with it */
    struct parser parser = {.config = config,
                            .name = name,
                            .error = error,
                            .error_size = error_size,
                            .section = CONFIG_SECTION_COUNT,
                            .job_bytes_least = UINT64_MAX};
    char text[CONFIG_LINE_BYTES_MAX + 1];
    int result = 0;

    memset(config, 0, sizeof(*config));
    config_section_default(CONFIG_SERVER, &config->server);
    while ((result = read_line(&parser, file, text)) > 0) {
        size_t mark = sizeof(byte_order_mark) - 1;
        bool is_marked = parser.line == 1 && strncmp(text, byte_order_mark, mark) == 0;

        result = parse_line(&parser, is_marked ? text + mark : text);
        if (result < 0) {
            break;
        }
    }
    if (result == 0) {
        result = check_whole(&parser);
    }
    if (result < 0) {
        config_fini(config);
    }
    return result;
}

int config_load(struct config *config, const char *path, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        int number = errno;

        memset(config, 0, sizeof(*config));
        snprintf(error, error_size, "%s: cannot be opened: %s", path, strerror(number));
        return -number;
    }
    int result = config_parse(config, path, file, error, error_size);
    fclose(file);
    return result;
}

int config_default(struct config *config)
{
    memset(config, 0, sizeof(*config));
    config->rooms = malloc(sizeof(*config->rooms));
    if (config->rooms == NULL) {
        return -ENOMEM;
    }
    config_section_default(CONFIG_SERVER, &config->server);
    config_section_default(CONFIG_ROOM, &config->rooms[0]);
    snprintf(config->rooms[0].name, sizeof(config->rooms[0].name), "lobby");
    config->rooms[0].is_autojoin = true;
    config->room_count = 1;
    return 0;
}

void config_fini(struct config *config)
{
    free(config->rooms);
    memset(config, 0, sizeof(*config));
}

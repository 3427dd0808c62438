/*
 * The file's grammar, and how a configuration comes to be. What the keys are and what their values may be is
 * the table's affair (config_keys.c, config_value.c), or the content's (config_content.c); what must hold between
 * keys is checked at the end of the file (config_check.c).
 */
#include "daemon/config.h"

#include "base/check.h"
#include "base/memory.h"
#include "daemon/config_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const char blanks[] = " \t";

struct parser {
    struct config *config;
    struct config_source source;
    int line;                       /* the one that is read now, from 1; 0 before the first */
    int server_line;                /* where [server] began; 0: not yet */
    enum config_section section;    /* the one that is open; CONFIG_SECTION_COUNT: none yet */
    int key_lines[CONFIG_KEYS_MAX]; /* in the open section, by the key's place in the table; 0: not given */
    uint32_t room_capacity;         /* of config->rooms */
    uint32_t template_capacity;     /* of config->templates */
    int autojoin_line;              /* 0: no room has it yet */
    uint64_t job_bytes_least;       /* the least job_bytes_max that was given; UINT64_MAX: none was */
    int job_bytes_line;
};

/* An error in the line that is read now. */
#define refuse(parser, ...) config_refuse(&(parser)->source, (parser)->line, __VA_ARGS__)

/* The room or template whose section is open. */
static struct room_config *open_room(const struct parser *parser)
{
    const struct config *config = parser->config;

    CHECK(parser->section == CONFIG_ROOM || parser->section == CONFIG_TEMPLATE);
    return parser->section == CONFIG_ROOM ? &config->rooms[config->room_count - 1]
                                          : &config->templates[config->template_count - 1];
}

/* Makes place for one more in a list of rooms or templates, doubling. */
static int grow_list(const struct parser *parser, struct room_config **list, uint32_t count,
                     uint32_t *capacity, uint32_t most)
{
    const char *what = list == &parser->config->rooms ? "rooms" : "templates";

    if (count < *capacity) {
        return 0;
    }
    if (count == most) {
        return refuse(parser, "more than %u %s", most, what);
    }
    uint32_t wanted = *capacity == 0 ? 4 : *capacity * 2;
    struct room_config *grown = memory_resize(*list, (size_t)wanted * sizeof(*grown));
    if (grown == NULL) {
        refuse(parser, "no memory for %u %s", wanted, what);
        return -ENOMEM;
    }
    *list = grown;
    *capacity = wanted;
    return 0;
}

/* Appends a room or template with all defaults and opens its section. */
static int open_section(struct parser *parser, enum config_section section, const char *name)
{
    struct config *config = parser->config;
    int result = section == CONFIG_ROOM ? grow_list(parser, &config->rooms, config->room_count,
                                                    &parser->room_capacity, CONFIG_ROOMS_MAX)
                                        : grow_list(parser, &config->templates, config->template_count,
                                                    &parser->template_capacity, CONFIG_TEMPLATES_MAX);

    if (result < 0) {
        return result;
    }
    struct room_config *room = section == CONFIG_ROOM ? &config->rooms[config->room_count++]
                                                      : &config->templates[config->template_count++];
    config_section_default(section, room);
    memcpy(room->name, name, strlen(name) + 1);
    room->is_template = section == CONFIG_TEMPLATE;
    room->line = parser->line;
    room->content_line = parser->line;
    parser->section = section;
    return 0;
}

static int parse_named_head(struct parser *parser, enum config_section section, const char *name)
{
    const char *kind = section == CONFIG_ROOM ? "room" : "template";
    char shown[CONFIG_SHOWN_BYTES];

    if (name[0] == '\0') {
        return refuse(parser, "a %s needs a name (write it like [%s lobby])", kind, kind);
    }
    config_text_show(shown, sizeof(shown), name);
    if (strlen(name) > ROOMD_NAME_BYTES_MAX) {
        return refuse(parser, "[%s %s] the name is longer than %u bytes", kind, shown, ROOMD_NAME_BYTES_MAX);
    }
    if (!config_text_is_printable(name)) {
        return refuse(parser, "[%s %s] the name is not printable UTF-8 without spaces", kind, shown);
    }
    return open_section(parser, section, name);
}

static int parse_server_head(struct parser *parser)
{
    if (parser->server_line != 0) {
        return refuse(parser, "a second [server] (the first is in line %d)", parser->server_line);
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

/* What stands behind `word` and white space, or NULL when `text` does not begin with that word. */
static char *text_behind(char *text, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(text, word, size) != 0 || (text[size] != '\0' && strchr(blanks, text[size]) == NULL)) {
        return NULL;
    }
    return trim(text + size);
}

static int parse_head(struct parser *parser, char *text)
{
    static const char advice[] = "(write [server], [room NAME] or [template NAME])";
    char shown[CONFIG_SHOWN_BYTES];
    size_t size = strlen(text);

    if (text[size - 1] != ']') {
        return refuse(parser, "%s: a section ends in ] %s", config_text_show(shown, sizeof(shown), text),
                      advice);
    }
    text[size - 1] = '\0';
    text = trim(text + 1);
    memset(parser->key_lines, 0, sizeof(parser->key_lines));
    if (strcmp(text, "server") == 0) {
        return parse_server_head(parser);
    }
    char *name = text_behind(text, "room");
    if (name != NULL) {
        return parse_named_head(parser, CONFIG_ROOM, name);
    }
    name = text_behind(text, "template");
    if (name != NULL) {
        return parse_named_head(parser, CONFIG_TEMPLATE, name);
    }
    return refuse(parser, "unknown section [%s] %s", config_text_show(shown, sizeof(shown), text), advice);
}

/* The head of the open section, for an error. */
static const char *open_head(const struct parser *parser, char out[CONFIG_SHOWN_BYTES])
{
    return parser->section == CONFIG_SERVER ? "[server]" : config_room_head(open_room(parser), out);
}

static int refuse_server_key(const struct parser *parser, const char *name)
{
    const struct config_key *nearest = config_key_nearest(CONFIG_SERVER, name);
    char shown[CONFIG_SHOWN_BYTES];

    config_text_show(shown, sizeof(shown), name);
    for (int section = CONFIG_ROOM; section < CONFIG_SECTION_COUNT; section++) {
        if (config_key_find((enum config_section)section, name) != NULL) {
            return refuse(parser, "[server] unknown key '%s' (it belongs into %s)", shown,
                          config_section_heads[section]);
        }
    }
    if (nearest != NULL) {
        return refuse(parser, "[server] unknown key '%s' (did you mean '%s'?)", shown, nearest->name);
    }
    return refuse(parser, "[server] unknown key '%s'", shown);
}

/* A key that the table does not know is the content's, which may be named further down. */
static int parse_setting(struct parser *parser, const char *name, const char *text)
{
    char head[CONFIG_SHOWN_BYTES];
    char why[CONFIG_VALUE_TEXT_BYTES];
    int result = config_setting_add(open_room(parser), name, text, parser->line, why, sizeof(why));

    if (result < 0) {
        refuse(parser, "%s %s", open_head(parser, head), why);
    }
    return result;
}

/* What the checks between keys must remember, since a room's later lines or [server] may still come. */
static int note_room_value(struct parser *parser, const struct config_key *key, struct room_config *room)
{
    if (room->is_autojoin && parser->autojoin_line == 0) {
        parser->autojoin_line = parser->line;
    } else if (room->is_autojoin && parser->autojoin_line < room->line) {
        return refuse(parser, "[room %s] autojoin = yes, but another room has it (line %d)", room->name,
                      parser->autojoin_line);
    }
    if (room->job_bytes_max < parser->job_bytes_least) {
        parser->job_bytes_least = room->job_bytes_max;
        parser->job_bytes_line = parser->line;
    }
    if (key->offset == offsetof(struct room_config, content)) {
        room->content_line = parser->line;
    }
    return 0;
}

static int parse_value(struct parser *parser, const struct config_key *key, const char *text)
{
    char shown[CONFIG_SHOWN_BYTES];
    char why[CONFIG_VALUE_TEXT_BYTES];
    int *key_line = &parser->key_lines[key - config_keys];
    struct room_config *room = parser->section == CONFIG_SERVER ? NULL : open_room(parser);

    if (*key_line != 0 && key->type != CONFIG_ADDRESSES) {
        return refuse(parser, "%s %s is given twice (first in line %d)", open_head(parser, shown), key->name,
                      *key_line);
    }
    if (*key_line == 0 && key->type == CONFIG_ADDRESSES) {
        parser->config->server.listen_count = 0; /* the file's addresses take the default's place */
    }
    *key_line = parser->line;
    void *object = room == NULL ? (void *)&parser->config->server : room;
    if (config_value_read(key, object, text, why, sizeof(why)) < 0) {
        return refuse(parser, "%s = %s: %s", key->name, config_text_show(shown, sizeof(shown), text), why);
    }
    if (key->type == CONFIG_ADDRESSES) {
        parser->config->listen_lines[parser->config->server.listen_count - 1] = parser->line;
    }
    return room == NULL ? 0 : note_room_value(parser, key, room);
}

static int parse_pair(struct parser *parser, char *text)
{
    char shown[CONFIG_SHOWN_BYTES];
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text) {
        return refuse(parser, "'%s' is not a [section], a key = value or a # comment",
                      config_text_show(shown, sizeof(shown), text));
    }
    *equals = '\0';
    const char *name = trim(text);
    if (parser->section == CONFIG_SECTION_COUNT) {
        return refuse(parser,
                      "'%s' stands before any section (write [server], [room NAME] or [template NAME] first)",
                      config_text_show(shown, sizeof(shown), name));
    }
    const struct config_key *key = config_key_find(parser->section, name);
    if (key != NULL) {
        return parse_value(parser, key, trim(equals + 1));
    }
    if (parser->section == CONFIG_SERVER) {
        return refuse_server_key(parser, name);
    }
    return parse_setting(parser, name, trim(equals + 1));
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
            return refuse(parser, "a NUL byte");
        }
        if (size == CONFIG_LINE_BYTES_MAX) {
            return refuse(parser, "longer than %d bytes", CONFIG_LINE_BYTES_MAX);
        }
        text[size++] = (char)byte;
    }
    if (byte == EOF && ferror(file)) {
        int number = errno;

        refuse(parser, "cannot be read: %s", strerror(number));
        return number > 0 ? -number : -EIO;
    }
    if (byte == EOF && size == 0) {
        parser->line--;
        return 0;
    }
    if (parser->line > CONFIG_LINES_MAX) {
        return refuse(parser, "more than %d lines", CONFIG_LINES_MAX);
    }
    if (size > 0 && text[size - 1] == '\r') {
        size--;
    }
    text[size] = '\0';
    return 1;
}

/* What can be judged only when the whole file is known. */
static int check_whole(const struct parser *parser)
{
    uint64_t job_bytes_needed =
        (uint64_t)CONFIG_FRAMES_PER_JOB_QUEUE * parser->config->server.frame_bytes_max;
    int result = config_check_whole(&parser->source, parser->config, parser->server_line, parser->line);

    if (result == 0 && parser->job_bytes_least < job_bytes_needed) {
        char given[CONFIG_SHOWN_BYTES];

        config_number_print(CONFIG_BYTES, parser->job_bytes_least, given, sizeof(given));
        result = config_refuse(&parser->source, parser->job_bytes_line,
                               "job_bytes_max = %s: below %d x frame_max, %llu", given,
                               CONFIG_FRAMES_PER_JOB_QUEUE, (unsigned long long)job_bytes_needed);
    }
    return result;
}

int config_parse(struct config *config, const char *name, FILE *file, char *error, size_t error_size)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF"; /* some editors begin a UTF-8 file with it */
    struct parser parser = {.config = config,
                            .source = {.name = name, .error = error, .error_size = error_size},
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
    config->rooms = memory_take(sizeof(*config->rooms));
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
    for (uint32_t i = 0; i < config->room_count; i++) {
        config_settings_fini(&config->rooms[i]);
    }
    for (uint32_t i = 0; i < config->template_count; i++) {
        config_settings_fini(&config->templates[i]);
    }
    memory_give(config->rooms);
    memory_give(config->templates);
    bans_fini(&config->bans);
    explicit_bzero(config, sizeof(*config)); /* it may hold keys */
}

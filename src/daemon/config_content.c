/*
 * The keys that are the content's own: kept as text while the file is read, for `content =` may stand below them;
 * checked against what the module lists once it is loaded.
 */
#include "daemon/config_internal.h"

#include "base/check.h"
#include "base/memory.h"
#include "content/host.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* One block: the key, and behind it the value. */
static char *setting_make(const char *key, const char *value)
{
    size_t key_size = strlen(key) + 1;
    size_t value_size = strlen(value) + 1;
    char *block = memory_take(key_size + value_size);

    if (block != NULL) {
        memcpy(block, key, key_size);
        memcpy(block + key_size, value, value_size);
    }
    return block;
}

/* Makes place for one more, doubling at each power of two. */
static int settings_grow(struct room_config *room)
{
    size_t count = room->setting_count;
    size_t wanted = count == 0 ? 1 : 2 * count;

    if ((count & (count - 1)) != 0) {
        return 0;
    }
    struct room_setting *settings = memory_resize(room->settings, wanted * sizeof(*settings));
    if (settings == NULL) {
        return -ENOMEM;
    }
    room->settings = settings;
    int *lines = memory_resize(room->setting_lines, wanted * sizeof(*lines));
    if (lines == NULL) {
        return -ENOMEM;
    }
    room->setting_lines = lines;
    return 0;
}

int config_setting_add(struct room_config *room, const char *key, const char *value, int line, char *why,
                       size_t why_size)
{
    char shown[CONFIG_SHOWN_BYTES];
    char *block = NULL;

    for (uint32_t i = 0; i < room->setting_count; i++) {
        if (strcmp(room->settings[i].key, key) == 0) {
            snprintf(why, why_size, "%s is given twice (first in line %d)",
                     config_text_show(shown, sizeof(shown), key), room->setting_lines[i]);
            return -EINVAL;
        }
    }
    if (room->setting_count == CONFIG_SETTINGS_MAX) {
        snprintf(why, why_size, "more than %d keys of the content's own", CONFIG_SETTINGS_MAX);
        return -EINVAL;
    }
    if (settings_grow(room) < 0 || (block = setting_make(key, value)) == NULL) {
        snprintf(why, why_size, "no memory for %u keys", room->setting_count + 1);
        return -ENOMEM;
    }
    room->settings[room->setting_count] =
        (struct room_setting){.key = block, .value = block + strlen(key) + 1};
    room->setting_lines[room->setting_count++] = line;
    return 0;
}

void config_settings_fini(struct room_config *room)
{
    for (uint32_t i = 0; i < room->setting_count; i++) {
        memory_give((char *)(uintptr_t)room->settings[i].key); /* the block's beginning */
    }
    memory_give(room->settings);
    memory_give(room->setting_lines);
    room->settings = NULL;
    room->setting_lines = NULL;
    room->setting_count = 0;
}

const struct roomd_option *config_content_options(const struct roomd_content *content)
{
    static const struct roomd_option none = {.key = NULL};
    const size_t needed = offsetof(struct roomd_content, options) + sizeof(content->options);

    return content == NULL || content->size < needed || content->options == NULL ? &none : content->options;
}

static const char *default_of(const struct roomd_option *option)
{
    return option->default_text == NULL ? "" : option->default_text;
}

const char *config_setting_value(const struct room_config *room, const struct roomd_option *option)
{
    for (uint32_t i = 0; i < room->setting_count; i++) {
        if (strcmp(room->settings[i].key, option->key) == 0) {
            return room->settings[i].value;
        }
    }
    return default_of(option);
}

/* -30, 2.5: no exponent, no other base, no words. 0, or -EINVAL. */
static int read_decimal(const char *text, double *value)
{
    const char *at = text[0] == '-' ? text + 1 : text;
    size_t whole = strspn(at, "0123456789");
    size_t fraction = 0;

    if (at[whole] == '.') {
        fraction = strspn(at + whole + 1, "0123456789");
        if (fraction == 0) {
            return -EINVAL;
        }
        fraction++;
    }
    if (whole == 0 || at[whole + fraction] != '\0') {
        return -EINVAL;
    }
    *value = strtod(text, NULL);
    return isfinite(*value) ? 0 : -EINVAL;
}

bool config_option_is_same(const struct roomd_option *option, const char *a, const char *b)
{
    double numbers[2];

    if (option->kind == ROOMD_OPTION_NUMBER && read_decimal(a, &numbers[0]) == 0 &&
        read_decimal(b, &numbers[1]) == 0) {
        return !(numbers[0] < numbers[1] || numbers[0] > numbers[1]);
    }
    return strcmp(a, b) == 0;
}

/* Whether the option takes `text`; if not, `why` says what is wrong. */
static bool option_takes(const struct roomd_option *option, const char *text, char *why, size_t why_size)
{
    double value = 0;

    why[0] = '\0';
    switch ((enum roomd_option_kind)option->kind) {
    case ROOMD_OPTION_FLAG:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
            snprintf(why, why_size, "not yes or no");
        }
        break;
    case ROOMD_OPTION_NUMBER:
        if (read_decimal(text, &value) < 0) {
            snprintf(why, why_size, "not a number (write it like 30 or 2.5)");
        } else if (value < option->least) {
            snprintf(why, why_size, "below the least, %.10g", option->least);
        } else if (value > option->most) {
            snprintf(why, why_size, "above the most, %.10g", option->most);
        }
        break;
    case ROOMD_OPTION_TEXT:
        if (!config_text_is_line(text)) {
            snprintf(why, why_size, "not printable UTF-8");
        }
        break;
    }
    return why[0] == '\0';
}

static const struct roomd_option *find_option(const struct roomd_option *options, const char *key)
{
    for (; options->key != NULL; options++) {
        if (strcmp(options->key, key) == 0) {
            return options;
        }
    }
    return NULL;
}

/* " (did you mean view?)", " (it belongs into [server])" or nothing. */
static void print_advice(const struct room_config *room, const char *name, char out[CONFIG_SHOWN_BYTES])
{
    enum config_section own = room->is_template ? CONFIG_TEMPLATE : CONFIG_ROOM;
    const struct config_key *key = config_key_nearest(own, name);
    const char *nearest = key == NULL ? NULL : key->name;
    size_t edits = CONFIG_EDITS_NONE;

    for (int section = 0; section < CONFIG_SECTION_COUNT; section++) {
        if (config_key_find((enum config_section)section, name) != NULL) {
            snprintf(out, CONFIG_SHOWN_BYTES, " (it belongs into %s)", config_section_heads[section]);
            return;
        }
    }
    if (key != NULL) {
        config_is_nearer(key->name, name, &edits);
    }
    for (const struct roomd_option *option = config_content_options(room->module); option->key != NULL;
         option++) {
        if (config_is_nearer(option->key, name, &edits)) {
            nearest = option->key;
        }
    }
    out[0] = '\0';
    if (nearest != NULL) {
        snprintf(out, CONFIG_SHOWN_BYTES, " (did you mean %s?)", nearest);
    }
}

int config_check_settings(const struct config_source *source, const struct room_config *room)
{
    const struct roomd_option *options = config_content_options(room->module);

    CHECK(room->module != NULL);
    for (uint32_t i = 0; i < room->setting_count; i++) {
        const struct room_setting *setting = &room->settings[i];
        const struct roomd_option *option = find_option(options, setting->key);
        char why[CONFIG_SHOWN_BYTES];
        char key[CONFIG_SHOWN_BYTES];
        char value[CONFIG_SHOWN_BYTES];

        config_text_show(key, sizeof(key), setting->key);
        config_text_show(value, sizeof(value), setting->value);
        if (option == NULL) {
            print_advice(room, setting->key, why);
            return config_refuse(source, room->setting_lines[i],
                                 "%s = %s: content %s has no key of that name%s", key, value,
                                 room->module->name, why);
        }
        if (!option_takes(option, setting->value, why, sizeof(why))) {
            return config_refuse(source, room->setting_lines[i], "%s = %s: %s", key, value, why);
        }
    }
    return 0;
}

int config_resolve(const char *path, const char *directory, char *out, size_t out_size)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    const char *base = slash == NULL ? "." : path;
    size_t base_size = slash == NULL ? 1 : (size_t)(slash - path);
    int used;

    if (directory[0] == '/') {
        used = snprintf(out, out_size, "%s", directory);
    } else if (directory[0] == '\0') {
        used = snprintf(out, out_size, "%.*s", (int)(base_size == 0 ? 1 : base_size), base);
    } else {
        used = snprintf(out, out_size, "%.*s/%s", (int)base_size, base, directory);
    }
    return used < 0 || (size_t)used >= out_size ? -ENAMETOOLONG : 0;
}

/* The directories in which contents are looked for. */
struct places {
    char config_dir[PATH_BYTES];
    char module_dir[PATH_BYTES];
    bool has_module_dir;
};

/* `before` is a room that is bound, or NULL: thousands of one content look for it once. */
static int bind_one(const struct config_source *source, const struct places *places,
                    const struct room_config *before, struct room_config *room)
{
    char why[CONFIG_ERROR_BYTES / 2] = "";
    char shown[CONFIG_ERROR_BYTES / 2];

    if (before != NULL && strcmp(before->content, room->content) == 0) {
        room->module = before->module;
    } else {
        room->module = content_load(room->content, places->config_dir,
                                    places->has_module_dir ? places->module_dir : NULL, why, sizeof(why));
    }
    if (room->module == NULL) { /* `why` begins with the name, or the path that it stands for */
        return config_refuse(source, room->content_line, "content = %s",
                             config_text_show(shown, sizeof(shown), why));
    }
    return config_check_settings(source, room);
}

static int bind_list(const struct config_source *source, const struct places *places,
                     struct room_config *rooms, uint32_t count)
{
    int result = 0;

    for (uint32_t i = 0; i < count && result == 0; i++) {
        result = bind_one(source, places, i == 0 ? NULL : &rooms[i - 1], &rooms[i]);
    }
    return result;
}

int config_bind(struct config *config, const char *path, char *error, size_t error_size)
{
    const char *module_dir = config->server.module_dir;
    struct config_source source = {
        .name = path == NULL ? "default" : path, .error = error, .error_size = error_size};
    struct places places = {.has_module_dir = module_dir[0] != '\0'};

    if (config_resolve(path, "", places.config_dir, sizeof(places.config_dir)) < 0 ||
        config_resolve(path, module_dir, places.module_dir, sizeof(places.module_dir)) < 0) {
        snprintf(error, error_size, "%.64s...: the path is too long", source.name);
        return -ENAMETOOLONG;
    }
    int result = bind_list(&source, &places, config->rooms, config->room_count);
    return result < 0 ? result : bind_list(&source, &places, config->templates, config->template_count);
}

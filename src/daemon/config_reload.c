/* Whether a running configuration may give way to another. */
#include "base/memory.h"
#include "daemon/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_name(const void *name, const void *element)
{
    return strcmp(name, (*(const struct room_config *const *)element)->name);
}

static bool is_same_listen(const struct server_config *a, const struct server_config *b)
{
    if (a->listen_count != b->listen_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->listen_count; i++) {
        if (strcmp(a->listen[i], b->listen[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_same_value(const struct config_key *key, const void *a, const void *b)
{
    switch (key->type) {
    case CONFIG_ADDRESSES:
        return is_same_listen(a, b);
    case CONFIG_NETWORKS:
        return memcmp((const char *)a + key->offset, (const char *)b + key->offset, key->size) == 0;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_LINE:
        return strcmp((const char *)a + key->offset, (const char *)b + key->offset) == 0;
    case CONFIG_CHOICE:
    case CONFIG_FLAG:
    case CONFIG_NUMBER:
        break;
    }
    return config_value_number(key, a) == config_value_number(key, b);
}

/* The first key of the section that differs though it may not; NULL when there is none. */
static const struct config_key *find_fixed_change(enum config_section section, const void *old_object,
                                                  const void *new_object)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];

        if (config_key_is_in(key, section) && !key->is_reloadable &&
            !is_same_value(key, old_object, new_object)) {
            return key;
        }
    }
    return NULL;
}

/* `head` is the section's. */
static int refuse_change(const char *head, const char *key, const char *was, const char *asked, char *error,
                         size_t error_size)
{
    char was_shown[CONFIG_SHOWN_BYTES];
    char asked_shown[CONFIG_SHOWN_BYTES];

    config_text_show(was_shown, sizeof(was_shown), was[0] == '\0' ? "empty" : was);
    config_text_show(asked_shown, sizeof(asked_shown), asked[0] == '\0' ? "nothing" : asked);
    snprintf(error, error_size, "%s %s may not change without a restart (it is %s, the file says %s)", head,
             key, was_shown, asked_shown);
    return -EINVAL;
}

static int check_section(enum config_section section, const char *head, const void *old_object,
                         const void *new_object, char *error, size_t error_size)
{
    const struct config_key *key = find_fixed_change(section, old_object, new_object);
    char was[CONFIG_VALUE_TEXT_BYTES];
    char asked[CONFIG_VALUE_TEXT_BYTES];

    if (key == NULL) {
        return 0;
    }
    config_value_print(key, old_object, was, sizeof(was));
    config_value_print(key, new_object, asked, sizeof(asked));
    return refuse_change(head, key->name, was, asked, error, error_size);
}

/* The keys of the content's own; both rooms have the same content. */
static int check_settings(const char *head, const struct room_config *old_room,
                          const struct room_config *new_room, char *error, size_t error_size)
{
    const struct roomd_option *option = config_content_options(old_room->module);

    for (; option->key != NULL; option++) {
        const char *was = config_setting_value(old_room, option);
        const char *asked = config_setting_value(new_room, option);

        if (option->is_reloadable == 0 && !config_option_is_same(option, was, asked)) {
            return refuse_change(head, option->key, was, asked, error, error_size);
        }
    }
    return 0;
}

static int check_room(const struct room_config *old_room, const struct room_config *new_room, char *error,
                      size_t error_size)
{
    char head[CONFIG_SHOWN_BYTES];

    config_room_head(old_room, head);
    if (new_room == NULL) {
        snprintf(error, error_size, "%s is gone: a room may not be removed without a restart", head);
        return -EINVAL;
    }
    int result = check_section(CONFIG_ROOM, head, old_room, new_room, error, error_size);
    return result < 0 ? result : check_settings(head, old_room, new_room, error, error_size);
}

int config_check_reload(const struct config *old_config, const struct config *new_config, char *error,
                        size_t error_size)
{
    int result =
        check_section(CONFIG_SERVER, "[server]", &old_config->server, &new_config->server, error, error_size);

    if (result < 0) {
        return result;
    }
    const struct room_config **sorted = config_sort_rooms(new_config, false);
    if (sorted == NULL) {
        snprintf(error, error_size, "no memory to compare %u rooms", new_config->room_count);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < old_config->room_count && result == 0; i++) {
        const struct room_config *old_room = &old_config->rooms[i];
        const struct room_config *const *found =
            bsearch(old_room->name, sorted, new_config->room_count, sizeof(*sorted), compare_name);

        result = check_room(old_room, found == NULL ? NULL : *found, error, error_size);
    }
    memory_give(sorted);
    return result;
}

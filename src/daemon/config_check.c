/* What must hold between rooms, and between a running configuration and the one that shall take its place. */
#include "daemon/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* By name, then by line. */
static int compare_rooms(const void *left, const void *right)
{
    const struct room_config *a = *(const struct room_config *const *)left;
    const struct room_config *b = *(const struct room_config *const *)right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int compare_name(const void *name, const void *element)
{
    return strcmp(name, (*(const struct room_config *const *)element)->name);
}

/*
 * The rooms in the order of their names, to be freed by the caller; NULL when there is no memory. Names may
 * be 65,536.
 */
static const struct room_config **sort_rooms(const struct config *config)
{
    const struct room_config **sorted = malloc(((size_t)config->room_count + 1) * sizeof(*sorted));

    if (sorted == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < config->room_count; i++) {
        sorted[i] = &config->rooms[i];
    }
    qsort(sorted, config->room_count, sizeof(*sorted), compare_rooms);
    return sorted;
}

int config_find_twins(const struct config *config, const struct room_config **first,
                      const struct room_config **second)
{
    const struct room_config **sorted = sort_rooms(config);

    *first = NULL;
    *second = NULL;
    if (sorted == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 1; i < config->room_count; i++) {
        bool is_earlier = *second == NULL || sorted[i]->line < (*second)->line;

        if (is_earlier && strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            *first = sorted[i - 1];
            *second = sorted[i];
        }
    }
    free(sorted);
    return 0;
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
    case CONFIG_TEXT:
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

        if (key->section == section && !key->is_reloadable && !is_same_value(key, old_object, new_object)) {
            return key;
        }
    }
    return NULL;
}

/* `head` is the section's, without brackets. */
static int check_section(enum config_section section, const char *head, const void *old_object,
                         const void *new_object, char *error, size_t error_size)
{
    const struct config_key *key = find_fixed_change(section, old_object, new_object);
    char was[CONFIG_VALUE_TEXT_BYTES];
    char asked[CONFIG_VALUE_TEXT_BYTES];
    char was_shown[80];
    char asked_shown[80];

    if (key == NULL) {
        return 0;
    }
    config_value_print(key, old_object, was, sizeof(was));
    config_value_print(key, new_object, asked, sizeof(asked));
    snprintf(error, error_size, "[%s] %s may not change without a restart (it is %s, the file says %s)", head,
             key->name, config_text_show(was_shown, sizeof(was_shown), was),
             config_text_show(asked_shown, sizeof(asked_shown), asked));
    return -EINVAL;
}

static int check_room(const struct room_config *old_room, const struct room_config *new_room, char *error,
                      size_t error_size)
{
    char head[ROOMD_NAME_BYTES_MAX + sizeof("room ")];

    snprintf(head, sizeof(head), "room %s", old_room->name);
    if (new_room == NULL) {
        snprintf(error, error_size, "[%s] is gone: a room may not be removed without a restart", head);
        return -EINVAL;
    }
    return check_section(CONFIG_ROOM, head, old_room, new_room, error, error_size);
}

int config_check_reload(const struct config *old_config, const struct config *new_config, char *error,
                        size_t error_size)
{
    int result =
        check_section(CONFIG_SERVER, "server", &old_config->server, &new_config->server, error, error_size);

    if (result < 0) {
        return result;
    }
    const struct room_config **sorted = sort_rooms(new_config);
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
    free(sorted);
    return result;
}

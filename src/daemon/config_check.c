/* What must hold between the keys, the rooms and the templates of a file. */
#include "base/memory.h"
#include "daemon/config_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int config_refuse(const struct config_source *source, int line, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(source->error, source->error_size, "%s:%d: ", source->name, line);

    if (used >= 0 && (size_t)used < source->error_size) {
        va_start(arguments, format);
        vsnprintf(source->error + used, source->error_size - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return -EINVAL;
}

const char *config_room_head(const struct room_config *room, char out[CONFIG_SHOWN_BYTES])
{
    snprintf(out, CONFIG_SHOWN_BYTES, "[%s %s]", room->is_template ? "template" : "room", room->name);
    return out;
}

/* By name, then by line. */
static int compare_rooms(const void *left, const void *right)
{
    const struct room_config *a = *(const struct room_config *const *)left;
    const struct room_config *b = *(const struct room_config *const *)right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

const struct room_config **config_sort_rooms(const struct config *config, bool has_templates)
{
    size_t template_count = has_templates ? config->template_count : 0;
    size_t count = config->room_count + template_count;
    const struct room_config **sorted = memory_take((count + 1) * sizeof(*sorted));

    if (sorted == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < config->room_count; i++) {
        sorted[i] = &config->rooms[i];
    }
    for (size_t i = 0; i < template_count; i++) {
        sorted[config->room_count + i] = &config->templates[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare_rooms);
    return sorted;
}

/*
 * Of all pairs of one name, the one whose second head comes first in the file; NULL for both when all names differ.
 * 0 or -ENOMEM.
 */
static int find_twins(const struct config *config, const struct room_config **first,
                      const struct room_config **second)
{
    const struct room_config **sorted = config_sort_rooms(config, true);
    size_t count = (size_t)config->room_count + config->template_count;

    *first = NULL;
    *second = NULL;
    if (sorted == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 1; i < count; i++) {
        bool is_earlier = *second == NULL || sorted[i]->line < (*second)->line;

        if (is_earlier && strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            *first = sorted[i - 1];
            *second = sorted[i];
        }
    }
    memory_give(sorted);
    return 0;
}

/* Operators, players and contents name rooms and templates alike. */
static int check_names(const struct config_source *source, const struct config *config, int lines)
{
    const struct room_config *first = NULL;
    const struct room_config *second = NULL;
    char heads[2][CONFIG_SHOWN_BYTES];

    if (find_twins(config, &first, &second) < 0) {
        config_refuse(source, lines, "no memory to compare %u rooms and templates",
                      config->room_count + config->template_count);
        return -ENOMEM;
    }
    if (second == NULL) {
        return 0;
    }
    config_room_head(second, heads[1]);
    if (first->is_template == second->is_template) {
        return config_refuse(source, second->line, "a second %s (the first is in line %d)", heads[1],
                             first->line);
    }
    return config_refuse(source, second->line, "%s has the name of %s (line %d)", heads[1],
                         config_room_head(first, heads[0]), first->line);
}

/* A round hands each player up to early_flush, so that much a player must be allowed to owe. */
static int check_early_flush(const struct config_source *source, const struct room_config *rooms,
                             uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct room_config *room = &rooms[i];
        char early[CONFIG_SHOWN_BYTES];
        char most[CONFIG_SHOWN_BYTES];
        char head[CONFIG_SHOWN_BYTES];

        if (room->early_flush_bytes > room->outbox_bytes_max) {
            config_number_print(CONFIG_BYTES, room->early_flush_bytes, early, sizeof(early));
            config_number_print(CONFIG_BYTES, room->outbox_bytes_max, most, sizeof(most));
            return config_refuse(source, room->line, "%s early_flush = %s: above outbox_bytes_max, %s",
                                 config_room_head(room, head), early, most);
        }
    }
    return 0;
}

/* A frame that is more than the burst could never come in. */
static int check_input_burst(const struct config_source *source, const struct config *config,
                             const char *head, uint64_t input_burst, int line)
{
    char given[CONFIG_SHOWN_BYTES];
    char needed[CONFIG_SHOWN_BYTES];

    if (input_burst >= config->server.frame_bytes_max) {
        return 0;
    }
    config_number_print(CONFIG_BYTES, input_burst, given, sizeof(given));
    config_number_print(CONFIG_BYTES, config->server.frame_bytes_max, needed, sizeof(needed));
    return config_refuse(source, line, "%s input_burst = %s: below frame_max, %s", head, given, needed);
}

static int check_input_bursts(const struct config_source *source, const struct config *config,
                              const struct room_config *rooms, uint32_t count)
{
    int result = 0;

    for (uint32_t i = 0; i < count && result == 0; i++) {
        char head[CONFIG_SHOWN_BYTES];

        if (rooms[i].input_burst > 0) { /* 0: the server's */
            result = check_input_burst(source, config, config_room_head(&rooms[i], head),
                                       rooms[i].input_burst, rooms[i].line);
        }
    }
    return result;
}

int config_check_whole(const struct config_source *source, const struct config *config, int server_line,
                       int lines)
{
    int last_line = lines > 0 ? lines : 1;

    if (config->room_count == 0) {
        return config_refuse(source, last_line, "no room (write at least one [room NAME])");
    }
    if (config->room_count > config->server.rooms_max) {
        const struct room_config *room = &config->rooms[config->server.rooms_max];

        return config_refuse(source, room->line, "[room %s] is one more than rooms_max = %u", room->name,
                             config->server.rooms_max);
    }
    int result = check_names(source, config, last_line);
    if (result == 0) {
        result = check_early_flush(source, config->rooms, config->room_count);
    }
    if (result == 0) {
        result = check_early_flush(source, config->templates, config->template_count);
    }
    if (result == 0) {
        result = check_input_burst(source, config, config_section_heads[CONFIG_SERVER],
                                   config->server.input_burst, server_line);
    }
    if (result == 0) {
        result = check_input_bursts(source, config, config->rooms, config->room_count);
    }
    if (result == 0) {
        result = check_input_bursts(source, config, config->templates, config->template_count);
    }
    return result;
}

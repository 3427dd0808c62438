/* A room's settings, its map and its rules: what world_make makes a world of. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/world.h"

#define VIEW_MIN_M   5.0
#define VIEW_MAX_M   500.0
#define SPEED_MAX    1000.0
#define SPEED_ON_MAP 6.0f
#define EXTENT_MIN_M 1.0
#define EXTENT_MAX_M 16000.0

/* A lagging client's burst and a tick: who goes further than that in a tick is registered anew at once. */
#define STRAY_S 2.0f

enum { LOG_BYTES = 384 };

const struct roomd_option world_options[] = {
    {.key = "map",
     .default_text = "",
     .help = "the ground: a file in data_dir; empty: open ground, without walls and monsters"},
    {.key = "rules",
     .default_text = "",
     .help = "skills and monsters: a file in data_dir; a map with camps needs one"},
    {.key = "view",
     .default_text = "0",
     .help = "how far players see, in m: the side of an area of interest, 5 to 500; 0: all see all",
     .kind = ROOMD_OPTION_NUMBER,
     .least = 0,
     .most = VIEW_MAX_M},
    {.key = "speed",
     .default_text = "auto",
     .help =
         "how fast players may be, in m/s, to 1,000; 0: no limit; auto: 6 on a map, no limit on open ground"},
    {.key = "extent",
     .default_text = "0",
     .help =
         "open ground reaches so far from the origin, in m, 1 to 16,000; 0: 2,048, and clients are not told",
     .kind = ROOMD_OPTION_NUMBER,
     .least = 0,
     .most = EXTENT_MAX_M},
    {.key = "spawn_radius",
     .default_text = "0",
     .help = "players come in at random within so many m of the spawn point",
     .kind = ROOMD_OPTION_NUMBER,
     .least = 0,
     .most = EXTENT_MAX_M},
    {.key = "ai_budget",
     .default_text = "2000",
     .help = "thoughts that monsters may have in a tick; the rest of them skip a turn",
     .kind = ROOMD_OPTION_NUMBER,
     .least = 16,
     .most = 1000000},
    {.key = "exit", .default_text = "town", .help = "the room where a dungeon's players go afterwards"},
    {.key = "pets",
     .default_text = "yes",
     .help = "players may call pets, where the rules have any",
     .kind = ROOMD_OPTION_FLAG},
    {.key = NULL},
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct world *world, const char *format, ...)
{
    char text[LOG_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    world->host->log(world->room, text);
    return -EINVAL;
}

/* Decimal, the whole of the text. */
static int number_read(const char *text, double *number)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || strspn(text, "0123456789.") != strlen(text)) {
        return -EINVAL;
    }
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number) ? 0 : -EINVAL;
}

static int option_number(const struct world *world, const char *key, double least, double most,
                         double *number)
{
    const char *text = world->host->option(world->room, key);

    if (text == NULL || number_read(text, number) < 0 || !(*number >= least && *number <= most)) {
        return refuse(world, "%s = %.32s: not a number from %g to %g", key, text != NULL ? text : "", least,
                      most);
    }
    return 0;
}

static int options_read_speed(struct world *world)
{
    const char *text = world->host->option(world->room, "speed");
    double speed;

    if (strcmp(text, "auto") == 0 || text[0] == '\0') {
        world->speed_m_s = world->map != NULL ? SPEED_ON_MAP : 0;
        return 0;
    }
    if (number_read(text, &speed) < 0 || speed > SPEED_MAX) {
        return refuse(world, "speed = %.32s: neither auto nor a number from 0 to %g", text, SPEED_MAX);
    }
    world->speed_m_s = (float)speed;
    return 0;
}

static int options_read_bounds(struct world *world)
{
    double extent_m;
    int error = option_number(world, "extent", 0, EXTENT_MAX_M, &extent_m);

    if (error < 0) {
        return error;
    }
    if (world->map != NULL) {
        if (extent_m > 0) {
            return refuse(world, "extent is for open ground: a map has bounds of its own");
        }
        world->x_max = (float)world->map->columns * world->map->tile_m;
        world->z_max = (float)world->map->rows * world->map->tile_m;
        world->has_bounds = true;
        return 0;
    }
    if (extent_m > 0 && extent_m < EXTENT_MIN_M) {
        return refuse(world, "extent = %g: neither 0 nor from %g to %g", extent_m, EXTENT_MIN_M,
                      EXTENT_MAX_M);
    }
    world->has_bounds = extent_m > 0;
    world->x_max = world->z_max = world->has_bounds ? (float)extent_m : WORLD_OPEN_HALF_M;
    world->x_min = world->z_min = -world->x_max;
    return 0;
}

static int options_read(struct world *world)
{
    const char *exit_room = world->host->option(world->room, "exit");
    double view_m, spawn_radius_m, ai_budget;
    int error = option_number(world, "view", 0, VIEW_MAX_M, &view_m);

    if (error == 0 && view_m > 0 && view_m < VIEW_MIN_M) {
        return refuse(world, "view = %g: neither 0 nor from %g to %g", view_m, VIEW_MIN_M, VIEW_MAX_M);
    }
    if (error == 0) {
        error = option_number(world, "spawn_radius", 0, EXTENT_MAX_M, &spawn_radius_m);
    }
    if (error == 0) {
        error = option_number(world, "ai_budget", 16, 1000000, &ai_budget);
    }
    if (error == 0) {
        error = options_read_speed(world);
    }
    if (error == 0) {
        error = options_read_bounds(world);
    }
    if (error == 0 && strlen(exit_room) > ROOMD_NAME_BYTES_MAX) {
        return refuse(world, "exit: a name of more than %u bytes", ROOMD_NAME_BYTES_MAX);
    }
    if (error == 0) {
        memcpy(world->exit, exit_room, strlen(exit_room) + 1);
        world->view_m = (float)view_m;
        world->spawn_radius_m = (float)spawn_radius_m;
        world->ai_budget = (uint32_t)ai_budget;
        world->has_pets = strcmp(world->host->option(world->room, "pets"), "yes") == 0;
    }
    return error;
}

/* ---- map and rules ---- */

/* 0 and *data, which is NULL when no file is named. */
static int file_read(const struct world *world, const char *key, char **data, size_t *bytes)
{
    const char *name = world->host->option(world->room, key);
    int error;

    *data = NULL;
    if (strlen(name) > MAP_NAME_BYTES_MAX) {
        return refuse(world, "%s: a name of more than %d bytes", key, MAP_NAME_BYTES_MAX);
    }
    error = world->host->read_data(world->room, name, data, bytes);
    if (error < 0) {
        refuse(world, "%s = %s can't be read: %s", key, name, strerror(-error));
        return error == -ENOMEM ? error : -EINVAL;
    }
    return 0;
}

static int map_load(struct world *world, const char *name)
{
    char error_text[MAP_ERROR_BYTES] = "";
    struct map *map = map_share(name);
    char *data;
    size_t bytes;
    int error;

    if (map == NULL) {
        error = file_read(world, "map", &data, &bytes);
        if (error < 0) {
            return error;
        }
        error = map_parse(name, data, bytes, &map, error_text);
        world->host->free(world->room, data);
        if (error < 0) {
            refuse(world, "%s", error_text[0] != '\0' ? error_text : "no memory for the map");
            return error;
        }
        map_add_shared(map, name);
    }
    world->map = map;
    return 0;
}

static int rules_load(struct world *world, const char *name)
{
    char error_text[RULES_ERROR_BYTES] = "";
    struct rules *rules = rules_share(name);
    char *data;
    size_t bytes;
    int error;

    if (rules == NULL) {
        error = file_read(world, "rules", &data, &bytes);
        if (error < 0) {
            return error;
        }
        error = rules_parse(name, data, bytes, &rules, error_text);
        world->host->free(world->room, data);
        if (error < 0) {
            refuse(world, "%s", error_text[0] != '\0' ? error_text : "no memory for the rules");
            return error;
        }
        rules_add_shared(rules, name);
    }
    world->rules = rules;
    return 0;
}

/* Every camp's monsters are known. */
static int camps_check(const struct world *world)
{
    for (uint32_t i = 0; world->map != NULL && i < world->map->camp_count; i++) {
        const struct map_camp *camp = &world->map->camps[i];

        if (world->rules == NULL) {
            return refuse(world, "map %s has camps: it needs rules", world->map->name);
        }
        if (rules_find_monster(world->rules, camp->type) < 0) {
            return refuse(world, "map %s: camp %s: the rules have no monster %s", world->map->name,
                          camp->name, camp->type);
        }
    }
    return 0;
}

static int files_load(struct world *world)
{
    const char *map = world->host->option(world->room, "map");
    const char *rules = world->host->option(world->room, "rules");
    int error = map[0] != '\0' ? map_load(world, map) : 0;

    if (error == 0 && rules[0] != '\0') {
        error = rules_load(world, rules);
    }
    return error == 0 ? camps_check(world) : error;
}

/* ---- the world ---- */

/* How far an entity may be from where it is registered: the hysteresis, and the way of a tick. */
static float stray_m(const struct world *world)
{
    float fastest_m_s = STRAY_S * world->speed_m_s;

    for (uint32_t i = 0; world->rules != NULL && i < world->rules->monster_count; i++) {
        fastest_m_s = fmaxf(fastest_m_s, world->rules->monsters[i].speed_m_s * WORLD_TICK_S_MAX);
    }
    return world->grid.hysteresis_m + fastest_m_s;
}

static int ground_open(struct world *world)
{
    int error = world_grid_open(world);

    if (error == -EINVAL) {
        return refuse(world, "view = %g is too small for so large a ground: more than %d cells",
                      world->view_m, WORLD_CELLS_MAX);
    }
    if (error == 0 && world->map != NULL && world->map->camp_count > 0) {
        world->camps = world->host->alloc(world->room, world->map->camp_count * sizeof(*world->camps));
        error = world->camps == NULL ? -ENOMEM : 0;
    }
    world->grid.stray_m = stray_m(world);
    return error;
}

struct world *world_make(const struct roomd_host *host, struct roomd_room *room,
                         const struct world_kind *kind, int *error)
{
    struct world *world = host->alloc(room, sizeof(*world));

    if (world == NULL) {
        *error = -ENOMEM;
        return NULL;
    }
    world->host = host;
    world->room = room;
    world->kind = kind;
    world->has_fighting = kind->has_fighting;
    world->next_entity = ROOMD_ENTITY_FIRST;
    *error = files_load(world);
    if (*error == 0) {
        *error = options_read(world);
    }
    if (*error == 0) {
        *error = ground_open(world);
    }
    if (*error < 0) {
        if (*error == -ENOMEM) {
            host->log(room, "no memory for the world");
        }
        world_unmake(world);
        return NULL;
    }
    return world;
}

/* They are shared, and counted: not const for their last holder. */
void world_unmake(struct world *world)
{
    if (world->map != NULL) {
        map_unref((struct map *)world->map);
    }
    if (world->rules != NULL) {
        rules_unref((struct rules *)world->rules);
    }
    world->map = NULL;
    world->rules = NULL;
}

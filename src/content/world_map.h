/*
 * Maps: the ground from a text file, checked as a whole, read once and shared by all rooms that use it.
 *
 *     # a comment, up to the grid
 *     map green_field
 *     tile 2                                     metres a character (0.5 to 64); 1 when left out
 *     spawn south 12 40                          name, column, row (of the grid, from 0); the first is the default
 *     portal gate 30 1 to town spawn north       name, column, row; `to ROOM` or `template NAME`, and where to come in
 *     camp wolves 20 20 type wolf count 5 radius 12 respawn 20s    type: a monster of the rules; radius in m
 *     npc elder 14 38 name Elder says "Welcome." greets "Hail!"    says: when talked to; greets: when one comes near
 *     grid
 *     ##########
 *     #..~~....#
 *
 * `#` is wall, `~` water (stops feet, not what flies), `.` floor. Column x, row z: a tile's middle is at
 * ((column + 0.5) * tile, 0, (row + 0.5) * tile). The rim need not be wall: what lies outside is wall. Every place must
 * be on floor. What follows a name and its place comes in any order; a portal's spawn, a camp's radius and respawn (0)
 * and what an NPC says and greets with ("") may be left out. Names are printable UTF-8 without blanks, and each but once
 * among its like.
 *
 * Whatever is wrong is an error that names its line; nothing of such a file is taken. Only ISO C: shared with
 * dummy-client.
 */
#ifndef ROOMD_CONTENT_WORLD_MAP_H
#define ROOMD_CONTENT_WORLD_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct point {
    float x, y, z;
};

enum {
    MAP_SIDE_MAX = 2048, /* columns, rows */
    MAP_BYTES_MAX = 8 * 1024 * 1024,
    MAP_NAME_BYTES_MAX = 64,
    MAP_TEXT_BYTES_MAX = 127,
    MAP_PLACES_MAX = 4096, /* of each: spawns, portals, camps, NPCs */
    MAP_CAMP_MONSTERS_MAX = 20000,
    MAP_ERROR_BYTES = 256
};

enum map_tile { MAP_FLOOR, MAP_WATER, MAP_WALL };

struct map_spawn {
    char name[MAP_NAME_BYTES_MAX + 1];
    struct point at;
};

struct map_portal {
    char name[MAP_NAME_BYTES_MAX + 1];
    struct point at;
    char to[MAP_NAME_BYTES_MAX + 1];    /* a room, or a template */
    char spawn[MAP_NAME_BYTES_MAX + 1]; /* where one comes in; "": the default */
    bool is_template;                   /* a room of one's own, for the party that stands here */
};

struct map_camp {
    char name[MAP_NAME_BYTES_MAX + 1];
    struct point at;
    char type[MAP_NAME_BYTES_MAX + 1];
    uint32_t count;
    float radius_m;
    uint32_t respawn_ms;
};

struct map_npc {
    char id[MAP_NAME_BYTES_MAX + 1];
    struct point at;
    char name[MAP_NAME_BYTES_MAX + 1];
    char says[MAP_TEXT_BYTES_MAX + 1];
    char greets[MAP_TEXT_BYTES_MAX + 1];
};

struct map {
    char name[MAP_NAME_BYTES_MAX + 1];
    uint32_t columns, rows;
    float tile_m;
    uint8_t *tiles; /* enum map_tile, row by row */
    struct map_spawn *spawns;
    struct map_portal *portals;
    struct map_camp *camps;
    struct map_npc *npcs;
    uint32_t spawn_count, portal_count, camp_count, npc_count; /* spawn_count is at least 1 */
    uint32_t refs;
    struct map *next; /* of those that are shared */
    char key[MAP_NAME_BYTES_MAX + 1];
};

/*
 * Parses a file's text. 0 and *out, with one reference that is the caller's; -EINVAL and `error` (MAP_ERROR_BYTES)
 * "NAME:LINE: what is wrong", or -ENOMEM.
 */
int map_parse(const char *name, const char *text, size_t bytes, struct map **out, char *error);

/* Those that are shared, by the name under which they were added: a reference for the caller, or NULL. */
struct map *map_share(const char *name);
/* From now on map_share finds it, until its last reference goes. `name`: MAP_NAME_BYTES_MAX at most. */
void map_add_shared(struct map *map, const char *name);
void map_unref(struct map *map);

enum map_tile map_tile_at(const struct map *map, float x,
                          float z); /* MAP_WALL outside, and for what is not finite */
/* Whether the straight way crosses nothing that stops: walls, and for `is_walk` water too. */
bool map_is_clear(const struct map *map, const struct point *from, const struct point *to, bool is_walk);
const struct map_spawn *map_find_spawn(const struct map *map, const char *name); /* NULL: no such name */

#endif

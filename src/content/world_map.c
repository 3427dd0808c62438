/* Maps that are in use: sharing, and what stands where. Reading them is world_map_parse.c. */
#include "content/world_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Those that map_share finds. A list is enough: a server has a handful of maps. */
static struct map *shared_maps;

struct map *map_share(const char *name)
{
    for (struct map *map = shared_maps; map != NULL; map = map->next) {
        if (strcmp(map->key, name) == 0) {
            map->refs++;
            return map;
        }
    }
    return NULL;
}

void map_add_shared(struct map *map, const char *name)
{
    size_t bytes = strlen(name);

    if (bytes > MAP_NAME_BYTES_MAX) {
        bytes = MAP_NAME_BYTES_MAX;
    }
    memcpy(map->key, name, bytes);
    map->key[bytes] = '\0';
    map->next = shared_maps;
    shared_maps = map;
}

void map_unref(struct map *map)
{
    if (map == NULL || --map->refs > 0) {
        return;
    }
    for (struct map **link = &shared_maps; *link != NULL; link = &(*link)->next) {
        if (*link == map) {
            *link = map->next;
            break;
        }
    }
    free(map->tiles);
    free(map->spawns);
    free(map->portals);
    free(map->camps);
    free(map->npcs);
    free(map);
}

static enum map_tile tile_of(const struct map *map, uint32_t column, uint32_t row)
{
    return (enum map_tile)map->tiles[(size_t)row * map->columns + column];
}

/* Where a place lies in units of tiles; false outside the map, and for what is not finite. */
static bool to_tiles(const struct map *map, float x, float z, double *u, double *v)
{
    *u = (double)x / (double)map->tile_m;
    *v = (double)z / (double)map->tile_m;
    return *u >= 0 && *v >= 0 && *u < map->columns && *v < map->rows; /* false for NaN, too */
}

enum map_tile map_tile_at(const struct map *map, float x, float z)
{
    double u;
    double v;

    return to_tiles(map, x, z, &u, &v) ? tile_of(map, (uint32_t)u, (uint32_t)v) : MAP_WALL;
}

static bool is_open(const struct map *map, int32_t column, int32_t row, bool is_walk)
{
    enum map_tile tile = tile_of(map, (uint32_t)column, (uint32_t)row);

    return tile == MAP_FLOOR || (tile == MAP_WATER && !is_walk);
}

/*
 * A way nearer than this (in tiles) to where four tiles meet is taken to go through that corner, and then all four
 * must be open. It is more than a float can be off on the largest map, 2^-24 * MAP_SIDE_MAX, so that a way along a
 * diagonal does not depend on how its ends were rounded.
 */
#define CORNER_TILES 1e-3

/*
 * The tiles that a straight line crosses, one after the other: J. Amanatides, A. Woo, "A Fast Voxel Traversal
 * Algorithm for Ray Tracing", Eurographics 1987. The number of steps is known from the ends, so that rounding can
 * neither miss the last tile nor run past it. Both ends lie on the map, and every step goes towards the second one, so
 * all the tiles between do.
 */
bool map_is_clear(const struct map *map, const struct point *from, const struct point *to, bool is_walk)
{
    double u0;
    double v0;
    double u1;
    double v1;

    if (!to_tiles(map, from->x, from->z, &u0, &v0) || !to_tiles(map, to->x, to->z, &u1, &v1)) {
        return false;
    }
    int32_t column = (int32_t)u0;
    int32_t row = (int32_t)v0;
    int32_t columns_left = abs((int32_t)u1 - column);
    int32_t rows_left = abs((int32_t)v1 - row);
    int32_t column_step = u1 > u0 ? 1 : -1;
    int32_t row_step = v1 > v0 ? 1 : -1;
    double du = fabs(u1 - u0);
    double dv = fabs(v1 - v0);
    /* How far along the way, of 1, the next border is crossed, and from one to the next. Used only where one is. */
    double next_u = (column_step > 0 ? column + 1 - u0 : u0 - column) / du;
    double next_v = (row_step > 0 ? row + 1 - v0 : v0 - row) / dv;
    double near = CORNER_TILES / (du > dv ? du : dv);

    if (!is_open(map, column, row, is_walk)) {
        return false;
    }
    while (columns_left > 0 || rows_left > 0) {
        bool is_both = columns_left > 0 && rows_left > 0;
        bool is_corner = is_both && fabs(next_u - next_v) < near;
        bool is_column = is_corner || rows_left == 0 || (is_both && next_u < next_v);

        if (is_corner && (!is_open(map, column + column_step, row, is_walk) ||
                          !is_open(map, column, row + row_step, is_walk))) {
            return false;
        }
        if (is_column) {
            column += column_step;
            columns_left--;
            next_u += 1 / du;
        }
        if (is_corner || !is_column) {
            row += row_step;
            rows_left--;
            next_v += 1 / dv;
        }
        if (!is_open(map, column, row, is_walk)) {
            return false;
        }
    }
    return true;
}

const struct map_spawn *map_find_spawn(const struct map *map, const char *name)
{
    for (uint32_t i = 0; i < map->spawn_count; i++) {
        if (strcmp(map->spawns[i].name, name) == 0) {
            return &map->spawns[i];
        }
    }
    return NULL;
}

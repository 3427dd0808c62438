/*
 * Maps. Whatever is taken must hold what world_map.h says of a map, and straight ways and searches over it must stay
 * on it; whatever is refused must be so in words.
 *
 * Input: the file.
 */
#include "fuzz.h"

#include "content/world_map.h"
#include "content/world_path.h"

#include <errno.h>

enum { WAYS_MAX = 16 };

static void check_at(const struct map *map, const char *name, const struct point *at)
{
    CHECK(memchr(name, '\0', MAP_NAME_BYTES_MAX + 1) != NULL && name[0] != '\0');
    CHECK(map_tile_at(map, at->x, at->z) == MAP_FLOOR);
    CHECK(at->y == 0);
}

static void check_map(const struct map *map)
{
    uint64_t monsters = 0;

    CHECK(map->columns >= 1 && map->columns <= MAP_SIDE_MAX && map->rows >= 1 && map->rows <= MAP_SIDE_MAX);
    CHECK(map->tile_m >= 0.5f && map->tile_m <= 64.0f);
    CHECK(map->spawn_count >= 1 && map->spawn_count <= MAP_PLACES_MAX);
    for (uint32_t i = 0; i < map->spawn_count; i++) {
        check_at(map, map->spawns[i].name, &map->spawns[i].at);
        CHECK(map_find_spawn(map, map->spawns[i].name) == &map->spawns[i]); /* names differ */
    }
    for (uint32_t i = 0; i < map->portal_count; i++) {
        check_at(map, map->portals[i].name, &map->portals[i].at);
        CHECK(map->portals[i].to[0] != '\0');
    }
    for (uint32_t i = 0; i < map->camp_count; i++) {
        check_at(map, map->camps[i].name, &map->camps[i].at);
        monsters += map->camps[i].count;
    }
    CHECK(monsters <= MAP_CAMP_MONSTERS_MAX);
    for (uint32_t i = 0; i < map->npc_count; i++) {
        check_at(map, map->npcs[i].id, &map->npcs[i].at);
        CHECK(memchr(map->npcs[i].says, '\0', sizeof(map->npcs[i].says)) != NULL);
        CHECK(memchr(map->npcs[i].greets, '\0', sizeof(map->npcs[i].greets)) != NULL);
    }
}

/* From the first spawn to the others: what is found is open all along. */
static void check_ways(const struct map *map)
{
    struct point out[PATH_POINTS_MAX];

    for (uint32_t i = 0; i < map->spawn_count && i < WAYS_MAX; i++) {
        uint32_t nodes = PATH_NODES_MAX;
        struct point at = map->spawns[0].at;
        uint32_t count = path_find(map, &at, &map->spawns[i].at, &nodes, out);

        CHECK(count <= PATH_POINTS_MAX && nodes <= PATH_NODES_MAX);
        for (uint32_t n = 0; n < count; n++) {
            CHECK(map_is_clear(map, &at, &out[n], true));
            at = out[n];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[MAP_ERROR_BYTES];
    uint8_t *text = fuzz_copy(data, size);
    struct map *map;
    int result = map_parse("f", (const char *)text, size, &map, error);

    free(text); /* nothing of it is kept */
    if (result < 0) {
        CHECK(result == -EINVAL && map == NULL);
        CHECK(strncmp(error, "f:", 2) == 0 && strlen(error) < sizeof(error));
        return 0;
    }
    check_map(map);
    check_ways(map);
    map_unref(map);
    return 0;
}

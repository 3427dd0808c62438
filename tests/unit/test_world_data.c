/* The bundled maps and rules: they are read, everything in them can be reached, and they fit together. */
#include "content/world_map.h"
#include "content/world_path.h"
#include "content/world_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const map_names[] = {"town.map", "field.map", "crypt.map"};

enum { TOWN, FIELD, CRYPT, MAPS };

static struct map *maps[MAPS];
static struct rules *rules;

static char *file_read(const char *name, size_t *bytes)
{
    char path[512];
    char *text = malloc(MAP_BYTES_MAX);

    snprintf(path, sizeof(path), "%s/tools/world/%s", ROOMD_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");

    if (file == NULL || text == NULL) {
        fail_msg("%s can not be read", path);
    } else {
        *bytes = fread(text, 1, MAP_BYTES_MAX, file);
        fclose(file);
    }
    return text;
}

static int files_open(void **state)
{
    char error[MAP_ERROR_BYTES];
    size_t bytes;

    (void)state;
    for (int i = 0; i < MAPS; i++) {
        char *text = file_read(map_names[i], &bytes);

        if (map_parse(map_names[i], text, bytes, &maps[i], error) != 0) {
            fail_msg("%s", error);
        }
        free(text);
    }
    char *text = file_read("world.rules", &bytes);

    if (rules_parse("world.rules", text, bytes, &rules, error) != 0) {
        fail_msg("%s", error);
    }
    free(text);
    return 0;
}

static int files_close(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        map_unref(maps[i]);
    }
    rules_unref(rules);
    return 0;
}

/* All floor tiles that one can walk to from the first spawn, by four neighbours: which is all that eight reach. */
static bool *reach(const struct map *map)
{
    size_t tiles = (size_t)map->columns * map->rows;
    bool *is_reached = calloc(tiles, sizeof(*is_reached));
    size_t *stack = malloc(4 * tiles * sizeof(*stack));
    size_t count = 0;

    assert_true(is_reached != NULL && stack != NULL);
    stack[count++] = (size_t)(map->spawns[0].at.z / map->tile_m) * map->columns +
                     (size_t)(map->spawns[0].at.x / map->tile_m);
    while (count > 0) {
        size_t at = stack[--count];
        size_t column = at % map->columns;

        if (is_reached[at] || map->tiles[at] != MAP_FLOOR) {
            continue;
        }
        is_reached[at] = true;
        if (column > 0) {
            stack[count++] = at - 1;
        }
        if (column + 1 < map->columns) {
            stack[count++] = at + 1;
        }
        if (at >= map->columns) {
            stack[count++] = at - map->columns;
        }
        if (at + map->columns < tiles) {
            stack[count++] = at + map->columns;
        }
    }
    free(stack);
    return is_reached;
}

static void assert_reached(const struct map *map, const bool *is_reached, const struct point *at,
                           const char *name)
{
    if (!is_reached[(size_t)(at->z / map->tile_m) * map->columns + (size_t)(at->x / map->tile_m)]) {
        fail_msg("%s: nobody gets to %s", map->name, name);
    }
}

static void everything_can_be_walked_to(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        const struct map *map = maps[i];
        bool *is_reached = reach(map);

        for (uint32_t n = 0; n < map->spawn_count; n++) {
            assert_reached(map, is_reached, &map->spawns[n].at, map->spawns[n].name);
        }
        for (uint32_t n = 0; n < map->portal_count; n++) {
            assert_reached(map, is_reached, &map->portals[n].at, map->portals[n].name);
        }
        for (uint32_t n = 0; n < map->camp_count; n++) {
            assert_reached(map, is_reached, &map->camps[n].at, map->camps[n].name);
        }
        for (uint32_t n = 0; n < map->npc_count; n++) {
            assert_reached(map, is_reached, &map->npcs[n].at, map->npcs[n].id);
        }
        free(is_reached);
    }
}

/* The rim is closed: it would be anyhow, but who draws the map should see it. */
static void the_rim_is_wall(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        const struct map *map = maps[i];

        for (uint32_t column = 0; column < map->columns; column++) {
            assert_int_equal(map->tiles[column], MAP_WALL);
            assert_int_equal(map->tiles[(size_t)(map->rows - 1) * map->columns + column], MAP_WALL);
        }
        for (uint32_t row = 0; row < map->rows; row++) {
            assert_int_equal(map->tiles[(size_t)row * map->columns], MAP_WALL);
            assert_int_equal(map->tiles[(size_t)row * map->columns + map->columns - 1], MAP_WALL);
        }
    }
}

static const struct map *map_named(const char *name)
{
    for (int i = 0; i < MAPS; i++) {
        if (strcmp(maps[i]->name, name) == 0) {
            return maps[i];
        }
    }
    fail_msg("a portal leads to %s, which is no room of the bundled world", name);
    return NULL;
}

/* tools/world.conf names its rooms and its template by their maps. */
static void portals_lead_to_spawns_that_are_there(void **state)
{
    uint32_t portals = 0;

    (void)state;
    for (int i = 0; i < MAPS; i++) {
        for (uint32_t n = 0; n < maps[i]->portal_count; n++) {
            const struct map_portal *portal = &maps[i]->portals[n];
            const struct map *to = map_named(portal->to);

            assert_int_equal(portal->is_template, to == maps[CRYPT]);
            if (portal->spawn[0] != '\0' && map_find_spawn(to, portal->spawn) == NULL) {
                fail_msg("%s: portal %s leads to spawn %s, which %s lacks", maps[i]->name, portal->name,
                         portal->spawn, to->name);
            }
            portals++;
        }
    }
    assert_in_range(portals, 4, 100);
}

static void every_camp_is_of_a_kind_that_the_rules_know(void **state)
{
    (void)state;
    for (int i = 0; i < MAPS; i++) {
        for (uint32_t n = 0; n < maps[i]->camp_count; n++) {
            int type = rules_find_monster(rules, maps[i]->camps[n].type);

            if (type < 0) {
                fail_msg("%s: camp %s: no monster %s", maps[i]->name, maps[i]->camps[n].name,
                         maps[i]->camps[n].type);
            }
            assert_false(rules->monsters[type].is_pet);
        }
    }
}

/* What each kind of room is about. */
static void the_world_has_what_its_rooms_need(void **state)
{
    static const char *const stages[] = {"wave1", "wave2", "wave3", "boss"};

    (void)state;
    assert_in_range(maps[TOWN]->npc_count, 3, 100);
    assert_int_equal(maps[TOWN]->camp_count, 0);
    for (uint32_t n = 0; n < maps[TOWN]->npc_count; n++) {
        assert_true(maps[TOWN]->npcs[n].says[0] != '\0' && maps[TOWN]->npcs[n].greets[0] != '\0');
    }
    assert_in_range(maps[FIELD]->camp_count, 5, 100);
    for (uint32_t n = 0; n < maps[FIELD]->camp_count; n++) {
        assert_in_range(maps[FIELD]->camps[n].respawn_ms, 1000, 600000);
    }
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        bool is_there = false;

        for (uint32_t n = 0; n < maps[CRYPT]->camp_count; n++) {
            is_there = is_there || strncmp(maps[CRYPT]->camps[n].name, stages[i], strlen(stages[i])) == 0;
        }
        assert_true(is_there);
    }
    for (uint16_t number = 1; number <= 4; number++) {
        assert_int_equal(rules_find_skill(rules, number), number - 1);
        assert_int_equal(rules->skills[number - 1].kind, number - 1); /* melee, ranged, area, heal */
    }
    int hound = rules_find_monster(rules, "hound");

    assert_true(hound >= 0 && rules->monsters[hound].is_pet);
    assert_true(rules->monsters[rules_find_monster(rules, "archer")].shoots > 0);
}

/* Nothing that shoots stands where its arrows do not reach; nobody is sent further than it would come back from. */
static void monsters_make_sense(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < rules->monster_count; i++) {
        const struct rules_monster *monster = &rules->monsters[i];

        assert_true(monster->leash_m >= monster->sight_m && monster->sight_m >= monster->range_m);
        if (monster->shoots != 0) {
            assert_true(monster->range_m <= rules->skills[monster->shoots - 1].range_m);
        }
    }
}

/* From the middle of a camp monsters find their way to where players come in, or say that it is too far: at once. */
static void ways_over_the_bundled_maps_stay_within_their_bounds(void **state)
{
    int found = 0;

    (void)state;
    for (int i = 0; i < MAPS; i++) {
        for (uint32_t n = 0; n < maps[i]->camp_count; n++) {
            for (uint32_t s = 0; s < maps[i]->spawn_count; s++) {
                struct point out[PATH_POINTS_MAX];
                uint32_t nodes = UINT32_MAX;
                uint32_t count =
                    path_find(maps[i], &maps[i]->camps[n].at, &maps[i]->spawns[s].at, &nodes, out);

                assert_in_range(count, 0, PATH_POINTS_MAX);
                assert_in_range(UINT32_MAX - nodes, 0, PATH_NODES_MAX);
                found += count > 0;
            }
        }
    }
    assert_in_range(found, 10, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_can_be_walked_to),
        cmocka_unit_test(the_rim_is_wall),
        cmocka_unit_test(portals_lead_to_spawns_that_are_there),
        cmocka_unit_test(every_camp_is_of_a_kind_that_the_rules_know),
        cmocka_unit_test(the_world_has_what_its_rooms_need),
        cmocka_unit_test(monsters_make_sense),
        cmocka_unit_test(ways_over_the_bundled_maps_stay_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, files_open, files_close);
}

/* Ways over a map, against a plain search of all of it: found when there is one, open all along, and short. */
#include "content/world_path.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 40, TILES = SIDE * SIDE }; /* fewer than PATH_NODES_MAX: no search may run out */

#define TILE_M 1.5f

struct random {
    uint64_t state;
};

static uint32_t random_below(struct random *random, uint32_t below)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random->state >> 33) % below);
}

static struct map *map_of(const char *grid)
{
    char text[64 + SIDE * (SIDE + 1) + 1];
    char error[MAP_ERROR_BYTES];
    struct map *map;
    const char *floor = strchr(grid, '.');
    uint32_t columns = (uint32_t)(strchr(grid, '\n') - grid) + 1;
    uint32_t at = (uint32_t)(floor - grid);

    snprintf(text, sizeof(text), "map m\ntile %.1f\nspawn s %u %u\ngrid\n%s", (double)TILE_M, at % columns,
             at / columns, grid);
    if (map_parse("t.map", text, strlen(text), &map, error) != 0) {
        fail_msg("%s", error);
    }
    return map;
}

/* `walls` of 100 tiles are wall, a few are water. */
static struct map *map_random(struct random *random, uint32_t walls)
{
    char grid[SIDE * (SIDE + 1) + 1];
    size_t used = 0;

    for (uint32_t row = 0; row < SIDE; row++) {
        for (uint32_t column = 0; column < SIDE; column++) {
            uint32_t draw = random_below(random, 100);

            grid[used++] = draw < walls ? '#' : draw < walls + 5 ? '~' : '.';
        }
        grid[used++] = '\n';
    }
    grid[0] = '.';
    grid[used] = '\0';
    return map_of(grid);
}

static struct point tile_middle(uint32_t tile)
{
    return (struct point){((float)(tile % SIDE) + 0.5f) * TILE_M, 0, ((float)(tile / SIDE) + 0.5f) * TILE_M};
}

static uint32_t floor_tile(struct random *random, const struct map *map)
{
    for (;;) {
        uint32_t tile = random_below(random, TILES);

        if (map->tiles[tile] == MAP_FLOOR) {
            return tile;
        }
    }
}

static bool is_floor(const struct map *map, int column, int row)
{
    return column >= 0 && row >= 0 && column < SIDE && row < SIDE &&
           map->tiles[row * SIDE + column] == MAP_FLOOR;
}

/* The way's length in tiles from one tile to all others by eight steps without cut corners; infinite where none leads. */
static void ways_from(const struct map *map, uint32_t tile, double out[TILES])
{
    bool has_changed = true;

    for (int i = 0; i < TILES; i++) {
        out[i] = INFINITY;
    }
    out[tile] = 0;
    while (has_changed) { /* Bellman and Ford: slow, and too simple to be wrong */
        has_changed = false;
        for (int i = 0; i < TILES; i++) {
            for (int step = 0; step < 9; step++) {
                int column = i % SIDE + step % 3 - 1;
                int row = i / SIDE + step / 3 - 1;
                double length = step % 2 == 0 ? 1.414 : 1;

                if (isinf(out[i]) || !is_floor(map, column, row) || !is_floor(map, i % SIDE, row) ||
                    !is_floor(map, column, i / SIDE) || out[row * SIDE + column] <= out[i] + length + 1e-9) {
                    continue;
                }
                out[row * SIDE + column] = out[i] + length;
                has_changed = true;
            }
        }
    }
}

/* Walks the points in steps of a hundredth of a tile: on floor all along, and around corners, not through them. */
static double assert_open(const struct map *map, const struct point *from, const struct point *out,
                          uint32_t count)
{
    struct point at = *from;
    double length = 0;

    for (uint32_t i = 0; i < count; i++) {
        double piece = hypot((double)(out[i].x - at.x), (double)(out[i].z - at.z));
        int steps = (int)(piece / (double)TILE_M * 100) + 1;

        assert_true(map_is_clear(map, &at, &out[i], true));
        for (int step = 0; step <= steps; step++) {
            float part = (float)step / (float)steps;

            assert_int_equal(
                map_tile_at(map, at.x + (out[i].x - at.x) * part, at.z + (out[i].z - at.z) * part),
                MAP_FLOOR);
        }
        length += piece;
        at = out[i];
    }
    return length;
}

static void a_way_is_found_exactly_when_there_is_one_and_it_is_short(void **state)
{
    struct random random = {.state = 1};
    static double ways[TILES];
    int found = 0;
    int missed = 0;

    (void)state;
    for (int i = 0; i < 120; i++) {
        struct map *map = map_random(&random, 15 + (uint32_t)i % 4 * 9);
        uint32_t start = floor_tile(&random, map);
        struct point from = tile_middle(start);

        ways_from(map, start, ways);
        for (int goals = 0; goals < 20; goals++) {
            uint32_t goal = floor_tile(&random, map);
            struct point to = tile_middle(goal);
            struct point out[PATH_POINTS_MAX];
            uint32_t nodes = UINT32_MAX;
            uint32_t count = path_find(map, &from, &to, &nodes, out);

            assert_int_equal(count > 0, isfinite(ways[goal]));
            assert_in_range(UINT32_MAX - nodes, 0, PATH_NODES_MAX);
            double length = assert_open(map, &from, out, count);

            if (count > 0 && (count < PATH_POINTS_MAX || memcmp(&out[count - 1], &to, sizeof(to)) == 0)) {
                assert_memory_equal(&out[count - 1], &to, sizeof(to));
                assert_true(length <=
                            ways[goal] * (double)TILE_M * 1.001 + 1e-3); /* 1.414 for the root of 2 */
            }
            found += count > 0;
            missed += count == 0;
        }
        map_unref(map);
    }
    assert_in_range(found, 500, 2400); /* both kinds were there */
    assert_in_range(missed, 100, 2400);
}

/* Ends that are not the middles of their tiles, up to their very edges. */
static void ends_may_lie_anywhere_in_their_tiles(void **state)
{
    struct random random = {.state = 2};
    int found = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        struct map *map = map_random(&random, 25);

        for (int ways = 0; ways < 50; ways++) {
            struct point ends[2];
            struct point out[PATH_POINTS_MAX];
            uint32_t nodes = PATH_NODES_MAX;

            for (int end = 0; end < 2; end++) {
                uint32_t tile = floor_tile(&random, map);

                ends[end] = tile_middle(tile);
                ends[end].x += ((float)random_below(&random, 11) - 5) * 0.0999f * TILE_M;
                ends[end].z += ((float)random_below(&random, 11) - 5) * 0.0999f * TILE_M;
            }
            uint32_t count = path_find(map, &ends[0], &ends[1], &nodes, out);

            assert_open(map, &ends[0], out, count);
            found += count > 0;
        }
        map_unref(map);
    }
    assert_in_range(found, 200, 2000);
}

static void the_same_question_has_the_same_answer(void **state)
{
    struct random random = {.state = 3};
    struct map *map = map_random(&random, 30);

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct point from = tile_middle(floor_tile(&random, map));
        struct point to = tile_middle(floor_tile(&random, map));
        struct point one[PATH_POINTS_MAX];
        struct point other[PATH_POINTS_MAX];
        uint32_t one_left = 100000;
        uint32_t other_left = 100000;
        uint32_t one_count = path_find(map, &from, &to, &one_left, one);
        struct point detour[PATH_POINTS_MAX];

        path_find(map, &to, &from, &(uint32_t){5}, detour);
        assert_int_equal(path_find(map, &from, &to, &other_left, other), one_count);
        assert_int_equal(one_left, other_left);
        assert_memory_equal(one, other, one_count * sizeof(one[0]));
    }
    map_unref(map);
}

static const char bend[] = "........\n"
                           ".######.\n"
                           "......#.\n"
                           "......#.\n";

/* It opens no node more than it may, takes what it opened from what is left, and then says no. */
static void the_budget_is_kept(void **state)
{
    struct map *map = map_of(bend);
    const struct point from = {0.5f * TILE_M, 0, 2.5f * TILE_M};
    const struct point to = {7.5f * TILE_M, 0, 3.5f * TILE_M};
    struct point out[PATH_POINTS_MAX];
    uint32_t all = 1000;

    (void)state;
    assert_true(path_find(map, &from, &to, &all, out) > 0);
    uint32_t needed = 1000 - all;

    assert_in_range(needed, 12, 25); /* 25 tiles of floor there are */
    for (uint32_t budget = 0; budget <= needed + 1; budget++) {
        uint32_t left = budget;
        uint32_t count = path_find(map, &from, &to, &left, out);

        assert_int_equal(count > 0, budget >= needed);
        assert_int_equal(budget - left, budget < needed ? budget : needed);
    }
    map_unref(map);
}

static void what_lies_straight_ahead_costs_nothing(void **state)
{
    struct map *map = map_of(bend);
    const struct point from = {0.2f * TILE_M, 0, 0.5f * TILE_M};
    const struct point to = {7.9f * TILE_M, 0, 0.1f * TILE_M};
    struct point out[PATH_POINTS_MAX];
    uint32_t left = 0;

    (void)state;
    assert_int_equal(path_find(map, &from, &to, &left, out), 1);
    assert_memory_equal(&out[0], &to, sizeof(to));
    assert_int_equal(path_find(map, &from, &from, &left, out), 1);
    map_unref(map);
}

static void no_way_leads_from_or_to_what_is_no_floor(void **state)
{
    static const struct point bad[] = {
        {1.5f * TILE_M, 0, 1.5f * TILE_M}, {-1, 0, 1}, {NAN, 0, 1}, {1, 0, INFINITY}, {1e30f, 0, 1e30f}};
    struct map *map = map_of(bend);
    const struct point good = {0.5f, 0, 0.5f};
    struct point out[PATH_POINTS_MAX];
    uint32_t left = 100;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(path_find(map, &good, &bad[i], &left, out), 0);
        assert_int_equal(path_find(map, &bad[i], &good, &left, out), 0);
    }
    assert_int_equal(left, 100);
    map_unref(map);
}

/* A way of more bends than there are points: as far as they reach, and on from there. */
static void a_long_way_is_walked_in_parts(void **state)
{
    char grid[SIDE * (SIDE + 1) + 1];
    struct point out[PATH_POINTS_MAX];
    struct point at = tile_middle(0);
    int parts = 0;

    (void)state;
    for (int row = 0; row < SIDE; row++) { /* a snake: every second row is wall but for one end */
        for (int column = 0; column <= SIDE; column++) {
            bool is_gap = row % 4 == 1 ? column == SIDE - 1 : column == 0;

            grid[row * (SIDE + 1) + column] = column == SIDE ? '\n' : row % 2 == 0 || is_gap ? '.' : '#';
        }
    }
    grid[sizeof(grid) - 1] = '\0';
    struct map *map = map_of(grid);
    const struct point to = tile_middle((SIDE - 2) * SIDE + SIDE / 2);

    while (memcmp(&at, &to, sizeof(at)) != 0) {
        uint32_t nodes = PATH_NODES_MAX;
        uint32_t count = path_find(map, &at, &to, &nodes, out);

        assert_in_range(count, 1, PATH_POINTS_MAX);
        assert_open(map, &at, out, count);
        at = out[count - 1];
        assert_true(++parts < 20);
    }
    assert_in_range(parts, 2, 19);
    map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_way_is_found_exactly_when_there_is_one_and_it_is_short),
        cmocka_unit_test(ends_may_lie_anywhere_in_their_tiles),
        cmocka_unit_test(the_same_question_has_the_same_answer),
        cmocka_unit_test(the_budget_is_kept),
        cmocka_unit_test(what_lies_straight_ahead_costs_nothing),
        cmocka_unit_test(no_way_leads_from_or_to_what_is_no_floor),
        cmocka_unit_test(a_long_way_is_walked_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

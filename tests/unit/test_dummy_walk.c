/* How dummy-client's players walk: never through what is in the way, never faster than they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dummy-client/play_walk.h"

enum { TURNS = 4000 };

static const float turn_s = 0.25f;
static const float rounding_m = 0.001f;

static const char yard[] = "map yard\n"
                           "tile 2\n"
                           "spawn here 2 2\n"
                           "grid\n"
                           "####################\n"
                           "#........#.........#\n"
                           "#........#...~~~...#\n"
                           "#........#...~~~...#\n"
                           "#..####............#\n"
                           "#..#.....#.........#\n"
                           "#..#.....#.....#...#\n"
                           "#..#######.....#...#\n"
                           "#..............#...#\n"
                           "####################\n";

static struct map *yard_make(void)
{
    char error[MAP_ERROR_BYTES] = "";
    struct map *map = NULL;

    if (map_parse("yard", yard, strlen(yard), &map, error) != 0) {
        fail_msg("%s", error);
    }
    return map;
}

/* The way from one turn's place to the next is one that the server's rules allow. */
static void expect_honest(const struct ground *ground, const struct point *from, const struct point *to)
{
    assert_true(isfinite(to->x) && isfinite(to->z));
    assert_true(walk_distance(from->x, from->z, to->x, to->z) <=
                WALK_SPEED_PART * ground->speed_m_s * turn_s + rounding_m);
    if (ground->has_bounds) {
        assert_true(to->x >= ground->x_min && to->x <= ground->x_max);
        assert_true(to->z >= ground->z_min && to->z <= ground->z_max);
    }
}

static void who_roams_keeps_out_of_walls_and_water(void **state)
{
    struct map *map = yard_make();
    struct ground ground = {.map = map, .speed_m_s = 6};
    struct walker walker;
    uint64_t random = 1;
    float walked_m = 0;

    (void)state;
    walker_put(&walker, 5, 5);
    for (int i = 0; i < TURNS; i++) {
        struct point before = walker.at;
        struct point corner = walker.at;

        if (!walker_is_on_its_way(&walker)) {
            walker_roam(&walker, &ground, &random);
        }
        uint32_t passed = walker.way_next;
        walker_step(&walker, &ground, turn_s, 0);
        for (; passed < walker.way_next; passed++) { /* it may have turned a corner on the way */
            assert_true(map_is_clear(map, &corner, &walker.way[passed], true));
            corner = walker.way[passed];
        }
        assert_true(map_is_clear(map, &corner, &walker.at, true));
        expect_honest(&ground, &before, &walker.at);
        walked_m += walk_distance(before.x, before.z, walker.at.x, walker.at.z);
    }
    assert_true(walked_m > 1000); /* it does not just stand there */
    map_unref(map);
}

static void a_way_leads_around_what_is_in_between(void **state)
{
    struct map *map = yard_make();
    struct ground ground = {.map = map, .speed_m_s = 6};
    struct walker walker;
    int turns = 0;

    (void)state;
    walker_put(&walker, 11, 11);
    assert_false(walker_go(&walker, &ground, 5, 17)); /* walls lie between */
    assert_false(walker_is_on_its_way(&walker));
    assert_false(walker_go_around(&walker, &ground, 27, 5)); /* that is water */
    while (walk_distance(walker.at.x, walker.at.z, 33, 17) > rounding_m && ++turns < 200) {
        struct point before = walker.at;

        if (!walker_is_on_its_way(&walker)) {
            assert_true(walker_go_around(&walker, &ground, 33, 17));
        }
        walker_step(&walker, &ground, turn_s, 0);
        expect_honest(&ground, &before, &walker.at);
        assert_true(map_tile_at(map, walker.at.x, walker.at.z) == MAP_FLOOR);
    }
    assert_true(turns > 10 && turns < 200);
    map_unref(map);
}

static void one_stops_before_what_one_goes_to(void **state)
{
    struct ground ground = {.speed_m_s = 10};
    struct walker walker;

    (void)state;
    walker_put(&walker, 0, 0);
    assert_true(walker_go(&walker, &ground, 3, 4));
    for (int i = 0; i < 10; i++) {
        walker_step(&walker, &ground, turn_s, 2);
    }
    assert_false(walker_is_on_its_way(&walker));
    assert_true(fabsf(walk_distance(walker.at.x, walker.at.z, 3, 4) - 2) < rounding_m);
    walker_go(&walker, &ground, 3, 4);
    walker_step(&walker, &ground, turn_s, 2);
    assert_true(fabsf(walk_distance(walker.at.x, walker.at.z, 3, 4) - 2) < rounding_m);
}

static void open_ground_is_walked_within_its_bounds(void **state)
{
    struct ground ground = {
        .speed_m_s = 6, .has_bounds = true, .x_min = -20, .z_min = -10, .x_max = 20, .z_max = 10};
    struct walker walker;
    uint64_t random = 2;
    float walked_m = 0;

    (void)state;
    walker_put(&walker, 20, 10);
    for (int i = 0; i < TURNS; i++) {
        struct point before = walker.at;

        if (!walker_is_on_its_way(&walker)) {
            walker_roam(&walker, &ground, &random);
        }
        walker_step(&walker, &ground, turn_s, 0);
        expect_honest(&ground, &before, &walker.at);
        walked_m += walk_distance(before.x, before.z, walker.at.x, walker.at.z);
    }
    assert_true(walked_m > 1000);
}

static void without_limits_one_jumps_as_the_lineage_does(void **state)
{
    struct ground ground = {.speed_m_s = 0};
    struct walker walker;
    uint64_t random = 3;
    float longest_m = 0;

    (void)state;
    walker_put(&walker, 0, 0);
    for (int i = 0; i < 100; i++) {
        struct point before = walker.at;

        walker_roam(&walker, &ground, &random);
        assert_false(walker_is_on_its_way(&walker));
        assert_true(fabsf(walker.at.x) <= 50 && fabsf(walker.at.z) <= 50);
        assert_true(memcmp(&before, &walker.at, sizeof(before)) != 0);
        longest_m = fmaxf(longest_m, walk_distance(before.x, before.z, walker.at.x, walker.at.z));
    }
    assert_true(longest_m > 60);
}

static void who_fidgets_stays_near_and_off_the_walls(void **state)
{
    struct map *map = yard_make();
    struct ground ground = {.map = map, .speed_m_s = 6};
    struct point middle = {.x = 17, .z = 3}; /* beside a wall */
    struct walker walker;
    uint64_t random = 4;

    (void)state;
    walker_put(&walker, middle.x, middle.z);
    for (int i = 0; i < TURNS; i++) {
        struct point before = walker.at;

        walker_jitter(&walker, &ground, &middle, 1.5f, turn_s, &random);
        expect_honest(&ground, &before, &walker.at);
        assert_true(walk_distance(walker.at.x, walker.at.z, middle.x, middle.z) <= 1.5f + rounding_m);
        assert_true(map_is_clear(map, &before, &walker.at, true));
    }
    map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_roams_keeps_out_of_walls_and_water),
        cmocka_unit_test(a_way_leads_around_what_is_in_between),
        cmocka_unit_test(one_stops_before_what_one_goes_to),
        cmocka_unit_test(open_ground_is_walked_within_its_bounds),
        cmocka_unit_test(without_limits_one_jumps_as_the_lineage_does),
        cmocka_unit_test(who_fidgets_stays_near_and_off_the_walls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

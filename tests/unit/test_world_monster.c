/* What monsters do while they are at ease, whom they notice, and which way they go. */
#include "monster_world.h"

/* A wall from the north almost down to the south, between column 10's wolf and whoever stands at column 20. */
static const char wall_map[] = "map wall\ntile 2\nspawn south 2 12\n"
                               "camp wolves 10 5 type wolf count 1 radius 0 respawn 20s\n"
                               "grid\n"
                               "..............................\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "...............#..............\n"
                               "..............................\n"
                               "..............................\n"
                               "..............................\n"
                               "..............................\n";

/* A wolf in a room without a door. */
static const char cage_map[] = "map cage\ntile 2\nspawn south 2 8\n"
                               "camp wolves 6 2 type wolf count 1 radius 0 respawn 20s\n"
                               "grid\n"
                               "...~~~~~............\n"
                               "...~...~............\n"
                               "...~...~............\n"
                               "...~...~............\n"
                               "...~~~~~............\n"
                               "....................\n"
                               "....................\n"
                               "....................\n"
                               "....................\n";

static void test_sleeps_until_someone_is_near(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = fake_enter(room); /* at the spawn point: more than two cells away */

    fake_tick(room, TICK_MS);
    assert_int_equal(wolf->state, MONSTER_ASLEEP);
    assert_int_equal(fake_jobs(room), 0);

    put(room, &player_in(room, session)->entity, 30, 50);
    assert_int_equal(wolf->state, MONSTER_IDLE);
    assert_int_equal(fake_jobs(room), 1);
    assert_in_range(wolf->think_ms, fake_now_ms(room) + 1, fake_now_ms(room) + 502);
    assert_awake_list(room);
    fake_room_close(room);
}

static void test_idle_ones_wander_within_their_camp(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    struct point camp = world_of(room)->map->camps[0].at;
    uint32_t wandering = 0;
    uint32_t idle = 0;
    float farthest = 0;

    enter_at(room, 51, 22); /* out of its sight */
    for (uint32_t i = 0; i < 400; i++) {
        fake_tick(room, TICK_MS);
        wandering += wolf->state == MONSTER_WANDER;
        idle += wolf->state == MONSTER_IDLE;
        farthest = way_from(wolf, &camp) > farthest ? way_from(wolf, &camp) : farthest;
        assert_true(way_from(wolf, &camp) <= 4.01f);
        assert_awake_list(room);
    }
    assert_int_equal(wandering + idle, 400);
    assert_true(wandering > 20 && idle > 20);
    assert_true(farthest > 1.0f);
    fake_room_close(room);
}

static void test_notices_who_comes_into_sight(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 18, wolf->home.z);

    tick_for(room, 10000);
    assert_int_equal(wolf->target, 0);
    put(room, &player_in(room, session)->entity, wolf->entity.at.x + 11, wolf->entity.at.z);
    tick_until(room, wolf, MONSTER_CHASE, 7);
    assert_int_equal(wolf->target, fake_player_id(room, session));
    fake_room_close(room);
}

static void test_of_two_in_sight_the_nearer_is_chased(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t far = fake_enter(room);
    uint64_t near = fake_enter(room);

    put(room, &player_in(room, far)->entity, wolf->home.x + 9, wolf->home.z);
    put(room, &player_in(room, near)->entity, wolf->home.x - 7, wolf->home.z);
    tick_until(room, wolf, MONSTER_CHASE, 10);
    assert_int_equal(wolf->target, fake_player_id(room, near));
    fake_room_close(room);
}

static void test_the_dead_are_not_noticed(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, wolf->home.x + 18, wolf->home.z);
    struct player *player = player_in(room, session);

    world_begin(world_of(room));
    world_hurt(world_of(room), wolf->entity.id, &player->entity, 0, player->entity.hp);
    put(room, &player->entity, wolf->home.x + 2, wolf->home.z);
    tick_for(room, 10000);
    assert_int_equal(wolf->target, 0);
    fake_room_close(room);
}

static void test_a_wall_hides_whoever_is_behind_it(void **state)
{
    (void)state;
    struct fake_room *room = open_field(wall_map);
    struct monster *wolf = first_monster(room);

    uint64_t session = enter_at(room, 32.5f, 11);

    assert_true(way_from(wolf, &player_in(room, session)->entity.at) < 12.0f);
    tick_for(room, 10000);
    assert_int_equal(wolf->state, MONSTER_IDLE);
    fake_room_close(room);
}

static void test_chases_around_a_wall_along_a_path(void **state)
{
    (void)state;
    struct fake_room *room = open_field(wall_map);
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, 35, 11);
    bool has_followed_path = false;
    uint32_t ticks = 0;

    hurt(room, fake_player_id(room, session), wolf, 1);
    while (wolf->state != MONSTER_ATTACK) {
        struct point before = wolf->entity.at;

        assert_true(ticks++ < 60);
        fake_tick(room, TICK_MS);
        has_followed_path = has_followed_path || wolf->path_count > 1;
        assert_true(world_can_stand(world_of(room), &wolf->entity.at));
        assert_true(map_is_clear(world_of(room)->map, &before, &wolf->entity.at, true) || has_followed_path);
        assert_true(way_from(wolf, &before) <= 4.5f * 0.25f + 0.001f);
    }
    assert_true(has_followed_path);
    assert_true(ticks > 15); /* 20 m and more, at 1.125 m a tick */
    fake_room_close(room);
}

static void test_searches_anew_only_when_the_target_has_moved(void **state)
{
    (void)state;
    struct fake_room *room = open_field(wall_map);
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, 35, 7);
    uint32_t searches = 0;

    hurt(room, fake_player_id(room, session), wolf, 1);
    for (uint32_t i = 0; i < 8; i++) {
        fake_tick(room, 1);
        put(room, &player_in(room, session)->entity, 35 + 0.1f * (float)i, 7);
        fake_advance(room, TICK_MS - 1);
        searches += world_of(room)->path_left != 20000;
    }
    assert_int_equal(searches, 1);
    assert_true(wolf->path_count > 1);
    fake_tick(room, 1);
    put(room, &player_in(room, session)->entity, 35, 12);
    fake_advance(room, 2 * TICK_MS);
    assert_int_not_equal(world_of(room)->path_left, 20000);
    fake_room_close(room);
}

static void test_without_a_search_left_it_waits_for_the_next_tick(void **state)
{
    (void)state;
    struct fake_room *room = open_field(wall_map);
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, 35, 11);

    fake_tick(room, TICK_MS);
    hurt(room, fake_player_id(room, session), wolf, 1);
    world_of(room)->path_left = PATH_NODES_MAX - 1;
    fake_advance(room, 100);
    assert_int_equal(wolf->state, MONSTER_CHASE);
    assert_int_equal(wolf->path_count, 0);
    assert_int_equal(world_of(room)->path_left, PATH_NODES_MAX - 1);
    fake_tick(room, TICK_MS - 100);
    fake_advance(room, TICK_MS);
    assert_true(wolf->path_count > 1);
    fake_room_close(room);
}

static void test_who_can_not_be_come_to_is_left_alone(void **state)
{
    (void)state;
    struct fake_room *room = open_field(cage_map);
    struct monster *wolf = first_monster(room);
    uint64_t session = enter_at(room, 12, 15);

    fake_tick(room, TICK_MS);
    hurt(room, fake_player_id(room, session), wolf, 10);
    assert_int_equal(wolf->state, MONSTER_CHASE);
    fake_tick(room, TICK_MS);
    assert_int_equal(wolf->target, 0); /* it is at home: there is no way to go */
    assert_int_equal(wolf->entity.hp, wolf->entity.hp_max);
    fake_room_close(room);
}

static void test_left_alone_it_sleeps_at_home_and_well(void **state)
{
    (void)state;
    struct fake_room *room = open_field(plain(wolf_camp));
    struct monster *wolf = first_monster(room);
    struct point home = wolf->home;
    uint64_t session = enter_at(room, home.x + 11, home.z);
    uint64_t other = fake_enter(room);

    hurt(room, fake_player_id(room, session), wolf, 15);
    tick_for(room, 1000);
    assert_true(way_from(wolf, &home) > 1.0f);
    fake_leave(room, session, ROOMD_LEAVE_DISCONNECTED);
    fake_advance(room, 2000);
    assert_int_equal(wolf->state, MONSTER_ASLEEP);
    assert_int_equal(wolf->entity.hp, 40);
    assert_true(way_from(wolf, &home) == 0.0f);
    assert_int_equal(fake_jobs(room), 0);
    assert_int_equal(wolf->path_count, 0);

    put(room, &player_in(room, other)->entity, home.x + 20, home.z);
    assert_int_equal(wolf->state, MONSTER_IDLE);
    assert_int_equal(fake_jobs(room), 1);
    assert_awake_list(room);
    fake_room_close(room);
}

static void test_the_last_who_leaves_lets_all_sleep_without_a_tick(void **state)
{
    (void)state;
    struct fake_room *room =
        open_field_with(plain("camp w 25 25 type wolf count 20 radius 4 respawn 20s"), "32");

    world_of(room)->ai_budget = 1;
    uint64_t session = enter_at(room, 60, 50);

    tick_for(room, 2000);
    assert_int_equal(monsters_in(room, MONSTER_ASLEEP), 0);
    fake_leave(room, session, ROOMD_LEAVE_DISCONNECTED);
    fake_advance(room, 3000);
    assert_int_equal(monsters_in(room, MONSTER_ASLEEP), 20);
    assert_int_equal(fake_jobs(room), 0);
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleeps_until_someone_is_near),
        cmocka_unit_test(test_idle_ones_wander_within_their_camp),
        cmocka_unit_test(test_notices_who_comes_into_sight),
        cmocka_unit_test(test_of_two_in_sight_the_nearer_is_chased),
        cmocka_unit_test(test_the_dead_are_not_noticed),
        cmocka_unit_test(test_a_wall_hides_whoever_is_behind_it),
        cmocka_unit_test(test_chases_around_a_wall_along_a_path),
        cmocka_unit_test(test_searches_anew_only_when_the_target_has_moved),
        cmocka_unit_test(test_without_a_search_left_it_waits_for_the_next_tick),
        cmocka_unit_test(test_who_can_not_be_come_to_is_left_alone),
        cmocka_unit_test(test_left_alone_it_sleeps_at_home_and_well),
        cmocka_unit_test(test_the_last_who_leaves_lets_all_sleep_without_a_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

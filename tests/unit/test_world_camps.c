/* Camps: who is placed, who wakes, who comes back, what dying brings, and what is done when memory fails. */
#include "monster_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static char map_text[65536];

/* A square of `side` tiles of 2 m, open but for its rim. */
static const char *square(int side, const char *camps)
{
    char *at = map_text;

    at += sprintf(at, "map square\ntile 2\nspawn south 2 2\n%s\ngrid\n", camps);
    for (int row = 0; row < side; row++) {
        for (int column = 0; column < side; column++) {
            *at++ = row == 0 || column == 0 || row == side - 1 || column == side - 1 ? '#' : '.';
        }
        *at++ = '\n';
    }
    *at = '\0';
    return map_text;
}

static const char wolves[] = "camp wolves 25 25 type wolf count 4 radius 6 respawn 20s";

/* Services of the world's host, counted, and failing when the test says so. */
static struct {
    const struct roomd_host *host;
    struct roomd_host table;
    uint32_t calls;
    bool has_no_jobs;
} watched;

static uint64_t watched_random(struct roomd_room *room)
{
    watched.calls++;
    return watched.host->random(room);
}

static int watched_push_after(struct roomd_room *room, uint32_t delay_ms, roomd_job *job, uint64_t session,
                              const void *payload, size_t bytes, uint64_t *timer)
{
    watched.calls++;
    return watched.has_no_jobs
               ? -ENOMEM
               : watched.host->push_after(room, delay_ms, job, session, payload, bytes, timer);
}

static void watched_count(struct roomd_room *room, const char *name, uint64_t add)
{
    watched.calls++;
    watched.host->count(room, name, add);
}

static int watched_append(struct roomd_room *room, uint32_t stream, uint16_t id, const void *payload,
                          size_t bytes, unsigned flags)
{
    watched.calls++;
    return watched.host->stream_append(room, stream, id, payload, bytes, flags);
}

static void *watched_alloc(struct roomd_room *room, size_t bytes)
{
    watched.calls++;
    return watched.host->alloc(room, bytes);
}

static void watch(struct fake_room *room)
{
    watched.host = world_of(room)->host;
    watched.table = *watched.host;
    watched.table.random = watched_random;
    watched.table.push_after = watched_push_after;
    watched.table.count = watched_count;
    watched.table.stream_append = watched_append;
    watched.table.alloc = watched_alloc;
    watched.calls = 0;
    watched.has_no_jobs = false;
    world_of(room)->host = &watched.table;
}

static void unwatch(struct fake_room *room)
{
    world_of(room)->host = watched.host;
}

static void test_camps_are_placed_within_their_radius(void **state)
{
    (void)state;
    struct fake_room *room =
        open_field(square(50, "camp wolves 25 25 type wolf count 40 radius 6 respawn 20s\n"
                              "camp rim 1 1 type archer count 10 radius 8 respawn 20s"));
    const struct map_camp *camps = world_of(room)->map->camps;
    uint32_t by_camp[2] = {0, 0};
    bool has_spread = false;

    for (struct entity *e = world_of(room)->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        const struct monster *monster = (struct monster *)e;

        assert_true(monster->camp < 2);
        by_camp[monster->camp]++;
        assert_true(point_distance(&e->at, &camps[monster->camp].at) <=
                    camps[monster->camp].radius_m + 0.01f);
        assert_true(world_can_stand(world_of(room), &e->at));
        assert_int_equal(monster->state, MONSTER_ASLEEP);
        assert_int_equal(e->hp, monster->camp == 0 ? 40 : 30);
        has_spread = has_spread || point_distance(&e->at, &camps[monster->camp].at) > 3.0f;
    }
    assert_int_equal(by_camp[0], 40);
    assert_int_equal(by_camp[1], 10);
    assert_true(has_spread);
    assert_int_equal(world_of(room)->camps[0].alive, 40);
    fake_room_close(room);
}

static void test_a_camp_of_an_unknown_type_opens_no_room(void **state)
{
    (void)state;
    const char *map = square(20, "camp c 5 5 type unicorn count 1 radius 2 respawn 20s");
    const char *const options[] = {"map", map_file(map), "rules", "test.rules", NULL};
    int error = 0;

    assert_null(fake_room_try(&roomd_content_field, options, &error));
    assert_int_equal(error, -EINVAL);
}

static void test_ten_thousand_asleep_cost_nothing(void **state)
{
    (void)state;
    struct fake_room *room =
        open_field(square(200, "camp many 150 150 type wolf count 10000 radius 80 respawn 20s"));
    uint64_t session = enter_at(room, 10, 10);

    fake_tick(room, TICK_MS);
    assert_int_equal(monsters_in(room, MONSTER_ASLEEP), 10000);
    assert_int_equal(fake_jobs(room), 0);
    assert_null(world_of(room)->awake_first);
    watch(room);
    for (uint32_t i = 0; i < 100; i++) {
        fake_tick(room, TICK_MS);
    }
    assert_int_equal(watched.calls, 0);
    unwatch(room);
    fake_leave(room, session, ROOMD_LEAVE_DISCONNECTED);
    fake_room_close(room);
}

static void test_only_those_around_wake(void **state)
{
    (void)state;
    struct fake_room *room =
        open_field(square(200, "camp many 100 100 type wolf count 2000 radius 150 respawn 20s"));
    uint64_t session = enter_at(room, 200, 200);
    uint32_t awake = 0;

    for (struct entity *e = world_of(room)->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        bool is_awake = ((struct monster *)e)->state != MONSTER_ASLEEP;

        assert_int_equal(is_awake, world_is_watched(world_of(room), e));
        awake += is_awake;
    }
    assert_true(awake > 50 && awake < 1000);
    assert_int_equal(fake_jobs(room), awake);
    assert_awake_list(room);
    fake_leave(room, session, ROOMD_LEAVE_DISCONNECTED);
    fake_advance(room, 5000);
    assert_int_equal(monsters_in(room, MONSTER_ASLEEP), 2000);
    assert_int_equal(fake_jobs(room), 0);
    fake_room_close(room);
}

static void test_the_dead_come_back_one_at_a_time(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, wolves));

    fake_advance(room, 1000);
    hurt(room, 0, first_monster(room), 1000);
    fake_advance(room, 5000);
    hurt(room, 0, first_monster(room), 1000);
    assert_int_equal(monsters(room), 2);
    assert_int_equal(fake_jobs(room), 1);
    fake_advance(room, 14999);
    assert_int_equal(monsters(room), 2);
    fake_advance(room, 1);
    assert_int_equal(monsters(room), 3);
    assert_int_equal(world_of(room)->camps[0].alive, 3);
    fake_advance(room, 19999);
    assert_int_equal(monsters(room), 3);
    fake_advance(room, 1);
    assert_int_equal(monsters(room), 4);
    assert_int_equal(monsters_in(room, MONSTER_ASLEEP), 4); /* nobody is near */
    assert_int_equal(fake_jobs(room), 0);
    fake_advance(room, 100000);
    assert_int_equal(monsters(room), 4);
    fake_room_close(room);
}

static void test_who_comes_back_in_view_is_awake(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, wolves));
    uint64_t session = enter_at(room, 50, 75);
    uint32_t id = first_monster(room)->entity.id;
    struct fake_packet packet;

    fake_tick(room, TICK_MS);
    hurt(room, 0, first_monster(room), 1000);
    fake_drop(room, session);
    tick_for(room, 19750);
    assert_int_equal(fake_count(room, session, ROOMD_S_SPAWN), 1); /* what it has left */
    fake_drop(room, session);
    tick_for(room, 500);
    assert_true(fake_next_of(room, session, ROOMD_S_SPAWN, &packet));
    assert_int_equal(packet.payload[4], ROOMD_KIND_MONSTER);
    assert_true(roomd_get_u32(packet.payload) > id + 3); /* a number that nobody has had */
    assert_int_equal(monsters_in(room, MONSTER_ASLEEP), 0);
    assert_awake_list(room);
    fake_room_close(room);
}

static void test_xp_is_shared_by_what_each_has_done(void **state)
{
    (void)state;
    struct fake_room *room =
        open_field(square(50, "camp ogres 25 25 type ogre count 1 radius 0 respawn 20s"));
    uint64_t strong = enter_at(room, 55, 51);
    uint64_t weak = enter_at(room, 55, 53);
    uint64_t idle = enter_at(room, 55, 55);
    struct monster *ogre = first_monster(room);

    hurt(room, fake_player_id(room, strong), ogre, 54);
    hurt(room, fake_player_id(room, weak), ogre, 36);
    assert_int_equal(player_in(room, strong)->xp, 30);
    assert_int_equal(player_in(room, weak)->xp, 20);
    assert_int_equal(player_in(room, idle)->xp, 0);
    assert_int_equal(player_in(room, weak)->kills, 1);
    assert_int_equal(player_in(room, strong)->kills, 0);
    fake_room_close(room);
}

static void test_dying_is_told_and_leaves_a_drop(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, "camp w 25 25 type wolf count 1 radius 0 respawn 20s"));
    uint64_t session = enter_at(room, 55, 51);
    struct monster *wolf = first_monster(room);
    uint32_t id = wolf->entity.id;
    struct fake_packet packet;

    fake_tick(room, TICK_MS);
    fake_drop(room, session);
    hurt(room, fake_player_id(room, session), wolf, 1000);
    fake_tick(room, TICK_MS);
    assert_true(fake_next_of(room, session, ROOMD_S_DIED, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_true(fake_next_of(room, session, ROOMD_S_DESPAWN, &packet));
    assert_int_equal(roomd_get_u32(packet.payload), id);
    assert_int_equal(packet.payload[4], ROOMD_DESPAWN_DIED);
    assert_true(fake_next_of(room, session, ROOMD_S_SPAWN, &packet));
    assert_int_equal(packet.payload[4], ROOMD_KIND_DROP);
    assert_int_equal(world_of(room)->entities[ROOMD_KIND_DROP].count, 1);
    fake_room_close(room);
}

static void test_no_monster_is_lost_when_jobs_can_not_be_had(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, wolves));

    enter_at(room, 50, 75);
    fake_tick(room, TICK_MS);
    watch(room);
    watched.has_no_jobs = true;
    tick_for(room, 3000); /* each thinks once, and no more */
    assert_int_equal(fake_jobs(room), 0);
    assert_awake_list(room);
    watched.has_no_jobs = false;
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_jobs(room), 4);
    assert_false(world_of(room)->has_unarmed);
    assert_awake_list(room);
    unwatch(room);
    fake_room_close(room);
}

static void test_no_camp_is_lost_when_jobs_can_not_be_had(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, wolves));

    enter_at(room, 97, 97);
    tick_for(room, 3000);
    assert_int_equal(fake_jobs(room), 0);
    watch(room);
    watched.has_no_jobs = true;
    hurt(room, 0, first_monster(room), 1000);
    tick_for(room, 30000);
    assert_int_equal(monsters(room), 3);
    watched.has_no_jobs = false;
    tick_for(room, 20250);
    assert_int_equal(monsters(room), 4);
    unwatch(room);
    fake_room_close(room);
}

static void test_without_memory_a_monster_comes_back_later(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, wolves));

    hurt(room, 0, first_monster(room), 1000);
    fake_advance(room, 19999);
    fake_fail_alloc(room, 1);
    fake_advance(room, 1);
    fake_fail_alloc(room, 0);
    assert_int_equal(monsters(room), 3);
    fake_advance(room, 20000);
    assert_int_equal(monsters(room), 4);
    fake_room_close(room);
}

static void test_a_restored_camp_goes_on_where_it_was(void **state)
{
    (void)state;
    struct fake_room *room = open_field(square(50, wolves));
    uint64_t session = enter_at(room, 50, 75);

    tick_for(room, 2000);
    hurt(room, 0, first_monster(room), 1000);
    tick_for(room, 8000);
    uint32_t jobs = fake_jobs(room);

    fake_save_and_restore(room);
    assert_int_equal(fake_jobs(room), jobs);
    assert_awake_list(room);
    assert_int_equal(monsters(room), 3);
    tick_for(room, 11750);
    assert_int_equal(monsters(room), 3);
    tick_for(room, 250);
    assert_int_equal(monsters(room), 4);
    fake_leave(room, session, ROOMD_LEAVE_DISCONNECTED);
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_camps_are_placed_within_their_radius),
        cmocka_unit_test(test_a_camp_of_an_unknown_type_opens_no_room),
        cmocka_unit_test(test_ten_thousand_asleep_cost_nothing),
        cmocka_unit_test(test_only_those_around_wake),
        cmocka_unit_test(test_the_dead_come_back_one_at_a_time),
        cmocka_unit_test(test_who_comes_back_in_view_is_awake),
        cmocka_unit_test(test_xp_is_shared_by_what_each_has_done),
        cmocka_unit_test(test_dying_is_told_and_leaves_a_drop),
        cmocka_unit_test(test_no_monster_is_lost_when_jobs_can_not_be_had),
        cmocka_unit_test(test_no_camp_is_lost_when_jobs_can_not_be_had),
        cmocka_unit_test(test_without_memory_a_monster_comes_back_later),
        cmocka_unit_test(test_a_restored_camp_goes_on_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

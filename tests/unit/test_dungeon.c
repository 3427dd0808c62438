/* The dungeon from the first who comes in to victory, defeat, and whoever is left. */
#include "monster_world.h"

#include <errno.h>

static const char dungeon_map[] = "map crypt\ntile 2\nspawn door 2 2\n"
                                  "camp wave1_left 15 4 type deer count 2 radius 2 respawn 1s\n"
                                  "camp wave1_right 15 8 type deer count 1 radius 2 respawn 1s\n"
                                  "camp wave2 20 6 type deer count 2 radius 2 respawn 1s\n"
                                  "camp boss_ogre 25 6 type deer count 1 radius 0 respawn 1s\n"
                                  "camp waverats 28 10 type deer count 1 radius 1 respawn 1s\n"
                                  "grid\n"
                                  "##############################\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "#............................#\n"
                                  "##############################\n";

static struct fake_room *open_dungeon(const char *exit_room)
{
    static const char *options[] = {"map", NULL, "rules", "test.rules", "exit", NULL, NULL};
    struct fake_room *room;

    options[1] = map_file(dungeon_map);
    options[5] = exit_room;
    room = fake_room_open(&roomd_content_dungeon, options);
    fake_add_room(room, "town");
    return room;
}

static int try_map(const char *camps)
{
    static char text[1024];
    int error = 0;

    sprintf(text, "map m\ntile 2\nspawn s 1 0\n%s\ngrid\n....................\n....................\n",
            camps);
    const char *const options[] = {"map", map_file(text), "rules", "test.rules", NULL};
    struct fake_room *room = fake_room_try(&roomd_content_dungeon, options, &error);

    if (room != NULL) {
        fake_room_close(room);
    }
    return error;
}

/* The next S_Stage that the player reads says this. */
static void assert_told_stage(struct fake_room *room, uint64_t session, enum roomd_stage stage, uint16_t wave,
                              uint16_t left)
{
    struct fake_packet packet;

    assert_true(fake_next_of(room, session, ROOMD_S_STAGE, &packet));
    assert_int_equal(packet.bytes, 7);
    assert_int_equal(packet.payload[0], stage);
    assert_int_equal(roomd_get_u16(packet.payload + 1), wave);
    assert_int_equal(roomd_get_u16(packet.payload + 3), 2);
    assert_int_equal(roomd_get_u16(packet.payload + 5), left);
}

/* Those of the stage; `rats` have a camp. */
static uint32_t staged(struct fake_room *room)
{
    uint32_t count = 0;

    for (struct entity *e = world_of(room)->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        count += ((struct monster *)e)->camp == UINT16_MAX;
    }
    return count;
}

static void kill_staged(struct fake_room *room, uint64_t session, uint32_t count)
{
    struct entity *next;

    for (struct entity *e = world_of(room)->entities[ROOMD_KIND_MONSTER].first; e != NULL && count > 0;
         e = next) {
        next = e->next;
        if (((struct monster *)e)->camp == UINT16_MAX) {
            hurt(room, fake_player_id(room, session), (struct monster *)e, 1000);
            count--;
        }
    }
}

static void die(struct fake_room *room, uint64_t session)
{
    struct player *player = player_in(room, session);

    world_begin(world_of(room));
    world_hurt(world_of(room), first_monster(room)->entity.id, &player->entity, 0, player->entity.hp);
}

static void begin(struct fake_room *room)
{
    tick_for(room, 5000);
    fake_drop(room, 0);
}

/* Up to the boss. */
static void reach_boss(struct fake_room *room, uint64_t session)
{
    begin(room);
    kill_staged(room, session, 3);
    fake_tick(room, TICK_MS);
    kill_staged(room, session, 2);
    fake_tick(room, TICK_MS);
    fake_drop(room, 0);
}

static uint64_t newest; /* who came in last to look */

static void assert_is_as_new(struct fake_room *room)
{
    assert_false(fake_is_locked(room));
    assert_false(fake_is_closing(room));
    assert_int_equal(staged(room), 0);
    newest = fake_enter(room);
    fake_flush(room);
    assert_told_stage(room, newest, ROOMD_STAGE_WAITING, 0, 0);
    fake_drop(room, newest);
    fake_tick(room, 4999);
    assert_int_equal(staged(room), 0);
    fake_tick(room, 1);
    assert_told_stage(room, newest, ROOMD_STAGE_WAVE, 1, 3);
}

static void test_waits_for_the_first_player(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");

    fake_advance(room, 60000);
    assert_int_equal(monsters(room), 1); /* the camp that is of no stage */
    assert_is_as_new(room);
    assert_int_equal(staged(room), 3);
    fake_room_close(room);
}

static void test_the_second_who_comes_delays_nothing(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");

    fake_enter(room);
    fake_tick(room, 3000);
    fake_enter(room);
    fake_tick(room, 2000);
    assert_int_equal(staged(room), 3);
    fake_room_close(room);
}

static void test_waves_come_one_after_the_other(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");
    uint64_t session = fake_enter(room);

    begin(room);
    kill_staged(room, session, 1);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, session, ROOMD_STAGE_WAVE, 1, 2);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, session, ROOMD_S_STAGE), 0); /* nothing new */
    tick_for(room, 5000);
    assert_int_equal(staged(room), 2);                                    /* nobody comes back */
    hurt(room, fake_player_id(room, session), first_monster(room), 1000); /* of a camp: it does not count */
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, session, ROOMD_S_STAGE), 0);
    kill_staged(room, session, 1);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, session, ROOMD_STAGE_WAVE, 1, 1);
    kill_staged(room, session, 1);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, session, ROOMD_STAGE_WAVE, 2, 2);
    assert_int_equal(staged(room), 2);
    assert_false(fake_is_locked(room));

    uint64_t late = fake_enter(room);

    fake_flush(room);
    assert_told_stage(room, late, ROOMD_STAGE_WAVE, 2, 2);
    fake_room_close(room);
}

static void test_victory_is_told_and_everyone_is_sent_home(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");
    uint64_t one = fake_enter(room);
    uint64_t other = fake_enter(room);
    struct fake_packet packet;

    reach_boss(room, one);
    assert_true(fake_is_locked(room));
    assert_int_equal(staged(room), 1);
    die(room, other);
    kill_staged(room, other, 1);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, other, ROOMD_STAGE_WON, 2, 0);
    assert_true(fake_next_of(room, other, ROOMD_S_RESULT, &packet));
    assert_int_equal(packet.bytes, 7 + 2 * 16);
    assert_int_equal(packet.payload[0], 1);
    assert_int_equal(roomd_get_u32(packet.payload + 1), 750);
    assert_int_equal(roomd_get_u16(packet.payload + 5), 2);
    assert_int_equal(roomd_get_u32(packet.payload + 7), fake_player_id(room, one));
    assert_int_equal(roomd_get_u32(packet.payload + 11), 5);
    assert_int_equal(roomd_get_u32(packet.payload + 15), 150);
    assert_int_equal(roomd_get_u32(packet.payload + 19), 0);
    assert_int_equal(roomd_get_u32(packet.payload + 23), fake_player_id(room, other));
    assert_int_equal(roomd_get_u32(packet.payload + 27), 1);
    assert_int_equal(roomd_get_u32(packet.payload + 31), 30);
    assert_int_equal(roomd_get_u32(packet.payload + 35), 1);

    assert_true(fake_is_locked(room));
    tick_for(room, 9750);
    assert_string_equal(fake_moved_to(room, one), "");
    assert_false(fake_is_closing(room));
    assert_int_equal(fake_count(room, other, ROOMD_S_RESULT), 0); /* told once */
    fake_tick(room, TICK_MS);
    assert_string_equal(fake_moved_to(room, one), "town");
    assert_string_equal(fake_moved_to(room, other), "town");
    assert_true(fake_is_closing(room));
    fake_room_close(room);
}

static void test_when_all_are_dead_at_once_it_is_lost(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");
    uint64_t one = fake_enter(room);
    uint64_t other = fake_enter(room);
    struct fake_packet packet;

    begin(room);
    die(room, one);
    tick_for(room, 5000);
    assert_int_equal(fake_count(room, one, ROOMD_S_RESULT), 0);
    fake_send(room, one, ROOMD_C_RESPAWN, NULL, 0);
    assert_true(player_in(room, one)->entity.hp > 0);
    die(room, other);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, one, ROOMD_S_RESULT), 0);
    die(room, one);
    fake_drop(room, 0);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, one, ROOMD_STAGE_LOST, 1, 3);
    assert_true(fake_next_of(room, one, ROOMD_S_RESULT, &packet));
    assert_int_equal(packet.payload[0], 0);
    assert_int_equal(roomd_get_u32(packet.payload + 19), 2); /* deaths of the first */
    assert_true(fake_is_locked(room));

    fake_send(room, one, ROOMD_C_RESPAWN, NULL, 0);
    assert_int_equal(fake_take_error(room, one), ROOMD_ERROR_NOT_HERE);
    assert_int_equal(player_in(room, one)->entity.hp, 0);
    kill_staged(room, one, 3); /* too late */
    tick_for(room, 9750);
    assert_int_equal(fake_count(room, one, ROOMD_S_STAGE), 0);
    fake_tick(room, TICK_MS);
    assert_string_equal(fake_moved_to(room, one), "town");
    fake_room_close(room);
}

static void test_without_a_room_to_go_to_everyone_just_leaves(void **state)
{
    (void)state;
    static const char *const exits[] = {"nowhere", ""};

    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        struct fake_room *room = open_dungeon(exits[i]);
        uint64_t session = fake_enter(room);

        reach_boss(room, session);
        kill_staged(room, session, 1);
        tick_for(room, 10000);
        assert_false(fake_has_left(room, session));
        fake_tick(room, TICK_MS);
        assert_true(fake_has_left(room, session));
        assert_true(fake_is_closing(room));
        fake_room_close(room);
    }
}

static void test_who_comes_after_all_have_left_finds_it_as_new(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");
    uint64_t session = fake_enter(room);

    fake_tick(room, 3000);
    fake_leave(room, session, ROOMD_LEAVE_ASKED); /* before it has begun */
    assert_is_as_new(room);
    fake_leave(room, newest, ROOMD_LEAVE_DISCONNECTED); /* in the first wave */
    session = fake_enter(room);
    reach_boss(room, session);
    assert_true(fake_is_locked(room));
    fake_leave(room, session, ROOMD_LEAVE_DISCONNECTED); /* before the boss */
    assert_is_as_new(room);
    fake_room_close(room);
}

static void test_a_wave_that_memory_does_not_suffice_for_comes_later(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");
    uint64_t session = fake_enter(room);

    fake_tick(room, 4999);
    fake_fail_alloc(room, 2);
    fake_tick(room, 1);
    fake_fail_alloc(room, 0);
    assert_true(staged(room) < 3);
    assert_told_stage(room, session, ROOMD_STAGE_WAITING, 0, 0);
    assert_told_stage(room, session, ROOMD_STAGE_WAVE, 1, 3);
    kill_staged(room, session, 3);
    fake_tick(room, TICK_MS);
    assert_int_equal(staged(room), 2); /* what was still to come of the first */
    kill_staged(room, session, 2);
    fake_tick(room, TICK_MS);
    assert_int_equal(staged(room), 2); /* the second */
    fake_room_close(room);
}

static void test_it_goes_on_after_a_restore(void **state)
{
    (void)state;
    struct fake_room *room = open_dungeon("town");
    uint64_t session = fake_enter(room);

    tick_for(room, 2000);
    fake_save_and_restore(room);
    tick_for(room, 2750);
    assert_int_equal(staged(room), 0);
    fake_tick(room, TICK_MS);
    assert_int_equal(staged(room), 3);
    fake_drop(room, 0);
    kill_staged(room, session, 1);
    fake_save_and_restore(room);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, session, ROOMD_STAGE_WAVE, 1, 2);
    kill_staged(room, session, 2);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, session, ROOMD_STAGE_WAVE, 2, 2);
    kill_staged(room, session, 2);
    fake_tick(room, TICK_MS);
    world_of(room)->host->lock(world_of(room)->room, false);
    fake_save_and_restore(room);
    assert_true(fake_is_locked(room));
    fake_drop(room, 0);
    kill_staged(room, session, 1);
    fake_tick(room, TICK_MS);
    assert_told_stage(room, session, ROOMD_STAGE_WON, 2, 0);
    fake_save_and_restore(room);
    tick_for(room, 10000);
    assert_string_equal(fake_moved_to(room, session), "town");
    fake_room_close(room);
}

static void test_maps_without_stages_are_refused(void **state)
{
    (void)state;
    assert_int_equal(try_map("camp rats 3 1 type deer count 1 radius 1 respawn 1s"), -EINVAL);
    assert_int_equal(try_map("camp wave2 3 1 type deer count 1 radius 1 respawn 1s"), -EINVAL);
    assert_int_equal(try_map("camp wave99999999999 3 1 type deer count 1 radius 1 respawn 1s"), -EINVAL);
    assert_int_equal(try_map("camp boss 3 1 type unicorn count 1 radius 1 respawn 1s"), -EINVAL);
    assert_int_equal(try_map("camp boss 3 1 type deer count 1 radius 1 respawn 1s"), 0);
    assert_int_equal(try_map("camp wave1 3 1 type deer count 1 radius 1 respawn 1s"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_for_the_first_player),
        cmocka_unit_test(test_the_second_who_comes_delays_nothing),
        cmocka_unit_test(test_waves_come_one_after_the_other),
        cmocka_unit_test(test_victory_is_told_and_everyone_is_sent_home),
        cmocka_unit_test(test_when_all_are_dead_at_once_it_is_lost),
        cmocka_unit_test(test_without_a_room_to_go_to_everyone_just_leaves),
        cmocka_unit_test(test_who_comes_after_all_have_left_finds_it_as_new),
        cmocka_unit_test(test_a_wave_that_memory_does_not_suffice_for_comes_later),
        cmocka_unit_test(test_it_goes_on_after_a_restore),
        cmocka_unit_test(test_maps_without_stages_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

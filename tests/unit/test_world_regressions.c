/* What was once wrong with the world: one test for each, named after what broke. */
#include "content/bundled.h"
#include "content/world.h"
#include "support/fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TICK_MS = 250, SAY_BURST = 20, SAY_EVERY_MS = 250 };

#define ROW   "........................\n"
#define GRID  "grid\n" ROW ROW ROW ROW ROW ROW
#define MAP   "map small\ntile 2\nspawn s 2 2\ncamp w 20 3 type wolf count 2 radius 2 respawn 1s\n" GRID
#define CRYPT "map crypt\ntile 2\nspawn s 2 2\ncamp wave1 20 3 type wolf count 1 radius 0 respawn 1s\n" GRID
#define RULES                                                                                                \
    "monster wolf hp 40 speed 4 sight 5 leash 30 range 2 damage 6 every 1s xp 10\n"                          \
    "monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"

static struct fake_room *open_room(const struct roomd_content *content, const char *map)
{
    static const char *const options[] = {"map", "m", "rules", "r", "view", "10", NULL};

    fake_data_clear();
    fake_data_add("m", map);
    fake_data_add("r", RULES);
    return fake_room_open(content, options);
}

static void whisper(struct fake_room *room, uint64_t session, uint32_t to)
{
    uint8_t payload[8] = {ROOMD_WHISPER};

    roomd_put_u32(payload + 1, to);
    roomd_put_u16(payload + 5, 1);
    payload[7] = '!';
    assert_int_equal(fake_send(room, session, ROOMD_C_SAY, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

/* The number of a monster's last thought was asked to be below that of the next one, which is 0 before any. */
static void a_world_whose_monsters_never_woke_could_not_be_restored(void **state)
{
    struct fake_room *room = open_room(&roomd_content_field, MAP);

    (void)state;
    fake_save_and_restore(room);
    assert_int_equal(((struct world *)fake_state(room))->entities[ROOMD_KIND_MONSTER].count, 2);
    fake_enter(room);
    fake_tick(room, TICK_MS);
    fake_save_and_restore(room);
    fake_room_close(room);
}

/* A few KiB of them filled up what another may be owed, which costs one that lags its connection. */
static void whispers_had_no_limit(void **state)
{
    struct fake_room *room = open_room(&roomd_content_field, MAP);
    uint64_t speaker = fake_enter(room);
    uint64_t other = fake_enter(room);

    (void)state;
    for (int i = 0; i < SAY_BURST; i++) {
        whisper(room, speaker, fake_player_id(room, other));
        assert_int_equal(fake_take_error(room, speaker), ROOMD_ERROR_NONE);
    }
    whisper(room, speaker, fake_player_id(room, other));
    assert_int_equal(fake_take_error(room, speaker), ROOMD_ERROR_TOO_SOON);
    fake_advance(room, SAY_EVERY_MS);
    whisper(room, speaker, fake_player_id(room, other));
    assert_int_equal(fake_take_error(room, speaker), ROOMD_ERROR_NONE);
    whisper(room, speaker, fake_player_id(room, other));
    assert_int_equal(fake_take_error(room, speaker), ROOMD_ERROR_TOO_SOON);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, other, ROOMD_S_SAID), SAY_BURST + 1);
    assert_false(fake_is_kicked(room, speaker));
    fake_room_close(room);
}

/* And one who was owed all it may be lost sight of everything for it. */
static void a_whisper_cost_another_its_view(void **state)
{
    struct fake_room *room = open_room(&roomd_content_field, MAP);
    uint64_t speaker = fake_enter(room);
    uint64_t other = fake_enter(room);

    (void)state;
    fake_tick(room, TICK_MS);
    fake_set_owed(room, other, true);
    whisper(room, speaker, fake_player_id(room, other));
    assert_int_equal(fake_take_error(room, speaker), ROOMD_ERROR_REFUSED);
    fake_set_owed(room, other, false);
    fake_drop(room, 0);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, other, ROOMD_S_VIEW_RESET), 0);
    assert_int_equal(fake_count(room, speaker, ROOMD_S_SAID), 0);
    fake_room_close(room);
}

/* Each call and each going is told to all in view: two bytes of one client made hundreds for each of the others. */
static void a_pet_could_be_called_and_sent_away_without_end(void **state)
{
    struct fake_room *room = open_room(&roomd_content_field, MAP);
    uint64_t owner = fake_enter(room);
    uint64_t other = fake_enter(room);

    (void)state;
    fake_tick(room, TICK_MS);
    fake_drop(room, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fake_send(room, owner, ROOMD_C_PET, &(uint8_t){1}, 1), ROOMD_PACKET_OK);
        assert_int_equal(fake_send(room, owner, ROOMD_C_PET, &(uint8_t){0}, 1), ROOMD_PACKET_OK);
    }
    assert_int_equal(fake_take_error(room, owner), ROOMD_ERROR_TOO_SOON);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, other, ROOMD_S_SPAWN), 1);
    fake_advance(room, 1000);
    assert_int_equal(fake_send(room, owner, ROOMD_C_PET, &(uint8_t){1}, 1), ROOMD_PACKET_OK);
    assert_int_equal(fake_take_error(room, owner), ROOMD_ERROR_NONE);
    fake_room_close(room);
}

/* Who was skipped in between never heard that the fight had been won. */
static void a_skipped_player_was_not_told_the_dungeons_stage(void **state)
{
    struct fake_room *room = open_room(&roomd_content_dungeon, CRYPT);
    struct world *world = fake_state(room);
    uint64_t session = fake_enter(room);
    struct fake_packet packet;

    (void)state;
    fake_tick(room, 5000);
    assert_int_equal(world->entities[ROOMD_KIND_MONSTER].count, 1);
    fake_drop(room, 0);
    fake_skip(room, session);
    fake_flush(room);
    assert_true(fake_next_of(room, session, ROOMD_S_STAGE, &packet));
    assert_int_equal(packet.payload[0], ROOMD_STAGE_WAVE);
    world_hurt(world, fake_player_id(room, session), world->entities[ROOMD_KIND_MONSTER].first, 0, 1000);
    world_tick(world);
    fake_skip(room, session);
    fake_flush(room);
    assert_true(fake_next_of(room, session, ROOMD_S_STAGE, &packet));
    assert_int_equal(packet.payload[0], ROOMD_STAGE_WON);
    assert_true(fake_next_of(room, session, ROOMD_S_RESULT, &packet));
    assert_int_equal(packet.bytes, 7 + 16);
    assert_int_equal(packet.payload[0], 1);
    assert_int_equal(roomd_get_u32(packet.payload + 7 + 4), 1);
    fake_room_close(room);
}

/* Nothing but a tick made it forget who had left, and an empty room has none. */
static void those_who_came_and_went_between_ticks_were_kept_for_ever(void **state)
{
    struct fake_room *room = open_room(&roomd_content_field, MAP);
    const struct world *world = fake_state(room);

    (void)state;
    for (int i = 0; i < 200; i++) {
        fake_leave(room, fake_enter(room), ROOMD_LEAVE_DISCONNECTED);
        assert_int_equal(world->left_count, 0);
    }
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_world_whose_monsters_never_woke_could_not_be_restored),
        cmocka_unit_test(whispers_had_no_limit),
        cmocka_unit_test(a_whisper_cost_another_its_view),
        cmocka_unit_test(a_pet_could_be_called_and_sent_away_without_end),
        cmocka_unit_test(a_skipped_player_was_not_told_the_dungeons_stage),
        cmocka_unit_test(those_who_came_and_went_between_ticks_were_kept_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

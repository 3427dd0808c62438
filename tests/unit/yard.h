/* A small walled yard, and what tests of players in it do. */
#ifndef ROOMD_TESTS_UNIT_YARD_H
#define ROOMD_TESTS_UNIT_YARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "content/bundled.h"
#include "content/world.h"
#include "support/fake_host.h"

#define YARD_TEST(function) cmocka_unit_test_setup(function, yard_setup)

enum { TICK_MS = 250 };

static const char map_text[] = "map yard\n"
                               "tile 2\n"
                               "spawn middle 2 2\n"
                               "spawn corner 7 4\n"
                               "grid\n"
                               "#########\n"
                               "#.......#\n"
                               "#.......#\n"
                               "#..###..#\n"
                               "#.....~.#\n"
                               "#########\n";
static const char rules_text[] =
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"
    "monster wolf hp 40 speed 4 sight 12 leash 30 range 2 damage 6 every 1s xp 10\n"
    "monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n";

static inline int yard_setup(void **state)
{
    (void)state;
    fake_data_clear();
    fake_data_add("yard", map_text);
    fake_data_add("rules", rules_text);
    return 0;
}

static inline struct fake_room *yard_open(void)
{
    static const char *const options[] = {"map", "yard", "rules", "rules", NULL};

    return fake_room_open(&roomd_content_field, options);
}

static inline struct fake_room *open_with(const char *key, const char *value)
{
    const char *options[] = {key, value, NULL};

    return fake_room_open(&roomd_content_field, options);
}

static inline struct player *player_of(struct fake_room *room, uint64_t session)
{
    struct world *world = fake_state(room);
    struct player *player = world_player_of(world, session);

    assert_non_null(player);
    return player;
}

static inline void move_to(struct fake_room *room, uint64_t session, float x, float y, float z)
{
    uint8_t payload[12];

    roomd_put_f32(payload, x);
    roomd_put_f32(payload + 4, y);
    roomd_put_f32(payload + 8, z);
    assert_int_equal(fake_send(room, session, ROOMD_C_MOVE, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

static inline void expect_at(struct fake_room *room, uint64_t session, float x, float z)
{
    const struct point *at = &player_of(room, session)->entity.at;

    assert_true(fabsf(at->x - x) < 0.001f && fabsf(at->z - z) < 0.001f && at->y == 0);
}

/* The move is refused: the player stays, it alone is told where it is, once. */
static inline void expect_put_back(struct fake_room *room, uint64_t session, uint64_t other, float x, float y,
                                   float z)
{
    struct point before = player_of(room, session)->entity.at;
    struct fake_packet packet;

    fake_tick(room, TICK_MS);
    fake_drop(room, 0);
    move_to(room, session, x, y, z);
    move_to(room, session, x, y, z);
    assert_memory_equal(&before, &player_of(room, session)->entity.at, sizeof(before));
    fake_tick(room, TICK_MS);
    assert_true(fake_next(room, session, &packet));
    assert_int_equal(packet.id, ROOMD_S_CORRECT);
    assert_int_equal(packet.bytes, 12);
    assert_true(roomd_get_f32(packet.payload) == before.x && roomd_get_f32(packet.payload + 8) == before.z);
    assert_false(fake_next(room, session, &packet));
    assert_false(fake_next(room, other, &packet));
    assert_false(fake_is_kicked(room, session));
}

#endif

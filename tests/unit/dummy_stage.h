/*
 * One client's view of a world, and a server that tells it whatever a test likes: every tell_ function makes one packet
 * and hands it over. What view_take returns is returned where a test may want to know.
 */
#ifndef ROOMD_TESTS_UNIT_DUMMY_STAGE_H
#define ROOMD_TESTS_UNIT_DUMMY_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dummy-client/play_view.h"

enum { SELF = 7, OTHER = 8, WOLF = ROOMD_ENTITY_FIRST + 1, TICK_MS = 50, PAYLOAD_BYTES = 256 };

struct stage {
    struct view view;
    struct view_totals totals;
    uint32_t now_ms;
};

struct packet {
    uint16_t id;
    uint32_t bytes;
    uint8_t payload[PAYLOAD_BYTES];
};

static inline void put_u8(struct packet *packet, uint8_t value)
{
    packet->payload[packet->bytes++] = value;
}

static inline void put_u16(struct packet *packet, uint16_t value)
{
    roomd_put_u16(packet->payload + packet->bytes, value);
    packet->bytes += 2;
}

static inline void put_u32(struct packet *packet, uint32_t value)
{
    roomd_put_u32(packet->payload + packet->bytes, value);
    packet->bytes += 4;
}

static inline void put_at(struct packet *packet, float x, float z)
{
    roomd_put_f32(packet->payload + packet->bytes, x);
    roomd_put_f32(packet->payload + packet->bytes + 4, 0);
    roomd_put_f32(packet->payload + packet->bytes + 8, z);
    packet->bytes += 12;
}

static inline void put_str(struct packet *packet, const char *text)
{
    put_u16(packet, (uint16_t)strlen(text));
    memcpy(packet->payload + packet->bytes, text, strlen(text));
    packet->bytes += (uint32_t)strlen(text);
}

static inline unsigned take(struct stage *stage, const struct packet *packet)
{
    return view_take(&stage->view, packet->id, packet->payload, packet->bytes, stage->now_ms);
}

/* An id and where it is: S_BroadcastEnterGame, S_BroadcastMove, S_Move. */
static inline unsigned tell_at(struct stage *stage, uint16_t id, uint32_t entity, float x, float z)
{
    struct packet packet = {.id = id};

    put_u32(&packet, entity);
    put_at(&packet, x, z);
    return take(stage, &packet);
}

static inline unsigned tell_move(struct stage *stage, uint32_t player, float x, float z)
{
    return tell_at(stage, ROOMD_S_BROADCAST_MOVE, player, x, z);
}

static inline void tell_leave(struct stage *stage, uint32_t player)
{
    struct packet packet = {.id = ROOMD_S_BROADCAST_LEAVE_GAME};

    put_u32(&packet, player);
    take(stage, &packet);
}

/* `self` 0: nobody of them is. */
static inline unsigned tell_list(struct stage *stage, const uint32_t *players, uint16_t count, uint32_t self)
{
    struct packet packet = {.id = ROOMD_S_PLAYER_LIST};

    put_u16(&packet, count);
    for (uint16_t i = 0; i < count; i++) {
        put_u8(&packet, players[i] == self);
        put_u32(&packet, players[i]);
        put_at(&packet, (float)i, 0);
    }
    return take(stage, &packet);
}

static inline unsigned tell_here(struct stage *stage, float speed_m_s)
{
    struct packet packet = {.id = ROOMD_S_HERE};
    const float numbers[] = {40, speed_m_s, -100, -100, 100, 100};

    put_str(&packet, "meadow");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        roomd_put_f32(packet.payload + packet.bytes, numbers[i]);
        packet.bytes += 4;
    }
    put_u8(&packet, 1);
    return take(stage, &packet);
}

static inline void tell_spawn(struct stage *stage, uint32_t entity, uint8_t kind, int32_t hp, int32_t hp_max)
{
    struct packet packet = {.id = ROOMD_S_SPAWN};

    put_u32(&packet, entity);
    put_u8(&packet, kind);
    put_str(&packet, "wolf");
    put_u32(&packet, 0);
    put_at(&packet, 3, 4);
    put_u32(&packet, (uint32_t)hp);
    put_u32(&packet, (uint32_t)hp_max);
    take(stage, &packet);
}

static inline void tell_despawn(struct stage *stage, uint32_t entity)
{
    struct packet packet = {.id = ROOMD_S_DESPAWN};

    put_u32(&packet, entity);
    put_u8(&packet, ROOMD_DESPAWN_DIED);
    take(stage, &packet);
}

static inline void tell_hit(struct stage *stage, uint32_t target, int32_t amount, bool is_heal, int32_t left)
{
    struct packet packet = {.id = ROOMD_S_HIT};

    put_u32(&packet, 999); /* an attacker may be out of view */
    put_u32(&packet, target);
    put_u16(&packet, 1);
    put_u32(&packet, (uint32_t)amount);
    put_u8(&packet, is_heal);
    put_u32(&packet, (uint32_t)left);
    take(stage, &packet);
}

static inline void tell_vitals(struct stage *stage, uint32_t entity, int32_t hp, int32_t hp_max)
{
    struct packet packet = {.id = ROOMD_S_VITALS};

    put_u32(&packet, entity);
    put_u32(&packet, (uint32_t)hp);
    put_u32(&packet, (uint32_t)hp_max);
    put_u16(&packet, 2);
    take(stage, &packet);
}

static inline unsigned tell_died(struct stage *stage, uint32_t entity, uint32_t killer)
{
    struct packet packet = {.id = ROOMD_S_DIED};

    put_u32(&packet, entity);
    put_u32(&packet, killer);
    return take(stage, &packet);
}

static inline unsigned tell_respawned(struct stage *stage, uint32_t player, float x, int32_t hp,
                                      int32_t hp_max)
{
    struct packet packet = {.id = ROOMD_S_RESPAWNED};

    put_u32(&packet, player);
    put_at(&packet, x, 0);
    put_u32(&packet, (uint32_t)hp);
    put_u32(&packet, (uint32_t)hp_max);
    return take(stage, &packet);
}

static inline void tell_said(struct stage *stage, uint32_t entity, uint8_t how)
{
    struct packet packet = {.id = ROOMD_S_SAID};

    put_u32(&packet, entity);
    put_u8(&packet, how);
    put_str(&packet, "hello");
    take(stage, &packet);
}

static inline unsigned tell_bare(struct stage *stage, uint16_t id, uint32_t bytes)
{
    struct packet packet = {.id = id, .bytes = bytes};

    return take(stage, &packet);
}

/* Exactly these things are wrong, and are forgotten with that. */
static inline void expect_wrong(struct stage *stage, enum view_wrong wrong, uint64_t count)
{
    for (int i = 0; i < VIEW_WRONG_COUNT; i++) {
        uint64_t expected = i == (int)wrong ? count : 0;

        if (stage->totals.wrong[i] != expected) {
            fail_msg("wrong[%d] is %d, not %d", i, (int)stage->totals.wrong[i], (int)expected);
        }
        stage->totals.wrong[i] = 0;
    }
}

static inline void expect_clean(struct stage *stage)
{
    expect_wrong(stage, VIEW_NO_MEMORY, 0);
}

/* It is in a room with OTHER and WOLF (hp 30 of 40), where 6 m/s is the limit. */
static inline int setup(void **state)
{
    static struct stage stage;
    const uint32_t players[] = {OTHER, SELF};

    memset(&stage, 0, sizeof(stage));
    stage.now_ms = 1000;
    view_init(&stage.view, &stage.totals);
    view_set_self(&stage.view, SELF);
    view_set_tick(&stage.view, TICK_MS);
    assert_int_equal(tell_here(&stage, 6), VIEW_HERE);
    assert_int_equal(tell_list(&stage, players, 2, SELF), VIEW_SELF_PLACED);
    tell_spawn(&stage, WOLF, ROOMD_KIND_MONSTER, 30, 40);
    expect_clean(&stage);
    *state = &stage;
    return 0;
}

static inline int teardown(void **state)
{
    struct stage *stage = *state;

    view_fini(&stage->view);
    return 0;
}

#endif

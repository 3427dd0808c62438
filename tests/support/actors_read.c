/* What actors are told, and what they make of it. */
#include "support/actors_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hash.h"
#include "roomd/world.h"
#include "wire/control.h"

void actor_forget(struct actor *actor)
{
    actor->known_count = 0;
    actor->is_placed = false;
    actor->is_dead = false;
    actor->room[0] = '\0';
}

struct known *actor_find(struct actor *actor, uint32_t id)
{
    for (uint32_t i = 0; i < actor->known_count; i++) {
        if (actor->known[i].id == id) {
            return &actor->known[i];
        }
    }
    return NULL;
}

static struct known *actor_must_know(struct actor *actor, uint32_t id, const struct frame *frame)
{
    struct known *known = actor_find(actor, id);

    if (known == NULL) {
        fail_msg("player %u was told by packet %u of %#x, whose coming it was not told", actor->id, frame->id,
                 id);
    }
    return known;
}

static void actor_learn(struct actor *actor, uint32_t id, uint8_t kind, const uint8_t *at)
{
    struct known *known = actor_find(actor, id);

    if (known != NULL) {
        /* Itself it is told of twice: in the list, and as the others are. */
        if (id != actor->id) {
            fail_msg("player %u was told twice that %#x came", actor->id, id);
        }
        return;
    }
    assert_true(actor->known_count < ACTOR_KNOWN_MAX);
    known = &actor->known[actor->known_count++];
    *known = (struct known){.id = id, .kind = kind, .x = roomd_get_f32(at), .z = roomd_get_f32(at + 8)};
    if (id == actor->id) {
        actor->x = known->x;
        actor->z = known->z;
        actor->is_placed = true;
    }
}

static void actor_unlearn(struct actor *actor, uint32_t id, const struct frame *frame)
{
    struct known *known = actor_must_know(actor, id, frame);

    *known = actor->known[--actor->known_count];
}

static void actor_read_move(struct actors *actors, struct actor *actor, const struct frame *frame)
{
    struct known *known = actor_must_know(actor, roomd_get_u32(frame->payload), frame);

    if (known->moved_turn == actors->turn && !actor->is_late) {
        fail_msg("player %u was told of two moves of %#x in one tick", actor->id, known->id);
    }
    known->moved_turn = actors->turn;
    known->x = roomd_get_f32(frame->payload + 4);
    known->z = roomd_get_f32(frame->payload + 12);
    actors->totals.moves++;
}

static void actor_read_list(struct actor *actor, const struct frame *frame)
{
    uint32_t count = roomd_get_u16(frame->payload);

    assert_int_equal(frame->payload_bytes, 2 + count * 17);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = frame->payload + 2 + i * 17;

        assert_int_equal(entry[0], roomd_get_u32(entry + 1) == actor->id);
        actor_learn(actor, roomd_get_u32(entry + 1), ROOMD_KIND_PLAYER, entry + 5);
    }
}

static void actor_read_spawn(struct actors *actors, struct actor *actor, const struct frame *frame)
{
    const uint8_t *type = frame->payload + 5;
    const uint8_t *rest = type + 2 + roomd_get_u16(type);

    assert_true(frame->payload[4] > ROOMD_KIND_PLAYER && frame->payload[4] < ROOMD_KIND_COUNT);
    assert_int_equal(rest + 24 - frame->payload, frame->payload_bytes);
    actor_learn(actor, roomd_get_u32(frame->payload), frame->payload[4], rest + 4);
    actors->totals.spawned++;
}

static void actor_read_fight(struct actors *actors, struct actor *actor, const struct frame *frame)
{
    const uint8_t *payload = frame->payload;

    switch (frame->id) {
    case ROOMD_S_HIT:
        actor_must_know(actor, roomd_get_u32(payload + 4), frame);
        assert_true((int32_t)roomd_get_u32(payload + 10) > 0 && (int32_t)roomd_get_u32(payload + 15) >= 0);
        actors->totals.hits++;
        break;
    case ROOMD_S_VITALS:
        actor_must_know(actor, roomd_get_u32(payload), frame);
        assert_in_range(roomd_get_u32(payload + 4), 0, roomd_get_u32(payload + 8));
        if (roomd_get_u32(payload) == actor->id && roomd_get_u32(payload + 4) == 0 && !actor->is_dead) {
            actor->is_dead = true; /* it has been told anew how things are */
            actor->died_turn = actors->turn;
        }
        break;
    case ROOMD_S_DIED:
        actor_must_know(actor, roomd_get_u32(payload), frame);
        actors->totals.kills += roomd_get_u32(payload + 4) == actor->id;
        if (roomd_get_u32(payload) == actor->id) {
            actor->is_dead = true;
            actor->died_turn = actors->turn;
            actors->totals.deaths++;
        }
        break;
    case ROOMD_S_RESPAWNED:
        actor_must_know(actor, roomd_get_u32(payload), frame);
        if (roomd_get_u32(payload) == actor->id) {
            actor->is_dead = false;
            actors->totals.respawns++;
            actor->x = roomd_get_f32(payload + 4);
            actor->z = roomd_get_f32(payload + 12);
        }
        break;
    default:
        break;
    }
}

static void actor_read_engine(struct actors *actors, struct actor *actor, const struct frame *frame)
{
    struct control_server control;

    assert_int_equal(control_decode_server(frame, &control), 0);
    switch (frame->id) {
    case ROOMD_S_JOINED:
        actor_forget(actor);
        memcpy(actor->room, control.joined.room.bytes, control.joined.room.size);
        actor->room[control.joined.room.size] = '\0';
        actors->totals.rooms_entered++;
        break;
    case ROOMD_S_LEFT:
        actor_forget(actor);
        break;
    case ROOMD_S_ERROR:
        actors->totals.errors++;
        break;
    case ROOMD_S_KICK:
        fail_msg("player %u was kicked: %.*s", actor->id, frame->payload_bytes - 4,
                 (const char *)frame->payload + 4);
        break;
    default:
        break;
    }
}

void actor_read_frame(struct actors *actors, struct actor *actor, const struct frame *frame)
{
    const uint8_t *payload = frame->payload;

    actors->totals.frames++;
    actor->digest =
        hash_u64(actor->digest ^ hash_bytes(payload, frame->payload_bytes) ^ (uint64_t)frame->id << 32);
    switch (frame->id) {
    case ROOMD_S_BROADCAST_ENTER_GAME:
        actor_learn(actor, roomd_get_u32(payload), ROOMD_KIND_PLAYER, payload + 4);
        break;
    case ROOMD_S_BROADCAST_LEAVE_GAME:
    case ROOMD_S_DESPAWN:
        actor_unlearn(actor, roomd_get_u32(payload), frame);
        break;
    case ROOMD_S_PLAYER_LIST:
        actor_read_list(actor, frame);
        break;
    case ROOMD_S_BROADCAST_MOVE:
    case ROOMD_S_MOVE:
        actor_read_move(actors, actor, frame);
        break;
    case ROOMD_S_SPAWN:
        actor_read_spawn(actors, actor, frame);
        break;
    case ROOMD_S_CORRECT:
        actor->blocked_turn = actors->turn;
        actor->x = roomd_get_f32(payload);
        actor->z = roomd_get_f32(payload + 8);
        actors->totals.corrected++;
        break;
    case ROOMD_S_VIEW_RESET:
        actor->known_count = 0;
        actor->is_dead = false;
        break;
    case ROOMD_S_SAID:
        actors->totals.said++;
        break;
    default:
        if (frame->id >= ROOMD_ENGINE_ID_FIRST) {
            actor_read_engine(actors, actor, frame);
        } else {
            actor_read_fight(actors, actor, frame);
        }
        break;
    }
}

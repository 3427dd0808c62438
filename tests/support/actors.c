#include "support/actors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "content/bundled.h"
#include "content/host.h"
#include "room/lobby.h"
#include "roomd/world.h"
#include "support/fake_clock.h"
#include "wire/control.h"

#define STEP_M 1.3f /* a turn's: below 6 m/s x 250 ms */

static const char data_dir[] = ROOMD_SOURCE_DIR "/tools/world";

static const struct room_setting town_settings[] = {
    {"map", "town.map"}, {"rules", "world.rules"}, {"view", "30"}};
static const struct room_setting field_settings[] = {
    {"map", "field.map"}, {"rules", "world.rules"}, {"view", "30"}};
static const struct room_setting crypt_settings[] = {
    {"map", "crypt.map"}, {"rules", "world.rules"}, {"view", "30"}};

static uint64_t draw(struct actors *actors, uint64_t below)
{
    actors->random += 0x9E3779B97F4A7C15u;
    return hash_u64(actors->random) % below;
}

static float draw_between(struct actors *actors, float from, float to)
{
    return from + (to - from) * (float)draw(actors, 100000) / 100000.0f;
}

static struct room_options options_of(const struct room_setting *settings, uint32_t count, uint64_t seed)
{
    struct room_options options = fixture_room_options();

    options.settings = settings;
    options.setting_count = count;
    options.seed = seed;
    return options;
}

void actors_open(struct actors *actors, uint64_t seed)
{
    struct engine_limits limits = fixture_limits();

    *actors = (struct actors){.random = seed};
    limits.sessions_max = 2 * ACTORS_MAX;
    actors->fixture = fixture_open(&limits);
    actors->fixture->engine.data_dir = data_dir;
    actors->list = calloc(ACTORS_MAX, sizeof(actors->list[0]));
    assert_non_null(actors->list);

    struct room_options town = options_of(town_settings, 3, seed);
    struct room_options field = options_of(field_settings, 3, seed + 1);
    struct room_template crypt = {
        .name = "crypt",
        .options = options_of(crypt_settings, 3, seed + 2),
        .content = content_find("dungeon"),
        .idle_close_ns = FIXTURE_IDLE_NS,
        .instances_max = FIXTURE_INSTANCES,
    };

    fixture_room_of(actors->fixture, "town", &town, content_find("town"));
    fixture_room_of(actors->fixture, "field", &field, content_find("field"));
    assert_int_equal(lobby_set_templates(&actors->fixture->engine.lobby, &crypt, 1), 0);
}

void actors_close(struct actors *actors)
{
    fixture_close(actors->fixture);
    free(actors->list);
    *actors = (struct actors){0};
}

static void actor_forget(struct actor *actor)
{
    actor->known_count = 0;
    actor->is_placed = false;
    actor->is_dead = false;
    actor->room[0] = '\0';
}

static void actor_connect(struct actors *actors, struct actor *actor, const char *room)
{
    actor_forget(actor);
    actor->player = fixture_connect(actors->fixture);
    actor->id = actor->player->number;
    player_hello(actor->player);
    player_join(actor->player, room);
}

void actors_add(struct actors *actors, const char *room)
{
    assert_true(actors->count < ACTORS_MAX);
    actor_connect(actors, &actors->list[actors->count++], room);
}

/* ---- what it is told ---- */

static struct known *actor_find(struct actor *actor, uint32_t id)
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

    if (known->moved_turn == actors->turn) {
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

static void actor_read_frame(struct actors *actors, struct actor *actor, const struct frame *frame)
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
        actor->x = roomd_get_f32(payload);
        actor->z = roomd_get_f32(payload + 8);
        actors->totals.corrected++;
        break;
    case ROOMD_S_VIEW_RESET:
        actor->known_count = 0;
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

/* ---- what it does ---- */

static void actor_walk(struct actors *actors, struct actor *actor, const struct known *towards)
{
    float angle = draw_between(actors, 0, 6.2831853f);
    float x = cosf(angle);
    float z = sinf(angle);
    uint8_t payload[12] = {0};

    if (towards != NULL) {
        float away = sqrtf((towards->x - actor->x) * (towards->x - actor->x) +
                           (towards->z - actor->z) * (towards->z - actor->z));

        if (away < 1.5f) {
            return;
        }
        x = (towards->x - actor->x) / away + 0.3f * x;
        z = (towards->z - actor->z) / away + 0.3f * z;
    }
    actor->x += x * STEP_M / 1.4f;
    actor->z += z * STEP_M / 1.4f;
    roomd_put_f32(payload, actor->x);
    roomd_put_f32(payload + 8, actor->z);
    player_send(actor->player, ROOMD_C_MOVE, payload, sizeof(payload));
}

static void actor_strike(struct actors *actors, struct actor *actor, const struct known *target)
{
    uint8_t payload[18] = {0};

    roomd_put_u16(payload, (uint16_t)(1 + draw(actors, 4)));
    roomd_put_u32(payload + 2, payload[0] == 4 ? actor->id : target->id);
    roomd_put_f32(payload + 6, target->x);
    roomd_put_f32(payload + 14, target->z);
    player_send(actor->player, ROOMD_C_SKILL, payload, sizeof(payload));
}

static void actor_say(struct actors *actors, struct actor *actor)
{
    uint8_t payload[7 + 8] = {0};

    payload[0] = (uint8_t)draw(actors, 3);
    roomd_put_u32(payload + 1, (uint32_t)(1 + draw(actors, actors->count)));
    roomd_put_u16(payload + 5, 8);
    memcpy(payload + 7, "To arms!", 8);
    player_send(actor->player, ROOMD_C_SAY, payload, sizeof(payload));
}

/* The nearest of a kind that it knows; NULL: none. */
static const struct known *actor_nearest(const struct actor *actor, uint8_t kind)
{
    const struct known *nearest = NULL;
    float least = INFINITY;

    for (uint32_t i = 0; i < actor->known_count; i++) {
        const struct known *known = &actor->known[i];
        float away =
            (known->x - actor->x) * (known->x - actor->x) + (known->z - actor->z) * (known->z - actor->z);

        if (known->kind == kind && away < least) {
            nearest = known;
            least = away;
        }
    }
    return nearest;
}

/* Goes away or elsewhere, now and then. True: it has done that. */
static bool actor_stray(struct actors *actors, struct actor *actor)
{
    const struct known *portal = actor_nearest(actor, ROOMD_KIND_PORTAL);
    uint8_t payload[4];
    char name[16];

    if (actor->player == NULL) {
        if (draw(actors, 8) == 0) {
            actor_connect(actors, actor, draw(actors, 2) == 0 ? "town" : "field");
        }
        return true;
    }
    switch (draw(actors, 400)) {
    case 0:
        player_hang_up(actor->player);
        free(actor->player->bytes);
        actor->player->bytes = NULL;
        actor->player->start = actor->player->end = actor->player->capacity = 0;
        actor->player = NULL;
        actors->totals.hung_up++;
        return true;
    case 1:
        player_leave(actor->player);
        player_join(actor->player, "town");
        return true;
    case 2:
        snprintf(name, sizeof(name), "crypt-%u", (unsigned)draw(actors, 12));
        player_create(actor->player, "crypt", name);
        return true;
    case 3:
        player_join(actor->player, "field");
        return true;
    default:
        break;
    }
    if (portal != NULL && !actor->is_dead && draw(actors, 4) == 0) {
        roomd_put_u32(payload, portal->id);
        player_send(actor->player, ROOMD_C_INTERACT, payload, sizeof(payload));
    }
    return false;
}

static void actor_act(struct actors *actors, struct actor *actor)
{
    const struct known *target;

    if ((actors->is_restless && actor_stray(actors, actor)) || !actor->is_placed) {
        return;
    }
    if (actor->is_dead) {
        if (actors->turn > actor->died_turn + 10) {
            player_send(actor->player, ROOMD_C_RESPAWN, NULL, 0);
        }
        return;
    }
    target = actor_nearest(actor, ROOMD_KIND_MONSTER);
    if (target == NULL && actors->is_restless) {
        target = actor_nearest(actor, ROOMD_KIND_PORTAL);
    }
    actor_walk(actors, actor, draw(actors, 5) == 0 ? NULL : target);
    if (target != NULL && target->kind == ROOMD_KIND_MONSTER) {
        actor_strike(actors, actor, target);
    }
    if (draw(actors, 50) == 0) {
        actor_say(actors, actor);
    }
    if (draw(actors, 100) == 0) {
        uint8_t calls = (uint8_t)draw(actors, 2);

        player_send(actor->player, ROOMD_C_PET, &calls, 1);
    }
}

void actors_turn(struct actors *actors)
{
    actors->turn++;
    for (uint32_t i = 0; i < actors->count; i++) {
        struct actor *actor = &actors->list[i];
        struct frame frame;

        while (actor->player != NULL && player_next(actor->player, &frame)) {
            actor_read_frame(actors, actor, &frame);
        }
        actor_act(actors, actor);
    }
    fixture_settle(actors->fixture);
    fixture_advance(actors->fixture, FIXTURE_TICK_NS);
}

uint64_t actors_digest(const struct actors *actors)
{
    uint64_t digest = 0;

    for (uint32_t i = 0; i < actors->count; i++) {
        digest = hash_u64(digest ^ actors->list[i].digest);
    }
    return digest;
}

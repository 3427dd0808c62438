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
#include "support/actors_read.h"
#include "support/fake_clock.h"

enum { PACIFIST_EVERY = 5, ASTRAY_TURNS = 20 /* around what is in the way */ };

#define BESIDE_M 4.0f  /* from a monster: it stays there */
#define HUNT_M   24.0f /* so far goes a fighter for a monster: there are some left for the pacifists */
#define TURN_RAD 6.2831853f
#define STEP_M   1.3f /* a turn's: below 6 m/s x 250 ms */

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
    actors->list[actors->count].is_pacifist = actors->count % PACIFIST_EVERY == PACIFIST_EVERY - 1;
    actor_connect(actors, &actors->list[actors->count++], room);
}

/* ---- what it does ---- */

static void actor_walk(struct actors *actors, struct actor *actor, const struct known *towards)
{
    float angle = draw_between(actors, 0, TURN_RAD);
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

static bool actor_is_afield(const struct actor *actor)
{
    return strcmp(actor->room, "field") == 0;
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
    switch (draw(actors, actor->is_pacifist ? 4000 : 400)) {
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
    if (actor->is_pacifist && actor_is_afield(actor)) {
        return false; /* it has found what it is looking for */
    }
    if (portal != NULL && !actor->is_dead && draw(actors, 4) == 0) {
        roomd_put_u32(payload, portal->id);
        player_send(actor->player, ROOMD_C_INTERACT, payload, sizeof(payload));
    }
    return false;
}

/* Any of the monsters that it knows; NULL: it knows none. */
static const struct known *actor_choose(struct actors *actors, const struct actor *actor)
{
    const struct known *chosen = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < actor->known_count; i++) {
        if (actor->known[i].kind == ROOMD_KIND_MONSTER && draw(actors, ++count) == 0) {
            chosen = &actor->known[i];
        }
    }
    return chosen;
}

/* To a monster of its own choice, not to the one that the crowd hunts: so it gets there while that lives. */
static void actor_walk_in_peace(struct actors *actors, struct actor *actor)
{
    const struct known *target = actor_nearest(actor, ROOMD_KIND_MONSTER);
    struct known ahead = {.x = actor->x + 100 * cosf(actor->heading),
                          .z = actor->z + 100 * sinf(actor->heading)};

    if (actor->blocked_turn == actors->turn) {
        actor->heading = draw_between(actors, 0, TURN_RAD);
        actor->quarry = 0;
    }
    if (actors->turn < actor->blocked_turn + ASTRAY_TURNS) {
        target = &ahead;
    } else if (target == NULL || hypotf(target->x - actor->x, target->z - actor->z) > BESIDE_M) {
        target = actor_find(actor, actor->quarry);
        if (target == NULL) {
            target = actor_choose(actors, actor);
            actor->quarry = target != NULL ? target->id : 0;
        }
        if (target == NULL && !actor_is_afield(actor)) {
            target = actor_nearest(actor, ROOMD_KIND_PORTAL);
        }
    }
    actor_walk(actors, actor, target != NULL ? target : &ahead);
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
    if (actor->is_pacifist) {
        actor_walk_in_peace(actors, actor);
        return;
    }
    target = actor_nearest(actor, ROOMD_KIND_MONSTER);
    if (target != NULL && hypotf(target->x - actor->x, target->z - actor->z) > HUNT_M) {
        target = NULL;
    }
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

        if (actor->is_asleep) {
            continue;
        }
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

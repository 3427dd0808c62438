/*
 * A fight to be saved in the middle: players who look for monsters and use what they have, over the fake host. They
 * decide by the world's own state, so that two worlds that are alike stay alike.
 */
#ifndef ROOMD_TESTS_UNIT_SAVED_WORLD_H
#define ROOMD_TESTS_UNIT_SAVED_WORLD_H

#include "content/world.h"
#include "support/fake_room.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

extern const struct roomd_content roomd_content_field;
extern const struct roomd_content roomd_content_town;
extern const struct roomd_content roomd_content_dungeon;

enum { SAVED_PLAYERS_MAX = 16, SAVED_TICK_MS = 250, SAVED_FILE_BYTES_MAX = 1 << 20 };

struct saved_room {
    struct fake_room *room;
    uint64_t players[SAVED_PLAYERS_MAX];
    uint64_t random; /* the players' */
};

static inline uint32_t saved_below(struct saved_room *saved, uint32_t below)
{
    saved->random = saved->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((saved->random >> 33) % below);
}

/* A bundled file, as text. It is kept until the process ends: fake_data_add needs it for so long. */
static inline const char *saved_file(const char *name)
{
    static char texts[4][SAVED_FILE_BYTES_MAX];
    static const char *names[4];
    char path[512];
    int i = 0;

    while (i < 3 && names[i] != NULL && strcmp(names[i], name) != 0) {
        i++;
    }
    if (names[i] == NULL) {
        snprintf(path, sizeof(path), "%s/tools/world/%s", ROOMD_SOURCE_DIR, name);
        FILE *file = fopen(path, "rb");

        assert_non_null(file);
        texts[i][fread(texts[i], 1, sizeof(texts[i]) - 1, file)] = '\0';
        fclose(file);
        names[i] = name;
    }
    return texts[i];
}

static inline struct world *saved_world(const struct saved_room *saved)
{
    return fake_state(saved->room);
}

/* ---- what players do ---- */

static inline void saved_send_place(struct saved_room *saved, uint64_t session, const struct point *at)
{
    uint8_t payload[12];

    roomd_put_f32(payload, at->x);
    roomd_put_f32(payload + 4, at->y);
    roomd_put_f32(payload + 8, at->z);
    assert_int_equal(fake_send(saved->room, session, ROOMD_C_MOVE, payload, sizeof(payload)),
                     ROOMD_PACKET_OK);
}

static inline void saved_send_skill(struct saved_room *saved, uint64_t session, uint16_t skill,
                                    const struct entity *target)
{
    uint8_t payload[18];

    roomd_put_u16(payload, skill);
    roomd_put_u32(payload + 2, skill == 3 ? 0 : target->id);
    roomd_put_f32(payload + 6, target->at.x);
    roomd_put_f32(payload + 10, target->at.y);
    roomd_put_f32(payload + 14, target->at.z);
    assert_int_equal(fake_send(saved->room, session, ROOMD_C_SKILL, payload, sizeof(payload)),
                     ROOMD_PACKET_OK);
}

static inline struct entity *saved_nearest(struct saved_room *saved, const struct player *player)
{
    struct entity *best = NULL;

    for (struct entity *e = saved_world(saved)->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        if (best == NULL ||
            point_distance2(&e->at, &player->entity.at) < point_distance2(&best->at, &player->entity.at)) {
            best = e;
        }
    }
    return best;
}

static inline void saved_approach(struct saved_room *saved, const struct player *player,
                                  const struct entity *foe)
{
    const struct world *world = saved_world(saved);
    struct point way[PATH_POINTS_MAX];
    uint32_t nodes = PATH_NODES_MAX;
    uint32_t count = path_find(world->map, &player->entity.at, &foe->at, &nodes, way);

    if (count > 0) {
        saved_send_place(saved, player->session, &way[0]);
    } else { /* too far to see a way: somewhere, and then again */
        struct point at = player->entity.at;

        at.x += (float)saved_below(saved, 41) - 20;
        at.z -= (float)saved_below(saved, 30) - 10;
        if (world_can_stand(world, &at)) {
            saved_send_place(saved, player->session, &at);
        }
    }
}

static inline void saved_act(struct saved_room *saved, uint64_t session)
{
    const struct player *player = world_player_of(saved_world(saved), session);
    uint32_t draw = saved_below(saved, 100);

    if (player == NULL) {
        return;
    }
    const struct entity *foe = saved_nearest(saved, player);

    if (player->entity.hp == 0) {
        assert_int_equal(fake_send(saved->room, session, ROOMD_C_RESPAWN, NULL, 0), ROOMD_PACKET_OK);
    } else if (draw < 5 || foe == NULL) {
        assert_int_equal(fake_send(saved->room, session, ROOMD_C_PET, &(uint8_t){draw % 4 != 0}, 1),
                         ROOMD_PACKET_OK);
    } else if (draw < 8) {
        saved_send_skill(saved, session, 4, &player->entity);
    } else if (point_distance(&foe->at, &player->entity.at) > 14 || draw < 30 ||
               player->entity.id % 4 != 0) { /* three of four come to be bitten */
        saved_approach(saved, player, foe);
    } else {
        saved_send_skill(saved, session, (uint16_t)(1 + draw % 3), foe);
    }
}

/* ---- a room ---- */

/* The content with these files as its map and rules, and players in it. */
static inline struct saved_room saved_open(const struct roomd_content *content, const char *map,
                                           const char *rules, uint32_t players)
{
    static const char *const options[] = {"map", "saved.map", "rules", "saved.rules", "view",
                                          "40",  "speed",     "0",     NULL};
    struct saved_room saved = {.random = 1};

    fake_data_clear();
    fake_data_add("saved.map", map);
    fake_data_add("saved.rules", rules);
    saved.room = fake_room_open(content, options);
    fake_add_room(saved.room, "town");
    for (uint32_t i = 0; i < players; i++) {
        saved.players[i] = fake_enter(saved.room);
    }
    return saved;
}

/* Everyone acts once, and a chair may change hands; who was sent elsewhere comes back as somebody new. No tick. */
static inline void saved_turn(struct saved_room *saved, uint32_t players)
{
    for (uint32_t i = 0; i < players; i++) {
        uint64_t session = saved->players[i];

        if (fake_player_inside(saved->room, session) != NULL) {
            saved_act(saved, session);
        }
        if (fake_player_inside(saved->room, session) == NULL) {
            saved->players[i] = fake_enter(saved->room);
        } else if (saved_below(saved, 60) == 0) {
            fake_leave(saved->room, session, ROOMD_LEAVE_DISCONNECTED);
        }
    }
}

/* ---- bytes into a room ---- */

/* As a restore begins. */
static inline void saved_shut(struct fake_room *room)
{
    fake_shut(room);
}

/* Into a room that is shut. When it is refused, nothing may be left but the room's memory, which goes here. */
static inline int saved_restore(struct fake_room *room, const void *bytes, size_t size)
{
    int result = room->content->restore(&fake_host, fake_handle(room), bytes, size, &room->state);

    if (result < 0) {
        room->state = NULL;
        assert_int_equal(fake_streams(room), 0);
        assert_int_equal(fake_follows(room), 0);
        assert_int_equal(fake_jobs(room), 0);
        for (uint32_t i = 0; i < room->player_count; i++) {
            assert_null(room->players[i]->user);
        }
        fake_memory_give_back(room);
    }
    return result;
}

#endif

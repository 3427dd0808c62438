/*
 * Small grounds for the tests of fighting, pets and NPCs: a room over the fake host, with rules whose numbers are easy
 * to reckon with, and players and monsters put where a test wants them.
 *
 * The default ground is 60 m by 30 m in tiles of 1 m: open for z below 10; a wall at x 30..31 for z 10..20; water there
 * for z above 20.
 */
#ifndef ROOMD_TESTS_UNIT_WORLD_ARENA_H
#define ROOMD_TESTS_UNIT_WORLD_ARENA_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "content/world.h"
#include "support/fake_host.h"

enum { ARENA_TICK_MS = 250, SLASH = 1, ARROW = 2, BLAST = 3, MEND = 4, POKE = 5 };

#define ARENA_30   ".............................."
#define ARENA_OPEN ARENA_30 ARENA_30 "\n"
#define ARENA_WALL                                                                                           \
    ARENA_30 "#............................."                                                                \
             "\n"
#define ARENA_WATER                                                                                          \
    ARENA_30 "~............................."                                                                \
             "\n"
#define TEN(row)   row row row row row row row row row row
#define ARENA_GRID "grid\n" TEN(ARENA_OPEN) TEN(ARENA_WALL) TEN(ARENA_WATER)
#define ARENA_MAP  "map arena\ntile 1\nspawn corner 2 2\nspawn far 50 2\n" ARENA_GRID

#define ARENA_RULES                                                                                          \
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"                                          \
    "skill 2 arrow kind ranged range 18 cooldown 1200ms amount 10 speed 20\n"                                \
    "skill 3 blast kind area range 12 radius 4 cooldown 5s amount 15\n"                                      \
    "skill 4 mend kind heal range 10 cooldown 4s amount 25\n"                                                \
    "skill 5 poke kind melee range 2.5 cooldown 50ms amount 1\n"                                             \
    "monster post hp 100 speed 0 sight 0 leash 0 range 1 damage 0 every 1s xp 10 drop plank\n"               \
    "monster wolf hp 40 speed 4.5 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10\n"                   \
    "monster archer hp 30 speed 3 sight 16 leash 30 range 12 damage 5 every 2s xp 12 shoots arrow\n"         \
    "monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n"

struct arena {
    struct fake_room *room;
    struct world *world;
};

/* What the room's kind was told of the last death. */
static struct {
    uint32_t count;
    uint32_t entity, killer;
} arena_death;

static inline void arena_died(struct world *world, struct entity *entity, uint32_t killer)
{
    assert_ptr_equal(world_find(world, entity->id), entity);
    assert_int_equal(entity->hp, 0);
    arena_death.count++;
    arena_death.entity = entity->id;
    arena_death.killer = killer;
}

static inline int arena_open_fight(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    static const struct world_kind kind = {.name = "arena", .has_fighting = true, .died = arena_died};

    return world_open(host, room, &kind, state);
}

static inline int arena_open_peace(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    static const struct world_kind kind = {.name = "peace"};

    return world_open(host, room, &kind, state);
}

static const struct roomd_content arena_fight = {
    .name = "arena", .open = arena_open_fight, .packet = world_packet, WORLD_CALLBACKS};
static const struct roomd_content arena_peace = {
    .name = "peace", .open = arena_open_peace, .packet = world_packet, WORLD_CALLBACKS};

/* `map` and `rules` are the files' texts; "" for none. `view` is in m, as text. */
static inline struct arena arena_open(const struct roomd_content *content, const char *map, const char *rules,
                                      const char *view, const char *pets)
{
    const char *options[] = {"map",   map[0] != '\0' ? "arena.map" : "",
                             "rules", rules[0] != '\0' ? "arena.rules" : "",
                             "view",  view,
                             "pets",  pets,
                             NULL};
    struct arena arena;

    fake_data_clear();
    fake_data_add("arena.map", map);
    fake_data_add("arena.rules", rules);
    memset(&arena_death, 0, sizeof(arena_death));
    arena.room = fake_room_open(content, options);
    arena.world = fake_state(arena.room);
    return arena;
}

static inline struct arena arena_open_default(void)
{
    return arena_open(&arena_fight, ARENA_MAP, ARENA_RULES, "0", "yes");
}

static inline void arena_close(struct arena *arena)
{
    fake_room_close(arena->room);
    fake_data_clear();
}

static inline struct player *arena_player_of(const struct arena *arena, uint64_t session)
{
    struct player *player = world_find_player(arena->world, fake_player_id(arena->room, session));

    assert_non_null(player);
    return player;
}

static inline void arena_put(struct arena *arena, struct entity *entity, float x, float z)
{
    world_jump(arena->world, entity, &(struct point){x, 0, z});
}

/* A player who has read all that there was to read. */
static inline uint64_t arena_enter(struct arena *arena, float x, float z)
{
    uint64_t session = fake_enter(arena->room);

    arena_put(arena, &arena_player_of(arena, session)->entity, x, z);
    fake_flush(arena->room);
    fake_drop(arena->room, 0);
    return session;
}

static inline struct monster *arena_monster(struct arena *arena, const char *type, float x, float z)
{
    int place = rules_find_monster(arena->world->rules, type);
    struct monster *monster;

    assert_true(place >= 0);
    monster = world_monster_make(arena->world, (uint16_t)place, UINT16_MAX, &(struct point){x, 0, z});
    assert_non_null(monster);
    return monster;
}

static inline enum roomd_packet_result arena_skill_at(struct arena *arena, uint64_t session, uint16_t skill,
                                                      uint32_t target, struct point at)
{
    uint8_t payload[18];

    roomd_put_u16(payload, skill);
    roomd_put_u32(payload + 2, target);
    roomd_put_f32(payload + 6, at.x);
    roomd_put_f32(payload + 10, at.y);
    roomd_put_f32(payload + 14, at.z);
    return fake_send(arena->room, session, ROOMD_C_SKILL, payload, sizeof(payload));
}

/* The code with which it was refused; ROOMD_ERROR_NONE when it was used. */
static inline enum roomd_error arena_skill(struct arena *arena, uint64_t session, uint16_t skill,
                                           uint32_t target)
{
    assert_int_equal(arena_skill_at(arena, session, skill, target, (struct point){0, 0, 0}), ROOMD_PACKET_OK);
    return fake_take_error(arena->room, session);
}

static inline enum roomd_error arena_blast(struct arena *arena, uint64_t session, float x, float y, float z)
{
    assert_int_equal(arena_skill_at(arena, session, BLAST, 0, (struct point){x, y, z}), ROOMD_PACKET_OK);
    return fake_take_error(arena->room, session);
}

static inline enum roomd_error arena_interact(struct arena *arena, uint64_t session, uint32_t entity)
{
    uint8_t payload[4];

    roomd_put_u32(payload, entity);
    assert_int_equal(fake_send(arena->room, session, ROOMD_C_INTERACT, payload, 4), ROOMD_PACKET_OK);
    return fake_take_error(arena->room, session);
}

static inline enum roomd_error arena_pet(struct arena *arena, uint64_t session, uint8_t is_called)
{
    assert_int_equal(fake_send(arena->room, session, ROOMD_C_PET, &is_called, 1), ROOMD_PACKET_OK);
    return fake_take_error(arena->room, session);
}

static inline void arena_kill_player(struct arena *arena, uint64_t session)
{
    struct player *player = arena_player_of(arena, session);

    assert_false(world_hurt(arena->world, 0, &player->entity, 0, player->entity.hp));
    assert_int_equal(player->entity.hp, 0);
}

/* The next S_Hit that the player reads is exactly this. */
static inline void arena_expect_hit(struct arena *arena, uint64_t session, uint32_t source, uint32_t target,
                                    uint16_t skill, int32_t amount, bool is_heal, int32_t hp)
{
    struct fake_packet packet;

    assert_true(fake_next_of(arena->room, session, ROOMD_S_HIT, &packet));
    assert_int_equal(packet.bytes, 19);
    assert_int_equal(roomd_get_u32(packet.payload), source);
    assert_int_equal(roomd_get_u32(packet.payload + 4), target);
    assert_int_equal(roomd_get_u16(packet.payload + 8), skill);
    assert_int_equal((int32_t)roomd_get_u32(packet.payload + 10), amount);
    assert_int_equal(packet.payload[14], is_heal);
    assert_int_equal((int32_t)roomd_get_u32(packet.payload + 15), hp);
}

#endif

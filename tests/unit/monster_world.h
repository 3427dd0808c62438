/*
 * What the tests of monsters, camps and the dungeon share: rules, a room over the fake host, and looks into its world.
 * The field under test is the module `field`; players are put where a test wants them.
 */
#ifndef TESTS_UNIT_MONSTER_WORLD_H
#define TESTS_UNIT_MONSTER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "content/world.h"
#include "support/fake_host.h"

extern const struct roomd_content roomd_content_field;
extern const struct roomd_content roomd_content_dungeon;

enum { TICK_MS = 250 };

static const char rules_text[] =
    "skill 1 slash kind melee range 2.5 cooldown 600ms amount 12\n"
    "skill 2 arrow kind ranged range 18 cooldown 1200ms amount 10 speed 20\n"
    "skill 3 doom kind ranged range 100 cooldown 50ms amount 10000 speed 200\n"
    "skill 4 axe kind melee range 100 cooldown 50ms amount 10000\n"
    "monster wolf hp 40 speed 4.5 sight 12 leash 30 range 2 damage 6 every 1200ms xp 10 drop pelt\n"
    "monster archer hp 30 speed 3 sight 16 leash 30 range 12 damage 5 every 2s xp 12 shoots arrow\n"
    "monster tower hp 1000 speed 0 sight 16 leash 30 range 4 damage 5 every 1s xp 12\n"
    "monster deer hp 30 speed 5 sight 16 leash 30 range 2 damage 0 every 1s xp 3\n"
    "monster ogre hp 90 speed 3 sight 40 leash 100 range 2 damage 30 every 500ms xp 50\n"
    "monster hound hp 60 speed 7 sight 10 leash 20 range 2 damage 5 every 1s pet yes\n";

/* A plain of 100 m x 100 m, without a wall; one monster or several in its middle. */
static char plain_text[16384];

static inline const char *plain(const char *camp)
{
    char *at = plain_text;

    at += sprintf(at, "map plain\ntile 2\nspawn south 48 48\n%s\ngrid\n", camp);
    for (int row = 0; row < 50; row++) {
        at += sprintf(at, "%.50s\n", "..................................................");
    }
    return plain_text;
}

static const char wolf_camp[] = "camp wolves 25 25 type wolf count 1 radius 4 respawn 20s";

static inline struct world *world_of(struct fake_room *room)
{
    return fake_state(room);
}

/*
 * The file of a map, under a name that none has had: what a failed test leaves behind is not shared with the next one.
 * The rules are test.rules.
 */
static inline const char *map_file(const char *map)
{
    static char name[32];
    static unsigned count;

    snprintf(name, sizeof(name), "test%u.map", count++);
    fake_data_clear();
    fake_data_add(name, map);
    fake_data_add("test.rules", rules_text);
    return name;
}

/* A field with a view of `view` m, in which no job stands in for the tick: jobs are the monsters'. */
static inline struct fake_room *open_field_with(const char *map, const char *view)
{
    static const char *options[] = {"map", NULL, "rules", "test.rules", "view", NULL, NULL};
    struct fake_room *room;

    options[1] = map_file(map);
    options[5] = view;
    room = fake_room_open(&roomd_content_field, options);
    return room;
}

static inline struct fake_room *open_field(const char *map)
{
    return open_field_with(map, "32");
}

static inline struct player *player_in(struct fake_room *room, uint64_t session)
{
    struct player *player = world_player_of(world_of(room), session);

    assert_non_null(player);
    return player;
}

static inline float way_from(const struct monster *monster, const struct point *to)
{
    return point_distance(&monster->entity.at, to);
}

/* Puts a player or a monster somewhere, as a portal would. */
static inline void put(struct fake_room *room, struct entity *entity, float x, float z)
{
    struct point to = {.x = x, .z = z};

    world_begin(world_of(room));
    world_jump(world_of(room), entity, &to);
}

static inline uint64_t enter_at(struct fake_room *room, float x, float z)
{
    uint64_t session = fake_enter(room);

    put(room, &player_in(room, session)->entity, x, z);
    return session;
}

static inline struct monster *first_monster(struct fake_room *room)
{
    struct entity *entity = world_of(room)->entities[ROOMD_KIND_MONSTER].first;

    assert_non_null(entity);
    return (struct monster *)entity;
}

static inline uint32_t monsters(struct fake_room *room)
{
    return world_of(room)->entities[ROOMD_KIND_MONSTER].count;
}

static inline uint32_t monsters_in(struct fake_room *room, enum monster_state state)
{
    uint32_t count = 0;

    for (struct entity *e = world_of(room)->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        count += ((struct monster *)e)->state == state;
    }
    return count;
}

/* The list of the awake is whole, in order, and holds exactly those that don't sleep, each with a thought to come. */
static inline void assert_awake_list(struct fake_room *room)
{
    const struct world *world = world_of(room);
    const struct monster *last = NULL;
    uint32_t count = 0;

    for (const struct monster *m = world->awake_first; m != NULL; m = m->awake_next) {
        assert_ptr_equal(m->awake_prev, last);
        assert_true(last == NULL || last->think_order < m->think_order);
        assert_int_not_equal(m->state, MONSTER_ASLEEP);
        assert_true(m->think_ms != 0 || world->has_unarmed);
        last = m;
        count++;
    }
    assert_ptr_equal(world->awake_last, last);
    assert_int_equal(count, monsters(room) - monsters_in(room, MONSTER_ASLEEP));
}

static inline void hurt(struct fake_room *room, uint32_t by, struct monster *monster, int32_t amount)
{
    world_begin(world_of(room));
    world_hurt(world_of(room), by, &monster->entity, 1, amount);
}

/* Ticks until the monster is in that state; fails after `ticks` of them. */
static inline void tick_until(struct fake_room *room, const struct monster *monster, enum monster_state state,
                              uint32_t ticks)
{
    while (monster->state != state) {
        assert_true(ticks-- > 0);
        fake_tick(room, TICK_MS);
    }
}

static inline void tick_for(struct fake_room *room, uint32_t ms)
{
    for (uint32_t i = 0; i < ms / TICK_MS; i++) {
        fake_tick(room, TICK_MS);
    }
}

static inline enum roomd_packet_result send_skill(struct fake_room *room, uint64_t session, uint16_t skill,
                                                  uint32_t target)
{
    uint8_t payload[18] = {0};

    roomd_put_u16(payload, skill);
    roomd_put_u32(payload + 2, target);
    return fake_send(room, session, ROOMD_C_SKILL, payload, sizeof(payload));
}

#endif

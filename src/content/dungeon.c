/*
 * The bundled content `dungeon`: the ground of world.h for one party. Its map's camps `wave1*`, `wave2*`, ... and
 * `boss*` come one stage after the other, and once; other camps are as in a field.
 *
 *     WAITING --5 s after the first came in--> WAVE 1 --all dead--> WAVE n --all dead--> BOSS --all dead--> WON
 *                                                |                    |                    |
 *                                                +---- everyone is dead at once -----------+--------------> LOST
 *
 *     dungeon_go_on takes the edges to the right, dungeon_tick the others. From BOSS on nobody gets in. After WON and
 *     LOST the result is told, 10 s later everyone is sent to the room that the option `exit` names, and the room
 *     closes when it is empty. A room that the config lists can't close: it, and one that all have left early, is as new
 *     for who comes next (an early one of a template is retired by its idle_close before that, as a rule).
 *
 * All of it hangs on the tick: with nobody in, nothing is to be done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content/world.h"

extern const struct roomd_content roomd_content_dungeon;

enum {
    BEGIN_MS = 5000,
    EXIT_MS = 10000,
    NO_CAMP = UINT16_MAX,
    STAGE_BYTES = 7,
    RESULT_HEAD_BYTES = 7,
    RESULT_PLAYER_BYTES = 16
};

struct dungeon {
    uint16_t waves; /* of the map */
    bool has_boss;  /* of the map */
    uint8_t stage;  /* enum roomd_stage */
    uint16_t wave;  /* from 1; the last one while the boss is fought */
    uint32_t left;  /* monsters of this stage that live or are still to come */
    uint32_t camp; /* place in the map, and of those in it the number, from which on they are still to come */
    uint32_t camp_placed;
    uint64_t begun_ms; /* when the first stage began */
    uint64_t due_ms;   /* WAITING: the first wave; WON, LOST: everyone is sent out; 0: nothing is due */
    bool has_changed;  /* S_Stage is to be told */
};

/* ---- camps ---- */

/* The wave of a camp: 0 is none, waves + 1 the boss. */
static uint32_t camp_stage(const struct dungeon *dungeon, const struct map_camp *camp)
{
    if (strncmp(camp->name, "boss", 4) == 0) {
        return dungeon->waves + 1u;
    }
    return strncmp(camp->name, "wave", 4) == 0 ? (uint32_t)strtoul(camp->name + 4, NULL, 10) : 0;
}

static bool dungeon_keeps_back(const struct map_camp *camp)
{
    const char *digits = camp->name + 4;

    return strncmp(camp->name, "boss", 4) == 0 ||
           (strncmp(camp->name, "wave", 4) == 0 && *digits >= '1' && *digits <= '9');
}

static uint32_t dungeon_stage_now(const struct dungeon *dungeon)
{
    return dungeon->stage == ROOMD_STAGE_BOSS ? dungeon->waves + 1u : dungeon->wave;
}

/* How many monsters the stage of that number has. */
static uint32_t stage_monsters(const struct world *world, uint32_t stage)
{
    const struct dungeon *dungeon = world->kind_state;
    uint32_t count = 0;

    for (uint32_t i = 0; i < world->map->camp_count; i++) {
        if (dungeon_keeps_back(&world->map->camps[i]) &&
            camp_stage(dungeon, &world->map->camps[i]) == stage) {
            count += world->map->camps[i].count;
        }
    }
    return count;
}

/* Places those of the stage that are still to come. Where memory fails the next tick goes on. */
static void dungeon_place(struct world *world)
{
    struct dungeon *dungeon = world->kind_state;

    for (; dungeon->camp < world->map->camp_count; dungeon->camp++, dungeon->camp_placed = 0) {
        const struct map_camp *camp = &world->map->camps[dungeon->camp];
        int type = rules_find_monster(world->rules, camp->type);

        if (!dungeon_keeps_back(camp) || camp_stage(dungeon, camp) != dungeon_stage_now(dungeon)) {
            continue;
        }
        for (; dungeon->camp_placed < camp->count; dungeon->camp_placed++) {
            struct point at = world_place_near(world, &camp->at, camp->radius_m);

            if (world_monster_make(world, (uint16_t)type, NO_CAMP, &at) == NULL) {
                return;
            }
        }
    }
}

/* Waves from 1 up without a gap, each with a monster in it. */
static int dungeon_read_map(struct world *world)
{
    struct dungeon *dungeon = world->kind_state;
    uint32_t last = 0;

    for (uint32_t i = 0; world->map != NULL && i < world->map->camp_count; i++) {
        const struct map_camp *camp = &world->map->camps[i];
        bool is_boss = dungeon_keeps_back(camp) && camp->name[0] == 'b';
        uint32_t wave = dungeon_keeps_back(camp) && !is_boss ? camp_stage(dungeon, camp) : 0;

        dungeon->has_boss = dungeon->has_boss || (is_boss && camp->count > 0);
        last = wave > last ? wave : last;
    }
    dungeon->waves = last <= MAP_PLACES_MAX ? (uint16_t)last : 0;
    for (uint32_t wave = 1; wave <= last; wave++) {
        if (last > MAP_PLACES_MAX || stage_monsters(world, wave) == 0) {
            world->host->log(world->room, "the map's camps wave1, wave2, ... have a gap");
            return -EINVAL;
        }
    }
    if (last == 0 && !dungeon->has_boss) {
        world->host->log(world->room, "a dungeon needs a map with a camp wave1 or a camp boss");
        return -EINVAL;
    }
    return 0;
}

/* ---- telling ---- */

static size_t dungeon_put_stage(const struct dungeon *dungeon, uint8_t out[STAGE_BYTES])
{
    out[0] = dungeon->stage;
    roomd_put_u16(out + 1, dungeon->wave);
    roomd_put_u16(out + 3, dungeon->waves);
    roomd_put_u16(out + 5, dungeon->left < UINT16_MAX ? (uint16_t)dungeon->left : UINT16_MAX);
    return STAGE_BYTES;
}

/* S_Result in world->payload; returns its bytes. Once it is over, and until all have been sent out. */
static size_t dungeon_put_result(struct world *world)
{
    const struct dungeon *dungeon = world->kind_state;
    uint32_t players_max = (sizeof(world->payload) - RESULT_HEAD_BYTES) / RESULT_PLAYER_BYTES;
    uint64_t ms = dungeon->due_ms - EXIT_MS - dungeon->begun_ms;
    size_t used = RESULT_HEAD_BYTES;
    uint16_t count = 0;

    for (const struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL && count < players_max;
         e = e->next) {
        const struct player *player = (const struct player *)e;

        roomd_put_u32(world->payload + used, e->id);
        roomd_put_u32(world->payload + used + 4, player->kills);
        roomd_put_u32(world->payload + used + 8, player->damage);
        roomd_put_u32(world->payload + used + 12, player->deaths);
        used += RESULT_PLAYER_BYTES;
        count++;
    }
    world->payload[0] = dungeon->stage == ROOMD_STAGE_WON;
    roomd_put_u32(world->payload + 1, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX);
    roomd_put_u16(world->payload + 5, count);
    return used;
}

static bool dungeon_has_ended(const struct dungeon *dungeon)
{
    return dungeon->stage == ROOMD_STAGE_WON || dungeon->stage == ROOMD_STAGE_LOST;
}

/* What does not go out is told again at the next tick. */
static void dungeon_tell_stage(struct world *world)
{
    struct dungeon *dungeon = world->kind_state;
    const struct roomd_host *host = world->host;
    uint8_t payload[STAGE_BYTES];
    int error = host->broadcast(world->room, ROOMD_S_STAGE, payload, dungeon_put_stage(dungeon, payload), 0);

    if (error == 0 && dungeon_has_ended(dungeon)) {
        error = host->broadcast(world->room, ROOMD_S_RESULT, world->payload, dungeon_put_result(world), 0);
    }
    dungeon->has_changed = error < 0;
}

/* To one who has come, or has missed some of it. */
static void dungeon_show(struct world *world, struct player *player)
{
    const struct dungeon *dungeon = world->kind_state;
    uint8_t payload[STAGE_BYTES];

    world_tell_one(world, player, ROOMD_S_STAGE, payload, dungeon_put_stage(dungeon, payload));
    if (dungeon_has_ended(dungeon)) {
        world_tell_one(world, player, ROOMD_S_RESULT, world->payload, dungeon_put_result(world));
    }
}

/* ---- stages ---- */

static bool dungeon_is_fought(const struct dungeon *dungeon)
{
    return dungeon->stage == ROOMD_STAGE_WAVE || dungeon->stage == ROOMD_STAGE_BOSS;
}

static void dungeon_lock(struct world *world)
{
    const struct dungeon *dungeon = world->kind_state;

    world->host->lock(world->room, dungeon->stage >= ROOMD_STAGE_BOSS);
}

static void dungeon_begin_stage(struct world *world, enum roomd_stage stage)
{
    struct dungeon *dungeon = world->kind_state;

    dungeon->stage = (uint8_t)stage;
    dungeon->due_ms = 0;
    if (dungeon_is_fought(dungeon)) {
        dungeon->camp = dungeon->camp_placed = 0;
        dungeon->left = stage_monsters(world, dungeon_stage_now(dungeon));
        dungeon_place(world);
    }
    if (dungeon_has_ended(dungeon)) {
        dungeon->due_ms = world->now_ms + EXIT_MS;
    }
    dungeon_lock(world);
    dungeon_tell_stage(world);
}

/* The next stage: what was before it is done. */
static void dungeon_go_on(struct world *world)
{
    struct dungeon *dungeon = world->kind_state;

    if (dungeon->stage == ROOMD_STAGE_WAITING) {
        dungeon->begun_ms = world->now_ms;
    }
    if (dungeon->stage != ROOMD_STAGE_BOSS && dungeon->wave < dungeon->waves) {
        dungeon->wave++;
        dungeon_begin_stage(world, ROOMD_STAGE_WAVE);
    } else if (dungeon->stage != ROOMD_STAGE_BOSS && dungeon->has_boss) {
        dungeon_begin_stage(world, ROOMD_STAGE_BOSS);
    } else {
        dungeon_begin_stage(world, ROOMD_STAGE_WON);
    }
}

/* Empty, and as new. */
static void dungeon_begin_anew(struct world *world)
{
    struct dungeon *dungeon = world->kind_state;
    struct entity *next;

    for (struct entity *e = world->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = next) {
        next = e->next;
        if (((struct monster *)e)->camp == NO_CAMP) {
            world_monster_vanish(world, (struct monster *)e);
        }
    }
    dungeon->stage = ROOMD_STAGE_WAITING;
    dungeon->wave = 0;
    dungeon->left = 0;
    dungeon->due_ms = 0;
    dungeon->has_changed = false;
    dungeon_lock(world);
}

/* Out, to where the option says; who can't go there leaves as by itself. Tried again at each tick until all are gone. */
static void dungeon_send_out(struct world *world)
{
    struct entity *next;

    for (struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = next) {
        struct player *player = (struct player *)e;

        next = e->next;
        if (player->is_leaving) {
            continue;
        }
        if (world->exit[0] == '\0' || world_player_send_to(world, player, world->exit, NULL) != 0) {
            player->is_leaving = world->host->leave(world->room, player->session) == 0;
        }
    }
}

static bool dungeon_is_anyone_alive(const struct world *world)
{
    for (const struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = e->next) {
        if (e->hp > 0) {
            return true;
        }
    }
    return false;
}

/* ---- what the ground calls ---- */

static void dungeon_tick(struct world *world)
{
    struct dungeon *dungeon = world->kind_state;

    if (dungeon_is_fought(dungeon)) {
        dungeon_place(world);
        if (!dungeon_is_anyone_alive(world)) {
            dungeon_begin_stage(world, ROOMD_STAGE_LOST);
        } else if (dungeon->left == 0) {
            dungeon_go_on(world);
        }
    } else if (dungeon->due_ms != 0 && world->now_ms >= dungeon->due_ms) {
        if (dungeon->stage == ROOMD_STAGE_WAITING) {
            dungeon_go_on(world);
        } else {
            dungeon_send_out(world);
        }
    }
    if (dungeon->has_changed) {
        dungeon_tell_stage(world);
    }
}

static void dungeon_enter(struct world *world, struct player *player)
{
    struct dungeon *dungeon = world->kind_state;

    if (dungeon->stage == ROOMD_STAGE_WAITING && dungeon->due_ms == 0) {
        dungeon->due_ms = world->now_ms + BEGIN_MS;
    }
    dungeon_show(world, player);
}

static void dungeon_leave(struct world *world, struct player *player)
{
    const struct dungeon *dungeon = world->kind_state;

    for (const struct entity *e = world->entities[ROOMD_KIND_PLAYER].first; e != NULL; e = e->next) {
        if (e != &player->entity) {
            return;
        }
    }
    if (!dungeon_has_ended(dungeon) || world->host->close(world->room, NULL) != 0) {
        dungeon_begin_anew(world);
    }
}

static void dungeon_died(struct world *world, struct entity *entity, uint32_t killer)
{
    struct dungeon *dungeon = world->kind_state;

    (void)killer;
    if (entity->kind == ROOMD_KIND_MONSTER && ((struct monster *)entity)->camp == NO_CAMP &&
        dungeon_is_fought(dungeon) && dungeon->left > 0) {
        dungeon->left--;
        dungeon->has_changed = true;
    }
}

static int dungeon_make(struct world *world)
{
    if (world->kind_state == NULL) {
        world->kind_state = world->host->alloc(world->room, sizeof(struct dungeon));
    }
    return world->kind_state != NULL ? dungeon_read_map(world) : -ENOMEM;
}

static void dungeon_unmake(struct world *world)
{
    world->host->free(world->room, world->kind_state);
    world->kind_state = NULL;
}

static void dungeon_save(struct world *world, struct pack *pack)
{
    const struct dungeon *dungeon = world->kind_state;

    pack_u8(pack, dungeon->stage);
    pack_u16(pack, dungeon->wave);
    pack_u32(pack, dungeon->left);
    pack_u32(pack, dungeon->camp);
    pack_u32(pack, dungeon->camp_placed);
    pack_u64(pack, dungeon->begun_ms);
    pack_u64(pack, dungeon->due_ms);
    pack_u8(pack, dungeon->has_changed);
}

static int dungeon_restore(struct world *world, struct unpack *unpack)
{
    struct dungeon *dungeon;
    int error = dungeon_make(world);

    if (error != 0) {
        return error;
    }
    dungeon = world->kind_state;
    dungeon->stage = unpack_u8(unpack);
    dungeon->wave = unpack_u16(unpack);
    dungeon->left = unpack_u32(unpack);
    dungeon->camp = unpack_u32(unpack);
    dungeon->camp_placed = unpack_u32(unpack);
    dungeon->begun_ms = unpack_u64(unpack);
    dungeon->due_ms = unpack_u64(unpack);
    dungeon->has_changed = unpack_u8(unpack) != 0;
    unpack_expect(unpack, dungeon->stage <= ROOMD_STAGE_LOST && dungeon->wave <= dungeon->waves);
    unpack_expect(unpack, dungeon->camp <= world->map->camp_count);
    if (unpack->has_failed) {
        return -EINVAL;
    }
    dungeon_lock(world);
    return 0;
}

static const struct world_kind dungeon_kind = {
    .name = "dungeon",
    .has_fighting = true,
    .open = dungeon_make,
    .close = dungeon_unmake,
    .enter = dungeon_enter,
    .leave = dungeon_leave,
    .tick = dungeon_tick,
    .died = dungeon_died,
    .show = dungeon_show,
    .keeps_back = dungeon_keeps_back,
    .save = dungeon_save,
    .restore = dungeon_restore,
};

/* ---- the module ---- */

static int dungeon_module_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    return world_open(host, room, &dungeon_kind, state);
}

static int dungeon_module_restore(const struct roomd_host *host, struct roomd_room *room, const void *bytes,
                                  size_t size, void **state)
{
    return world_restore(host, room, &dungeon_kind, bytes, size, state);
}

/* When all is over the dead stay dead. */
static enum roomd_packet_result dungeon_module_packet(void *state, uint64_t session, uint16_t id,
                                                      const uint8_t *payload, size_t bytes)
{
    struct world *world = state;

    if (id == ROOMD_C_RESPAWN && bytes == 0 && dungeon_has_ended(world->kind_state)) {
        world->host->refuse(world->room, session, ROOMD_ERROR_NOT_HERE, NULL);
        return ROOMD_PACKET_OK;
    }
    return world_packet(state, session, id, payload, bytes);
}

const struct roomd_content roomd_content_dungeon = {
    .name = "dungeon",
    .open = dungeon_module_open,
    .packet = dungeon_module_packet,
    .save = world_save,
    .restore = dungeon_module_restore,
    WORLD_CALLBACKS,
};

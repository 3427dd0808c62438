/*
 * The callbacks of the modules over the ground: open and close, who comes and goes, packets to where they belong, the
 * tick. Settings, map and rules: world_options.c.
 *
 * A room whose tick is 0 has no tick callback: there a job does a tick's work, every BEAT_MS while there are players.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "content/world.h"

enum { BY_ID_MIN = 64, PLACE_TRIES = 16, BEAT_MS = 50 };

/* ---- entities ---- */

struct entity *world_find(const struct world *world, uint32_t id)
{
    struct entity *entity = world->by_id != NULL ? world->by_id[id & world->by_id_mask] : NULL;

    while (entity != NULL && entity->id != id) {
        entity = entity->next_by_id;
    }
    return entity;
}

struct player *world_find_player(const struct world *world, uint32_t id)
{
    struct entity *entity = world_find(world, id);

    return entity != NULL && entity->kind == ROOMD_KIND_PLAYER ? (struct player *)entity : NULL;
}

struct player *world_player_of(const struct world *world, uint64_t session)
{
    return world->host->user(world->room, session);
}

/* Ids count up one by one, so the low bits spread them. As many chains as entities, or more. */
static int by_id_reserve(struct world *world)
{
    uint32_t chains = world->by_id == NULL ? 0 : world->by_id_mask + 1;
    uint32_t wanted = chains == 0 ? BY_ID_MIN : 2 * chains;
    struct entity **by_id;

    if (world->by_id_count < chains) {
        return 0;
    }
    by_id = world->host->alloc(world->room, wanted * sizeof(struct entity *));
    if (by_id == NULL) {
        return chains == 0 ? -ENOMEM : 0;
    }
    for (uint32_t i = 0; i < chains; i++) {
        struct entity *entity = world->by_id[i];

        while (entity != NULL) {
            struct entity *next = entity->next_by_id;
            struct entity **chain = &by_id[entity->id & (wanted - 1)];

            entity->next_by_id = *chain;
            *chain = entity;
            entity = next;
        }
    }
    world->host->free(world->room, world->by_id);
    world->by_id = by_id;
    world->by_id_mask = wanted - 1;
    return 0;
}

struct entity *world_entity_make(struct world *world, enum roomd_kind kind, uint32_t id, size_t bytes)
{
    struct entity_list *list = &world->entities[kind];
    struct entity *entity;

    if ((id == 0 && world->next_entity == UINT32_MAX) || by_id_reserve(world) < 0) {
        return NULL; /* numbers are never used again */
    }
    entity = world->host->alloc(world->room, bytes);
    if (entity == NULL) {
        return NULL;
    }
    entity->id = id != 0 ? id : world->next_entity++;
    entity->kind = (uint8_t)kind;
    entity->cell = WORLD_CELL_NONE;
    entity->prev = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = entity;
    list->last = entity;
    list->count++;
    entity->next_by_id = world->by_id[entity->id & world->by_id_mask];
    world->by_id[entity->id & world->by_id_mask] = entity;
    world->by_id_count++;
    return entity;
}

void world_entity_free(struct world *world, struct entity *entity)
{
    struct entity_list *list = &world->entities[entity->kind];
    struct entity **link = &world->by_id[entity->id & world->by_id_mask];

    while (*link != entity) {
        link = &(*link)->next_by_id;
    }
    *link = entity->next_by_id;
    world->by_id_count--;
    *(entity->prev != NULL ? &entity->prev->next : &list->first) = entity->next;
    *(entity->next != NULL ? &entity->next->prev : &list->last) = entity->prev;
    list->count--;
    world->host->free(world->room, entity);
}

/* ---- chance and places ---- */

float world_random_unit(struct world *world)
{
    return (float)(world->host->random(world->room) >> 40) * (1.0f / 16777216.0f);
}

uint32_t world_random_below(struct world *world, uint32_t below)
{
    return (uint32_t)((world->host->random(world->room) >> 32) * below >> 32);
}

float point_distance(const struct point *a, const struct point *b)
{
    return sqrtf(point_distance2(a, b));
}

bool world_can_stand(const struct world *world, const struct point *at)
{
    if (!(at->x >= world->x_min && at->x <= world->x_max && at->z >= world->z_min && at->z <= world->z_max)) {
        return false;
    }
    return world->map == NULL || map_tile_at(world->map, at->x, at->z) == MAP_FLOOR;
}

bool world_is_clear(const struct world *world, const struct point *from, const struct point *to)
{
    return world->map == NULL || map_is_clear(world->map, from, to, true);
}

struct point world_place_near(struct world *world, const struct point *centre, float radius_m)
{
    for (int i = 0; i < PLACE_TRIES && radius_m > 0; i++) {
        float x = 2 * world_random_unit(world) - 1;
        float z = 2 * world_random_unit(world) - 1;
        struct point at = {centre->x + x * radius_m, centre->y, centre->z + z * radius_m};

        if (x * x + z * z <= 1 && world_can_stand(world, &at) && world_is_clear(world, centre, &at)) {
            return at;
        }
    }
    return *centre;
}

/* ---- open and close ---- */

int world_open(const struct roomd_host *host, struct roomd_room *room, const struct world_kind *kind,
               void **state)
{
    int error;
    struct world *world = world_make(host, room, kind, &error);

    if (world == NULL) {
        return error;
    }
    world_begin(world);
    error = world_npc_open(world);
    if (error == 0) {
        error = world_monster_open(world);
    }
    if (error == 0 && kind->open != NULL) {
        error = kind->open(world);
    }
    if (error < 0) {
        world_unmake(world);
        return error;
    }
    *state = world;
    return 0;
}

void world_close(void *state)
{
    struct world *world = state;

    if (world->kind->close != NULL) {
        world->kind->close(world);
    }
    world_unmake(world);
}

/* ---- the tick ---- */

static void tick(struct world *world)
{
    uint64_t since_ms = world->now_ms - world->tick_ms;

    world->tick_ms = world->now_ms;
    world->tick_s = (float)since_ms / 1000.0f;
    if (!(world->tick_s <= WORLD_TICK_S_MAX)) {
        world->tick_s = WORLD_TICK_S_MAX;
    }
    world_monster_tick(world);
    world_pet_tick(world);
    world_projectile_tick(world);
    world_npc_tick(world);
    if (world->kind->tick != NULL) {
        world->kind->tick(world);
    }
    world_update_view(world);
}

void world_tick(void *state)
{
    struct world *world = state;

    world_begin(world);
    tick(world);
}

static void beat_arm(struct world *world);

static void beat(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct world *world = state;

    (void)session;
    (void)payload;
    (void)bytes;
    world_begin(world);
    world->beat_ms = 0;
    if (world->host->tick_ms(world->room) == 0 && world->entities[ROOMD_KIND_PLAYER].count > 0) {
        tick(world);
        beat_arm(world);
    }
}

/* What can't be armed now is armed at the next packet. */
static void beat_push(struct world *world, uint64_t due_ms)
{
    uint32_t delay_ms = due_ms > world->now_ms ? (uint32_t)(due_ms - world->now_ms) : 0;
    uint64_t timer;

    if (world->host->push_after(world->room, delay_ms, beat, 0, NULL, 0, &timer) == 0) {
        world->beat_ms = due_ms;
    }
}

static void beat_arm(struct world *world)
{
    if (world->beat_ms == 0 && world->host->tick_ms(world->room) == 0) {
        beat_push(world, world->now_ms + BEAT_MS);
    }
}

void world_beat_rearm(struct world *world)
{
    uint64_t due_ms = world->beat_ms;

    world->beat_ms = 0;
    if (due_ms != 0) {
        beat_push(world, due_ms < world->now_ms + BEAT_MS ? due_ms : world->now_ms + BEAT_MS);
    }
}

/* ---- players ---- */

void world_enter(void *state, uint64_t session)
{
    struct world *world = state;

    world_begin(world);
    world_player_enter(world, session);
    beat_arm(world);
}

/* One whose coming failed is not known. */
void world_leave(void *state, uint64_t session, enum roomd_leave_reason reason)
{
    struct world *world = state;
    struct player *player = world_player_of(world, session);

    world_begin(world);
    if (player != NULL) {
        world_player_leave(world, player, reason);
    }
}

void world_resync(void *state, uint64_t session)
{
    struct world *world = state;
    struct player *player = world_player_of(world, session);

    world_begin(world);
    if (player != NULL && !player->is_leaving) {
        world_view_again(world, player);
    }
}

void world_announce(void *state, const char *text)
{
    struct world *world = state;

    world_begin(world);
    world_chat_announce(world, text);
}

static enum roomd_packet_result leave_game(struct world *world, struct player *player, size_t bytes)
{
    if (bytes != 0) {
        return ROOMD_PACKET_MALFORMED;
    }
    if (world->host->leave(world->room, player->session) == 0) {
        player->is_leaving = true;
    }
    return ROOMD_PACKET_OK;
}

static enum roomd_packet_result player_packet(struct world *world, struct player *player, uint16_t id,
                                              const uint8_t *payload, size_t bytes)
{
    switch (id) {
    case ROOMD_C_LEAVE_GAME:
        return leave_game(world, player, bytes);
    case ROOMD_C_MOVE:
        return world_player_move(world, player, payload, bytes);
    case ROOMD_C_SKILL:
        return world_combat_skill(world, player, payload, bytes);
    case ROOMD_C_SAY:
        return world_chat_say(world, player, payload, bytes);
    case ROOMD_C_INTERACT:
        return world_npc_interact(world, player, payload, bytes);
    case ROOMD_C_RESPAWN:
        return world_player_respawn(world, player, bytes);
    case ROOMD_C_PET:
        return world_pet_command(world, player, payload, bytes);
    default:
        return ROOMD_PACKET_UNKNOWN;
    }
}

/* Who is on the way out has nothing more to say. */
enum roomd_packet_result world_packet(void *state, uint64_t session, uint16_t id, const uint8_t *payload,
                                      size_t bytes)
{
    struct world *world = state;
    struct player *player = world_player_of(world, session);

    world_begin(world);
    if (player == NULL || player->is_leaving) {
        return ROOMD_PACKET_OK;
    }
    beat_arm(world);
    return player_packet(world, player, id, payload, bytes);
}

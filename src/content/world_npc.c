/*
 * What stands about: NPCs, portals, and drops. None of it moves or can be hurt.
 *
 * A portal leads to a place in this room, to a room of a name, or to a room that is made of a template for those who
 * stand around it: the party. Whoever can't go through stays where it is and is told why.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "content/world.h"

enum {
    NPC_GREETS_MS = 30000, /* between two greetings of one player */
    DROP_MS = 20000,
    DROPS_MAX = 4096,     /* in a room at once: the oldest goes first */
    PORTAL_NAMES_MAX = 16 /* that are tried for a room */
};

#define NPC_RADIUS_M 0.5f
#define NPC_GREETS_M 6.0f

static int npc_place_thing(struct world *world, enum roomd_kind kind, uint32_t place, const struct point *at)
{
    struct thing *thing = (struct thing *)world_entity_make(world, kind, 0, sizeof(*thing));

    if (thing == NULL) {
        return -ENOMEM;
    }
    thing->entity.at = *at;
    thing->entity.radius = NPC_RADIUS_M;
    thing->place = (uint16_t)place;
    world_place(world, &thing->entity);
    return 0;
}

int world_npc_open(struct world *world)
{
    const struct map *map = world->map;
    int error = 0;

    for (uint32_t i = 0; map != NULL && i < map->npc_count && error == 0; i++) {
        error = npc_place_thing(world, ROOMD_KIND_NPC, i, &map->npcs[i].at);
    }
    for (uint32_t i = 0; map != NULL && i < map->portal_count && error == 0; i++) {
        error = npc_place_thing(world, ROOMD_KIND_PORTAL, i, &map->portals[i].at);
    }
    return error;
}

/* ---- portals ---- */

static enum roomd_error portal_error(int error)
{
    switch (error) {
    case 0:
        return ROOMD_ERROR_NONE;
    case -ENOENT:
        return ROOMD_ERROR_NO_SUCH_ROOM;
    case -EALREADY:
        return ROOMD_ERROR_ALREADY_THERE;
    case -ENOSPC:
        return ROOMD_ERROR_ROOM_FULL;
    case -EPERM:
        return ROOMD_ERROR_ROOM_LOCKED;
    case -ENOMEM:
        return ROOMD_ERROR_NO_MEMORY;
    default:
        return ROOMD_ERROR_REFUSED;
    }
}

static enum roomd_error portal_create_error(int error)
{
    switch (error) {
    case 0:
        return ROOMD_ERROR_NONE;
    case -ENOENT:
        return ROOMD_ERROR_NO_SUCH_TEMPLATE;
    case -EEXIST: /* every name that was tried */
    case -ENOSPC:
        return ROOMD_ERROR_TOO_MANY_ROOMS;
    case -ENOMEM:
        return ROOMD_ERROR_NO_MEMORY;
    default:
        return ROOMD_ERROR_REFUSED;
    }
}

static enum roomd_error portal_send(struct world *world, struct player *player, const char *room,
                                    const char *spawn)
{
    return portal_error(world_player_send_to(world, player, room, spawn[0] != '\0' ? spawn : NULL));
}

/* Within the room: there at once. */
static void portal_jump(struct world *world, struct player *player, const char *spawn)
{
    struct point to = world_spawn_point(world, spawn[0] != '\0' ? spawn : NULL);

    world_jump(world, &player->entity, &to);
}

/* `name` has room for ROOMD_NAME_BYTES_MAX and a NUL: a name that no room had before. 0, or as host->create. */
static int portal_make_room(struct world *world, const struct map_portal *portal, uint32_t player, char *name)
{
    int error = -EEXIST;

    for (unsigned n = 1; n <= PORTAL_NAMES_MAX && error == -EEXIST; n++) {
        snprintf(name, ROOMD_NAME_BYTES_MAX + 1, "%.40s-%u-%u", portal->to, (unsigned)player, n);
        error = world->host->create(world->room, portal->to, name);
    }
    return error;
}

/*
 * Who opens it goes first: a room that even it can't get into is closed again, and the others stay out of it. Who does
 * not fit in stays behind.
 */
static enum roomd_error portal_lead_party(struct world *world, struct player *player,
                                          const struct thing *portal, const struct map_portal *place)
{
    struct entity *entity = world->entities[ROOMD_KIND_PLAYER].first;
    struct point at = portal->entity.at;
    char name[ROOMD_NAME_BYTES_MAX + 1];
    enum roomd_error error;

    error = portal_create_error(portal_make_room(world, place, player->entity.id, name));
    if (error != ROOMD_ERROR_NONE) {
        return error;
    }
    error = portal_send(world, player, name, place->spawn);
    if (error != ROOMD_ERROR_NONE) {
        world->host->close(world->room, name);
        return error;
    }
    while (entity != NULL) {
        struct entity *next = entity->next;
        struct player *other = (struct player *)entity;

        if (other != player && entity->hp > 0 && !other->is_leaving && entity->cell != WORLD_CELL_NONE &&
            point_distance2(&entity->at, &at) <= ROOMD_REACH_M * ROOMD_REACH_M) {
            error = portal_send(world, other, name, place->spawn);
            if (error != ROOMD_ERROR_NONE) {
                world_refuse(world, other, error);
            }
        }
        entity = next;
    }
    return ROOMD_ERROR_NONE;
}

static enum roomd_error portal_enter(struct world *world, struct player *player, const struct thing *portal)
{
    const struct map_portal *place = &world->map->portals[portal->place];

    if (place->is_template) {
        return portal_lead_party(world, player, portal, place);
    }
    if (strcmp(place->to, world->host->name(world->room)) == 0) {
        portal_jump(world, player, place->spawn);
        return ROOMD_ERROR_NONE;
    }
    return portal_send(world, player, place->to, place->spawn);
}

/* ---- what players do with them ---- */

static enum roomd_error npc_touch(struct world *world, struct player *player, uint32_t id)
{
    struct entity *entity = world_find(world, id);
    const struct thing *thing = (const struct thing *)entity;

    if (player->entity.hp <= 0) {
        return ROOMD_ERROR_IS_DEAD;
    }
    if (entity == NULL || (entity->kind != ROOMD_KIND_NPC && entity->kind != ROOMD_KIND_PORTAL) ||
        !world_is_in_view(world, player, entity)) {
        return ROOMD_ERROR_NO_SUCH_TARGET;
    }
    if (!(point_distance2(&player->entity.at, &entity->at) <= ROOMD_REACH_M * ROOMD_REACH_M)) {
        return ROOMD_ERROR_OUT_OF_REACH;
    }
    if (entity->kind == ROOMD_KIND_PORTAL) {
        return portal_enter(world, player, thing);
    }
    world_chat_tell(world, player, entity->id, world->map->npcs[thing->place].says);
    return ROOMD_ERROR_NONE;
}

enum roomd_packet_result world_npc_interact(struct world *world, struct player *player,
                                            const uint8_t *payload, size_t bytes)
{
    enum roomd_error error;

    if (bytes != 4) {
        return ROOMD_PACKET_MALFORMED;
    }
    error = npc_touch(world, player, roomd_get_u32(payload));
    if (error != ROOMD_ERROR_NONE) {
        world_refuse(world, player, error);
    }
    return ROOMD_PACKET_OK;
}

/* ---- what they do by themselves ---- */

/*
 * Who is near is greeted unless it has been near one within the last NPC_GREETS_MS: who stays is greeted once, however
 * long it stays.
 */
static bool npc_greet(struct world *world, struct entity *entity, void *context)
{
    const struct thing *npc = context;
    struct player *player = (struct player *)entity;

    if (entity->hp <= 0 || player->is_leaving || !world_is_in_view(world, player, &npc->entity)) {
        return true;
    }
    if (player->said_ms == 0 || world->now_ms - player->said_ms >= NPC_GREETS_MS) {
        world_chat_tell(world, player, npc->entity.id, world->map->npcs[npc->place].greets);
    }
    player->said_ms = world->now_ms > 0 ? world->now_ms : 1;
    return true;
}

static void npc_tick_greetings(struct world *world)
{
    for (struct entity *entity = world->entities[ROOMD_KIND_NPC].first; entity != NULL;
         entity = entity->next) {
        const struct map_npc *place = &world->map->npcs[((struct thing *)entity)->place];

        if (place->greets[0] != '\0' && world_is_watched(world, entity)) {
            world_visit_near(world, ROOMD_KIND_PLAYER, &entity->at, NPC_GREETS_M, npc_greet, entity);
        }
    }
}

static void drop_end(struct world *world, struct entity *drop)
{
    world_remove(world, drop, ROOMD_DESPAWN_GONE);
    world_entity_free(world, drop);
}

/* All of them last equally long, so the first one is the first to go. */
static void npc_tick_drops(struct world *world)
{
    struct entity *drop = world->entities[ROOMD_KIND_DROP].first;

    while (drop != NULL && ((const struct thing *)drop)->gone_ms <= world->now_ms) {
        struct entity *next = drop->next;

        drop_end(world, drop);
        drop = next;
    }
}

void world_npc_tick(struct world *world)
{
    npc_tick_greetings(world);
    npc_tick_drops(world);
}

void world_drop_make(struct world *world, const struct point *at, uint16_t monster_type)
{
    struct thing *drop;

    if (world->rules->monsters[monster_type].drop[0] == '\0') {
        return;
    }
    if (world->entities[ROOMD_KIND_DROP].count >= DROPS_MAX) {
        drop_end(world, world->entities[ROOMD_KIND_DROP].first);
    }
    drop = (struct thing *)world_entity_make(world, ROOMD_KIND_DROP, 0, sizeof(*drop));
    if (drop == NULL) {
        return;
    }
    drop->entity.at = *at;
    drop->place = monster_type;
    drop->gone_ms = world->now_ms + DROP_MS;
    world_place(world, &drop->entity);
}

/* What is said of what is on the ground, and to whom. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "content/world_grid.h"

enum { LIST_HEAD_BYTES = 2, LIST_ENTRY_BYTES = 17, MOVE_BYTES = 16, PLAYER_COMING_BYTES = 16 };

/* ---- writing ---- */

size_t world_put_point(uint8_t *out, const struct point *at)
{
    roomd_put_f32(out, at->x);
    roomd_put_f32(out + 4, at->y);
    roomd_put_f32(out + 8, at->z);
    return POINT_BYTES;
}

size_t world_put_str(uint8_t *out, const char *text)
{
    size_t bytes = strlen(text);

    if (bytes > WORLD_SHORT_TEXT_BYTES) {
        bytes = WORLD_SHORT_TEXT_BYTES;
        while (bytes > 0 && ((uint8_t)text[bytes] & 0xC0) == 0x80) { /* not amid a character */
            bytes--;
        }
    }
    roomd_put_u16(out, (uint16_t)bytes);
    memcpy(out + 2, text, bytes);
    return 2 + bytes;
}

size_t world_put_vitals(const struct entity *entity, uint8_t *out)
{
    bool is_player = entity->kind == ROOMD_KIND_PLAYER;

    roomd_put_u32(out, entity->id);
    roomd_put_u32(out + 4, (uint32_t)entity->hp);
    roomd_put_u32(out + 8, (uint32_t)entity->hp_max);
    roomd_put_u16(out + 12, is_player ? ((const struct player *)entity)->level : 1);
    return VITALS_BYTES;
}

bool world_has_vitals(const struct entity *entity)
{
    return entity->kind == ROOMD_KIND_PLAYER &&
           (entity->hp != WORLD_PLAYER_HP ||
            entity->hp_max != WORLD_PLAYER_HP); /* which follows from the level */
}

/* What a thing is called, for S_Spawn. */
static const char *view_type(const struct world *world, const struct entity *entity)
{
    const struct thing *thing = (const struct thing *)entity;

    switch ((enum roomd_kind)entity->kind) {
    case ROOMD_KIND_MONSTER:
        return world->rules->monsters[((const struct monster *)entity)->type].name;
    case ROOMD_KIND_PET:
        return world->rules->monsters[((const struct pet *)entity)->type].name;
    case ROOMD_KIND_PROJECTILE:
        return world->rules->skills[((const struct projectile *)entity)->skill].name;
    case ROOMD_KIND_DROP:
        return world->rules->monsters[thing->place].drop;
    case ROOMD_KIND_NPC:
        return world->map->npcs[thing->place].name;
    case ROOMD_KIND_PORTAL:
        return world->map->portals[thing->place].name;
    case ROOMD_KIND_PLAYER:
    case ROOMD_KIND_COUNT:
        break;
    }
    return "";
}

static uint32_t view_owner(const struct entity *entity)
{
    switch ((enum roomd_kind)entity->kind) {
    case ROOMD_KIND_PET:
        return ((const struct pet *)entity)->owner;
    case ROOMD_KIND_PROJECTILE:
        return ((const struct projectile *)entity)->owner;
    default:
        return 0;
    }
}

size_t world_put_coming(struct world *world, const struct entity *entity, uint8_t *out, uint16_t *id)
{
    size_t bytes;

    roomd_put_u32(out, entity->id);
    if (entity->kind == ROOMD_KIND_PLAYER) {
        *id = ROOMD_S_BROADCAST_ENTER_GAME;
        world_put_point(out + 4, &entity->at);
        return PLAYER_COMING_BYTES;
    }
    *id = ROOMD_S_SPAWN;
    out[4] = entity->kind;
    bytes = 5 + world_put_str(out + 5, view_type(world, entity));
    roomd_put_u32(out + bytes, view_owner(entity));
    bytes += 4;
    bytes += world_put_point(out + bytes, &entity->at);
    roomd_put_u32(out + bytes, (uint32_t)entity->hp);
    roomd_put_u32(out + bytes + 4, (uint32_t)entity->hp_max);
    return bytes + 8;
}

size_t world_put_going(const struct entity *entity, enum roomd_despawn why, uint8_t *out, uint16_t *id)
{
    roomd_put_u32(out, entity->id);
    if (entity->kind == ROOMD_KIND_PLAYER) {
        *id = ROOMD_S_BROADCAST_LEAVE_GAME;
        return 4;
    }
    *id = ROOMD_S_DESPAWN;
    out[4] = (uint8_t)why;
    return 5;
}

/* ---- to those in view ---- */

static int view_append(struct world *world, const struct entity *entity, uint16_t id, const void *payload,
                       size_t bytes)
{
    if (!world_is_watched(world, entity)) {
        return 0;
    }
    return world->host->stream_append(world->room, entity->cell, id, payload, bytes, 0);
}

void world_tell(struct world *world, const struct entity *entity, uint16_t id, const void *payload,
                size_t bytes)
{
    if (view_append(world, entity, id, payload, bytes) < 0) {
        world->host->count(world->room, "world_untold", 1);
    }
}

int world_tell_move(struct world *world, const struct entity *entity)
{
    uint8_t payload[MOVE_BYTES];
    uint16_t id = entity->kind == ROOMD_KIND_PLAYER ? ROOMD_S_BROADCAST_MOVE : ROOMD_S_MOVE;

    roomd_put_u32(payload, entity->id);
    world_put_point(payload + 4, &entity->at);
    return view_append(world, entity, id, payload, sizeof(payload));
}

void world_tell_vitals(struct world *world, const struct entity *entity)
{
    uint8_t payload[VITALS_BYTES];

    world_tell(world, entity, ROOMD_S_VITALS, payload, world_put_vitals(entity, payload));
}

/* ---- to one, or some ---- */

void world_lose_sight(struct world *world, struct player *player)
{
    player->needs_snapshot = true;
    world_unfollow(world, player);
}

void world_tell_one(struct world *world, struct player *player, uint16_t id, const void *payload,
                    size_t bytes)
{
    int error = world->host->send(world->room, player->session, id, payload, bytes, 0);

    if (error == -ENOBUFS || error == -ENOMEM) {
        world_lose_sight(world, player);
    }
}

void world_tell_cells(struct world *world, const uint32_t *cells, uint32_t count, const struct entity *except,
                      uint16_t id, const void *payload, size_t bytes)
{
    uint32_t told = 0;
    uint32_t missed;
    int reached;

    for (uint32_t i = 0; i < count; i++) {
        for (struct entity *e = world->grid.cells[cells[i]].players_first; e != NULL; e = e->cell_next) {
            if (e != except && ((struct player *)e)->is_following) {
                world->sessions[told++] = ((struct player *)e)->session;
            }
        }
    }
    if (told == 0) {
        return;
    }
    reached =
        world->host->send_some(world->room, world->sessions, told, id, payload, bytes, 0, world->missed);
    missed = reached < 0 ? told : told - (uint32_t)reached;
    for (uint32_t i = 0; i < missed; i++) {
        uint64_t session = world->sessions[reached < 0 ? i : world->missed[i]];
        struct player *player = world_player_of(world, session);

        if (player != NULL) {
            world_lose_sight(world, player);
        }
    }
}

void world_refuse(struct world *world, const struct player *player, enum roomd_error code)
{
    world->host->refuse(world->room, player->session, code, NULL);
}

/* ---- snapshots ---- */

static void snapshot_here(struct world *world, struct player *player)
{
    uint8_t payload[2 + WORLD_SHORT_TEXT_BYTES + 25];
    const float numbers[] = {world->view_m, world->speed_m_s, world->x_min,
                             world->z_min,  world->x_max,     world->z_max};
    size_t bytes = world_put_str(payload, world->map != NULL ? world->map->name : "");

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        roomd_put_f32(payload + bytes, numbers[i]);
        bytes += 4;
    }
    payload[bytes++] = world->has_fighting;
    world_tell_one(world, player, ROOMD_S_HERE, payload, bytes);
}

/* A list that is being filled in world->payload. */
struct list {
    struct player *player;
    uint32_t count;
};

static void list_send(struct world *world, struct list *list)
{
    roomd_put_u16(world->payload, (uint16_t)list->count);
    world_tell_one(world, list->player, ROOMD_S_PLAYER_LIST, world->payload,
                   LIST_HEAD_BYTES + (size_t)list->count * LIST_ENTRY_BYTES);
    list->count = 0;
}

static void list_add(struct world *world, struct list *list, const struct entity *entity)
{
    const uint32_t most = (ROOMD_PAYLOAD_BYTES_MAX - LIST_HEAD_BYTES) / LIST_ENTRY_BYTES;

    if (list->count == most) {
        list_send(world, list);
    }
    uint8_t *entry = world->payload + LIST_HEAD_BYTES + (size_t)list->count * LIST_ENTRY_BYTES;

    entry[0] = entity == &list->player->entity;
    roomd_put_u32(entry + 1, entity->id);
    world_put_point(entry + 5, &entity->at);
    list->count++;
}

static void snapshot_players(struct world *world, struct player *player, const uint32_t *around,
                             uint32_t count)
{
    struct list list = {.player = player};

    for (uint32_t i = 0; i < count; i++) {
        struct entity *e = world->grid.cells[around[i]].players_first;

        for (; e != NULL && !player->needs_snapshot; e = e->cell_next) {
            if (e != &player->entity) {
                list_add(world, &list, e);
            }
        }
    }
    list_add(world, &list, &player->entity);
    list_send(world, &list);
}

static void snapshot_things(struct world *world, struct player *player, const uint32_t *around,
                            uint32_t count)
{
    uint8_t payload[COMING_BYTES_MAX];
    uint16_t id;

    for (uint32_t i = 0; i < count; i++) {
        struct entity *e = world->grid.cells[around[i]].things_first;

        for (; e != NULL && !player->needs_snapshot; e = e->cell_next) {
            size_t bytes = world_put_coming(world, e, payload, &id);

            world_tell_one(world, player, id, payload, bytes);
        }
    }
}

static void snapshot_vitals(struct world *world, struct player *player, const uint32_t *around,
                            uint32_t count)
{
    uint8_t payload[VITALS_BYTES];

    for (uint32_t i = 0; i < count; i++) {
        struct entity *e = world->grid.cells[around[i]].players_first;

        for (; e != NULL && !player->needs_snapshot; e = e->cell_next) {
            if (world_has_vitals(e)) {
                world_tell_one(world, player, ROOMD_S_VITALS, payload, world_put_vitals(e, payload));
            }
        }
    }
}

/* Where something does not go out, the rest is not sent either: it is all told anew at a later tick. */
void world_tell_snapshot(struct world *world, struct player *player, bool is_anew)
{
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count = world_grid_around(world, player->entity.cell, around);

    if (is_anew) {
        world_tell_one(world, player, ROOMD_S_VIEW_RESET, NULL, 0);
    }
    if (world->has_bounds && !player->needs_snapshot) {
        snapshot_here(world, player);
    }
    if (!player->needs_snapshot) {
        snapshot_players(world, player, around, count);
    }
    snapshot_things(world, player, around, count);
    snapshot_vitals(world, player, around, count);
}

/*
 * Players: coming and going, where they may walk, death and respawn, levels, and what they carry to other rooms.
 *
 * A player says where it is, and is believed when it can be there: on the ground, where the way from where it was is
 * clear and no longer than its allowance. The allowance grows with time at the room's speed, up to BURST_S of it, so
 * that the packets of an honest client whose connection stalled are all taken when they come in a bunch. What is wrong
 * is put back: S_Correct to that player alone, at most once a tick; nobody else hears of it.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "content/world_grid.h"

enum {
    MOVE_PAYLOAD_BYTES = 12,
    RESPAWN_MS = 2000,
    HP_PER_LEVEL = 10,
    XP_PER_LEVEL = 100,
    PARCEL_MAGIC = 0x5057, /* "WP" */
    PARCEL_VERSION = 1,
    PARCEL_HEAD_BYTES = 15
};

#define BURST_S       1.5f
#define TOLERANCE     1.05f
#define SLACK_M       0.01f /* of floats */
#define BODY_RADIUS_M 0.5f

/* What one carries from room to room. */
struct parcel {
    int32_t hp;
    uint32_t xp;
    uint16_t level;
    bool has_pet_out;
    char spawn[MAP_NAME_BYTES_MAX + 1];
};

int32_t world_player_hp_max(uint16_t level)
{
    return WORLD_PLAYER_HP + HP_PER_LEVEL * (level - 1);
}

static uint32_t xp_needed(uint16_t level)
{
    return (uint32_t)XP_PER_LEVEL * level;
}

/* ---- parcels ----
 *
 * u16 magic, u8 version, u32 hp, u16 level, u32 xp, u8 has_pet_out, u8 n + n bytes: the spawn point's name
 */

/* Another module may have made it: true when it is a whole parcel of ours that makes sense. */
static bool parcel_read(const uint8_t *bytes, size_t size, struct parcel *parcel)
{
    if (size < PARCEL_HEAD_BYTES || roomd_get_u16(bytes) != PARCEL_MAGIC || bytes[2] != PARCEL_VERSION ||
        bytes[13] > 1 || bytes[14] != size - PARCEL_HEAD_BYTES || bytes[14] > MAP_NAME_BYTES_MAX) {
        return false;
    }
    parcel->hp = (int32_t)roomd_get_u32(bytes + 3);
    parcel->level = roomd_get_u16(bytes + 7);
    parcel->xp = roomd_get_u32(bytes + 9);
    parcel->has_pet_out = bytes[13] == 1;
    memcpy(parcel->spawn, bytes + PARCEL_HEAD_BYTES, bytes[14]);
    parcel->spawn[bytes[14]] = '\0';
    return parcel->level >= 1 && parcel->level <= WORLD_LEVEL_MAX && parcel->hp >= 1 &&
           parcel->hp <= world_player_hp_max(parcel->level) && parcel->xp < xp_needed(parcel->level) &&
           strlen(parcel->spawn) == bytes[14];
}

int world_player_send_to(struct world *world, struct player *player, const char *room, const char *spawn)
{
    uint8_t parcel[PARCEL_HEAD_BYTES + MAP_NAME_BYTES_MAX];
    size_t spawn_bytes = spawn != NULL ? strlen(spawn) : 0;
    int32_t hp = player->entity.hp > 0 ? player->entity.hp : player->entity.hp_max;
    int error;

    if (spawn_bytes > MAP_NAME_BYTES_MAX) {
        spawn_bytes = 0; /* no map has such a name */
    }
    roomd_put_u16(parcel, PARCEL_MAGIC);
    parcel[2] = PARCEL_VERSION;
    roomd_put_u32(parcel + 3, (uint32_t)hp);
    roomd_put_u16(parcel + 7, player->level);
    roomd_put_u32(parcel + 9, player->xp);
    parcel[13] = player->pet != 0;
    parcel[14] = (uint8_t)spawn_bytes;
    memcpy(parcel + PARCEL_HEAD_BYTES, spawn_bytes > 0 ? spawn : "", spawn_bytes);
    error = world->host->move(world->room, player->session, room, parcel, PARCEL_HEAD_BYTES + spawn_bytes);
    if (error == 0) {
        player->is_leaving = true;
    }
    return error;
}

/* ---- coming and going ---- */

struct point world_spawn_point(struct world *world, const char *name)
{
    struct point centre = {0, 0, 0};
    const struct map_spawn *spawn;

    if (world->map != NULL) {
        spawn = name != NULL && name[0] != '\0' ? map_find_spawn(world->map, name) : NULL;
        centre = spawn != NULL ? spawn->at : world->map->spawns[0].at;
    }
    return world_place_near(world, &centre, world->spawn_radius_m);
}

static int sessions_reserve(struct world *world)
{
    uint32_t needed = world->entities[ROOMD_KIND_PLAYER].count + 1;
    uint32_t capacity = world->sessions_capacity == 0 ? 64 : 2 * world->sessions_capacity;
    uint64_t *sessions;
    uint32_t *missed;

    if (needed <= world->sessions_capacity) {
        return 0;
    }
    sessions = world->host->resize(world->room, world->sessions, capacity * sizeof(*sessions));
    if (sessions == NULL) {
        return -1;
    }
    world->sessions = sessions;
    missed = world->host->resize(world->room, world->missed, capacity * sizeof(*missed));
    if (missed == NULL) {
        return -1;
    }
    world->missed = missed;
    world->sessions_capacity = capacity;
    return 0;
}

/* What every player owns: the first monster of the rules that may be called. */
static uint16_t pet_type_of(const struct world *world)
{
    for (uint32_t i = 0; world->has_pets && world->rules != NULL && i < world->rules->monster_count; i++) {
        if (world->rules->monsters[i].is_pet) {
            return (uint16_t)(i + 1);
        }
    }
    return 0;
}

/* NULL: no memory, or an id that can't be a player's. */
static struct player *player_make(struct world *world, uint64_t session, const struct parcel *parcel)
{
    uint32_t id = world->host->player_id(world->room, session);
    struct player *player;

    if (id == 0 || id >= ROOMD_ENTITY_FIRST || world_find(world, id) != NULL || sessions_reserve(world) < 0) {
        return NULL;
    }
    player = (struct player *)world_entity_make(world, ROOMD_KIND_PLAYER, id, sizeof(*player));
    if (player == NULL) {
        return NULL;
    }
    player->session = session;
    player->level = parcel->level;
    player->xp = parcel->xp;
    player->entity.hp = parcel->hp;
    player->entity.hp_max = world_player_hp_max(parcel->level);
    player->entity.radius = BODY_RADIUS_M;
    player->pet_type = pet_type_of(world);
    player->moved_ms = world->now_ms;
    player->move_left_m = world->speed_m_s * BURST_S;
    return player;
}

void world_player_enter(struct world *world, uint64_t session)
{
    const struct parcel newcomer = {.hp = WORLD_PLAYER_HP, .level = 1};
    struct parcel parcel = newcomer;
    size_t bytes = 0;
    const void *carried = world->host->parcel(world->room, session, &bytes);
    struct player *player;

    if (carried != NULL && !parcel_read(carried, bytes, &parcel)) {
        parcel = newcomer;
    }
    player = player_make(world, session, &parcel);
    if (player == NULL) {
        world->host->kick(world->room, session, "no memory left for another player");
        return;
    }
    world->host->set_user(world->room, session, player);
    player->entity.at = world_spawn_point(world, parcel.spawn);
    world_place(world, &player->entity);
    if (parcel.has_pet_out && player->pet_type != 0 && !player->is_leaving) {
        world_pet_call(world, player);
    }
    if (world->kind->enter != NULL && !player->is_leaving) {
        world->kind->enter(world, player);
    }
}

void world_player_leave(struct world *world, struct player *player, enum roomd_leave_reason reason)
{
    (void)reason;
    player->is_leaving = true;
    world_pet_dismiss(world, player);
    if (world->kind->leave != NULL) {
        world->kind->leave(world, player);
    }
    world_remove(world, &player->entity, ROOMD_DESPAWN_GONE);
    world->host->set_user(world->room, player->session, NULL);
    world_entity_free(world, &player->entity);
}

/* ---- moving ---- */

static void player_put_back(struct world *world, struct player *player)
{
    uint8_t payload[POINT_BYTES];

    if (player->has_had_correction) {
        return;
    }
    player->has_had_correction = true;
    world_put_point(payload, &player->entity.at);
    world_tell_one(world, player, ROOMD_S_CORRECT, payload, sizeof(payload));
}

/* Whether its allowance, as it is by now, pays for the way; *way_m is what it costs. */
static bool player_can_afford(struct world *world, struct player *player, const struct point *to,
                              float *way_m)
{
    float since_s = (float)(world->now_ms - player->moved_ms) / 1000.0f;

    *way_m = point_distance(&player->entity.at, to) / TOLERANCE;
    if (world->speed_m_s <= 0) {
        return true;
    }
    player->moved_ms = world->now_ms;
    player->move_left_m = fminf(player->move_left_m + since_s * world->speed_m_s, BURST_S * world->speed_m_s);
    return *way_m <= player->move_left_m + SLACK_M;
}

/* From what costs nothing to what costs most: how far a way is looked along is bounded by the allowance. */
static bool player_can_go(struct world *world, struct player *player, const struct point *to, float *way_m)
{
    return player->entity.hp > 0 && isfinite(to->x) && isfinite(to->y) && isfinite(to->z) &&
           fabsf(to->y) <= WORLD_HEIGHT_M && world_can_stand(world, to) &&
           player_can_afford(world, player, to, way_m) && world_is_clear(world, &player->entity.at, to);
}

enum roomd_packet_result world_player_move(struct world *world, struct player *player, const uint8_t *payload,
                                           size_t bytes)
{
    if (bytes != MOVE_PAYLOAD_BYTES) {
        return ROOMD_PACKET_MALFORMED;
    }
    struct point to = {roomd_get_f32(payload), roomd_get_f32(payload + 4), roomd_get_f32(payload + 8)};
    float way_m;

    if (world->map != NULL && isfinite(to.y)) {
        to.y = 0;
    }
    if (!player_can_go(world, player, &to, &way_m)) {
        player_put_back(world, player);
        return ROOMD_PACKET_OK;
    }
    player->entity.at = to;
    player->move_left_m = fmaxf(player->move_left_m - way_m, 0);
    if (world->speed_m_s > 0 && grid_is_beyond(world, &player->entity, world->grid.stray_m)) {
        world_jump(world, &player->entity, &to); /* what is near must be found near: see world_visit_near */
        return ROOMD_PACKET_OK;
    }
    world_moved(world, &player->entity);
    return ROOMD_PACKET_OK;
}

/* ---- death, respawn, levels ---- */

void world_player_died(struct world *world, struct player *player, uint32_t killer)
{
    (void)killer;
    player->entity.hp = 0;
    player->died_ms = world->now_ms;
    if (player->deaths < UINT32_MAX) {
        player->deaths++;
    }
    world_pet_dismiss(world, player);
}

enum roomd_packet_result world_player_respawn(struct world *world, struct player *player, size_t bytes)
{
    uint8_t payload[4 + POINT_BYTES + 8];
    struct point to;

    if (bytes != 0) {
        return ROOMD_PACKET_MALFORMED;
    }
    if (player->entity.hp > 0) {
        world_refuse(world, player, ROOMD_ERROR_REFUSED);
        return ROOMD_PACKET_OK;
    }
    if (world->now_ms - player->died_ms < RESPAWN_MS) {
        world_refuse(world, player, ROOMD_ERROR_TOO_SOON);
        return ROOMD_PACKET_OK;
    }
    to = world_spawn_point(world, NULL);
    player->entity.hp = player->entity.hp_max;
    player->moved_ms = world->now_ms;
    player->move_left_m = 0;
    world_jump(world, &player->entity, &to);
    roomd_put_u32(payload, player->entity.id);
    world_put_point(payload + 4, &to);
    roomd_put_u32(payload + 16, (uint32_t)player->entity.hp);
    roomd_put_u32(payload + 20, (uint32_t)player->entity.hp_max);
    world_tell(world, &player->entity, ROOMD_S_RESPAWNED, payload, sizeof(payload));
    return ROOMD_PACKET_OK;
}

void world_player_gain_xp(struct world *world, struct player *player, uint32_t xp)
{
    uint64_t total = (uint64_t)player->xp + xp;
    uint16_t level = player->level;
    int32_t grown;

    while (level < WORLD_LEVEL_MAX && total >= xp_needed(level)) {
        total -= xp_needed(level++);
    }
    if (total >= xp_needed(level)) {
        total = xp_needed(level) - 1; /* at the last level */
    }
    player->xp = (uint32_t)total;
    if (level == player->level) {
        return;
    }
    grown = world_player_hp_max(level) - player->entity.hp_max;
    player->level = level;
    player->entity.hp_max += grown;
    if (player->entity.hp > 0) {
        player->entity.hp += grown;
    }
    world_tell_vitals(world, &player->entity);
}

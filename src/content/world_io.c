/* The parts of a world as bytes, and back: numbers, and entities of every kind. */
#include "content/world_io.h"

#include <math.h>
#include <string.h>

enum {
    IN_LIST_BYTES_MIN = 4, /* of one in any list: no count can be more than what is left has room for */
    SAVE_HP_MAX =
        100000000 /* more than the rules and any level give: sums of a few stay far below INT32_MAX */
};

/* No time of the world's lies further ahead than this: it is more than the longest of the map's and the rules'. */
#define SAVE_AHEAD_MS (48ull * 3600 * 1000)

bool io_is_in(const struct io *io)
{
    return io->unpack != NULL;
}

bool io_has_failed(const struct io *io)
{
    return io_is_in(io) && (io->unpack->has_failed || io->error < 0);
}

void io_expect(struct io *io, bool is_sound)
{
    if (io_is_in(io)) {
        unpack_expect(io->unpack, is_sound);
    }
}

#define IO_NUMBER(name, type)                                                                                \
    void io_##name(struct io *io, type *value)                                                               \
    {                                                                                                        \
        if (io_is_in(io)) {                                                                                  \
            *value = unpack_##name(io->unpack);                                                              \
        } else {                                                                                             \
            pack_##name(io->pack, *value);                                                                   \
        }                                                                                                    \
    }

IO_NUMBER(u8, uint8_t)
IO_NUMBER(u16, uint16_t)
IO_NUMBER(u32, uint32_t)
IO_NUMBER(u64, uint64_t)
IO_NUMBER(f32, float)

void io_i32(struct io *io, int32_t *value)
{
    uint32_t bits = (uint32_t)*value;

    io_u32(io, &bits);
    memcpy(value, &bits, sizeof(bits));
}

void io_bool(struct io *io, bool *value)
{
    uint8_t byte = *value;

    io_u8(io, &byte);
    io_expect(io, byte <= 1);
    *value = byte == 1;
}

void io_past(struct io *io, uint64_t *ms)
{
    io_u64(io, ms);
    io_expect(io, *ms <= io->world->now_ms);
}

void io_moment(struct io *io, uint64_t *ms)
{
    io_u64(io, ms);
    io_expect(io, *ms <= io->world->now_ms + SAVE_AHEAD_MS);
}

void io_same_u32(struct io *io, uint32_t own)
{
    uint32_t value = own;

    io_u32(io, &value);
    io_expect(io, value == own);
}

uint32_t io_count(struct io *io, uint32_t own)
{
    uint32_t count = own;

    io_u32(io, &count);
    io_expect(io, !io_is_in(io) || count <= (io->unpack->size - io->unpack->at) / IN_LIST_BYTES_MIN);
    return io_has_failed(io) ? 0 : count;
}

/* A place on the ground. */
static void io_place(struct io *io, struct point *at)
{
    const struct world *world = io->world;

    io_f32(io, &at->x);
    io_f32(io, &at->y);
    io_f32(io, &at->z);
    io_expect(io, at->x >= world->x_min && at->x <= world->x_max && at->z >= world->z_min &&
                      at->z <= world->z_max && fabsf(at->y) <= WORLD_HEIGHT_M);
}

uint32_t io_monster_types(const struct world *world)
{
    return world->rules != NULL ? world->rules->monster_count : 0;
}

uint32_t io_skill_types(const struct world *world)
{
    return world->rules != NULL ? world->rules->skill_count : 0;
}

uint32_t io_camp_places(const struct world *world)
{
    return world->map != NULL && world->camps != NULL ? world->map->camp_count : 0;
}

/* ---- entities ---- */

static void io_player(struct io *io, struct player *player)
{
    io_u64(io, &player->session);
    io_past(io, &player->moved_ms);
    io_f32(io, &player->move_left_m);
    io_past(io, &player->died_ms);
    for (uint32_t i = 0; i < io_skill_types(io->world); i++) {
        io_moment(io, &player->ready_ms[i]);
    }
    io_moment(io, &player->said_ms);
    io_moment(io, &player->say_ready_ms);
    io_u32(io, &player->xp);
    io_u16(io, &player->level);
    io_u32(io, &player->kills);
    io_u32(io, &player->deaths);
    io_u32(io, &player->damage);
    io_u32(io, &player->pet);
    io_u16(io, &player->pet_type);
    io_moment(io, &player->pet_ready_ms);
    io_bool(io, &player->needs_snapshot);
    io_bool(io, &player->is_following);
    io_bool(io, &player->has_had_correction);
    io_bool(io, &player->is_leaving);
    io_expect(io, player->level >= 1 && player->level <= WORLD_LEVEL_MAX &&
                      player->pet_type <= io_monster_types(io->world));
    if (io_is_in(io) && !io_has_failed(io)) {
        /* Ids differ, and so do sessions: it is in the room, and once only. */
        io_expect(io, io->world->host->player_id(io->world->room, player->session) == player->entity.id);
    }
}

static void io_monster(struct io *io, struct monster *monster)
{
    const struct world *world = io->world;

    io_u16(io, &monster->type);
    io_u16(io, &monster->camp);
    io_u8(io, &monster->state);
    io_place(io, &monster->home);
    io_u32(io, &monster->target);
    io_moment(io, &monster->think_ms);
    io_u64(io, &monster->think_order);
    io_moment(io, &monster->ready_ms);
    io_u8(io, &monster->path_at);
    io_u8(io, &monster->path_count);
    io_expect(io, monster->type < io_monster_types(world) && monster->state <= MONSTER_HOME &&
                      (monster->camp == WORLD_NO_CAMP || monster->camp < io_camp_places(world)) &&
                      (monster->state == MONSTER_ASLEEP || monster->think_order < world->next_order) &&
                      monster->entity.hp > 0 && monster->path_at <= monster->path_count &&
                      monster->path_count <= PATH_POINTS_MAX);
    io_expect(io, monster->state != MONSTER_ASLEEP || (monster->think_ms == 0 && monster->path_count == 0));
    for (uint32_t i = 0; i < monster->path_count && !io_has_failed(io); i++) {
        io_place(io, &monster->path[i]);
    }
    for (size_t i = 0; i < sizeof(monster->hurt_by) / sizeof(monster->hurt_by[0]); i++) {
        io_u32(io, &monster->hurt_by[i]);
        io_u32(io, &monster->hurt_amount[i]);
    }
}

static void io_projectile(struct io *io, struct projectile *projectile)
{
    io_u32(io, &projectile->owner);
    io_u32(io, &projectile->target);
    io_u16(io, &projectile->skill);
    io_bool(io, &projectile->by_player);
    io_f32(io, &projectile->step.x);
    io_f32(io, &projectile->step.y);
    io_f32(io, &projectile->step.z);
    io_f32(io, &projectile->left_m);
    io_i32(io, &projectile->amount);
    io_expect(io, projectile->skill < io_skill_types(io->world) && projectile->amount >= 0 &&
                      projectile->amount <= SAVE_HP_MAX && projectile->left_m <= 2 * WORLD_OPEN_HALF_M &&
                      fabsf(projectile->step.x) <= 1.001f && fabsf(projectile->step.y) <= 1.001f &&
                      fabsf(projectile->step.z) <= 1.001f);
}

static void io_pet(struct io *io, struct pet *pet)
{
    io_u32(io, &pet->owner);
    io_u16(io, &pet->type);
    io_u32(io, &pet->target);
    io_moment(io, &pet->ready_ms);
    io_expect(io, pet->type < io_monster_types(io->world));
}

static void io_thing(struct io *io, struct thing *thing)
{
    const struct map *map = io->world->map;
    uint32_t places = io_monster_types(io->world); /* of drops */

    if (thing->entity.kind == ROOMD_KIND_NPC) {
        places = map != NULL ? map->npc_count : 0;
    } else if (thing->entity.kind == ROOMD_KIND_PORTAL) {
        places = map != NULL ? map->portal_count : 0;
    }
    io_u16(io, &thing->place);
    io_moment(io, &thing->gone_ms);
    io_expect(io, thing->place < places);
}

size_t io_entity_bytes(enum roomd_kind kind)
{
    switch (kind) {
    case ROOMD_KIND_PLAYER:
        return sizeof(struct player);
    case ROOMD_KIND_MONSTER:
        return sizeof(struct monster);
    case ROOMD_KIND_PROJECTILE:
        return sizeof(struct projectile);
    case ROOMD_KIND_PET:
        return sizeof(struct pet);
    default:
        return sizeof(struct thing);
    }
}

void io_entity(struct io *io, struct entity *entity)
{
    io_place(io, &entity->at);
    io_f32(io, &entity->radius);
    io_i32(io, &entity->hp);
    io_i32(io, &entity->hp_max);
    io_expect(io, entity->radius >= 0 && entity->radius <= WORLD_BODY_RADIUS_MAX_M && entity->hp >= 0 &&
                      entity->hp <= entity->hp_max && entity->hp_max <= SAVE_HP_MAX);
    switch (entity->kind) {
    case ROOMD_KIND_PLAYER:
        io_player(io, (struct player *)entity);
        break;
    case ROOMD_KIND_MONSTER:
        io_monster(io, (struct monster *)entity);
        break;
    case ROOMD_KIND_PROJECTILE:
        io_projectile(io, (struct projectile *)entity);
        break;
    case ROOMD_KIND_PET:
        io_pet(io, (struct pet *)entity);
        break;
    default:
        io_thing(io, (struct thing *)entity);
    }
}

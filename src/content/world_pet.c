/*
 * Pets: each follows its owner and takes part in its fights.
 *
 *                world_pet_call             world_pet_owner_hurt
 *     (with its owner) -> beside the owner --------------------> after a foe
 *            ^                 ^                                     |
 *            |                 +-------------------------------------+  the foe is dead, gone, or too far from the owner
 *            +- world_pet_dismiss; the owner died, or is leaving; world_pet_died
 *
 *     1. player->pet names the pet that is out, and that pet's owner is the player; a pet of which this is not so
 *        vanishes at the next tick.
 *     2. one that died, or was sent away wounded, rests: otherwise calling it would be healing it. One that is well can
 *        be called again after a moment.
 *
 * A pet walks straight or not at all. Where it can't, it is put beside its owner: it has no ways to look for.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "content/world.h"

enum {
    PET_REST_MS = 10000,
    PET_CALL_MS = 1000 /* between two calls: all in view are told of each */
};

#define PET_RADIUS_M   0.4f
#define PET_BESIDE_M   2.0f        /* how far from its owner it stands */
#define PET_SLACK_M    0.5f        /* and by how much that may be off before it minds */
#define PET_LOST_M     20.0f       /* further from its owner it does not walk */
#define PET_FIGHT_M    12.0f       /* so far from its owner it goes after a foe */
#define PET_CLOSE_PART 0.9f        /* of its reach: so near it goes to strike */
#define PET_PLACES     8           /* around its owner, that are tried */
#define PET_TURN_X     0.70710678f /* an eighth of a turn */

static const struct rules_monster *pet_rules(const struct world *world, const struct pet *pet)
{
    return &world->rules->monsters[pet->type];
}

static struct pet *pet_of(const struct world *world, const struct player *player)
{
    struct entity *entity = player->pet != 0 ? world_find(world, player->pet) : NULL;

    return entity != NULL && entity->kind == ROOMD_KIND_PET ? (struct pet *)entity : NULL;
}

static bool pet_can_walk(const struct world *world, const struct point *from, const struct point *to)
{
    return world_can_stand(world, to) && world_is_clear(world, from, to);
}

/* A place beside `centre` that can be reached from it, as near as may be to the direction of `from`. */
static struct point pet_beside(const struct world *world, const struct point *centre,
                               const struct point *from)
{
    float distance_m = point_distance(centre, from);
    float x = distance_m > PET_SLACK_M ? (from->x - centre->x) / distance_m : 1;
    float z = distance_m > PET_SLACK_M ? (from->z - centre->z) / distance_m : 0;

    for (int i = 0; i < PET_PLACES; i++) {
        struct point at = {centre->x + x * PET_BESIDE_M, centre->y, centre->z + z * PET_BESIDE_M};
        float turned_x = (x - z) * PET_TURN_X;

        if (pet_can_walk(world, centre, &at)) {
            return at;
        }
        z = (x + z) * PET_TURN_X;
        x = turned_x;
    }
    return *centre;
}

/* What it owns may come from a room with other rules. */
static bool pet_is_owned(const struct world *world, const struct player *player)
{
    return world->rules != NULL && player->pet_type > 0 && player->pet_type <= world->rules->monster_count &&
           world->rules->monsters[player->pet_type - 1].is_pet;
}

void world_pet_call(struct world *world, struct player *player)
{
    const struct rules_monster *rules;
    struct pet *pet;

    if (!pet_is_owned(world, player) || player->entity.hp <= 0 || pet_of(world, player) != NULL) {
        return;
    }
    pet = (struct pet *)world_entity_make(world, ROOMD_KIND_PET, 0, sizeof(*pet));
    if (pet == NULL) {
        return;
    }
    pet->owner = player->entity.id;
    pet->type = (uint16_t)(player->pet_type - 1);
    rules = pet_rules(world, pet);
    pet->entity.radius = PET_RADIUS_M;
    pet->entity.hp = rules->hp;
    pet->entity.hp_max = rules->hp;
    pet->entity.at = pet_beside(world, &player->entity.at, &player->entity.at);
    player->pet = pet->entity.id;
    world_place(world, &pet->entity);
}

static void pet_rest(struct world *world, struct player *player)
{
    player->pet_ready_ms = world->now_ms + PET_REST_MS;
}

/* Frees it. */
static void pet_end(struct world *world, struct pet *pet, enum roomd_despawn why)
{
    struct player *owner = world_find_player(world, pet->owner);

    if (owner != NULL && owner->pet == pet->entity.id) {
        owner->pet = 0;
        if (pet->entity.hp < pet->entity.hp_max) {
            pet_rest(world, owner);
        }
    }
    world_remove(world, &pet->entity, why);
    world_entity_free(world, &pet->entity);
}

void world_pet_dismiss(struct world *world, struct player *player)
{
    struct pet *pet = pet_of(world, player);

    if (pet != NULL) {
        pet_end(world, pet, ROOMD_DESPAWN_GONE);
    }
    player->pet = 0;
}

void world_pet_died(struct world *world, struct pet *pet)
{
    pet_end(world, pet, ROOMD_DESPAWN_DIED);
}

static enum roomd_error pet_command_call(struct world *world, struct player *player)
{
    if (!world->has_pets) {
        return ROOMD_ERROR_NOT_HERE;
    }
    if (player->entity.hp <= 0) {
        return ROOMD_ERROR_IS_DEAD;
    }
    if (!pet_is_owned(world, player)) {
        return ROOMD_ERROR_REFUSED;
    }
    if (pet_of(world, player) != NULL) {
        return ROOMD_ERROR_NONE;
    }
    if (player->pet_ready_ms > world->now_ms) {
        return ROOMD_ERROR_TOO_SOON;
    }
    world_pet_call(world, player);
    if (player->pet == 0) {
        return ROOMD_ERROR_NO_MEMORY;
    }
    player->pet_ready_ms = world->now_ms + PET_CALL_MS;
    return ROOMD_ERROR_NONE;
}

enum roomd_packet_result world_pet_command(struct world *world, struct player *player, const uint8_t *payload,
                                           size_t bytes)
{
    enum roomd_error error = ROOMD_ERROR_NONE;

    if (bytes != 1 || payload[0] > 1) {
        return ROOMD_PACKET_MALFORMED;
    }
    if (payload[0] == 1) {
        error = pet_command_call(world, player);
    } else {
        world_pet_dismiss(world, player);
    }
    if (error != ROOMD_ERROR_NONE) {
        world_refuse(world, player, error);
    }
    return ROOMD_PACKET_OK;
}

/* ---- fighting ---- */

/* The foe it is after, or NULL: none, or it has got away. */
static struct entity *pet_foe(const struct world *world, const struct pet *pet, const struct player *owner)
{
    struct entity *foe = pet->target != 0 ? world_find(world, pet->target) : NULL;

    if (foe == NULL || !world_is_foe(world, &pet->entity, foe) ||
        point_distance(&owner->entity.at, &foe->at) > PET_FIGHT_M) {
        return NULL;
    }
    return foe;
}

void world_pet_owner_hurt(struct world *world, struct player *player, uint32_t foe)
{
    struct pet *pet = pet_of(world, player);

    if (pet != NULL && pet_foe(world, pet, player) == NULL) {
        pet->target = foe;
        if (pet_foe(world, pet, player) == NULL) {
            pet->target = 0;
        }
    }
}

/* Goes on towards a place, at most until `until_m` away from it. False: something is in the way. */
static bool pet_walk(struct world *world, struct pet *pet, const struct point *towards, float until_m)
{
    struct point *at = &pet->entity.at;
    float distance_m = point_distance(at, towards);
    float step_m = fminf(pet_rules(world, pet)->speed_m_s * world->tick_s, distance_m - until_m);
    struct point to;

    if (!(step_m > 0)) {
        return true;
    }
    to.x = at->x + (towards->x - at->x) / distance_m * step_m;
    to.z = at->z + (towards->z - at->z) / distance_m * step_m;
    to.y = towards->y;
    if (!pet_can_walk(world, at, &to)) {
        return false;
    }
    *at = to;
    world_moved(world, &pet->entity);
    return true;
}

/* The foe may die of it; the pet doesn't. */
static void pet_strike(struct world *world, struct pet *pet, struct entity *foe)
{
    const struct rules_monster *rules = pet_rules(world, pet);

    pet->ready_ms = world->now_ms + rules->every_ms;
    if (rules->shoots == 0) {
        world_hurt(world, pet->entity.id, foe, 0, rules->damage);
        return;
    }
    if (world_projectile_shoot(world, &pet->entity, foe->id, &foe->at, (uint16_t)(rules->shoots - 1)) == 0) {
        world_tell_skill(world, &pet->entity, world->rules->skills[rules->shoots - 1].number, foe->id,
                         &foe->at);
    }
}

static void pet_fight(struct world *world, struct pet *pet, struct entity *foe)
{
    float reach_m = pet_rules(world, pet)->range_m + pet->entity.radius + foe->radius;

    if (!pet_walk(world, pet, &foe->at, reach_m * PET_CLOSE_PART)) {
        pet->target = 0;
        return;
    }
    if (world->now_ms >= pet->ready_ms && point_distance(&pet->entity.at, &foe->at) <= reach_m &&
        world_has_sight(world, &pet->entity.at, &foe->at)) {
        pet_strike(world, pet, foe);
    }
}

/* ---- following ---- */

static void pet_follow(struct world *world, struct pet *pet, const struct player *owner)
{
    const struct point *to = &owner->entity.at;
    float distance_m = point_distance(&pet->entity.at, to);
    struct point beside;

    if (fabsf(distance_m - PET_BESIDE_M) <= PET_SLACK_M) {
        return;
    }
    if (distance_m > PET_BESIDE_M) {
        pet_walk(world, pet, to, PET_BESIDE_M);
        return;
    }
    beside = pet_beside(world, to, &pet->entity.at);
    pet_walk(world, pet, &beside, 0);
}

/* Beyond its owner's call, or behind something: it is beside its owner again at once. True: so it is. */
static bool pet_catch_up(struct world *world, struct pet *pet, const struct player *owner)
{
    const struct point *to = &owner->entity.at;
    struct point beside;

    if (point_distance(&pet->entity.at, to) <= PET_LOST_M && world_is_clear(world, &pet->entity.at, to)) {
        return false;
    }
    pet->target = 0;
    beside = pet_beside(world, to, &pet->entity.at);
    world_jump(world, &pet->entity, &beside);
    return true;
}

static void pet_act(struct world *world, struct pet *pet)
{
    struct player *owner = world_find_player(world, pet->owner);
    struct entity *foe;

    if (owner == NULL || owner->pet != pet->entity.id || owner->is_leaving) {
        pet_end(world, pet, ROOMD_DESPAWN_GONE);
        return;
    }
    if (pet_catch_up(world, pet, owner)) {
        return;
    }
    foe = pet_foe(world, pet, owner);
    if (foe != NULL) {
        pet_fight(world, pet, foe);
    } else {
        pet->target = 0;
        pet_follow(world, pet, owner);
    }
}

/* What a pet does frees no other pet: the next one stays good. */
void world_pet_tick(struct world *world)
{
    struct entity *entity = world->entities[ROOMD_KIND_PET].first;

    while (entity != NULL) {
        struct entity *next = entity->next;

        pet_act(world, (struct pet *)entity);
        entity = next;
    }
}

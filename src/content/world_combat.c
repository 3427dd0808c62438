/*
 * Fighting: skills, hits, healing, dying.
 *
 * C_Skill is looked through from what costs nothing to what costs most, and refused by code at the first thing that
 * is wrong; a refused skill has no effect and spends no cool-down:
 *
 *     parses -> fighting here -> alive -> known -> cooled down -> a target in view, of the right kind -> in reach
 *
 * All that hurts goes through world_hurt, whoever does it, and all that heals through world_heal. So
 *
 *     1. 0 <= hp <= hp_max, always; hp 0 is dead, and the dead are neither hurt nor healed.
 *     2. S_Hit says what was taken or given: the hp before it and after it differ by exactly that.
 *     3. who dies is told S_Hit, then S_Died, and only then goes.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "content/world.h"

enum {
    SKILL_BYTES = 18,
    SKILL_VICTIMS_MAX = 64, /* of one blast */
    EARLY_MS = 50,          /* what a packet may gain on the one before it, on its way: see combat_spend */
    EARLY_PART = 4,         /* and at most this part of the cool-down */
    LEVEL_TENTHS = 10       /* a level adds a tenth of what it is at level 1 */
};

/* A skill that is being used. */
struct use {
    struct player *player;
    uint16_t place; /* in the rules */
    const struct rules_skill *skill;
    uint32_t target_id;
    struct entity *target; /* NULL: aimed at the ground */
    struct point at;
};

bool world_can_be_hurt(const struct entity *entity)
{
    if (entity->hp <= 0 || entity->hp_max <= 0 || entity->cell == WORLD_CELL_NONE) {
        return false;
    }
    if (entity->kind == ROOMD_KIND_MONSTER) {
        return ((const struct monster *)entity)->state != MONSTER_HOME;
    }
    return entity->kind != ROOMD_KIND_PLAYER || !((const struct player *)entity)->is_leaving;
}

bool world_is_foe(const struct world *world, const struct entity *attacker, const struct entity *target)
{
    bool is_monster = attacker->kind == ROOMD_KIND_MONSTER;
    bool is_ours = target->kind == ROOMD_KIND_PLAYER || target->kind == ROOMD_KIND_PET;

    (void)world;
    if (!is_monster && attacker->kind != ROOMD_KIND_PLAYER && attacker->kind != ROOMD_KIND_PET) {
        return false;
    }
    return (is_monster ? is_ours : target->kind == ROOMD_KIND_MONSTER) && world_can_be_hurt(target);
}

bool world_has_sight(const struct world *world, const struct point *from, const struct point *to)
{
    return world->map == NULL || map_is_clear(world->map, from, to, false);
}

int32_t world_skill_amount(const struct world *world, const struct entity *user, uint16_t skill_place)
{
    int64_t amount = world->rules->skills[skill_place].amount;
    int64_t level;

    if (user->kind == ROOMD_KIND_MONSTER) {
        return world->rules->monsters[((const struct monster *)user)->type].damage;
    }
    if (user->kind == ROOMD_KIND_PET) {
        return world->rules->monsters[((const struct pet *)user)->type].damage;
    }
    level = ((const struct player *)user)->level;
    amount += level > 1 ? amount * (level - 1) / LEVEL_TENTHS : 0;
    return amount > INT32_MAX ? INT32_MAX : (int32_t)amount;
}

void world_tell_skill(struct world *world, const struct entity *user, uint16_t number, uint32_t target,
                      const struct point *at)
{
    uint8_t payload[22];

    roomd_put_u32(payload, user->id);
    roomd_put_u16(payload + 4, number);
    roomd_put_u32(payload + 6, target);
    world_put_point(payload + 10, at);
    world_tell(world, user, ROOMD_S_SKILL, payload, sizeof(payload));
}

/* ---- hurting and healing ---- */

static void combat_tell_hit(struct world *world, uint32_t source, const struct entity *target, uint16_t skill,
                            int32_t amount, bool is_heal)
{
    uint8_t payload[19];

    roomd_put_u32(payload, source);
    roomd_put_u32(payload + 4, target->id);
    roomd_put_u16(payload + 8, skill);
    roomd_put_u32(payload + 10, (uint32_t)amount);
    payload[14] = is_heal;
    roomd_put_u32(payload + 15, (uint32_t)target->hp);
    world_tell(world, target, ROOMD_S_HIT, payload, sizeof(payload));
}

/* The player on whose account an entity acts: itself, or a pet's owner. NULL: a monster, or gone. */
static struct player *combat_account(const struct world *world, uint32_t id)
{
    const struct entity *entity = world_find(world, id);

    if (entity != NULL && entity->kind == ROOMD_KIND_PET) {
        id = ((const struct pet *)entity)->owner;
    }
    return world_find_player(world, id);
}

/* Whoever has a stake in it hears of it, while everything is still where it was. */
static void combat_hear_of_hit(struct world *world, uint32_t source, struct entity *target, int32_t amount)
{
    struct player *by = combat_account(world, source);
    struct player *whose = combat_account(world, target->id);

    if (by != NULL && target->kind == ROOMD_KIND_MONSTER) {
        by->damage = by->damage > UINT32_MAX - (uint32_t)amount ? UINT32_MAX : by->damage + (uint32_t)amount;
        world_pet_owner_hurt(world, by, target->id);
    }
    if (whose != NULL) {
        world_pet_owner_hurt(world, whose, source);
    }
    if (target->kind == ROOMD_KIND_MONSTER) {
        world_monster_hurt(world, (struct monster *)target, source, amount);
    }
}

/* True: the target has been freed. */
static bool combat_die(struct world *world, uint32_t killer, struct entity *target)
{
    uint8_t payload[8];

    roomd_put_u32(payload, target->id);
    roomd_put_u32(payload + 4, killer);
    world_tell(world, target, ROOMD_S_DIED, payload, sizeof(payload));
    if (world->kind->died != NULL) {
        world->kind->died(world, target, killer);
    }
    switch (target->kind) {
    case ROOMD_KIND_PLAYER:
        world_player_died(world, (struct player *)target, killer);
        return false;
    case ROOMD_KIND_MONSTER:
        world_monster_died(world, (struct monster *)target, killer);
        return true;
    case ROOMD_KIND_PET:
        world_pet_died(world, (struct pet *)target);
        return true;
    default:
        return false;
    }
}

bool world_hurt(struct world *world, uint32_t source, struct entity *target, uint16_t skill, int32_t amount)
{
    int32_t taken = amount < target->hp ? amount : target->hp;

    if (taken <= 0 || !world_can_be_hurt(target)) {
        return false;
    }
    target->hp -= taken;
    combat_tell_hit(world, source, target, skill, taken, false);
    combat_hear_of_hit(world, source, target, taken);
    return target->hp == 0 && combat_die(world, source, target);
}

void world_heal(struct world *world, uint32_t source, struct entity *target, uint16_t skill, int32_t amount)
{
    int32_t missing = target->hp_max - target->hp;
    int32_t given = amount < missing ? amount : missing;

    if (given <= 0 || target->hp <= 0 || target->cell == WORLD_CELL_NONE) {
        return;
    }
    target->hp += given;
    combat_tell_hit(world, source, target, skill, given, true);
}

/* ---- aiming ---- */

bool world_is_in_view(const struct world *world, const struct player *player, const struct entity *entity)
{
    uint32_t around[WORLD_AROUND_MAX];
    uint32_t count;

    if (player->entity.cell == WORLD_CELL_NONE || entity->cell == WORLD_CELL_NONE) {
        return false;
    }
    count = world_grid_around(world, player->entity.cell, around);
    for (uint32_t i = 0; i < count; i++) {
        if (around[i] == entity->cell) {
            return true;
        }
    }
    return false;
}

static enum roomd_error combat_reach(const struct world *world, const struct use *use, float bodies_m)
{
    const struct point *from = &use->player->entity.at;
    float reach_m = use->skill->range_m + bodies_m;

    if (!(point_distance2(from, &use->at) <= reach_m * reach_m) || !world_has_sight(world, from, &use->at)) {
        return ROOMD_ERROR_OUT_OF_REACH;
    }
    return ROOMD_ERROR_NONE;
}

static enum roomd_error combat_aim_at(const struct world *world, struct use *use, struct entity *target)
{
    use->target = target;
    use->target_id = target->id;
    use->at = target->at;
    return combat_reach(world, use, use->player->entity.radius + target->radius);
}

static enum roomd_error combat_aim_foe(const struct world *world, struct use *use)
{
    struct entity *target = world_find(world, use->target_id);

    if (target == NULL || !world_is_in_view(world, use->player, target) ||
        !world_is_foe(world, &use->player->entity, target)) {
        return ROOMD_ERROR_NO_SUCH_TARGET;
    }
    if (use->skill->kind == SKILL_RANGED &&
        world->entities[ROOMD_KIND_PROJECTILE].count >= WORLD_PROJECTILES_MAX) {
        return ROOMD_ERROR_REFUSED;
    }
    return combat_aim_at(world, use, target);
}

static enum roomd_error combat_aim_friend(const struct world *world, struct use *use)
{
    struct entity *target = use->target_id == 0 ? &use->player->entity : world_find(world, use->target_id);

    if (target == NULL || (target->kind != ROOMD_KIND_PLAYER && target->kind != ROOMD_KIND_PET) ||
        !world_can_be_hurt(target) || !world_is_in_view(world, use->player, target)) {
        return ROOMD_ERROR_NO_SUCH_TARGET;
    }
    return combat_aim_at(world, use, target);
}

static enum roomd_error combat_aim_ground(const struct world *world, struct use *use)
{
    use->target_id = 0;
    if (!isfinite(use->at.x) || !isfinite(use->at.z) || !isfinite(use->at.y) ||
        fabsf(use->at.y) > WORLD_HEIGHT_M) {
        return ROOMD_ERROR_OUT_OF_REACH;
    }
    if (world->map != NULL) {
        use->at.y = 0;
    }
    return combat_reach(world, use, 0);
}

/* ---- using ---- */

struct blast {
    const struct entity *source;
    struct point at;
    float radius_m;
    uint32_t count;
    uint32_t ids[SKILL_VICTIMS_MAX];
};

static bool combat_blast_visit(struct world *world, struct entity *entity, void *context)
{
    struct blast *blast = context;
    float reach_m = blast->radius_m + entity->radius;

    if (point_distance2(&blast->at, &entity->at) <= reach_m * reach_m &&
        world_is_foe(world, blast->source, entity) && world_has_sight(world, &blast->at, &entity->at)) {
        blast->ids[blast->count++] = entity->id;
    }
    return blast->count < SKILL_VICTIMS_MAX;
}

/* Those around are found first and hurt afterwards, by id: who dies of it may take others along. */
static void combat_blast(struct world *world, const struct use *use, int32_t amount)
{
    uint32_t source = use->player->entity.id;
    struct blast blast = {.source = &use->player->entity, .at = use->at, .radius_m = use->skill->radius_m};

    world_visit_near(world, ROOMD_KIND_MONSTER, &use->at, blast.radius_m + WORLD_BODY_RADIUS_MAX_M,
                     combat_blast_visit, &blast);
    for (uint32_t i = 0; i < blast.count; i++) {
        struct entity *victim = world_find(world, blast.ids[i]);

        if (victim != NULL) {
            world_hurt(world, source, victim, use->skill->number, amount);
        }
    }
}

/* 0, or -errno: it came to nothing. */
static int combat_effect(struct world *world, const struct use *use)
{
    uint32_t source = use->player->entity.id;
    int32_t amount = world_skill_amount(world, &use->player->entity, use->place);

    switch ((enum rules_skill_kind)use->skill->kind) {
    case SKILL_MELEE:
        world_hurt(world, source, use->target, use->skill->number, amount);
        return 0;
    case SKILL_RANGED:
        return world_projectile_shoot(world, &use->player->entity, use->target_id, &use->at, use->place);
    case SKILL_AREA:
        combat_blast(world, use, amount);
        return 0;
    case SKILL_HEAL:
        world_heal(world, source, use->target, use->skill->number, amount);
        return 0;
    }
    return -EINVAL;
}

static uint64_t combat_early_ms(const struct rules_skill *skill)
{
    uint32_t part_ms = skill->cooldown_ms / EARLY_PART;

    return part_ms < EARLY_MS ? part_ms : EARLY_MS;
}

/*
 * Two packets that left a client in good time may come closer together than they left, so one may be early by a
 * little; but that is taken from the next one, so nobody strikes more often than the cool-down allows.
 */
static void combat_spend(const struct world *world, const struct use *use)
{
    uint64_t *ready_ms = &use->player->ready_ms[use->place];

    *ready_ms = (*ready_ms > world->now_ms ? *ready_ms : world->now_ms) + use->skill->cooldown_ms;
}

static enum roomd_error combat_look_through(const struct world *world, struct use *use, uint16_t number)
{
    int place = world->rules != NULL ? rules_find_skill(world->rules, number) : -1;

    if (use->player->entity.hp <= 0) {
        return ROOMD_ERROR_IS_DEAD;
    }
    if (place < 0) {
        return ROOMD_ERROR_REFUSED;
    }
    use->place = (uint16_t)place;
    use->skill = &world->rules->skills[place];
    if (use->player->ready_ms[place] > world->now_ms + combat_early_ms(use->skill)) {
        return ROOMD_ERROR_TOO_SOON;
    }
    switch ((enum rules_skill_kind)use->skill->kind) {
    case SKILL_MELEE:
    case SKILL_RANGED:
        return combat_aim_foe(world, use);
    case SKILL_AREA:
        return combat_aim_ground(world, use);
    case SKILL_HEAL:
        return combat_aim_friend(world, use);
    }
    return ROOMD_ERROR_REFUSED;
}

enum roomd_packet_result world_combat_skill(struct world *world, struct player *player,
                                            const uint8_t *payload, size_t bytes)
{
    struct use use = {.player = player};
    enum roomd_error error = ROOMD_ERROR_NOT_HERE;

    if (bytes != SKILL_BYTES) {
        return ROOMD_PACKET_MALFORMED;
    }
    use.target_id = roomd_get_u32(payload + 2);
    use.at.x = roomd_get_f32(payload + 6);
    use.at.y = roomd_get_f32(payload + 10);
    use.at.z = roomd_get_f32(payload + 14);
    if (world->has_fighting) {
        error = combat_look_through(world, &use, roomd_get_u16(payload));
    }
    if (error == ROOMD_ERROR_NONE) {
        world_tell_skill(world, &player->entity, use.skill->number, use.target_id, &use.at);
        if (combat_effect(world, &use) == 0) {
            combat_spend(world, &use);
            return ROOMD_PACKET_OK;
        }
        error = ROOMD_ERROR_NO_MEMORY;
    }
    world_refuse(world, player, error);
    return ROOMD_PACKET_OK;
}

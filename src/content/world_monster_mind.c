/*
 * What a monster thinks. Each thought is a job that arms the next one (world_monster_arm); between two the tick walks it
 * along its path.
 *
 *                     notices, is hurt                 in reach and clear
 *     IDLE <-> WANDER ------------------> CHASE <-------------------------> ATTACK
 *       ^   ease_think    anger_think       |        out of reach              |
 *       |                                   | lost, beyond the leash, no way   |
 *       +----------- HOME <-----------------+----------------------------------+
 *         home_think        turn_home
 *
 *     any state -> ASLEEP   nobody follows its cell: world_monster_sleep
 *     ASLEEP -> IDLE        somebody does, or it is hurt: world_monster_arm
 */
#include <string.h>

#include "content/world.h"

enum {
    THINK_BUSY_MS = 250,
    THINK_EASE_MS = 500, /* and up to THINK_EASE_SPREAD_MS more */
    THINK_EASE_SPREAD_MS = 1001,
    THINK_HURT_MS = 50, /* who is hurt at its ease */
    WANDER_ONE_IN = 3,  /* thoughts */
    HURT_BY_COUNT = sizeof(((struct monster *)NULL)->hurt_by) / sizeof(((struct monster *)NULL)->hurt_by[0])
};

#define WANDER_RADIUS_M 6.0f /* of those of no camp */
#define REPATH_M        2.0f
#define CLOSE_UP        0.8f /* of its reach: so near it walks up to whom it chases */
#define AT_HOME_M       0.1f

enum way { WAY_FOUND, WAY_NONE, WAY_LATER };

static void arm_at_ease(struct world *world, struct monster *monster)
{
    world_monster_arm(world, monster, THINK_EASE_MS + world_random_below(world, THINK_EASE_SPREAD_MS));
}

static void stand_still(struct monster *monster)
{
    monster->path_at = monster->path_count = 0;
}

/* ---- ways ---- */

static bool is_way_clear(const struct world *world, const struct point *from, const struct point *to)
{
    return world->map == NULL || map_is_clear(world->map, from, to, true);
}

static void walk_straight(struct monster *monster, const struct point *to)
{
    monster->path[0] = *to;
    monster->path_at = 0;
    monster->path_count = 1;
}

/*
 * A way round. Only with a whole search's nodes left in this tick: then none found means that there is none, and not
 * that others have used them up.
 */
static enum way walk_around(struct world *world, struct monster *monster, const struct point *to)
{
    uint32_t points;

    if (world->path_left < PATH_NODES_MAX) {
        world->host->count(world->room, "path_skipped", 1);
        return WAY_LATER;
    }
    points = path_find(world->map, &monster->entity.at, to, &world->path_left, monster->path);
    monster->path_at = 0;
    monster->path_count = (uint8_t)points;
    return points > 0 ? WAY_FOUND : WAY_NONE;
}

static enum way walk_to(struct world *world, struct monster *monster, const struct point *to)
{
    if (is_way_clear(world, &monster->entity.at, to)) {
        walk_straight(monster, to);
        return WAY_FOUND;
    }
    return walk_around(world, monster, to);
}

/* ---- whom to fight ---- */

static bool is_harmless(const struct rules_monster *rules)
{
    return rules->damage == 0;
}

static float reach_m(const struct rules_monster *rules, const struct entity *foe)
{
    return rules->range_m + foe->radius;
}

static bool is_within(const struct point *a, const struct point *b, float distance_m)
{
    return point_distance2(a, b) <= distance_m * distance_m;
}

/* Whether it can be fought, and is not where the leash would never let it be reached. */
static bool is_worth_chasing(const struct world *world, const struct monster *monster,
                             const struct entity *foe)
{
    const struct rules_monster *rules = world_monster_rules(world, monster);

    if (foe == NULL || !world->has_fighting || !world_is_foe(world, &monster->entity, foe)) {
        return false;
    }
    return is_within(&foe->at, &monster->home, rules->leash_m + reach_m(rules, foe));
}

struct noticing {
    const struct monster *monster;
    struct entity *nearest;
    float distance2;
};

static bool notice_one(struct world *world, struct entity *entity, void *context)
{
    struct noticing *noticing = context;
    const struct point *at = &noticing->monster->entity.at;
    float distance2 = point_distance2(at, &entity->at);

    if ((noticing->nearest == NULL || distance2 < noticing->distance2) &&
        is_worth_chasing(world, noticing->monster, entity) && world_has_sight(world, at, &entity->at)) {
        noticing->nearest = entity;
        noticing->distance2 = distance2;
    }
    return true;
}

/* The nearest player or pet that it sees, or NULL. */
static struct entity *notice(struct world *world, const struct monster *monster)
{
    const struct rules_monster *rules = world_monster_rules(world, monster);
    struct noticing noticing = {.monster = monster};
    float sight_m = rules->sight_m;

    if (is_harmless(rules)) {
        return NULL;
    }
    if (world->grid.cell_m > 0.0f && sight_m > world->grid.cell_m) {
        sight_m = world->grid.cell_m;
    }
    world_visit_near(world, ROOMD_KIND_PLAYER, &monster->entity.at, sight_m, notice_one, &noticing);
    world_visit_near(world, ROOMD_KIND_PET, &monster->entity.at, sight_m, notice_one, &noticing);
    return noticing.nearest;
}

/* Of those who have hurt it and can be fought, the one who did so most; or NULL. */
static struct entity *worst_foe(const struct world *world, const struct monster *monster)
{
    struct entity *worst = NULL;
    uint32_t most = 0;

    for (uint32_t i = 0; i < HURT_BY_COUNT; i++) {
        struct entity *foe = monster->hurt_amount[i] > most ? world_find(world, monster->hurt_by[i]) : NULL;

        if (is_worth_chasing(world, monster, foe)) {
            worst = foe;
            most = monster->hurt_amount[i];
        }
    }
    return worst;
}

/*
 * Adds to who has hurt it. When the table is full a newcomer wears down the least of those in it, and has its place
 * once nothing is left of that.
 */
static void note_hurt(struct monster *monster, uint32_t by, uint32_t amount)
{
    uint32_t place = 0;

    for (uint32_t i = 0; i < HURT_BY_COUNT; i++) {
        if (monster->hurt_amount[i] > 0 && monster->hurt_by[i] == by) {
            monster->hurt_amount[i] += amount <= UINT32_MAX - monster->hurt_amount[i] ? amount : 0;
            return;
        }
        if (monster->hurt_amount[i] < monster->hurt_amount[place]) {
            place = i;
        }
    }
    if (monster->hurt_amount[place] > amount) {
        monster->hurt_amount[place] -= amount;
        return;
    }
    monster->hurt_by[place] = by;
    monster->hurt_amount[place] = amount;
}

/* ---- home ---- */

static void arrive_home(struct world *world, struct monster *monster)
{
    monster->state = MONSTER_IDLE;
    stand_still(monster);
    if (monster->entity.hp < monster->entity.hp_max) {
        monster->entity.hp = monster->entity.hp_max;
        world_tell_vitals(world, &monster->entity);
    }
    arm_at_ease(world, monster);
}

static void home_think(struct world *world, struct monster *monster)
{
    if (is_within(&monster->entity.at, &monster->home, AT_HOME_M)) {
        arrive_home(world, monster);
        return;
    }
    if (monster->path_count == 0 && walk_to(world, monster, &monster->home) == WAY_NONE) {
        world_jump(world, &monster->entity, &monster->home);
        arrive_home(world, monster);
        return;
    }
    world_monster_arm(world, monster, THINK_BUSY_MS);
}

static void turn_home(struct world *world, struct monster *monster)
{
    monster->state = MONSTER_HOME;
    monster->target = 0;
    memset(monster->hurt_by, 0, sizeof(monster->hurt_by));
    memset(monster->hurt_amount, 0, sizeof(monster->hurt_amount));
    stand_still(monster);
    home_think(world, monster);
}

/* ---- anger ---- */

static void strike(struct world *world, struct monster *monster, struct entity *foe)
{
    const struct rules_monster *rules = world_monster_rules(world, monster);

    monster->ready_ms = world->now_ms + rules->every_ms;
    if (rules->shoots != 0) {
        uint16_t skill = (uint16_t)(rules->shoots - 1);

        world_tell_skill(world, &monster->entity, world->rules->skills[skill].number, foe->id, &foe->at);
        world_projectile_shoot(world, &monster->entity, foe->id, &foe->at, skill);
    } else {
        world_hurt(world, monster->entity.id, foe, 0, rules->damage);
    }
}

/* Nearer to whom it chases: straight where that is clear, along its path while that still leads there. */
static enum way pursue(struct world *world, struct monster *monster, const struct entity *foe)
{
    const struct rules_monster *rules = world_monster_rules(world, monster);
    const struct point *at = &monster->entity.at;
    float keep_m = CLOSE_UP * reach_m(rules, foe);
    float way_m = point_distance(at, &foe->at);
    bool has_way;

    if (rules->speed_m_s <= 0.0f) {
        return WAY_FOUND;
    }
    if (is_way_clear(world, at, &foe->at)) {
        float part = way_m > keep_m ? (way_m - keep_m) / way_m : 0.0f;
        struct point to = {.x = at->x + (foe->at.x - at->x) * part,
                           .y = at->y + (foe->at.y - at->y) * part,
                           .z = at->z + (foe->at.z - at->z) * part};

        walk_straight(monster, &to);
        return WAY_FOUND;
    }
    /* A path as long as there is room for may end before the foe: its end says nothing of where the foe was. */
    has_way = monster->path_at < monster->path_count &&
              (monster->path_count == PATH_POINTS_MAX
                   ? monster->path_at < PATH_POINTS_MAX / 2
                   : is_within(&monster->path[monster->path_count - 1], &foe->at, REPATH_M));
    return has_way ? WAY_FOUND : walk_around(world, monster, &foe->at);
}

static void anger_think(struct world *world, struct monster *monster)
{
    const struct rules_monster *rules = world_monster_rules(world, monster);
    uint32_t id = monster->entity.id;
    struct entity *foe = world_find(world, monster->target);
    uint32_t delay_ms = THINK_BUSY_MS;

    if (!is_worth_chasing(world, monster, foe)) {
        foe = worst_foe(world, monster);
        foe = foe != NULL ? foe : notice(world, monster);
    }
    if (foe == NULL || !is_within(&monster->entity.at, &monster->home, rules->leash_m)) {
        turn_home(world, monster);
        return;
    }
    monster->target = foe->id;
    if (is_within(&monster->entity.at, &foe->at, reach_m(rules, foe)) &&
        world_has_sight(world, &monster->entity.at, &foe->at)) {
        monster->state = MONSTER_ATTACK;
        stand_still(monster);
        if (monster->ready_ms <= world->now_ms) {
            strike(world, monster, foe);
            if (world_find(world, id) == NULL) {
                return;
            }
        }
        if (monster->ready_ms - world->now_ms < delay_ms) {
            delay_ms = (uint32_t)(monster->ready_ms - world->now_ms);
        }
    } else {
        monster->state = MONSTER_CHASE;
        if (pursue(world, monster, foe) == WAY_NONE) {
            turn_home(world, monster);
            return;
        }
    }
    world_monster_arm(world, monster, delay_ms);
}

void world_monster_hurt(struct world *world, struct monster *monster, uint32_t by, int32_t amount)
{
    bool is_at_ease = monster->state != MONSTER_CHASE && monster->state != MONSTER_ATTACK;
    struct entity *foe;

    if (amount <= 0 || monster->state == MONSTER_HOME) {
        return;
    }
    note_hurt(monster, by, (uint32_t)amount);
    if (monster->entity.hp <= 0 || is_harmless(world_monster_rules(world, monster))) {
        return;
    }
    foe = worst_foe(world, monster);
    if (foe != NULL) {
        monster->target = foe->id;
    }
    /* Hurt from where it could never come to, it turns home at its next thought: out of reach for both. */
    if (is_at_ease) {
        stand_still(monster);
        world_monster_arm(world, monster, THINK_HURT_MS);
        monster->state = MONSTER_CHASE;
    }
}

/* ---- ease ---- */

static bool set_out(struct world *world, struct monster *monster)
{
    const struct rules_monster *rules = world_monster_rules(world, monster);
    bool has_camp = monster->camp != UINT16_MAX;
    struct point centre = has_camp ? world->map->camps[monster->camp].at : monster->home;
    float radius_m = has_camp ? world->map->camps[monster->camp].radius_m : WANDER_RADIUS_M;
    struct point to;

    if (rules->speed_m_s <= 0.0f || world_random_below(world, WANDER_ONE_IN) != 0) {
        return false;
    }
    to = world_place_near(world, &centre, radius_m);
    if (!is_within(&to, &monster->home, rules->leash_m) || !is_way_clear(world, &monster->entity.at, &to)) {
        return false; /* no search for a stroll */
    }
    walk_straight(monster, &to);
    return true;
}

static void ease_think(struct world *world, struct monster *monster)
{
    struct entity *foe = notice(world, monster);

    if (foe != NULL) {
        monster->target = foe->id;
        anger_think(world, monster);
        return;
    }
    if (monster->path_count == 0) {
        monster->state = set_out(world, monster) ? MONSTER_WANDER : MONSTER_IDLE;
    }
    arm_at_ease(world, monster);
}

void world_monster_think(struct world *world, struct monster *monster)
{
    switch ((enum monster_state)monster->state) {
    case MONSTER_ASLEEP:
    case MONSTER_IDLE:
    case MONSTER_WANDER:
        ease_think(world, monster);
        break;
    case MONSTER_CHASE:
    case MONSTER_ATTACK:
        anger_think(world, monster);
        break;
    case MONSTER_HOME:
        home_think(world, monster);
        break;
    }
}

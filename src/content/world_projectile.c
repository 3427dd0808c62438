/*
 * What flies. A projectile belongs to nobody once it is under way: it carries what it needs of its owner, who may be
 * gone by the time it strikes.
 *
 *     set out (world_projectile_shoot) -> on its way (projectile_fly, once a tick)
 *         -> STRUCK  the first body along its way, or a wall before any
 *         -> GONE    its reach is used up, or it has left the ground
 *
 * A tick's way is swept, so that nothing is jumped over however fast it flies, and cut into pieces that are short
 * against a cell, so that few cells are looked at for each. Whoever moves has moved before or moves after: bodies stand
 * still while it flies.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "content/world.h"

#define PROJECTILE_NEAR_M 0.001f /* nearer than this there is no direction */

/* One straight piece of the way, and the first body on it. */
struct sweep {
    struct point from;
    struct point step; /* of length 1 */
    float length_m;
    float hit_m; /* how far it is to the body, along the piece */
    struct entity *hit;
};

/* Turns towards a place; keeps its direction when it is there. */
static void projectile_turn(struct projectile *projectile, const struct point *towards)
{
    const struct point *at = &projectile->entity.at;
    float distance_m = point_distance(at, towards);

    if (distance_m > PROJECTILE_NEAR_M) {
        projectile->step.x = (towards->x - at->x) / distance_m;
        projectile->step.z = (towards->z - at->z) / distance_m;
    }
}

int world_projectile_shoot(struct world *world, const struct entity *owner, uint32_t target,
                           const struct point *towards, uint16_t skill_place)
{
    struct projectile *projectile;

    if (world->entities[ROOMD_KIND_PROJECTILE].count >= WORLD_PROJECTILES_MAX) {
        return -ENOSPC;
    }
    projectile = (struct projectile *)world_entity_make(world, ROOMD_KIND_PROJECTILE, 0, sizeof(*projectile));
    if (projectile == NULL) {
        return -ENOMEM;
    }
    projectile->entity.at = owner->at;
    projectile->owner = owner->id;
    projectile->target = target;
    projectile->skill = skill_place;
    projectile->by_player = owner->kind != ROOMD_KIND_MONSTER;
    projectile->step.x = 1;
    projectile->left_m = world->rules->skills[skill_place].range_m + owner->radius;
    projectile->amount = world_skill_amount(world, owner, skill_place);
    projectile_turn(projectile, towards);
    world_place(world, &projectile->entity);
    return 0;
}

/* How far along the piece it first touches the body; negative: it doesn't. */
static float sweep_touch(const struct sweep *sweep, const struct entity *body)
{
    float x = body->at.x - sweep->from.x;
    float z = body->at.z - sweep->from.z;
    float along_m = x * sweep->step.x + z * sweep->step.z;
    float across2 = x * x + z * z - along_m * along_m;
    float half2 = body->radius * body->radius - across2;
    float touch_m;

    if (x * x + z * z <= body->radius * body->radius) {
        return 0;
    }
    if (along_m < 0 || half2 < 0) {
        return -1;
    }
    touch_m = along_m - sqrtf(half2);
    return touch_m <= sweep->length_m ? fmaxf(touch_m, 0) : -1;
}

static bool sweep_visit(struct world *world, struct entity *entity, void *context)
{
    struct sweep *sweep = context;
    float touch_m = world_can_be_hurt(entity) ? sweep_touch(sweep, entity) : -1;

    (void)world;
    if (touch_m >= 0 && (sweep->hit == NULL || touch_m < sweep->hit_m)) {
        sweep->hit = entity;
        sweep->hit_m = touch_m;
    }
    return true;
}

static struct point sweep_at(const struct sweep *sweep, float along_m)
{
    return (struct point){sweep->from.x + sweep->step.x * along_m, sweep->from.y,
                          sweep->from.z + sweep->step.z * along_m};
}

/* The first body on the piece is in sweep->hit. Equals go to monsters and players before pets, then to who came first. */
static void sweep_bodies(struct world *world, const struct projectile *projectile, struct sweep *sweep)
{
    struct point middle = sweep_at(sweep, sweep->length_m / 2);
    float around_m = sweep->length_m / 2 + WORLD_BODY_RADIUS_MAX_M;

    if (projectile->by_player) {
        world_visit_near(world, ROOMD_KIND_MONSTER, &middle, around_m, sweep_visit, sweep);
    } else {
        world_visit_near(world, ROOMD_KIND_PLAYER, &middle, around_m, sweep_visit, sweep);
        world_visit_near(world, ROOMD_KIND_PET, &middle, around_m, sweep_visit, sweep);
    }
}

static void projectile_end(struct world *world, struct projectile *projectile, enum roomd_despawn why)
{
    world_remove(world, &projectile->entity, why);
    world_entity_free(world, &projectile->entity);
}

static void projectile_strike(struct world *world, struct projectile *projectile, struct entity *victim)
{
    uint32_t owner = projectile->owner;
    uint16_t skill = world->rules->skills[projectile->skill].number;
    int32_t amount = projectile->amount;

    projectile_end(world, projectile, ROOMD_DESPAWN_STRUCK);
    if (victim != NULL) {
        world_hurt(world, owner, victim, skill, amount);
    }
}

/*
 * Goes `length_m` on, its reach and what it meets permitting. False: it has ended, and is freed.
 */
static bool projectile_fly_piece(struct world *world, struct projectile *projectile, float length_m)
{
    struct sweep sweep = {.from = projectile->entity.at, .step = projectile->step, .length_m = length_m};
    struct point to = sweep_at(&sweep, length_m);
    struct point touch;

    sweep_bodies(world, projectile, &sweep);
    if (sweep.hit != NULL) {
        touch = sweep_at(&sweep, sweep.hit_m);
        projectile_strike(world, projectile, world_has_sight(world, &sweep.from, &touch) ? sweep.hit : NULL);
        return false;
    }
    if (!world_has_sight(world, &sweep.from, &to)) {
        projectile_end(world, projectile, ROOMD_DESPAWN_STRUCK);
        return false;
    }
    projectile->left_m -= length_m;
    if (projectile->left_m <= 0 || to.x < world->x_min || to.x > world->x_max || to.z < world->z_min ||
        to.z > world->z_max) {
        projectile_end(world, projectile, ROOMD_DESPAWN_GONE);
        return false;
    }
    projectile->entity.at = to;
    return true;
}

/* A tick's way. It may end, and is freed then. */
static void projectile_fly(struct world *world, struct projectile *projectile)
{
    const struct entity *target = world_find(world, projectile->target);
    float way_m = world->rules->skills[projectile->skill].speed_m_s * world->tick_s;
    float piece_m = world->grid.cell_m > 0 ? world->grid.cell_m / 2 : way_m;
    bool goes_on = true;

    if (target != NULL && world_can_be_hurt(target)) {
        projectile_turn(projectile, &target->at);
    } else {
        projectile->target = 0;
    }
    while (goes_on && way_m > 0) {
        float length_m = fminf(fminf(way_m, piece_m), projectile->left_m);

        way_m -= length_m;
        goes_on = projectile_fly_piece(world, projectile, length_m);
    }
    if (goes_on) {
        world_moved(world, &projectile->entity);
    }
}

/*
 * A strike may kill, and a death may make things or take them away, but never a projectile that was there before: the
 * next one stays good. Those that are shot meanwhile fly from the next tick on.
 */
void world_projectile_tick(struct world *world)
{
    uint32_t count = world->entities[ROOMD_KIND_PROJECTILE].count;
    struct entity *entity = world->entities[ROOMD_KIND_PROJECTILE].first;

    while (entity != NULL && count-- > 0) {
        struct entity *next = entity->next;

        projectile_fly(world, (struct projectile *)entity);
        entity = next;
    }
}

/*
 * Monsters: their jobs, ways and deaths. What they think is in world_monster_mind.c, their camps in world_camp.c.
 *
 *     1. a monster is in the list of the awake exactly while its state is not ASLEEP. The list is in the order in which
 *        their jobs were armed (think_order), so that a restore finds it again.
 *     2. a sleeper costs nothing: no job waits for it, and no tick looks at it.
 *     3. a job counts only while its number is the monster's think_order: who is armed anew leaves the old job behind,
 *        and that finds nothing to do.
 *     4. an awake one that could not be given a job has think_ms == 0, and world->has_unarmed is set: the next tick
 *        tries again. The same goes for a camp that lacks monsters and has respawn_ms == 0.
 */
#include <stdlib.h>
#include <string.h>

#include "content/world.h"

enum {
    NO_CAMP = UINT16_MAX,
    PATH_NODES_A_TICK = 20000, /* opened by all searches together */
    WAKE_MS = 500,             /* those who wake think first within this */
    TICK_IS_LATE_MS = 50       /* so long a skipped thought waits when the tick is overdue already */
};

#define BODY_RADIUS_M 0.5f
#define WANDER_PACE   0.5f /* of the type's speed */

struct thought_job {
    uint64_t order;
    uint32_t monster;
};

const struct rules_monster *world_monster_rules(const struct world *world, const struct monster *monster)
{
    return &world->rules->monsters[monster->type];
}

/* ---- who is awake ---- */

static void awake_append(struct world *world, struct monster *monster)
{
    monster->awake_prev = world->awake_last;
    monster->awake_next = NULL;
    if (world->awake_last != NULL) {
        world->awake_last->awake_next = monster;
    } else {
        world->awake_first = monster;
    }
    world->awake_last = monster;
}

static void awake_remove(struct world *world, struct monster *monster)
{
    if (monster->awake_prev != NULL) {
        monster->awake_prev->awake_next = monster->awake_next;
    } else {
        world->awake_first = monster->awake_next;
    }
    if (monster->awake_next != NULL) {
        monster->awake_next->awake_prev = monster->awake_prev;
    } else {
        world->awake_last = monster->awake_prev;
    }
    monster->awake_prev = monster->awake_next = NULL;
}

static void monster_job(void *state, uint64_t session, const void *payload, size_t bytes);

/* The job for a monster whose think_ms and think_order are set. */
static void monster_push(struct world *world, struct monster *monster)
{
    struct thought_job job;
    uint64_t delay_ms = monster->think_ms > world->now_ms ? monster->think_ms - world->now_ms : 0;
    uint64_t timer;

    memset(&job, 0, sizeof(job));
    job.order = monster->think_order;
    job.monster = monster->entity.id;
    if (world->host->push_after(world->room, (uint32_t)delay_ms, monster_job, 0, &job, sizeof(job), &timer) !=
        0) {
        monster->think_ms = 0;
        world->has_unarmed = true;
    }
}

/* When the next tick is expected. */
static uint64_t monster_next_tick_ms(const struct world *world)
{
    return world->tick_ms + (uint64_t)(world->tick_s * 1000.0f + 0.5f);
}

/* Into the list of the awake, at its end; a job at think_ms. */
static void monster_arm_at(struct world *world, struct monster *monster, uint64_t think_ms)
{
    if (monster->state == MONSTER_ASLEEP) {
        monster->state = MONSTER_IDLE;
    } else {
        awake_remove(world, monster);
    }
    awake_append(world, monster);
    monster->think_order = world->next_order++;
    monster->think_ms = think_ms;
    monster_push(world, monster);
}

/*
 * A thought that this tick has no room for comes right behind the next one, before all that are due in it: nobody is
 * skipped for ever (world_monster_arm keeps that moment free).
 */
static void monster_skip(struct world *world, struct monster *monster)
{
    uint64_t next_ms = monster_next_tick_ms(world);

    world->host->count(world->room, "ai_skipped", 1);
    monster_arm_at(world, monster, next_ms >= world->now_ms ? next_ms + 1 : world->now_ms + TICK_IS_LATE_MS);
}

void world_monster_arm(struct world *world, struct monster *monster, uint32_t delay_ms)
{
    uint64_t think_ms = world->now_ms + (delay_ms > 0 ? delay_ms : 1);
    uint64_t next_ms = monster_next_tick_ms(world);

    monster_arm_at(world, monster, think_ms == next_ms || think_ms == next_ms + 1 ? next_ms + 2 : think_ms);
}

static void monster_job(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct world *world = state;
    struct thought_job job;
    struct monster *monster;

    (void)session;
    (void)bytes;
    memcpy(&job, payload, sizeof(job));
    world_begin(world);
    monster = (struct monster *)world_find(world, job.monster);
    if (monster == NULL || monster->think_ms == 0 || monster->think_order != job.order) {
        return;
    }
    monster->think_ms = 0;
    /* Going to sleep is not a thought: with nobody in the room no tick would renew the budget for it. */
    if (!world_is_watched(world, &monster->entity)) {
        world_monster_sleep(world, monster);
    } else if (world->ai_left == 0) {
        monster_skip(world, monster);
    } else {
        world->ai_left--;
        world_monster_think(world, monster);
    }
}

static void monster_wake(struct world *world, struct monster *monster)
{
    world_monster_arm(world, monster, 1 + world_random_below(world, WAKE_MS));
}

void world_monster_wake(struct world *world, struct cell *cell)
{
    for (struct entity *entity = cell->things_first; entity != NULL; entity = entity->cell_next) {
        struct monster *monster = (struct monster *)entity;

        if (entity->kind == ROOMD_KIND_MONSTER && monster->state == MONSTER_ASLEEP) {
            monster_wake(world, monster);
        }
    }
}

void world_monster_sleep(struct world *world, struct monster *monster)
{
    awake_remove(world, monster);
    monster->state = MONSTER_ASLEEP;
    monster->think_ms = 0;
    monster->target = 0;
    monster->path_at = monster->path_count = 0;
    memset(monster->hurt_by, 0, sizeof(monster->hurt_by));
    memset(monster->hurt_amount, 0, sizeof(monster->hurt_amount));
    monster->entity.hp = monster->entity.hp_max;
    if (point_distance2(&monster->entity.at, &monster->home) > 0.0f) {
        world_jump(world, &monster->entity, &monster->home);
    }
    /* Its cell's first watcher has come and gone; where its home is somebody may stand. */
    if (world_is_watched(world, &monster->entity)) {
        monster_wake(world, monster);
    }
}

struct monster *world_monster_make(struct world *world, uint16_t type, uint16_t camp, const struct point *at)
{
    struct monster *monster =
        (struct monster *)world_entity_make(world, ROOMD_KIND_MONSTER, 0, sizeof(*monster));

    if (monster == NULL) {
        return NULL;
    }
    monster->type = type;
    monster->camp = camp;
    monster->state = MONSTER_ASLEEP;
    monster->home = *at;
    monster->entity.at = *at;
    monster->entity.radius = BODY_RADIUS_M;
    monster->entity.hp = monster->entity.hp_max = world_monster_rules(world, monster)->hp;
    world_place(world, &monster->entity);
    if (world_is_watched(world, &monster->entity)) {
        monster_wake(world, monster);
    }
    return monster;
}

/* ---- the tick ---- */

static void monster_walk(struct world *world, struct monster *monster)
{
    struct point *at = &monster->entity.at;
    float pace = monster->state == MONSTER_WANDER ? WANDER_PACE : 1.0f;
    float left_m = world_monster_rules(world, monster)->speed_m_s * pace * world->tick_s;

    while (left_m > 0.0f && monster->path_at < monster->path_count) {
        const struct point *to = &monster->path[monster->path_at];
        float way_m = point_distance(at, to);

        if (way_m <= left_m) {
            *at = *to;
            monster->path_at++;
        } else {
            at->x += (to->x - at->x) * left_m / way_m;
            at->y += (to->y - at->y) * left_m / way_m;
            at->z += (to->z - at->z) * left_m / way_m;
        }
        left_m -= way_m;
    }
    if (monster->path_at == monster->path_count) {
        monster->path_at = monster->path_count = 0;
    }
    world_moved(world, &monster->entity);
}

/* Jobs for those who could not be given one before. */
static void monsters_arm_again(struct world *world)
{
    struct monster *last = world->awake_last;
    struct monster *next;

    world->has_unarmed = false;
    for (struct monster *monster = world->awake_first; monster != NULL; monster = next) {
        next = monster != last ? monster->awake_next : NULL; /* who is armed goes to the end */
        if (monster->think_ms == 0) {
            world_monster_arm(world, monster, 1);
        }
    }
    for (uint32_t i = 0; world->camps != NULL && i < world->map->camp_count; i++) {
        world_camp_arm(world, i);
    }
}

void world_monster_budget(struct world *world)
{
    world->ai_left = world->ai_budget;
    world->path_left = PATH_NODES_A_TICK;
}

void world_monster_tick(struct world *world)
{
    world_monster_budget(world);
    for (struct monster *monster = world->awake_first; monster != NULL; monster = monster->awake_next) {
        if (monster->path_at < monster->path_count) {
            monster_walk(world, monster);
        }
    }
    if (world->has_unarmed) {
        monsters_arm_again(world);
    }
}

/* ---- dying ---- */

/* The player behind an entity: itself, or a pet's owner. NULL: none, or gone. */
static struct player *player_behind(const struct world *world, uint32_t id)
{
    const struct entity *entity = world_find(world, id);

    if (entity != NULL && entity->kind == ROOMD_KIND_PET) {
        id = ((const struct pet *)entity)->owner;
    }
    return world_find_player(world, id);
}

static void monster_share_xp(struct world *world, const struct monster *monster)
{
    uint64_t xp = world_monster_rules(world, monster)->xp;
    uint64_t total = 0;

    for (size_t i = 0; i < sizeof(monster->hurt_by) / sizeof(monster->hurt_by[0]); i++) {
        total += monster->hurt_amount[i];
    }
    for (size_t i = 0; i < sizeof(monster->hurt_by) / sizeof(monster->hurt_by[0]); i++) {
        struct player *player = player_behind(world, monster->hurt_by[i]);

        if (player != NULL && monster->hurt_amount[i] > 0) {
            world_player_gain_xp(world, player, (uint32_t)(xp * monster->hurt_amount[i] / total));
        }
    }
}

static void monster_go(struct world *world, struct monster *monster, enum roomd_despawn why)
{
    if (monster->state != MONSTER_ASLEEP) {
        awake_remove(world, monster);
    }
    world_remove(world, &monster->entity, why);
    world_entity_free(world, &monster->entity);
}

void world_monster_vanish(struct world *world, struct monster *monster)
{
    monster_go(world, monster, ROOMD_DESPAWN_GONE);
}

void world_monster_died(struct world *world, struct monster *monster, uint32_t killer)
{
    struct player *player = player_behind(world, killer);
    struct point at = monster->entity.at;
    uint16_t type = monster->type;
    uint16_t camp = monster->camp;

    if (player != NULL) {
        player->kills++;
    }
    monster_share_xp(world, monster);
    monster_go(world, monster, ROOMD_DESPAWN_DIED);
    if (world->rules->monsters[type].drop[0] != '\0') {
        world_drop_make(world, &at, type);
    }
    if (camp != NO_CAMP) {
        world->camps[camp].alive--;
        world_camp_arm(world, camp);
    }
}

/* ---- after a restore ---- */

struct waiting {
    uint64_t order;
    struct monster *monster; /* NULL: the camp */
    uint32_t camp;
};

static int waiting_compare(const void *a, const void *b)
{
    const struct waiting *one = a;
    const struct waiting *other = b;

    return one->order < other->order ? -1 : one->order > other->order;
}

/* Those for whom a job waited, or should have; returns how many. With `out` NULL it only counts. */
static uint32_t waiting_list(struct world *world, struct waiting *out)
{
    uint32_t count = 0;

    for (struct entity *e = world->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
        struct monster *monster = (struct monster *)e;

        if (monster->state != MONSTER_ASLEEP && out != NULL) {
            out[count] = (struct waiting){.order = monster->think_order, .monster = monster};
        }
        count += monster->state != MONSTER_ASLEEP;
    }
    for (uint32_t i = 0; world->camps != NULL && i < world->map->camp_count; i++) {
        if (world->camps[i].respawn_ms != 0 && out != NULL) {
            out[count] = (struct waiting){.order = world->camps[i].respawn_order, .camp = i};
        }
        count += world->camps[i].respawn_ms != 0;
        world->has_unarmed =
            world->has_unarmed || (world->camps[i].respawn_ms == 0 && world_camp_lacks_some(world, i));
    }
    return count;
}

void world_monster_rearm(struct world *world)
{
    uint32_t count = waiting_list(world, NULL);
    struct waiting *waiting;

    world_begin(world);
    if (count == 0) {
        return;
    }
    waiting = world->host->alloc(world->room, count * sizeof(*waiting));
    if (waiting == NULL) { /* whoever was awake wakes when somebody next comes near */
        for (struct entity *e = world->entities[ROOMD_KIND_MONSTER].first; e != NULL; e = e->next) {
            struct monster *monster = (struct monster *)e;

            monster->state = MONSTER_ASLEEP;
            monster->think_ms = 0;
            monster->target = 0;
            monster->path_at = monster->path_count = 0;
        }
        for (uint32_t i = 0; world->camps != NULL && i < world->map->camp_count; i++) {
            world->camps[i].respawn_ms = 0;
        }
        world->has_unarmed = true;
        world->host->log(world->room, "no memory to wake the monsters after a restore");
        return;
    }
    waiting_list(world, waiting);
    qsort(waiting, count, sizeof(*waiting), waiting_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (waiting[i].monster == NULL) {
            world_camp_push(world, waiting[i].camp);
            continue;
        }
        awake_append(world, waiting[i].monster);
        if (waiting[i].monster->think_ms != 0) {
            monster_push(world, waiting[i].monster);
        } else {
            world->has_unarmed = true;
        }
    }
    world->host->free(world->room, waiting);
}

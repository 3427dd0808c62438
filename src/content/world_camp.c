/*
 * Camps: places where monsters of a type live, and come back to after they have died. One comes back at a time: the
 * next one's time begins when the last has come. Those that the module keeps back (world_kind.keeps_back) are its own
 * affair.
 */
#include <errno.h>
#include <string.h>

#include "content/world.h"

static bool camp_is_kept_back(const struct world *world, uint32_t place)
{
    return world->kind->keeps_back != NULL && world->kind->keeps_back(&world->map->camps[place]);
}

bool world_camp_lacks_some(const struct world *world, uint32_t place)
{
    return world->camps[place].alive < world->map->camps[place].count && !camp_is_kept_back(world, place);
}

/* False without memory. */
static bool camp_add(struct world *world, uint32_t place)
{
    const struct map_camp *camp = &world->map->camps[place];
    int type = rules_find_monster(world->rules, camp->type);
    struct point at = world_place_near(world, &camp->at, camp->radius_m);

    if (world_monster_make(world, (uint16_t)type, (uint16_t)place, &at) == NULL) {
        return false;
    }
    world->camps[place].alive++;
    return true;
}

static void camp_job(void *state, uint64_t session, const void *payload, size_t bytes);

void world_camp_push(struct world *world, uint32_t place)
{
    struct camp *camp = &world->camps[place];
    uint64_t delay_ms = camp->respawn_ms > world->now_ms ? camp->respawn_ms - world->now_ms : 0;
    uint64_t timer;

    if (world->host->push_after(world->room, (uint32_t)delay_ms, camp_job, 0, &place, sizeof(place),
                                &timer) != 0) {
        camp->respawn_ms = 0;
        world->has_unarmed = true;
    }
}

void world_camp_arm(struct world *world, uint32_t place)
{
    struct camp *camp = &world->camps[place];
    uint32_t respawn_ms = world->map->camps[place].respawn_ms;

    if (camp->respawn_ms == 0 && world_camp_lacks_some(world, place)) {
        camp->respawn_order = world->next_order++;
        camp->respawn_ms = world->now_ms + (respawn_ms > 0 ? respawn_ms : 1);
        world_camp_push(world, place);
    }
}

static void camp_job(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct world *world = state;
    uint32_t place;

    (void)session;
    (void)bytes;
    memcpy(&place, payload, sizeof(place));
    world_begin(world);
    world->camps[place].respawn_ms = 0;
    camp_add(world, place); /* without memory it is tried again when the next one is due */
    world_camp_arm(world, place);
}

int world_monster_open(struct world *world)
{
    world_monster_budget(world);
    for (uint32_t i = 0; world->camps != NULL && i < world->map->camp_count; i++) {
        while (world_camp_lacks_some(world, i)) {
            if (!camp_add(world, i)) {
                return -ENOMEM;
            }
        }
    }
    return 0;
}

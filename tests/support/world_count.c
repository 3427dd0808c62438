#include "support/world_count.h"

#include "content/world.h"

uint32_t world_count(const void *state, unsigned kind)
{
    const struct world *world = state;

    return world->entities[kind].count;
}

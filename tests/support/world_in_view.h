/* What a player of a world knows of it, by the world's own state. Apart, since a world has its own idea of a player. */
#ifndef TESTS_SUPPORT_WORLD_IN_VIEW_H
#define TESTS_SUPPORT_WORLD_IN_VIEW_H

#include <stdbool.h>
#include <stdint.h>

struct in_view {
    uint32_t id;
    uint8_t kind;   /* enum roomd_kind */
    bool has_moved; /* where it is, is to be told at the next tick */
    float x, z;
};

/* All that is registered in the cells that it follows, itself included: at most `max`. Returns how many. */
uint32_t world_in_view(const void *state, uint32_t player, struct in_view *out, uint32_t max);
bool world_is_dead(const void *state, uint32_t player);

#endif

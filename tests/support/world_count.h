/* What a world counts, for tests that speak of players as clients: content/world.h has a struct player of its own. */
#ifndef TESTS_SUPPORT_WORLD_COUNT_H
#define TESTS_SUPPORT_WORLD_COUNT_H

#include <stdint.h>

/* Entities of an enum roomd_kind in a room of the world's; `state` is room->content_state. */
uint32_t world_count(const void *state, unsigned kind);

#endif

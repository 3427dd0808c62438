/*
 * What is done as memory runs out, by the share of engine_limits.memory_bytes_max that is in use:
 *
 *       0 %  chunks that a burst left behind go back to the system, some in one turn of ten seconds
 *      95 %  caches go back to the system; then those sessions are shed that pin most, until it is less
 *      98 %  nobody new comes in, and no room is made
 *     100 %  requests fail: somebody is shed at once and it is tried again, or there is a named refusal
 *
 *     1. only they are shed who make the server keep something for them: the backlog of one whose socket takes no more,
 *        or who may not be sent more yet, and input that is no whole frame. Who is owed next to nothing stays.
 *     2. what a shed session pinned is free when engine_shed returns; all else of it goes in the reap, as of any other.
 *     3. at most a few are shed in one turn.
 */
#ifndef ROOMD_ROOM_MEMORY_PRESSURE_H
#define ROOMD_ROOM_MEMORY_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/memory.h"

struct engine;

struct memory_pressure {
    uint64_t shed_bytes;   /* in use, above which somebody is shed */
    uint64_t refuse_bytes; /* above which nobody comes in */
    uint64_t look_ns;      /* when it is worth while to look for somebody again */
    uint64_t settle_ns;    /* when larger caches may be given back again */
    uint64_t age_ns;       /* when chunks that were not needed since are looked for again */
    uint32_t shed_left;    /* so many may go in this turn */
    struct log_gate gate;
};

/*
 * `bytes_max` is what may be taken from memory.h from now on, 0: as much as there is. What is in use may be more: it comes
 * down in the turns to come.
 */
void memory_pressure_set(struct memory_pressure *pressure, uint64_t bytes_max);

/* Whether nobody new is to come in for want of memory, and no room is to be made. */
static inline bool memory_pressure_refuses(const struct memory_pressure *pressure)
{
    return memory_used_bytes() > pressure->refuse_bytes;
}

/* Once a turn, in its phase 4, before the reap. Costs next to nothing while there is memory. */
void engine_relieve_memory(struct engine *engine);

/*
 * A request found no memory. True: there is more now, so it may be tried again. Caches are given back, or whoever pins most
 * is shed: that may be the very session that it was for. Never from within the gather floor.
 */
bool engine_on_no_memory(struct engine *engine);

#endif

/*
 * The scheduler: which rooms are made, which run jobs, and which are flushed, in one turn. All are rounds by turns:
 * what does not fit in this turn waits for the next, so that no room delays another.
 */
#ifndef ROOMD_ROOM_SCHEDULER_H
#define ROOMD_ROOM_SCHEDULER_H

#include <stdint.h>

struct engine;

/* How long one room's jobs may take before the others get their turn, by the coarse clock. */
#define RUN_PIECE_NS (10 * NS_PER_MS)
/* How long one room's flush may take before the others, and the next turn's input, get their chance. */
#define FLUSH_PIECE_NS (1 * NS_PER_MS)
/* Sessions written between two looks at the clock. */
enum { FLUSH_SESSIONS_PER_LOOK = 8 };
/* How long all flushing of one turn may take. */
#define FLUSH_TURN_NS (2 * NS_PER_MS)

/* How long rooms may be made in one turn, from the second one on, before the rooms that there are get theirs. */
#define CREATE_TURN_NS (2 * NS_PER_MS)

/* How long clients may be told anew how things are in one turn, from the second one on. */
#define RESYNC_TURN_NS (2 * NS_PER_MS)

/*
 * Phase 2: rooms that clients asked for are made, clients that were skipped are told anew how things are, then every
 * runnable room runs its share.
 */
void scheduler_run(struct engine *engine);
/* Phase 3: dirty sessions, then pieces of the rounds under way. */
void scheduler_flush(struct engine *engine);
/* How long the next turn may wait for I/O: 0 while there is work, UINT64_MAX when nothing is ever due. */
uint64_t scheduler_timeout_ns(const struct engine *engine, uint64_t now_ns);

#endif

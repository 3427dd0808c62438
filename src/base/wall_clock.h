/* The time of day, for what outlives a process and crosses machines. It may jump: nothing that runs is timed by it. */
#ifndef ROOMD_BASE_WALL_CLOCK_H
#define ROOMD_BASE_WALL_CLOCK_H

#include <stdint.h>

/* Seconds since 1970-01-01 00:00 UTC. Replaced at link time by tests that move it. */
uint64_t wall_clock_s(void);

#endif

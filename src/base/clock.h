/* Time. CLOCK_MONOTONIC only: no wall-clock jump moves a timer. The turn reads it once and hands it down. */
#ifndef ROOMD_BASE_CLOCK_H
#define ROOMD_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* Nanoseconds of CLOCK_MONOTONIC; never 0. Replaced at link time by the simulated clock of tests. */
uint64_t clock_now_ns(void);

/*
 * The same as the kernel last wrote it down, up to a few milliseconds ago: costs next to nothing. For spans that are
 * long beside that. May lie before a clock_now_ns that was read earlier.
 */
uint64_t clock_coarse_ns(void);

/* Sleeps `duration_ns`, less when a signal comes. */
void clock_sleep_ns(uint64_t duration_ns);

/* Nanoseconds of CPU (user and system) that this process has used. */
uint64_t clock_cpu_ns(void);

#endif

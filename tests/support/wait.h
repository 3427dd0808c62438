/*
 * Bounded waiting. A deadline is a point of CLOCK_MONOTONIC in nanoseconds; nothing in the system tests waits
 * without one.
 */
#ifndef TESTS_SUPPORT_WAIT_H
#define TESTS_SUPPORT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* What must happen happens within this, on a loaded machine and under the sanitizers too. */
enum { WAIT_LONG_MS = 10000 };

uint64_t wait_now_ns(void);
uint64_t wait_deadline_ns(int timeout_ms);
/* Milliseconds until the deadline, rounded up; 0 once it has passed. */
int wait_left_ms(uint64_t deadline_ns);
void wait_sleep_ms(int ms);

/* Polls one descriptor; the events that came (POLLHUP and POLLERR among them), or 0 when the deadline passed.
 */
short wait_fd(int fd, short events, uint64_t deadline_ns);

#endif

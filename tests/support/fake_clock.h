/*
 * A clock in the hand of the test, in the place of base/clock. It tells the true time until fake_clock_set;
 * from then on it stands still but for what the test adds. The object that holds these functions holds
 * clock_now_ns too, so that naming one links the other.
 */
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H
#define TESTS_SUPPORT_FAKE_CLOCK_H

#include <stdint.h>

/* The clock says `now_ns`, and stands there. */
void fake_clock_set(uint64_t now_ns);
void fake_clock_advance(uint64_t by_ns);
/*
 * Every look at the clock moves it on by so much before it answers: work that takes time. 0 at first. A look at the
 * coarse clock moves nothing.
 */
void fake_clock_set_step(uint64_t step_ns);
/* The true time again. */
void fake_clock_release(void);

#endif

#include "support/fake_clock.h"

#include <stdbool.h>
#include <time.h>

#include "base/clock.h"

static bool is_fake;
static uint64_t fake_ns;
static uint64_t fake_step_ns;

static uint64_t true_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void fake_clock_set(uint64_t now_ns)
{
    is_fake = true;
    fake_ns = now_ns;
    fake_step_ns = 0;
}

void fake_clock_advance(uint64_t by_ns)
{
    fake_ns += by_ns;
}

void fake_clock_set_step(uint64_t step_ns)
{
    fake_step_ns = step_ns;
}

void fake_clock_release(void)
{
    is_fake = false;
}

uint64_t clock_now_ns(void)
{
    if (!is_fake) {
        return true_ns(CLOCK_MONOTONIC);
    }
    fake_ns += fake_step_ns;
    return fake_ns;
}

uint64_t clock_coarse_ns(void)
{
    return is_fake ? fake_ns : true_ns(CLOCK_MONOTONIC_COARSE);
}

uint64_t clock_cpu_ns(void)
{
    return true_ns(CLOCK_PROCESS_CPUTIME_ID);
}

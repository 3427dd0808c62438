#include "base/wall_clock.h"

#include <time.h>

#include "base/check.h"

uint64_t wall_clock_s(void)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

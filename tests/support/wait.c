#include "support/wait.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

uint64_t wait_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t wait_deadline_ns(int timeout_ms)
{
    return wait_now_ns() + (uint64_t)timeout_ms * 1000000u;
}

int wait_left_ms(uint64_t deadline_ns)
{
    uint64_t now_ns = wait_now_ns();

    if (now_ns >= deadline_ns) {
        return 0;
    }
    return (int)((deadline_ns - now_ns + 999999u) / 1000000u);
}

void wait_sleep_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

short wait_fd(int fd, short events, uint64_t deadline_ns)
{
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = events};
        int left_ms = wait_left_ms(deadline_ns);
        int n = poll(&entry, 1, left_ms);

        if (n > 0) {
            return entry.revents;
        }
        if (n == 0 && left_ms == 0) {
            return 0;
        }
    }
}

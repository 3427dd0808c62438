#include "support/stop.h"

#include "support/process.h"
#include "support/wait.h"

#include <linux/sockios.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#define NS_IN_MS 1000000u

static bool is_stopped(const struct daemon *daemon)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)daemon_pid(daemon));

    char *text = file_read_from(path, 0);
    const char *name_end = strrchr(text, ')');
    bool stopped = name_end != NULL && name_end[2] == 'T';

    free(text);
    return stopped;
}

struct stop stop_begin(struct daemon *daemon)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    daemon_signal(daemon, SIGSTOP);
    while (!is_stopped(daemon)) {
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    return (struct stop){.daemon = daemon, .from_ns = wait_now_ns()};
}

void stop_end(struct stop *stop, uint64_t least_ms)
{
    uint64_t now_ns = wait_now_ns();
    uint64_t least_ns = least_ms * NS_IN_MS;

    if (now_ns - stop->from_ns < least_ns) {
        wait_sleep_ms((int)((least_ns - (now_ns - stop->from_ns)) / NS_IN_MS) + 1);
    }
    stop->until_ns = wait_now_ns();
    daemon_signal(stop->daemon, SIGCONT);
}

void stop_await_sent(const struct peer *peer)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    int left = 1;

    while (assert_int_equal(ioctl(peer->fd, SIOCOUTQ, &left), 0), left > 0) {
        assert_true(wait_left_ms(deadline_ns) > 0);
        wait_sleep_ms(1);
    }
}

/* When a peer that is gone without a word is found. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/sys.h"

struct tuned {
    int idle_s, interval_s, probes, ack_timeout_ms;
};

static int get(int fd, int option)
{
    int value = 0;
    socklen_t bytes = sizeof(value);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, option, &value, &bytes), 0);
    return value;
}

static struct tuned tune(uint32_t ack_timeout_ms)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct tuned tuned;

    assert_true(fd >= 0);
    assert_int_equal(sys_tune_stream(fd, 0, 0, ack_timeout_ms), 0);
    tuned = (struct tuned){.idle_s = get(fd, TCP_KEEPIDLE),
                           .interval_s = get(fd, TCP_KEEPINTVL),
                           .probes = get(fd, TCP_KEEPCNT),
                           .ack_timeout_ms = get(fd, TCP_USER_TIMEOUT)};
    close(fd);
    return tuned;
}

/* With TCP_USER_TIMEOUT a connection ends at the first probe that is not answered when that time is over: tcp(7). */
static void one_lost_probe_ended_an_idle_connection(void **state)
{
    static const uint32_t times_ms[] = {8000, 30000, 45000, 120000, 3600000};

    (void)state;
    for (size_t i = 0; i < sizeof(times_ms) / sizeof(times_ms[0]); i++) {
        struct tuned tuned = tune(times_ms[i]);

        assert_int_equal(tuned.ack_timeout_ms, times_ms[i]);
        assert_in_range(tuned.idle_s + 3 * tuned.interval_s, 1,
                        times_ms[i] / 1000 - 1); /* four come before */
    }
}

static void the_shortest_time_is_possible(void **state)
{
    struct tuned tuned = tune(1000);

    (void)state;
    assert_int_equal(tuned.idle_s, 1);
    assert_int_equal(tuned.interval_s, 1);
}

static void without_one_it_takes_two_minutes(void **state)
{
    struct tuned tuned = tune(0);

    (void)state;
    assert_int_equal(tuned.idle_s + tuned.probes * tuned.interval_s, 120);
    assert_int_equal(tuned.ack_timeout_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lost_probe_ended_an_idle_connection),
        cmocka_unit_test(the_shortest_time_is_possible),
        cmocka_unit_test(without_one_it_takes_two_minutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Out of descriptors: the listener rests instead of spinning, and goes on when there is room again. */
#include "support/system.h"

enum { NOFILE = 64, CONNECTS = 200 };

static const char config[] = "[server]\n"
                             "sessions_max = 1000\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 10ms\n";

static void out_of_descriptors_the_listener_rests(void **state)
{
    struct daemon *daemon = daemon_start_with(&(struct daemon_options){.config = config, .nofile = NOFILE});
    struct peer *clients[CONNECTS];
    struct bystanders bystanders;

    (void)state;
    bystanders_start(&bystanders, daemon, NULL);
    for (size_t i = 0; i < CONNECTS; i++) {
        clients[i] = peer_connect(daemon);
        bystanders_step(&bystanders);
    }
    daemon_expect_log(daemon, "event=accept_parked", NULL);
    uint64_t sessions = daemon_stat(daemon, "sessions");
    assert_in_range(sessions, NOFILE / 2, NOFILE);

    /* Those who are in are served, at next to no cost. */
    uint64_t cpu_ns = daemon_cpu_ns(daemon);
    bystanders_run(&bystanders, 1000, 20);
    assert_in_range(daemon_cpu_ns(daemon) - cpu_ns, 0, 200000000u);
    assert_int_equal(daemon_stat(daemon, "sessions"), sessions);

    /* Whoever waited gets in, in turn, as others go; the last of them is served as well. */
    for (size_t i = 0; i < CONNECTS - 20; i++) {
        peer_close(clients[i]);
        bystanders_step(&bystanders);
    }
    for (size_t i = CONNECTS - 20; i < CONNECTS; i++) {
        peer_hello(clients[i]);
    }
    daemon_expect_stat_equal(daemon, "sessions", 22);
    for (size_t i = CONNECTS - 20; i < CONNECTS; i++) {
        peer_close(clients[i]);
    }
    daemon_expect_stat_equal(daemon, "sessions", 2);
    bystanders_finish(&bystanders);
    /* Repeated events are gated: the log does not grow with the time that the listener rests. */
    assert_in_range(daemon_log_count(daemon, "event=accept_parked", NULL), 1, 20);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(out_of_descriptors_the_listener_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The reactor over real descriptors. */
#include "support/component.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct probe {
    struct source source;
    int other; /* the far end */
    uint32_t calls;
    uint32_t events; /* of the last call */
    void (*then)(struct probe *probe);
};

static struct reactor reactor;

static void probe_on_ready(struct source *source, uint32_t events)
{
    struct probe *probe = LIST_ENTRY(source, struct probe, source);

    probe->calls++;
    probe->events = events;
    if (probe->then != NULL) {
        probe->then(probe);
    }
}

static void probe_open(struct probe *probe, uint32_t events)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    *probe = (struct probe){.source = {.fd = ends[0], .on_ready = probe_on_ready}, .other = ends[1]};
    assert_int_equal(reactor_add(&reactor, &probe->source, events), 0);
}

static void probe_close(struct probe *probe)
{
    close(probe->source.fd);
    if (probe->other >= 0) {
        close(probe->other);
    }
}

static void probe_poke(const struct probe *probe)
{
    assert_int_equal(write(probe->other, "x", 1), 1);
}

static void turn(void)
{
    assert_int_equal(reactor_wait(&reactor, 0), 0);
    reactor_dispatch(&reactor);
}

static int reactor_setup(void **state)
{
    (void)state;
    return reactor_init(&reactor);
}

static int reactor_teardown(void **state)
{
    (void)state;
    reactor_fini(&reactor);
    return 0;
}

/* Level-triggered: what is not dealt with is told again. */
static void a_ready_source_is_told_until_it_is_not(void **state)
{
    struct probe probe;
    char byte;

    (void)state;
    probe_open(&probe, EPOLLIN);
    turn();
    assert_int_equal(probe.calls, 0);
    probe_poke(&probe);
    turn();
    turn();
    assert_int_equal(probe.calls, 2);
    assert_int_equal(probe.events, EPOLLIN);
    assert_int_equal(read(probe.source.fd, &byte, 1), 1);
    turn();
    assert_int_equal(probe.calls, 2);
    probe_close(&probe);
}

static void only_what_is_asked_for_is_told(void **state)
{
    struct probe probe;

    (void)state;
    probe_open(&probe, EPOLLIN);
    probe_poke(&probe);
    assert_int_equal(reactor_change(&reactor, &probe.source, 0), 0);
    turn();
    assert_int_equal(probe.calls, 0);
    assert_int_equal(reactor_change(&reactor, &probe.source, EPOLLOUT), 0);
    turn();
    assert_int_equal(probe.events, EPOLLOUT);
    assert_int_equal(reactor_change(&reactor, &probe.source, EPOLLIN | EPOLLOUT), 0);
    turn();
    assert_int_equal(probe.events, EPOLLIN | EPOLLOUT);
    assert_int_equal(probe.calls, 2);

    reactor_remove(&reactor, &probe.source);
    turn();
    assert_int_equal(probe.calls, 2);
    probe_close(&probe);
}

static void a_hang_up_is_told_whatever_is_asked_for(void **state)
{
    struct probe probe;

    (void)state;
    probe_open(&probe, 0);
    close(probe.other);
    probe.other = -1;
    turn();
    assert_int_equal(probe.calls, 1);
    assert_true((probe.events & EPOLLHUP) != 0);
    probe_close(&probe);
}

/* A change that the kernel refuses is told, and what is asked for stays what it was. */
static void a_refused_change_changes_nothing(void **state)
{
    struct probe probe;

    (void)state;
    probe_open(&probe, EPOLLIN);
    assert_int_equal(reactor_add(&reactor, &probe.source, EPOLLOUT), -EEXIST);
    assert_int_equal(probe.source.events, EPOLLIN);
    reactor_remove(&reactor, &probe.source);
    assert_int_equal(probe.source.events, 0);
    assert_int_equal(reactor_change(&reactor, &probe.source, EPOLLIN), -ENOENT);
    assert_int_equal(probe.source.events, 0);
    assert_int_equal(reactor_add(&reactor, &probe.source, EPOLLIN), 0);
    probe_close(&probe);
}

static void more_sources_than_a_batch_all_get_their_turn(void **state)
{
    enum { COUNT = REACTOR_EVENTS_MAX + 50 };
    static struct probe probes[COUNT];
    char byte;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        probe_open(&probes[i], EPOLLIN);
        probe_poke(&probes[i]);
    }
    for (int round = 0; round < 2; round++) {
        int called = 0;

        assert_int_equal(reactor_wait(&reactor, 0), 0);
        assert_true(reactor.ready <= REACTOR_EVENTS_MAX);
        reactor_dispatch(&reactor);
        for (int i = 0; i < COUNT; i++) {
            if (probes[i].calls == 1 && read(probes[i].source.fd, &byte, 1) == 1) {
                called++;
            }
        }
        assert_int_equal(called, round == 0 ? REACTOR_EVENTS_MAX : COUNT - REACTOR_EVENTS_MAX);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(probes[i].calls, 1);
        probe_close(&probes[i]);
    }
}

static void a_wait_lasts_as_long_as_it_may(void **state)
{
    struct timespec before;
    struct timespec after;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(reactor_wait(&reactor, 20 * NS_PER_MS), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);

    int64_t took_ns = (after.tv_sec - before.tv_sec) * (int64_t)NS_PER_S + after.tv_nsec - before.tv_nsec;

    assert_true(took_ns >= 20 * (int64_t)NS_PER_MS);
    assert_int_equal(reactor.ready, 0);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

static void an_interrupted_wait_found_nothing(void **state)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {.it_value = {.tv_usec = 10000}, .it_interval = {.tv_usec = 10000}};
    struct itimerval never = {0};
    struct probe probe;

    (void)state;
    probe_open(&probe, EPOLLIN);
    probe_poke(&probe);
    turn(); /* leaves a batch behind that must not be told again */
    assert_int_equal(reactor_change(&reactor, &probe.source, 0), 0);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(reactor_wait(&reactor, UINT64_MAX), 0);
    setitimer(ITIMER_REAL, &never, NULL);
    reactor_dispatch(&reactor);
    assert_int_equal(probe.calls, 1);
    probe_close(&probe);
}

static int alarm_fd;

static void poke_on_alarm(int signal_number)
{
    (void)signal_number;
    (void)!write(alarm_fd, "x", 1);
}

/* As after SIGSTOP and SIGCONT: the wait is cut short, and there is something to be read all the same. */
static void what_came_by_the_time_of_an_interruption_is_found(void **state)
{
    struct sigaction action = {.sa_handler = poke_on_alarm};
    struct itimerval once = {.it_value = {.tv_usec = 10000}};
    struct probe probe;

    (void)state;
    probe_open(&probe, EPOLLIN);
    alarm_fd = probe.other;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &once, NULL);
    assert_int_equal(reactor_wait(&reactor, UINT64_MAX), 0);
    assert_int_equal(reactor.found, 1);
    reactor_dispatch(&reactor);
    assert_int_equal(probe.calls, 1);
    probe_close(&probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ready_source_is_told_until_it_is_not, reactor_setup,
                                        reactor_teardown),
        cmocka_unit_test_setup_teardown(only_what_is_asked_for_is_told, reactor_setup, reactor_teardown),
        cmocka_unit_test_setup_teardown(a_hang_up_is_told_whatever_is_asked_for, reactor_setup,
                                        reactor_teardown),
        cmocka_unit_test_setup_teardown(a_refused_change_changes_nothing, reactor_setup, reactor_teardown),
        cmocka_unit_test_setup_teardown(more_sources_than_a_batch_all_get_their_turn, reactor_setup,
                                        reactor_teardown),
        cmocka_unit_test_setup_teardown(a_wait_lasts_as_long_as_it_may, reactor_setup, reactor_teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_wait_found_nothing, reactor_setup, reactor_teardown),
        cmocka_unit_test_setup_teardown(what_came_by_the_time_of_an_interruption_is_found, reactor_setup,
                                        reactor_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

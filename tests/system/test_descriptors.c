/* Out of descriptors: the listener rests instead of spinning, and goes on when there is room again. */
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOFILE = 256, CONNECTS = 1000, ONE_BY_ONE = 20, LAST = 20 };

static const char config[] = "[server]\n"
                             "sessions_max = 2000\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 10ms\n";

/* Who has connected, in order; some of them have been accepted. */
struct queue {
    struct daemon *daemon;
    struct peer *each[CONNECTS];
    struct bystanders bystanders;
    size_t gone;     /* from the front */
    size_t accepted; /* up to this one, but for the players */
};

/* As many may wait to be accepted; or a connect would wait for minutes. */
static void skip_unless_so_many_may_wait(void)
{
    char *text = file_read_from("/proc/sys/net/core/somaxconn", 0);
    int most = atoi(text);

    free(text);
    if (most < CONNECTS) {
        skip();
    }
}

static void queue_connect(struct queue *queue)
{
    for (size_t i = 0; i < CONNECTS; i++) {
        queue->each[i] = peer_connect(queue->daemon);
        peer_send_hello(queue->each[i], ROOMD_WIRE_VERSION);
        bystanders_step(&queue->bystanders);
    }
    daemon_expect_log(queue->daemon, "event=accept_parked", NULL);
    queue->accepted = daemon_stat(queue->daemon, "sessions") - 2;
    assert_in_range(queue->accepted, NOFILE * 3 / 4, NOFILE);
}

/* There was none left to read the config by, just when somebody is to be banned. */
static void queue_does_not_keep_the_operator_out(struct queue *queue)
{
    daemon_signal(queue->daemon, SIGHUP);
    daemon_expect_log(queue->daemon, "event=reload ", NULL);
    assert_int_equal(daemon_log_count(queue->daemon, "event=reload_refused", NULL), 0);
}

/* Those who are in are served, at next to no cost, and nobody else comes in. */
static void queue_rests(struct queue *queue)
{
    size_t lines = daemon_log_count(queue->daemon, "event=accept_parked", NULL);
    uint64_t cpu_ns = daemon_cpu_ns(queue->daemon);
    uint64_t from_ns = wait_now_ns();

    bystanders_run(&queue->bystanders, 2000, 20);
    assert_in_range(daemon_cpu_ns(queue->daemon) - cpu_ns, 0, 400000000u);
    assert_int_equal(daemon_stat(queue->daemon, "sessions"), queue->accepted + 2);
    /* A line a second, however often it was tried. */
    lines = daemon_log_count(queue->daemon, "event=accept_parked", NULL) - lines;
    assert_in_range(lines, 1, (wait_now_ns() - from_ns) / 1000000000u + 2);
}

/* Whoever waits first comes in, for each who goes. */
static void queue_moves_one_by_one(struct queue *queue)
{
    for (int i = 0; i < ONE_BY_ONE; i++) {
        struct peer *next = queue->each[queue->accepted + queue->gone];

        peer_expect_silence(next, 0);
        peer_close(queue->each[queue->gone++]);
        peer_await_packet(next, ROOMD_S_WELCOME);
        peer_await_packet(next, ROOMD_S_JOINED);
        bystanders_step(&queue->bystanders);
    }
    assert_int_equal(daemon_stat(queue->daemon, "sessions"), queue->accepted + 2);
}

static void out_of_descriptors_the_listener_rests(void **state)
{
    static struct queue the_queue;
    struct queue *queue = &the_queue;

    (void)state;
    skip_unless_so_many_may_wait();
    queue->daemon = daemon_start_with(&(struct daemon_options){.config = config, .nofile = NOFILE});
    bystanders_start(&queue->bystanders, queue->daemon, NULL);
    size_t fds = daemon_fd_count(queue->daemon);

    queue_connect(queue);
    queue_rests(queue);
    queue_does_not_keep_the_operator_out(queue);
    queue_moves_one_by_one(queue);

    /* As all the others go, the last of them are served as well. */
    while (queue->gone < CONNECTS - LAST) {
        peer_close(queue->each[queue->gone++]);
        bystanders_step(&queue->bystanders);
    }
    for (size_t i = CONNECTS - LAST; i < CONNECTS; i++) {
        peer_await_packet(queue->each[i], ROOMD_S_WELCOME);
    }
    daemon_expect_stat_equal(queue->daemon, "sessions", 2 + LAST);
    for (size_t i = CONNECTS - LAST; i < CONNECTS; i++) {
        peer_close(queue->each[i]);
    }
    daemon_expect_stat_equal(queue->daemon, "sessions", 2);
    daemon_expect_fd_most(queue->daemon, fds);
    assert_int_equal(daemon_stat(queue->daemon, "opened"), 2 + CONNECTS);
    bystanders_finish(&queue->bystanders);
    assert_in_range(queue->bystanders.worst_ns, 0, 2000000000u);
    daemon_stop(queue->daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(out_of_descriptors_the_listener_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

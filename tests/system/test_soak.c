/*
 * Everything at once, for a while: players who behave, and beside them those who do not read, pause, dribble, send nonsense
 * or floods, fall silent, come and go. Whoever behaves loses nothing, which the load tool verifies; in the end nothing is
 * left, and the log holds nothing that must never happen (daemon_stop looks).
 *
 * Environment: SOAK_SECONDS, for how long new rounds begin (0: there are two).
 */
#include "support/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 2, LOADS = 3, ARGUMENTS_MAX = 48, ROUND_MS_MAX = 50000, PATH_BYTES = 128 };

/* Who behaves may be held up for seconds, by a machine that compiles beside it: no limit that it may meet is shorter. */
static const char config[] = "[server]\n"
                             "hello_timeout = 20s\n"
                             "frame_timeout = 60s\n"
                             "ping_after = 2s\n"
                             "pong_timeout = 5s\n"
                             "socket_send_buffer = 8KiB\n"
                             "socket_unsent_max = 1KiB\n"
                             "[room quiet]\n"
                             "tick = 20ms\n"
                             "[room a]\n"
                             "tick = 50ms\n"
                             "slow = skip\n"
                             "suffix = yes\n"
                             "outbox_age_max = 500ms\n"
                             "skip_max = 20s\n"
                             "[room b]\n"
                             "tick = 20ms\n"
                             "slow = skip\n"
                             "outbox_age_max = 1s\n"
                             "skip_max = 20s\n"
                             "[room c]\n"
                             "tick = 20ms\n"
                             "outbox_age_max = 5s\n"
                             "[room d]\n"
                             "tick = 0\n"
                             "outbox_bytes_max = 256KiB\n"
                             "[room ground]\n"
                             "content = field\n"
                             "tick = 50ms\n"
                             "view = 40\n"
                             "extent = 60\n"
                             "speed = 6\n"
                             "slow = skip\n"
                             "outbox_age_max = 500ms\n";

/* Whose buffers are narrow enough to be full after a pause of two seconds, and wide enough for who reads. */
static const char *const loads[LOADS] = {
    "-n 160 -r 4 -s 200 -d 10 --rooms a,b --rcvbuf 32768 --slow 6 --dribble 6 --garbage 6 --flood 2 --mute 6 "
    "--pause 8 "
    "--pause-seconds 2 --churn 20",
    "-n 100 -r 4 -s 200 -d 10 --rooms c,d --rcvbuf 32768 --slow 6 --dribble 6 --garbage 6 --mute 4 --churn 8",
    "-n 60 -r 8 -d 10 --rooms ground --play roam --pause 4 --pause-seconds 2 --rcvbuf 32768",
};

struct load {
    struct process process;
    char out_path[PATH_BYTES];
};

static void load_start(struct load *load, const struct daemon *daemon, size_t i)
{
    const char *argv[ARGUMENTS_MAX] = {DUMMY_CLIENT_BINARY,   "--json", "--drain", "20", "--connect",
                                       daemon_address(daemon)};
    char words[512];
    char name[16];
    size_t count = 6;
    char *rest;

    snprintf(words, sizeof(words), "%s", loads[i]);
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count + 1 < ARGUMENTS_MAX);
        argv[count++] = word;
    }
    snprintf(name, sizeof(name), "load-%zu", i);
    daemon_path(daemon, name, load->out_path, sizeof(load->out_path));
    int fd = open(load->out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    process_start(&load->process, argv, fd, fd, 0);
    close(fd);
}

/* Its verdict is good. */
static void load_check(const struct load *load, size_t i)
{
    char *report = file_read_from(load->out_path, 0);

    if (load->process.exit_status != 0 || strstr(report, "\"ok\":true") == NULL) {
        print_error("dummy-client %s: ended with %d and said:\n%s\n", loads[i], load->process.exit_status,
                    report);
        fail();
    }
    free(report);
}

static void round_run(struct daemon *daemon, struct bystanders *bystanders)
{
    static struct load running[LOADS]; /* a child dies with its test */
    uint64_t deadline_ns = wait_deadline_ns(ROUND_MS_MAX);

    for (size_t i = 0; i < LOADS; i++) {
        load_start(&running[i], daemon, i);
    }
    for (size_t i = 0; i < LOADS; i++) {
        while (!process_wait(&running[i].process, 0)) {
            bystanders_run(bystanders, 20, 5);
            if (wait_left_ms(deadline_ns) == 0) {
                for (size_t j = 0; j < LOADS; j++) {
                    process_kill(&running[j].process);
                }
                fail_msg("dummy-client %s does not end", loads[i]);
            }
        }
    }
    for (size_t i = 0; i < LOADS; i++) {
        load_check(&running[i], i);
    }
}

/* It has come to what there was it for. */
static void expect_all_kinds(struct daemon *daemon)
{
    static const char *const fields[] = {"close_slow", "close_flood", "close_timeout", "packets_flooded",
                                         "skips",      "resyncs",     "pings",         "strikes"};
    char *line = daemon_stats_ask(daemon);

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (stats_field(line, fields[i]) == 0) {
            fail_msg("%s is 0 in '%s'", fields[i], line);
        }
    }
    assert_int_equal(stats_field(line, "closes") + 2, stats_field(line, "opened"));
    assert_int_equal(stats_field(line, "enters"), stats_field(line, "leaves") + 2);
    free(line);
}

static void all_misbehaviours_at_once(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct bystanders bystanders;
    const char *seconds = getenv("SOAK_SECONDS");
    uint64_t until_ns = wait_deadline_ns(seconds == NULL ? 0 : atoi(seconds) * 1000);

    (void)state;
    bystanders_start(&bystanders, daemon, "quiet");
    size_t fds = daemon_fd_count(daemon);

    for (int i = 0; i < ROUNDS || wait_left_ms(until_ns) > 0; i++) {
        round_run(daemon, &bystanders);
        daemon_expect_stat_equal(daemon, "sessions", 2);
        daemon_expect_fd_most(daemon, fds);
    }
    expect_all_kinds(daemon);
    assert_int_equal(bystanders.foreign, 0);
    bystanders_finish(&bystanders);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(all_misbehaviours_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A quarter of a room does not read, out of narrow buffers. While that is within the limits it costs the server next to
 * nothing, and who reads again has lost nothing; above them they are closed as `slow`, and the others never notice.
 */
#include "support/system.h"
#include "support/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLAYERS = 64,
    DEAF = 16,
    NARROW_BYTES = 4096,
    WORD_CHARS = 500,
    SHORT_WRITES_EACH = 8,
    CHUNK_BYTES_MAX = 1024 * 1024
};

/* Players who may fall far behind. */
static const char config_wide[] = "[room lobby]\n"
                                  "tick = 50ms\n"
                                  "outbox_bytes_max = 64MiB\n"
                                  "outbox_slices_max = 65535\n"
                                  "outbox_age_max = 5m\n";

static const char config_bytes[] = "[server]\n"
                                   "socket_send_buffer = 16KiB\n"
                                   "chunk_size = 16KiB\n"
                                   "[room lobby]\n"
                                   "tick = 50ms\n"
                                   "outbox_bytes_max = 256KiB\n"
                                   "outbox_slices_max = 65535\n"
                                   "outbox_age_max = 5m\n";

static const char config_age[] = "[server]\n"
                                 "socket_send_buffer = 16KiB\n"
                                 "[room lobby]\n"
                                 "tick = 50ms\n"
                                 "outbox_bytes_max = 64MiB\n"
                                 "outbox_slices_max = 65535\n"
                                 "outbox_age_max = 1s\n";

/* The first DEAF of them are not going to read. */
static void room_fill(struct talk *talk, struct daemon *daemon)
{
    talk->chars = WORD_CHARS;
    for (size_t i = 0; i < PLAYERS; i++) {
        struct peer *peer = i < DEAF ? peer_connect_narrow(daemon, NARROW_BYTES) : peer_connect(daemon);

        peer_hello(peer);
        peer_join(peer, "lobby");
        talk_add(talk, peer);
    }
}

/* All is written that the sockets take. */
static void room_settles(struct daemon *daemon)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    uint64_t before = 0;
    uint64_t now = daemon_stat(daemon, "writev");

    while (now != before) {
        assert_true(wait_left_ms(deadline_ns) > 0);
        wait_sleep_ms(200);
        before = now;
        now = daemon_stat(daemon, "writev");
    }
}

/* How often the server has gone to sleep. */
static uint64_t daemon_sleeps(const struct daemon *daemon)
{
    static const char field[] = "\nvoluntary_ctxt_switches:";
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid(daemon));
    char *text = file_read_from(path, 0);
    const char *line = strstr(text, field);

    assert_non_null(line);
    uint64_t sleeps = strtoull(line + strlen(field), NULL, 10);
    free(text);
    return sleeps;
}

/*
 * For so long nobody says anything: who takes no more is waited for, and not asked again and again: the server sleeps, and
 * is seldom woken. A kernel that is short of memory may find place for a little more.
 */
static void room_rests(struct daemon *daemon, int ms)
{
    char *before = daemon_stats_ask(daemon);
    uint64_t cpu_ns = daemon_cpu_ns(daemon);
    uint64_t sleeps = daemon_sleeps(daemon);

    wait_sleep_ms(ms);
    cpu_ns = daemon_cpu_ns(daemon) - cpu_ns;
    sleeps = daemon_sleeps(daemon) - sleeps;
    char *after = daemon_stats_ask(daemon);

    assert_in_range(sleeps, 0, 4 * DEAF + (uint64_t)ms / 50);
    assert_in_range(stats_field(after, "writev") - stats_field(before, "writev"), 0, 2 * DEAF);
    assert_int_equal(stats_field(after, "ticks"), stats_field(before, "ticks"));
    assert_in_range(cpu_ns, 0, (uint64_t)ms * 1000000u / 10);
    free(before);
    free(after);
}

static void who_does_not_read_is_waited_for(void **state)
{
    static struct talk talk;
    struct daemon *daemon = daemon_start(config_wide);

    (void)state;
    room_fill(&talk, daemon);
    char *before = daemon_stats_ask(daemon);

    /* So little at once that who reads always has place for it. */
    for (int i = 0; i < 40; i++) {
        talk_say(&talk, DEAF, PLAYERS, 1);
        talk_hear(&talk, DEAF, PLAYERS);
    }
    daemon_expect_stat_least(daemon, "short_writes", DEAF);
    room_settles(daemon);
    room_rests(daemon, 1500);

    char *after = daemon_stats_ask(daemon);

    /* Each player is written to once a round. Whose socket is full is found so, and then not tried again in each of them. */
    double short_writes = stats_field(after, "short_writes");
    double rounds = stats_field(after, "ticks") - stats_field(before, "ticks") +
                    stats_field(after, "flushes_early") - stats_field(before, "flushes_early");
    assert_in_range(stats_field(after, "writev") - stats_field(before, "writev"), 1,
                    rounds * PLAYERS + short_writes);
    assert_in_range(short_writes, DEAF, DEAF * SHORT_WRITES_EACH);
    assert_int_equal(stats_field(after, "closes"), 0);
    free(before);
    free(after);
    talk_hear(&talk, 0, DEAF); /* to the last word */
    peer_close_all();
    daemon_stop(daemon);
}

/* The load tool's own slow ones, who never read again; what the others see, it verifies. */
static void slow_ones_are_closed(struct daemon *daemon)
{
    const char *argv[] = {DUMMY_CLIENT_BINARY,
                          "-n",
                          "64",
                          "-r",
                          "4",
                          "-s",
                          "1000",
                          "-d",
                          "6",
                          "--slow",
                          "16",
                          "--rcvbuf",
                          "4096",
                          "--rooms",
                          "lobby",
                          "--json",
                          "--connect",
                          daemon_address(daemon),
                          NULL};
    struct process_result result;

    size_t fds = daemon_fd_count(daemon);

    process_run(&result, argv, 60000);
    if (result.exit_status != 0 || strstr(result.out, "\"ok\":true") == NULL) {
        print_error("dummy-client ended with %d and said:\n%s\n%s\n", result.exit_status, result.out,
                    result.err);
        fail();
    }
    assert_int_equal(daemon_stat(daemon, "close_slow"), DEAF);
    daemon_expect_closes(daemon, "slow", DEAF);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    daemon_expect_fd_most(daemon, fds);
    process_result_free(&result);
}

static void who_is_owed_too_much_is_closed(void **state)
{
    struct daemon *daemon = daemon_start(config_bytes);

    (void)state;
    slow_ones_are_closed(daemon);
    /* All of them pinned the same bytes. */
    assert_in_range(daemon_stat(daemon, "chunk_bytes"), 0, CHUNK_BYTES_MAX);
    daemon_stop(daemon);
}

static void who_does_not_read_for_too_long_is_closed(void **state)
{
    struct daemon *daemon = daemon_start(config_age);

    (void)state;
    slow_ones_are_closed(daemon);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(who_does_not_read_is_waited_for),
        SYSTEM_TEST(who_is_owed_too_much_is_closed),
        SYSTEM_TEST(who_does_not_read_for_too_long_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

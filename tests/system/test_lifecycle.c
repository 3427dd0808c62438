/* Signals: ending in good order, ending at once, reading the configuration again, saying how things are. */
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char config_slow_tick[] = "[server]\n"
                                       "log = debug\n"
                                       "[room lobby]\n"
                                       "content = chat\n"
                                       "autojoin = yes\n"
                                       "tick = 10s\n";

/* A stopped reader keeps the server from ending for as long as it may. */
#define STOPPED_READER_CONFIG(timeout)                                                                       \
    "[server]\n" FAST_CLIENTS "shutdown_timeout = " timeout "\n"                                             \
    "linger = 30s\n"                                                                                         \
    "[room lobby]\n"                                                                                         \
    "content = chat\n"                                                                                       \
    "autojoin = yes\n"                                                                                       \
    "tick = 10ms\n"                                                                                          \
    "outbox_bytes_max = 256MiB\n"                                                                            \
    "outbox_slices_max = 65535\n"                                                                            \
    "outbox_age_max = 10m\n"

static void what_was_said_arrives_before_the_end(int signal)
{
    struct daemon *daemon = daemon_start(config_slow_tick);
    struct peer *speaker = peer_autojoin(daemon, "lobby");
    struct peer *silent = peer_connect(daemon);
    uint64_t from_ns;

    daemon_expect_stat_equal(daemon, "sessions", 2);
    uint64_t packets = daemon_stat(daemon, "packets_in");
    peer_send_chat(speaker, "the last word");
    daemon_expect_stat_equal(daemon, "packets_in", packets + 1);
    from_ns = wait_now_ns();
    daemon_signal(daemon, signal);
    peer_expect_chat(speaker, 1, "the last word");
    peer_expect_kick(speaker, ROOMD_CLOSE_SHUTDOWN);
    peer_expect_chat(silent, 1, "the last word");
    peer_expect_kick(silent, ROOMD_CLOSE_SHUTDOWN);
    peer_close(speaker);
    peer_close(silent);
    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 0, 3000);
    assert_int_equal(daemon_log_count(daemon, "event=close ", "reason=shutdown"), 2);
    assert_true(daemon_log_count(daemon, "event=stats ", "packets_in=") > 0);
    daemon_finish(daemon);
}

static void sigterm_flushes_and_kicks(void **state)
{
    (void)state;
    what_was_said_arrives_before_the_end(SIGTERM);
}

static void sigint_is_the_same(void **state)
{
    (void)state;
    what_was_said_arrives_before_the_end(SIGINT);
}

/* With nobody left to wait for there is nothing to wait for, long as the server may take. */
static void an_empty_server_ends_at_once(void **state)
{
    (void)state;
    for (int had_guest = 0; had_guest < 2; had_guest++) {
        struct daemon *daemon = daemon_start(STOPPED_READER_CONFIG("10m"));

        if (had_guest) {
            peer_close(peer_autojoin(daemon, "lobby"));
            daemon_expect_stat_equal(daemon, "sessions", 0);
        }
        uint64_t from_ns = wait_now_ns();
        daemon_signal(daemon, SIGTERM);
        assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
        assert_in_range((wait_now_ns() - from_ns) / 1000000u, 0, 1000);
        daemon_finish(daemon);
    }
}

/* The door is shut first. */
static void nobody_new_is_let_in_while_it_ends(void **state)
{
    struct daemon *daemon = daemon_start(STOPPED_READER_CONFIG("1s"));
    struct peer *guest = peer_autojoin(daemon, "lobby");

    (void)state;
    daemon_signal(daemon, SIGTERM);
    peer_expect_packet(guest, ROOMD_S_KICK); /* and keeps its side open, so that the server lingers */
    int fd = socket_connect_to(daemon_address(daemon), 0);
    assert_true(fd < 0);
    peer_close(guest);
    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
    daemon_finish(daemon);
}

/* A reader that stops, with more in its outbox than the kernel takes. */
static struct peer *stopped_reader_make(struct daemon *daemon)
{
    static uint8_t text[4000];
    struct peer *reader = peer_connect_narrow(daemon, 4096);
    struct peer *speaker = peer_autojoin(daemon, "lobby");

    roomd_put_u16(text, sizeof(text) - 2);
    for (size_t i = 0; daemon_stat(daemon, "short_writes") == 0; i++) {
        assert_true(i < 1000);
        for (int j = 0; j < 10; j++) {
            peer_send_packet(speaker, ROOMD_C_CHAT, text, sizeof(text));
        }
    }
    for (int j = 0; j < 1000; j++) { /* more than the kernel may still find room for */
        peer_send_packet(speaker, ROOMD_C_CHAT, text, sizeof(text));
    }
    peer_close(speaker);
    daemon_expect_stat_equal(daemon, "sessions", 1);
    return reader;
}

static void the_end_has_a_bound(void **state)
{
    struct daemon *daemon = daemon_start(STOPPED_READER_CONFIG("700ms"));
    struct peer *reader = stopped_reader_make(daemon);
    uint64_t from_ns = wait_now_ns();

    (void)state;
    daemon_signal(daemon, SIGTERM);
    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 500, 4000);
    peer_close(reader);
    daemon_finish(daemon);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    struct daemon *daemon = daemon_start(STOPPED_READER_CONFIG("10m"));
    struct peer *reader = stopped_reader_make(daemon);

    (void)state;
    daemon_signal(daemon, SIGTERM);
    wait_sleep_ms(500);
    uint64_t from_ns = wait_now_ns();
    daemon_signal(daemon, SIGTERM);
    daemon_await_exit(daemon, 2000);
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 0, 1500);
    peer_close(reader);
    daemon_finish(daemon);
}

static bool room_is_listed(struct peer *client, const char *name)
{
    peer_send_packet(client, ROOMD_C_ROOMS, NULL, 0);
    struct packet packet = peer_await_packet(client, ROOMD_S_ROOMS);

    return memmem(packet.payload, packet.payload_bytes, name, strlen(name)) != NULL;
}

static unsigned tick_of(struct daemon *daemon)
{
    struct peer *client = peer_connect(daemon);

    peer_hello(client);
    unsigned tick_ms = peer_expect_joined(client, "lobby");
    peer_close(client);
    return tick_ms;
}

static void sighup_takes_a_good_file(void **state)
{
    struct daemon *daemon = daemon_start(config_slow_tick);
    struct peer *guest = peer_autojoin(daemon, "lobby");
    struct peer *other = peer_autojoin(daemon, "lobby");

    (void)state;
    assert_int_equal(tick_of(daemon), 10000);
    daemon_write_config(daemon, "[room lobby]\n"
                                "content = chat\n"
                                "autojoin = yes\n"
                                "tick = 20ms\n"
                                "suffix = yes\n"
                                "[room attic]\n"
                                "content = chat\n"
                                "tick = 30ms\n");
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload", NULL);
    assert_int_equal(tick_of(daemon), 20);
    assert_true(room_is_listed(guest, "attic"));
    uint64_t from_ns = wait_now_ns();
    peer_send_chat(guest, "hi");
    peer_expect_chat(other, 1, "hi I am 1");
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 0, 2000);
    peer_join(other, "attic");
    peer_send_chat(other, "up");
    peer_expect_chat(other, 2, "up");
    peer_close(guest);
    peer_close(other);
    daemon_stop(daemon);
}

/* Whatever is wrong in it, and however much is right: nothing changes, and the log says where and why. */
static void sighup_refuses_a_bad_file_whole(void **state)
{
    static const char *const bad[] = {
        "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 20ms\n[room attic]\ncontent = chat\nflavour = "
        "sweet\n",
        "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 20ms\n[room attic]\ncontent = nonesuch\n",
        "[server]\nsessions_max = 5\n[room lobby]\ncontent = chat\nautojoin = yes\ntick = 20ms\n[room "
        "attic]\n",
        "[room attic]\ncontent = chat\n",
        "[room lobby]\nautojoin = yes\ntick = 20ms\n[room attic]\ntick = 11s\n",
    };
    struct daemon *daemon = daemon_start(config_slow_tick);
    struct peer *guest = peer_autojoin(daemon, "lobby");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        daemon_write_config(daemon, bad[i]);
        daemon_signal(daemon, SIGHUP);
        daemon_expect_log_count(daemon, "level=error", NULL, i + 1, WAIT_LONG_MS);
        assert_false(room_is_listed(guest, "attic"));
        assert_true(room_is_listed(guest, "lobby"));
        assert_int_equal(tick_of(daemon), 10000);
    }
    assert_true(daemon_log_count(daemon, "level=error", "roomd.conf:7") > 0);
    assert_true(daemon_log_count(daemon, "level=error", "sessions_max") > 0);
    assert_int_equal(daemon_log_count(daemon, "level=error", NULL), sizeof(bad) / sizeof(bad[0]));
    daemon_write_config(daemon, "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 20ms\n");
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload", NULL);
    assert_int_equal(tick_of(daemon), 20);
    peer_close(guest);
    daemon_stop(daemon);
}

/* With a file that is gone, and without a file from the start. */
static void sighup_without_a_file_changes_nothing(void **state)
{
    struct daemon *daemon = daemon_start(NULL);
    struct peer *guest = peer_autojoin(daemon, "lobby");

    (void)state;
    daemon_signal(daemon, SIGHUP);
    peer_send_chat(guest, "still here");
    peer_expect_chat(guest, 1, "still here");
    peer_close(guest);
    daemon_stop(daemon);

    daemon = daemon_start(config_slow_tick);
    guest = peer_autojoin(daemon, "lobby");
    remove(daemon_config_path(daemon));
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "level=error", "roomd.conf");
    assert_int_equal(tick_of(daemon), 10000);
    peer_close(guest);
    daemon_stop(daemon);
}

static void sigusr1_tells_how_things_are(void **state)
{
    static const char *const fields[] = {
        "sessions",     "rooms",  "packets_in",  "deliveries",     "bytes_in",      "bytes_out",    "writev",
        "short_writes", "ticks",  "ticks_late",  "ticks_skipped",  "late_p99_us",   "late_max_us",  "jobs",
        "closes",       "chunks", "chunk_bytes", "callbacks_slow", "rooms_created", "rooms_retired"};
    struct daemon *daemon = daemon_start("[room lobby]\nautojoin = yes\ntick = 10ms\n[room attic]\n");
    struct peer *guest = peer_autojoin(daemon, "lobby");
    struct peer *other = peer_autojoin(daemon, "lobby");

    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        daemon_stat(daemon, fields[i]);
    }
    assert_true(daemon_stat_double(daemon, "cpu_s") >= 0);
    assert_true(daemon_log_count(daemon, "event=room_stats room=attic players=0 ", " streams=0 memory=") > 0);
    assert_int_equal(daemon_log_count(daemon, "event=counters ", NULL), 0); /* the chat counts nothing */
    assert_int_equal(daemon_stat(daemon, "sessions"), 2);
    assert_int_equal(daemon_stat(daemon, "rooms"), 2);
    assert_int_equal(daemon_stat(daemon, "packets_in"), 2);
    uint64_t deliveries = daemon_stat(daemon, "deliveries");
    uint64_t bytes_in = daemon_stat(daemon, "bytes_in");
    uint64_t bytes_out = daemon_stat(daemon, "bytes_out");
    uint64_t ticks = daemon_stat(daemon, "ticks");
    for (int i = 0; i < 10; i++) {
        peer_send_chat(guest, "word"); /* 14 bytes in, 18 out to each */
        peer_expect_chat(other, 1, "word");
        peer_expect_chat(guest, 1, "word");
    }
    assert_int_equal(daemon_stat(daemon, "packets_in"), 12);
    assert_int_equal(daemon_stat(daemon, "deliveries") - deliveries, 20);
    assert_int_equal(daemon_stat(daemon, "bytes_in") - bytes_in, 140);
    assert_int_equal(daemon_stat(daemon, "bytes_out") - bytes_out, 360);
    assert_true(daemon_stat(daemon, "ticks") > ticks);
    peer_close(guest);
    peer_close(other);
    daemon_expect_stat_equal(daemon, "closes", 2);
    assert_int_equal(daemon_stat(daemon, "close_peer_closed"), 2);
    daemon_stop(daemon);
}

/* Statistics come by themselves as well, as often as the file says. */
static void statistics_come_by_themselves(void **state)
{
    struct daemon *daemon = daemon_start("[server]\nstats = 1s\n[room lobby]\nautojoin = yes\n");

    (void)state;
    daemon_expect_log_count(daemon, "event=stats ", "sessions=0", 2, WAIT_LONG_MS);
    daemon_stop(daemon);
}

/* What was asked for is no chatter: it is said however little is logged. */
static void a_quiet_log_still_answers(void **state)
{
    struct daemon *daemon = daemon_start("[server]\nlog = warn\n[room lobby]\nautojoin = yes\n");

    (void)state;
    assert_int_equal(daemon_log_count(daemon, "event=listen ", "addr=127.0.0.1:"), 1);
    assert_int_equal(daemon_stat(daemon, "sessions"), 0);
    assert_int_equal(daemon_log_count(daemon, "event=stats ", NULL), 1);
    assert_int_equal(daemon_log_count(daemon, "event=room_open ", NULL), 0);
    assert_int_equal(daemon_log_count(daemon, "event=signal ", NULL), 0);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(sigterm_flushes_and_kicks),
        SYSTEM_TEST(sigint_is_the_same),
        SYSTEM_TEST(an_empty_server_ends_at_once),
        SYSTEM_TEST(nobody_new_is_let_in_while_it_ends),
        SYSTEM_TEST(the_end_has_a_bound),
        SYSTEM_TEST(a_second_signal_ends_it_at_once),
        SYSTEM_TEST(sighup_takes_a_good_file),
        SYSTEM_TEST(sighup_refuses_a_bad_file_whole),
        SYSTEM_TEST(sighup_without_a_file_changes_nothing),
        SYSTEM_TEST(sigusr1_tells_how_things_are),
        SYSTEM_TEST(statistics_come_by_themselves),
        SYSTEM_TEST(a_quiet_log_still_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

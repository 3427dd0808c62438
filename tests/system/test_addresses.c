/* Limits by address, bans and proxies, with the whole loopback network for addresses. */
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody is exempt; the rest of [server] and a room. */
#define CONFIG(more)                                                                                         \
    "[server]\n"                                                                                             \
    "exempt =\n" more "[room lobby]\n"                                                                       \
    "content = chat\n"                                                                                       \
    "autojoin = yes\n"                                                                                       \
    "tick = 20ms\n"

static const char bad_frame[] = "01 00 01 00";

static void peer_expect_served(struct peer *peer)
{
    peer_hello(peer);
    peer_expect_joined(peer, "lobby");
    peer_send_chat(peer, "here");
    peer_expect_chat(peer, peer->player, "here");
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void so_many_connections_from_one_address(void **state)
{
    struct daemon *daemon = daemon_start(CONFIG("conns_per_address = 3\n"));
    struct peer *peers[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        peers[i] = peer_connect_from("127.0.0.5:0", daemon);
        peer_expect_served(peers[i]);
        for (int j = 0; j < i; j++) {
            peer_expect_chat(peers[j], peers[i]->player, "here");
        }
    }
    struct peer *fourth = peer_connect_from("127.0.0.5:0", daemon);
    peer_expect_kick(fourth, ROOMD_CLOSE_TOO_MANY);
    peer_expect_silence(peers[0], 50); /* who was there first doesn't notice */
    peer_expect_served(peer_connect_from("127.0.0.6:0", daemon));
    peer_close(peers[2]);
    daemon_expect_stat_equal(daemon, "sessions", 3);
    peer_expect_served(peer_connect_from("127.0.0.5:0", daemon));
    assert_int_equal(daemon_stat(daemon, "refused_many"), 1);
    assert_int_equal(daemon_stat(daemon, "close_too_many"), 1);
    assert_int_equal(daemon_log_count(daemon, " event=abuse addr=127.0.0.5 reason=too_many", NULL), 1);
    peer_close_all();
    daemon_stop(daemon);
}

/* By the load tool: of 60 that come from one address only so many get in, from as many addresses all of them. */
static void so_many_connections_a_second_from_one_address(void **state)
{
    struct daemon *daemon =
        daemon_start(CONFIG("conns_per_address = 1000\nconnect_burst = 20\nconnect_rate = 1\n"
                            "grace = 0\n"));
    const char *argv[] = {DUMMY_CLIENT_BINARY,
                          "-n",
                          "60",
                          "-r",
                          "2",
                          "-d",
                          "1",
                          "--quiet",
                          "--source",
                          "127.0.1.0/24",
                          "--connect",
                          daemon_address(daemon),
                          NULL};
    struct process_result result;
    uint32_t welcome = 0;

    (void)state;
    process_run(&result, argv, 30000);
    if (result.exit_status != 0) {
        fail_msg("from many addresses: %s", result.err);
    }
    process_result_free(&result);
    assert_int_equal(daemon_stat(daemon, "refused_fast"), 0);
    daemon_expect_stat_equal(daemon, "sessions", 0);

    uint64_t begin_ns = wait_now_ns();

    for (int i = 0; i < 60; i++) {
        peer_connect_from("127.0.0.5:0", daemon);
    }
    daemon_expect_stat_equal(daemon, "opened", 120);
    uint64_t took_s = (wait_now_ns() - begin_ns) / 1000000000u + 1;
    welcome = (uint32_t)daemon_stat(daemon, "sessions");
    assert_in_range(welcome, 20, 20 + took_s);
    assert_int_equal(daemon_stat(daemon, "refused_fast"), 60 - welcome);
    peer_close_all();
    daemon_stop(daemon);
}

static void in_the_grace_all_may_come_back(void **state)
{
    struct daemon *daemon = daemon_start(CONFIG("connect_burst = 1\nconnect_rate = 1\n"));

    (void)state;
    for (int i = 0; i < 60; i++) {
        peer_connect_from("127.0.0.5:0", daemon);
    }
    daemon_expect_stat_equal(daemon, "sessions", 60);
    assert_int_equal(daemon_stat(daemon, "refused_fast"), 0);
    peer_close_all();
    daemon_stop(daemon);
}

static void nonsense_gets_the_address_turned_away(void **state)
{
    struct daemon *daemon = daemon_start(CONFIG("penalty_time = 1s\n"));
    struct peer *honest = peer_connect_from("127.0.0.5:0", daemon);

    (void)state;
    peer_expect_served(honest);
    for (int i = 0; i < 5; i++) {
        struct peer *peer = peer_connect_from("127.0.0.5:0", daemon);

        peer_send_hex(peer, bad_frame);
        peer_expect_kick(peer, ROOMD_CLOSE_FRAME_SIZE);
    }
    uint64_t from_ns = wait_now_ns();
    peer_expect_kick(peer_connect_from("127.0.0.5:0", daemon), ROOMD_CLOSE_BANNED);
    peer_expect_served(peer_connect_from("127.0.0.6:0", daemon));
    peer_expect_chat(honest, 7, "here"); /* the sixth was not let in, and has no number */
    daemon_signal(daemon, SIGUSR1);
    daemon_expect_log(daemon, " event=ban network=127.0.0.5 by=penalty left_s=", " kicks=5 ");
    daemon_expect_log(daemon, " event=bans by_hand=0 by_penalty=1 ", NULL);
    while (wait_now_ns() - from_ns < 1100000000u) {
        usleep(20000);
    }
    peer_expect_served(peer_connect_from("127.0.0.5:0", daemon));
    assert_int_equal(daemon_stat(daemon, "penalties"), 1);
    peer_close_all();
    daemon_stop(daemon);
}

/* The file's networks are kept out until a reload takes them off; a file that is wrong changes nothing. */
static void bans_by_hand_are_read_again(void **state)
{
    struct daemon_options options = {.config = CONFIG("")};
    struct daemon *daemon = daemon_start_with(&options);
    static const char config[] = CONFIG("ban_file = bans.txt\npenalty_time = 1h\npenalty_time_max = 1h\n");
    char path[512];

    (void)state;
    daemon_path(daemon, "bans.txt", path, sizeof(path));
    daemon_write_config(daemon, config);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload_refused", "ban_file = bans.txt: cannot be opened");
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: reading it would last for ever */
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload_refused", "cannot be opened: not a regular file", 1,
                            WAIT_LONG_MS);
    unlink(path);

    struct peer *there = peer_connect_from("127.0.0.5:0", daemon);

    peer_expect_served(there);
    write_file(path, "127.0.0.5\n127.0.1.0/24 2999-01-01\n127.0.0.6 2001-01-01\n");
    daemon_signal(daemon, SIGHUP);
    peer_expect_kick(there, ROOMD_CLOSE_BANNED); /* who is there goes, too */
    daemon_expect_log_count(daemon, "event=reload ", NULL, 1, WAIT_LONG_MS);
    peer_expect_kick(peer_connect_from("127.0.0.5:0", daemon), ROOMD_CLOSE_BANNED);
    peer_expect_kick(peer_connect_from("127.0.1.77:0", daemon), ROOMD_CLOSE_BANNED);
    peer_expect_served(peer_connect_from("127.0.0.6:0", daemon)); /* that ban is over */
    for (int i = 0; i < 5; i++) {
        struct peer *peer = peer_connect_from("127.0.0.7:0", daemon);

        peer_send_hex(peer, bad_frame);
        peer_expect_kick(peer, ROOMD_CLOSE_FRAME_SIZE);
    }
    write_file(path, "127.0.0.5 yesterday\n");
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload_refused", "bans.txt:1: neither");
    peer_expect_kick(peer_connect_from("127.0.0.5:0", daemon), ROOMD_CLOSE_BANNED);
    write_file(path, "127.0.0.6 # he again\n");
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload ", NULL, 2, WAIT_LONG_MS);
    peer_expect_served(peer_connect_from("127.0.0.5:0", daemon));
    peer_expect_kick(peer_connect_from("127.0.0.6:0", daemon), ROOMD_CLOSE_BANNED);
    peer_expect_kick(peer_connect_from("127.0.0.7:0", daemon), ROOMD_CLOSE_BANNED); /* kept over reloads */
    daemon_signal(daemon, SIGUSR1);
    daemon_expect_log(daemon, " event=ban network=127.0.0.6 by=hand left_s=ever", NULL);
    write_file(path, "127.0.0.7 lift\n");
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log_count(daemon, "event=reload ", NULL, 3, WAIT_LONG_MS);
    peer_expect_served(peer_connect_from("127.0.0.7:0", daemon));
    unlink(path);
    peer_close_all();
    daemon_stop(daemon);
}

static void a_ban_file_that_is_wrong_stops_the_start(void **state)
{
    char path[] = "/tmp/roomd-bans-XXXXXX";
    int fd = mkstemp(path);
    char config[512];
    char config_path[64];
    const char *argv[] = {ROOMD_BINARY, "-t", "-c", config_path, NULL};
    struct process_result result;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_file(path, "127.0.0.5\n10.0.0.1/8\n");
    snprintf(config_path, sizeof(config_path), "%s.conf", path);
    snprintf(config, sizeof(config), "[server]\nban_file = %s\n[room a]\n", path);
    write_file(config_path, config);
    process_run(&result, argv, WAIT_LONG_MS);
    assert_int_equal(result.exit_status, 1);
    assert_non_null(strstr(result.err, ":2: bits are set behind the network's own"));
    process_result_free(&result);
    write_file(path, "127.0.0.5\n10.0.0.0/8\n");
    process_run(&result, argv, WAIT_LONG_MS);
    assert_int_equal(result.exit_status, 0);
    process_result_free(&result);
    unlink(path);
    unlink(config_path);
}

static void send_v1(struct peer *peer, const char *host)
{
    char line[128];
    int bytes = snprintf(line, sizeof(line), "PROXY TCP4 %s 198.51.100.1 51234 7777\r\n", host);

    peer_send(peer, line, (size_t)bytes);
}

static void behind_a_proxy_the_named_address_counts(void **state)
{
    static const char v2_hex[] =
        "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 0c cb 00 71 09 7f 00 00 01 c8 22 1e 61";
    struct daemon *daemon =
        daemon_start(CONFIG("conns_per_address = 2\nproxy_from = 127.0.2.0/24\nlog = debug\n"));
    struct peer *peers[3];

    (void)state;
    for (int i = 0; i < 2; i++) {
        peers[i] = peer_connect_from("127.0.2.1:0", daemon);
        send_v1(peers[i], "203.0.113.9");
    }
    peer_expect_served(peers[0]);
    peer_expect_served(peers[1]);
    peers[2] = peer_connect_from("127.0.2.1:0", daemon);
    peer_send_hex(peers[2], v2_hex); /* the same address, by the other version */
    peer_expect_kick(peers[2], ROOMD_CLOSE_TOO_MANY);
    daemon_expect_log(daemon, " event=abuse addr=203.0.113.9 reason=too_many", NULL);
    daemon_expect_log(daemon, "event=close ", " peer=203.0.113.9:51234 ");
    peer_close(peers[0]);
    daemon_expect_stat_equal(daemon, "sessions", 1);
    peers[0] = peer_connect_from("127.0.2.1:0", daemon);
    peer_send_hex(peers[0], v2_hex);
    peer_expect_served(peers[0]);
    peer_close_all();
    daemon_stop(daemon);
}

static void who_is_no_proxy_may_not_speak_as_one(void **state)
{
    struct daemon *daemon =
        daemon_start(CONFIG("proxy_from = 127.0.2.0/24\nframe_timeout = 300ms\npenalty_points = 1000\n"));
    struct peer *peer = peer_connect_from("127.0.3.1:0", daemon);

    (void)state;
    send_v1(peer, "203.0.113.9");
    peer_expect_kick(peer, ROOMD_CLOSE_FRAME_SIZE);
    peer = peer_connect_from("127.0.3.1:0", daemon);
    peer_send_hex(peer, "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 20 00 00 00");
    peer_expect_kick(peer, ROOMD_CLOSE_FRAME_SIZE);
    peer = peer_connect_from("127.0.2.1:0", daemon); /* and a proxy must */
    peer_send_hex(peer, "0a 00 01 ff 01 00 00 00 00 00");
    peer_expect_kick(peer, ROOMD_CLOSE_PROXY);
    peer = peer_connect_from("127.0.2.1:0", daemon);
    peer_expect_kick(peer, ROOMD_CLOSE_PROXY); /* in time */
    assert_int_equal(daemon_log_count(daemon, " event=abuse addr=203.0.113.9 ", NULL), 0);
    assert_int_equal(daemon_log_count(daemon, " event=abuse addr=127.0.3.1 reason=frame_size", NULL), 1);
    peer_close_all();
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(so_many_connections_from_one_address),
        SYSTEM_TEST(so_many_connections_a_second_from_one_address),
        SYSTEM_TEST(in_the_grace_all_may_come_back),
        SYSTEM_TEST(nonsense_gets_the_address_turned_away),
        SYSTEM_TEST(bans_by_hand_are_read_again),
        SYSTEM_TEST(a_ban_file_that_is_wrong_stops_the_start),
        SYSTEM_TEST(behind_a_proxy_the_named_address_counts),
        SYSTEM_TEST(who_is_no_proxy_may_not_speak_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

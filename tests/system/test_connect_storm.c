/*
 * As many connections as one process can make, for seconds, beside a room where people play: they lose nothing, and when it
 * is over nothing is left of it, in descriptors, in sessions, or in the log.
 */
#include "support/system.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_IN_MS 1000000u

enum {
    STORM_MS = 3000,
    STORM_CONNECTS_MAX = 25000, /* an address has some 28,000 ports, and needs each for a minute */
    KEPT = 64,
    ABUSE_LINES_A_SECOND = 50,
    CONNECT_BURST = 4,
    CONNECT_RATE = 2,
    LIMITED_ADDRESSES = 100,
    SOURCES_MAX = 1000,
    SPOOFED = 20000,
    SPOOF_MS = 15000
};

static const char config_exempt[] = "[room lobby]\ntick = 20ms\n";

static const char config_limited[] = "[server]\n"
                                     "exempt =\n"
                                     "grace = 0\n"
                                     "conns_per_address = 4\n"
                                     "connect_burst = 4\n"
                                     "connect_rate = 2\n"
                                     "[room lobby]\n"
                                     "autojoin = yes\n"
                                     "tick = 20ms\n";

static const char config_proxied[] = "[server]\n"
                                     "proxy_from = 127.0.40.0/24\n"
                                     "sources_max = 1000\n"
                                     "[room lobby]\n"
                                     "tick = 20ms\n";

struct storm {
    struct daemon *daemon;
    struct bystanders bystanders;
    size_t fds;
    size_t connects; /* the players' not among them */
    struct peer *kept[KEPT];
    uint64_t from_ns;
};

/* `room`: where the players go; NULL: where everybody is put. */
static void storm_begin(struct storm *storm, const char *config, const char *room)
{
    *storm = (struct storm){.daemon = daemon_start(config)};
    bystanders_start(&storm->bystanders, storm->daemon, room);
    bystanders_run(&storm->bystanders, 100, 5);
    storm->fds = daemon_fd_count(storm->daemon);
    storm->from_ns = wait_now_ns();
}

/* Lines that the server wrote of its own accord. */
static size_t lines_unasked(const struct daemon *daemon)
{
    static const char *const asked[] = {"event=signal ", "event=stats ", "event=room_stats ",
                                        "event=bans ",   "event=ban ",   "event=source "};
    size_t lines = daemon_log_count(daemon, "ts=", NULL);

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        lines -= daemon_log_count(daemon, asked[i], NULL);
    }
    return lines;
}

/* A line a second of what was refused, and so many of whom: how many more there were is in one more. */
static void log_is_bounded(const struct storm *storm)
{
    size_t seconds = (size_t)((wait_now_ns() - storm->from_ns) / 1000 / NS_IN_MS) + 1;
    size_t abuses = daemon_log_count(storm->daemon, "event=abuse ", NULL);
    size_t refusals = daemon_log_count(storm->daemon, "event=refuse ", NULL);

    assert_in_range(abuses, 0, seconds * ABUSE_LINES_A_SECOND);
    assert_in_range(refusals, 0, seconds);
    assert_in_range(lines_unasked(storm->daemon), 0, abuses + refusals + seconds + 10);
}

/* Everybody has gone but the players. */
static void storm_end(struct storm *storm)
{
    struct daemon *daemon = storm->daemon;

    for (size_t i = 0; i < KEPT; i++) {
        if (storm->kept[i] != NULL) {
            peer_close(storm->kept[i]);
        }
    }
    daemon_expect_stat_equal(daemon, "sessions", 2);
    daemon_expect_fd_most(daemon, storm->fds);
    assert_int_equal(daemon_stat(daemon, "opened"), 2 + storm->connects);
    assert_int_equal(daemon_stat(daemon, "closes"), storm->connects);
    log_is_bounded(storm);
    bystanders_finish(&storm->bystanders);
    assert_in_range(storm->bystanders.worst_ns / NS_IN_MS, 0, 2000);
    daemon_stop(daemon);
}

/* One who comes, and goes in one of many ways; some stay for a while. */
static void storm_connect(struct storm *storm, const char *source)
{
    struct peer *peer = peer_connect_from(source, storm->daemon);
    size_t i = storm->connects++;
    uint8_t bytes[64];
    size_t size = packet_put_hello(bytes, ROOMD_WIRE_VERSION);

    switch (i % 8) {
    case 0:
        peer_close(peer);
        break;
    case 1:
        (void)peer_try_send(peer, bytes, size / 2);
        peer_abort(peer);
        break;
    case 2:
        size += packet_put_join(bytes + size, "lobby");
        (void)peer_try_send(peer, bytes, size);
        peer_abort(peer);
        break;
    case 3:
        size += packet_put_join(bytes + size, "lobby");
        (void)peer_try_send(peer, bytes, size);
        struct peer **kept = &storm->kept[i / 8 % KEPT];
        if (*kept != NULL) {
            peer_close(*kept);
        }
        *kept = peer;
        break;
    default:
        peer_abort(peer);
        break;
    }
    if (i % 16 == 0) {
        bystanders_step(&storm->bystanders);
    }
}

/* From so many addresses of 127.0.32.0/24, in turn; `newcomer` now and then. */
static void storm_rage(struct storm *storm, size_t addresses, void (*newcomer)(struct storm *storm))
{
    uint64_t deadline_ns = wait_deadline_ns(STORM_MS);

    for (size_t i = 0; i < STORM_CONNECTS_MAX && wait_left_ms(deadline_ns) > 0; i++) {
        char source[32];

        snprintf(source, sizeof(source), "127.0.32.%zu:0", 1 + i % addresses);
        storm_connect(storm, source);
        if (newcomer != NULL && i % 1000 == 999) {
            newcomer(storm);
        }
    }
}

static void thousands_who_come_and_go_at_once(void **state)
{
    struct storm storm;

    (void)state;
    storm_begin(&storm, config_exempt, "lobby");
    storm_rage(&storm, 4, NULL);
    storm_end(&storm);
}

/* From an address of its own. */
static void newcomer_is_served(struct storm *storm)
{
    char source[32];

    snprintf(source, sizeof(source), "127.0.33.%zu:0", 1 + storm->connects / 1000);
    struct peer *peer = peer_connect_from(source, storm->daemon);
    storm->connects++;
    peer_hello(peer);
    peer_await_packet(peer, ROOMD_S_JOINED);
    peer_close(peer);
}

/*
 * A connection that is reset before it is accepted comes from no address any more that can be asked for: that is no way in,
 * either.
 */
static void addresses_that_storm_are_held_to_their_limits(void **state)
{
    struct storm storm;

    (void)state;
    storm_begin(&storm, config_limited, NULL);
    storm_rage(&storm, LIMITED_ADDRESSES, newcomer_is_served);
    daemon_expect_stat_equal(storm.daemon, "opened", 2 + storm.connects);

    uint64_t seconds = (wait_now_ns() - storm.from_ns) / 1000 / NS_IN_MS + 1;
    uint64_t newcomers = storm.connects / 1000 + 1;

    assert_in_range(daemon_stat(storm.daemon, "enters"), 2,
                    2 + newcomers + LIMITED_ADDRESSES * (CONNECT_BURST + seconds * CONNECT_RATE));
    storm_end(&storm);
}

/* Version 2, of a client at 10.x.y.z. */
static size_t proxy_put(uint8_t *out, uint32_t client)
{
    static const char hex[] = "0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 0c 0a 00 00 00 7f 00 00 01 c8 "
                              "22 1e 61";
    size_t bytes = hex_parse(out, 64, hex);

    out[17] = (uint8_t)(client >> 16);
    out[18] = (uint8_t)(client >> 8);
    out[19] = (uint8_t)client;
    return bytes;
}

static void sources_are_bounded(struct daemon *daemon)
{
    char *line = daemon_stats_ask(daemon);

    assert_in_range(stats_field(line, "sources"), 0, SOURCES_MAX + stats_field(line, "sessions"));
    free(line);
}

/* Whoever may speak for others may name as many as it likes. */
static void a_proxy_that_names_thousands_fills_no_table(void **state)
{
    struct storm storm;
    uint32_t named = 0;

    (void)state;
    storm_begin(&storm, config_proxied, "lobby");
    for (uint64_t deadline_ns = wait_deadline_ns(SPOOF_MS); named < SPOOFED && wait_left_ms(deadline_ns) > 0;
         named++) {
        char source[32];
        uint8_t bytes[128];
        size_t size = proxy_put(bytes, named);

        snprintf(source, sizeof(source), "127.0.40.%u:0", 1 + named % 20);
        struct peer *peer = peer_connect_from(source, storm.daemon);
        storm.connects++;
        peer_send(peer, bytes, size);
        if (named % 1000 == 999) { /* it is let in as itself */
            peer_hello(peer);
            sources_are_bounded(storm.daemon);
        }
        peer_close(peer);
        if (named % 16 == 0) {
            bystanders_step(&storm.bystanders);
        }
    }
    daemon_expect_stat_equal(storm.daemon, "sessions", 2);
    assert_int_equal(daemon_stat(storm.daemon, "sources"), named < SOURCES_MAX ? named : SOURCES_MAX);
    assert_int_equal(daemon_stat(storm.daemon, "sources_forgotten"),
                     named < SOURCES_MAX ? 0 : named - SOURCES_MAX);
    storm_end(&storm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(thousands_who_come_and_go_at_once),
        SYSTEM_TEST(addresses_that_storm_are_held_to_their_limits),
        SYSTEM_TEST(a_proxy_that_names_thousands_fills_no_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

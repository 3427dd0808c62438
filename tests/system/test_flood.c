/*
 * One client that sends as fast as its socket takes it, beside 31 who talk to each other: it is warned and kicked, and
 * they lose nothing. And one that sends what nobody can read.
 */
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    HONEST = 31,
    WORDS = 30,
    ROUND_MS = 20,
    PACKET_BURST = 400, /* the defaults */
    PACKET_RATE = 200,
    FLOOD_MAX = 200,
    KICK_MS_MAX = 3000 /* most of it is for a machine with other things to do */
};

static const char config[] = "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 20ms\n";

struct honest {
    struct peer *peer;
    uint32_t seen[HONEST]; /* words of each, which come in order */
    uint64_t foreign;      /* of others */
};

struct crowd {
    struct honest each[HONEST];
    uint32_t said;
};

static void crowd_connect(struct crowd *crowd, struct daemon *daemon)
{
    memset(crowd, 0, sizeof(*crowd));
    for (uint32_t i = 0; i < HONEST; i++) {
        crowd->each[i].peer = peer_autojoin(daemon, "lobby");
        assert_int_equal(crowd->each[i].peer->player, i + 1);
    }
}

static void honest_read(struct honest *honest)
{
    struct packet packet;

    while (peer_next_packet(honest->peer, &packet, 0)) {
        char text[32];
        char wanted[32];
        uint32_t player = 0;

        assert_true(chat_read(&packet, &player, text, sizeof(text)));
        if (player > HONEST) {
            honest->foreign++;
            continue;
        }
        snprintf(wanted, sizeof(wanted), "word %u.%u", player, honest->seen[player - 1]++);
        assert_string_equal(text, wanted);
    }
    assert_false(honest->peer->is_closed);
}

/* Each says a word, and hears what there is to hear. */
static void crowd_talk(struct crowd *crowd)
{
    for (uint32_t i = 0; i < HONEST; i++) {
        char text[32];

        snprintf(text, sizeof(text), "word %u.%u", i + 1, crowd->said);
        peer_send_chat(crowd->each[i].peer, text);
    }
    crowd->said++;
    for (uint32_t i = 0; i < HONEST; i++) {
        honest_read(&crowd->each[i]);
    }
    wait_sleep_ms(ROUND_MS);
}

static bool honest_has_all(const struct honest *honest, uint32_t said)
{
    for (uint32_t i = 0; i < HONEST; i++) {
        if (honest->seen[i] < said) {
            return false;
        }
    }
    return true;
}

/* All that was said has come, to everyone. */
static void crowd_finish(struct crowd *crowd)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    for (uint32_t i = 0; i < HONEST; i++) {
        while (!honest_has_all(&crowd->each[i], crowd->said)) {
            honest_read(&crowd->each[i]);
            assert_true(wait_left_ms(deadline_ns) > 0);
        }
        assert_int_equal(crowd->each[i].foreign, crowd->each[0].foreign);
        peer_close(crowd->each[i].peer);
    }
}

/* Sends until the server has had enough; returns how long that took. */
static uint64_t flood(struct peer *peer, const uint8_t *bytes, size_t size)
{
    uint64_t from_ns = wait_now_ns();

    while (!peer->is_closed && peer_try_send(peer, bytes, size)) {
        assert_true(wait_now_ns() - from_ns < 1000000ull * WAIT_LONG_MS);
        peer_read(peer, 0);
    }
    while (peer_read(peer, wait_deadline_ns(WAIT_LONG_MS)) > 0) {
    }
    assert_true(peer->is_closed);
    return wait_now_ns() - from_ns;
}

/* What it has been told, what it has heard of itself and of others passing: S_ERROR if it may be told, then S_KICK. */
static void expect_flood_kick(struct peer *peer, bool is_warned, const char *text)
{
    struct packet packet;
    bool was_warned = false;

    while (peer_take_packet(peer, &packet) && packet.id != ROOMD_S_KICK) {
        if (packet.id == ROOMD_S_ERROR) {
            assert_false(was_warned);
            assert_int_equal(roomd_get_u16(packet.payload), ROOMD_ERROR_TOO_FAST);
            was_warned = true;
        }
    }
    assert_int_equal(was_warned, is_warned);
    assert_int_equal(packet.id, ROOMD_S_KICK);
    assert_int_equal(roomd_get_u16(packet.payload), ROOMD_CLOSE_FLOOD);
    assert_int_equal(roomd_get_u16(packet.payload + 2), strlen(text));
    assert_memory_equal(packet.payload + 4, text, strlen(text));
}

/* The honest talk before it, meanwhile as far as one test process can, and after it. */
static void one_floods(bool has_hello)
{
    static uint8_t bytes[64 * 1024];
    struct daemon *daemon = daemon_start(config);
    struct crowd crowd;
    struct peer *flooder;
    size_t size = 0;
    uint64_t took_ns;

    while (size + 16 < sizeof(bytes)) {
        size += packet_put_chat(bytes + size, "x");
    }
    crowd_connect(&crowd, daemon);
    for (int i = 0; i < WORDS / 2; i++) {
        crowd_talk(&crowd);
    }
    flooder = has_hello ? peer_autojoin(daemon, "lobby") : peer_connect(daemon);
    took_ns = flood(flooder, bytes, size);
    expect_flood_kick(flooder, has_hello, "flood: more than 200 packets a second");
    assert_in_range(took_ns / 1000000u, 0, KICK_MS_MAX);
    for (int i = 0; i < WORDS / 2; i++) {
        crowd_talk(&crowd);
    }
    peer_close(flooder);
    crowd_finish(&crowd);
    /* What has passed: the burst, of which C_HELLO is one, and the rate for as long as it took. */
    assert_in_range(crowd.each[0].foreign, PACKET_BURST - has_hello,
                    PACKET_BURST + PACKET_RATE * took_ns / 1000000000u + 1);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    assert_int_equal(daemon_stat(daemon, "close_flood"), 1);
    assert_int_equal(daemon_stat(daemon, "packets_flooded"), FLOOD_MAX);
    assert_int_equal(daemon_stat(daemon, "bytes_flooded"), FLOOD_MAX * 8);
    assert_int_equal(daemon_stat(daemon, "flood_warnings"), has_hello);
    assert_int_equal(daemon_stat(daemon, "strikes"), 0);
    assert_int_equal(daemon_stat(daemon, "packets_in"),
                     HONEST * (1 + WORDS) + has_hello + crowd.each[0].foreign);
    daemon_stop(daemon);
}

static void a_flood_costs_the_others_nothing(void **state)
{
    (void)state;
    one_floods(true);
}

static void a_flood_of_one_that_says_no_hello(void **state)
{
    (void)state;
    one_floods(false);
}

/* Few packets, but long ones. */
static void a_flood_of_bytes(void **state)
{
    static uint8_t bytes[64 * 1024];
    struct daemon *daemon = daemon_start(config);
    struct peer *flooder = peer_autojoin(daemon, "lobby");
    static uint8_t text[4092];
    size_t size = 0;

    (void)state;
    roomd_put_u16(text, sizeof(text) - 2);
    while (size + 4096 <= sizeof(bytes)) {
        size += packet_put(bytes + size, ROOMD_C_CHAT, text, sizeof(text));
    }
    flood(flooder, bytes, size);
    expect_flood_kick(flooder, true, "flood: more than 65536 bytes a second");
    peer_close(flooder);
    assert_int_equal(daemon_stat(daemon, "packets_flooded"), FLOOD_MAX);
    assert_int_equal(daemon_stat(daemon, "bytes_flooded"), FLOOD_MAX * 4096);
    daemon_stop(daemon);
}

/* A room may be tighter than the server, and a reload may make it so. */
static void a_room_may_be_tighter(void **state)
{
    static const char tight[] =
        "[server]\nflood_max = 10\n"
        "[room lobby]\nautojoin = yes\ntick = 20ms\npacket_rate = 1\npacket_burst = 20\n";
    static const uint8_t word[] = {8, 0, 1, 0, 2, 0, 'x', 0};
    struct daemon *daemon = daemon_start(config);
    struct peer *peer = peer_autojoin(daemon, "lobby");

    (void)state;
    for (int i = 0; i < 100; i++) {
        peer_send_chat(peer, "x");
        peer_expect_chat(peer, peer->player, "x");
    }
    daemon_write_config(daemon, tight);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload", NULL);
    for (int i = 0; i < 100 && peer_try_send(peer, word, sizeof(word)); i++) {
    }
    while (peer_read(peer, wait_deadline_ns(WAIT_LONG_MS)) > 0) {
    }
    expect_flood_kick(peer, true, "flood: more than 1 packets a second");
    peer_close(peer);
    daemon_stop(daemon);
}

/* Three bad packets, and a second C_HELLO; what is good among them is heard. The fifth is one too many. */
static void nonsense_is_borne_a_while(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *peer = peer_autojoin(daemon, "lobby");
    struct peer *other = peer_autojoin(daemon, "lobby");

    (void)state;
    peer_send_hex(peer, "05 00 02 ff 05");    /* C_JOIN: half a length */
    peer_send_hex(peer, "06 00 01 00 02 00"); /* C_Chat without its text */
    peer_send_hex(peer, "05 00 03 ff 00");    /* C_LEAVE with a payload */
    for (int i = 0; i < 3; i++) {
        peer_expect_error(peer, ROOMD_ERROR_MALFORMED);
    }
    peer_send_hello(peer, ROOMD_WIRE_VERSION);
    peer_expect_error(peer, ROOMD_ERROR_NOT_NOW);
    peer_send_chat(peer, "sorry");
    peer_expect_chat(peer, peer->player, "sorry");
    peer_expect_chat(other, peer->player, "sorry");
    peer_send_hex(peer, "05 00 02 ff 05");
    peer_expect_kick(peer, ROOMD_CLOSE_MALFORMED);
    peer_close(peer);
    daemon_expect_stat_equal(daemon, "sessions", 1);
    assert_int_equal(daemon_stat(daemon, "strikes"), 5);
    assert_int_equal(daemon_stat(daemon, "close_malformed"), 1);
    peer_expect_silence(other, 50);
    peer_close(other);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_flood_costs_the_others_nothing),
        SYSTEM_TEST(a_flood_of_one_that_says_no_hello),
        SYSTEM_TEST(a_flood_of_bytes),
        SYSTEM_TEST(a_room_may_be_tighter),
        SYSTEM_TEST(nonsense_is_borne_a_while),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

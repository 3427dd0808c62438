/*
 * The bytes that clients of the older lineage send and expect, over bare sockets: an autojoin room with the
 * suffix on, the usual tick, and no C_HELLO.
 */
#include "support/system.h"

#include <poll.h>
#include <sys/socket.h>

#define SERVER                                                                                               \
    "20 00 01 00 1a 00 48 00 65 00 6c 00 6c 00 6f 00 20 00 53 00 65 00 72 00 76 00 65 00 72 00 21 00"
#define SERVER_OF_2                                                                                          \
    "32 00 02 00 02 00 00 00 28 00 48 00 65 00 6c 00 6c 00 6f 00 20 00 53 00 65 00 72 00 76 00 65 00 72 00 " \
    "21 00 20 00 49 00 20 00 61 00 6d 00 20 00 32 00"
#define HANGUL      "0a 00 01 00 04 00 48 c5 55 b1"
#define HANGUL_OF_1 "1c 00 02 00 01 00 00 00 12 00 48 c5 55 b1 20 00 49 00 20 00 61 00 6d 00 20 00 31 00"
#define EMPTY       "06 00 01 00 00 00"
#define EMPTY_OF_1  "18 00 02 00 01 00 00 00 0e 00 20 00 49 00 20 00 61 00 6d 00 20 00 31 00"

static const char config[] = "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "suffix = yes\n"
                             "tick = 250ms\n";

/* Two players who are in the room, ids 1 and 2 in the order of connecting. */
static struct daemon *start(const char *config_text, struct peer *players[2])
{
    struct daemon *daemon = daemon_start(config_text);

    for (unsigned i = 0; i < 2; i++) {
        players[i] = peer_connect(daemon);
        daemon_expect_stat_equal(daemon, "sessions", i + 1);
    }
    return daemon;
}

static void chat_is_byte_for_byte(void **state)
{
    struct peer *players[2];
    struct daemon *daemon = start(config, players);

    (void)state;
    peer_send_hex(players[1], SERVER);
    both_expect_hex(players, SERVER_OF_2);
    peer_send_hex(players[0], HANGUL);
    both_expect_hex(players, HANGUL_OF_1);
    peer_send_hex(players[0], EMPTY);
    both_expect_hex(players, EMPTY_OF_1);
    peer_expect_silence(players[0], 600);
    peer_expect_silence(players[1], 1);
    both_close(daemon, players);
}

static void without_suffix_the_text_goes_out_as_it_came(void **state)
{
    struct peer *players[2];
    struct daemon *daemon = start(NULL, players);

    (void)state;
    peer_send_hex(players[1], HANGUL);
    both_expect_hex(players, "0e 00 02 00 02 00 00 00 04 00 48 c5 55 b1");
    peer_send_hex(players[0], EMPTY);
    both_expect_hex(players, "0a 00 02 00 01 00 00 00 00 00");
    both_close(daemon, players);
}

/* What one read of the socket yields. */
static void one_segment_expect(struct peer *client, const char *hex)
{
    uint8_t wanted[256];
    uint8_t came[512];
    size_t size = hex_parse(wanted, sizeof(wanted), hex);

    assert_true(wait_fd(client->fd, POLLIN, wait_deadline_ns(WAIT_LONG_MS)) != 0);
    ssize_t n = recv(client->fd, came, sizeof(came), MSG_DONTWAIT);
    assert_int_equal(n, size);
    assert_memory_equal(came, wanted, size);
}

/* What comes within one tick leaves in one write for each player, in the order of arrival at the room. */
static void a_tick_is_one_segment(void **state)
{
    struct peer *players[2];
    struct daemon *daemon = start(config, players);

    (void)state;
    /* Just after a flush, so that both packets fall into the next one. */
    peer_send_hex(players[0], EMPTY);
    both_expect_hex(players, EMPTY_OF_1);
    uint64_t writev_before = daemon_stat(daemon, "writev");
    peer_send_hex(players[1], SERVER);
    wait_sleep_ms(40);
    peer_send_hex(players[0], HANGUL);
    one_segment_expect(players[0], SERVER_OF_2 HANGUL_OF_1);
    one_segment_expect(players[1], SERVER_OF_2 HANGUL_OF_1);
    assert_int_equal(daemon_stat(daemon, "writev") - writev_before, 2);
    both_close(daemon, players);
}

/* The tick gates: from one flush to the next a quarter of a second passes. */
static void the_tick_is_250_ms(void **state)
{
    struct peer *players[2];
    struct daemon *daemon = start(config, players);

    (void)state;
    peer_send_hex(players[0], EMPTY);
    both_expect_hex(players, EMPTY_OF_1);
    uint64_t from_ns = wait_now_ns();
    for (int i = 0; i < 4; i++) {
        peer_send_hex(players[0], EMPTY);
        both_expect_hex(players, EMPTY_OF_1);
    }
    uint64_t took_ms = (wait_now_ns() - from_ns) / 1000000u;
    assert_in_range(took_ms, 900, 2000);
    both_close(daemon, players);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(chat_is_byte_for_byte),
        SYSTEM_TEST(without_suffix_the_text_goes_out_as_it_came),
        SYSTEM_TEST(a_tick_is_one_segment),
        SYSTEM_TEST(the_tick_is_250_ms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

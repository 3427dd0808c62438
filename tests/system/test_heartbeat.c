/* Who has said C_HELLO and falls silent is asked whether it is there; others, whom nobody can ask, are left alone. */
#include "support/system.h"

#include <stdio.h>

/* An answer has time enough on a machine with other things to do; quiet is quickly found. */
static const char config[] = "[server]\n"
                             "ping_after = 100ms\n"
                             "pong_timeout = 2s\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 20ms\n";

/* Answers what it is asked; returns how often. */
static uint32_t answer(struct peer *peer)
{
    struct packet packet;
    uint32_t asked = 0;

    while (peer_next_packet(peer, &packet, 0)) {
        if (packet.id == ROOMD_S_PING) {
            uint8_t token[8];

            assert_int_equal(packet.payload_bytes, sizeof(token));
            roomd_put_u64(token, roomd_get_u64(packet.payload));
            peer_send_packet(peer, ROOMD_C_PONG, token, sizeof(token));
            asked++;
        }
    }
    assert_false(peer->is_closed);
    return asked;
}

static void quiet_ones_stay_and_mute_ones_go(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *quiet = peer_autojoin(daemon, "lobby");
    struct peer *mute = peer_autojoin(daemon, "lobby");
    struct peer *old = peer_connect(daemon); /* never says C_HELLO */
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    uint64_t from_ns = wait_now_ns();
    uint32_t asked = 0;
    struct packet packet;

    (void)state;
    while (!mute->is_closed) {
        asked += answer(quiet);
        peer_read(mute, wait_deadline_ns(10));
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    assert_true(wait_now_ns() - from_ns >= 2000000000u); /* it had its time */
    /* It was asked once, and then told. */
    assert_true(peer_take_packet(mute, &packet));
    assert_int_equal(packet.id, ROOMD_S_PING);
    peer_expect_kick(mute, ROOMD_CLOSE_TIMEOUT);
    daemon_expect_stat_equal(daemon, "sessions", 2);
    assert_int_equal(daemon_stat(daemon, "close_timeout"), 1);
    assert_true(asked > 1);
    asked += answer(quiet);
    assert_true(daemon_stat(daemon, "pings") >= asked + 1);
    peer_send_chat(old, "I was here all the time");
    peer_expect_chat(old, old->player, "I was here all the time");
    peer_close(quiet);
    peer_close(mute);
    peer_close(old);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(quiet_ones_stay_and_mute_ones_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

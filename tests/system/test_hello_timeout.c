/* Clients that connect and never come to the point, beside one that does. */
#include "support/system.h"

#include <stdio.h>

enum { DRIBBLERS = 200, HELLO_MS = 1000 };

static const char config[] = "[server]\n"
                             "hello_timeout = 1s\n"
                             "frame_timeout = 1m\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "tick = 20ms\n";

static struct peer *dribblers[DRIBBLERS];

/* A third of them nothing at all, a third a long frame, a third short packets that nobody wants; byte by byte. */
static void dribble(struct peer *peer, size_t kind, size_t at)
{
    static const uint8_t long_frame[] = {0, 16, 1, 0xff};
    static const uint8_t short_frame[] = {5, 0, 1, 0, 'x'};

    if (kind == 1) {
        peer_try_send(peer, at < sizeof(long_frame) ? &long_frame[at] : (const uint8_t *)"x", 1);
    } else if (kind == 2) {
        peer_try_send(peer, &short_frame[at % sizeof(short_frame)], 1);
    }
}

static void dribblers_are_out_in_time(void **state)
{
    struct daemon *daemon = daemon_start(config);
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    uint64_t from_ns = wait_now_ns();
    size_t open = DRIBBLERS;

    (void)state;
    for (size_t i = 0; i < DRIBBLERS; i++) {
        dribblers[i] = peer_connect(daemon);
    }
    struct peer *guest = peer_connect(daemon);
    peer_hello(guest);
    peer_join(guest, "lobby");
    for (size_t at = 0; open > 0; at++) {
        open = 0;
        for (size_t i = 0; i < DRIBBLERS; i++) {
            if (!dribblers[i]->is_closed) {
                dribble(dribblers[i], i % 3, at);
                open += peer_read(dribblers[i], 0) != 0;
            }
            /* Nobody goes before its time is over, which began when it was accepted. */
            assert_true(!dribblers[i]->is_closed || wait_now_ns() - from_ns >= HELLO_MS * 1000000u);
        }
        peer_send_chat(guest, "hello");
        peer_expect_chat(guest, guest->player, "hello");
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    for (size_t i = 0; i < DRIBBLERS; i++) {
        peer_expect_kick(dribblers[i], ROOMD_CLOSE_HELLO_TIMEOUT);
        peer_close(dribblers[i]);
    }
    daemon_expect_stat_equal(daemon, "sessions", 1);
    assert_int_equal(daemon_stat(daemon, "close_hello_timeout"), DRIBBLERS);
    peer_close(guest);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(dribblers_are_out_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

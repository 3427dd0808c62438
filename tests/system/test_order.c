/* What each player sees, and when: coming, going, pipelining, splitting, and the three ways in which a room
 * flushes. */
#include "support/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void late_joiner_sees_nothing_from_before_and_all_after(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 400ms\n");
    struct peer *host = peer_enter(daemon, "hall");

    (void)state;
    /* Just after a flush, so that "before" is pending in the room while the other one enters. */
    peer_send_chat(host, "sync");
    peer_expect_chat(host, 1, "sync");
    uint64_t packets = daemon_stat(daemon, "packets_in");
    peer_send_chat(host, "before");
    daemon_expect_stat_equal(daemon, "packets_in", packets + 1);
    struct peer *late = peer_enter(daemon, "hall");
    peer_send_chat(host, "after");
    daemon_expect_stat_equal(daemon, "packets_in", packets + 4);
    peer_send_chat(late, "mine");
    peer_expect_chat(host, 1, "before");
    peer_expect_chat(late, 1, "after");
    peer_expect_chat(late, 2, "mine");
    peer_expect_chat(host, 1, "after");
    peer_expect_chat(host, 2, "mine");
    peer_close(host);
    peer_close(late);
    daemon_stop(daemon);
}

static void last_words_arrive(void **state)
{
    struct daemon *daemon =
        daemon_start("[server]\nlog = debug\n[room hall]\ncontent = chat\ntick = 200ms\n");
    struct peer *stayer = peer_enter(daemon, "hall");
    uint8_t bytes[256];

    (void)state;
    /* By C_LEAVE: the leaver sees its own words too, before S_LEFT. */
    struct peer *leaver = peer_enter(daemon, "hall");
    size_t n = packet_put_chat(bytes, "farewell");
    n += packet_put(bytes + n, ROOMD_C_LEAVE, NULL, 0);
    peer_send(leaver, bytes, n);
    peer_expect_chat(leaver, 2, "farewell");
    peer_expect_left(leaver, ROOMD_LEAVE_ASKED);
    peer_expect_chat(stayer, 2, "farewell");
    peer_close(leaver);

    /* By closing the connection. */
    struct peer *closer = peer_enter(daemon, "hall");
    peer_send_chat(closer, "and I");
    peer_close(closer);
    peer_expect_chat(stayer, 3, "and I");

    /* By ending the sending direction after the last frame. */
    struct peer *half = peer_enter(daemon, "hall");
    peer_send_chat(half, "and me");
    peer_shutdown(half);
    peer_expect_chat(stayer, 4, "and me");
    peer_await_closed(half);
    peer_close(half);
    daemon_expect_stat_equal(daemon, "closes", 3); /* who closes with something unread is a reset */
    peer_close(stayer);
    daemon_stop(daemon);
}

static void moving_takes_nothing_along(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 100ms\n"
                                         "[room yard]\ncontent = chat\ntick = 100ms\n");
    struct peer *mover = peer_enter(daemon, "hall");
    struct peer *hall = peer_enter(daemon, "hall");
    struct peer *yard = peer_enter(daemon, "yard");
    uint8_t bytes[512];

    (void)state;
    size_t n = packet_put_chat(bytes, "from the hall");
    n += packet_put_join(bytes + n, "yard");
    n += packet_put_chat(bytes + n, "from the yard");
    peer_send(mover, bytes, n);
    peer_expect_chat(hall, 1, "from the hall");
    peer_expect_chat(yard, 1, "from the yard");
    peer_expect_chat(mover, 1, "from the hall");
    peer_expect_left(mover, ROOMD_LEAVE_MOVED);
    peer_expect_joined(mover, "yard");
    peer_expect_chat(mover, 1, "from the yard");
    peer_expect_silence(hall, 250);
    peer_expect_silence(yard, 1);
    peer_close(mover);
    peer_close(hall);
    peer_close(yard);
    daemon_stop(daemon);
}

static void hello_join_and_chat_in_one_write(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 10ms\n");
    struct peer *client = peer_connect(daemon);
    uint8_t bytes[512];

    (void)state;
    size_t n = packet_put_hello(bytes, 1);
    n += packet_put_join(bytes + n, "hall");
    n += packet_put_chat(bytes + n, "one");
    n += packet_put_chat(bytes + n, "two");
    peer_send(client, bytes, n);
    peer_expect_packet(client, ROOMD_S_WELCOME);
    peer_expect_packet(client, ROOMD_S_JOINED);
    peer_expect_chat(client, 1, "one");
    peer_expect_chat(client, 1, "two");
    peer_close(client);
    daemon_stop(daemon);
}

static void a_stream_split_anywhere_reads_the_same(void **state)
{
    struct daemon *daemon = daemon_start("[room lobby]\ncontent = chat\nautojoin = yes\ntick = 0\n");
    uint8_t bytes[128];

    (void)state;
    size_t n = packet_put_hello(bytes, 1);
    n += packet_put_chat(bytes + n, "abc");
    n += packet_put_chat(bytes + n, "");
    n += packet_put_chat(bytes + n, "d");
    for (size_t split = 1; split <= n; split++) {
        struct peer *client = peer_connect(daemon);

        peer_send(client, bytes, split);
        wait_sleep_ms(2);
        peer_send(client, bytes + split, n - split);
        peer_expect_packet(client, ROOMD_S_WELCOME);
        peer_expect_packet(client, ROOMD_S_JOINED);
        peer_expect_chat(client, 0, "abc");
        peer_expect_chat(client, 0, "");
        peer_expect_chat(client, 0, "d");
        peer_close(client);
        daemon_expect_stat_equal(daemon, "sessions", 0);
    }
    struct peer *client = peer_connect(daemon);
    for (size_t i = 0; i < n; i++) {
        peer_send(client, bytes + i, 1);
        wait_sleep_ms(1);
    }
    peer_expect_packet(client, ROOMD_S_WELCOME);
    peer_expect_packet(client, ROOMD_S_JOINED);
    peer_expect_chat(client, 0, "abc");
    peer_close(client);
    daemon_stop(daemon);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void tick_0_answers_at_the_end_of_the_turn(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 0\n");
    struct peer *speaker = peer_enter(daemon, "hall");
    struct peer *listener = peer_enter(daemon, "hall");
    uint64_t took_ns[21];

    (void)state;
    for (size_t i = 0; i < 21; i++) {
        uint64_t from_ns = wait_now_ns();

        peer_send_chat(speaker, "now");
        peer_expect_chat(listener, 1, "now");
        took_ns[i] = wait_now_ns() - from_ns;
        peer_expect_chat(speaker, 1, "now");
    }
    qsort(took_ns, 21, sizeof(took_ns[0]), compare_u64);
    assert_in_range(took_ns[10], 0, 8 * 1000000);
    peer_close(speaker);
    peer_close(listener);
    daemon_stop(daemon);
}

static void early_flush_does_not_wait_for_the_tick(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 2s\nearly_flush = 4KiB\n");
    struct peer *speaker = peer_enter(daemon, "hall");
    struct peer *listener = peer_enter(daemon, "hall");
    char text[401];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    /* The flush of this one marks a tick, so that the next is two seconds away. */
    peer_send_chat(speaker, "tick");
    peer_expect_chat(listener, 1, "tick");
    uint64_t from_ns = wait_now_ns();
    peer_send_chat(speaker, text);
    peer_expect_silence(listener, 500);
    for (int i = 0; i < 6; i++) {
        peer_send_chat(speaker, text);
    }
    for (int i = 0; i < 6; i++) { /* 4 KiB are reached by the sixth of 810 bytes */
        peer_expect_chat(listener, 1, text);
    }
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 500, 1500);
    peer_expect_chat(listener, 1, text);
    peer_close(speaker);
    peer_close(listener);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(late_joiner_sees_nothing_from_before_and_all_after),
        SYSTEM_TEST(last_words_arrive),
        SYSTEM_TEST(moving_takes_nothing_along),
        SYSTEM_TEST(hello_join_and_chat_in_one_write),
        SYSTEM_TEST(a_stream_split_anywhere_reads_the_same),
        SYSTEM_TEST(tick_0_answers_at_the_end_of_the_turn),
        SYSTEM_TEST(early_flush_does_not_wait_for_the_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

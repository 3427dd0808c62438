/* What each player sees, and when: coming, going, pipelining, splitting, and the three ways in which a room
 * flushes. */
#include "support/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct client *guest_connect(struct daemon *daemon, const char *room)
{
    struct client *client = client_connect(daemon);

    client_hello(client);
    client_join(client, room);
    return client;
}

static void late_joiner_sees_nothing_from_before_and_all_after(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 400ms\n");
    struct client *host = guest_connect(daemon, "hall");

    (void)state;
    /* Just after a flush, so that "before" is pending in the room while the other one enters. */
    client_send_chat(host, "sync");
    client_expect_chat(host, 1, "sync");
    uint64_t packets = daemon_stat(daemon, "packets_in");
    client_send_chat(host, "before");
    daemon_expect_stat_equal(daemon, "packets_in", packets + 1);
    struct client *late = guest_connect(daemon, "hall");
    client_send_chat(host, "after");
    daemon_expect_stat_equal(daemon, "packets_in", packets + 4);
    client_send_chat(late, "mine");
    client_expect_chat(host, 1, "before");
    client_expect_chat(late, 1, "after");
    client_expect_chat(late, 2, "mine");
    client_expect_chat(host, 1, "after");
    client_expect_chat(host, 2, "mine");
    client_close(host);
    client_close(late);
    daemon_stop(daemon);
}

static void last_words_arrive(void **state)
{
    struct daemon *daemon =
        daemon_start("[server]\nlog = debug\n[room hall]\ncontent = chat\ntick = 200ms\n");
    struct client *stayer = guest_connect(daemon, "hall");
    uint8_t bytes[256];

    (void)state;
    /* By C_LEAVE: the leaver sees its own words too, before S_LEFT. */
    struct client *leaver = guest_connect(daemon, "hall");
    size_t n = frame_put_chat(bytes, "farewell");
    n += frame_put(bytes + n, ROOMD_C_LEAVE, NULL, 0);
    client_send(leaver, bytes, n);
    client_expect_chat(leaver, 2, "farewell");
    client_expect_left(leaver, ROOMD_LEAVE_ASKED);
    client_expect_chat(stayer, 2, "farewell");
    client_close(leaver);

    /* By closing the connection. */
    struct client *closer = guest_connect(daemon, "hall");
    client_send_chat(closer, "and I");
    client_close(closer);
    client_expect_chat(stayer, 3, "and I");

    /* By ending the sending direction after the last frame. */
    struct client *half = guest_connect(daemon, "hall");
    client_send_chat(half, "and me");
    client_shutdown(half);
    client_expect_chat(stayer, 4, "and me");
    client_await_closed(half);
    client_close(half);
    daemon_expect_closes(daemon, "peer_closed", 3);
    client_close(stayer);
    daemon_stop(daemon);
}

static void moving_takes_nothing_along(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 100ms\n"
                                         "[room yard]\ncontent = chat\ntick = 100ms\n");
    struct client *mover = guest_connect(daemon, "hall");
    struct client *hall = guest_connect(daemon, "hall");
    struct client *yard = guest_connect(daemon, "yard");
    uint8_t bytes[512];

    (void)state;
    size_t n = frame_put_chat(bytes, "from the hall");
    n += frame_put_join(bytes + n, "yard");
    n += frame_put_chat(bytes + n, "from the yard");
    client_send(mover, bytes, n);
    client_expect_chat(hall, 1, "from the hall");
    client_expect_chat(yard, 1, "from the yard");
    client_expect_chat(mover, 1, "from the hall");
    client_expect_left(mover, ROOMD_LEAVE_MOVED);
    client_expect_joined(mover, "yard");
    client_expect_chat(mover, 1, "from the yard");
    client_expect_silence(hall, 250);
    client_expect_silence(yard, 1);
    client_close(mover);
    client_close(hall);
    client_close(yard);
    daemon_stop(daemon);
}

static void hello_join_and_chat_in_one_write(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 10ms\n");
    struct client *client = client_connect(daemon);
    uint8_t bytes[512];

    (void)state;
    size_t n = frame_put_hello(bytes, 1);
    n += frame_put_join(bytes + n, "hall");
    n += frame_put_chat(bytes + n, "one");
    n += frame_put_chat(bytes + n, "two");
    client_send(client, bytes, n);
    client_expect_frame(client, ROOMD_S_WELCOME);
    client_expect_frame(client, ROOMD_S_JOINED);
    client_expect_chat(client, 1, "one");
    client_expect_chat(client, 1, "two");
    client_close(client);
    daemon_stop(daemon);
}

static void a_stream_split_anywhere_reads_the_same(void **state)
{
    struct daemon *daemon = daemon_start("[room lobby]\ncontent = chat\nautojoin = yes\ntick = 0\n");
    uint8_t bytes[128];

    (void)state;
    size_t n = frame_put_hello(bytes, 1);
    n += frame_put_chat(bytes + n, "abc");
    n += frame_put_chat(bytes + n, "");
    n += frame_put_chat(bytes + n, "d");
    for (size_t split = 1; split <= n; split++) {
        struct client *client = client_connect(daemon);

        client_send(client, bytes, split);
        wait_sleep_ms(2);
        client_send(client, bytes + split, n - split);
        client_expect_frame(client, ROOMD_S_WELCOME);
        client_expect_frame(client, ROOMD_S_JOINED);
        client_expect_chat(client, 0, "abc");
        client_expect_chat(client, 0, "");
        client_expect_chat(client, 0, "d");
        client_close(client);
        daemon_expect_stat_equal(daemon, "sessions", 0);
    }
    struct client *client = client_connect(daemon);
    for (size_t i = 0; i < n; i++) {
        client_send(client, bytes + i, 1);
        wait_sleep_ms(1);
    }
    client_expect_frame(client, ROOMD_S_WELCOME);
    client_expect_frame(client, ROOMD_S_JOINED);
    client_expect_chat(client, 0, "abc");
    client_close(client);
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
    struct client *speaker = guest_connect(daemon, "hall");
    struct client *listener = guest_connect(daemon, "hall");
    uint64_t took_ns[21];

    (void)state;
    for (size_t i = 0; i < 21; i++) {
        uint64_t from_ns = wait_now_ns();

        client_send_chat(speaker, "now");
        client_expect_chat(listener, 1, "now");
        took_ns[i] = wait_now_ns() - from_ns;
        client_expect_chat(speaker, 1, "now");
    }
    qsort(took_ns, 21, sizeof(took_ns[0]), compare_u64);
    assert_in_range(took_ns[10], 0, 8 * 1000000);
    client_close(speaker);
    client_close(listener);
    daemon_stop(daemon);
}

static void early_flush_does_not_wait_for_the_tick(void **state)
{
    struct daemon *daemon = daemon_start("[room hall]\ncontent = chat\ntick = 2s\nearly_flush = 4KiB\n");
    struct client *speaker = guest_connect(daemon, "hall");
    struct client *listener = guest_connect(daemon, "hall");
    char text[401];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    /* The flush of this one marks a tick, so that the next is two seconds away. */
    client_send_chat(speaker, "tick");
    client_expect_chat(listener, 1, "tick");
    uint64_t from_ns = wait_now_ns();
    client_send_chat(speaker, text);
    client_expect_silence(listener, 500);
    for (int i = 0; i < 6; i++) {
        client_send_chat(speaker, text);
    }
    for (int i = 0; i < 6; i++) { /* 4 KiB are reached by the sixth of 810 bytes */
        client_expect_chat(listener, 1, text);
    }
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 500, 1500);
    client_expect_chat(listener, 1, text);
    client_close(speaker);
    client_close(listener);
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

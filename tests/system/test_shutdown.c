/* The end as a reader sees it who lags but reads: it hears all that was said, and then why the server goes. */
#include "support/system.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Texts of a wstr each, and the frames that they come back in. */
enum { TEXTS = 400, TEXT_BYTES = 2000, FRAME_BYTES = ROOMD_FRAME_HEADER_BYTES + 6 + TEXT_BYTES };
enum { SAID_BYTES = TEXTS * FRAME_BYTES, OWED_BYTES_LEAST = 400000 };
/* A megabyte a second. */
enum { PIECE_BYTES = 10000, PIECE_MS = 10 };

static char socket_path[64];

static int shutdown_teardown(void **state)
{
    int rc = system_teardown(state);

    unlink(socket_path);
    return rc;
}

/* On a unix socket, where the kernel takes two hundred thousand bytes or so: the rest is the server's to keep. */
static struct daemon *daemon_start_local(const char *linger)
{
    char config[512];
    char listen[sizeof(socket_path) + sizeof("unix:")];

    snprintf(socket_path, sizeof(socket_path), "/tmp/roomd-test-shutdown-%d", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s", socket_path);
    snprintf(config, sizeof(config),
             "[server]\n" FAST_CLIENTS "linger = %s\n"
             "shutdown_timeout = 5s\n"
             "[room lobby]\n"
             "autojoin = yes\n"
             "tick = 10ms\n"
             "outbox_age_max = 1m\n",
             linger);
    return daemon_start_with(&(struct daemon_options){.config = config, .listen = listen});
}

/* Says so many numbered texts, waits until they are with everyone, and goes. */
static void say_all(struct daemon *daemon)
{
    uint8_t text[2 + TEXT_BYTES] = {0};
    struct peer *speaker = peer_connect(daemon);

    daemon_expect_stat_equal(daemon, "enters", 2);
    roomd_put_u16(text, TEXT_BYTES);
    for (uint32_t i = 0; i < TEXTS; i++) {
        roomd_put_u32(text + 2, i);
        peer_send_packet(speaker, ROOMD_C_CHAT, text, sizeof(text));
    }
    for (uint32_t i = 0; i < TEXTS; i++) {
        peer_expect_packet(speaker, ROOMD_S_CHAT);
    }
    peer_close(speaker);
    daemon_expect_stat_equal(daemon, "sessions", 1);
}

/* Reads at its own steady pace until the server ends the connection; returns how many bytes came. */
static size_t read_steadily(struct peer *reader, uint8_t *bytes, size_t size)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);
    size_t got = 0;

    for (;;) {
        ssize_t piece =
            recv(reader->fd, bytes + got, size - got < PIECE_BYTES ? size - got : PIECE_BYTES, MSG_DONTWAIT);

        if (piece == 0) {
            return got;
        }
        got += piece > 0 ? (size_t)piece : 0;
        assert_true(got < size);
        assert_true(wait_left_ms(deadline_ns) > 0);
        wait_sleep_ms(PIECE_MS);
    }
}

static void expect_all_and_a_kick(const uint8_t *bytes, size_t size)
{
    static const char reason[] = "shutdown";
    const uint8_t *kick = bytes + SAID_BYTES;

    if (size < SAID_BYTES) {
        fail_msg("%zu of %d bytes came", size, SAID_BYTES);
    }
    for (uint32_t i = 0; i < TEXTS; i++) {
        const uint8_t *frame = bytes + (size_t)i * FRAME_BYTES;

        assert_int_equal(roomd_get_u16(frame), FRAME_BYTES);
        assert_int_equal(roomd_get_u16(frame + 2), ROOMD_S_CHAT);
        assert_int_equal(roomd_get_u32(frame + ROOMD_FRAME_HEADER_BYTES + 6), i);
    }
    assert_true(size >= SAID_BYTES + 8 + sizeof(reason) - 1);
    assert_int_equal(roomd_get_u16(kick), size - SAID_BYTES);
    assert_int_equal(roomd_get_u16(kick + 2), ROOMD_S_KICK);
    assert_int_equal(roomd_get_u16(kick + 4), ROOMD_CLOSE_SHUTDOWN);
    assert_memory_equal(kick + 8, reason, sizeof(reason) - 1);
}

static void a_reader_that_lags_hears_all(const char *linger)
{
    static uint8_t bytes[SAID_BYTES + 4096];
    struct daemon *daemon = daemon_start_local(linger);
    struct peer *reader = peer_connect(daemon);
    uint64_t from_ns;

    daemon_expect_stat_equal(daemon, "enters", 1);
    say_all(daemon);
    /* The speaker has got all, and the reader's kernel what it takes. */
    assert_in_range(daemon_stat(daemon, "bytes_out"), SAID_BYTES + 1, 2 * SAID_BYTES - OWED_BYTES_LEAST);
    from_ns = wait_now_ns();
    daemon_signal(daemon, SIGTERM);
    expect_all_and_a_kick(bytes, read_steadily(reader, bytes, sizeof(bytes)));
    peer_close(reader);
    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 300, 4900); /* not cut off by the timeout */
    daemon_finish(daemon);
}

static void what_is_owed_outlives_a_short_linger(void **state)
{
    (void)state;
    a_reader_that_lags_hears_all("200ms");
}

static void what_is_owed_needs_no_linger(void **state)
{
    (void)state;
    a_reader_that_lags_hears_all("0");
}

/* What was sent before the end is answered, in order: the room, what is said in it, and then the kick. */
static void a_room_that_was_asked_for_is_still_made(void **state)
{
    static const uint8_t names[] = "\x05\0party\x04\0mine";
    struct daemon *daemon = daemon_start("[room lobby]\n[template party]\ntick = 10ms\n");
    struct peer *maker = peer_connect(daemon);
    uint8_t bytes[256];
    size_t size = packet_put(bytes, ROOMD_C_CREATE, names, sizeof(names) - 1);

    (void)state;
    size += packet_put_chat(bytes + size, "in time");
    peer_hello(maker);
    peer_send(maker, bytes, size);
    daemon_signal(daemon, SIGTERM);
    peer_expect_joined(maker, "mine");
    peer_expect_chat(maker, maker->player, "in time");
    peer_expect_kick(maker, ROOMD_CLOSE_SHUTDOWN);
    peer_close(maker);
    assert_int_equal(daemon_await_exit(daemon, WAIT_LONG_MS), 0);
    daemon_finish(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_owed_outlives_a_short_linger, shutdown_teardown),
        cmocka_unit_test_teardown(what_is_owed_needs_no_linger, shutdown_teardown),
        SYSTEM_TEST(a_room_that_was_asked_for_is_still_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A room whose job queue is as small as it may be, and senders who say more than it runs. Nothing is lost:
 * the queue stops reading from them, and from nobody else.
 */
#include "support/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static const char config[] = "[server]\n" FAST_CLIENTS "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 10ms\n"
                             "job_bytes_max = 64KiB\n"
                             "jobs_per_turn = 1\n"
                             "outbox_bytes_max = 64MiB\n"
                             "[room quiet]\n"
                             "content = chat\n"
                             "tick = 10ms\n";

enum { FLOOD_FRAMES = 12000, FLOOD_UNITS = 32, FLOOD_FRAME_BYTES = 6 + 2 * FLOOD_UNITS };
enum { QUEUE_BYTES = 64 * 1024 };

struct flood {
    struct peer *client;
    size_t sent;    /* bytes of `bytes` */
    uint32_t heard; /* own words, in order */
    uint8_t bytes[FLOOD_FRAMES * FLOOD_FRAME_BYTES];
};

static struct flood floods[2];

static void flood_start(struct flood *flood, struct daemon *daemon, unsigned number)
{
    size_t n = 0;

    for (unsigned i = 0; i < FLOOD_FRAMES; i++) {
        char text[FLOOD_UNITS + 1];

        snprintf(text, sizeof(text), "flood %u word %-19u", number, i);
        n += packet_put_chat(flood->bytes + n, text);
    }
    assert_int_equal(n, sizeof(flood->bytes));
    flood->sent = 0;
    flood->heard = 0;
    flood->client = peer_autojoin(daemon, "lobby");
}

static void flood_listen(struct flood *flood, unsigned number)
{
    struct packet packet;
    uint32_t player = 0;
    char text[64];
    char wanted[64];

    while (peer_read(flood->client, 0) > 0) {
    }
    assert_false(flood->client->is_closed);
    while (peer_take_packet(flood->client, &packet)) {
        assert_true(chat_read(&packet, &player, text, sizeof(text)));
        if (player == flood->client->player) {
            snprintf(wanted, sizeof(wanted), "flood %u word %-19u", number, flood->heard++);
            assert_string_equal(text, wanted);
        }
    }
}

/* As much as the server takes now; true while there is more to say. */
static bool flood_send(struct flood *flood)
{
    size_t left = sizeof(flood->bytes) - flood->sent;

    while (left > 0) {
        ssize_t n = send(flood->client->fd, flood->bytes + flood->sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            return true;
        }
        flood->sent += (size_t)n;
        left -= (size_t)n;
    }
    return false;
}

/* How many packets lie between the decoder and the room. */
static int64_t backlog_ask(struct daemon *daemon)
{
    char *line = daemon_stats_ask(daemon);
    int64_t backlog = (int64_t)stats_field(line, "packets_in") - (int64_t)stats_field(line, "jobs");

    free(line);
    return backlog;
}

static void a_full_queue_stops_reading_and_loses_nothing(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct bystanders quiet;
    struct bystanders busy;
    int64_t backlog_max = 0;
    uint64_t deadline_ns = wait_deadline_ns(4 * WAIT_LONG_MS);

    (void)state;
    bystanders_start(&quiet, daemon, "quiet");
    bystanders_start(&busy, daemon, NULL);
    size_t rss_kib = daemon_rss_kib(daemon);
    for (unsigned i = 0; i < 2; i++) {
        flood_start(&floods[i], daemon, i);
    }
    while (floods[0].heard < FLOOD_FRAMES || floods[1].heard < FLOOD_FRAMES) {
        for (unsigned i = 0; i < 2; i++) {
            flood_send(&floods[i]);
            flood_listen(&floods[i], i);
        }
        bystanders_step(&quiet);
        bystanders_step(&busy);
        int64_t backlog = backlog_ask(daemon);
        backlog_max = backlog > backlog_max ? backlog : backlog_max;
        assert_true(wait_left_ms(deadline_ns) > 0);
        wait_sleep_ms(1);
    }
    /* The queue was full, or the test has shown nothing; and it never held more than it may. */
    assert_in_range(backlog_max, QUEUE_BYTES / 2 / FLOOD_FRAME_BYTES / 2, QUEUE_BYTES / (2 * FLOOD_UNITS));
    assert_int_equal(quiet.foreign, 0);
    assert_in_range(quiet.worst_ns, 0, 1000000000u);
    assert_in_range(busy.worst_ns, 0, 4000000000u);
    assert_in_range(daemon_rss_kib(daemon), 0, rss_kib + 4096 + daemon_rss_slack_kib());
    while (busy.foreign < 2 * 2 * FLOOD_FRAMES) {
        bystanders_run(&busy, 5, 1);
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    bystanders_finish(&quiet);
    bystanders_finish(&busy);
    assert_int_equal(busy.foreign, 2 * 2 * FLOOD_FRAMES);
    for (unsigned i = 0; i < 2; i++) {
        peer_close(floods[i].client);
    }
    daemon_stop(daemon);
}

/* What a paused sender had sent before it left is still run, and the place that it held in the queue comes
 * free. */
static void a_paused_sender_may_leave(void **state)
{
    struct daemon *daemon = daemon_start(config);
    struct peer *listener = peer_autojoin(daemon, "lobby");
    uint64_t deadline_ns = wait_deadline_ns(2 * WAIT_LONG_MS);
    uint32_t heard = 0;

    (void)state;
    flood_start(&floods[0], daemon, 0);
    flood_start(&floods[1], daemon, 1);
    flood_send(&floods[0]);
    peer_abort(floods[0].client);
    while (flood_send(&floods[1])) {
        flood_listen(&floods[1], 1);
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    while (floods[1].heard < FLOOD_FRAMES) {
        flood_listen(&floods[1], 1);
        assert_true(wait_left_ms(deadline_ns) > 0);
        wait_sleep_ms(1);
    }
    while (heard < FLOOD_FRAMES) {
        struct packet packet = peer_expect_packet(listener, ROOMD_S_CHAT);
        heard += roomd_get_u32(packet.payload) == floods[1].client->player;
    }
    peer_close(floods[1].client);
    peer_close(listener);
    daemon_expect_stat_equal(daemon, "sessions", 0);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(a_full_queue_stops_reading_and_loses_nothing),
        SYSTEM_TEST(a_paused_sender_may_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Players who stop reading. Each costs what the room's limits allow and no more, is closed as `slow` when it
 * goes over one of them, and nobody else loses a word.
 */
#include "support/system.h"

#include <stdio.h>
#include <string.h>

enum { NARROW_BYTES = 4096 };

#define ROOM "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 10ms\n"

static const char config_bytes[] =
    "[server]\n" FAST_CLIENTS ROOM
    "outbox_bytes_max = 256KiB\noutbox_age_max = 60s\noutbox_slices_max = 65535\n";

static const char config_age[] =
    "[server]\n" FAST_CLIENTS ROOM
    "outbox_bytes_max = 1GiB\noutbox_age_max = 500ms\noutbox_slices_max = 65535\n";

static const char config_slices[] = "[server]\nchunk_size = 4KiB\n" FAST_CLIENTS ROOM
                                    "outbox_bytes_max = 1GiB\noutbox_age_max = 60s\noutbox_slices_max = 16\n";

/* A player with much to say, whose words come back to it and are checked. */
struct speaker {
    struct peer *client;
    uint32_t player;
    uint32_t said;
    uint32_t heard;
    char text[1501];
};

static void speaker_start(struct speaker *speaker, struct daemon *daemon)
{
    memset(speaker, 0, sizeof(*speaker));
    memset(speaker->text, '.', sizeof(speaker->text) - 1);
    speaker->client = peer_autojoin(daemon, "lobby");
    speaker->player = speaker->client->player;
}

static void speaker_listen(struct speaker *speaker, int timeout_ms)
{
    struct packet packet;
    char text[1600];
    char wanted[16];
    uint32_t player = 0;

    while (peer_next_packet(speaker->client, &packet, timeout_ms)) {
        assert_true(chat_read(&packet, &player, text, sizeof(text)));
        if (player == speaker->player) {
            snprintf(wanted, sizeof(wanted), "%08u", speaker->heard++);
            assert_memory_equal(text, wanted, 8);
            assert_int_equal(strlen(text), sizeof(speaker->text) - 1);
        }
        timeout_ms = 0;
    }
}

/* Says so many texts of 3,000 bytes, never more than 16 of them unheard. */
static void speaker_say(struct speaker *speaker, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        char number[16];
        uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

        snprintf(number, sizeof(number), "%08u", speaker->said++);
        memcpy(speaker->text, number, 8);
        peer_send_chat(speaker->client, speaker->text);
        while (speaker->said - speaker->heard > 16) {
            speaker_listen(speaker, 100);
            assert_true(wait_left_ms(deadline_ns) > 0);
        }
    }
}

static void speaker_finish(struct speaker *speaker)
{
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    while (speaker->heard < speaker->said) {
        speaker_listen(speaker, 100);
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    peer_close(speaker->client);
}

/* Says texts until the log tells of `count` slow readers; at most `most_bytes` in all. */
static void speak_until_slow(struct speaker *speaker, struct bystanders *bystanders, struct daemon *daemon,
                             size_t count, size_t most_bytes)
{
    for (size_t bytes = 0; daemon_log_count(daemon, "event=close ", "reason=slow") < count;
         bytes += 32 * 3010) {
        if (bytes > most_bytes) {
            fail_msg("no reader that stopped was closed within %zu bytes", most_bytes);
        }
        speaker_say(speaker, 32);
        bystanders_step(bystanders);
    }
}

/* The kernel takes a few megabytes for each before the server's own limit begins to count. */
static void readers_that_stop_are_closed_by_bytes(void **state)
{
    enum { READERS = 20 };
    struct daemon *daemon = daemon_start(config_bytes);
    struct peer *readers[READERS];
    struct bystanders bystanders;
    struct speaker speaker;

    (void)state;
    bystanders_start(&bystanders, daemon, NULL);
    speaker_start(&speaker, daemon);
    speaker_say(&speaker, 64);
    size_t fds = daemon_fd_count(daemon);
    size_t rss_kib = daemon_rss_kib(daemon);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = peer_connect_narrow(daemon, NARROW_BYTES);
    }
    speak_until_slow(&speaker, &bystanders, daemon, READERS, 32u << 20);
    daemon_expect_closes(daemon, "slow", READERS);
    assert_int_equal(daemon_stat(daemon, "close_slow"), READERS);
    /* All of them pin the same bytes: at most a limit's worth, with the chunk that it begins in. */
    assert_in_range(daemon_rss_kib(daemon), 0, rss_kib + 1024 + daemon_rss_slack_kib());
    for (size_t i = 0; i < READERS; i++) {
        peer_await_closed(readers[i]);
        peer_close(readers[i]);
    }
    daemon_expect_stat_equal(daemon, "sessions", 3);
    daemon_expect_fd_most(daemon, fds);
    speaker_finish(&speaker);
    bystanders_finish(&bystanders);
    assert_in_range(bystanders.worst_ns, 0, 2000000000u);
    daemon_stop(daemon);
}

/* A reader that stops, two who talk past it, and one who says more than it can take. */
struct hall {
    struct daemon *daemon;
    struct peer *reader;
    struct bystanders bystanders;
    struct speaker speaker;
};

static void hall_open(struct hall *hall, const char *config)
{
    hall->daemon = daemon_start(config);
    hall->reader = peer_connect_narrow(hall->daemon, NARROW_BYTES);
    bystanders_start(&hall->bystanders, hall->daemon, NULL);
    speaker_start(&hall->speaker, hall->daemon);
}

/* The reader has been closed; nobody else lost anything. */
static void hall_close(struct hall *hall)
{
    peer_await_closed(hall->reader);
    peer_close(hall->reader);
    speaker_finish(&hall->speaker);
    bystanders_finish(&hall->bystanders);
    daemon_stop(hall->daemon);
}

static void a_reader_that_stops_is_closed_by_slices(void **state)
{
    struct hall hall;

    (void)state;
    hall_open(&hall, config_slices);
    speak_until_slow(&hall.speaker, &hall.bystanders, hall.daemon, 1, 32u << 20);
    hall_close(&hall);
}

/* Little is said any more, and still it ends: what waits has an age. */
static void a_reader_that_stops_is_closed_by_age(void **state)
{
    struct hall hall;

    (void)state;
    hall_open(&hall, config_age);
    for (size_t bytes = 0; daemon_stat(hall.daemon, "short_writes") == 0; bytes += 32 * 3010) {
        assert_true(bytes < 32u << 20);
        speaker_say(&hall.speaker, 32);
    }
    uint64_t from_ns = wait_now_ns();
    while (daemon_log_count(hall.daemon, "event=close ", "reason=slow") == 0) {
        bystanders_run(&hall.bystanders, 50, 10);
        speaker_listen(&hall.speaker, 0);
        assert_true(wait_now_ns() - from_ns < 5000000000u);
    }
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 300, 3000);
    hall_close(&hall);
}

/* A reader that pauses and goes on within the limits loses nothing. */
static void a_reader_that_pauses_loses_nothing(void **state)
{
    struct daemon *daemon = daemon_start(config_bytes);
    struct peer *reader = peer_connect_narrow(daemon, NARROW_BYTES);
    struct speaker speaker;
    uint32_t heard = 0;

    (void)state;
    speaker_start(&speaker, daemon);
    speaker_say(&speaker, 4);
    for (size_t rounds = 0; rounds < 3; rounds++) {
        wait_sleep_ms(100);
        speaker_say(&speaker, 8);
        while (heard < speaker.heard) {
            char wanted[16];
            struct packet packet = peer_expect_packet(reader, ROOMD_S_CHAT);
            char text[1600];
            uint32_t player = 0;

            assert_true(chat_read(&packet, &player, text, sizeof(text)));
            snprintf(wanted, sizeof(wanted), "%08u", heard++);
            assert_memory_equal(text, wanted, 8);
        }
    }
    peer_close(reader);
    speaker_finish(&speaker);
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(readers_that_stop_are_closed_by_bytes),
        SYSTEM_TEST(a_reader_that_stops_is_closed_by_slices),
        SYSTEM_TEST(a_reader_that_stops_is_closed_by_age),
        SYSTEM_TEST(a_reader_that_pauses_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

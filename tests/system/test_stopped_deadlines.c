/*
 * A server that is stopped for three seconds: nobody pays for its sleep. Who did in time what there was a deadline for is
 * not found late, though the server looks at it later; and what waited for a reader did not wait for that one.
 */
#include "support/stop.h"
#include "support/system.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NS_IN_MS 1000000u

enum { STOP_MS = 3000 };

/* ---- deadlines ---- */

enum { GUESTS = 300, IDLERS = 5 }; /* of each kind; the first few of them do not do it in time */

enum duty { TO_ANSWER, TO_COMPLETE, TO_SAY_HELLO, DUTY_COUNT };

#define DEADLINES(hello, frame, ping, pong)                                                                  \
    "[server]\nhello_timeout = " hello "\nframe_timeout = " frame "\nping_after = " ping                     \
    "\npong_timeout = " pong "\n[room lobby]\n"

static const char far_deadlines[] = DEADLINES("10m", "10m", "1h", "1h");

struct guests {
    struct daemon *daemon;
    struct peer *each[DUTY_COUNT][GUESTS];
    bool is_out[DUTY_COUNT][GUESTS]; /* closed before the server was stopped */
    size_t out[DUTY_COUNT];          /* without the idlers */
};

/* Half of a C_PING. */
static const char ping_begin[] = "0c 00 05 ff 01 02 03";
static const char ping_end[] = "04 05 06 07 08";

static void guests_come(struct guests *guests)
{
    for (enum duty duty = 0; duty < DUTY_COUNT; duty++) {
        for (size_t i = 0; i < GUESTS; i++) {
            struct peer *peer = peer_connect(guests->daemon);

            guests->each[duty][i] = peer;
            if (duty != TO_SAY_HELLO) {
                peer_hello(peer);
            }
            if (duty == TO_COMPLETE) {
                peer_send_hex(peer, ping_begin);
            }
        }
    }
    daemon_expect_stat_equal(guests->daemon, "sessions", DUTY_COUNT * GUESTS);
}

static void answer(struct peer *peer)
{
    struct packet packet = peer_expect_packet(peer, ROOMD_S_PING);
    uint8_t token[8];

    assert_int_equal(packet.payload_bytes, sizeof(token));
    memcpy(token, packet.payload, sizeof(token));
    peer_send_packet(peer, ROOMD_C_PONG, token, sizeof(token));
}

/* The server is stopped: what each has to do by then, it does. */
static void guests_do_their_duty(struct guests *guests)
{
    for (enum duty duty = 0; duty < DUTY_COUNT; duty++) {
        for (size_t i = 0; i < GUESTS; i++) {
            struct peer *peer = guests->each[duty][i];

            while (peer_read(peer, 0) > 0) {
            }
            guests->is_out[duty][i] = peer->is_closed;
            guests->out[duty] += peer->is_closed && i >= IDLERS;
            if (peer->is_closed || i < IDLERS) {
                continue;
            }
            if (duty == TO_ANSWER) {
                answer(peer);
            } else if (duty == TO_COMPLETE) {
                peer_send_hex(peer, ping_end);
            } else {
                peer_send_hello(peer, ROOMD_WIRE_VERSION);
            }
        }
    }
    for (enum duty duty = 0; duty < DUTY_COUNT; duty++) {
        for (size_t i = 0; i < GUESTS; i++) {
            if (!guests->is_out[duty][i]) {
                stop_await_sent(guests->each[duty][i]);
            }
        }
    }
}

/* It gets an answer; that it is asked whether it is there may come first. */
static void expect_answer(struct peer *peer, uint16_t id, const uint8_t *bytes, size_t size)
{
    struct packet packet;

    do {
        if (!peer_next_packet(peer, &packet, WAIT_LONG_MS)) {
            fail_msg("no packet 0x%04x came%s", id, peer->is_closed ? ", and the server has closed" : "");
        }
    } while (packet.id == ROOMD_S_PING);
    if (packet.id == ROOMD_S_KICK) {
        fail_msg("found late, for reason %u", roomd_get_u16(packet.payload));
    }
    assert_int_equal(packet.id, id);
    assert_memory_equal(packet.payload, bytes, size);
}

/* Who did its duty is served. */
static void guests_are_served(struct guests *guests)
{
    static const uint8_t first[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t second[] = {9, 9, 9, 9, 9, 9, 9, 9};

    for (enum duty duty = 0; duty < DUTY_COUNT; duty++) {
        for (size_t i = IDLERS; i < GUESTS; i++) {
            struct peer *peer = guests->each[duty][i];

            if (guests->is_out[duty][i]) {
                continue;
            }
            if (duty == TO_SAY_HELLO) {
                expect_answer(peer, ROOMD_S_WELCOME, (const uint8_t[]){ROOMD_WIRE_VERSION, 0}, 2);
            } else if (duty == TO_COMPLETE) {
                expect_answer(peer, ROOMD_S_PONG, first, sizeof(first));
            }
            peer_send_packet(peer, ROOMD_C_PING, second, sizeof(second));
            expect_answer(peer, ROOMD_S_PONG, second, sizeof(second));
        }
    }
}

/* Everybody's deadline is `near_ms` away, and passes while the server is stopped. */
static struct stop stop_over_deadlines(struct guests *guests, const char *near, uint64_t near_ms)
{
    struct daemon *daemon = guests->daemon;

    daemon_write_config(daemon, near);
    daemon_signal(daemon, SIGHUP);
    daemon_expect_log(daemon, "event=reload ", NULL);
    for (size_t i = 0; i < GUESTS; i++) {
        assert_true(wait_fd(guests->each[TO_ANSWER][i]->fd, POLLIN, wait_deadline_ns(WAIT_LONG_MS)) != 0);
    }

    struct stop stop = stop_begin(daemon);

    guests_do_their_duty(guests);
    /* The far ones hold for what comes then; who has a deadline keeps it. */
    daemon_write_config(daemon, far_deadlines);
    daemon_signal(daemon, SIGHUP);
    stop_end(&stop, near_ms + 300 > STOP_MS ? near_ms + 300 : STOP_MS);
    return stop;
}

static void nobody_is_late_for_the_servers_sleep(const char *near, uint64_t near_ms)
{
    static const char *const reasons[] = {"close_timeout", "close_frame_timeout", "close_hello_timeout"};
    static struct guests the_guests;
    struct guests *guests = &the_guests;
    size_t out = 0;

    memset(guests, 0, sizeof(*guests));
    guests->daemon = daemon_start(far_deadlines);
    guests_come(guests);
    stop_over_deadlines(guests, near, near_ms);
    guests_are_served(guests);
    /* Who did not is found, nevertheless. */
    for (enum duty duty = 0; duty < DUTY_COUNT; duty++) {
        daemon_expect_stat_equal(guests->daemon, reasons[duty], IDLERS + guests->out[duty]);
        out += guests->out[duty];
    }
    daemon_expect_stat_equal(guests->daemon, "sessions", DUTY_COUNT * (GUESTS - IDLERS) - out);
    peer_close_all();
    daemon_stop(guests->daemon);
    if (out > DUTY_COUNT * GUESTS / 2) {
        print_message("the machine is too slow: %zu were late before the stop\n", out);
        skip();
    }
}

static void nobody_is_late_when_the_deadlines_are_long_past(void **state)
{
    (void)state;
    nobody_is_late_for_the_servers_sleep(DEADLINES("1500ms", "1500ms", "100ms", "1500ms"), 1500);
}

/* The server wakes up a moment after the deadlines, and what came is more than one look finds. */
static void nobody_is_late_when_the_deadlines_are_just_past(void **state)
{
    (void)state;
    nobody_is_late_for_the_servers_sleep(DEADLINES("2700ms", "2700ms", "100ms", "2700ms"), 2700);
}

/* ---- what waits for readers ---- */

enum { READERS = 8, AGE_MAX_MS = 2000, NARROW_BYTES = 4096, LONG_WORDS = 160, TEXT_CHARS = 1400 };

static const char config_age[] = "[server]\n"
                                 "socket_send_buffer = 16KiB\n"
                                 "input_rate = 16MiB\n"
                                 "input_burst = 16MiB\n"
                                 "[room lobby]\n"
                                 "autojoin = yes\n"
                                 "tick = 10ms\n"
                                 "outbox_age_max = 2s\n";

/* Takes what is there. */
static void reader_read(struct peer *reader, uint32_t *heard)
{
    struct packet packet;

    while (peer_read(reader, 0) > 0) {
    }
    while (peer_take_packet(reader, &packet)) {
        char text[TEXT_CHARS + 8];
        char number[16];
        uint32_t player = 0;

        if (packet.id == ROOMD_S_KICK) {
            fail_msg("a reader that read is closed for reason %u", roomd_get_u16(packet.payload));
        }
        assert_true(chat_read(&packet, &player, text, sizeof(text)));
        snprintf(number, sizeof(number), "%08u", (*heard)++);
        assert_memory_equal(text, number, 8);
    }
    assert_false(reader->is_closed);
}

/*
 * Readers whose sockets are full when the server is stopped. They read all that is there, then: what waits for them in the
 * server grows older than it may, but none of that time was theirs.
 */
static void what_waits_does_not_age_in_the_servers_sleep(void **state)
{
    struct daemon *daemon = daemon_start(config_age);
    struct peer *speaker = peer_autojoin(daemon, "lobby");
    struct peer *readers[READERS];
    uint32_t heard[READERS] = {0};
    char text[TEXT_CHARS + 1];
    size_t done = 0;

    (void)state;
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = peer_connect_narrow(daemon, NARROW_BYTES);
    }
    daemon_expect_stat_equal(daemon, "enters", 1 + READERS);
    memset(text, '.', TEXT_CHARS);
    text[TEXT_CHARS] = '\0';

    uint64_t said_ns = wait_now_ns();

    for (unsigned i = 0; i < LONG_WORDS; i++) {
        char number[16];

        snprintf(number, sizeof(number), "%08u", i);
        memcpy(text, number, 8);
        peer_send_chat(speaker, text);
    }
    daemon_expect_stat_least(daemon, "short_writes", READERS);

    struct stop stop = stop_begin(daemon);

    if (stop.from_ns - said_ns > AGE_MAX_MS / 2 * NS_IN_MS) {
        skip(); /* a machine too slow to tell who slept */
    }
    for (size_t i = 0; i < READERS; i++) {
        reader_read(readers[i], &heard[i]);
        assert_true(heard[i] < LONG_WORDS / 2);
    }
    stop_end(&stop, STOP_MS);
    for (uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS); done < READERS;) {
        done = 0;
        for (size_t i = 0; i < READERS; i++) {
            reader_read(readers[i], &heard[i]);
            done += heard[i] == LONG_WORDS;
        }
        assert_true(wait_left_ms(deadline_ns) > 0);
    }
    assert_int_equal(daemon_stat(daemon, "close_slow"), 0);
    peer_close_all();
    daemon_stop(daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(nobody_is_late_when_the_deadlines_are_long_past),
        SYSTEM_TEST(nobody_is_late_when_the_deadlines_are_just_past),
        SYSTEM_TEST(what_waits_does_not_age_in_the_servers_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

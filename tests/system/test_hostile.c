/*
 * What broke servers before: each kind of bad input beside two healthy players in the same room, who must not
 * notice. Every connection that ends has one named reason, and at the end nothing of it is left.
 */
#include "support/system.h"

#include <roomd/wire.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At the debug level, for the ordinary ends of a connection are told there only. */
static const char config[] = "[server]\n"
                             "log = debug\n"
                             "frame_timeout = 400ms\n"
                             "strikes_max = 1\n"
                             "[room lobby]\n"
                             "content = chat\n"
                             "autojoin = yes\n"
                             "tick = 10ms\n";

/* A server with its two bystanders, and what it held before the test's own clients came. */
struct scene {
    struct daemon *daemon;
    struct bystanders bystanders;
    size_t fds;
    size_t rss_kib;
};

static void scene_begin(struct scene *scene, const char *text)
{
    scene->daemon = daemon_start(text);
    bystanders_start(&scene->bystanders, scene->daemon, NULL);
    bystanders_run(&scene->bystanders, 100, 5);
    assert_int_equal(daemon_stat(scene->daemon, "sessions"), 2);
    scene->fds = daemon_fd_count(scene->daemon);
    scene->rss_kib = daemon_rss_kib(scene->daemon);
}

/* After `closes` connections of the test's own have ended. */
static void scene_end(struct scene *scene, size_t closes)
{
    bystanders_run(&scene->bystanders, 50, 5);
    daemon_expect_stat_equal(scene->daemon, "sessions", 2);
    daemon_expect_fd_most(scene->daemon, scene->fds);
    assert_int_equal(daemon_fd_count(scene->daemon), scene->fds);
    assert_int_equal(daemon_log_count(scene->daemon, "event=close ", NULL), closes);
    assert_in_range(daemon_rss_kib(scene->daemon), 0, scene->rss_kib + daemon_rss_slack_kib());
    bystanders_finish(&scene->bystanders);
    assert_in_range(scene->bystanders.worst_ns, 0, 2000000000u);
    daemon_stop(scene->daemon);
}

/* Each in a connection of its own, alone or behind a good packet in the same write, which is still to be
 * heard. */
static void bad_bytes_are_kicked(const char *const *bad, size_t n, uint16_t reason, bool is_behind_good)
{
    struct scene scene;
    char field[64];

    scene_begin(&scene, config);
    for (size_t i = 0; i < n; i++) {
        struct peer *client = peer_connect(scene.daemon);
        uint8_t bytes[512];
        size_t good = is_behind_good ? packet_put_chat(bytes, "good") : 0;

        bystanders_step(&scene.bystanders);
        peer_send(client, bytes, good + hex_parse(bytes + good, sizeof(bytes) - good, bad[i]));
        peer_expect_kick(client, reason);
        peer_close(client);
    }
    daemon_expect_closes(scene.daemon, wire_reason_name(reason), n);
    snprintf(field, sizeof(field), "close_%s", wire_reason_name(reason));
    assert_int_equal(daemon_stat(scene.daemon, field), n);
    scene_end(&scene, n);
    assert_int_equal(scene.bystanders.foreign, is_behind_good ? 2 * n : 0);
}

static const char *const bad_sizes[] = {
    "00 00 01 00 00 00",
    "01 00 01 00 00 00",
    "02 00 01 00",
    "03 00 01 00",
    "00 00",
    "03 00",
    "01 10 01 00 00 00 00", /* 4,097 */
    "ff ff 01 00",          /* 65,535 */
    "ff ff",
};

static const char *const bad_strings[] = {
    "06 00 01 00 02 00",             /* two bytes of text, none there */
    "06 00 01 00 fe ff",             /* 65,534 of them */
    "08 00 01 00 04 00 41 00",       /* cut short */
    "09 00 01 00 03 00 41 00 42",    /* an odd number of bytes */
    "0a 00 01 00 02 00 41 00 42 00", /* bytes left over */
    "07 00 01 00 00 00 41",          /* a byte left over */
    "04 00 01 00",                   /* no length */
    "05 00 01 00 00",                /* half a length */
};

static void sizes_below_4_and_above_the_limit(void **state)
{
    (void)state;
    bad_bytes_are_kicked(bad_sizes, sizeof(bad_sizes) / sizeof(bad_sizes[0]), ROOMD_CLOSE_FRAME_SIZE, false);
}

static void sizes_behind_a_good_packet(void **state)
{
    (void)state;
    bad_bytes_are_kicked(bad_sizes, sizeof(bad_sizes) / sizeof(bad_sizes[0]), ROOMD_CLOSE_FRAME_SIZE, true);
}

static void strings_that_do_not_fit_their_packet(void **state)
{
    (void)state;
    bad_bytes_are_kicked(bad_strings, sizeof(bad_strings) / sizeof(bad_strings[0]), ROOMD_CLOSE_MALFORMED,
                         false);
}

static void strings_behind_a_good_packet(void **state)
{
    (void)state;
    bad_bytes_are_kicked(bad_strings, sizeof(bad_strings) / sizeof(bad_strings[0]), ROOMD_CLOSE_MALFORMED,
                         true);
}

static void the_largest_frame_is_still_good(void **state)
{
    struct scene scene;
    uint8_t packet[4096] = {0};

    (void)state;
    scene_begin(&scene, config);
    struct peer *client = peer_connect(scene.daemon);
    roomd_put_u16(packet, 4096);
    roomd_put_u16(packet + 2, ROOMD_C_CHAT);
    roomd_put_u16(packet + 4, 4090);
    peer_send(client, packet, sizeof(packet));
    struct packet came;
    do {
        came = peer_expect_packet(client, ROOMD_S_CHAT);
    } while (roomd_get_u32(came.payload) != 3);
    assert_int_equal(came.size, 4100);
    peer_shutdown(client); /* with words of the bystanders unread, closing would be a reset */
    peer_await_closed(client);
    peer_close(client);
    daemon_expect_closes(scene.daemon, "peer_closed", 1);
    scene_end(&scene, 1);
    assert_int_equal(scene.bystanders.foreign, 2);
}

/* A text whose S_Chat needs more than a u16 can say is refused, and the connection lives. */
static void too_long_to_send_on(struct scene *scene, size_t text_bytes, bool is_too_long)
{
    static uint8_t packet[65536];
    struct peer *client = peer_connect(scene->daemon);
    uint32_t player = peer_hello(client);
    uint64_t deadline_ns = wait_deadline_ns(WAIT_LONG_MS);

    peer_await_packet(client, ROOMD_S_JOINED);
    uint64_t foreign = scene->bystanders.foreign;
    roomd_put_u16(packet, (uint16_t)(6 + text_bytes));
    roomd_put_u16(packet + 2, ROOMD_C_CHAT);
    roomd_put_u16(packet + 4, (uint16_t)text_bytes);
    peer_send(client, packet, 6 + text_bytes);
    if (is_too_long) {
        peer_expect_error(client, ROOMD_ERROR_TOO_LONG);
        bystanders_run(&scene->bystanders, 50, 5);
        assert_int_equal(scene->bystanders.foreign, foreign);
    } else {
        struct packet came;

        do {
            came = peer_expect_packet(client, ROOMD_S_CHAT);
        } while (roomd_get_u32(came.payload) != player);
        assert_int_equal(came.size, 10 + text_bytes);
        assert_int_equal(roomd_get_u16(came.payload + 4), text_bytes);
        while (scene->bystanders.foreign < foreign + 2) {
            bystanders_run(&scene->bystanders, 5, 1);
            assert_true(wait_left_ms(deadline_ns) > 0);
        }
    }
    peer_close(client);
}

static void texts_at_the_edge_of_a_frame(void **state)
{
    struct scene scene;

    (void)state;
    scene_begin(&scene, "[server]\nlog = debug\nframe_max = 65535\n"
                        "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 10ms\n");
    too_long_to_send_on(&scene, 65524, false); /* S_Chat of 65,534 bytes */
    too_long_to_send_on(&scene, 65526, true);  /* 65,536: the size would wrap to 0 */
    too_long_to_send_on(&scene, 65528, true);
    scene_end(&scene, 3);
    assert_int_equal(scene.bystanders.foreign, 2);
}

static void texts_at_the_edge_with_the_suffix(void **state)
{
    static uint8_t packet[65536];
    struct daemon *daemon =
        daemon_start("[server]\nframe_max = 65535\n"
                     "[room lobby]\ncontent = chat\nautojoin = yes\ntick = 10ms\nsuffix = yes\n");
    struct peer *client = peer_connect(daemon);
    struct peer *other = peer_connect(daemon);
    static const size_t sizes[] = {65512, 65510}; /* " I am 1" is 14 bytes: S_Chat of 65,536 and of 65,534 */

    (void)state;
    peer_hello(client);
    peer_await_packet(client, ROOMD_S_JOINED);
    for (size_t i = 0; i < 2; i++) {
        memset(packet, 0, sizeof(packet));
        roomd_put_u16(packet, (uint16_t)(6 + sizes[i]));
        roomd_put_u16(packet + 2, ROOMD_C_CHAT);
        roomd_put_u16(packet + 4, (uint16_t)sizes[i]);
        peer_send(client, packet, 6 + sizes[i]);
        if (i == 0) {
            peer_expect_error(client, ROOMD_ERROR_TOO_LONG);
        }
    }
    struct packet came = peer_expect_packet(other, ROOMD_S_CHAT);
    assert_int_equal(came.size, 65534);
    came = peer_expect_packet(client, ROOMD_S_CHAT);
    assert_int_equal(came.size, 65534);
    peer_close(client);
    peer_close(other);
    daemon_stop(daemon);
}

/* Half a frame, half a header and a trickle that never gets anywhere: the deadline runs from the first byte.
 */
static void a_begun_frame_has_a_deadline(void **state)
{
    struct scene scene;
    struct peer *stuck[3];

    (void)state;
    scene_begin(&scene, config);
    for (size_t i = 0; i < 3; i++) {
        stuck[i] = peer_connect(scene.daemon);
    }
    uint64_t from_ns = wait_now_ns();
    peer_send_hex(stuck[0], "0a 00 01 00 04 00 48");
    peer_send_hex(stuck[1], "0a");
    peer_send_hex(stuck[2], "40 00 01 00 3a 00");
    for (int i = 0; i < 36 && peer_try_send(stuck[2], "x", 1); i++) {
        bystanders_run(&scene.bystanders, 50, 5);
    }
    while (peer_read(stuck[2], 0) > 0) {
    }
    assert_true(stuck[2]->is_closed); /* though it never ceased to send */
    for (size_t i = 0; i < 3; i++) {
        peer_expect_kick(stuck[i], ROOMD_CLOSE_FRAME_TIMEOUT);
    }
    assert_in_range((wait_now_ns() - from_ns) / 1000000u, 400, 4000);
    for (size_t i = 0; i < 3; i++) {
        peer_close(stuck[i]);
    }
    daemon_expect_closes(scene.daemon, "frame_timeout", 3);
    assert_int_equal(daemon_stat(scene.daemon, "close_frame_timeout"), 3);
    scene_end(&scene, 3);
}

/* Always in the middle of some frame, but completing each in time: that is only a slow line. */
static void a_slow_line_is_no_timeout(void **state)
{
    struct scene scene;
    uint8_t bytes[4096];
    size_t n = 0;
    size_t frames = 0;

    (void)state;
    scene_begin(&scene, config);
    struct peer *client = peer_connect(scene.daemon);
    while (n + 64 < sizeof(bytes) && frames < 12) {
        n += packet_put_chat(bytes + n, "slowly");
        frames++;
    }
    /* 18 bytes a frame in pieces of 5: a piece seldom ends where a frame does. */
    for (size_t at = 0; at < n; at += 5) {
        peer_send(client, bytes + at, n - at < 5 ? n - at : 5);
        bystanders_run(&scene.bystanders, 30, 5);
    }
    for (size_t i = 0; i < frames;) {
        struct packet packet = peer_expect_packet(client, ROOMD_S_CHAT);
        i += roomd_get_u32(packet.payload) == 3;
    }
    peer_shutdown(client); /* with words of the bystanders unread, closing would be a reset */
    peer_await_closed(client);
    peer_close(client);
    daemon_expect_closes(scene.daemon, "peer_closed", 1);
    scene_end(&scene, 1);
    assert_int_equal(scene.bystanders.foreign, 2 * frames);
}

static void connect_and_close_10000_times(void **state)
{
    enum { TIMES = 10000 };
    struct scene scene;

    (void)state;
    scene_begin(&scene, config);
    for (int i = 0; i < TIMES; i++) {
        struct peer *client = peer_connect(scene.daemon);

        if (i % 4 == 3) {
            peer_close(client);
        } else if (i % 4 == 2) { /* with half a frame on the way */
            peer_send_hex(client, "0a 00 01");
            peer_abort(client);
        } else {
            peer_abort(client);
        }
        if (i % 20 == 0) {
            bystanders_step(&scene.bystanders);
        }
    }
    daemon_expect_stat_equal(scene.daemon, "sessions", 2);
    uint64_t closes =
        daemon_stat(scene.daemon, "close_peer_closed") + daemon_stat(scene.daemon, "close_reset");
    assert_int_equal(closes, TIMES);
    assert_int_equal(daemon_stat(scene.daemon, "closes"), TIMES);
    /* Who was reset before being accepted never was a session. */
    scene_end(&scene, daemon_log_count(scene.daemon, "event=open ", NULL) - 2);
}

/* A small generator of its own (xorshift), so that a failure repeats. */
static uint32_t random_next(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* Noise, or frames with sound headers and known ids around payloads of noise; from time to time a good hello
 * first. */
static size_t garbage_fill(uint8_t *bytes, size_t size, uint32_t *seed)
{
    static const uint16_t ids[] = {1, 2, 0xFF01, 0xFF02, 0xFF03, 0xFF04, 0xFF05, 0xFF06, 0xFF81, 0x1000};
    size_t n = 0;
    uint32_t kind = random_next(seed) % 3;

    if (kind == 2) {
        n += packet_put_hello(bytes, 1);
    }
    while (n + 64 < size) {
        uint32_t payload = random_next(seed) % 40;

        if (kind > 0) {
            roomd_put_u16(bytes + n, (uint16_t)(4 + payload));
            roomd_put_u16(bytes + n + 2, ids[random_next(seed) % (sizeof(ids) / sizeof(ids[0]))]);
            n += 4;
        }
        for (uint32_t i = 0; i < payload; i++) {
            bytes[n++] = (uint8_t)(random_next(seed) >> 11);
        }
        if (random_next(seed) % 8 == 0) {
            break;
        }
    }
    return n;
}

/* What comes back to a garbage client is whole frames, and its kick, if any, is for one of the reasons that
 * fit. */
static void garbage_answers_check(struct peer *client, bool *was_kicked)
{
    struct packet packet;

    *was_kicked = false;
    while (peer_read(client, wait_deadline_ns(0)) > 0) {
    }
    while (peer_take_packet(client, &packet)) {
        assert_false(*was_kicked);
        if (packet.id == ROOMD_S_KICK) {
            uint16_t reason = roomd_get_u16(packet.payload);

            assert_true(reason == ROOMD_CLOSE_FRAME_SIZE || reason == ROOMD_CLOSE_MALFORMED ||
                        reason == ROOMD_CLOSE_STATE || reason == ROOMD_CLOSE_VERSION ||
                        reason == ROOMD_CLOSE_FRAME_TIMEOUT);
            *was_kicked = true;
        }
    }
}

static void random_bytes(void **state)
{
    enum { CLIENTS = 400, BYTES = 4096 };
    struct scene scene;
    uint32_t seed = 20261122;
    uint8_t bytes[BYTES + 64];
    size_t kicked = 0;

    (void)state;
    scene_begin(&scene, config);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct peer *client = peer_connect(scene.daemon);
        size_t n = garbage_fill(bytes, BYTES, &seed);
        bool was_kicked = false;

        for (size_t at = 0; at < n;) {
            size_t piece = 1 + random_next(&seed) % 1500;

            piece = piece < n - at ? piece : n - at;
            if (!peer_try_send(client, bytes + at, piece)) {
                break;
            }
            at += piece;
        }
        bystanders_step(&scene.bystanders);
        wait_sleep_ms(2);
        garbage_answers_check(client, &was_kicked);
        kicked += was_kicked;
        peer_close(client);
    }
    daemon_expect_stat_equal(scene.daemon, "sessions", 2);
    assert_in_range(kicked, CLIENTS / 2, CLIENTS);
    scene_end(&scene, CLIENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYSTEM_TEST(sizes_below_4_and_above_the_limit),
        SYSTEM_TEST(sizes_behind_a_good_packet),
        SYSTEM_TEST(strings_that_do_not_fit_their_packet),
        SYSTEM_TEST(strings_behind_a_good_packet),
        SYSTEM_TEST(the_largest_frame_is_still_good),
        SYSTEM_TEST(texts_at_the_edge_of_a_frame),
        SYSTEM_TEST(texts_at_the_edge_with_the_suffix),
        SYSTEM_TEST(a_begun_frame_has_a_deadline),
        SYSTEM_TEST(a_slow_line_is_no_timeout),
        SYSTEM_TEST(connect_and_close_10000_times),
        SYSTEM_TEST(random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

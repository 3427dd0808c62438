/* What comes in: frames however they are cut, full queues, deadlines, and what a kicked client still says. */
#include "support/component.h"

#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

enum { NOTE = 100 };

/* Byte by byte, with turns between, it is the same as at once. */
static void frames_come_in_any_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_connect(fixture);
    uint8_t bytes[256];
    size_t size = control_put_hello(bytes, ROOMD_WIRE_VERSION, 0, NULL, 0);

    size += control_put_join(bytes + size, "room");
    for (int i = 0; i < 3; i++) {
        frame_put_header(bytes + size, (uint16_t)(1 + i), 3);
        memcpy(bytes + size + ROOMD_FRAME_HEADER_BYTES, "abc", 3);
        size += ROOMD_FRAME_HEADER_BYTES + 3;
    }
    for (size_t i = 0; i < size; i++) {
        player_send_bytes(one, bytes + i, 1);
        fixture_settle(fixture);
    }
    stage_expect_notes(stage_of(room), "enter 1; packet 1 1 abc; packet 1 2 abc; packet 1 3 abc; ");
    assert_null(fixture_session(fixture, one)->conn.kept);
    assert_true(list_is_empty(&fixture->engine.deadlines[SESSION_PARTIAL]));
}

static void frames_of_all_sizes_come_through(void **state)
{
    static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    static const size_t sizes[] = {ROOMD_PAYLOAD_BYTES_MAX, 0, NET_READ_BYTES - 4, NET_READ_BYTES, 1, 40000};

    stage_of(room)->is_mute = true;
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i * 7 + (i >> 9));
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        player_send(one, NOTE, payload, sizes[i]);
        fixture_settle(fixture);
    }
    fixture_tick(fixture, room);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        player_expect(one, NOTE, payload, sizes[i]);
        fixture_settle(fixture);
    }
    player_expect_nothing(one);
}

static void a_frame_of_a_bad_size_ends_it(void **state)
{
    static const uint16_t sizes[] = {0, 1, 2, 3, 101, UINT16_MAX};
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct room *room;

    (void)state;
    limits.frame_bytes_max = 100;
    fixture = fixture_open(&limits);
    room = fixture_room(fixture, "room", NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct player *player = fixture_enter(fixture, "room");
        uint8_t bytes[2];

        stage_of(room)->notes[0] = '\0';
        roomd_put_u16(bytes, sizes[i]);
        player_say(player, 1, "good"); /* what came before it is taken */
        player_send_bytes(player, bytes, 2);
        fixture_settle(fixture);
        assert_non_null(strstr(stage_of(room)->notes, "leave"));
        player_expect_kick(player, ROOMD_CLOSE_FRAME_SIZE);
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_FRAME_SIZE], sizeof(sizes) / sizeof(sizes[0]));
    fixture_close(fixture);
}

/* The deadline is the frame's: more bytes of it do not move it. */
static void a_dribbled_frame_is_due_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    uint64_t timeout_ns = fixture->engine.limits.frame_timeout_ns;
    struct player *one;

    fixture_room(fixture, "room", NULL);
    one = fixture_enter(fixture, "room");
    player_send_bytes(one, "\x40\x00", 2);
    fixture_settle(fixture);
    for (int i = 0; i < 9; i++) {
        fixture_advance(fixture, timeout_ns / 10);
        player_send_bytes(one, "x", 1);
        fixture_settle(fixture);
    }
    fixture_advance(fixture, timeout_ns / 10 - 1);
    player_expect_nothing(one);
    fixture_advance(fixture, 1);
    player_expect_kick(one, ROOMD_CLOSE_FRAME_TIMEOUT);
}

/* A frame that is done in time sets the clock back for the next. */
static void every_frame_has_its_own_time(void **state)
{
    struct fixture *fixture = *state;
    uint64_t timeout_ns = fixture->engine.limits.frame_timeout_ns;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    player_send_bytes(one, "\x05\x00\x01", 3);
    fixture_settle(fixture);
    fixture_advance(fixture, timeout_ns - 1);
    player_send_bytes(one, "\x00y\x05\x00", 4); /* the rest, and the beginning of another */
    fixture_settle(fixture);
    fixture_advance(fixture, timeout_ns - 1);
    player_expect_text(one, 1, "y");
    player_send_bytes(one, "\x01\x00z", 3);
    fixture_settle(fixture);
    fixture_advance(fixture, 10 * timeout_ns); /* and between frames there is none */
    stage_expect_notes(stage_of(room), "enter 1; packet 1 1 y; packet 1 1 z; ");
    player_expect_text(one, 1, "z");
    player_expect_nothing(one);
}

/* Many deadlines: each is kept, also when another one has just passed. */
static void deadlines_of_many_are_kept(void **state)
{
    enum { COUNT = 5 };
    struct fixture *fixture = *state;
    uint64_t timeout_ns = fixture->engine.limits.frame_timeout_ns;
    struct player *players[COUNT];

    for (int i = 0; i < COUNT; i++) {
        players[i] = fixture_connect(fixture);
        player_send_bytes(players[i], "\x40", 1);
        fixture_settle(fixture);
        fixture_advance(fixture, 10 * NS_PER_MS);
    }
    fixture_advance(fixture, timeout_ns - COUNT * 10 * NS_PER_MS - 1);
    for (int i = 0; i < COUNT; i++) {
        player_expect_nothing(players[i]);
        fixture_advance(fixture, 1);
        player_expect_kick(players[i], ROOMD_CLOSE_FRAME_TIMEOUT);
        fixture_advance(fixture, 10 * NS_PER_MS - 1);
    }
}

/*
 * A reload may shorten the time while somebody's longer one runs: nobody has more left than who comes now, and who has
 * less keeps that.
 */
static void a_shorter_frame_timeout_holds_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct engine_limits limits = fixture->engine.limits;
    uint64_t long_ns = limits.frame_timeout_ns;
    struct player *early = fixture_connect(fixture);
    struct player *late = fixture_connect(fixture);

    struct player *first = fixture_connect(fixture);

    player_send_bytes(first, "\x40", 1);
    fixture_settle(fixture);
    fixture_advance(fixture, long_ns - 100);
    player_send_bytes(early, "\x40", 1);
    fixture_settle(fixture);
    limits.frame_timeout_ns = long_ns / 5;
    engine_set_limits(&fixture->engine, &limits);
    fixture_advance(fixture, 99);
    player_expect_nothing(first);
    fixture_advance(fixture, 1);
    player_expect_kick(first, ROOMD_CLOSE_FRAME_TIMEOUT);
    player_send_bytes(late, "\x40", 1);
    fixture_settle(fixture);
    fixture_advance(fixture, long_ns / 5 - 101);
    player_expect_nothing(early);
    fixture_advance(fixture, 1);
    player_expect_kick(early, ROOMD_CLOSE_FRAME_TIMEOUT);
    fixture_advance(fixture, 99);
    player_expect_nothing(late);
    fixture_advance(fixture, 1);
    player_expect_kick(late, ROOMD_CLOSE_FRAME_TIMEOUT);
}

static void a_shorter_linger_holds_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct engine_limits limits = fixture->engine.limits;
    uint64_t long_ns = 10 * limits.linger_ns;
    struct player *early = fixture_connect(fixture);
    struct player *late = fixture_connect(fixture);

    limits.linger_ns = long_ns;
    engine_set_limits(&fixture->engine, &limits);
    session_close(fixture_session(fixture, early), ROOMD_CLOSE_KICKED, NULL);
    fixture_advance(fixture, long_ns / 10);
    limits.linger_ns = long_ns / 5;
    engine_set_limits(&fixture->engine, &limits);
    session_close(fixture_session(fixture, late), ROOMD_CLOSE_KICKED, NULL);
    fixture_advance(fixture, long_ns / 5 - 1);
    assert_non_null(fixture_session(fixture, early));
    assert_non_null(fixture_session(fixture, late));
    fixture_advance(fixture, 1);
    assert_null(fixture_session(fixture, early));
    assert_null(fixture_session(fixture, late));
}

/* While we keep a client waiting, it can't be late. */
static void a_deadline_rests_while_the_session_is_paused(void **state)
{
    struct fixture *fixture = *state;
    uint64_t timeout_ns = fixture->engine.limits.frame_timeout_ns;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one = fixture_connect(fixture);

    options.jobs_per_turn = 0; /* the room stands still */
    room = fixture_room(fixture, "room", &options);
    player_hello(one);
    player_join(one, "room");
    player_send_bytes(one, "\x05\x00", 2);
    fixture_turn(fixture);
    fake_clock_advance(2 * timeout_ns);
    fixture_turn(fixture);
    options.jobs_per_turn = 10;
    room_set_options(room, &options);
    fixture_settle(fixture);
    player_expect_welcome(one);
    player_expect_joined(one, "room");
    fixture_advance(fixture, timeout_ns - 1);
    player_expect_nothing(one);
    fixture_advance(fixture, 1);
    player_expect_kick(one, ROOMD_CLOSE_FRAME_TIMEOUT);
}

/* Says S_KICK, then the end; waits so long for the client to read it, and throws away what that still says. */
static void a_kicked_client_has_time_to_read(void **state)
{
    struct fixture *fixture = *state;
    uint64_t linger_ns = fixture->engine.limits.linger_ns;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
    fixture_settle(fixture);
    player_say(one, 1, "but why");
    fixture_settle(fixture);
    fixture_advance(fixture, linger_ns - 1);
    assert_non_null(fixture_session(fixture, one));
    player_expect_kick(one, ROOMD_CLOSE_KICKED);
    player_say(one, 1, "hello?");
    fixture_settle(fixture);
    fixture_advance(fixture, 1);
    assert_null(fixture_session(fixture, one));
    stage_expect_notes(stage_of(room), "enter 1; leave 1 disconnected; ");
    assert_int_equal(fixture->engine.stats.packets_in, 2);
}

static void a_kicked_client_that_hangs_up_is_gone_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_connect(fixture);

    session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
    fixture_settle(fixture);
    player_expect_kick(one, ROOMD_CLOSE_KICKED);
    player_hang_up(one);
    fixture_settle(fixture);
    assert_null(fixture_session(fixture, one));
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_KICKED], 1);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_PEER_CLOSED], 0);
}

static void without_linger_it_ends_when_all_is_written(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct player *one;

    (void)state;
    limits.linger_ns = 0;
    fixture = fixture_open(&limits);
    one = fixture_connect(fixture);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
    fixture_turn(fixture);
    assert_null(fixture_session(fixture, one));
    player_expect_kick(one, ROOMD_CLOSE_KICKED);
    fixture_close(fixture);
}

/* Kicked with much unread before it: S_KICK comes behind all of it, or, at the deadline, not at all. */
static void a_kick_waits_behind_what_is_unread(void **state)
{
    static uint8_t payload[20000];
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);

    for (int reads = 0; reads < 2; reads++) {
        struct player *one = fixture_connect_narrow(fixture, 1);

        player_hello(one);
        player_join(one, "room");
        fixture_settle(fixture);
        assert_int_equal(room_broadcast(room, NOTE, payload, sizeof(payload), 0), 0);
        fixture_tick(fixture, room);
        session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
        fixture_settle(fixture);
        for (int i = 0; reads > 0 && i < 100 && !one->is_ended; i++) {
            player_receive(one, SIZE_MAX);
            fixture_settle(fixture);
        }
        fixture_advance(fixture, fixture->engine.limits.linger_ns);
        assert_null(fixture_session(fixture, one));
        player_expect_welcome(one);
        player_expect_joined(one, "room");
        if (reads > 0) {
            player_expect(one, NOTE, payload, sizeof(payload));
            player_expect_kick(one, ROOMD_CLOSE_KICKED);
        }
    }
}

static enum roomd_packet_result know_nothing(struct stage *stage, uint64_t session, uint16_t id,
                                             const uint8_t *bytes, size_t size)
{
    (void)stage;
    (void)session;
    (void)id;
    (void)bytes;
    (void)size;
    return ROOMD_PACKET_UNKNOWN;
}

/* An error that nobody was told of is none. */
static void errors_are_counted_when_they_are_sent(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "room");
    struct player *one;

    stage_of(room)->on_packet = know_nothing;
    one = fixture_connect(fixture);
    fixture_settle(fixture);
    player_say(one, 1, "without hello");
    fixture_settle(fixture);
    assert_int_equal(stage_of(room)->packets, 1);
    player_expect_nothing(one);
    assert_int_equal(fixture->engine.stats.errors_sent, 0);
    player_hello(one);
    player_say(one, 1, "with hello");
    fixture_settle(fixture);
    player_expect_welcome(one);
    player_expect_joined(one, "room");
    player_expect_error(one, ROOMD_ERROR_UNKNOWN_PACKET);
    assert_int_equal(fixture->engine.stats.errors_sent, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(frames_come_in_any_pieces),
        FIXTURE_TEST(frames_of_all_sizes_come_through),
        cmocka_unit_test(a_frame_of_a_bad_size_ends_it),
        FIXTURE_TEST(a_dribbled_frame_is_due_all_the_same),
        FIXTURE_TEST(every_frame_has_its_own_time),
        FIXTURE_TEST(deadlines_of_many_are_kept),
        FIXTURE_TEST(a_shorter_frame_timeout_holds_for_all),
        FIXTURE_TEST(a_shorter_linger_holds_for_all),
        FIXTURE_TEST(errors_are_counted_when_they_are_sent),
        FIXTURE_TEST(a_deadline_rests_while_the_session_is_paused),
        FIXTURE_TEST(a_kicked_client_has_time_to_read),
        FIXTURE_TEST(a_kicked_client_that_hangs_up_is_gone_at_once),
        cmocka_unit_test(without_linger_it_ends_when_all_is_written),
        FIXTURE_TEST(a_kick_waits_behind_what_is_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

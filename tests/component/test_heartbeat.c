/* Who has said C_HELLO and then nothing is asked whether it is there, and closed when it is not. */
#include "support/component.h"

#include <errno.h>

#include "wire/control.h"

#define PING_AFTER_NS   (30 * NS_PER_S)
#define PONG_TIMEOUT_NS (15 * NS_PER_S)
/* What somebody who was silent for so long gets to read S_KICK. */
#define LINGER_SLOW_NS (500 * NS_PER_MS)

/* As many as one turn asks. */
enum { PINGS_A_TURN = 512 };

static int setup(void **state)
{
    struct engine_limits limits = fixture_limits();

    limits.ping_after_ns = PING_AFTER_NS;
    limits.pong_timeout_ns = PONG_TIMEOUT_NS;
    *state = fixture_open(&limits);
    return 0;
}

/* From when it was heard of last until it is asked: it is looked at once in ping_after, and found quiet the second time. */
static void fall_quiet(struct fixture *fixture)
{
    fixture_pass(fixture, 2 * PING_AFTER_NS);
}

static uint64_t expect_ping(struct player *player)
{
    struct control_server control;
    struct frame frame;

    assert_true(player_next(player, &frame));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_PING);
    return control.ping.token;
}

static void say_pong(struct player *player, uint64_t token)
{
    uint8_t frame[CONTROL_FRAME_BYTES_MAX];

    player_send_bytes(player, frame, control_put_client_pong(frame, token));
}

static uint64_t timeouts(const struct fixture *fixture)
{
    return fixture->engine.stats.closes[ROOMD_CLOSE_TIMEOUT];
}

static void who_answers_stays(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);

    for (uint64_t i = 1; i <= 20; i++) {
        fixture_pass(fixture, 2 * PING_AFTER_NS - 1);
        player_expect_nothing(one);
        fixture_pass(fixture, 1);
        assert_int_equal(fixture->engine.stats.pings, i);
        fixture_pass(fixture, PONG_TIMEOUT_NS - 1);
        say_pong(one, expect_ping(one));
        fixture_settle(fixture);
    }
    player_expect_nothing(one);
    assert_int_equal(timeouts(fixture), 0);
}

/* It is told why, should it be there after all, and gets little time to read that; it is nobody's fault either. */
static void who_does_not_answer_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_connect_from(fixture, "192.0.2.1");

    player_hello(one);
    player_join(one, "room");
    fixture_settle(fixture);
    player_expect_welcome(one);
    player_expect_joined(one, "room");
    fall_quiet(fixture);
    expect_ping(one);
    fixture_pass(fixture, PONG_TIMEOUT_NS - 1);
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    player_expect_kick(one, ROOMD_CLOSE_TIMEOUT);
    assert_int_equal(timeouts(fixture), 1);
    fixture_pass(fixture, LINGER_SLOW_NS + NS_PER_MS);
    assert_null(fixture_session(fixture, one));
    assert_int_equal(fixture_log_count(" reason=timeout "), 1);
    assert_int_equal(fixture_log_count(" event=abuse "), 0);
    stage_expect_notes(stage_of(room), "enter 1; leave 1 disconnected; ");
}

/* Whatever comes shows that it is there, if it is only the beginning of something. */
static void anything_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;

    fixture_room(fixture, "room", NULL);
    one = fixture_enter(fixture, "room");
    fall_quiet(fixture);
    expect_ping(one);
    player_send_bytes(one, "\x05", 1);
    fixture_settle(fixture);
    fixture_pass(fixture, fixture->engine.limits.frame_timeout_ns - 1);
    player_send_bytes(one, "\0\1\0x", 4);
    fixture_settle(fixture);
    player_expect_nothing(one); /* nor is it asked while the frame has its own deadline */
    fixture_pass(fixture, PING_AFTER_NS - 1);
    player_expect_text(one, 1, "x");
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    fixture_pass(fixture, PING_AFTER_NS);
    say_pong(one, expect_ping(one) + 1); /* what it says is no matter */
    fixture_settle(fixture);
    fall_quiet(fixture);
    expect_ping(one);
    player_say(one, 1, "y");
    fixture_settle(fixture);
    fixture_pass(fixture, PING_AFTER_NS);
    player_expect_text(one, 1, "y");
    player_expect_nothing(one);
    assert_int_equal(timeouts(fixture), 0);
}

/* And what it says in the ordinary way touches no list and no timer. */
static void who_talks_is_not_asked(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);
    const struct session *session = fixture_session(fixture, one);
    const struct timer *timer = &fixture->engine.deadline_timer;

    for (int i = 0; i < 40; i++) {
        uint64_t deadline_ns = session->deadline_ns;
        uint64_t armed = timer->arm_number;

        for (int j = 0; j < 9; j++) {
            fixture_pass(fixture, PING_AFTER_NS / 10);
            player_say(one, 1, "nowhere");
            fixture_settle(fixture);
            player_expect_error(one, ROOMD_ERROR_NOT_IN_ROOM);
        }
        assert_int_equal(session->deadline, SESSION_QUIET);
        assert_int_equal(session->deadline_ns, deadline_ns);
        assert_int_equal(timer->arm_number, armed);
        fixture_pass(fixture, PING_AFTER_NS / 10);
    }
    player_expect_nothing(one);
    assert_int_equal(fixture->engine.stats.pings, 0);
}

/* As old clients are, which would not know what to answer; the kernel asks for them. */
static void who_said_no_hello_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct player *listener;
    struct player *talker;

    fixture_autojoin_room(fixture, "room");
    listener = fixture_connect(fixture);
    talker = fixture_connect(fixture);
    fixture_settle(fixture);
    player_say(talker, 1, "once");
    for (int i = 0; i < 50; i++) {
        fixture_pass(fixture, PING_AFTER_NS);
    }
    player_expect_text(listener, 1, "once");
    player_expect_text(talker, 1, "once");
    player_expect_nothing(listener);
    player_expect_nothing(talker);
    player_hello(listener); /* from now on it may be asked */
    fixture_settle(fixture);
    player_expect_welcome(listener);
    player_expect_joined(listener, "room");
    fall_quiet(fixture);
    expect_ping(listener);
    player_expect_nothing(talker);
}

/* While it is not read from it can't be heard. */
static void who_is_made_to_wait_is_not_asked(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;

    options.jobs_per_turn = 0; /* the room stands still */
    room = fixture_room(fixture, "room", &options);
    one = fixture_welcome(fixture);
    player_join(one, "room");
    fixture_turn(fixture);
    for (int i = 0; i < 10; i++) {
        fake_clock_advance(PING_AFTER_NS);
        fixture_turn(fixture);
    }
    assert_int_equal(fixture->engine.stats.pings, 0);
    options.jobs_per_turn = 10;
    room_set_options(room, &options);
    fixture_settle(fixture);
    player_expect_joined(one, "room");
    fall_quiet(fixture);
    expect_ping(one);
}

/* It was asked, and is made to wait before it has answered. */
static void who_is_asked_and_made_to_wait_stays(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);
    struct session *session = fixture_session(fixture, one);

    fall_quiet(fixture);
    say_pong(one, expect_ping(one));
    session_start_owing(session);
    fixture_pass(fixture, PONG_TIMEOUT_NS);
    assert_int_equal(timeouts(fixture), 0);
    assert_int_equal(session->deadline, SESSION_QUIET);
    session_mark_dirty(session); /* which finds that all has been read */
    fixture_settle(fixture);
    assert_false(session->is_paused);
    fall_quiet(fixture);
    say_pong(one, expect_ping(one));
    fixture_settle(fixture);
    assert_int_equal(session->deadline, SESSION_QUIET);
    player_expect_nothing(one);
}

/* It is not looked after any more, but for the time that it has to read why. */
static void who_is_kicked_is_not_asked(void **state)
{
    struct fixture *fixture = *state;
    struct engine_limits limits = fixture->engine.limits;

    for (int i = 0; i < 4; i++) {
        struct player *one = fixture_welcome(fixture);
        struct session *session = fixture_session(fixture, one);
        bool is_asked = i % 2 == 1;

        limits.linger_ns = i < 2 ? NS_PER_S : 0;
        engine_set_limits(&fixture->engine, &limits);
        if (is_asked) {
            fall_quiet(fixture);
            expect_ping(one);
            assert_int_equal(session->deadline, SESSION_PINGED);
        }
        session_close(session, ROOMD_CLOSE_KICKED, NULL);
        assert_int_equal(session->deadline, i < 2 ? SESSION_LINGER : SESSION_NO_DEADLINE);
        assert_true(list_is_empty(&fixture->engine.deadlines[SESSION_QUIET]));
        assert_true(list_is_empty(&fixture->engine.deadlines[SESSION_PINGED]));
        player_say(one, 1, "still here");
        fixture_settle(fixture);
        player_expect_kick(one, ROOMD_CLOSE_KICKED);
        fixture_pass(fixture, limits.linger_ns);
        assert_null(fixture_session(fixture, one));
    }
    assert_int_equal(timeouts(fixture), 0);
    limits.linger_ns = NS_PER_S;
    engine_set_limits(&fixture->engine, &limits);
}

/* ---- many at once ---- */

enum { MANY = 1200 }; /* more than one turn asks, or reads */

static struct player *many[MANY];

static void connect_many(struct fixture *fixture)
{
    fixture_raise_descriptors();
    for (int i = 0; i < MANY; i++) {
        many[i] = fixture_connect(fixture);
        player_hello(many[i]);
    }
    fixture_settle(fixture);
    for (int i = 0; i < MANY; i++) {
        player_expect_welcome(many[i]);
        fixture_session(fixture, many[i])->is_heard = false; /* as if it had come long ago */
    }
}

static void many_are_asked_one_after_the_other(void **state)
{
    struct fixture *fixture = *state;
    const struct engine_stats *stats = &fixture->engine.stats;

    connect_many(fixture);
    fake_clock_advance(PING_AFTER_NS);
    fixture_turn(fixture);
    assert_int_equal(stats->pings, PINGS_A_TURN);
    fixture_pass(fixture, NS_PER_MS);
    assert_int_equal(stats->pings, 2 * PINGS_A_TURN);
    fixture_pass(fixture, NS_PER_MS);
    assert_int_equal(stats->pings, MANY);
    for (int i = 0; i < MANY; i++) {
        say_pong(many[i], expect_ping(many[i]));
    }
    fixture_settle(fixture);
    fixture_pass(fixture, PONG_TIMEOUT_NS);
    assert_int_equal(timeouts(fixture), 0);
    assert_int_equal(fixture->engine.sessions.used, MANY);
}

/*
 * The process stood still until `late_ns` behind the deadline: all but the first have answered, and it takes some turns to
 * read that. How long the first has from then on.
 */
static void stand_still_until(struct fixture *fixture, uint64_t late_ns, uint64_t left_ns)
{
    connect_many(fixture);
    fixture_pass(fixture, PING_AFTER_NS);
    fixture_pass(fixture, NS_PER_MS);
    fixture_pass(fixture, NS_PER_MS);
    for (int i = 1; i < MANY; i++) {
        say_pong(many[i], expect_ping(many[i]));
    }
    fake_clock_advance(PONG_TIMEOUT_NS + late_ns);
    fixture_settle(fixture);
    fixture_pass(fixture, left_ns - 1);
    assert_int_equal(timeouts(fixture), 0);
    fixture_pass(fixture, 1);
    assert_int_equal(timeouts(fixture), 1);
    (void)expect_ping(many[0]);
    player_expect_kick(many[0], ROOMD_CLOSE_TIMEOUT);
    for (int i = 1; i < MANY; i++) {
        player_expect_nothing(many[i]);
    }
}

/* Perhaps the whole machine did, and what they say is on its way: a second is left to all. */
static void nobody_is_late_while_the_process_is_stopped(void **state)
{
    stand_still_until(*state, 20 * NS_PER_S, NS_PER_S);
}

/* It goes on at the very moment when they are due; when all is read it is seen who was silent. */
static void nobody_is_late_whose_answer_is_not_read_yet(void **state)
{
    stand_still_until(*state, 0, 1);
}

/* Where each turn finds more than it may read, who says nothing is found all the same. */
static void a_busy_server_finds_who_is_late(void **state)
{
    enum { CHATTERS = REACTOR_EVENTS_MAX + 40 };
    struct fixture *fixture = *state;
    struct player *mute;
    int turns = 0;

    fixture_raise_descriptors();
    for (int i = 0; i < CHATTERS; i++) {
        many[i] = fixture_connect(fixture);
    }
    mute = fixture_welcome(fixture);
    fall_quiet(fixture);
    expect_ping(mute);
    fake_clock_advance(PONG_TIMEOUT_NS);
    while (timeouts(fixture) == 0) {
        assert_true(++turns < 10);
        for (int i = 0; i < CHATTERS; i++) {
            player_say(many[i], 1, "chatter");
        }
        fixture_turn(fixture);
        assert_int_equal(fixture->engine.net.reactor.found, REACTOR_EVENTS_MAX);
        fake_clock_advance(NS_PER_MS);
    }
    assert_int_equal(turns, CHATTERS / REACTOR_EVENTS_MAX + 2);
    player_expect_kick(mute, ROOMD_CLOSE_TIMEOUT);
}

/* ---- what changes ---- */

static void a_shorter_time_holds_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct engine_limits limits = fixture->engine.limits;
    struct player *one = fixture_welcome(fixture);

    limits.ping_after_ns = 2 * NS_PER_S;
    limits.pong_timeout_ns = NS_PER_S;
    engine_set_limits(&fixture->engine, &limits);
    fixture_pass(fixture, 4 * NS_PER_S - 1);
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    say_pong(one, expect_ping(one));
    fixture_settle(fixture);
    limits.ping_after_ns = 5 * NS_PER_S;
    engine_set_limits(&fixture->engine, &limits);
    fixture_pass(fixture, 2 * NS_PER_S + 5 * NS_PER_S - 1); /* what began before keeps its time */
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    expect_ping(one);
    fixture_pass(fixture, NS_PER_S);
    assert_int_equal(timeouts(fixture), 1);
}

/* Nothing is read any more: whoever has a deadline is told of the shutdown, not that it was late. */
static void nobody_is_late_in_a_shutdown(void **state)
{
    struct fixture *fixture = *state;
    struct player *asked = fixture_welcome(fixture);
    struct player *halfway;

    fall_quiet(fixture);
    expect_ping(asked);
    halfway = fixture_welcome(fixture);
    player_send_bytes(halfway, "\x40", 1);
    fixture_settle(fixture);
    fixture->engine.is_stopping = true;
    fixture_pass(fixture, fixture->engine.limits.frame_timeout_ns);
    fixture_pass(fixture, PONG_TIMEOUT_NS);
    player_expect_nothing(asked);
    player_expect_nothing(halfway);
    session_close(fixture_session(fixture, asked), ROOMD_CLOSE_SHUTDOWN, NULL);
    session_close(fixture_session(fixture, halfway), ROOMD_CLOSE_SHUTDOWN, NULL);
    fixture_settle(fixture);
    player_expect_kick(asked, ROOMD_CLOSE_SHUTDOWN);
    player_expect_kick(halfway, ROOMD_CLOSE_SHUTDOWN);
    fixture_pass(fixture, fixture->engine.limits.linger_ns);
    assert_int_equal(fixture->engine.sessions.used, 0);
}

static void what_the_kernel_finds_has_the_same_name(void **state)
{
    (void)state;
    assert_int_equal(session_reason_of_errno(-ETIMEDOUT), ROOMD_CLOSE_TIMEOUT);
    assert_int_equal(session_reason_of_errno(-ECONNRESET), ROOMD_CLOSE_RESET);
    assert_int_equal(session_reason_of_errno(-EPIPE), ROOMD_CLOSE_RESET);
    assert_int_equal(session_reason_of_errno(-EHOSTUNREACH), ROOMD_CLOSE_IO_ERROR);
}

#define HEARTBEAT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HEARTBEAT_TEST(who_answers_stays),
        HEARTBEAT_TEST(who_does_not_answer_is_closed),
        HEARTBEAT_TEST(anything_is_an_answer),
        HEARTBEAT_TEST(who_talks_is_not_asked),
        HEARTBEAT_TEST(who_said_no_hello_is_left_alone),
        HEARTBEAT_TEST(who_is_made_to_wait_is_not_asked),
        HEARTBEAT_TEST(who_is_asked_and_made_to_wait_stays),
        HEARTBEAT_TEST(who_is_kicked_is_not_asked),
        HEARTBEAT_TEST(many_are_asked_one_after_the_other),
        HEARTBEAT_TEST(nobody_is_late_while_the_process_is_stopped),
        HEARTBEAT_TEST(nobody_is_late_whose_answer_is_not_read_yet),
        HEARTBEAT_TEST(a_busy_server_finds_who_is_late),
        HEARTBEAT_TEST(a_shorter_time_holds_for_all),
        HEARTBEAT_TEST(nobody_is_late_in_a_shutdown),
        cmocka_unit_test(what_the_kernel_finds_has_the_same_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Packets that do not parse, or are not allowed now: some are forgiven, and the client is told; then it is out. */
#include "support/component.h"

#include <string.h>

enum { STRIKES_MAX = 5, BAD = 66 };

static const uint8_t bad_hello[] = {1};

static int setup(void **state)
{
    struct engine_limits limits = fixture_limits();

    limits.strikes_max = STRIKES_MAX;
    *state = fixture_open(&limits);
    return 0;
}

static uint64_t closes(const struct fixture *fixture, enum roomd_close_reason reason)
{
    return fixture->engine.stats.closes[reason];
}

static uint64_t strikes(const struct fixture *fixture, enum roomd_close_reason reason)
{
    return fixture->engine.stats.strikes[reason];
}

/* A C_JOIN without a name; and what is said once, again. */
static void say_malformed(struct fixture *fixture, struct player *player)
{
    player_send(player, ROOMD_C_JOIN, "x", 1);
    fixture_settle(fixture);
}

static void say_out_of_turn(struct fixture *fixture, struct player *player)
{
    player_hello(player);
    fixture_settle(fixture);
}

static void the_last_strike_is_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);

    for (int i = 1; i < STRIKES_MAX; i++) {
        say_malformed(fixture, one);
        player_expect_error(one, ROOMD_ERROR_MALFORMED);
        player_expect_nothing(one);
    }
    say_malformed(fixture, one);
    player_expect_kick(one, ROOMD_CLOSE_MALFORMED);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED), STRIKES_MAX);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_STATE), 0);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_MALFORMED), 1);
    assert_int_equal(fixture->engine.stats.errors_sent, STRIKES_MAX - 1);
}

/* They count together; the reason is that of the last. */
static void both_kinds_count_together(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);

    for (int i = 1; i < STRIKES_MAX; i++) {
        if (i % 2 == 0) {
            say_malformed(fixture, one);
        } else {
            say_out_of_turn(fixture, one);
        }
        player_expect_error(one, i % 2 == 0 ? ROOMD_ERROR_MALFORMED : ROOMD_ERROR_NOT_NOW);
    }
    say_out_of_turn(fixture, one);
    player_expect_kick(one, ROOMD_CLOSE_STATE);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_STATE), 3);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED), 2);
}

/* It is not told, for it has not said that it speaks the engine's packets; a C_HELLO that is good is welcome still. */
static void before_hello_nothing_is_said(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_connect(fixture);
    struct player *two = fixture_connect(fixture);

    fixture_room(fixture, "room", NULL);
    for (int i = 1; i < STRIKES_MAX; i++) {
        player_join(one, "room");
        player_send(two, ROOMD_C_HELLO, bad_hello, sizeof(bad_hello));
    }
    fixture_settle(fixture);
    player_expect_nothing(one);
    player_expect_nothing(two);
    player_join(one, "room");
    player_hello(two);
    fixture_settle(fixture);
    player_expect_kick(one, ROOMD_CLOSE_STATE);
    player_expect_welcome(two);
    say_malformed(fixture, two); /* the fifth */
    player_expect_kick(two, ROOMD_CLOSE_MALFORMED);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_STATE), STRIKES_MAX);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED), STRIKES_MAX);
}

/* One a minute is forgotten, to the second, and what comes meanwhile does not set the clock back. */
static void one_a_minute_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);
    const struct session *session = fixture_session(fixture, one);

    for (int i = 1; i < STRIKES_MAX; i++) {
        say_malformed(fixture, one);
    }
    fixture_advance(fixture, 60 * NS_PER_S);
    say_malformed(fixture, one); /* the one from the beginning is gone */
    assert_int_equal(session->strikes, 4);
    fixture_advance(fixture, 59 * NS_PER_S);
    fixture_advance(fixture, 60 * NS_PER_S); /* 119 s later: one more */
    say_malformed(fixture, one);
    assert_int_equal(session->strikes, 4);
    fixture_advance(fixture, NS_PER_S); /* and at 120 the next */
    say_malformed(fixture, one);
    assert_int_equal(session->strikes, 4);
    fixture_advance(fixture, 4 * 60 * NS_PER_S + 30 * NS_PER_S);
    say_malformed(fixture, one); /* all are; the next minute begins here */
    assert_int_equal(session->strikes, 1);
    fixture_advance(fixture, 59 * NS_PER_S);
    say_malformed(fixture, one);
    assert_int_equal(session->strikes, 2);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_MALFORMED), 0);
    for (int i = 0; i < 3; i++) {
        say_malformed(fixture, one);
    }
    assert_int_equal(closes(fixture, ROOMD_CLOSE_MALFORMED), 1);
}

/* A slow trickle of them is borne for ever: one a minute is what is forgiven. */
static void one_a_minute_is_borne(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);

    for (int i = 0; i < 500; i++) {
        say_malformed(fixture, one);
        player_expect_error(one, ROOMD_ERROR_MALFORMED);
        fixture_advance(fixture, 60 * NS_PER_S);
    }
    /* And what comes faster is not: so many are there when the i-th has come. */
    for (int i = 1; closes(fixture, ROOMD_CLOSE_MALFORMED) == 0; i++) {
        bool is_last = i - 59 * (i - 1) / 60 == STRIKES_MAX;

        say_malformed(fixture, one);
        assert_int_equal(closes(fixture, ROOMD_CLOSE_MALFORMED), is_last);
        fixture_advance(fixture, 59 * NS_PER_S);
    }
}

/* ---- what the content finds ---- */

static enum roomd_packet_result find_bad(struct stage *stage, uint64_t session, uint16_t id,
                                         const uint8_t *bytes, size_t size)
{
    (void)stage;
    (void)session;
    (void)bytes;
    (void)size;
    return id == BAD ? ROOMD_PACKET_MALFORMED : ROOMD_PACKET_OK;
}

static void the_content_s_word_counts(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "room");
    struct player *silent;
    struct player *one;

    stage_of(room)->on_packet = find_bad;
    one = fixture_enter(fixture, "room");
    silent = fixture_connect(fixture);
    fixture_settle(fixture);
    stage_of(room)->notes[0] = '\0';
    for (int i = 1; i < STRIKES_MAX; i++) {
        player_say(one, BAD, "bad");
        player_say(silent, BAD, "bad");
    }
    player_say(one, 1, "good");
    fixture_settle(fixture);
    for (int i = 1; i < STRIKES_MAX; i++) {
        player_expect_error(one, ROOMD_ERROR_MALFORMED);
    }
    player_expect_nothing(one);
    player_expect_nothing(silent);
    assert_non_null(strstr(stage_of(room)->notes, "packet 1 1 good; "));
    stage_of(room)->notes[0] = '\0';
    player_say(one, BAD, "bad");
    player_say(one, 1, "not run any more");
    player_say(silent, BAD, "bad");
    fixture_settle(fixture);
    player_expect_kick(one, ROOMD_CLOSE_MALFORMED);
    player_expect_kick(silent, ROOMD_CLOSE_MALFORMED);
    stage_expect_notes(stage_of(room),
                       "packet 1 66 bad; packet 2 66 bad; leave 1 disconnected; leave 2 disconnected; ");
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED), 2 * STRIKES_MAX);
}

/* It has hung up: what it had said runs to its end, and whether that is bad is no matter any more. */
static void who_is_gone_is_struck_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "room");
    struct player *one;

    stage_of(room)->on_packet = find_bad;
    one = fixture_enter(fixture, "room");
    stage_of(room)->notes[0] = '\0';
    for (int i = 0; i < 100; i++) {
        player_say(one, BAD, "");
    }
    player_say(one, 1, "good");
    fixture_read(fixture);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_PEER_CLOSED, NULL);
    fixture_settle(fixture);
    assert_non_null(strstr(stage_of(room)->notes, "packet 1 1 good; "));
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED), 100);
    assert_int_equal(closes(fixture, ROOMD_CLOSE_MALFORMED), 0);
    assert_int_equal(fixture->engine.stats.errors_sent, 0);
}

/* A client of a later version may try; one that goes on has not listened. */
static void packets_that_nobody_knows_were_answered_for_ever(void **state)
{
    static const uint16_t ids[STRIKES_MAX] = {0xFF00, 0xFF50, 0xFF81, 0xFFEE, 0xFFFF};
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);

    for (int i = 0; i < STRIKES_MAX; i++) {
        player_send(one, ids[i], "?", 1);
        fixture_settle(fixture);
        if (i + 1 < STRIKES_MAX) {
            player_expect_error(one, ROOMD_ERROR_UNKNOWN_PACKET);
        }
    }
    player_expect_kick(one, ROOMD_CLOSE_MALFORMED);
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED), STRIKES_MAX);
}

/* ---- what is no strike ---- */

/* What a client that lags behind says of a room that it was moved out of, or asks for in vain. */
static void honest_mistakes_are_no_strikes(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);
    uint8_t token[8] = {0};

    for (int i = 0; i < 3 * STRIKES_MAX; i++) {
        player_say(one, 1, "nowhere");
        player_join(one, "no such room");
        player_send(one, ROOMD_C_PONG, token, sizeof(token)); /* nobody asked */
        fixture_settle(fixture);
        player_expect_error(one, ROOMD_ERROR_NOT_IN_ROOM);
        player_expect_error(one, ROOMD_ERROR_NO_SUCH_ROOM);
        player_expect_nothing(one);
    }
    assert_int_equal(strikes(fixture, ROOMD_CLOSE_MALFORMED) + strikes(fixture, ROOMD_CLOSE_STATE), 0);
}

/* With these there is nothing to be forgiven: no frame can follow, and no word of that version. */
static void some_mistakes_are_the_end_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_welcome(fixture);
    struct player *two = fixture_connect(fixture);

    player_send_bytes(one, "\3\0", 2);
    player_send(two, ROOMD_C_HELLO, "\x63\0\0\0\0\0", 6);
    fixture_settle(fixture);
    player_expect_kick(one, ROOMD_CLOSE_FRAME_SIZE);
    player_expect_kick(two, ROOMD_CLOSE_VERSION);
}

#define STRIKES_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STRIKES_TEST(the_last_strike_is_the_end),
        STRIKES_TEST(both_kinds_count_together),
        STRIKES_TEST(before_hello_nothing_is_said),
        STRIKES_TEST(one_a_minute_is_forgotten),
        STRIKES_TEST(one_a_minute_is_borne),
        STRIKES_TEST(the_content_s_word_counts),
        STRIKES_TEST(who_is_gone_is_struck_no_more),
        STRIKES_TEST(packets_that_nobody_knows_were_answered_for_ever),
        STRIKES_TEST(honest_mistakes_are_no_strikes),
        STRIKES_TEST(some_mistakes_are_the_end_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who is in no room has so long to say C_HELLO, and nothing but C_HELLO counts. */
#include "support/component.h"

#include "component/ticket_guests.h"

#define HELLO_NS (8 * NS_PER_S)

static int setup(void **state)
{
    struct engine_limits limits = fixture_limits();

    limits.hello_timeout_ns = HELLO_NS;
    limits.strikes_max = 100;
    *state = fixture_open(&limits);
    return 0;
}

static uint64_t closes(const struct fixture *fixture)
{
    return fixture->engine.stats.closes[ROOMD_CLOSE_HELLO_TIMEOUT];
}

static void the_silent_are_out(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_connect_from(fixture, "192.0.2.1");

    fixture_room(fixture, "room", NULL);
    fixture_pass(fixture, HELLO_NS - 1);
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    player_expect_kick(one, ROOMD_CLOSE_HELLO_TIMEOUT);
    fixture_pass(fixture, fixture->engine.limits.linger_ns);
    assert_null(fixture_session(fixture, one));
    assert_int_equal(closes(fixture), 1);
    assert_int_equal(fixture->engine.sources.stats.offences[SOURCE_OFFENCE_TIMEOUT], 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.1 reason=hello_timeout\n"), 1);
}

/* Byte by byte, or packet by packet: whatever comes that is no C_HELLO moves nothing. */
static void who_dribbles_is_out_all_the_same(void **state)
{
    static const uint8_t long_frame[] = {0, 16, 1, 0};
    struct fixture *fixture = *state;
    struct player *dribbler = fixture_connect(fixture);
    struct player *talker = fixture_connect(fixture);
    struct player *joiner = fixture_connect(fixture);
    struct player *stammerer = fixture_connect(fixture);
    uint8_t hello[CONTROL_FRAME_BYTES_MAX];
    size_t size = control_put_hello(hello, ROOMD_WIRE_VERSION, 0, NULL, 0);

    fixture_room(fixture, "room", NULL);
    player_send_bytes(dribbler, long_frame, sizeof(long_frame));
    for (int i = 0; i < 79; i++) {
        player_send_bytes(dribbler, "x", 1);
        player_say(talker, 1, "let me in");
        player_join(joiner, "room");
        player_send(stammerer, ROOMD_C_HELLO, "", 0);
        fixture_settle(fixture);
        fixture_pass(fixture, HELLO_NS / 80);
    }
    player_send_bytes(stammerer, hello, size - 1); /* nearly */
    fixture_pass(fixture, HELLO_NS / 80 - 1);
    assert_int_equal(closes(fixture), 0);
    fixture_pass(fixture, 1);
    player_expect_kick(dribbler, ROOMD_CLOSE_HELLO_TIMEOUT);
    player_expect_kick(talker, ROOMD_CLOSE_HELLO_TIMEOUT);
    player_expect_kick(joiner, ROOMD_CLOSE_HELLO_TIMEOUT);
    player_expect_kick(stammerer, ROOMD_CLOSE_HELLO_TIMEOUT);
}

/* The last byte of it comes in time, in the end; what is behind it has the time that a frame has. */
static void c_hello_ends_it(void **state)
{
    struct fixture *fixture = *state;
    struct player *one = fixture_connect(fixture);
    uint8_t bytes[2 * CONTROL_FRAME_BYTES_MAX];
    size_t size = control_put_hello(bytes, ROOMD_WIRE_VERSION, 0, NULL, 0);

    fixture_room(fixture, "room", NULL);
    player_send_bytes(one, bytes, size - 1);
    fixture_pass(fixture, HELLO_NS - 1);
    control_put_join(bytes + size, "room");
    player_send_bytes(one, bytes + size - 1, 3); /* and two bytes of C_JOIN */
    fixture_settle(fixture);
    player_expect_welcome(one);
    fixture_pass(fixture, fixture->engine.limits.frame_timeout_ns - 1);
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    player_expect_kick(one, ROOMD_CLOSE_FRAME_TIMEOUT);
    assert_int_equal(closes(fixture), 0);
}

/* Old clients, which say nothing, are in a room from the start. */
static void who_is_taken_at_once_has_all_the_time(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;
    struct player *two;

    fixture_autojoin_room(fixture, "room");
    one = fixture_connect(fixture);
    two = fixture_connect(fixture);
    fixture_pass(fixture, 3 * HELLO_NS);
    player_say(one, 1, "good morning");
    fixture_pass(fixture, 3 * HELLO_NS);
    player_expect_text(one, 1, "good morning");
    player_expect_text(two, 1, "good morning");
    player_expect_nothing(one);
    player_expect_nothing(two);
}

/* Where tickets are wanted nobody is let in, nor may wait at the door for ever, without one. */
static void who_owes_a_ticket_has_it_too(void **state)
{
    struct fixture *fixture = *state;
    struct player *guest;
    struct player *loiterer;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REFUSE);
    guest_lobby(fixture, 10);
    guest = guest_welcome(fixture, "ann", "");
    player_expect_joined(guest, "lobby");
    loiterer = fixture_connect(fixture);
    player_say(loiterer, 1, "what a nice door");
    fixture_pass(fixture, HELLO_NS - 1);
    player_expect_nothing(loiterer);
    fixture_pass(fixture, 1);
    player_expect_kick(loiterer, ROOMD_CLOSE_HELLO_TIMEOUT);
    fixture_pass(fixture, 10 * HELLO_NS);
    player_expect_nothing(guest);
}

/* Who waits for the same user's session before it has said what it had to. */
static void who_waits_for_the_one_before_is_not_late(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *before;
    struct player *after;

    guests_need_tickets(fixture, TICKET_DUPLICATE_REPLACE);
    room = guest_lobby(fixture, 10);
    before = guest_welcome(fixture, "ann", "");
    player_expect_joined(before, "lobby");
    options.jobs_per_turn = 0; /* it can't leave */
    room_set_options(room, &options);
    after = guest_connect(fixture, "ann", "");
    for (int i = 0; i < 100; i++) {
        fixture_turn(fixture);
        fake_clock_advance(HELLO_NS / 16);
    }
    assert_true(fixture_session(fixture, after)->is_replacing);
    options.jobs_per_turn = 100;
    room_set_options(room, &options);
    fixture_settle(fixture);
    player_expect_welcome(after);
    player_expect_joined(after, "lobby");
    player_expect_kick(before, ROOMD_CLOSE_REPLACED);
    assert_int_equal(closes(fixture), 0);
}

/* The header has a deadline of its own; C_HELLO has its time from then on. */
static void behind_a_proxy_it_begins_with_the_header(void **state)
{
    static const char header[] = "PROXY TCP4 192.0.2.7 198.51.100.1 51234 7777\r\n";
    struct fixture *fixture = *state;
    struct engine_limits limits = fixture->engine.limits;
    struct player *one;
    struct player *mute;

    limits.proxy_from.count = 1;
    assert_int_equal(network_parse(&limits.proxy_from.networks[0], "10.0.0.0/8"), 0);
    limits.frame_timeout_ns = 2 * HELLO_NS;
    engine_set_limits(&fixture->engine, &limits);
    one = fixture_connect_from(fixture, "10.0.0.1");
    mute = fixture_connect_from(fixture, "10.0.0.1");
    player_send_bytes(one, header, sizeof(header) - 3);
    fixture_pass(fixture, 2 * HELLO_NS - 1);
    player_expect_nothing(one);
    player_send_bytes(one, header + sizeof(header) - 3, 2);
    fixture_settle(fixture);
    fixture_pass(fixture, 1);
    player_expect_kick(mute, ROOMD_CLOSE_PROXY);
    fixture_pass(fixture, HELLO_NS - 2);
    player_expect_nothing(one);
    fixture_pass(fixture, 1);
    player_expect_kick(one, ROOMD_CLOSE_HELLO_TIMEOUT);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.7 reason=hello_timeout\n"), 1);
}

/* Thousands that came together and never spoke go in parts, and rooms have their turns meanwhile. */
static void many_go_one_after_the_other(void **state)
{
    enum { MANY = 1200, A_TURN = 512 };
    struct fixture *fixture = *state;
    static struct player *players[MANY];

    fixture_raise_descriptors();
    for (int i = 0; i < MANY; i++) {
        players[i] = fixture_connect(fixture);
    }
    fixture_settle(fixture);
    fixture_pass(fixture, HELLO_NS - 1);
    assert_int_equal(closes(fixture), 0);
    fake_clock_advance(1);
    fixture_turn(fixture);
    assert_int_equal(closes(fixture), A_TURN);
    fixture_pass(fixture, NS_PER_MS);
    assert_int_equal(closes(fixture), 2 * A_TURN);
    fixture_pass(fixture, NS_PER_MS);
    assert_int_equal(closes(fixture), MANY);
    for (int i = 0; i < MANY; i++) {
        player_expect_kick(players[i], ROOMD_CLOSE_HELLO_TIMEOUT);
    }
}

#define HELLO_TEST(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELLO_TEST(the_silent_are_out),
        HELLO_TEST(who_dribbles_is_out_all_the_same),
        HELLO_TEST(c_hello_ends_it),
        HELLO_TEST(who_is_taken_at_once_has_all_the_time),
        HELLO_TEST(who_owes_a_ticket_has_it_too),
        HELLO_TEST(who_waits_for_the_one_before_is_not_late),
        HELLO_TEST(behind_a_proxy_it_begins_with_the_header),
        HELLO_TEST(many_go_one_after_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What becomes of one that sends more than it may: warned, kicked, or forgiven; and rooms with limits of their own. */
#include "component/tally_room.h"

#include "wire/control.h"

static const struct input_limits ten_packets = {.packets = {5, 10}, .bytes = {1000, 1000}};

static void send_many(struct fixture *fixture, struct player *player, uint32_t count, uint32_t frame_bytes)
{
    while (count-- > 0) {
        send_numbered(player, 0, frame_bytes);
    }
    fixture_settle(fixture);
}

static void expect_kick_text(struct player *player, enum roomd_close_reason reason, const char *text)
{
    struct control_server control;
    struct frame frame;

    assert_true(player_next(player, &frame));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.id, ROOMD_S_KICK);
    assert_int_equal(control.kick.reason, reason);
    assert_int_equal(control.kick.text.size, strlen(text));
    assert_memory_equal(control.kick.text.bytes, text, strlen(text));
    player_expect_end(player);
}

/* Said hello, in the room, and its buckets are full again. */
static struct player *enter_and_rest(struct fixture *fixture)
{
    struct player *player = fixture_enter(fixture, "room");

    fixture_advance(fixture, 10 * NS_PER_S);
    tally_count = 0;
    return player;
}

static void it_is_warned_once_and_then_kicked(void **state)
{
    struct fixture *fixture = open_limited(&ten_packets, 8);
    struct engine_stats *stats = &fixture->engine.stats;
    struct player *one;

    (void)state;
    counting_room(fixture, NULL);
    one = enter_and_rest(fixture);
    send_many(fixture, one, 10 + 3, 8);
    assert_int_equal(tally_count, 10);
    player_expect_nothing(one);
    send_many(fixture, one, 1, 8);
    player_expect_error(one, ROOMD_ERROR_TOO_FAST);
    assert_int_equal(stats->flood_warnings, 1);
    send_many(fixture, one, 3, 8);
    player_expect_nothing(one);
    assert_int_equal(stats->closes[ROOMD_CLOSE_FLOOD], 0);
    send_many(fixture, one, 3, 8); /* of which the second is not looked at any more */
    expect_kick_text(one, ROOMD_CLOSE_FLOOD, "flood: more than 5 packets a second");
    assert_int_equal(stats->closes[ROOMD_CLOSE_FLOOD], 1);
    assert_int_equal(stats->packets_flooded, 8);
    assert_int_equal(stats->bytes_flooded, 8 * 8);
    assert_int_equal(stats->flood_warnings, 1);
    assert_int_equal(stats->errors_sent, 1);
    assert_int_equal(tally_count, 10);
    fixture_close(fixture);
}

static void too_many_bytes_are_a_flood_too(void **state)
{
    struct fixture *fixture = open_limited(&ten_packets, 8);
    struct player *one;

    (void)state;
    counting_room(fixture, NULL);
    one = enter_and_rest(fixture);
    send_many(fixture, one, 1, 1000); /* one frame may be as much as the burst */
    assert_int_equal(tally_count, 1);
    send_many(fixture, one, 4, 20);
    player_expect_error(one, ROOMD_ERROR_TOO_FAST);
    send_many(fixture, one, 4, 20);
    expect_kick_text(one, ROOMD_CLOSE_FLOOD, "flood: more than 1000 bytes a second");
    assert_int_equal(fixture->engine.stats.bytes_flooded, 8 * 20);
    fixture_close(fixture);
}

/* What was thrown away is forgotten by the first packet that leaves both buckets half full, and by none before. */
static void who_slows_down_is_forgiven(void **state)
{
    struct fixture *fixture = open_limited(&ten_packets, 8);
    struct player *one;
    const struct session *session;

    (void)state;
    counting_room(fixture, NULL);
    one = enter_and_rest(fixture);
    session = fixture_session(fixture, one);
    for (int round = 1; round <= 3; round++) {
        send_many(fixture, one, 10 + 7, 8);
        player_expect_error(one, ROOMD_ERROR_TOO_FAST);
        fixture_advance(fixture, NS_PER_S); /* five tokens, and it takes one */
        send_many(fixture, one, 1, 8);
        assert_int_equal(session->flood_drops, 7);
        fixture_advance(fixture,
                        2 * NS_PER_S / 5 - 1); /* and now it would be five again, but for a nanosecond */
        send_many(fixture, one, 1, 8);
        assert_int_equal(session->flood_drops, 7);
        fixture_advance(fixture, NS_PER_S / 5 + 1);
        send_many(fixture, one, 1, 8);
        assert_int_equal(session->flood_drops, 0);
        fixture_advance(fixture, 10 * NS_PER_S);
    }
    send_many(fixture, one, 1, 600); /* of bytes less than half is left */
    send_many(fixture, one, 1, 401);
    assert_int_equal(session->flood_drops, 1);
    fixture_advance(fixture, NS_PER_S / 10 + 8 * NS_PER_MS - 1);
    send_many(fixture, one, 1, 8);
    assert_int_equal(session->flood_drops, 1);
    fixture_advance(fixture, 8 * NS_PER_MS + 1);
    send_many(fixture, one, 1, 8);
    assert_int_equal(session->flood_drops, 0);
    fixture_close(fixture);
}

/* However few may come at once: who is always twice as fast as it may is found. */
static void a_small_burst_forgives_no_flood(void **state)
{
    for (uint32_t burst = 1; burst <= 3; burst++) {
        const struct input_limits input = {.packets = {10, burst}, .bytes = {1000000, 1000000}};
        struct fixture *fixture = open_limited(&input, 40);
        struct player *one = connect_into(fixture, counting_room(fixture, NULL));

        (void)state;
        for (int i = 0; i < 100 && !one->is_ended; i++) {
            send_many(fixture, one, 1, 8);
            fixture_advance(fixture, NS_PER_S / 20); /* twice as fast as it may */
            player_receive(one, SIZE_MAX);
        }
        assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_FLOOD], 1);
        fixture_close(fixture);
    }
}

/* As old clients are: no packet of the engine, but for the last one. */
static void who_said_no_hello_is_kicked_without_a_warning(void **state)
{
    struct fixture *fixture = open_limited(&ten_packets, 8);
    struct player *one;

    (void)state;
    one = connect_into(fixture, counting_room(fixture, NULL));
    send_many(fixture, one, 10 + 7, 8);
    player_expect_nothing(one);
    assert_int_equal(fixture->engine.stats.flood_warnings, 0);
    assert_int_equal(fixture->engine.stats.errors_sent, 0);
    send_many(fixture, one, 1, 8);
    player_expect_kick(one, ROOMD_CLOSE_FLOOD);
    fixture_close(fixture);
}

/* The engine's packets count like others, C_PONG too, and what is in no room; and it is put to the address's account. */
static void every_packet_counts(void **state)
{
    struct fixture *fixture = open_limited(&ten_packets, 8);
    struct player *one = fixture_connect_from(fixture, "192.0.2.1");
    uint8_t token[8] = {0};

    (void)state;
    player_hello(one);
    for (int i = 0; i < 3; i++) {
        player_send(one, ROOMD_C_PONG, token, sizeof(token));
        player_send(one, ROOMD_C_PING, token, sizeof(token));
        player_send(one, TALLY_NOTE, token, sizeof(token));
    }
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.packets_flooded, 0);
    player_send(one, ROOMD_C_PONG, token, sizeof(token));
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.packets_flooded, 1);
    send_many(fixture, one, 7, 8);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_FLOOD], 1);
    assert_int_equal(fixture->engine.sources.stats.offences[SOURCE_OFFENCE_KICK], 1);
    assert_int_equal(fixture_log_count(" event=abuse addr=192.0.2.1 reason=flood\n"), 1);
    fixture_close(fixture);
}

/* ---- rooms of their own limits ---- */

static void check_limits(const struct room *room, struct input_limits wanted)
{
    assert_memory_equal(&room->input, &wanted, sizeof(wanted));
}

static void a_room_has_the_lesser_of_both(void **state)
{
    const struct input_limits servers = {.packets = {200, 400}, .bytes = {65536, 131072}};
    struct fixture *fixture = open_limited(&servers, 0);
    struct engine_limits limits = fixture->engine.limits;
    struct room_options options = fixture_room_options();
    struct room *plain = fixture_room(fixture, "plain", &options);
    struct room *room;

    (void)state;
    options.input = (struct input_limits){.packets = {50, 500}, .bytes = {0, 5000}};
    room = fixture_room(fixture, "room", &options);
    check_limits(plain, servers);
    check_limits(room, (struct input_limits){.packets = {50, 400}, .bytes = {65536, 5000}});
    limits.input = (struct input_limits){.packets = {20, 600}, .bytes = {1000, 2000}};
    engine_set_limits(&fixture->engine, &limits);
    check_limits(plain, limits.input);
    check_limits(room, (struct input_limits){.packets = {20, 500}, .bytes = {1000, 2000}});
    options.input = (struct input_limits){.packets = {10, 0}, .bytes = {999, 1999}};
    room_set_options(room, &options);
    check_limits(room, (struct input_limits){.packets = {10, 600}, .bytes = {999, 1999}});
    fixture_close(fixture);
}

/* The same buckets for both: what a member may send is the room's affair while it is in, and the server's before and after. */
static void a_room_may_be_tighter(void **state)
{
    const struct input_limits servers = {.packets = {100, 200}, .bytes = {1000000, 1000000}};
    struct fixture *fixture = open_limited(&servers, 0);
    struct engine_stats *stats = &fixture->engine.stats;
    struct room_options options = fixture_room_options();
    struct player *one;

    (void)state;
    options.input.packets = (struct rate){.per_s = 2, .burst = 4};
    counting_room(fixture, &options);
    one = fixture_welcome(fixture);
    send_many(fixture, one, 100, 8); /* it is in no room yet: each is answered, none is too much */
    assert_int_equal(stats->packets_flooded, 0);
    player_join(one, "room");
    fixture_settle(fixture);
    send_many(fixture, one, 10, 8);
    assert_int_equal(tally_count, 4);
    fixture_advance(fixture, NS_PER_S);
    send_many(fixture, one, 10, 8);
    assert_int_equal(tally_count, 4 + 2);
    assert_int_equal(stats->packets_flooded, 6 + 8);
    fixture_advance(fixture, NS_PER_S);
    player_leave(one);
    fixture_settle(fixture);
    send_many(fixture, one, 101, 8); /* the room's last token, and from then on the server's rate */
    assert_int_equal(stats->packets_flooded, 6 + 8 + 100);
    fixture_advance(fixture, NS_PER_S);
    send_many(fixture, one, 101, 8);
    assert_int_equal(stats->packets_flooded, 6 + 8 + 100 + 1);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_warned_once_and_then_kicked),
        cmocka_unit_test(too_many_bytes_are_a_flood_too),
        cmocka_unit_test(who_slows_down_is_forgiven),
        cmocka_unit_test(a_small_burst_forgives_no_flood),
        cmocka_unit_test(who_said_no_hello_is_kicked_without_a_warning),
        cmocka_unit_test(every_packet_counts),
        cmocka_unit_test(a_room_has_the_lesser_of_both),
        cmocka_unit_test(a_room_may_be_tighter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

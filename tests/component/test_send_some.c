/* Packets for some of the players of a room: whom they reach, and what they cost. */
#include "support/component.h"

#include <errno.h>
#include <string.h>

enum { NOTE = 100, PLAYERS = 50 };

#define NONE UINT32_MAX

static int send_some(struct room *room, const uint64_t *sessions, uint32_t count, const char *text,
                     unsigned flags)
{
    return room_send_some(room, sessions, count, NOTE, text, strlen(text), flags, NULL);
}

/* The same, which must miss exactly those at `places`, ended by NONE. */
static void send_some_but(struct room *room, const uint64_t *sessions, uint32_t count, const char *text,
                          const uint32_t *places)
{
    uint32_t missed[PLAYERS];
    uint32_t missed_count = 0;

    assert_true(count < PLAYERS);
    memset(missed, 0xEE, sizeof(missed));
    while (places[missed_count] != NONE) {
        missed_count++;
    }
    assert_int_equal(room_send_some(room, sessions, count, NOTE, text, strlen(text), 0, missed),
                     count - missed_count);
    assert_memory_equal(missed, places, missed_count * sizeof(missed[0]));
    assert_int_equal(missed[missed_count], 0xEEEEEEEE); /* nothing behind them */
}

static void it_reaches_those_who_are_in(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct player *three = fixture_enter(fixture, "room");
    struct player *kicked = fixture_enter(fixture, "room");
    struct player *elsewhere;

    fixture_room(fixture, "other", NULL);
    elsewhere = fixture_enter(fixture, "other");
    session_close(fixture_session(fixture, kicked), ROOMD_CLOSE_KICKED, NULL);

    uint64_t sessions[] = {two->session, elsewhere->session, 0, kicked->session, one->session, UINT64_MAX};

    assert_int_equal(room_broadcast(room, NOTE, "before", 6, 0), 0);
    send_some_but(room, sessions, 6, "some", (const uint32_t[]){1, 2, 3, 5, NONE});
    assert_int_equal(room_broadcast(room, NOTE, "after", 5, 0), 0);
    assert_int_equal(send_some(room, sessions, 0, "none", 0), 0);
    assert_int_equal(send_some(room, sessions + 1, 3, "none", 0), 0);
    send_some_but(room, sessions + 1, 3, "none", (const uint32_t[]){0, 1, 2, NONE});
    send_some_but(room, sessions, 0, "none", (const uint32_t[]){NONE});
    fixture_settle(fixture);
    player_expect_nothing(one);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "before");
    player_expect_text(one, NOTE, "some");
    player_expect_text(one, NOTE, "after");
    player_expect_text(two, NOTE, "before");
    player_expect_text(two, NOTE, "some");
    player_expect_text(two, NOTE, "after");
    player_expect_text(three, NOTE, "before");
    player_expect_text(three, NOTE, "after");
    player_expect_kick(kicked, ROOMD_CLOSE_KICKED);
    player_expect_nothing(elsewhere);
}

static void what_may_not_be_sent_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    uint64_t to[] = {0, one->session};
    uint32_t missed[2] = {7, 7};

    assert_int_equal(room_send_some(room, to, 2, 0, "x", 1, 0, missed), -EINVAL);
    assert_int_equal(room_send_some(room, to, 2, ROOMD_ENGINE_ID_FIRST, "x", 1, 0, missed), -EINVAL);
    assert_int_equal(room_send_some(room, to, 2, NOTE, "x", ROOMD_PAYLOAD_BYTES_MAX + 1, 0, missed),
                     -EMSGSIZE);
    assert_true(missed[0] == 7 && missed[1] == 7);
    assert_false(room->owes_private);
    fixture_settle(fixture);
    player_expect_nothing(one);
}

static void it_leaves_at_the_tick_or_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    uint64_t sessions[] = {one->session, two->session};
    struct room *instant;
    struct player *three;

    assert_int_equal(send_some(room, sessions, 2, "tick", 0), 2);
    fixture_settle(fixture);
    player_expect_nothing(one);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "tick");
    player_expect_text(two, NOTE, "tick");
    assert_int_equal(send_some(room, sessions, 1, "urgent", ROOMD_URGENT), 1);
    fixture_settle(fixture);
    player_expect_text(one, NOTE, "urgent");
    player_expect_nothing(two);

    options.tick_ns = 0;
    instant = fixture_room(fixture, "instant", &options);
    three = fixture_enter(fixture, "instant");
    assert_int_equal(send_some(instant, &three->session, 1, "instant", 0), 1);
    fixture_settle(fixture);
    player_expect_text(three, NOTE, "instant");
}

/* Fifty receivers of 200 KB: the memory of one. */
static void it_is_written_once(void **state)
{
    enum { PACKETS = 200, PACKET_BYTES = 1000 };
    static uint8_t bytes[PACKET_BYTES];
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *players[PLAYERS];
    uint64_t sessions[PLAYERS];
    const struct gather *gather = &fixture->engine.net.gather;

    for (int i = 0; i < PLAYERS; i++) {
        players[i] = fixture_enter(fixture, "room");
        sessions[i] = players[i]->session;
    }

    uint64_t memory_bytes = gather->chunks.memory_bytes;
    uint64_t deliveries = gather->deliveries;

    for (int i = 0; i < PACKETS; i++) {
        roomd_put_u32(bytes, (uint32_t)i);
        assert_int_equal(room_send_some(room, sessions, PLAYERS, NOTE, bytes, sizeof(bytes), 0, NULL),
                         PLAYERS);
    }
    assert_int_equal(gather->deliveries - deliveries, PACKETS * PLAYERS);
    assert_in_range(gather->chunks.memory_bytes - memory_bytes, PACKETS * PACKET_BYTES * 9 / 10,
                    PACKETS * PACKET_BYTES * 12 / 10);
    assert_in_range(fixture_session(fixture, players[0])->conn.reader.outbox.slices, 1, PACKETS / 10);
    for (int turn = 0; turn < 4; turn++) {
        fixture_advance(fixture, FIXTURE_TICK_NS);
        for (int i = 0; i < PLAYERS; i++) {
            player_receive(players[i], SIZE_MAX);
        }
    }
    for (int i = 0; i < PLAYERS; i++) {
        for (int packet = 0; packet < PACKETS; packet++) {
            roomd_put_u32(bytes, (uint32_t)packet);
            player_expect(players[i], NOTE, bytes, sizeof(bytes));
        }
        player_expect_nothing(players[i]);
    }
}

/* Who reads is flushed, and may be sent more then; whose socket takes no more is slow. */
static void who_is_owed_enough_is_passed_over(void **state)
{
    static uint8_t bytes[4000];
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *reads;
    struct player *stuck;
    uint32_t missed[2];

    options.outbox_bytes_max = 10000;
    room = fixture_room(fixture, "room", &options);
    reads = fixture_enter(fixture, "room");
    stuck = fixture_enter_narrow(fixture, "room", 1);

    uint64_t sessions[] = {stuck->session, reads->session};

    for (int i = 0; i < 4; i++) {
        assert_int_equal(room_send_some(room, sessions, 2, NOTE, bytes, sizeof(bytes), 0, missed),
                         i < 2 ? 2 : 0);
    }
    assert_true(missed[0] == 0 && missed[1] == 1);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
    fixture_turn(fixture); /* both are dirty */
    assert_true(fixture_session(fixture, stuck)->conn.is_blocked);
    assert_int_equal(player_receive(reads, SIZE_MAX), 2 * (sizeof(bytes) + ROOMD_FRAME_HEADER_BYTES));
    reads->start = reads->end;
    assert_int_equal(room_send_some(room, sessions, 2, NOTE, bytes, sizeof(bytes), 0, missed), 2);
    missed[0] = NONE;
    /* The one is closed by this, and missed. */
    assert_int_equal(room_send_some(room, sessions, 2, NOTE, bytes, sizeof(bytes), 0, missed), 1);
    assert_int_equal(missed[0], 0);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 1);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    assert_int_equal(player_receive(reads, SIZE_MAX), 2 * (sizeof(bytes) + ROOMD_FRAME_HEADER_BYTES));
    reads->start = reads->end;
    assert_true(fixture_session(fixture, stuck)->is_kicked);
}

static void without_memory_it_is_nobodys(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct room *room;
    struct player *one;
    uint32_t missed[2] = {7, 7};

    (void)state;
    limits.chunk_bytes = 1000;
    limits.chunk_memory_bytes_max = 5000;
    fixture = fixture_open(&limits);
    room = fixture_room(fixture, "room", NULL);
    one = fixture_enter(fixture, "room");

    static uint8_t bytes[4500];
    uint64_t sessions[] = {0, one->session};

    assert_int_equal(room_send_some(room, sessions, 2, NOTE, bytes, sizeof(bytes), 0, missed), -ENOMEM);
    assert_true(missed[0] == 7 && missed[1] == 7); /* not even of the stranger before it */
    assert_int_equal(send_some(room, &one->session, 1, "small", ROOMD_URGENT), 1);
    fixture_settle(fixture);
    player_expect_text(one, NOTE, "small");
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(it_reaches_those_who_are_in),       FIXTURE_TEST(what_may_not_be_sent_is_refused),
        FIXTURE_TEST(it_leaves_at_the_tick_or_at_once),  FIXTURE_TEST(it_is_written_once),
        FIXTURE_TEST(who_is_owed_enough_is_passed_over), cmocka_unit_test(without_memory_it_is_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

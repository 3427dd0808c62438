/* Many who skip at once, in turns; those whom send_rate holds back; and what happens when memory is short. */
#include "support/component.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "support/tally.h"

enum { MIB = 1024 * 1024 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

static uint32_t count_skipping(struct fixture *fixture)
{
    uint32_t count = 0;

    for (const struct player *player = fixture->players; player != NULL; player = player->next) {
        count += tally_is_skipping(fixture, player);
    }
    return count;
}

/* Dropping what waits takes its time: of many who fall behind at one tick, some are seen to in later turns. */
static void many_fall_behind_by_turns(void **state)
{
    enum { PLAYERS = 20, TURN_BYTES = 4 * MIB };
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct room *room;
    uint32_t before;

    options.outbox_bytes_max = MIB;
    options.early_flush_bytes = 4 * MIB;
    room = tally_room(fixture, "room", &options);
    for (int i = 0; i < PLAYERS; i++) {
        fixture_enter_narrow(fixture, "room", 1);
    }
    for (int i = 0; i < 2 * MIB / 60000; i++) {
        tally_broadcast(room, NULL, 60000);
    }
    fake_clock_advance(room->tick.due_ns - clock_now_ns());
    fixture_turn(fixture);
    before = count_skipping(fixture);
    assert_in_range(before, TURN_BYTES / (2 * MIB), TURN_BYTES / (2 * MIB) + 1);
    for (uint32_t turns = 1; before < PLAYERS; turns++) {
        fixture_advance(fixture, NS_PER_MS);
        assert_true(count_skipping(fixture) > before);
        assert_true(turns < PLAYERS);
        before = count_skipping(fixture);
    }
    assert_int_equal(fixture->engine.stats.skips, PLAYERS);
    assert_in_range(fixture->engine.net.gather.chunks.live, 0, 5);
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        struct tally tally = {.said = 2 * MIB / 60000, .said_bytes = 2 * MIB / 60000 * 60004};

        tally_read(fixture, player, &tally);
        tally_check(&tally);
        assert_int_equal(tally.resyncs, 1);
    }
}

/* A content that has enough to say may be told that somebody is owed enough, until that one's turn has come. */
static void a_content_may_have_to_wait_for_that(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct tally tally = {0};
    int rc = 0;

    for (int i = 0; i < 60; i++) {
        tally_broadcast(room, &tally, 1000);
    }
    fixture_tick(fixture, room);
    assert_true(fixture_session(fixture, slow)->conn.is_blocked);
    fixture->engine.drop_left = 0;
    for (int i = 0; i < 60 && rc == 0; i++) {
        rc = room_send(room, slow->session, TALLY_NOTE, payload, 1000, 0);
        if (rc == 0) {
            tally_say(&tally, 1000);
        }
    }
    assert_int_equal(rc, -ENOBUFS);
    assert_false(tally_is_skipping(fixture, slow));
    fixture_turn(fixture);
    assert_int_equal(room_send(room, slow->session, TALLY_NOTE, payload, 1000, 0), 0);
    tally_say(&tally, 1000);
    assert_true(tally_is_skipping(fixture, slow));
    tally_read(fixture, slow, &tally);
    tally_check(&tally);
}

/* A content that takes long to tell how things are tells one a turn. */
static void many_are_told_by_turns(void **state)
{
    enum { PLAYERS = 5 };
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *players[PLAYERS];
    struct tally tallies[PLAYERS] = {0};

    for (int i = 0; i < PLAYERS; i++) {
        players[i] = fixture_enter_narrow(fixture, "room", 1);
    }
    for (int i = 0; i < 100; i++) {
        tally_broadcast(room, NULL, 1000);
        fixture_tick(fixture, room);
    }
    assert_int_equal(count_skipping(fixture), PLAYERS);
    tally_set_resync_ns(3 * NS_PER_MS);
    for (int i = 0; i < PLAYERS; i++) {
        for (int pieces = 0; fixture_session(fixture, players[i])->hold != SESSION_RESYNCING; pieces++) {
            assert_true(pieces < 50);
            player_receive(players[i], SIZE_MAX);
            fixture_read(fixture);
            fixture_flush(fixture);
        }
    }
    for (uint32_t told = 1; told <= PLAYERS; told++) {
        assert_int_equal(scheduler_timeout_ns(&fixture->engine, clock_now_ns()), 0);
        fixture_turn(fixture);
        assert_int_equal(fixture->engine.stats.resyncs, told);
    }
    for (int i = 0; i < PLAYERS; i++) {
        tally_read(fixture, players[i], &tallies[i]);
        assert_int_equal(tallies[i].resyncs, 1);
    }
}

/* Its socket would take it, but send_rate does not let it: that is not to read in time, too. */
static void who_is_paced_may_skip(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct room_options options = tally_options();
    struct room *room;
    struct player *one;
    struct tally tally = {0};

    (void)state;
    limits.send = (struct rate){.per_s = 4000, .burst = 4000};
    fixture = fixture_open(&limits);
    options.outbox_bytes_max = 8000;
    room = tally_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");
    for (int i = 0; i < 100; i++) { /* twice as much as it may be sent */
        tally_broadcast(room, &tally, 2000);
        fixture_tick(fixture, room);
        player_receive(one, SIZE_MAX);
        tally_take(&tally, one);
        assert_false(fixture_session(fixture, one)->conn.is_blocked);
    }
    assert_in_range(tally.resyncs, 3, 26);
    assert_true(tally.got > 10);
    for (int i = 0; i < 40; i++) {
        fixture_advance(fixture, 100 * NS_PER_MS);
    }
    tally_read(fixture, one, &tally);
    tally_check(&tally);
    assert_int_equal(tally.snapshots, tally.resyncs);
    fixture_close(fixture);
}

/* Answers between packets of the content's: when those go, the answers lie in many places. */
static void without_memory_for_what_stays_it_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct session *session = fixture_session(fixture, slow);

    tally_broadcast(room, NULL, 40000);
    fixture_tick(fixture, room);
    assert_true(session->conn.is_blocked);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(room_send(room, slow->session, TALLY_NOTE, payload, 50, 0), 0);
        player_send(slow, ROOMD_C_PING, "12345678", 8);
        fixture_read(fixture);
    }
    assert_int_equal(session->conn.reader.outbox.slices,
                     2); /* that of the one that has begun, and the rest */
    fixture->engine.net.gather.blocks.limit = fixture->engine.net.gather.blocks.used;
    fixture_play(fixture);
    session_fall_behind(session);
    assert_int_equal(session->close_reason, ROOMD_CLOSE_NO_MEMORY);
    fixture_settle(fixture);
    assert_null(fixture_session(fixture, slow));
    assert_int_equal(fixture->engine.net.gather.blocks.used, 0);
}

/* The first who falls behind for want of it makes place for the others: what it pinned is free at once. */
static void what_waited_for_it_is_free_at_once(void **state)
{
    struct fixture *fixture = *state;

    for (int kicks = 0; kicks < 2; kicks++) {
        struct room_options options = tally_options();
        struct room *room;
        struct player *slow;
        struct session *session;

        options.outbox_bytes_max = 2 * MIB;
        options.slow = kicks ? ROOM_SLOW_KICK : ROOM_SLOW_SKIP;
        room = tally_room(fixture, kicks ? "kicks" : "skips", &options);
        slow = fixture_enter_narrow(fixture, room->name, 1);
        session = fixture_session(fixture, slow);
        for (int i = 0; i < 30; i++) {
            tally_broadcast(room, NULL, 50000);
        }
        fixture_tick(fixture, room);
        assert_in_range(fixture->engine.net.gather.chunks.live, 30, 40);
        session_fall_behind(session);
        assert_int_equal(session->close_reason, kicks ? ROOMD_CLOSE_SLOW : ROOMD_CLOSE_NONE);
        assert_in_range(fixture->engine.net.gather.chunks.live, 0, 7);
        player_hang_up(slow);
        fixture_settle(fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(many_fall_behind_by_turns),
        FIXTURE_TEST(a_content_may_have_to_wait_for_that),
        FIXTURE_TEST(many_are_told_by_turns),
        cmocka_unit_test(who_is_paced_may_skip),
        FIXTURE_TEST(without_memory_for_what_stays_it_is_closed),
        FIXTURE_TEST(what_waited_for_it_is_free_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

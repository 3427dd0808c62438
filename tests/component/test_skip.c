/*
 * A room that skips: who does not read in time loses whole packets of the content's, is told how many when it reads
 * again, and right behind that how things are.
 */
#include "support/component.h"

#include <errno.h>
#include <string.h>

#include "support/tally.h"

enum { STREAM = 7, KEY = 5 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

static void who_reads_again_is_told_what_it_missed_and_then_everything(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct tally tally = {0};

    tally_leave_behind(fixture, room, slow, &tally);
    assert_in_range(tally.said, 64, 64 + 16);
    assert_in_range(fixture_session(fixture, slow)->conn.reader.outbox.bytes, 0,
                    1004);                                         /* of the one that has begun */
    assert_in_range(fixture->engine.net.gather.chunks.live, 0, 3); /* of eight */
    for (int i = 0; i < 10; i++) {
        tally_broadcast(room, &tally, 500);
        fixture_tick(fixture, room);
        assert_in_range(fixture_session(fixture, slow)->conn.reader.outbox.bytes, 0, 1004);
    }
    assert_int_equal(fixture->engine.stats.skips, 1);
    assert_int_equal(fixture->engine.stats.resyncs, 0);
    tally_read(fixture, slow, &tally);
    assert_false(tally_is_skipping(fixture, slow));
    assert_int_equal(tally.resyncs, 1);
    assert_int_equal(tally.snapshots, 1);
    assert_int_equal(tally.last, TALLY_SNAPSHOT);
    tally_check(&tally);
    assert_int_equal(fixture->engine.stats.resyncs, 1);
    assert_int_equal(fixture->engine.net.gather.skipped, tally.missed);
    tally_broadcast(room, &tally, 100);
    fixture_tick(fixture, room);
    tally_read(fixture, slow, &tally);
    assert_int_equal(tally.last, TALLY_NOTE);
    tally_check(&tally);
    assert_int_equal(fixture_session(fixture, slow)->hold, SESSION_FLOWS);
    fixture_advance(fixture, NS_PER_S);
    assert_true(scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == UINT64_MAX); /* and all rests */
}

struct talk {
    struct player *slow;
    struct player *quick;
    struct tally *tally;
};

/* Every way there is to say something to a player. */
static void say_everything(struct stage *stage, void *context)
{
    struct talk *talk = context;
    struct tally *tally = talk->tally;
    uint64_t both[2] = {talk->quick->session, talk->slow->session};
    uint32_t missed[2];

    assert_int_equal(stage->host->broadcast(stage->room, TALLY_NOTE, payload, 10, 0), 0);
    tally_say(tally, 10);
    assert_int_equal(stage->host->broadcast_keyed(stage->room, KEY, TALLY_NOTE, payload, 20, 0), 0);
    assert_int_equal(stage->host->broadcast_keyed(stage->room, KEY, TALLY_NOTE, payload + 1, 20, 0), 0);
    tally_say(tally, 20); /* one took the other's place */
    assert_int_equal(stage->host->stream_append(stage->room, STREAM, TALLY_NOTE, payload, 30, 0), 0);
    tally_say(tally, 30);
    stage->host->barrier(stage->room);
    assert_int_equal(stage->host->stream_append_keyed(stage->room, STREAM, KEY, TALLY_NOTE, payload, 40, 0),
                     0);
    tally_say(tally, 40);
    stage->host->barrier(stage->room);
    assert_int_equal(stage->host->send(stage->room, talk->slow->session, TALLY_NOTE, payload, 50, 0), 0);
    tally_say(tally, 50);
    assert_int_equal(
        stage->host->send_some(stage->room, both, 2, TALLY_NOTE, payload, 60, ROOMD_URGENT, missed), 2);
    tally_say(tally, 60);
    assert_int_equal(
        stage->host->broadcast_except(stage->room, talk->slow->session, TALLY_NOTE, payload, 70, 0), 0);
    assert_int_equal(
        stage->host->broadcast_except(stage->room, talk->quick->session, TALLY_NOTE, payload, 80, 0), 0);
    tally_say(tally, 80);
    assert_int_equal(stage->host->broadcast(stage->room, TALLY_NOTE, payload, 90, ROOMD_URGENT), 0);
    tally_say(tally, 90);
}

static void follow_stream(struct stage *stage, void *context)
{
    const struct talk *talk = context;

    assert_int_equal(stage->host->stream_open(stage->room, STREAM), 0);
    assert_int_equal(stage->host->stream_follow(stage->room, talk->slow->session, STREAM), 0);
    assert_int_equal(stage->host->stream_follow(stage->room, talk->quick->session, STREAM), 0);
}

static void follow_anew(struct stage *stage, void *context)
{
    const struct talk *talk = context;

    assert_int_equal(stage->host->stream_unfollow(stage->room, talk->slow->session, STREAM), 0);
    assert_int_equal(stage->host->stream_append(stage->room, STREAM, TALLY_NOTE, payload, 1, 0), 0);
    assert_int_equal(stage->host->stream_follow(stage->room, talk->slow->session, STREAM), 0);
}

static void whatever_is_said_is_counted_to_the_packet(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally = {0};
    struct tally all = {0};
    struct talk talk = {.slow = fixture_enter_narrow(fixture, "room", 1),
                        .quick = fixture_enter(fixture, "room"),
                        .tally = &tally};

    stage_run(fixture, room, follow_stream, &talk);
    tally_leave_behind(fixture, room, talk.slow, &tally);
    for (int i = 0; i < 5; i++) {
        stage_run(fixture, room, say_everything, &talk);
        stage_run(fixture, room, follow_anew, &talk);
        fixture_tick(fixture, room);
    }
    /* Some of it waits in the streams when it is told. */
    stage_run_play(fixture, room, say_everything, &talk);
    tally_read(fixture, talk.slow, &tally);
    assert_int_equal(tally.resyncs, 1);
    tally_check(&tally);
    stage_run(fixture, room, say_everything, &talk);
    fixture_tick(fixture, room);
    tally_read(fixture, talk.slow, &tally);
    tally_check(&tally);
    tally_read(fixture, talk.quick, &all);
    assert_int_equal(all.resyncs + all.snapshots, 0);
    assert_int_equal(all.got, tally.said - 7 + 5); /* not what was private, but what came while it followed */
}

static void what_the_engine_says_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct tally tally = {0};

    for (int i = 0; i < 60; i++) {
        tally_broadcast(room, &tally, 1000);
        if (i % 10 == 0) {
            player_send(slow, ROOMD_C_PING, "12345678", 8);
            fixture_settle(fixture);
        }
        fixture_tick(fixture, room);
    }
    assert_false(tally_is_skipping(fixture, slow));
    tally_leave_behind(fixture, room, slow, &tally);
    for (int i = 0; i < 6; i++) {
        player_send(slow, ROOMD_C_PING, "12345678", 8);
        fixture_settle(fixture);
    }
    assert_int_equal(tally.pongs, 0);
    tally_read(fixture, slow, &tally);
    assert_int_equal(tally.pongs, 12);
    assert_int_equal(tally.resyncs, 1);
    tally_check(&tally);
}

/* The answers that it asks for and does not read are too much in the end, too. */
static void who_skips_may_not_be_owed_too_many_answers(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    const struct session *session = fixture_session(fixture, slow);
    uint8_t pings[12 * 100];
    uint32_t asked = 0;

    tally_leave_behind(fixture, room, slow, NULL);
    for (int i = 0; i < 100; i++) {
        frame_put_header(pings + i * 12, ROOMD_C_PING, 8);
        memset(pings + i * 12 + 4, i, 8);
    }
    for (; asked < 5000 && session->close_reason == ROOMD_CLOSE_NONE; asked += 100) {
        player_send_bytes(slow, pings, sizeof(pings));
        fixture_settle(fixture);
    }
    assert_in_range(asked, (64 * 1024 - 1004) / 20, 64 * 1024 / 20 + 100);
    assert_int_equal(session->close_reason, ROOMD_CLOSE_SLOW);
}

static void without_hello_or_in_a_room_that_kicks_it_is_kicked(void **state)
{
    struct fixture *fixture = *state;

    for (int has_hello = 0; has_hello < 2; has_hello++) {
        struct room_options options = tally_options();
        struct room *room;
        struct player *slow;

        options.slow = has_hello ? ROOM_SLOW_KICK : ROOM_SLOW_SKIP;
        options.is_autojoin = !has_hello;
        room = tally_room(fixture, has_hello ? "kicks" : "skips", &options);
        slow = has_hello ? fixture_enter_narrow(fixture, "kicks", 1) : fixture_connect_narrow(fixture, 1);
        fixture_settle(fixture);
        for (int i = 0; i < 200 && fixture_session(fixture, slow)->close_reason == ROOMD_CLOSE_NONE; i++) {
            tally_broadcast(room, NULL, 1000);
            fixture_tick(fixture, room);
        }
        assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_SLOW);
        assert_int_equal(fixture->engine.stats.skips, 0);
        fixture->engine.lobby.autojoin = NULL;
    }
}

/* Who has stopped for good is closed when skip_max is over, and told so if it reads then. */
static void nobody_is_skipped_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);

    for (int reads = 0; reads < 2; reads++) {
        struct player *slow = fixture_enter_narrow(fixture, "room", 1);
        uint64_t since_ns;
        struct tally tally = {0};

        tally_leave_behind(fixture, room, slow, &tally);
        since_ns = fixture_session(fixture, slow)->skip_since_ns;
        while (clock_now_ns() - since_ns < room->options.skip_max_ns) {
            fixture_advance(fixture, 100 * NS_PER_MS);
        }
        assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_NONE);
        fixture_advance(fixture, 200 * NS_PER_MS); /* somebody has looked by then, in a quiet room, too */
        assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_SLOW);
        if (reads) {
            tally_read(fixture, slow, &tally);
            assert_int_equal(tally.last, ROOMD_S_KICK);
            assert_int_equal(tally.resyncs, 0);
            assert_true(slow->is_ended);
        } else {
            fixture_advance(fixture, 500 * NS_PER_MS);
            assert_null(fixture_session(fixture, slow));
        }
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 2);
}

/* However it reads, the content tells it everything once a second at the most; and what it waits for us is not held against it. */
static void who_reads_in_bits_is_told_once_a_second(void **state)
{
    enum { SECONDS = 20 };
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct tally tally = {0};
    uint64_t from_ns = clock_now_ns();

    room->options.skip_max_ns = 500 * NS_PER_MS;
    room->options.outbox_bytes_max = 2000;
    fixture_session(fixture, slow)->owed_max.bytes = 2000;
    while (clock_now_ns() - from_ns < SECONDS * NS_PER_S) {
        for (int i = 0; i < 8; i++) {
            tally_broadcast(room, &tally, 1000);
        }
        fixture_advance(fixture, 50 * NS_PER_MS);
        player_receive(slow, 1500);
        tally_take(&tally, slow);
    }
    tally_read(fixture, slow, &tally);
    fixture_advance(fixture, 2 * NS_PER_S);
    tally_read(fixture, slow, &tally);
    assert_in_range(tally.resyncs, SECONDS / 2, SECONDS + 2);
    assert_int_equal(tally.snapshots, tally.resyncs);
    assert_true(fixture->engine.stats.skips >= tally.resyncs);
    tally_check(&tally);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
}

/* One packet alone had begun: it comes whole, and there is nothing to tell. */
static void who_has_missed_nothing_is_told_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct tally tally = {0};
    struct room *room;
    struct player *slow;

    options.outbox_age_max_ns = NS_PER_S;
    room = tally_room(fixture, "room", &options);
    slow = fixture_enter_narrow(fixture, "room", 1);
    tally_broadcast(room, &tally, 60000);
    fixture_tick(fixture, room);
    fixture_advance(fixture, 2 * NS_PER_S);
    assert_true(tally_is_skipping(fixture, slow));
    tally_read(fixture, slow, &tally);
    assert_false(tally_is_skipping(fixture, slow));
    assert_int_equal(tally.resyncs + tally.snapshots, 0);
    tally_check(&tally);
    assert_int_equal(fixture->engine.stats.resyncs, 0);
}

/* All that waited was whole packets: nothing is left to write, and the socket must not be heard of over and over. */
static void an_outbox_that_is_empty_at_once_waits_for_the_socket(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    const struct session *session = fixture_session(fixture, slow);
    struct tally tally = {0};

    /* A socket pair takes a write whole or not at all while it fits its buffer. */
    tally_leave_behind(fixture, room, slow, &tally);
    assert_true(outbox_is_empty(&session->conn.reader.outbox));
    assert_int_equal(session->hold, SESSION_BLOCKED);
    assert_int_equal(session->conn.source.events, EPOLLIN | EPOLLOUT);
    tally_read(fixture, slow, &tally);
    assert_int_equal(session->conn.source.events, EPOLLIN);
    assert_int_equal(tally.resyncs, 1);
    tally_check(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(who_reads_again_is_told_what_it_missed_and_then_everything),
        FIXTURE_TEST(whatever_is_said_is_counted_to_the_packet),
        FIXTURE_TEST(what_the_engine_says_is_kept),
        FIXTURE_TEST(who_skips_may_not_be_owed_too_many_answers),
        FIXTURE_TEST(without_hello_or_in_a_room_that_kicks_it_is_kicked),
        FIXTURE_TEST(nobody_is_skipped_for_ever),
        FIXTURE_TEST(who_reads_in_bits_is_told_once_a_second),
        FIXTURE_TEST(who_has_missed_nothing_is_told_nothing),
        FIXTURE_TEST(an_outbox_that_is_empty_at_once_waits_for_the_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

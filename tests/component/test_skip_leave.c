/* Players who skip, and leave, or are made to: what they missed they are told, and nothing else of the room. */
#include "support/component.h"

#include <errno.h>
#include <string.h>

#include "support/tally.h"
#include "wire/control.h"

/* It has been left behind in a room of its own, by and by; what it is told then is in *tally. */
static struct player *enter_and_fall_behind(struct fixture *fixture, struct room *room, struct tally *tally)
{
    struct player *player = fixture_enter_narrow(fixture, room->name, 1);

    memset(tally, 0, sizeof(*tally));
    tally_leave_behind(fixture, room, player, tally);
    tally_broadcast(room, tally, 10); /* not pulled by anybody yet */
    return player;
}

/* It reads: what it missed, then that it has left, and nothing between or of the room behind. */
static void expect_resync_and_left(struct fixture *fixture, struct player *player, struct tally *tally)
{
    tally_read(fixture, player, tally);
    assert_int_equal(tally->resyncs, 1);
    assert_int_equal(tally->lefts, 1);
    assert_int_equal(tally->snapshots, 0);
    tally_check(tally);
    assert_int_equal(fixture->engine.stats.resyncs, 0);
    assert_false(tally_is_skipping(fixture, player));
}

static void who_leaves_is_told_what_it_missed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally;
    struct player *slow = enter_and_fall_behind(fixture, room, &tally);

    player_leave(slow);
    fixture_settle(fixture);
    assert_int_equal(room->member_count, 0);
    tally_broadcast(room, NULL, 10); /* it has no part in that */
    expect_resync_and_left(fixture, slow, &tally);
    assert_int_equal(tally.last, ROOMD_S_LEFT);
    assert_memory_equal(&fixture_session(fixture, slow)->owed_max, &session_owed_max_nowhere,
                        sizeof(session_owed_max_nowhere));
    player_join(slow, "room");
    fixture_settle(fixture);
    tally_broadcast(room, &tally, 20);
    fixture_tick(fixture, room);
    tally_read(fixture, slow, &tally);
    tally_check(&tally);
}

static void who_moves_is_told_what_it_missed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct room *other = tally_room(fixture, "other", NULL);
    struct tally tally;
    struct player *slow = enter_and_fall_behind(fixture, room, &tally);

    player_join(slow, "other");
    fixture_settle(fixture);
    tally_broadcast(other, &tally, 30);
    fixture_tick(fixture, other);
    expect_resync_and_left(fixture, slow, &tally);
    assert_int_equal(tally.last, TALLY_NOTE);
}

static void when_the_room_closes_or_fails_it_is_told_what_it_missed(void **state)
{
    struct fixture *fixture = *state;

    for (int fails = 0; fails < 2; fails++) {
        struct room *room = tally_room(fixture, fails ? "fails" : "closes", NULL);
        struct tally tally;
        struct player *slow = enter_and_fall_behind(fixture, room, &tally);

        if (fails) {
            room_fail(room, "for a test");
        } else {
            room_retire(room);
        }
        expect_resync_and_left(fixture, slow, &tally);
        assert_int_equal(tally.last, ROOMD_S_LEFT);
    }
}

static void say_farewell(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    assert_int_equal(stage->host->send(stage->room, session, TALLY_NOTE, "bye", 3, 0), 0);
}

/* What is said to it alone as it goes still arrives: behind what it is told to have missed. */
static void what_the_content_says_to_it_last_is_heard(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally;
    struct player *slow = enter_and_fall_behind(fixture, room, &tally);
    struct frame frame;
    uint16_t ids[3] = {0};

    stage_of(room)->on_leave = say_farewell;
    player_leave(slow);
    fixture_settle(fixture);
    stage_of(room)->on_leave = NULL;
    for (int quiet = 0; quiet < 3; quiet++) {
        while (player_next(slow, &frame)) {
            memmove(ids, ids + 1, 2 * sizeof(ids[0]));
            ids[2] = frame.id;
            quiet = 0;
        }
        fixture_settle(fixture);
    }
    assert_int_equal(ids[0], ROOMD_S_RESYNC);
    assert_int_equal(ids[1], TALLY_NOTE);
    assert_int_equal(ids[2], ROOMD_S_LEFT);
}

/* It has read all, and is next to be told how things are, when it says that it leaves. */
static void who_leaves_on_the_point_of_being_told_is_told_less(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally;
    struct player *slow = enter_and_fall_behind(fixture, room, &tally);
    const struct session *session = fixture_session(fixture, slow);

    for (int i = 0; i < 50 && session->hold != SESSION_RESYNCING; i++) {
        player_receive(slow, SIZE_MAX);
        fixture_turn(fixture);
    }
    assert_int_equal(session->hold, SESSION_RESYNCING);
    player_leave(slow);
    expect_resync_and_left(fixture, slow, &tally);
}

static void who_hangs_up_on_the_point_of_being_told_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally;
    struct player *slow = enter_and_fall_behind(fixture, room, &tally);
    const struct session *session = fixture_session(fixture, slow);

    for (int i = 0; i < 50 && session->hold != SESSION_RESYNCING; i++) {
        player_receive(slow, SIZE_MAX);
        fixture_turn(fixture);
    }
    player_hang_up(slow);
    fixture_settle(fixture);
    assert_null(fixture_session(fixture, slow));
    assert_true(list_is_empty(&fixture->engine.resyncing));
    assert_int_equal(room->member_count, 0);
}

/* It is told why, behind what it had begun to read, and not what it missed. */
static void who_is_closed_is_told_only_that(void **state)
{
    static const enum roomd_close_reason reasons[] = {ROOMD_CLOSE_KICKED, ROOMD_CLOSE_SHUTDOWN,
                                                      ROOMD_CLOSE_SLOW};
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct tally tally;
        struct player *slow = enter_and_fall_behind(fixture, room, &tally);

        session_close(fixture_session(fixture, slow), reasons[i], NULL);
        assert_false(tally_is_skipping(fixture, slow));
        fixture_settle(fixture);
        tally_read(fixture, slow, &tally);
        assert_int_equal(tally.resyncs + tally.snapshots + tally.lefts, 0);
        assert_int_equal(tally.last, ROOMD_S_KICK);
        assert_true(slow->is_ended);
        player_hang_up(slow);
        fixture_settle(fixture);
    }
}

/* What had begun to go out to it is older than anything may wait in the room: it has skip_max nonetheless. */
static void who_leaves_keeps_the_time_that_it_had(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct room *room;

    options.outbox_age_max_ns = NS_PER_S;
    options.skip_max_ns = 10 * NS_PER_S;
    room = tally_room(fixture, "room", &options);
    for (int reads = 0; reads < 2; reads++) {
        struct player *slow = fixture_enter_narrow(fixture, "room", 1);
        struct tally tally = {0};
        uint64_t since_ns;

        tally_broadcast(room, &tally, 60000);
        tally_broadcast(room, &tally, 100);
        fixture_tick(fixture, room);
        fixture_advance(fixture, 2 * NS_PER_S);
        assert_true(tally_is_skipping(fixture, slow));
        since_ns = fixture_session(fixture, slow)->skip_since_ns;
        player_leave(slow);
        fixture_settle(fixture);
        assert_int_equal(room->member_count, 0);
        while (clock_now_ns() - since_ns < 10 * NS_PER_S) {
            fixture_advance(fixture, 100 * NS_PER_MS);
        }
        assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_NONE);
        if (reads) {
            tally_read(fixture, slow, &tally);
            tally_check(&tally);
            assert_int_equal(tally.missed, 1);
        } else {
            fixture_advance(fixture, 300 * NS_PER_MS);
            assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_SLOW);
        }
    }
}

/* A reload: from now on the room kicks. Who skips already is told when it reads, as if nothing had changed. */
static void who_skips_in_a_room_that_kicks_from_now_on_may_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct room_options options = tally_options();
    struct tally tally;
    struct player *slow = enter_and_fall_behind(fixture, room, &tally);

    options.slow = ROOM_SLOW_KICK;
    room_set_options(room, &options);
    fixture_advance(fixture, NS_PER_S);
    tally_read(fixture, slow, &tally);
    assert_int_equal(tally.resyncs, 1);
    assert_int_equal(tally.snapshots, 1);
    tally_check(&tally);
    for (int i = 0; i < 100 && fixture_session(fixture, slow)->close_reason == ROOMD_CLOSE_NONE; i++) {
        tally_broadcast(room, NULL, 1000);
        fixture_tick(fixture, room);
    }
    assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_SLOW);
}

/* It is in step, and owed nearly as much as it may be. */
static struct player *enter_and_nearly_fall_behind(struct fixture *fixture, struct room *room,
                                                   struct tally *tally)
{
    struct player *player = fixture_enter_narrow(fixture, room->name, 1);
    const struct outbox *outbox = &fixture_session(fixture, player)->conn.reader.outbox;

    memset(tally, 0, sizeof(*tally));
    while (outbox->bytes < 62 * 1024) {
        tally_broadcast(room, tally, 1000);
        fixture_tick(fixture, room);
    }
    assert_false(tally_is_skipping(fixture, player));
    return player;
}

/* What it had not been handed yet made it owe too much as it left: it was closed, where a moment before it had skipped. */
static void who_left_just_before_it_fell_behind_was_closed(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally;
    struct player *slow = enter_and_nearly_fall_behind(fixture, room, &tally);

    tally_broadcast(room, &tally, 5000);
    player_leave(slow);
    fixture_settle(fixture);
    assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_NONE);
    expect_resync_and_left(fixture, slow, &tally);
}

static int farewell_result;

static void say_a_long_farewell(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    static const uint8_t text[5000];

    (void)reason;
    farewell_result = stage->host->send(stage->room, session, TALLY_NOTE, text, sizeof(text), 0);
}

/* It began to skip as its content said farewell, was then in no room, and the process ended when that was looked at. */
static void a_farewell_to_who_is_nearly_behind_ended_the_process(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct tally tally;
    struct player *slow = enter_and_nearly_fall_behind(fixture, room, &tally);

    stage_of(room)->on_leave = say_a_long_farewell;
    player_leave(slow);
    fixture_settle(fixture);
    assert_int_equal(farewell_result, -ENOBUFS);
    fixture_advance(fixture, 300 * NS_PER_MS);
    assert_int_equal(fixture_session(fixture, slow)->close_reason, ROOMD_CLOSE_NONE);
    tally_read(fixture, slow, &tally);
    assert_int_equal(tally.lefts, 1);
    tally_check(&tally);
}

enum { COLLUDERS = 15, ANSWERS_MAX = 1024 };

/*
 * All are behind, and have as many answers waiting as there may be slices: S_RESYNC, as they left, was one too many. When
 * no more could be dropped in that turn the last of them skipped on, in no room.
 */
static void who_left_with_all_slices_taken_ended_the_process(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct player *players[COLLUDERS];
    struct room *room;

    options.outbox_slices_max = ANSWERS_MAX;
    options.outbox_bytes_max = 256 * 1024;
    fixture->engine.net.gather.blocks.limit = 100000;
    room = tally_room(fixture, "room", &options);
    for (int i = 0; i < COLLUDERS; i++) {
        players[i] = fixture_enter_narrow(fixture, "room", 1);
    }
    while (!tally_is_skipping(fixture, players[COLLUDERS - 1])) {
        tally_broadcast(room, NULL, 5000);
        fixture_tick(fixture, room);
    }
    for (int k = 0; k < ANSWERS_MAX; k++) {
        for (int i = 0; i < COLLUDERS; i++) {
            if (fixture_session(fixture, players[i])->conn.reader.outbox.slices < ANSWERS_MAX) {
                player_join(players[i], "room"); /* it is there already */
            }
        }
        fixture_settle(fixture);
    }
    tally_broadcast(room, NULL, 10);
    for (int i = 0; i < COLLUDERS; i++) {
        assert_true(tally_is_skipping(fixture, players[i]));
        assert_true(fixture_session(fixture, players[i])->conn.reader.outbox.slices >= ANSWERS_MAX - 1);
        player_leave(players[i]);
    }
    fixture_settle(fixture);
    for (int i = 0; i < COLLUDERS; i++) {
        struct session *session = fixture_session(fixture, players[i]);

        assert_true(session == NULL || !session->conn.reader.is_skipping);
        player_receive(players[i], 2000);
    }
    fixture_advance(fixture, 300 * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(who_leaves_is_told_what_it_missed),
        FIXTURE_TEST(who_moves_is_told_what_it_missed),
        FIXTURE_TEST(when_the_room_closes_or_fails_it_is_told_what_it_missed),
        FIXTURE_TEST(what_the_content_says_to_it_last_is_heard),
        FIXTURE_TEST(who_leaves_on_the_point_of_being_told_is_told_less),
        FIXTURE_TEST(who_hangs_up_on_the_point_of_being_told_is_gone),
        FIXTURE_TEST(who_is_closed_is_told_only_that),
        FIXTURE_TEST(who_leaves_keeps_the_time_that_it_had),
        FIXTURE_TEST(who_skips_in_a_room_that_kicks_from_now_on_may_go_on),
        FIXTURE_TEST(who_left_just_before_it_fell_behind_was_closed),
        FIXTURE_TEST(a_farewell_to_who_is_nearly_behind_ended_the_process),
        FIXTURE_TEST(who_left_with_all_slices_taken_ended_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

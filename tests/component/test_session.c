/* A session's way through rooms: what goes over the wire, in which order, and who holds which seat. */
#include "support/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"

enum { NOTE = 100 };

static void expect_counts(const struct room *room, uint32_t seats, uint32_t members)
{
    assert_int_equal(room->seats, seats);
    assert_int_equal(room->member_count, members);
}

static void note_self(struct stage *stage, uint64_t session)
{
    assert_int_equal(stage->host->send(stage->room, session, NOTE, "welcome", 7, 0), 0);
    assert_int_equal(stage->host->broadcast(stage->room, NOTE, "new", 3, 0), 0);
}

static void a_player_enters_moves_and_leaves(void **state)
{
    struct fixture *fixture = *state;
    struct room *first = fixture_room(fixture, "first", NULL);
    struct room *second = fixture_room(fixture, "second", NULL);
    struct player *one = fixture_connect(fixture);

    stage_of(first)->on_enter = note_self;
    player_hello(one);
    player_join(one, "first");
    fixture_settle(fixture);
    player_expect_welcome(one);
    player_expect_joined(one, "first");
    stage_broadcast(fixture, first, NOTE, "word");
    player_join(one, "second");
    fixture_settle(fixture);
    /* The snapshot first, then what was broadcast while it was in, all before it hears that it is out. */
    player_expect_text(one, NOTE, "welcome");
    player_expect_text(one, NOTE, "new");
    player_expect_text(one, NOTE, "word");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "second");
    stage_broadcast(fixture, first, NOTE, "behind its back");
    player_leave(one);
    fixture_settle(fixture);
    player_expect_left(one, ROOMD_LEAVE_ASKED);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    player_expect_nothing(one);
    stage_expect_notes(stage_of(first), "enter 1; leave 1 moved; ");
    stage_expect_notes(stage_of(second), "enter 1; leave 1 asked; ");
    expect_counts(first, 0, 0);
    expect_counts(second, 0, 0);
    assert_int_equal(fixture->engine.stats.enters, 2);
    assert_int_equal(fixture->engine.stats.leaves, 2);
}

static void what_can_not_be_is_refused_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room = fixture_room(fixture, "room", NULL);
    struct room *full;
    struct player *one;
    struct player *two;

    options.capacity = 1;
    full = fixture_room(fixture, "full", &options);
    one = fixture_enter(fixture, "room");
    two = fixture_enter(fixture, "full");
    player_join(one, "full");
    player_join(one, "nowhere");
    player_join(one, "room");
    player_say(one, 1, "still here");
    player_leave(two);
    player_leave(two);
    fixture_settle(fixture);
    player_expect_error(one, ROOMD_ERROR_ROOM_FULL);
    player_expect_error(one, ROOMD_ERROR_NO_SUCH_ROOM);
    player_expect_error(one, ROOMD_ERROR_ALREADY_THERE);
    stage_expect_notes(stage_of(room), "enter 1; packet 1 1 still here; ");
    player_expect_left(two, ROOMD_LEAVE_ASKED);
    player_expect_error(two, ROOMD_ERROR_NOT_IN_ROOM);
    player_say(two, 1, "where am I");
    fixture_settle(fixture);
    player_expect_error(two, ROOMD_ERROR_NOT_IN_ROOM);
    assert_int_equal(fixture->engine.stats.packets_dropped, 1);
    expect_counts(room, 1, 1);
    expect_counts(full, 0, 0);
}

/* Who may come in is decided by seat when it asks: those on their way count, and so do those on theirs out. */
static void a_room_never_holds_more_than_its_capacity(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct player *players[5];
    struct room *room;
    uint32_t errors = 0;

    options.capacity = 3;
    room = fixture_room(fixture, "room", &options);
    for (int i = 0; i < 5; i++) {
        players[i] = fixture_connect(fixture);
        player_hello(players[i]);
        player_join(players[i], "room");
    }
    fixture_read(fixture);
    expect_counts(room, 3, 0);
    fixture_settle(fixture);
    expect_counts(room, 3, 3);
    for (int i = 0; i < 5; i++) {
        struct frame frame;

        player_expect_welcome(players[i]);
        assert_true(player_next(players[i], &frame));
        errors += frame.id == ROOMD_S_ERROR;
    }
    assert_int_equal(errors, 2);
    fixture_room(fixture, "other", NULL);
    for (int i = 0; i < 5; i++) {
        player_leave(players[i]);
    }
    fixture_read(fixture);
    expect_counts(room, 3, 3); /* not before they are out */
    fixture_settle(fixture);
    expect_counts(room, 0, 0);
}

static void two_players_change_places(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *rooms[2];
    struct player *players[2];

    options.capacity = 2;
    rooms[0] = fixture_room(fixture, "a", &options);
    rooms[1] = fixture_room(fixture, "b", &options);
    players[0] = fixture_enter(fixture, "a");
    players[1] = fixture_enter(fixture, "b");
    player_join(players[0], "b");
    player_join(players[1], "a");
    fixture_read(fixture);
    expect_counts(rooms[0], 2, 1); /* both seats are held until the way is made */
    expect_counts(rooms[1], 2, 1);
    fixture_settle(fixture);
    expect_counts(rooms[0], 1, 1);
    expect_counts(rooms[1], 1, 1);
    assert_ptr_equal(fixture_session(fixture, players[0])->room, rooms[1]);
    for (int i = 0; i < 2; i++) {
        player_expect_left(players[i], ROOMD_LEAVE_MOVED);
        player_expect_joined(players[i], i == 0 ? "b" : "a");
        player_expect_nothing(players[i]);
    }
}

/* Everything in one write: each packet finds the session where the ones before have brought it. */
static void packets_are_pipelined_across_rooms(void **state)
{
    struct fixture *fixture = *state;
    struct room *first = fixture_room(fixture, "first", NULL);
    struct room *second = fixture_room(fixture, "second", NULL);
    struct player *one = fixture_connect(fixture);

    player_hello(one);
    player_join(one, "first");
    player_say(one, 1, "a");
    player_say(one, 2, "b");
    player_join(one, "second");
    player_say(one, 3, "c");
    player_leave(one);
    player_join(one, "first");
    player_say(one, 4, "d");
    fixture_settle(fixture);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    stage_expect_notes(stage_of(first),
                       "enter 1; packet 1 1 a; packet 1 2 b; leave 1 moved; enter 1; packet 1 4 d; ");
    stage_expect_notes(stage_of(second), "enter 1; packet 1 3 c; leave 1 asked; ");
    player_expect_welcome(one);
    player_expect_joined(one, "first");
    player_expect_text(one, 1, "a");
    player_expect_text(one, 2, "b");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "second");
    player_expect_text(one, 3, "c");
    player_expect_left(one, ROOMD_LEAVE_ASKED);
    player_expect_joined(one, "first");
    player_expect_text(one, 4, "d");
    player_expect_nothing(one);
    assert_int_equal(fixture->engine.stats.packets_dropped, 0);
}

static void a_player_of_an_autojoin_room_need_not_say_hello(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *silent;
    struct player *polite;

    options.is_autojoin = true;
    options.capacity = 2;
    room = fixture_room(fixture, "room", &options);
    silent = fixture_connect(fixture);
    polite = fixture_connect(fixture);
    fixture_settle(fixture);
    player_expect_nothing(silent);
    player_hello(polite);
    fixture_settle(fixture);
    player_expect_welcome(polite);
    player_expect_joined(polite, "room"); /* as soon as it can know */
    player_say(silent, 1, "hi");
    fixture_settle(fixture);
    fixture_tick(fixture, room);
    player_expect_text(silent, 1, "hi");
    player_expect_text(polite, 1, "hi");

    struct player *third = fixture_connect(fixture);

    fixture_settle(fixture);
    player_expect_kick(third, ROOMD_CLOSE_FULL);
    player_leave(silent); /* an engine packet before hello */
    fixture_settle(fixture);
    player_expect_kick(silent, ROOMD_CLOSE_STATE);
    stage_expect_notes(stage_of(room), "enter 1; enter 2; packet 1 1 hi; leave 1 disconnected; ");
    expect_counts(room, 1, 1);
}

static void a_full_house_says_so(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct player *one;
    struct player *more;

    (void)state;
    limits.sessions_max = 2;
    fixture = fixture_open(&limits);
    one = fixture_connect(fixture);
    fixture_connect(fixture);
    more = fixture_connect(fixture);
    assert_int_equal(more->number, 0);
    player_expect_kick(more, ROOMD_CLOSE_FULL);
    player_hang_up(one);
    fixture_settle(fixture);
    assert_int_equal(fixture_connect(fixture)->number, 3); /* numbers are never used again */
    fixture_close(fixture);
}

/* How a connection may end, where it is when it does, and that both rooms are empty of it in the end. */
enum way { HANG_UP, KICK, BREAK, WAYS };

static void end_it(struct fixture *fixture, struct player *player, enum way way)
{
    struct session *session = fixture_session(fixture, player);

    switch (way) {
    case HANG_UP:
        player_hang_up(player); /* noticed when the paused session reads again */
        break;
    case KICK:
        session_close(session, ROOMD_CLOSE_KICKED, NULL);
        session_close(session, ROOMD_CLOSE_RESET, NULL); /* idempotent, and then nobody waits for it */
        session_close(session, ROOMD_CLOSE_KICKED, NULL);
        break;
    case BREAK:
        session_close(session, ROOMD_CLOSE_RESET, NULL);
        session_close(session, ROOMD_CLOSE_KICKED, NULL);
        break;
    case WAYS:
        break;
    }
}

static void a_session_may_end_on_any_way_between_rooms(void **state)
{
    struct fixture *fixture = *state;
    struct room *rooms[2] = {fixture_room(fixture, "a", NULL), fixture_room(fixture, "b", NULL)};
    uint64_t ended = 0;

    for (int way = 0; way < WAYS; way++) {
        /* 0: entering a; 1: leaving a; 2: leaving a for b; 3: entering b, out of a; 4: reap comes between */
        for (int place = 0; place < 5; place++) {
            struct player *player = place == 0 ? fixture_connect(fixture) : fixture_enter(fixture, "a");

            if (place == 0) {
                player_hello(player);
                player_join(player, "a");
            } else if (place == 1) {
                player_leave(player);
            } else {
                player_join(player, "b");
            }
            fixture_read(fixture);
            if (place == 3) {
                assert_false(room_run(rooms[0]));
                assert_int_equal(fixture_session(fixture, player)->place, SESSION_ENTERING);
            }
            end_it(fixture, player, (enum way)way);
            if (place == 4) {
                fixture_flush(fixture);
                fixture_reap(fixture); /* its socket is gone, its place in the room is not */
            }
            fixture_settle(fixture);
            expect_counts(rooms[0], 0, 0);
            expect_counts(rooms[1], 0, 0);
            fixture_advance(fixture, fixture->engine.limits.linger_ns);
            assert_null(fixture_session(fixture, player));
            assert_int_equal(fixture->engine.session_pool.used, 0);
            ended++;
        }
    }
    assert_int_equal(stage_of(rooms[0])->enters, stage_of(rooms[0])->leaves);
    assert_int_equal(stage_of(rooms[1])->enters, stage_of(rooms[1])->leaves);
    assert_int_equal(fixture_log_count("event=close"), ended); /* once each */
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_PEER_CLOSED] +
                         fixture->engine.stats.closes[ROOMD_CLOSE_RESET],
                     2 * ended / 3);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_KICKED], ended / 3);
}

/* What a player says before it hangs up is still said. */
static void the_last_words_are_heard(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");

    player_say(one, 1, "farewell");
    player_hang_up(one);
    fixture_settle(fixture);
    stage_expect_notes(stage_of(room), "enter 1; enter 2; packet 1 1 farewell; leave 1 disconnected; ");
    fixture_tick(fixture, room);
    player_expect_text(two, 1, "farewell");
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_PEER_CLOSED], 1);
}

/* With sessions in every state, the engine may be ended at once: fixture_close shows that nothing is left. */
static void an_engine_may_end_in_the_middle(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture = fixture_open(&limits);
    uint32_t descriptors = fixture_count_descriptors();

    (void)state;
    fixture_room(fixture, "a", NULL);
    fixture_room(fixture, "b", NULL);
    for (int i = 0; i < 30; i++) {
        struct player *player = fixture_connect(fixture);

        player_hello(player);
        if (i % 6 > 0) {
            player_join(player, "a");
        }
        if (i % 6 == 1) {
            player_send_bytes(player, "\xff", 1);
        }
        fixture_settle(fixture);
        if (i % 6 == 2) {
            player_join(player, "b");
        } else if (i % 6 == 3) {
            player_leave(player);
        } else if (i % 6 == 4) {
            session_close(fixture_session(fixture, player), ROOMD_CLOSE_KICKED, NULL);
        }
    }
    stage_broadcast(fixture, fixture->engine.lobby.rooms[0], NOTE, "unsent");
    fixture_read(fixture);
    fake_clock_release();
    engine_fini(&fixture->engine);
    assert_int_equal(fixture_count_descriptors(),
                     descriptors + 30 - 1); /* the players' ends; epoll is gone */
    assert_int_equal(engine_init(&fixture->engine, &limits, 1), 0);
    fake_clock_set(FIXTURE_START_NS);
    fixture_close(fixture);
}

/* The content is told the truth about one who ended on the way out or over. */
static void one_who_ends_on_the_way_out_left_as_disconnected(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "a", NULL);
    char wanted[64];

    fixture_room(fixture, "b", NULL);
    for (int way = HANG_UP + 1; way < WAYS; way++) {
        for (int moves = 0; moves < 2; moves++) {
            struct player *player = fixture_enter(fixture, "a");

            stage_of(room)->notes[0] = '\0';
            if (moves) {
                player_join(player, "b");
            } else {
                player_leave(player);
            }
            fixture_read(fixture);
            assert_int_equal(fixture_session(fixture, player)->place, SESSION_LEAVING);
            end_it(fixture, player, (enum way)way);
            fixture_settle(fixture);
            snprintf(wanted, sizeof(wanted), "leave %u disconnected; ", player->number);
            stage_expect_notes(stage_of(room), wanted);
        }
    }
}

static void close_many_with_bad_frames(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++) {
        player_send_bytes(fixture_connect(fixture), "\x00\x00\x00\x00", 4);
    }
    fixture_settle(fixture);
}

/* A flood of closes is no flood of the log: 50 lines a second of one reason, and how many were held back. */
static void lines_of_one_reason_are_held_back(void **state)
{
    struct fixture *fixture = *state;

    log_set_level(LOG_LEVEL_INFO);
    close_many_with_bad_frames(fixture, 120);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_FRAME_SIZE], 120);
    assert_int_equal(fixture_log_count("reason=frame_size"), 50);
    session_close(fixture_session(fixture, fixture_connect(fixture)), ROOMD_CLOSE_KICKED, NULL);
    assert_int_equal(fixture_log_count("reason=kicked"), 1); /* another reason has its own measure */
    fixture_advance(fixture, NS_PER_S - 1);
    close_many_with_bad_frames(fixture, 1);
    assert_int_equal(fixture_log_count("reason=frame_size"), 50);
    fixture_advance(fixture, 1);
    close_many_with_bad_frames(fixture, 60);
    assert_int_equal(fixture_log_count("reason=frame_size"), 100);
    assert_int_equal(fixture_log_count("held=71"), 1);
    assert_int_equal(fixture_log_count("held=0"), 50 + 1 + 49);
    log_set_level(LOG_LEVEL_DEBUG);
    close_many_with_bad_frames(fixture, 30); /* who asks for all of them gets all of them */
    assert_int_equal(fixture_log_count("reason=frame_size"), 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_player_enters_moves_and_leaves),
        FIXTURE_TEST(what_can_not_be_is_refused_and_changes_nothing),
        FIXTURE_TEST(a_room_never_holds_more_than_its_capacity),
        FIXTURE_TEST(two_players_change_places),
        FIXTURE_TEST(packets_are_pipelined_across_rooms),
        FIXTURE_TEST(a_player_of_an_autojoin_room_need_not_say_hello),
        cmocka_unit_test(a_full_house_says_so),
        FIXTURE_TEST(a_session_may_end_on_any_way_between_rooms),
        FIXTURE_TEST(one_who_ends_on_the_way_out_left_as_disconnected),
        FIXTURE_TEST(lines_of_one_reason_are_held_back),
        FIXTURE_TEST(the_last_words_are_heard),
        cmocka_unit_test(an_engine_may_end_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

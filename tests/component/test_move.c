/* From room to room by the content's will: at every step a player is in one room at most, and arrives or is told. */
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/control.h"

enum { NOTE = 100 };

/* What the jobs and callbacks of these tests work on. */
struct move {
    uint64_t session;
    const char *to;
    const void *parcel;
    size_t bytes;
    int result;
};

static void move_one(struct stage *stage, void *context)
{
    struct move *move = context;

    move->result = stage->host->move(stage->room, move->session, move->to, move->parcel, move->bytes);
}

static int run_move(struct fixture *fixture, struct room *from, const struct player *player, const char *to)
{
    struct move move = {.session = player->session, .to = to};

    stage_run_play(fixture, from, move_one, &move);
    assert_int_equal(job_queue_count(&from->jobs), 0); /* it has run */
    fixture_check_places(fixture);
    return move.result;
}

static void settle(struct fixture *fixture)
{
    for (int i = 0; i < 5; i++) {
        fixture_turn_checked(fixture);
    }
    fixture_settle(fixture);
}

/* Into the notes: what the player carries, byte for byte. */
static void note_parcel(struct stage *stage, uint64_t session)
{
    size_t bytes = 77;
    const void *parcel = stage->host->parcel(stage->room, session, &bytes);

    stage_note(stage, "parcel %zu %.*s; ", bytes, (int)bytes, parcel == NULL ? "" : (const char *)parcel);
    assert_int_equal(parcel == NULL, bytes == 0);
}

static void a_player_is_moved_and_what_it_carries_arrives_once(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = fixture_enter(fixture, "here");
    char parcel[] = "three swords";
    struct move move = {.session = one->session, .to = "there", .parcel = parcel, .bytes = 12};

    stage_of(there)->on_enter = note_parcel;
    stage_of(here)->on_enter = note_parcel;
    stage_broadcast(fixture, here, NOTE, "before");
    here->options.jobs_per_turn = 1;
    stage_run_play(fixture, here, move_one, &move);
    memset(parcel, 'x', sizeof(parcel)); /* it has been copied */
    assert_int_equal(move.result, 0);
    fixture_check_places(fixture);
    assert_int_equal(here->seats, 1);
    assert_int_equal(there->seats, 1); /* on its way it holds both */
    settle(fixture);
    stage_expect_notes(stage_of(here), "enter 1; leave 1 moved; ");
    stage_expect_notes(stage_of(there), "enter 1; parcel 12 three swords; ");
    player_expect_text(one, NOTE, "before");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "there");
    player_expect_nothing(one);

    player_join(one, "here"); /* by itself: it carries nothing any more */
    settle(fixture);
    stage_expect_notes(stage_of(here), "enter 1; parcel 0 ; ");
    player_join(one, "there");
    settle(fixture);
    stage_expect_notes(stage_of(there), "leave 1 moved; enter 1; parcel 0 ; ");
}

static void a_parcel_has_a_size(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = fixture_enter(fixture, "here");
    uint8_t large[ROOMD_PARCEL_BYTES_MAX + 1];
    struct move move = {.session = one->session, .to = "there", .parcel = large, .bytes = sizeof(large)};

    memset(large, 'p', sizeof(large));
    stage_of(there)->on_enter = note_parcel;
    stage_run_play(fixture, here, move_one, &move);
    assert_int_equal(move.result, -EMSGSIZE);
    assert_int_equal(session_move(fixture_session(fixture, one), there, large, sizeof(large)), -EMSGSIZE);
    assert_int_equal(there->seats, 0);
    move.bytes = ROOMD_PARCEL_BYTES_MAX;
    stage_run_play(fixture, here, move_one, &move);
    assert_int_equal(move.result, 0);
    settle(fixture);
    assert_non_null(strstr(stage_of(there)->notes, "parcel 256 pppp"));
}

static void a_move_that_is_refused_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("hut");
    struct room_options options = fixture_room_options();
    struct room *here = fixture_room(fixture, "here", NULL);
    struct player *one = fixture_enter(fixture, "here");
    struct player *two;
    struct room *hut;

    options.capacity = 1;
    fixture_room(fixture, "full", &options);
    two = fixture_enter(fixture, "full");
    fixture_room(fixture, "locked", NULL)->is_locked = true;
    fixture_set_template(fixture, &template);
    hut = fixture_make_room(fixture, "hut", "closing");
    player_join(two, "closing");
    fixture_read(fixture); /* somebody is on its way there, so that it stays a while */

    assert_int_equal(run_move(fixture, here, one, "nowhere"), -ENOENT);
    assert_int_equal(run_move(fixture, here, two, "here"), -ENOENT); /* not this room's player */
    assert_int_equal(run_move(fixture, here, one, "here"), -EALREADY);
    assert_int_equal(run_move(fixture, here, one, "full"), 0); /* two has left it by now */
    settle(fixture);
    assert_int_equal(run_move(fixture, fixture_find_room(fixture, "closing"), two, "full"), -ENOSPC);
    assert_int_equal(run_move(fixture, fixture_find_room(fixture, "closing"), two, "locked"), -EPERM);
    assert_int_equal(fixture_session(fixture, two)->place, SESSION_IN_ROOM);
    assert_false(fixture_session(fixture, two)->is_paused);
    room_retire(hut);
    assert_int_equal(session_move(fixture_session(fixture, one), hut, NULL, 0), -ENOENT);
    assert_int_equal(session_move(fixture_session(fixture, two), here, NULL, 0), -EALREADY); /* it leaves */
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
    assert_int_equal(session_move(fixture_session(fixture, one), here, NULL, 0), -ENOENT);
    fixture_check_places(fixture);
    settle(fixture);
    assert_int_equal(here->seats, 0);
}

/* The address sanitizer's leak check looks. */
static void what_the_gone_were_to_carry_is_given_back(void **state)
{
    enum { GONE = 40 };
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *players[GONE];

    for (int i = 0; i < GONE; i++) {
        players[i] = fixture_enter(fixture, "here");
    }
    here->options.jobs_per_turn = 0; /* they are on their way for good */
    for (int i = 0; i < GONE; i++) {
        assert_int_equal(session_move(fixture_session(fixture, players[i]), there, "parcel", 6), 0);
    }
    assert_int_equal(there->seats, GONE);
    for (int i = 0; i < GONE; i++) {
        session_close(fixture_session(fixture, players[i]), ROOMD_CLOSE_KICKED, NULL);
        assert_null(fixture_session(fixture, players[i])->next_parcel);
    }
    fixture_check_places(fixture);
    assert_int_equal(there->seats, 0);
    here->options.jobs_per_turn = 10;
    settle(fixture);
    assert_int_equal(here->seats, 0);
}

struct race {
    uint64_t sessions[2];
    int results[2];
};

static void move_both(struct stage *stage, void *context)
{
    struct race *race = context;

    for (int i = 0; i < 2; i++) {
        race->results[i] = stage->host->move(stage->room, race->sessions[i], "there", NULL, 0);
    }
}

static void the_last_seat_is_given_once(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *here = fixture_room(fixture, "here", NULL);
    struct player *one = fixture_enter(fixture, "here");
    struct player *two = fixture_enter(fixture, "here");
    struct player *three = fixture_enter(fixture, "here");
    struct race race = {.sessions = {one->session, two->session}};
    struct room *there;

    options.capacity = 1;
    there = fixture_room(fixture, "there", &options);
    stage_run_play(fixture, here, move_both, &race);
    fixture_check_places(fixture);
    assert_int_equal(race.results[0], 0);
    assert_int_equal(race.results[1], -ENOSPC);
    player_join(three, "there");
    settle(fixture);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "there");
    player_expect_nothing(two);
    player_expect_error(three, ROOMD_ERROR_ROOM_FULL);
    assert_int_equal(here->member_count, 2);
    assert_int_equal(there->member_count, 1);

    /* Gone before it arrived: the seat is the next one's. */
    assert_int_equal(run_move(fixture, there, one, "here"), 0);
    settle(fixture);
    here->options.jobs_per_turn = 1;
    assert_int_equal(run_move(fixture, here, two, "there"), 0);
    assert_int_equal(there->seats, 1);
    session_close(fixture_session(fixture, two), ROOMD_CLOSE_KICKED, NULL);
    fixture_check_places(fixture);
    assert_int_equal(there->seats, 0);
    here->options.jobs_per_turn = 10;
    assert_int_equal(run_move(fixture, here, three, "there"), 0);
    settle(fixture);
    assert_int_equal(there->member_count, 1);
}

static void move_on_to_third(struct stage *stage, uint64_t session)
{
    note_parcel(stage, session);
    assert_int_equal(stage->host->move(stage->room, session, "third", "the second", 10), 0);
    assert_int_equal(stage->host->move(stage->room, session, "third", "again", 5), -EALREADY);
    note_parcel(stage, session); /* good until this returns, whatever it is given to carry on */
}

static void a_player_is_moved_on_as_it_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct room *first = fixture_room(fixture, "first", NULL);
    struct room *second = fixture_room(fixture, "second", NULL);
    struct room *third = fixture_room(fixture, "third", NULL);
    struct player *one = fixture_enter(fixture, "first");
    struct move move = {.session = one->session, .to = "second", .parcel = "the first", .bytes = 9};

    stage_of(second)->on_enter = move_on_to_third;
    stage_of(third)->on_enter = note_parcel;
    stage_run_play(fixture, first, move_one, &move);
    player_say(one, NOTE, "to whom it concerns"); /* waits until it has arrived for good */
    settle(fixture);
    stage_expect_notes(stage_of(second), "enter 1; parcel 9 the first; parcel 9 the first; leave 1 moved; ");
    stage_expect_notes(stage_of(third), "enter 1; parcel 10 the second; packet 1 100 to whom it concerns; ");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "second");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "third");
    player_expect_nothing(one);
}

static void kick_as_it_arrives(struct stage *stage, uint64_t session)
{
    assert_int_equal(stage->host->kick(stage->room, session, "not you"), 0);
    note_parcel(stage, session); /* still good */
    assert_int_equal(stage->host->move(stage->room, session, "first", NULL, 0), -ENOENT);
}

static void leave_as_it_arrives(struct stage *stage, uint64_t session)
{
    assert_int_equal(stage->host->leave(stage->room, session), 0);
    assert_int_equal(stage->host->leave(stage->room, session), -EALREADY);
    assert_int_equal(stage->host->move(stage->room, session, "first", NULL, 0), -EALREADY);
}

static void a_player_is_sent_away_as_it_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct room *first = fixture_room(fixture, "first", NULL);
    struct room *second = fixture_room(fixture, "second", NULL);
    struct player *one = fixture_enter(fixture, "first");
    struct player *two = fixture_enter(fixture, "first");
    struct move move = {.session = one->session, .to = "second", .parcel = "gift", .bytes = 4};

    stage_of(second)->on_enter = kick_as_it_arrives;
    stage_run_play(fixture, first, move_one, &move);
    settle(fixture);
    stage_expect_notes(stage_of(second), "enter 1; parcel 4 gift; leave 1 disconnected; ");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "second");
    player_expect_kick(one, ROOMD_CLOSE_KICKED);

    stage_of(second)->on_enter = leave_as_it_arrives;
    move.session = two->session;
    stage_run_play(fixture, first, move_one, &move);
    player_say(two, NOTE, "hello?");
    settle(fixture);
    stage_expect_notes(stage_of(second), "enter 2; leave 2 asked; ");
    player_expect_left(two, ROOMD_LEAVE_MOVED);
    player_expect_joined(two, "second");
    player_expect_left(two, ROOMD_LEAVE_ASKED);
    player_expect_error(two, ROOMD_ERROR_NOT_IN_ROOM);
    player_expect_nothing(two);
}

static struct player *other; /* of the packet's sender */

static enum roomd_packet_result move_the_other(struct stage *stage, uint64_t session, uint16_t id,
                                               const uint8_t *payload, size_t bytes)
{
    (void)session;
    assert_int_equal(stage->host->broadcast(stage->room, id, payload, bytes, 0), 0);
    assert_int_equal(stage->host->move(stage->room, other->session, "there", NULL, 0), 0);
    assert_int_equal(stage->host->broadcast(stage->room, id, "after", 5, 0), 0);
    assert_int_equal(stage->host->send(stage->room, other->session, id, "farewell", 8, 0), 0);
    return ROOMD_PACKET_OK;
}

/* In the middle of what goes to all; until it leaves, which is behind this callback, it is in the room. */
static void a_packet_of_one_player_moves_another(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = fixture_enter(fixture, "here");

    other = fixture_enter(fixture, "here");
    stage_of(here)->on_packet = move_the_other;
    player_say(one, NOTE, "go");
    settle(fixture);
    fixture_tick(fixture, here);
    player_expect_text(other, NOTE, "go");
    player_expect_text(other, NOTE, "after");
    player_expect_text(other, NOTE, "farewell");
    player_expect_left(other, ROOMD_LEAVE_MOVED);
    player_expect_joined(other, "there");
    assert_int_equal(there->member_count, 1);
    player_expect_text(one, NOTE, "go");
    player_expect_text(one, NOTE, "after");
    player_expect_nothing(one);
}

/* What the queue does not take waits on the client's side; then it is the next room's. */
static void what_a_player_sent_and_was_not_taken_goes_where_it_goes(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = fixture_enter(fixture, "here");
    uint64_t heard_here;

    stage_of(here)->is_mute = true;
    stage_of(there)->is_mute = true;
    here->options.jobs_per_turn = 1;
    here->jobs.bytes_max = 256;
    for (int i = 0; i < 50; i++) {
        player_say(one, NOTE, "a packet among many");
    }
    fixture_read(fixture);
    assert_false(list_is_empty(&here->waiting));
    heard_here = job_queue_count(&here->jobs);
    assert_int_equal(session_move(fixture_session(fixture, one), there, NULL, 0), 0);
    assert_true(list_is_empty(&here->waiting));
    settle(fixture);
    assert_int_equal(stage_of(here)->packets, heard_here);
    assert_int_equal(stage_of(there)->packets, 50 - heard_here);
    assert_int_equal(fixture->engine.stats.packets_dropped, 0);
}

/* A frame of which half has come when the content moves its player: the deadline rests on the way, and starts anew. */
static void half_a_frame_waits_for_the_move(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = fixture_enter(fixture, "here");
    const struct session *session = fixture_session(fixture, one);

    player_send_bytes(one, "\x08\x00\x64", 3);
    fixture_settle(fixture);
    assert_true(list_is_linked(&session->deadline_link));
    here->options.jobs_per_turn = 0; /* it takes its time */
    assert_int_equal(session_move(fixture_session(fixture, one), there, NULL, 0), 0);
    assert_false(list_is_linked(&session->deadline_link));
    for (int i = 0; i < 3; i++) {
        fake_clock_advance(fixture->engine.limits.frame_timeout_ns);
        fixture_turn_checked(fixture);
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_FRAME_TIMEOUT], 0);
    here->options.jobs_per_turn = 10;
    settle(fixture);
    assert_true(list_is_linked(&session->deadline_link));
    player_send_bytes(one, "\x00rest", 5);
    settle(fixture);
    stage_expect_notes(stage_of(there), "enter 1; packet 1 100 rest; ");
}

/* Who has answers to read before it is read from again, and has sent a packet behind what it asked. */
static struct player *enter_owing(struct fixture *fixture, struct room *room)
{
    static const uint8_t note[32 * 1024];
    struct player *player = fixture_enter_narrow(fixture, room->name, 4096);
    const struct session *session = fixture_session(fixture, player);

    assert_int_equal(room_send(room, player->session, NOTE, note, sizeof(note), ROOMD_URGENT), 0);
    fixture_settle(fixture);
    assert_true(session->conn.is_blocked);
    player_ask_for_rooms(player);
    player_say(player, NOTE, "behind");
    fixture_settle(fixture);
    assert_true(session->is_owing);
    return player;
}

static void read_all(struct fixture *fixture, struct player *player)
{
    struct frame frame;

    for (int i = 0; i < 50; i++) {
        while (player_next(player, &frame)) {
        }
        fixture_turn_checked(fixture);
    }
}

/* It has answers to read before it is read from again, and is moved meanwhile: both must hold it. */
static void who_has_answers_to_read_is_not_read_from_for_having_moved(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = enter_owing(fixture, here);
    const struct session *session = fixture_session(fixture, one);

    assert_int_equal(run_move(fixture, here, one, "there"), 0);
    settle(fixture);
    assert_int_equal(session->place, SESSION_IN_ROOM);
    assert_ptr_equal(session->room, there);
    assert_true(session->is_owing && session->is_paused);
    stage_expect_notes(stage_of(there), "enter 1; ");
    read_all(fixture, one);
    assert_false(session->is_paused);
    stage_expect_notes(stage_of(there), "packet 1 100 behind; ");
}

/* And the other way round: it has read while it was on its way. */
static void who_has_read_its_answers_on_the_way_goes_on_there(void **state)
{
    struct fixture *fixture = *state;
    struct room *here = fixture_room(fixture, "here", NULL);
    struct room *there = fixture_room(fixture, "there", NULL);
    struct player *one = enter_owing(fixture, here);
    struct session *session = fixture_session(fixture, one);

    here->options.jobs_per_turn = 0;
    assert_int_equal(session_move(session, there, NULL, 0), 0);
    read_all(fixture, one);
    assert_false(session->is_owing);
    assert_int_equal(session->place, SESSION_LEAVING);
    here->options.jobs_per_turn = 10;
    settle(fixture);
    stage_expect_notes(stage_of(there), "enter 1; packet 1 100 behind; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_player_is_moved_and_what_it_carries_arrives_once),
        FIXTURE_TEST(a_parcel_has_a_size),
        FIXTURE_TEST(a_move_that_is_refused_changes_nothing),
        FIXTURE_TEST(what_the_gone_were_to_carry_is_given_back),
        FIXTURE_TEST(the_last_seat_is_given_once),
        FIXTURE_TEST(a_player_is_moved_on_as_it_arrives),
        FIXTURE_TEST(a_player_is_sent_away_as_it_arrives),
        FIXTURE_TEST(a_packet_of_one_player_moves_another),
        FIXTURE_TEST(what_a_player_sent_and_was_not_taken_goes_where_it_goes),
        FIXTURE_TEST(half_a_frame_waits_for_the_move),
        FIXTURE_TEST(who_has_answers_to_read_is_not_read_from_for_having_moved),
        FIXTURE_TEST(who_has_read_its_answers_on_the_way_goes_on_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

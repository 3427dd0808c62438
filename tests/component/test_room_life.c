/* How rooms end for whoever is in one, on the way to it or out of it. */
#include "support/component.h"

#include <string.h>

#include "wire/control.h"

enum { NOTE = 100 };

/* What outlives the room. */
static uint32_t leaves;
static uint32_t packets;
static uint32_t jobs;
static enum roomd_leave_reason last_reason;

static struct room *make_room(struct fixture *fixture, const char *name)
{
    struct room_template template = fixture_template("room");

    template.content = &stage_ticking_content;
    fixture_set_template(fixture, &template);
    leaves = packets = jobs = 0;
    return fixture_make_room(fixture, "room", name);
}

static void retire_this(struct stage *stage, void *context)
{
    (void)context;
    room_retire((struct room *)stage->room);
}

static void say_goodbye(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    last_reason = reason;
    leaves++;
    assert_int_equal(stage->host->send(stage->room, session, NOTE, "goodbye", 7, 0), 0);
}

static void members_are_told_that_the_room_closes(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    uint32_t closed = stage_closed_count();
    struct player *players[3];

    for (int i = 0; i < 3; i++) {
        players[i] = fixture_enter(fixture, "room");
    }
    stage_of(room)->on_leave = say_goodbye;
    stage_broadcast(fixture, room, NOTE, "before");
    room_retire(room);
    room_retire(room);
    assert_int_equal(fixture->engine.stats.rooms_retired, 1);
    fixture_check_places(fixture);
    for (int i = 0; i < 3; i++) {
        fixture_turn_checked(fixture);
    }
    fixture_expect_room_gone(fixture, closed);
    assert_int_equal(leaves, 3);
    assert_int_equal(last_reason, ROOMD_LEAVE_ROOM_CLOSED);
    for (int i = 0; i < 3; i++) {
        player_expect_text(players[i], NOTE, "before");
        player_expect_text(players[i], NOTE, "goodbye");
        player_expect_left(players[i], ROOMD_LEAVE_ROOM_CLOSED);
        player_expect_nothing(players[i]);
        player_say(players[i], NOTE, "nobody hears this");
    }
    fixture_settle(fixture);
    player_expect_error(players[0], ROOMD_ERROR_NOT_IN_ROOM);
}

static void the_name_is_free_while_the_room_drains(void **state)
{
    struct fixture *fixture = *state;
    struct room *old = make_room(fixture, "room");
    struct player *one = fixture_enter(fixture, "room");
    uint32_t old_id = old->id;
    uint32_t closed = stage_closed_count();
    struct room *fresh;

    fixture->engine.lobby.templates[0].instances_max = 1;
    room_retire(old);
    assert_null(fixture_find_room(fixture, "room"));
    fresh = fixture_make_room(fixture, "room", "room"); /* nor is the old one an instance any more */
    assert_true(fresh->id > old_id);
    fixture_check_places(fixture);
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    assert_ptr_equal(fixture_find_room(fixture, "room"), fresh);
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
    player_join(one, "room");
    fixture_settle(fixture);
    player_expect_joined(one, "room");
    assert_int_equal(fresh->member_count, 1);
}

static void who_is_entering_is_turned_away(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct player *one = fixture_connect(fixture);
    uint32_t closed = stage_closed_count();

    fixture_room(fixture, "town", NULL);
    player_hello(one);
    player_join(one, "room");
    player_join(one, "town"); /* what it sends behind waits, and is then done */
    fixture_read(fixture);
    assert_int_equal(fixture_session(fixture, one)->place, SESSION_ENTERING);
    room_retire(room);
    stage_expect_notes(stage_of(room), "");
    fixture_turn_checked(fixture);
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    player_expect_welcome(one);
    player_expect_error(one, ROOMD_ERROR_NO_SUCH_ROOM);
    player_expect_joined(one, "town");
}

static void who_is_on_the_way_from_another_room_is_turned_away(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct room *town = fixture_room(fixture, "town", NULL);
    struct player *one = fixture_enter(fixture, "town");
    uint32_t closed = stage_closed_count();

    player_join(one, "room");
    fixture_read(fixture);
    assert_ptr_equal(fixture_session(fixture, one)->next_room, room);
    town->options.jobs_per_turn = 0; /* it takes its time to leave, and its seat is its own as long */
    room_retire(room);
    for (int i = 0; i < 3; i++) {
        fixture_turn_checked(fixture);
        assert_int_equal(room->seats, 1);
    }
    assert_int_equal(stage_closed_count(), closed);
    town->options.jobs_per_turn = 10;
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_error(one, ROOMD_ERROR_NO_SUCH_ROOM);
    player_expect_nothing(one);
    assert_int_equal(town->seats, 0);
    player_join(one, "town"); /* it is nowhere, and knows it */
    fixture_settle(fixture);
    player_expect_joined(one, "town");
}

static void who_leaves_for_another_room_gets_there(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct player *one;
    uint32_t closed = stage_closed_count();

    fixture_room(fixture, "town", NULL);
    one = fixture_enter(fixture, "room");
    player_join(one, "town");
    fixture_read(fixture);
    room_retire(room);
    fixture_turn_checked(fixture);
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "town");
    player_expect_nothing(one);
}

static void who_hangs_up_meanwhile_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct player *one = fixture_enter(fixture, "room");
    uint32_t closed = stage_closed_count();

    stage_of(room)->is_mute = true;
    room_retire(room);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_RESET, NULL);
    fixture_check_places(fixture);
    assert_int_equal(fixture_session(fixture, one)->leave_reason, ROOMD_LEAVE_DISCONNECTED);
    fixture_reap(fixture); /* the socket goes, the session waits for its room, the room for it */
    assert_false(list_is_empty(&fixture->engine.closing));
    assert_int_equal(stage_closed_count(), closed);
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    assert_null(fixture_session(fixture, one));
}

static void who_never_said_hello_is_kicked(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "auto");
    struct player *inside = fixture_connect(fixture);
    uint32_t closed = stage_closed_count();
    struct player *entering;

    fixture_settle(fixture);
    stage_of(room)->on_leave = say_goodbye;
    leaves = 0;
    stage_broadcast(fixture, room, NOTE, "before");
    entering = fixture_connect(fixture);
    assert_int_equal(fixture_session(fixture, entering)->place, SESSION_ENTERING);
    room_retire(room);
    assert_null(fixture->engine.lobby.autojoin);
    fixture_turn_checked(fixture);
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    assert_int_equal(leaves, 1);
    assert_int_equal(last_reason, ROOMD_LEAVE_ROOM_CLOSED);
    player_expect_text(inside, NOTE, "before");
    player_expect_text(inside, NOTE, "goodbye");
    player_expect_kick(inside, ROOMD_CLOSE_ROOM_CLOSED);
    player_expect_kick(entering, ROOMD_CLOSE_ROOM_CLOSED);

    struct player *later = fixture_connect(fixture);

    fixture_settle(fixture);
    player_expect_nothing(later);
    assert_int_equal(fixture_session(fixture, later)->place, SESSION_NOWHERE);
}

static void send_to_room(struct stage *stage, void *context)
{
    const struct player *player = context;

    assert_int_equal(stage->host->move(stage->room, player->session, "room", "parcel", 6), 0);
}

static void who_never_said_hello_and_is_on_the_way_is_kicked(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct room *first = fixture_autojoin_room(fixture, "auto");
    struct player *one = fixture_connect(fixture);
    uint32_t closed = stage_closed_count();

    fixture_settle(fixture);
    first->options.jobs_per_turn = 1; /* so that it has not left yet */
    stage_run_play(fixture, first, send_to_room, one);
    assert_ptr_equal(fixture_session(fixture, one)->next_room, room);
    room_retire(room);
    fixture_turn_checked(fixture);
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    player_expect_kick(one, ROOMD_CLOSE_ROOM_CLOSED);
    assert_int_equal(first->seats, 0);
}

static enum roomd_packet_result count_packets(struct stage *stage, uint64_t session, uint16_t id,
                                              const uint8_t *payload, size_t bytes)
{
    (void)session;
    (void)id;
    assert_int_equal(bytes, 1);
    if (payload[0] == '1') {
        room_retire((struct room *)stage->room);
    }
    packets++;
    return ROOMD_PACKET_OK;
}

static void count_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)stage;
    (void)session;
    (void)reason;
    leaves++;
}

static void count_job(void *state, uint64_t session, const void *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)payload;
    (void)bytes;
    jobs++;
}

/* What was in the queue by then is run, and the leave behind it; nothing of that player's after. */
static void what_was_said_before_the_room_closed_is_heard(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct player *one = fixture_enter(fixture, "room");
    uint32_t closed = stage_closed_count();

    stage_of(room)->on_packet = count_packets;
    stage_of(room)->on_leave = count_leave;
    player_say(one, NOTE, "1");
    player_say(one, NOTE, "2");
    fixture_read(fixture);
    assert_int_equal(room_push(room, count_job, 0, NULL, 0), 0);
    fixture_play(fixture);
    player_say(one, NOTE, "3"); /* too late: it comes to nobody */
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    assert_int_equal(packets, 2);
    assert_int_equal(jobs, 1);
    assert_int_equal(leaves, 1);
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
    player_expect_error(one, ROOMD_ERROR_NOT_IN_ROOM);
}

/* The queue is full, and the player waits for it to drain; what it had sent is then for where it is. */
static void who_waits_for_the_queue_does_not_go_on_before_it_has_left(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct player *one = fixture_enter(fixture, "room");
    const struct session *session = fixture_session(fixture, one);
    uint32_t closed = stage_closed_count();

    room->options.jobs_per_turn = 1;
    room->jobs.bytes_max = 256;
    for (int i = 0; i < 50; i++) {
        player_say(one, NOTE, "a packet among many");
    }
    fixture_read(fixture);
    assert_false(list_is_empty(&room->waiting));
    room_retire(room);
    assert_true(list_is_empty(&room->waiting));
    for (int i = 0; i < 20; i++) {
        fixture_turn_checked(fixture);
        assert_true(session->place == SESSION_NOWHERE || session->conn.kept_bytes > 0);
    }
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    assert_true(fixture->engine.stats.errors_sent > 30);
    assert_int_equal(fixture->engine.stats.errors_sent, fixture->engine.stats.packets_dropped);
}

static void a_room_with_nobody_in_it_is_gone_with_the_turn(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    uint32_t closed = stage_closed_count();

    stage_run_play(fixture, room, retire_this, NULL);
    fixture_check_places(fixture);
    assert_int_equal(scheduler_timeout_ns(&fixture->engine, clock_now_ns()), 0);
    fixture_flush(fixture);
    fixture_reap(fixture);
    fixture_expect_room_gone(fixture, closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(members_are_told_that_the_room_closes),
        FIXTURE_TEST(the_name_is_free_while_the_room_drains),
        FIXTURE_TEST(who_is_entering_is_turned_away),
        FIXTURE_TEST(who_is_on_the_way_from_another_room_is_turned_away),
        FIXTURE_TEST(who_leaves_for_another_room_gets_there),
        FIXTURE_TEST(who_hangs_up_meanwhile_is_waited_for),
        FIXTURE_TEST(who_never_said_hello_is_kicked),
        FIXTURE_TEST(who_never_said_hello_and_is_on_the_way_is_kicked),
        FIXTURE_TEST(what_was_said_before_the_room_closed_is_heard),
        FIXTURE_TEST(who_waits_for_the_queue_does_not_go_on_before_it_has_left),
        FIXTURE_TEST(a_room_with_nobody_in_it_is_gone_with_the_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What once broke in what sessions are owed, and may send, each named after what it did. */
#include "support/component.h"

#include <string.h>
#include <sys/socket.h>

#include "support/tally.h"
#include "wire/control.h"

enum { READERS = 6, OLD_PACKETS = 620, NOTE_BYTES = 40000 };

static uint64_t count_closes(const struct fixture *fixture, enum roomd_close_reason reason)
{
    return fixture->engine.stats.closes[reason];
}

/* Just when a timer is due the process stands still, for so long; then it wakes as the daemon does. */
static void stand_still(struct fixture *fixture, uint64_t by_ns)
{
    struct engine *engine = &fixture->engine;
    uint64_t due_ns = clock_now_ns();

    fake_clock_advance(by_ns);
    engine->now_ns = clock_now_ns();
    session_forgive_stall(engine, due_ns);
    fixture_settle(fixture);
}

/* They have read all that they were left, and none has been told yet what it missed. */
static void bring_to_resyncing(struct fixture *fixture, struct player **players)
{
    int ready = 0;

    for (int i = 0; i < 50 && ready < READERS; i++) {
        ready = 0;
        for (int k = 0; k < READERS; k++) {
            player_receive(players[k], SIZE_MAX);
        }
        fixture_read(fixture);
        fixture_flush(fixture);
        for (int k = 0; k < READERS; k++) {
            ready += fixture_session(fixture, players[k])->hold == SESSION_RESYNCING;
        }
    }
    assert_int_equal(ready, READERS);
}

/* It was still on the list of those who are to be told, in a room where it had missed nothing. */
static void who_went_elsewhere_while_it_was_to_be_told_ended_the_process(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = tally_room(fixture, "room", NULL);
    struct room *other = tally_room(fixture, "other", NULL);
    struct player *players[READERS];
    uint32_t gone = 0;

    for (int i = 0; i < READERS; i++) {
        players[i] = fixture_enter_narrow(fixture, "room", 1);
    }
    for (int i = 0; i < READERS; i++) {
        tally_leave_behind(fixture, room, players[i], NULL);
    }
    bring_to_resyncing(fixture, players);
    tally_set_resync_ns(3 * NS_PER_MS); /* the first uses up the turn */
    for (int i = 0; i < READERS; i++) {
        if (fixture->engine.resyncing.next != &fixture_session(fixture, players[i])->blocked_link) {
            player_join(players[i], "other");
        }
    }
    fixture_read(fixture);
    room_mark_runnable(other); /* behind `room`: who leaves the one enters the other in the same turn */
    fixture_play(fixture);
    for (int i = 0; i < READERS; i++) {
        const struct session *session = fixture_session(fixture, players[i]);

        if (session->room == other && session->place == SESSION_IN_ROOM) {
            assert_int_not_equal(session->hold, SESSION_RESYNCING);
            gone++;
        }
    }
    assert_int_equal(gone, READERS - 1);
    fixture_play(fixture); /* no flush has come to them yet: it was cut short */
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.resyncs, 1);
}

/* A room that says 1.6 MB at once to a player whose kernel takes a small part of it. */
static struct player *enter_with_backlog(struct fixture *fixture, struct room **room)
{
    struct player *player;

    *room = fixture_room(fixture, "room", NULL);
    stage_of(*room)->is_mute = true;
    player = fixture_enter_narrow(fixture, "room", 128 * 1024);
    for (int i = 0; i < 40; i++) {
        tally_broadcast(*room, NULL, NOTE_BYTES);
    }
    fixture_tick(fixture, *room);
    assert_true(fixture_session(fixture, player)->conn.is_blocked);
    return player;
}

/* It had read all that the kernel had, and there was nobody who wrote more. */
static void a_server_that_stood_still_called_a_client_slow_that_had_read(void **state)
{
    struct fixture *fixture = *state;
    struct room *room;
    struct player *player = enter_with_backlog(fixture, &room);
    struct tally tally = {0};

    tally.said = 40;
    tally.said_bytes = 40 * (ROOMD_FRAME_HEADER_BYTES + NOTE_BYTES);
    player_receive(player, SIZE_MAX);
    stand_still(fixture, room->options.outbox_age_max_ns + 2 * NS_PER_S);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 0);
    tally_read(fixture, player, &tally);
    tally_check(&tally);
    assert_int_equal(fixture_session(fixture, player)->close_reason, ROOMD_CLOSE_NONE);
}

/* The other side of it: a stall gives no more than its own time. */
static void who_does_not_read_after_a_stall_is_slow_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct room *room;

    (void)enter_with_backlog(fixture, &room);
    stand_still(fixture, room->options.outbox_age_max_ns + 2 * NS_PER_S);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 0);
    fixture_pass(fixture, room->options.outbox_age_max_ns + NS_PER_S);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 1);
}

static void send_many(struct player *player, uint32_t count)
{
    enum { BYTES = ROOMD_FRAME_HEADER_BYTES + 8 };
    static uint8_t packets[OLD_PACKETS * BYTES];

    assert_true(count <= OLD_PACKETS);
    for (uint32_t i = 0; i < count; i++) {
        frame_put_header(packets + i * BYTES, TALLY_NOTE, 8);
    }
    player_send_bytes(player, packets, count * BYTES);
}

/* A room of one, who may send as the config's defaults have it. */
static struct fixture *open_to_floods(struct player **player)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;

    limits.input =
        (struct input_limits){.packets = {.per_s = 200, .burst = 400}, .bytes = {64 * 1024, 128 * 1024}};
    limits.flood_max = 200;
    limits.strikes_max = 5;
    fixture = fixture_open(&limits);
    stage_of(fixture_room(fixture, "room", NULL))->is_mute = true;
    *player = fixture_enter(fixture, "room");
    return fixture;
}

/* 20 packets a second, for 31 s, of a client that may send 200. */
static void what_had_piled_up_while_the_server_stood_still_was_a_flood(void **state)
{
    struct player *player;
    struct fixture *fixture = open_to_floods(&player);
    uint32_t flood_max = fixture->engine.limits.flood_max;

    (void)state;
    send_many(player, OLD_PACKETS);
    stand_still(fixture, 31 * NS_PER_S);
    assert_true(fixture->engine.stats.packets_flooded >= flood_max);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_FLOOD), 0);
    assert_in_range(fixture_session(fixture, player)->flood_drops, 0, flood_max / 8);
    player_expect_nothing(player);

    fixture_pass(fixture, 5 * NS_PER_S); /* the same again, and nobody stood still */
    send_many(player, OLD_PACKETS);
    fixture_settle(fixture);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_FLOOD), 1);
    fixture_close(fixture);
}

/* Whoever held the server up could flood it for as long as it caught up, and so hold it up again. */
static void a_flood_behind_a_standstill_was_free(void **state)
{
    struct player *player;
    struct fixture *fixture = open_to_floods(&player);
    int rounds = 0;

    (void)state;
    stand_still(fixture, 3 * NS_PER_S);
    while (count_closes(fixture, ROOMD_CLOSE_FLOOD) == 0) {
        assert_true(++rounds < 6);
        send_many(player, OLD_PACKETS);
        fixture_settle(fixture);
    }
    assert_true(fixture->engine.now_ns < fixture->engine.catch_up_ns);
    fixture_close(fixture);
}

/* S_PING lay behind all that it had yet to read, so that it could not answer in time. */
static void who_had_much_to_read_was_pinged_out(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct room_options options = fixture_room_options();
    struct fixture *fixture;
    struct room *room;
    struct player *player;

    (void)state;
    limits.ping_after_ns = 30 * NS_PER_S;
    limits.pong_timeout_ns = 15 * NS_PER_S;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    fixture = fixture_open(&limits);
    room = fixture_room(fixture, "room", &options);
    stage_of(room)->is_mute = true;
    player = fixture_enter_narrow(fixture, "room", 64 * 1024);
    for (int i = 0; i < 40; i++) {
        tally_broadcast(room, NULL, NOTE_BYTES);
    }
    fixture_pass(fixture, 120 * NS_PER_S);
    assert_true(fixture->engine.stats.pings > 0);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_TIMEOUT), 0);
    assert_int_equal(fixture_session(fixture, player)->close_reason, ROOMD_CLOSE_NONE);

    tally_read(fixture, player, &(struct tally){0});
    assert_true(outbox_is_empty(&fixture_session(fixture, player)->conn.reader.outbox));
    fixture_pass(fixture,
                 2 * (limits.ping_after_ns + limits.pong_timeout_ns)); /* nothing is in its way now */
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_TIMEOUT), 1);
    fixture_close(fixture);
}

/* In each room skip_max began anew. */
static void who_went_from_room_to_room_and_never_read_was_skipped_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct room *rooms[2];
    struct player *slow;
    int moves = 0;

    options.outbox_age_max_ns = 1 * NS_PER_S;
    options.skip_max_ns = 10 * NS_PER_S;
    rooms[0] = tally_room(fixture, "one", &options);
    rooms[1] = tally_room(fixture, "two", &options);
    slow = fixture_enter_narrow(fixture, "one", 1);
    for (int i = 0; i < 120 && count_closes(fixture, ROOMD_CLOSE_SLOW) == 0; i++) {
        tally_broadcast(rooms[0], NULL, 1000);
        tally_broadcast(rooms[1], NULL, 1000);
        fixture_advance(fixture, 500 * NS_PER_MS);
        if (i % 10 == 9 && count_closes(fixture, ROOMD_CLOSE_SLOW) == 0) {
            player_join(slow, rooms[++moves % 2]->name);
        }
    }
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 1);
    assert_true(moves >= 2);
}

static void who_came_from_a_roomier_room_was_slow_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct room_options roomy = fixture_room_options();
    struct room_options strict = fixture_room_options();
    struct room *from;
    struct room *to;
    struct player *player;
    struct session *session;
    struct owed_max strict_max;

    roomy.outbox_bytes_max = 4 * 1024 * 1024;
    strict.outbox_bytes_max = 256 * 1024;
    from = fixture_room(fixture, "roomy", &roomy);
    to = fixture_room(fixture, "strict", &strict);
    stage_of(from)->is_mute = true;
    stage_of(to)->is_mute = true;
    player = fixture_enter_narrow(fixture, "roomy", 64 * 1024);
    session = fixture_session(fixture, player);
    for (int i = 0; i < 15; i++) {
        tally_broadcast(from, NULL, NOTE_BYTES);
    }
    fixture_tick(fixture, from);
    assert_true(session->conn.reader.outbox.bytes > strict.outbox_bytes_max);
    player_join(player, "strict");
    fixture_settle(fixture);
    assert_ptr_equal(session->room, to);
    fixture_pass(fixture, 2 * NS_PER_S);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 0);

    tally_read(fixture, player, &(struct tally){0}); /* and then it is as strict as with everybody */
    strict_max = room_owed_max(to);
    assert_memory_equal(&session->owed_max, &strict_max, sizeof(strict_max));
    for (int i = 0; i < 15; i++) {
        tally_broadcast(to, NULL, NOTE_BYTES);
    }
    fixture_tick(fixture, to);
    fixture_pass(fixture, 1 * NS_PER_S);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 1);
}

/* Its last packets were too old in the turn in which it had said that it leaves. */
static void who_was_leaving_a_room_that_skips_was_slow(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = tally_options();
    struct tally tally = {0};
    struct room *room;
    struct player *slow;
    struct session *session;

    options.outbox_age_max_ns = 1 * NS_PER_S;
    room = tally_room(fixture, "room", &options);
    slow = fixture_enter_narrow(fixture, "room", 1);
    session = fixture_session(fixture, slow);
    for (int i = 0; i < 20; i++) {
        tally_broadcast(room, &tally, 1000);
    }
    fixture_tick(fixture, room);
    assert_true(session->conn.is_blocked);
    assert_false(session->conn.reader.is_skipping);
    player_leave(slow);
    fake_clock_advance(3 * NS_PER_S);
    fixture_read(fixture);
    assert_int_equal(session->place, SESSION_LEAVING);
    session_check_behind(session); /* as the timer of those who are blocked does, and every flush */
    assert_int_equal(session->close_reason, ROOMD_CLOSE_NONE);
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.skips, 1);
    tally_read(fixture, slow, &tally);
    assert_int_equal(tally.lefts, 1);
    assert_int_equal(tally.resyncs, 1);
    tally_check(&tally);
    assert_int_equal(count_closes(fixture, ROOMD_CLOSE_SLOW), 0);
}

/* It had begun to after the timer was due that tells of the standstill: it had then skipped since a time to come, for ever. */
static void who_began_to_skip_just_before_a_standstill_was_slow(void **state)
{
    struct fixture *fixture = *state;
    struct engine *engine = &fixture->engine;
    struct room *room = tally_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct session *session = fixture_session(fixture, slow);
    uint64_t due_ns;

    tally_leave_behind(fixture, room, slow, NULL);
    due_ns = session->skip_since_ns - NS_PER_MS / 2;
    fake_clock_advance(3 * NS_PER_S);
    engine->now_ns = clock_now_ns();
    session_forgive_stall(engine, due_ns);
    session_check_behind(session);
    assert_int_equal(session->close_reason, ROOMD_CLOSE_NONE);
    assert_int_equal(session->skip_since_ns, engine->now_ns);
}

/* What a connection was given as it was opened it kept for ever, whatever a reload said. */
static void a_reload_left_the_sockets_of_those_who_were_there_as_they_were(void **state)
{
    struct fixture *fixture = *state;
    struct engine_limits limits = fixture->engine.limits;
    struct player *player = fixture_welcome(fixture);
    struct session *session = fixture_session(fixture, player);
    int bytes = 0;
    socklen_t size = sizeof(bytes);

    limits.conn.send_buffer_bytes = 96 * 1024;
    engine_set_limits(&fixture->engine, &limits);
    assert_int_equal(getsockopt(session->conn.source.fd, SOL_SOCKET, SO_SNDBUF, &bytes, &size), 0);
    assert_int_equal(bytes, 96 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(who_went_elsewhere_while_it_was_to_be_told_ended_the_process),
        FIXTURE_TEST(a_server_that_stood_still_called_a_client_slow_that_had_read),
        FIXTURE_TEST(who_does_not_read_after_a_stall_is_slow_all_the_same),
        cmocka_unit_test(what_had_piled_up_while_the_server_stood_still_was_a_flood),
        cmocka_unit_test(a_flood_behind_a_standstill_was_free),
        cmocka_unit_test(who_had_much_to_read_was_pinged_out),
        FIXTURE_TEST(who_went_from_room_to_room_and_never_read_was_skipped_for_ever),
        FIXTURE_TEST(who_came_from_a_roomier_room_was_slow_at_once),
        FIXTURE_TEST(who_was_leaving_a_room_that_skips_was_slow),
        FIXTURE_TEST(a_reload_left_the_sockets_of_those_who_were_there_as_they_were),
        FIXTURE_TEST(who_began_to_skip_just_before_a_standstill_was_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

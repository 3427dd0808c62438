/* Jobs of the content, now and later; who is kicked from where; a room's beginning and end. */
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/host.h"
#include "wire/control.h"

enum { NOTE = 100 };

/* A job that notes its payload. */
static void job_note(void *state, uint64_t session, const void *payload, size_t bytes)
{
    stage_note(state, "job %.*s for %llu; ", (int)bytes, (const char *)payload, (unsigned long long)session);
}

static void push_some(struct stage *stage, void *context)
{
    uint8_t large[ROOMD_JOB_PAYLOAD_BYTES_MAX + 1] = {0};
    char text[] = "abc";

    (void)context;
    assert_int_equal(stage->host->push(stage->room, job_note, 5, text, 3), 0);
    text[0] = '?'; /* it was copied */
    assert_int_equal(stage->host->push(stage->room, job_note, 0, NULL, 0), 0);
    assert_int_equal(stage->host->push(stage->room, job_note, 0, large, sizeof(large)), -EMSGSIZE);
    assert_int_equal(stage->host->push(stage->room, job_note, 0, large, SIZE_MAX), -EMSGSIZE);
    stage_note(stage, "pushed; "); /* it runs from the queue, not from within push */
}

static void jobs_run_in_order_behind_what_was_there(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    player_say(one, 1, "first");
    player_say(one, 2, "second");
    fixture_read(fixture);
    stage_run(fixture, room, push_some, NULL);
    stage_expect_notes(stage_of(room), "enter 1; packet 1 1 first; packet 1 2 second; pushed; "
                                       "job abc for 5; job  for 0; ");
}

static void push_again(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct stage *stage = state;

    (void)session;
    stage->ticks++;
    assert_int_equal(stage->host->push(stage->room, push_again, 0, payload, bytes), 0);
}

/* A job that pushes itself for ever takes its room's share of each turn and no more. */
static void a_room_runs_a_bounded_number_of_jobs_a_turn(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *busy;
    struct room *other;

    options.jobs_per_turn = 10;
    busy = fixture_room(fixture, "busy", &options);
    other = fixture_room(fixture, "other", NULL);
    assert_int_equal(room_push(busy, push_again, 0, "x", 1), 0);
    for (uint64_t turns = 1; turns <= 5; turns++) {
        assert_int_equal(room_push(other, job_note, turns, "o", 1), 0);
        fixture_turn(fixture);
        assert_int_equal(stage_of(busy)->ticks, 10 * turns);
        assert_int_equal(scheduler_timeout_ns(&fixture->engine, clock_now_ns()), 0);
    }
    stage_expect_notes(stage_of(other), "job o for 1; job o for 2; job o for 3; job o for 4; job o for 5; ");
    room_close(busy); /* what is left never runs */
}

struct later {
    uint64_t timers[8];
};

static void push_later(struct stage *stage, void *context)
{
    struct later *later = context;
    const struct roomd_host *host = stage->host;
    uint8_t large[ROOMD_JOB_PAYLOAD_BYTES_MAX + 1] = {0};
    uint64_t unused = 0;

    assert_int_equal(host->push_after(stage->room, 30, job_note, 3, "c", 1, &later->timers[0]), 0);
    assert_int_equal(host->push_after(stage->room, 10, job_note, 1, "a", 1, &later->timers[1]), 0);
    assert_int_equal(host->push_after(stage->room, 20, job_note, 2, "b", 1, &later->timers[2]), 0);
    assert_int_equal(host->push_after(stage->room, 20, job_note, 2, "b2", 2, &later->timers[3]), 0);
    assert_int_equal(host->push_after(stage->room, 0, job_note, 0, "now", 3, &later->timers[4]), 0);
    assert_int_equal(host->push_after(stage->room, 25, job_note, 0, "never", 5, &later->timers[5]), 0);
    assert_int_equal(host->push_after(stage->room, 1, job_note, 0, large, sizeof(large), &unused), -EMSGSIZE);
    assert_int_equal(host->cancel(stage->room, later->timers[5]), 0);
    assert_int_equal(host->cancel(stage->room, later->timers[5]), -ENOENT);
    assert_int_equal(host->cancel(stage->room, 0), -ENOENT);
    assert_int_equal(host->cancel(stage->room, UINT64_MAX), -ENOENT);
}

static void cancel_of_other(struct stage *stage, void *context)
{
    struct later *later = context;

    /* Another room's timers are not this one's to cancel. */
    assert_int_equal(stage->host->cancel(stage->room, later->timers[0]), -ENOENT);
}

static void cancel_what_ran(struct stage *stage, void *context)
{
    struct later *later = context;

    assert_int_equal(stage->host->cancel(stage->room, later->timers[1]), -ENOENT);
}

static void later_jobs_run_when_they_are_due(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct room *other = fixture_room(fixture, "other", NULL);
    struct later later;

    stage_run(fixture, room, push_later, &later);
    stage_expect_notes(stage_of(room), "job now for 0; ");
    stage_run(fixture, other, cancel_of_other, &later);
    fixture_advance(fixture, 10 * NS_PER_MS - 1);
    stage_expect_notes(stage_of(room), "");
    fixture_advance(fixture, 1);
    stage_expect_notes(stage_of(room), "job a for 1; ");
    stage_run(fixture, room, cancel_what_ran, &later);
    fixture_advance(fixture, 10 * NS_PER_MS);
    stage_expect_notes(stage_of(room), "job b for 2; job b2 for 2; ");
    fixture_advance(fixture, NS_PER_S);
    stage_expect_notes(stage_of(room), "job c for 3; ");
    assert_int_equal(fixture->engine.job_timer_pool.used, 0);
}

static void push_by_room_time(struct stage *stage, void *context)
{
    uint64_t timer;

    *(uint64_t *)context = stage->host->now_ms(stage->room);
    assert_int_equal(stage->host->push_after(stage->room, 2, job_note, 2, "two", 3, &timer), 0);
    assert_int_equal(stage->host->push_after(stage->room, 1, job_note, 1, "one", 3, &timer), 0);
}

/* The room's time is in whole ms: a job is due as soon as that has reached it, wherever in a ms it was asked for. */
static void later_jobs_are_due_by_the_rooms_time(void **state)
{
    struct fixture *fixture = *state;
    struct room *room;
    uint64_t now_ms = 77;

    fixture_advance(fixture, 123456); /* the room's ms begin in the middle of the engine's */
    room = fixture_room(fixture, "room", NULL);
    fixture_advance(fixture, 5 * NS_PER_MS + 700 * 1000);
    stage_run(fixture, room, push_by_room_time, &now_ms);
    assert_int_equal(now_ms, 5);
    fixture_advance(fixture, 300 * 1000 - 1);
    stage_expect_notes(stage_of(room), "");
    fixture_advance(fixture, 1);
    stage_expect_notes(stage_of(room), "job one for 1; ");
    fixture_advance(fixture, NS_PER_MS - 1);
    stage_expect_notes(stage_of(room), "");
    fixture_advance(fixture, 1);
    stage_expect_notes(stage_of(room), "job two for 2; ");
}

static void fill_timers(struct stage *stage, void *context)
{
    uint32_t limit = *(uint32_t *)context;
    uint64_t timer;

    for (uint32_t i = 0; i < limit; i++) {
        assert_int_equal(stage->host->push_after(stage->room, 1000, job_note, 0, "x", 1, &timer), 0);
    }
    assert_int_equal(stage->host->push_after(stage->room, 1000, job_note, 0, "x", 1, &timer), -ENOMEM);
    assert_int_equal(stage->host->cancel(stage->room, timer), 0);
    assert_int_equal(stage->host->push_after(stage->room, 1000, job_note, 0, "x", 1, &timer), 0);
}

/* Timers are bounded, and those of a room are gone with it. */
static void later_jobs_are_gone_with_the_room(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    uint32_t limit = fixture->engine.limits.job_timers_max;
    uint32_t closed = stage_closed_count();

    stage_run(fixture, room, fill_timers, &limit);
    assert_int_equal(fixture->engine.job_timer_pool.used, limit);
    room_close(room);
    assert_int_equal(stage_closed_count(), closed + 1);
    assert_int_equal(fixture->engine.job_timer_pool.used, 0);
    assert_int_equal(fixture->engine.job_timers.used, 0);
    fixture_advance(fixture, 2 * NS_PER_S);
}

static void fill_queue(struct stage *stage, void *context)
{
    uint8_t payload[ROOMD_JOB_PAYLOAD_BYTES_MAX] = {0};
    uint64_t timer;
    uint64_t *pushed = context;

    stage->is_mute = true;
    assert_int_equal(stage->host->push_after(stage->room, 1, job_note, 77, "late", 4, &timer), 0);
    while (stage->host->push(stage->room, job_note, 0, payload, sizeof(payload)) == 0) {
        (*pushed)++;
    }
    while (stage->host->push(stage->room, job_note, 0, NULL, 0) == 0) { /* into what is left */
        (*pushed)++;
    }
    assert_int_equal(stage->host->push(stage->room, job_note, 0, payload, sizeof(payload)), -ENOBUFS);
}

/* A job that is due while the queue is full is tried again, late and never lost. */
static void a_later_job_waits_for_room_in_the_queue(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    uint64_t pushed = 0;

    options.jobs_per_turn = 1;
    options.job_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "room", &options);
    stage_run_play(fixture, room, fill_queue, &pushed);
    assert_true(pushed > 100);
    options.jobs_per_turn = 0; /* hold the queue as it is for three tries */
    room_set_options(room, &options);
    for (int i = 0; i < 3; i++) {
        fake_clock_advance(NS_PER_MS);
        fixture_turn(fixture);
    }
    assert_int_equal(fixture->engine.stats.job_timers_late, 3);
    assert_int_equal(job_queue_count(&room->jobs), pushed);
    options.jobs_per_turn = 4096;
    room_set_options(room, &options);
    fixture_settle(fixture);
    stage_of(room)->is_mute = false;
    fixture_advance(fixture, NS_PER_MS);
    stage_expect_notes(stage_of(room), "job late for 77; ");
}

static enum roomd_packet_result kick_the_sender(struct stage *stage, uint64_t session, uint16_t id,
                                                const uint8_t *payload, size_t bytes)
{
    (void)id;
    (void)payload;
    (void)bytes;
    assert_int_equal(stage->host->broadcast(stage->room, NOTE, "bye", 3, 0), 0);
    assert_int_equal(stage->host->kick(stage->room, session, "enough"), 0);
    stage_note(stage, "kicked; ");
    /* Still in the room until its leave callback, but nothing sent to it arrives. */
    assert_true(stage->host->player_id(stage->room, session) != 0);
    assert_int_equal(stage->host->send(stage->room, session, NOTE, "late", 4, 0), -ENOENT);
    assert_int_equal(stage->host->kick(stage->room, session, "again"), 0);
    return ROOMD_PACKET_MALFORMED; /* the first reason counts */
}

/* The player whose packet is being handled: what it pipelined behind is dropped, what it had is kept. */
static void a_player_is_kicked_while_its_packet_is_handled(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct control_server control;
    struct frame frame;

    stage_of(room)->on_packet = kick_the_sender;
    player_say(one, 1, "a");
    player_say(one, 1, "b");
    player_say(one, 1, "c");
    fixture_settle(fixture);
    stage_expect_notes(stage_of(room), "enter 1; enter 2; packet 1 1 a; kicked; leave 1 disconnected; ");
    assert_int_equal(fixture->engine.stats.packets_dropped, 2);
    player_expect_text(one, NOTE, "bye");
    assert_true(player_next(one, &frame));
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.kick.reason, ROOMD_CLOSE_KICKED);
    assert_int_equal(control.kick.text.size, 6);
    assert_memory_equal(control.kick.text.bytes, "enough", 6);
    player_expect_end(one);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_KICKED], 1);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_MALFORMED], 0);
    assert_int_equal(fixture_log_count("event=close"), 1);
    fixture_tick(fixture, room);
    player_expect_text(two, NOTE, "bye");
    player_expect_nothing(two);
}

struct crowd {
    uint64_t sessions[50];
    size_t count;
};

static const struct crowd *stage_crowd; /* for callbacks that are given none */

static void kick_all(struct stage *stage, void *context)
{
    const struct crowd *crowd = context;

    for (size_t i = 0; i < crowd->count; i++) {
        assert_int_equal(stage->host->kick(stage->room, crowd->sessions[i], NULL), 0);
    }
}

static void kick_the_next(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    const struct crowd *crowd = stage->host->user(stage->room, session);

    assert_int_equal(reason, ROOMD_LEAVE_DISCONNECTED);
    stage->host->kick(stage->room, session, NULL);
    for (size_t i = 0; i < crowd->count; i++) {
        if (stage->host->kick(stage->room, crowd->sessions[i], "from leave") == 0) {
            assert_int_equal(stage->host->broadcast(stage->room, NOTE, "one less", 8, 0), 0);
        }
    }
}

static void give_users(struct stage *stage, void *context)
{
    const struct crowd *crowd = context;

    for (size_t i = 0; i < crowd->count; i++) {
        assert_int_equal(stage->host->set_user(stage->room, crowd->sessions[i], context), 0);
    }
}

static struct crowd crowd_enter(struct fixture *fixture)
{
    struct crowd crowd = {.count = 50};

    for (size_t i = 0; i < crowd.count; i++) {
        crowd.sessions[i] = fixture_enter(fixture, "room")->session;
    }
    return crowd;
}

static void all_players_are_kicked_in_one_job(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct crowd crowd = crowd_enter(fixture);

    stage_run(fixture, room, kick_all, &crowd);
    assert_int_equal(room->member_count, 0);
    assert_int_equal(room->seats, 0);
    assert_int_equal(stage_of(room)->leaves, 50);
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        player_expect_kick(player, ROOMD_CLOSE_KICKED);
    }
}

/* One connection breaks; the leave callback kicks everyone, itself too, and so does each of theirs. */
static void players_are_kicked_from_the_leave_callback(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct crowd crowd = crowd_enter(fixture);

    stage_run(fixture, room, give_users, &crowd);
    stage_of(room)->on_leave = kick_the_next;
    player_hang_up(fixture->players);
    fixture_settle(fixture);
    assert_int_equal(room->member_count, 0);
    assert_int_equal(room->seats, 0);
    assert_int_equal(stage_of(room)->leaves, 50);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_KICKED], 49);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_PEER_CLOSED], 1);
    stage_of(room)->on_leave = NULL;
}

static void kick_from_tick(struct stage *stage)
{
    const struct crowd *crowd = stage_crowd;

    for (size_t i = 0; i < crowd->count; i++) {
        stage->host->kick(stage->room, crowd->sessions[i], NULL);
    }
}

/* From the tick, with packets of theirs in the queue: as from a job, those are not handled any more. */
static void players_are_kicked_from_the_tick(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &stage_ticking_content);
    struct crowd crowd = crowd_enter(fixture);

    stage_crowd = &crowd;
    stage_of(room)->on_tick = kick_from_tick;
    fake_clock_advance(room->tick.due_ns - clock_now_ns());
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        player_say(player, 1, "too late");
    }
    fixture_settle(fixture);
    assert_int_equal(stage_of(room)->ticks, 1);
    assert_int_equal(room->member_count, 0);
    assert_int_equal(stage_of(room)->leaves, 50);
    assert_int_equal(stage_of(room)->packets, 0);
    assert_int_equal(fixture->engine.stats.packets_dropped, 50);
}

static void a_content_that_does_not_open_leaves_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room = NULL;

    stage_set_open_result(-EPERM);
    options.is_autojoin = true;
    assert_int_equal(room_open(&fixture->engine, "room", &options, &stage_content, content_host(), &room),
                     -EPERM);
    stage_set_open_result(0);
    assert_null(lobby_find(&fixture->engine.lobby, "room", 4));
    assert_int_equal(fixture->engine.lobby.count, 0);
    assert_null(fixture->engine.lobby.autojoin);
    fixture_room(fixture, "room", NULL); /* the name is free */
}

static void a_house_takes_so_many_rooms(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room = NULL;
    char name[16];

    for (uint32_t i = 0; i < fixture->engine.limits.rooms_max; i++) {
        snprintf(name, sizeof(name), "room %u", i);
        fixture_room(fixture, name, &options);
    }
    assert_int_equal(room_open(&fixture->engine, "more", &options, &stage_content, content_host(), &room),
                     -ENOSPC);
    for (uint32_t i = 0; i < fixture->engine.limits.rooms_max; i += 2) {
        snprintf(name, sizeof(name), "room %u", i);
        room_close(lobby_find(&fixture->engine.lobby, name, strlen(name)));
    }
    for (uint32_t i = 0; i < fixture->engine.limits.rooms_max; i++) {
        snprintf(name, sizeof(name), "room %u", i);
        assert_int_equal(lobby_find(&fixture->engine.lobby, name, strlen(name)) != NULL, i % 2);
    }
    assert_null(lobby_find(&fixture->engine.lobby, "room", 4));
    assert_null(lobby_find(&fixture->engine.lobby, "room 1 ", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(jobs_run_in_order_behind_what_was_there),
        FIXTURE_TEST(a_room_runs_a_bounded_number_of_jobs_a_turn),
        FIXTURE_TEST(later_jobs_run_when_they_are_due),
        FIXTURE_TEST(later_jobs_are_due_by_the_rooms_time),
        FIXTURE_TEST(later_jobs_are_gone_with_the_room),
        FIXTURE_TEST(a_later_job_waits_for_room_in_the_queue),
        FIXTURE_TEST(a_player_is_kicked_while_its_packet_is_handled),
        FIXTURE_TEST(all_players_are_kicked_in_one_job),
        FIXTURE_TEST(players_are_kicked_from_the_leave_callback),
        FIXTURE_TEST(players_are_kicked_from_the_tick),
        FIXTURE_TEST(a_content_that_does_not_open_leaves_no_room),
        FIXTURE_TEST(a_house_takes_so_many_rooms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Full queues and slow readers: who is made to wait, who is sent away, and that nothing is lost by either. */
#include "support/component.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/report.h"
#include "wire/control.h"

enum { NOTE = 100 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

static enum roomd_packet_result take_numbered(struct stage *stage, uint64_t session, uint16_t id,
                                              const uint8_t *bytes, size_t size)
{
    uint64_t *next = stage->host->user(stage->room, session);

    assert_int_equal(id, NOTE);
    assert_true(size >= 4);
    assert_int_equal(roomd_get_u32(bytes), *next);
    (*next)++;
    return ROOMD_PACKET_OK;
}

static void give_counter(struct stage *stage, uint64_t session)
{
    uint32_t number = stage->host->player_id(stage->room, session);

    assert_true(number < STAGE_COUNTERS);
    assert_int_equal(stage->host->set_user(stage->room, session, &stage->counters[number]), 0);
}

/* A room that takes 5 jobs a turn and holds 64 KiB of them. */
static struct room *open_tight_room(struct fixture *fixture)
{
    struct room_options options = fixture_room_options();
    struct room *room;

    options.jobs_per_turn = 5;
    options.job_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "tight", &options);
    stage_of(room)->is_mute = true;
    stage_of(room)->on_packet = take_numbered;
    stage_of(room)->on_enter = give_counter;
    return room;
}

static void send_numbered(struct player *player, uint32_t *sent)
{
    roomd_put_u32(payload, *sent);
    player_send(player, NOTE, payload, 4 + *sent * 37 % 3000);
    (*sent)++;
}

static uint32_t count_paused(struct fixture *fixture)
{
    uint32_t paused = 0;

    for (const struct player *player = fixture->players; player != NULL; player = player->next) {
        paused += fixture_session(fixture, player)->is_paused;
    }
    return paused;
}

static void a_full_queue_makes_its_senders_wait(void **state)
{
    enum { PLAYERS = 4, PACKETS = 400, PACKETS_A_TURN = 8 };
    struct fixture *fixture = *state;
    struct room *room = open_tight_room(fixture);
    uint32_t sent[PLAYERS] = {0};
    struct player *players[PLAYERS];
    uint32_t paused_max = 0;

    for (int i = 0; i < PLAYERS; i++) {
        players[i] = fixture_enter(fixture, "tight");
    }
    for (int turn = 0; turn < 100000 && stage_of(room)->packets < PLAYERS * PACKETS; turn++) {
        for (int i = 0; i < PLAYERS; i++) {
            /* As fast as the room takes them and some: no more than the kernel's buffer holds. */
            uint32_t ahead = sent[i] - (uint32_t)(stage_of(room)->packets / PLAYERS);

            for (int n = 0; n < PACKETS_A_TURN && sent[i] < PACKETS && ahead + (uint32_t)n < 60; n++) {
                send_numbered(players[i], &sent[i]);
            }
        }
        fixture_turn(fixture);
        assert_true(job_queue_used_bytes(&room->jobs) <= 2 * 64 * 1024);

        uint32_t paused = count_paused(fixture);

        paused_max = paused > paused_max ? paused : paused_max;
    }
    fixture_settle(fixture);
    assert_int_equal(stage_of(room)->packets, PLAYERS * PACKETS); /* each in order, as take_numbered saw */
    assert_int_equal(paused_max, PLAYERS);
    assert_true(fixture->engine.stats.jobs_refused > 0);
    assert_int_equal(count_paused(fixture), 0);
    assert_int_equal(fixture->engine.stats.packets_in, PLAYERS * (PACKETS + 2));
    for (int i = 0; i < PLAYERS; i++) {
        assert_int_equal(fixture_session(fixture, players[i])->conn.source.events, EPOLLIN);
    }
}

static void fill_queue(struct fixture *fixture, struct room *room, struct player *player, uint32_t *sent)
{
    struct session *session = fixture_session(fixture, player);

    for (int i = 0; i < 200 && !session->is_paused; i++) {
        send_numbered(player, sent);
        fixture_read(fixture);
    }
    assert_true(session->is_paused);
    assert_true(list_is_linked(&room->waiting));
}

/* While it waits it is not read from, however much it sends. */
static void a_waiting_sender_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_tight_room(fixture);
    struct player *one = fixture_enter(fixture, "tight");
    uint32_t sent = 0;
    uint64_t reads;

    fill_queue(fixture, room, one, &sent);
    reads = fixture->engine.net.stats.reads;
    for (int i = 0; i < 20; i++) {
        send_numbered(one, &sent);
        fixture_read(fixture);
    }
    assert_int_equal(fixture->engine.net.stats.reads, reads);
    assert_int_equal(fixture_session(fixture, one)->conn.source.events, 0);
    fixture_settle(fixture);
    assert_int_equal(stage_of(room)->packets, sent);
}

/* A sender that waits may hang up, and all that it sent is heard; or be closed, and what still waited is not. */
static void a_waiting_sender_may_go(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = open_tight_room(fixture);

    for (int is_kicked = 0; is_kicked < 2; is_kicked++) {
        struct player *one = fixture_enter(fixture, "tight");
        uint32_t sent = 0;

        stage_of(room)->packets = 0;
        fill_queue(fixture, room, one, &sent);
        if (is_kicked) {
            uint64_t queued = job_queue_count(&room->jobs);

            session_close(fixture_session(fixture, one), ROOMD_CLOSE_SHUTDOWN, NULL);
            assert_true(list_is_empty(&room->waiting));
            fixture_settle(fixture);
            assert_int_equal(stage_of(room)->packets, queued);
        } else {
            player_hang_up(one);
            fixture_settle(fixture);
            assert_int_equal(stage_of(room)->packets, sent);
        }
        fixture_advance(fixture, fixture->engine.limits.linger_ns);
        assert_null(fixture_session(fixture, one));
        assert_int_equal(room->member_count, 0);
    }
}

static bool is_open(struct fixture *fixture, const struct player *player)
{
    const struct session *session = fixture_session(fixture, player);

    return session != NULL && session->close_reason == ROOMD_CLOSE_NONE;
}

/* Broadcasts to a reader that stopped and one that reads, until the first is closed or the tries are over. */
static uint32_t broadcast_until_gone(struct fixture *fixture, struct room *room, struct player *slow,
                                     struct player *quick, uint32_t tries)
{
    uint32_t sent = 0;

    while (sent < tries && is_open(fixture, slow)) {
        roomd_put_u32(payload, sent++);
        assert_int_equal(room_broadcast(room, NOTE, payload, 1000, 0), 0);
        fixture_tick(fixture, room);
        player_receive(quick, SIZE_MAX);
        fixture_settle(fixture);
    }
    for (uint32_t i = 0; i < sent; i++) {
        roomd_put_u32(payload, i);
        player_expect(quick, NOTE, payload, 1000);
    }
    player_expect_nothing(quick);
    return sent;
}

/* If it reads after all: what the kernel had taken arrives, then why, then the end. */
static void expect_told_that_it_is_slow(struct fixture *fixture, struct player *slow)
{
    struct control_server control;
    struct frame frame = {.id = NOTE};

    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 1);
    assert_int_equal(fixture_log_count("reason=slow"), 1);
    assert_in_range(fixture->engine.net.gather.blocks.used, 0, 1); /* of S_KICK, unless that has gone out */
    for (int i = 0; i < 100 && frame.id == NOTE; i++) {
        while (frame.id == NOTE && player_next(slow, &frame)) {
        }
        fixture_settle(fixture);
    }
    assert_int_equal(frame.id, ROOMD_S_KICK);
    assert_int_equal(control_decode_server(&frame, &control), 0);
    assert_int_equal(control.kick.reason, ROOMD_CLOSE_SLOW);
    player_expect_end(slow);
    player_hang_up(slow);
    fixture_settle(fixture);
    assert_null(fixture_session(fixture, slow));
    assert_int_equal(fixture->engine.net.gather.blocks.used, 0);
}

static void a_reader_that_stopped_is_bounded_in_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    uint32_t sent;

    options.outbox_bytes_max = 64 * 1024;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    room = fixture_room(fixture, "room", &options);

    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct player *quick = fixture_enter(fixture, "room");

    sent = broadcast_until_gone(fixture, room, slow, quick, 500);
    assert_in_range(sent, 64, 64 + 16); /* what it may be owed, and what its kernel took */
    expect_told_that_it_is_slow(fixture, slow);
}

static void a_reader_that_stopped_is_bounded_in_slices(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;

    options.outbox_slices_max = 16;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    room = fixture_room(fixture, "room", &options);

    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct player *quick = fixture_enter(fixture, "room");
    uint32_t turns = 0;

    for (; turns < 500 && is_open(fixture, slow); turns++) {
        room_broadcast(room, NOTE, payload, 400, 0);
        room_send(room, slow->session, NOTE, payload, 100, 0); /* what differs from all others' is a slice */
        fixture_tick(fixture, room);
        assert_true(fixture->engine.net.gather.blocks.used <= 3);
        player_receive(quick, SIZE_MAX);
    }
    assert_in_range(turns, 8, 40);
    expect_told_that_it_is_slow(fixture, slow);
}

static void a_reader_that_stopped_is_bounded_in_age(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct player *quick = fixture_enter(fixture, "room");
    uint32_t sent = broadcast_until_gone(fixture, room, slow, quick, 500);

    /* 10 s at four ticks a second, once its kernel was full. */
    assert_in_range(sent, 40, 40 + 16);
    expect_told_that_it_is_slow(fixture, slow);
}

/* Also when nothing more is said in its room, or it has left that: somebody looks. It has no time to linger. */
static void a_reader_that_stopped_is_found_in_a_quiet_room(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);

    for (int leaves = 0; leaves < 2; leaves++) {
        struct player *slow = fixture_enter_narrow(fixture, "room", 1);

        room_broadcast(room, NOTE, payload, 60000, 0);
        fixture_tick(fixture, room);
        if (leaves) {
            player_leave(slow);
            fixture_settle(fixture);
            assert_int_equal(room->member_count, 0);
        }
        for (int i = 0; i < 99; i++) {
            fixture_advance(fixture, 100 * NS_PER_MS);
        }
        assert_true(is_open(fixture, slow));
        for (int i = 0; i < 10; i++) { /* the second since its limit */
            fixture_advance(fixture, 100 * NS_PER_MS);
        }
        assert_null(fixture_session(fixture, slow));
        assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], leaves + 1);
    }
    fixture_advance(fixture, 2 * NS_PER_S);
    assert_true(scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == UINT64_MAX); /* and then rests */
}

/* Behind, but reading: it is not sent away, and gets every byte. */
static void a_reader_that_is_behind_but_reads_may_stay(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *slow;
    uint32_t expected = 0;
    uint32_t blocked = 0;
    struct frame frame;

    options.outbox_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "room", &options);
    slow = fixture_enter_narrow(fixture, "room", 1);
    for (uint32_t sent = 0; sent < 400; sent++) {
        roomd_put_u32(payload, sent);
        room_broadcast(room, NOTE, payload, 1000, 0);
        fixture_tick(fixture, room);
        blocked += fixture_session(fixture, slow)->conn.is_blocked;
        for (int i = 0; sent % 20 == 19 && i < 40; i++) { /* every five seconds it reads what there is */
            while (player_next(slow, &frame)) {
                assert_int_equal(roomd_get_u32(frame.payload), expected++);
            }
            fixture_settle(fixture);
        }
    }
    assert_int_equal(expected, 400);
    assert_true(blocked > 100);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
    fixture_advance(fixture, 2 * NS_PER_S);
    assert_true(list_is_empty(&fixture->engine.blocked));
}

/* A second behind all the time, for longer than anything may wait: but nothing waits longer than that second. */
static void a_reader_that_lags_a_second_may_stay(void **state)
{
    enum { TICKS = 30 * 4, LAG_TICKS = 4, BYTES = 4000 };
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *lagging = fixture_enter_narrow(fixture, "room", 1);

    assert_true(room->options.outbox_age_max_ns < 30 * NS_PER_S);
    for (uint32_t sent = 0; sent < TICKS + LAG_TICKS; sent++) {
        roomd_put_u32(payload, sent);
        assert_int_equal(room_broadcast(room, NOTE, payload, BYTES, 0), 0);
        fixture_tick(fixture, room);
        if (sent < LAG_TICKS) {
            continue;
        }
        assert_non_null(fixture_session(fixture, lagging));
        assert_true(fixture_session(fixture, lagging)->conn.is_blocked);
        while (player_receive(lagging, BYTES + ROOMD_FRAME_HEADER_BYTES) < BYTES + ROOMD_FRAME_HEADER_BYTES) {
            fixture_settle(fixture);
        }
        fixture_settle(fixture);
        roomd_put_u32(payload, sent - LAG_TICKS);
        player_expect(lagging, NOTE, payload, BYTES);
    }
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
}

/* The room's own limits being generous, memory runs out first: the one that pins it pays, and nobody else. */
static void when_memory_runs_out_the_reader_that_pins_it_goes(void **state)
{
    enum { TICKS = 300, BYTES = 8000 };
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    struct room *room;

    (void)state;
    limits.chunk_memory_bytes_max = 1024 * 1024;
    fixture = fixture_open(&limits);
    room = fixture_room(fixture, "room", NULL);
    room->options.outbox_age_max_ns = 600 * NS_PER_S;

    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct player *quick = fixture_enter(fixture, "room");

    for (uint32_t i = 0; i < TICKS; i++) {
        roomd_put_u32(payload, i);
        assert_int_equal(room_broadcast(room, NOTE, payload, BYTES, 0), 0);
        fixture_tick(fixture, room);
        player_expect(quick, NOTE, payload, BYTES);
    }
    assert_null(fixture_session(fixture, slow));
    player_expect_nothing(quick);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 1);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_NO_MEMORY], 0);
    assert_int_equal(fixture_log_count("event=no_memory"), 1);
    report_stats(&fixture->engine);
    assert_int_equal(fixture_log_count(" memory_refused=0 "), 1);
    assert_int_equal(fixture_log_count(" shed=1 "), 1);
    fixture_close(fixture);
}

/* One who is in no room is bounded too: it asks and asks and does not read the answers. */
static void a_reader_in_no_room_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;
    uint8_t ping[ROOMD_FRAME_HEADER_BYTES + 8];
    uint32_t asked = 0;

    fixture_room(fixture, "room", NULL);
    one = fixture_enter_narrow(fixture, "room", 1); /* who has never been in one: test_newcomers.c */
    player_leave(one);
    frame_put_header(ping, ROOMD_C_PING, 8);
    memset(ping + ROOMD_FRAME_HEADER_BYTES, 7, 8);
    for (; asked < 20000 && is_open(fixture, one); asked++) {
        player_send_bytes(one, ping, sizeof(ping));
        fixture_settle(fixture);
    }
    assert_in_range(asked, 10000, 19999);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_full_queue_makes_its_senders_wait),
        FIXTURE_TEST(a_waiting_sender_is_not_read),
        FIXTURE_TEST(a_waiting_sender_may_go),
        FIXTURE_TEST(a_reader_that_stopped_is_bounded_in_bytes),
        FIXTURE_TEST(a_reader_that_stopped_is_bounded_in_slices),
        FIXTURE_TEST(a_reader_that_stopped_is_bounded_in_age),
        FIXTURE_TEST(a_reader_that_stopped_is_found_in_a_quiet_room),
        FIXTURE_TEST(a_reader_that_is_behind_but_reads_may_stay),
        FIXTURE_TEST(a_reader_that_lags_a_second_may_stay),
        cmocka_unit_test(when_memory_runs_out_the_reader_that_pins_it_goes),
        FIXTURE_TEST(a_reader_in_no_room_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a session may be owed: the limit holds where something is pushed, and only a full socket makes slow. */
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "wire/control.h"

enum { NOTE = 100, CHUNK_MEMORY_MOST = 1024 * 1024, UNFLUSHED_SLICES = 1000 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

static uint32_t owed_bytes(struct fixture *fixture, const struct player *player)
{
    return fixture_session(fixture, player)->conn.reader.outbox.bytes;
}

static uint64_t closes(const struct fixture *fixture)
{
    uint64_t total = 0;

    for (int reason = 0; reason < ROOMD_CLOSE_REASON_COUNT; reason++) {
        total += fixture->engine.stats.closes[reason];
    }
    return total;
}

static void ask_for_rooms(struct player *player, uint32_t times)
{
    uint8_t requests[ROOMD_FRAME_HEADER_BYTES * 1000];

    assert_true(times <= 1000);
    for (uint32_t i = 0; i < times; i++) {
        frame_put_header(requests + i * ROOMD_FRAME_HEADER_BYTES, ROOMD_C_ROOMS, 0);
    }
    player_send_bytes(player, requests, times * ROOMD_FRAME_HEADER_BYTES);
}

static uint32_t take_rooms(struct player *player, size_t *answer_bytes)
{
    struct frame frame;
    uint32_t taken = 0;

    for (; player_next(player, &frame); taken++) {
        assert_int_equal(frame.id, ROOMD_S_ROOMS);
        *answer_bytes = ROOMD_FRAME_HEADER_BYTES + frame.payload_bytes;
    }
    return taken;
}

/* What the bystander asks is answered in the very turn. */
static void expect_pong(struct fixture *fixture, struct player *bystander)
{
    struct frame frame;

    player_send(bystander, ROOMD_C_PING, "12345678", 8);
    fixture_turn(fixture);
    assert_true(player_next(bystander, &frame));
    assert_int_equal(frame.id, ROOMD_S_PONG);
}

/* Four bytes ask for 25 thousand, and a read holds thousands of such: they wait for the client to read. */
static void a_turn_of_requests_for_the_rooms_owes_two_answers_at_most(void **state)
{
    enum { ROOMS = 1000, REQUESTS = 200, TURNS_UNREAD = 50 };
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture;
    char name[32];
    uint32_t answered = 0;
    size_t answer_bytes = 0;
    uint32_t owed_most = 0;

    (void)state;
    limits.rooms_max = ROOMS;
    fixture = fixture_open(&limits);
    for (int i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof(name), "the-room-%d", i);
        fixture_room(fixture, name, NULL);
    }

    struct player *bystander = fixture_enter(fixture, "the-room-7");
    struct player *asker = fixture_enter(fixture, "the-room-8");

    ask_for_rooms(asker, REQUESTS);
    for (uint32_t turn = 0; turn < 10 * REQUESTS && answered < REQUESTS; turn++) {
        expect_pong(fixture, bystander);
        owed_most = owed_bytes(fixture, asker) > owed_most ? owed_bytes(fixture, asker) : owed_most;
        assert_true(fixture->engine.net.gather.chunks.memory_bytes <= CHUNK_MEMORY_MOST);
        if (turn == TURNS_UNREAD) {
            assert_true(fixture_session(fixture, asker)->conn.is_blocked);
        }
        if (turn >= TURNS_UNREAD) {
            answered += take_rooms(asker, &answer_bytes);
        }
    }
    assert_int_equal(answered, REQUESTS);
    assert_in_range(answer_bytes, 20000, 40000); /* one packet, or the counts above mean nothing */
    assert_in_range(owed_most, answer_bytes, 2 * answer_bytes);
    fixture_settle(fixture);
    player_expect_nothing(asker);
    assert_int_equal(closes(fixture), 0);
    fixture_close(fixture);
}

enum { SENT, RESULT, NEXT };

/* Sends the asker numbered packets of 1,000 bytes until one is refused. */
static enum roomd_packet_result send_until_refused(struct stage *stage, uint64_t session, uint16_t id,
                                                   const uint8_t *bytes, size_t size)
{
    int rc = 0;

    (void)id;
    (void)bytes;
    (void)size;
    stage->counters[SENT] = 0;
    while (rc == 0 && stage->counters[SENT] < 5000) {
        roomd_put_u32(payload, (uint32_t)stage->counters[NEXT]);
        rc = stage->host->send(stage->room, session, NOTE, payload, 1000, 0);
        stage->counters[SENT] += rc == 0;
        stage->counters[NEXT] += rc == 0;
    }
    stage->counters[RESULT] = (uint64_t)-rc;
    return ROOMD_PACKET_OK;
}

static uint32_t expect_numbered(struct player *player, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        roomd_put_u32(payload, i);
        player_expect(player, NOTE, payload, 1000);
    }
    player_expect_nothing(player);
    return from + count;
}

/* The content is told, nobody is closed, and once it has been flushed, which is at once, there is room again. */
static void what_is_sent_in_one_job_is_refused_when_enough_bytes_are_owed(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct stage *stage;
    struct player *one;
    uint32_t got = 0;

    options.outbox_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "room", &options);
    stage = stage_of(room);
    stage->on_packet = send_until_refused;
    one = fixture_enter(fixture, "room");
    for (int times = 0; times < 3; times++) {
        player_say(one, NOTE, "more");
        fixture_read(fixture);
        fixture_play(fixture);
        assert_int_equal(stage->counters[RESULT], ENOBUFS);
        assert_int_equal(stage->counters[SENT], 64 * 1024 / (1000 + ROOMD_FRAME_HEADER_BYTES));
        assert_in_range(owed_bytes(fixture, one), 64 * 1024 - 1004, 64 * 1024);
        fixture_flush(fixture);
        assert_int_equal(owed_bytes(fixture, one), 0);
        got = expect_numbered(one, got, (uint32_t)stage->counters[SENT]);
    }
    assert_int_equal(closes(fixture), 0);
}

struct pair {
    struct player *players[2];
    uint32_t times;
    uint32_t sent[2];
    int results[2];
};

/* To one and the other in turn, so that what each is owed lies in as many slices as it is packets. */
static void send_in_turn(struct stage *stage, void *context)
{
    struct pair *pair = context;
    uint8_t number[4];

    for (uint32_t i = 0; i < pair->times; i++) {
        for (int who = 0; who < 2; who++) {
            roomd_put_u32(number, i);
            pair->results[who] =
                stage->host->send(stage->room, pair->players[who]->session, NOTE, number, 4, 0);
            pair->sent[who] += pair->results[who] == 0;
        }
    }
}

static void except_in_turn(struct stage *stage, void *context)
{
    struct pair *pair = context;
    uint8_t number[4];

    for (uint32_t i = 0; i < pair->times; i++) {
        for (int who = 0; who < 2; who++) {
            roomd_put_u32(number, i);
            assert_int_equal(stage->host->broadcast_except(stage->room, pair->players[1 - who]->session, NOTE,
                                                           number, 4, 0),
                             0);
        }
    }
}

static void expect_small_numbers(struct player *player, uint32_t count)
{
    uint8_t number[4];

    for (uint32_t i = 0; i < count; i++) {
        roomd_put_u32(number, i);
        player_expect(player, NOTE, number, 4);
    }
    player_expect_nothing(player);
}

static void what_is_sent_in_one_job_is_refused_when_enough_slices_are_owed(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct pair pair = {.times = 40};

    options.outbox_slices_max = 16;
    room = fixture_room(fixture, "room", &options);
    pair.players[0] = fixture_enter(fixture, "room");
    pair.players[1] = fixture_enter(fixture, "room");
    for (int times = 0; times < 3; times++) {
        memset(pair.sent, 0, sizeof(pair.sent));
        stage_run(fixture, room, send_in_turn, &pair);
        for (int who = 0; who < 2; who++) {
            assert_int_equal(pair.results[who], -ENOBUFS);
            assert_int_equal(pair.sent[who], 16);
            expect_small_numbers(pair.players[who], 16);
        }
    }
    assert_int_equal(closes(fixture), 0);
}

/* One whose socket is full as well is not there to read it: slow, at the push and not only at the flush. */
static void what_is_sent_to_a_full_socket_ends_its_session_at_the_limit(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct stage *stage;
    struct frame frame;

    options.outbox_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "room", &options);
    stage = stage_of(room);
    stage->on_packet = send_until_refused;

    struct player *slow = fixture_enter_narrow(fixture, "room", 1);
    struct player *quick = fixture_enter(fixture, "room");

    assert_int_equal(room_broadcast(room, NOTE, payload, 40000, 0), 0);
    fixture_tick(fixture, room);
    player_expect(quick, NOTE, payload, 40000);
    assert_true(fixture_session(fixture, slow)->conn.is_blocked);
    player_say(slow, NOTE, "more");
    fixture_read(fixture);
    fixture_play(fixture);
    assert_int_equal(stage->counters[RESULT], ENOENT);
    assert_in_range(stage->counters[SENT], 64 - 40, 64 - 20);
    assert_true(fixture_session(fixture, slow)->is_kicked);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 1);
    assert_in_range(owed_bytes(fixture, slow), 40000 - 20000,
                    40000 + CONTROL_FRAME_BYTES_MAX); /* the rest of the one */
    fixture_settle(fixture);
    stage->counters[NEXT] = 0;
    player_say(quick, NOTE, "and me");
    fixture_settle(fixture);
    assert_true(stage->counters[SENT] > 60);
    expect_numbered(quick, 0, (uint32_t)stage->counters[SENT]);
    assert_false(player_next(slow, &frame)); /* 40,000 bytes were begun, and it reads too late */
    fixture_advance(fixture, 500 * NS_PER_MS);
    assert_null(fixture_session(fixture, slow));
    assert_int_equal(closes(fixture), 1);
}

/* Turns until both have been written to; says how many it took. Neither must look slow on the way. */
static uint32_t flush_pair(struct fixture *fixture, const struct room *room, const struct pair *pair)
{
    uint32_t turns = 0;

    fake_clock_advance(room->tick.due_ns - clock_now_ns());
    do {
        fixture_turn(fixture);
        turns++;
        for (int who = 0; who < 2; who++) {
            const struct conn *conn = &fixture_session(fixture, pair->players[who])->conn;

            assert_false(conn->is_blocked);
            assert_int_equal(conn->source.events, EPOLLIN);
        }
        assert_true(list_is_empty(&fixture->engine.blocked));
    } while (turns < 100 &&
             owed_bytes(fixture, pair->players[0]) + owed_bytes(fixture, pair->players[1]) > 0);
    return turns;
}

/* More than one turn's share of vectors, from sockets that take all of it: that is not being slow. */
static void many_small_packets_are_written_over_several_turns(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct pair pair = {.times = UNFLUSHED_SLICES};

    options.outbox_bytes_max = 4 * 1024 * 1024; /* the config's own limits */
    options.outbox_slices_max = 1024;
    room = fixture_room(fixture, "room", &options);
    pair.players[0] = fixture_enter(fixture, "room");
    pair.players[1] = fixture_enter(fixture, "room");
    stage_run_play(fixture, room, send_in_turn, &pair);
    assert_int_equal(pair.sent[0] + pair.sent[1], 2 * UNFLUSHED_SLICES);
    assert_in_range(flush_pair(fixture, room, &pair), 2, 3);
    expect_small_numbers(pair.players[0], UNFLUSHED_SLICES);
    expect_small_numbers(pair.players[1], UNFLUSHED_SLICES);

    pair.times = 3 * UNFLUSHED_SLICES; /* more slices than may be owed, by way of the room */
    stage_run_play(fixture, room, except_in_turn, &pair);
    assert_true(fixture_session(fixture, pair.players[0])->conn.reader.outbox.slices > 1024);
    assert_in_range(flush_pair(fixture, room, &pair), 5, 10);
    expect_small_numbers(pair.players[0], pair.times);
    expect_small_numbers(pair.players[1], pair.times);
    assert_int_equal(closes(fixture), 0);
}

/* Out of the room there is a smaller limit, but not for what it was owed inside. */
static void a_reader_that_is_behind_may_leave(void **state)
{
    enum { PACKETS = 8, BYTES = 50000 };
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *behind = fixture_enter_narrow(fixture, "room", 1);

    for (uint32_t i = 0; i < PACKETS; i++) {
        roomd_put_u32(payload, i);
        assert_int_equal(room_broadcast(room, NOTE, payload, BYTES, 0), 0);
    }
    fixture_tick(fixture, room);
    assert_true(owed_bytes(fixture, behind) > session_owed_max_nowhere.bytes);
    player_leave(behind);
    fixture_settle(fixture);
    assert_int_equal(room->member_count, 0);
    assert_int_equal(closes(fixture), 0);
    assert_int_equal(fixture_session(fixture, behind)->owed_max.bytes, room->options.outbox_bytes_max);
    fixture_advance(fixture, 2 * NS_PER_S); /* somebody looks at it, too */
    for (uint32_t i = 0; i < PACKETS; i++) {
        roomd_put_u32(payload, i);
        for (int pieces = 0; pieces < 100 && player_receive(behind, BYTES) < BYTES; pieces++) {
            fixture_settle(fixture);
        }
        player_expect(behind, NOTE, payload, BYTES);
    }
    fixture_settle(fixture);
    player_expect_left(behind, ROOMD_LEAVE_ASKED);
    player_expect_nothing(behind);
    assert_memory_equal(&fixture_session(fixture, behind)->owed_max, &session_owed_max_nowhere,
                        sizeof(session_owed_max_nowhere));
    assert_int_equal(closes(fixture), 0);
}

static void send_to_all(struct stage *stage, void *context)
{
    const struct fixture *fixture = context;
    uint8_t number[4];

    for (const struct player *player = fixture->players; player != NULL; player = player->next) {
        roomd_put_u32(number, player->number);
        assert_int_equal(stage->host->send(stage->room, player->session, NOTE, number, 4, 0), 0);
    }
}

static bool has_descriptors_for(rlim_t players)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < 2 * players + 100) {
        return false;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* Sessions of which each has something of its own are written within a budget of time, not all in one turn. */
static void many_dirty_sessions_are_flushed_over_several_turns(void **state)
{
    enum { PLAYERS = 2000, LOOKS = 10, A_TURN_MAX = (LOOKS + 1) * FLUSH_SESSIONS_PER_LOOK };
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    uint8_t number[4];
    uint32_t turns = 0;

    if (!has_descriptors_for(PLAYERS)) {
        print_message("not enough descriptors for %d players\n", PLAYERS);
        skip();
    }
    log_set_level(LOG_LEVEL_WARN);
    options.tick_ns = 0;
    options.is_autojoin = true;
    room = fixture_room(fixture, "room", &options);
    stage_of(room)->is_mute = true;
    for (int i = 0; i < PLAYERS; i++) {
        fixture_connect(fixture);
    }
    fixture_settle(fixture);
    stage_run_play(fixture, room, send_to_all, fixture);
    fake_clock_set_step(FLUSH_PIECE_NS / LOOKS); /* each look at the clock finds so much gone */
    while (!list_is_empty(&fixture->engine.dirty)) {
        uint64_t before = fixture->engine.net.stats.writevs;

        fixture_flush(fixture);
        assert_in_range(fixture->engine.net.stats.writevs - before, 1, A_TURN_MAX);
        fixture_reap(fixture);
        fixture_read(fixture);
        fixture_play(fixture);
        turns++;
    }
    fake_clock_set_step(0);
    assert_true(turns >= PLAYERS / A_TURN_MAX);
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        roomd_put_u32(number, player->number);
        player_expect(player, NOTE, number, 4);
        player_expect_nothing(player);
    }
    assert_int_equal(closes(fixture), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_of_requests_for_the_rooms_owes_two_answers_at_most),
        FIXTURE_TEST(what_is_sent_in_one_job_is_refused_when_enough_bytes_are_owed),
        FIXTURE_TEST(what_is_sent_in_one_job_is_refused_when_enough_slices_are_owed),
        FIXTURE_TEST(what_is_sent_to_a_full_socket_ends_its_session_at_the_limit),
        FIXTURE_TEST(many_small_packets_are_written_over_several_turns),
        FIXTURE_TEST(a_reader_that_is_behind_may_leave),
        FIXTURE_TEST(many_dirty_sessions_are_flushed_over_several_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

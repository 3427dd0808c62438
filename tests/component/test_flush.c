/*
 * Rounds of flushing that are cut into pieces, with players coming and going between the pieces, against a
 * model: each player is to receive exactly what was broadcast while it was in, and what was sent to it, in
 * that order.
 */
#include "support/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { NOTE = 100, PLAYERS_MAX = 400, NUMBERS_MAX = 6000 };

struct expected {
    struct player *player;
    uint32_t numbers[NUMBERS_MAX];
    uint32_t count;
    uint32_t got; /* of numbers */
    uint64_t session;
    bool is_in;
    bool is_asked; /* to enter or to leave, and has not yet */
};

static struct model {
    struct expected players[PLAYERS_MAX]; /* by number on the wire */
    uint32_t player_count;
    uint32_t next_number;
    uint32_t entered_in_round;
    uint32_t left_in_round;
    uint64_t pieces;
    unsigned random;
    const struct room *room;
} model;

static uint32_t model_random(uint32_t below)
{
    return (uint32_t)rand_r(&model.random) % below;
}

static void model_expect(struct expected *expected, uint32_t number)
{
    assert_true(expected->count < NUMBERS_MAX);
    expected->numbers[expected->count++] = number;
}

static struct expected *model_of(struct stage *stage, uint64_t session)
{
    return &model.players[stage->host->player_id(stage->room, session)];
}

/* The size tells the number too, so that no two packets are alike. */
static size_t put_number(uint8_t *bytes, uint32_t number)
{
    size_t size = 4 + number * 29 % 150;

    memset(bytes, (int)number, size);
    roomd_put_u32(bytes, number);
    return size;
}

static void on_enter(struct stage *stage, uint64_t session)
{
    struct expected *expected = model_of(stage, session);
    uint8_t bytes[256];
    uint32_t number = model.next_number++;

    expected->is_in = true;
    expected->is_asked = false;
    model.entered_in_round += model.room->has_round;
    assert_int_equal(stage->host->send(stage->room, session, NOTE, bytes, put_number(bytes, number), 0), 0);
    model_expect(expected, number);
}

static void on_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    model_of(stage, session)->is_in = false;
    model_of(stage, session)->is_asked = false;
    model.left_in_round += model.room->has_round;
}

/* To all, to all but one, or to one. */
static void emit(struct stage *stage, void *context)
{
    uint32_t number = model.next_number++;
    uint32_t kind = model_random(6);
    unsigned flags = model_random(20) == 0 ? ROOMD_URGENT : 0;
    struct expected *one = &model.players[1 + model_random(model.player_count)];
    uint8_t bytes[256];
    size_t size = put_number(bytes, number);

    (void)context;
    if (kind < 2 && one->is_in) {
        assert_int_equal(
            kind == 0 ? stage->host->send(stage->room, one->session, NOTE, bytes, size, flags)
                      : stage->host->broadcast_except(stage->room, one->session, NOTE, bytes, size, flags),
            0);
    } else {
        assert_int_equal(stage->host->broadcast(stage->room, NOTE, bytes, size, flags), 0);
        kind = 5;
    }
    for (uint32_t i = 1; i <= model.player_count; i++) {
        struct expected *expected = &model.players[i];

        if (expected->is_in && (kind == 5 || (kind == 0) == (expected == one))) {
            model_expect(expected, number);
        }
    }
}

static void model_receive(struct expected *expected, size_t bytes_max)
{
    struct player *player = expected->player;
    uint8_t bytes[256];

    player_receive(player, bytes_max);

    struct frame_cursor cursor = {.data = player->bytes, .size = player->end, .pos = player->start};
    struct frame frame;

    while (frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame) == FRAME_OK) {
        if (frame.id == NOTE) {
            assert_true(expected->got < expected->count);

            uint32_t number = expected->numbers[expected->got++];
            size_t size = put_number(bytes, number);

            assert_int_equal(roomd_get_u32(frame.payload), number);
            assert_int_equal(frame.payload_bytes, size);
            assert_memory_equal(frame.payload, bytes, size);
        } else {
            assert_true(frame.id == ROOMD_S_WELCOME || frame.id == ROOMD_S_JOINED ||
                        frame.id == ROOMD_S_LEFT);
        }
    }
    player->start = cursor.pos;
}

static void model_connect(struct fixture *fixture)
{
    struct player *player = fixture_connect_narrow(fixture, model_random(4) == 0 ? 1 : 0);
    struct expected *expected = &model.players[++model.player_count];

    assert_int_equal(player->number, model.player_count);
    expected->player = player;
    expected->session = player->session;
    expected->is_asked = true;
    player_hello(player);
    player_join(player, "room");
}

/* Some come, some go, some come back; a few for good. */
static void model_move(struct fixture *fixture)
{
    for (uint32_t i = model_random(6); i > 0 && model.player_count < PLAYERS_MAX - 1; i--) {
        model_connect(fixture);
    }
    for (uint32_t i = model_random(8); i > 0; i--) {
        struct expected *expected = &model.players[1 + model_random(model.player_count)];

        if (expected->is_asked) {
            continue;
        }
        expected->is_asked = true;
        if (expected->is_in) {
            player_leave(expected->player);
        } else {
            player_join(expected->player, "room");
        }
    }
}

static void model_step(struct fixture *fixture, struct room *room)
{
    model_move(fixture);
    for (uint32_t i = model_random(4); i > 0; i--) {
        stage_run_play(fixture, room, emit, NULL);
    }
    fake_clock_advance(model_random(20) * NS_PER_MS);
    fixture_turn(fixture);
    model.pieces += room->has_round;
    for (uint32_t i = 1; i <= model.player_count; i++) {
        if (model_random(3) == 0) {
            model_receive(&model.players[i], 1 + model_random(3000));
        }
    }
}

static void model_finish(struct fixture *fixture)
{
    fake_clock_set_step(0);
    for (uint32_t rounds = 0; rounds < 200; rounds++) {
        uint32_t left = 0;

        fixture_advance(fixture, rounds < 3 ? FIXTURE_TICK_NS : 0);
        for (uint32_t i = 1; i <= model.player_count; i++) {
            model_receive(&model.players[i], SIZE_MAX);
            left += model.players[i].got < model.players[i].count;
        }
        if (rounds > 3 && left == 0) {
            return;
        }
    }
    fail_msg("somebody did not get all that was said");
}

static void run_model(unsigned seed, uint32_t early_flush_bytes, uint64_t tick_ns)
{
    struct engine_limits limits = fixture_limits();
    struct room_options options = fixture_room_options();
    struct fixture *fixture;
    struct room *room;

    memset(&model, 0, sizeof(model));
    model.random = seed;
    limits.chunk_bytes = 700; /* so that a round crosses chunks */
    fixture = fixture_open(&limits);
    log_set_level(LOG_LEVEL_INFO);
    options.early_flush_bytes = early_flush_bytes;
    options.tick_ns = tick_ns;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    room = fixture_room(fixture, "room", &options);
    model.room = room;
    stage_of(room)->is_mute = true;
    stage_of(room)->on_enter = on_enter;
    stage_of(room)->on_leave = on_leave;
    /* With each look at the clock 0.4 ms pass, so a piece is over after three looks, some 24 players. */
    fake_clock_set_step(400 * NS_PER_US);
    model_connect(fixture);
    for (int step = 0; step < 1000; step++) {
        model_step(fixture, room);
    }
    model_finish(fixture);
    print_message("seed %u: %u numbers, %u players, %llu cut rounds; %u entered and %u left within one\n",
                  seed, model.next_number, model.player_count, (unsigned long long)model.pieces,
                  model.entered_in_round, model.left_in_round);
    /* That it tried what it is for. */
    assert_true(model.pieces > 50 && model.entered_in_round > 20 && model.left_in_round > 20);
    stage_of(room)->on_leave = NULL;
    fixture_close(fixture);
}

static void who_comes_and_goes_between_pieces_misses_nothing(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        run_model(seed, 1024 * 1024, 50 * NS_PER_MS);
    }
}

static void nor_when_rounds_are_bounded(void **state)
{
    (void)state;
    for (unsigned seed = 11; seed <= 13; seed++) {
        run_model(seed, 1024, 50 * NS_PER_MS);
    }
}

static void nor_without_a_tick(void **state)
{
    (void)state;
    run_model(21, 1024 * 1024, 0);
}

/* One room's round does not keep the others': each gets its piece in every turn. */
static void a_big_room_does_not_delay_a_small_one(void **state)
{
    struct fixture *fixture = *state;
    struct room *big = fixture_room(fixture, "big", NULL);
    struct room *small = fixture_room(fixture, "small", NULL);
    struct player *one;

    for (int i = 0; i < 300; i++) {
        fixture_enter(fixture, "big");
    }
    one = fixture_enter(fixture, "small");
    assert_int_equal(room_broadcast(big, NOTE, "x", 1, ROOMD_URGENT), 0);
    assert_int_equal(room_broadcast(small, NOTE, "y", 1, ROOMD_URGENT), 0);
    fake_clock_set_step(100 * NS_PER_US);
    fixture_turn(fixture);
    assert_true(big->has_round);
    player_expect_text(one, NOTE, "y");
    fake_clock_set_step(0);
}

/* Senders of a room with too much unflushed wait; all of it comes, in order, once. */
static void a_congested_room_runs_no_more_jobs_until_it_is_flushed(void **state)
{
    enum { PACKETS = 150, PACKET_BYTES = 1000 };
    static uint8_t bytes[PACKET_BYTES];
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;
    uint64_t unflushed_max = 0;

    options.early_flush_bytes = 16 * 1024;
    options.outbox_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "room", &options);
    stage_of(room)->is_mute = true;
    one = fixture_enter(fixture, "room");
    for (uint32_t i = 0; i < PACKETS; i++) {
        roomd_put_u32(bytes, i);
        player_send(one, NOTE, bytes, sizeof(bytes));
        fixture_read(fixture); /* all of it is in the queue before the first job runs */
    }
    assert_int_equal(job_queue_count(&room->jobs), PACKETS);
    for (int turn = 0; turn < 1000 && stage_of(room)->packets < PACKETS; turn++) {
        fixture_play(fixture);

        uint64_t unflushed = room->stream.end - room->stream.mark;

        unflushed_max = unflushed > unflushed_max ? unflushed : unflushed_max;
        fixture_flush(fixture);
        player_receive(one, SIZE_MAX);
        fixture_read(fixture);
    }
    fixture_settle(fixture);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    assert_in_range(unflushed_max, 64 * 1024, 64 * 1024 + 2 * PACKET_BYTES);
    for (uint32_t i = 0; i < PACKETS; i++) {
        roomd_put_u32(bytes, i);
        player_expect(one, NOTE, bytes, sizeof(bytes));
        fixture_settle(fixture);
    }
    player_expect_nothing(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_and_goes_between_pieces_misses_nothing),
        cmocka_unit_test(nor_when_rounds_are_bounded),
        cmocka_unit_test(nor_without_a_tick),
        FIXTURE_TEST(a_big_room_does_not_delay_a_small_one),
        FIXTURE_TEST(a_congested_room_runs_no_more_jobs_until_it_is_flushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

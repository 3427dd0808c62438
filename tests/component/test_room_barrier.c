/*
 * Many streams or the room's own alone, barriers and private packets, in rounds of flushing that are cut into pieces,
 * with players coming and going between the pieces. Each player is to receive exactly what was appended to what it
 * followed by then, and
 *
 *     within one stream in the order of the calls,
 *     nothing from before a barrier behind anything from after it,
 *     a private packet behind all that came before it, and before all that came behind it.
 */
#include "support/component.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { NOTE = 100, PLAYERS_MAX = 400, NUMBERS_MAX = 10000, STREAMS = 12, PRIVATE = 255, STEPS = 900 };
/* Of what is done at a time: those that need other streams than the room's own come last. */
enum { KINDS = 100, KINDS_OF_OWN_STREAM = 77 };

/* What happens in a step: so many, less one, at the most. */
struct setting {
    uint32_t streams; /* that the content may open */
    uint32_t players; /* in all */
    uint32_t newcomers;
    uint32_t movers; /* into the room or out of it */
    uint32_t emits;
};

static const struct setting many_streams = {
    .streams = STREAMS, .players = 120, .newcomers = 2, .movers = 3, .emits = 25};
/* Whose order is one: that of the calls. */
static const struct setting own_stream = {.players = PLAYERS_MAX, .newcomers = 6, .movers = 8, .emits = 5};

/* A packet: to the room (0), one of the content's streams (1 to STREAMS), or PRIVATE. */
struct packet {
    uint32_t epoch; /* barriers before it */
    uint8_t stream;
};

struct expected {
    struct player *player;
    uint32_t numbers[NUMBERS_MAX];
    bool is_taken[NUMBERS_MAX];
    uint32_t count;
    uint32_t first; /* that is not taken */
    uint64_t session;
    bool follows[STREAMS + 1];
    bool is_in;
    bool is_asked; /* to enter or to leave, and has not yet */
};

static struct model {
    struct expected players[PLAYERS_MAX]; /* by number on the wire */
    struct packet packets[NUMBERS_MAX];
    const struct setting *setting;
    bool is_open[STREAMS + 1]; /* the room's own always is */
    uint32_t player_count;
    uint32_t next_number;
    uint32_t epoch;
    uint32_t out_of_turn; /* received before an older one of another stream */
    uint32_t barriers_in_round;
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

/* The size tells the number too, so that no two packets are alike. */
static size_t put_number(uint8_t *bytes, uint32_t number)
{
    size_t size = 4 + number * 29 % 150;

    memset(bytes, (int)number, size);
    roomd_put_u32(bytes, number);
    return size;
}

static uint32_t model_packet(uint8_t stream)
{
    assert_true(model.next_number < NUMBERS_MAX);
    model.packets[model.next_number] = (struct packet){.epoch = model.epoch, .stream = stream};
    return model.next_number++;
}

static void model_expect(struct expected *expected, uint32_t number)
{
    expected->numbers[expected->count++] = number;
}

static struct expected *model_of(struct stage *stage, uint64_t session)
{
    return &model.players[stage->host->player_id(stage->room, session)];
}

static struct expected *draw_member(void)
{
    for (uint32_t i = 0; i < 20; i++) {
        struct expected *one = &model.players[1 + model_random(model.player_count)];

        if (one->is_in) {
            return one;
        }
    }
    return NULL;
}

static uint8_t draw_stream(void)
{
    return model.setting->streams > 0 ? (uint8_t)(1 + model_random(model.setting->streams)) : 0;
}

static unsigned draw_flags(void)
{
    return model_random(25) == 0 ? ROOMD_URGENT : 0;
}

static void follow(struct stage *stage, struct expected *one, uint8_t stream)
{
    if (model.is_open[stream] && !one->follows[stream]) {
        assert_int_equal(stage->host->stream_follow(stage->room, one->session, stream), 0);
        one->follows[stream] = true;
    }
}

static void send_one(struct stage *stage, struct expected *one)
{
    uint8_t bytes[256];
    uint32_t number = model_packet(PRIVATE);
    size_t size = put_number(bytes, number);

    assert_int_equal(stage->host->send(stage->room, one->session, NOTE, bytes, size, draw_flags()), 0);
    model_expect(one, number);
}

static void send_some(struct stage *stage)
{
    uint64_t sessions[PLAYERS_MAX];
    uint8_t bytes[256];
    uint32_t number = model_packet(PRIVATE);
    size_t size = put_number(bytes, number);
    uint32_t missed[PLAYERS_MAX], expected[PLAYERS_MAX];
    uint32_t missed_count = 0;
    uint32_t count = 0;

    for (uint32_t i = 1; i <= model.player_count; i++) {
        if (model_random(4) == 0) {
            sessions[count++] = model.players[i].session;
            if (model.players[i].is_in) {
                model_expect(&model.players[i], number);
            } else {
                expected[missed_count++] = count - 1;
            }
        }
    }
    assert_int_equal(
        stage->host->send_some(stage->room, sessions, count, NOTE, bytes, size, draw_flags(), missed),
        count - missed_count);
    assert_memory_equal(missed, expected, missed_count * sizeof(missed[0]));
}

/* To the room when `stream` is 0; to all of it but `but`, when that is not NULL. */
static void append(struct stage *stage, uint8_t stream, const struct expected *but)
{
    uint8_t bytes[256];
    uint32_t number = model_packet(stream);
    size_t size = put_number(bytes, number);
    unsigned flags = draw_flags();

    assert_int_equal(
        but != NULL   ? stage->host->broadcast_except(stage->room, but->session, NOTE, bytes, size, flags)
        : stream == 0 ? stage->host->broadcast(stage->room, NOTE, bytes, size, flags)
                      : stage->host->stream_append(stage->room, stream, NOTE, bytes, size, flags),
        0);
    for (uint32_t i = 1; i <= model.player_count; i++) {
        struct expected *expected = &model.players[i];

        if (expected->is_in && expected != but && (stream == 0 || expected->follows[stream])) {
            model_expect(expected, number);
        }
    }
}

static void open_or_close(struct stage *stage, uint8_t stream)
{
    bool is_followed = false;

    for (uint32_t i = 1; i <= model.player_count; i++) {
        is_followed |= model.players[i].follows[stream];
    }
    if (!model.is_open[stream]) {
        assert_int_equal(stage->host->stream_open(stage->room, stream), 0);
        model.is_open[stream] = true;
    } else if (!is_followed) {
        assert_int_equal(stage->host->stream_close(stage->room, stream), 0);
        model.is_open[stream] = false;
    }
}

static void emit(struct stage *stage, void *context)
{
    uint32_t kind = model_random(model.setting->streams > 0 ? KINDS : KINDS_OF_OWN_STREAM);
    struct expected *one = draw_member();
    uint8_t stream = draw_stream();

    (void)context;
    if (kind < 50) {
        if (model.is_open[stream]) {
            append(stage, stream, NULL);
        }
    } else if (kind < 58) {
        append(stage, 0, NULL);
    } else if (kind < 66) {
        stage->host->barrier(stage->room);
        model.epoch++;
        model.barriers_in_round += model.room->has_round;
    } else if (kind < 69) {
        send_some(stage);
    } else if (kind >= KINDS_OF_OWN_STREAM && kind < 83) {
        open_or_close(stage, stream);
    } else if (one == NULL) {
        return;
    } else if (kind < 74) {
        send_one(stage, one);
    } else if (kind < KINDS_OF_OWN_STREAM) {
        append(stage, 0, one);
    } else if (kind < 92) {
        follow(stage, one, stream);
    } else if (one->follows[stream]) {
        assert_int_equal(stage->host->stream_unfollow(stage->room, one->session, stream), 0);
        one->follows[stream] = false;
    }
}

static void on_enter(struct stage *stage, uint64_t session)
{
    struct expected *expected = model_of(stage, session);

    expected->is_in = true;
    expected->is_asked = false;
    model.entered_in_round += model.room->has_round;
    send_one(stage, expected);
    for (uint32_t i = model.setting->streams > 0 ? model_random(7) : 0; i > 0; i--) {
        follow(stage, expected, draw_stream());
    }
}

static void on_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    struct expected *expected = model_of(stage, session);

    (void)reason;
    expected->is_in = false;
    expected->is_asked = false;
    memset(expected->follows, 0, sizeof(expected->follows));
    model.left_in_round += model.room->has_round;
}

/* Takes `number` from what is expected; what is older and has not come yet must be such as may come later. */
static void model_take(struct expected *expected, uint32_t number)
{
    const struct packet *packet = &model.packets[number];
    uint32_t at = expected->first;

    for (; at < expected->count && (expected->is_taken[at] || expected->numbers[at] != number); at++) {
        const struct packet *older = &model.packets[expected->numbers[at]];

        if (!expected->is_taken[at]) {
            assert_int_not_equal(older->stream, packet->stream);
            assert_int_not_equal(older->stream, PRIVATE);
            assert_int_not_equal(packet->stream, PRIVATE);
            assert_int_equal(older->epoch, packet->epoch);
        }
    }
    assert_true(at < expected->count);
    expected->is_taken[at] = true;
    model.out_of_turn += at > expected->first;
    while (expected->first < expected->count && expected->is_taken[expected->first]) {
        expected->first++;
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
        if (frame.id != NOTE) {
            assert_true(frame.id == ROOMD_S_WELCOME || frame.id == ROOMD_S_JOINED ||
                        frame.id == ROOMD_S_LEFT);
            continue;
        }

        uint32_t number = roomd_get_u32(frame.payload);
        size_t size = put_number(bytes, number);

        assert_int_equal(frame.payload_bytes, size);
        assert_memory_equal(frame.payload, bytes, size);
        model_take(expected, number);
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

/* Some come, some go, some come back. */
static void model_move(struct fixture *fixture)
{
    for (uint32_t i = model_random(model.setting->newcomers);
         i > 0 && model.player_count < model.setting->players - 1; i--) {
        model_connect(fixture);
    }
    for (uint32_t i = model_random(model.setting->movers); i > 0; i--) {
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
    for (uint32_t i = model_random(model.setting->emits); i > 0; i--) {
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
    for (uint32_t rounds = 0; rounds < 300; rounds++) {
        uint32_t left = 0;

        fixture_advance(fixture, rounds < 3 ? FIXTURE_TICK_NS : 0);
        for (uint32_t i = 1; i <= model.player_count; i++) {
            model_receive(&model.players[i], SIZE_MAX);
            left += model.players[i].first < model.players[i].count;
        }
        if (rounds > 3 && left == 0) {
            assert_int_equal(model.room->pending_bytes, 0);
            assert_true(list_is_empty(&model.room->active));
            return;
        }
    }
    fail_msg("somebody did not get all that was said");
}

static void run_model(const struct setting *setting, unsigned seed, uint32_t early_flush_bytes,
                      uint64_t tick_ns)
{
    struct engine_limits limits = fixture_limits();
    struct room_options options = fixture_room_options();
    struct fixture *fixture;
    struct room *room;

    memset(&model, 0, sizeof(model));
    model.random = seed;
    model.setting = setting;
    model.is_open[0] = true;
    limits.chunk_bytes = seed % 2 == 0 ? 700 : 5000; /* with small chunks beside them, or without */
    fixture = fixture_open(&limits);
    log_set_level(LOG_LEVEL_INFO);
    options.early_flush_bytes = early_flush_bytes;
    options.tick_ns = tick_ns;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    options.streams_max = setting->streams;
    room = fixture_room(fixture, "room", &options);
    model.room = room;
    stage_of(room)->is_mute = true;
    stage_of(room)->on_enter = on_enter;
    stage_of(room)->on_leave = on_leave;
    /* With each look at the clock 0.4 ms pass, so a piece is over after three looks, some 24 players. */
    fake_clock_set_step(400 * NS_PER_US);
    model_connect(fixture);
    for (int step = 0; step < STEPS; step++) {
        model_step(fixture, room);
    }
    model_finish(fixture);
    print_message("seed %u: %u numbers, %u players, %u barriers, %llu cut rounds; %u barriers in one, %u "
                  "entered, %u left; %u came before older ones\n",
                  seed, model.next_number, model.player_count, model.epoch, (unsigned long long)model.pieces,
                  model.barriers_in_round, model.entered_in_round, model.left_in_round, model.out_of_turn);
    /* That it tried what it is for. */
    assert_true(model.pieces > 50 && model.barriers_in_round > 20);
    assert_true(model.entered_in_round > 20 && model.left_in_round > 20);
    assert_true(setting->streams > 0 ? model.out_of_turn > 100 : model.out_of_turn == 0);
    stage_of(room)->on_leave = NULL;
    fixture_close(fixture);
}

static void run_both(unsigned seed, uint32_t early_flush_bytes, uint64_t tick_ns)
{
    run_model(&many_streams, seed, early_flush_bytes, tick_ns);
    run_model(&own_stream, seed, early_flush_bytes, tick_ns);
}

static void everybody_gets_all_of_it_in_order(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        run_both(seed, 1024 * 1024, 50 * NS_PER_MS);
    }
}

static void and_when_much_goes_out_early(void **state)
{
    (void)state;
    for (unsigned seed = 11; seed <= 13; seed++) {
        run_both(seed, 1024, 50 * NS_PER_MS);
    }
}

static void and_without_a_tick(void **state)
{
    (void)state;
    run_both(21, 1024 * 1024, 0);
    run_both(22, 1024 * 1024, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_gets_all_of_it_in_order),
        cmocka_unit_test(and_when_much_goes_out_early),
        cmocka_unit_test(and_without_a_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

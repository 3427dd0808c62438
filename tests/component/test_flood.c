/* Who sends more than it may: what passes, to the packet, at any moment. What becomes of the rest: test_flood_end.c. */
#include "component/tally_room.h"

#include <stdlib.h>
#include <sys/socket.h>

static uint64_t draw(uint64_t below)
{
    return (((uint64_t)rand() << 31) ^ (uint64_t)rand()) % below;
}

/* However slowly it would come back, the burst is there from the start. */
static void a_newcomer_has_the_whole_burst(void **state)
{
    enum { BURST = 1500, FRAME = 8 };
    const struct input_limits input = {.packets = {1, BURST}, .bytes = {1, BURST * FRAME}};
    static uint8_t bytes[(BURST + 1) * FRAME];
    struct fixture *fixture = open_limited(&input, 0);
    struct player *one = connect_into(fixture, counting_room(fixture, NULL));

    (void)state;
    for (uint32_t i = 0; i <= BURST; i++) {
        put_numbered(bytes + i * FRAME, i, FRAME);
    }
    player_send_bytes(one, bytes, sizeof(bytes));
    fixture_settle(fixture);
    assert_int_equal(tally_count, BURST);
    assert_int_equal(fixture->engine.stats.packets_flooded, 1);
    fixture_close(fixture);
}

/* ---- who never stops ---- */

static uint64_t granted(const struct rate *rate, uint64_t elapsed_ns)
{
    return (
        uint64_t)(((unsigned __int128)rate->burst * NS_PER_S + (unsigned __int128)elapsed_ns * rate->per_s) /
                  NS_PER_S);
}

/*
 * Whoever always has one more to send gets the burst and rate x time, to the packet and to the byte, at whatever
 * moments it is read. One of the two limits is the one that counts.
 */
static void who_never_stops_gets(const struct input_limits *input, uint32_t frame_bytes, int steps)
{
    struct fixture *fixture = open_limited(input, 0);
    struct player *one = connect_into(fixture, counting_room(fixture, NULL));
    const struct engine_stats *stats = &fixture->engine.stats;
    uint64_t wanted = 0;

    for (uint64_t i = 0; i < (uint64_t)steps; i++) {
        uint64_t elapsed_ns = clock_now_ns() - FIXTURE_START_NS;
        uint64_t packets = granted(&input->packets, elapsed_ns);
        uint64_t by_bytes = granted(&input->bytes, elapsed_ns) / frame_bytes;

        wanted = packets < by_bytes ? packets : by_bytes;
        while (stats->packets_flooded == i) {
            send_numbered(one, 0, frame_bytes);
            fixture_turn(fixture);
        }
        assert_int_equal(tally_count, wanted);
        assert_int_equal(stats->packets_in, wanted);
        assert_int_equal(stats->packets_flooded, i + 1);
        assert_int_equal(stats->bytes_flooded, (i + 1) * frame_bytes);
        fake_clock_advance(draw(3 * NS_PER_S / (1 + i % 7)) / input->packets.per_s);
    }
    assert_true(wanted > 2 * input->packets.burst || wanted * frame_bytes > 2 * (uint64_t)input->bytes.burst);
    fixture_close(fixture);
}

static void it_is_the_burst_and_rate_times_time(void **state)
{
    static const struct input_limits by_packets[] = {
        {.packets = {1, 4}, .bytes = {1000000, 1000000}},
        {.packets = {7, 20}, .bytes = {1000000, 1000000}},
        {.packets = {200, 400}, .bytes = {1000000, 1000000}},
        {.packets = {999983, 50}, .bytes = {4000000000, 4000000000}},
    };
    static const struct input_limits by_bytes = {.packets = {1000, 1000}, .bytes = {4093, 6000}};

    (void)state;
    srand(7);
    for (size_t i = 0; i < sizeof(by_packets) / sizeof(by_packets[0]); i++) {
        who_never_stops_gets(&by_packets[i], 8, i == 2 ? 1500 : 200);
    }
    who_never_stops_gets(&by_bytes, 997, 4000);
}

/* ---- at random, against a model ---- */

enum { MODEL_PACKETS = 4000, MODEL_FRAME_BYTES_MAX = 300 };

/* The other way round than a bucket: water that runs out at the rate, and may not rise above the burst. */
struct meter {
    struct rate rate;
    unsigned __int128 water; /* tokens times NS_PER_S */
    uint64_t since_ns;
};

static bool meter_has_place(struct meter *meter, uint32_t tokens, uint64_t now_ns)
{
    unsigned __int128 out = (unsigned __int128)(now_ns - meter->since_ns) * meter->rate.per_s;

    meter->water = meter->water > out ? meter->water - out : 0;
    meter->since_ns = now_ns;
    return meter->water + tokens * NS_PER_S <= meter->rate.burst * NS_PER_S;
}

/* A client, what it will send, and what should come of it. */
struct model {
    struct meter packets;
    struct meter bytes;
    uint16_t sizes[MODEL_PACKETS];
    uint32_t judged;   /* packets that the server has looked at */
    uint32_t accepted; /* of them */
    uint32_t wanted[MODEL_PACKETS];
};

static void model_judge(struct model *model, uint64_t now_ns)
{
    uint32_t number = model->judged++;
    uint32_t size = model->sizes[number];
    bool has_packet = meter_has_place(&model->packets, 1, now_ns);
    bool has_bytes = meter_has_place(&model->bytes, size, now_ns);

    if (has_packet && has_bytes) {
        model->packets.water += NS_PER_S;
        model->bytes.water += size * NS_PER_S;
        model->wanted[model->accepted++] = number;
    }
}

/* All that the server has looked at in this turn it must have judged as the model does, whether it could take it or not. */
static void model_follow(struct model *model, struct fixture *fixture, const struct session *session)
{
    const struct engine_stats *stats = &fixture->engine.stats;
    uint64_t judged = stats->packets_in + stats->packets_flooded + session->is_admitted;

    assert_true(judged <= MODEL_PACKETS);
    while (model->judged < judged) {
        model_judge(model, fixture->engine.now_ns);
    }
    assert_int_equal(stats->packets_in + session->is_admitted, model->accepted);
}

static struct model *model_make(const struct input_limits *input, uint8_t *bytes, size_t *size)
{
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->packets = (struct meter){.rate = input->packets};
    model->bytes = (struct meter){.rate = input->bytes};
    *size = 0;
    for (uint32_t i = 0; i < MODEL_PACKETS; i++) {
        model->sizes[i] = (uint16_t)(8 + draw(draw(4) == 0 ? MODEL_FRAME_BYTES_MAX - 8 : 20));
        *size += put_numbered(bytes + *size, i, model->sizes[i]);
    }
    return model;
}

/* Some bytes, as many as the kernel takes. */
static size_t send_piece(struct player *player, const uint8_t *bytes, size_t left)
{
    size_t piece = 1 + draw(draw(3) == 0 ? 4000 : 100);
    ssize_t sent = send(player->fd, bytes, piece < left ? piece : left, MSG_DONTWAIT | MSG_NOSIGNAL);

    return sent > 0 ? (size_t)sent : 0;
}

/* Sent in any pieces, at any moments, to a room that stands still now and then until its queue is full. */
static void random_packets_pass_as_in_the_model(const struct input_limits *input)
{
    static uint8_t bytes[MODEL_PACKETS * MODEL_FRAME_BYTES_MAX];
    struct fixture *fixture = open_limited(input, 0);
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;
    const struct session *session;
    struct model *model;
    uint32_t pauses = 0;
    size_t size;

    options.job_bytes_max = 1024;
    room = counting_room(fixture, &options);
    one = connect_into(fixture, room);
    session = fixture_session(fixture, one);
    model = model_make(input, bytes, &size);
    for (size_t at = 0; at < size;) {
        if (draw(session->is_paused ? 4 : 40) == 0) {
            options.jobs_per_turn = options.jobs_per_turn == 0 ? 4096 : 0;
            room_set_options(room, &options);
        }
        at += send_piece(one, bytes + at, size - at);
        fixture_turn(fixture);
        model_follow(model, fixture, session);
        pauses += session->is_admitted;
        fake_clock_advance(draw(3) == 0 ? draw(40 * NS_PER_S) / input->packets.per_s : 0);
    }
    options.jobs_per_turn = 4096;
    room_set_options(room, &options);
    for (int i = 0; i < 4000 && model->judged < MODEL_PACKETS; i++) {
        fixture_turn(fixture);
        model_follow(model, fixture, session);
    }
    fixture_settle(fixture);
    assert_int_equal(model->judged, MODEL_PACKETS);
    assert_int_equal(tally_count, model->accepted);
    assert_memory_equal(tally, model->wanted, model->accepted * sizeof(tally[0]));
    assert_in_range(model->accepted, MODEL_PACKETS / 20, MODEL_PACKETS - MODEL_PACKETS / 20);
    assert_true(pauses > 20);
    free(model);
    fixture_close(fixture);
}

static void random_packets_pass(void **state)
{
    static const struct input_limits inputs[] = {
        {.packets = {200, 400}, .bytes = {1000000, 1000000}}, /* packets decide */
        {.packets = {200, 400}, .bytes = {4000, 4096}},       /* bytes do */
        {.packets = {37, 10}, .bytes = {1500, 1000}},         /* now this, now that */
        {.packets = {1000003, 30}, .bytes = {50000001, 3000}},
    };

    (void)state;
    srand(11);
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        random_packets_pass_as_in_the_model(&inputs[i]);
    }
}

/* ---- who waits has paid ---- */

/* The room stands still, and takes so few packets that the third of the five that may pass has to wait. */
static void a_packet_that_waits_has_paid(void **state)
{
    const struct input_limits input = {.packets = {1, 5}, .bytes = {1000000, 1000000}};
    struct fixture *fixture = open_limited(&input, 0);
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;

    (void)state;
    options.jobs_per_turn = 0;
    options.job_bytes_max = 2048;
    room = counting_room(fixture, &options);
    one = fixture_connect(fixture);
    assert_int_equal(session_join(fixture_session(fixture, one), room), ROOMD_ERROR_NONE);
    options.jobs_per_turn = 4096;
    room_set_options(room, &options);
    fixture_settle(fixture);
    options.jobs_per_turn = 0;
    room_set_options(room, &options);

    for (uint32_t i = 0; i < 8; i++) {
        send_numbered(one, i, 800);
    }
    for (int i = 0; i < 10; i++) {
        fixture_turn(fixture);
    }
    assert_int_equal(fixture->engine.stats.packets_in, 2);
    assert_true(fixture_session(fixture, one)->is_admitted);
    options.jobs_per_turn = 4096;
    room_set_options(room, &options);
    fixture_settle(fixture);
    assert_int_equal(tally_count, 5);
    assert_int_equal(tally[4], 4);
    assert_int_equal(fixture->engine.stats.packets_flooded, 3);
    fixture_close(fixture);
}

/* It had the last token; by the time that there is place for it the limits are others, and it is taken all the same. */
static void a_packet_that_waits_is_taken(void **state)
{
    const struct input_limits input = {.packets = {1, 1}, .bytes = {1000000, 1000000}};
    struct fixture *fixture = open_limited(&input, 0);
    struct engine_limits limits = fixture->engine.limits;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;
    struct player *other;

    (void)state;
    options.job_bytes_max = 2048;
    room = counting_room(fixture, &options);
    one = connect_into(fixture, room);
    other = connect_into(fixture, room);
    options.jobs_per_turn = 0;
    room_set_options(room, &options);
    send_numbered(other, 1, 1900);
    fixture_turn(fixture);
    send_numbered(one, 2, 1900);
    send_numbered(one, 3, 8);
    fixture_turn(fixture);
    fixture_turn(fixture);
    assert_true(fixture_session(fixture, one)->is_admitted);
    limits.input.bytes = (struct rate){.per_s = 1, .burst = 1000};
    engine_set_limits(&fixture->engine, &limits);
    options.jobs_per_turn = 4096;
    room_set_options(room, &options);
    fixture_settle(fixture);
    assert_int_equal(tally_count, 2);
    assert_int_equal(tally[1], 2);
    assert_int_equal(fixture->engine.stats.packets_flooded, 1); /* the third has no token of its own */
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_has_the_whole_burst),
        cmocka_unit_test(it_is_the_burst_and_rate_times_time),
        cmocka_unit_test(random_packets_pass),
        cmocka_unit_test(a_packet_that_waits_has_paid),
        cmocka_unit_test(a_packet_that_waits_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "support/skip_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/log.h"
#include "support/fake_clock.h"
#include "wire/control.h"

enum { SKIP_STEPS = 2500 };

/* ---- the content's callbacks ---- */

static struct expected *model_of(struct stage *stage, uint64_t session)
{
    return &skip_model.players[stage->host->player_id(stage->room, session)];
}

static void mark(const struct expected *one, struct marks *marks)
{
    assert_true(marks->count < SKIP_MARKS_MAX);
    marks->at[marks->count++] = (struct mark){.said = one->count, .resyncs = one->resyncs.count};
}

static void on_enter(struct stage *stage, uint64_t session)
{
    struct expected *one = model_of(stage, session);

    one->is_in = true;
    one->is_asked = false;
    skip_model_send(stage, one);
    skip_model_follow(stage, one, (uint8_t)(1 + skip_model_random(SKIP_STREAMS)));
}

static void on_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    struct expected *one = model_of(stage, session);

    (void)reason;
    mark(one, &one->leaves);
    one->is_in = false;
    one->is_asked = false;
    memset(one->follows, 0, sizeof(one->follows));
}

static void on_resync(void *state, uint64_t session)
{
    struct stage *stage = state;
    struct expected *one = model_of(stage, session);

    mark(one, &one->resyncs);
    skip_model_send(stage, one);
}

/* ---- what comes ---- */

static void model_advance(struct expected *one)
{
    while (one->first < one->count && one->is_taken[one->first]) {
        one->first++;
    }
}

/* Takes `number` from what is expected; what is older and has not come yet must be such as may come later. */
static void model_take(struct expected *one, uint32_t number)
{
    const struct said *packet = &skip_model.packets[number];
    uint32_t at = one->first;

    for (; at < one->count && (one->is_taken[at] || one->numbers[at] != number); at++) {
        const struct said *older = &skip_model.packets[one->numbers[at]];

        if (!one->is_taken[at]) {
            assert_int_not_equal(older->stream, packet->stream);
            assert_int_not_equal(older->stream, SKIP_PRIVATE);
            assert_int_not_equal(packet->stream, SKIP_PRIVATE);
            assert_int_equal(older->epoch, packet->epoch);
        }
    }
    assert_true(at < one->count);
    one->is_taken[at] = true;
    model_advance(one);
}

/* All that was said before the next of the marks and has not come was missed. */
static void model_miss(struct expected *one, struct marks *marks)
{
    uint8_t bytes[256];

    assert_true(marks->taken < marks->count);

    uint32_t end = marks->at[marks->taken++].said;

    for (uint32_t at = one->first; at < end; at++) {
        if (!one->is_taken[at]) {
            skipped_add(&one->untold, 1, ROOMD_FRAME_HEADER_BYTES + skip_model_put(bytes, one->numbers[at]));
            one->is_taken[at] = true;
        }
    }
    model_advance(one);
}

/* And it has been told how much that is. */
static void model_settle(struct expected *one, struct marks *marks)
{
    model_miss(one, marks);
    assert_int_equal(one->untold.packets, one->told.packets);
    assert_int_equal(one->untold.bytes, one->told.bytes);
    skip_model.missed += one->told.packets;
    one->told = one->untold = (struct skipped){0};
}

static void model_leave(struct expected *one)
{
    const struct mark *left = &one->leaves.at[one->leaves.taken];

    if (one->told.packets == 0) {
        model_miss(one, &one->leaves);
    } else if (one->resyncs.taken < left->resyncs) {
        model_settle(one, &one->resyncs); /* the content has told it, but that was dropped in the next stay */
        model_miss(one, &one->leaves);
    } else {
        model_settle(one, &one->leaves);
        skip_model.told_leaving++;
    }
}

static void model_take_note(struct expected *one, const struct frame *frame)
{
    uint32_t number = roomd_get_u32(frame->payload);
    uint8_t bytes[256];
    size_t size = skip_model_put(bytes, number);

    if (one->told.packets > 0) {
        model_settle(one, &one->resyncs);
        assert_int_equal(one->numbers[one->first], number); /* what the content told then comes first */
    }
    assert_int_equal(frame->payload_bytes, size);
    assert_memory_equal(frame->payload, bytes, size);
    model_take(one, number);
}

static void model_take_control(struct expected *one, const struct frame *frame)
{
    struct control_server control;

    assert_int_equal(control_decode_server(frame, &control), 0);
    switch (control.id) {
    case ROOMD_S_RESYNC:
        if (one->told.packets > 0) {
            model_settle(one, &one->resyncs); /* what the content told then it has missed, too */
        }
        assert_true(control.resync.packets > 0);
        one->told = (struct skipped){.packets = control.resync.packets, .bytes = control.resync.bytes};
        break;
    case ROOMD_S_LEFT:
        model_leave(one);
        break;
    case ROOMD_S_KICK:
        assert_int_equal(control.kick.reason, ROOMD_CLOSE_SLOW);
        one->is_kicked = true;
        skip_model.kicked++;
        break;
    default:
        assert_true(control.id == ROOMD_S_WELCOME || control.id == ROOMD_S_JOINED);
        assert_int_equal(one->told.packets, 0);
    }
}

static void model_read(struct expected *one, size_t bytes_max)
{
    struct player *player = one->player;

    player_receive(player, bytes_max);

    struct frame_cursor cursor = {.data = player->bytes, .size = player->end, .pos = player->start};
    struct frame frame;

    while (frame_next(&cursor, ROOMD_FRAME_BYTES_MAX, &frame) == FRAME_OK) {
        assert_false(one->is_kicked);
        if (frame.id == SKIP_NOTE) {
            model_take_note(one, &frame);
        } else {
            model_take_control(one, &frame);
        }
    }
    player->start = cursor.pos;
}

/* ---- the run ---- */

static void model_connect(struct expected *one)
{
    *one = (struct expected){
        .player = fixture_connect_narrow(skip_model.fixture, skip_model_random(2) == 0 ? 1 : 8192),
        .has_hello = skip_model_random(8) > 0,
        .is_reading = true,
        .is_asked = true};
    one->session = one->player->session;
    if (one->has_hello) {
        player_hello(one->player);
    }
}

static void model_act(struct expected *one)
{
    const struct session *session = slots_find(&skip_model.fixture->engine.sessions, one->session);

    if (skip_model_random(one->is_reading ? 100 : 60) == 0) {
        one->is_reading = !one->is_reading;
    }
    if (one->is_reading) {
        model_read(one, 1 + skip_model_random(3000));
    }
    if (session == NULL || session->close_reason != ROOMD_CLOSE_NONE || !one->has_hello || one->is_asked ||
        skip_model_random(200) > 0) {
        return;
    }
    one->is_asked = true;
    if (one->is_in) {
        player_leave(one->player);
    } else {
        player_join(one->player, "room");
    }
}

static void model_finish(void)
{
    for (uint32_t rounds = 0; rounds < 3000; rounds++) {
        uint32_t left = 0;

        fixture_advance(skip_model.fixture, 20 * NS_PER_MS);
        for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
            struct expected *one = &skip_model.players[i];
            const struct session *session = slots_find(&skip_model.fixture->engine.sessions, one->session);

            model_read(one, SIZE_MAX);
            left += session != NULL && session->close_reason == ROOMD_CLOSE_NONE &&
                    (one->first < one->count || one->told.packets + one->untold.packets > 0);
        }
        if (rounds > 100 && left == 0) {
            return;
        }
    }
    fail_msg("somebody did not get all that was said, nor was told to have missed it");
}

void skip_model_run(const struct skip_setting *setting, unsigned seed)
{
    static struct roomd_content content;
    struct engine_limits limits = fixture_limits();
    struct room_options options = fixture_room_options();
    struct room *room;

    memset(&skip_model, 0, sizeof(skip_model));
    skip_model.random = seed;
    skip_model.next_number = 1;
    content = stage_content;
    content.resync = on_resync;
    limits.chunk_bytes = seed % 2 == 0 ? 700 : 5000;
    limits.send = setting->send;
    skip_model.fixture = fixture_open(&limits);
    log_set_level(LOG_LEVEL_WARN);
    options.is_autojoin = true;
    options.tick_ns = setting->tick_ns;
    options.outbox_bytes_max = setting->outbox_bytes_max;
    options.outbox_slices_max = setting->outbox_slices_max;
    options.outbox_age_max_ns = setting->age_max_ns;
    options.slow = setting->slow;
    options.skip_max_ns = setting->skip_max_ns;
    room = fixture_room_of(skip_model.fixture, "room", &options, &content);
    skip_model.room = room;
    stage_of(room)->is_mute = true;
    stage_of(room)->on_enter = on_enter;
    stage_of(room)->on_leave = on_leave;
    for (uint32_t number = 1; number <= SKIP_STREAMS; number++) {
        assert_int_equal(room_stream_open(room, number), 0);
    }
    for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
        model_connect(&skip_model.players[i]);
    }
    fixture_settle(skip_model.fixture);
    for (int step = 0; step < SKIP_STEPS; step++) {
        for (uint32_t i = skip_model_random(12); i > 0; i--) {
            stage_run_play(skip_model.fixture, room, skip_model_emit, NULL);
        }
        fake_clock_advance(skip_model_random(20) * NS_PER_MS);
        fixture_turn_checked(skip_model.fixture);
        for (uint32_t i = 1; i <= SKIP_PLAYERS; i++) {
            model_act(&skip_model.players[i]);
        }
    }
    model_finish();
    stage_of(room)->on_leave = NULL;
}

void skip_model_close(void)
{
    fixture_close(skip_model.fixture);
}

void skip_model_print(unsigned seed)
{
    const struct engine_stats *stats = &skip_model.fixture->engine.stats;

    print_message("seed %u: %u numbers, %u barriers, %u overwritten; %llu skips, %llu told, %u told leaving, "
                  "%u packets missed; %llu slow, %u told; %llu paced\n",
                  seed, skip_model.next_number, skip_model.epoch, skip_model.overwritten,
                  (unsigned long long)stats->skips, (unsigned long long)stats->resyncs,
                  skip_model.told_leaving, skip_model.missed,
                  (unsigned long long)stats->closes[ROOMD_CLOSE_SLOW], skip_model.kicked,
                  (unsigned long long)stats->flushes_paced);
}

/*
 * A hundred streams and two hundred players who each follow nine of them and keep moving on: once warm, nothing is
 * allocated, whatever is followed, forgotten, opened and closed.
 */
#include "support/component.h"

#include <string.h>
#include <sys/socket.h>

#include "base/asan.h"
#include "base/log.h"
#include "support/alloc_count.h"

enum { STREAMS = 100, PLAYERS = 200, AROUND = 9, STEP = 3, NOTE = 100, TEXT_BYTES = 30 };
enum { FRAME_BYTES = ROOMD_FRAME_HEADER_BYTES + TEXT_BYTES, WARM_TICKS = 300, STEADY_TICKS = 200 };

static struct player *players[PLAYERS];
static uint32_t places[PLAYERS]; /* follows the AROUND streams from there on */
static uint32_t watchers[STREAMS];

static void watch(struct room *room, int i, uint32_t number)
{
    number %= STREAMS;
    if (watchers[number]++ == 0) {
        assert_int_equal(room_stream_open(room, number), 0);
    }
    assert_int_equal(room_stream_follow(room, players[i]->session, number), 0);
}

static void unwatch(struct room *room, int i, uint32_t number)
{
    number %= STREAMS;
    assert_int_equal(room_stream_unfollow(room, players[i]->session, number), 0);
    if (--watchers[number] == 0) {
        assert_int_equal(room_stream_close(room, number), 0);
    }
}

static void move_on(struct room *room, int i)
{
    room_barrier(room);
    for (uint32_t step = 0; step < STEP; step++) {
        unwatch(room, i, places[i] + step);
        watch(room, i, places[i] + AROUND + step);
    }
    places[i] = (places[i] + STEP) % STREAMS;
    assert_int_equal(room_send(room, players[i]->session, NOTE, "snapshot", 8, 0), 0);
}

/* Everybody's place says something, and its newest state; some move on, more of them in some ticks than in others. */
static void tick(struct fixture *fixture, struct room *room, uint32_t number)
{
    static uint8_t received[64 * 1024];
    uint8_t text[TEXT_BYTES] = {0};

    for (uint32_t i = 0; i < PLAYERS; i++) {
        uint32_t here = (places[i] + AROUND / 2) % STREAMS;

        if ((i + number) % 40 == 0 || (number % 100 < 30 && i < 5)) {
            move_on(room, (int)i);
            here = (places[i] + AROUND / 2) % STREAMS;
        }
        assert_int_equal(room_stream_append(room, here, NOTE, text, sizeof(text), 0), 0);
        assert_int_equal(room_stream_append_keyed(room, here, i, NOTE, text, sizeof(text), 0), 0);
        assert_int_equal(room_stream_append_keyed(room, here, i, NOTE, text, sizeof(text), 0), 0);
    }
    fixture_tick(fixture, room);
    for (int i = 0; i < PLAYERS; i++) {
        ssize_t got;

        do {
            got = recv(players[i]->fd, received, sizeof(received), MSG_DONTWAIT);
            assert_true(got != 0);
        } while (got > 0);
    }
}

static void many_streams_allocate_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    const struct chunk_pool *chunks = &fixture->engine.net.gather.chunks;
    struct room *room;
    uint64_t calls;

    log_set_level(LOG_LEVEL_WARN);
    options.streams_max = STREAMS;
    room = fixture_room(fixture, "room", &options);
    memset(watchers, 0, sizeof(watchers));
    for (int i = 0; i < PLAYERS; i++) {
        players[i] = fixture_enter(fixture, "room");
        places[i] = (uint32_t)i % 5 * 20;
        for (uint32_t around = 0; around < AROUND; around++) {
            watch(room, i, places[i] + around);
        }
    }
    for (uint32_t i = 0; i < WARM_TICKS; i++) {
        tick(fixture, room, i);
    }

    uint64_t memory_bytes = chunks->memory_bytes;
    uint64_t deliveries = fixture->engine.net.gather.deliveries;

    calls = alloc_count_calls();
    for (uint32_t i = 0; i < STEADY_TICKS; i++) {
        tick(fixture, room, WARM_TICKS + i);
    }
    if (alloc_count_is_available()) {
        assert_int_equal(alloc_count_calls() - calls, 0);
    }
    if (!ASAN_IS_ON) {
        assert_int_equal(chunks->memory_bytes, memory_bytes);
    }
    assert_true(fixture->engine.net.gather.deliveries - deliveries > STEADY_TICKS * PLAYERS * AROUND);
    assert_int_equal(fixture->engine.net.gather.blocks.used, 0);
    assert_int_equal(room->pending_bytes, 0);
}

/* Between ticks a quiet stream holds a small chunk, not an ordinary one. */
static void quiet_streams_hold_little(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    const struct chunk_pool *chunks = &fixture->engine.net.gather.chunks;
    struct player *one;
    struct room *room;

    options.streams_max = STREAMS;
    room = fixture_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");

    uint64_t memory_bytes = chunks->memory_bytes;

    for (uint32_t i = 0; i < STREAMS; i++) {
        assert_int_equal(room_stream_open(room, i), 0);
        assert_int_equal(room_stream_follow(room, one->session, i), 0);
        assert_int_equal(room_stream_append(room, i, NOTE, "a", 1, 0), 0);
    }
    fixture_tick(fixture, room);
    assert_int_equal(player_receive(one, SIZE_MAX), STREAMS * (ROOMD_FRAME_HEADER_BYTES + 1));
    one->start = one->end;
    assert_int_equal(chunks->memory_bytes - memory_bytes,
                     STREAMS * (sizeof(struct chunk) + CHUNK_SMALL_BYTES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(many_streams_allocate_nothing),
        FIXTURE_TEST(quiet_streams_hold_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A thousand players in one room, each of whom says something every tick: once warm, nothing is allocated. */
#include "support/component.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/log.h"
#include "support/alloc_count.h"

enum { PLAYERS = 1000, WARM_TICKS = 20, STEADY_TICKS = 100, TEXT_BYTES = 12, NOTE = 100 };
enum { FRAME_BYTES = ROOMD_FRAME_HEADER_BYTES + TEXT_BYTES, SPLIT_TICKS = 20 };

static struct player *players[PLAYERS];
static uint64_t expected_bytes; /* of one player in one tick */

static bool raise_descriptor_limit(rlim_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < wanted) {
        return false;
    }
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
    }
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* Everyone speaks: bytes [from, to) of a frame. */
static void speak(uint32_t number, size_t from, size_t to)
{
    uint8_t frame[FRAME_BYTES];

    frame_put_header(frame, NOTE, TEXT_BYTES);
    memset(frame + ROOMD_FRAME_HEADER_BYTES, 0, TEXT_BYTES);
    roomd_put_u32(frame + ROOMD_FRAME_HEADER_BYTES, number);
    for (int i = 0; i < PLAYERS; i++) {
        roomd_put_u32(frame + ROOMD_FRAME_HEADER_BYTES + 4, (uint32_t)i);
        assert_int_equal(send(players[i]->fd, frame + from, to - from, MSG_NOSIGNAL), to - from);
    }
}

/*
 * Everyone speaks, with `split` bytes of the frame in one turn and the rest in the next; the tick comes, everyone has
 * what all said. No call in here allocates on our side.
 */
static void tick(struct fixture *fixture, const struct room *room, uint32_t number, size_t split)
{
    static uint8_t received[64 * 1024];

    if (split > 0) {
        speak(number, 0, split);
        fixture_settle(fixture);
        assert_int_equal(fixture->engine.net.kept_small.used, PLAYERS);
    }
    speak(number, split, FRAME_BYTES);
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.net.kept_small.used, 0);
    fixture_tick(fixture, room);
    for (int i = 0; i < PLAYERS; i++) {
        size_t got = 0;

        while (got < expected_bytes) {
            ssize_t piece = recv(players[i]->fd, received + got, sizeof(received) - got, MSG_DONTWAIT);

            assert_true(piece > 0);
            got += (size_t)piece;
        }
        assert_int_equal(got, expected_bytes);
        /* One look into the middle; that each byte is right is for other tests to see. */
        assert_int_equal(roomd_get_u32(received + (size_t)i * FRAME_BYTES + ROOMD_FRAME_HEADER_BYTES),
                         number);
    }
}

/* A thousand players in an autojoin room; NULL when there are too few descriptors for them. */
static struct room *open_room_of_players(struct fixture *fixture)
{
    struct room *room;

    if (!raise_descriptor_limit(2 * PLAYERS + 100)) {
        print_message("not enough descriptors for %d players\n", PLAYERS);
        return NULL;
    }
    log_set_level(LOG_LEVEL_WARN);
    room = fixture_autojoin_room(fixture, "room");
    stage_of(room)->is_mute = true;
    for (int i = 0; i < PLAYERS; i++) {
        players[i] = fixture_connect(fixture);
    }
    fixture_settle(fixture);
    assert_int_equal(room->member_count, PLAYERS);
    expected_bytes = (uint64_t)PLAYERS * FRAME_BYTES;
    return room;
}

static void a_steady_room_allocates_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct room *room = open_room_of_players(fixture);
    const struct chunk_pool *chunks = &fixture->engine.net.gather.chunks;

    if (room == NULL) {
        skip();
    }
    for (uint32_t i = 0; i < WARM_TICKS; i++) {
        tick(fixture, room, i, 0);
    }

    uint64_t calls = alloc_count_calls();
    uint64_t chunk_bytes = chunks->memory_bytes;
    uint32_t chunks_live = chunks->live;
    uint32_t blocks = fixture->engine.net.gather.blocks.total;
    uint64_t writes = fixture->engine.net.stats.writevs;
    uint64_t deliveries = fixture->engine.net.gather.deliveries;

    for (uint32_t i = 0; i < STEADY_TICKS; i++) {
        tick(fixture, room, WARM_TICKS + i, 0);
    }
    if (alloc_count_is_available()) {
        assert_int_equal(alloc_count_calls() - calls, 0);
    }
    if (!ASAN_IS_ON) {
        assert_int_equal(chunks->memory_bytes, chunk_bytes);
        assert_int_equal(fixture->engine.net.gather.blocks.total, blocks);
    }
    assert_int_equal(chunks->live, chunks_live);
    assert_int_equal(fixture->engine.net.gather.blocks.used, 0); /* idle sessions own none */
    assert_int_equal(fixture->engine.net.stats.writevs - writes, (uint64_t)STEADY_TICKS * PLAYERS);
    assert_int_equal(fixture->engine.net.gather.deliveries - deliveries,
                     (uint64_t)STEADY_TICKS * PLAYERS * PLAYERS);
    assert_int_equal(fixture->engine.stats.ticks, WARM_TICKS + STEADY_TICKS);
    assert_int_equal(fixture->engine.net.stats.short_writes, 0);
}

/* Nor when each frame comes in two pieces: in the header, behind it, in the text. */
static void frames_that_straddle_reads_allocate_nothing(void **state)
{
    static const size_t splits[] = {1, 3, ROOMD_FRAME_HEADER_BYTES, FRAME_BYTES - 1};
    struct fixture *fixture = *state;
    const struct room *room = open_room_of_players(fixture);

    if (room == NULL) {
        skip();
    }
    for (uint32_t i = 0; i < WARM_TICKS; i++) {
        tick(fixture, room, i, splits[i % 4]);
    }

    uint64_t calls = alloc_count_calls();
    uint32_t kept = fixture->engine.net.kept_small.total;

    for (uint32_t i = 0; i < SPLIT_TICKS; i++) {
        tick(fixture, room, WARM_TICKS + i, splits[i % 4]);
    }
    if (alloc_count_is_available()) {
        assert_int_equal(alloc_count_calls() - calls, 0);
    }
    if (!ASAN_IS_ON) {
        assert_int_equal(fixture->engine.net.kept_small.total, kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_steady_room_allocates_nothing),
        FIXTURE_TEST(frames_that_straddle_reads_allocate_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Save and restore, with a module that has everything: a state, a job on its way, a stream that its players follow,
 * memory, random numbers and the room's time.
 */
#include "base/memory.h"
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "content/host.h"
#include "room/room_content.h"

enum { NOTE = 100, CLOCK_PLAYERS_MAX = 8, CLOCK_STREAM = 9, CLOCK_BEAT_MS = 70, CLOCK_VERSION = 3 };

/* The module: every beat it tells those who follow its stream the time, a number, and how many packets have come. */
struct clock_player {
    uint64_t session;
    uint32_t packets;
};

struct clockwork {
    const struct roomd_host *host;
    struct roomd_room *room;
    struct clock_player *players[CLOCK_PLAYERS_MAX];
    uint32_t beats;
    uint64_t due_ms;
    uint64_t timer;
};

/* What save answers in place of the bytes. */
static int save_result;
static size_t save_bytes;
static uint32_t dead_jobs;
static uint32_t closes;

static void clock_beat(void *state, uint64_t session, const void *payload, size_t bytes);

static int clock_arm(struct clockwork *clock, uint64_t due_ms)
{
    uint64_t now_ms = clock->host->now_ms(clock->room);

    clock->due_ms = due_ms;
    return clock->host->push_after(clock->room, (uint32_t)(due_ms > now_ms ? due_ms - now_ms : 0), clock_beat,
                                   0, NULL, 0, &clock->timer);
}

static void clock_beat(void *state, uint64_t session, const void *payload, size_t bytes)
{
    struct clockwork *clock = state;
    char text[128];
    size_t used;

    (void)session;
    (void)payload;
    (void)bytes;
    clock->beats++;
    used = (size_t)snprintf(text, sizeof(text), "%u at %llu: %llx", clock->beats,
                            (unsigned long long)clock->host->now_ms(clock->room),
                            (unsigned long long)clock->host->random(clock->room));
    for (uint32_t i = 0; i < CLOCK_PLAYERS_MAX; i++) {
        if (clock->players[i] != NULL) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, ", %u", clock->players[i]->packets);
        }
    }
    assert_int_equal(clock->host->stream_append(clock->room, CLOCK_STREAM, NOTE, text, used, ROOMD_URGENT),
                     0);
    assert_int_equal(clock_arm(clock, clock->due_ms + CLOCK_BEAT_MS), 0);
}

static int clock_begin(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    struct clockwork *clock = host->alloc(room, sizeof(*clock));

    if (clock == NULL) {
        return -ENOMEM;
    }
    clock->host = host;
    clock->room = room;
    *state = clock;
    return host->stream_open(room, CLOCK_STREAM);
}

static int clock_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    int rc = clock_begin(host, room, state);

    return rc < 0 ? rc : clock_arm(*state, CLOCK_BEAT_MS);
}

static void clock_close(void *state)
{
    (void)state;
    closes++;
}

static int clock_seat(struct clockwork *clock, uint32_t seat, uint64_t session, uint32_t packets)
{
    struct clock_player *player = clock->host->alloc(clock->room, sizeof(*player));

    assert_non_null(player);
    assert_null(clock->host->user(clock->room, session));
    *player = (struct clock_player){.session = session, .packets = packets};
    clock->players[seat] = player;
    clock->host->set_user(clock->room, session, player);
    return clock->host->stream_follow(clock->room, session, CLOCK_STREAM);
}

static void clock_enter(void *state, uint64_t session)
{
    struct clockwork *clock = state;
    uint32_t seat = 0;

    while (clock->players[seat] != NULL) {
        seat++;
    }
    assert_int_equal(clock_seat(clock, seat, session, 0), 0);
}

static void clock_leave(void *state, uint64_t session, enum roomd_leave_reason reason)
{
    struct clockwork *clock = state;

    (void)reason;
    for (uint32_t i = 0; i < CLOCK_PLAYERS_MAX; i++) {
        if (clock->players[i] != NULL && clock->players[i]->session == session) {
            clock->host->free(clock->room, clock->players[i]);
            clock->players[i] = NULL;
        }
    }
}

static enum roomd_packet_result clock_packet(void *state, uint64_t session, uint16_t id,
                                             const uint8_t *payload, size_t bytes)
{
    struct clockwork *clock = state;
    struct clock_player *player = clock->host->user(clock->room, session);

    (void)id;
    (void)payload;
    (void)bytes;
    assert_non_null(player);
    player->packets++;
    return ROOMD_PACKET_OK;
}

static int clock_save(void *state, void *out, size_t size, size_t *bytes)
{
    const struct clockwork *clock = state;
    uint8_t text[16 + 12 * CLOCK_PLAYERS_MAX];
    size_t used = 16;

    if (save_result != 0 || save_bytes != 0) {
        *bytes = save_bytes;
        return save_result;
    }
    roomd_put_u32(text, CLOCK_VERSION);
    roomd_put_u32(text + 4, clock->beats);
    roomd_put_u64(text + 8, clock->due_ms);
    for (uint32_t i = 0; i < CLOCK_PLAYERS_MAX; i++) {
        if (clock->players[i] != NULL) {
            roomd_put_u64(text + used, clock->players[i]->session);
            roomd_put_u32(text + used + 8, clock->players[i]->packets);
            used += 12;
        }
    }
    *bytes = used;
    if (used > size) {
        return -ENOSPC;
    }
    memcpy(out, text, used);
    return 0;
}

static int clock_restore(const struct roomd_host *host, struct roomd_room *room, const void *bytes,
                         size_t size, void **state)
{
    const uint8_t *text = bytes;
    struct clockwork *clock;
    int rc = clock_begin(host, room, state); /* when it fails later on, what it has made must go with it */

    clock = *state;
    if (rc < 0 || size < 16 || (size - 16) % 12 != 0 || size > 16 + 12 * CLOCK_PLAYERS_MAX) {
        return rc < 0 ? rc : -EINVAL;
    }
    for (uint32_t i = 0; i < (size - 16) / 12; i++) {
        rc = clock_seat(clock, i, roomd_get_u64(text + 16 + 12 * i), roomd_get_u32(text + 24 + 12 * i));
        assert_int_equal(rc, 0);
    }
    clock->beats = roomd_get_u32(text + 4);
    rc = clock_arm(clock, roomd_get_u64(text + 8));
    return roomd_get_u32(text) == CLOCK_VERSION ? rc : -EINVAL;
}

static const struct roomd_content clock_content = {
    .abi = ROOMD_CONTENT_ABI,
    .size = sizeof(clock_content),
    .name = "clockwork",
    .open = clock_open,
    .close = clock_close,
    .enter = clock_enter,
    .leave = clock_leave,
    .packet = clock_packet,
    .save = clock_save,
    .restore = clock_restore,
};

/* ---- the round trip ---- */

static void bytes_expect_equal(struct player *one, struct player *other)
{
    struct frame frame;

    while (player_next(one, &frame)) {
        player_expect(other, frame.id, frame.payload, frame.payload_bytes);
    }
    player_expect_nothing(other);
}

static void restore_expect(struct fixture *fixture, struct room *room, const uint8_t *bytes, size_t size,
                           int result)
{
    assert_int_equal(room_content_restore(room, fixture->engine.host, bytes, size), result);
    assert_false(fixture->engine.is_playing);
}

static void save_and_restore(struct fixture *fixture, struct room *room)
{
    uint8_t *bytes;
    size_t size;

    assert_int_equal(room_content_save(room, &bytes, &size), 0);
    restore_expect(fixture, room, bytes, size, 0);
    memory_give(bytes);
}

/* Of two rooms with the same seed and the same inputs, one is restored again and again: nobody can tell which. */
static void a_restored_room_goes_on_as_if_nothing_had_been(void **state)
{
    struct fixture *fixture = *state;
    struct room *rooms[2] = {fixture_room_of(fixture, "plain", NULL, &clock_content),
                             fixture_room_of(fixture, "saved", NULL, &clock_content)};
    struct player *players[2][3];
    uint64_t seed = 42;

    for (uint32_t i = 0; i < 3; i++) {
        players[0][i] = fixture_enter(fixture, "plain");
        players[1][i] = fixture_enter(fixture, "saved");
    }
    for (uint32_t step = 0; step < 2000; step++) {
        uint64_t number = hash_u64(seed++);

        if (number % 4 == 0) {
            player_say(players[0][number % 3], NOTE, "x");
            player_say(players[1][number % 3], NOTE, "x");
        }
        if (number % 5 == 0) {
            fixture_read(fixture); /* the packets wait in the queue */
            save_and_restore(fixture, rooms[1]);
        }
        fixture_advance(fixture, (number >> 32) % (20 * NS_PER_MS));
        for (uint32_t i = 0; i < 3; i++) {
            bytes_expect_equal(players[0][i], players[1][i]);
        }
    }
    assert_true(((struct clockwork *)rooms[0]->content_state)->beats > 250);
    assert_int_equal(rooms[0]->random, rooms[1]->random);
    assert_int_equal(rooms[0]->memory_bytes, rooms[1]->memory_bytes);
}

/* The time of the save goes on from there, however late it is; so do the random numbers. */
static void time_and_numbers_are_those_of_the_save(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &clock_content);
    uint64_t number;
    uint64_t now_ms;
    uint8_t *bytes;
    size_t size;

    fixture_advance(fixture, 1111 * NS_PER_MS + 5);
    assert_int_equal(room_content_save(room, &bytes, &size), 0);
    now_ms = room_content_now_ms(room);
    number = room_content_random(room);
    fixture_advance(fixture, 100 * NS_PER_S);
    restore_expect(fixture, room, bytes, size, 0);
    assert_int_equal(room_content_now_ms(room), now_ms);
    assert_int_equal(room_content_random(room), number);
    memory_give(bytes);
}

/* ---- what goes and what stays ---- */

static void dead_job(void *state, uint64_t session, const void *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)payload;
    (void)bytes;
    dead_jobs++;
}

static void jobs_go_packets_and_players_stay(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &clock_content);
    struct player *one = fixture_enter(fixture, "room");
    struct player *late = fixture_connect(fixture);
    const struct roomd_host *host = fixture->engine.host;
    struct roomd_room *handle = (struct roomd_room *)room;
    uint32_t closes_before = closes;
    uint64_t timer;

    player_hello(late);
    fixture_settle(fixture);
    player_expect_welcome(late);
    dead_jobs = 0;
    assert_int_equal(host->push(handle, dead_job, 0, NULL, 0), 0);
    player_say(one, NOTE, "kept");
    player_join(late, "room");
    fixture_read(fixture);
    assert_int_equal(host->push(handle, dead_job, 0, "payload", 7), 0);
    assert_int_equal(host->push_after(handle, 5, dead_job, 0, NULL, 0, &timer), 0);
    assert_int_equal(host->stream_append(handle, CLOCK_STREAM, NOTE, "owed", 4, 0), 0);
    assert_int_equal(host->stream_open(handle, 77), 0);
    assert_non_null(host->alloc(handle, 1000));
    save_and_restore(fixture, room);
    assert_int_equal(closes - closes_before, 1);
    assert_int_equal(host->stream_close(handle, 77), -ENOENT);
    assert_int_equal(host->cancel(handle, timer), -ENOENT);
    assert_true(room->memory_bytes < 1000);
    fixture_advance(fixture, 10 * NS_PER_MS);
    assert_int_equal(dead_jobs, 0);
    assert_int_equal(((struct clockwork *)room->content_state)->players[0]->packets, 1);
    assert_int_equal(room->member_count, 2);
    player_expect_joined(late, "room");
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "owed");
}

/* ---- bytes that are not to be trusted ---- */

static void whatever_is_changed_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &clock_content);
    uint32_t closes_before = closes;
    uint8_t *bytes;
    size_t size;

    fixture_enter(fixture, "room");
    assert_int_equal(room_content_save(room, &bytes, &size), 0);
    for (size_t at = 0; at < size; at++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1u << bit);
            restore_expect(fixture, room, bytes, size, -EINVAL);
            bytes[at] ^= (uint8_t)(1u << bit);
        }
        uint8_t *cut = malloc(at > 0 ? at : 1); /* the sanitizer sees who reads beyond it */

        assert_non_null(cut);
        memcpy(cut, bytes, at);
        restore_expect(fixture, room, cut, at, -EINVAL);
        free(cut);
    }
    assert_int_equal(closes, closes_before);
    restore_expect(fixture, room, bytes, size, 0);
    memory_give(bytes);
}

static void forge(uint8_t *bytes, size_t size)
{
    roomd_put_u32(bytes + size - 4, hash_bytes(bytes, size - 4));
}

/* With a right checksum: what the envelope says of itself is looked at. */
static void a_forged_envelope_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
    } forged[] = {{6, 0},   {6, 10},          {6, UINT16_MAX}, {24, 0}, {24, 27},
                  {24, 29}, {24, UINT64_MAX}, {8, UINT64_MAX}, {4, 2},  {8, UINT64_MAX / 2 + 1}};
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &clock_content);
    struct room *other = fixture_room_of(fixture, "other", NULL, content_find("chat"));
    uint8_t *bytes;
    uint8_t *others;
    size_t size;
    size_t others_size;

    fixture_enter(fixture, "room");
    assert_int_equal(room_content_save(room, &bytes, &size), 0);
    assert_int_equal(roomd_get_u64(bytes + 24), 28);
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        uint8_t *copy = malloc(size);

        memcpy(copy, bytes, size);
        if (forged[i].at < 8) {
            roomd_put_u16(copy + forged[i].at, (uint16_t)forged[i].value);
        } else {
            roomd_put_u64(copy + forged[i].at, forged[i].value);
        }
        forge(copy, size);
        restore_expect(fixture, room, copy, size, -EINVAL);
        free(copy);
        copy = malloc(40); /* too short for its name; the sanitizer sees who reads beyond it */
        memcpy(copy, bytes, 40);
        forge(copy, 40);
        restore_expect(fixture, room, copy, 40, -EINVAL);
        free(copy);
    }
    assert_int_equal(room_content_save(other, &others, &others_size), 0);
    restore_expect(fixture, room, others, others_size, -EINVAL);
    restore_expect(fixture, other, bytes, size, -EINVAL);
    restore_expect(fixture, other, others, others_size, 0);
    memory_give(bytes);
    memory_give(others);
}

/* The envelope is right, the module refuses its own: the room ends, and its players are told. */
static void what_the_module_refuses_ends_the_room(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &clock_content);
    struct player *one = fixture_enter(fixture, "room");
    uint32_t closes_before = closes;
    uint8_t *bytes;
    size_t size;

    assert_int_equal(room_content_save(room, &bytes, &size), 0);
    roomd_put_u32(bytes + 32 + 9, CLOCK_VERSION + 1);
    forge(bytes, size);
    player_say(one, NOTE, "into nothing");
    fixture_read(fixture);
    restore_expect(fixture, room, bytes, size, -EINVAL);
    assert_int_equal(closes - closes_before, 1);
    assert_int_equal(room->memory_bytes, 0);
    assert_int_equal(room->stream_count, 0);
    assert_int_equal(fixture->engine.job_timer_pool.used, 0);
    assert_int_equal(room_content_save(room, &bytes, &size), -ENOTSUP);
    assert_int_equal(fixture_log_count("event=restore_failed room=room content=clockwork"), 1);
    fixture_settle(fixture);
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
    assert_int_equal(fixture->engine.lobby.count, 0);
    assert_int_equal(fixture->engine.stats.rooms_retired, 1);
    memory_give(bytes);
}

/* ---- modules that can't, or won't ---- */

static void save_expect(struct room *room, int result, size_t bytes, int expected)
{
    uint8_t *out = NULL;
    size_t size;

    save_result = result;
    save_bytes = bytes;
    assert_int_equal(room_content_save(room, &out, &size), expected);
    assert_null(out);
    save_result = 0;
    save_bytes = 0;
}

static void a_save_that_fails_gives_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &clock_content);
    struct room *plain = fixture_room(fixture, "plain", NULL);
    uint8_t byte = 0;

    save_expect(plain, 0, 0, -ENOTSUP);
    restore_expect(fixture, plain, &byte, 1, -ENOTSUP);
    save_expect(room, -EPROTO, 0, -EPROTO);
    save_expect(room, 1, 10, -EIO);
    save_expect(room, 0, 10, -EIO);           /* it says that it has written into no room at all */
    save_expect(room, -ENOSPC, 0, -EIO);      /* too little, and nothing is needed */
    save_expect(room, -ENOSPC, 100, -ENOSPC); /* and then not enough again */
    save_expect(room, -ENOSPC, SIZE_MAX, -EIO);
    assert_false(fixture->engine.is_playing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_restored_room_goes_on_as_if_nothing_had_been),
        FIXTURE_TEST(time_and_numbers_are_those_of_the_save),
        FIXTURE_TEST(jobs_go_packets_and_players_stay),
        FIXTURE_TEST(whatever_is_changed_is_refused),
        FIXTURE_TEST(a_forged_envelope_is_refused),
        FIXTURE_TEST(what_the_module_refuses_ends_the_room),
        FIXTURE_TEST(a_save_that_fails_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

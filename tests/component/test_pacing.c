/* send_rate and send_burst: what one client is sent in a given time is bounded to the byte, and all of it comes in the end. */
#include "support/component.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/log.h"

enum { NOTE = 100, PACKET_BYTES = 1000, FRAME_BYTES = PACKET_BYTES + ROOMD_FRAME_HEADER_BYTES };

/* As session_flush.c has them. */
#define PACED_CHECK_NS (20 * NS_PER_MS)
enum { PACED_PER_TURN = 1024 };

static uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX];

static struct fixture *open_paced(uint32_t per_s, uint32_t burst)
{
    struct engine_limits limits = fixture_limits();

    limits.send = (struct rate){.per_s = per_s, .burst = burst};
    return fixture_open(&limits);
}

static struct room *open_room(struct fixture *fixture, uint64_t tick_ns)
{
    struct room_options options = fixture_room_options();

    options.tick_ns = tick_ns;
    options.outbox_age_max_ns = 600 * NS_PER_S;
    return fixture_room(fixture, "room", &options);
}

static uint64_t bytes_out(const struct fixture *fixture)
{
    return fixture->engine.net.stats.bytes_out;
}

static void broadcast_numbered(struct room *room, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        roomd_put_u32(payload, i);
        assert_int_equal(room_broadcast(room, NOTE, payload, PACKET_BYTES, 0), 0);
    }
}

static void expect_numbered(struct player *player, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        roomd_put_u32(payload, i);
        player_expect(player, NOTE, payload, PACKET_BYTES);
    }
}

/* Whole tokens of `elapsed_ns`. */
static uint64_t granted(uint32_t per_s, uint32_t burst, uint64_t elapsed_ns)
{
    return burst + elapsed_ns * per_s / NS_PER_S;
}

/*
 * Looks at the clock at odd moments. By each of them no more than the burst and rate x time has gone out; and no less
 * but for what a bucket holds that is not worth a call, and what comes in between two looks at it.
 */
static void follow_the_rate(uint64_t tick_ns, uint32_t per_s, uint32_t burst, unsigned seed)
{
    enum { PACKETS = 300 };
    struct fixture *fixture = open_paced(per_s, burst);
    struct room *room = open_room(fixture, tick_ns);
    struct player *one = fixture_enter(fixture, "room");
    uint64_t most = (uint64_t)burst / 4 + 1 + (uint64_t)per_s * 45 / 1000;
    uint64_t from_ns, from_bytes, writevs;
    uint32_t sent = 0;

    fixture_advance(fixture, 100 * NS_PER_S); /* full again */
    broadcast_numbered(room, 0, PACKETS);
    if (tick_ns > 0) {
        fake_clock_advance(room->tick.due_ns - clock_now_ns());
    }
    from_ns = clock_now_ns();
    from_bytes = bytes_out(fixture);
    writevs = fixture->engine.net.stats.writevs;
    fixture_settle(fixture);
    assert_int_equal(bytes_out(fixture) - from_bytes, burst); /* at once, to the byte */
    while (sent < PACKETS * FRAME_BYTES) {
        uint64_t due = granted(per_s, burst, clock_now_ns() - from_ns);

        sent = (uint32_t)(bytes_out(fixture) - from_bytes);
        assert_true(sent <= due);
        assert_true(sent + most >= (due < PACKETS * FRAME_BYTES ? due : PACKETS * FRAME_BYTES));
        player_receive(one, SIZE_MAX);
        fixture_advance(fixture, 1 + (uint32_t)rand_r(&seed) % (25 * NS_PER_MS));
        if (rand_r(&seed) % 4 == 0) {
            session_mark_dirty(fixture_session(fixture, one)); /* however often it is flushed */
        }
    }
    expect_numbered(one, 0, PACKETS);
    player_expect_nothing(one);
    writevs = fixture->engine.net.stats.writevs - writevs;
    assert_true(writevs <= 2 + PACKETS * FRAME_BYTES / (burst / 4 < 64 * 1024 ? burst / 4 : 64 * 1024));
    assert_true(fixture->engine.stats.flushes_paced >= PACKETS * FRAME_BYTES / burst);
    assert_int_equal(fixture_session(fixture, one)->hold, SESSION_FLOWS);
    fixture_close(fixture);
}

static void what_goes_out_keeps_to_the_rate(void **state)
{
    (void)state;
    follow_the_rate(FIXTURE_TICK_NS, 50000, 8000, 1);
    follow_the_rate(FIXTURE_TICK_NS, 1000000, 100000, 2);
    follow_the_rate(50 * NS_PER_MS, 20000, 100000, 3);
    follow_the_rate(0, 50000, 8000, 4);
    follow_the_rate(0, 12345, 6789, 5);
}

/* Where the bucket is full in a few milliseconds, it is looked at as often. */
static void a_small_burst_does_not_slow_a_high_rate(void **state)
{
    struct fixture *fixture = open_paced(1000000, 8000);
    struct room *room = open_room(fixture, FIXTURE_TICK_NS);
    struct player *one = fixture_enter(fixture, "room");

    (void)state;
    broadcast_numbered(room, 0, 300);
    fixture_tick(fixture, room);
    for (int i = 0; i < 300 + 5; i++) {
        player_receive(one, SIZE_MAX);
        fixture_advance(fixture, NS_PER_MS);
    }
    expect_numbered(one, 0, 300);
    fixture_close(fixture);
}

/* A burst of one byte, as no config allows it, still moves. */
static void the_smallest_bucket_is_written_from(void **state)
{
    struct fixture *fixture = open_paced(100, 1);
    struct room *room = open_room(fixture, 0);
    struct player *one = fixture_connect(fixture);
    uint64_t from_ns = clock_now_ns();

    (void)state;
    (void)room;
    player_hello(one);
    for (int i = 0; i < 30; i++) {
        assert_true(bytes_out(fixture) <= granted(100, 1, clock_now_ns() - from_ns));
        fixture_advance(fixture, PACED_CHECK_NS);
    }
    player_expect_welcome(one);
    fixture_close(fixture);
}

/* One client's bucket is its own. */
static void others_are_not_paced(void **state)
{
    struct fixture *fixture = open_paced(1000, 4000);
    struct room *room = open_room(fixture, FIXTURE_TICK_NS);
    struct player *much = fixture_enter(fixture, "room");
    struct player *little = fixture_enter(fixture, "room");

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        roomd_put_u32(payload, i);
        assert_int_equal(room_send(room, much->session, NOTE, payload, PACKET_BYTES, 0), 0);
    }
    fixture_tick(fixture, room);
    assert_int_equal(fixture_session(fixture, much)->hold, SESSION_PACED);
    stage_broadcast(fixture, room, NOTE, "for both");
    fixture_tick(fixture, room);
    player_expect_text(little, NOTE, "for both");
    for (int i = 0; i < 100; i++) {
        fixture_advance(fixture, 100 * NS_PER_MS);
    }
    expect_numbered(much, 0, 10);
    player_expect_text(much, NOTE, "for both"); /* behind what it was owed before */
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_SLOW], 0);
    fixture_close(fixture);
}

/* Its socket takes something again, and it may not be sent anything: nobody is told so over and over. */
static void who_is_paced_does_not_make_the_reactor_spin(void **state)
{
    struct fixture *fixture = open_paced(1000, 20000);
    struct room *room = open_room(fixture, FIXTURE_TICK_NS);
    struct player *one;
    struct session *session;

    (void)state;
    one = fixture_enter_narrow(fixture, "room", 1);
    session = fixture_session(fixture, one);
    broadcast_numbered(room, 0, 40);
    fixture_tick(fixture, room);
    assert_int_equal(session->hold, SESSION_BLOCKED);
    for (int i = 0; i < 100 && session->hold != SESSION_PACED; i++) {
        player_receive(one, SIZE_MAX);
        fixture_settle(fixture); /* comes to rest */
    }
    assert_int_equal(session->hold, SESSION_PACED);
    assert_int_equal(session->conn.source.events, EPOLLIN);
    for (int i = 0; i < 400; i++) {
        player_receive(one, SIZE_MAX);
        fixture_advance(fixture, 100 * NS_PER_MS);
    }
    expect_numbered(one, 0, 40);
    fixture_close(fixture);
}

/* It is found slow as if its socket took no more: by what it is owed, by how long. */
static void who_is_paced_is_held_to_its_limits(void **state)
{
    (void)state;
    for (int by_age = 0; by_age < 2; by_age++) {
        struct fixture *fixture = open_paced(1000, 4000);
        struct room *room = open_room(fixture, FIXTURE_TICK_NS);
        struct player *one;
        struct session *session;

        room->options.outbox_bytes_max = 10000;
        room->options.outbox_age_max_ns = 3 * NS_PER_S;
        one = fixture_enter(fixture, "room");
        session = fixture_session(fixture, one);
        broadcast_numbered(room, 0, 10);
        fixture_tick(fixture, room);
        assert_int_equal(session->hold, SESSION_PACED); /* it is owed 6,040 */
        assert_int_equal(session->close_reason, ROOMD_CLOSE_NONE);
        if (by_age) {
            fixture_advance(fixture, 3 * NS_PER_S);
            assert_int_equal(session->close_reason, ROOMD_CLOSE_NONE); /* 3,000 of it have gone out */
            fixture_advance(fixture, PACED_CHECK_NS);
        } else {
            assert_int_equal(room_send(room, one->session, NOTE, payload, 3900, 0), 0);
            assert_int_equal(room_send(room, one->session, NOTE, payload, 500, 0), -ENOENT);
        }
        assert_int_equal(session->close_reason, ROOMD_CLOSE_SLOW);
        fixture_close(fixture);
    }
}

/* Much is owed at little a second: for a while its last words are paced like the rest, but it is told. */
static void who_is_kicked_while_it_is_paced_is_told_in_time(void **state)
{
    struct fixture *fixture = open_paced(1000, 4000);
    struct room *room = open_room(fixture, FIXTURE_TICK_NS);
    struct player *one = fixture_enter(fixture, "room");
    uint64_t from_ns, from_bytes;

    (void)state;
    broadcast_numbered(room, 0, 20);
    fixture_tick(fixture, room);
    from_ns = clock_now_ns();
    from_bytes = bytes_out(fixture);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_KICKED, NULL);
    fixture_settle(fixture);
    while (clock_now_ns() - from_ns < 700 * NS_PER_MS) {
        assert_in_range(bytes_out(fixture) - from_bytes, 0, granted(1000, 0, clock_now_ns() - from_ns));
        fixture_advance(fixture, 10 * NS_PER_MS);
    }
    fixture_advance(fixture, 90 * NS_PER_MS); /* 210 ms are left */
    expect_numbered(one, 0, 20);
    player_expect_kick(one, ROOMD_CLOSE_KICKED);
    fixture_close(fixture);
}

/* Without a time to linger one try is all there is, and in a shutdown nobody waits for buckets. */
static void last_words_that_can_not_wait_do_not(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        struct fixture *fixture = open_paced(1000, 4000);
        struct room *room = open_room(fixture, FIXTURE_TICK_NS);
        struct player *one = fixture_enter(fixture, "room");

        broadcast_numbered(room, 0, 20);
        fixture_tick(fixture, room);
        fixture->engine.limits.linger_ns = stops ? NS_PER_S : 0;
        fixture->engine.is_stopping = stops;
        session_close(fixture_session(fixture, one), ROOMD_CLOSE_SHUTDOWN, NULL);
        fixture_settle(fixture);
        expect_numbered(one, 0, 20);
        player_expect_kick(one, ROOMD_CLOSE_SHUTDOWN);
        fixture_close(fixture);
    }
}

static void another_rate_counts_from_now_on(void **state)
{
    struct fixture *fixture = open_paced(1000, 4000);
    struct room *room = open_room(fixture, FIXTURE_TICK_NS);
    struct player *one = fixture_enter(fixture, "room");
    struct engine_limits limits = fixture->engine.limits;
    uint64_t from_bytes;

    (void)state;
    broadcast_numbered(room, 0, 40);
    fixture_tick(fixture, room);
    from_bytes = bytes_out(fixture);
    limits.send = (struct rate){.per_s = 10000, .burst = 2000};
    engine_set_limits(&fixture->engine, &limits);
    for (int i = 0; i < 100; i++) {
        fixture_advance(fixture, 10 * NS_PER_MS);
    }
    assert_in_range(bytes_out(fixture) - from_bytes, 10000 - 1000, 10000);
    limits.send = (struct rate){.per_s = 0};
    engine_set_limits(&fixture->engine, &limits);
    fixture_advance(fixture, PACED_CHECK_NS);
    expect_numbered(one, 0, 40);
    fixture_close(fixture);
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

static uint32_t count_list(const struct list *list)
{
    uint32_t count = 0;

    LIST_FOR_EACH (node, list) {
        count++;
    }
    return count;
}

/* However many are paced, only so many are looked at in one turn, and none is forgotten. */
static void thousands_are_looked_at_by_turns(void **state)
{
    enum { PLAYERS = PACED_PER_TURN + 300 };
    struct fixture *fixture;
    struct room_options options = fixture_room_options();
    struct room *room;

    (void)state;
    if (!has_descriptors_for(PLAYERS)) {
        print_message("not enough descriptors for %d players\n", PLAYERS);
        skip();
    }
    fixture = open_paced(100000, 1000);
    log_set_level(LOG_LEVEL_WARN);
    options.is_autojoin = true;
    room = fixture_room(fixture, "room", &options);
    stage_of(room)->is_mute = true;
    for (int i = 0; i < PLAYERS; i++) {
        fixture_connect(fixture);
    }
    fixture_settle(fixture);
    broadcast_numbered(room, 0, 2);
    fixture_tick(fixture, room);
    assert_int_equal(count_list(&fixture->engine.paced), PLAYERS);
    assert_int_equal(fixture->engine.paced_count, PLAYERS);
    fake_clock_advance(PACED_CHECK_NS);
    fixture_read(fixture);
    fixture_play(fixture);
    assert_int_equal(count_list(&fixture->engine.dirty), PACED_PER_TURN);
    fake_clock_advance(NS_PER_MS);
    fixture_read(fixture);
    fixture_play(fixture);
    assert_int_equal(count_list(&fixture->engine.dirty), PLAYERS);
    fixture_settle(fixture);
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        expect_numbered(player, 0, 1);
    }
    fixture_advance(fixture, PACED_CHECK_NS);
    fixture_advance(fixture, PACED_CHECK_NS);
    fixture_advance(fixture, PACED_CHECK_NS);
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        expect_numbered(player, 1, 1);
    }
    assert_int_equal(fixture->engine.paced_count, 0);
    assert_true(list_is_empty(&fixture->engine.paced));
    fixture_advance(fixture, NS_PER_S);
    assert_true(scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == UINT64_MAX); /* and then rests */
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_out_keeps_to_the_rate),
        cmocka_unit_test(a_small_burst_does_not_slow_a_high_rate),
        cmocka_unit_test(the_smallest_bucket_is_written_from),
        cmocka_unit_test(others_are_not_paced),
        cmocka_unit_test(who_is_paced_does_not_make_the_reactor_spin),
        cmocka_unit_test(who_is_paced_is_held_to_its_limits),
        cmocka_unit_test(who_is_kicked_while_it_is_paced_is_told_in_time),
        cmocka_unit_test(last_words_that_can_not_wait_do_not),
        cmocka_unit_test(another_rate_counts_from_now_on),
        cmocka_unit_test(thousands_are_looked_at_by_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When a room flushes: on an absolute grid of its own, early, at the end of the turn, or not at all. */
#include "support/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE = 100 };

static void say(struct room *room, const char *text)
{
    assert_int_equal(room_broadcast(room, NOTE, text, strlen(text), 0), 0);
}

/* However late each tick is served, the next is due where it always was. */
static void ticks_do_not_drift(void **state)
{
    enum { TICKS = 10000 };
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    unsigned random = 7;
    uint64_t first_ns;

    fixture_enter(fixture, "room");
    say(room, "x");
    first_ns = room->tick.due_ns;
    for (uint64_t i = 0; i < TICKS; i++) {
        assert_true(timer_is_armed(&room->tick));
        assert_int_equal(room->tick.due_ns, first_ns + i * FIXTURE_TICK_NS);
        fake_clock_advance(room->tick.due_ns - clock_now_ns() +
                           (uint64_t)(unsigned)rand_r(&random) % FIXTURE_TICK_NS);
        fixture_turn(fixture);
        player_receive(fixture->players, SIZE_MAX);
        say(room, "x");
    }
    assert_int_equal((room->tick.due_ns - room->grid_ns) % FIXTURE_TICK_NS, 0);
    assert_int_equal(fixture->engine.stats.ticks, TICKS);
    assert_int_equal(fixture->engine.stats.ticks_skipped, 0);
    assert_int_equal(room->ticks, TICKS);
}

/* A late tick is one flush; those that were missed are counted, and never made up for. */
static void check_jump(struct fixture *fixture, struct room *room, uint64_t late_ns)
{
    const struct engine_stats *stats = &fixture->engine.stats;
    struct engine_stats *before = malloc(sizeof(*before));
    uint64_t writes = fixture->engine.net.stats.writevs;
    uint64_t due_ns;

    assert_non_null(before);
    say(room, "late");
    due_ns = room->tick.due_ns;
    *before = *stats;
    fixture_advance(fixture, due_ns - clock_now_ns() + late_ns);
    assert_int_equal(fixture->engine.net.stats.writevs - writes, room->member_count);
    assert_int_equal(stats->ticks - before->ticks, 1);
    assert_int_equal(stats->ticks_skipped - before->ticks_skipped, late_ns / FIXTURE_TICK_NS);
    assert_int_equal(stats->ticks_late - before->ticks_late, late_ns > TICK_LATE_NS);
    assert_int_equal(stats->lateness_ns.count - before->lateness_ns.count, 1);
    assert_int_equal(stats->lateness_ns.sum - before->lateness_ns.sum, late_ns);
    free(before);
    for (struct player *player = fixture->players; player != NULL; player = player->next) {
        player_expect_text(player, NOTE, "late");
        player_expect_nothing(player);
    }
}

static void late_ticks_are_skipped_and_counted(void **state)
{
    static const uint64_t late_ns[] = {0,
                                       1,
                                       TICK_LATE_NS,
                                       TICK_LATE_NS + 1,
                                       FIXTURE_TICK_NS - 1,
                                       FIXTURE_TICK_NS,
                                       3 * NS_PER_S,
                                       3 * NS_PER_S + 1,
                                       3600 * NS_PER_S + 12345};
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);

    fixture_enter(fixture, "room");
    fixture_enter(fixture, "room");
    for (size_t i = 0; i < sizeof(late_ns) / sizeof(late_ns[0]); i++) {
        check_jump(fixture, room, late_ns[i]);
    }
}

/* The same where the content has ticks of its own, which come once each too. */
static void late_ticks_of_a_ticking_content_are_counted_too(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &stage_ticking_content);
    uint64_t due_ns;
    uint64_t ticks;

    fixture_enter(fixture, "room");
    stage_of(room)->is_mute = true;
    check_jump(fixture, room, 0);
    check_jump(fixture, room, TICK_LATE_NS + 1);
    ticks = stage_of(room)->ticks;
    check_jump(fixture, room, 3 * NS_PER_S);
    assert_int_equal(stage_of(room)->ticks, ticks + 1);
    due_ns = room->tick.due_ns;
    assert_int_equal((due_ns - room->grid_ns) % FIXTURE_TICK_NS, 0);
    assert_in_range(due_ns - clock_now_ns(), 1, FIXTURE_TICK_NS);
}

static void say_tick(struct stage *stage)
{
    assert_int_equal(stage->host->broadcast(stage->room, NOTE, "tick", 4, 0), 0);
}

static void a_content_ticks_while_somebody_is_in(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "room", NULL, &stage_ticking_content);
    struct player *one;

    stage_of(room)->on_tick = say_tick;
    fixture_advance(fixture, NS_PER_S);
    stage_expect_notes(stage_of(room), "");
    one = fixture_enter(fixture, "room");
    for (int i = 0; i < 3; i++) {
        fixture_tick(fixture, room);
        player_expect_text(one, NOTE, "tick"); /* what it says is in the same tick's flush */
        player_expect_nothing(one);
    }
    player_leave(one);
    fixture_settle(fixture);
    for (int i = 0; i < 8; i++) {
        fixture_advance(fixture, FIXTURE_TICK_NS);
    }
    stage_expect_notes(stage_of(room), "enter 1; tick; tick; tick; leave 1 asked; ");
    assert_true(scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == UINT64_MAX);
    player_join(one, "room");
    fixture_settle(fixture);
    fixture_tick(fixture, room);
    stage_expect_notes(stage_of(room), "enter 1; tick; ");
}

/* Nobody speaks: no tick, no wake-up. */
static void a_quiet_room_sleeps(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);

    for (int i = 0; i < 10; i++) {
        fixture_enter(fixture, "room");
    }
    fixture_advance(fixture, NS_PER_S);
    assert_true(scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == UINT64_MAX);
    say(room, "x");
    assert_int_equal(scheduler_timeout_ns(&fixture->engine, clock_now_ns()),
                     room->tick.due_ns - clock_now_ns());
    fixture_tick(fixture, room);
    assert_true(scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == UINT64_MAX);
    assert_int_equal(fixture->engine.stats.ticks, 1);
}

/* Rooms of one tick lie apart on it, so that their flushes do not come all at once. */
static void each_room_ticks_at_its_own_offset(void **state)
{
    enum { ROOMS = 50 };
    struct fixture *fixture = *state;
    struct room *rooms[ROOMS];
    uint64_t nearest_ns = UINT64_MAX;

    for (int i = 0; i < ROOMS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "room %d", i);
        rooms[i] = fixture_room(fixture, name, NULL);
        assert_true(rooms[i]->grid_ns < FIXTURE_TICK_NS);
        say(rooms[i], "x");
        for (int j = 0; j < i; j++) {
            uint64_t apart_ns = rooms[i]->grid_ns > rooms[j]->grid_ns ? rooms[i]->grid_ns - rooms[j]->grid_ns
                                                                      : rooms[j]->grid_ns - rooms[i]->grid_ns;

            nearest_ns = apart_ns < nearest_ns ? apart_ns : nearest_ns;
        }
    }
    assert_true(nearest_ns >= FIXTURE_TICK_NS / ROOMS / 4);
    for (uint64_t served = 0; served < ROOMS; served++) {
        assert_int_equal(fixture->engine.stats.ticks, served);
        fixture_advance(fixture, timers_next_ns(&fixture->engine.timers) - clock_now_ns());
    }
    assert_int_equal(fixture->engine.stats.ticks, ROOMS);
}

static void without_a_tick_the_end_of_the_turn_flushes(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;

    options.tick_ns = 0;
    room = fixture_room_of(fixture, "room", &options, &stage_ticking_content);
    one = fixture_enter(fixture, "room");
    for (int i = 0; i < 5; i++) {
        uint64_t writes = fixture->engine.net.stats.writevs;

        player_say(one, NOTE, "a");
        player_say(one, NOTE, "b");
        fixture_turn(fixture);
        player_expect_text(one, NOTE, "a");
        player_expect_text(one, NOTE, "b");
        player_expect_nothing(one);
        assert_int_equal(fixture->engine.net.stats.writevs, writes + 1); /* what one turn brought, at once */
        assert_int_equal(room_send(room, one->session, NOTE, "you", 3, 0), 0);
        fixture_flush(fixture);
        player_expect_text(one, NOTE, "you");
    }
    assert_int_equal(fixture->engine.stats.ticks, 0);
    assert_int_equal(stage_of(room)->ticks, 0);
}

static void much_at_once_does_not_wait_for_the_tick(void **state)
{
    static uint8_t bytes[1000];
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;

    options.early_flush_bytes = 10 * 1024;
    room = fixture_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(room_broadcast(room, NOTE, bytes, sizeof(bytes), 0), 0);
    }
    fixture_settle(fixture);
    player_expect_nothing(one); /* 10,040 bytes: not yet */
    assert_int_equal(room_broadcast(room, NOTE, bytes, sizeof(bytes), 0), 0);
    fixture_settle(fixture);
    for (int i = 0; i < 11; i++) {
        player_expect(one, NOTE, bytes, sizeof(bytes));
    }
    assert_int_equal(fixture->engine.stats.flushes_early, 1);
    assert_int_equal(fixture->engine.stats.ticks, 0);
    say(room, "next");
    fixture_tick(fixture, room); /* the tick comes all the same */
    player_expect_text(one, NOTE, "next");
}

static void urgent_at(struct stage *stage, void *context)
{
    static uint8_t bytes[1000];
    uint32_t urgent = *(uint32_t *)context;

    for (uint32_t i = 0; i < 25; i++) {
        assert_int_equal(stage->host->broadcast(stage->room, NOTE, bytes, sizeof(bytes),
                                                i == urgent ? (unsigned)ROOMD_URGENT : 0),
                         0);
    }
}

static uint32_t count_notes(struct player *player)
{
    struct frame frame;
    uint32_t count = 0;

    while (player_next(player, &frame)) {
        assert_int_equal(frame.id, NOTE);
        count++;
    }
    return count;
}

/*
 * Longer than one round, asked for by what is urgent: rounds follow each other until all is out.
 */
static void bounded_rounds_leave_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    uint32_t urgent[] = {0, 24};
    struct room *room;
    struct player *one;

    options.early_flush_bytes = 10 * 1024; /* and chunks hold 16 packets each */
    room = fixture_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");
    stage_run(fixture, room, urgent_at, &urgent[0]);

    uint32_t count = count_notes(one);

    assert_int_equal(count, 25);

    stage_run(fixture, room, urgent_at, &urgent[1]);
    assert_int_equal(count_notes(one), 25);
    assert_int_equal(room->stream.end, room->stream.mark);
}

static void a_changed_tick_holds_from_now_on(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    say(room, "pending");
    options.tick_ns = 10 * NS_PER_MS;
    room_set_options(room, &options);
    fixture_settle(fixture);
    player_expect_text(one, NOTE, "pending");
    say(room, "short");
    fixture_settle(fixture);
    player_expect_nothing(one);
    fixture_advance(fixture, 10 * NS_PER_MS);
    player_expect_text(one, NOTE, "short");
    options.tick_ns = 0;
    room_set_options(room, &options);
    say(room, "none");
    fixture_turn(fixture);
    player_expect_text(one, NOTE, "none");
    options.tick_ns = FIXTURE_TICK_NS;
    room_set_options(room, &options);
    fixture_settle(fixture);
    say(room, "long");
    fixture_settle(fixture);
    player_expect_nothing(one);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    player_expect_text(one, NOTE, "long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(ticks_do_not_drift),
        FIXTURE_TEST(late_ticks_are_skipped_and_counted),
        FIXTURE_TEST(late_ticks_of_a_ticking_content_are_counted_too),
        FIXTURE_TEST(a_content_ticks_while_somebody_is_in),
        FIXTURE_TEST(a_quiet_room_sleeps),
        FIXTURE_TEST(each_room_ticks_at_its_own_offset),
        FIXTURE_TEST(without_a_tick_the_end_of_the_turn_flushes),
        FIXTURE_TEST(much_at_once_does_not_wait_for_the_tick),
        FIXTURE_TEST(bounded_rounds_leave_nothing_behind),
        FIXTURE_TEST(a_changed_tick_holds_from_now_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

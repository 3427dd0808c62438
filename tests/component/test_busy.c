/* A content that keeps the processor: how late the other rooms are of it, to the nanosecond, and that nothing follows. */
#include "support/component.h"

#include <string.h>

enum { NOTE = 100 };

#define TICK_NS (50 * NS_PER_MS)
#define BUSY_NS (130 * NS_PER_MS)

static uint32_t loops; /* that are still to come */

static void loop_once(struct stage *stage)
{
    (void)stage;
    if (loops > 0) {
        loops--;
        fake_clock_advance(BUSY_NS);
    }
}

static enum roomd_packet_result loop_on_packet(struct stage *stage, uint64_t session, uint16_t id,
                                               const uint8_t *payload, size_t bytes)
{
    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    loop_once(stage);
    return ROOMD_PACKET_OK;
}

/* A busy room and a talking one beside it, whose next ticks lie in this order. */
struct street {
    struct fixture *fixture;
    struct room *mill;
    struct room *talk;
    struct player *miller;
    struct player *talker;
};

static void say(struct street *street)
{
    assert_int_equal(room_broadcast(street->talk, NOTE, "x", 1, 0), 0);
}

static struct street street_open(struct fixture *fixture)
{
    struct room_options options = fixture_room_options();
    struct street street = {.fixture = fixture};

    loops = 0;
    options.tick_ns = TICK_NS;
    street.mill = fixture_room_of(fixture, "mill", &options, &stage_ticking_content);
    street.talk = fixture_room(fixture, "talk", &options);
    stage_of(street.mill)->is_mute = true;
    stage_of(street.mill)->on_tick = loop_once;
    stage_of(street.mill)->on_packet = loop_on_packet;
    street.miller = fixture_enter(fixture, "mill");
    street.talker = fixture_enter(fixture, "talk");
    say(&street);
    if (street.talk->tick.due_ns <= street.mill->tick.due_ns) {
        fixture_tick(fixture, street.talk);
        player_expect_text(street.talker, NOTE, "x");
        say(&street);
    }
    assert_in_range(street.talk->tick.due_ns - street.mill->tick.due_ns, 1, TICK_NS - 1);
    return street;
}

/*
 * From now on a word every 10 ms, and a turn: each flush is one tick's, on the grid, with all that was said since the
 * last.
 */
static void check_calm(struct street *street)
{
    const struct engine_stats *stats = &street->fixture->engine.stats;
    uint64_t skipped = stats->ticks_skipped;
    uint64_t late = stats->ticks_late;

    for (uint64_t i = 0; i < 200; i++) {
        uint64_t ticks = street->talk->ticks;
        uint64_t mill_ticks = street->mill->ticks;
        uint64_t writes = street->fixture->engine.net.stats.writevs;

        say(street);
        fake_clock_advance(TICK_NS / 5);
        fixture_turn(street->fixture);
        assert_true(street->talk->ticks - ticks <= 1 && street->mill->ticks - mill_ticks <= 1);
        assert_int_equal(street->fixture->engine.net.stats.writevs - writes, street->talk->ticks - ticks);
        player_receive(street->talker, SIZE_MAX);
    }
    assert_int_equal(stats->ticks_skipped, skipped);
    assert_in_range(stats->ticks_late - late, 0, 40); /* a turn comes every 10 ms only */
}

/* What the loop of a tick costs: both rooms' next ticks are served at its end, once each. */
static void others_are_late_by_a_busy_tick_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    const struct engine_stats *stats = &fixture->engine.stats;
    struct street street = street_open(fixture);
    uint64_t begin_ns = street.mill->tick.due_ns;
    uint64_t due_ns = street.talk->tick.due_ns;
    uint64_t late_ns = begin_ns + BUSY_NS - due_ns;
    uint64_t late_before_ns = street.talk->lateness_ns.sum;
    uint64_t ticks = stats->ticks;

    loops = 1;
    fake_clock_advance(begin_ns - clock_now_ns());
    fixture_turn(fixture);
    assert_int_equal(clock_now_ns(), begin_ns + BUSY_NS);
    assert_int_equal(stats->ticks - ticks, 1);
    assert_int_equal(stats->callbacks_slow, 1);
    assert_int_equal(fixture_log_count("event=callback_slow room=mill content=ticking callback=tick"), 1);
    player_expect_nothing(street.talker);

    fixture_turn(fixture);
    player_expect_text(street.talker, NOTE, "x");
    player_expect_nothing(street.talker);
    assert_int_equal(street.talk->lateness_ns.sum - late_before_ns, late_ns);
    assert_int_equal(stats->ticks - ticks, 3);
    /* The busy room's own next tick was due a tick behind the one that looped. */
    assert_int_equal(stats->ticks_skipped, late_ns / TICK_NS + (BUSY_NS - TICK_NS) / TICK_NS);
    assert_int_equal(street.mill->tick.due_ns, begin_ns + 3 * TICK_NS);

    fixture_settle(fixture);
    assert_int_equal(stats->ticks - ticks, 3); /* nothing is made up for */
    check_calm(&street);
}

static void others_are_late_by_a_busy_packet_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    const struct engine_stats *stats = &fixture->engine.stats;
    struct street street = street_open(fixture);
    uint64_t begin_ns = clock_now_ns();
    uint64_t late_ns = begin_ns + BUSY_NS - street.talk->tick.due_ns;
    uint64_t late_before_ns = street.talk->lateness_ns.sum;

    loops = 1;
    player_say(street.miller, NOTE, "grind");
    fixture_turn(fixture);
    assert_int_equal(clock_now_ns(), begin_ns + BUSY_NS);
    assert_int_equal(fixture_log_count("event=callback_slow room=mill content=ticking callback=packet"), 1);
    fixture_turn(fixture);
    player_expect_text(street.talker, NOTE, "x");
    assert_int_equal(street.talk->lateness_ns.sum - late_before_ns, late_ns);
    assert_int_equal(stats->callbacks_slow, 1);
    check_calm(&street);
}

/* However many of them wait in the queue: between two of them everybody else has a turn. */
static void a_busy_room_has_one_loop_a_turn(void **state)
{
    enum { LOOPS = 5 };
    struct fixture *fixture = *state;
    struct street street = street_open(fixture);

    loops = LOOPS;
    stage_of(street.mill)->on_tick = NULL;
    for (int i = 0; i < LOOPS; i++) {
        player_say(street.miller, NOTE, "grind");
    }
    for (uint64_t i = 0; i < LOOPS; i++) {
        uint64_t begin_ns = clock_now_ns();
        uint64_t packets = stage_of(street.mill)->packets;

        fixture_turn(fixture);
        assert_int_equal(clock_now_ns() - begin_ns, BUSY_NS);
        assert_int_equal(stage_of(street.mill)->packets, packets + 1);
        if (i > 0) {
            player_expect_text(street.talker, NOTE, "x");
            player_expect_nothing(street.talker);
            say(&street);
        }
    }
    fixture_settle(fixture);
    player_receive(street.talker, SIZE_MAX);
    assert_int_equal(stage_of(street.mill)->packets, LOOPS);
    assert_int_equal(fixture->engine.stats.callbacks_slow, LOOPS);
    stage_of(street.mill)->on_tick = loop_once;
    fixture_advance(fixture, TICK_NS);
    check_calm(&street);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(others_are_late_by_a_busy_tick_and_no_more),
        FIXTURE_TEST(others_are_late_by_a_busy_packet_and_no_more),
        FIXTURE_TEST(a_busy_room_has_one_loop_a_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

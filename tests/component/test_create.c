/*
 * When a room that a client asks for is made: in phase 2, where game code runs. Meanwhile the one who asked waits, and
 * what it sent behind that waits with it.
 */
#include "support/component.h"

#include <errno.h>
#include <string.h>

#include "wire/control.h"

enum { NOTE = 100 };

static const struct fixture *house;
static uint32_t opens;
/* What the next open does, or NULL. */
static int (*on_open)(const struct roomd_host *host, struct roomd_room *room);

static int watched_open(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    int rc = on_open != NULL ? on_open(host, room) : 0;

    opens++;
    assert_true(house->engine.is_playing);
    return rc < 0 ? rc : stage_content.open(host, room, state);
}

static struct roomd_content watched;

/* The templates' rooms say when they are opened. */
static void watch_opens(struct fixture *fixture)
{
    struct room_template template = fixture_template("dungeon");

    house = fixture;
    opens = 0;
    on_open = NULL;
    watched = stage_content;
    watched.open = watched_open;
    template.content = &watched;
    fixture_set_template(fixture, &template);
}

static void no_content_is_opened_while_input_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;

    watch_opens(fixture);
    one = fixture_welcome(fixture);
    player_create(one, "dungeon", "deep");
    fixture_read(fixture);
    fixture_check_places(fixture);
    assert_int_equal(opens, 0);
    assert_null(fixture_find_room(fixture, "deep"));
    assert_int_equal(scheduler_timeout_ns(&fixture->engine, clock_now_ns()), 0);
    fixture_play(fixture);
    fixture_check_places(fixture);
    assert_int_equal(opens, 1);
    assert_false(fixture->engine.is_playing);
    assert_non_null(fixture_find_room(fixture, "deep"));
    fixture_settle(fixture);
    player_expect_joined(one, "deep");
}

/* All of it in one read. */
static void what_is_sent_behind_it_keeps_its_order(void **state)
{
    struct fixture *fixture = *state;
    struct room *town = fixture_room(fixture, "town", NULL);
    struct player *one = fixture_enter(fixture, "town");

    watch_opens(fixture);
    player_say(one, NOTE, "before");
    player_create(one, "dungeon", "deep");
    player_say(one, NOTE, "first");
    player_say(one, NOTE, "second");
    player_create(one, "dungeon", "deeper");
    player_create(one, "no such template", "deepest");
    player_say(one, NOTE, "third");
    player_leave(one);
    fixture_settle(fixture);
    fixture_check_places(fixture);
    stage_expect_notes(stage_of(town), "enter 1; packet 1 100 before; leave 1 moved; ");
    stage_expect_notes(stage_of(fixture_find_room(fixture, "deep")),
                       "enter 1; packet 1 100 first; packet 1 100 second; leave 1 moved; ");
    stage_expect_notes(stage_of(fixture_find_room(fixture, "deeper")),
                       "enter 1; packet 1 100 third; leave 1 asked; ");
    assert_int_equal(opens, 2);
    player_expect_text(one, NOTE, "before");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "deep");
    player_expect_text(one, NOTE, "first");
    player_expect_text(one, NOTE, "second");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "deeper");
    player_expect_error(one, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    player_expect_text(one, NOTE, "third");
    player_expect_left(one, ROOMD_LEAVE_ASKED);
    player_expect_nothing(one);
}

/* They ask in one turn: the first makes it, and all are in it. */
static void who_asks_for_the_same_room_gets_the_same_room(void **state)
{
    struct fixture *fixture = *state;
    struct player *players[5];

    watch_opens(fixture);
    for (int i = 0; i < 5; i++) {
        players[i] = fixture_welcome(fixture);
    }
    for (int i = 0; i < 5; i++) {
        player_create(players[i], "dungeon", "deep");
    }
    fixture_read(fixture);
    fixture_check_places(fixture);
    fixture_settle(fixture);
    assert_int_equal(opens, 1);
    for (int i = 0; i < 5; i++) {
        player_expect_joined(players[i], "deep");
    }
}

static void while_one_takes_long_the_others_get_their_turn(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;
    struct player *two;

    watch_opens(fixture);
    one = fixture_welcome(fixture);
    two = fixture_welcome(fixture);
    player_create(one, "dungeon", "deep");
    player_create(two, "dungeon", "deeper");
    fixture_read(fixture);
    fake_clock_set_step(CREATE_TURN_NS); /* each look at the clock: so long does it take */
    fixture_play(fixture);
    fake_clock_set_step(0);
    fixture_check_places(fixture);
    assert_int_equal(opens, 1);
    assert_int_equal(scheduler_timeout_ns(&fixture->engine, clock_now_ns()), 0);
    fixture_turn(fixture);
    assert_int_equal(opens, 2);
    fixture_settle(fixture);
    player_expect_joined(one, "deep");
    player_expect_joined(two, "deeper");
}

/* Hung up, kicked, or the server's end: nothing is made for who is not there any more, and nothing is left of it. */
static void who_is_closed_while_it_waits_is_forgotten(void **state)
{
    static const enum roomd_close_reason reasons[] = {ROOMD_CLOSE_RESET, ROOMD_CLOSE_KICKED,
                                                      ROOMD_CLOSE_SHUTDOWN};
    struct fixture *fixture = *state;

    watch_opens(fixture);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct player *one = fixture_welcome(fixture);

        player_create(one, "dungeon", "deep");
        fixture_read(fixture);
        session_close(fixture_session(fixture, one), reasons[i], NULL);
        fixture_check_places(fixture);
        fixture_settle(fixture);
        assert_true(list_is_empty(&fixture->engine.creating));
    }
    assert_int_equal(opens, 0);
    assert_int_equal(fixture->engine.lobby.count, 0);
}

/* Its own room's content, which runs first: a tick. It is as if it had asked from where it is now. */
static void move_everyone(struct stage *stage)
{
    uint64_t session;

    if (stage->host->players(stage->room, &session, 1) == 1) {
        assert_int_equal(stage->host->move(stage->room, session, "field", NULL, 0), 0);
    }
}

static void who_is_moved_while_it_waits_asks_from_there(void **state)
{
    struct fixture *fixture = *state;
    struct room *town = fixture_room_of(fixture, "town", NULL, &stage_ticking_content);
    struct room *field = fixture_room(fixture, "field", NULL);
    struct player *one = fixture_enter(fixture, "town");

    watch_opens(fixture);
    stage_of(town)->on_tick = move_everyone;
    player_create(one, "dungeon", "deep");
    player_say(one, NOTE, "behind");
    fake_clock_advance(town->tick.due_ns - clock_now_ns());
    do {
        fixture_read(fixture);
        fixture_check_places(fixture);
        fixture_play(fixture);
        fixture_check_places(fixture);
        fixture_flush(fixture);
        fixture_reap(fixture);
    } while (scheduler_timeout_ns(&fixture->engine, clock_now_ns()) == 0);
    stage_expect_notes(stage_of(field), "enter 1; leave 1 moved; ");
    stage_expect_notes(stage_of(fixture_find_room(fixture, "deep")), "enter 1; packet 1 100 behind; ");
    assert_int_equal(opens, 1);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "field");
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "deep");
}

static int close_the_inn(const struct roomd_host *host, struct roomd_room *room)
{
    assert_int_equal(host->close(room, "inn"), 0);
    return 0;
}

static int close_the_inn_and_fail(const struct roomd_host *host, struct roomd_room *room)
{
    close_the_inn(host, room);
    return -EIO;
}

/* By the very content that is opened for it: a room of a template, which contents may close. */
static void whose_room_closes_meanwhile_gets_where_it_wants(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;

    watch_opens(fixture);
    fixture_make_room(fixture, "dungeon", "inn");
    one = fixture_enter(fixture, "inn");
    on_open = close_the_inn;
    player_create(one, "dungeon", "deep");
    fixture_read(fixture);
    fixture_play(fixture);
    fixture_check_places(fixture);
    fixture_settle(fixture);
    fixture_check_places(fixture);
    assert_int_equal(opens, 2);
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
    player_expect_joined(one, "deep");
    player_expect_nothing(one);

    on_open = NULL;
    fixture_make_room(fixture, "dungeon", "inn");
    player_join(one, "inn");
    fixture_settle(fixture);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "inn");
    on_open = close_the_inn_and_fail;
    player_create(one, "dungeon", "deeper");
    fixture_settle(fixture);
    fixture_check_places(fixture);
    player_expect_error(one, ROOMD_ERROR_REFUSED);
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
    player_expect_nothing(one);
    assert_null(fixture_session(fixture, one)->room);
}

static uint64_t victim;

static int cost_the_connection(const struct roomd_host *host, struct roomd_room *room)
{
    (void)host;
    (void)room;
    session_close(slots_find(&house->engine.sessions, victim), ROOMD_CLOSE_NO_MEMORY, NULL);
    return 0;
}

/* As when a content's open needs memory that there is not, and the one who pins most of it is the one who asked. */
static void who_is_closed_by_what_it_asked_for_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;

    watch_opens(fixture);
    one = fixture_welcome(fixture);
    victim = one->session;
    on_open = cost_the_connection;
    player_create(one, "dungeon", "deep");
    fixture_read(fixture);
    fixture_play(fixture);
    assert_int_equal(fixture_session(fixture, one)->place, SESSION_NOWHERE);
    assert_int_equal(fixture_find_room(fixture, "deep")->seats, 0);
    fixture_settle(fixture);
    fixture_check_places(fixture);
    assert_null(fixture_session(fixture, one));
    assert_int_equal(fixture_find_room(fixture, "deep")->seats,
                     0); /* and it retires when its time has come */
    on_open = NULL;
}

/* What engine_fini finds waiting is freed, and never made. */
static void the_end_of_the_engine_forgets_those_who_wait(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture = fixture_open(&limits);
    struct player *one;

    (void)state;
    watch_opens(fixture);
    one = fixture_welcome(fixture);
    player_create(one, "dungeon", "deep");
    fixture_read(fixture);
    assert_false(list_is_empty(&fixture->engine.creating));
    engine_fini(&fixture->engine);
    assert_int_equal(opens, 0);
    player_receive(one, SIZE_MAX);
    assert_true(one->is_ended);

    /* The rest is as the fixture wants it: an engine that can be closed. */
    assert_int_equal(engine_init(&fixture->engine, &limits, clock_now_ns()), 0);
    fixture_close(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(no_content_is_opened_while_input_is_read),
        FIXTURE_TEST(what_is_sent_behind_it_keeps_its_order),
        FIXTURE_TEST(who_asks_for_the_same_room_gets_the_same_room),
        FIXTURE_TEST(while_one_takes_long_the_others_get_their_turn),
        FIXTURE_TEST(who_is_closed_while_it_waits_is_forgotten),
        FIXTURE_TEST(who_is_moved_while_it_waits_asks_from_there),
        FIXTURE_TEST(whose_room_closes_meanwhile_gets_where_it_wants),
        FIXTURE_TEST(who_is_closed_by_what_it_asked_for_is_gone),
        cmocka_unit_test(the_end_of_the_engine_forgets_those_who_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

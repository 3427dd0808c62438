/* Rooms that close themselves or each other, from whichever callback; and rooms that close as the house does. */
#include "support/component.h"

#include <errno.h>

enum { NOTE = 100, CLOSE_IN_ENTER = 1, CLOSE_IN_LEAVE, CLOSE_IN_PACKET, CLOSE_IN_TICK, CLOSE_IN_JOB };

/* What outlives the room. */
static uint32_t leaves;
static enum roomd_leave_reason last_reason;

static struct room *make_room(struct fixture *fixture, const char *name)
{
    struct room_template template = fixture_template("room");

    template.content = &stage_ticking_content;
    fixture_set_template(fixture, &template);
    leaves = 0;
    return fixture_make_room(fixture, "room", name);
}

static uint32_t close_in;

static void close_here(struct stage *stage, uint32_t where)
{
    if (close_in == where) {
        assert_int_equal(stage->host->close(stage->room, NULL), 0);
    }
}

static void close_in_enter(struct stage *stage, uint64_t session)
{
    (void)session;
    if (stage->enters == 2) {
        close_here(stage, CLOSE_IN_ENTER);
    }
}

static void close_in_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)session;
    leaves++;
    last_reason = reason;
    close_here(stage, CLOSE_IN_LEAVE);
}

static enum roomd_packet_result close_in_packet(struct stage *stage, uint64_t session, uint16_t id,
                                                const uint8_t *payload, size_t bytes)
{
    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    close_here(stage, CLOSE_IN_PACKET);
    return ROOMD_PACKET_OK;
}

static void close_in_tick(struct stage *stage)
{
    close_here(stage, CLOSE_IN_TICK);
}

static void close_in_job(struct stage *stage, void *context)
{
    (void)context;
    close_here(stage, CLOSE_IN_JOB);
}

static void a_room_may_close_itself_from_any_callback(void **state)
{
    struct fixture *fixture = *state;

    for (close_in = CLOSE_IN_ENTER; close_in <= CLOSE_IN_JOB; close_in++) {
        struct room *room = make_room(fixture, "room");
        uint32_t closed = stage_closed_count();
        struct player *one = fixture_enter(fixture, "room");
        struct player *two = fixture_connect(fixture);

        stage_of(room)->on_enter = close_in_enter;
        stage_of(room)->on_leave = close_in_leave;
        stage_of(room)->on_packet = close_in_packet;
        stage_of(room)->on_tick = close_in_tick;
        player_hello(two);
        player_join(two, "room");
        fixture_settle(fixture);
        if (close_in == CLOSE_IN_LEAVE) {
            player_leave(two);
        } else if (close_in == CLOSE_IN_PACKET) {
            player_say(two, NOTE, "close");
        } else if (close_in == CLOSE_IN_TICK) {
            fake_clock_advance(FIXTURE_TICK_NS);
        } else if (close_in == CLOSE_IN_JOB) {
            stage_run_play(fixture, room, close_in_job, NULL);
        }
        fixture_turn_checked(fixture);
        fixture_settle(fixture);
        fixture_expect_room_gone(fixture, closed);
        assert_int_equal(leaves, 2);
        assert_int_equal(last_reason, ROOMD_LEAVE_ROOM_CLOSED);
        player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
        player_expect_welcome(two);
        player_expect_joined(two, "room");
        player_expect_left(two, close_in == CLOSE_IN_LEAVE ? ROOMD_LEAVE_ASKED : ROOMD_LEAVE_ROOM_CLOSED);
        player_expect_nothing(two);
    }
}

static int open_and_close(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    *state = room;
    assert_int_equal(host->close(room, NULL), 0);
    return close_in == 0 ? 0 : -EPERM;
}

static void close_nothing(void *state)
{
    (void)state;
}

static void a_room_may_close_itself_as_it_opens(void **state)
{
    static const struct roomd_content content = {.abi = ROOMD_CONTENT_ABI,
                                                 .size = sizeof(content),
                                                 .name = "shy",
                                                 .open = open_and_close,
                                                 .close = close_nothing};
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("room");
    struct player *one = fixture_connect(fixture);

    template.content = &content;
    fixture_set_template(fixture, &template);
    player_hello(one);
    for (close_in = 0; close_in < 2; close_in++) { /* and opens; and does not */
        player_create(one, "room", "room");
        fixture_read(fixture);
        fixture_check_places(fixture);
        fixture_settle(fixture);
        assert_int_equal(fixture->engine.lobby.count, 0);
        assert_int_equal(fixture->engine.lobby.closing, 0);
    }
    player_expect_welcome(one);
    player_expect_error(one, ROOMD_ERROR_NO_SUCH_ROOM);
    player_expect_error(one, ROOMD_ERROR_REFUSED);
}

static void the_house_closes_what_is_closing(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture = fixture_open(&limits);
    struct room *room = make_room(fixture, "room");
    uint32_t closed = stage_closed_count();

    (void)state;
    fixture_room(fixture, "town", NULL);

    struct player *inside = fixture_enter(fixture, "room");
    struct player *coming = fixture_enter(fixture, "town");

    player_join(coming, "room");
    fixture_read(fixture);
    assert_ptr_equal(fixture_session(fixture, coming)->next_room, room);
    assert_non_null(fixture_session(fixture, inside));
    room_retire(room);
    engine_fini(&fixture->engine); /* its own checks end the process when anything is left */
    assert_int_equal(stage_closed_count(), closed + 2);
    assert_int_equal(engine_init(&fixture->engine, &limits, clock_now_ns()), 0);
    fixture_close(fixture);
}

static void make_another(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)session;
    (void)reason;
    assert_int_equal(stage->host->create(stage->room, "room", "afterwards"), 0);
    assert_int_equal(stage->host->close(stage->room, NULL), 0);
}

/* A content that reacts to the last leave as it always does, in the middle of the house's end. */
static void a_leave_callback_may_make_and_close_rooms_as_the_house_closes(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct fixture *fixture = fixture_open(&limits);
    struct room *room = make_room(fixture, "room");
    uint32_t closed = stage_closed_count();

    (void)state;
    stage_of(room)->on_leave = make_another;
    fixture_enter(fixture, "room");
    engine_fini(&fixture->engine);
    assert_int_equal(stage_closed_count(), closed + 2);
    assert_int_equal(engine_init(&fixture->engine, &limits, clock_now_ns()), 0);
    fixture_close(fixture);
}

static void close_the_other(struct stage *stage, uint64_t session)
{
    (void)session;
    assert_int_equal(stage->host->close(stage->room, "other"), 0);
}

static void a_room_may_close_another(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = make_room(fixture, "room");
    struct player *two;
    uint32_t closed = stage_closed_count();

    fixture_make_room(fixture, "room", "other");
    two = fixture_enter(fixture, "other");
    stage_of(room)->on_enter = close_the_other;
    fixture_enter(fixture, "room");
    fixture_settle(fixture);
    fixture_expect_room_gone(fixture, closed);
    player_expect_left(two, ROOMD_LEAVE_ROOM_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_room_may_close_itself_from_any_callback),
        FIXTURE_TEST(a_room_may_close_itself_as_it_opens),
        cmocka_unit_test(the_house_closes_what_is_closing),
        cmocka_unit_test(a_leave_callback_may_make_and_close_rooms_as_the_house_closes),
        FIXTURE_TEST(a_room_may_close_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A content that says that it can't go on: its room is closed alone, one of the config too. */
#include "support/component.h"

#include <errno.h>
#include <string.h>

#include "room/room_content.h"

enum { NOTE = 100, WHERE_ENTER = 1, WHERE_LEAVE, WHERE_PACKET, WHERE_TICK, WHERE_JOB, WHERE_END };

/* (host->fail) stands in brackets where it is called, for cmocka has a macro of that name. */
static uint32_t fails_in;

static void fail_here(struct stage *stage, uint32_t where)
{
    if (fails_in == where) {
        (stage->host->fail)(stage->room, "a \"bad\" thing");
        (stage->host->fail)(stage->room, "again");
    }
}

static void on_enter(struct stage *stage, uint64_t session)
{
    (void)session;
    if (stage->enters == 2) {
        fail_here(stage, WHERE_ENTER);
    }
}

static void on_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)session;
    (void)reason;
    fail_here(stage, WHERE_LEAVE);
}

static enum roomd_packet_result on_packet(struct stage *stage, uint64_t session, uint16_t id,
                                          const uint8_t *payload, size_t bytes)
{
    (void)session;
    fail_here(stage, WHERE_PACKET);
    if (fails_in != WHERE_PACKET) {
        stage->host->broadcast(stage->room, id, payload, bytes, 0);
    }
    return ROOMD_PACKET_OK;
}

static void on_tick(struct stage *stage)
{
    fail_here(stage, WHERE_TICK);
}

static void on_job(struct stage *stage, void *context)
{
    (void)context;
    fail_here(stage, WHERE_JOB);
}

static struct room *open_room(struct fixture *fixture, const char *name)
{
    struct room *room = fixture_room_of(fixture, name, NULL, &stage_ticking_content);

    stage_of(room)->on_enter = on_enter;
    stage_of(room)->on_leave = on_leave;
    stage_of(room)->on_packet = on_packet;
    stage_of(room)->on_tick = on_tick;
    return room;
}

static void provoke(struct fixture *fixture, struct room *room, struct player *player)
{
    switch (fails_in) {
    case WHERE_LEAVE:
        player_leave(player);
        break;
    case WHERE_PACKET:
        player_say(player, NOTE, "fail");
        break;
    case WHERE_TICK:
        fake_clock_advance(FIXTURE_TICK_NS);
        break;
    case WHERE_JOB:
        stage_run_play(fixture, room, on_job, NULL);
        break;
    default:
        break;
    }
}

static void it_is_closed_from_whichever_callback(void **state)
{
    struct fixture *fixture = *state;
    uint64_t failed = 0;

    for (fails_in = WHERE_ENTER; fails_in < WHERE_END; fails_in++) {
        struct room *room = open_room(fixture, "hall");
        struct player *one = fixture_enter(fixture, "hall");
        struct player *two = fixture_connect(fixture);
        uint32_t closed = stage_closed_count();

        player_hello(two);
        player_join(two, "hall");
        fixture_settle(fixture);
        provoke(fixture, room, two);
        fixture_settle(fixture);
        fixture_check_places(fixture);
        assert_null(fixture_find_room(fixture, "hall"));
        assert_int_equal(stage_closed_count(), closed + 1);
        assert_int_equal(fixture->engine.stats.rooms_failed, ++failed);
        assert_int_equal(fixture_log_count("level=error event=room_failed room=hall "), failed);
        player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
        player_expect_nothing(one);
        player_expect_welcome(two);
        player_expect_joined(two, "hall");
        player_expect_left(two, fails_in == WHERE_LEAVE ? ROOMD_LEAVE_ASKED : ROOMD_LEAVE_ROOM_CLOSED);
        player_expect_nothing(two);
        player_hang_up(one);
        player_hang_up(two);
        fixture_settle(fixture);
    }
    assert_int_equal(fixture_log_count("why=\"a \\\"bad\\\" thing\""), failed);
    assert_int_equal(fixture_log_count("again"), 0);
}

static uint32_t calls_afterwards;

static void count_call(void *state, uint64_t session, const void *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)payload;
    (void)bytes;
    calls_afterwards++;
}

/* With a job and a packet behind it. */
static void fail_with_work_left(struct stage *stage, void *context)
{
    struct session *session = context;
    static const uint8_t late[] = "late";

    assert_int_equal(stage->host->push(stage->room, count_call, session->id, NULL, 0), 0);
    assert_int_equal(room_push_packet(session->room, session, NOTE, late, sizeof(late)), 0);
    (stage->host->fail)(stage->room, "with work left");
}

/* What was said before reaches everyone; what waits behind it does not run. */
static void nothing_but_leave_and_close_follows(void **state)
{
    struct fixture *fixture = *state;
    struct room *room;
    struct player *one;
    struct stage *stage;
    uint64_t dropped;

    fails_in = 0;
    calls_afterwards = 0;
    room = open_room(fixture, "hall");
    one = fixture_enter(fixture, "hall");
    stage = stage_of(room);
    dropped = fixture->engine.stats.packets_dropped;
    stage_broadcast(fixture, room, NOTE, "before");
    stage_run_play(fixture, room, fail_with_work_left, fixture_session(fixture, one));
    assert_true(room->has_failed && room->is_closing);
    assert_int_equal(stage->leaves, 1);
    assert_int_equal(calls_afterwards, 0);
    assert_int_equal(stage->packets, 0);
    assert_int_equal(fixture->engine.stats.packets_dropped, dropped + 1);

    uint64_t ticks = stage->ticks;

    room_content_tick(room);
    assert_int_equal(stage->ticks, ticks);
    fixture_settle(fixture);
    player_expect_text(one, NOTE, "before");
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
}

static void the_other_rooms_play_on(void **state)
{
    struct fixture *fixture = *state;
    struct room *room;
    struct player *other;

    fails_in = WHERE_JOB;
    room = open_room(fixture, "hall");
    fixture_room(fixture, "town", NULL);
    fixture_enter(fixture, "hall");
    other = fixture_enter(fixture, "town");
    stage_run(fixture, room, on_job, NULL);
    player_say(other, NOTE, "still here");
    fixture_settle(fixture);
    fixture_tick(fixture, fixture_find_room(fixture, "town"));
    player_expect_text(other, NOTE, "still here");
}

/* Who came by autojoin and never said hello can be told nothing else. */
static void a_guest_is_kicked(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *guest;

    fails_in = WHERE_JOB;
    options.is_autojoin = true;
    room = fixture_room_of(fixture, "hall", &options, &stage_ticking_content);
    guest = fixture_connect(fixture);
    fixture_settle(fixture);
    stage_run(fixture, room, on_job, NULL);
    player_expect_kick(guest, ROOMD_CLOSE_ROOM_CLOSED);
    assert_null(fixture->engine.lobby.autojoin);
}

static int open_and_fail(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    *state = room;
    (host->fail)(room, NULL);
    return 0;
}

static void close_nothing(void *state)
{
    (void)state;
}

static void it_may_fail_as_it_opens(void **state)
{
    static const struct roomd_content content = {.abi = ROOMD_CONTENT_ABI,
                                                 .size = sizeof(content),
                                                 .name = "sick",
                                                 .open = open_and_fail,
                                                 .close = close_nothing};
    struct fixture *fixture = *state;

    fixture_room_of(fixture, "hall", NULL, &content);
    assert_null(fixture_find_room(fixture, "hall"));
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.lobby.closing, 0);
    assert_int_equal(fixture->engine.stats.rooms_failed, 1);
}

static bool is_hall(void *context, const char *name)
{
    ++*(int *)context;
    return strcmp(name, "hall") == 0;
}

/* Nobody makes a room of a template with the name of one of the config that is closed for now. */
static void its_name_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("any");
    struct player *player = fixture_connect(fixture);
    int asked = 0;

    fixture_set_template(fixture, &template);
    fixture->engine.is_name_kept = is_hall;
    fixture->engine.names_kept = &asked;
    player_hello(player);
    player_create(player, "any", "hall");
    fixture_settle(fixture);
    player_expect_welcome(player);
    player_expect_error(player, ROOMD_ERROR_REFUSED);
    assert_int_equal(asked, 1);
    player_create(player, "any", "other");
    fixture_settle(fixture);
    player_expect_joined(player, "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(it_is_closed_from_whichever_callback),
        FIXTURE_TEST(nothing_but_leave_and_close_follows),
        FIXTURE_TEST(the_other_rooms_play_on),
        FIXTURE_TEST(a_guest_is_kicked),
        FIXTURE_TEST(it_may_fail_as_it_opens),
        FIXTURE_TEST(its_name_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

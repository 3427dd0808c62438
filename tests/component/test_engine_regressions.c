/* What once broke in the engine, each named after what it did. */
#include "support/component.h"

#include <errno.h>

#include "content/host.h"

enum { NOTE = 100, STREAM = 7 };

/* What was handed over by unfollow lay in the outbox, and with the stream went what told the tick of it. */
static void what_a_stream_said_before_it_was_closed_waited_for_somebody_elses_words(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    assert_int_equal(room_stream_open(room, STREAM), 0);
    assert_int_equal(room_stream_follow(room, one->session, STREAM), 0);
    assert_int_equal(room_stream_append(room, STREAM, NOTE, "last", 4, 0), 0);
    assert_int_equal(room_stream_unfollow(room, one->session, STREAM), 0);
    assert_int_equal(room_stream_close(room, STREAM), 0);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "last");
    player_expect_nothing(one);
}

static void move_to_other(struct stage *stage, void *context)
{
    const uint64_t *session = context;

    assert_int_equal(stage->host->broadcast(stage->room, NOTE, "all", 3, 0), 0);
    assert_int_equal(stage->host->move(stage->room, *session, "other", NULL, 0), 0);
}

static void say_goodbye(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    assert_int_equal(stage->host->send(stage->room, session, NOTE, "bye", 3, 0), 0);
}

/* S_LEFT took it along, which is not for those who never said hello. */
static void who_never_said_hello_and_was_moved_waited_for_the_next_rooms_words(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "room");
    struct player *one;

    fixture_room(fixture, "other", NULL);
    one = fixture_connect(fixture);
    fixture_settle(fixture);
    stage_of(room)->on_leave = say_goodbye;
    stage_run(fixture, room, move_to_other, &one->session);
    assert_string_equal(fixture_session(fixture, one)->room->name, "other");
    player_expect_text(one, NOTE, "all");
    player_expect_text(one, NOTE, "bye");
    player_expect_nothing(one);
}

static int make_twin(const struct roomd_host *host, struct roomd_room *room, void **state)
{
    (void)state;
    assert_int_equal(host->create(room, "cave", "twin"), 0);
    return -EIO;
}

/* A content's open may have made a room of a name that the config lists further below. */
static void a_room_whose_name_was_taken_ended_the_process(void **state)
{
    struct roomd_content content = stage_content;
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("cave");
    struct room_options options = fixture_room_options();
    struct room *room = NULL;

    content.open = make_twin;
    fixture_set_template(fixture, &template);
    assert_int_equal(room_open(&fixture->engine, "town", &options, &content, content_host(), &room), -EIO);
    assert_int_equal(room_open(&fixture->engine, "twin", &options, &stage_content, content_host(), &room),
                     -EEXIST);
    assert_null(room);
    assert_int_equal(fixture->engine.lobby.count, 1);
    fixture_check_places(fixture);
}

static void refuse_the_kicked(struct stage *stage, void *context)
{
    const uint64_t *session = context;

    assert_int_equal(stage->host->kick(stage->room, *session, NULL), 0);
    assert_int_equal(stage->host->refuse(stage->room, *session, ROOMD_ERROR_REFUSED, NULL), -ENOENT);
}

static void refusing_one_who_is_being_closed_said_that_it_was_done(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    stage_run(fixture, room, refuse_the_kicked, &one->session);
    player_expect_kick(one, ROOMD_CLOSE_KICKED);
}

static uint32_t told;

static void close_when_told(void *state, const char *text)
{
    struct stage *stage = state;

    assert_string_equal(text, "the end is nigh");
    told++;
    assert_int_equal(stage->host->close(stage->room, NULL), 0);
}

static void the_room_behind_one_that_closed_when_it_was_told_was_told_nothing(void **state)
{
    struct roomd_content content = stage_content;
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("cave");

    content.announce = close_when_told;
    template.content = &content;
    fixture_set_template(fixture, &template);
    fixture_make_room(fixture, "cave", "first");
    fixture_make_room(fixture, "cave", "second");
    fixture_make_room(fixture, "cave", "third");
    told = 0;
    lobby_announce(&fixture->engine.lobby, "the end is nigh");
    assert_int_equal(told, 3);
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.lobby.count, 0);
}

static void busy_for_100_ms(struct stage *stage, void *context)
{
    (void)stage;
    (void)context;
    fake_clock_advance(96 * NS_PER_MS); /* of 100 by a clock that moves in steps of 4 */
}

static void a_callback_of_100_ms_was_not_named_by_a_coarse_clock(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "bog", NULL);

    stage_run(fixture, room, busy_for_100_ms, NULL);
    assert_int_equal(fixture_log_count("event=callback_slow room=bog content=stage callback=job"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_a_stream_said_before_it_was_closed_waited_for_somebody_elses_words),
        FIXTURE_TEST(who_never_said_hello_and_was_moved_waited_for_the_next_rooms_words),
        FIXTURE_TEST(refusing_one_who_is_being_closed_said_that_it_was_done),
        FIXTURE_TEST(a_room_whose_name_was_taken_ended_the_process),
        FIXTURE_TEST(the_room_behind_one_that_closed_when_it_was_told_was_told_nothing),
        FIXTURE_TEST(a_callback_of_100_ms_was_not_named_by_a_coarse_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What content learns and decides in a room: refusals, answers to packets, users, errors, time, settings. */
#include "support/component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "room/room_content.h"

enum { NOTE = 100 };

/* What a job of these tests works on. */
struct call {
    uint64_t session;
    struct player *player;
    int result;
};

static void refuse_it(struct stage *stage, void *context)
{
    struct call *call = context;

    call->result = stage->host->refuse(stage->room, call->session, ROOMD_ERROR_REFUSED, "not here");
}

/* At once, and only to who said hello; the connection lives. */
static void a_request_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "room");
    struct player *one = fixture_enter(fixture, "room");
    struct player *silent = fixture_connect(fixture);
    struct call call;

    fixture_settle(fixture);
    call = (struct call){.session = one->session, .result = 1};
    stage_run(fixture, room, refuse_it, &call);
    assert_int_equal(call.result, 0);
    player_expect_error(one, ROOMD_ERROR_REFUSED);
    player_expect_nothing(one);
    call = (struct call){.session = silent->session, .result = 1};
    stage_run(fixture, room, refuse_it, &call);
    assert_int_equal(call.result, 0);
    player_expect_nothing(silent);
}

static enum roomd_packet_result answer_by_id(struct stage *stage, uint64_t session, uint16_t id,
                                             const uint8_t *payload, size_t bytes)
{
    (void)stage;
    (void)session;
    (void)payload;
    (void)bytes;
    return id < 4 ? (enum roomd_packet_result)id : ROOMD_PACKET_OK;
}

static void what_content_says_of_a_packet_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *unknown = fixture_enter(fixture, "room");
    struct player *malformed = fixture_enter(fixture, "room");
    struct player *failed = fixture_enter(fixture, "room");

    stage_of(room)->on_packet = answer_by_id;
    stage_expect_notes(stage_of(room), "enter 1; enter 2; enter 3; ");
    player_say(unknown, ROOMD_PACKET_UNKNOWN, "u");
    player_say(malformed, ROOMD_PACKET_MALFORMED, "m");
    player_say(failed, ROOMD_PACKET_FAILED, "f");
    fixture_settle(fixture);
    player_expect_error(unknown, ROOMD_ERROR_UNKNOWN_PACKET);
    player_expect_nothing(unknown);
    player_expect_kick(malformed, ROOMD_CLOSE_MALFORMED);
    player_expect_kick(failed, ROOMD_CLOSE_CONTENT_ERROR);
    assert_non_null(strstr(stage_of(room)->notes, "leave 2 disconnected; leave 3 disconnected; "));
    assert_int_equal(room->member_count, 1);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_MALFORMED], 1);
    assert_int_equal(fixture->engine.stats.closes[ROOMD_CLOSE_CONTENT_ERROR], 1);
}

static void users_of_two(struct stage *stage, void *context)
{
    const struct call *call = context;
    static int first;
    static int second;

    assert_null(stage->host->user(stage->room, call[0].session));
    assert_int_equal(stage->host->set_user(stage->room, call[0].session, &first), 0);
    assert_int_equal(stage->host->set_user(stage->room, call[1].session, &second), 0);
    assert_ptr_equal(stage->host->user(stage->room, call[0].session), &first);
    assert_ptr_equal(stage->host->user(stage->room, call[1].session), &second);
    assert_int_equal(stage->host->player_id(stage->room, call[0].session), call[0].player->number);
    assert_int_equal(stage->host->player_id(stage->room, call[1].session), call[1].player->number);
}

static void user_is_still_there(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    assert_non_null(stage->host->user(stage->room, session));
    stage_note(stage, "user; ");
}

static void user_is_none(struct stage *stage, uint64_t session)
{
    assert_null(stage->host->user(stage->room, session));
    assert_true(stage->host->player_id(stage->room, session) != 0);
}

static void a_player_has_a_pointer_of_the_content_while_in(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct call calls[2] = {{.session = one->session, .player = one},
                            {.session = two->session, .player = two}};

    stage_of(room)->on_leave = user_is_still_there;
    stage_of(room)->on_enter = user_is_none;
    stage_run(fixture, room, users_of_two, calls);
    player_leave(one);
    fixture_settle(fixture);
    player_join(one, "room");
    fixture_settle(fixture);
    stage_expect_notes(stage_of(room), "enter 1; enter 2; leave 1 asked; user; enter 1; ");
    stage_of(room)->on_leave = NULL;
}

static void errors_of_ids(struct stage *stage, void *context)
{
    static const uint8_t payload[ROOMD_PAYLOAD_BYTES_MAX + 1];
    const struct roomd_host *host = stage->host;
    struct roomd_room *room = stage->room;
    uint64_t who = ((struct call *)context)->session;

    for (uint32_t id = ROOMD_ENGINE_ID_FIRST; id <= UINT16_MAX; id += 15) {
        assert_int_equal(host->broadcast(room, (uint16_t)id, "", 0, 0), -EINVAL);
        assert_int_equal(host->broadcast_except(room, who, (uint16_t)id, "", 0, 0), -EINVAL);
        assert_int_equal(host->broadcast_keyed(room, 1, (uint16_t)id, "", 0, 0), -EINVAL);
        assert_int_equal(host->send(room, who, (uint16_t)id, "", 0, 0), -EINVAL);
    }
    assert_int_equal(host->broadcast(room, 0, "", 0, 0), -EINVAL);
    assert_int_equal(host->broadcast(room, 1, payload, sizeof(payload), 0), -EMSGSIZE);
    assert_int_equal(host->broadcast(room, 1, payload, SIZE_MAX, 0), -EMSGSIZE);
    assert_int_equal(host->broadcast_except(room, who, 1, payload, sizeof(payload), 0), -EMSGSIZE);
    assert_int_equal(host->broadcast_keyed(room, 1, 1, payload, sizeof(payload), 0), -EMSGSIZE);
    assert_int_equal(host->send(room, who, 1, payload, sizeof(payload), 0), -EMSGSIZE);
    assert_int_equal(host->broadcast(room, ROOMD_ENGINE_ID_FIRST - 1, payload, ROOMD_PAYLOAD_BYTES_MAX, 0),
                     0);
    assert_int_equal(host->send(room, who, 1, payload, ROOMD_PAYLOAD_BYTES_MAX, 0), 0);
    assert_int_equal(host->broadcast_keyed(room, 1, 1, payload, ROOMD_PAYLOAD_BYTES_MAX, 0), 0);
}

static void what_may_not_be_sent_is_refused_and_the_rest_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};
    uint8_t *zeros = calloc(1, ROOMD_PAYLOAD_BYTES_MAX);

    stage_run(fixture, room, errors_of_ids, &call);
    fixture_tick(fixture, room);
    player_expect(one, ROOMD_ENGINE_ID_FIRST - 1, zeros, ROOMD_PAYLOAD_BYTES_MAX);
    fixture_settle(fixture);
    player_expect(one, 1, zeros, ROOMD_PAYLOAD_BYTES_MAX);
    fixture_settle(fixture);
    player_expect(one, 1, zeros, ROOMD_PAYLOAD_BYTES_MAX);
    player_expect_nothing(one);
    free(zeros);
}

static void errors_of_strangers(struct stage *stage, void *context)
{
    const struct roomd_host *host = stage->host;
    struct roomd_room *room = stage->room;
    uint64_t who = ((struct call *)context)->session;

    assert_int_equal(host->send(room, who, NOTE, "x", 1, 0), -ENOENT);
    assert_int_equal(host->broadcast_except(room, who, NOTE, "x", 1, 0), -ENOENT);
    assert_int_equal(host->refuse(room, who, ROOMD_ERROR_REFUSED, NULL), -ENOENT);
    assert_int_equal(host->kick(room, who, NULL), -ENOENT);
    assert_int_equal(host->set_user(room, who, room), -ENOENT);
    assert_null(host->user(room, who));
    assert_int_equal(host->player_id(room, who), 0);
}

static void who_is_not_in_the_room_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *member = fixture_enter(fixture, "room");
    struct call call = {.session = 0};

    fixture_room(fixture, "elsewhere", NULL);
    stage_run(fixture, room, errors_of_strangers, &call);
    call.session = fixture_enter(fixture, "elsewhere")->session;
    stage_run(fixture, room, errors_of_strangers, &call);
    call.session = fixture_connect(fixture)->session;
    stage_run(fixture, room, errors_of_strangers, &call);

    struct player *gone = fixture_enter(fixture, "room");

    call.session = gone->session;
    player_hang_up(gone);
    fixture_settle(fixture);
    stage_run(fixture, room, errors_of_strangers, &call);
    fixture_enter(fixture, "room"); /* takes the slot again */
    stage_run(fixture, room, errors_of_strangers, &call);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    player_expect_nothing(member);
}

static void look_about(struct stage *stage, void *context)
{
    const uint64_t *since_open_ns = context;

    assert_int_equal(stage->host->now_ms(stage->room), *since_open_ns / NS_PER_MS);
    fake_clock_advance(50 * NS_PER_MS);
    /* It stands still within a callback. */
    assert_int_equal(stage->host->now_ms(stage->room), *since_open_ns / NS_PER_MS);
    stage->host->log(stage->room, "a \"word\"\nand a line");
}

static void time_begins_with_the_room_and_stands_still_in_a_callback(void **state)
{
    struct fixture *fixture = *state;
    uint64_t since_open_ns = 0;
    struct room *room = fixture_room(fixture, "room", NULL);

    stage_run(fixture, room, look_about, &since_open_ns);
    since_open_ns = 1234 * NS_PER_MS + 999999;
    fake_clock_set(FIXTURE_START_NS + since_open_ns);
    fixture_settle(fixture);
    stage_run(fixture, room, look_about, &since_open_ns);
    assert_int_equal(
        fixture_log_count("event=content room=room content=stage text=\"a \\\"word\\\"\\x0aand a line\""), 2);
}

static const struct roomd_option options_of_two[] = {
    {.key = "colour", .default_text = "red", .help = "", .kind = ROOMD_OPTION_TEXT},
    {.key = "depth", .default_text = "2.5", .help = "", .kind = ROOMD_OPTION_NUMBER, .least = 1, .most = 9},
    {.key = NULL},
};

static void settings_expect(const struct room *room, const char *colour, const char *depth)
{
    const struct stage *stage = stage_of(room);

    assert_string_equal(stage->host->option(stage->room, "colour"), colour);
    assert_string_equal(stage->host->option(stage->room, "depth"), depth);
    assert_null(stage->host->option(stage->room, "no such key"));
}

/* The room keeps its own copy; a key that the module does not list is none, whatever the file said. */
static void settings_are_the_files_or_the_modules(void **state)
{
    struct fixture *fixture = *state;
    struct roomd_content content = stage_content;
    struct room_options options = fixture_room_options();
    char colour[] = "blue";
    struct room_setting settings[] = {{"no such key", "1"}, {"colour", colour}};
    struct room *room;

    content.options = options_of_two;
    settings_expect(fixture_room_of(fixture, "plain", NULL, &content), "red", "2.5");
    room = fixture_room(fixture, "none", NULL);
    assert_null(stage_of(room)->host->option(stage_of(room)->room, "colour"));
    options.settings = settings;
    options.setting_count = 2;
    room = fixture_room_of(fixture, "room", &options, &content);
    colour[0] = '?';
    settings_expect(room, "blue", "2.5");
    settings[0] = (struct room_setting){"depth", "7"};
    room_set_options(room, &options);
    settings_expect(room, "?lue", "7");
    options.settings = NULL;
    options.setting_count = 0;
    room_set_options(room, &options);
    settings_expect(room, "red", "2.5");
    while (fixture->engine.lobby.count > 0) {
        room_close(fixture->engine.lobby.rooms[0]); /* the table is this function's */
    }
}

/* ---- slow callbacks ---- */

static uint64_t slow_ns;

static enum roomd_packet_result slow_packet(struct stage *stage, uint64_t session, uint16_t id,
                                            const uint8_t *payload, size_t bytes)
{
    (void)stage;
    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    fake_clock_advance(slow_ns);
    return ROOMD_PACKET_OK;
}

static void slow_enter(struct stage *stage, uint64_t session)
{
    (void)stage;
    (void)session;
    fake_clock_advance(slow_ns);
}

static void slow_leave(struct stage *stage, uint64_t session, enum roomd_leave_reason reason)
{
    (void)reason;
    slow_enter(stage, session);
}

static void slow_tick(struct stage *stage)
{
    (void)stage;
    fake_clock_advance(slow_ns);
}

static void slow_job(struct stage *stage, void *context)
{
    (void)context;
    slow_tick(stage);
}

/* One more has been named, with what the gate says of those that it held; then the gate is open again. */
static void slow_expect(struct fixture *fixture, const char *line, uint64_t count)
{
    assert_int_equal(fixture_log_count(line), 1);
    assert_int_equal(fixture->engine.stats.callbacks_slow, count);
    slow_ns = 0;
    fixture_advance(fixture, 2 * NS_PER_S);
    slow_ns = 120 * NS_PER_MS;
}

static void a_slow_callback_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room_of(fixture, "bog", NULL, &stage_ticking_content);
    struct player *one = fixture_enter(fixture, "bog");
    struct stage *stage = stage_of(room);

    stage->on_packet = slow_packet;
    slow_ns = CALLBACK_SLOW_NS;
    player_say(one, NOTE, "x");
    fixture_settle(fixture);
    assert_int_equal(fixture->engine.stats.callbacks_slow, 0);
    slow_ns = 120 * NS_PER_MS;
    player_say(one, NOTE, "x");
    fixture_settle(fixture);
    slow_expect(fixture, "event=callback_slow room=bog content=ticking callback=packet took_ms=120 held=0",
                1);
    stage_run(fixture, room, slow_job, NULL);
    slow_expect(fixture, "room=bog content=ticking callback=job took_ms=120 held=0", 2);
    stage->on_tick = slow_tick;
    fixture_tick(fixture, room);
    slow_expect(fixture, "room=bog content=ticking callback=tick took_ms=120 held=0", 3);
    stage->on_tick = NULL;
    stage->on_enter = slow_enter;
    fixture_enter(fixture, "bog");
    slow_expect(fixture, "room=bog content=ticking callback=enter took_ms=120 held=0", 4);
    stage->on_leave = slow_leave;
    player_leave(one);
    fixture_settle(fixture);
    slow_expect(fixture, "room=bog content=ticking callback=leave took_ms=120 held=0", 5);
    slow_ns = 0; /* those who are left are gone in no time */
}

static void what_repeats_is_counted_by_the_gate(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "bog", NULL);

    slow_ns = 101 * NS_PER_MS;
    for (uint32_t i = 0; i < 12; i++) {
        stage_run(fixture, room, slow_job, NULL);
    }
    assert_int_equal(fixture->engine.stats.callbacks_slow, 12);
    assert_int_equal(fixture_log_count("event=callback_slow"), 2);
    assert_int_equal(fixture_log_count("callback=job took_ms=101 held=9"), 1);
}

/* ---- resync and announce ---- */

static void note_resync(void *state, uint64_t session)
{
    struct stage *stage = state;

    stage_note(stage, "resync %u; ", stage->host->player_id(stage->room, session));
}

static void note_announce(void *state, const char *text)
{
    stage_note(state, "announce %s; ", text);
}

static void what_a_module_lacks_is_not_called(void **state)
{
    struct fixture *fixture = *state;
    struct roomd_content content = stage_content;
    struct room *plain = fixture_room(fixture, "plain", NULL);
    struct room *room;
    struct player *one;

    content.resync = note_resync;
    content.announce = note_announce;
    room = fixture_room_of(fixture, "room", NULL, &content);
    one = fixture_enter(fixture, "room");
    room_content_announce(plain, "nobody listens");
    room_content_tick(plain);
    room_content_announce(room, "all do");
    room_content_resync(room, fixture_session(fixture, one));
    stage_expect_notes(stage_of(plain), "");
    stage_expect_notes(stage_of(room), "enter 1; announce all do; resync 1; ");
    assert_false(fixture->engine.is_playing);
    player_hang_up(one);
    fixture_settle(fixture);
    room_close(room);
}

static void an_open_that_fails_makes_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room = NULL;

    stage_set_open_result(-EPROTO);
    assert_int_equal(
        room_open(&fixture->engine, "room", &options, &stage_content, fixture->engine.host, &room), -EPROTO);
    stage_set_open_result(0);
    assert_null(room);
    assert_false(fixture->engine.is_playing);
    assert_int_equal(fixture->engine.lobby.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_request_is_refused),
        FIXTURE_TEST(what_content_says_of_a_packet_is_done),
        FIXTURE_TEST(a_player_has_a_pointer_of_the_content_while_in),
        FIXTURE_TEST(what_may_not_be_sent_is_refused_and_the_rest_arrives),
        FIXTURE_TEST(who_is_not_in_the_room_is_not_found),
        FIXTURE_TEST(time_begins_with_the_room_and_stands_still_in_a_callback),
        FIXTURE_TEST(settings_are_the_files_or_the_modules),
        FIXTURE_TEST(a_slow_callback_is_named),
        FIXTURE_TEST(what_repeats_is_counted_by_the_gate),
        FIXTURE_TEST(what_a_module_lacks_is_not_called),
        FIXTURE_TEST(an_open_that_fails_makes_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

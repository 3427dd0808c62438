/* What content learns and decides in a room: refusals, answers to packets, users, errors, time. */
#include "support/component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    struct room_options options = fixture_room_options();
    struct room *room;
    struct call call;

    options.is_autojoin = true;
    room = fixture_room(fixture, "room", &options);

    struct player *one = fixture_enter(fixture, "room");
    struct player *silent = fixture_connect(fixture);

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
    const struct fixture *fixture = context;
    uint64_t now_ms = stage->host->now_ms(stage->room);

    assert_int_equal(now_ms, fixture->engine.now_ns / NS_PER_MS);
    fake_clock_advance(NS_PER_S);
    assert_int_equal(stage->host->now_ms(stage->room), now_ms); /* it stands still within a callback */
    assert_null(stage->host->option(stage->room, "no such key"));
    assert_string_equal(stage->host->option(stage->room, "suffix"), "yes");
    stage->host->log(stage->room, "a \"word\"\nand a line");
}

static void time_options_and_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;

    options.has_suffix = true;
    room = fixture_room(fixture, "room", &options);
    stage_run(fixture, room, look_about, fixture);
    assert_int_equal(
        fixture_log_count("event=content room=room content=stage text=\"a \\\"word\\\"\\x0aand a line\""), 1);
    options.has_suffix = false;
    room_set_options(room, &options);
    assert_string_equal(stage_of(room)->host->option(stage_of(room)->room, "suffix"), "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_request_is_refused),
        FIXTURE_TEST(what_content_says_of_a_packet_is_done),
        FIXTURE_TEST(a_player_has_a_pointer_of_the_content_while_in),
        FIXTURE_TEST(what_may_not_be_sent_is_refused_and_the_rest_arrives),
        FIXTURE_TEST(who_is_not_in_the_room_is_not_found),
        FIXTURE_TEST(time_options_and_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

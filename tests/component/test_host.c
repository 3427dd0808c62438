/*
 * The services that send, follow and name: what each returns, documented case by documented case. What a room has of
 * its own: test_host_data.c; other rooms: test_host_rooms.c.
 */
#include "support/component.h"

#include <errno.h>
#include <string.h>

enum { NOTE = 100 };

struct call {
    uint64_t sessions[4];
    uint32_t count;
    uint64_t stranger;
    uint32_t missed[4];
    int result;
};

static uint8_t too_long[ROOMD_PAYLOAD_BYTES_MAX + 1];

/* ---- some of the players ---- */

static void send_to_some(struct stage *stage, void *context)
{
    struct call *call = context;

    call->result = stage->host->send_some(stage->room, call->sessions, call->count, NOTE, "some", 4,
                                          ROOMD_URGENT, call->missed);
}

static void errors_of_send_some(struct stage *stage, void *context)
{
    const struct call *call = context;
    const struct roomd_host *host = stage->host;
    const uint64_t *to = call->sessions;
    uint32_t missed = 77;

    assert_int_equal(host->send_some(stage->room, to, 1, 0, "", 0, 0, &missed), -EINVAL);
    assert_int_equal(host->send_some(stage->room, to, 1, ROOMD_ENGINE_ID_FIRST, "", 0, 0, &missed), -EINVAL);
    assert_int_equal(host->send_some(stage->room, to, 1, NOTE, too_long, sizeof(too_long), 0, &missed),
                     -EMSGSIZE);
    assert_int_equal(host->send_some(stage->room, to, 1, NOTE, too_long, SIZE_MAX, 0, &missed), -EMSGSIZE);
    assert_int_equal(host->send_some(stage->room, to, 0, NOTE, "", 0, 0, &missed), 0);
    assert_int_equal(missed, 77);
    assert_int_equal(host->send_some(stage->room, &call->stranger, 1, NOTE, "", 0, 0, NULL), 0);
    assert_int_equal(host->send_some(stage->room, &call->stranger, 1, NOTE, "", 0, 0, &missed), 0);
    assert_int_equal(missed, 0);
}

static void some_are_reached_and_strangers_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");
    struct player *three = fixture_enter(fixture, "room");
    struct call call = {.count = 3};

    fixture_room(fixture, "elsewhere", NULL);
    call.stranger = fixture_enter(fixture, "elsewhere")->session;
    call.sessions[0] = three->session;
    call.sessions[1] = call.stranger;
    call.sessions[2] = one->session;
    stage_run(fixture, room, send_to_some, &call);
    assert_int_equal(call.result, 2);
    assert_int_equal(call.missed[0], 1);
    player_expect_text(one, NOTE, "some");
    player_expect_text(three, NOTE, "some");
    player_expect_nothing(two);
    stage_run(fixture, room, errors_of_send_some, &call);
    player_expect_nothing(one);
}

/* ---- streams ---- */

static void streams_of_one(struct stage *stage, void *context)
{
    const struct call *call = context;
    const struct roomd_host *host = stage->host;
    struct roomd_room *room = stage->room;
    uint64_t who = call->sessions[0];

    assert_int_equal(host->stream_close(room, 7), -ENOENT);
    assert_int_equal(host->stream_follow(room, who, 7), -ENOENT);
    assert_int_equal(host->stream_unfollow(room, who, 7), -ENOENT);
    assert_int_equal(host->stream_append(room, 7, NOTE, "", 0, 0), -ENOENT);
    assert_int_equal(host->stream_append_keyed(room, 7, 1, NOTE, "", 0, 0), -ENOENT);
    assert_int_equal(host->stream_open(room, 7), 0);
    assert_int_equal(host->stream_open(room, UINT32_MAX), 0);
    assert_int_equal(host->stream_open(room, 7), -EEXIST);
    assert_int_equal(host->stream_open(room, 8), -ENOSPC);
    assert_int_equal(host->stream_unfollow(room, who, 7), -ENOENT);
    assert_int_equal(host->stream_follow(room, call->stranger, 7), -ENOENT);
    assert_int_equal(host->stream_follow(room, who, 7), 0);
    assert_int_equal(host->stream_follow(room, who, 7), -EALREADY);
    assert_int_equal(host->stream_close(room, 7), -EBUSY);
    assert_int_equal(host->stream_append(room, 7, ROOMD_ENGINE_ID_FIRST, "", 0, 0), -EINVAL);
    assert_int_equal(host->stream_append(room, 7, NOTE, too_long, sizeof(too_long), 0), -EMSGSIZE);
    assert_int_equal(host->stream_append_keyed(room, 7, 1, 0, "", 0, 0), -EINVAL);
    assert_int_equal(host->stream_append_keyed(room, 7, 1, NOTE, too_long, sizeof(too_long), 0), -EMSGSIZE);
    assert_int_equal(host->stream_append(room, 7, NOTE, "before", 6, 0), 0);
    host->barrier(room);
    assert_int_equal(host->broadcast(room, NOTE, "behind", 6, 0), 0);
    assert_int_equal(host->stream_append_keyed(room, 7, 1, NOTE, "old", 3, 0), 0);
    assert_int_equal(host->stream_append_keyed(room, 7, 1, NOTE, "new", 3, 0), 0);
    assert_int_equal(host->stream_unfollow(room, who, 7), 0);
    assert_int_equal(host->stream_append(room, 7, NOTE, "never", 5, 0), 0);
    assert_int_equal(host->stream_close(room, 7), 0);
    assert_int_equal(host->stream_append(room, 7, NOTE, "gone", 4, 0), -ENOENT);
    assert_int_equal(host->stream_open(room, 8), 0);
}

static void streams_are_opened_followed_and_closed(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;
    struct call call = {.stranger = 0};

    options.streams_max = 2;
    room = fixture_room(fixture, "room", &options);
    one = fixture_enter(fixture, "room");
    call.sessions[0] = one->session;
    call.stranger = fixture_connect(fixture)->session;
    stage_run(fixture, room, streams_of_one, &call);
    fixture_tick(fixture, room);
    player_expect_text(one, NOTE, "before");
    player_expect_text(one, NOTE, "behind");
    player_expect_text(one, NOTE, "new");
    player_expect_nothing(one);
}

/* ---- who is there ---- */

static void players_in_order(struct stage *stage, void *context)
{
    const struct call *call = context;
    uint64_t sessions[300];

    for (uint32_t max = 0; max <= 260; max += max < 4 ? 1 : 15) {
        uint32_t before = 0;

        memset(sessions, 0, sizeof(sessions));
        assert_int_equal(stage->host->players(stage->room, sessions, max), call->count);
        for (uint32_t i = 0; i < max && i < call->count; i++) {
            uint32_t player = stage->host->player_id(stage->room, sessions[i]);

            assert_true(player > before);
            before = player;
        }
        for (uint32_t i = max < call->count ? max : call->count; i < 300; i++) {
            assert_int_equal(sessions[i], 0);
        }
    }
    assert_int_equal(stage->host->players(stage->room, sessions, 1), call->count);
    assert_int_equal(sessions[0], call->sessions[0]);
}

static void players_are_told_by_their_number(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *players[100];
    struct call call = {.count = 0};

    stage_of(room)->is_mute = true;
    stage_run(fixture, room, players_in_order, &call);
    for (uint32_t i = 0; i < 100; i++) {
        players[i] = fixture_enter(fixture, "room");
    }
    for (uint32_t i = 0; i < 100; i += i % 3 + 1) { /* the gaps are filled from the end */
        player_hang_up(players[i]);
        players[i] = NULL;
        fixture_settle(fixture);
    }
    player_leave(players[2]);
    fixture_settle(fixture);
    player_join(players[2], "room"); /* comes last, with a low number */
    fixture_settle(fixture);
    call.sessions[0] = players[2]->session;
    call.count = room->member_count;
    assert_in_range(call.count, 30, 40);
    stage_run(fixture, room, players_in_order, &call);
}

static void names_of_one(struct stage *stage, void *context)
{
    const struct call *call = context;

    assert_string_equal(stage->host->name(stage->room), "my room");
    assert_string_equal(stage->host->player_name(stage->room, call->sessions[0]), "");
    assert_string_equal(stage->host->player_name(stage->room, 0), "");
}

static void names(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "my room", NULL);
    struct call call = {.sessions = {fixture_enter(fixture, "my room")->session}};

    stage_run(fixture, room, names_of_one, &call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(some_are_reached_and_strangers_passed_over),
        FIXTURE_TEST(streams_are_opened_followed_and_closed),
        FIXTURE_TEST(players_are_told_by_their_number),
        FIXTURE_TEST(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

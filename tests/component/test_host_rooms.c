/* What content does with rooms and with players between them; and modules that do it at the wrong moment. */
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NOTE = 100, TEMPLATE_INSTANCES = 2 };

struct call {
    uint64_t session;
    const char *name;
    const void *parcel;
    size_t bytes;
    int result;
};

static void templates_set(struct fixture *fixture, uint32_t capacity)
{
    struct room_template template = {.name = "cave",
                                     .options = fixture_room_options(),
                                     .content = &stage_content,
                                     .idle_close_ns = 60 * NS_PER_S,
                                     .instances_max = TEMPLATE_INSTANCES};

    template.options.capacity = capacity;
    assert_int_equal(lobby_set_templates(&fixture->engine.lobby, &template, 1), 0);
}

static struct room *room_named(struct fixture *fixture, const char *name)
{
    return lobby_find(&fixture->engine.lobby, name, strlen(name));
}

/* ---- find, create, close, lock ---- */

static void find_rooms(struct stage *stage, void *context)
{
    const struct roomd_host *host = stage->host;
    struct roomd_room_info info;

    (void)context;
    memset(&info, 0xff, sizeof(info));
    assert_int_equal(host->find(stage->room, "nowhere", &info), -ENOENT);
    assert_int_equal(host->find(stage->room, "", &info), -ENOENT);
    assert_int_equal(host->find(stage->room, NULL, &info), -ENOENT);
    assert_int_equal(host->find(stage->room, "other", &info), 0);
    assert_int_equal(info.id, 2);
    assert_int_equal(info.players, 1);
    assert_int_equal(info.capacity, 4096);
    assert_int_equal(info.is_locked, 0);
    assert_string_equal(info.content, "ticking");
    host->lock(stage->room, 7);
    assert_int_equal(host->find(stage->room, "town", &info), 0);
    assert_int_equal(info.id, 1);
    assert_int_equal(info.players, 0);
    assert_int_equal(info.is_locked, 1);
    host->lock(stage->room, 0);
    assert_int_equal(host->find(stage->room, "town", &info), 0);
    assert_int_equal(info.is_locked, 0);
}

static void rooms_are_found_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct room *town = fixture_room(fixture, "town", NULL);

    fixture_room_of(fixture, "other", NULL, &stage_ticking_content);
    fixture_enter(fixture, "other");
    stage_run(fixture, town, find_rooms, NULL);
}

static void create_rooms(struct stage *stage, void *context)
{
    const struct roomd_host *host = stage->host;
    char long_name[ROOMD_NAME_BYTES_MAX + 2];

    (void)context;
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(host->create(stage->room, "cave", ""), -EINVAL);
    assert_int_equal(host->create(stage->room, "cave", NULL), -EINVAL);
    assert_int_equal(host->create(stage->room, "cave", long_name), -EINVAL);
    assert_int_equal(host->create(stage->room, "cave", "a\x01"), -EINVAL);
    assert_int_equal(host->create(stage->room, "cave", "\xff"), -EINVAL);
    assert_int_equal(host->create(stage->room, "hole", "one"), -ENOENT);
    assert_int_equal(host->create(stage->room, NULL, "one"), -ENOENT);
    assert_int_equal(host->create(stage->room, "cave", "town"), -EEXIST);
    stage_set_open_result(-EIO);
    assert_int_equal(host->create(stage->room, "cave", "one"), -EIO);
    stage_set_open_result(0);
    assert_int_equal(host->create(stage->room, "cave", "one"), 0);
    assert_int_equal(host->create(stage->room, "cave", "one"), -EEXIST);
    assert_int_equal(host->create(stage->room, "cave", "two"), 0);
    assert_int_equal(host->create(stage->room, "cave", "three"), -ENOSPC);
    assert_int_equal(host->close(stage->room, "nowhere"), -ENOENT);
    assert_int_equal(host->close(stage->room, "town"), -EPERM);
    assert_int_equal(host->close(stage->room, NULL), -EPERM);
    assert_int_equal(host->close(stage->room, "two"), 0);
    assert_int_equal(host->close(stage->room, "two"), -ENOENT);
    assert_int_equal(host->create(stage->room, "cave", "two"),
                     0); /* its name and its place are free at once */
}

static void rooms_are_made_and_closed(void **state)
{
    struct fixture *fixture = *state;
    struct room *town = fixture_room(fixture, "town", NULL);
    uint32_t closed = stage_closed_count();
    struct player *player;

    templates_set(fixture, 10);
    stage_run(fixture, town, create_rooms, NULL);
    assert_int_equal(stage_closed_count() - closed, 1);
    assert_int_equal(fixture->engine.lobby.count, 3);
    player = fixture_enter(fixture, "two");
    assert_int_equal(
        stage_of(room_named(fixture, "two"))->host->close(stage_of(room_named(fixture, "two"))->room, NULL),
        0);
    fixture_settle(fixture);
    player_expect_left(player, ROOMD_LEAVE_ROOM_CLOSED);
    assert_null(room_named(fixture, "two"));
    assert_int_equal(stage_closed_count() - closed, 2);
}

static void lock_it(struct stage *stage, void *context)
{
    stage->host->lock(stage->room, *(int *)context);
}

static void nobody_joins_a_locked_room(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *late = fixture_connect(fixture);
    int is_locked = 1;

    stage_run(fixture, room, lock_it, &is_locked);
    player_hello(late);
    player_join(late, "room");
    fixture_settle(fixture);
    player_expect_welcome(late);
    player_expect_error(late, ROOMD_ERROR_ROOM_LOCKED);
    is_locked = 0;
    stage_run(fixture, room, lock_it, &is_locked);
    player_join(late, "room");
    fixture_settle(fixture);
    player_expect_joined(late, "room");
}

/* ---- move, leave, parcel ---- */

static void move_it(struct stage *stage, void *context)
{
    struct call *call = context;

    call->result = stage->host->move(stage->room, call->session, call->name, call->parcel, call->bytes);
}

static int move_result(struct fixture *fixture, struct room *from, uint64_t session, const char *to,
                       const void *parcel, size_t bytes)
{
    struct call call = {.session = session, .name = to, .parcel = parcel, .bytes = bytes, .result = 1};

    stage_run(fixture, from, move_it, &call);
    return call.result;
}

static void note_parcel(struct stage *stage, uint64_t session)
{
    size_t bytes = 99;
    const char *parcel = stage->host->parcel(stage->room, session, &bytes);

    assert_true((parcel == NULL) == (bytes == 0));
    stage_note(stage, "[%.*s]; ", (int)bytes, parcel != NULL ? parcel : "");
}

static void a_move_is_refused_and_nothing_happens(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *town = fixture_room(fixture, "town", NULL);
    struct room *locked = fixture_room(fixture, "locked", NULL);
    struct player *one = fixture_enter(fixture, "town");
    struct player *two;
    uint8_t parcel[ROOMD_PARCEL_BYTES_MAX + 1] = {0};

    options.capacity = 1;
    fixture_room(fixture, "full", &options);
    two = fixture_enter(fixture, "full");
    stage_of(locked)->host->lock(stage_of(locked)->room, 1);
    assert_int_equal(move_result(fixture, town, one->session, "nowhere", NULL, 0), -ENOENT);
    assert_int_equal(move_result(fixture, town, one->session, NULL, NULL, 0), -ENOENT);
    assert_int_equal(move_result(fixture, town, two->session, "locked", NULL, 0), -ENOENT);
    assert_int_equal(move_result(fixture, town, 0, "full", NULL, 0), -ENOENT);
    assert_int_equal(move_result(fixture, town, one->session, "town", NULL, 0), -EALREADY);
    assert_int_equal(move_result(fixture, town, one->session, "full", NULL, 0), -ENOSPC);
    assert_int_equal(move_result(fixture, town, one->session, "locked", NULL, 0), -EPERM);
    assert_int_equal(move_result(fixture, town, one->session, "full", parcel, sizeof(parcel)), -EMSGSIZE);
    assert_int_equal(move_result(fixture, town, one->session, "full", parcel, SIZE_MAX), -EMSGSIZE);
    player_expect_nothing(one);
    stage_expect_notes(stage_of(town), "enter 1; ");
    assert_int_equal(town->seats, 1);
    assert_int_equal(locked->seats, 0);
}

static void a_player_moves_with_its_parcel(void **state)
{
    struct fixture *fixture = *state;
    struct room *town = fixture_room(fixture, "town", NULL);
    struct room *field = fixture_room(fixture, "field", NULL);
    struct player *one = fixture_enter(fixture, "town");

    stage_of(town)->on_enter = note_parcel;
    stage_of(field)->on_enter = note_parcel;
    assert_int_equal(move_result(fixture, town, one->session, "field", "hp 7", 4), 0);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "field");
    stage_expect_notes(stage_of(town), "enter 1; leave 1 moved; ");
    stage_expect_notes(stage_of(field), "enter 1; [hp 7]; ");
    note_parcel(stage_of(field), one->session); /* it was good until enter returned */
    stage_expect_notes(stage_of(field), "[]; ");
    assert_int_equal(move_result(fixture, field, one->session, "town", NULL, 200), 0);
    stage_expect_notes(stage_of(town), "enter 1; []; ");
    player_hang_up(one);
}

static void leave_it(struct stage *stage, void *context)
{
    struct call *call = context;
    const struct roomd_host *host = stage->host;

    call->result = host->leave(stage->room, call->session);
    assert_int_equal(host->leave(stage->room, call->session), call->result < 0 ? call->result : -EALREADY);
    assert_int_equal(host->move(stage->room, call->session, "room", NULL, 0),
                     call->result < 0 ? call->result : -EALREADY);
    /* It is there until its turn comes. */
    assert_true((host->player_id(stage->room, call->session) != 0) == (call->result == 0));
}

static void content_makes_a_player_leave(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct call call = {.session = one->session};

    stage_run(fixture, room, leave_it, &call);
    assert_int_equal(call.result, 0);
    player_expect_left(one, ROOMD_LEAVE_ASKED);
    stage_expect_notes(stage_of(room), "enter 1; leave 1 asked; ");
    stage_run(fixture, room, leave_it, &call);
    assert_int_equal(call.result, -ENOENT);
    player_join(one, "room");
    fixture_settle(fixture);
    player_expect_joined(one, "room");
}

/* ---- at the wrong moment ---- */

static enum roomd_packet_result kick_and_go_on(struct stage *stage, uint64_t session, uint16_t id,
                                               const uint8_t *payload, size_t bytes)
{
    const struct roomd_host *host = stage->host;

    (void)id;
    (void)payload;
    (void)bytes;
    assert_int_equal(host->kick(stage->room, session, "out"), 0);
    assert_int_equal(host->kick(stage->room, session, "out again"), 0);
    assert_int_equal(host->move(stage->room, session, "other", NULL, 0), -ENOENT);
    assert_int_equal(host->leave(stage->room, session), -ENOENT);
    assert_int_equal(host->send(stage->room, session, NOTE, "x", 1, 0), -ENOENT);
    assert_int_equal(host->send_some(stage->room, &session, 1, NOTE, "x", 1, 0, NULL), 0);
    assert_int_equal(host->stream_open(stage->room, 1), 0);
    assert_int_equal(host->stream_follow(stage->room, session, 1), -ENOENT);
    assert_int_equal(host->stream_close(stage->room, 1), 0);
    assert_int_equal(host->broadcast(stage->room, NOTE, "gone", 4, 0), 0);
    return ROOMD_PACKET_FAILED;
}

static void a_module_kicks_whom_it_handles(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");
    struct player *two = fixture_enter(fixture, "room");

    fixture_room(fixture, "other", NULL);
    stage_of(room)->on_packet = kick_and_go_on;
    player_say(one, NOTE, "a");
    player_say(one, NOTE, "b");
    fixture_settle(fixture);
    stage_expect_notes(stage_of(room), "enter 1; enter 2; packet 1 100 a; leave 1 disconnected; ");
    fixture_tick(fixture, room);
    player_expect_kick(one, ROOMD_CLOSE_KICKED);
    player_expect_text(two, NOTE, "gone");
    player_expect_nothing(two);
}

static enum roomd_packet_result create_then_kick(struct stage *stage, uint64_t session, uint16_t id,
                                                 const uint8_t *payload, size_t bytes)
{
    (void)id;
    (void)payload;
    (void)bytes;
    assert_int_equal(stage->host->create(stage->room, "cave", "made"), 0);
    assert_int_equal(stage->host->kick(stage->room, session, NULL), 0);
    return ROOMD_PACKET_OK;
}

/* Another room's open ran within the callback: the callback is still at work, and what the kicked one had sent is not. */
static void a_callback_goes_on_behind_a_create(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_room(fixture, "room", NULL);
    struct player *one = fixture_enter(fixture, "room");

    templates_set(fixture, 10);
    stage_of(room)->on_packet = create_then_kick;
    player_say(one, NOTE, "a");
    player_say(one, NOTE, "b");
    fixture_settle(fixture);
    stage_expect_notes(stage_of(room), "enter 1; packet 1 100 a; leave 1 disconnected; ");
    assert_int_equal(fixture->engine.stats.packets_dropped, 1);
    assert_false(fixture->engine.is_playing);
    assert_non_null(room_named(fixture, "made"));
}

static enum roomd_packet_result close_own_room(struct stage *stage, uint64_t session, uint16_t id,
                                               const uint8_t *payload, size_t bytes)
{
    const struct roomd_host *host = stage->host;
    struct roomd_room_info info;

    (void)id;
    (void)payload;
    (void)bytes;
    assert_int_equal(host->close(stage->room, NULL), 0);
    assert_int_equal(host->close(stage->room, NULL), 0);
    assert_int_equal(host->find(stage->room, "cave 1", &info), -ENOENT);
    assert_string_equal(host->name(stage->room), "cave 1");
    assert_int_equal(host->send(stage->room, session, NOTE, "bye", 3, 0), 0);
    assert_int_equal(host->broadcast(stage->room, NOTE, "all", 3, 0), 0);
    assert_int_equal(host->move(stage->room, session, "town", NULL, 0), -EALREADY);
    return ROOMD_PACKET_OK;
}

static void a_module_closes_its_own_room(void **state)
{
    struct fixture *fixture = *state;
    uint32_t closed = stage_closed_count();
    struct room *room;
    struct player *one;
    struct player *two;

    fixture_room(fixture, "town", NULL);
    templates_set(fixture, 10);
    assert_int_equal(lobby_create(&fixture->engine, "cave", "cave 1", &room), 0);
    one = fixture_enter(fixture, "cave 1");
    two = fixture_enter(fixture, "cave 1");
    stage_of(room)->on_packet = close_own_room;
    player_say(one, NOTE, "a");
    fixture_settle(fixture);
    assert_int_equal(stage_closed_count() - closed, 1);
    player_expect_text(one, NOTE, "bye");
    player_expect_text(one, NOTE, "all");
    player_expect_left(one, ROOMD_LEAVE_ROOM_CLOSED);
    player_expect_text(two, NOTE, "all");
    player_expect_left(two, ROOMD_LEAVE_ROOM_CLOSED);
    player_join(one, "town");
    fixture_settle(fixture);
    player_expect_joined(one, "town");
}

static enum roomd_packet_result move_within_a_broadcast(struct stage *stage, uint64_t session, uint16_t id,
                                                        const uint8_t *payload, size_t bytes)
{
    const struct roomd_host *host = stage->host;
    uint64_t all[4];
    uint32_t count = host->players(stage->room, all, 4);

    (void)session;
    (void)id;
    (void)payload;
    (void)bytes;
    assert_int_equal(host->broadcast(stage->room, NOTE, "1", 1, 0), 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(host->move(stage->room, all[i], "field", all, sizeof(all)), i < 2 ? 0 : -ENOSPC);
        assert_int_equal(host->broadcast(stage->room, NOTE, "2", 1, 0), 0);
    }
    return ROOMD_PACKET_OK;
}

/* Who is moved reads all that was said until its turn to leave, and nothing of it in the other room. */
static void a_module_moves_players_in_the_middle_of_a_broadcast(void **state)
{
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *town = fixture_room(fixture, "town", NULL);
    struct room *field;
    struct player *players[3];

    options.capacity = 2;
    field = fixture_room(fixture, "field", &options);
    for (uint32_t i = 0; i < 3; i++) {
        players[i] = fixture_enter(fixture, "town");
    }
    stage_of(town)->on_packet = move_within_a_broadcast;
    player_say(players[2], NOTE, "go");
    fixture_settle(fixture);
    for (uint32_t i = 0; i < 3; i++) {
        if (i == 2) {
            fixture_tick(fixture, town);
        }
        player_expect_text(players[i], NOTE, "1");
        for (uint32_t said = 0; said < 3; said++) {
            player_expect_text(players[i], NOTE, "2");
        }
        if (i < 2) {
            player_expect_left(players[i], ROOMD_LEAVE_MOVED);
            player_expect_joined(players[i], "field");
        }
        player_expect_nothing(players[i]);
    }
    assert_int_equal(town->member_count, 1);
    assert_int_equal(field->member_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(rooms_are_found_by_name),
        FIXTURE_TEST(rooms_are_made_and_closed),
        FIXTURE_TEST(nobody_joins_a_locked_room),
        FIXTURE_TEST(a_move_is_refused_and_nothing_happens),
        FIXTURE_TEST(a_player_moves_with_its_parcel),
        FIXTURE_TEST(content_makes_a_player_leave),
        FIXTURE_TEST(a_module_kicks_whom_it_handles),
        FIXTURE_TEST(a_callback_goes_on_behind_a_create),
        FIXTURE_TEST(a_module_closes_its_own_room),
        FIXTURE_TEST(a_module_moves_players_in_the_middle_of_a_broadcast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

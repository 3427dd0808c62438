/* Rooms that clients make: C_CREATE, its limits and refusals, how long an empty room stays; and the list of rooms. */
#include "support/component.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support/fake_clock.h"

enum { NOTE = 100 };

static void expect_error(struct fixture *fixture, struct player *player, enum roomd_error code)
{
    fixture_settle(fixture);
    fixture_check_places(fixture);
    player_expect_error(player, code);
    player_expect_nothing(player);
}

static void who_makes_a_room_is_in_it(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct player *one = fixture_welcome(fixture);
    struct player *two = fixture_welcome(fixture);

    fixture_set_template(fixture, &template);
    player_create(one, "dungeon", "party of one");
    fixture_settle(fixture);
    fixture_check_places(fixture);
    player_expect_joined(one, "party of one");

    struct room *room = fixture_find_room(fixture, "party of one");

    assert_non_null(room);
    assert_ptr_equal(fixture_session(fixture, one)->room, room);
    assert_int_equal(fixture->engine.stats.rooms_created, 1);

    /* It is there: who asks to make it joins it, whatever template he names. */
    player_create(two, "no such template", "party of one");
    fixture_settle(fixture);
    player_expect_joined(two, "party of one");
    assert_int_equal(room->member_count, 2);
    assert_int_equal(fixture->engine.stats.rooms_created, 1);
    player_create(two, "dungeon", "party of one");
    expect_error(fixture, two, ROOMD_ERROR_ALREADY_THERE);
}

static void who_makes_a_room_from_another_leaves_that(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct room *town = fixture_room(fixture, "town", NULL);
    struct player *one = fixture_enter(fixture, "town");

    fixture_set_template(fixture, &template);
    player_create(one, "dungeon", "deep");
    fixture_settle(fixture);
    fixture_check_places(fixture);
    player_expect_left(one, ROOMD_LEAVE_MOVED);
    player_expect_joined(one, "deep");
    assert_int_equal(town->seats, 0);
}

static void a_room_made_has_what_its_template_says(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct room_setting settings[] = {{.key = "map", .value = "cave"}};
    struct room *room;

    template.options.capacity = 3;
    template.options.settings = settings;
    template.options.setting_count = 1;
    fixture_set_template(fixture, &template);
    room = fixture_make_room(fixture, "dungeon", "deep");
    assert_int_equal(room->options.capacity, 3);
    assert_int_equal(room->options.setting_count, 1);
    assert_ptr_not_equal(room->options.settings, settings); /* a copy: the config may go */
    assert_string_equal(room->options.settings[0].key, "map");
    assert_string_equal(room->options.settings[0].value, "cave");
    assert_ptr_equal(stage_of(room)->host, fixture->engine.host);
}

static void a_refused_request_for_a_room_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct room *town = fixture_room(fixture, "town", NULL);
    struct player *one = fixture_enter(fixture, "town");
    char name[32];

    player_create(one, "dungeon", "deep");
    expect_error(fixture, one, ROOMD_ERROR_NO_SUCH_TEMPLATE);
    fixture_set_template(fixture, &template);
    player_create(one, "dungeo", "deep");
    expect_error(fixture, one, ROOMD_ERROR_NO_SUCH_TEMPLATE);

    stage_set_open_result(-ENOENT); /* its map is not there: that is not the client's affair */
    player_create(one, "dungeon", "deep");
    expect_error(fixture, one, ROOMD_ERROR_REFUSED);
    player_create(one, "dungeon", "deeper");
    expect_error(fixture, one, ROOMD_ERROR_REFUSED);
    assert_int_equal(fixture_log_count("event=room_create_failed"), 1); /* the second is held back */
    stage_set_open_result(-ENOMEM);
    player_create(one, "dungeon", "deep");
    expect_error(fixture, one, ROOMD_ERROR_NO_MEMORY);
    stage_set_open_result(0);
    assert_int_equal(fixture->engine.lobby.templates[0].instances, 0);
    assert_int_equal(fixture->engine.lobby.count, 1);

    for (int i = 0; i < FIXTURE_INSTANCES; i++) {
        snprintf(name, sizeof(name), "deep %d", i);
        fixture_make_room(fixture, "dungeon", name);
    }
    player_create(one, "dungeon", "deep");
    expect_error(fixture, one, ROOMD_ERROR_TOO_MANY_ROOMS);
    assert_int_equal(fixture->engine.stats.rooms_created, FIXTURE_INSTANCES);
    assert_int_equal(fixture->engine.lobby.count, 1 + FIXTURE_INSTANCES);

    /* All the while it was in its room, and it still plays. */
    assert_ptr_equal(fixture_session(fixture, one)->room, town);
    assert_int_equal(stage_of(town)->leaves, 0);
    player_say(one, NOTE, "still here");
    fixture_settle(fixture);
    fixture_tick(fixture, town);
    player_expect_text(one, NOTE, "still here");
}

static void what_may_be_made_is_bounded_by_the_house_too(void **state)
{
    struct engine_limits limits = fixture_limits();
    struct room_template template = fixture_template("dungeon");
    struct fixture *fixture;
    struct player *one;
    struct room *room = NULL;

    (void)state;
    limits.rooms_max = 2;
    fixture = fixture_open(&limits);
    fixture_set_template(fixture, &template);
    fixture_room(fixture, "town", NULL);
    one = fixture_enter(fixture, "town");
    assert_int_equal(lobby_create(&fixture->engine, "dungeon", "town", &room), -EEXIST);
    assert_int_equal(lobby_create(&fixture->engine, "dungeon", "", &room), -EINVAL);
    assert_int_equal(lobby_create(&fixture->engine, "dungeon", "a\nb", &room), -EINVAL);
    assert_int_equal(lobby_create(&fixture->engine, "dungeon", "a\xff", &room), -EINVAL);
    assert_int_equal(lobby_create(&fixture->engine, "no", "deep", &room), -ENOENT);
    room = fixture_make_room(fixture, "dungeon", "deep");
    player_create(one, "dungeon", "deeper");
    expect_error(fixture, one, ROOMD_ERROR_TOO_MANY_ROOMS);

    /* A retired room takes its place until it is gone: however fast they come and go, there are never more. */
    room_retire(room);
    assert_int_equal(lobby_create(&fixture->engine, "dungeon", "deeper", &room), -ENOSPC);
    fixture_settle(fixture);
    fixture_make_room(fixture, "dungeon", "deeper");
    fixture_close(fixture);
}

static void a_name_of_the_longest_kind_can_be_made(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct player *one = fixture_welcome(fixture);
    char name[ROOMD_NAME_BYTES_MAX + 1];

    memset(name, '"', ROOMD_NAME_BYTES_MAX); /* in the log each of them takes two */
    name[ROOMD_NAME_BYTES_MAX] = '\0';
    fixture_set_template(fixture, &template);
    player_create(one, "dungeon", name);
    fixture_settle(fixture);
    player_expect_joined(one, name);

    const struct room *room = fixture_find_room(fixture, name);

    assert_int_equal(strlen(room->log_name), 2 * ROOMD_NAME_BYTES_MAX + 2);
}

static void an_empty_room_stays_as_long_as_its_template_says(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    uint32_t closed = stage_closed_count();

    fixture_set_template(fixture, &template);
    fixture_make_room(fixture, "dungeon", "deep");
    fixture_advance(fixture, FIXTURE_IDLE_NS - 1);
    assert_non_null(fixture_find_room(fixture, "deep"));
    fixture_advance(fixture, 1);
    assert_null(fixture_find_room(fixture, "deep"));
    assert_int_equal(stage_closed_count(), closed + 1);
    assert_int_equal(fixture->engine.stats.rooms_retired, 1);
    assert_int_equal(fixture->engine.lobby.templates[0].instances, 0);
    fixture_check_places(fixture);
}

static void an_empty_room_that_is_joined_begins_to_wait_anew(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct player *one = fixture_welcome(fixture);

    fixture_set_template(fixture, &template);
    fixture_make_room(fixture, "dungeon", "deep");
    fixture_advance(fixture, FIXTURE_IDLE_NS - 1);
    player_join(one, "deep");
    fixture_read(fixture); /* a seat is enough */
    fixture_check_places(fixture);
    fake_clock_advance(1);
    fixture_settle(fixture);
    player_expect_joined(one, "deep");
    fixture_advance(fixture, 5 * FIXTURE_IDLE_NS);
    fixture_check_places(fixture);
    player_leave(one);
    fixture_settle(fixture);
    player_expect_left(one, ROOMD_LEAVE_ASKED);
    fixture_advance(fixture, FIXTURE_IDLE_NS - 1);
    assert_non_null(fixture_find_room(fixture, "deep"));
    fixture_check_places(fixture);
    fixture_advance(fixture, 1);
    assert_null(fixture_find_room(fixture, "deep"));
}

/* Nobody got in: on the way there its client hung up. */
static void a_room_that_nobody_reached_retires(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct player *one;

    fixture_set_template(fixture, &template);
    fixture_room(fixture, "town", NULL);
    one = fixture_enter(fixture, "town");
    player_create(one, "dungeon", "deep");
    fixture_read(fixture);
    fixture_play(fixture);
    fixture_check_places(fixture);
    assert_int_equal(fixture_find_room(fixture, "deep")->seats, 1);
    assert_int_equal(fixture_session(fixture, one)->place, SESSION_ENTERING);
    session_close(fixture_session(fixture, one), ROOMD_CLOSE_SHUTDOWN, NULL);
    fixture_check_places(fixture);
    fixture_settle(fixture);
    assert_int_equal(fixture_find_room(fixture, "deep")->seats, 0);
    fixture_advance(fixture, FIXTURE_IDLE_NS);
    assert_null(fixture_find_room(fixture, "deep"));
}

static void a_room_of_the_config_stays_however_empty(void **state)
{
    struct fixture *fixture = *state;
    struct player *one;

    fixture_room(fixture, "town", NULL);
    one = fixture_enter(fixture, "town");
    player_leave(one);
    fixture_advance(fixture, 1000 * FIXTURE_IDLE_NS);
    assert_non_null(fixture_find_room(fixture, "town"));
}

static void templates_may_come_and_go_under_their_rooms(void **state)
{
    struct fixture *fixture = *state;
    struct room_template both[] = {fixture_template("dungeon"), fixture_template("field")};
    struct lobby *lobby = &fixture->engine.lobby;
    struct room *deep;
    struct room *other = NULL;

    assert_int_equal(lobby_set_templates(lobby, both, 2), 0);
    deep = fixture_make_room(fixture, "dungeon", "deep");
    fixture_make_room(fixture, "field", "green");
    both[1].instances_max = 1;
    fixture_set_template(fixture, &both[1]); /* the dungeons' is gone */
    fixture_check_places(fixture);
    assert_null(lobby_find_template(lobby, "dungeon", 7));
    assert_int_equal(lobby_create(&fixture->engine, "dungeon", "deeper", &other), -ENOENT);
    assert_int_equal(lobby_create(&fixture->engine, "field", "greener", &other),
                     -ENOSPC); /* it still counts */
    assert_non_null(deep->template);

    assert_int_equal(lobby_set_templates(lobby, both, 2), 0); /* and is there again */
    fixture_check_places(fixture);
    assert_int_equal(lobby_find_template(lobby, "dungeon", 7)->instances, 1);
    assert_int_equal(lobby_set_templates(lobby, NULL, 0), 0);
    fixture_check_places(fixture);
    fixture_advance(fixture, FIXTURE_IDLE_NS); /* those without a template know how long they may stay, too */
    assert_int_equal(lobby->count, 0);
    assert_int_equal(lobby_set_templates(lobby, both, 2), 0);
    assert_int_equal(lobby->gone_count, 0);
    assert_int_equal(lobby->templates[0].instances, 0);
    fixture_check_places(fixture);
}

static void lock_the_room(struct stage *stage, void *context)
{
    stage->host->lock(stage->room, *(int *)context);
}

static void a_locked_room_takes_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct room_template template = fixture_template("dungeon");
    struct player *one = fixture_welcome(fixture);
    struct room *room;
    int is_locked = 1;

    fixture_set_template(fixture, &template);
    room = fixture_make_room(fixture, "dungeon", "deep");
    player_join(one, "deep");
    fixture_read(fixture); /* on its way: it arrives */
    stage_run(fixture, room, lock_the_room, &is_locked);
    player_expect_joined(one, "deep");

    struct player *two = fixture_welcome(fixture);

    player_join(two, "deep");
    expect_error(fixture, two, ROOMD_ERROR_ROOM_LOCKED);
    player_create(two, "dungeon", "deep");
    expect_error(fixture, two, ROOMD_ERROR_ROOM_LOCKED);
    is_locked = 0;
    stage_run(fixture, room, lock_the_room, &is_locked);
    player_join(two, "deep");
    fixture_settle(fixture);
    player_expect_joined(two, "deep");
}

static void a_locked_autojoin_room_turns_newcomers_away(void **state)
{
    struct fixture *fixture = *state;
    struct room *room = fixture_autojoin_room(fixture, "town");

    room->is_locked = true;

    struct player *one = fixture_connect(fixture);

    fixture_settle(fixture);
    fixture_check_places(fixture);
    player_expect_kick(one, ROOMD_CLOSE_FULL);
    assert_int_equal(room->seats, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(who_makes_a_room_is_in_it),
        FIXTURE_TEST(who_makes_a_room_from_another_leaves_that),
        FIXTURE_TEST(a_room_made_has_what_its_template_says),
        FIXTURE_TEST(a_refused_request_for_a_room_changes_nothing),
        cmocka_unit_test(what_may_be_made_is_bounded_by_the_house_too),
        FIXTURE_TEST(a_name_of_the_longest_kind_can_be_made),
        FIXTURE_TEST(an_empty_room_stays_as_long_as_its_template_says),
        FIXTURE_TEST(an_empty_room_that_is_joined_begins_to_wait_anew),
        FIXTURE_TEST(a_room_that_nobody_reached_retires),
        FIXTURE_TEST(a_room_of_the_config_stays_however_empty),
        FIXTURE_TEST(templates_may_come_and_go_under_their_rooms),
        FIXTURE_TEST(a_locked_room_takes_nobody),
        FIXTURE_TEST(a_locked_autojoin_room_turns_newcomers_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

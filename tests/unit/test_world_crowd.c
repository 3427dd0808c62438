/* One in a crowd who can't be told something: it alone loses sight, and is told anew; its neighbours notice nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "content/bundled.h"
#include "support/view_model.h"

enum { TICK_MS = 100, CROWD = 50, OWED = 17 };

struct crowd {
    struct fake_room *room;
    struct world *world;
    struct view_model views[CROWD];
    struct view_model stranger;
};

static void send_move(struct fake_room *room, uint64_t session, float x, float z)
{
    uint8_t payload[12] = {0};

    roomd_put_f32(payload, x);
    roomd_put_f32(payload + 8, z);
    assert_int_equal(fake_send(room, session, ROOMD_C_MOVE, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

/* A tick, and what everyone makes of it. Who has lost sight hears of nobody until it is told anew. */
static void crowd_tick(struct crowd *crowd)
{
    fake_tick(crowd->room, TICK_MS);
    for (uint32_t i = 0; i < CROWD; i++) {
        view_read(&crowd->views[i], crowd->room);
        view_check(&crowd->views[i], crowd->world);
    }
    view_read(&crowd->stranger, crowd->room);
    view_check(&crowd->stranger, crowd->world);
    view_check_world(crowd->world, crowd->room);
}

/* All of the crowd in the cells around (50, 10), the stranger at (-50, 10): with a view of 20 out of their sight. */
static struct crowd *crowd_open(const char *view)
{
    const char *options[] = {"view", view, "extent", "100", NULL};
    struct crowd *crowd = malloc(sizeof(*crowd));

    assert_non_null(crowd);
    crowd->room = fake_room_open(&roomd_content_field, options);
    crowd->world = fake_state(crowd->room);
    for (uint32_t i = 0; i < CROWD; i++) {
        view_begin(&crowd->views[i], crowd->room, fake_enter(crowd->room));
        send_move(crowd->room, crowd->views[i].session, 45 + (float)(i % 10), 5 + (float)(i / 10));
    }
    view_begin(&crowd->stranger, crowd->room, fake_enter(crowd->room));
    send_move(crowd->room, crowd->stranger.session, -50, 10);
    crowd_tick(crowd);
    crowd_tick(crowd);
    assert_int_equal(crowd->views[OWED].resets, 0);
    return crowd;
}

static void crowd_close(struct crowd *crowd)
{
    fake_room_close(crowd->room);
    free(crowd);
}

static void crowd_set_owed(struct crowd *crowd, bool is_owed_all)
{
    fake_set_owed(crowd->room, crowd->views[OWED].session, is_owed_all);
}

static void expect_resets_of_owed_alone(const struct crowd *crowd, uint32_t resets)
{
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(crowd->views[i].resets, i == OWED ? resets : 0);
    }
    assert_int_equal(crowd->stranger.resets, 0);
}

/* The crowd is crossed: by one who comes into its sight, and goes. */
static void a_stranger_in_sight_costs_nobody_else_a_snapshot(void **state)
{
    struct crowd *crowd = crowd_open("20");
    struct view_model *owed = &crowd->views[OWED];
    const struct player *player = world_find_player(crowd->world, owed->id);

    (void)state;
    crowd_set_owed(crowd, true);
    send_move(crowd->room, crowd->stranger.session, 30, 10);
    crowd_tick(crowd);
    assert_true(player->needs_snapshot);
    expect_resets_of_owed_alone(crowd, 0);
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(view_find(&crowd->views[i], crowd->stranger.id) != NULL, i != OWED);
    }
    send_move(crowd->room, crowd->stranger.session, -50, 10); /* gone again: it need not hear of that */
    crowd_tick(crowd);
    send_move(crowd->room, crowd->stranger.session, 30, 12);
    crowd_tick(crowd);
    crowd_set_owed(crowd, false);
    crowd_tick(crowd);
    assert_false(player->needs_snapshot);
    assert_non_null(view_find(owed, crowd->stranger.id));
    expect_resets_of_owed_alone(crowd, 1);
    send_move(crowd->room, crowd->stranger.session, -50, 10);
    crowd_tick(crowd);
    assert_null(view_find(owed, crowd->stranger.id));
    expect_resets_of_owed_alone(crowd, 1);
    crowd_close(crowd);
}

/* The crowd crosses: each of the others in turn walks out of the owed one's sight. */
static void neighbours_out_of_sight_cost_nobody_else_a_snapshot(void **state)
{
    struct crowd *crowd = crowd_open("20");
    struct view_model *owed = &crowd->views[OWED];

    (void)state;
    crowd_set_owed(crowd, true);
    for (uint32_t i = 0; i < CROWD; i += 2) {
        assert_int_not_equal(i, OWED);
        send_move(crowd->room, crowd->views[i].session, -10, 10);
        crowd_tick(crowd);
    }
    crowd_set_owed(crowd, false);
    crowd_tick(crowd);
    expect_resets_of_owed_alone(crowd, 1);
    assert_int_equal(owed->count, CROWD / 2);
    crowd_close(crowd);
}

/* It crosses itself: it can't be told whom it sees now. */
static void who_goes_out_of_sight_itself_is_told_once(void **state)
{
    struct crowd *crowd = crowd_open("20");
    struct view_model *owed = &crowd->views[OWED];

    (void)state;
    crowd_set_owed(crowd, true);
    send_move(crowd->room, owed->session, -50, 10);
    crowd_tick(crowd);
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(view_find(&crowd->views[i], owed->id) != NULL, i == OWED);
    }
    crowd_set_owed(crowd, false);
    crowd_tick(crowd);
    assert_int_equal(owed->count, 2);
    assert_non_null(view_find(owed, crowd->stranger.id));
    expect_resets_of_owed_alone(crowd, 1);
    crowd_close(crowd);
}

/* Three are owed all: each place is told apart. */
static void all_who_were_missed_lose_sight(void **state)
{
    static const uint32_t owed[] = {0, 23, CROWD - 1};
    struct crowd *crowd = crowd_open("20");

    (void)state;
    for (size_t i = 0; i < sizeof(owed) / sizeof(owed[0]); i++) {
        fake_set_owed(crowd->room, crowd->views[owed[i]].session, true);
    }
    send_move(crowd->room, crowd->stranger.session, 30, 10);
    crowd_tick(crowd);
    for (uint32_t i = 0; i < CROWD; i++) {
        bool is_owed = i == owed[0] || i == owed[1] || i == owed[2];

        assert_int_equal(world_find_player(crowd->world, crowd->views[i].id)->needs_snapshot, is_owed);
        fake_set_owed(crowd->room, crowd->views[i].session, false);
    }
    crowd_tick(crowd);
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(crowd->views[i].resets, i == owed[0] || i == owed[1] || i == owed[2]);
    }
    crowd_close(crowd);
}

/* Without a view as with one: nothing is heard of anybody between what was missed and S_ViewReset. */
static void without_a_view_who_lost_sight_hears_nothing_either(void **state)
{
    struct crowd *crowd = crowd_open("0");
    struct view_model *owed = &crowd->views[OWED];
    struct fake_packet packet;

    (void)state;
    assert_int_equal(fake_streams(crowd->room), 1);
    assert_int_equal(fake_follows(crowd->room), CROWD + 1);
    crowd_set_owed(crowd, true);
    fake_skip(crowd->room, owed->session); /* what it has missed can't be told anew yet */
    uint64_t late = fake_enter(crowd->room);

    send_move(crowd->room, late, 1, 1);
    send_move(crowd->room, crowd->stranger.session, 2, 2);
    fake_tick(crowd->room, TICK_MS);
    assert_false(fake_next(crowd->room, owed->session, &packet));
    assert_int_equal(fake_follows(crowd->room), CROWD + 1); /* the late one, and not the owed one */
    crowd_set_owed(crowd, false);
    fake_tick(crowd->room, TICK_MS);
    assert_true(fake_next(crowd->room, owed->session, &packet));
    assert_int_equal(packet.id, ROOMD_S_VIEW_RESET);
    owed->count = 0;
    owed->is_listed = false;
    crowd_tick(crowd);
    assert_non_null(view_find(owed, fake_player_id(crowd->room, late)));
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(crowd->views[i].resets, 0); /* its own was taken above */
    }
    crowd_close(crowd);
}

/* What is for everyone in the room does not go by the cell: it reaches who has lost sight, too. */
static void shouts_and_announcements_reach_who_has_lost_sight(void **state)
{
    static const uint8_t shout[] = {ROOMD_SHOUT, 0, 0, 0, 0, 3, 0, 'h', 'e', 'y'};
    struct crowd *crowd = crowd_open("0");
    struct view_model *owed = &crowd->views[OWED];
    struct fake_packet packet;

    (void)state;
    crowd_set_owed(crowd, true);
    fake_skip(crowd->room, owed->session);
    assert_int_equal(fake_send(crowd->room, crowd->stranger.session, ROOMD_C_SAY, shout, sizeof(shout)),
                     ROOMD_PACKET_OK);
    world_announce(crowd->world, "soon");
    fake_tick(crowd->room, TICK_MS);
    for (int i = 0; i < 2; i++) {
        assert_true(fake_next(crowd->room, owed->session, &packet));
        assert_int_equal(packet.id, ROOMD_S_SAID);
    }
    assert_false(fake_next(crowd->room, owed->session, &packet));
    crowd_close(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_in_sight_costs_nobody_else_a_snapshot),
        cmocka_unit_test(neighbours_out_of_sight_cost_nobody_else_a_snapshot),
        cmocka_unit_test(who_goes_out_of_sight_itself_is_told_once),
        cmocka_unit_test(all_who_were_missed_lose_sight),
        cmocka_unit_test(without_a_view_who_lost_sight_hears_nothing_either),
        cmocka_unit_test(shouts_and_announcements_reach_who_has_lost_sight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What dummy-client's views can't find alone: somebody near of whom nobody speaks. And how long a move was away. */
#include "unit/dummy_stage.h"

#include "dummy-client/play.h"

#include <stdio.h>

enum { PAIR = 2, FIRST_ID = 20 };

static struct play_client clients[PAIR];
static struct play play;
static uint32_t observers[PAIR] = {0, 1};

/* Client `i` at (x, 0) in `room`, where one sees `view_m` far; it has been told of the other one or not. */
static void put_client(uint32_t i, const char *room, float view_m, float x, bool knows_other)
{
    struct stage stage = {.now_ms = 1000};
    struct play_client *player = &clients[i];
    const uint32_t both[] = {FIRST_ID + 1 - i, FIRST_ID + i};

    view_init(&stage.view, &play.counts.views);
    view_set_tick(&stage.view, TICK_MS);
    tell_here(&stage, 6);
    tell_list(&stage, knows_other ? both : both + 1, knows_other ? 2 : 1, FIRST_ID + i);
    *player = (struct play_client){.view = stage.view, .placed = 1};
    player->view.here.view_m = view_m;
    player->view.at.x = x;
    snprintf(player->room, sizeof(player->room), "%s", room);
}

static void set_up(float view_m, float way_m, bool is_known)
{
    play = (struct play){
        .clients = clients, .client_count = PAIR, .observers = observers, .observer_count = PAIR};
    put_client(0, "meadow", view_m, 0, is_known);
    put_client(1, "meadow", view_m, way_m, true);
}

static uint64_t sample_once(void)
{
    uint64_t before = play.counts.views.wrong[VIEW_NEAR_BUT_UNKNOWN];

    play_sight_sample(&play);
    for (uint32_t i = 0; i < PAIR; i++) {
        clients[i].view.epoch++; /* the pong of the second that follows */
    }
    return play.counts.views.wrong[VIEW_NEAR_BUT_UNKNOWN] - before;
}

static void take_down(void)
{
    assert_int_equal(play_wrong_total(&play.counts), play.counts.views.wrong[VIEW_NEAR_BUT_UNKNOWN]);
    for (uint32_t i = 0; i < PAIR; i++) {
        view_fini(&clients[i].view);
    }
}

static void who_is_near_is_known(void **state)
{
    (void)state;
    set_up(40, 10, false);
    assert_int_equal(sample_once(), 0); /* it may have come just now */
    assert_int_equal(sample_once(), 1);
    assert_int_equal(sample_once(), 1);
    take_down();
    set_up(40, 10, true);
    assert_int_equal(sample_once() + sample_once(), 0);
    take_down();
}

static void who_is_far_may_be_unknown(void **state)
{
    (void)state;
    set_up(40, 30, false); /* the cells may lie so that this is out of view */
    assert_int_equal(sample_once() + sample_once(), 0);
    clients[1].view.at.x = 10; /* has just come near */
    assert_int_equal(sample_once(), 0);
    assert_int_equal(sample_once(), 1);
    clients[1].view.at.z = 30;
    assert_int_equal(sample_once(), 0);
    take_down();
    set_up(5, 1, false); /* one is through such a view before the news is there */
    assert_int_equal(sample_once() + sample_once(), 0);
    take_down();
    set_up(0, 3000, false); /* all see all */
    assert_int_equal(sample_once(), 0);
    assert_int_equal(sample_once(), 1);
    take_down();
}

static void who_is_late_or_was_moved_is_not_judged(void **state)
{
    (void)state;
    set_up(40, 10, false);
    sample_once();
    clients[0].view.epoch--; /* its pong has not come */
    assert_int_equal(sample_once(), 0);
    clients[1].view.epoch--;
    assert_int_equal(sample_once(), 0);
    assert_int_equal(sample_once(), 1);
    clients[1].placed++;
    assert_int_equal(sample_once(), 0);
    assert_int_equal(sample_once(), 1);
    snprintf(clients[1].room, sizeof(clients[1].room), "crypt");
    assert_int_equal(sample_once(), 0);
    snprintf(clients[1].room, sizeof(clients[1].room), "meadow");
    view_forget(&clients[1].view); /* on its way to another room */
    assert_int_equal(sample_once() + sample_once(), 0);
    take_down();
}

static void a_move_that_comes_back_tells_how_long_it_was_away(void **state)
{
    struct own_moves own = {.next = 0};
    uint64_t sent_ns;

    (void)state;
    assert_false(own_take_back(&own, 0, 0, &sent_ns)); /* an empty slot is no move to (0, 0) */
    own_note_sent(&own, 1, 0, 100);
    own_note_sent(&own, 2, 0, 200);
    own_note_sent(&own, 3, 0, 300);
    assert_true(own_take_back(&own, 2, 0, &sent_ns));
    assert_int_equal(sent_ns, 200);
    assert_false(own_take_back(&own, 1, 0, &sent_ns)); /* 2 was the newer one of them */
    assert_false(own_take_back(&own, 2, 0, &sent_ns));
    assert_false(own_take_back(&own, 3, 1, &sent_ns));
    assert_true(own_take_back(&own, 3, 0, &sent_ns));
    assert_int_equal(sent_ns, 300);
    own_note_sent(&own, 4, 4, 400); /* it stands: one of the two came back, and nobody knows which */
    own_note_sent(&own, 4, 4, 500);
    own_note_sent(&own, 5, 5, 600);
    assert_false(own_take_back(&own, 4, 4, &sent_ns));
    assert_false(own_take_back(&own, 4, 4, &sent_ns));
    assert_true(own_take_back(&own, 5, 5, &sent_ns));
    assert_int_equal(sent_ns, 600);
    for (uint64_t i = 1; i <= OWN_MOVES + 1; i++) {
        own_note_sent(&own, (float)i, 0, i);
    }
    assert_false(own_take_back(&own, 1, 0, &sent_ns)); /* too long ago */
    assert_true(own_take_back(&own, 2, 0, &sent_ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_near_is_known),
        cmocka_unit_test(who_is_far_may_be_unknown),
        cmocka_unit_test(who_is_late_or_was_moved_is_not_judged),
        cmocka_unit_test(a_move_that_comes_back_tells_how_long_it_was_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

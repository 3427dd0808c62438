/* Where players may go, and how fast; and that moves are told in rooms with a tick and without. */
#include "yard.h"

static void what_can_not_be_is_put_back(void **state)
{
    struct fake_room *room = yard_open();
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);

    (void)state;
    expect_put_back(room, a, b, NAN, 0, 5);
    expect_put_back(room, a, b, 5, 0, INFINITY);
    expect_put_back(room, a, b, 5, NAN, 5);
    expect_put_back(room, a, b, 5, 1001, 1); /* into the wall: y itself is set to 0 on a map */
    expect_put_back(room, a, b, -1e30f, 0, 5);
    expect_put_back(room, a, b, 7, 0, 7);  /* into a wall */
    expect_put_back(room, a, b, 15, 0, 5); /* 10 m at once */
    move_to(room, a, 5, 0, 7.5f);
    expect_at(room, a, 5, 7.5f);
    fake_room_close(room);
}

static void walls_and_water_stop(void **state)
{
    struct fake_room *room = yard_open();
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);

    (void)state;
    player_of(room, a)->entity.at = (struct point){9, 0, 5};
    expect_put_back(room, a, b, 9, 0, 9); /* a wall lies between */
    player_of(room, a)->entity.at = (struct point){11, 0, 9};
    expect_put_back(room, a, b, 13, 0, 9); /* water */
    expect_put_back(room, a, b, 15, 0, 9); /* across it */
    fake_room_close(room);
}

static void open_ground_is_bounded_where_nothing_is_set(void **state)
{
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);

    (void)state;
    move_to(room, a, 2048, 0, -2048); /* no limit of speed */
    expect_at(room, a, 2048, -2048);
    expect_put_back(room, a, b, 2048.5f, 0, 0);
    expect_put_back(room, a, b, 0, 0, -2049);
    expect_put_back(room, a, b, 0, 1000.5f, 0);
    expect_put_back(room, a, b, NAN, 0, 0);
    move_to(room, a, 1, -1000, 1);
    assert_true(player_of(room, a)->entity.at.y == -1000);
    fake_room_close(room);
}

/* One who stalled for a second, and whose packets come in a bunch, has walked no faster than it may. */
static void a_bunch_of_honest_moves_passes(void **state)
{
    struct fake_room *room = open_with("speed", "6");
    uint64_t session = fake_enter(room);
    float x = 0;

    (void)state;
    for (int bunch = 0; bunch < 20; bunch++) {
        fake_tick(room, 1250);
        for (int i = 0; i < 5; i++) {
            x += 6 * 0.25f;
            move_to(room, session, x, 0, 0);
            expect_at(room, session, x, 0);
        }
    }
    assert_int_equal(fake_count(room, session, ROOMD_S_CORRECT), 0);
    fake_room_close(room);
}

/* However the way is cut up, in the long run nobody is faster than the room allows, but for the tolerance. */
static void nobody_is_faster_than_the_room(void **state)
{
    struct fake_room *room = open_with("speed", "6");
    uint64_t session = fake_enter(room);
    const uint32_t ticks = 400;

    (void)state;
    for (uint32_t tick = 0; tick < ticks; tick++) {
        for (int i = 0; i < 8; i++) {
            float at = player_of(room, session)->entity.at.x;

            move_to(room, session, at + 0.4f, 0, 0); /* 12.8 m/s at 4 ticks a second */
        }
        fake_tick(room, 250);
    }
    float way = player_of(room, session)->entity.at.x;

    assert_true(way <= 6 * (1.5f + (float)ticks / 4) * 1.05f + 1);
    assert_true(way >= 6 * (float)ticks / 4);
    fake_room_close(room);
}

static void the_allowance_does_not_pile_up(void **state)
{
    struct fake_room *room = open_with("speed", "6");
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);

    (void)state;
    fake_tick(room, 60000);
    expect_put_back(room, a, b, 9.6f, 0, 0);
    move_to(room, a, 9.4f, 0, 0);
    expect_at(room, a, 9.4f, 0);
    fake_room_close(room);
}

/* ---- a room without ticks ---- */

static void without_ticks_moves_are_told_all_the_same(void **state)
{
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);
    uint64_t a = fake_enter(room);
    uint64_t b = fake_enter(room);

    (void)state;
    fake_set_no_tick(room);
    fake_advance(room, 1000);
    move_to(room, a, 1, 0, 1);
    move_to(room, a, 2, 0, 2);
    fake_advance(room, 100);
    fake_flush(room);
    assert_int_equal(fake_count(room, b, ROOMD_S_BROADCAST_MOVE), 1);
    fake_leave(room, a, ROOMD_LEAVE_ASKED);
    fake_leave(room, b, ROOMD_LEAVE_ASKED);
    fake_advance(room, 1000);
    assert_int_equal(fake_jobs(room), 0); /* nobody there: it rests */
    fake_room_close(room);
}

static void with_ticks_nothing_else_tells_moves(void **state)
{
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);
    uint64_t a = fake_enter(room);

    (void)state;
    fake_tick(room, TICK_MS);
    fake_drop(room, 0);
    move_to(room, a, 1, 0, 1);
    fake_advance(room, 5000);
    assert_int_equal(fake_jobs(room), 0);
    fake_flush(room);
    assert_int_equal(fake_count(room, a, ROOMD_S_BROADCAST_MOVE), 0);
    fake_tick(room, TICK_MS);
    assert_int_equal(fake_count(room, a, ROOMD_S_BROADCAST_MOVE), 1);
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        YARD_TEST(what_can_not_be_is_put_back),
        YARD_TEST(walls_and_water_stop),
        YARD_TEST(open_ground_is_bounded_where_nothing_is_set),
        YARD_TEST(a_bunch_of_honest_moves_passes),
        YARD_TEST(nobody_is_faster_than_the_room),
        YARD_TEST(the_allowance_does_not_pile_up),
        YARD_TEST(without_ticks_moves_are_told_all_the_same),
        YARD_TEST(with_ticks_nothing_else_tells_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

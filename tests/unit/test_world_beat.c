/* A room whose tick is 0 gets no tick callback: the world beats by itself, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "content/bundled.h"
#include "roomd/world.h"
#include "support/fake_host.h"

static void move(struct fake_room *room, uint64_t session, float x)
{
    uint8_t payload[12] = {0};

    roomd_put_f32(payload, x);
    assert_int_equal(fake_send(room, session, ROOMD_C_MOVE, payload, sizeof(payload)), ROOMD_PACKET_OK);
}

static struct fake_room *open_tickless(uint64_t *session)
{
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);

    fake_set_no_tick(room);
    *session = fake_enter(room);
    fake_flush(room);
    fake_drop(room, *session);
    return room;
}

static uint32_t moves_told(struct fake_room *room, uint64_t session)
{
    uint32_t count;

    fake_flush(room);
    count = fake_count(room, session, ROOMD_S_BROADCAST_MOVE);
    fake_drop(room, session);
    return count;
}

static void test_moves_are_told_every_fifty_ms_where_no_tick_comes(void **state)
{
    uint64_t session;
    struct fake_room *room = open_tickless(&session);

    (void)state;
    for (int i = 1; i <= 10; i++) {
        move(room, session, (float)i);
        fake_advance(room, 49);
        assert_int_equal(moves_told(room, session), 0);
        fake_advance(room, 1);
        assert_int_equal(moves_told(room, session), 1);
    }
    fake_room_close(room);
}

static void test_a_restored_world_without_ticks_goes_on_beating_in_time(void **state)
{
    uint64_t session;
    struct fake_room *room = open_tickless(&session);

    (void)state;
    move(room, session, 1);
    fake_advance(room, 20);
    fake_save_and_restore(room);
    fake_advance(room, 29);
    assert_int_equal(moves_told(room, session), 0);
    fake_advance(room, 1);
    assert_int_equal(moves_told(room, session), 1);
    fake_room_close(room);
}

static void test_the_beat_rests_when_the_last_one_has_left(void **state)
{
    uint64_t session;
    struct fake_room *room = open_tickless(&session);

    (void)state;
    fake_leave(room, session, ROOMD_LEAVE_ASKED);
    fake_advance(room, 100);
    assert_int_equal(fake_jobs(room), 0);
    session = fake_enter(room);
    assert_int_equal(fake_jobs(room), 1);
    fake_room_close(room);
}

static void test_a_room_with_a_tick_has_no_beat(void **state)
{
    struct fake_room *room = fake_room_open(&roomd_content_field, NULL);

    (void)state;
    fake_enter(room);
    assert_int_equal(fake_jobs(room), 0);
    fake_room_close(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves_are_told_every_fifty_ms_where_no_tick_comes),
        cmocka_unit_test(test_a_restored_world_without_ticks_goes_on_beating_in_time),
        cmocka_unit_test(test_the_beat_rests_when_the_last_one_has_left),
        cmocka_unit_test(test_a_room_with_a_tick_has_no_beat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rounds of flushing beside each other, and of a room with too much in it. Who gets what: test_room_barrier.c. */
#include "support/component.h"

enum { NOTE = 100 };

/* One room's round does not keep the others': each gets its piece in every turn. */
static void a_big_room_does_not_delay_a_small_one(void **state)
{
    struct fixture *fixture = *state;
    struct room *big = fixture_room(fixture, "big", NULL);
    struct room *small = fixture_room(fixture, "small", NULL);
    struct player *one;

    for (int i = 0; i < 300; i++) {
        fixture_enter(fixture, "big");
    }
    one = fixture_enter(fixture, "small");
    assert_int_equal(room_broadcast(big, NOTE, "x", 1, ROOMD_URGENT), 0);
    assert_int_equal(room_broadcast(small, NOTE, "y", 1, ROOMD_URGENT), 0);
    fake_clock_set_step(100 * NS_PER_US);
    fixture_turn(fixture);
    assert_true(big->has_round);
    player_expect_text(one, NOTE, "y");
    fake_clock_set_step(0);
}

/* Senders of a room with too much unflushed wait; all of it comes, in order, once. */
static void a_congested_room_runs_no_more_jobs_until_it_is_flushed(void **state)
{
    enum { PACKETS = 150, PACKET_BYTES = 1000 };
    static uint8_t bytes[PACKET_BYTES];
    struct fixture *fixture = *state;
    struct room_options options = fixture_room_options();
    struct room *room;
    struct player *one;
    uint64_t unflushed_max = 0;

    options.early_flush_bytes = 16 * 1024;
    options.outbox_bytes_max = 64 * 1024;
    room = fixture_room(fixture, "room", &options);
    stage_of(room)->is_mute = true;
    one = fixture_enter(fixture, "room");
    for (uint32_t i = 0; i < PACKETS; i++) {
        roomd_put_u32(bytes, i);
        player_send(one, NOTE, bytes, sizeof(bytes));
        fixture_read(fixture); /* all of it is in the queue before the first job runs */
    }
    assert_int_equal(job_queue_count(&room->jobs), PACKETS);
    for (int turn = 0; turn < 1000 && stage_of(room)->packets < PACKETS; turn++) {
        fixture_play(fixture);

        uint64_t unflushed = room->stream.end - room->stream.mark;

        unflushed_max = unflushed > unflushed_max ? unflushed : unflushed_max;
        fixture_flush(fixture);
        player_receive(one, SIZE_MAX);
        fixture_read(fixture);
    }
    fixture_settle(fixture);
    fixture_advance(fixture, FIXTURE_TICK_NS);
    assert_in_range(unflushed_max, 64 * 1024, 64 * 1024 + 2 * PACKET_BYTES);
    for (uint32_t i = 0; i < PACKETS; i++) {
        roomd_put_u32(bytes, i);
        player_expect(one, NOTE, bytes, sizeof(bytes));
        fixture_settle(fixture);
    }
    player_expect_nothing(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_big_room_does_not_delay_a_small_one),
        FIXTURE_TEST(a_congested_room_runs_no_more_jobs_until_it_is_flushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

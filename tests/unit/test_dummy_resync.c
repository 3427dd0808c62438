/*
 * Clients of dummy-client that did not read in time: what the server says it left out for them is not lost, and exactly
 * that may be missing, exactly there.
 */
#include "dummy_slack.h"

enum { CLIENTS = 6, ROOMS = 2 };

/* Readers of every speed; with some seeds all of them are slow, so that nobody gets what is left out. */
static void what_is_left_out_is_not_lost_in_random_pieces(void **state)
{
    struct world world;
    struct slack slack;
    uint32_t resyncs = 0;
    uint32_t on_tape = 0;
    uint32_t off_tape = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        open_world(&world, &slack, CLIENTS, ROOMS, seed);
        uint32_t slow = seed % 3 == 0 ? CLIENTS : 3;
        for (uint32_t step = 0; step < 400; step++) {
            uint32_t client = world_draw(&world, CLIENTS);
            uint32_t what = world_draw(&world, 12);

            world.now_us++;
            if (what < 5) {
                say(&world, &slack, client);
            } else if (what == 5) {
                slack.is_skipping[client] = slack.is_skipping[client] || client < slow;
            } else if (what == 6 && slack.is_skipping[client]) {
                tell(&world, &slack, client, 0, 0);
                resyncs++;
            } else if (what == 7) {
                struct world_frame packet = world_engine_packet(&world);
                world_deliver(&world, client, &packet);
            } else if (what == 8) {
                verify_trim(&world.verify);
            } else {
                read_some(&world, client,
                          world_draw(&world, (uint32_t)(world.size[client] - world.read[client]) + 1));
            }
        }
        for (uint32_t i = 0; i < CLIENTS; i++) {
            if (slack.is_skipping[i]) {
                tell(&world, &slack, i, 0, 0);
            }
        }
        settle(&world, world_draw(&world, 64));
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world,
                     (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
        for (uint32_t i = 0; i < CLIENTS; i++) {
            on_tape += world.verify.receivers[i].state == RECEIVER_ON_TAPE;
            off_tape += world.verify.receivers[i].state == RECEIVER_OFF_TAPE;
        }
        world_close(&world);
    }
    assert_true(resyncs > 1000 && on_tape > 400 && off_tape > 100);
}

/*
 * Three in a room; client 0 misses what is said in three rounds, and is told of it with a lie. `alone`: the others miss
 * the same, so that it can't be compared with the tape. `is_last`: nobody says anything more.
 */
static void run_lie(int lie_packets, int lie_bytes, bool alone, bool is_last, struct verify_totals expected)
{
    struct world world;
    struct slack slack;

    open_world(&world, &slack, 3, 1, 1);
    talk(&world, &slack, 2);
    slack.is_skipping[0] = true;
    slack.is_skipping[1] = slack.is_skipping[2] = alone;
    talk(&world, &slack, 3);
    tell(&world, &slack, 0, lie_packets, lie_bytes);
    for (uint32_t i = 1; i < 3 && alone; i++) {
        tell(&world, &slack, i, 0, 0);
    }
    talk(&world, &slack, is_last ? 0 : 4);
    settle(&world, 7);
    expected.expected += slack.delivered;
    expected.received = slack.delivered;
    assert_int_equal(verify_is_complete(&world.verify), lie_packets >= 0);
    world_expect(&world, expected);
    assert_int_equal(world.verify.receivers[0].state, is_last ? RECEIVER_SKIPPING
                                                      : alone ? RECEIVER_OFF_TAPE
                                                              : RECEIVER_ON_TAPE);
    world_close(&world);
}

static void a_wrong_count_is_seen(void **state)
{
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        run_lie(0, 0, alone, false, (struct verify_totals){.miscounted = 0});
        run_lie(0, 1, alone, false, (struct verify_totals){.miscounted = 1});
        run_lie(0, -FRAME_BYTES, alone, false, (struct verify_totals){.miscounted = 1});
        run_lie(2, 2 * FRAME_BYTES, alone, false, (struct verify_totals){.miscounted = 1});
        run_lie(1, 0, alone, false,
                (struct verify_totals){.miscounted = alone ? 2 : 1}); /* not of that size */
        /* Told of two too few, two are lost. */
        run_lie(-2, -2 * FRAME_BYTES, alone, false,
                (struct verify_totals){.expected = 2, .miscounted = alone ? 0 : 1});
        run_lie(0, 0, alone, true, (struct verify_totals){.miscounted = 0});
        run_lie(1, FRAME_BYTES, alone, true, (struct verify_totals){.miscounted = 1});
        run_lie(-1, -FRAME_BYTES, alone, true, (struct verify_totals){.expected = 1});
    }
}

/* The sums fit, the places don't: one message too many is told of, and one is lost later on. */
static void what_is_lost_elsewhere_is_not_excused(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        open_world(&world, &slack, 3, 1, 1);
        slack.is_skipping[0] = true;
        slack.is_skipping[1] = slack.is_skipping[2] = alone;
        talk(&world, &slack, 3);
        tell(&world, &slack, 0, 1, FRAME_BYTES);
        for (uint32_t i = 1; i < 3 && alone; i++) {
            tell(&world, &slack, i, 0, 0);
        }
        talk(&world, &slack, 2);
        size_t size = world.size[0];
        say(&world, &slack, 2);
        world.size[0] = size;
        talk(&world, &slack, 2);
        settle(&world, 0);
        uint64_t delivered = slack.delivered - 1;
        world_expect(&world, (struct verify_totals){
                                 .expected = delivered + 1, .received = delivered, .miscounted = 1});
        world_close(&world);
    }
}

/* What was left out comes all the same, or something else comes twice behind the gap. */
static void what_comes_after_all_is_seen(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        open_world(&world, &slack, 3, 1, 1);
        say(&world, &slack, 1);
        slack.is_skipping[0] = true;
        slack.is_skipping[2] = alone;
        struct world_frame missed = world_say(&world, 1);
        world_deliver(&world, 1, &missed);
        if (alone) {
            world_deliver_resync(&world, 2, 1, FRAME_BYTES);
            slack.is_skipping[2] = false;
        } else {
            world_deliver(&world, 2, &missed);
        }
        world_deliver_resync(&world, 0, 1, FRAME_BYTES);
        slack.is_skipping[0] = false;
        say(&world, &slack, 2);
        world_deliver(&world, 0, &missed); /* too late */
        settle(&world, 0);
        struct verify_totals totals = verify_sum(&world.verify);
        assert_int_equal(totals.doubled + totals.out_of_order, 1);
        world_close(&world);
    }
}

static void it_waits_for_the_tape_but_not_for_ever(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    for (int is_late = 0; is_late < 2; is_late++) {
        open_world(&world, &slack, 2, 1, 1);
        talk(&world, &slack, 2);
        slack.is_skipping[0] = true;
        talk(&world, &slack, 3);
        tell(&world, &slack, 0, 0, 0);
        talk(&world, &slack, 2);
        world_read_rest(&world, 0, 0); /* nobody has read what it missed */
        assert_int_equal(world.verify.receivers[0].state, RECEIVER_SKIPPING);
        assert_true(world.verify.receivers[0].is_waiting);
        assert_false(verify_is_complete(&world.verify));
        world.now_us += is_late ? 1000001 : 999999;
        if (is_late) {
            world_read(&world, 0, 0);
            assert_false(world.verify.receivers[0].is_waiting);
        }
        world_read_rest(&world, 1, 0);
        world_read(&world, 0, 0);
        assert_int_equal(world.verify.receivers[0].state, is_late ? RECEIVER_OFF_TAPE : RECEIVER_ON_TAPE);
        settle(&world, 0);
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world,
                     (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
        world_close(&world);
    }
}

/* All that one read may bring is kept, and a frame in part before it. */
static void all_that_is_read_behind_a_gap_is_kept(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    open_world(&world, &slack, 2, 1, 1);
    slack.is_skipping[0] = true;
    talk(&world, &slack, 1);
    world_deliver_resync(&world, 0, 2, 2 * FRAME_BYTES);
    slack.is_skipping[0] = false;
    while (world.size[0] + 4 * FRAME_BYTES < WORLD_STREAM_BYTES) {
        talk(&world, &slack, 1);
    }
    world_read(&world, 0, ROOMD_FRAME_HEADER_BYTES + 8 + FRAME_BYTES - 1);
    world_read_rest(&world, 0, 0);
    assert_true(world.verify.receivers[0].is_waiting);
    settle(&world, 0);
    assert_int_equal(world.verify.receivers[0].state, RECEIVER_ON_TAPE);
    world_expect(&world, (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
    world_close(&world);
}

/* It lags so far behind what it missed that the tape is not kept for it. */
static void one_who_is_too_far_behind_its_gap_is_judged_exactly(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    open_world(&world, &slack, 2, 1, 1);
    world.verify.tape_bytes_max = 1000;
    talk(&world, &slack, 2);
    slack.is_skipping[0] = true;
    talk(&world, &slack, 20);
    tell(&world, &slack, 0, 0, 0);
    world_read_rest(&world, 0, 0);
    assert_int_equal(world.verify.receivers[0].state, RECEIVER_SKIPPING);
    world_read_rest(&world, 1, 0);
    verify_trim(&world.verify);
    assert_int_equal(world.verify.receivers[0].state, RECEIVER_OFF_TAPE);
    talk(&world, &slack, 3);
    settle(&world, 11);
    world_expect(&world, (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
    world_close(&world);
}

/* Trimmed while it waits, it is looked at again and reads on. */
static void one_who_waits_and_is_taken_off_the_tape_reads_on(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    open_world(&world, &slack, 2, 1, 1);
    world.verify.tape_bytes_max = 500;
    slack.is_skipping[0] = true;
    talk(&world, &slack, 20);
    tell(&world, &slack, 0, 0, 0);
    talk(&world, &slack, 1);
    world_read(&world, 1, 30 * FRAME_BYTES);
    world_read_rest(&world, 0, 0);
    assert_true(world.verify.receivers[0].is_waiting);
    verify_trim(&world.verify);
    assert_int_equal(world.verify.receivers[0].state, RECEIVER_OFF_TAPE);
    assert_true(world.verify.receivers[0].is_waiting); /* or nobody would look at what it has kept */
    settle(&world, 0);
    world_expect(&world, (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
    world_close(&world);
}

static void an_account_knows_what_is_missing_in_a_gap(void **state)
{
    struct ledger *ledger = ledger_make(1);
    uint32_t earlier;

    (void)state;
    assert_non_null(ledger);
    ledger_note(ledger, 0, 1, &earlier);
    assert_int_equal(ledger_close_gap(ledger, 0, 5), 0); /* there is none */
    ledger_open_gap(ledger, 0);
    assert_int_equal(ledger_close_gap(ledger, 0, 1), 0); /* does not end it */
    assert_int_equal(ledger_close_gap(ledger, 0, 5), 3);
    assert_int_equal(ledger_note(ledger, 0, 5, &earlier), LEDGER_NEW);
    assert_int_equal(ledger_close_gap(ledger, 0, 9), 0);
    assert_int_equal(ledger_note(ledger, 0, 9, &earlier), LEDGER_NEW);
    ledger_open_gap(ledger, 0);
    assert_int_equal(ledger_close_gap(ledger, 0, 10), 0); /* nothing is missing, and it is over */
    ledger_note(ledger, 0, 10, &earlier);
    assert_int_equal(ledger_close_gap(ledger, 0, 12), 0);
    assert_int_equal(ledger_sum(ledger), 10);
    free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_is_not_lost_in_random_pieces),
        cmocka_unit_test(a_wrong_count_is_seen),
        cmocka_unit_test(what_is_lost_elsewhere_is_not_excused),
        cmocka_unit_test(what_comes_after_all_is_seen),
        cmocka_unit_test(it_waits_for_the_tape_but_not_for_ever),
        cmocka_unit_test(all_that_is_read_behind_a_gap_is_kept),
        cmocka_unit_test(one_who_is_too_far_behind_its_gap_is_judged_exactly),
        cmocka_unit_test(one_who_waits_and_is_taken_off_the_tape_reads_on),
        cmocka_unit_test(an_account_knows_what_is_missing_in_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

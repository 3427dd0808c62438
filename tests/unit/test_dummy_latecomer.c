/* Clients of dummy-client that enter a room that is talking, leave it, come back, or fall too far behind. */
#include "dummy_world.h"

static void talk(struct world *world, uint32_t clients, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        world->now_us += 5;
        for (uint32_t client = 0; client < clients; client++) {
            world_say_to_room(world, client);
        }
    }
}

static void a_latecomer_is_owed_all_from_its_first_message_on(void **state)
{
    static const size_t pieces[] = {0, 1, 7, 90, 91};
    struct world world;

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (int reads_first = 0; reads_first < 2; reads_first++) {
            world_open(&world, 3, 1, 1);
            talk(&world, 2, 10);
            world_read_rest(&world, 0, 0);
            world_enter(&world, 2);
            talk(&world, 2, 10);
            world_read_rest(&world, reads_first ? 0 : 2, pieces[i]);
            world_read_all(&world, pieces[i]);
            verify_trim(&world.verify);
            world_read_all(&world, pieces[i]);
            while (world.verify.receivers[2].is_waiting) {
                world_read(&world, 2, 0);
            }
            assert_int_equal(world.verify.receivers[2].state, RECEIVER_ON_TAPE);
            assert_true(verify_is_complete(&world.verify));
            world_expect(&world, (struct verify_totals){.expected = 100, .received = 100});
            world_close(&world);
        }
    }
}

static void messages_on_their_way_while_it_entered_are_not_owed(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 3, 1, 1);
    verify_pin(&world.verify, &world.verify.receivers[2]);
    talk(&world, 2, 3); /* the server has these before the request to join */
    world.now_us += 1;
    verify_enter(&world.verify, &world.verify.receivers[2], world.now_us);
    talk(&world, 2, 4);
    world_read_all(&world, 0);
    world_expect(&world, (struct verify_totals){.expected = 2 * 14 + 8, .received = 2 * 14 + 8});
    world_close(&world);
}

static void what_was_sent_after_it_entered_is_owed(void **state)
{
    struct world world;

    (void)state;
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        world_open(&world, 3, 1, 1);
        talk(&world, 2, 3);
        world_enter(&world, 2);
        talk(&world, 2, 4);
        size_t frame = message_frame_bytes(WORLD_TEXT_BYTES, true);
        world.read[2] = 3 * frame; /* the server never sent it these three */
        if (on_tape) {
            world_read_rest(&world, 0, 0);
            world_read_all(&world, 0);
            assert_int_equal(world.verify.receivers[2].state, RECEIVER_ON_TAPE);
        } else {
            world_read(&world, 0, frame); /* so that the tape does not reach its first message */
            world_read_rest(&world, 2, 0);
            assert_true(world.verify.receivers[2].is_waiting);
            world.now_us += 2000000;
            world_read(&world, 2, 0);
            assert_int_equal(world.verify.receivers[2].state, RECEIVER_OFF_TAPE);
            world_read_all(&world, 0);
        }
        world_expect(&world, (struct verify_totals){.expected = 2 * 14 + 8, .received = 2 * 14 + 5});
        world_close(&world);
    }
}

static void one_who_speaks_first_after_all_left_begins_at_the_end(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 2, 1, 0);
    talk(&world, 2, 3);
    world_read_all(&world, 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(verify_has_own_last(&world.verify, &world.verify.receivers[i]));
        verify_leave(&world.verify, &world.verify.receivers[i]);
    }
    world_enter(&world, 1);
    world_say_to_room(&world, 1);
    world_read_all(&world, 13);
    assert_int_equal(world.verify.receivers[1].state, RECEIVER_ON_TAPE);
    world_expect(&world, (struct verify_totals){.expected = 13, .received = 13});
    world_close(&world);
}

static void who_comes_and_goes_is_judged_for_its_stays(void **state)
{
    struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        world_open(&world, 4, 1, 0);
        world.random = seed * 7919;
        uint64_t owed = 0;
        for (int step = 0; step < 600; step++) {
            uint32_t client = world_draw(&world, 4);
            struct receiver *receiver = &world.verify.receivers[client];
            uint32_t what = world_draw(&world, 12);

            world.now_us++;
            if (what < 4 && receiver->state != RECEIVER_OUTSIDE) {
                for (uint32_t i = 0; i < 4; i++) {
                    owed += world.verify.receivers[i].state != RECEIVER_OUTSIDE;
                }
                world_say_to_room(&world, client);
            } else if (what == 4 && client != 0 && receiver->state == RECEIVER_OUTSIDE) {
                if (world_draw(&world, 2)) {
                    verify_set_player(&world.verify, client, (int32_t)(1000 + step));
                }
                world_enter(&world, client);
            } else if (what == 5 && client != 0 && receiver->state != RECEIVER_OUTSIDE) {
                world_read_all(&world, 100);
                world_read_rest(&world, client, 0);
                world_read(&world, client, 0);
                verify_leave(&world.verify, receiver);
            } else if (what == 6) {
                verify_trim(&world.verify);
            } else {
                world_read(&world, client,
                           world_draw(&world, (uint32_t)(world.size[client] - world.read[client]) + 1));
            }
        }
        world_read_all(&world, 0);
        world_read_all(&world, 0);
        for (uint32_t i = 0; i < 4; i++) {
            world_read(&world, i, 0);
        }
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world, (struct verify_totals){.expected = owed, .received = owed});
        world_close(&world);
    }
}

static void one_who_is_too_far_behind_is_still_judged_exactly(void **state)
{
    struct world world;

    (void)state;
    for (size_t into = 0; into < 60; into += 7) {
        for (int fault = 0; fault < 2; fault++) {
            world_open(&world, 2, 1, 0);
            world.verify.tape_bytes_max = 1000;
            talk(&world, 2, 20);
            world_read(&world, 1, 500 + into); /* in mid-frame, as a rule */
            world_read_rest(&world, 0, 0);
            verify_trim(&world.verify);
            assert_int_equal(world.verify.receivers[1].state, RECEIVER_OFF_TAPE);
            assert_true(world.verify.rooms[0].tape.begin == world.verify.rooms[0].tape.end);
            if (fault) {
                world.read[1] = 0; /* the server sends it everything once more */
                world.verify.receivers[1].tail_size = 0;
            }
            world_read_rest(&world, 1, 9);
            uint64_t doubled = fault ? (500 + into) / message_frame_bytes(WORLD_TEXT_BYTES, true) : 0;
            world_expect(&world, (struct verify_totals){.expected = 80, .received = 80, .doubled = doubled});
            world_close(&world);
        }
    }
}

/* The tape was given up to the middle of the frame, and the tool ended when the rest of it differed. */
static void a_frame_that_differs_after_its_start_was_trimmed(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 2, 1, 0);
    talk(&world, 2, 2);
    world_read_rest(&world, 0, 0);
    world.streams[1][160] ^= 1; /* of the last of four frames of 50 bytes each */
    world_read(&world, 1, 155);
    verify_trim(&world.verify);
    world_read_rest(&world, 1, 0);
    world_expect(&world, (struct verify_totals){.expected = 8, .received = 7, .corrupt = 1});
    world_close(&world);
}

/* Its first messages come while the tape stands still, so it is judged by itself; two of them were not owed for sure. */
static void one_who_never_finds_its_place_is_judged_exactly(void **state)
{
    struct world world;

    (void)state;
    for (int loses = 0; loses < 2; loses++) {
        world_open(&world, 3, 1, 1);
        verify_pin(&world.verify, &world.verify.receivers[2]);
        talk(&world, 2, 3);
        struct world_frame early = world_say(&world, 0); /* reaches it, for the server knew it already */
        world_deliver(&world, 0, &early);
        world_deliver(&world, 1, &early);
        world_deliver(&world, 2, &early);
        verify_enter(&world.verify, &world.verify.receivers[2], world.now_us);
        if (loses) {
            world.verify.rooms[0].sent += 1; /* owed to all, and comes to nobody */
            world.verify.senders[1].sent += 1;
        }
        talk(&world, 2, 5);
        world_read_rest(&world, 2, 0);
        world.now_us += 2000000;
        world_read(&world, 2, 0);
        assert_int_equal(world.verify.receivers[2].state, RECEIVER_OFF_TAPE);
        world_read_all(&world, 0);
        uint64_t received = 2 * 17 + 11;
        world_expect(&world,
                     (struct verify_totals){.expected = received + (loses ? 3 : 0), .received = received});
        world_close(&world);
    }
}

/* A client is known by another player id when it comes back; what it said before still carries the old one. */
static void what_was_said_before_coming_back_carries_the_old_id(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 3, 1, 0);
    struct world_frame a = world_say(&world, 0);
    struct world_frame b = world_say(&world, 1);
    for (uint32_t i = 0; i < 3; i++) {
        world_deliver(&world, i, i == 1 ? &b : &a);
        world_deliver(&world, i, i == 1 ? &a : &b);
    }
    world_read_rest(&world, 2, 0);
    world_read_rest(&world, 1, 0); /* in another order: it is judged by itself from here on */
    assert_int_equal(world.verify.receivers[1].state, RECEIVER_OFF_TAPE);
    talk(&world, 3, 2);
    world_read_rest(&world, 2, 0);
    verify_leave(&world.verify, &world.verify.receivers[2]);
    verify_set_player(&world.verify, 2, 777);
    world_enter(&world, 2);
    talk(&world, 3, 2);
    world_read_all(&world, 0);
    world_expect(&world, (struct verify_totals){.expected = 6 + 36, .received = 6 + 36});
    world_close(&world);
}

static void bytes_that_are_only_counted_show_what_is_missing(void **state)
{
    size_t frame = message_frame_bytes(WORLD_TEXT_BYTES, true);
    struct world world;

    (void)state;
    for (int extra = -2; extra <= 2; extra++) {
        world_open(&world, 2, 1, 0);
        verify_count_bytes(&world.verify, &world.verify.receivers[1]);
        talk(&world, 2, 5);
        world_read_rest(&world, 0, 0);
        world.size[1] += (size_t)extra * frame;
        memset(world.streams[1], 0, world.size[1]);
        world_read_rest(&world, 1, 33);
        uint64_t missing = extra < 0 ? (uint64_t)-extra : 0;
        assert_int_equal(verify_is_complete(&world.verify), missing == 0);
        world_expect(&world, (struct verify_totals){.expected = 20,
                                                    .received = 20 - missing,
                                                    .doubled = extra > 0 ? (uint64_t)extra : 0});
        world_close(&world);
    }
}

static void an_account_tells_late_from_doubled_and_settles_what_is_open(void **state)
{
    struct ledger *ledger = ledger_make(2);
    uint32_t earlier;

    (void)state;
    assert_non_null(ledger);
    assert_int_equal(ledger_note(ledger, 0, 1, &earlier), LEDGER_NEW);
    assert_int_equal(ledger_note(ledger, 0, 1, &earlier), LEDGER_DOUBLED);
    assert_int_equal(ledger_note(ledger, 0, 4, &earlier), LEDGER_NEW);
    assert_int_equal(ledger_note(ledger, 0, 2, &earlier), LEDGER_OUT_OF_ORDER);
    assert_int_equal(ledger_note(ledger, 0, 2, &earlier), LEDGER_DOUBLED);
    assert_int_equal(ledger_note(ledger, 0, 1, &earlier), LEDGER_DOUBLED);
    assert_int_equal(ledger_note(ledger, 0, 4 + LEDGER_WINDOW, &earlier), LEDGER_NEW);
    assert_int_equal(ledger_note(ledger, 0, 5, &earlier), LEDGER_OUT_OF_ORDER);
    assert_int_equal(ledger_note(ledger, 0, 3, &earlier), LEDGER_DOUBLED); /* too old to be told */
    assert_int_equal(earlier, 0);
    ledger_leave_open(ledger, 1, 10);
    assert_int_equal(ledger_note(ledger, 1, 8, &earlier), LEDGER_NEW);
    assert_int_equal(earlier, 3); /* 8, 9 and 10 */
    assert_int_equal(ledger_note(ledger, 1, 9, &earlier), LEDGER_NEW);
    assert_int_equal(earlier, 0);
    assert_int_equal(ledger_sum(ledger), 4 + LEDGER_WINDOW + 9);
    ledger_leave_open(ledger, 1, 10);
    assert_int_equal(ledger_note(ledger, 1, 12, &earlier), LEDGER_NEW);
    assert_int_equal(earlier, 0);
    free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_latecomer_is_owed_all_from_its_first_message_on),
        cmocka_unit_test(messages_on_their_way_while_it_entered_are_not_owed),
        cmocka_unit_test(what_was_sent_after_it_entered_is_owed),
        cmocka_unit_test(one_who_speaks_first_after_all_left_begins_at_the_end),
        cmocka_unit_test(who_comes_and_goes_is_judged_for_its_stays),
        cmocka_unit_test(one_who_is_too_far_behind_is_still_judged_exactly),
        cmocka_unit_test(a_frame_that_differs_after_its_start_was_trimmed),
        cmocka_unit_test(one_who_never_finds_its_place_is_judged_exactly),
        cmocka_unit_test(what_was_said_before_coming_back_carries_the_old_id),
        cmocka_unit_test(bytes_that_are_only_counted_show_what_is_missing),
        cmocka_unit_test(an_account_tells_late_from_doubled_and_settles_what_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

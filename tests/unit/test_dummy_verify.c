/* The checker of dummy-client must pass what is right in whatever pieces it comes, and see every single
 * fault. */
#include "dummy_world.h"

enum { CLIENTS = 6, ROOMS = 2, MEMBERS = CLIENTS / ROOMS, ROUNDS = 5 };

static void whatever_is_right_passes_in_random_pieces(void **state)
{
    struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        world_open(&world, CLIENTS, ROOMS, 0);
        world.random = seed * 1000003;
        world.has_suffix = seed % 2 == 0;
        uint32_t engine_packets = 0;
        uint64_t said[ROOMS] = {0};
        for (uint32_t step = 0; step < 400; step++) {
            uint32_t client = world_draw(&world, CLIENTS);
            uint32_t what = world_draw(&world, 10);

            if (what < 4) {
                world_say_to_room(&world, client);
                said[client % ROOMS]++;
            } else if (what == 4) {
                struct world_frame packet = world_engine_packet(&world);
                world_deliver(&world, client, &packet);
                engine_packets++;
            } else if (what == 5) {
                verify_trim(&world.verify);
            } else {
                world.now_us += world_draw(&world, 3);
                world_read(&world, client,
                           world_draw(&world, (uint32_t)(world.size[client] - world.read[client]) + 1));
            }
        }
        world_read_all(&world, world_draw(&world, 64));
        uint64_t expected = (said[0] + said[1]) * MEMBERS;
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world, (struct verify_totals){.expected = expected, .received = expected});
        assert_int_equal(world.engine_packets, engine_packets);
        assert_int_equal(world.verify.latency_us.count, expected);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            assert_int_equal(world.verify.receivers[i].state, RECEIVER_ON_TAPE);
        }
        world_close(&world);
    }
}

static void a_split_at_any_byte_changes_nothing(void **state)
{
    struct world world;
    size_t size = 1;

    (void)state;
    for (size_t split = 0; split <= size; split++) {
        for (uint32_t first = 0; first < 2; first++) { /* the one that is split leads, or follows */
            world_open(&world, 2, 1, 0);
            world_say_to_room(&world, 0);
            struct world_frame packet = world_engine_packet(&world);
            world_deliver(&world, 1, &packet);
            world_say_to_room(&world, 1);
            world_say_to_room(&world, 0);
            size = world.size[1];
            if (first == 1) {
                world_read_rest(&world, 0, 0);
            }
            world_read(&world, 1, split);
            world_read_rest(&world, 0, 0);
            world_read_rest(&world, 1, 0);
            world_expect(&world, (struct verify_totals){.expected = 6, .received = 6});
            assert_int_equal(world.engine_packets, 1);
            world_close(&world);
        }
    }
}

static void the_latency_is_that_of_each_delivery(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 2, 1, 0);
    world_say_to_room(&world, 0); /* at 1000 */
    world.now_us = 1010;
    world_say_to_room(&world, 1);
    world.now_us = 1020;
    world_read_rest(&world, 0, 0); /* 20 and 10 */
    world.now_us = 1030;
    world_read_rest(&world, 1, 1); /* 30 and 20 */
    assert_int_equal(world.verify.latency_us.count, 4);
    assert_int_equal(world.verify.latency_us.sum, 20 + 10 + 30 + 20);
    assert_int_equal(world.verify.latency_us.min, 10);
    assert_int_equal(world.verify.latency_us.max, 30);
    world_close(&world);
}

enum fault {
    FAULT_NONE,
    FAULT_MISSING,
    FAULT_DOUBLED,
    FAULT_SWAPPED,
    FAULT_FOREIGN,
    FAULT_FLIPPED,
    FAULT_COUNT
};

/* What client `victim` of room 0 gets instead of its share of one message. */
static void deliver_with_fault(struct world *world, enum fault fault, uint32_t victim,
                               struct world_frame *frame, struct world_frame *after)
{
    struct world_frame other;

    switch (fault) {
    case FAULT_MISSING:
        break;
    case FAULT_DOUBLED:
        world_deliver(world, victim, frame);
        world_deliver(world, victim, frame);
        break;
    case FAULT_SWAPPED:
        world_deliver(world, victim, after);
        world_deliver(world, victim, frame);
        return;
    case FAULT_FOREIGN:
        other = world_say(world, 1);
        world_deliver_room(world, 1, &other);
        world_deliver(world, victim, &other);
        world_deliver(world, victim, frame);
        break;
    case FAULT_FLIPPED:
        other = *frame;
        other.bytes[4 + world_draw(world, (uint32_t)frame->size - 4)] ^=
            (uint8_t)(1u << world_draw(world, 8));
        world_deliver(world, victim, &other);
        break;
    default:
        world_deliver(world, victim, frame);
        break;
    }
    world_deliver(world, victim, after);
}

static struct verify_totals totals_with(enum fault fault)
{
    uint64_t said = ROUNDS * CLIENTS + 2;
    struct verify_totals totals = {.expected = said * MEMBERS + (fault == FAULT_FOREIGN ? MEMBERS : 0)};

    totals.received = totals.expected - (fault == FAULT_MISSING || fault == FAULT_FLIPPED);
    totals.doubled = fault == FAULT_DOUBLED;
    totals.out_of_order = fault == FAULT_SWAPPED;
    totals.foreign = fault == FAULT_FOREIGN;
    totals.corrupt = fault == FAULT_FLIPPED;
    return totals;
}

static void say_around(struct world *world, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds * CLIENTS; i++) {
        world_say_to_room(world, i % CLIENTS);
    }
}

/* `lead` reads first; the victim is 0, so it leads or follows. */
static void run_fault(enum fault fault, uint32_t lead, size_t piece, uint64_t seed, bool has_suffix)
{
    const uint32_t victim = 0;
    struct world world;

    world_open(&world, CLIENTS, ROOMS, 0);
    world.random = seed;
    world.has_suffix = has_suffix;
    say_around(&world, 2);
    struct world_frame frame = world_say(&world, 2);
    struct world_frame after = world_say(&world, 2);
    for (uint32_t i = 0; i < CLIENTS; i += ROOMS) {
        deliver_with_fault(&world, i == victim ? fault : FAULT_NONE, i, &frame, &after);
    }
    say_around(&world, ROUNDS - 2);
    world_read_rest(&world, lead, piece);
    world_read_all(&world, piece);
    world_expect(&world, totals_with(fault));
    if (fault == FAULT_NONE) {
        assert_int_equal(world.verify.receivers[victim].state, RECEIVER_ON_TAPE);
    }
    world_close(&world);
}

static void every_fault_is_seen_and_counted_as_what_it_is(void **state)
{
    static const size_t pieces[] = {0, 1, 3, 50, 51, 100};

    (void)state;
    for (enum fault fault = FAULT_NONE; fault < FAULT_COUNT; fault++) {
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            for (uint64_t seed = 1; seed <= 20; seed++) {
                run_fault(fault, 0, pieces[i], seed, seed % 2 == 0);
                run_fault(fault, 2, pieces[i], seed, seed % 2 == 0);
            }
        }
    }
}

static void a_flip_of_any_bit_is_seen(void **state)
{
    size_t bits = 8 * 2 + 1;

    (void)state;
    for (size_t bit = 8 * 2; bit < bits; bit++) { /* all but the size, which only moves the borders */
        for (uint32_t lead = 0; lead < 2; lead++) {
            struct world world;

            world_open(&world, 2, 1, 0);
            world_say_to_room(&world, 1);
            bits = 8 * world.size[0];
            world.streams[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
            world_read_rest(&world, lead, 0);
            world_read_all(&world, 0);
            struct verify_totals totals = verify_sum(&world.verify);
            /* An id of 0xFF00 and up would make it the engine's packet; every other flip makes it corrupt. */
            assert_int_equal(totals.corrupt, 1);
            assert_int_equal(totals.expected - totals.received, 1);
            world_close(&world);
        }
    }
}

static void what_nobody_receives_is_lost_for_everybody(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, CLIENTS, ROOMS, 0);
    say_around(&world, 1);
    world_say(&world, 0);
    world_read_all(&world, 0);
    assert_false(verify_is_complete(&world.verify));
    world_expect(&world, (struct verify_totals){.expected = CLIENTS * MEMBERS + MEMBERS,
                                                .received = CLIENTS * MEMBERS});
    world_close(&world);
}

static void a_client_that_is_cut_off_misses_the_rest(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, CLIENTS, ROOMS, 0);
    say_around(&world, 1);
    world_read_all(&world, 0);
    verify_lose(&world.verify, &world.verify.receivers[3]);
    say_around(&world, 1);
    world_read_rest(&world, 5, 0);
    world_read_rest(&world, 1, 0);
    assert_int_equal(verify_sum(&world.verify).expected, 2 * CLIENTS * MEMBERS);
    assert_int_equal(world.verify.receivers[3].received, MEMBERS);
    world_close(&world);
}

/* Each sender's order holds, but the receivers see the senders interleaved differently: that is allowed. */
static void orders_that_differ_between_senders_are_right(void **state)
{
    struct world world;

    (void)state;
    for (uint32_t lead = 0; lead < 2; lead++) {
        world_open(&world, 2, 1, 0);
        for (int i = 0; i < 100; i++) {
            struct world_frame a = world_say(&world, 0);
            struct world_frame b = world_say(&world, 1);

            world_deliver(&world, 0, &a);
            world_deliver(&world, 0, &b);
            world_deliver(&world, 1, &b);
            world_deliver(&world, 1, &a);
        }
        world_read_rest(&world, lead, 7);
        world_read_all(&world, 11);
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world, (struct verify_totals){.expected = 400, .received = 400});
        world_close(&world);
    }
}

static void what_was_never_sent_is_corrupt(void **state)
{
    struct world world;

    (void)state;
    for (int ahead = 0; ahead < 3; ahead++) {
        world_open(&world, 2, 1, 0);
        world_say_to_room(&world, 0);
        struct message message = {
            .sender = 0, .sequence = 1 + (uint32_t)ahead, .sent_us = world.now_us, .player = 100};
        if (ahead == 0) {
            message.sequence = 0;
        }
        struct world_frame frame;
        frame.size = message_encode(frame.bytes, &message, WORLD_TEXT_BYTES, true);
        world_deliver(&world, 1, &frame);
        world_read_all(&world, 0);
        world_expect(&world, (struct verify_totals){.expected = 2, .received = 2, .corrupt = 1});
        world_close(&world);
    }
}

static void a_suffix_is_there_always_or_never(void **state)
{
    struct world world;

    (void)state;
    for (int at_first = 0; at_first < 2; at_first++) {
        world_open(&world, 2, 1, 0);
        world.has_suffix = at_first;
        world_say_to_room(&world, 0);
        world.has_suffix = !at_first;
        world_say_to_room(&world, 1);
        world_read_all(&world, 0);
        world_expect(&world, (struct verify_totals){.expected = 4, .received = 2, .corrupt = 2});
        world_close(&world);
    }
}

static void a_size_below_four_ends_the_stream(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, 2, 1, 0);
    memset(world.scratch + VERIFY_HEADROOM_BYTES, 0, 4);
    assert_false(verify_feed(&world.verify, &world.verify.receivers[0], world.scratch + VERIFY_HEADROOM_BYTES,
                             4, world.now_us));
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_right_passes_in_random_pieces),
        cmocka_unit_test(a_split_at_any_byte_changes_nothing),
        cmocka_unit_test(the_latency_is_that_of_each_delivery),
        cmocka_unit_test(every_fault_is_seen_and_counted_as_what_it_is),
        cmocka_unit_test(a_flip_of_any_bit_is_seen),
        cmocka_unit_test(what_nobody_receives_is_lost_for_everybody),
        cmocka_unit_test(a_client_that_is_cut_off_misses_the_rest),
        cmocka_unit_test(orders_that_differ_between_senders_are_right),
        cmocka_unit_test(what_was_never_sent_is_corrupt),
        cmocka_unit_test(a_suffix_is_there_always_or_never),
        cmocka_unit_test(a_size_below_four_ends_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

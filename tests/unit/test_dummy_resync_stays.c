/*
 * Clients of dummy-client that are told of a gap (S_RESYNC) before they have heard everybody, or when they go, or before
 * others come.
 */
#include "dummy_slack.h"

/* Nobody knows what it was owed before, so that it is owed what comes from here on. */
static void one_who_has_not_heard_anything_yet_begins_anew(void **state)
{
    struct world world;
    struct slack slack = {.delivered = 0};

    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        slack = (struct slack){.delivered = 0};
        world_open(&world, 3, 1, 1);
        talk(&world, &slack, 2);
        if (alone) {
            slack.is_skipping[0] = slack.is_skipping[1] = true;
        }
        world_enter(&world, 2);
        slack.is_skipping[2] = true;
        talk(&world, &slack, 5);
        for (uint32_t i = alone ? 0 : 2; i < 3; i++) {
            tell(&world, &slack, i, 0, 0);
        }
        world_read_rest(&world, 2, 0);
        assert_int_equal(world.verify.receivers[2].state, RECEIVER_SEEKING);
        talk(&world, &slack, 4);
        settle(&world, 0);
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world,
                     (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
        world_close(&world);
    }
}

/* What was left out may be older than its coming: that can't be compared with what is missing since. */
static void one_who_had_not_heard_from_everybody_is_not_compared(void **state)
{
    struct world world;
    struct slack slack = {.delivered = 0};

    (void)state;
    world_open(&world, 3, 1, 1);
    verify_pin(&world.verify, &world.verify.receivers[2]);
    say(&world, &slack, 0);
    say(&world, &slack, 1);
    struct world_frame early = world_say(&world, 0); /* the server has let it in before this */
    struct world_frame missed = world_say(&world, 1);
    for (uint32_t i = 0; i < 2; i++) {
        world_deliver(&world, i, &early);
        world_deliver(&world, i, &missed);
    }
    world_deliver(&world, 2, &early);
    slack.delivered += 5;
    verify_enter(&world.verify, &world.verify.receivers[2], world.now_us);
    world_deliver_resync(&world, 2, 1, FRAME_BYTES);
    for (int i = 0; i < 3; i++) {
        say(&world, &slack, 0);
        say(&world, &slack, 1);
    }
    world_read_rest(&world, 2, 0);
    assert_true(world.verify.receivers[2].is_waiting);
    world.now_us += 2000000;
    world_read(&world, 2, 0);
    assert_int_equal(world.verify.receivers[2].state, RECEIVER_OFF_TAPE);
    settle(&world, 0);
    world_expect(&world, (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
    world_close(&world);
}

/* Nobody has what they missed, and they are gone: who comes then can't read on where the tape ends. */
static void who_comes_after_all_who_missed_something_left_is_judged_by_itself(void **state)
{
    struct world world;
    struct slack slack = {.delivered = 0};

    (void)state;
    world_open(&world, 3, 1, 1);
    say(&world, &slack, 0);
    say(&world, &slack, 1);
    slack.is_skipping[0] = slack.is_skipping[1] = true;
    say(&world, &slack, 1);
    say(&world, &slack, 1);
    for (uint32_t i = 0; i < 2; i++) {
        tell(&world, &slack, i, 0, 0);
        world_read_rest(&world, i, 0);
        assert_int_equal(world.verify.receivers[i].state, RECEIVER_SKIPPING);
        verify_leave(&world.verify, &world.verify.receivers[i]);
    }
    world_enter(&world, 1);
    world_enter(&world, 2);
    for (int i = 0; i < 3; i++) {
        say(&world, &slack, 1);
        say(&world, &slack, 2);
    }
    settle(&world, 0);
    assert_true(verify_is_complete(&world.verify));
    world_expect(&world, (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
    world_close(&world);
}

/* Stays that end, and begin, in a room that leaves out; each leaves when it has read what there is. */
static void who_comes_and_goes_is_judged_for_its_stays(void **state)
{
    struct world world;
    struct slack slack;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        open_world(&world, &slack, 4, 1, seed);
        for (int step = 0; step < 600; step++) {
            uint32_t client = world_draw(&world, 4);
            struct receiver *receiver = &world.verify.receivers[client];
            uint32_t what = world_draw(&world, 14);

            world.now_us++;
            if (what < 4 && is_in(&world, client)) {
                say(&world, &slack, client);
            } else if (what == 4 && client != 0 && !is_in(&world, client)) {
                world_enter(&world, client);
            } else if (what == 5 && client != 0 && is_in(&world, client)) {
                if (slack.is_skipping[client]) {
                    tell(&world, &slack, client, 0, 0);
                }
                settle(&world, 100);
                verify_leave(&world.verify, receiver);
            } else if (what == 6) {
                verify_trim(&world.verify);
            } else if (what == 7 && is_in(&world, client) && (client < 2 || seed % 2 == 0)) {
                slack.is_skipping[client] = true;
            } else if (what == 8 && slack.is_skipping[client]) {
                tell(&world, &slack, client, 0, 0);
            } else {
                read_some(&world, client,
                          world_draw(&world, (uint32_t)(world.size[client] - world.read[client]) + 1));
            }
        }
        for (uint32_t i = 0; i < 4; i++) {
            if (slack.is_skipping[i]) {
                tell(&world, &slack, i, 0, 0);
            }
        }
        settle(&world, 0);
        assert_true(verify_is_complete(&world.verify));
        world_expect(&world,
                     (struct verify_totals){.expected = slack.delivered, .received = slack.delivered});
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_who_has_not_heard_anything_yet_begins_anew),
        cmocka_unit_test(one_who_had_not_heard_from_everybody_is_not_compared),
        cmocka_unit_test(who_comes_after_all_who_missed_something_left_is_judged_by_itself),
        cmocka_unit_test(who_comes_and_goes_is_judged_for_its_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rooms of either policy and players who read as they like, against the model (support/skip_model.h). */
#include "support/component.h"

#include "support/skip_model.h"

static void in_a_room_that_skips(void **state)
{
    const struct skip_setting settings[] = {
        {ROOM_SLOW_SKIP, 50 * NS_PER_MS, {0, 0}, 8000, 1000, 600 * NS_PER_S, 60 * NS_PER_S},
        {ROOM_SLOW_SKIP, 50 * NS_PER_MS, {0, 0}, 1000000, 30, NS_PER_S, 60 * NS_PER_S},
        {ROOM_SLOW_SKIP, 0, {0, 0}, 4000, 1000, 300 * NS_PER_MS, 20 * NS_PER_S},
        {ROOM_SLOW_SKIP, 50 * NS_PER_MS, {6000, 3000}, 12000, 1000, 600 * NS_PER_S, 60 * NS_PER_S},
    };

    (void)state;
    for (unsigned seed = 1; seed <= 16; seed++) {
        skip_model_run(&settings[seed % 4], seed);
        skip_model_print(seed);
        assert_true(skip_model.fixture->engine.stats.resyncs > 10 && skip_model.missed > 500);
        assert_true(skip_model.told_leaving > 0 && skip_model.overwritten > 200);
        skip_model_close();
    }
}

static void and_closes_those_who_have_stopped(void **state)
{
    const struct skip_setting setting = {ROOM_SLOW_SKIP, 50 * NS_PER_MS, {0, 0},         8000,
                                         1000,           600 * NS_PER_S, 300 * NS_PER_MS};

    (void)state;
    for (unsigned seed = 21; seed <= 24; seed++) {
        skip_model_run(&setting, seed);
        skip_model_print(seed);
        assert_true(skip_model.fixture->engine.stats.closes[ROOMD_CLOSE_SLOW] > SKIP_PLAYERS / 4);
        skip_model_close();
    }
}

static void in_a_room_that_kicks(void **state)
{
    const struct skip_setting settings[] = {
        {ROOM_SLOW_KICK, 50 * NS_PER_MS, {0, 0}, 30000, 1000, 3 * NS_PER_S, 0},
        {ROOM_SLOW_KICK, 0, {40000, 4000}, 60000, 2000, 3 * NS_PER_S, 0},
    };
    uint64_t slow = 0;

    (void)state;
    for (unsigned seed = 31; seed <= 36; seed++) {
        skip_model_run(&settings[seed % 2], seed);
        skip_model_print(seed);
        assert_int_equal(skip_model.fixture->engine.stats.skips, 0);
        assert_int_equal(skip_model.missed, 0);
        slow += skip_model.fixture->engine.stats.closes[ROOMD_CLOSE_SLOW];
        skip_model_close();
    }
    assert_true(slow > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_room_that_skips),
        cmocka_unit_test(and_closes_those_who_have_stopped),
        cmocka_unit_test(in_a_room_that_kicks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dummy-client/pace.h"

static const uint64_t start_ns = 123456789;

/* Takes all turns that are due up to `end_ns`, looking every `look_ns`. Checks that they come in order and
 * when due. */
static uint32_t take_all(struct pace *pace, uint64_t look_ns, uint64_t end_ns)
{
    uint32_t turns = 0;
    uint32_t client;
    uint64_t due_ns;
    uint64_t last_due_ns = 0;

    for (uint64_t now_ns = start_ns; now_ns <= end_ns; now_ns += look_ns) {
        while (pace_take(pace, now_ns, &client, &due_ns)) {
            assert_true(due_ns <= now_ns && due_ns >= last_due_ns);
            assert_int_equal(client, turns % pace->clients);
            assert_int_equal((due_ns - start_ns) % NS_PER_MS, 0);
            last_due_ns = due_ns;
            turns++;
        }
    }
    return turns;
}

static void everybody_has_its_turns_and_no_more(void **state)
{
    static const double rates[] = {0.5, 1, 3, 4, 7, 100, 1000};
    struct pace pace;

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (int is_burst = 0; is_burst < 2; is_burst++) {
            pace_init(&pace, start_ns, rates[i], 2, 13, is_burst);
            uint32_t turns = take_all(&pace, 700000, start_ns + 5 * NS_PER_S);
            assert_int_equal(turns, 13 * (uint32_t)(2 * rates[i] + 0.5));
            assert_true(pace.due_ns == UINT64_MAX);
        }
    }
}

static void spread_turns_lie_evenly_and_bursts_together(void **state)
{
    struct pace pace;
    uint32_t client;
    uint64_t due_ns;

    (void)state;
    pace_init(&pace, start_ns, 4, 10, 1000, false);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_true(pace_take(&pace, UINT64_MAX - 1, &client, &due_ns));
        assert_int_equal(due_ns, start_ns + i / 4 * NS_PER_MS); /* 250 us each, on whole milliseconds */
    }
    pace_init(&pace, start_ns, 4, 10, 1000, true);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_true(pace_take(&pace, UINT64_MAX - 1, &client, &due_ns));
        assert_int_equal(due_ns, start_ns + i / 1000 * 250 * NS_PER_MS);
    }
}

static void the_grid_does_not_drift(void **state)
{
    struct pace pace;
    uint32_t client;
    uint64_t due_ns;

    (void)state;
    pace_init(&pace, start_ns, 3, 86400, 1, false); /* a period that is no whole number */
    for (uint64_t i = 0; i < 3 * 86400; i++) {
        assert_true(pace_take(&pace, UINT64_MAX - 1, &client, &due_ns));
        assert_true(due_ns <= start_ns + i * NS_PER_S / 3 + 1000);
        assert_true(due_ns + NS_PER_MS >= start_ns + i * NS_PER_S / 3);
    }
    assert_false(pace_take(&pace, UINT64_MAX - 1, &client, &due_ns));
}

static void nothing_is_due_early_or_without_a_rate(void **state)
{
    struct pace pace;
    uint32_t client;
    uint64_t due_ns;

    (void)state;
    pace_init(&pace, start_ns, 0, 10, 5, false);
    assert_false(pace_take(&pace, UINT64_MAX - 1, &client, &due_ns));
    pace_init(&pace, start_ns, 1, 10, 1, false);
    assert_false(pace_take(&pace, start_ns - 1, &client, &due_ns));
    assert_true(pace_take(&pace, start_ns, &client, &due_ns));
    assert_false(pace_take(&pace, start_ns + NS_PER_S - 1, &client, &due_ns));
    pace_stop(&pace);
    assert_false(pace_take(&pace, UINT64_MAX - 1, &client, &due_ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_has_its_turns_and_no_more),
        cmocka_unit_test(spread_turns_lie_evenly_and_bursts_together),
        cmocka_unit_test(the_grid_does_not_drift),
        cmocka_unit_test(nothing_is_due_early_or_without_a_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

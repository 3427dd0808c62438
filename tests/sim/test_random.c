/*
 * Random runs. SIM_SEED=N runs that one alone and says what it came to; SIM_SECONDS=N says how long to go on, and
 * SIM_FIRST=N with which seed to begin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/sim_run.h"

enum {
    SECONDS_BY_DEFAULT = 45,
    SEEDS_BY_DEFAULT = 8
}; /* an ordinary test: the same seeds on every machine */

static uint64_t number_from(const char *name, uint64_t by_default)
{
    const char *text = getenv(name);

    return text == NULL || text[0] == '\0' ? by_default : strtoull(text, NULL, 10);
}

/* This process's true time: what is linked here has no other clock. */
static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct sim_result run_seed(uint64_t seed)
{
    struct sim_setting setting = sim_setting_of(seed);

    return sim_run(&setting);
}

static void tell(uint64_t seed, const struct sim_result *result)
{
    const struct sim_crowd_totals *crowd = &result->crowd;

    printf(
        "seed=%llu digest=%016llx turns=%llu opened=%llu enters=%llu connects=%llu refused=%llu frames=%llu "
        "said=%llu read=%llu told=%llu kicks=%llu hurt=%llu stalls=%llu\n",
        (unsigned long long)seed, (unsigned long long)result->digest, (unsigned long long)result->turns,
        (unsigned long long)result->opened, (unsigned long long)result->enters,
        (unsigned long long)crowd->connects, (unsigned long long)crowd->refused,
        (unsigned long long)crowd->frames, (unsigned long long)crowd->texts_said,
        (unsigned long long)crowd->texts_read, (unsigned long long)crowd->told,
        (unsigned long long)crowd->kicks, (unsigned long long)crowd->hurt,
        (unsigned long long)result->kernel.stalls);
    printf("  jobs_refused=%llu slow=%llu views_reset=%llu stalled_ms=%llu\n",
           (unsigned long long)result->jobs_refused, (unsigned long long)result->slow,
           (unsigned long long)crowd->views_reset,
           (unsigned long long)(result->kernel.stalled_ns / NS_PER_MS));
    for (int i = 0; i < SIM_CALL_COUNT; i++) {
        printf("  %s=%llu failed=%llu\n", sim_call_names[i], (unsigned long long)result->kernel.calls[i],
               (unsigned long long)result->kernel.failed[i]);
    }
}

static void test_a_seed_replays_a_run_exactly(void **state)
{
    struct sim_result first = run_seed(7);
    struct sim_result second = run_seed(7);
    struct sim_result other = run_seed(8);

    (void)state;
    assert_int_equal(first.digest, second.digest);
    assert_int_equal(first.turns, second.turns);
    assert_int_not_equal(first.digest, other.digest);
}

static void test_whatever_fails_the_honest_are_served(void **state)
{
    double until = seconds_now() + (double)number_from("SIM_SECONDS", SECONDS_BY_DEFAULT);
    uint64_t first = number_from("SIM_FIRST", 1);
    uint64_t most = getenv("SIM_SECONDS") != NULL ? UINT64_MAX : SEEDS_BY_DEFAULT;
    uint64_t runs = 0;
    uint64_t texts = 0;
    uint64_t turns = 0;

    (void)state;
    while (runs < most && seconds_now() < until) {
        struct sim_result result = run_seed(first + runs++);

        texts += result.crowd.texts_read;
        turns += result.turns;
        assert_true(result.crowd.texts_read > 0 && result.crowd.told > 0);
    }
    printf("seeds %llu to %llu: %llu turns, %llu texts in order\n", (unsigned long long)first,
           (unsigned long long)(first + runs - 1), (unsigned long long)turns, (unsigned long long)texts);
}

static void test_one_seed(void **state)
{
    uint64_t seed = number_from("SIM_SEED", 1);
    struct sim_result result = run_seed(seed);

    (void)state;
    tell(seed, &result);
}

static int tell_failure(void **state)
{
    (void)state;
    sim_mind_tell();
    return 0;
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_teardown(test_a_seed_replays_a_run_exactly, tell_failure),
        cmocka_unit_test_teardown(test_whatever_fails_the_honest_are_served, tell_failure),
    };
    const struct CMUnitTest one[] = {cmocka_unit_test_teardown(test_one_seed, tell_failure)};

    return getenv("SIM_SEED") != NULL ? cmocka_run_group_tests(one, NULL, NULL)
                                      : cmocka_run_group_tests(all, NULL, NULL);
}

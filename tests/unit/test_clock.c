#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void now_never_runs_back_and_counts_nanoseconds(void **state)
{
    const struct timespec pause = {.tv_nsec = 20 * (long)NS_PER_MS};
    uint64_t start_ns = clock_now_ns();
    uint64_t before_ns = start_ns;

    (void)state;
    assert_true(start_ns != 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t now_ns = clock_now_ns();

        assert_true(now_ns >= before_ns);
        before_ns = now_ns;
    }
    before_ns = clock_now_ns();
    nanosleep(&pause, NULL);
    assert_true(clock_now_ns() - before_ns >= 20 * NS_PER_MS);
    assert_true(clock_now_ns() - start_ns < 100 * NS_PER_S);
}

static void cpu_time_counts_work_and_not_sleep(void **state)
{
    const struct timespec pause = {.tv_nsec = 100 * (long)NS_PER_MS};
    uint64_t start_ns = clock_cpu_ns();
    volatile uint64_t work = 0;

    (void)state;
    nanosleep(&pause, NULL);
    assert_true(clock_cpu_ns() - start_ns < 50 * NS_PER_MS);
    start_ns = clock_cpu_ns();
    while (clock_cpu_ns() - start_ns < 5 * NS_PER_MS) {
        work++;
    }
    assert_true(work > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_never_runs_back_and_counts_nanoseconds),
        cmocka_unit_test(cpu_time_counts_work_and_not_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/histogram.h"

enum { VALUES = 20000 };

static const uint64_t value_max = (1ull << HISTOGRAM_VALUE_BITS) - 1;
static const double quantiles[] = {0, 0.001, 0.07, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};

static int compare_u64(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* The rank in whole numbers: the quantiles above are all multiples of 1/10,000. */
static size_t exact_rank(size_t count, double quantile)
{
    size_t parts = (size_t)(quantile * 10000 + 0.5);
    size_t rank = (count * parts + 9999) / 10000;

    return rank == 0 ? 1 : rank;
}

/* Every quantile lies in [exact, exact + exact / 32] and not above the maximum. Sorts `values`. */
static void assert_quantiles_hold(const struct histogram *histogram, uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_u64);
    assert_true(histogram->count == count);
    assert_true(histogram->min == values[0]);
    assert_true(histogram->max == values[count - 1]);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        uint64_t exact = values[exact_rank(count, quantiles[i]) - 1];
        uint64_t reported = histogram_quantile(histogram, quantiles[i]);

        assert_true(reported >= exact);
        assert_true(reported - exact <= exact / 32);
        assert_true(reported <= values[count - 1]);
    }
}

static void an_empty_histogram_reports_zero(void **state)
{
    struct histogram histogram;

    (void)state;
    memset(&histogram, 0xFF, sizeof(histogram));
    histogram_init(&histogram);
    assert_true(histogram.count == 0 && histogram.sum == 0 && histogram.max == 0);
    assert_true(histogram.min == UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 0.99) == 0);
    histogram_record(&histogram, 5, 0);
    assert_true(histogram.count == 0 && histogram.max == 0 && histogram.min == UINT64_MAX);
}

static void small_values_are_exact(void **state)
{
    struct histogram histogram;

    (void)state;
    histogram_init(&histogram);
    for (uint64_t value = 0; value < 64; value++) {
        histogram_record(&histogram, value, 1);
    }
    for (uint64_t rank = 1; rank <= 64; rank++) {
        assert_true(histogram_quantile(&histogram, (double)rank / 64) == rank - 1);
    }
    assert_true(histogram.sum == 63 * 64 / 2);
}

/* 0.07 x 100 is a little above 7 in binary; the seventh value is meant all the same. */
static void a_rank_that_binary_rounds_up_is_not_the_next_one(void **state)
{
    struct histogram histogram;

    (void)state;
    histogram_init(&histogram);
    histogram_record(&histogram, 3, 7);
    histogram_record(&histogram, 9, 93);
    assert_true(histogram_quantile(&histogram, 0.07) == 3);
    assert_true(histogram_quantile(&histogram, 0.0701) == 9);
}

/* Both sides of each power of two, where a bucket index is most easily off by one. */
static void edges_of_powers_of_two_keep_the_bound(void **state)
{
    static uint64_t values[HISTOGRAM_VALUE_BITS * 3];
    struct histogram histogram;
    size_t count = 0;

    (void)state;
    histogram_init(&histogram);
    for (int bit = 0; bit < HISTOGRAM_VALUE_BITS; bit++) {
        for (uint64_t delta = 0; delta < 3; delta++) {
            struct histogram one;
            uint64_t value = (1ull << bit) - 1 + delta;

            histogram_init(&one);
            histogram_record(&one, value, 1);
            histogram_record(&one, value_max, 1);
            assert_true(histogram_quantile(&one, 0.5) >= value);
            assert_true(histogram_quantile(&one, 0.5) - value <= value / 32);
            histogram_record(&histogram, value, 1);
            values[count++] = value;
        }
    }
    assert_quantiles_hold(&histogram, values, count);
}

static void random_values_keep_the_bound(void **state)
{
    static uint64_t values[VALUES];

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct histogram histogram;
        uint64_t sum = 0;

        histogram_init(&histogram);
        for (size_t i = 0; i < VALUES; i++) {
            uint64_t random = hash_u64(seed << 32 | i);

            /* As many values of each length in bits, so that no bucket width is left out. */
            values[i] = (random & value_max) >> (hash_u64(random) % HISTOGRAM_VALUE_BITS);
            sum += values[i];
            histogram_record(&histogram, values[i], 1);
        }
        assert_true(histogram.sum == sum);
        assert_quantiles_hold(&histogram, values, VALUES);
    }
}

static void times_is_as_good_as_repeating(void **state)
{
    struct histogram once;
    struct histogram often;

    (void)state;
    histogram_init(&once);
    histogram_init(&often);
    for (uint64_t value = 1; value < 1000000; value = value * 3 + 1) {
        histogram_record(&once, value, value % 7);
        for (uint64_t i = 0; i < value % 7; i++) {
            histogram_record(&often, value, 1);
        }
    }
    assert_memory_equal(&once, &often, sizeof(once));
}

static void values_above_the_range_count_as_its_end(void **state)
{
    struct histogram histogram;

    (void)state;
    histogram_init(&histogram);
    histogram_record(&histogram, UINT64_MAX, 1);
    histogram_record(&histogram, value_max + 1, 1);
    assert_true(histogram.min == value_max && histogram.max == value_max);
    assert_true(histogram.sum == 2 * value_max);
    assert_true(histogram_quantile(&histogram, 0) == value_max);
    assert_true(histogram_quantile(&histogram, 1) == value_max);
    assert_true(histogram.buckets[HISTOGRAM_BUCKETS - 1] == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_reports_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(a_rank_that_binary_rounds_up_is_not_the_next_one),
        cmocka_unit_test(edges_of_powers_of_two_keep_the_bound),
        cmocka_unit_test(random_values_keep_the_bound),
        cmocka_unit_test(times_is_as_good_as_repeating),
        cmocka_unit_test(values_above_the_range_count_as_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/histogram.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

#define HISTOGRAM_VALUE_MAX ((1ull << HISTOGRAM_VALUE_BITS) - 1)

/*
 * Values below 2^SUB_BITS have a bucket each; above, every power of two is cut into 2^SUB_BITS buckets of one
 * width.
 */
static size_t histogram_bucket(uint64_t value)
{
    uint64_t sub_count = 1u << HISTOGRAM_SUB_BITS;
    unsigned shift;

    if (value < sub_count) {
        return (size_t)value;
    }
    shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (size_t)(((uint64_t)shift << HISTOGRAM_SUB_BITS) + (value >> shift));
}

/* The largest value that falls into a bucket. */
static uint64_t histogram_bucket_edge(size_t bucket)
{
    uint64_t sub_count = 1u << HISTOGRAM_SUB_BITS;
    size_t shift;

    if (bucket < sub_count) {
        return bucket;
    }
    shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    return ((bucket % sub_count + sub_count + 1) << shift) - 1;
}

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
    histogram->min = UINT64_MAX;
}

void histogram_record(struct histogram *histogram, uint64_t value, uint64_t times)
{
    if (times == 0) {
        return;
    }
    if (value > HISTOGRAM_VALUE_MAX) {
        value = HISTOGRAM_VALUE_MAX;
    }
    histogram->count += times;
    histogram->sum += value * times;
    histogram->min = value < histogram->min ? value : histogram->min;
    histogram->max = value > histogram->max ? value : histogram->max;
    histogram->buckets[histogram_bucket(value)] += times;
}

/* How many of the values must lie at or below the quantile: quantile x count rounded up, 1 to count. */
static uint64_t histogram_rank(uint64_t count, double quantile)
{
    double exact = quantile * (double)count;
    uint64_t rank;

    if (exact >= (double)count) {
        return count;
    }
    rank = (uint64_t)exact;
    /*
     * 0.07 x 100 is 7.000000000000001 in binary: a fraction this small is an error of the product, not a
     * value.
     */
    if (exact - (double)rank > exact * 1e-12) {
        rank++;
    }
    return rank == 0 ? 1 : rank;
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    uint64_t rank;
    uint64_t seen = 0;

    CHECK(quantile >= 0 && quantile <= 1);
    if (histogram->count == 0) {
        return 0;
    }
    rank = histogram_rank(histogram->count, quantile);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank) {
            uint64_t edge = histogram_bucket_edge(i);

            return edge < histogram->max ? edge : histogram->max;
        }
    }
    return histogram->max;
}

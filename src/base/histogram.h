/*
 * A log-linear histogram of unsigned 64-bit values in the manner of HdrHistogram: 32 buckets per power of
 * two, so a reported quantile is at most 1/32 (3.2 %) above the value that was recorded. Larger values than
 * 2^42 - 1 count as that. Plain memory (about 10 KiB), no allocation: copy it as you like.
 */
#ifndef ROOMD_BASE_HISTOGRAM_H
#define ROOMD_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 5, HISTOGRAM_VALUE_BITS = 42 };
enum { HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS };

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min; /* UINT64_MAX while empty */
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *histogram);
/* Records `value` `times` times. */
void histogram_record(struct histogram *histogram, uint64_t value, uint64_t times);
/*
 * The smallest recorded bucket edge that `quantile` (0 to 1) of the values lie at or below, never above max;
 * 0 if empty.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);

#endif

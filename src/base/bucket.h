/*
 * Token buckets (Turner 1986; RFC 2697 has the same of two colours): so many a second, and so many at once. The count is
 * exact: what was granted by any time is at most the burst and rate x time, and whoever asks all the time gets that
 * to the last token, whatever the moments of asking.
 *
 *     level <= burst, in tokens times NS_PER_S: a nanosecond at one token a second is 1.
 */
#ifndef ROOMD_BASE_BUCKET_H
#define ROOMD_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Both above 0; or per_s 0: no limit. */
struct rate {
    uint32_t per_s;
    uint32_t burst;
};

struct bucket {
    uint64_t level;
    uint64_t since_ns; /* when that was right */
};

static inline bool rate_is_limited(const struct rate *rate)
{
    return rate->per_s > 0;
}

static inline void bucket_fill(struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
    *bucket = (struct bucket){.level = rate->burst * NS_PER_S, .since_ns = now_ns};
}

/* What it holds now. The rate may be another one than the last time. */
static inline uint64_t bucket_level(struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
    uint64_t full = rate->burst * NS_PER_S;
    uint64_t elapsed_ns = now_ns > bucket->since_ns ? now_ns - bucket->since_ns : 0;
    uint64_t room = bucket->level < full ? full - bucket->level : 0;
    /* Seconds at most, and the product can't wrap: nothing need be divided. */
    bool is_full =
        elapsed_ns <= UINT32_MAX ? elapsed_ns * rate->per_s >= room : elapsed_ns >= room / rate->per_s + 1;

    bucket->level = is_full ? full : bucket->level + elapsed_ns * rate->per_s;
    bucket->since_ns = now_ns;
    return bucket->level;
}

/* Whole tokens that there are; UINT32_MAX without a limit. */
static inline uint32_t bucket_tokens(struct bucket *bucket, const struct rate *rate, uint64_t now_ns)
{
    return rate_is_limited(rate) ? (uint32_t)(bucket_level(bucket, rate, now_ns) / NS_PER_S) : UINT32_MAX;
}

/* Whether it holds so many; always without a limit. Nothing is divided, unlike in bucket_tokens. */
static inline bool bucket_holds(struct bucket *bucket, const struct rate *rate, uint64_t now_ns,
                                uint32_t tokens)
{
    return !rate_is_limited(rate) || bucket_level(bucket, rate, now_ns) >= tokens * NS_PER_S;
}

/* Takes `tokens`; or all that there are, where it holds fewer. */
static inline void bucket_take(struct bucket *bucket, const struct rate *rate, uint32_t tokens)
{
    uint64_t taken = rate_is_limited(rate) ? tokens * NS_PER_S : 0;

    bucket->level -= taken < bucket->level ? taken : bucket->level;
}

#endif

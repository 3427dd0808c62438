#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bucket.h"

static const struct rate rate = {.per_s = 7, .burst = 20};

static bool take_one(struct bucket *bucket, const struct rate *of, uint64_t now_ns)
{
    if (bucket_tokens(bucket, of, now_ns) < 1) {
        return false;
    }
    bucket_take(bucket, of, 1);
    return true;
}

static void it_begins_with_the_burst(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_fill(&bucket, &rate, NS_PER_S);
    for (uint32_t i = 0; i < rate.burst; i++) {
        assert_true(take_one(&bucket, &rate, NS_PER_S));
    }
    assert_false(take_one(&bucket, &rate, NS_PER_S));
}

/* Whoever asks all the time, at moments however odd, gets the burst and rate x time: neither more nor less. */
static void what_is_granted_is_exact(void **state)
{
    uint64_t begin_ns = 12345;

    (void)state;
    srand(1);
    for (int round = 0; round < 20; round++) {
        struct rate of = {.per_s = 1 + (uint32_t)rand() % 100000, .burst = 1 + (uint32_t)rand() % 100000};
        struct bucket bucket;
        uint64_t now_ns = begin_ns;
        uint64_t granted = 0;

        bucket_fill(&bucket, &of, now_ns);
        for (int i = 0; i < 20000; i++) {
            uint32_t some = bucket_tokens(&bucket, &of, now_ns);

            bucket_take(&bucket, &of, some);
            granted += some;
            now_ns += (uint64_t)rand() % (of.burst * NS_PER_S / of.per_s < 2000000 ? 1000 : 1000000);
            assert_true(granted <= of.burst + (now_ns - begin_ns) * of.per_s / NS_PER_S);
        }
        granted += bucket_tokens(&bucket, &of, now_ns);
        assert_int_equal(granted, of.burst + (now_ns - begin_ns) * of.per_s / NS_PER_S);
    }
}

/* From a nanosecond to an hour later, whole numbers of 128 bits say the same. */
static void however_long_it_was_not_asked_it_is_exact(void **state)
{
    (void)state;
    srand(2);
    for (int round = 0; round < 200000; round++) {
        struct rate of = {.per_s = 1 + ((uint32_t)rand() >> rand() % 31),
                          .burst = 1 + ((uint32_t)rand() >> rand() % 31)};
        uint32_t taken = (uint32_t)rand() % of.burst + 1;
        uint64_t later_ns = ((uint64_t)rand() << 11) >> rand() % 42;
        unsigned __int128 level =
            (unsigned __int128)(of.burst - taken) * NS_PER_S + (unsigned __int128)later_ns * of.per_s;
        struct bucket bucket;

        bucket_fill(&bucket, &of, 5);
        bucket_take(&bucket, &of, taken);
        level = level < of.burst * NS_PER_S ? level : of.burst * NS_PER_S;
        assert_true(bucket_level(&bucket, &of, 5 + later_ns) == level);
    }
}

static void it_never_holds_more_than_the_burst(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_fill(&bucket, &rate, 0);
    assert_int_equal(bucket_tokens(&bucket, &rate, UINT64_MAX), rate.burst);
    bucket_take(&bucket, &rate, 1);
    assert_int_equal(bucket_tokens(&bucket, &rate, UINT64_MAX), rate.burst - 1);
}

static void the_largest_numbers_do_not_wrap(void **state)
{
    const struct rate large = {.per_s = UINT32_MAX, .burst = UINT32_MAX};
    struct bucket bucket;

    (void)state;
    bucket_fill(&bucket, &large, 0);
    bucket_take(&bucket, &large, UINT32_MAX);
    assert_int_equal(bucket_tokens(&bucket, &large, NS_PER_S / 2), UINT32_MAX / 2);
    assert_int_equal(bucket_tokens(&bucket, &large, UINT64_MAX), UINT32_MAX);
}

/* A reload, or a room with limits of its own. */
static void a_lower_burst_holds_at_once(void **state)
{
    const struct rate lower = {.per_s = 7, .burst = 5};
    struct bucket bucket;

    (void)state;
    bucket_fill(&bucket, &rate, 0);
    assert_int_equal(bucket_tokens(&bucket, &lower, 0), 5);
    assert_int_equal(bucket_tokens(&bucket, &rate, 0), 5); /* and what is gone comes back at the rate */
    assert_int_equal(bucket_tokens(&bucket, &rate, NS_PER_S), 12);
}

static void without_a_limit_there_are_always_enough(void **state)
{
    const struct rate none = {0};
    struct bucket bucket = {0};

    (void)state;
    assert_int_equal(bucket_tokens(&bucket, &none, 0), UINT32_MAX);
    bucket_take(&bucket, &none, UINT32_MAX);
    assert_int_equal(bucket_tokens(&bucket, &none, 0), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_the_burst),
        cmocka_unit_test(what_is_granted_is_exact),
        cmocka_unit_test(however_long_it_was_not_asked_it_is_exact),
        cmocka_unit_test(it_never_holds_more_than_the_burst),
        cmocka_unit_test(the_largest_numbers_do_not_wrap),
        cmocka_unit_test(a_lower_burst_holds_at_once),
        cmocka_unit_test(without_a_limit_there_are_always_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

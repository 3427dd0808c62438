#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/asan.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/pool.h"
#include "support/alloc_count.h"

enum { OBJECTS_MAX = 3000 };

static void *taken[OBJECTS_MAX];

static void take_all(struct pool *pool, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        taken[i] = pool_take(pool);
        assert_non_null(taken[i]);
    }
}

static void give_all(struct pool *pool, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pool_give(pool, taken[i]);
    }
}

static void a_pool_stops_at_its_limit(void **state)
{
    struct pool pool;

    (void)state;
    pool_init(&pool, "test", 40, 1700);
    assert_int_equal(pool.used, 0);
    assert_int_equal(pool.total, 0);
    for (int round = 0; round < 3; round++) {
        take_all(&pool, 1700);
        assert_int_equal(pool.used, 1700);
        assert_int_equal(pool.total, 1700);
        assert_null(pool_take(&pool));
        pool_give(&pool, taken[1699]);
        assert_int_equal(pool.used, 1699);
        taken[1699] = pool_take(&pool);
        assert_non_null(taken[1699]);
        assert_null(pool_take(&pool));
        give_all(&pool, 1700);
        assert_int_equal(pool.used, 0);
    }
    pool_give(&pool, NULL);
    assert_int_equal(pool.used, 0);
    pool_fini(&pool);
}

/* Of every size: aligned for any type, writable to the last byte, and no two objects share one. */
static void objects_are_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {1, 7, 8, 9, 16, 17, 24, 100, 1000, 16384, 65536, 100000};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        const uint32_t count = 50;
        struct pool pool;

        pool_init(&pool, "test", sizes[s], count);
        take_all(&pool, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal((uintptr_t)taken[i] % _Alignof(max_align_t), 0);
            memset(taken[i], (int)i, sizes[s]);
        }
        for (uint32_t i = 0; i < count; i++) {
            const unsigned char *bytes = taken[i];

            for (size_t b = 0; b < sizes[s]; b++) {
                assert_int_equal(bytes[b], i);
            }
        }
        give_all(&pool, count);
        pool_fini(&pool);
    }
}

/* Random takes and gives; what is written into an object stays there as long as it is held. */
static void held_objects_are_never_touched(void **state)
{
    static uint64_t *held[500];
    struct pool pool;
    uint32_t used = 0;

    (void)state;
    pool_init(&pool, "test", 3 * sizeof(uint64_t), 400);
    for (uint64_t step = 1; step < 50000; step++) {
        uint64_t random = hash_u64(step);
        uint64_t **slot = &held[random % 500];

        if (*slot == NULL) {
            *slot = pool_take(&pool);
            assert_int_equal(*slot != NULL, used < 400);
            if (*slot != NULL) {
                used++;
                (*slot)[0] = (*slot)[1] = (*slot)[2] = random % 500;
            }
        } else {
            for (int i = 0; i < 3; i++) {
                assert_true((*slot)[i] == random % 500);
            }
            pool_give(&pool, *slot);
            *slot = NULL;
            used--;
        }
        assert_int_equal(pool.used, used);
    }
    for (size_t i = 0; i < 500; i++) {
        pool_give(&pool, held[i]);
    }
    pool_fini(&pool);
}

static void memory_running_out_is_null(void **state)
{
    const size_t object_bytes = SIZE_MAX / 4; /* more than any machine can map */
    struct pool pool;

    (void)state;
    if (!alloc_count_is_available()) {
        skip(); /* a sanitizer's malloc ends the process instead */
    }
    pool_init(&pool, "test", object_bytes, 2);
    assert_null(pool_take(&pool));
    assert_int_equal(pool.used, 0);
    assert_int_equal(pool.total, 0);
    pool_fini(&pool);
}

static void the_last_given_is_the_first_taken(void **state)
{
    struct pool pool;

    (void)state;
    if (ASAN_IS_ON) {
        skip();
    }
    pool_init(&pool, "test", 64, 100);
    take_all(&pool, 10);
    pool_give(&pool, taken[3]);
    pool_give(&pool, taken[7]);
    pool_give(&pool, taken[5]);
    assert_ptr_equal(pool_take(&pool), taken[5]);
    assert_ptr_equal(pool_take(&pool), taken[7]);
    assert_ptr_equal(pool_take(&pool), taken[3]);
    give_all(&pool, 10);
    pool_fini(&pool);
}

static void a_pool_grows_by_slabs_and_keeps_them(void **state)
{
    struct pool pool;
    uint32_t per_slab;

    (void)state;
    if (ASAN_IS_ON) {
        skip();
    }
    pool_init(&pool, "test", 100, 1500);
    per_slab = pool.slab_objects;
    assert_in_range((size_t)per_slab * 112, 60 * 1024, 64 * 1024);
    take_all(&pool, 1);
    assert_int_equal(pool.total, per_slab);
    take_all(&pool, per_slab - 1);
    assert_int_equal(pool.total, per_slab);
    assert_ptr_equal((char *)taken[0] + 112, taken[1]); /* neighbours are taken one after the other */
    assert_non_null(taken[per_slab] = pool_take(&pool));
    assert_int_equal(pool.total, 2 * per_slab);
    while (pool_take(&pool) != NULL) {
    }
    assert_int_equal(pool.used, 1500);
    assert_int_equal(pool.total, 1500); /* the last slab is cut short at the limit */
    pool.used = 0;                      /* as if all had been given back: only the slabs matter now */
    pool_fini(&pool);
    assert_int_equal(pool.total, 0);

    pool_init(&pool, "test", 1 << 20, 3);
    assert_int_equal(pool.slab_objects, 1);
    take_all(&pool, 3);
    give_all(&pool, 3);
    assert_int_equal(pool.total, 3);
    pool_fini(&pool);
}

static void what_is_given_back_is_poisoned(void **state)
{
    struct pool pool;
    unsigned char *object;

    (void)state;
    if (ASAN_IS_ON) {
        skip();
    }
    pool_init(&pool, "test", 200, 4);
    object = pool_take(&pool);
    memset(object, 0x11, 200);
    pool_give(&pool, object);
    for (size_t i = sizeof(void *); i < 200; i++) {
        assert_int_equal(object[i], 0xA5);
    }
    assert_ptr_equal(pool_take(&pool), object);
    pool_give(&pool, object);
    pool_fini(&pool);
}

static void a_steady_state_calls_malloc_never(void **state)
{
    struct pool pool;
    uint64_t calls_before;
    uint64_t calls_after;

    (void)state;
    if (!alloc_count_is_available()) {
        assert_true(alloc_count_calls() == 0);
        skip();
    }
    pool_init(&pool, "test", 100, OBJECTS_MAX);
    calls_before = alloc_count_calls();
    take_all(&pool, OBJECTS_MAX);
    calls_after = alloc_count_calls();
    /* One for each slab, and one for their list. */
    assert_int_equal(calls_after - calls_before,
                     (OBJECTS_MAX + pool.slab_objects - 1) / pool.slab_objects + 1);
    assert_null(pool_take(&pool)); /* a refusal costs nothing either */
    assert_true(alloc_count_calls() == calls_after);
    give_all(&pool, OBJECTS_MAX);

    calls_before = alloc_count_calls();
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
            taken[i] = pool_take(&pool);
        }
        give_all(&pool, OBJECTS_MAX);
    }
    calls_after = alloc_count_calls();
    assert_int_equal(calls_after - calls_before, 0);
    pool_fini(&pool);
}

/* What is in use stays as it is, and what went back may be had again. */
static void whole_slabs_go_back_when_nobody_uses_them(void **state)
{
    uint64_t memory_before = memory_used_bytes();
    uint32_t random = 1;
    struct pool pool;

    (void)state;
    if (ASAN_IS_ON) {
        skip();
    }
    pool_init(&pool, "test", 100, OBJECTS_MAX);
    for (uint32_t round = 0; round < 40; round++) {
        uint32_t keep_each = 1 + round * 25; /* of so many one is kept: from all to one in two slabs */
        uint64_t used_bytes;
        uint64_t bytes;
        uint32_t total;

        take_all(&pool, OBJECTS_MAX);
        for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
            memset(taken[i], (int)(i & 0xFF), 100);
        }
        for (uint32_t i = 0; i < OBJECTS_MAX; i++) { /* in no order of theirs */
            random = random * 1664525 + 1013904223;
            uint32_t at = i + random % (OBJECTS_MAX - i);
            void *object = taken[at];

            taken[at] = taken[i];
            taken[i] = object;
        }
        uint32_t kept = OBJECTS_MAX / keep_each;

        for (uint32_t i = kept; i < OBJECTS_MAX; i++) {
            pool_give(&pool, taken[i]);
        }
        used_bytes = memory_used_bytes();
        total = pool.total;
        bytes = pool_trim(&pool);
        assert_int_equal(bytes, (uint64_t)(total - pool.total) * pool.object_bytes);
        assert_in_range(used_bytes - memory_used_bytes(), bytes, bytes + 6 * 64);
        assert_int_equal(pool.used, kept);
        assert_true(pool.total >= kept && pool.total <= kept * pool.slab_objects);
        assert_int_equal(pool_trim(&pool), 0);
        for (uint32_t i = 0; i < kept; i++) {
            const unsigned char *object = taken[i];

            for (int n = 1; n < 100; n++) {
                assert_int_equal(object[n], object[0]);
            }
            pool_give(&pool, taken[i]);
        }
    }
    assert_true(pool_trim(&pool) > 0);
    assert_int_equal(pool.total, 0);
    pool_fini(&pool);
    assert_int_equal(memory_used_bytes(), memory_before);
}

static bool take_one_more(struct pool *pool)
{
    void *object = pool_take(pool);

    if (object != NULL) {
        taken[pool->used - 1] = object;
    }
    return object != NULL;
}

static void a_pool_without_memory_for_a_slab_is_as_it_was(void **state)
{
    struct pool pool;
    uint32_t used;

    (void)state;
    pool_init(&pool, "test", 100, OBJECTS_MAX);
    assert_true(take_one_more(&pool));
    memory_set_limit(memory_used_bytes() + 1000);
    while (take_one_more(&pool)) {
    }
    used = pool.used;
    assert_int_equal(pool.total, used);
    assert_in_range(used, 2, ASAN_IS_ON ? 11 : pool.slab_objects);
    assert_false(take_one_more(&pool));
    memory_set_limit(UINT64_MAX);
    assert_true(take_one_more(&pool));
    assert_int_equal(pool.used, used + 1);
    give_all(&pool, used + 1);
    pool_fini(&pool);
}

/* The counter itself: were it blind, the test above could not fail. */
static void every_kind_of_allocation_is_counted(void **state)
{
    void *volatile memory[5] = {NULL}; /* volatile, or the compiler drops what is only freed again */
    void *aligned = NULL;
    uint64_t calls_before = alloc_count_calls();
    uint64_t calls;

    (void)state;
    if (!alloc_count_is_available()) {
        skip();
    }
    memory[0] = malloc(10);
    memory[1] = calloc(3, 10);
    memory[2] = realloc(NULL, 10);
    memory[3] = aligned_alloc(64, 128);
    assert_int_equal(posix_memalign(&aligned, 256, 10), 0);
    memory[4] = strdup("from inside libc");
    calls = alloc_count_calls() - calls_before;
    assert_int_equal(calls, 6);
    assert_int_equal((uintptr_t)memory[3] % 64, 0);
    assert_int_equal((uintptr_t)aligned % 256, 0);
    calls_before = alloc_count_calls();
    for (int i = 0; i < 5; i++) {
        free(memory[i]);
    }
    free(aligned);
    calls = alloc_count_calls() - calls_before;
    assert_int_equal(calls, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_stops_at_its_limit),
        cmocka_unit_test(objects_are_aligned_and_apart),
        cmocka_unit_test(held_objects_are_never_touched),
        cmocka_unit_test(memory_running_out_is_null),
        cmocka_unit_test(the_last_given_is_the_first_taken),
        cmocka_unit_test(a_pool_grows_by_slabs_and_keeps_them),
        cmocka_unit_test(what_is_given_back_is_poisoned),
        cmocka_unit_test(a_steady_state_calls_malloc_never),
        cmocka_unit_test(whole_slabs_go_back_when_nobody_uses_them),
        cmocka_unit_test(a_pool_without_memory_for_a_slab_is_as_it_was),
        cmocka_unit_test(every_kind_of_allocation_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/asan.h"
#include "base/memory.h"
#include "gather/chunk.h"

enum { CHUNK_BYTES = 100 };

static const uint64_t chunk_memory = sizeof(struct chunk) + CHUNK_BYTES;

static void an_opened_chunk_is_empty_and_the_openers(void **state)
{
    static const size_t sizes[] = {0, 1, CHUNK_BYTES - 1, CHUNK_BYTES};
    struct chunk_pool pool;

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, 1 << 20);
    assert_int_equal(pool.memory_bytes, 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct chunk *chunk = chunk_open(&pool, sizes[i]);

        assert_non_null(chunk);
        assert_int_equal(chunk->refs, 1);
        assert_int_equal(chunk->used, 0);
        assert_int_equal(chunk->size, CHUNK_BYTES);
        assert_null(chunk->next);
        assert_int_equal(pool.live, 1);
        memset(chunk->bytes, 0xEE, chunk->size);
        /* What the last holder left in it must not come back with it. */
        chunk->used = 50;
        chunk->base = 12345;
        chunk->next = chunk;
        chunk_unref(chunk);
        assert_int_equal(pool.live, 0);
    }
    chunk_pool_fini(&pool);
}

static void the_last_reference_lets_a_chunk_go(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunk;

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, 1 << 20);
    chunk = chunk_open(&pool, 1);
    assert_non_null(chunk);
    chunk_ref(chunk);
    chunk_ref(chunk);
    assert_int_equal(chunk->refs, 3);
    chunk_unref(chunk);
    chunk_unref(chunk);
    assert_int_equal(pool.live, 1);
    assert_int_equal(chunk->refs, 1);
    chunk_unref(chunk);
    assert_int_equal(pool.live, 0);
    chunk_pool_fini(&pool);
    assert_int_equal(pool.memory_bytes, 0);
}

static void a_chunk_of_the_ordinary_size_comes_back_from_the_cache(void **state)
{
    struct chunk_pool pool;
    struct chunk *first;
    struct chunk *second;

    (void)state;
    if (ASAN_IS_ON) {
        skip(); /* nothing is cached then, so that use after the last reference is seen */
    }
    chunk_pool_init(&pool, CHUNK_BYTES, 1 << 20);
    first = chunk_open(&pool, 1);
    chunk_unref(first);
    assert_int_equal(pool.ordinary.count, 1);
    assert_int_equal(pool.memory_bytes, chunk_memory);
    second = chunk_open(&pool, CHUNK_BYTES);
    assert_ptr_equal(second, first);
    assert_int_equal(pool.ordinary.count, 0);
    assert_int_equal(pool.memory_bytes, chunk_memory);
    chunk_unref(second);
    chunk_pool_fini(&pool);
}

static void an_outsize_chunk_is_of_the_size_asked_for_and_freed_at_once(void **state)
{
    struct chunk_pool pool;
    struct chunk *ordinary;
    struct chunk *outsize;

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, 1 << 20);
    ordinary = chunk_open(&pool, 1);
    chunk_unref(ordinary);

    uint64_t memory_bytes = pool.memory_bytes;

    outsize = chunk_open(&pool, CHUNK_BYTES + 1);
    assert_non_null(outsize);
    assert_int_equal(outsize->size, CHUNK_BYTES + 1);
    memset(outsize->bytes, 0xEE, outsize->size);
    assert_int_equal(pool.memory_bytes, memory_bytes + chunk_memory + 1);
    chunk_unref(outsize);
    assert_int_equal(pool.memory_bytes, memory_bytes);
    outsize = chunk_open(&pool, 65535);
    assert_int_equal(outsize->size, 65535);
    chunk_unref(outsize);
    assert_int_equal(pool.memory_bytes, memory_bytes);
    chunk_pool_fini(&pool);
}

static void a_pool_stops_at_its_limit(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunks[4];

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, chunk_memory * 4);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            chunks[i] = chunk_open(&pool, 1);
            assert_non_null(chunks[i]);
        }
        assert_null(chunk_open(&pool, 1));
        assert_null(chunk_open(&pool, CHUNK_BYTES + 1));
        assert_int_equal(pool.live, 4);
        assert_int_equal(pool.memory_bytes, chunk_memory * 4);
        chunk_unref(chunks[2]);
        chunks[2] = chunk_open(&pool, 1);
        assert_non_null(chunks[2]);
        assert_null(chunk_open(&pool, 1));
        for (int i = 0; i < 4; i++) {
            chunk_unref(chunks[i]);
        }
    }
    chunk_pool_fini(&pool);
}

/* The cache counts as memory in use, and gives way: as much of it as is needed, when that is enough at all.
 */
static void cached_chunks_make_room_for_an_outsize_one(void **state)
{
    struct chunk_pool pool;
    struct chunk *chunks[4];
    struct chunk *outsize;

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, chunk_memory * 4);
    for (int i = 0; i < 4; i++) {
        chunks[i] = chunk_open(&pool, 1);
    }
    for (int i = 0; i < 3; i++) {
        chunk_unref(chunks[i]);
    }
    outsize = chunk_open(&pool, CHUNK_BYTES * 2);
    assert_non_null(outsize);
    assert_int_equal(outsize->size, CHUNK_BYTES * 2);
    assert_true(pool.memory_bytes <= pool.memory_bytes_max);
    assert_int_equal(pool.ordinary.count, ASAN_IS_ON ? 0 : 1);
    chunk_unref(outsize);
    assert_null(chunk_open(&pool, CHUNK_BYTES * 10));
    assert_int_equal(pool.live, 1);
    outsize = chunk_open(&pool, CHUNK_BYTES * 3);
    assert_non_null(outsize);
    chunk_unref(outsize);
    chunk_unref(chunks[3]);
    chunk_pool_fini(&pool);
}

/* Each size comes back from its own cache, and both count and give way. */
static void small_chunks_have_a_cache_of_their_own(void **state)
{
    static const uint64_t small_memory = sizeof(struct chunk) + CHUNK_SMALL_BYTES;
    static const uint64_t large_memory = sizeof(struct chunk) + 4 * CHUNK_SMALL_BYTES;
    struct chunk_pool pool;
    struct chunk *small;
    struct chunk *large;

    (void)state;
    chunk_pool_init(&pool, 4 * CHUNK_SMALL_BYTES, small_memory + large_memory);
    small = chunk_open_small(&pool, CHUNK_SMALL_BYTES);
    large = chunk_open_small(&pool, CHUNK_SMALL_BYTES + 1); /* too much for a small one */
    assert_int_equal(small->size, CHUNK_SMALL_BYTES);
    assert_int_equal(large->size, 4 * CHUNK_SMALL_BYTES);
    assert_int_equal(pool.memory_bytes, small_memory + large_memory);
    assert_null(chunk_open_small(&pool, 1));
    memset(small->bytes, 0xEE, small->size);
    chunk_unref(small);
    chunk_unref(large);
    if (!ASAN_IS_ON) {
        assert_int_equal(pool.memory_bytes, small_memory + large_memory);
        assert_int_equal(pool.small.count, 1);
        assert_ptr_equal(chunk_open(&pool, 1), large);
        assert_ptr_equal(chunk_open_small(&pool, 1), small);
        chunk_unref(small);
        assert_null(chunk_open(&pool, 1)); /* the small one that it frees is not enough */
        assert_int_equal(pool.small.count, 0);
        chunk_unref(large);
    }
    for (int i = 0; i < 5; i++) {
        struct chunk *chunk = chunk_open_small(&pool, 1);

        assert_non_null(chunk);
        assert_int_equal(chunk->size, CHUNK_SMALL_BYTES);
        chunk_unref(chunk);
    }
    large = chunk_open(&pool, 4 * CHUNK_SMALL_BYTES + CHUNK_SMALL_BYTES);
    assert_non_null(large); /* both caches gave way to it */
    assert_int_equal(pool.ordinary.count + pool.small.count, 0);
    chunk_unref(large);
    chunk_pool_fini(&pool);
}

static void where_chunks_are_no_larger_than_small_ones_there_is_one_size(void **state)
{
    struct chunk_pool pool;

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, 1 << 20);
    for (size_t bytes = 1; bytes < 2 * CHUNK_BYTES; bytes += 50) {
        struct chunk *chunk = chunk_open_small(&pool, bytes);

        assert_int_equal(chunk->size, bytes <= CHUNK_BYTES ? CHUNK_BYTES : bytes);
        chunk_unref(chunk);
        assert_int_equal(pool.small.count, 0);
        assert_int_equal(pool.ordinary.count, ASAN_IS_ON ? 0 : 1);
    }
    chunk_pool_fini(&pool);
}

static void a_burst_does_not_keep_its_memory(void **state)
{
    enum { BURST = 4000 };
    static struct chunk *chunks[BURST];
    struct chunk_pool pool;

    (void)state;
    chunk_pool_init(&pool, CHUNK_BYTES, chunk_memory * BURST);
    for (int i = 0; i < BURST; i++) {
        chunks[i] = chunk_open(&pool, 1);
        assert_non_null(chunks[i]);
    }
    assert_int_equal(pool.live, BURST);
    for (int i = 0; i < BURST; i++) {
        chunk_unref(chunks[i]);
    }
    assert_int_equal(pool.live, 0);
    assert_int_equal(pool.memory_bytes, pool.ordinary.count * chunk_memory);
    assert_true(pool.ordinary.count < BURST / 4);
    chunk_pool_fini(&pool);
    assert_int_equal(pool.memory_bytes, 0);
    assert_int_equal(pool.ordinary.count, 0);
}

/* The cache keeps 128 KiB however long nobody needs it. */
enum { AGING_CHUNKS = 200, KEPT_CHUNKS = 128 / 8 };

static void take_and_let_go(struct chunk_pool *pool, int count)
{
    struct chunk *chunks[AGING_CHUNKS];

    for (int i = 0; i < count; i++) {
        chunks[i] = chunk_open(pool, 1);
        assert_non_null(chunks[i]);
    }
    for (int i = 0; i < count; i++) {
        chunk_unref(chunks[i]);
    }
}

/* A burst of 200, and 5 that come and go every so often: these and a few are kept, the rest goes, a bounded part at a time. */
static void what_a_burst_left_behind_goes_back(void **state)
{
    struct chunk_pool pool;
    uint32_t cached = ASAN_IS_ON ? 0 : AGING_CHUNKS;
    int calls = 0;

    (void)state;
    chunk_pool_init(&pool, 4 * CHUNK_SMALL_BYTES, 1 << 24);
    take_and_let_go(&pool, AGING_CHUNKS);
    chunk_pool_age(&pool); /* they have been needed since */
    assert_int_equal(pool.ordinary.count, cached);
    for (; pool.ordinary.count > KEPT_CHUNKS + 5; cached = pool.ordinary.count) {
        take_and_let_go(&pool, 5);
        chunk_pool_age(&pool);
        assert_true(cached - pool.ordinary.count > 0 && cached - pool.ordinary.count <= CHUNK_AGE_MAX);
        assert_true(++calls < 30);
    }
    for (int i = 0; i < 10; i++) {
        take_and_let_go(&pool, 5);
        chunk_pool_age(&pool);
        assert_int_equal(pool.ordinary.count, ASAN_IS_ON ? 0 : KEPT_CHUNKS + 5); /* no more, no fewer */
    }
    for (int i = 0; i < 10; i++) {
        chunk_pool_age(&pool); /* nobody comes any more */
    }
    assert_int_equal(pool.ordinary.count, ASAN_IS_ON ? 0 : KEPT_CHUNKS);
    chunk_pool_fini(&pool);
}

/* Both caches are empty afterwards; what someone holds stays, and the pool goes on. */
static void a_trimmed_pool_holds_what_is_in_use(void **state)
{
    static const uint64_t small_memory = sizeof(struct chunk) + CHUNK_SMALL_BYTES;
    static const uint64_t large_memory = sizeof(struct chunk) + 4 * CHUNK_SMALL_BYTES;
    struct chunk_pool pool;
    struct chunk *small[5];
    struct chunk *large[3];
    uint64_t used_bytes = memory_used_bytes();

    (void)state;
    chunk_pool_init(&pool, 4 * CHUNK_SMALL_BYTES, 1 << 20);
    assert_int_equal(chunk_pool_trim(&pool), 0);
    for (int i = 0; i < 5; i++) {
        small[i] = chunk_open_small(&pool, 1);
        assert_non_null(small[i]);
    }
    for (int i = 0; i < 3; i++) {
        large[i] = chunk_open(&pool, 1);
        assert_non_null(large[i]);
    }
    assert_int_equal(chunk_pool_trim(&pool), 0);
    for (int i = 1; i < 5; i++) {
        chunk_unref(small[i]);
    }
    for (int i = 1; i < 3; i++) {
        chunk_unref(large[i]);
    }
    assert_int_equal(chunk_pool_trim(&pool), ASAN_IS_ON ? 0 : 4 * small_memory + 2 * large_memory);
    assert_int_equal(pool.ordinary.count + pool.small.count, 0);
    assert_int_equal(pool.live, 2);
    assert_int_equal(pool.memory_bytes, small_memory + large_memory);
    assert_true(memory_used_bytes() - used_bytes < small_memory + large_memory + 100); /* it was given back */
    assert_int_equal(chunk_pool_trim(&pool), 0);
    large[1] = chunk_open(&pool, 1);
    assert_non_null(large[1]);
    chunk_unref(large[0]);
    chunk_unref(large[1]);
    chunk_unref(small[0]);
    chunk_pool_fini(&pool);
    assert_int_equal(memory_used_bytes(), used_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_opened_chunk_is_empty_and_the_openers),
        cmocka_unit_test(the_last_reference_lets_a_chunk_go),
        cmocka_unit_test(a_chunk_of_the_ordinary_size_comes_back_from_the_cache),
        cmocka_unit_test(an_outsize_chunk_is_of_the_size_asked_for_and_freed_at_once),
        cmocka_unit_test(a_pool_stops_at_its_limit),
        cmocka_unit_test(cached_chunks_make_room_for_an_outsize_one),
        cmocka_unit_test(small_chunks_have_a_cache_of_their_own),
        cmocka_unit_test(where_chunks_are_no_larger_than_small_ones_there_is_one_size),
        cmocka_unit_test(a_burst_does_not_keep_its_memory),
        cmocka_unit_test(what_a_burst_left_behind_goes_back),
        cmocka_unit_test(a_trimmed_pool_holds_what_is_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

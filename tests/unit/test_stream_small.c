/* Streams that begin with small chunks, streams that are put aside and used again, and barriers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "base/asan.h"
#include "gather/stream.h"
#include "support/alloc_count.h"

enum { CHUNK_BYTES = 16384 };

struct fixture {
    struct chunk_pool pool;
    struct stream stream;
};

static void setup(struct fixture *f)
{
    chunk_pool_init(&f->pool, CHUNK_BYTES, 1 << 20);
    stream_init(&f->stream, &f->pool);
    f->stream.starts_small = true;
}

static void teardown(struct fixture *f)
{
    stream_fini(&f->stream);
    assert_int_equal(f->pool.live, 0);
    chunk_pool_fini(&f->pool);
}

static void append(struct fixture *f, uint8_t fill, size_t bytes)
{
    static uint8_t packet[4 * CHUNK_BYTES];

    assert_true(bytes <= sizeof(packet));
    memset(packet, fill, bytes);
    assert_int_equal(stream_append(&f->stream, packet, bytes), 0);
}

static int append_keyed(struct fixture *f, uint64_t key, uint64_t value)
{
    return stream_append_keyed(&f->stream, key, &value, sizeof(value));
}

static void trim(struct fixture *f)
{
    stream_trim(&f->stream, f->stream.end);
}

static void what_is_little_takes_a_small_chunk(void **state)
{
    struct fixture f;
    const struct chunk *tail;

    (void)state;
    setup(&f);
    append(&f, 'a', 1);
    tail = f.stream.tail;
    assert_int_equal(f.pool.memory_bytes, sizeof(struct chunk) + CHUNK_SMALL_BYTES);
    append(&f, 'b', CHUNK_SMALL_BYTES - 1);
    assert_ptr_equal(f.stream.tail, tail);
    trim(&f);
    for (int tick = 0; tick < 10; tick++) {
        append(&f, 'c', CHUNK_SMALL_BYTES);
        assert_ptr_equal(f.stream.tail, tail); /* rewound in place, like any other */
        trim(&f);
    }
    assert_int_equal(f.pool.live, 1);
    f.stream.starts_small = false;
    append(&f, 'd', CHUNK_SMALL_BYTES);
    append(&f, 'e', 1);
    assert_int_equal(f.stream.tail->size, CHUNK_BYTES);
    teardown(&f);
}

static void what_is_more_takes_an_ordinary_one(void **state)
{
    struct fixture f;
    const struct chunk *tail;

    (void)state;
    setup(&f);
    append(&f, 'a', CHUNK_SMALL_BYTES);
    append(&f, 'b', 1);
    assert_int_equal(f.stream.head->size, CHUNK_SMALL_BYTES);
    assert_int_equal(f.stream.tail->size, CHUNK_BYTES);
    tail = f.stream.tail;
    trim(&f);
    for (int tick = 0; tick < 10; tick++) {
        assert_int_equal(f.pool.live, 1);
        append(&f, 'c', CHUNK_SMALL_BYTES - 10);
        append(&f, 'd', 11);
        assert_ptr_equal(f.stream.tail, tail); /* it goes on needing it, so it keeps it */
        trim(&f);
    }
    teardown(&f);
}

static void a_large_tail_goes_when_little_is_written(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    append(&f, 'a', CHUNK_SMALL_BYTES + 1);
    assert_int_equal(f.stream.tail->size, CHUNK_BYTES); /* no small one could take it */
    trim(&f);
    assert_int_equal(f.pool.live, 1);
    append(&f, 'b', CHUNK_SMALL_BYTES);
    trim(&f);
    assert_int_equal(f.pool.live, 0);
    assert_null(f.stream.head);
    append(&f, 'c', CHUNK_SMALL_BYTES);
    assert_int_equal(f.stream.tail->size, CHUNK_SMALL_BYTES);
    append(&f, 'd', CHUNK_BYTES + 1);
    append(&f, 'e', 1);
    assert_int_equal(f.stream.head->next->size, CHUNK_BYTES + 1);
    assert_int_equal(f.stream.tail->size, CHUNK_BYTES);
    trim(&f);
    assert_int_equal(f.pool.live, 1);
    teardown(&f);
}

/* A trim that leaves something does not count as the moment when all was read. */
static void what_counts_is_what_was_written_since_all_was_read(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    append(&f, 'a', CHUNK_SMALL_BYTES);
    append(&f, 'b', 10);
    stream_trim(&f.stream, CHUNK_SMALL_BYTES);
    assert_int_equal(f.pool.live, 1);
    append(&f, 'c', 10);
    trim(&f);
    assert_int_equal(f.stream.tail->size, CHUNK_BYTES);
    append(&f, 'd', 10);
    trim(&f);
    assert_null(f.stream.tail);
    teardown(&f);
}

/* A slow reader holds the tail: what is written behind it is little all the same. */
static void a_held_tail_is_followed_by_a_small_one(void **state)
{
    struct fixture f;
    struct chunk *held;

    (void)state;
    setup(&f);
    append(&f, 'a', CHUNK_SMALL_BYTES - 10);
    held = f.stream.tail;
    chunk_ref(held);
    trim(&f);
    append(&f, 'b', 10);
    trim(&f);
    append(&f, 'c', 11);
    assert_ptr_not_equal(f.stream.tail, held);
    assert_int_equal(f.stream.tail->size, CHUNK_SMALL_BYTES);
    trim(&f);
    assert_int_equal(held->refs, 1);
    assert_int_equal(held->bytes[CHUNK_SMALL_BYTES - 1], 'b');
    chunk_unref(held);
    teardown(&f);
}

/* Many streams, now quiet and now busy: the two caches take turns, and the system is not asked. */
static void a_change_of_pace_allocates_nothing(void **state)
{
    enum { STREAMS = 100 };
    static struct stream streams[STREAMS];
    static uint8_t packet[CHUNK_SMALL_BYTES];
    struct chunk_pool pool;
    uint64_t calls = 0;

    (void)state;
    if (!alloc_count_is_available()) {
        skip();
    }
    chunk_pool_init(&pool, CHUNK_BYTES, 64 << 20);
    for (int i = 0; i < STREAMS; i++) {
        stream_init(&streams[i], &pool);
        streams[i].starts_small = true;
    }
    for (int tick = 0; tick < 60; tick++) {
        if (tick == 20) {
            calls = alloc_count_calls();
        }
        for (int i = 0; i < STREAMS; i++) {
            for (int packets = (tick + i) % 3; packets >= 0; packets--) {
                assert_int_equal(stream_append(&streams[i], packet, 1000), 0);
            }
        }
        for (int i = 0; i < STREAMS; i++) {
            stream_trim(&streams[i], streams[i].end);
        }
    }
    assert_int_equal(alloc_count_calls() - calls, 0);
    assert_true(pool.memory_bytes < (uint64_t)STREAMS * 2 * CHUNK_BYTES);
    for (int i = 0; i < STREAMS; i++) {
        stream_fini(&streams[i]);
    }
    chunk_pool_fini(&pool);
}

static void a_cleared_stream_goes_on_where_it_was(void **state)
{
    struct fixture f;
    uint64_t calls = 0;

    (void)state;
    setup(&f);
    for (int i = 0; i < 20; i++) {
        uint64_t end = f.stream.end;

        if (i == 10) {
            calls = alloc_count_calls();
        }
        assert_int_equal(append_keyed(&f, 1, 10), 0); /* a key of before is none of now */
        assert_int_equal(append_keyed(&f, 1, 11), 1);
        append(&f, 'a', 100);
        stream_mark(&f.stream, UINT64_MAX);
        assert_int_equal(append_keyed(&f, 1, 12), 0);
        assert_int_equal(f.stream.end, end + 116);
        assert_int_equal(f.stream.packets, (uint32_t)(i + 1) * 3);
        stream_clear(&f.stream);
        assert_int_equal(f.pool.live, 0);
        assert_null(f.stream.head);
        assert_int_equal(f.stream.mark, end + 116);
        assert_int_equal(f.stream.barrier, end + 116);
        assert_int_equal(stream_mark(&f.stream, 0), end + 116);
    }
    if (alloc_count_is_available()) {
        assert_int_equal(alloc_count_calls() - calls, 0);
    }
    teardown(&f);
}

/* A stream that is put aside keeps its table of keys, unless it had grown. */
static void a_cleared_stream_gives_a_large_table_of_keys_back(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (uint64_t key = 0; key < 10; key++) {
        append_keyed(&f, key, key);
    }
    stream_clear(&f.stream);
    assert_non_null(f.stream.keys);
    for (uint64_t key = 0; key < 1000; key++) {
        append_keyed(&f, key, key);
    }
    stream_clear(&f.stream);
    assert_null(f.stream.keys);
    assert_int_equal(append_keyed(&f, 1, 1), 0);
    teardown(&f);
}

/* What is overwritten would be newer than what lies behind the barrier. */
static void a_state_before_the_barrier_is_not_overwritten(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assert_int_equal(append_keyed(&f, 1, 1), 0);
    assert_int_equal(append_keyed(&f, 1, 2), 1);
    stream_set_barrier(&f.stream);
    assert_int_equal(f.stream.barrier, 8);
    assert_int_equal(f.stream.barrier_packets, 1);
    assert_int_equal(append_keyed(&f, 1, 3), 0);
    assert_int_equal(append_keyed(&f, 1, 4), 1);
    assert_int_equal(f.stream.barrier, 8);
    stream_set_barrier(&f.stream);
    assert_int_equal(f.stream.barrier, 16);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_little_takes_a_small_chunk),
        cmocka_unit_test(what_is_more_takes_an_ordinary_one),
        cmocka_unit_test(a_large_tail_goes_when_little_is_written),
        cmocka_unit_test(what_counts_is_what_was_written_since_all_was_read),
        cmocka_unit_test(a_held_tail_is_followed_by_a_small_one),
        cmocka_unit_test(a_change_of_pace_allocates_nothing),
        cmocka_unit_test(a_cleared_stream_goes_on_where_it_was),
        cmocka_unit_test(a_cleared_stream_gives_a_large_table_of_keys_back),
        cmocka_unit_test(a_state_before_the_barrier_is_not_overwritten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

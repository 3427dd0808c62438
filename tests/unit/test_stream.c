#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "gather/stream.h"
#include "support/alloc_count.h"

enum { CHUNK_BYTES = 64, CHUNKS_MAX = 6 };

static const uint64_t chunk_memory = sizeof(struct chunk) + CHUNK_BYTES;

struct fixture {
    struct chunk_pool pool;
    struct stream stream;
};

static void setup_with(struct fixture *f, uint64_t memory_bytes_max)
{
    chunk_pool_init(&f->pool, CHUNK_BYTES, memory_bytes_max);
    stream_init(&f->stream, &f->pool);
}

static void setup(struct fixture *f)
{
    setup_with(f, chunk_memory * CHUNKS_MAX);
}

static void teardown(struct fixture *f)
{
    stream_fini(&f->stream);
    assert_int_equal(f->pool.live, 0);
    chunk_pool_fini(&f->pool);
}

static void append(struct fixture *f, uint8_t fill, size_t bytes)
{
    uint8_t packet[4 * CHUNK_BYTES];

    assert_true(bytes <= sizeof(packet));
    memset(packet, fill, bytes);
    assert_int_equal(stream_append(&f->stream, packet, bytes), 0);
}

static int append_keyed(struct fixture *f, uint64_t key, uint64_t value)
{
    return stream_append_keyed(&f->stream, key, &value, sizeof(value));
}

/* What the stream keeps, from its first chunk on. Returns how many bytes that is. */
static size_t content(const struct fixture *f, uint8_t *out, size_t out_size)
{
    size_t bytes = 0;
    uint64_t position = f->stream.head != NULL ? f->stream.head->base : f->stream.end;

    for (const struct chunk *chunk = f->stream.head; chunk != NULL; chunk = chunk->next) {
        assert_true(chunk->base == position);
        assert_true(chunk->used <= chunk->size && chunk->used <= out_size - bytes);
        memcpy(out + bytes, chunk->bytes, chunk->used);
        bytes += chunk->used;
        position += chunk->used;
        assert_true((chunk->next == NULL) == (chunk == f->stream.tail));
    }
    assert_true(position == f->stream.end);
    return bytes;
}

/* The content is these values, 8 bytes each. */
static void assert_values(const struct fixture *f, const uint64_t *values, size_t count)
{
    static uint8_t bytes[1 << 17];

    assert_int_equal(content(f, bytes, sizeof(bytes)), count * sizeof(values[0]));
    assert_memory_equal(bytes, values, count * sizeof(values[0]));
}

static void an_empty_stream_owns_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assert_int_equal(f.pool.live, 0);
    assert_int_equal(f.stream.end, 0);
    stream_trim(&f.stream, 0);
    assert_null(f.stream.head);
    assert_int_equal(f.pool.memory_bytes, 0);
    teardown(&f);
}

static void a_packet_never_spans_two_chunks(void **state)
{
    struct fixture f;
    uint8_t bytes[256];
    uint8_t expected[131];

    (void)state;
    setup(&f);
    append(&f, 'a', 40);
    append(&f, 'b', 24); /* fits to the last byte */
    assert_int_equal(f.pool.live, 1);
    append(&f, 'c', 60);
    assert_int_equal(f.pool.live, 2);
    append(&f, 'd', 5); /* one byte too many for what is left */
    assert_int_equal(f.pool.live, 3);
    append(&f, 'e', 2);
    assert_int_equal(f.pool.live, 3);
    assert_int_equal(f.stream.end, 131);
    assert_int_equal(f.stream.packets, 5);
    assert_int_equal(f.stream.head->used, 64);
    assert_int_equal(f.stream.head->next->used, 60);
    assert_int_equal(f.stream.head->next->next->base, 124);
    memset(expected, 'a', 40);
    memset(expected + 40, 'b', 24);
    memset(expected + 64, 'c', 60);
    memset(expected + 124, 'd', 5);
    memset(expected + 129, 'e', 2);
    assert_int_equal(content(&f, bytes, sizeof(bytes)), 131);
    assert_memory_equal(bytes, expected, 131);
    teardown(&f);
}

static void an_outsize_packet_gets_a_chunk_of_its_own(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    append(&f, 'a', 10);
    append(&f, 'b', CHUNK_BYTES + 1);
    append(&f, 'c', 10);
    assert_int_equal(f.pool.live, 3);
    assert_int_equal(f.stream.head->next->size, CHUNK_BYTES + 1);
    assert_int_equal(f.stream.tail->size, CHUNK_BYTES);
    stream_trim(&f.stream, f.stream.end);
    assert_int_equal(f.pool.live, 1);
    append(&f, 'd', CHUNK_BYTES * 3);
    assert_int_equal(f.pool.live, 2);
    stream_trim(&f.stream, f.stream.end); /* it isn't kept for the next packets */
    assert_int_equal(f.pool.live, 0);
    assert_null(f.stream.head);
    assert_null(f.stream.tail);
    append(&f, 'e', 1);
    assert_int_equal(f.stream.tail->base, 10 + CHUNK_BYTES + 1 + 10 + CHUNK_BYTES * 3);
    teardown(&f);
}

static void what_is_reserved_and_never_committed_was_never_there(void **state)
{
    struct fixture f;
    uint8_t bytes[256];

    (void)state;
    setup(&f);
    assert_non_null(stream_reserve(&f.stream, 20));
    assert_int_equal(f.stream.end, 0);
    assert_int_equal(f.stream.packets, 0);
    append(&f, 'a', 60);

    /* Each opens a chunk that stays empty, and none of them hides what comes behind it. */
    memset(stream_reserve(&f.stream, 10), 'x', 10);
    memset(stream_reserve(&f.stream, CHUNK_BYTES + 5), 'x', CHUNK_BYTES + 5);
    memset(stream_reserve(&f.stream, CHUNK_BYTES + 6), 'x', CHUNK_BYTES + 6);
    assert_int_equal(f.stream.end, 60);
    append(&f, 'b', 30);
    assert_int_equal(content(&f, bytes, sizeof(bytes)), 90);
    assert_int_equal(bytes[59], 'a');
    assert_int_equal(bytes[60], 'b');
    assert_int_equal(bytes[89], 'b');
    assert_int_equal(f.stream.packets, 2);
    stream_trim(&f.stream, 60);
    assert_int_equal(content(&f, bytes, sizeof(bytes)), 30);
    teardown(&f);
}

static void memory_running_out_changes_nothing(void **state)
{
    struct fixture f;
    uint8_t before[512];
    uint8_t after[512];
    uint8_t packet[CHUNK_BYTES * 2] = {0};

    (void)state;
    setup(&f);
    for (int i = 0; i < CHUNKS_MAX; i++) {
        append(&f, (uint8_t)i, 50);
    }
    assert_int_equal(content(&f, before, sizeof(before)), 300);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(stream_append(&f.stream, packet, 15), -ENOMEM);
        assert_int_equal(stream_append(&f.stream, packet, sizeof(packet)), -ENOMEM);
        assert_null(stream_reserve(&f.stream, 15));
        assert_int_equal(stream_append_keyed(&f.stream, 1, packet, 15), -ENOMEM);
        assert_int_equal(f.stream.end, 300);
        assert_int_equal(f.stream.packets, CHUNKS_MAX);
        assert_int_equal(content(&f, after, sizeof(after)), 300);
        assert_memory_equal(before, after, 300);
    }
    append(&f, 9, 14); /* what fits the tail needs no memory */
    stream_trim(&f.stream, 50);
    append(&f, 10, 15);
    assert_int_equal(f.stream.end, 329);
    assert_int_equal(content(&f, after, sizeof(after)), 279);
    teardown(&f);
}

static void trimming_lets_go_of_whole_chunks_only(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int i = 0; i < 5; i++) {
        append(&f, (uint8_t)i, 64);
    }
    stream_trim(&f.stream, 0);
    stream_trim(&f.stream, 63);
    assert_int_equal(f.pool.live, 5);
    stream_trim(&f.stream, 64);
    assert_int_equal(f.pool.live, 4);
    stream_trim(&f.stream, 10); /* behind what is gone: nothing */
    assert_int_equal(f.pool.live, 4);
    stream_trim(&f.stream, 4 * 64 - 1);
    assert_int_equal(f.pool.live, 2);
    assert_int_equal(f.stream.head->base, 3 * 64);
    assert_int_equal(f.stream.head->bytes[0], 3);
    stream_trim(&f.stream, 5 * 64 - 1);
    assert_int_equal(f.pool.live, 1);
    assert_int_equal(f.stream.tail->used, 64);
    assert_int_equal(f.stream.tail->bytes[63], 4);
    teardown(&f);
}

static void a_tail_that_all_have_read_is_rewound_in_place(void **state)
{
    struct fixture f;
    struct chunk *tail;

    (void)state;
    setup(&f);
    append(&f, 'a', 50);
    tail = f.stream.tail;
    stream_trim(&f.stream, 50);
    assert_ptr_equal(f.stream.tail, tail);
    assert_int_equal(tail->used, 0);
    assert_int_equal(tail->base, 50);
    append(&f, 'b', 60);
    assert_int_equal(f.pool.live, 1);
    assert_int_equal(f.stream.end, 110);

    /* Not while someone else holds it: a slice may still need its bytes. */
    chunk_ref(tail);
    stream_trim(&f.stream, 110);
    append(&f, 'c', 4);
    assert_int_equal(tail->used, 64);
    assert_int_equal(tail->bytes[59], 'b');
    assert_int_equal(tail->bytes[60], 'c');
    append(&f, 'd', 1);
    assert_ptr_not_equal(f.stream.tail, tail);
    stream_trim(&f.stream, f.stream.end);
    assert_int_equal(tail->refs, 1);
    assert_int_equal(f.pool.live, 2);
    assert_int_equal(tail->bytes[0], 'b');
    chunk_unref(tail);
    teardown(&f);
}

static void a_steady_stream_allocates_nothing(void **state)
{
    struct fixture f;
    uint64_t calls = 0;

    (void)state;
    if (!alloc_count_is_available()) {
        skip();
    }
    setup(&f);
    for (int tick = 0; tick < 1100; tick++) {
        if (tick == 100) {
            calls = alloc_count_calls();
        }
        for (uint64_t key = 0; key < 10; key++) {
            append(&f, 'a', 13);
            assert_true(append_keyed(&f, key, 1) == 0 && append_keyed(&f, key, 2) == 1);
        }
        stream_trim(&f.stream, f.stream.end);
    }
    assert_int_equal(alloc_count_calls() - calls, 0);
    teardown(&f);
}

static void the_newest_state_overwrites_in_place(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assert_int_equal(append_keyed(&f, 7, 70), 0);
    assert_int_equal(append_keyed(&f, 8, 80), 0);
    append(&f, 0x11, 8);
    assert_int_equal(append_keyed(&f, 7, 71), 1);
    assert_int_equal(append_keyed(&f, 0, 100), 0); /* any number is a key */
    assert_int_equal(append_keyed(&f, 7, 72), 1);
    assert_int_equal(append_keyed(&f, UINT64_MAX, 110), 0);
    assert_int_equal(append_keyed(&f, 0, 101), 1);
    assert_int_equal(append_keyed(&f, UINT64_MAX, 111), 1);
    assert_values(&f, (uint64_t[]){72, 80, 0x1111111111111111, 101, 111}, 5);
    assert_int_equal(f.stream.packets, 5);
    teardown(&f);
}

static void a_state_of_another_size_is_appended(void **state)
{
    struct fixture f;
    uint64_t longer[2] = {12, 13};

    (void)state;
    setup(&f);
    assert_int_equal(append_keyed(&f, 7, 11), 0);
    assert_int_equal(stream_append_keyed(&f.stream, 7, longer, sizeof(longer)), 0);
    longer[0] = 14;
    assert_int_equal(stream_append_keyed(&f.stream, 7, longer, sizeof(longer)),
                     1); /* the last one of that key */
    assert_int_equal(append_keyed(&f, 7, 15), 0);
    assert_int_equal(append_keyed(&f, 7, 16), 1);
    assert_values(&f, (uint64_t[]){11, 14, 13, 16}, 4);
    teardown(&f);
}

static void what_was_trimmed_is_never_overwritten(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assert_int_equal(append_keyed(&f, 7, 1), 0);
    chunk_ref(f.stream.tail); /* someone still holds what was pulled, so the tail stays */
    stream_trim(&f.stream, f.stream.end);
    assert_int_equal(append_keyed(&f, 7, 2), 0);
    assert_int_equal(append_keyed(&f, 7, 3), 1);
    assert_values(&f, (uint64_t[]){1, 3}, 2);
    chunk_unref(f.stream.tail);
    stream_trim(&f.stream, f.stream.end); /* rewound: the same memory, another position */
    assert_int_equal(append_keyed(&f, 8, 4), 0);
    assert_int_equal(append_keyed(&f, 7, 5), 0);
    assert_values(&f, (uint64_t[]){4, 5}, 2);
    teardown(&f);
}

static void assert_marks(struct fixture *f, uint64_t bytes_max, uint64_t mark, uint32_t packets)
{
    assert_int_equal(stream_mark(&f->stream, bytes_max), mark);
    assert_int_equal(f->stream.mark, mark);
    assert_int_equal(f->stream.mark_packets, packets);
}

static void a_mark_moves_over_whole_chunks_or_to_the_end(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    assert_marks(&f, 100, 0, 0);
    for (int i = 0; i < 5; i++) {
        append(&f, 'a', 30);
        append(&f, 'b', 30);
    }
    append(&f, 'c', 20);
    assert_marks(&f, 0, 60, 2); /* at least one chunk */
    assert_marks(&f, 1, 120, 4);
    assert_marks(&f, 119, 180, 6);
    assert_marks(&f, 120, 300, 10);
    assert_marks(&f, 20, 320, 11);
    assert_marks(&f, 0, 320, 11);
    append(&f, 'd', 10);
    assert_marks(&f, UINT64_MAX, 330, 12);
    assert_int_equal(append_keyed(&f, 1, 1), 0);
    assert_int_equal(append_keyed(&f, 1, 2), 1);
    assert_marks(&f, 0, 338, 13);
    assert_int_equal(append_keyed(&f, 1, 3), 0); /* the round may have given it to some already */
    teardown(&f);
}

/* A chunk that was opened for a packet which never came holds no packet, and doesn't forget those before it.
 */
static void a_mark_counts_packets_across_an_empty_chunk(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    append(&f, 'a', 30);
    append(&f, 'b', 30);
    assert_non_null(stream_reserve(&f.stream, 10));
    assert_non_null(stream_reserve(&f.stream, CHUNK_BYTES + 1));
    append(&f, 'c', 30);
    assert_marks(&f, 70, 60, 2);
    assert_marks(&f, 60, 90, 3);
    teardown(&f);
}

/* Far more keys than the table begins with, over many rounds, each key written twice a round. */
static void many_keys_are_told_apart(void **state)
{
    enum { KEYS = 3000 };
    static uint64_t values[KEYS];
    struct fixture f;

    (void)state;
    setup_with(&f, 1 << 20);
    for (uint64_t round = 0; round < 20; round++) {
        uint64_t keys = round % 2 == 0 ? KEYS : 40;

        for (uint64_t i = 0; i < keys; i++) {
            assert_int_equal(append_keyed(&f, (i + round) << (round % 30), i), 0);
        }
        for (uint64_t i = 0; i < keys; i++) {
            values[i] = i ^ round << 32;
            assert_int_equal(append_keyed(&f, (i + round) << (round % 30), values[i]), 1);
        }
        assert_values(&f, values, keys);
        stream_trim(&f.stream, f.stream.end);
    }
    teardown(&f);
}

/* Refused, it is as if it had never been tried: the old state stays, and may still be overwritten. */
static void a_refused_state_leaves_the_old_one(void **state)
{
    struct fixture f;
    uint8_t longer[9] = {0};

    (void)state;
    setup_with(&f, chunk_memory);
    for (uint64_t key = 0; key < 8; key++) {
        assert_int_equal(append_keyed(&f, key, key), 0);
    }
    assert_int_equal(append_keyed(&f, 8, 8), -ENOMEM);
    assert_int_equal(stream_append_keyed(&f.stream, 3, longer, sizeof(longer)), -ENOMEM);
    assert_int_equal(append_keyed(&f, 3, 33), 1);
    assert_values(&f, (uint64_t[]){0, 1, 2, 33, 4, 5, 6, 7}, 8);
    stream_trim(&f.stream, f.stream.end);
    assert_int_equal(append_keyed(&f, 8, 88), 0);
    assert_int_equal(append_keyed(&f, 3, 34), 0);
    assert_values(&f, (uint64_t[]){88, 34}, 2);
    teardown(&f);
}

static void a_stream_ends_while_others_hold_its_chunks(void **state)
{
    struct fixture f;
    struct chunk *first;

    (void)state;
    setup(&f);
    append(&f, 'a', 64);
    append(&f, 'b', 64);
    assert_int_equal(append_keyed(&f, 1, 1), 0);
    first = f.stream.head;
    chunk_ref(first);
    stream_fini(&f.stream);
    assert_int_equal(f.pool.live, 1);
    assert_int_equal(first->bytes[63], 'a');
    append(&f, 'c', 1); /* what is left is an empty stream */
    assert_int_equal(f.stream.end, 1);
    chunk_unref(first);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_stream_owns_nothing),
        cmocka_unit_test(a_packet_never_spans_two_chunks),
        cmocka_unit_test(an_outsize_packet_gets_a_chunk_of_its_own),
        cmocka_unit_test(what_is_reserved_and_never_committed_was_never_there),
        cmocka_unit_test(memory_running_out_changes_nothing),
        cmocka_unit_test(trimming_lets_go_of_whole_chunks_only),
        cmocka_unit_test(a_tail_that_all_have_read_is_rewound_in_place),
        cmocka_unit_test(a_steady_stream_allocates_nothing),
        cmocka_unit_test(the_newest_state_overwrites_in_place),
        cmocka_unit_test(a_state_of_another_size_is_appended),
        cmocka_unit_test(what_was_trimmed_is_never_overwritten),
        cmocka_unit_test(a_mark_moves_over_whole_chunks_or_to_the_end),
        cmocka_unit_test(a_mark_counts_packets_across_an_empty_chunk),
        cmocka_unit_test(many_keys_are_told_apart),
        cmocka_unit_test(a_refused_state_leaves_the_old_one),
        cmocka_unit_test(a_stream_ends_while_others_hold_its_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

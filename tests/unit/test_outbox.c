#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "gather/outbox.h"

enum { CHUNKS = 3, CHUNK_BYTES = 200, BLOCKS = 4, BYTES_MAX = 4096 };

/* An outbox, a few full chunks to take slices of, and the bytes that it should hold. */
struct fixture {
    struct chunk_pool chunk_pool;
    struct pool blocks;
    struct chunk *chunks[CHUNKS];
    struct outbox outbox;
    uint8_t expected[BYTES_MAX];
    size_t expected_bytes;
};

static void setup(struct fixture *f)
{
    chunk_pool_init(&f->chunk_pool, CHUNK_BYTES, 1 << 20);
    pool_init(&f->blocks, "outbox_block", sizeof(struct outbox_block), BLOCKS);
    outbox_init(&f->outbox);
    f->expected_bytes = 0;
    for (int i = 0; i < CHUNKS; i++) {
        f->chunks[i] = chunk_open(&f->chunk_pool, 1);
        assert_non_null(f->chunks[i]);
        f->chunks[i]->used = CHUNK_BYTES;
        for (int b = 0; b < CHUNK_BYTES; b++) {
            f->chunks[i]->bytes[b] = (uint8_t)(i * CHUNK_BYTES + b * 7);
        }
    }
}

static void teardown(struct fixture *f)
{
    outbox_clear(&f->outbox, &f->blocks);
    assert_true(outbox_is_empty(&f->outbox));
    assert_int_equal(f->blocks.used, 0);
    for (int i = 0; i < CHUNKS; i++) {
        assert_int_equal(f->chunks[i]->refs, 1);
        chunk_unref(f->chunks[i]);
    }
    assert_int_equal(f->chunk_pool.live, 0);
    pool_fini(&f->blocks);
    chunk_pool_fini(&f->chunk_pool);
}

static void push(struct fixture *f, int chunk, uint32_t offset, uint32_t bytes)
{
    assert_int_equal(outbox_push(&f->outbox, &f->blocks, f->chunks[chunk], offset, bytes, 1), 0);
    memcpy(f->expected + f->expected_bytes, f->chunks[chunk]->bytes + offset, bytes);
    f->expected_bytes += bytes;
}

/* What waits is exactly the expected bytes from `sent` on, in at most `iov_max` vectors; refs are one a
 * slice. */
static void assert_waits(const struct fixture *f, size_t sent, int iov_max)
{
    struct iovec iov[64];
    int count = outbox_iovecs(&f->outbox, iov, iov_max);
    size_t at = sent;

    assert_int_equal(f->outbox.bytes, f->expected_bytes - sent);
    assert_int_equal(count, f->outbox.slices < (uint32_t)iov_max ? (int)f->outbox.slices : iov_max);
    for (int i = 0; i < count; i++) {
        assert_true(iov[i].iov_len > 0 && iov[i].iov_len <= f->expected_bytes - at);
        assert_memory_equal(iov[i].iov_base, f->expected + at, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    if (count < iov_max) {
        assert_int_equal(at, f->expected_bytes);
    }

    uint32_t refs = 0;

    for (int i = 0; i < CHUNKS; i++) {
        refs += f->chunks[i]->refs - 1;
    }
    assert_int_equal(refs, f->outbox.slices);
    assert_int_equal(outbox_is_empty(&f->outbox), sent == f->expected_bytes);
}

static void an_empty_outbox_owns_nothing(void **state)
{
    struct fixture f;
    struct iovec iov[1];

    (void)state;
    setup(&f);
    assert_true(outbox_is_empty(&f.outbox));
    assert_int_equal(outbox_iovecs(&f.outbox, iov, 1), 0);
    assert_true(outbox_oldest_ns(&f.outbox) == UINT64_MAX);
    outbox_consume(&f.outbox, &f.blocks, 0);
    outbox_clear(&f.outbox, &f.blocks);
    for (int round = 0; round < 3; round++) {
        push(&f, 0, 10, 20);
        assert_int_equal(f.blocks.used, 1);
        outbox_consume(&f.outbox, &f.blocks, 20);
        f.expected_bytes = 0;
        assert_waits(&f, 0, 10);
        assert_int_equal(f.blocks.used, 0);
    }
    teardown(&f);
}

static void what_follows_on_the_last_slice_becomes_part_of_it(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    push(&f, 0, 0, 10);
    push(&f, 0, 10, 1);
    push(&f, 0, 11, 30);
    assert_int_equal(f.outbox.slices, 1);
    assert_int_equal(f.chunks[0]->refs, 2);
    push(&f, 0, 42, 5); /* a gap of one byte */
    assert_int_equal(f.outbox.slices, 2);
    push(&f, 0, 42, 5); /* the same bytes again */
    assert_int_equal(f.outbox.slices, 3);
    push(&f, 1, 47, 5); /* where it would follow, but of another chunk */
    assert_int_equal(f.outbox.slices, 4);
    push(&f, 0, 47, 5); /* follows on the slice before the last */
    assert_int_equal(f.outbox.slices, 5);
    assert_waits(&f, 0, 64);
    outbox_consume(&f.outbox, &f.blocks, 40);
    assert_waits(&f, 40, 64);
    teardown(&f);
}

/* A slice of which some has been sent still takes what follows, and keeps its place. */
static void a_slice_that_is_being_sent_still_grows(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    push(&f, 0, 0, 10);
    outbox_consume(&f.outbox, &f.blocks, 9);
    push(&f, 0, 10, 10);
    assert_int_equal(f.outbox.slices, 1);
    assert_waits(&f, 9, 64);
    outbox_consume(&f.outbox, &f.blocks, 11);
    assert_waits(&f, 20, 64);
    push(&f, 0, 20, 10); /* what it would follow on has gone */
    assert_int_equal(f.outbox.slices, 1);
    assert_waits(&f, 20, 64);
    teardown(&f);
}

static void merging_goes_on_where_a_block_is_full(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (uint32_t i = 0; i < OUTBOX_BLOCK_SLICES; i++) {
        push(&f, (int)(i % 2), i * 2, 1);
    }
    assert_int_equal(f.blocks.used, 1);
    push(&f, (OUTBOX_BLOCK_SLICES - 1) % 2, OUTBOX_BLOCK_SLICES * 2 - 1, 3);
    assert_int_equal(f.blocks.used, 1);
    assert_int_equal(f.outbox.slices, OUTBOX_BLOCK_SLICES);
    push(&f, 2, 0, 3);
    assert_int_equal(f.blocks.used, 2);
    push(&f, 2, 3, 3);
    assert_int_equal(f.outbox.slices, OUTBOX_BLOCK_SLICES + 1);
    assert_waits(&f, 0, 64);
    teardown(&f);
}

/* Slices of 1 to 4 bytes over three blocks, no two of which follow on each other. */
static void push_many(struct fixture *f)
{
    for (uint32_t i = 0; i < OUTBOX_BLOCK_SLICES * 2 + 3; i++) {
        push(f, (int)(i % CHUNKS), i * 5, 1 + i % 4);
    }
    assert_int_equal(f->outbox.slices, OUTBOX_BLOCK_SLICES * 2 + 3);
    assert_int_equal(f->blocks.used, 3);
}

/* Each length that a write may come to, and then each that the next may come to. */
static void every_pair_of_cuts_sends_the_same_bytes(void **state)
{
    struct fixture f;
    size_t total;

    (void)state;
    setup(&f);
    push_many(&f);
    total = f.expected_bytes;
    for (size_t first = 0; first <= total; first++) {
        for (size_t second = first; second <= total; second++) {
            outbox_clear(&f.outbox, &f.blocks);
            f.expected_bytes = 0;
            push_many(&f);
            outbox_consume(&f.outbox, &f.blocks, first);
            assert_waits(&f, first, 64);
            outbox_consume(&f.outbox, &f.blocks, second - first);
            assert_waits(&f, second, 3);
            assert_int_equal(f.blocks.used == 0, second == total);
        }
    }
    teardown(&f);
}

static void each_bound_on_vectors_sends_the_same_bytes(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (int iov_max = 1; iov_max <= 40; iov_max++) {
        size_t sent = 0;

        f.expected_bytes = 0;
        push_many(&f);
        assert_waits(&f, 0, 0);
        while (!outbox_is_empty(&f.outbox)) {
            struct iovec iov[40];
            int count = outbox_iovecs(&f.outbox, iov, iov_max);
            size_t bytes = 0;

            assert_waits(&f, sent, iov_max);
            for (int i = 0; i < count; i++) {
                bytes += iov[i].iov_len;
            }
            outbox_consume(&f.outbox, &f.blocks, bytes);
            sent += bytes;
        }
        assert_int_equal(sent, f.expected_bytes);
    }
    teardown(&f);
}

static void a_slice_holds_its_chunk_until_its_last_byte_is_sent(void **state)
{
    struct fixture f;
    struct chunk *chunk;

    (void)state;
    setup(&f);
    chunk = chunk_open(&f.chunk_pool, 1);
    chunk->used = 10;
    memset(chunk->bytes, 0x5A, 10);
    assert_int_equal(outbox_push(&f.outbox, &f.blocks, chunk, 0, 10, 1), 0);
    chunk_unref(chunk); /* the outbox alone holds it now */
    outbox_consume(&f.outbox, &f.blocks, 9);
    assert_int_equal(f.chunk_pool.live, CHUNKS + 1);
    assert_int_equal(chunk->bytes[9], 0x5A);
    outbox_consume(&f.outbox, &f.blocks, 1);
    assert_int_equal(f.chunk_pool.live, CHUNKS);
    teardown(&f);
}

static void a_push_without_a_block_changes_nothing(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (uint32_t i = 0; i < OUTBOX_BLOCK_SLICES * BLOCKS; i++) {
        push(&f, 0, i * 3, 2);
    }
    for (int round = 0; round < 3; round++) {
        assert_int_equal(outbox_push(&f.outbox, &f.blocks, f.chunks[1], 0, 2, 1), -ENOMEM);
        assert_waits(&f, 0, 64);
        assert_int_equal(f.chunks[1]->refs, 1);
    }
    push(&f, 0, (OUTBOX_BLOCK_SLICES * BLOCKS - 1) * 3 + 2, 1); /* what needs no slice still goes in */
    assert_waits(&f, 0, 64);
    outbox_consume(&f.outbox, &f.blocks, OUTBOX_BLOCK_SLICES * 2);
    push(&f, 1, 0, 2);
    assert_waits(&f, OUTBOX_BLOCK_SLICES * 2, 64);
    teardown(&f);
}

static void an_outbox_holds_less_than_4_gib(void **state)
{
    enum { PIECE = 1 << 24 };
    struct fixture f;
    struct pool many;
    struct chunk *chunk;

    (void)state;
    setup(&f);
    pool_init(&many, "outbox_block", sizeof(struct outbox_block), 100);
    f.chunk_pool.memory_bytes_max = 2 * PIECE;
    chunk = chunk_open(&f.chunk_pool, PIECE + 1);
    assert_non_null(chunk);
    chunk->used = PIECE + 1;
    for (int i = 0; i < 255; i++) {
        assert_int_equal(outbox_push(&f.outbox, &many, chunk, 0, PIECE, 1), 0);
    }
    assert_int_equal(outbox_push(&f.outbox, &many, chunk, 0, PIECE - 1, 1), 0);
    assert_true(f.outbox.bytes == UINT32_MAX);
    /* Neither as a slice of its own nor as part of the last one. */
    assert_int_equal(outbox_push(&f.outbox, &many, chunk, 0, 1, 1), -EOVERFLOW);
    assert_int_equal(outbox_push(&f.outbox, &many, chunk, PIECE - 1, 1, 1), -EOVERFLOW);
    assert_true(f.outbox.bytes == UINT32_MAX);
    assert_int_equal(f.outbox.slices, 256);
    assert_int_equal(chunk->refs, 257);
    outbox_consume(&f.outbox, &many, 1);
    assert_int_equal(outbox_push(&f.outbox, &many, chunk, PIECE - 1, 1, 1), 0);
    outbox_consume(&f.outbox, &many, UINT32_MAX);
    assert_true(outbox_is_empty(&f.outbox));
    assert_int_equal(chunk->refs, 1);
    chunk_unref(chunk);
    pool_fini(&many);
    teardown(&f);
}

/* A reader that has stopped: its age is that of the first byte, whatever comes behind. */
static void who_stops_reading_grows_old(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    for (uint32_t i = 0; i < OUTBOX_BLOCK_SLICES * 3; i++) {
        assert_int_equal(outbox_push(&f.outbox, &f.blocks, f.chunks[0], i * 2, 1, 1000 + i), 0);
        assert_true(outbox_oldest_ns(&f.outbox) == 1000);
    }
    outbox_consume(&f.outbox, &f.blocks, 1);
    /* The first byte is gone: the last one of that moment is watched from now on, until it is gone. */
    for (uint32_t i = 1; i < OUTBOX_BLOCK_SLICES * 3; i++) {
        assert_true(outbox_oldest_ns(&f.outbox) == 1000 + OUTBOX_BLOCK_SLICES * 3 - 1);
        outbox_consume(&f.outbox, &f.blocks, 1);
    }
    assert_true(outbox_oldest_ns(&f.outbox) == UINT64_MAX);
    assert_int_equal(outbox_push(&f.outbox, &f.blocks, f.chunks[0], 0, 1, 5000), 0);
    assert_true(outbox_oldest_ns(&f.outbox) == 5000);
    teardown(&f);
}

/* Regression: a backlog of one second that never drained looked older than ten, for it was counted by the block. */
static void who_lags_but_keeps_up_does_not_grow_old(void **state)
{
    enum { BACKLOG = 8, STEPS = 1000 };
    struct fixture f;

    (void)state;
    setup(&f);
    for (uint64_t now = 1; now <= STEPS; now++) {
        assert_int_equal(outbox_push(&f.outbox, &f.blocks, f.chunks[now % 2], 0, 1, now), 0);
        if (now > BACKLOG) {
            outbox_consume(&f.outbox, &f.blocks, 1);
        }
        assert_true(outbox_oldest_ns(&f.outbox) <= now);
        assert_true(now - outbox_oldest_ns(&f.outbox) <= BACKLOG);
    }
    outbox_clear(&f.outbox, &f.blocks);
    teardown(&f);
}

static void clearing_lets_everything_go(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    push_many(&f);
    outbox_consume(&f.outbox, &f.blocks, 40);
    outbox_clear(&f.outbox, &f.blocks);
    f.expected_bytes = 0;
    assert_waits(&f, 0, 64);
    assert_int_equal(f.outbox.slices, 0);
    assert_int_equal(f.blocks.used, 0);
    push_many(&f);
    assert_waits(&f, 0, 64);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_outbox_owns_nothing),
        cmocka_unit_test(what_follows_on_the_last_slice_becomes_part_of_it),
        cmocka_unit_test(a_slice_that_is_being_sent_still_grows),
        cmocka_unit_test(merging_goes_on_where_a_block_is_full),
        cmocka_unit_test(every_pair_of_cuts_sends_the_same_bytes),
        cmocka_unit_test(each_bound_on_vectors_sends_the_same_bytes),
        cmocka_unit_test(a_slice_holds_its_chunk_until_its_last_byte_is_sent),
        cmocka_unit_test(a_push_without_a_block_changes_nothing),
        cmocka_unit_test(an_outbox_holds_less_than_4_gib),
        cmocka_unit_test(who_stops_reading_grows_old),
        cmocka_unit_test(who_lags_but_keeps_up_does_not_grow_old),
        cmocka_unit_test(clearing_lets_everything_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

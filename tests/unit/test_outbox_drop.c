/*
 * Outboxes that packets are dropped from: whatever has been sent of them, what is left is the packet that has begun and
 * those that stay, whole, in their order, in as few slices and blocks as they fit.
 */
#include "base/memory.h"
#include "unit/outbox_yard.h"

/* Runs of every chunk in turn, and of single packets, some that follow on what came before: over several blocks. */
static void push_many(struct fixture *f)
{
    for (unsigned i = 0; i < 30; i++) {
        assert_true(push(f, i % CHUNKS, i, 1));
    }
    assert_true(push(f, 1, 30, 5));
    assert_true(push(f, 1, 35, 1));
    assert_true(push(f, 1, 20, 10));
    assert_true(push(f, 3, 0, 20));
    assert_true(push(f, 3, 0, 1));
    assert_true(f->blocks.used > 2);
    assert_waits(f);
}

static void an_empty_outbox_drops_nothing(void **state)
{
    static struct fixture f;

    (void)state;
    setup(&f);
    drop(&f, packet_never_stays);
    assert_true(push(&f, 0, 3, 2));
    consume(&f, f.outbox.bytes);
    drop(&f, packet_always_stays);
    assert_int_equal(f.skipped.packets, 0);
    assert_int_equal(f.skipped.bytes, 0);
    teardown(&f);
}

/* Each length that has been sent: at every border, and in the midst of every packet. */
static void every_cut_leaves_whole_packets(void **state)
{
    static packet_is_kept *const kinds[] = {packet_stays, packet_always_stays, packet_never_stays};
    static struct fixture f;

    (void)state;
    setup(&f);
    push_many(&f);
    for (uint32_t sent = 0, total = f.outbox.bytes; sent <= total; sent++) {
        for (size_t kind = 0; kind < 3; kind++) {
            empty(&f);
            push_many(&f);
            consume(&f, sent);
            assert_waits(&f);

            uint32_t waited = f.outbox.bytes;

            drop(&f, kinds[kind]);
            assert_int_equal(f.outbox.bytes + f.skipped.bytes, waited);
            assert_true(kind != 1 || f.skipped.packets == 0);
            assert_true(kind != 2 || f.count == (f.begun > 0));
            assert_true(push(&f, 2, 0, 2)); /* it goes on behind them */
            consume(&f, (uint32_t)draw(&f, f.outbox.bytes + 1));
            assert_waits(&f);
        }
    }
    teardown(&f);
}

static void what_stays_side_by_side_becomes_one_slice(void **state)
{
    static struct fixture f;

    (void)state;
    setup(&f);
    for (unsigned i = 0; i < 4; i++) {
        f.chunks[0]->bytes[f.packets[0][i].offset] |= PACKET_STAYS;
        f.chunks[1]->bytes[f.packets[1][i].offset] &= (uint8_t)~PACKET_STAYS;
        assert_true(push(&f, 0, i, 1));
        assert_true(push(&f, 1, i, 1));
    }
    assert_int_equal(f.outbox.slices, 8);
    drop(&f, packet_stays);
    assert_int_equal(f.outbox.slices, 1);
    assert_int_equal(f.count, 4);
    assert_true(push(&f, 0, 4, 1));
    assert_int_equal(f.outbox.slices, 1);
    assert_waits(&f);
    teardown(&f);
}

/* All blocks are in use: what lies in no more pieces than before needs none. */
static void what_stays_takes_the_blocks_that_were_there(void **state)
{
    static struct fixture f;

    (void)state;
    setup_with(&f, 2, 3);
    for (unsigned i = 0; push(&f, i % 2, i / 2 % 20, 1 + i % 3); i++) {
    }
    assert_int_equal(f.outbox.slices, 3 * OUTBOX_BLOCK_SLICES);
    memory_set_limit(1); /* nor is there any for a block that was given back and has to be had anew */
    consume(&f, 1);
    drop(&f, packet_always_stays);
    assert_int_equal(f.blocks.used, 3);
    assert_int_equal(f.skipped.packets, 0);
    consume(&f, f.outbox.bytes / 2);
    drop(&f, packet_always_stays);
    drop(&f, packet_never_stays);
    memory_set_limit(UINT64_MAX);
    teardown(&f);
}

/* One slice from which every other packet stays: many pieces, and blocks for few of them. */
static void without_memory_it_is_cut_at_a_border(void **state)
{
    enum { BYTES = 4 };
    static struct fixture f;

    (void)state;
    for (uint32_t blocks_max = 1; blocks_max <= 5; blocks_max++) {
        for (uint32_t sent = 0; sent < 2 * BYTES; sent++) {
            setup_with(&f, 3, blocks_max);
            f.counts[0] = PACKETS;
            for (unsigned i = 0; i < PACKETS; i++) {
                f.packets[0][i] = (struct packet){.offset = i * BYTES, .bytes = BYTES};
                f.chunks[0]->bytes[i * BYTES] = i % 2 == 0 ? PACKET_STAYS : 0;
                packet_put_length(f.chunks[0]->bytes + i * BYTES, BYTES);
            }
            assert_true(push(&f, 0, 0, PACKETS));
            consume(&f, sent);
            drop(&f, packet_stays);

            uint32_t pieces = PACKETS / 2 - (sent >= BYTES);
            uint32_t room = blocks_max * OUTBOX_BLOCK_SLICES;

            assert_int_equal(f.outbox.slices, pieces < room ? pieces : room);
            assert_int_equal(f.count + f.skipped.packets, PACKETS - sent / BYTES);
            consume(&f, f.outbox.bytes);
            assert_true(push(&f, 1, 0, 1));
            teardown(&f);
        }
    }
}

static void what_is_dropped_is_let_go(void **state)
{
    static struct fixture f;
    struct chunk *chunk;

    (void)state;
    setup(&f);
    chunk = chunk_open(&f.chunk_pool, 1);
    chunk->used = 10;
    memset(chunk->bytes, 0, 10);
    packet_put_length(chunk->bytes, 7);
    packet_put_length(chunk->bytes + 7, 3);
    assert_int_equal(outbox_push(&f.outbox, &f.blocks, chunk, 0, 10, 1), 0);
    chunk_unref(chunk); /* the outbox alone holds it now */
    outbox_consume(&f.outbox, &f.blocks, 6);
    assert_int_equal(outbox_drop_packets(&f.outbox, &f.blocks, packet_never_stays, &f.skipped), 0);
    assert_int_equal(f.chunk_pool.live, CHUNKS + 1);
    assert_int_equal(f.outbox.bytes, 1);
    outbox_consume(&f.outbox, &f.blocks, 1);
    assert_int_equal(f.chunk_pool.live, CHUNKS);
    assert_int_equal(f.skipped.packets, 1);
    assert_int_equal(f.skipped.bytes, 3);
    teardown(&f);
}

static void what_was_dropped_is_counted_to_the_top(void **state)
{
    static struct fixture f;

    (void)state;
    setup(&f);
    assert_true(push(&f, 0, 0, 3));
    f.skipped = (struct skipped){.packets = UINT32_MAX - 3, .bytes = UINT32_MAX - f.outbox.bytes};
    drop(&f, packet_never_stays); /* it just fits */
    assert_true(f.skipped.packets == UINT32_MAX && f.skipped.bytes == UINT32_MAX);
    for (int i = 0; i < 2; i++) {
        assert_true(push(&f, 0, 0, 3));
        f.skipped.packets = UINT32_MAX - (uint32_t)i;
        assert_int_equal(outbox_drop_packets(&f.outbox, &f.blocks, packet_never_stays, &f.skipped), 0);
        assert_true(f.skipped.packets == UINT32_MAX && f.skipped.bytes == UINT32_MAX);
        f.count = 0;
    }
    skipped_add(&f.skipped, 7, UINT64_MAX);
    assert_true(f.skipped.packets == UINT32_MAX && f.skipped.bytes == UINT32_MAX);
    f.skipped = (struct skipped){.packets = 5};
    skipped_add(&f.skipped, UINT32_MAX, (uint64_t)UINT32_MAX + 1);
    assert_true(f.skipped.packets == UINT32_MAX && f.skipped.bytes == UINT32_MAX);
    teardown(&f);
}

/* The age of what stays: who has stopped reading in the midst of a packet is no younger for what is dropped behind. */
static void what_stays_is_as_old_as_it_was(void **state)
{
    static struct fixture f;

    (void)state;
    setup(&f);
    f.now_ns = 999;
    assert_true(push(&f, 0, 1, 3)); /* at 1000 */
    f.now_ns = 4999;
    assert_true(push(&f, 1, 1, 3)); /* at 5000 */
    consume(&f, 1);
    assert_int_equal(f.begun, 1);
    drop(&f, packet_never_stays);
    assert_true(outbox_oldest_ns(&f.outbox) == 1000);
    assert_true(push(&f, 2, 1, 1));
    assert_true(outbox_oldest_ns(&f.outbox) == 1000);

    /* The packet that had begun is gone: what comes behind is not taken for as old as that. */
    consume(&f, f.packets[0][1].bytes - 1);
    assert_true(outbox_oldest_ns(&f.outbox) == 5001);

    /* Nothing as old as the sample stays. */
    f.now_ns = 8999;
    f.chunks[3]->bytes[f.packets[3][1].offset] |= PACKET_STAYS;
    f.chunks[2]->bytes[f.packets[2][1].offset] &= (uint8_t)~PACKET_STAYS;
    assert_true(push(&f, 3, 1, 1));
    drop(&f, packet_stays);
    assert_int_equal(f.count, 1);
    assert_true(outbox_oldest_ns(&f.outbox) == 9000);

    drop(&f, packet_never_stays);
    assert_true(outbox_oldest_ns(&f.outbox) == UINT64_MAX);
    f.now_ns = 9999;
    assert_true(push(&f, 0, 0, 1));
    assert_true(outbox_oldest_ns(&f.outbox) == 10000);
    teardown(&f);
}

/* Anything in any order, with any number of blocks. */
static void random_borders(void **state)
{
    static packet_is_kept *const kinds[] = {packet_stays, packet_stays, packet_stays, packet_always_stays,
                                            packet_never_stays};
    static struct fixture f;
    uint64_t drops = 0, begun = 0, cut = 0;

    (void)state;
    for (uint64_t seed = 100; seed < 160; seed++) {
        setup_with(&f, seed, 1 + (uint32_t)hash_u64(seed) % BLOCKS);
        for (int step = 0; step < 300; step++) {
            for (uint64_t pushes = draw(&f, 20); pushes > 0 && f.count < WAITING_MAX / 2; pushes--) {
                unsigned c = (unsigned)draw(&f, CHUNKS);
                unsigned first = (unsigned)draw(&f, f.counts[c]);

                push(&f, c, first, 1 + (unsigned)draw(&f, f.counts[c] - first));
            }
            assert_waits(&f);
            consume(&f, (uint32_t)draw(&f, draw(&f, 4) == 0 ? f.outbox.bytes + 1 : f.outbox.bytes / 4 + 1));
            assert_waits(&f);
            if (draw(&f, 4) == 0) {
                uint32_t room = f.blocks.limit * OUTBOX_BLOCK_SLICES;

                begun += f.begun > 0;
                drop(&f, kinds[draw(&f, 5)]);
                cut += f.outbox.slices == room;
                drops++;
            }
        }
        teardown(&f);
    }
    assert_true(drops > 3000 && begun > 1000 && cut > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_outbox_drops_nothing),
        cmocka_unit_test(every_cut_leaves_whole_packets),
        cmocka_unit_test(what_stays_side_by_side_becomes_one_slice),
        cmocka_unit_test(what_stays_takes_the_blocks_that_were_there),
        cmocka_unit_test(without_memory_it_is_cut_at_a_border),
        cmocka_unit_test(what_is_dropped_is_let_go),
        cmocka_unit_test(what_was_dropped_is_counted_to_the_top),
        cmocka_unit_test(what_stays_is_as_old_as_it_was),
        cmocka_unit_test(random_borders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

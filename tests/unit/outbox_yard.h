/* Chunks full of packets, an outbox that some of them wait in, and what that should hold after all that is done to it. */
#ifndef ROOMD_TESTS_UNIT_OUTBOX_YARD_H
#define ROOMD_TESTS_UNIT_OUTBOX_YARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include "base/hash.h"
#include "gather/outbox.h"
#include "support/gather_packet.h"

enum { CHUNKS = 4, CHUNK_BYTES = 1200, PACKETS = 60, BLOCKS = 40, WAITING_MAX = 4000 };

struct packet {
    uint32_t offset;
    uint32_t bytes;
};

/* A packet that waits in the outbox. */
struct waiting {
    const struct chunk *chunk;
    struct packet packet;
    uint64_t number; /* of all that were ever pushed */
    uint64_t pushed_ns;
};

struct fixture {
    struct chunk_pool chunk_pool;
    struct pool blocks;
    struct chunk *chunks[CHUNKS];
    struct packet packets[CHUNKS][PACKETS];
    unsigned counts[CHUNKS];
    struct outbox outbox;
    struct waiting waiting[WAITING_MAX];
    size_t count;
    uint32_t begun; /* bytes of the first that have been sent */
    uint64_t number;
    uint64_t sample_number; /* the packet that is watched for its age */
    uint64_t sample_ns;
    uint64_t pushed_ns; /* the last push */
    uint64_t now_ns;
    uint64_t random;
    struct skipped skipped;
};

static inline uint64_t draw(struct fixture *f, uint64_t below)
{
    f->random += 0x9E3779B97F4A7C15u;
    return hash_u64(f->random) % below;
}

/* Packets of all lengths that fit, up to the chunk's end. */
static inline void fill(struct fixture *f, unsigned c)
{
    struct chunk *chunk = f->chunks[c];

    f->counts[c] = 0;
    while (f->counts[c] < PACKETS && chunk->used < CHUNK_BYTES) {
        uint32_t left = CHUNK_BYTES - chunk->used;
        uint32_t bytes = 1 + (uint32_t)draw(f, draw(f, 20) == 0 ? 400 : 30);
        uint8_t *out = chunk->bytes + chunk->used;

        bytes = bytes < left ? bytes : left;
        for (uint32_t i = 0; i < bytes; i++) {
            out[i] = (uint8_t)draw(f, 256);
        }
        packet_put_length(out, bytes);
        f->packets[c][f->counts[c]++] = (struct packet){chunk->used, bytes};
        chunk->used += bytes;
    }
}

static inline void setup_with(struct fixture *f, uint64_t seed, uint32_t blocks_max)
{
    *f = (struct fixture){.random = hash_u64(seed)};
    chunk_pool_init(&f->chunk_pool, CHUNK_BYTES, 1 << 20);
    pool_init(&f->blocks, "outbox_block", sizeof(struct outbox_block), blocks_max);
    outbox_init(&f->outbox);
    for (unsigned c = 0; c < CHUNKS; c++) {
        f->chunks[c] = chunk_open(&f->chunk_pool, 1);
        assert_non_null(f->chunks[c]);
        fill(f, c);
    }
}

static inline void setup(struct fixture *f)
{
    setup_with(f, 1, BLOCKS);
}

static inline void empty(struct fixture *f)
{
    outbox_clear(&f->outbox, &f->blocks);
    f->count = 0;
    f->begun = 0;
    f->skipped = (struct skipped){0};
}

static inline void teardown(struct fixture *f)
{
    empty(f);
    assert_int_equal(f->blocks.used, 0);
    for (unsigned c = 0; c < CHUNKS; c++) {
        assert_int_equal(f->chunks[c]->refs, 1);
        chunk_unref(f->chunks[c]);
    }
    assert_int_equal(f->chunk_pool.live, 0);
    pool_fini(&f->blocks);
    chunk_pool_fini(&f->chunk_pool);
}

/* A run of `count` packets of one chunk. False: there was no block for it. */
static inline bool push(struct fixture *f, unsigned c, unsigned first, unsigned count)
{
    const struct packet *from = &f->packets[c][first];
    const struct packet *last = &f->packets[c][first + count - 1];
    int rc = outbox_push(&f->outbox, &f->blocks, f->chunks[c], from->offset,
                         last->offset + last->bytes - from->offset, ++f->now_ns);

    if (rc < 0) {
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(f->blocks.used, f->blocks.limit);
        return false;
    }
    f->pushed_ns = f->now_ns;
    if (f->count == 0) {
        f->sample_number = f->number + count;
        f->sample_ns = f->pushed_ns;
    }
    for (unsigned i = 0; i < count; i++) {
        assert_true(f->count < WAITING_MAX);
        f->waiting[f->count++] = (struct waiting){f->chunks[c], from[i], ++f->number, f->now_ns};
    }
    return true;
}

static inline void consume(struct fixture *f, uint32_t bytes)
{
    size_t gone = 0;

    outbox_consume(&f->outbox, &f->blocks, bytes);
    for (bytes += f->begun; gone < f->count && bytes >= f->waiting[gone].packet.bytes; gone++) {
        bytes -= f->waiting[gone].packet.bytes;
    }
    f->begun = bytes;
    f->count -= gone;
    memmove(f->waiting, f->waiting + gone, f->count * sizeof(f->waiting[0]));
    if (f->count > 0 && f->waiting[0].number > f->sample_number) {
        f->sample_number = f->waiting[f->count - 1].number;
        f->sample_ns = f->pushed_ns;
    }
}

/*
 * The bytes that wait are those of the packets that should; they lie in as few slices as they can, each with a reference
 * of its own.
 */
static inline void assert_waits(const struct fixture *f)
{
    static struct iovec iov[WAITING_MAX];
    size_t slices = (size_t)outbox_iovecs(&f->outbox, iov, WAITING_MAX);
    size_t slice = 0;
    size_t at = 0; /* in the slice */
    uint32_t total = 0;
    uint32_t refs = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct waiting *w = &f->waiting[i];
        uint32_t begun = i == 0 ? f->begun : 0;
        bool follows =
            i > 0 && w[-1].chunk == w->chunk && w[-1].packet.offset + w[-1].packet.bytes == w->packet.offset;

        if (i > 0 && !follows) {
            assert_int_equal(at, iov[slice].iov_len);
            slice++;
            at = 0;
        }
        assert_true(slice < slices && at + w->packet.bytes - begun <= iov[slice].iov_len);
        assert_ptr_equal((const uint8_t *)iov[slice].iov_base + at,
                         w->chunk->bytes + w->packet.offset + begun);
        at += w->packet.bytes - begun;
        total += w->packet.bytes - begun;
    }
    assert_int_equal(slices, f->count > 0 ? slice + 1 : 0);
    assert_int_equal(at, f->count > 0 ? iov[slice].iov_len : 0);
    assert_int_equal(f->outbox.slices, slices);
    assert_int_equal(f->outbox.bytes, total);
    for (unsigned c = 0; c < CHUNKS; c++) {
        refs += f->chunks[c]->refs - 1;
    }
    assert_int_equal(refs, slices);
    assert_int_equal(outbox_is_empty(&f->outbox), f->count == 0);
    assert_true(outbox_oldest_ns(&f->outbox) == (f->count == 0 ? UINT64_MAX : f->sample_ns));
    assert_true(f->count == 0 || f->sample_ns >= f->waiting[0].pushed_ns); /* never too old */
}

static inline uint32_t blocks_of(uint32_t slices)
{
    return (slices + OUTBOX_BLOCK_SLICES - 1) / OUTBOX_BLOCK_SLICES;
}

/* As the outbox says how much it kept: all that is to stay, or, without memory, as many of them as it has room for. */
static inline void drop(struct fixture *f, packet_is_kept *is_kept)
{
    struct skipped before = f->skipped;
    struct skipped expected = {0};
    bool begun = f->begun > 0;
    bool was_sampled = false;
    size_t kept = 0;
    uint32_t bytes = 0;
    int rc = outbox_drop_packets(&f->outbox, &f->blocks, is_kept, &f->skipped);

    for (size_t i = 0; i < f->count; i++) {
        const struct waiting w = f->waiting[i];
        uint32_t length;
        bool stays = is_kept(w.chunk->bytes + w.packet.offset, &length) || (i == 0 && begun);

        if (stays && bytes < f->outbox.bytes) {
            bytes += w.packet.bytes - (i == 0 ? f->begun : 0);
            was_sampled |= w.number <= f->sample_number;
            f->waiting[kept++] = w;
        } else {
            assert_true(!stays || rc == -ENOMEM);
            expected.packets++;
            expected.bytes += w.packet.bytes;
        }
    }
    f->count = kept;
    if (!was_sampled && kept > 0) {
        f->sample_number = f->waiting[kept - 1].number;
        f->sample_ns = f->pushed_ns;
    }
    assert_int_equal(f->skipped.packets - before.packets, expected.packets);
    assert_int_equal(f->skipped.bytes - before.bytes, expected.bytes);
    assert_true(rc == 0 || (rc == -ENOMEM && f->outbox.slices % OUTBOX_BLOCK_SLICES == 0));
    assert_int_equal(f->blocks.used, blocks_of(f->outbox.slices));
    assert_waits(f);
}

#endif

#include "gather/outbox.h"

#include <errno.h>

#include "base/check.h"

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
}

static void outbox_drop_block(struct outbox *outbox, struct pool *blocks)
{
    struct outbox_block *block = outbox->first;

    outbox->first = block->next;
    if (outbox->first == NULL) {
        outbox->last = NULL;
    }
    pool_give(blocks, block);
}

static void block_unref_slices(const struct outbox_block *block)
{
    for (uint16_t i = block->first; i < block->end; i++) {
        chunk_unref(block->slices[i].chunk);
    }
}

void outbox_clear(struct outbox *outbox, struct pool *blocks)
{
    while (outbox->first != NULL) {
        block_unref_slices(outbox->first);
        outbox_drop_block(outbox, blocks);
    }
    outbox->bytes = 0;
    outbox->slices = 0;
    outbox->sample_bytes = 0;
}

static void outbox_link_block(struct outbox *outbox, struct outbox_block *block)
{
    block->next = NULL;
    block->first = 0;
    block->end = 0;
    if (outbox->last != NULL) {
        outbox->last->next = block;
    } else {
        outbox->first = block;
    }
    outbox->last = block;
}

static struct outbox_block *outbox_add_block(struct outbox *outbox, struct pool *blocks)
{
    struct outbox_block *block = pool_take(blocks);

    if (block != NULL) {
        outbox_link_block(outbox, block);
    }
    return block;
}

/* The last byte is the one to watch from now on. */
static void outbox_sample(struct outbox *outbox)
{
    outbox->sample_bytes = outbox->bytes;
    outbox->sample_ns = outbox->pushed_ns;
}

static void outbox_grow(struct outbox *outbox, uint32_t bytes, uint64_t now_ns)
{
    outbox->bytes += bytes;
    outbox->pushed_ns = now_ns;
    if (outbox->sample_bytes == 0) {
        outbox_sample(outbox);
    }
}

/* Whether they follow on the last slice of the last block: then they are part of it now. */
static inline bool outbox_extend(struct outbox_block *block, const struct chunk *chunk, uint32_t offset,
                                 uint32_t bytes)
{
    struct slice *last = &block->slices[block->end - 1];

    if (last->chunk != chunk || last->offset + last->bytes != offset) {
        return false;
    }
    last->bytes += bytes;
    return true;
}

/* In the last block, which has room for it. */
static inline void outbox_add_slice(struct outbox *outbox, struct outbox_block *block, struct chunk *chunk,
                                    uint32_t offset, uint32_t bytes)
{
    chunk_ref(chunk);
    block->slices[block->end++] = (struct slice){.chunk = chunk, .offset = offset, .bytes = bytes};
    outbox->slices++;
}

int outbox_push(struct outbox *outbox, struct pool *blocks, struct chunk *chunk, uint32_t offset,
                uint32_t bytes, uint64_t now_ns)
{
    struct outbox_block *block = outbox->last;

    CHECK(bytes > 0 && (uint64_t)offset + bytes <= chunk->used);
    if (bytes > UINT32_MAX - outbox->bytes) {
        return -EOVERFLOW;
    }
    if (block != NULL && outbox_extend(block, chunk, offset, bytes)) {
        outbox_grow(outbox, bytes, now_ns);
        return 0;
    }
    if (block == NULL || block->end == OUTBOX_BLOCK_SLICES) {
        block = outbox_add_block(outbox, blocks);
        if (block == NULL) {
            return -ENOMEM;
        }
    }
    outbox_add_slice(outbox, block, chunk, offset, bytes);
    outbox_grow(outbox, bytes, now_ns);
    return 0;
}

int outbox_iovecs(const struct outbox *outbox, struct iovec *iov, int iov_max)
{
    int count = 0;

    for (const struct outbox_block *block = outbox->first; block != NULL; block = block->next) {
        for (uint16_t i = block->first; i < block->end; i++) {
            const struct slice *slice = &block->slices[i];

            if (count == iov_max) {
                return count;
            }
            iov[count].iov_base = slice->chunk->bytes + slice->offset;
            iov[count].iov_len = slice->bytes;
            count++;
        }
    }
    return count;
}

void outbox_consume(struct outbox *outbox, struct pool *blocks, size_t bytes)
{
    CHECK(bytes <= outbox->bytes);
    outbox->bytes -= (uint32_t)bytes;
    if (bytes >= outbox->sample_bytes) {
        outbox_sample(outbox);
    } else {
        outbox->sample_bytes -= (uint32_t)bytes;
    }
    while (bytes > 0) {
        struct outbox_block *block = outbox->first;
        struct slice *slice = &block->slices[block->first];

        if (bytes < slice->bytes) {
            slice->offset += (uint32_t)bytes;
            slice->bytes -= (uint32_t)bytes;
            return;
        }
        bytes -= slice->bytes;
        chunk_unref(slice->chunk);
        outbox->slices--;
        if (++block->first == block->end) {
            outbox_drop_block(outbox, blocks);
        }
    }
}

/* An outbox that packets are dropped from: what stays is put together anew, in the blocks that it had. */
struct sieve {
    struct outbox *outbox;
    struct pool *blocks;
    packet_is_kept *is_kept;
    struct skipped *skipped;
    struct outbox_block *emptied; /* to be filled again before the pool is asked */
    uint32_t walked;              /* bytes of the outbox as it was */
    uint32_t sample_bytes;        /* the same up to and with the sampled one */
    bool is_cut;                  /* no memory: nothing more stays */
};

/* A block for the next slice; NULL without memory. */
static struct outbox_block *sieve_add_block(struct sieve *sieve)
{
    struct outbox_block *block = sieve->emptied;

    if (block == NULL) {
        return outbox_add_block(sieve->outbox, sieve->blocks);
    }
    sieve->emptied = block->next;
    outbox_link_block(sieve->outbox, block);
    return block;
}

static bool sieve_keep(struct sieve *sieve, const struct slice *packet)
{
    struct outbox *outbox = sieve->outbox;
    struct outbox_block *block = outbox->last;

    if (sieve->is_cut) {
        return false;
    }
    if (block == NULL || !outbox_extend(block, packet->chunk, packet->offset, packet->bytes)) {
        if (block == NULL || block->end == OUTBOX_BLOCK_SLICES) {
            block = sieve_add_block(sieve);
        }
        if (block == NULL) {
            sieve->is_cut = true;
            return false;
        }
        outbox_add_slice(outbox, block, packet->chunk, packet->offset, packet->bytes);
    }
    outbox->bytes += packet->bytes;
    return true;
}

/* Packets side by side, or what is left of one, which stay or go alike. */
static void sieve_run(struct sieve *sieve, const struct slice *run, uint32_t packets, bool is_kept)
{
    bool was_sampled = sieve->walked < sieve->sample_bytes;
    bool has_sample = sieve->sample_bytes - sieve->walked < run->bytes; /* a packet ends there */
    uint32_t before = sieve->outbox->bytes;

    if (!is_kept || !sieve_keep(sieve, run)) {
        skipped_add(sieve->skipped, packets, run->bytes);
    }
    if (was_sampled) {
        /* The last that stays of those that are as old as the sample or older takes its place. */
        bool is_cut = has_sample && sieve->outbox->bytes > before;

        sieve->outbox->sample_bytes =
            is_cut ? before + (sieve->sample_bytes - sieve->walked) : sieve->outbox->bytes;
    }
    sieve->walked += run->bytes;
}

/* Where the packet ends in which the slice begins: at its very beginning when nothing of it has been sent. */
static uint32_t slice_find_border(const struct slice *slice, packet_is_kept *is_kept)
{
    uint32_t border = 0;

    while (border < slice->offset) {
        uint32_t bytes = 0;

        (void)is_kept(slice->chunk->bytes + border, &bytes);
        CHECK(bytes > 0 && bytes <= slice->offset + slice->bytes - border);
        border += bytes;
    }
    return border;
}

/* Whole packets. */
static void sieve_packets(struct sieve *sieve, const struct slice *slice)
{
    const uint8_t *chunk_bytes = slice->chunk->bytes;
    uint32_t end = slice->offset + slice->bytes;
    uint32_t at = slice->offset;
    uint32_t bytes = 0;
    bool is_kept = at < end && sieve->is_kept(chunk_bytes + at, &bytes);

    while (at < end) {
        struct slice run = {.chunk = slice->chunk, .offset = at};
        uint32_t packets = 0;
        bool is_next_kept = is_kept;

        while (at < end && is_next_kept == is_kept) {
            CHECK(bytes > 0 && bytes <= end - at);
            at += bytes;
            packets++;
            is_next_kept = at < end && sieve->is_kept(chunk_bytes + at, &bytes);
        }
        run.bytes = at - run.offset;
        sieve_run(sieve, &run, packets, is_kept);
        is_kept = is_next_kept;
    }
}

static void sieve_slice(struct sieve *sieve, const struct slice *slice)
{
    struct slice packets = *slice;

    if (sieve->walked == 0) {
        struct slice begun = *slice;

        begun.bytes = slice_find_border(slice, sieve->is_kept) - slice->offset;
        if (begun.bytes > 0) {
            sieve_run(sieve, &begun, 1, true);
            CHECK(!sieve->is_cut); /* it has the place that it had */
        }
        packets.offset += begun.bytes;
        packets.bytes -= begun.bytes;
    }
    sieve_packets(sieve, &packets);
}

int outbox_drop_packets(struct outbox *outbox, struct pool *blocks, packet_is_kept *is_kept,
                        struct skipped *skipped)
{
    struct outbox_block *block = outbox->first;
    struct sieve sieve = {.outbox = outbox,
                          .blocks = blocks,
                          .is_kept = is_kept,
                          .skipped = skipped,
                          .sample_bytes = outbox->sample_bytes};

    *outbox = (struct outbox){.sample_ns = outbox->sample_ns, .pushed_ns = outbox->pushed_ns};
    while (block != NULL) {
        struct outbox_block full = *block; /* it may be filled again while this is read */

        block->next = sieve.emptied;
        sieve.emptied = block;
        for (uint16_t i = full.first; i < full.end; i++) {
            sieve_slice(&sieve, &full.slices[i]);
            chunk_unref(full.slices[i].chunk);
        }
        block = full.next;
    }
    while (sieve.emptied != NULL) {
        block = sieve.emptied;
        sieve.emptied = block->next;
        pool_give(blocks, block);
    }
    if (outbox->sample_bytes == 0) {
        outbox_sample(outbox);
    }
    return sieve.is_cut ? -ENOMEM : 0;
}

void outbox_cut(struct outbox *outbox, struct pool *blocks, packet_is_kept *is_kept)
{
    struct slice begun;

    if (outbox_is_empty(outbox)) {
        return;
    }
    begun = outbox->first->slices[outbox->first->first];
    begun.bytes = slice_find_border(&begun, is_kept) - begun.offset;
    chunk_ref(begun.chunk);
    while (outbox->first != outbox->last) {
        block_unref_slices(outbox->first);
        outbox_drop_block(outbox, blocks);
    }
    block_unref_slices(outbox->first);
    outbox->bytes = begun.bytes;
    outbox->slices = begun.bytes > 0 ? 1 : 0;
    outbox->sample_bytes = outbox->sample_bytes < begun.bytes ? outbox->sample_bytes : begun.bytes;
    if (begun.bytes > 0) {
        outbox->first->first = 0;
        outbox->first->end = 1;
        outbox->first->slices[0] = begun;
    } else {
        outbox_drop_block(outbox, blocks);
        chunk_unref(begun.chunk);
    }
}

uint64_t outbox_oldest_ns(const struct outbox *outbox)
{
    return outbox->first == NULL ? UINT64_MAX : outbox->sample_ns;
}

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

void outbox_clear(struct outbox *outbox, struct pool *blocks)
{
    while (outbox->first != NULL) {
        for (uint16_t i = outbox->first->first; i < outbox->first->end; i++) {
            chunk_unref(outbox->first->slices[i].chunk);
        }
        outbox_drop_block(outbox, blocks);
    }
    outbox->bytes = 0;
    outbox->slices = 0;
    outbox->sample_bytes = 0;
}

static struct outbox_block *outbox_add_block(struct outbox *outbox, struct pool *blocks)
{
    struct outbox_block *block = pool_take(blocks);

    if (block == NULL) {
        return NULL;
    }
    block->next = NULL;
    block->first = 0;
    block->end = 0;
    if (outbox->last != NULL) {
        outbox->last->next = block;
    } else {
        outbox->first = block;
    }
    outbox->last = block;
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

int outbox_push(struct outbox *outbox, struct pool *blocks, struct chunk *chunk, uint32_t offset,
                uint32_t bytes, uint64_t now_ns)
{
    struct outbox_block *block = outbox->last;

    CHECK(bytes > 0 && (uint64_t)offset + bytes <= chunk->used);
    if (bytes > UINT32_MAX - outbox->bytes) {
        return -EOVERFLOW;
    }
    if (block != NULL) {
        struct slice *last = &block->slices[block->end - 1];

        if (last->chunk == chunk && last->offset + last->bytes == offset) {
            last->bytes += bytes;
            outbox_grow(outbox, bytes, now_ns);
            return 0;
        }
    }
    if (block == NULL || block->end == OUTBOX_BLOCK_SLICES) {
        block = outbox_add_block(outbox, blocks);
        if (block == NULL) {
            return -ENOMEM;
        }
    }
    chunk_ref(chunk);
    block->slices[block->end++] = (struct slice){.chunk = chunk, .offset = offset, .bytes = bytes};
    outbox->slices++;
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

uint64_t outbox_oldest_ns(const struct outbox *outbox)
{
    return outbox->first == NULL ? UINT64_MAX : outbox->sample_ns;
}

/* The comparison of the gather floor with its model: model_check of gather_model.h. */
#include <stdlib.h>
#include <string.h>

#include "support/gather_model.h"

enum { HOLDS_MAX = 1 << 18 };

#define EXPECT(condition) MODEL_EXPECT(model, condition)

/* Every reference to a chunk that can be seen from outside, once for each holder. */
static const struct chunk *holds[HOLDS_MAX];
static size_t held;

static void hold_add(struct model *model, const struct chunk *chunk)
{
    EXPECT(held < HOLDS_MAX);
    holds[held++] = chunk;
}

/* Sums over the blocks, a reference a slice, and the bytes. Returns how many blocks there are. */
static uint32_t check_outbox(struct model *model, const struct outbox *outbox,
                             const struct model_reader *reader)
{
    const struct model_bytes *unsent = &reader->unsent;
    const struct outbox_block *last = NULL;
    size_t unsent_size = unsent->end - unsent->first;
    size_t at = 0;
    uint32_t slices = 0;
    uint32_t blocks = 0;

    for (const struct outbox_block *block = outbox->first; block != NULL; block = block->next) {
        EXPECT(block->first < block->end && block->end <= OUTBOX_BLOCK_SLICES);
        for (uint16_t i = block->first; i < block->end; i++) {
            const struct slice *slice = &block->slices[i];

            EXPECT(slice->bytes > 0 && (uint64_t)slice->offset + slice->bytes <= slice->chunk->used);
            EXPECT(slice->bytes <= unsent_size - at);
            EXPECT(memcmp(slice->chunk->bytes + slice->offset, unsent->data + unsent->first + at,
                          slice->bytes) == 0);
            at += slice->bytes;
            slices++;
            hold_add(model, slice->chunk);
        }
        last = block;
        blocks++;
    }
    EXPECT(at == unsent_size && outbox->bytes == at && outbox->slices == slices);
    EXPECT(outbox->last == last && outbox_is_empty(outbox) == (at == 0));
    if (at > 0) {
        const struct model_packet *first = (const void *)(reader->waiting.data + reader->waiting.first);

        EXPECT(outbox_oldest_ns(outbox) <= model->step && outbox_oldest_ns(outbox) >= first->step);
    } else {
        EXPECT(outbox_oldest_ns(outbox) == UINT64_MAX && bytes_size(&reader->waiting) == 0);
    }
    model->met.many_blocks += blocks > 1;
    return blocks;
}

/* Chunks follow each other without a gap, up to the end. */
static void check_stream(struct model *model, const struct stream *stream)
{
    EXPECT(stream->barrier <= stream->pulled && stream->mark <= stream->pulled);
    EXPECT((stream->head == NULL) == (stream->tail == NULL) && stream->pulled <= stream->end);
    for (const struct chunk *chunk = stream->head; chunk != NULL; chunk = chunk->next) {
        EXPECT(chunk->used <= chunk->size);
        EXPECT(chunk->base + chunk->used == (chunk->next != NULL ? chunk->next->base : stream->end));
        EXPECT((chunk == stream->tail) == (chunk->next == NULL));
        hold_add(model, chunk);
    }
}

static void check_followers(struct model *model, unsigned s)
{
    uint32_t followers = 0;

    for (unsigned r = 0; r < model->reader_count; r++) {
        followers += model_find(model, r, s) != NULL;
    }
    EXPECT(model->streams[s].followers == followers);
}

static void check_reader(struct model *model, unsigned r)
{
    const struct reader *reader = &model->readers[r];
    const struct follow *follows = reader->many != NULL ? reader->many : &reader->one;
    const struct model_reader *expected = &model->model_readers[r];

    EXPECT(reader->count == expected->count);
    for (unsigned i = 0; i < expected->count; i++) {
        const struct model_follow *follow = &expected->follows[i];
        const struct stream *stream = follows[i].stream;

        EXPECT(stream == &model->streams[follow->stream] && follows[i].seen == follow->start);
        EXPECT(follow->start + (follow->pending.end - follow->pending.first) == stream->end);
        EXPECT(follow->start == stream->end || stream->head->base <= follow->start);
    }
    EXPECT(reader->is_skipping == expected->is_skipping);
    EXPECT(!reader->is_skipping || (reader->skipped.packets == expected->skipped_packets &&
                                    reader->skipped.bytes == expected->skipped_bytes));
}

static int compare_holds(const void *a, const void *b)
{
    const struct chunk *const *left = a;
    const struct chunk *const *right = b;

    return ((uintptr_t)*left > (uintptr_t)*right) - ((uintptr_t)*left < (uintptr_t)*right);
}

/* Chunks of one size, as many as are counted. Returns the bytes that they take. */
static uint64_t check_cache(struct model *model, const struct chunk_cache *cache, uint32_t chunk_bytes)
{
    uint64_t bytes = 0;
    uint32_t count = 0;

    for (const struct chunk *chunk = cache->first; chunk != NULL; chunk = chunk->next) {
        EXPECT(chunk->size == chunk_bytes);
        bytes += sizeof(struct chunk) + chunk->size;
        count++;
    }
    EXPECT(cache->count == count);
    return bytes;
}

/* The references that were found are those that are counted, and the chunks that were found are those that
 * live. */
static void check_holds(struct model *model)
{
    const struct chunk_pool *pool = &model->gather.chunks;
    uint64_t memory_bytes = 0;
    uint32_t live = 0;

    qsort(holds, held, sizeof(*holds), compare_holds);
    for (size_t i = 0, next; i < held; i = next) {
        for (next = i + 1; next < held && holds[next] == holds[i]; next++) {
        }
        EXPECT(holds[i]->refs == next - i);
        memory_bytes += sizeof(struct chunk) + holds[i]->size;
        live++;
    }
    EXPECT(pool->live == live);
    memory_bytes += check_cache(model, &pool->ordinary, pool->chunk_bytes);
    memory_bytes += check_cache(model, &pool->small, pool->small_bytes);
    EXPECT(pool->memory_bytes == memory_bytes && memory_bytes <= pool->memory_bytes_max);
}

void model_check(struct model *model)
{
    uint32_t blocks = 0;

    held = 0;
    check_stream(model, &model->private_stream);
    for (unsigned s = 0; s < model->stream_count; s++) {
        EXPECT(model->streams[s].end == model->model_streams[s].end);
        EXPECT(model->streams[s].barrier == model->model_streams[s].barrier);
        check_followers(model, s);
        check_stream(model, &model->streams[s]);
    }
    for (unsigned r = 0; r < model->reader_count; r++) {
        check_reader(model, r);
        blocks += check_outbox(model, &model->readers[r].outbox, &model->model_readers[r]);
    }
    check_holds(model);
    EXPECT(model->gather.blocks.used == blocks);
    EXPECT(model->gather.deliveries == model->deliveries);
    EXPECT(model->gather.skipped == model->skipped);
}

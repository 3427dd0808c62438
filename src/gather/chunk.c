#include "gather/chunk.h"

#include <stdlib.h>

#include "base/asan.h"
#include "base/check.h"

/* What a burst leaves behind and the next burst finds again; beyond it, memory goes back to the system. */
enum { CACHED_CHUNKS_MAX = 256 };

static uint64_t chunk_memory_bytes(uint32_t size)
{
    return sizeof(struct chunk) + size;
}

void chunk_pool_init(struct chunk_pool *pool, uint32_t chunk_bytes, uint64_t memory_bytes_max)
{
    CHECK(chunk_bytes > 0);
    *pool = (struct chunk_pool){.chunk_bytes = chunk_bytes, .memory_bytes_max = memory_bytes_max};
}

static void chunk_free(struct chunk_pool *pool, struct chunk *chunk)
{
    pool->memory_bytes -= chunk_memory_bytes(chunk->size);
    free(chunk);
}

static struct chunk *chunk_pool_uncache(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->cache;

    pool->cache = chunk->next;
    pool->cached--;
    return chunk;
}

void chunk_pool_fini(struct chunk_pool *pool)
{
    while (pool->cache != NULL) {
        chunk_free(pool, chunk_pool_uncache(pool));
    }
    CHECK(pool->live == 0 && pool->memory_bytes == 0);
}

static struct chunk *chunk_allocate(struct chunk_pool *pool, uint32_t size)
{
    /* Cached chunks are of no use to an outsize one, and must not keep it from being had. */
    while (pool->memory_bytes + chunk_memory_bytes(size) > pool->memory_bytes_max) {
        if (pool->cache == NULL) {
            return NULL;
        }
        chunk_free(pool, chunk_pool_uncache(pool));
    }

    struct chunk *chunk = malloc(sizeof(*chunk) + size);

    if (chunk == NULL) {
        return NULL;
    }
    pool->memory_bytes += chunk_memory_bytes(size);
    chunk->pool = pool;
    chunk->size = size;
    return chunk;
}

struct chunk *chunk_open(struct chunk_pool *pool, size_t bytes)
{
    struct chunk *chunk;

    CHECK(bytes <= UINT32_MAX);
    if (bytes <= pool->chunk_bytes && pool->cache != NULL) {
        chunk = chunk_pool_uncache(pool);
    } else {
        chunk = chunk_allocate(pool, bytes <= pool->chunk_bytes ? pool->chunk_bytes : (uint32_t)bytes);
    }
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = NULL;
    chunk->base = 0;
    chunk->refs = 1;
    chunk->used = 0;
    chunk->packets = 0;
    pool->live++;
    return chunk;
}

void chunk_unref(struct chunk *chunk)
{
    struct chunk_pool *pool = chunk->pool;

    CHECK(chunk->refs > 0);
    if (--chunk->refs > 0) {
        return;
    }
    CHECK(pool->live > 0);
    pool->live--;
    if (!ASAN_IS_ON && chunk->size == pool->chunk_bytes && pool->cached < CACHED_CHUNKS_MAX) {
        chunk->next = pool->cache;
        pool->cache = chunk;
        pool->cached++;
        return;
    }
    chunk_free(pool, chunk);
}

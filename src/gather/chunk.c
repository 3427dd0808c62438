#include "gather/chunk.h"

#include <stdbool.h>

#include "base/asan.h"
#include "base/check.h"
#include "base/memory.h"

/*
 * What a burst leaves behind and the next burst finds again; beyond it, memory goes back to the system. Of either size
 * it is 4 MiB at the ordinary chunk_bytes.
 */
enum { CACHED_CHUNKS_MAX = 256, CACHED_SMALL_MAX = 2048 };

/* So much of either size is kept however long nobody needs it: ticks differ, and memory is not to be asked for in each. */
enum { CACHED_BYTES_KEPT = 128 * 1024 };

static uint64_t chunk_memory_bytes(uint32_t size)
{
    return sizeof(struct chunk) + size;
}

void chunk_pool_init(struct chunk_pool *pool, uint32_t chunk_bytes, uint64_t memory_bytes_max)
{
    CHECK(chunk_bytes > 0);
    *pool = (struct chunk_pool){
        .chunk_bytes = chunk_bytes,
        .small_bytes = chunk_bytes < CHUNK_SMALL_BYTES ? chunk_bytes : CHUNK_SMALL_BYTES,
        .memory_bytes_max = memory_bytes_max,
    };
}

static void chunk_free(struct chunk_pool *pool, struct chunk *chunk)
{
    pool->memory_bytes -= chunk_memory_bytes(chunk->size);
    memory_give(chunk);
}

static struct chunk *chunk_cache_pop(struct chunk_cache *cache)
{
    struct chunk *chunk = cache->first;

    if (chunk != NULL) {
        cache->first = chunk->next;
        cache->count--;
        cache->idle = cache->count < cache->idle ? cache->count : cache->idle;
    }
    return chunk;
}

/* Gives one cached chunk back to the system, a large one where there is one. False: none is cached. */
static bool chunk_pool_shrink(struct chunk_pool *pool)
{
    struct chunk *chunk = chunk_cache_pop(&pool->ordinary);

    chunk = chunk != NULL ? chunk : chunk_cache_pop(&pool->small);
    if (chunk == NULL) {
        return false;
    }
    chunk_free(pool, chunk);
    return true;
}

uint64_t chunk_pool_trim(struct chunk_pool *pool)
{
    uint64_t memory_bytes = pool->memory_bytes;

    while (chunk_pool_shrink(pool)) {
    }
    return memory_bytes - pool->memory_bytes;
}

static void chunk_cache_age(struct chunk_pool *pool, struct chunk_cache *cache, uint32_t chunk_bytes)
{
    uint32_t kept = CACHED_BYTES_KEPT / chunk_bytes;
    uint32_t count = cache->idle > kept ? (cache->idle - kept + 3) / 4 : 0;

    count = count < CHUNK_AGE_MAX ? count : CHUNK_AGE_MAX;
    for (; count > 0; count--) {
        chunk_free(pool, chunk_cache_pop(cache));
    }
    cache->idle = cache->count;
}

void chunk_pool_age(struct chunk_pool *pool)
{
    chunk_cache_age(pool, &pool->ordinary, pool->chunk_bytes);
    chunk_cache_age(pool, &pool->small, pool->small_bytes);
}

void chunk_pool_fini(struct chunk_pool *pool)
{
    (void)chunk_pool_trim(pool);
    CHECK(pool->live == 0 && pool->memory_bytes == 0);
}

static struct chunk *chunk_allocate(struct chunk_pool *pool, uint32_t size)
{
    /* Cached chunks of another size are of no use to this one, and must not keep it from being had. */
    while (pool->memory_bytes + chunk_memory_bytes(size) > pool->memory_bytes_max) {
        if (!chunk_pool_shrink(pool)) {
            return NULL;
        }
    }

    struct chunk *chunk = memory_take(sizeof(*chunk) + size);

    if (chunk == NULL) {
        return NULL;
    }
    pool->memory_bytes += chunk_memory_bytes(size);
    chunk->pool = pool;
    chunk->size = size;
    return chunk;
}

/* An empty chunk of `size` bytes, from `cache` when there is one in it. */
static struct chunk *chunk_take(struct chunk_pool *pool, struct chunk_cache *cache, uint32_t size)
{
    struct chunk *chunk = cache != NULL ? chunk_cache_pop(cache) : NULL;

    if (chunk == NULL) {
        chunk = chunk_allocate(pool, size);
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

struct chunk *chunk_open(struct chunk_pool *pool, size_t bytes)
{
    CHECK(bytes <= UINT32_MAX);
    return bytes <= pool->chunk_bytes ? chunk_take(pool, &pool->ordinary, pool->chunk_bytes)
                                      : chunk_take(pool, NULL, (uint32_t)bytes);
}

struct chunk *chunk_open_small(struct chunk_pool *pool, size_t bytes)
{
    if (bytes > pool->small_bytes || pool->small_bytes == pool->chunk_bytes) {
        return chunk_open(pool, bytes);
    }
    return chunk_take(pool, &pool->small, pool->small_bytes);
}

/* Where a chunk that nobody holds goes; false: nowhere, it is to be freed. */
static bool chunk_keep(struct chunk_pool *pool, struct chunk *chunk)
{
    bool is_ordinary = chunk->size == pool->chunk_bytes;
    struct chunk_cache *cache = is_ordinary ? &pool->ordinary : &pool->small;
    uint32_t count_max = is_ordinary ? CACHED_CHUNKS_MAX : CACHED_SMALL_MAX;

    if (ASAN_IS_ON || chunk->size > pool->chunk_bytes || cache->count == count_max) {
        return false;
    }
    chunk->next = cache->first;
    cache->first = chunk;
    cache->count++;
    return true;
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
    if (!chunk_keep(pool, chunk)) {
        chunk_free(pool, chunk);
    }
}

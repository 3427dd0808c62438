/*
 * Chunks: the ref-counted pieces of memory that streams are made of.
 *
 *     1. refs >= 1 while anyone can reach the chunk; who opened it holds the first reference.
 *     2. bytes below `used` never change while anyone but the stream holds a reference (keyed packets, which
 *        are overwritten only while nobody has pulled them, keep to this by definition).
 *     3. chunks of the two ordinary sizes come from a cache each and go back to it; an outsize chunk is freed at
 *        once.
 *     4. small_bytes <= chunk_bytes; when they are the same there is one size, and one cache is used.
 */
#ifndef ROOMD_GATHER_CHUNK_H
#define ROOMD_GATHER_CHUNK_H

#include <stddef.h>
#include <stdint.h>

/* What a chunk of a stream holds that little is written to. */
enum { CHUNK_SMALL_BYTES = 2048 };

struct chunk_pool;

struct chunk {
    struct chunk_pool *pool;
    struct chunk *next; /* in its stream, or in the cache */
    uint64_t base;      /* position in its stream of bytes[0] */
    uint32_t refs;
    uint32_t used;
    uint32_t size;
    uint32_t packets; /* of its stream, counted from the first, when the last packet here was appended */
    uint8_t bytes[];
};

struct chunk_cache {
    struct chunk *first;
    uint32_t count;
    uint32_t idle; /* chunks that lay here all the time since chunk_pool_age looked last */
};

struct chunk_pool {
    struct chunk_cache ordinary;
    struct chunk_cache small;
    uint32_t live;         /* chunks that someone holds */
    uint32_t chunk_bytes;  /* of an ordinary chunk */
    uint32_t small_bytes;  /* of a small one: CHUNK_SMALL_BYTES, or chunk_bytes where that is less */
    uint64_t memory_bytes; /* of all chunks, cached ones included */
    uint64_t memory_bytes_max;
};

/* Allocates nothing yet. `memory_bytes_max` bounds all chunks together, the caches included. */
void chunk_pool_init(struct chunk_pool *pool, uint32_t chunk_bytes, uint64_t memory_bytes_max);
/* Gives the chunks that are cached back to the system; returns how many bytes that was. */
uint64_t chunk_pool_trim(struct chunk_pool *pool);
/*
 * Called every so often: a quarter of those cached chunks that nobody has needed since the last call, CHUNK_AGE_MAX of either
 * size at most, goes back to the system. What one burst left behind is gone some calls later, but for a little; what comes
 * and goes stays.
 */
enum { CHUNK_AGE_MAX = 32 };
void chunk_pool_age(struct chunk_pool *pool);
/* Every chunk must have been let go. */
void chunk_pool_fini(struct chunk_pool *pool);

/*
 * An empty chunk for at least `bytes` more bytes, with one reference that is the caller's; NULL when the pool
 * is at its limit or the system has no memory.
 */
struct chunk *chunk_open(struct chunk_pool *pool, size_t bytes);
/* The same of the small size, when `bytes` fit that. */
struct chunk *chunk_open_small(struct chunk_pool *pool, size_t bytes);

static inline void chunk_ref(struct chunk *chunk)
{
    chunk->refs++;
}

/* Lets one reference go; the chunk is gone with the last one. */
void chunk_unref(struct chunk *chunk);

#endif

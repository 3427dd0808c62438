/*
 * Chunks: the ref-counted pieces of memory that streams are made of.
 *
 *     1. refs >= 1 while anyone can reach the chunk; who opened it holds the first reference.
 *     2. bytes below `used` never change while anyone but the stream holds a reference (keyed packets, which
 *        are overwritten only while nobody has pulled them, keep to this by definition).
 *     3. chunks of the ordinary size come from a cache and go back to it; an outsize chunk is freed at once.
 */
#ifndef ROOMD_GATHER_CHUNK_H
#define ROOMD_GATHER_CHUNK_H

#include <stddef.h>
#include <stdint.h>

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

struct chunk_pool {
    struct chunk *cache;
    uint32_t cached;
    uint32_t live;         /* chunks that someone holds */
    uint32_t chunk_bytes;  /* of an ordinary chunk */
    uint64_t memory_bytes; /* of all chunks, cached ones included */
    uint64_t memory_bytes_max;
};

/* Allocates nothing yet. `memory_bytes_max` bounds all chunks together, the cache included. */
void chunk_pool_init(struct chunk_pool *pool, uint32_t chunk_bytes, uint64_t memory_bytes_max);
/* Every chunk must have been let go. */
void chunk_pool_fini(struct chunk_pool *pool);

/*
 * An empty chunk for at least `bytes` more bytes, with one reference that is the caller's; NULL when the pool
 * is at its limit or the system has no memory.
 */
struct chunk *chunk_open(struct chunk_pool *pool, size_t bytes);

static inline void chunk_ref(struct chunk *chunk)
{
    chunk->refs++;
}

/* Lets one reference go; the chunk is gone with the last one. */
void chunk_unref(struct chunk *chunk);

#endif

/*
 * Pools of objects of one size: slabs that are added as the pool grows, up to a limit, and a free list (last
 * in, first out, so what is taken is what is still in the cache). What is given back is poisoned (0xA5).
 * Under the address sanitizer every object is a malloc of its own, so that use after give is seen.
 *
 *     1. used <= limit.
 *     2. an object handed out is aligned for any type and its address never changes.
 *     3. memory goes back to the system in pool_trim and pool_fini only, by whole slabs.
 */
#ifndef ROOMD_BASE_POOL_H
#define ROOMD_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool_slab {
    char *objects;
    uint32_t count;
    uint32_t free; /* of them; right during pool_trim alone */
};

struct pool {
    const char *name;
    size_t object_bytes; /* from one object to the next: rounded up, but under ASan */
    uint32_t slab_objects;
    uint32_t limit;
    uint32_t used;  /* objects handed out now */
    uint32_t total; /* objects that exist, used or free */
    void *free;
    struct pool_slab *slabs; /* by address */
    uint32_t slab_count;
    uint32_t slab_capacity;
};

/*
 * `limit` objects at most, `limit` and `object_bytes` above 0; a slab is about 64 KiB, or one object where
 * that is larger. Allocates nothing yet. `name` must outlive the pool.
 */
void pool_init(struct pool *pool, const char *name, size_t object_bytes, uint32_t limit);
/* Every object must have been given back. */
void pool_fini(struct pool *pool);
/* An object with undefined contents, or NULL at the limit or when the system has no memory. */
void *pool_take(struct pool *pool);
/* Gives back what pool_take of this pool returned; NULL is ignored. */
void pool_give(struct pool *pool, void *object);
/*
 * Gives those slabs back to the system of which no object is handed out; returns how many bytes that was. It looks at
 * every free object: for when memory is short, not for every day.
 */
uint64_t pool_trim(struct pool *pool);

#endif

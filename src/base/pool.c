#include "base/pool.h"

#include <stdalign.h>
#include <string.h>

#include "base/asan.h"
#include "base/check.h"
#include "base/memory.h"

enum { POOL_SLAB_BYTES = 64 * 1024, POOL_POISON = 0xA5, POOL_ALIGN = alignof(max_align_t) };

/* Lies at the start of a free object and takes the place of its first bytes. */
struct pool_link {
    struct pool_link *next;
};

/* Lies before the objects of a slab, and is as long as keeps the first of them aligned. */
union pool_slab {
    union pool_slab *next;
    max_align_t align;
};

void pool_init(struct pool *pool, const char *name, size_t object_bytes, uint32_t limit)
{
    size_t stride = object_bytes > sizeof(struct pool_link) ? object_bytes : sizeof(struct pool_link);
    size_t slab_objects;

    CHECK(object_bytes > 0 && object_bytes <= SIZE_MAX / 4);
    CHECK(limit > 0);
    stride = (stride + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    slab_objects = (POOL_SLAB_BYTES - sizeof(union pool_slab)) / stride;
    *pool = (struct pool){
        .name = name,
        .object_bytes = stride,
        .slab_objects = slab_objects > 0 ? (uint32_t)slab_objects : 1,
        .limit = limit,
    };
#if ASAN_IS_ON
    pool->object_bytes = object_bytes; /* to the byte, so that one too many is seen */
#endif
}

#if ASAN_IS_ON

void pool_fini(struct pool *pool)
{
    CHECK(pool->used == 0);
}

void *pool_take(struct pool *pool)
{
    void *object;

    if (pool->used == pool->limit) {
        return NULL;
    }
    object = memory_take(pool->object_bytes);
    if (object != NULL) {
        pool->used++;
        pool->total++;
    }
    return object;
}

void pool_give(struct pool *pool, void *object)
{
    if (object == NULL) {
        return;
    }
    CHECK(pool->used > 0);
    pool->used--;
    pool->total--;
    memory_give(object);
}

#else

void pool_fini(struct pool *pool)
{
    union pool_slab *slab = pool->slabs;

    CHECK(pool->used == 0);
    while (slab != NULL) {
        union pool_slab *next = slab->next;

        memory_give(slab);
        slab = next;
    }
    pool->slabs = NULL;
    pool->free = NULL;
    pool->total = 0;
}

/*
 * Adds a slab, cut short where the limit ends it, to an empty free list; leaves the list empty when memory is
 * out.
 */
static void pool_grow(struct pool *pool)
{
    uint32_t missing = pool->limit - pool->total;
    uint32_t count = missing < pool->slab_objects ? missing : pool->slab_objects;
    union pool_slab *slab = memory_take(sizeof(union pool_slab) + count * pool->object_bytes);
    char *objects;

    if (slab == NULL) {
        return;
    }
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->total += count;
    /* From the back, so that objects are first taken in the order of their addresses. */
    objects = (char *)(slab + 1);
    for (uint32_t i = count; i > 0; i--) {
        struct pool_link *link = (void *)(objects + (i - 1) * pool->object_bytes);

        link->next = pool->free;
        pool->free = link;
    }
}

void *pool_take(struct pool *pool)
{
    struct pool_link *link;

    if (pool->used == pool->limit) {
        return NULL;
    }
    if (pool->free == NULL) {
        pool_grow(pool);
    }
    link = pool->free;
    if (link == NULL) {
        return NULL;
    }
    pool->free = link->next;
    pool->used++;
    return link;
}

void pool_give(struct pool *pool, void *object)
{
    struct pool_link *link = object;

    if (object == NULL) {
        return;
    }
    CHECK(pool->used > 0);
    CHECK(object != pool->free); /* the commonest way to give twice */
    memset(object, POOL_POISON, pool->object_bytes);
    link->next = pool->free;
    pool->free = link;
    pool->used--;
}

#endif

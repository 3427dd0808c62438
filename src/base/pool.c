#include "base/pool.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include "base/asan.h"
#include "base/check.h"
#include "base/memory.h"

/* With what the allocator puts before it a slab fills whole pages. */
enum { POOL_SLAB_BYTES = 64 * 1024 - 64, POOL_POISON = 0xA5, POOL_ALIGN = alignof(max_align_t) };

/* Lies at the start of a free object and takes the place of its first bytes. */
struct pool_link {
    struct pool_link *next;
};

void pool_init(struct pool *pool, const char *name, size_t object_bytes, uint32_t limit)
{
    size_t stride = object_bytes > sizeof(struct pool_link) ? object_bytes : sizeof(struct pool_link);
    size_t slab_objects;

    CHECK(object_bytes > 0 && object_bytes <= SIZE_MAX / 4);
    CHECK(limit > 0);
    stride = (stride + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    slab_objects = POOL_SLAB_BYTES / stride;
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

uint64_t pool_trim(struct pool *pool)
{
    (void)pool;
    return 0;
}

#else

void pool_fini(struct pool *pool)
{
    CHECK(pool->used == 0);
    for (uint32_t i = 0; i < pool->slab_count; i++) {
        memory_give(pool->slabs[i].objects);
    }
    memory_give(pool->slabs);
    pool->slabs = NULL;
    pool->slab_count = 0;
    pool->slab_capacity = 0;
    pool->free = NULL;
    pool->total = 0;
}

/* How many slabs begin at that address or before. */
static uint32_t pool_slabs_before(const struct pool *pool, const void *address)
{
    uint32_t from = 0;
    uint32_t to = pool->slab_count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if ((uintptr_t)pool->slabs[middle].objects <= (uintptr_t)address) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static bool pool_has_place_for_slab(struct pool *pool)
{
    uint32_t capacity = pool->slab_capacity == 0 ? 8 : pool->slab_capacity * 2;
    struct pool_slab *slabs;

    if (pool->slab_count < pool->slab_capacity) {
        return true;
    }
    slabs = memory_resize(pool->slabs, capacity * sizeof(*slabs));
    if (slabs == NULL) {
        return false;
    }
    pool->slabs = slabs;
    pool->slab_capacity = capacity;
    return true;
}

static void pool_add_slab(struct pool *pool, char *objects, uint32_t count)
{
    uint32_t at = pool_slabs_before(pool, objects);

    memmove(&pool->slabs[at + 1], &pool->slabs[at], (pool->slab_count - at) * sizeof(pool->slabs[0]));
    pool->slabs[at] = (struct pool_slab){.objects = objects, .count = count};
    pool->slab_count++;
    pool->total += count;
}

/*
 * Adds a slab, cut short where the limit ends it, to an empty free list; leaves the list empty when memory is
 * out.
 */
static void pool_grow(struct pool *pool)
{
    uint32_t missing = pool->limit - pool->total;
    uint32_t count = missing < pool->slab_objects ? missing : pool->slab_objects;
    char *objects = pool_has_place_for_slab(pool) ? memory_take(count * pool->object_bytes) : NULL;

    if (objects == NULL) {
        return;
    }
    pool_add_slab(pool, objects, count);
    /* From the back, so that objects are first taken in the order of their addresses. */
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

static struct pool_slab *pool_slab_of(const struct pool *pool, const void *object)
{
    return &pool->slabs[pool_slabs_before(pool, object) - 1];
}

/* Counts the free objects of each slab; returns how many slabs have no others. */
static uint32_t pool_count_free(struct pool *pool)
{
    uint32_t all_free = 0;

    for (uint32_t i = 0; i < pool->slab_count; i++) {
        pool->slabs[i].free = 0;
    }
    for (const struct pool_link *link = pool->free; link != NULL; link = link->next) {
        struct pool_slab *slab = pool_slab_of(pool, link);

        all_free += ++slab->free == slab->count;
    }
    return all_free;
}

/* Those objects that lie in slabs with no others are not to be taken any more; the rest stay in their order. */
static void pool_forget_free(struct pool *pool)
{
    struct pool_link *link = pool->free;
    struct pool_link *last = NULL;

    pool->free = NULL;
    while (link != NULL) {
        const struct pool_slab *slab = pool_slab_of(pool, link);
        struct pool_link *next = link->next;

        if (slab->free < slab->count) {
            link->next = NULL;
            if (last == NULL) {
                pool->free = link;
            } else {
                last->next = link;
            }
            last = link;
        }
        link = next;
    }
}

uint64_t pool_trim(struct pool *pool)
{
    uint64_t bytes = 0;
    uint32_t kept = 0;

    if (pool->used == pool->total || pool_count_free(pool) == 0) {
        return 0;
    }
    pool_forget_free(pool);
    for (uint32_t i = 0; i < pool->slab_count; i++) {
        struct pool_slab *slab = &pool->slabs[i];

        if (slab->free < slab->count) {
            pool->slabs[kept++] = *slab;
            continue;
        }
        bytes += slab->count * pool->object_bytes;
        pool->total -= slab->count;
        memory_give(slab->objects);
    }
    pool->slab_count = kept;
    return bytes;
}

#endif

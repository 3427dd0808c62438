#include "base/memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"

/*
 * glibc keeps what is freed in the midst of its heap, and once a large block has been freed it takes large ones from there
 * too: after an attack that was worth 62 MiB all of them stayed resident, of which 25 were in use. With mappings of their
 * own for chunks and long partial frames it is 26, and never more than what is counted. The kernel allows a process 65,530
 * mappings, and one that is freed may make two of one.
 */
enum { MAPPED_BYTES_MIN = 32 * 1024, MAPPED_COUNT_MAX = 30000 };

static uint64_t used_bytes;
static uint64_t limit_bytes = UINT64_MAX;

void memory_tune(void)
{
#ifdef M_MMAP_THRESHOLD
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    (void)mallopt(M_MMAP_MAX, MAPPED_COUNT_MAX);
#endif
}

static bool memory_has_place(size_t bytes)
{
    return used_bytes < limit_bytes && bytes <= limit_bytes - used_bytes;
}

static void *memory_count(void *memory)
{
    used_bytes += malloc_usable_size(memory); /* of NULL: 0 */
    return memory;
}

void *memory_take(size_t bytes)
{
    return memory_has_place(bytes) ? memory_count(malloc(bytes)) : NULL;
}

void *memory_take_zeroed(size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total) || !memory_has_place(total)) {
        return NULL;
    }
    return memory_count(calloc(count, bytes));
}

void *memory_resize(void *memory, size_t bytes)
{
    size_t old_bytes = malloc_usable_size(memory);

    if (bytes > old_bytes && !memory_has_place(bytes - old_bytes)) {
        return NULL;
    }

    void *moved = realloc(memory, bytes);

    if (moved != NULL) {
        used_bytes -= old_bytes;
        memory_count(moved);
    }
    return moved;
}

void memory_give(void *memory)
{
    size_t bytes = malloc_usable_size(memory);

    CHECK(bytes <= used_bytes);
    used_bytes -= bytes;
    free(memory);
}

uint64_t memory_used_bytes(void)
{
    return used_bytes;
}

void memory_set_limit(uint64_t bytes_max)
{
    limit_bytes = bytes_max;
}

uint64_t memory_limit_bytes(void)
{
    return limit_bytes;
}

#include "support/alloc_count.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/asan.h"

#if !defined(__GLIBC__) || ASAN_IS_ON || defined(__SANITIZE_THREAD__)
#define ALLOC_COUNT_IS_AVAILABLE 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ALLOC_COUNT_IS_AVAILABLE 0
#endif
#endif
#ifndef ALLOC_COUNT_IS_AVAILABLE
#define ALLOC_COUNT_IS_AVAILABLE 1
#endif

static atomic_uint_fast64_t alloc_count;

bool alloc_count_is_available(void)
{
    return ALLOC_COUNT_IS_AVAILABLE;
}

uint64_t alloc_count_calls(void)
{
    return atomic_load_explicit(&alloc_count, memory_order_relaxed);
}

#if ALLOC_COUNT_IS_AVAILABLE

/* glibc's own allocator under the names that stay reachable when a program brings its own malloc. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static void alloc_count_add(void)
{
    atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    alloc_count_add();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    alloc_count_add();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    alloc_count_add();
    return __libc_realloc(memory, size);
}

void free(void *memory)
{
    alloc_count_add();
    __libc_free(memory);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *aligned;

    alloc_count_add();
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    aligned = __libc_memalign(alignment, size);
    if (aligned == NULL) {
        return ENOMEM;
    }
    *memory = aligned;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    alloc_count_add();
    return __libc_memalign(alignment, size);
}

#endif

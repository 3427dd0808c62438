/*
 * Counts the calls of malloc, calloc, realloc, free, posix_memalign and aligned_alloc in this process, those
 * from inside libc and cmocka included: what a test of "this allocates nothing" compares before and after.
 * The object that holds these functions holds the counting allocator too, so that naming one links the other.
 */
#ifndef ROOMD_TESTS_SUPPORT_ALLOC_COUNT_H
#define ROOMD_TESTS_SUPPORT_ALLOC_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* False under a sanitizer that owns the allocator, and where libc is not glibc: then the count stays 0. */
bool alloc_count_is_available(void);

/* Calls since the process began, by all its threads. */
uint64_t alloc_count_calls(void);

#endif

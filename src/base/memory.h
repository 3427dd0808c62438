/*
 * Memory from the system, counted, with a limit: it is never the kernel that decides who has to go. All floors take
 * theirs here; what libc takes for itself, and contents besides what they have of their room, is outside.
 *
 *     1. used <= the limit that was set, or what was in use when it was: nothing more is handed out then.
 *     2. what is counted is what the allocator set aside (malloc_usable_size(3)), so that giving back needs no size.
 *
 * One count a process, and no lock: roomd has one thread.
 */
#ifndef ROOMD_BASE_MEMORY_H
#define ROOMD_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Before anything is taken: sees to it that what is given back goes back to the system, as far as it is large. Then what
 * the process has of it is near to what is counted, also after a time in which it was much.
 */
void memory_tune(void);

/* As malloc, calloc, realloc and free; NULL also where the limit would be passed. */
void *memory_take(size_t bytes);
void *memory_take_zeroed(size_t count, size_t bytes);
/* On failure `memory` is what it was. */
void *memory_resize(void *memory, size_t bytes);
void memory_give(void *memory);

uint64_t memory_used_bytes(void);
/* UINT64_MAX until it is set. What is in use may be more: nothing is taken away. */
void memory_set_limit(uint64_t bytes_max);
uint64_t memory_limit_bytes(void);

#endif

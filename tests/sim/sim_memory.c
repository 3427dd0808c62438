#include "sim/sim_memory.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

#include "sim/sim_kernel.h"

static uint32_t inside;
static uint32_t held;
static uint64_t blocks;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void __real_free(void *memory);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
void __wrap_free(void *memory);

void sim_memory_begin(void)
{
    inside++;
}

void sim_memory_end(void)
{
    inside--;
}

void sim_memory_hold(void)
{
    held++;
}

void sim_memory_release(void)
{
    held--;
}

uint64_t sim_memory_blocks(void)
{
    return blocks;
}

static bool memory_is_refused(void)
{
    int error = inside > 0 && held == 0 ? sim_kernel_fault(SIM_ALLOCATE) : 0;

    if (error != 0) {
        errno = ENOMEM;
    }
    return error != 0;
}

static void *memory_count(void *memory)
{
    blocks += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return memory_is_refused() ? NULL : memory_count(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_is_refused() ? NULL : memory_count(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (memory_is_refused()) {
        return NULL;
    }

    bool is_new = memory == NULL;
    void *moved = __real_realloc(memory, size);

    return is_new ? memory_count(moved) : moved;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    if (memory_is_refused()) {
        return NULL;
    }

    bool is_new = memory == NULL;
    void *moved = __real_reallocarray(memory, count, size);

    return is_new ? memory_count(moved) : moved;
}

void __wrap_free(void *memory)
{
    blocks -= memory != NULL;
    __real_free(memory);
}

/* What the server draws from the kernel is the seed's. */
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)sim_draw(&sim_kernel.random, 256);
    }
    return (ssize_t)size;
}

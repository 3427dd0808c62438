#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_room.h"

enum { DATA_MAX = 64, GUARD_BYTES = 16, GUARD = 0xA5 };

struct fake_block {
    struct fake_block *prev, *next;
    size_t bytes;
    max_align_t memory[];
};

struct data_file {
    const char *name;
    const char *text;
};

static struct data_file data_files[DATA_MAX];
static uint32_t data_count;

void fake_data_add(const char *name, const char *text)
{
    assert_true(data_count < DATA_MAX);
    data_files[data_count++] = (struct data_file){.name = name, .text = text};
}

void fake_data_clear(void)
{
    data_count = 0;
}

int fake_read_data(struct roomd_room *room, const char *name, char **data, size_t *bytes)
{
    if (name[0] == '\0' || name[0] == '/' || strstr(name, "..") != NULL) {
        return -EINVAL;
    }
    /* The newest of a name. */
    for (uint32_t i = data_count; i-- > 0;) {
        if (strcmp(data_files[i].name, name) != 0) {
            continue;
        }
        *bytes = strlen(data_files[i].text);
        *data = fake_alloc(room, *bytes + 1);
        if (*data == NULL) {
            return -ENOMEM;
        }
        memcpy(*data, data_files[i].text, *bytes + 1);
        return 0;
    }
    return -ENOENT;
}

static void block_check(const struct fake_block *block)
{
    const uint8_t *guard = (const uint8_t *)block->memory + block->bytes;

    for (size_t i = 0; i < GUARD_BYTES; i++) {
        if (guard[i] != GUARD) {
            fail_msg("a block of %zu bytes was written beyond its end", block->bytes);
        }
    }
}

static void block_link(struct fake_room *room, struct fake_block *block)
{
    block->prev = NULL;
    block->next = room->blocks;
    if (room->blocks != NULL) {
        room->blocks->prev = block;
    }
    room->blocks = block;
}

static void block_unlink(struct fake_room *room, struct fake_block *block)
{
    if (block->prev != NULL) {
        block->prev->next = block->next;
    } else {
        assert_ptr_equal(room->blocks, block);
        room->blocks = block->next;
    }
    if (block->next != NULL) {
        block->next->prev = block->prev;
    }
}

static bool alloc_is_refused(struct fake_room *room)
{
    return room->fail_alloc > 0 && --room->fail_alloc == 0;
}

void *fake_alloc(struct roomd_room *handle, size_t bytes)
{
    struct fake_room *room = fake_of(handle);

    assert_true(bytes > 0 && bytes < SIZE_MAX / 2);
    if (alloc_is_refused(room)) {
        return NULL;
    }
    struct fake_block *block = calloc(1, sizeof(*block) + bytes + GUARD_BYTES);

    assert_non_null(block);
    block->bytes = bytes;
    memset((uint8_t *)block->memory + bytes, GUARD, GUARD_BYTES);
    block_link(room, block);
    return block->memory;
}

static struct fake_block *block_of(void *memory)
{
    return (struct fake_block *)(void *)((uint8_t *)memory - offsetof(struct fake_block, memory));
}

void fake_free(struct roomd_room *handle, void *memory)
{
    if (memory == NULL) {
        return;
    }
    struct fake_block *block = block_of(memory);

    block_check(block);
    block_unlink(fake_of(handle), block);
    free(block);
}

/* Always moves, so that a pointer which was kept is found out. */
void *fake_resize(struct roomd_room *handle, void *memory, size_t bytes)
{
    if (memory == NULL) {
        return fake_alloc(handle, bytes);
    }
    struct fake_block *old = block_of(memory);
    uint8_t *anew = fake_alloc(handle, bytes);

    if (anew == NULL) {
        return NULL;
    }
    memset(anew, 0xCD, bytes); /* what resize adds is not zeroed */
    memcpy(anew, memory, old->bytes < bytes ? old->bytes : bytes);
    fake_free(handle, memory);
    return anew;
}

void fake_memory_give_back(struct fake_room *room)
{
    while (room->blocks != NULL) {
        fake_free(fake_handle(room), room->blocks->memory);
    }
}

static bool job_is_before(const struct fake_job *a, const struct fake_job *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->number < b->number;
}

static void job_swap(struct fake_jobs *jobs, size_t a, size_t b)
{
    struct fake_job *kept = jobs->at[a];

    jobs->at[a] = jobs->at[b];
    jobs->at[b] = kept;
}

static void job_rise(struct fake_jobs *jobs, size_t i)
{
    for (; i > 0 && job_is_before(jobs->at[i], jobs->at[(i - 1) / 2]); i = (i - 1) / 2) {
        job_swap(jobs, i, (i - 1) / 2);
    }
}

static void job_sink(struct fake_jobs *jobs, size_t i)
{
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < jobs->count; child++) {
            if (job_is_before(jobs->at[child], jobs->at[least])) {
                least = child;
            }
        }
        if (least == i) {
            return;
        }
        job_swap(jobs, i, least);
        i = least;
    }
}

void fake_job_push(struct fake_jobs *jobs, struct fake_job *job)
{
    if (jobs->count == jobs->capacity) {
        jobs->capacity = jobs->capacity == 0 ? 64 : 2 * jobs->capacity;
        jobs->at = realloc(jobs->at, jobs->capacity * sizeof(struct fake_job *));
        assert_non_null(jobs->at);
    }
    jobs->at[jobs->count] = job;
    job_rise(jobs, jobs->count++);
}

static struct fake_job *job_take(struct fake_jobs *jobs, size_t i)
{
    struct fake_job *job = jobs->at[i];

    jobs->at[i] = jobs->at[--jobs->count];
    if (i < jobs->count) {
        job_rise(jobs, i);
        job_sink(jobs, i);
    }
    return job;
}

struct fake_job *fake_job_pop(struct fake_jobs *jobs, uint64_t now_ms)
{
    return jobs->count > 0 && jobs->at[0]->due_ms <= now_ms ? job_take(jobs, 0) : NULL;
}

bool fake_job_cancel(struct fake_jobs *jobs, uint64_t number)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->at[i]->number == number) {
            free(job_take(jobs, i));
            return true;
        }
    }
    return false;
}

void fake_jobs_clear(struct fake_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        free(jobs->at[i]);
    }
    free(jobs->at);
    *jobs = (struct fake_jobs){0};
}

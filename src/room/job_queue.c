#include "room/job_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

/*
 * What lies in the ring: a record's head, then its payload. A filler is a head alone that covers the rest of
 * the ring.
 */
struct record {
    struct job job;
    uint32_t bytes; /* of the whole record */
    bool is_filler;
};

enum { RING_BYTES_MIN = 4096, RECORD_ALIGN = 8 };

void job_queue_init(struct job_queue *queue, size_t bytes_max)
{
    *queue = (struct job_queue){.bytes_max = bytes_max};
}

void job_queue_fini(struct job_queue *queue)
{
    memory_give(queue->ring);
    *queue = (struct job_queue){0};
}

void job_queue_trim(struct job_queue *queue)
{
    if (queue->head == queue->tail) {
        memory_give(queue->ring);
        queue->ring = NULL;
        queue->size = 0;
        queue->head = 0;
        queue->tail = 0;
    }
}

static size_t record_bytes(size_t payload_bytes)
{
    return (sizeof(struct record) + payload_bytes + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

static size_t ring_at(const struct job_queue *queue, size_t position)
{
    return position & (queue->size - 1);
}

/* How many bytes at `tail` a filler must cover so that `bytes` lie in one piece behind it. */
static size_t filler_bytes(const struct job_queue *queue, size_t bytes)
{
    size_t to_end = queue->size - ring_at(queue, queue->tail);

    return to_end < bytes ? to_end : 0;
}

/* Moves the records into a ring of `size` bytes, without fillers. 0 or -ENOMEM. */
static int job_queue_resize(struct job_queue *queue, size_t size)
{
    uint8_t *ring = memory_take(size);
    size_t used = 0;

    if (ring == NULL) {
        return -ENOMEM;
    }
    while (queue->head != queue->tail) {
        size_t at = ring_at(queue, queue->head);

        if (queue->size - at < sizeof(struct record)) {
            queue->head += queue->size - at;
            continue;
        }

        const struct record *record = (const struct record *)(const void *)(queue->ring + at);

        queue->head += record->bytes;
        if (!record->is_filler) {
            memcpy(ring + used, record, record->bytes);
            used += record->bytes;
        }
    }
    memory_give(queue->ring);
    queue->ring = ring;
    queue->size = size;
    queue->head = 0;
    queue->tail = used;
    return 0;
}

static int job_queue_make_room(struct job_queue *queue, size_t bytes)
{
    if (job_queue_used_bytes(queue) + bytes > queue->bytes_max) {
        return -ENOBUFS;
    }
    if (queue->size != 0 && job_queue_used_bytes(queue) + filler_bytes(queue, bytes) + bytes <= queue->size) {
        return 0;
    }

    size_t size = queue->size == 0 ? RING_BYTES_MIN : queue->size * 2;

    while (size < job_queue_used_bytes(queue) + bytes) {
        size *= 2;
    }
    if (job_queue_resize(queue, size) == 0) {
        return 0;
    }
    return job_queue_used_bytes(queue) > 0 ? -ENOBUFS : -ENOMEM;
}

static void job_queue_put_filler(struct job_queue *queue, size_t bytes)
{
    if (bytes >= sizeof(struct record)) {
        struct record *filler = (struct record *)(void *)(queue->ring + ring_at(queue, queue->tail));

        *filler = (struct record){.bytes = (uint32_t)bytes, .is_filler = true};
    }
    queue->tail += bytes;
}

int job_queue_push(struct job_queue *queue, const struct job *job, const void *payload)
{
    size_t bytes = record_bytes(job->bytes);
    int rc = job_queue_make_room(queue, bytes);

    CHECK(job->bytes <= JOB_PAYLOAD_BYTES_MAX);
    if (rc < 0) {
        return rc;
    }
    job_queue_put_filler(queue, filler_bytes(queue, bytes));

    struct record *record = (struct record *)(void *)(queue->ring + ring_at(queue, queue->tail));

    *record = (struct record){.job = *job, .bytes = (uint32_t)bytes};
    if (job->bytes > 0) {
        memcpy(record + 1, payload, job->bytes);
    }
    queue->tail += bytes;
    queue->pushed++;
    return 0;
}

int job_queue_pop(struct job_queue *queue, struct job *job, uint8_t *payload)
{
    while (queue->head != queue->tail) {
        size_t at = ring_at(queue, queue->head);

        if (queue->size - at < sizeof(struct record)) {
            queue->head += queue->size - at; /* too small for a filler's head */
            continue;
        }

        const struct record *record = (const struct record *)(const void *)(queue->ring + at);

        queue->head += record->bytes;
        if (record->is_filler) {
            continue;
        }
        *job = record->job;
        memcpy(payload, record + 1, job->bytes);
        queue->popped++;
        return 0;
    }
    return -ENOENT;
}

static void job_dropped(void *state, uint64_t session, const void *payload, size_t bytes)
{
    (void)state;
    (void)session;
    (void)payload;
    (void)bytes;
}

void job_queue_drop_jobs(struct job_queue *queue)
{
    for (size_t position = queue->head; position != queue->tail;) {
        size_t at = ring_at(queue, position);

        if (queue->size - at < sizeof(struct record)) {
            position += queue->size - at;
            continue;
        }

        struct record *record = (struct record *)(void *)(queue->ring + at);

        if (!record->is_filler && record->job.run != NULL) {
            record->job.run = job_dropped;
        }
        position += record->bytes;
    }
}

/*
 * A room's job queue: a ring of records (what to run, for which session, a copy of the payload), bounded in
 * bytes. It holds what may be refused: packets and the content's own jobs. Entering and leaving must never be
 * lost for lack of room; they wait in the room's list of transitions, in the same order (see room.h).
 *
 *     1. records are 8-byte aligned and contiguous; a record that would cross the end is preceded by a
 *        filler.
 *     2. records take at most bytes_max, one filler aside. The ring grows by doubling when it must and never
 *        shrinks.
 *     3. pushed - popped = records in the queue.
 */
#ifndef ROOMD_ROOM_JOB_QUEUE_H
#define ROOMD_ROOM_JOB_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "roomd/content.h"

struct job {
    roomd_job *run;   /* the content's job; NULL: a packet for the content */
    uint64_t session; /* 0: none */
    uint32_t bytes;   /* of the payload */
    uint16_t id;      /* of the packet */
};

struct job_queue {
    uint8_t *ring;
    size_t size; /* a power of two, or 0 before the first push */
    size_t head; /* free-running: where the first record begins */
    size_t tail; /* free-running: where the next one goes */
    size_t bytes_max;
    uint64_t pushed;
    uint64_t popped;
};

enum { JOB_PAYLOAD_BYTES_MAX = ROOMD_PAYLOAD_BYTES_MAX };

void job_queue_init(struct job_queue *queue, size_t bytes_max);
void job_queue_fini(struct job_queue *queue);

static inline uint64_t job_queue_count(const struct job_queue *queue)
{
    return queue->pushed - queue->popped;
}

/* Bytes that the records take, fillers included. */
static inline size_t job_queue_used_bytes(const struct job_queue *queue)
{
    return queue->tail - queue->head;
}

/*
 * Copies the job and `job->bytes` of payload in. 0; -ENOBUFS: it is full, or can't grow while it holds something: it has
 * place again when that has been popped; -ENOMEM: it is empty and can't grow.
 */
int job_queue_push(struct job_queue *queue, const struct job *job, const void *payload);

/*
 * Copies the first job out, its payload to `payload` (JOB_PAYLOAD_BYTES_MAX bytes). 0, or -ENOENT when it is
 * empty.
 */
int job_queue_pop(struct job_queue *queue, struct job *job, uint8_t *payload);

/*
 * The content's jobs that wait will do nothing: they stay, so that what waits for its turn among them (transitions)
 * keeps it. Packets stay as they are.
 */
void job_queue_drop_jobs(struct job_queue *queue);

/* Gives the ring back if it is empty; the next push takes a new one. */
void job_queue_trim(struct job_queue *queue);

#endif

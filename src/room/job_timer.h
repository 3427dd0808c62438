/* Jobs that run later: a timer that pushes a job into its room's queue when it is due. Gone with the room. */
#ifndef ROOMD_ROOM_JOB_TIMER_H
#define ROOMD_ROOM_JOB_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timers.h"
#include "roomd/content.h"

struct engine;
struct room;

struct job_timer {
    struct timer timer;
    struct room *room;
    struct list link; /* room->job_timers */
    uint64_t id;
    roomd_job *run;
    uint64_t session;
    uint32_t bytes;
    uint8_t payload[ROOMD_JOB_PAYLOAD_BYTES_MAX];
};

/*
 * 0 and *id; -EMSGSIZE, or -ENOMEM when the engine has no timer left. When it is due and the room's queue is
 * full, it tries again a millisecond later: late, never lost.
 */
int job_timer_open(struct room *room, uint64_t delay_ns, roomd_job *run, uint64_t session,
                   const void *payload, size_t bytes, uint64_t *id);
/* 0, or -ENOENT when the job has been pushed, or is no timer of this room. */
int job_timer_cancel(struct room *room, uint64_t id);
/* Cancels all of a room's. */
void job_timer_cancel_all(struct room *room);

#endif

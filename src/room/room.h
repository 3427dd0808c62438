/*
 * Rooms. A room is a job queue, a stream that its members follow, and the content that decides what happens.
 *
 *     jobs in -> room_run -> content -> room_broadcast, room_send -> stream, outboxes -> round of flushing
 *
 *     1. members[0 .. member_count) are the sessions in the room, each knowing its index; nobody is in it
 *        twice.
 *     2. member_count <= seats <= capacity at the time of joining: who may come in is decided once, by seat.
 *     3. transitions (enter, leave) and jobs run in the order in which they were asked for.
 *     4. in a round of flushing, members[0 .. cursor) have pulled up to the stream's mark; between
 *        rounds all have.
 *     5. a room is on engine->runnable exactly while it has jobs or transitions, on engine->flushing exactly
 *        while a round is under way (has_round) or asked for (wants_round).
 */
#ifndef ROOMD_ROOM_ROOM_H
#define ROOMD_ROOM_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/list.h"
#include "base/timers.h"
#include "gather/stream.h"
#include "room/job_queue.h"
#include "roomd/content.h"

struct engine;
struct session;

struct room_options {
    uint64_t tick_ns; /* 0: flush at the end of each turn */
    uint32_t capacity;
    bool is_autojoin;
    bool has_suffix;
    uint32_t early_flush_bytes; /* pending bytes that start a round before the tick, and its most */
    uint32_t job_bytes_max;
    uint32_t jobs_per_turn;
    uint32_t outbox_bytes_max;
    uint32_t outbox_slices_max;
    uint64_t outbox_age_max_ns;
};

struct room {
    struct engine *engine;
    const struct roomd_content *content;
    void *content_state;
    struct room_options options;
    struct stream stream;
    struct stream private_stream; /* packets for one member alone; nobody follows it */
    struct job_queue jobs;
    struct session **members;
    uint32_t member_count;
    uint32_t member_capacity;
    uint32_t seats;
    uint32_t id;
    struct list transitions; /* sessions that enter or leave */
    struct list waiting;     /* sessions paused because the queue is full */
    struct list job_timers;
    struct list runnable_link;
    struct list flushing_link;
    struct timer tick;
    uint64_t grid_ns; /* where this room's ticks lie: at grid_ns + k * tick_ns */
    /* The round of flushing. */
    uint64_t wanted_end;    /* how far rounds must go before the room rests */
    uint64_t wanted_due_ns; /* the tick that asked for the next round; 0: none did */
    uint32_t cursor;
    bool has_round;    /* under way: members before the cursor are done */
    bool wants_round;  /* one more, once this one is done */
    bool owes_private; /* a member's outbox waits for the tick */
    struct histogram lateness_ns;
    uint64_t ticks;
    struct room *next_by_name;
    char name[ROOMD_NAME_BYTES_MAX + 1];
};

/*
 * Makes a room and its content, and lists it in the lobby. 0 and *out, or -errno and nothing is left behind.
 */
int room_open(struct engine *engine, const char *name, const struct room_options *options,
              const struct roomd_content *content, const struct roomd_host *host, struct room **out);
/*
 * Its members must have been closed (session_close): they leave now. Then runs the content's close; jobs and
 * timers that are left never run.
 */
void room_close(struct room *room);
/* Takes on what may change while the room runs: everything but is_autojoin and the content. */
void room_set_options(struct room *room, const struct room_options *options);

/*
 * A packet from a member's client, in phase 1. 0; -ENOBUFS: the queue is full, nothing happened; or -ENOMEM.
 */
int room_push_packet(struct room *room, struct session *session, uint16_t id, const uint8_t *payload,
                     size_t bytes);
/* A job of the content. 0, -EMSGSIZE, -ENOBUFS or -ENOMEM. */
int room_push(struct room *room, roomd_job *job, uint64_t session, const void *payload, size_t bytes);
/* The session will enter or leave behind what has been pushed so far. Can't fail. */
void room_push_transition(struct room *room, struct session *session);
/* Runs at most jobs_per_turn jobs and transitions. Phase 2. True: there are more. */
bool room_run(struct room *room);

/*
 * What goes out (room_send.c). `bytes` is the payload's. 0, -EINVAL for an engine's id, -EMSGSIZE, -ENOMEM.
 * room_broadcast_except and room_send also -ENOENT when the session is not a member or is being closed.
 */
int room_broadcast(struct room *room, uint16_t id, const void *payload, size_t bytes, unsigned flags);
int room_broadcast_except(struct room *room, uint64_t session, uint16_t id, const void *payload, size_t bytes,
                          unsigned flags);
int room_broadcast_keyed(struct room *room, uint64_t key, uint16_t id, const void *payload, size_t bytes,
                         unsigned flags);
int room_send(struct room *room, uint64_t session, uint16_t id, const void *payload, size_t bytes,
              unsigned flags);
/* The member of that id, or NULL. */
struct session *room_find_member(struct room *room, uint64_t session);

/*
 * Flushing (room_flush.c). Asks for all that is in the stream by now to be flushed, in as many rounds as it
 * takes, behind the one that is under way. `due_ns` is the tick that asks; 0: none did.
 */
void room_request_flush(struct room *room, uint64_t due_ns);
/*
 * Flushes members until all are done or the clock passes `until_ns`. True: the round is done, and none is
 * wanted.
 */
bool room_flush_piece(struct room *room, uint64_t until_ns);
/*
 * Whether so much waits to be flushed that no more jobs may run: the room's senders wait, in the end in their
 * kernels.
 */
bool room_is_congested(const struct room *room);
/* Something now waits for the next tick. */
void room_arm_tick(struct room *room);
/* The tick. */
void room_on_tick(struct timer *timer, uint64_t now_ns);
/* members[index] leaves: keeps invariant 4. */
void room_remove_member(struct room *room, uint32_t index);

#endif

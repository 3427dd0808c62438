/*
 * Rooms. A room is a job queue, a stream that its members follow, and the content that decides what happens.
 *
 *     jobs in -> room_run -> content -> room_broadcast, room_send -> stream, outboxes -> round of flushing
 *
 *     1. members[0 .. member_count) are the sessions in the room, each knowing its index; nobody is in it
 *        twice.
 *     2. member_count <= seats <= capacity at the time of joining: who may come in is decided once, by seat.
 *     3. transitions (enter, leave) and jobs run in the order in which they were asked for.
 *     4. in a round of flushing, members[0 .. cursor) have pulled up to the mark of each stream that they follow;
 *        between rounds all have.
 *     5. a room is on engine->runnable exactly while it has jobs or transitions, on engine->flushing exactly
 *        while a round is under way (has_round) or asked for (wants_round).
 *     6. who follows one of the content's streams follows the room's: nobody else is sent anything.
 *     7. what is behind a stream's mark is counted in pending_bytes; a stream that is not active has nothing behind
 *        its mark, and all of its followers have seen its end.
 */
#ifndef ROOMD_ROOM_ROOM_H
#define ROOMD_ROOM_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/timers.h"
#include "gather/stream.h"
#include "room/job_queue.h"
#include "roomd/content.h"

struct engine;
struct owed_max;
struct session;

/* What is done about a member that does not read in time. */
enum room_slow { ROOM_SLOW_KICK, ROOM_SLOW_SKIP };

/* How much a client may send. In a room's options 0 of any number: as the server says. */
struct input_limits {
    struct rate packets;
    struct rate bytes;
};

/* One of the content's own keys and its value, as text. */
struct room_setting {
    const char *key;
    const char *value;
};

struct room_options {
    uint64_t tick_ns; /* 0: flush at the end of each turn */
    uint32_t capacity;
    bool is_autojoin;
    uint32_t early_flush_bytes; /* pending bytes that start a round before the tick, and its most */
    uint32_t job_bytes_max;
    uint32_t jobs_per_turn;
    uint32_t outbox_bytes_max;
    uint32_t outbox_slices_max;
    uint64_t outbox_age_max_ns;
    enum room_slow slow;
    uint64_t skip_max_ns; /* how long a member may skip in one go */
    struct input_limits input;
    uint32_t streams_max;                /* of the content's own */
    uint64_t memory_bytes_max;           /* of the content's own */
    uint64_t seed;                       /* of the content's random numbers; 0: drawn from the kernel */
    const struct room_setting *settings; /* the content's own keys; a room keeps a copy */
    uint32_t setting_count;
};

/* What C_CREATE, or a content, makes rooms of. */
struct room_template {
    char name[ROOMD_NAME_BYTES_MAX + 1];
    struct room_options options; /* the settings are the config's */
    const struct roomd_content *content;
    uint64_t idle_close_ns; /* how long a room may stay empty */
    uint32_t instances_max;
    uint32_t instances; /* rooms made of it that are open */
};

/* A stream of the content's own (room_stream.c). */
struct room_stream {
    struct stream stream;
    uint32_t number;
    struct room_stream *next_by_number; /* or the next spare one */
};

struct room {
    struct engine *engine;
    const struct roomd_content *content;
    void *content_state;
    struct room_template *template; /* NULL: the config's own */
    struct room_options options;
    struct input_limits input; /* the lesser of its own and the server's */
    struct stream stream;
    struct stream private_stream; /* packets for one member, or some; nobody follows it */
    struct list active;           /* streams with something that not all of their followers have pulled */
    struct room_stream **streams; /* hash chains by number; NULL before the first */
    struct room_stream *spare_streams; /* closed ones, to be used again */
    uint32_t stream_count;
    uint32_t stream_mask;
    uint64_t pending_bytes; /* appended to any stream behind its mark */
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
    uint64_t grid_ns;   /* where this room's ticks lie: at grid_ns + k * tick_ns */
    uint64_t epoch_ns;  /* the content's time 0 */
    uint64_t random;    /* state of the content's random numbers */
    struct list memory; /* the content's blocks (room_content.c) */
    uint64_t memory_bytes;
    struct timer idle;        /* armed while a room of a template is empty */
    struct list closing_link; /* engine->closing, from room_retire on */
    bool is_locked;
    bool is_closing;
    bool has_failed; /* its content said so: is_closing, and it is told of leaving and closing alone */
    /* The round of flushing. */
    uint64_t wanted_due_ns; /* the tick that asked for the next round; 0: none did */
    uint32_t cursor;
    bool has_round;    /* under way: members before the cursor are done */
    bool wants_round;  /* one more, once this one is done */
    bool owes_private; /* a member's outbox waits for the tick */
    struct histogram lateness_ns;
    uint64_t ticks;
    struct room *next_by_name;
    char name[ROOMD_NAME_BYTES_MAX + 1];
    char log_name[4 * ROOMD_NAME_BYTES_MAX + 3]; /* in the log it goes by this one: log_word's */
};

/*
 * Makes a room and its content, and lists it in the lobby. 0 and *out, or -errno and nothing is left behind.
 */
int room_open(struct engine *engine, const char *name, const struct room_options *options,
              const struct roomd_content *content, const struct roomd_host *host, struct room **out);
/*
 * The same of a template, by its options, and counted there: empty for as long as its idle_close_ns it retires. The
 * host is the engine's.
 */
int room_open_instance(struct engine *engine, struct room_template *template, const char *name,
                       struct room **out);
/*
 * At once, in a turn's phase 4. Its members must have been closed (session_close): they leave now. Then runs the
 * content's close; jobs and timers that are left never run. Retired or not.
 */
void room_close(struct room *room);
/* Takes on what may change while the room runs: everything but is_autojoin, seed and the content. */
void room_set_options(struct room *room, const struct room_options *options);
/* Its own limits of input or the server's have changed: sets `input`. */
void room_limit_input(struct room *room);
/*
 * The life of rooms (room_life.c).
 *
 * Nobody gets in any more and everyone inside leaves (ROOMD_LEAVE_ROOM_CLOSED), by the room's queue; it is closed in
 * the reap of a turn once it is empty. Its name is free at once. Idempotent, and safe from its own callbacks.
 */
void room_retire(struct room *room);
/*
 * Its content can't go on: says so in the log, and retires it, one of the config too. Of the content's callbacks only
 * leave and close run from then on. Idempotent, and safe from its own callbacks. `why` is one line.
 */
void room_fail(struct room *room, const char *why);
/* The turn's phase 4: closes those retired rooms that are empty. */
void room_reap(struct engine *engine);
/* ROOMD_ERROR_NONE, or why nobody may take a seat: the one place where capacity, lock and closing are looked at. */
enum roomd_error room_check_seat(const struct room *room);
/* A seat that room_check_seat allows; and back. */
void room_take_seat(struct room *room);
void room_give_seat(struct room *room);
/* For room_open and room_close: the idle timer starts or the room is no longer counted anywhere. */
void room_watch_idle(struct room *room);
void room_on_idle(struct timer *timer, uint64_t now_ns);
void room_unlist(struct room *room);

/*
 * A packet from a member's client, in phase 1. 0; -ENOBUFS: the queue is full, nothing happened; or -ENOMEM.
 */
int room_push_packet(struct room *room, struct session *session, uint16_t id, const uint8_t *payload,
                     size_t bytes);
/* A job of the content. 0, -EMSGSIZE, -ENOBUFS or -ENOMEM. */
int room_push(struct room *room, roomd_job *job, uint64_t session, const void *payload, size_t bytes);
/*
 * The session will enter or leave behind what has been pushed so far (room_transition.c). Can't fail; it is settled
 * (session_settle) when that is done.
 */
void room_push_transition(struct room *room, struct session *session);
/* Runs the first transition; there must be one. */
void room_run_transition(struct room *room);
/* What its members may be owed. */
struct owed_max room_owed_max(const struct room *room);
/* There is something to run. */
void room_mark_runnable(struct room *room);
/*
 * Runs at most jobs_per_turn jobs and transitions, and no further one after RUN_PIECE_NS. Phase 2. True: there are more.
 */
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
/*
 * Written once for all of `sessions` that are members. How many it reached, or -EINVAL, -EMSGSIZE, -ENOMEM. `missed`
 * as roomd/content.h says: NULL, or the places of the others.
 */
int room_send_some(struct room *room, const uint64_t *sessions, uint32_t count, uint16_t id,
                   const void *payload, size_t bytes, unsigned flags, uint32_t *missed);
/* The content's own streams (room_stream.c): as the services in roomd/content.h say. */
int room_stream_open(struct room *room, uint32_t number);
int room_stream_close(struct room *room, uint32_t number);
int room_stream_follow(struct room *room, uint64_t session, uint32_t number);
int room_stream_unfollow(struct room *room, uint64_t session, uint32_t number);
int room_stream_append(struct room *room, uint32_t number, uint16_t id, const void *payload, size_t bytes,
                       unsigned flags);
int room_stream_append_keyed(struct room *room, uint32_t number, uint64_t key, uint16_t id,
                             const void *payload, size_t bytes, unsigned flags);
/* NULL when there is none of that number. */
struct room_stream *room_stream_find(const struct room *room, uint32_t number);
/* Closes all of them, and nobody follows any: who did is still handed what was appended. Frees what it can. */
void room_stream_close_all(struct room *room);
/* Those that are closed, and were put aside to be used again. */
void room_stream_free_spare(struct room *room);
void room_barrier(struct room *room);
/*
 * `bytes` have been appended to one of the room's streams (0: in place of what was there): sees to it that they will be
 * flushed.
 */
void room_on_append(struct room *room, struct stream *stream, size_t bytes, unsigned flags);
/* The member of that id, or NULL. */
struct session *room_find_member(struct room *room, uint64_t session);

/*
 * Flushing (room_flush.c). Asks for all that is in the streams by now to be flushed, in as many rounds as it
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

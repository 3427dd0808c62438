/*
 * Sessions: one connected client each. A session embeds its connection: one object, one lifetime. It is named
 * by id (slot and generation) wherever a name outlives a call.
 *
 * The connection's life:
 *
 *     open --session_close: the client can be told why--> kicked --all is written--> lingering
 *     open --session_close: there is nobody to tell--> ended
 *     kicked or lingering --the client hangs up, or its deadline passes--> ended
 *     ended --session_reap, once no room holds it--> freed
 *
 * The place in rooms (`room` is where the session is or is going, or NULL):
 *
 *     nowhere --session_join--> entering --room_run--> in_room
 *     in_room --session_leave, session_join elsewhere, session_move, room_retire, session_close--> leaving
 *     leaving --room_run--> nowhere, or entering `next_room`
 *     entering --room_run: the room has closed meanwhile, or the session--> nowhere
 *
 *     1. `member` is valid exactly while the place is in_room or leaving; so is the follow of the room's
 *        stream, until the session is kicked or ended.
 *     2. a seat is held in `room` while entering, in_room or leaving, and in `next_room` while that is set.
 *     3. while entering or leaving, while the room's queue is full, while the room that it asked for is to be
 *        made, while the same user's session before it is on its way out (session_ticket.h), or while it has
 *        answers to read first, the session is paused: what the client sends waits in
 *        order, in the kernel and in the connection's kept bytes. It goes on when none of them holds it any more.
 *     4. next_parcel is NULL while next_room is.
 *     5. while `request` is set an open session is on engine->creating, unless it is entering or leaving: then it
 *        gets there when it has settled. Nothing that is closed has a request.
 *     6. closing only marks; the descriptor is closed and the memory given back in session_reap alone.
 */
#ifndef ROOMD_ROOM_SESSION_H
#define ROOMD_ROOM_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timers.h"
#include "net/conn.h"
#include "roomd/content.h"

struct engine;
struct room;
struct session_identity;
struct source_entry;

enum session_place { SESSION_NOWHERE, SESSION_ENTERING, SESSION_IN_ROOM, SESSION_LEAVING };

/* How far a client may fall behind before it is found slow. */
struct owed_max {
    uint32_t bytes;
    uint32_t slices;
    uint64_t age_ns;
};

/* The room that a client asked for by C_CREATE. */
struct room_request {
    char template_name[ROOMD_NAME_BYTES_MAX + 1];
    char name[ROOMD_NAME_BYTES_MAX + 1];
};

/* What the content of one room has a player carry to the next. */
struct parcel {
    uint32_t bytes;
    uint8_t content[ROOMD_PARCEL_BYTES_MAX];
};

struct session {
    struct conn conn;
    struct engine *engine;
    struct room *room;
    struct room *next_room;
    void *user;                        /* the content's */
    struct parcel *parcel;             /* what it carries into `room`, until it has entered; NULL: nothing */
    struct parcel *next_parcel;        /* the same for next_room */
    struct room_request *request;      /* NULL: none waits to be made */
    struct source_entry *source;       /* counts the connection; NULL: its address is not known, or exempt */
    struct session_identity *identity; /* who it is, by its ticket; NULL: it has shown none */
    uint64_t id;
    uint64_t deadline_ns;      /* while on engine->partial or engine->lingering */
    uint64_t transition_after; /* jobs of the room that come before the transition */
    struct owed_max owed_max;  /* its room's; of the room that it left until all is written */
    uint32_t player;
    uint32_t member;      /* index in room->members */
    uint32_t listed_room; /* C_ROOMS: the last room that it was told of, while more are to come */
    struct list dirty_link;
    struct list wait_link;       /* engine->resumable, engine->creating, room->waiting or engine->ended */
    struct list transition_link; /* room->transitions */
    struct list deadline_link;
    struct list blocked_link;
    uint8_t place;        /* enum session_place */
    uint8_t close_reason; /* enum roomd_close_reason; NONE while open */
    uint8_t leave_reason; /* enum roomd_leave_reason, while leaving */
    bool has_hello;
    bool awaits_proxy;  /* who it is, the PROXY header has yet to say: nothing else is read before */
    bool has_begun;     /* a first frame has come */
    bool awaits_ticket; /* autojoin is for those who have shown theirs */
    bool is_replacing;  /* paused until the same user's session before it is out of its room */
    bool is_paused;
    bool is_kicked;  /* told S_KICK: what it sends is thrown away */
    bool is_muted;   /* closed by the content: what it had sent and has not run yet is not run */
    bool is_owing;   /* paused until the client has read more of what it asked for */
    bool is_listing; /* more of the list of rooms is to come, as soon as it has read */
    bool has_fin;    /* kicked, and all is written */
    bool is_ended;
};

/*
 * A connection has been accepted: `fd` is the session's, or has been refused and closed. Matches listener's
 * on_accept.
 */
void session_accept(void *engine, int fd);
/* The same, of a connection from `peer`. */
void session_accept_from(struct engine *engine, int fd, const struct endpoint *peer);
/* It is known where it comes from, and it may: into the autojoin room, unless it has to show a ticket first. */
void session_begin(struct session *session);

/*
 * Ends a session: told why where it can be told, out of its room, counted and logged once. Idempotent: the
 * first reason counts. `text` NULL: the reason's own. Safe from anywhere; frees nothing.
 */
void session_close(struct session *session, enum roomd_close_reason reason, const char *text);

/*
 * Closes the sockets of sessions that have ended, and frees those that no room holds any more: as many as a few
 * milliseconds allow, the rest in the next turn. The turn's phase 4.
 */
void session_reap(struct engine *engine);

/*
 * The ways through rooms (session_place.c).
 *
 * Wants to be in `room`. ROOMD_ERROR_NONE, and it is on its way; otherwise why not, and nothing has changed.
 */
enum roomd_error session_join(struct session *session, struct room *room);
/*
 * Wants to be in the room of that name, which is made of the template when there is none. That calls the content's open,
 * so it waits for phase 2 (session_create_room), and the session is paused until then. ROOMD_ERROR_NONE or
 * ROOMD_ERROR_NO_MEMORY.
 */
enum roomd_error session_request_room(struct session *session, const struct room_request *request);
/* In phase 2, of a session that was on engine->creating: makes the room, and it is on its way, or was told why not. */
void session_create_room(struct session *session);
/* Wants out of its room. ROOMD_ERROR_NONE or ROOMD_ERROR_NOT_IN_ROOM. */
enum roomd_error session_leave(struct session *session);
/*
 * The content sends it to `room` with a parcel (bytes 0: none). 0; -EALREADY: it is there, or on its way; -ENOSPC,
 * -EPERM (locked), -ENOENT (the room is closing, or the session closed), -EMSGSIZE, -ENOMEM: it stays.
 */
int session_move(struct session *session, struct room *room, const void *parcel, size_t bytes);
/* Its room closes: a member leaves by the room's queue. Nothing happens when it is leaving already. */
void session_expel(struct session *session);
/* The room that it was to enter has closed: it is told so, and is nowhere. */
void session_turn_away(struct session *session);
/* The enter callback is through, or never comes. */
void session_drop_parcel(struct session *session);
/* It is being closed: gives up the way into rooms; what is in a room leaves by the room's queue. */
void session_quit_rooms(struct session *session);
/* The room has let go (after a transition): goes on to the next one, goes on reading, or is freed. */
void session_settle(struct session *session);

/*
 * A whole frame for this session alone, behind all that it should have seen before. It leaves with the next flush
 * that reaches the session. 0; -ENOENT: it is being closed, by this very call when its socket takes no more and it
 * owes too much; -ENOBUFS: it is owed as much as it may be until it has been flushed; -ENOMEM.
 */
int session_send(struct session *session, const void *frame, size_t bytes);
/*
 * An engine packet: kept from clients that never said C_HELLO, and written at the end of this turn. False: it is not
 * sent, and the session is being closed, or never said C_HELLO.
 */
bool session_send_control(struct session *session, const void *frame, size_t bytes);
/* S_ERROR, likewise. `text` NULL: the code's own. */
void session_send_error(struct session *session, enum roomd_error code, const char *text);

/* Into the room that takes every new connection, if there is one and it may; closed as `full` when that takes no more. */
void session_autojoin(struct session *session);

/* Will be flushed at the end of this turn. */
void session_mark_dirty(struct session *session);
/*
 * Writes what the socket takes of what was pulled, and holds the session to its room's limits. Only in the
 * turn's phase 3.
 */
void session_flush(struct session *session);

/*
 * Stops reading, until session_resume puts it on engine->resumable, or on engine->creating when it has a request; which
 * it does only when nothing else holds it.
 */
void session_pause(struct session *session);
void session_resume(struct session *session);

/* Nothing is to be read from it or written to it any more: what session_close comes to in the end. */
void session_end(struct session *session);

/* What it is held to (session_limits.c). */
extern const struct owed_max session_owed_max_nowhere;
/* Whether `more_bytes` more would be more than it may be owed. */
bool session_owes_too_much(const struct session *session, size_t more_bytes);
/* Before a large answer is made: true, and it is paused until it has read, when much waits for it already. */
bool session_wait_to_be_read(struct session *session);
/* It is paused until it has read most of what it is owed. */
void session_start_owing(struct session *session);
/*
 * After a write: goes on with the list of rooms, and with reading, or closes it when its socket takes no more and it is
 * owed too much.
 */
void session_check_owed(struct session *session);
/*
 * Sets, or with 0 takes off, the time by which a kept partial frame must be whole (engine->partial), or a lingering
 * session gone (engine->lingering).
 */
void session_set_deadline(struct session *session, struct list *list, uint64_t deadline_ns);
/* Timer callbacks of the engine. */
void session_check_deadlines(struct timer *timer, uint64_t now_ns);
void session_check_blocked(struct timer *timer, uint64_t now_ns);

/* Input (session_input.c): the socket is ready; and what was kept while the session was paused. */
void session_on_ready(struct source *source, uint32_t events);
void session_run_resumable(struct engine *engine);

#endif

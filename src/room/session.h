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
 *     6. it skips (conn.reader.is_skipping) only while it is open, has said C_HELLO, and follows its room's stream, which
 *        one that leaves gives up before it is out; it begins to in a room that skips.
 *     7. blocked_link is on the list that `hold` names: engine->blocked, engine->paced, engine->resyncing, or none; a flush
 *        finds out which (session_flush.c).
 *     8. closing only marks; the descriptor is closed and the memory given back in session_reap alone, but for what waits for
 *        one that is shed, or was kept from it (memory_pressure.h).
 */
#ifndef ROOMD_ROOM_SESSION_H
#define ROOMD_ROOM_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/list.h"
#include "base/timers.h"
#include "net/conn.h"
#include "room/engine.h"
#include "roomd/content.h"

struct room;
struct session_identity;
struct source_entry;

enum session_place { SESSION_NOWHERE, SESSION_ENTERING, SESSION_IN_ROOM, SESSION_LEAVING };

/* What keeps it from being sent more. */
enum session_hold {
    SESSION_FLOWS,   /* nothing */
    SESSION_BLOCKED, /* its socket takes no more */
    SESSION_PACED, /* send_rate; or it has skipped and read all, but it is too soon to tell it what it missed */
    SESSION_RESYNCING /* it has skipped and read all, and is about to be told what it missed */
};

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
    uint64_t deadline_ns;      /* good while deadline is not SESSION_NO_DEADLINE */
    uint64_t skip_since_ns;    /* when it began to skip, and has not read all since; 0: it has */
    uint64_t resynced_ns;      /* when it was told what it had missed, the last time; 0: never */
    struct bucket send_bucket; /* bytes that may be written to it */
    struct bucket packet_bucket;
    struct bucket input_bucket; /* bytes of its packets */
    uint64_t transition_after;  /* jobs of the room that come before the transition */
    struct owed_max owed_max;   /* its room's; of the room that it left until all is written */
    uint32_t player;
    uint32_t member;      /* index in room->members */
    uint32_t listed_room; /* C_ROOMS: the last room that it was told of, while more are to come */
    uint32_t flood_drops; /* packets thrown away for their rate since it last kept to it */
    uint32_t strike_s;    /* of the engine's clock: a minute later one strike is forgotten */
    struct list dirty_link;
    struct list wait_link;       /* engine->resumable, engine->creating, room->waiting or engine->ended */
    struct list transition_link; /* room->transitions */
    struct list deadline_link;
    struct list blocked_link;
    uint8_t place;           /* enum session_place */
    uint8_t hold;            /* enum session_hold */
    uint8_t close_reason;    /* enum roomd_close_reason; NONE while open */
    uint8_t leave_reason;    /* enum roomd_leave_reason, while leaving */
    uint8_t deadline;        /* enum session_deadline: which of engine->deadlines it is on */
    uint8_t strikes;         /* packets that were malformed, or not allowed */
    bool is_heard : 1;       /* something has come since it was looked at (SESSION_QUIET) */
    bool has_entered : 1;    /* a room, ever: before that it may be owed next to nothing */
    bool has_old_limits : 1; /* owed_max is that of the room before: what that allowed is not all written */
    bool has_hello : 1;
    bool awaits_proxy : 1;  /* who it is, the PROXY header has yet to say: nothing else is read before */
    bool has_begun : 1;     /* its first bytes are no PROXY header, or have been one */
    bool is_admitted : 1;   /* the frame that comes next has paid for itself, and waits to be taken */
    bool awaits_ticket : 1; /* autojoin is for those who have shown theirs */
    bool is_replacing : 1;  /* paused until the same user's session before it is out of its room */
    bool is_paused : 1;
    bool is_kicked : 1;  /* told S_KICK: what it sends is thrown away */
    bool is_muted : 1;   /* closed by the content: what it had sent and has not run yet is not run */
    bool is_owing : 1;   /* paused until the client has read more of what it asked for */
    bool is_listing : 1; /* more of the list of rooms is to come, as soon as it has read */
    bool has_fin : 1;    /* kicked, and all is written */
    bool is_ended : 1;
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
/* The same without a word to it, also when it has been closed and is yet to read why: nothing is left to be written. */
void session_cut(struct session *session, enum roomd_close_reason reason);

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
 * that reaches the session; of one that skips it is counted instead. 0; -ENOENT: it is being closed, by this very call
 * when it may not be sent more and owes too much; -ENOBUFS: it is owed as much as it may be until it has been flushed;
 * -ENOMEM.
 */
int session_send(struct session *session, const void *frame, size_t bytes);
/*
 * The same of a frame that is written once for several: what becomes of it at this one. SESSION_SKIPS: it is as good as
 * sent, and to be counted (reader_count_skipped) where the others are sent theirs.
 */
enum session_reach { SESSION_TAKES, SESSION_SKIPS, SESSION_IS_FULL, SESSION_IS_GONE };
enum session_reach session_try_reach(struct session *session, size_t bytes);
/*
 * An engine packet: kept from clients that never said C_HELLO, and written at the end of this turn; one that skips gets
 * it, too. False: it is not sent, and the session is being closed, or never said C_HELLO.
 */
bool session_send_control(struct session *session, const void *frame, size_t bytes);
/* The same, however much it owes. */
bool session_push_control(struct session *session, const void *frame, size_t bytes);
/* S_ERROR, likewise. `text` NULL: the code's own. */
void session_send_error(struct session *session, enum roomd_error code, const char *text);

/* Into the room that takes every new connection, if there is one and it may; closed as `full` when that takes no more. */
void session_autojoin(struct session *session);

/*
 * The way out (session_flush.c). Will be flushed at the end of this turn.
 */
void session_mark_dirty(struct session *session);
/*
 * Writes what the socket takes, and send_rate allows, of what was pulled, and holds the session to its room's limits. Only
 * in the turn's phase 3.
 */
void session_flush(struct session *session);
/* Puts it on the list of that hold, or on none. */
void session_set_hold(struct session *session, enum session_hold hold);
/* Whether what its room says reaches it: one that leaves gives that up before it is out. */
static inline bool session_follows_room(const struct session *session)
{
    bool is_member = session->place == SESSION_IN_ROOM || session->place == SESSION_LEAVING;

    return is_member && session->conn.reader.count > 0;
}

/* Whether it may not be sent more, whatever waits for it: by its socket, or by send_rate. */
static inline bool session_is_held(const struct session *session)
{
    return session->conn.is_blocked || session->hold == SESSION_PACED;
}
/* Timer callback of the engine. */
void session_check_paced(struct timer *timer, uint64_t now_ns);

/*
 * Stops reading, until session_resume puts it on engine->resumable, or on engine->creating when it has a request; which
 * it does only when nothing else holds it.
 */
void session_pause(struct session *session);
void session_resume(struct session *session);

/* Nothing is to be read from it or written to it any more: what session_close comes to in the end. */
void session_end(struct session *session);

/*
 * What it may be owed (session_owed.c): who takes no more, or may not be sent more yet, and is owed too much, is
 * closed as slow, or skips, as its room says.
 */
extern const struct owed_max session_owed_max_nowhere; /* who has been in a room */
extern const struct owed_max session_owed_max_new;     /* who has not */
/* Whether `more_bytes` more would be more than it may be owed. */
bool session_owes_too_much(const struct session *session, size_t more_bytes);
/* Before a large answer is made: true, and it is paused until it has read, when much waits for it already. */
bool session_wait_to_be_read(struct session *session);
/* It is paused until it has read most of what it is owed. */
void session_start_owing(struct session *session);
/* How many bytes an answer may take now; 0, or too few: session_start_owing comes first. */
size_t session_answer_bytes_max(const struct session *session);
/* After a write: goes on with the list of rooms, and with reading; and session_check_behind. */
void session_check_owed(struct session *session);
/* Of one that is held: falls behind when it is owed too much, or for too long. */
void session_check_behind(struct session *session);
/*
 * It is owed too much: skips from now on, where its room says so and it can be told, or is closed as slow. So is who has
 * been skipping for skip_max, or is owed too much nonetheless. When many fall behind at once, nothing happens yet: it is
 * looked at again within a few milliseconds.
 */
void session_fall_behind(struct session *session);
/* At the end of each flush: some more may fall behind until the next one is over. */
void session_allow_drops(struct engine *engine);
/* Has read all that it was left, and has not been told so lately: what it missed may be told. */
bool session_may_resync(const struct session *session);
/*
 * The server itself has stood still since `due_ns`, when its next timer was due (UINT64_MAX: none was), if that is long
 * ago: what waits for its clients has not aged meanwhile, and what they have sent meanwhile is not held against them.
 * Once a turn, when its time is known.
 */
void session_forgive_stall(struct engine *engine, uint64_t due_ns);
/* In phase 2, of a session on engine->resyncing: is told what it has missed, and its content tells it how things are. */
void session_resync(struct session *session);
/* It is about to leave the room: what makes it slow is judged now, while it may still skip instead. */
void session_check_leaver(struct session *session);
/* It leaves the room: if it skips, it is told what it has missed, and skips no more. */
void session_stop_skipping(struct session *session);
/* Timer callback of the engine. */
void session_check_blocked(struct timer *timer, uint64_t now_ns);

/*
 * Deadlines (session_deadline.c; engine.h says what each is for). One at a time: a new one takes the place of the one
 * before. SESSION_NO_DEADLINE takes it off; of a client that has said C_HELLO it is looked after now and then
 * (SESSION_QUIET) instead.
 */
void session_set_deadline(struct session *session, enum session_deadline deadline);
/* Something has come from it. */
void session_on_heard(struct session *session);
/* Timer callback of the engine. */
void session_check_deadlines(struct timer *timer, uint64_t now_ns);

/* The limits of the engine have changed: nobody has more time left than it would be given now. */
void session_shorten_deadlines(struct engine *engine);

/*
 * Floods and nonsense (session_rate.c). A new session may send as much at once as the server allows.
 */
void session_fill_buckets(struct session *session);
/* Whether a frame of `bytes` may pass; if not it is counted, and the client is warned, or kicked, when there were many. */
bool session_admit_frame(struct session *session, uint32_t bytes);
/* What it is held to now: its room's, where that is tighter. */
const struct input_limits *session_input_limits(const struct session *session);
/*
 * A packet that does not parse (ROOMD_CLOSE_MALFORMED), or is not allowed now (ROOMD_CLOSE_STATE): S_ERROR, or when
 * there were too many of late, the end.
 */
void session_strike(struct session *session, enum roomd_close_reason reason);
/* The same of an engine packet that this version does not know. */
void session_strike_unknown(struct session *session);

/* Input (session_input.c): the socket is ready; and what was kept while the session was paused. */
void session_on_ready(struct source *source, uint32_t events);
void session_run_resumable(struct engine *engine);
/* Why a session is closed whose connection has failed with that -errno. */
enum roomd_close_reason session_reason_of_errno(int error);

#endif

/*
 * roomd/content.h: the contract with content modules, a versioned C ABI.
 *
 * A content module is what happens inside a room: it is told who enters and leaves and what they send, and it
 * says what reaches whom. All of it runs in the room's own queue, one call at a time; a module needs no lock.
 * Nothing that a module sends leaves before the room's flush, unless it says ROOMD_URGENT.
 *
 *     module exports           roomd_module(), which gives its struct roomd_content
 *     the host hands down      struct roomd_host, with the services
 *
 * Both tables begin with the ABI's major number and the size of the table; fields are only ever appended, so
 * a table that is larger than the reader knows is good, and one that is smaller lacks the last ones.
 *
 * Sessions are named by id, never by pointer: an id whose player has gone is refused with -ENOENT,
 * harmlessly. Every service may be called from any callback or job of the same room but `close`, and from
 * nowhere else. None of them calls back before it returns, but `create`, which opens another room.
 *
 * The same inputs make the same world, for a module that draws on nothing but its callbacks, now_ms and
 * random.
 */
#ifndef ROOMD_CONTENT_H
#define ROOMD_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "roomd/wire.h"

#define ROOMD_CONTENT_ABI 1u

/* A room, as a module sees it: a handle. */
struct roomd_room;

/* Flags of what is sent. */
enum roomd_send_flags {
    ROOMD_URGENT =
        1 /* everything pending for those it goes to leaves at the end of this turn, not of this tick */
};

/* What a packet callback says of the packet. */
enum roomd_packet_result {
    ROOMD_PACKET_OK = 0,
    ROOMD_PACKET_MALFORMED =
        1, /* it does not parse: S_ERROR(malformed), or, after some, the kick of that name */
    ROOMD_PACKET_UNKNOWN = 2, /* no such packet here: answered by S_ERROR(unknown_packet) */
    ROOMD_PACKET_FAILED = 3   /* the module itself failed: the player is kicked with reason `content_error` */
};

/*
 * A job: runs once in the room's queue, with the session and the payload that were given when it was pushed
 * (copied then; good until it returns).
 */
typedef void roomd_job(void *state, uint64_t session, const void *payload, size_t bytes);

enum {
    ROOMD_JOB_PAYLOAD_BYTES_MAX = 256, /* of push and push_after */
    ROOMD_PARCEL_BYTES_MAX = 256,      /* of what a player carries from room to room */
    ROOMD_COUNTERS_MAX = 64,           /* different names, in the whole process */
    ROOMD_COUNTER_NAME_BYTES_MAX = 31
};

/* What `find` says of a room. */
struct roomd_room_info {
    uint32_t id;      /* counts up from 1, never used again */
    uint32_t players; /* seats taken: in it, or on the way */
    uint32_t capacity;
    uint32_t is_locked;
    char content[ROOMD_NAME_BYTES_MAX + 1];
};

/*
 * Services. Those that send return 0, or
 *     -ENOENT    no such player in this room (any more), or no such stream
 *     -EINVAL    a packet id that is the engine's
 *     -EMSGSIZE  a payload over ROOMD_PAYLOAD_BYTES_MAX
 *     -ENOBUFS   (send, send_some, refuse) the player is owed as much as it may be, until the next flush:
 *                nothing was sent to it
 *     -ENOMEM    no memory: nothing was sent
 * `payload` is copied before they return.
 */
struct roomd_host {
    uint32_t abi;
    uint32_t size;

    /* To everyone in the room, in the order of the calls. */
    int (*broadcast)(struct roomd_room *room, uint16_t id, const void *payload, size_t bytes, unsigned flags);
    /* To everyone but one. */
    int (*broadcast_except)(struct roomd_room *room, uint64_t session, uint16_t id, const void *payload,
                            size_t bytes, unsigned flags);
    /*
     * The newest state of `key` to everyone: replaces the last packet of that key where nobody has been
     * handed it yet and the size is the same; otherwise one packet more.
     */
    int (*broadcast_keyed)(struct roomd_room *room, uint64_t key, uint16_t id, const void *payload,
                           size_t bytes, unsigned flags);
    /* To one player, behind all that went to the room before. */
    int (*send)(struct roomd_room *room, uint64_t session, uint16_t id, const void *payload, size_t bytes,
                unsigned flags);
    /* S_ERROR to one player: the request was refused. `text` NULL: the table's. */
    int (*refuse)(struct roomd_room *room, uint64_t session, enum roomd_error code, const char *text);
    /* S_KICK, and the connection ends. The leave callback follows, never from within this call. */
    int (*kick)(struct roomd_room *room, uint64_t session, const char *text);

    /*
     * Jobs. `bytes` is at most ROOMD_JOB_PAYLOAD_BYTES_MAX; `job` and `timer` must not be NULL.
     *     push: behind what is in the queue. 0, -EMSGSIZE, -ENOMEM, or -ENOBUFS when the queue is full.
     *     push_after: once now_ms is `delay_ms` more than now, and a little later when the queue is full then,
     *     so that two of them may change places. 0 and *timer names it, -EMSGSIZE or -ENOMEM.
     *     cancel: 0, or -ENOENT when it has run, is about to, or never was.
     */
    int (*push)(struct roomd_room *room, roomd_job *job, uint64_t session, const void *payload, size_t bytes);
    int (*push_after)(struct roomd_room *room, uint32_t delay_ms, roomd_job *job, uint64_t session,
                      const void *payload, size_t bytes, uint64_t *timer);
    int (*cancel)(struct roomd_room *room, uint64_t timer);

    /* The player's id on the wire, from 1; 0 when there is no such player in this room. */
    uint32_t (*player_id)(struct roomd_room *room, uint64_t session);
    /*
     * A pointer of the module's own for each player in the room; NULL at first. Forgotten after the leave
     * callback.
     */
    void *(*user)(struct roomd_room *room, uint64_t session);
    int (*set_user)(struct roomd_room *room, uint64_t session, void *user);

    /* The room's time in ms, 0 when it was opened: it stands still while a callback runs. */
    uint64_t (*now_ms)(struct roomd_room *room);
    /*
     * A setting of the room from the config, as text: what the file says or the default, of the keys that the
     * module lists in its `options`. NULL when there is no such key. Good until the callback returns.
     */
    const char *(*option)(struct roomd_room *room, const char *key);
    /* A line in the log, with the room's name. `text` is one line. */
    void (*log)(struct roomd_room *room, const char *text);

    /* ---- from here on: appended since the first release ---- */

    /*
     * To some of the players, written once: behind all that went to each of them before. Those who are not in
     * the room, are on their way out, or are owed as much as they may be, are passed over. Returns how many it
     * reached, or -EINVAL, -EMSGSIZE, -ENOMEM (it reached nobody).
     * `missed` is NULL, or has room for `count` places: filled, in ascending order, with the places in `sessions`
     * of those whom it did not reach, `count` less what is returned. An error leaves it as it was.
     */
    int (*send_some)(struct roomd_room *room, const uint64_t *sessions, uint32_t count, uint16_t id,
                     const void *payload, size_t bytes, unsigned flags, uint32_t *missed);

    /*
     * Streams of the module's own, named by a number that it chooses. What is appended to one reaches those who
     * follow it by then. Within one stream the order is that of the calls; between streams only `barrier` and
     * private packets make an order: a player is handed several streams one after the other, the room's first,
     * then by number.
     *     stream_open: 0, -EEXIST, -ENOSPC beyond the room's streams_max, -ENOMEM.
     *     stream_close: 0, -ENOENT, or -EBUSY while someone follows it.
     *     stream_follow: from now on. 0, -ENOENT (player or stream), -EALREADY, -ENOSPC, -ENOMEM.
     *     stream_unfollow: what was appended before still reaches the player. 0 or -ENOENT.
     * A player who leaves the room unfollows all, before the leave callback.
     */
    int (*stream_open)(struct roomd_room *room, uint32_t stream);
    int (*stream_close)(struct roomd_room *room, uint32_t stream);
    int (*stream_follow)(struct roomd_room *room, uint64_t session, uint32_t stream);
    int (*stream_unfollow)(struct roomd_room *room, uint64_t session, uint32_t stream);
    int (*stream_append)(struct roomd_room *room, uint32_t stream, uint16_t id, const void *payload,
                         size_t bytes, unsigned flags);
    int (*stream_append_keyed)(struct roomd_room *room, uint32_t stream, uint64_t key, uint16_t id,
                               const void *payload, size_t bytes, unsigned flags);
    /*
     * Whatever is appended to any of the room's streams from now on comes behind whatever was appended to any
     * before. The first between two flushes is cheap; a second one costs a pass over all players.
     */
    void (*barrier)(struct roomd_room *room);

    /*
     * Everyone who is in the room, by player id. Writes at most `max`, those with the lowest; returns how many there
     * are.
     */
    uint32_t (*players)(struct roomd_room *room, uint64_t *sessions, uint32_t max);
    /* What the player's ticket says, "" without one: at most ROOMD_NAME_BYTES_MAX bytes, good until it leaves. */
    const char *(*player_name)(struct roomd_room *room, uint64_t session);

    /*
     * Other rooms, by name. All that these do happens behind this callback, in the rooms' own queues.
     *     find: 0 and *info, or -ENOENT.
     *     create: opens a room of the config's [template TEMPLATE]. Its content's open runs within this call.
     *         0; -EEXIST there is a room of that name; -ENOENT no such template; -ENOSPC as many rooms as there
     *         may be; -EINVAL not a name; -ENOMEM; or what its open returned.
     *     close: nobody gets in any more; those inside are told S_LEFT(room_closed), or S_KICK(room_closed)
     *         when they came by autojoin without C_HELLO. NULL is one's own room. 0, -ENOENT, or -EPERM for a
     *         room that the config lists.
     *     lock: nobody joins one's own room while it is locked: S_ERROR(room_locked). Those on their way arrive.
     *     move: the player leaves this room and enters that one, with what `parcel` holds (ROOMD_PARCEL_BYTES_MAX
     *         at most, copied; NULL for nothing). 0, or -ENOENT (player or room), -EALREADY (it is there, or on
     *         its way somewhere), -ENOSPC (full), -EPERM (locked), -EMSGSIZE, -ENOMEM: it stays.
     *     leave: the player leaves the room, as if it had sent C_LEAVE. 0, -ENOENT or -EALREADY.
     *     parcel: what the player was given to carry by the room it comes from; NULL when nothing. Good until
     *         the enter callback returns.
     */
    int (*find)(struct roomd_room *room, const char *name, struct roomd_room_info *info);
    int (*create)(struct roomd_room *room, const char *template_name, const char *name);
    int (*close)(struct roomd_room *room, const char *name);
    void (*lock)(struct roomd_room *room, int is_locked);
    int (*move)(struct roomd_room *room, uint64_t session, const char *to, const void *parcel, size_t bytes);
    int (*leave)(struct roomd_room *room, uint64_t session);
    const void *(*parcel)(struct roomd_room *room, uint64_t session, size_t *bytes);
    /* One's own name; good while the room is. */
    const char *(*name)(struct roomd_room *room);

    /* The room's own random numbers (SplitMix64), from its `seed`. */
    uint64_t (*random)(struct roomd_room *room);

    /*
     * The room's memory: bounded by its memory_max, aligned for any type, zeroed (what resize adds is not), and
     * given back whole when the room closes, after the last callback. NULL at the limit or without memory.
     * resize and free take what alloc and resize gave, or NULL.
     */
    void *(*alloc)(struct roomd_room *room, size_t bytes);
    void *(*resize)(struct roomd_room *room, void *memory, size_t bytes);
    void (*free)(struct roomd_room *room, void *memory);

    /*
     * A file of the server's data_dir, whole, with a NUL behind it: `name` is relative and has no "..". 0, *data
     * (from the room's memory: free it) and *bytes; -ENOENT, -EFBIG, -EINVAL, -ENOMEM, or what reading said.
     */
    int (*read_data)(struct roomd_room *room, const char *name, char **data, size_t *bytes);

    /*
     * Adds to a counter of the process: it stands in the log's statistics. A name is 1 to
     * ROOMD_COUNTER_NAME_BYTES_MAX of a-z, 0-9 and _; with another, and beyond ROOMD_COUNTERS_MAX names: nothing.
     */
    void (*count)(struct roomd_room *room, const char *name, uint64_t add);

    /* The room's tick in ms; 0: it flushes at the end of each turn and has no tick callback. A reload may change it. */
    uint32_t (*tick_ms)(struct roomd_room *room);

    /*
     * The module can't go on in this room: it is closed, and its players are told, as by `close`, though the config
     * lists it; such a one is opened again, empty, after `room_restart`. The other rooms play on. Of the callbacks only
     * leave and close follow. `why` is one line, for the log.
     */
    void (*fail)(struct roomd_room *room, const char *why);

    /*
     * Who the player is to the operator's login service, by its ticket: "" without one, else at most
     * ROOMD_NAME_BYTES_MAX bytes, good until it leaves. No two players in all rooms have the same.
     */
    const char *(*user_id)(struct roomd_room *room, uint64_t session);
};

/*
 * A key that a module's rooms may have in the config. The host refuses the config when a key is not listed, or its
 * value not of the kind; beyond that the module's open decides.
 */
enum roomd_option_kind {
    ROOMD_OPTION_TEXT = 0,
    ROOMD_OPTION_FLAG = 1,  /* yes or no */
    ROOMD_OPTION_NUMBER = 2 /* decimal, with a fraction or without: least to most */
};

struct roomd_option {
    const char *key; /* NULL: behind the last one */
    const char *default_text;
    const char *help;
    uint32_t kind;
    uint32_t is_reloadable; /* may change while the room runs: read it when it is needed */
    double least;
    double most;
};

/* What a module says of itself. */
enum roomd_content_flags {
    /*
     * It makes no system calls of its own, nor has the C library make any but for memory: the server may run it behind
     * its filter of system calls, which stops the process at the first that the server itself has no use for.
     */
    ROOMD_CONTENT_SANDBOXED = 1
};

/*
 * Callbacks. `state` is what open gave. Those marked optional may be NULL.
 */
struct roomd_content {
    uint32_t abi;
    uint32_t size;
    const char *name; /* 1 to ROOMD_NAME_BYTES_MAX of printable ASCII without space, ", \ and = */

    /* Opens a room's content; *state goes to every other callback. 0, or -errno: the room is not made. */
    int (*open)(const struct roomd_host *host, struct roomd_room *room, void **state);
    /* The last call. No service may be called from it but log, free and cancel. */
    void (*close)(void *state);
    /* A player is in: what it is sent now comes before anything that is broadcast from now on. Optional. */
    void (*enter)(void *state, uint64_t session);
    /*
     * A player is about to go: it is told of no broadcast any more. What is sent to it alone now still arrives,
     * unless the reason is ROOMD_LEAVE_DISCONNECTED. Optional.
     */
    void (*leave)(void *state, uint64_t session, enum roomd_leave_reason reason);
    /* A packet of the content's own ids. `payload` is good until it returns. */
    enum roomd_packet_result (*packet)(void *state, uint64_t session, uint16_t id, const uint8_t *payload,
                                       size_t bytes);
    /*
     * The room's tick, before its flush; not called while nobody is in, nor when the room's tick is 0.
     * Optional.
     */
    void (*tick)(void *state);

    /* ---- from here on: appended since the first release ---- */

    /* The module's keys; ends with a NULL key. Optional. */
    const struct roomd_option *options;
    /*
     * The player has missed some of what it was sent: send it a snapshot, from which its view is right again.
     * Optional.
     */
    void (*resync)(void *state, uint64_t session);
    /* The operator tells everyone something: one line of UTF-8. Optional. */
    void (*announce)(void *state, const char *text);
    /*
     * The whole state as bytes, versioned by the module itself: no pointer, but sessions by id. With room for
     * fewer bytes than it takes: -ENOSPC and *bytes says how many. 0 and *bytes; other -errno. Nothing may
     * change. Optional, together with restore.
     */
    int (*save)(void *state, void *out, size_t size, size_t *bytes);
    /*
     * In place of open, and of the enter of those who are in: room time, random numbers and players are those of
     * the moment of the save; streams, jobs, timers and memory begin anew. Bytes that are not its own are
     * refused: -EINVAL.
     */
    int (*restore)(const struct roomd_host *host, struct roomd_room *room, const void *bytes, size_t size,
                   void **state);

    uint32_t flags; /* enum roomd_content_flags */
};

/* The one symbol that a module's shared object exports. The table must stay where it is. */
#define ROOMD_MODULE_ENTRY "roomd_module"
const struct roomd_content *roomd_module(void);

#endif

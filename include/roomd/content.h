/*
 * roomd/content.h: the contract with content modules, a versioned C ABI.
 *
 * A content module is what happens inside a room: it is told who enters and leaves and what they send, and it
 * says what reaches whom. All of it runs in the room's own queue, one call at a time; a module needs no lock.
 * Nothing that a module sends leaves before the room's flush, unless it says ROOMD_URGENT.
 *
 *     module exports           struct roomd_content, with its callbacks
 *     the host hands down      struct roomd_host, with the services
 *
 * Both begin with the ABI's major number and the size of the table; fields are only ever appended, so a table
 * that is larger than the reader knows is good, and one that is smaller lacks the last services.
 *
 * Sessions are named by id, never by pointer: an id whose player has gone is refused with -ENOENT,
 * harmlessly. Every service may be called from any callback or job of the same room, and from nowhere else.
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
    ROOMD_PACKET_MALFORMED = 1, /* it does not parse: the player is kicked with reason `malformed` */
    ROOMD_PACKET_UNKNOWN = 2,   /* no such packet here: answered by S_ERROR(unknown_packet) */
    ROOMD_PACKET_FAILED = 3 /* the module itself failed: the player is kicked with reason `content_error` */
};

/*
 * A job: runs once in the room's queue, with the session and the payload that were given when it was pushed
 * (copied then; good until it returns).
 */
typedef void roomd_job(void *state, uint64_t session, const void *payload, size_t bytes);

enum { ROOMD_JOB_PAYLOAD_BYTES_MAX = 256 }; /* of push and push_after */

/*
 * Services. Those that send return 0, or
 *     -ENOENT    no such player in this room (any more)
 *     -EINVAL    a packet id that is the engine's
 *     -EMSGSIZE  a payload over ROOMD_PAYLOAD_BYTES_MAX
 *     -ENOBUFS   (send, refuse) the player is owed as much as it may be, until the next flush: nothing was sent
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
     *     push_after: at the earliest `delay_ms` from now, and a little later when the queue is full then, so
     *     that two of them may change places. 0 and *timer names it, -EMSGSIZE or -ENOMEM.
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

    /* The room's time in ms: it stands still while a callback runs. */
    uint64_t (*now_ms)(struct roomd_room *room);
    /* A setting of the room from the config, as text ("yes", "no"); NULL when there is no such key. */
    const char *(*option)(struct roomd_room *room, const char *key);
    /* A line in the log, with the room's name. `text` is one line. */
    void (*log)(struct roomd_room *room, const char *text);
};

/*
 * Callbacks. `state` is what open gave. Those marked optional may be NULL.
 */
struct roomd_content {
    uint32_t abi;
    uint32_t size;
    const char *name;

    /* Opens a room's content; *state goes to every other callback. 0, or -errno: the room is not made. */
    int (*open)(const struct roomd_host *host, struct roomd_room *room, void **state);
    /* The last call. No service may be called from it but log. */
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
};

#endif

/*
 * The engine's packets (ids 0xFF00 and up): bytes to structs and structs to bytes. What they mean, and when
 * they are allowed, is for the session to say.
 *
 * Decoders take a payload apart only if it is exact: every byte accounted for, none left over, names and
 * texts well formed. What they hand out points into the frame's payload and is good for as long as that is.
 *
 * Encoders write one whole frame, header included, into `out` and return its size. They can't fail: what they
 * are given is our own.
 */
#ifndef ROOMD_WIRE_CONTROL_H
#define ROOMD_WIRE_CONTROL_H

#include "roomd/wire.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTROL_TEXT_BYTES_MAX = 200, /* what S_ERROR and S_KICK say; decoders accept more */
    /*
     * Enough for any packet here but S_ROOMS and a C_HELLO with a ticket; S_ERROR and S_KICK are the largest.
     */
    CONTROL_FRAME_BYTES_MAX = ROOMD_FRAME_HEADER_BYTES + 2 + 2 + CONTROL_TEXT_BYTES_MAX
};

/* Bytes that are not terminated; `bytes` may be NULL when `size` is 0. */
struct wire_str {
    const uint8_t *bytes;
    uint16_t size;
};

/* ---- the server's side ---- */

/* `id` says which member holds; C_LEAVE and C_ROOMS have none. */
struct control {
    enum roomd_client_packet id;
    union {
        struct {
            uint16_t version; /* when it is not ROOMD_WIRE_VERSION the rest is 0 and was not looked at */
            uint16_t flags;
            const uint8_t *ticket; /* NULL when ticket_bytes is 0 */
            uint16_t ticket_bytes;
        } hello;
        struct {
            struct wire_str room;
        } join;
        struct {
            uint64_t token;
        } ping; /* and C_PONG */
        struct {
            struct wire_str template_name, name;
        } create;
    };
};

/*
 * Decodes a packet from a client. Names come out as utf8_name_is_valid wants them. A C_HELLO of another
 * version decodes whatever follows its version, so that the answer can be "version" rather than "malformed".
 *
 * 0; -ENOENT: no id of a client's engine packet; -EBADMSG: the payload is short, has bytes left over or holds
 * a bad name. *control is undefined unless 0 was returned.
 */
int control_decode(const struct frame *frame, struct control *control);

/* Each needs room for CONTROL_FRAME_BYTES_MAX at `out`. */
size_t control_put_welcome(uint8_t *out, uint32_t player, uint64_t now_ms);
/* `room` and `content`: 1 to ROOMD_NAME_BYTES_MAX bytes, checked. A tick above 65,535 ms is told as that. */
size_t control_put_joined(uint8_t *out, uint32_t room_id, const char *room, const char *content,
                          uint32_t tick_ms);
size_t control_put_left(uint8_t *out, enum roomd_leave_reason reason);
size_t control_put_pong(uint8_t *out, uint64_t token, uint64_t now_ms);
size_t control_put_server_ping(uint8_t *out, uint64_t token);
size_t control_put_resync(uint8_t *out, uint32_t packets, uint32_t bytes);
/*
 * `text` NULL: the table's, for a kick after the reason's name and ": ". It is cut at CONTROL_TEXT_BYTES_MAX,
 * never within a character, and what is no UTF-8 goes out as '?'.
 */
size_t control_put_error(uint8_t *out, enum roomd_error code, const char *text);
size_t control_put_kick(uint8_t *out, enum roomd_close_reason reason, const char *text);

enum { CONTROL_ROOMS_BYTES_MIN = ROOMD_FRAME_HEADER_BYTES + 2 };

/* Builds S_ROOMS, room by room, in the caller's `out`. */
struct control_rooms {
    uint8_t *out;
    size_t size_max;
    size_t used;
    uint16_t count;
};

/*
 * `size_max`, at least CONTROL_ROOMS_BYTES_MIN, is the space at `out`; above ROOMD_FRAME_BYTES_MAX it counts
 * as that.
 */
void control_rooms_init(struct control_rooms *rooms, uint8_t *out, size_t size_max);
/*
 * Adds one room, names as in control_put_joined. False, and nothing has changed, when it doesn't fit any
 * more.
 */
bool control_rooms_add(struct control_rooms *rooms, const char *room, const char *content, uint32_t players,
                       uint32_t capacity);
/* Completes the frame with the rooms added so far and returns its size. */
size_t control_rooms_finish(struct control_rooms *rooms);

/* ---- the client's side: for tests and tools ---- */

/* The rooms of an S_ROOMS that are still to come. */
struct control_rooms_cursor {
    const uint8_t *data;
    size_t size;
    size_t pos;
    uint16_t left;
};

struct control_room {
    struct wire_str room, content;
    uint32_t players, capacity;
};

/*
 * `id` says which member holds. Codes and reasons are as sent: a newer server may know more of them than we
 * do.
 */
struct control_server {
    enum roomd_server_packet id;
    union {
        struct {
            uint16_t version;
            uint32_t player;
            uint64_t now_ms;
        } welcome;
        struct {
            uint32_t room_id;
            struct wire_str room, content;
            uint16_t tick_ms;
        } joined;
        struct {
            uint16_t reason;
        } left;
        struct {
            uint16_t count;
            struct control_rooms_cursor cursor; /* before the first of `count` rooms, all of them sound */
        } rooms;
        struct {
            uint64_t token;
            uint64_t now_ms;
        } pong;
        struct {
            uint16_t code;
            struct wire_str text;
        } error;
        struct {
            uint16_t reason;
            struct wire_str text;
        } kick;
        struct {
            uint32_t packets;
            uint32_t bytes;
        } resync;
        struct {
            uint64_t token;
        } ping;
    };
};

/*
 * Decodes a packet from the server; returns what control_decode returns. Texts are valid UTF-8 and may be
 * empty.
 */
int control_decode_server(const struct frame *frame, struct control_server *control);

/*
 * 1: *room is the next one; 0: there is none left; -EBADMSG, for ever after: the list is broken, which a
 * cursor out of control_decode_server never is.
 */
int control_rooms_next(struct control_rooms_cursor *cursor, struct control_room *room);

/*
 * Needs ROOMD_FRAME_HEADER_BYTES + 6 + ticket_bytes at `out`; the frame must not outgrow
 * ROOMD_FRAME_BYTES_MAX.
 */
size_t control_put_hello(uint8_t *out, uint16_t version, uint16_t flags, const void *ticket,
                         size_t ticket_bytes);
/* Each needs CONTROL_FRAME_BYTES_MAX at `out`; names as in control_put_joined. */
size_t control_put_join(uint8_t *out, const char *room);
size_t control_put_leave(uint8_t *out);
size_t control_put_rooms(uint8_t *out);
size_t control_put_ping(uint8_t *out, uint64_t token);
size_t control_put_client_pong(uint8_t *out, uint64_t token);
size_t control_put_create(uint8_t *out, const char *template_name, const char *name);

#endif

/*
 * roomd/wire.h: the contract with clients.
 *
 * Everything is little-endian and packed. A frame is
 *
 *     u16 size      of the whole frame, these four bytes included: 4 to 65,535
 *     u16 id        1 to 0xFEFF belong to the room's content, 0xFF00 and up to the engine
 *     payload       size - 4 bytes
 *
 * `str` is a u16 length in bytes followed by that many bytes of UTF-8.
 *
 * A client that enters by an autojoin room need not say C_HELLO; as long as it doesn't, it sees no engine
 * packet but S_KICK, and may send none.
 *
 * A client that closes its sending side has left: the server closes the rest.
 */
#ifndef ROOMD_WIRE_H
#define ROOMD_WIRE_H

#include <stdint.h>
#include <string.h>

#define ROOMD_WIRE_VERSION 1u

#define ROOMD_FRAME_HEADER_BYTES 4u
#define ROOMD_FRAME_BYTES_MAX    65535u
#define ROOMD_PAYLOAD_BYTES_MAX  (ROOMD_FRAME_BYTES_MAX - ROOMD_FRAME_HEADER_BYTES)
#define ROOMD_ENGINE_ID_FIRST    0xFF00u
#define ROOMD_NAME_BYTES_MAX     64u /* a room's or a template's name */

/* What a client sends to the engine. */
enum roomd_client_packet {
    ROOMD_C_HELLO = 0xFF01, /* u16 version, u16 flags (0), u16 n, n bytes of ticket (n = 0: none) */
    ROOMD_C_JOIN = 0xFF02,  /* str room */
    ROOMD_C_LEAVE = 0xFF03, /* - */
    ROOMD_C_ROOMS =
        0xFF04, /* -: answered by one S_ROOMS or several; an S_PONG asked for behind it marks the end */
    ROOMD_C_PING = 0xFF05,   /* u64 anything */
    ROOMD_C_CREATE = 0xFF06, /* str template, str name: makes the room, or finds it made, and joins it */
    ROOMD_C_PONG = 0xFF07    /* u64 as in the S_PING that it answers */
};

/* What the engine sends to a client. */
enum roomd_server_packet {
    ROOMD_S_WELCOME = 0xFF81, /* u16 version, u32 player id, u64 server time in ms */
    ROOMD_S_JOINED = 0xFF82,  /* u32 room id, str room, str content, u16 tick in ms */
    ROOMD_S_LEFT = 0xFF83,    /* u16 enum roomd_leave_reason */
    ROOMD_S_ROOMS = 0xFF84,   /* u16 n, n x { str room, str content, u32 players, u32 capacity } */
    ROOMD_S_PONG = 0xFF85,    /* u64 as sent, u64 server time in ms */
    ROOMD_S_ERROR = 0xFF86,   /* u16 enum roomd_error, str text: refused, the connection lives */
    ROOMD_S_KICK = 0xFF87,    /* u16 enum roomd_close_reason, str text: the server closes after it */
    /*
     * u32 packets, u32 bytes of them: so many of the content's packets were left out for this client, which did not
     * read in time. What it knows of the room is out of date; what follows tells it anew.
     */
    ROOMD_S_RESYNC = 0xFF88,
    ROOMD_S_PING = 0xFF89 /* u64 anything: nothing has come from the client for a while; it answers C_PONG */
};

/*
 * Why a connection ended: X(number, NAME, what it means). The lower-case name is what the kick's text, the
 * log and the counters say. Numbers are never reused.
 */
#define ROOMD_CLOSE_REASONS(X)                                                                               \
    X(1, SHUTDOWN, "the server is shutting down")                                                            \
    X(2, FULL, "the server holds as many sessions as it may")                                                \
    X(3, SLOW, "the client reads more slowly than it is written to")                                         \
    X(4, FRAME_SIZE, "a frame's size is below 4 or above the limit")                                         \
    X(5, FRAME_TIMEOUT, "a frame was begun and not completed in time")                                       \
    X(6, MALFORMED, "a packet's payload does not parse")                                                     \
    X(7, STATE, "a packet came that is not allowed now, such as C_JOIN before C_HELLO")                      \
    X(8, VERSION, "C_HELLO named a version that the server does not speak")                                  \
    X(9, KICKED, "the room's content removed the player")                                                    \
    X(10, PEER_CLOSED, "the client closed the connection")                                                   \
    X(11, RESET, "the connection was reset")                                                                 \
    X(12, IO_ERROR, "reading or writing failed")                                                             \
    X(13, NO_MEMORY, "the server has no memory left for this session")                                       \
    X(14, ROOM_CLOSED, "the room was closed")                                                                \
    X(15, CONTENT_ERROR, "the room's content failed while it handled the player")                            \
    X(16, BANNED, "the client's address is banned, or turned away for a time for what came from it")         \
    X(17, TOO_MANY, "too many connections come from the client's address, at once or in a second")           \
    X(18, PROXY, "the proxy did not say whom it speaks for, or not by a PROXY header that parses")           \
    X(19, TICKET, "the ticket is missing, wrong, expired or used")                                           \
    X(20, DUPLICATE, "the same user is here already")                                                        \
    X(21, REPLACED, "the same user came in anew")                                                            \
    X(22, FLOOD, "the client went on sending more than it may")                                              \
    X(23, HELLO_TIMEOUT, "C_HELLO did not come in time")                                                     \
    X(24, TIMEOUT, "the client, or its machine, does not answer")

enum roomd_close_reason {
    ROOMD_CLOSE_NONE = 0,
#define X(number, name, text) ROOMD_CLOSE_##name = number,
    ROOMD_CLOSE_REASONS(X)
#undef X
        ROOMD_CLOSE_REASON_COUNT
};

/* Codes of S_ERROR: X(number, NAME, text). Numbers are never reused. */
#define ROOMD_ERRORS(X)                                                                                      \
    X(1, NO_SUCH_ROOM, "no such room")                                                                       \
    X(2, ROOM_FULL, "the room is full")                                                                      \
    X(3, NOT_IN_ROOM, "not in a room")                                                                       \
    X(4, ALREADY_THERE, "already in that room")                                                              \
    X(5, TOO_LONG, "too long")                                                                               \
    X(6, UNKNOWN_PACKET, "unknown packet id")                                                                \
    X(7, UNSUPPORTED, "not supported by this server")                                                        \
    X(8, REFUSED, "refused by the room")                                                                     \
    X(9, NO_MEMORY, "the server has no memory left for this request")                                        \
    X(10, NO_SUCH_TEMPLATE, "no such template")                                                              \
    X(11, TOO_MANY_ROOMS, "there are as many rooms as there may be")                                         \
    X(12, ROOM_LOCKED, "the room is locked")                                                                 \
    X(13, NOT_HERE, "not allowed in this room")                                                              \
    X(14, NO_SUCH_TARGET, "no such target in view")                                                          \
    X(15, OUT_OF_REACH, "too far away, or something is in the way")                                          \
    X(16, TOO_SOON, "not again so soon")                                                                     \
    X(17, IS_DEAD, "the dead can't do that")                                                                 \
    X(18, NO_SUCH_PLAYER, "no such player here")                                                             \
    X(19, NOT_ALLOWED, "the ticket does not allow that")                                                     \
    X(20, TOO_FAST, "too many packets, or bytes: what is too much is thrown away")                           \
    X(21, MALFORMED, "the packet does not parse")                                                            \
    X(22, NOT_NOW, "that packet is not allowed now")

enum roomd_error {
    ROOMD_ERROR_NONE = 0,
#define X(number, name, text) ROOMD_ERROR_##name = number,
    ROOMD_ERRORS(X)
#undef X
        ROOMD_ERROR_COUNT
};

/* Why a player left a room (S_LEFT, and the content's leave callback). */
enum roomd_leave_reason {
    ROOMD_LEAVE_ASKED = 1,        /* C_LEAVE */
    ROOMD_LEAVE_MOVED = 2,        /* into another room */
    ROOMD_LEAVE_DISCONNECTED = 3, /* the connection ended; content sees it, no client does */
    ROOMD_LEAVE_ROOM_CLOSED = 4
};

/*
 * The bundled content `chat`. wstr is a u16 length in BYTES followed by UTF-16LE text (an even number of
 * bytes).
 */
enum roomd_chat_packet {
    ROOMD_C_CHAT = 1, /* wstr */
    ROOMD_S_CHAT = 2  /* i32 player id, wstr */
};

/* Little-endian loads and stores. The caller has checked that the bytes are there. */
static inline uint16_t roomd_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t roomd_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t roomd_get_u64(const uint8_t *p)
{
    return (uint64_t)roomd_get_u32(p) | (uint64_t)roomd_get_u32(p + 4) << 32;
}

static inline void roomd_put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void roomd_put_u32(uint8_t *p, uint32_t value)
{
    roomd_put_u16(p, (uint16_t)value);
    roomd_put_u16(p + 2, (uint16_t)(value >> 16));
}

static inline void roomd_put_u64(uint8_t *p, uint64_t value)
{
    roomd_put_u32(p, (uint32_t)value);
    roomd_put_u32(p + 4, (uint32_t)(value >> 32));
}

#endif

/*
 * A client that speaks bare sockets, so that a test decides every byte. Sending reads what arrives meanwhile
 * into a buffer that grows, so a test and a server never wait for each other; every wait is bounded.
 */
#ifndef TESTS_SUPPORT_PEER_H
#define TESTS_SUPPORT_PEER_H

#include "support/daemon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    struct peer *next;
    int fd;
    uint8_t *bytes; /* received and not yet taken: from start to end */
    size_t start;
    size_t end;
    size_t capacity;
    bool is_closed; /* the server ended the connection; error is 0 or ECONNRESET and the like */
    int error;
    uint32_t player; /* what S_WELCOME said; 0 before */
};

/* A packet in the peer's buffer: valid until the peer is next used. */
struct packet {
    uint16_t size;
    uint16_t id;
    const uint8_t *payload;
    size_t payload_bytes;
};

struct peer *peer_connect(const struct daemon *daemon);
/* With SO_RCVBUF set before connecting. */
struct peer *peer_connect_narrow(const struct daemon *daemon, int receive_bytes);
/* To "127.0.0.1:PORT", "[::1]:PORT" or "unix:PATH"; receive_bytes 0: the system's. */
struct peer *peer_connect_to(const char *address, int receive_bytes);
/* From that address of this machine: "127.0.0.5:0". */
struct peer *peer_connect_from(const char *source, const struct daemon *daemon);
/* A bare connected descriptor, or -errno. */
int socket_connect_to(const char *address, int receive_bytes);
void peer_close(struct peer *peer);
/* Ends the connection by a reset. */
void peer_abort(struct peer *peer);
/* Closes whatever a failed test left. */
void peer_close_all(void);

/* False when the server has closed the connection; a send that does not end in 10 s fails the test. */
bool peer_try_send(struct peer *peer, const void *bytes, size_t size);
void peer_send(struct peer *peer, const void *bytes, size_t size);
/* "0a 00 01 00", as in the wire vectors. */
void peer_send_hex(struct peer *peer, const char *hex);
void peer_send_packet(struct peer *peer, uint16_t id, const void *payload, size_t payload_bytes);
/* Ends the sending direction only. */
void peer_shutdown(struct peer *peer);

/* Builders: append a frame at `out` and return its size. Text is ASCII; rooms and texts end in NUL. */
size_t packet_put(uint8_t *out, uint16_t id, const void *payload, size_t payload_bytes);
size_t packet_put_chat(uint8_t *out, const char *text);
size_t packet_put_hello(uint8_t *out, uint16_t version);
size_t packet_put_join(uint8_t *out, const char *room);
/* Bytes of "0a 00 ..." text; `out` must hold them. */
size_t hex_parse(uint8_t *out, size_t out_size, const char *hex);

void peer_send_chat(struct peer *peer, const char *text);
void peer_send_hello(struct peer *peer, uint16_t version);
void peer_send_join(struct peer *peer, const char *room);

/*
 * Reads once, if anything comes before the deadline: bytes read, 0 when the connection is over, -1 when
 * nothing came.
 */
long peer_read(struct peer *peer, uint64_t deadline_ns);
/* Takes the next whole frame. False when none came in time or the connection ended before it was whole. */
bool peer_next_packet(struct peer *peer, struct packet *packet, int timeout_ms);
/* As above, from what was read already. */
bool peer_take_packet(struct peer *peer, struct packet *packet);

#endif

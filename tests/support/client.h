/*
 * A client that speaks bare sockets, so that a test decides every byte. Sending reads what arrives meanwhile
 * into a buffer that grows, so a test and a server can never wait for each other; every wait is bounded.
 */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include "support/daemon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
    struct client *next;
    int fd;
    uint8_t *bytes; /* received and not yet taken: from start to end */
    size_t start;
    size_t end;
    size_t capacity;
    bool is_closed; /* the server ended the connection; error is 0 or ECONNRESET and the like */
    int error;
    uint32_t player; /* what S_WELCOME said; 0 before */
};

/* A frame in the client's buffer: valid until the client is next used. */
struct frame {
    uint16_t size;
    uint16_t id;
    const uint8_t *payload;
    size_t payload_bytes;
};

struct client *client_connect(const struct daemon *daemon);
/* With SO_RCVBUF set before connecting. */
struct client *client_connect_narrow(const struct daemon *daemon, int receive_bytes);
/* To "127.0.0.1:PORT", "[::1]:PORT" or "unix:PATH"; receive_bytes 0: the system's. */
struct client *client_connect_to(const char *address, int receive_bytes);
/* A bare connected descriptor, or -errno. */
int socket_connect_to(const char *address, int receive_bytes);
void client_close(struct client *client);
/* Ends the connection by a reset. */
void client_abort(struct client *client);
/* Closes whatever a failed test left. */
void client_close_all(void);

/* False when the server has closed the connection; a send that does not end in 10 s fails the test. */
bool client_try_send(struct client *client, const void *bytes, size_t size);
void client_send(struct client *client, const void *bytes, size_t size);
/* "0a 00 01 00", as in the wire vectors. */
void client_send_hex(struct client *client, const char *hex);
void client_send_frame(struct client *client, uint16_t id, const void *payload, size_t payload_bytes);
/* Ends the sending direction only. */
void client_shutdown(struct client *client);

/* Builders: append a frame at `out` and return its size. Text is ASCII; rooms and texts end in NUL. */
size_t frame_put(uint8_t *out, uint16_t id, const void *payload, size_t payload_bytes);
size_t frame_put_chat(uint8_t *out, const char *text);
size_t frame_put_hello(uint8_t *out, uint16_t version);
size_t frame_put_join(uint8_t *out, const char *room);
/* Bytes of "0a 00 ..." text; `out` must hold them. */
size_t hex_parse(uint8_t *out, size_t out_size, const char *hex);

void client_send_chat(struct client *client, const char *text);
void client_send_hello(struct client *client, uint16_t version);
void client_send_join(struct client *client, const char *room);

/*
 * Reads once, if anything comes before the deadline: bytes read, 0 when the connection is over, -1 when
 * nothing came.
 */
long client_read(struct client *client, uint64_t deadline_ns);
/* Takes the next whole frame. False when none came in time or the connection ended before it was whole. */
bool client_next_frame(struct client *client, struct frame *frame, int timeout_ms);
/* As above, from what was read already. */
bool client_take_frame(struct client *client, struct frame *frame);

#endif

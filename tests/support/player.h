/*
 * The client's end of a connection whose other end is in the same process: bare bytes out, whole frames in.
 * Nothing here waits; the test turns the engine, then looks at what came.
 */
#ifndef TESTS_SUPPORT_PLAYER_H
#define TESTS_SUPPORT_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "roomd/wire.h"
#include "wire/frame.h"

struct player {
    struct player *next;
    int fd;           /* -1: closed by the test */
    uint32_t number;  /* its id on the wire; 0: the server took it into no session */
    uint64_t session; /* the id; it may have gone */
    uint8_t *bytes;   /* received and not yet taken: from start to end */
    size_t start;
    size_t end;
    size_t capacity;
    bool is_ended; /* the server has closed; error is 0 or ECONNRESET */
    int error;
};

void player_init(struct player *player, int fd);
/* Frees what was received, and closes. */
void player_fini(struct player *player);
/* Hangs up; what was received stays. */
void player_hang_up(struct player *player);

/* All of it must go into the kernel's buffer at once. */
void player_send_bytes(struct player *player, const void *bytes, size_t size);
void player_send(struct player *player, uint16_t id, const void *payload, size_t bytes);
void player_say(struct player *player, uint16_t id, const char *text);
void player_hello(struct player *player);
void player_join(struct player *player, const char *room);
void player_create(struct player *player, const char *template_name, const char *name);
void player_ask_for_rooms(struct player *player);
void player_leave(struct player *player);

/* Takes in what has come, at most `bytes_max` of it. Returns how much lies there. */
size_t player_receive(struct player *player, size_t bytes_max);
/* The next whole frame: true and *frame, good until the player is next used; or false. */
bool player_next(struct player *player, struct frame *frame);

/* Each takes one frame and fails the test when it is another one, or none. */
void player_expect(struct player *player, uint16_t id, const void *payload, size_t bytes);
void player_expect_text(struct player *player, uint16_t id, const char *text);
void player_expect_welcome(struct player *player);
void player_expect_joined(struct player *player, const char *room);
void player_expect_left(struct player *player, enum roomd_leave_reason reason);
void player_expect_error(struct player *player, enum roomd_error code);
/* S_KICK, and then the end of the connection, without a reset. */
void player_expect_kick(struct player *player, enum roomd_close_reason reason);
/* Nothing has come, and the connection stands. */
void player_expect_nothing(struct player *player);
/* The connection has ended, and nothing was left to read. */
void player_expect_end(struct player *player);

#endif

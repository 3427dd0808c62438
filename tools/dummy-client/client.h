/*
 * One client: a connection and where it stands with the server.
 *
 *     IDLE --client_open--> CONNECTING --> GREETING --S_WELCOME--> JOINING --S_JOINED--> IN
 *     IN --churn--> FINISHING --its own last message came back--> LEAVING --S_LEFT--> AWAY --C_JOIN-->
 * JOINING
 *                                                            \--closes--> IDLE --client_open--> ...
 *     any --client_close--> DEAD (or IDLE, for those who come back)
 *
 * An echoing peer has no packets of its own: a client is IN as soon as it is connected.
 */
#ifndef DUMMY_CLIENT_CLIENT_H
#define DUMMY_CLIENT_CLIENT_H

#include "dummy-client/verify.h"

#include "roomd/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct load;

/* Why a connection ended: the server's reasons by their numbers, then the tool's own. */
enum disconnect {
    DISCONNECT_WANTED = 0, /* by the client's own wish; not counted */
    DISCONNECT_EOF = ROOMD_CLOSE_REASON_COUNT,
    DISCONNECT_RESET,
    DISCONNECT_CONNECT_REFUSED,
    DISCONNECT_TIMEOUT,
    DISCONNECT_BAD_FRAME,
    DISCONNECT_REFUSED,
    DISCONNECT_ERROR,
    DISCONNECT_COUNT
};

/* The name as the report says it, in lower case; "unknown" for a number that the table does not hold. */
void disconnect_name(uint32_t reason, char *out, size_t out_size);

enum client_state {
    CLIENT_IDLE,
    CLIENT_CONNECTING,
    CLIENT_GREETING,
    CLIENT_JOINING,
    CLIENT_IN,
    CLIENT_FINISHING,
    CLIENT_LEAVING,
    CLIENT_AWAY,
    CLIENT_DEAD
};

/* The kinds of misbehave.h stand in the order in which the first clients are of them; the rest are ordinary. */
enum client_kind {
    CLIENT_ORDINARY,
    CLIENT_SLOW,
    CLIENT_GARBAGE,
    CLIENT_DRIBBLE,
    CLIENT_FLOOD,
    CLIENT_MUTE,
    CLIENT_PAUSE,
    CLIENT_KIND_COUNT
};

struct client {
    int fd; /* -1: none */
    uint32_t index;
    enum client_state state;
    enum client_kind kind;
    uint32_t armed;    /* what epoll was told */
    uint32_t kick;     /* the reason of an S_KICK that was read; 0: none */
    uint64_t since_ns; /* when it was opened, or asked to enter or to leave */
    uint64_t tried_ns; /* when it was first tried to open it, if the peer took no more; 0: it was not */
    uint64_t wake_ns;  /* when a client that is away, sends garbage, floods or pauses acts again */
    uint8_t *out;      /* what the socket did not take yet: from out_at to out_size */
    uint32_t out_at;
    uint32_t out_size;
    uint32_t out_capacity;
    uint8_t flood_cut; /* bytes of a packet of --flood that are sent, when the rest of it is not */
    bool is_paused;    /* --pause: nothing is read */
    bool has_joined;   /* ever */
    bool is_counted;   /* in load.settled */
    bool is_churning;  /* on the churn's list */
    bool leaves_by_closing;
};

/* Says something at its turns, answers S_PING and is owed what its room says: what it is told is verified. */
static inline bool client_takes_part(const struct client *client)
{
    return client->kind == CLIENT_ORDINARY || client->kind == CLIENT_DRIBBLE || client->kind == CLIENT_PAUSE;
}

/* Whenever it is thrown out. Whether it is in is nobody's concern. */
static inline bool client_comes_back(const struct client *client)
{
    return client->kind == CLIENT_GARBAGE || client->kind == CLIENT_FLOOD;
}

/* Begins to connect. 0, -EAGAIN when the peer takes no more just now (try again), or -errno: the client is
 * closed. */
int client_open(struct load *load, struct client *client);
/* Acts on what epoll reported. */
void client_on_event(struct load *load, struct client *client, uint32_t events);
/* Looks at bytes again that waited for the room's tape to grow. */
void client_look_again(struct load *load, struct client *client);

/* Sends what the socket takes of it, and returns how much that was; -1 when the connection ended by it. */
ssize_t client_write(struct load *load, struct client *client, const uint8_t *bytes, size_t size);
/* Sends bytes, or keeps what the socket does not take; false when the connection ended by it. */
bool client_send(struct load *load, struct client *client, const uint8_t *bytes, size_t size);
/* Sends what was kept, `most` bytes of it at once. */
void client_send_kept(struct load *load, struct client *client, size_t most);
static inline bool client_has_kept(const struct client *client)
{
    return client->out_at < client->out_size;
}

/* Sends the client's next message. */
void client_say(struct load *load, struct client *client);
/* Tells epoll what the client's state asks for. */
void client_arm(struct load *load, struct client *client);
/* The client counts as settled from here on: the connecting phase waits for it no longer. */
void client_settle(struct load *load, struct client *client);

/* Ends the connection and counts why; whoever should have stayed is missed in the report. */
void client_close(struct load *load, struct client *client, uint32_t reason);

#endif

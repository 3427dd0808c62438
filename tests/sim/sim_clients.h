/*
 * Simulated clients: a crowd, each of a kind, each with a seed of its own. The honest ones keep to the protocol, read what
 * they are sent, and fail the test when they are not served as promised; the others do what an honest one never would.
 *
 *     away --connect--> greeting --S_JOINED--> inside --leave or move--> waiting --S_JOINED, S_ERROR--> inside or outside
 *     from anywhere --the server ends it, or the client does--> away
 *
 * What an honest one says in a room of chat is numbered, by connection, visit and text; everyone who reads checks each
 * sender's numbers (sim_chat.c). In the world it keeps the view that it was told of (sim_world.c).
 */
#ifndef TESTS_SIM_SIM_CLIENTS_H
#define TESTS_SIM_SIM_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "roomd/wire.h"
#include "sim/sim_kernel.h"
#include "wire/control.h"
#include "wire/frame.h"

enum sim_kind {
    SIM_CHATTER,     /* stays in a room and talks */
    SIM_MOVER,       /* between rooms of chat; makes some, asks for the list, hangs up and comes back */
    SIM_LEGACY,      /* never says C_HELLO */
    SIM_ROAMER,      /* walks, fights and talks in the world, and takes its portals */
    SIM_SLOW,        /* reads in bits, and is right about what it has read */
    SIM_DEAF,        /* never reads */
    SIM_DRIBBLER,    /* a byte now and then */
    SIM_GARBAGE,     /* bytes and packets that mean nothing */
    SIM_HASTY,       /* gone as soon as it has come */
    SIM_HALF_CLOSER, /* says FIN and reads on */
    SIM_RESETTER,
    SIM_FLOODER, /* as much as goes in */
    SIM_MUTE,    /* comes in, and is gone without a word: its machine is off */
    SIM_KIND_COUNT
};

enum sim_state { SIM_AWAY, SIM_GREETING, SIM_INSIDE, SIM_WAITING, SIM_OUTSIDE };

enum { SIM_CLIENTS_MAX = 1024, SIM_SAID_MAX = 1024, SIM_KNOWN_MAX = 2048 };

struct sim_bytes {
    uint8_t *bytes;
    size_t start, end, capacity;
};

/* What was last read of a sender. */
struct sim_track {
    uint32_t connection, visit, text;
};

struct sim_known {
    uint32_t id;
    uint8_t kind;
    float x, z;
};

/* What one of the world has been told of and not yet been told the end of. */
struct sim_view {
    bool is_placed, is_dead;
    bool awaits_reset; /* it was told S_RESYNC: what it knew is void, and is told anew */
    float x, z;
    uint32_t count;
    struct sim_known known[SIM_KNOWN_MAX];
};

struct sim_crowd;

struct sim_client {
    struct sim_crowd *crowd;
    enum sim_kind kind;
    enum sim_state state;
    uint32_t index;
    uint32_t player; /* 0: not told */
    uint64_t random;
    uint64_t next_ns;
    struct sim_socket *socket; /* NULL: away */
    struct sim_bytes in, out;
    char room[ROOMD_NAME_BYTES_MAX + 1];    /* "": in none */
    char content[ROOMD_NAME_BYTES_MAX + 1]; /* of that room */
    uint32_t connection;                    /* from 1 */
    uint32_t visit;                         /* of this connection, from 1 */
    uint32_t texts;                         /* said in this visit */
    uint64_t said_ns[SIM_SAID_MAX];         /* when, by number */
    uint64_t joined_ns;
    uint64_t pings, pongs;    /* tokens */
    struct sim_track *tracks; /* by sender; kept for a visit */
    struct sim_view *view;
    uint16_t kick;   /* what S_KICK said; 0: none came */
    bool is_done;    /* has said FIN */
    bool has_missed; /* something, and has not been told so yet */
};

struct sim_crowd_totals {
    uint64_t connects, refused, frames, texts_said, texts_read, joins, errors, kicks, ends, hurt, told,
        views_reset, pinged, resyncs, skipped;
};

struct sim_crowd {
    struct sim_client *clients;
    uint32_t count;
    uint64_t random;
    bool is_quiet;  /* nobody says or does anything new, but for reading */
    bool is_lossy;  /* memory ran out: texts may be missing, sessions closed */
    bool is_strict; /* even then no more than `excused` of the honest may be cut off */
    uint32_t excused;
    bool is_crowded; /* there are more clients than the server takes */
    bool is_ending;  /* the server has been told to end */
    uint64_t digest; /* of all that was received */
    struct sim_crowd_totals totals;
};

/* `counts`: how many of each kind. */
void sim_crowd_open(struct sim_crowd *crowd, uint64_t seed, const uint32_t counts[SIM_KIND_COUNT]);
void sim_crowd_close(struct sim_crowd *crowd);
/* Who is due acts; returns when the next one is. */
uint64_t sim_crowd_act(struct sim_crowd *crowd, uint64_t now_ns);
/* When the crowd has been quiet for long: nobody may be short of a text. */
void sim_crowd_check_complete(const struct sim_crowd *crowd);

/* ---- for the kinds ---- */

bool sim_is_honest(enum sim_kind kind);
uint64_t sim_client_draw(struct sim_client *client, uint64_t below);
/* False: nobody listens, or the backlog is full. */
bool sim_client_connect(struct sim_client *client);
/* Closes, with a FIN or, with something unread, a reset. */
void sim_client_hang_up(struct sim_client *client);
/* Away, as if it had never connected; it has no socket any more. */
void sim_client_forget(struct sim_client *client);
/* Behind what waits to be sent; goes out as the kernel takes it. */
void sim_client_put(struct sim_client *client, const void *bytes, size_t size);
void sim_client_put_packet(struct sim_client *client, uint16_t id, const void *payload, size_t bytes);
void sim_client_put_hello(struct sim_client *client);
void sim_client_put_join(struct sim_client *client, const char *room);
/* At most `bytes_max` of what waits; frames are taken and checked. False: the connection is over. */
bool sim_client_read(struct sim_client *client, size_t bytes_max);
void sim_client_flush(struct sim_client *client);

/* Acts once; returns in how many ns it wants to again. */
uint64_t sim_honest_act(struct sim_client *client);
uint64_t sim_foul_act(struct sim_client *client);
uint64_t sim_world_act(struct sim_client *client);
void sim_chat_say(struct sim_client *client);
void sim_chat_begin(struct sim_client *client);
/* It was told that it has missed something: whom it hears next, it hears anew. */
void sim_chat_resync(struct sim_client *client);
void sim_world_resync(struct sim_client *client);
/* It has left, as it asked to: all that it said before must have come back to it, or S_RESYNC must follow. */
void sim_chat_end(struct sim_client *client);
void sim_chat_read(struct sim_client *client, const struct frame *frame);
void sim_chat_check_complete(const struct sim_client *client);
void sim_world_begin(struct sim_client *client);
void sim_world_read(struct sim_client *client, const struct frame *frame);

#endif

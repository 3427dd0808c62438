/*
 * Connections: one socket's way in (bytes into the shared scratch buffer, a kept partial frame first) and its
 * way out (the outbox's slices by one gathered write). A connection knows nothing of frames or rooms; its
 * owner embeds it.
 *
 *     1. an idle connection owns no buffer: `kept` exists only while bytes wait to be understood.
 *     2. EPOLLOUT is asked for exactly while the kernel has refused bytes (is_blocked).
 *     3. EPOLLIN is dropped only when input comes for a connection that is paused; see conn_pause.
 */
#ifndef ROOMD_NET_CONN_H
#define ROOMD_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gather/reader.h"
#include "net/address.h"
#include "net/network.h"
#include "net/reactor.h"

/* The most that one read takes from one connection in one turn, and what a frame may hold besides. */
enum { NET_READ_BYTES = 16 * 1024, NET_SCRATCH_BYTES = 2 * NET_READ_BYTES + 64 * 1024 };
/* Up to this size what is kept comes from a pool: clients whose frames straddle reads cost no malloc. */
enum { NET_KEPT_SMALL_BYTES = 128 };

/* What a connection asks of the kernel. 0 of each: what the kernel does by itself. */
struct conn_options {
    uint32_t send_buffer_bytes; /* SO_SNDBUF: what is sent and not acknowledged, and what is not sent */
    uint32_t unsent_bytes;      /* TCP_NOTSENT_LOWAT: what is not sent alone */
    uint32_t ack_timeout_ms;    /* TCP_USER_TIMEOUT: for what is sent to be acknowledged */
};

struct net_stats {
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t reads;
    uint64_t writevs;
    uint64_t short_writes; /* the kernel took less than was offered */
};

/* What all connections of a process share. */
struct net {
    struct reactor reactor;
    struct gather gather;
    struct net_stats stats;
    struct pool kept_small;
    struct conn_options conn_options;
    uint8_t scratch[NET_SCRATCH_BYTES];
};

struct conn {
    struct source source;
    struct reader reader;
    struct endpoint peer; /* who is at the other end; its owner sets it, if it is known */
    uint8_t *kept;
    uint32_t kept_bytes;
    bool is_blocked;  /* the kernel's buffer is full; EPOLLOUT will tell */
    bool is_detached; /* paused, and the peer has hung up: not watched at all, or it would be reported for
                         ever */
};

/* Takes over `fd` and watches it for input. 0, or -errno and the descriptor has been closed. */
int conn_open(struct conn *conn, struct net *net, int fd,
              void (*on_ready)(struct source *source, uint32_t events));
/* The options of `net` have changed, and are to hold for it, too. Of an option that is 0 now it keeps what it had. */
void conn_tune(const struct conn *conn, const struct net *net);
/*
 * Closes the socket and lets go of everything. Only in the turn's reap phase; nothing happens when it is
 * closed.
 */
void conn_close(struct conn *conn, struct net *net);

/*
 * Gathers what was kept and one read behind it in the scratch buffer, and returns how many bytes lie there;
 * they are good until the next conn_read of any connection, and nothing is kept any more. 0: the peer has
 * closed its side. -EAGAIN: nothing has come. Other -errno: the connection is broken.
 */
ssize_t conn_read(struct conn *conn, struct net *net);
/* The same without a read: what was kept alone, 0 when there is nothing. */
size_t conn_reread(struct conn *conn, struct net *net);
/* Keeps bytes (1 or more) that could not be used yet, for the next read to begin with. 0 or -ENOMEM. */
int conn_keep(struct conn *conn, struct net *net, const uint8_t *bytes, size_t size);

/*
 * Asks for no input until conn_resume; `events` are those that were reported for the paused connection. Both
 * return 0 or -errno.
 */
int conn_pause(struct conn *conn, struct net *net, uint32_t events);
int conn_resume(struct conn *conn, struct net *net);

/*
 * Writes at most `bytes_max` of the outbox as far as the kernel takes it, within one turn's share. What is left afterwards
 * was refused by the kernel (is_blocked), or is more than bytes_max, or is for the next turn. With nothing to write it
 * sees to EPOLLOUT alone. How many were written, or -errno.
 */
ssize_t conn_write(struct conn *conn, struct net *net, size_t bytes_max);

/* Lets go of what waits to be written and of what was kept, of a connection that is good for nothing but conn_close. */
void conn_drop(struct conn *conn, struct net *net);

/* Says FIN; the peer may still send. */
void conn_finish_writing(struct conn *conn);

/*
 * Who is at the other end of a connected socket; not known of unix sockets. 0; or -errno, mostly because nobody is there any
 * more, and it is not known.
 */
int conn_ask_peer(int fd, struct endpoint *peer);
/*
 * The peer's address as text: as its owner has set it, or as the kernel says; "unknown" when it can't be told. `text` has
 * ADDRESS_TEXT_BYTES. Returns `text`.
 */
const char *conn_peer(const struct conn *conn, char *text);

/* Turns away a connection that has just been accepted: best-effort `bytes`, then close. Takes over `fd`. */
void conn_refuse(int fd, const uint8_t *bytes, size_t size);

#endif

/*
 * attacker: clients that mean harm, and the one who only wants in while they do. What the siege throws at roomd, where
 * dummy-client's verified players are too slow or too honest for it.
 *
 * A client greets (or not), reads (or not), and may have a stream: a block of bytes that it sends over and over, as far
 * as it is allowed to by now. What a kind of client does is no more than these choices:
 *
 *     idle --client_open--> connecting --connected--> greeting --S_JOINED--> in
 *     any but idle --the server's end, a failure, its time is up--> idle (it comes back) or spent
 */
#ifndef ATTACKER_H
#define ATTACKER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/timers.h"
#include "roomd/wire.h"

enum { KINDS_MAX = 16, HEAD_BYTES = ROOMD_FRAME_HEADER_BYTES + 2, BLOCK_BYTES = 65536 };

#define ENDLESS UINT64_MAX

struct attack;

enum greeting { GREETS_NOT, GREETS_HELLO, GREETS_JOIN };

/* A block that is sent over and over: so many bytes of it at first, and so many more after each interval (0: none). */
struct stream_plan {
    uint8_t *block;
    uint64_t block_bytes;
    uint64_t first_bytes; /* ENDLESS: as much as the socket takes */
    uint64_t more_bytes;
    uint64_t interval_ns;
};

struct kind {
    const char *name;
    const char *about;
    enum greeting greeting;
    bool is_deaf;      /* reads nothing, ever */
    bool ends_when_in; /* what it wanted to know is how long that takes */
    /* Fills the plan, whose block has BLOCK_BYTES and is zero; NULL: the kind has no stream. */
    void (*prepare)(const struct attack *attack, struct stream_plan *plan);
};

/* What became of the clients of one kind. */
struct tally {
    uint64_t opened, connected, entered;
    uint64_t ended_by_server, ended_by_us, failed, timeouts;
    uint64_t alive;
    uint64_t bytes;
    uint64_t kicks[ROOMD_CLOSE_REASON_COUNT]; /* 0: one that is not in the contract */
    struct histogram enter_us;                /* from connect() to S_JOINED */
    struct histogram life_us; /* from there, or from the first byte of the stream, to the server's end */
};

enum client_state { CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_GREETING, CLIENT_IN, CLIENT_SPENT };

struct client {
    int fd; /* -1: none */
    uint32_t index;
    uint32_t armed; /* epoll's events */
    uint8_t kind;   /* in attack->kinds */
    uint8_t state;
    uint8_t head_bytes; /* of the frame that is being read */
    uint8_t head[HEAD_BYTES];
    uint32_t skip_bytes; /* of that frame, that are nobody's concern */
    uint64_t begun_ns;   /* connect() */
    uint64_t since_ns;   /* connected, or the stream's first byte */
    uint64_t stream_at;  /* sent of it */
    uint64_t stream_to;  /* may be sent of it */
    struct timer feed;
    struct timer end; /* of its patience, its time, or its pause */
};

struct attack_options {
    struct sockaddr_in target;
    uint32_t first_source; /* host order */
    uint32_t sources;      /* 0: the kernel chooses */
    uint32_t proxied;      /* so many addresses are claimed by PROXY headers; 0: none */
    uint32_t clients;      /* at once */
    double rate;           /* opened a second */
    double seconds;
    bool comes_back;
    uint64_t pause_ns, hold_ns, interval_ns;
    uint32_t rcvbuf_bytes, frame_bytes, flood;
    const char *room;
    uint32_t kind_count;
    const struct kind *kinds[KINDS_MAX];
};

struct attack {
    struct attack_options options;
    int epoll;
    uint64_t began_ns, now_ns;
    uint64_t opened;
    uint32_t next;  /* client to look at for the next opening */
    uint32_t spent; /* clients that do not come back */
    uint64_t random;
    struct timers timers;
    struct client *clients;
    struct stream_plan plans[KINDS_MAX];
    struct tally tallies[KINDS_MAX];
};

/* The kind of that name, of `size` bytes, or NULL; and all of them, ended by one without a name. */
const struct kind *kind_find(const char *name, size_t size);
extern const struct kind kinds[];

/* Opens the next client that is idle. False: there is none. */
bool client_open_next(struct attack *attack);
void client_on_event(struct attack *attack, struct client *client, uint32_t events);
/* Readies the clients' timers. 0 or -ENOMEM. */
int clients_init(struct attack *attack);
void clients_fini(struct attack *attack);

#endif

/*
 * Sources: what is known of the addresses that connections come from. A source is an IPv4 address, or an IPv6 network
 * of 64 bits, which is what one household has. The table is bounded however many there are.
 *
 *     unknown --sources_enter--> connected --the last sources_leave--> remembered
 *     remembered --sources_enter--> connected
 *     remembered --remembered_max others came since--> unknown
 *
 *     1. who is connected is never forgotten, and of the remembered those that are turned away only when there are
 *        no others; otherwise the one goes that was heard of the longest time ago.
 *     2. offences add points, which halve in every half-life. Who has penalty_points is turned away: for penalty_ns,
 *        twice as long each time it happens again, penalty_max_ns at most; for each penalty_max_ns that passes
 *        without, half as long again. Who is connected already stays: there may be others at that address.
 *     3. the rate: burst connections at once, then one every 1/rate s; what is refused does not count against it.
 *
 * Exempt hosts have no entry: nothing of them is counted or refused, but for a ban by hand.
 */
#ifndef ROOMD_ROOM_SOURCES_H
#define ROOMD_ROOM_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/siphash.h"
#include "base/timers.h"
#include "net/network.h"
#include "room/bans.h"

/* Points are counted in tenths, so that what happens to the innocent weighs little. */
enum { SOURCE_POINT = 10, SOURCE_IPV6_BITS = 64 };

/* What a source may do wrong: X(NAME, points in tenths). */
#define SOURCE_OFFENCES(X)                                                                                   \
    X(RATE, 1)     /* connects faster than it may, as a household does that comes back all at once */        \
    X(TIMEOUT, 10) /* a frame was not completed: a bad line, or somebody who dribbles */                     \
    X(HELLO, 30)   /* a hello of another version, or with a ticket that is not good */                       \
    X(KICK, 40)    /* sent what no client of ours sends, or far too much */

enum source_offence {
#define X(name, tenths) SOURCE_OFFENCE_##name,
    SOURCE_OFFENCES(X)
#undef X
        SOURCE_OFFENCE_COUNT
};

enum source_verdict {
    SOURCE_WELCOME,
    SOURCE_BANNED, /* by hand */
    SOURCE_PUNISHED,
    SOURCE_TOO_MANY, /* at once */
    SOURCE_TOO_FAST,
    SOURCE_VERDICT_COUNT
};

struct sources_limits {
    uint32_t remembered_max; /* may not change */
    uint32_t conns_per_address;
    uint32_t connect_rate; /* a second */
    uint32_t connect_burst;
    uint32_t penalty_points;
    uint64_t penalty_half_life_ns;
    uint64_t penalty_ns;
    uint64_t penalty_max_ns;
    uint64_t grace_ns; /* after sources_init: no rate */
    struct network_list exempt;
};

struct sources_stats {
    uint64_t verdicts[SOURCE_VERDICT_COUNT];
    uint64_t offences[SOURCE_OFFENCE_COUNT];
    uint64_t penalties;
    uint64_t lifted;
    uint64_t forgotten; /* for want of room */
};

struct source_entry {
    struct list link;          /* sources->idle or sources->held; unlinked while connected */
    struct list punished;      /* sources->punished, while turned away */
    struct timer penalty;      /* armed while turned away; opened with the first penalty */
    struct source_entry *next; /* in its bucket */
    struct sources *sources;
    struct host host;        /* the first of the network */
    uint64_t full_ns;        /* when it may come in a burst again */
    uint64_t points_ns;      /* when `points` were right */
    uint64_t penalty_end_ns; /* of the last one */
    struct log_gate log_gate;
    uint32_t points; /* tenths */
    uint32_t connected;
    uint32_t refused;
    uint32_t hellos_failed;
    uint32_t kicks;
    uint8_t penalty_level; /* how often it doubles */
};

struct sources {
    struct timers *timers;
    struct sources_limits limits;
    struct sources_stats stats;
    struct bans bans;
    struct pool pool;
    struct source_entry **buckets;
    uint32_t bucket_mask;
    uint32_t remembered;
    struct list idle;     /* remembered, the longest unheard of first */
    struct list held;     /* the same, while they are turned away */
    struct list punished; /* all that are turned away, connected or not */
    uint64_t start_ns;
    uint8_t key[SIPHASH_KEY_BYTES];
};

/*
 * For `connected_max` connections at once. `key` is secret: who knew it could have all addresses meet in one bucket.
 * 0 or -ENOMEM. sources_fini lets go of everything; nobody may be connected by then. It may also be zero-filled.
 */
int sources_init(struct sources *sources, struct timers *timers, const struct sources_limits *limits,
                 uint32_t connected_max, const uint8_t key[SIPHASH_KEY_BYTES], uint64_t now_ns);
void sources_fini(struct sources *sources);
/* Takes on all but remembered_max. What is known of the sources stays. */
void sources_set_limits(struct sources *sources, const struct sources_limits *limits);
/* Takes over `bans`, which is empty afterwards, in place of those before, and lets in those that it lifts. */
void sources_set_bans(struct sources *sources, struct bans *bans);

/*
 * A connection has come from `host`. SOURCE_WELCOME, and *entry counts it until sources_leave; NULL when it is exempt, or
 * no memory is left to count it. Otherwise it is to be refused, and *entry, if not NULL, is good until the next call.
 */
enum source_verdict sources_enter(struct sources *sources, const struct host *host, uint64_t now_ns,
                                  struct source_entry **entry);
void sources_leave(struct sources *sources, struct source_entry *entry);
/* A connection of that source, or one that wanted to be, has done something wrong. */
void sources_offend(struct sources *sources, struct source_entry *entry, enum source_offence offence,
                    uint64_t now_ns);

/* For how long it is turned away still, 0: not at all. */
uint64_t source_penalty_left_ns(const struct source_entry *entry, uint64_t now_ns);
/* What it is, as its address or its network. `text` has NETWORK_TEXT_BYTES; returns it. */
const char *source_format(const struct source_entry *entry, char *text);

#endif

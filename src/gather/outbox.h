/*
 * Outboxes: what one receiver is still to be sent, as slices of chunks, in order. It holds no bytes of its
 * own: what a slow receiver costs is the slices and the chunks that they pin.
 *
 *     1. `bytes` and `slices` are the sums over all blocks; both are 0 exactly when `first` is NULL.
 *     2. each slice holds one reference on its chunk, let go when its last byte is consumed.
 *     3. an empty outbox owns no memory.
 */
#ifndef ROOMD_GATHER_OUTBOX_H
#define ROOMD_GATHER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/pool.h"
#include "gather/chunk.h"

struct slice {
    struct chunk *chunk;
    uint32_t offset;
    uint32_t bytes;
};

enum { OUTBOX_BLOCK_SLICES = 15 };

struct outbox_block {
    struct outbox_block *next;
    uint16_t first; /* the first slice that is left */
    uint16_t end;   /* one past the last */
    struct slice slices[OUTBOX_BLOCK_SLICES];
};

struct outbox {
    struct outbox_block *first;
    struct outbox_block *last;
    uint32_t bytes;
    uint32_t slices;
    uint32_t sample_bytes; /* up to and with the sampled byte: one that was the last when it was sampled */
    uint64_t sample_ns;    /* when it was pushed */
    uint64_t pushed_ns;    /* when the last byte was */
};

void outbox_init(struct outbox *outbox);
/* Lets go of whatever is left. `blocks` is the pool that every push of this outbox was given. */
void outbox_clear(struct outbox *outbox, struct pool *blocks);

static inline bool outbox_is_empty(const struct outbox *outbox)
{
    return outbox->first == NULL;
}

/*
 * Adds `bytes` (1 or more) of `chunk` at the tail, as part of the last slice when they follow on it. Takes a
 * reference of its own. 0; -ENOMEM when the pool has no block left, -EOVERFLOW beyond 4 GiB: nothing has
 * changed then.
 */
int outbox_push(struct outbox *outbox, struct pool *blocks, struct chunk *chunk, uint32_t offset,
                uint32_t bytes, uint64_t now_ns);

/*
 * Describes the front of the outbox in at most `iov_max` vectors; returns how many. Valid until the next push
 * or consume.
 */
int outbox_iovecs(const struct outbox *outbox, struct iovec *iov, int iov_max);

/* The first `bytes` (at most outbox->bytes) have been sent: lets go of what they covered. */
void outbox_consume(struct outbox *outbox, struct pool *blocks, size_t bytes);

/* What a receiver has not been handed. Neither wraps: it stays at UINT32_MAX. */
struct skipped {
    uint32_t packets;
    uint32_t bytes;
};

static inline void skipped_add(struct skipped *skipped, uint32_t packets, uint64_t bytes)
{
    uint32_t packets_max = UINT32_MAX - skipped->packets;
    uint32_t bytes_max = UINT32_MAX - skipped->bytes;

    skipped->packets += packets < packets_max ? packets : packets_max;
    skipped->bytes += bytes < bytes_max ? (uint32_t)bytes : bytes_max;
}

/*
 * How long the packet is that begins at `packet`, in *bytes, and whether it is to stay where others are dropped. The
 * gather floor knows no frames: this is all that it asks of them. It is also asked about packets that are gone or that
 * have begun to be sent, for their lengths alone.
 */
typedef bool packet_is_kept(const uint8_t *packet, uint32_t *bytes);

/*
 * Drops whole packets: all that have not begun to be sent, but for those that `is_kept` names, which stay in their order
 * behind what is left of the one that has begun. Adds what it dropped to *skipped. What stays is as old as it was. 0,
 * or -ENOMEM: then it is cut behind the last packet for whose place there was memory, and all that is dropped is
 * counted, so that the bytes that are left still make whole packets. It fills the blocks anew that the outbox has: memory
 * may lack only where what stays lies in more pieces than there were slices.
 *
 * All that was pushed must be whole packets, in chunks that hold nothing but packets from their first byte on.
 */
int outbox_drop_packets(struct outbox *outbox, struct pool *blocks, packet_is_kept *is_kept,
                        struct skipped *skipped);

/*
 * Drops all but what is left of the packet that has begun, without a look at the others: `is_kept` is asked for lengths
 * alone, of those in the first chunk.
 */
void outbox_cut(struct outbox *outbox, struct pool *blocks, packet_is_kept *is_kept);

/* What waits is `by_ns` younger, but no younger than `now_ns`: for so long nobody could have had it. */
static inline void outbox_forgive(struct outbox *outbox, uint64_t by_ns, uint64_t now_ns)
{
    uint64_t latest_ns = now_ns - by_ns;

    outbox->sample_ns = outbox->sample_ns < latest_ns ? outbox->sample_ns + by_ns : now_ns;
    outbox->pushed_ns = outbox->pushed_ns < latest_ns ? outbox->pushed_ns + by_ns : now_ns;
}

/*
 * When a byte that still waits was pushed: the age of the backlog, too young by at most one backlog and never too
 * old, so that a reader that lags but keeps up does not look like one that has stopped. UINT64_MAX when empty.
 */
uint64_t outbox_oldest_ns(const struct outbox *outbox);

#endif

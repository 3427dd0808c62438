/*
 * Streams: append-only logs of packets. A packet meant for many is appended once; its readers each hold a
 * position.
 *
 *     head -> [chunk] -> [chunk] -> [chunk] <- tail
 *             ^ base                   ^ base + used = end
 *
 *     1. positions are bytes ever appended, from 0; they never go back and are never used again.
 *     2. the stream holds one reference on every chunk from head to tail; chunks follow each other without a
 *        gap.
 *     3. a packet never spans two chunks.
 *     4. what lies before the position given to stream_trim is gone from the stream (slices may still hold
 *        it).
 *     5. nobody has pulled, or begun to follow, beyond `pulled`: a keyed packet at or after it may still be
 *        overwritten in place. It only ever moves to the end, so that all keyed packets stop being overwritable
 *        at once.
 *     6. mark <= pulled; the mark is a packet's border, and so is every position.
 *     7. barrier <= pulled: what lies before it stays as it is, so that it is older than what lies behind it.
 */
#ifndef ROOMD_GATHER_STREAM_H
#define ROOMD_GATHER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "gather/chunk.h"

struct stream_keys;

struct stream {
    struct list link; /* for whoever keeps the stream */
    struct chunk_pool *chunks;
    struct chunk *head; /* NULL until the first append */
    struct chunk *tail;
    struct stream_keys *keys; /* NULL until the first keyed packet */
    uint64_t end;
    uint64_t pulled;
    uint64_t mark;    /* how far the round of flushing under way, or the last one, goes */
    uint64_t barrier; /* what lies before it is pulled from all streams before what lies behind it from any */
    uint64_t emptied; /* the end when all was read the last time */
    uint64_t order;   /* a reader pulls its streams by this; its owner sets it before the first follow */
    uint32_t packets; /* ever appended; wraps, only differences count */
    uint32_t mark_packets;    /* the same at the mark */
    uint32_t barrier_packets; /* and at the barrier */
    uint32_t followers;       /* readers that follow it */
    bool starts_small;        /* small chunks while little is written before all is read; its owner sets it */
};

/* An empty stream that owns no memory yet. */
void stream_init(struct stream *stream, struct chunk_pool *chunks);
/* Lets its chunks go. Readers must have unfollowed; slices that they pulled stay good. It is on no list any more. */
void stream_fini(struct stream *stream);
/*
 * Lets go of all that it holds, pulled or not; nobody may follow it. Positions go on, and it keeps what little memory
 * it has of its own, so that a stream may be put aside and used again without an allocation.
 */
void stream_clear(struct stream *stream);

/*
 * Room for a packet of `bytes` (1 or more) at the end, contiguous and owned by the caller until stream_commit
 * of the same size. NULL when there is no memory; nothing has changed then, as it has not when commit is
 * never called. Nothing else may be done to the stream between the two.
 */
uint8_t *stream_reserve(struct stream *stream, size_t bytes);
void stream_commit(struct stream *stream, size_t bytes);

/* Reserve, copy, commit. 0 or -ENOMEM. */
int stream_append(struct stream *stream, const void *packet, size_t bytes);

/*
 * The newest state of `key`: overwrites the last packet of that key in place when it has the same size and
 * nobody has pulled it yet, otherwise appends. Returns 0 when appended, 1 when overwritten, or -ENOMEM.
 */
int stream_append_keyed(struct stream *stream, uint64_t key, const void *packet, size_t bytes);

/*
 * Moves the mark forward: to the end, or, when that is more than `bytes_max` away, over as many whole chunks
 * as fit, at least one. A round that hands every reader the same bounded piece works from the cache, however
 * much has piled up behind it. Returns the mark.
 */
uint64_t stream_mark(struct stream *stream, uint64_t bytes_max);

/*
 * The barrier moves to the end, and what lies before it is not overwritten any more. One that not all readers have
 * passed yet is forgotten: the owner sees to it that they have.
 */
void stream_set_barrier(struct stream *stream);

/*
 * Every reader has pulled up to `position`: lets go of the chunks before it; when all is read and nobody else
 * holds the tail, the tail is rewound in place, so that a steady stream allocates nothing. (Of a stream that starts
 * small it is let go instead when it is large and all that was written since the last time would have fit a small one.)
 */
void stream_trim(struct stream *stream, uint64_t position);

#endif

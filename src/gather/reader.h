/*
 * Readers: one receiver's side of the gather floor. It follows streams, each at a position of its own
 * (`seen`), and owns an outbox. pull is the only primitive: it turns "from seen to the end" of each followed
 * stream into slices at the tail of the outbox.
 *
 *     1. for each follow: trimmed part of the stream <= seen <= stream->end.
 *     2. a stream is followed at most once by one reader.
 *     3. what a receiver gets is, stream by stream, what was appended from its follow to its unfollow, each
 *        byte once; a private packet comes after everything that was appended before it.
 *        But for one that skips: pulls move its positions on and hand it nothing, and what it has missed is counted,
 *        to the packet.
 *     4. follows are sorted by their streams' order, those of the same order by their coming. A pull takes them in
 *        that order, in two passes: up to the streams' barriers, then beyond.
 */
#ifndef ROOMD_GATHER_READER_H
#define ROOMD_GATHER_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "gather/chunk.h"
#include "gather/outbox.h"
#include "gather/stream.h"

/* What all readers and streams of a process share. */
struct gather {
    struct chunk_pool chunks;
    struct pool blocks;      /* struct outbox_block */
    uint64_t deliveries;     /* packets pulled into outboxes, private ones included */
    uint64_t overwritten;    /* keyed packets that replaced one nobody had pulled */
    uint64_t outbox_refused; /* pulls and sends that found no memory */
    uint64_t skipped; /* packets that readers missed because they skip; those dropped from outboxes, too */
};

void gather_init(struct gather *gather, uint32_t chunk_bytes, uint64_t chunk_memory_bytes_max,
                 uint32_t blocks_max);
/* Every reader and stream must be finished. */
void gather_fini(struct gather *gather);

struct follow {
    struct stream *stream;
    uint64_t seen;
    uint32_t seen_packets;
};

struct reader {
    struct outbox outbox;
    struct follow one;      /* the ordinary case: one stream, no memory of its own */
    struct follow *many;    /* NULL while `one` is enough */
    struct skipped skipped; /* since it last began to skip */
    uint16_t count;
    uint16_t capacity; /* of `many` */
    bool is_skipping;
};

enum { READER_FOLLOWS_MAX = 4096 };

void reader_init(struct reader *reader);
/* Forgets every position and drops the outbox. The streams that it follows must still be there. */
void reader_fini(struct reader *reader, struct gather *gather);

/* Follows `stream` from its end on. 0, -ENOMEM, -EALREADY, or -ENOSPC beyond READER_FOLLOWS_MAX. */
int reader_follow(struct reader *reader, struct stream *stream);
/* Forgets the position: what was not pulled is not sent. Nothing happens when the stream is not followed. */
void reader_unfollow(struct reader *reader, struct stream *stream);
/* Forgets all positions. */
void reader_unfollow_all(struct reader *reader);
/* Its follow of `stream`, good until it next follows or unfollows; NULL when it does not follow it. */
struct follow *reader_find(struct reader *reader, const struct stream *stream);

/*
 * 0, or -ENOMEM or -EOVERFLOW: what was pulled up to then is in the outbox, the rest is still to be pulled.
 */
int reader_pull(struct reader *reader, struct gather *gather, uint64_t now_ns);
/* The same up to each stream's mark: one reader's share of a round of flushing. */
int reader_pull_marked(struct reader *reader, struct gather *gather, uint64_t now_ns);

/* Takes the position of a followed stream to its end: what lies between is not sent to this reader. */
void reader_skip(struct reader *reader, struct stream *stream);

/*
 * From now on it skips, until reader_stop_skipping: packets that wait in its outbox are dropped (outbox_drop_packets), and
 * pulls count what they would have handed over. What reader_send and reader_send_slice are given goes to the outbox all
 * the same: whether that is right is for the caller to say, who may call reader_count_skipped instead. One that skips
 * already drops what has come to wait since, and goes on counting. 0, or -ENOMEM of outbox_drop_packets: it skips
 * nonetheless.
 */
int reader_start_skipping(struct reader *reader, struct gather *gather, packet_is_kept *is_kept);
/* One private packet of `bytes` that it is not handed: pulls first, as reader_send does. It must be skipping. */
void reader_count_skipped(struct reader *reader, struct gather *gather, uint32_t bytes);
/*
 * Everything that was appended by now is skipped too, and what is appended from now on it gets. What it has missed since
 * it began to skip. It must be skipping.
 */
struct skipped reader_stop_skipping(struct reader *reader, struct gather *gather);

/*
 * One packet for this reader alone, behind all that it should have seen before: pulls, appends to
 * `private_stream` (which nobody follows) and pushes that slice. 0, -ENOMEM or -EOVERFLOW.
 */
int reader_send(struct reader *reader, struct gather *gather, struct stream *private_stream,
                const void *packet, size_t bytes, uint64_t now_ns);

/*
 * The same for several readers, written once. gather_write_private: 0 and *slice is the packet, good until the next
 * one is written to `private_stream`; or -ENOMEM. reader_send_slice, for each: pulls and pushes it; 0, -ENOMEM or
 * -EOVERFLOW.
 */
int gather_write_private(struct gather *gather, struct stream *private_stream, const void *packet,
                         size_t bytes, struct slice *slice);
int reader_send_slice(struct reader *reader, struct gather *gather, const struct slice *slice,
                      uint64_t now_ns);

#endif

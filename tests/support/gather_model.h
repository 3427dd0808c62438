/*
 * The gather floor beside a naive model of it: every step below does one thing to the code and the same to
 * the model, and model_check compares the two from end to end.
 *
 * The model keeps plain bytes. For each stream that a receiver follows it holds what is still to be pulled
 * (`pending`), and for the receiver what was pulled and not yet sent (`unsent`). The order between several
 * followed streams is:
 *
 *     1. a pull goes follow by follow, by the streams' order, and among streams of the same order by that of
 *        following: up to the streams' barriers first, then on.
 *     2. a private packet comes behind all that was pending, in every followed stream, when it was sent.
 *
 * Packets tell their own lengths (gather_packet.h). Of a receiver that skips, what was pending is counted and forgotten
 * when it is pulled; what it gets is all that the model has besides, packet by packet.
 */
#ifndef TESTS_SUPPORT_GATHER_MODEL_H
#define TESTS_SUPPORT_GATHER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gather/reader.h"
#include "support/gather_bytes.h"

enum {
    MODEL_STREAMS_MAX = 14,
    MODEL_READERS_MAX = 20,
    MODEL_FOLLOWS_MAX = 12,
    MODEL_KEYS = 100,
    MODEL_CHUNK_BYTES_MAX = 512,
};

struct model_follow {
    unsigned stream;
    struct model_bytes pending;
    uint64_t start;      /* position of the first byte of `pending` */
    uint64_t skipped_to; /* what of the stream lies before it may have been skipped instead of pulled */
};

/* A packet that waits in an outbox. */
struct model_packet {
    uint32_t bytes;
    uint32_t left; /* less than `bytes` when it has begun to be sent */
    uint64_t step; /* when it was pushed */
};

struct model_reader {
    unsigned count;
    struct model_follow follows[MODEL_FOLLOWS_MAX];
    struct model_bytes unsent;
    struct model_bytes waiting; /* the same as struct model_packet */
    uint64_t slow_until;        /* the step up to which it takes no byte */
    uint64_t skipped_packets;   /* since it last began to skip */
    uint64_t skipped_bytes;
    bool is_skipping;
};

struct model_key {
    bool is_there;
    uint64_t position;
    size_t bytes;
};

/*
 * A keyed packet before `closed` must not be overwritten: someone has pulled it, or came after it and would
 * never get the new state. One at or after `open` must be, when its size is the same. What lies between them
 * was skipped, or refused half-way: there the code may do either.
 */
struct model_stream {
    uint64_t end;
    uint64_t closed;
    uint64_t open;
    uint64_t mark;
    uint64_t barrier;
    uint64_t emptied;           /* its end when it was last trimmed to its end */
    struct model_bytes borders; /* where each packet ends, as uint64_t */
    struct model_key keys[MODEL_KEYS];
};

/* What runs have met, so that a test can tell that they were worth something. */
struct model_met {
    uint64_t appended, outsize, keyed_appended, overwritten, skipped, private_packets;
    uint64_t no_chunk, no_block, half_pulled, many_follows, many_blocks, short_writes, rewound, marked_short;
    uint64_t small, let_go, sorted, barriers_passed, sent_to_some, cleared;
    uint64_t started, started_begun, started_cut, restarted, stopped, dropped, kept, passed_by, passed_marked;
    uint64_t not_sent;
};

struct model {
    uint64_t seed;
    uint64_t step; /* stands in for the clock, too */
    uint64_t random;
    uint64_t deliveries;
    uint64_t skipped;
    unsigned stream_count;
    unsigned reader_count;
    struct gather gather;
    struct stream streams[MODEL_STREAMS_MAX];
    struct stream private_stream;
    struct reader readers[MODEL_READERS_MAX];
    struct model_stream model_streams[MODEL_STREAMS_MAX];
    struct model_reader model_readers[MODEL_READERS_MAX];
    struct model_met met;
    uint8_t packet[4 * MODEL_CHUNK_BYTES_MAX];
};

/* Fails the test and says with which seed and at which step; so does an abort or a sanitizer's report in
 * between. */
#define MODEL_EXPECT(model, condition)                                                                       \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            model_fail(model, #condition, __FILE__, __LINE__);                                               \
        }                                                                                                    \
    } while (0)

_Noreturn void model_fail(const struct model *model, const char *condition, const char *file, int line);

/* Draws the sizes and limits of this run from the seed. What an earlier run met is kept. */
void model_init(struct model *model, uint64_t seed);
/* Lets go of everything and expects that nothing is left. */
void model_fini(struct model *model);
/* 0 to below - 1, the same sequence for the same seed. */
uint64_t model_draw(struct model *model, uint64_t below);

/* Compares every byte that waits, every position, sum and reference of the code with the model. */
void model_check(struct model *model);

/* One packet, plain or reserved or keyed, of any size. False when memory refused it: nothing has changed
 * then. */
bool model_append(struct model *model, unsigned s);
bool model_append_keyed(struct model *model, unsigned s);
/* To the end, or to the mark. True when all of that was pulled, false when memory ran out before. */
bool model_pull(struct model *model, unsigned r, bool is_marked);
/* Moves the mark of stream `s`, which marked pulls go to; returns it. */
uint64_t model_mark(struct model *model, unsigned s, uint64_t bytes_max);
/* A packet to reader `r` alone. */
void model_send(struct model *model, unsigned r);
/* One packet to some of the readers, written once. */
void model_send_some(struct model *model);
/* What lies before the end of stream `s` comes before whatever lies behind other streams' barriers. */
void model_set_barrier(struct model *model, unsigned s);
/* A packet to everybody on stream `s` but reader `r`. */
void model_append_but_one(struct model *model, unsigned s, unsigned r);
/* The socket takes some bytes of what waits, often fewer than were offered, or none. */
void model_write(struct model *model, unsigned r);
/* From now on reader `r` skips; when it does already, it drops what waits. */
void model_start_skipping(struct model *model, unsigned r);
void model_stop_skipping(struct model *model, unsigned r);
/* A packet to reader `r` alone, who skips and isn't sent it. */
void model_count_skipped(struct model *model, unsigned r);
void model_follow(struct model *model, unsigned r, unsigned s);
void model_unfollow(struct model *model, unsigned r, unsigned s);
void model_unfollow_all(struct model *model, unsigned r);
/* The receiver is gone, with what it was still to be sent. */
void model_drop(struct model *model, unsigned r);
/* Trims to `position`, or to what its slowest follower has pulled where that is less. */
void model_trim(struct model *model, unsigned s, uint64_t position);
/* Everybody forgets the stream and it begins anew, or goes on from where it is, empty. */
void model_close(struct model *model, unsigned s);

/* For gather_pull.c and gather_skip.c. */
struct model_follow *model_find(struct model *model, unsigned r, unsigned s);
/* Draws model->packet for `stream`; returns its size. */
size_t model_draw_packet(struct model *model, const struct stream *stream);
/* Reader `r` is handed whole packets. */
void model_hand(struct model *model, unsigned r, const uint8_t *data, size_t size);
/* Of what waits for reader `r`, the first `size` bytes have been sent. */
void model_sent(struct model *model, unsigned r, size_t size);
/* Reader `r` skips, and has pulled: all up to the marks, or all, is passed by. */
void model_passed_by(struct model *model, unsigned r, bool is_marked);
/* Packets of a stream that end behind `from`, up to and with `to`. */
uint64_t model_packets_between(const struct model_stream *stream, uint64_t from, uint64_t to);
/*
 * An append may be refused only when the pool, its caches given up, has no place for the chunk that it takes.
 */
void model_expect_no_chunk(struct model *model, size_t bytes, bool is_small);

#endif

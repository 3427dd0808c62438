/*
 * Shared by the parts of the checker: verify.c (who is owed what), verify_feed.c (the bytes that came, and who is judged
 * by itself), verify_tape.c (who is judged by its room's tape).
 */
#ifndef DUMMY_CLIENT_VERIFY_INTERNAL_H
#define DUMMY_CLIENT_VERIFY_INTERNAL_H

#include "dummy-client/verify.h"

/* What is left of the bytes that are judged. */
struct span {
    uint8_t *at;
    size_t size;
};

enum step {
    STEP_GO,   /* some of the data is used, or the state is another one */
    STEP_MORE, /* the rest is kept until more comes */
    STEP_STOP, /* the rest is of no interest */
    STEP_BAD   /* no frame can have that size */
};

enum judgement { JUDGED_GOOD, JUDGED_FOREIGN, JUDGED_CORRUPT };

static inline void span_use(struct span *span, size_t size)
{
    span->at += size;
    span->size -= size;
}

/* At a frame border: the size of the whole frame that stands there, or 0 and in `step` why there is none. */
uint32_t verify_whole_frame(const struct span *span, enum step *step);
/*
 * At a frame border: the size of the whole frame of a room's content that stands there. 0 if there is none, or if
 * it is an engine packet, which is handed up here and used: `step` is then what the receiver's step comes to.
 */
uint32_t verify_content_frame(struct verify *verify, struct receiver *receiver, struct span *span,
                              enum step *step);
/* Everything about a frame that can be told without knowing what its receiver has had before. */
enum judgement verify_judge(const struct verify *verify, const struct receiver *receiver,
                            const uint8_t *frame, uint32_t size, uint64_t now_us, struct message *message);
/* Makes the tail `size` bytes long. Without memory it stays empty, and the run cannot end well. */
uint8_t *verify_keep_tail(struct verify *verify, struct receiver *receiver, size_t size);

/* SEEKING and SKIPPING: looks for the next message on the tape. */
enum step verify_step_seek(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us);
/* ON_TAPE. */
enum step verify_step_tape(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us);

/* OFF_TAPE: the receiver's gap is so much longer, and any of its senders' next messages may end it. */
void verify_open_gaps(struct verify *verify, struct receiver *receiver, uint64_t packets, uint64_t bytes);

#endif

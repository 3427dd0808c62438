/*
 * A room's tape: the frames of its chat as first seen by whichever client reads furthest, each verified in
 * full before it was put there. Every other client of the room is owed exactly these bytes, so it is verified
 * by comparing memory at its own position, and the latencies of what it matched are read from the index of
 * runs.
 *
 *     1. The tape holds whole frames only, so `end` is a frame border.
 *     2. Of every sender, the frames on the tape carry the sequences 1, 2, 3, ... without a gap: the number
 *        of frames before a position is also the sum of the sequences that its reader has seen.
 *     3. Bytes from `begin` to `end` are held; what lies before was passed by everybody and given up.
 *     4. A run is consecutive frames of one size that carry one send time. The last run may still grow; it
 *        is never given up.
 */
#ifndef DUMMY_CLIENT_TAPE_H
#define DUMMY_CLIENT_TAPE_H

#include "base/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAPE_BLOCK_BYTES 65536u

struct tape_run {
    uint64_t begin; /* the offset of its first byte */
    uint64_t sent_us;
    uint32_t count; /* frames */
    uint32_t frame_bytes;
};

struct tape {
    uint8_t **blocks;
    struct tape_run *runs;
    uint64_t first_block; /* the number of blocks[0], counted from the tape's start */
    uint64_t first_run;   /* the number of runs[0] */
    size_t block_count;
    size_t block_capacity;
    size_t run_count;
    size_t run_capacity;
    uint64_t begin;
    uint64_t end;
    uint64_t frames; /* ever appended */
};

/* A reader's place. It may stand within a frame. Zero-filled it stands at the start of a tape. */
struct tape_cursor {
    uint64_t at;
    uint64_t run;   /* the number of the run that holds the last byte before `at`, or the first byte after */
    uint32_t done;  /* whole frames of that run before `at` */
    uint64_t frame; /* whole frames of the tape before `at` */
};

void tape_init(struct tape *tape);
void tape_fini(struct tape *tape);

/* Puts one verified frame at the end. 0, or -ENOMEM and the tape is as it was. */
int tape_append(struct tape *tape, const uint8_t *frame, uint32_t size, uint64_t sent_us);

/* How many leading bytes of `data` equal the tape from `at` (begin <= at <= end) on. */
size_t tape_match(const struct tape *tape, uint64_t at, const uint8_t *data, size_t size);

/* Copies `size` bytes that the tape holds at `at`. */
void tape_copy(const struct tape *tape, uint64_t at, uint8_t *out, size_t size);

/*
 * Moves the cursor over `bytes` bytes that the tape holds and records the latency of every frame that became
 * whole by it, received at `now_us`. Returns how many these were. `latency_us` may be NULL.
 */
uint64_t tape_advance(const struct tape *tape, struct tape_cursor *cursor, uint64_t bytes, uint64_t now_us,
                      struct histogram *latency_us);

/* The cursor at the tape's end. */
struct tape_cursor tape_end(const struct tape *tape);

/* How many bytes before the cursor the frame began that it stands in; 0 at a border. */
uint32_t tape_bytes_into_frame(const struct tape *tape, const struct tape_cursor *cursor);

/* Puts the cursor `bytes` = tape_bytes_into_frame back, onto the border. */
void tape_rewind(struct tape_cursor *cursor, uint32_t bytes);

/*
 * Looks for a frame equal to `frame`, sent at `sent_us`, from the border `from` on. When it is there, `found`
 * stands before it. `*later` is the number of frames passed on the way (to the end if it is not there) that
 * were sent after `after_us`.
 */
bool tape_find(const struct tape *tape, struct tape_cursor from, const uint8_t *frame, uint32_t size,
               uint64_t sent_us, uint64_t after_us, struct tape_cursor *found, uint64_t *later);

/* Gives up what lies wholly before `at`, which every cursor must have reached. */
void tape_trim(struct tape *tape, uint64_t at);

#endif

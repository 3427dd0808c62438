#include "dummy-client/tape.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tape_init(struct tape *tape)
{
    *tape = (struct tape){0};
}

void tape_fini(struct tape *tape)
{
    for (size_t i = 0; i < tape->block_count; i++) {
        free(tape->blocks[i]);
    }
    free(tape->blocks);
    free(tape->runs);
    tape_init(tape);
}

static uint64_t run_end(const struct tape_run *run)
{
    return run->begin + (uint64_t)run->count * run->frame_bytes;
}

/* The bytes at `at` that lie together in one block; `*size` is cut to them. */
static uint8_t *piece_at(const struct tape *tape, uint64_t at, size_t *size)
{
    uint64_t block = at / TAPE_BLOCK_BYTES - tape->first_block;
    size_t offset = (size_t)(at % TAPE_BLOCK_BYTES);

    CHECK(block < tape->block_count);
    if (*size > TAPE_BLOCK_BYTES - offset) {
        *size = TAPE_BLOCK_BYTES - offset;
    }
    return tape->blocks[block] + offset;
}

static int reserve_blocks(struct tape *tape, uint64_t end)
{
    while ((tape->first_block + tape->block_count) * TAPE_BLOCK_BYTES < end) {
        if (tape->block_count == tape->block_capacity) {
            size_t capacity = tape->block_capacity ? 2 * tape->block_capacity : 4;
            uint8_t **blocks = realloc(tape->blocks, capacity * sizeof(blocks[0]));

            if (!blocks) {
                return -ENOMEM;
            }
            tape->blocks = blocks;
            tape->block_capacity = capacity;
        }
        uint8_t *block = malloc(TAPE_BLOCK_BYTES);
        if (!block) {
            return -ENOMEM;
        }
        tape->blocks[tape->block_count++] = block;
    }
    return 0;
}

static int index_frame(struct tape *tape, uint32_t size, uint64_t sent_us)
{
    if (tape->run_count > 0) {
        struct tape_run *last = &tape->runs[tape->run_count - 1];

        if (last->sent_us == sent_us && last->frame_bytes == size && last->count < UINT32_MAX) {
            last->count++;
            return 0;
        }
    }
    if (tape->run_count == tape->run_capacity) {
        size_t capacity = tape->run_capacity ? 2 * tape->run_capacity : 64;
        struct tape_run *runs = realloc(tape->runs, capacity * sizeof(runs[0]));

        if (!runs) {
            return -ENOMEM;
        }
        tape->runs = runs;
        tape->run_capacity = capacity;
    }
    tape->runs[tape->run_count++] =
        (struct tape_run){.begin = tape->end, .sent_us = sent_us, .count = 1, .frame_bytes = size};
    return 0;
}

int tape_append(struct tape *tape, const uint8_t *frame, uint32_t size, uint64_t sent_us)
{
    int error = reserve_blocks(tape, tape->end + size);

    if (!error) {
        error = index_frame(tape, size, sent_us);
    }
    if (error) {
        return error;
    }
    for (size_t done = 0, part; done < size; done += part) {
        part = size - done;
        uint8_t *piece = piece_at(tape, tape->end + done, &part);
        memcpy(piece, frame + done, part);
    }
    tape->end += size;
    tape->frames++;
    return 0;
}

static size_t common_prefix(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t same = 0;

    while (same < size && a[same] == b[same]) {
        same++;
    }
    return same;
}

size_t tape_match(const struct tape *tape, uint64_t at, const uint8_t *data, size_t size)
{
    CHECK(at >= tape->begin && at <= tape->end);
    if (size > tape->end - at) {
        size = (size_t)(tape->end - at);
    }
    for (size_t done = 0, part; done < size; done += part) {
        part = size - done;
        const uint8_t *piece = piece_at(tape, at + done, &part);

        if (memcmp(piece, data + done, part) != 0) {
            return done + common_prefix(piece, data + done, part);
        }
    }
    return size;
}

void tape_copy(const struct tape *tape, uint64_t at, uint8_t *out, size_t size)
{
    CHECK(at >= tape->begin && at + size <= tape->end);
    for (size_t done = 0, part; done < size; done += part) {
        part = size - done;
        const uint8_t *piece = piece_at(tape, at + done, &part);
        memcpy(out + done, piece, part);
    }
}

/* The run that the cursor stands in. One that was given up lies wholly behind a cursor at its end. */
static const struct tape_run *run_at(const struct tape *tape, struct tape_cursor *cursor)
{
    if (cursor->run < tape->first_run) {
        cursor->run = tape->first_run;
        cursor->done = 0;
    }
    CHECK(cursor->run - tape->first_run < tape->run_count);
    return &tape->runs[cursor->run - tape->first_run];
}

uint64_t tape_advance(const struct tape *tape, struct tape_cursor *cursor, uint64_t bytes, uint64_t now_us,
                      struct histogram *latency_us)
{
    uint64_t frames = 0;

    CHECK(bytes <= tape->end - cursor->at);
    while (bytes > 0) {
        const struct tape_run *run = run_at(tape, cursor);

        if (cursor->done == run->count) {
            cursor->run++;
            cursor->done = 0;
            continue;
        }
        uint64_t left = run_end(run) - cursor->at;
        uint64_t step = bytes < left ? bytes : left;
        cursor->at += step;
        bytes -= step;
        uint32_t done = step == left ? run->count : (uint32_t)((cursor->at - run->begin) / run->frame_bytes);
        if (done > cursor->done) {
            if (latency_us) {
                histogram_record(latency_us, now_us > run->sent_us ? now_us - run->sent_us : 0,
                                 done - cursor->done);
            }
            frames += done - cursor->done;
            cursor->done = done;
        }
    }
    cursor->frame += frames;
    return frames;
}

struct tape_cursor tape_end(const struct tape *tape)
{
    struct tape_cursor cursor = {.at = tape->end, .frame = tape->frames};

    if (tape->run_count > 0) {
        cursor.run = tape->first_run + tape->run_count - 1;
        cursor.done = tape->runs[tape->run_count - 1].count;
    }
    return cursor;
}

uint32_t tape_bytes_into_frame(const struct tape *tape, const struct tape_cursor *cursor)
{
    if (cursor->at == tape->end || cursor->run < tape->first_run) {
        return 0;
    }
    struct tape_cursor here = *cursor;
    const struct tape_run *run = run_at(tape, &here);

    return (uint32_t)(here.at - run->begin - (uint64_t)here.done * run->frame_bytes);
}

void tape_rewind(struct tape_cursor *cursor, uint32_t bytes)
{
    cursor->at -= bytes;
}

bool tape_find(const struct tape *tape, struct tape_cursor from, const uint8_t *frame, uint32_t size,
               uint64_t sent_us, uint64_t after_us, struct tape_cursor *found, uint64_t *later)
{
    CHECK(tape_bytes_into_frame(tape, &from) == 0);
    *later = 0;
    while (from.at < tape->end) {
        const struct tape_run *run = run_at(tape, &from);

        if (from.done == run->count) {
            from.run++;
            from.done = 0;
            continue;
        }
        uint32_t frames = run->count - from.done;
        if (run->sent_us == sent_us && run->frame_bytes == size) {
            if (tape_match(tape, from.at, frame, size) == size) {
                *found = from;
                return true;
            }
            frames = 1;
        }
        *later += run->sent_us > after_us ? frames : 0;
        from.at += (uint64_t)frames * run->frame_bytes;
        from.done += frames;
        from.frame += frames;
    }
    return false;
}

void tape_trim(struct tape *tape, uint64_t at)
{
    size_t runs = 0;
    size_t blocks = 0;

    CHECK(at <= tape->end);
    if (at <= tape->begin) {
        return;
    }
    tape->begin = at;
    while (runs + 1 < tape->run_count && run_end(&tape->runs[runs]) <= at) {
        runs++;
    }
    while (blocks < tape->block_count && (tape->first_block + blocks + 1) * TAPE_BLOCK_BYTES <= at) {
        free(tape->blocks[blocks++]);
    }
    tape->first_run += runs;
    tape->run_count -= runs;
    memmove(tape->runs, tape->runs + runs, tape->run_count * sizeof(tape->runs[0]));
    tape->first_block += blocks;
    tape->block_count -= blocks;
    if (blocks > 0) {
        memmove(tape->blocks, tape->blocks + blocks, tape->block_count * sizeof(tape->blocks[0]));
    }
}

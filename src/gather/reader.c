#include "gather/reader.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

void gather_init(struct gather *gather, uint32_t chunk_bytes, uint64_t chunk_memory_bytes_max,
                 uint32_t blocks_max)
{
    *gather = (struct gather){0};
    chunk_pool_init(&gather->chunks, chunk_bytes, chunk_memory_bytes_max);
    pool_init(&gather->blocks, "outbox_block", sizeof(struct outbox_block), blocks_max);
}

void gather_fini(struct gather *gather)
{
    pool_fini(&gather->blocks);
    chunk_pool_fini(&gather->chunks);
}

void reader_init(struct reader *reader)
{
    *reader = (struct reader){0};
}

void reader_fini(struct reader *reader, struct gather *gather)
{
    reader_unfollow_all(reader);
    outbox_clear(&reader->outbox, &gather->blocks);
    memory_give(reader->many);
    *reader = (struct reader){0};
}

static struct follow *reader_follows(struct reader *reader)
{
    return reader->many != NULL ? reader->many : &reader->one;
}

/* How many of its follows come before a newcomer of that order. */
static uint16_t reader_place(struct reader *reader, uint64_t order)
{
    const struct follow *follows = reader_follows(reader);
    uint16_t from = 0;
    uint16_t to = reader->count;

    while (from < to) {
        uint16_t middle = (uint16_t)((from + to) / 2);

        if (follows[middle].stream->order <= order) {
            from = (uint16_t)(middle + 1);
        } else {
            to = middle;
        }
    }
    return from;
}

struct follow *reader_find(struct reader *reader, const struct stream *stream)
{
    struct follow *follows = reader_follows(reader);

    for (uint16_t i = reader_place(reader, stream->order);
         i > 0 && follows[i - 1].stream->order == stream->order; i--) {
        if (follows[i - 1].stream == stream) {
            return &follows[i - 1];
        }
    }
    return NULL;
}

/* Makes place for one follow more. 0, -ENOMEM or -ENOSPC. */
static int reader_grow(struct reader *reader)
{
    uint16_t capacity = reader->many != NULL ? reader->capacity : 1;

    if (reader->count < capacity) {
        return 0;
    }
    if (reader->count == READER_FOLLOWS_MAX) {
        return -ENOSPC;
    }
    capacity = reader->many != NULL ? (uint16_t)(capacity * 2) : 16;

    struct follow *many = memory_resize(reader->many, capacity * sizeof(*many));

    if (many == NULL) {
        return -ENOMEM;
    }
    if (reader->many == NULL) {
        many[0] = reader->one;
    }
    reader->many = many;
    reader->capacity = capacity;
    return 0;
}

int reader_follow(struct reader *reader, struct stream *stream)
{
    if (reader_find(reader, stream) != NULL) {
        return -EALREADY;
    }

    int rc = reader_grow(reader);

    if (rc < 0) {
        return rc;
    }
    stream->pulled =
        stream->end; /* the newcomer's snapshot holds what lies before: nothing changes it any more */
    stream->followers++;

    uint16_t place = reader_place(reader, stream->order);
    struct follow *follow = reader_follows(reader) + place;

    memmove(follow + 1, follow, (size_t)(reader->count - place) * sizeof(*follow));
    *follow = (struct follow){.stream = stream, .seen = stream->end, .seen_packets = stream->packets};
    reader->count++;
    return 0;
}

void reader_unfollow(struct reader *reader, struct stream *stream)
{
    struct follow *follow = reader_find(reader, stream);

    if (follow == NULL) {
        return;
    }

    ptrdiff_t behind = reader_follows(reader) + reader->count - (follow + 1);

    CHECK(stream->followers > 0);
    stream->followers--;
    reader->count--;
    memmove(follow, follow + 1, (size_t)behind * sizeof(*follow));
}

void reader_unfollow_all(struct reader *reader)
{
    const struct follow *follows = reader_follows(reader);

    for (uint16_t i = 0; i < reader->count; i++) {
        CHECK(follows[i].stream->followers > 0);
        follows[i].stream->followers--;
    }
    reader->count = 0;
}

/* Pulls up to `end`, before which the stream has had `packets` packets. */
static int follow_pull(struct follow *follow, struct outbox *outbox, struct gather *gather, uint64_t end,
                       uint32_t packets, uint64_t now_ns)
{
    struct chunk *chunk = follow->stream->head;

    if (follow->seen >= end) {
        return 0;
    }
    CHECK(chunk != NULL && chunk->base <= follow->seen);
    while (chunk->base + chunk->used <= follow->seen) {
        chunk = chunk->next;
    }
    while (follow->seen < end) {
        uint32_t offset = (uint32_t)(follow->seen - chunk->base);
        uint64_t left = end - follow->seen;
        uint32_t bytes = chunk->used - offset < left ? chunk->used - offset : (uint32_t)left;
        int rc = bytes == 0 ? 0 : outbox_push(outbox, &gather->blocks, chunk, offset, bytes, now_ns);

        if (rc < 0) {
            gather->outbox_refused++;
            return rc;
        }
        follow->seen += bytes;

        /* Counted slice by slice, so that a pull that stops half-way is counted to the packet. */
        uint32_t seen_packets = follow->seen < end ? chunk->packets : packets;

        gather->deliveries += seen_packets - follow->seen_packets;
        follow->seen_packets = seen_packets;
        chunk = chunk->next;
    }
    return 0;
}

/*
 * The first pass, of one that follows several streams (with one the second does the same): up to the barriers, in a
 * marked pull no further than the marks.
 */
static int reader_pull_to_barriers(struct reader *reader, struct gather *gather, bool is_marked,
                                   uint64_t now_ns)
{
    struct follow *follows = reader_follows(reader);

    for (uint16_t i = 0; i < reader->count; i++) {
        const struct stream *stream = follows[i].stream;
        bool is_cut = is_marked && stream->mark < stream->barrier;
        int rc = follow_pull(&follows[i], &reader->outbox, gather, is_cut ? stream->mark : stream->barrier,
                             is_cut ? stream->mark_packets : stream->barrier_packets, now_ns);

        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static void reader_count_missed(struct reader *reader, struct gather *gather, uint32_t packets,
                                uint64_t bytes)
{
    skipped_add(&reader->skipped, packets, bytes);
    gather->skipped += packets;
}

/* A pull of one that skips. What it has passed by counts as pulled: it is told that it has missed that. */
static void reader_pass_by(struct reader *reader, struct gather *gather, bool is_marked)
{
    struct follow *follows = reader_follows(reader);

    for (uint16_t i = 0; i < reader->count; i++) {
        struct follow *follow = &follows[i];
        struct stream *stream = follow->stream;
        uint64_t end = is_marked ? stream->mark : stream->end;
        uint32_t packets = is_marked ? stream->mark_packets : stream->packets;

        if (follow->seen < end) {
            stream->pulled = is_marked ? stream->pulled : stream->end;
            reader_count_missed(reader, gather, packets - follow->seen_packets, end - follow->seen);
            follow->seen = end;
            follow->seen_packets = packets;
        }
    }
}

int reader_pull(struct reader *reader, struct gather *gather, uint64_t now_ns)
{
    struct follow *follows = reader_follows(reader);

    if (reader->is_skipping) {
        reader_pass_by(reader, gather, false);
        return 0;
    }

    int rc = reader->count > 1 ? reader_pull_to_barriers(reader, gather, false, now_ns) : 0;

    for (uint16_t i = 0; i < reader->count && rc == 0; i++) {
        struct stream *stream = follows[i].stream;

        if (follows[i].seen != stream->end) {
            stream->pulled = stream->end;
            rc = follow_pull(&follows[i], &reader->outbox, gather, stream->end, stream->packets, now_ns);
        }
    }
    return rc;
}

int reader_pull_marked(struct reader *reader, struct gather *gather, uint64_t now_ns)
{
    struct follow *follows = reader_follows(reader);

    if (reader->is_skipping) {
        reader_pass_by(reader, gather, true);
        return 0;
    }

    int rc = reader->count > 1 ? reader_pull_to_barriers(reader, gather, true, now_ns) : 0;

    for (uint16_t i = 0; i < reader->count && rc == 0; i++) {
        const struct stream *stream = follows[i].stream;

        rc = follow_pull(&follows[i], &reader->outbox, gather, stream->mark, stream->mark_packets, now_ns);
    }
    return rc;
}

void reader_skip(struct reader *reader, struct stream *stream)
{
    struct follow *follow = reader_find(reader, stream);

    if (follow != NULL) {
        stream->pulled = stream->end;
        follow->seen = stream->end;
        follow->seen_packets = stream->packets;
    }
}

int reader_start_skipping(struct reader *reader, struct gather *gather, packet_is_kept *is_kept)
{
    struct skipped dropped = {0};
    int rc = outbox_drop_packets(&reader->outbox, &gather->blocks, is_kept, &dropped);

    if (!reader->is_skipping) {
        reader->skipped = (struct skipped){0};
        reader->is_skipping = true;
    }
    reader_count_missed(reader, gather, dropped.packets, dropped.bytes);
    return rc;
}

void reader_count_skipped(struct reader *reader, struct gather *gather, uint32_t bytes)
{
    CHECK(reader->is_skipping);
    reader_pass_by(reader, gather, false);
    reader_count_missed(reader, gather, 1, bytes);
}

struct skipped reader_stop_skipping(struct reader *reader, struct gather *gather)
{
    CHECK(reader->is_skipping);
    reader_pass_by(reader, gather, false);
    reader->is_skipping = false;
    return reader->skipped;
}

int gather_write_private(struct gather *gather, struct stream *private_stream, const void *packet,
                         size_t bytes, struct slice *slice)
{
    /* Nobody follows it: what slices hold, they hold themselves. */
    stream_trim(private_stream, private_stream->end);

    int rc = stream_append(private_stream, packet, bytes);

    if (rc < 0) {
        gather->outbox_refused++;
        return rc;
    }
    *slice = (struct slice){
        .chunk = private_stream->tail,
        .offset = private_stream->tail->used - (uint32_t)bytes,
        .bytes = (uint32_t)bytes,
    };
    return 0;
}

/* Behind what was pulled. */
static int reader_push_slice(struct reader *reader, struct gather *gather, const struct slice *slice,
                             uint64_t now_ns)
{
    int rc = outbox_push(&reader->outbox, &gather->blocks, slice->chunk, slice->offset, slice->bytes, now_ns);

    if (rc < 0) {
        gather->outbox_refused++;
        return rc;
    }
    gather->deliveries++;
    return 0;
}

int reader_send(struct reader *reader, struct gather *gather, struct stream *private_stream,
                const void *packet, size_t bytes, uint64_t now_ns)
{
    struct slice slice;
    int rc = reader_pull(reader, gather, now_ns);

    rc = rc < 0 ? rc : gather_write_private(gather, private_stream, packet, bytes, &slice);
    return rc < 0 ? rc : reader_push_slice(reader, gather, &slice, now_ns);
}

int reader_send_slice(struct reader *reader, struct gather *gather, const struct slice *slice,
                      uint64_t now_ns)
{
    int rc = reader_pull(reader, gather, now_ns);

    return rc < 0 ? rc : reader_push_slice(reader, gather, slice, now_ns);
}

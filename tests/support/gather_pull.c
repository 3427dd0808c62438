/* What is pulled, sent, marked and trimmed, in the code and in its model (gather_model.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/gather_model.h"

#define EXPECT(condition) MODEL_EXPECT(model, condition)

uint64_t model_packets_between(const struct model_stream *stream, uint64_t from, uint64_t to)
{
    uint64_t packets = 0;

    for (size_t at = stream->borders.end; at > stream->borders.first; at -= sizeof(uint64_t)) {
        uint64_t border;

        memcpy(&border, stream->borders.data + at - sizeof(border), sizeof(border));
        if (border <= from) {
            break;
        }
        packets += border <= to;
    }
    return packets;
}

/* Moves the model's follow on by what the code's has moved, up to `to`. True when that is all there is. */
static bool follow_pulled(struct model *model, unsigned r, struct model_follow *follow, uint64_t seen,
                          uint64_t to)
{
    struct model_stream *stream = &model->model_streams[follow->stream];
    uint64_t end = seen < to ? seen : to;

    if (to <= follow->start) {
        return true;
    }
    EXPECT(seen >= follow->start);

    uint64_t moved = end - follow->start;

    model->deliveries += model_packets_between(stream, follow->start, end);
    model_hand(model, r, follow->pending.data + follow->pending.first, moved);
    bytes_move(NULL, &follow->pending, moved);
    follow->start = end;
    if (moved > 0 && stream->closed < end) {
        stream->closed = end;
    }
    if (end < to) {
        model->met.half_pulled += moved > 0;
        return false;
    }
    return true;
}

/* Does to the model what a pull did to the code; how far it came is read off the positions. */
static bool pulled(struct model *model, unsigned r, bool is_marked)
{
    struct model_reader *reader = &model->model_readers[r];
    const struct reader *real = &model->readers[r];
    const struct follow *real_follows = real->many != NULL ? real->many : &real->one;
    bool is_whole = true;

    EXPECT(real->count == reader->count);
    if (reader->is_skipping) {
        model_passed_by(model, r, is_marked);
        return true;
    }
    for (unsigned i = 0; i < reader->count && reader->count > 1 && is_whole; i++) {
        struct model_follow *follow = &reader->follows[i];
        const struct model_stream *stream = &model->model_streams[follow->stream];
        uint64_t to = is_marked && stream->mark < stream->barrier ? stream->mark : stream->barrier;

        model->met.barriers_passed += follow->start < to && to < stream->end;
        is_whole = follow_pulled(model, r, follow, real_follows[i].seen, to);
    }
    for (unsigned i = 0; i < reader->count && is_whole; i++) {
        struct model_follow *follow = &reader->follows[i];
        struct model_stream *stream = &model->model_streams[follow->stream];
        uint64_t to = is_marked ? stream->mark : stream->end;

        if (follow->start < to) {
            stream->open = is_marked ? stream->open : stream->end;
            is_whole = follow_pulled(model, r, follow, real_follows[i].seen, to);
        }
    }
    for (unsigned i = 0; i < reader->count; i++) {
        EXPECT(reader->follows[i].start == real_follows[i].seen);
    }
    model->met.many_follows += reader->count > 1;
    return is_whole;
}

bool model_pull(struct model *model, unsigned r, bool is_marked)
{
    uint64_t refused = model->gather.outbox_refused;
    int rc = is_marked ? reader_pull_marked(&model->readers[r], &model->gather, model->step)
                       : reader_pull(&model->readers[r], &model->gather, model->step);
    bool is_whole = pulled(model, r, is_marked);

    EXPECT(is_whole == (rc == 0) && model->gather.outbox_refused - refused == !is_whole);
    if (rc < 0) {
        EXPECT(rc == -ENOMEM && model->gather.blocks.used == model->gather.blocks.limit);
        model->met.no_block++;
    }
    return is_whole;
}

/* What an attempt to send a packet privately may come to. */
static void sent(struct model *model, unsigned r, size_t bytes, int rc, bool is_written)
{
    bool is_whole = pulled(model, r, false);

    if (rc == 0) {
        EXPECT(is_whole);
        model_hand(model, r, model->packet, bytes);
        model->deliveries++;
        model->met.private_packets++;
        return;
    }
    EXPECT(rc == -ENOMEM);
    if (model->gather.blocks.used == model->gather.blocks.limit) {
        model->met.no_block++;
    } else {
        EXPECT(is_whole && !is_written);
        model_expect_no_chunk(model, bytes, false);
    }
}

void model_send(struct model *model, unsigned r)
{
    size_t bytes = model_draw_packet(model, &model->private_stream);
    uint64_t refused = model->gather.outbox_refused;
    int rc = reader_send(&model->readers[r], &model->gather, &model->private_stream, model->packet, bytes,
                         model->step);

    EXPECT(model->gather.outbox_refused - refused == (rc < 0));
    sent(model, r, bytes, rc, false);
}

void model_send_some(struct model *model)
{
    size_t bytes = model_draw_packet(model, &model->private_stream);
    uint32_t live = model->gather.chunks.live;
    struct slice slice;
    unsigned readers = 0;

    if (gather_write_private(&model->gather, &model->private_stream, model->packet, bytes, &slice) < 0) {
        model_expect_no_chunk(model, bytes, false);
        return;
    }
    live = model->gather.chunks.live > live ? model->gather.chunks.live : live;
    for (unsigned r = 0; r < model->reader_count; r++) {
        if (model_draw(model, 3) > 0) {
            sent(model, r, bytes, reader_send_slice(&model->readers[r], &model->gather, &slice, model->step),
                 true);
            readers++;
        }
    }
    EXPECT(model->gather.chunks.live <= live); /* written once */
    model->met.sent_to_some += readers > 1;
}

uint64_t model_mark(struct model *model, unsigned s, uint64_t bytes_max)
{
    struct stream *stream = &model->streams[s];
    struct model_stream *expected = &model->model_streams[s];
    uint64_t mark = 0; /* nothing yet */

    for (const struct chunk *chunk = stream->head; chunk != NULL; chunk = chunk->next) {
        uint64_t end = chunk->base + chunk->used;

        if (end > expected->mark && (mark == 0 || end - expected->mark <= bytes_max)) {
            mark = end;
        }
    }
    if (mark == 0 || expected->end - expected->mark <= bytes_max) {
        mark = expected->end;
    }
    model->met.marked_short += mark < expected->end;
    expected->open = expected->end;
    expected->mark = mark;
    EXPECT(stream_mark(stream, bytes_max) == mark && stream->mark == mark && mark <= stream->pulled);
    return mark;
}

void model_set_barrier(struct model *model, unsigned s)
{
    struct model_stream *expected = &model->model_streams[s];

    stream_set_barrier(&model->streams[s]);
    expected->barrier = expected->end;
    expected->closed = expected->end;
    expected->open = expected->end;
    EXPECT(model->streams[s].barrier == expected->end);
}

/* All is read: the tail is used again or let go, and of what size it may be. */
static void check_emptied(struct model *model, unsigned s, const struct chunk *old_tail, bool was_tail_shared)
{
    const struct stream *stream = &model->streams[s];
    const struct model_stream *expected = &model->model_streams[s];
    const struct chunk_pool *pool = &model->gather.chunks;

    if (old_tail == NULL || was_tail_shared) {
        EXPECT(stream->tail == old_tail);
        return;
    }

    uint64_t written = expected->end - expected->emptied;
    bool is_small = stream->starts_small && written <= pool->small_bytes;

    EXPECT(stream->head == stream->tail && (stream->tail == NULL || stream->tail->used == 0));
    if (stream->tail == NULL) {
        model->met.let_go += is_small;
    } else {
        EXPECT(stream->tail->size <= (is_small ? pool->small_bytes : pool->chunk_bytes));
        model->met.rewound++;
    }
}

void model_trim(struct model *model, unsigned s, uint64_t position)
{
    struct stream *stream = &model->streams[s];
    struct model_stream *expected = &model->model_streams[s];
    const struct chunk *old_tail = stream->tail;
    bool was_tail_shared = stream->tail != NULL && stream->tail->refs > 1;

    for (unsigned r = 0; r < model->reader_count; r++) {
        const struct model_follow *follow = model_find(model, r, s);

        if (follow != NULL && follow->start < position) {
            position = follow->start;
        }
    }
    if (expected->closed < position) {
        expected->closed = position;
        expected->open = expected->end;
    }
    stream_trim(stream, position);
    EXPECT(stream->head == stream->tail || stream->head->base + stream->head->used > position);
    if (position == expected->end) {
        check_emptied(model, s, old_tail, was_tail_shared);
        expected->emptied = expected->end;
    }
}

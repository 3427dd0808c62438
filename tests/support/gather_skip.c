/* What waits for a receiver, packet by packet, and what it skips, in the code and in its model (gather_model.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/gather_model.h"
#include "support/gather_packet.h"

#define EXPECT(condition) MODEL_EXPECT(model, condition)

/* NULL behind the last. */
static struct model_packet *waiting_at(const struct model_reader *reader, size_t at)
{
    return at < bytes_size(&reader->waiting) ? (void *)(reader->waiting.data + reader->waiting.first + at)
                                             : NULL;
}

void model_hand(struct model *model, unsigned r, const uint8_t *data, size_t size)
{
    struct model_reader *reader = &model->model_readers[r];

    bytes_add(&reader->unsent, data, size);
    for (size_t at = 0; at < size;) {
        uint32_t bytes = packet_length(data + at);
        struct model_packet packet = {.bytes = bytes, .left = bytes, .step = model->step};

        EXPECT(bytes > 0 && bytes <= size - at);
        bytes_add(&reader->waiting, (const void *)&packet, sizeof(packet));
        at += bytes;
    }
}

void model_sent(struct model *model, unsigned r, size_t size)
{
    struct model_reader *reader = &model->model_readers[r];

    bytes_move(NULL, &reader->unsent, size);
    while (size > 0) {
        struct model_packet *packet = waiting_at(reader, 0);

        EXPECT(packet != NULL);
        if (size < packet->left) {
            packet->left -= (uint32_t)size;
            return;
        }
        size -= packet->left;
        bytes_move(NULL, &reader->waiting, sizeof(*packet));
    }
}

static void missed(struct model *model, struct model_reader *reader, uint64_t packets, uint64_t bytes)
{
    reader->skipped_packets += packets;
    reader->skipped_bytes += bytes;
    model->skipped += packets;
}

void model_passed_by(struct model *model, unsigned r, bool is_marked)
{
    struct model_reader *reader = &model->model_readers[r];

    for (unsigned i = 0; i < reader->count; i++) {
        struct model_follow *follow = &reader->follows[i];
        struct model_stream *stream = &model->model_streams[follow->stream];
        uint64_t to = is_marked ? stream->mark : stream->end;

        if (follow->start < to) {
            missed(model, reader, model_packets_between(stream, follow->start, to), to - follow->start);
            bytes_move(NULL, &follow->pending, to - follow->start);
            follow->start = to;
            stream->closed = stream->closed < to ? to : stream->closed;
            stream->open = is_marked ? stream->open : to;
            model->met.passed_by++;
            model->met.passed_marked += is_marked && to < stream->end;
        }
    }
}

/*
 * What is left of what waited, when the code has kept `kept` bytes of it: all that is to stay, or, when memory ran out,
 * those in front.
 */
static void dropped(struct model *model, unsigned r, packet_is_kept *is_kept, size_t kept, bool is_cut)
{
    struct model_reader *reader = &model->model_readers[r];
    struct model_bytes unsent = {0};
    struct model_bytes waiting = {0};

    for (size_t at = 0; at < bytes_size(&reader->waiting); at += sizeof(struct model_packet)) {
        const struct model_packet *packet = waiting_at(reader, at);
        uint32_t bytes = 0;
        bool stays =
            packet->left < packet->bytes || is_kept(reader->unsent.data + reader->unsent.first, &bytes);

        if (stays && bytes_size(&unsent) < kept) {
            bytes_move(&unsent, &reader->unsent, packet->left);
            bytes_add(&waiting, (const void *)packet, sizeof(*packet));
            model->met.kept++;
        } else {
            EXPECT(packet->left == packet->bytes && (!stays || is_cut));
            bytes_move(NULL, &reader->unsent, packet->bytes);
            missed(model, reader, 1, packet->bytes);
            model->met.dropped++;
        }
    }
    EXPECT(bytes_size(&unsent) == kept && bytes_size(&reader->unsent) == 0);
    bytes_free(&reader->unsent);
    bytes_free(&reader->waiting);
    reader->unsent = unsent;
    reader->waiting = waiting;
}

static uint32_t count_blocks(const struct outbox *outbox)
{
    uint32_t blocks = 0;

    for (const struct outbox_block *block = outbox->first; block != NULL; block = block->next) {
        blocks++;
    }
    return blocks;
}

void model_start_skipping(struct model *model, unsigned r)
{
    static packet_is_kept *const kinds[] = {packet_stays, packet_stays, packet_never_stays,
                                            packet_always_stays};
    packet_is_kept *is_kept = kinds[model_draw(model, 4)];
    struct model_reader *reader = &model->model_readers[r];
    const struct outbox *outbox = &model->readers[r].outbox;
    const struct model_packet *first = waiting_at(reader, 0);
    bool has_begun = first != NULL && first->left < first->bytes;
    uint64_t oldest = outbox_oldest_ns(outbox);
    uint32_t slices = outbox->slices;
    int rc = reader_start_skipping(&model->readers[r], &model->gather, is_kept);

    if (!reader->is_skipping) {
        reader->skipped_packets = 0;
        reader->skipped_bytes = 0;
    }
    dropped(model, r, is_kept, outbox->bytes, rc < 0);
    EXPECT(count_blocks(outbox) == (outbox->slices + OUTBOX_BLOCK_SLICES - 1) / OUTBOX_BLOCK_SLICES);
    EXPECT(!has_begun || outbox_oldest_ns(outbox) == oldest);
    if (rc < 0) {
        EXPECT(rc == -ENOMEM && is_kept == packet_stays);
        EXPECT(outbox->slices > 0 && outbox->slices % OUTBOX_BLOCK_SLICES == 0);
        model->met.started_cut++;
    } else if (is_kept == packet_always_stays) {
        EXPECT(outbox->slices <= slices);
    }
    model->met.started++;
    model->met.started_begun += has_begun;
    model->met.restarted += reader->is_skipping;
    reader->is_skipping = true;
}

void model_stop_skipping(struct model *model, unsigned r)
{
    struct model_reader *reader = &model->model_readers[r];
    struct skipped skipped = reader_stop_skipping(&model->readers[r], &model->gather);

    model_passed_by(model, r, false);
    EXPECT(skipped.packets == reader->skipped_packets && skipped.bytes == reader->skipped_bytes);
    reader->is_skipping = false;
    model->met.stopped++;
}

void model_count_skipped(struct model *model, unsigned r)
{
    uint32_t bytes = 1 + (uint32_t)model_draw(model, 1000);

    reader_count_skipped(&model->readers[r], &model->gather, bytes);
    model_passed_by(model, r, false);
    missed(model, &model->model_readers[r], 1, bytes);
    model->met.not_sent++;
}

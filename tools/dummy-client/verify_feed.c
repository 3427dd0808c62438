/*
 * How the bytes that came for a receiver are judged: one step at a time, each by the state that the receiver
 * is in then, until the data is used up or what is left is no whole frame.
 */
#include "dummy-client/verify_internal.h"

#include "base/check.h"
#include "roomd/wire.h"

#include <stdlib.h>
#include <string.h>

uint32_t verify_whole_frame(const struct span *span, enum step *step)
{
    *step = STEP_MORE;
    if (span->size < 2) {
        return 0;
    }
    uint32_t size = roomd_get_u16(span->at);
    if (size < ROOMD_FRAME_HEADER_BYTES) {
        *step = STEP_BAD;
        return 0;
    }
    return size <= span->size ? size : 0;
}

uint32_t verify_content_frame(struct verify *verify, struct receiver *receiver, struct span *span,
                              enum step *step)
{
    const uint8_t *frame = span->at;
    uint32_t size = verify_whole_frame(span, step);

    if (size == 0 || roomd_get_u16(frame + 2) < ROOMD_ENGINE_ID_FIRST) {
        return size;
    }
    span_use(span, size);
    *step = verify->on_engine(verify->context, receiver, frame, size) ? STEP_GO : STEP_STOP;
    return 0;
}

static bool player_is_right(const struct sender *sender, const struct message *message)
{
    if (message->sequence >= sender->player_since) {
        return message->player == sender->player;
    }
    return message->sequence < sender->player_before_since || message->player == sender->player_before;
}

enum judgement verify_judge(const struct verify *verify, const struct receiver *receiver,
                            const uint8_t *frame, uint32_t size, uint64_t now_us, struct message *message)
{
    const struct verify_room *room = &verify->rooms[receiver->index % verify->room_count];

    if (!message_parse(message, frame, size, verify->text_bytes) || message->sender >= verify->client_count ||
        message->sent_us > now_us) {
        return JUDGED_CORRUPT;
    }
    const struct sender *sender = &verify->senders[message->sender];
    if (message->sequence == 0 || message->sequence > sender->sent || !player_is_right(sender, message)) {
        return JUDGED_CORRUPT;
    }
    if (sender->sent - message->sequence < SENDER_STAMPS &&
        sender->stamps[message->sequence % SENDER_STAMPS] != (uint32_t)message->sent_us) {
        return JUDGED_CORRUPT;
    }
    if (message->sender % verify->room_count != receiver->index % verify->room_count) {
        return JUDGED_FOREIGN;
    }
    return room->suffix_is_known && room->has_suffix != message->has_suffix ? JUDGED_CORRUPT : JUDGED_GOOD;
}

static enum step step_outside(struct verify *verify, struct receiver *receiver, struct span *span)
{
    enum step step;
    uint32_t size = verify_content_frame(verify, receiver, span, &step);

    if (size == 0) {
        return step;
    }
    span_use(span, size); /* of a room that is not the wanted one, or of none */
    return STEP_GO;
}

static void note_message(struct verify *verify, struct receiver *receiver, const struct message *message,
                         uint64_t now_us)
{
    uint32_t earlier;

    if (!receiver->ledger) {
        verify->totals.unjudged++;
        return;
    }
    uint32_t entry = message->sender / verify->room_count;
    uint64_t missing = ledger_close_gap(receiver->ledger, entry, message->sequence);
    uint64_t told = missing < receiver->gap ? missing : receiver->gap;
    receiver->gap -= told;
    receiver->skipped += told;
    switch (ledger_note(receiver->ledger, entry, message->sequence, &earlier)) {
    case LEDGER_DOUBLED:
        verify->totals.doubled++;
        return;
    case LEDGER_OUT_OF_ORDER:
        verify->totals.out_of_order++;
        break;
    case LEDGER_NEW:
        break;
    }
    receiver->start -= earlier;
    receiver->received++;
    histogram_record(&verify->latency_us, now_us - message->sent_us, 1);
}

static enum step step_off_tape(struct verify *verify, struct receiver *receiver, struct span *span,
                               uint64_t now_us)
{
    struct message message;
    enum step step;
    uint32_t size = verify_content_frame(verify, receiver, span, &step);

    if (size == 0) {
        return step;
    }
    switch (verify_judge(verify, receiver, span->at, size, now_us, &message)) {
    case JUDGED_GOOD:
        note_message(verify, receiver, &message, now_us);
        break;
    case JUDGED_FOREIGN:
        verify->totals.foreign++;
        break;
    case JUDGED_CORRUPT:
        verify->totals.corrupt++;
        break;
    }
    span_use(span, size);
    return STEP_GO;
}

static enum step step_once(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us)
{
    switch (receiver->state) {
    case RECEIVER_OUTSIDE:
        return step_outside(verify, receiver, span);
    case RECEIVER_SEEKING:
    case RECEIVER_SKIPPING:
        return verify_step_seek(verify, receiver, span, now_us);
    case RECEIVER_ON_TAPE:
        return verify_step_tape(verify, receiver, span, now_us);
    case RECEIVER_OFF_TAPE:
        return step_off_tape(verify, receiver, span, now_us);
    case RECEIVER_COUNTING:
        receiver->bytes += span->size;
        return STEP_STOP;
    case RECEIVER_GONE:
        break;
    }
    return STEP_STOP;
}

uint8_t *verify_keep_tail(struct verify *verify, struct receiver *receiver, size_t size)
{
    CHECK(size <= VERIFY_HEADROOM_BYTES && receiver->tail_size == 0);
    if (size > receiver->tail_capacity) {
        uint8_t *tail = realloc(receiver->tail, size);

        if (!tail) {
            verify->totals.unjudged++;
            return NULL;
        }
        receiver->tail = tail;
        receiver->tail_capacity = (uint32_t)size;
    }
    receiver->tail_size = (uint32_t)size;
    return receiver->tail;
}

bool verify_feed(struct verify *verify, struct receiver *receiver, uint8_t *data, size_t size,
                 uint64_t now_us)
{
    struct span span = {data - receiver->tail_size, size + receiver->tail_size};
    enum step step = STEP_GO;

    if (receiver->tail_size > 0) {
        memcpy(span.at, receiver->tail, receiver->tail_size);
        receiver->tail_size = 0;
    }
    while (step == STEP_GO && span.size > 0) {
        step = step_once(verify, receiver, &span, now_us);
    }
    receiver->is_waiting =
        receiver->is_waiting && (receiver->state == RECEIVER_SEEKING || receiver->state == RECEIVER_SKIPPING);
    if (step == STEP_MORE) {
        uint8_t *tail = verify_keep_tail(verify, receiver, span.size);
        if (tail) {
            memcpy(tail, span.at, span.size);
        }
    }
    return step != STEP_BAD;
}

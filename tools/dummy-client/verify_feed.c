/*
 * How the bytes that came for a receiver are judged: one step at a time, each by the state that the receiver
 * is in then, until the data is used up or what is left is no whole frame.
 */
#include "dummy-client/verify.h"

#include "base/check.h"
#include "roomd/wire.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t seek_patience_us = 1000000;

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

/* At a frame border: the size of the whole frame that stands there, or 0 and in `step` why there is none. */
static uint32_t whole_frame(const struct span *span, enum step *step)
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

static void use(struct span *span, size_t size)
{
    span->at += size;
    span->size -= size;
}

/* Hands an engine packet up. `*is_engine` says whether it was one; if not, nothing is used. */
static enum step take_engine(struct verify *verify, struct receiver *receiver, struct span *span,
                             uint32_t size, bool *is_engine)
{
    const uint8_t *frame = span->at;

    *is_engine = roomd_get_u16(frame + 2) >= ROOMD_ENGINE_ID_FIRST;
    if (!*is_engine) {
        return STEP_GO;
    }
    use(span, size);
    return verify->on_engine(verify->context, receiver, frame, size) ? STEP_GO : STEP_STOP;
}

static bool player_is_right(const struct sender *sender, const struct message *message)
{
    if (message->sequence >= sender->player_since) {
        return message->player == sender->player;
    }
    return message->sequence < sender->player_before_since || message->player == sender->player_before;
}

/* Everything about a frame that can be told without knowing what its receiver has had before. */
static enum judgement judge(const struct verify *verify, const struct receiver *receiver,
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
    bool is_engine;
    uint32_t size = whole_frame(span, &step);

    if (size == 0) {
        return step;
    }
    step = take_engine(verify, receiver, span, size, &is_engine);
    if (!is_engine) {
        use(span, size); /* of a room that is not the wanted one, or of none */
    }
    return step;
}

static void go_on_tape(struct verify *verify, struct receiver *receiver, struct tape_cursor at,
                       uint64_t later)
{
    receiver->state = RECEIVER_ON_TAPE;
    receiver->cursor = at;
    receiver->start = at.frame - later;
    verify_room_of(verify, receiver->index)->readers++;
    free(receiver->ledger);
    receiver->ledger = NULL;
}

/* The receiver's first message is not on the tape yet: wait for those who read there, but not for ever. */
static enum step await_tape(struct verify *verify, struct receiver *receiver, uint64_t later, uint64_t now_us)
{
    const struct verify_room *room = verify_room_of(verify, receiver->index);

    if (room->readers == 0) {
        go_on_tape(verify, receiver, tape_end(&room->tape), later);
    } else if (!receiver->is_waiting) {
        receiver->is_waiting = true;
        receiver->waiting_us = now_us;
        return STEP_MORE;
    } else if (now_us - receiver->waiting_us < seek_patience_us) {
        return STEP_MORE;
    } else {
        receiver->state = RECEIVER_OFF_TAPE;
    }
    receiver->is_waiting = false;
    return STEP_GO;
}

static enum step step_seek(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us)
{
    const struct verify_room *room = verify_room_of(verify, receiver->index);
    struct tape_cursor found;
    struct message message;
    enum step step;
    bool is_engine;
    uint64_t later;
    uint32_t size = whole_frame(span, &step);

    if (size == 0) {
        return step;
    }
    step = take_engine(verify, receiver, span, size, &is_engine);
    if (is_engine) {
        return step;
    }
    if (judge(verify, receiver, span->at, size, now_us, &message) != JUDGED_GOOD) {
        receiver->state = RECEIVER_OFF_TAPE;
        return STEP_GO;
    }
    if (tape_find(&room->tape, receiver->cursor, span->at, size, message.sent_us, receiver->joined_us, &found,
                  &later)) {
        receiver->is_waiting = false;
        go_on_tape(verify, receiver, found, later);
        return STEP_GO;
    }
    if (message.sequence > verify->senders[message.sender].taped) {
        return await_tape(verify, receiver, later, now_us);
    }
    receiver->state = RECEIVER_OFF_TAPE;
    return STEP_GO;
}

/* Puts on the tape what is good and next in its sender's order. Returns how many frames that was. */
static uint32_t extend_tape(struct verify *verify, struct receiver *receiver, struct span span,
                            uint64_t now_us)
{
    struct verify_room *room = verify_room_of(verify, receiver->index);
    struct message message;
    enum step step;
    uint32_t frames = 0;
    uint32_t size;

    while ((size = whole_frame(&span, &step)) > 0 &&
           judge(verify, receiver, span.at, size, now_us, &message) == JUDGED_GOOD) {
        struct sender *sender = &verify->senders[message.sender];

        if (message.sequence != sender->taped + 1 ||
            tape_append(&room->tape, span.at, size, message.sent_us) != 0) {
            break;
        }
        room->suffix_is_known = true;
        room->has_suffix = message.has_suffix;
        sender->taped = message.sequence;
        use(&span, size);
        frames++;
    }
    return frames;
}

/*
 * The receiver, at a border, goes its own way from here on. What it had of each sender is what the tape has,
 * less what the tape holds behind its place.
 */
static void fall_off_tape(struct verify *verify, struct receiver *receiver)
{
    struct verify_room *room = verify_room_of(verify, receiver->index);
    uint32_t rooms = verify->room_count;
    uint32_t first = receiver->index % rooms;
    uint8_t frame[MESSAGE_FRAME_HEAD_BYTES];

    receiver->state = RECEIVER_OFF_TAPE;
    room->readers--;
    receiver->ledger = ledger_make((verify->client_count - first + rooms - 1) / rooms);
    if (!receiver->ledger) {
        return;
    }
    for (uint32_t i = 0; i < receiver->ledger->count; i++) {
        ledger_settle(receiver->ledger, i, verify->senders[first + i * rooms].taped);
    }
    for (uint64_t at = receiver->cursor.at; at < room->tape.end; at += roomd_get_u16(frame)) {
        tape_copy(&room->tape, at, frame, sizeof(frame));
        struct message head = message_head(frame);
        uint32_t entry = head.sender / rooms;

        if (receiver->ledger->entries[entry].last >= head.sequence) {
            ledger_settle(receiver->ledger, entry, head.sequence - 1);
        }
    }
}

/* Puts the receiver back onto the border of the frame in which it differs, and that frame's start before the
 * rest. */
static void back_to_border(struct verify *verify, struct receiver *receiver, struct span *span)
{
    const struct tape *tape = &verify_room_of(verify, receiver->index)->tape;
    uint32_t into = tape_bytes_into_frame(tape, &receiver->cursor);

    tape_rewind(&receiver->cursor, into);
    span->at -= into;
    span->size += into;
    tape_copy(tape, receiver->cursor.at, span->at, into);
}

static enum step step_tape(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us)
{
    const struct tape *tape = &verify_room_of(verify, receiver->index)->tape;
    size_t same = tape_match(tape, receiver->cursor.at, span->at, span->size);
    enum step step;
    bool is_engine;

    receiver->received += tape_advance(tape, &receiver->cursor, same, now_us, &verify->latency_us);
    use(span, same);
    if (span->size == 0) {
        return STEP_GO;
    }
    if (receiver->cursor.at < tape->end) {
        back_to_border(verify, receiver, span);
    } else if (extend_tape(verify, receiver, *span, now_us) > 0) {
        return STEP_GO; /* and match it there */
    }
    uint32_t size = whole_frame(span, &step);
    if (size == 0) {
        return step;
    }
    step = take_engine(verify, receiver, span, size, &is_engine);
    if (!is_engine) {
        fall_off_tape(verify, receiver);
    }
    return step;
}

static void note_message(struct verify *verify, struct receiver *receiver, const struct message *message,
                         uint64_t now_us)
{
    uint32_t earlier;

    if (!receiver->ledger) {
        verify->totals.unjudged++;
        return;
    }
    switch (
        ledger_note(receiver->ledger, message->sender / verify->room_count, message->sequence, &earlier)) {
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
    bool is_engine;
    uint32_t size = whole_frame(span, &step);

    if (size == 0) {
        return step;
    }
    step = take_engine(verify, receiver, span, size, &is_engine);
    if (is_engine) {
        return step;
    }
    switch (judge(verify, receiver, span->at, size, now_us, &message)) {
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
    use(span, size);
    return STEP_GO;
}

static enum step step_once(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us)
{
    switch (receiver->state) {
    case RECEIVER_OUTSIDE:
        return step_outside(verify, receiver, span);
    case RECEIVER_SEEKING:
        return step_seek(verify, receiver, span, now_us);
    case RECEIVER_ON_TAPE:
        return step_tape(verify, receiver, span, now_us);
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

/* Makes the tail `size` bytes long. Without memory it stays empty, and the run cannot end well. */
static uint8_t *keep_tail(struct verify *verify, struct receiver *receiver, size_t size)
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
    if (step == STEP_MORE) {
        uint8_t *tail = keep_tail(verify, receiver, span.size);
        if (tail) {
            memcpy(tail, span.at, span.size);
        }
    }
    return step != STEP_BAD;
}

/* For one that is too far behind: the bytes of a frame that it has in part are kept, as they are on the tape.
 */
static void push_off_tape(struct verify *verify, struct receiver *receiver)
{
    const struct tape *tape = &verify_room_of(verify, receiver->index)->tape;

    if (receiver->state == RECEIVER_SEEKING) {
        receiver->state = RECEIVER_OFF_TAPE;
        return;
    }
    uint32_t into = tape_bytes_into_frame(tape, &receiver->cursor);
    if (into > 0) {
        tape_rewind(&receiver->cursor, into);
        uint8_t *tail = keep_tail(verify, receiver, into);
        if (tail) {
            tape_copy(tape, receiver->cursor.at, tail, into);
        }
    }
    fall_off_tape(verify, receiver);
}

static bool holds_tape(const struct receiver *receiver)
{
    return receiver->is_pinned || receiver->state == RECEIVER_SEEKING || receiver->state == RECEIVER_ON_TAPE;
}

void verify_trim(struct verify *verify)
{
    for (uint32_t i = 0; i < verify->room_count; i++) {
        verify->rooms[i].low = verify->rooms[i].tape.end;
    }
    for (uint32_t i = 0; i < verify->client_count; i++) {
        struct receiver *receiver = &verify->receivers[i];
        struct verify_room *room = verify_room_of(verify, i);

        if (!holds_tape(receiver)) {
            continue;
        }
        if (room->tape.end - receiver->cursor.at > verify->tape_bytes_max && !receiver->is_pinned) {
            push_off_tape(verify, receiver);
        } else if (receiver->cursor.at < room->low) {
            room->low = receiver->cursor.at;
        }
    }
    for (uint32_t i = 0; i < verify->room_count; i++) {
        tape_trim(&verify->rooms[i].tape, verify->rooms[i].low);
    }
}

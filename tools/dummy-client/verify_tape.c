/*
 * Who is judged by its room's tape: finding one's place on it, reading along it, writing it on, and being taken off it.
 */
#include "dummy-client/verify_internal.h"

#include "base/check.h"
#include "roomd/wire.h"

#include <stdlib.h>

static const uint64_t seek_patience_us = 1000000;

void verify_open_gaps(struct verify *verify, struct receiver *receiver, uint64_t packets, uint64_t bytes)
{
    const struct verify_room *room = verify_room_of(verify, receiver->index);

    /* With a suffix, messages are of many sizes, and which ones are missing is not known here. */
    if (room->suffix_is_known && !room->has_suffix &&
        bytes != packets * message_frame_bytes(verify->text_bytes, true)) {
        verify->totals.miscounted++;
    }
    for (uint32_t i = 0; receiver->ledger && i < receiver->ledger->count; i++) {
        receiver->is_vague = receiver->is_vague || receiver->ledger->entries[i].is_open;
        ledger_open_gap(receiver->ledger, i);
    }
}

/*
 * The receiver, on the tape or skipping and at a border, goes its own way from here on. What it had of each sender is
 * what the tape has, less what the tape holds behind its place.
 */
static void fall_off_tape(struct verify *verify, struct receiver *receiver)
{
    struct verify_room *room = verify_room_of(verify, receiver->index);
    uint32_t rooms = verify->room_count;
    uint32_t first = receiver->index % rooms;
    uint8_t frame[MESSAGE_FRAME_HEAD_BYTES];

    if (receiver->state == RECEIVER_ON_TAPE) {
        room->readers--;
    } else {
        room->skippers--;
        room->is_torn = true;
    }
    receiver->state = RECEIVER_OFF_TAPE;
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
    if (receiver->gap > 0) {
        verify_open_gaps(verify, receiver, receiver->gap, receiver->gap_bytes);
    }
}

static void go_on_tape(struct verify *verify, struct receiver *receiver, struct tape_cursor at)
{
    receiver->state = RECEIVER_ON_TAPE;
    receiver->is_waiting = false;
    receiver->cursor = at;
    verify_room_of(verify, receiver->index)->readers++;
    free(receiver->ledger);
    receiver->ledger = NULL;
}

/* The receiver's first message stands at `at`; it is also owed the `later` ones before it. */
static void begin_on_tape(struct verify *verify, struct receiver *receiver, struct tape_cursor at,
                          uint64_t later)
{
    receiver->start = at.frame - later;
    go_on_tape(verify, receiver, at);
}

/* It goes on reading at `at`. What lies between is missing, and must be what it was told of. */
static void pass_gap(struct verify *verify, struct receiver *receiver, struct tape_cursor at)
{
    uint64_t missing = at.frame - receiver->cursor.frame;

    if (missing != receiver->gap || at.at - receiver->cursor.at != receiver->gap_bytes) {
        verify->totals.miscounted++;
    }
    receiver->skipped += missing < receiver->gap ? missing : receiver->gap;
    receiver->gap = 0;
    verify_room_of(verify, receiver->index)->skippers--;
    go_on_tape(verify, receiver, at);
}

/* Judged by itself from here on. */
static enum step give_up_seeking(struct verify *verify, struct receiver *receiver)
{
    receiver->is_waiting = false;
    if (receiver->state == RECEIVER_SKIPPING) {
        fall_off_tape(verify, receiver);
    } else {
        receiver->state = RECEIVER_OFF_TAPE;
    }
    return STEP_GO;
}

/* The receiver's next message is not on the tape yet: wait for those who read there, but not for ever. */
static enum step await_tape(struct verify *verify, struct receiver *receiver, uint64_t later, uint64_t now_us)
{
    const struct verify_room *room = verify_room_of(verify, receiver->index);

    if (room->readers == 0 && (room->skippers > 0 || room->is_torn)) {
        return give_up_seeking(verify,
                               receiver); /* nobody has what they missed, so that the tape can't go on */
    }
    if (room->readers == 0) {
        begin_on_tape(verify, receiver, tape_end(&room->tape), later);
        return STEP_GO;
    }
    if (!receiver->is_waiting) {
        receiver->is_waiting = true;
        receiver->waiting_us = now_us;
    } else if (now_us - receiver->waiting_us >= seek_patience_us) {
        return give_up_seeking(verify, receiver);
    }
    return STEP_MORE;
}

enum step verify_step_seek(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us)
{
    const struct verify_room *room = verify_room_of(verify, receiver->index);
    struct tape_cursor found;
    struct message message;
    enum step step;
    uint64_t later;
    uint32_t size = verify_content_frame(verify, receiver, span, &step);

    if (size == 0) {
        return step;
    }
    if (verify_judge(verify, receiver, span->at, size, now_us, &message) != JUDGED_GOOD) {
        return give_up_seeking(verify, receiver);
    }
    if (tape_find(&room->tape, receiver->cursor, span->at, size, message.sent_us, receiver->joined_us, &found,
                  &later)) {
        if (receiver->state == RECEIVER_SKIPPING) {
            pass_gap(verify, receiver, found);
        } else {
            begin_on_tape(verify, receiver, found, later);
        }
        return STEP_GO;
    }
    if (message.sequence > verify->senders[message.sender].taped) {
        return await_tape(verify, receiver, later, now_us);
    }
    return give_up_seeking(verify, receiver);
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

    while ((size = verify_whole_frame(&span, &step)) > 0 &&
           verify_judge(verify, receiver, span.at, size, now_us, &message) == JUDGED_GOOD) {
        struct sender *sender = &verify->senders[message.sender];

        if (message.sequence != sender->taped + 1 ||
            tape_append(&room->tape, span.at, size, message.sent_us) != 0) {
            break;
        }
        room->suffix_is_known = true;
        room->has_suffix = message.has_suffix;
        sender->taped = message.sequence;
        span_use(&span, size);
        frames++;
    }
    return frames;
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

enum step verify_step_tape(struct verify *verify, struct receiver *receiver, struct span *span,
                           uint64_t now_us)
{
    const struct tape *tape = &verify_room_of(verify, receiver->index)->tape;
    size_t same = tape_match(tape, receiver->cursor.at, span->at, span->size);
    enum step step;

    receiver->received += tape_advance(tape, &receiver->cursor, same, now_us, &verify->latency_us);
    span_use(span, same);
    if (span->size == 0) {
        return STEP_GO;
    }
    if (receiver->cursor.at < tape->end) {
        back_to_border(verify, receiver, span);
    } else if (extend_tape(verify, receiver, *span, now_us) > 0) {
        return STEP_GO; /* and match it there */
    }
    if (verify_content_frame(verify, receiver, span, &step) == 0) {
        return step;
    }
    fall_off_tape(verify, receiver);
    return STEP_GO;
}

/* For one that is too far behind: the bytes of a frame that it has in part are kept, as they are on the tape.
 */
static void push_off_tape(struct verify *verify, struct receiver *receiver)
{
    const struct tape *tape = &verify_room_of(verify, receiver->index)->tape;

    if (receiver->state != RECEIVER_ON_TAPE) {
        bool is_waiting = receiver->is_waiting;

        give_up_seeking(verify, receiver);
        receiver->is_waiting = is_waiting; /* for being looked at again */
        return;
    }
    uint32_t into = tape_bytes_into_frame(tape, &receiver->cursor);
    if (into > 0) {
        tape_rewind(&receiver->cursor, into);
        uint8_t *tail = verify_keep_tail(verify, receiver, into);
        if (tail) {
            tape_copy(tape, receiver->cursor.at, tail, into);
        }
    }
    fall_off_tape(verify, receiver);
}

static bool holds_tape(const struct receiver *receiver)
{
    return receiver->is_pinned || receiver->state == RECEIVER_SEEKING ||
           receiver->state == RECEIVER_ON_TAPE || receiver->state == RECEIVER_SKIPPING;
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
        /* Of a frame that it has in part it may turn out that the rest differs: then the start is needed again. */
        uint64_t border = receiver->cursor.at - tape_bytes_into_frame(&room->tape, &receiver->cursor);

        if (room->tape.end - border > verify->tape_bytes_max && !receiver->is_pinned) {
            push_off_tape(verify, receiver);
        } else if (border < room->low) {
            room->low = border;
        }
    }
    for (uint32_t i = 0; i < verify->room_count; i++) {
        tape_trim(&verify->rooms[i].tape, verify->rooms[i].low);
    }
}

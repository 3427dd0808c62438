#include "dummy-client/verify_internal.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t tape_bytes_default = 128ull << 20;
static const uint64_t tapes_bytes_all = 512ull << 20;

int verify_init(struct verify *verify, uint32_t clients, uint32_t rooms, uint32_t text_bytes)
{
    CHECK(clients > 0 && rooms > 0);
    *verify = (struct verify){.text_bytes = text_bytes, .room_count = rooms, .client_count = clients};
    verify->tape_bytes_max = tapes_bytes_all / rooms;
    if (verify->tape_bytes_max > tape_bytes_default) {
        verify->tape_bytes_max = tape_bytes_default;
    }
    histogram_init(&verify->latency_us);
    verify->senders = calloc(clients, sizeof(verify->senders[0]));
    verify->receivers = calloc(clients, sizeof(verify->receivers[0]));
    verify->rooms = calloc(rooms, sizeof(verify->rooms[0]));
    if (!verify->senders || !verify->receivers || !verify->rooms) {
        verify_fini(verify);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < clients; i++) {
        verify->receivers[i].index = i;
    }
    return 0;
}

void verify_fini(struct verify *verify)
{
    for (uint32_t i = 0; verify->receivers && i < verify->client_count; i++) {
        free(verify->receivers[i].ledger);
        free(verify->receivers[i].tail);
    }
    for (uint32_t i = 0; verify->rooms && i < verify->room_count; i++) {
        tape_fini(&verify->rooms[i].tape);
    }
    free(verify->senders);
    free(verify->receivers);
    free(verify->rooms);
    verify->senders = NULL;
    verify->receivers = NULL;
    verify->rooms = NULL;
}

void verify_set_player(struct verify *verify, uint32_t client, int32_t player)
{
    struct sender *sender = &verify->senders[client];

    sender->player_before = sender->player;
    sender->player_before_since = sender->player_since;
    sender->player = player;
    sender->player_since = sender->sent + 1;
}

struct message verify_note_sent(struct verify *verify, uint32_t client, uint64_t now_us)
{
    struct sender *sender = &verify->senders[client];

    CHECK(sender->sent < MESSAGE_SEQUENCE_MAX && now_us <= MESSAGE_SENT_US_MAX);
    sender->sent++;
    sender->stamps[sender->sent % SENDER_STAMPS] = (uint32_t)now_us;
    verify_room_of(verify, client)->sent++;
    verify->receivers[client].own_end = 0;
    return (struct message){
        .sender = client, .sequence = sender->sent, .sent_us = now_us, .player = sender->player};
}

static void drop_ledger(struct receiver *receiver)
{
    free(receiver->ledger);
    receiver->ledger = NULL;
}

void verify_pin(struct verify *verify, struct receiver *receiver)
{
    CHECK(receiver->state == RECEIVER_OUTSIDE);
    receiver->is_pinned = true;
    receiver->cursor = tape_end(&verify_room_of(verify, receiver->index)->tape);
}

/* From its next message on it is owed what the room is sent. */
static void begin_seeking(struct verify *verify, struct receiver *receiver, uint64_t now_us)
{
    uint32_t rooms = verify->room_count;

    receiver->state = RECEIVER_SEEKING;
    receiver->start = verify_room_of(verify, receiver->index)->sent;
    receiver->joined_us = now_us;
    drop_ledger(receiver);
    receiver->ledger = ledger_make((verify->client_count - receiver->index % rooms + rooms - 1) / rooms);
    for (uint32_t i = 0; receiver->ledger && i < receiver->ledger->count; i++) {
        ledger_leave_open(receiver->ledger, i, verify->senders[receiver->index % rooms + i * rooms].sent);
    }
}

void verify_enter(struct verify *verify, struct receiver *receiver, uint64_t now_us)
{
    struct verify_room *room = verify_room_of(verify, receiver->index);

    CHECK(receiver->state == RECEIVER_OUTSIDE && receiver->is_pinned);
    receiver->is_pinned = false;
    receiver->is_vague = false;
    receiver->received = 0;
    receiver->skipped = 0;
    receiver->gap = 0;
    if (room->sent > 0) {
        begin_seeking(verify, receiver, now_us);
        return;
    }
    receiver->state = RECEIVER_ON_TAPE;
    receiver->start = 0;
    receiver->joined_us = now_us;
    room->readers++;
}

void verify_resync(struct verify *verify, struct receiver *receiver, uint32_t packets, uint32_t bytes,
                   uint64_t now_us)
{
    switch (receiver->state) {
    case RECEIVER_ON_TAPE:
        receiver->state = RECEIVER_SKIPPING;
        verify_room_of(verify, receiver->index)->readers--;
        verify_room_of(verify, receiver->index)->skippers++;
        receiver->gap_bytes = 0;
        /* fallthrough */
    case RECEIVER_SKIPPING:
        receiver->gap += packets;
        receiver->gap_bytes += bytes;
        break;
    case RECEIVER_OFF_TAPE:
        receiver->gap += packets;
        verify_open_gaps(verify, receiver, packets, bytes);
        break;
    case RECEIVER_SEEKING:
        begin_seeking(verify, receiver, now_us);
        break;
    case RECEIVER_OUTSIDE:
    case RECEIVER_COUNTING:
    case RECEIVER_GONE:
        break;
    }
}

/* Ends what the state holds; the caller sets the next state. */
static void end_state(struct verify *verify, struct receiver *receiver)
{
    struct verify_room *room = verify_room_of(verify, receiver->index);

    if (receiver->state == RECEIVER_ON_TAPE) {
        room->readers--;
    } else if (receiver->state == RECEIVER_SKIPPING) {
        room->skippers--;
        room->is_torn = true;
    }
    drop_ledger(receiver);
    receiver->is_pinned = false;
    receiver->is_waiting = false;
    receiver->tail_size = 0;
}

void verify_leave(struct verify *verify, struct receiver *receiver)
{
    uint64_t due = receiver->start;

    if (receiver->state == RECEIVER_ON_TAPE || receiver->state == RECEIVER_SKIPPING) {
        due = receiver->cursor.frame;
    } else if (receiver->state == RECEIVER_OFF_TAPE && receiver->ledger) {
        due = ledger_sum(receiver->ledger);
    }
    if (receiver->state != RECEIVER_OUTSIDE) {
        verify->totals.expected += due - receiver->start - receiver->skipped;
        verify->totals.received += receiver->received;
    }
    end_state(verify, receiver);
    receiver->state = RECEIVER_OUTSIDE;
}

/* What the receiver has of what it is owed. For a counter of bytes: the frames that its missing bytes do not
 * touch. */
static uint64_t received_so_far(const struct receiver *receiver, const struct verify_room *room)
{
    const struct tape *tape = &room->tape;

    if (receiver->state != RECEIVER_COUNTING) {
        return receiver->received;
    }
    if (receiver->bytes >= tape->end) {
        return tape->frames;
    }
    uint64_t frame_bytes = tape->end / tape->frames;
    uint64_t missing = (tape->end - receiver->bytes + frame_bytes - 1) / frame_bytes;
    return missing < tape->frames ? tape->frames - missing : 0;
}

void verify_lose(struct verify *verify, struct receiver *receiver)
{
    receiver->received = received_so_far(receiver, verify_room_of(verify, receiver->index));
    end_state(verify, receiver);
    if (receiver->state != RECEIVER_OUTSIDE) {
        receiver->state = RECEIVER_GONE;
    }
}

void verify_count_bytes(struct verify *verify, struct receiver *receiver)
{
    CHECK(receiver->state == RECEIVER_ON_TAPE && verify_room_of(verify, receiver->index)->sent == 0);
    end_state(verify, receiver);
    receiver->state = RECEIVER_COUNTING;
    receiver->bytes = 0;
}

bool verify_has_own_last(const struct verify *verify, struct receiver *receiver)
{
    const struct sender *sender = &verify->senders[receiver->index];

    if (receiver->state == RECEIVER_OFF_TAPE && receiver->ledger) {
        return receiver->ledger->entries[receiver->index / verify->room_count].last == sender->sent;
    }
    if (receiver->state != RECEIVER_ON_TAPE || sender->taped != sender->sent) {
        return false;
    }
    if (receiver->own_end == 0) {
        receiver->own_end = verify->rooms[receiver->index % verify->room_count].tape.end;
    }
    return receiver->cursor.at >= receiver->own_end;
}

bool verify_is_complete(const struct verify *verify)
{
    for (uint32_t i = 0; i < verify->client_count; i++) {
        const struct receiver *receiver = &verify->receivers[i];
        const struct verify_room *room = &verify->rooms[i % verify->room_count];

        if (receiver->state == RECEIVER_OUTSIDE || receiver->state == RECEIVER_GONE) {
            continue;
        }
        if (receiver->state == RECEIVER_COUNTING
                ? receiver->bytes < room->tape.end || room->tape.frames < room->sent
                : receiver->received + receiver->skipped + receiver->gap < room->sent - receiver->start) {
            return false;
        }
    }
    return true;
}

/* How many of the messages that the receiver has not got may be of its gap. */
static uint64_t gap_most(const struct verify *verify, const struct receiver *receiver)
{
    const struct verify_room *room = &verify->rooms[receiver->index % verify->room_count];
    const struct ledger *ledger = receiver->ledger;
    uint32_t rooms = verify->room_count;
    uint64_t known = receiver->start + receiver->received + receiver->skipped;
    uint64_t most = 0;

    if (receiver->state != RECEIVER_OFF_TAPE || !ledger) {
        return room->sent > known ? room->sent - known : 0;
    }
    for (uint32_t i = 0; i < ledger->count; i++) {
        uint32_t sent = verify->senders[receiver->index % rooms + i * rooms].sent;

        most += ledger->entries[i].has_gap ? sent - ledger->entries[i].last : 0;
    }
    return most;
}

struct verify_totals verify_sum(const struct verify *verify)
{
    struct verify_totals totals = verify->totals;

    for (uint32_t i = 0; i < verify->client_count; i++) {
        const struct receiver *receiver = &verify->receivers[i];
        const struct verify_room *room = &verify->rooms[i % verify->room_count];

        if (receiver->state == RECEIVER_OUTSIDE) {
            continue;
        }
        uint64_t excused = receiver->gap;
        uint64_t most = excused > 0 ? gap_most(verify, receiver) : 0;
        if (excused > most) {
            totals.miscounted += !receiver->is_vague;
            excused = most;
        }
        totals.expected += room->sent - receiver->start - receiver->skipped - excused;
        totals.received += received_so_far(receiver, room);
        if (receiver->state == RECEIVER_COUNTING && receiver->bytes > room->tape.end) {
            size_t frame = message_frame_bytes(verify->text_bytes, true);
            totals.doubled += (receiver->bytes - room->tape.end + frame - 1) / frame;
        }
    }
    return totals;
}

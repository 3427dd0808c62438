/*
 * The checker: judges every delivery of every client. It knows nothing of sockets; the client hands it the
 * bytes that came and it hands engine packets back.
 *
 *                    verify_enter, nobody has spoken yet
 *       OUTSIDE --------------------------------------------> ON_TAPE --- bytes differ from the tape --->
 * OFF_TAPE |                                                   ^    | ^ |   verify_enter, the room is talking
 * |    +--- verify_count_bytes ---> COUNTING     |
 *          +------------------------------------> SEEKING -----+ | |   its first message is on the tape |
 *                                                    +----------- it will not be found there
 * -----------------+
 *
 *       any but OUTSIDE --- verify_leave ---> OUTSIDE        any but OUTSIDE --- verify_lose ---> GONE
 *
 * What is expected: a message sent in a room is owed to every client that stays in it, from the first message
 * that the client got on; what the room was sent after the client had read S_JOINED is owed in any case. A
 * client that was disconnected (GONE) is owed all the rest. A delivery that is corrupt counts as such and its
 * message as lost.
 *
 * But for what the server says it left out (S_RESYNC): exactly so many messages may be missing where it says so.
 *
 *       ON_TAPE --- verify_resync ---> SKIPPING --- its next message is on the tape ---> ON_TAPE
 *                                         \--- it will not be found there: nobody got what is missing ---> OFF_TAPE
 *
 * On the tape it can be counted what is missing; who is OFF_TAPE counts sender by sender; who is SEEKING enters anew.
 */
#ifndef DUMMY_CLIENT_VERIFY_H
#define DUMMY_CLIENT_VERIFY_H

#include "dummy-client/ledger.h"
#include "dummy-client/message.h"
#include "dummy-client/tape.h"

#include "base/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bytes before the data given to verify_feed, which it may overwrite. All that is fed at once may have to be kept,
 * and a frame that is not whole before it.
 */
#define VERIFY_READ_BYTES_MAX (256u * 1024)
#define VERIFY_HEADROOM_BYTES (2u * VERIFY_READ_BYTES_MAX)
/* What may be read at once for a client that is not yet on the tape: it may have to be looked at again and again. */
#define VERIFY_EARLY_READ_BYTES 32768u

enum { SENDER_STAMPS = 32 };

/* What was sent: one per client, by its index. */
struct sender {
    uint32_t sent;         /* the sequence of the last message sent; 0: none */
    uint32_t taped;        /* of the last one on its room's tape */
    uint32_t player_since; /* the first sequence that carries `player` */
    uint32_t
        player_before_since; /* the first that carried `player_before`; who sent those before is forgotten */
    int32_t player;
    int32_t player_before;
    uint32_t stamps[SENDER_STAMPS]; /* the low half of the send times, by sequence */
};

enum receiver_state {
    RECEIVER_OUTSIDE,
    RECEIVER_SEEKING,
    RECEIVER_ON_TAPE,
    RECEIVER_SKIPPING,
    RECEIVER_OFF_TAPE,
    RECEIVER_COUNTING,
    RECEIVER_GONE
};

struct receiver {
    enum receiver_state state;
    uint32_t index;  /* the client's; its room is `index` modulo the rooms */
    bool is_pinned;  /* it has asked to enter: the tape is kept from `cursor` on */
    bool is_waiting; /* its next message is not on the tape yet; feed it again when that has grown */
    bool is_vague;   /* it had not heard from everybody when it was told of a gap: that can't be compared */
    struct tape_cursor cursor;
    uint64_t start;     /* how many of the room's messages it is not owed */
    uint64_t received;  /* messages it is owed and has got, since it entered */
    uint64_t skipped;   /* messages it is not owed after all: they are missing, and it was told so */
    uint64_t gap;       /* of those it was told of, the ones that have not been found missing yet */
    uint64_t gap_bytes; /* SKIPPING: and how many bytes these are said to be */
    uint64_t joined_us;
    uint64_t waiting_us; /* since when it is_waiting */
    uint64_t
        own_end;    /* where its own last message has come back to it, once it is on the tape; 0: not known */
    uint64_t bytes; /* COUNTING */
    struct ledger *ledger; /* OFF_TAPE, SEEKING */
    uint8_t *tail;         /* bytes that were kept because their frame is not whole */
    uint32_t tail_size;
    uint32_t tail_capacity;
};

struct verify_room {
    struct tape tape;
    uint64_t sent;     /* messages */
    uint32_t readers;  /* receivers ON_TAPE */
    uint32_t skippers; /* receivers SKIPPING */
    bool is_torn;      /* one of them gave up: the tape may never hold what it missed */
    uint64_t low;      /* where the last of them stands; in verify_trim only */
    bool suffix_is_known;
    bool has_suffix;
};

struct verify_totals {
    uint64_t expected;
    uint64_t received;
    uint64_t doubled;
    uint64_t out_of_order;
    uint64_t foreign;
    uint64_t corrupt;
    uint64_t unjudged;   /* deliveries that could not be judged for want of memory */
    uint64_t miscounted; /* gaps where something else is missing than was told */
};

struct verify {
    uint32_t text_bytes;
    uint32_t room_count;
    uint32_t client_count;
    uint64_t tape_bytes_max; /* of one room; who falls behind by more is taken off the tape */
    struct sender *senders;
    struct receiver *receivers;
    struct verify_room *rooms;
    struct verify_totals totals; /* expected: only of stays that have ended */
    struct histogram latency_us;
    /*
     * Called for every engine packet, at its place in the stream. May call verify_enter, verify_leave and
     * verify_resync for this receiver. Returns false when the rest of the data is not to be looked at (the
     * connection was closed).
     */
    bool (*on_engine)(void *context, struct receiver *receiver, const uint8_t *frame, uint32_t size);
    void *context;
};

/* Makes a checker with all clients outside. 0 or -ENOMEM. Set on_engine and context before the first feed. */
int verify_init(struct verify *verify, uint32_t clients, uint32_t rooms, uint32_t text_bytes);
void verify_fini(struct verify *verify);

static inline struct verify_room *verify_room_of(struct verify *verify, uint32_t client)
{
    return &verify->rooms[client % verify->room_count];
}

/* The player id by which the client's messages are known from its next one on. */
void verify_set_player(struct verify *verify, uint32_t client, int32_t player);
/* Notes that the client sends its next message now, and returns what it is to carry. Its sequence must not be
 * at the top. */
struct message verify_note_sent(struct verify *verify, uint32_t client, uint64_t now_us);

/* The client is about to ask for its place in the room: from here on nothing may be given up that it could be
 * owed. */
void verify_pin(struct verify *verify, struct receiver *receiver);
/* The client read that it is in. */
void verify_enter(struct verify *verify, struct receiver *receiver, uint64_t now_us);
/* The client left, by its own wish: it is owed what the tape held up to here. Nothing happens OUTSIDE. */
void verify_leave(struct verify *verify, struct receiver *receiver);
/* The connection ended against our wish. Nothing happens OUTSIDE but that the pin and the kept bytes go. */
void verify_lose(struct verify *verify, struct receiver *receiver);
/*
 * The client read that it was not sent `packets` messages, of `bytes` bytes together, at this place. To be called from
 * on_engine.
 */
void verify_resync(struct verify *verify, struct receiver *receiver, uint32_t packets, uint32_t bytes,
                   uint64_t now_us);
/* Takes the client off verification: from here on only its bytes count. Nobody in its room may have spoken
 * yet. */
void verify_count_bytes(struct verify *verify, struct receiver *receiver);

/*
 * Judges `size` bytes that came for the receiver, after VERIFY_HEADROOM_BYTES of scratch. `size` is at most
 * VERIFY_READ_BYTES_MAX, and VERIFY_EARLY_READ_BYTES while the receiver is OUTSIDE or SEEKING; 0 looks at kept bytes
 * again. Nothing should be read for one that is_waiting: what is kept must fit the headroom.
 * Returns false when the stream cannot be followed any further: a frame's size is below 4.
 */
bool verify_feed(struct verify *verify, struct receiver *receiver, uint8_t *data, size_t size,
                 uint64_t now_us);

/* Gives up what every reader has passed, and takes those off the tape who hold more of it than is allowed. */
void verify_trim(struct verify *verify);

/* True when everybody who is still there has all that was sent. */
bool verify_is_complete(const struct verify *verify);
/* True when the client's own last message has come back to it. */
bool verify_has_own_last(const struct verify *verify, struct receiver *receiver);
/* The totals as of now; what is missing counts as expected, so lost = expected - received. */
struct verify_totals verify_sum(const struct verify *verify);

#endif

/*
 * The frame decoder, as a connection uses it: what a read brings is put behind the partial frame that was
 * kept, whole frames are taken, the rest is kept. However the input is cut into reads, the same events must
 * come out.
 *
 * Input: u16 limit on a frame's bytes (0 for ROOMD_FRAME_BYTES_MAX), then the stream.
 */
#include "fuzz.h"

#include "base/hash.h"
#include "wire/frame.h"

#include <stdbool.h>

enum {
    EVENTS_MAX = 4096, /* more are counted, not compared */
    CUTS_MAX = 512     /* a longer stream is cut at this many places, evenly spread */
};

struct event {
    enum frame_result result; /* OK, or BAD as the last event */
    uint16_t id;
    uint16_t payload_bytes;
    uint32_t payload_hash;
};

struct receiver {
    uint32_t frame_bytes_max;
    uint8_t *kept;
    size_t kept_bytes;
    bool is_dead; /* by FRAME_BAD */
    size_t count;
    struct event events[EVENTS_MAX];
};

static void receiver_init(struct receiver *receiver, uint32_t frame_bytes_max)
{
    receiver->frame_bytes_max = frame_bytes_max;
    receiver->kept = NULL;
    receiver->kept_bytes = 0;
    receiver->is_dead = false;
    receiver->count = 0;
}

static void receiver_fini(struct receiver *receiver)
{
    free(receiver->kept);
}

static void receiver_add(struct receiver *receiver, struct event event)
{
    if (receiver->count < EVENTS_MAX) {
        receiver->events[receiver->count] = event;
    }
    receiver->count++;
}

/* The bytes of the whole frame that begins at `data`, or of its size field while that is not there. */
static size_t bytes_wanted(const uint8_t *data, size_t size)
{
    return size < 2 ? 2 : roomd_get_u16(data);
}

/* What must hold of what is left after FRAME_MORE. */
static void check_partial(const uint8_t *data, size_t size, uint32_t frame_bytes_max)
{
    const size_t wanted = bytes_wanted(data, size);

    CHECK(wanted > size);
    CHECK(size < 2 || (wanted >= ROOMD_FRAME_HEADER_BYTES && wanted <= frame_bytes_max));
}

/* Takes the frames out of `data`, which is exactly `size` bytes of heap; returns how many bytes they were. */
static size_t receiver_take(struct receiver *receiver, const uint8_t *data, size_t size)
{
    struct frame_cursor cursor = {.data = data, .size = size};

    for (;;) {
        const size_t before = cursor.pos;
        struct frame frame;
        const enum frame_result result = frame_next(&cursor, receiver->frame_bytes_max, &frame);

        if (result != FRAME_OK) {
            CHECK(cursor.pos == before);
            if (result == FRAME_BAD) {
                receiver_add(receiver, (struct event){.result = FRAME_BAD});
                receiver->is_dead = true;
            } else {
                check_partial(data + before, size - before, receiver->frame_bytes_max);
            }
            return before;
        }
        CHECK(cursor.pos == before + ROOMD_FRAME_HEADER_BYTES + frame.payload_bytes);
        CHECK(cursor.pos - before <= receiver->frame_bytes_max);
        CHECK(frame.payload == data + before + ROOMD_FRAME_HEADER_BYTES);
        receiver_add(receiver,
                     (struct event){.result = FRAME_OK,
                                    .id = frame.id,
                                    .payload_bytes = frame.payload_bytes,
                                    .payload_hash = hash_bytes(frame.payload, frame.payload_bytes)});
    }
}

/* One read of `size` bytes. A dead connection reads no more. */
static void receiver_feed(struct receiver *receiver, const uint8_t *bytes, size_t size)
{
    if (receiver->is_dead) {
        return;
    }
    uint8_t *joined = malloc(receiver->kept_bytes + size + 1);

    CHECK(joined != NULL);
    if (receiver->kept_bytes > 0) {
        memcpy(joined, receiver->kept, receiver->kept_bytes);
    }
    if (size > 0) {
        memcpy(joined + receiver->kept_bytes, bytes, size);
    }
    const size_t joined_bytes = receiver->kept_bytes + size;
    uint8_t *exact = fuzz_copy(joined, joined_bytes);
    const size_t taken = receiver_take(receiver, exact, joined_bytes);

    free(joined);
    free(receiver->kept);
    receiver->kept_bytes = joined_bytes - taken;
    receiver->kept = fuzz_copy(exact + taken, receiver->kept_bytes);
    free(exact);
}

static void check_same(const struct receiver *a, const struct receiver *b)
{
    CHECK(a->count == b->count);
    for (size_t i = 0; i < a->count && i < EVENTS_MAX; i++) {
        CHECK(a->events[i].result == b->events[i].result);
        CHECK(a->events[i].id == b->events[i].id);
        CHECK(a->events[i].payload_bytes == b->events[i].payload_bytes);
        CHECK(a->events[i].payload_hash == b->events[i].payload_hash);
    }
    CHECK(a->is_dead == b->is_dead);
    CHECK(a->is_dead || a->kept_bytes == b->kept_bytes);
}

/* In two reads, cut at `cut`. */
static void feed_cut(struct receiver *receiver, const uint8_t *stream, size_t size, size_t cut)
{
    receiver_feed(receiver, stream, cut);
    receiver_feed(receiver, stream + cut, size - cut);
}

/* In reads that bring just what the frame at hand lacks: a reader that never holds more than one frame. */
static void feed_wanted(struct receiver *receiver, const uint8_t *stream, size_t size)
{
    for (size_t pos = 0; pos < size && !receiver->is_dead;) {
        const size_t wanted = bytes_wanted(receiver->kept, receiver->kept_bytes) - receiver->kept_bytes;
        const size_t bytes = wanted < size - pos ? wanted : size - pos;

        receiver_feed(receiver, stream + pos, bytes);
        pos += bytes;
        CHECK(receiver->is_dead || receiver->kept_bytes < 2 ||
              receiver->kept_bytes < receiver->frame_bytes_max);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct receiver whole, parts;

    if (size < 2) {
        return 0;
    }
    const uint16_t limit = roomd_get_u16(data);
    const uint32_t frame_bytes_max = limit == 0 ? ROOMD_FRAME_BYTES_MAX : limit;
    const uint8_t *stream = data + 2;
    const size_t stream_bytes = size - 2;
    const size_t step = stream_bytes / CUTS_MAX + 1;

    receiver_init(&whole, frame_bytes_max);
    receiver_feed(&whole, stream, stream_bytes);
    for (size_t cut = 0; cut <= stream_bytes; cut += step) {
        receiver_init(&parts, frame_bytes_max);
        feed_cut(&parts, stream, stream_bytes, cut);
        check_same(&whole, &parts);
        receiver_fini(&parts);
    }
    receiver_init(&parts, frame_bytes_max);
    feed_wanted(&parts, stream, stream_bytes);
    check_same(&whole, &parts);
    receiver_fini(&parts);

    receiver_init(&parts, frame_bytes_max);
    for (size_t pos = 0; pos < stream_bytes; pos += step) {
        receiver_feed(&parts, stream + pos, step < stream_bytes - pos ? step : stream_bytes - pos);
    }
    check_same(&whole, &parts);
    receiver_fini(&parts);
    receiver_fini(&whole);
    return 0;
}

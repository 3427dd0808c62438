/*
 * A room in its steady state, a thousand readers on one stream, some of which fall behind and skip: after the warm-up
 * nothing calls the allocator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gather/reader.h"
#include "support/alloc_count.h"

enum { READERS = 1000, WARM_UP_TICKS = 10, TICKS = 30, CHUNK_BYTES = 16384 };

struct room {
    struct gather gather;
    struct stream stream;
    struct stream private_stream;
    struct reader readers[READERS];
};

static void room_init(struct room *room)
{
    gather_init(&room->gather, CHUNK_BYTES, 64u << 20, 100000);
    stream_init(&room->stream, &room->gather.chunks);
    stream_init(&room->private_stream, &room->gather.chunks);
    for (int i = 0; i < READERS; i++) {
        reader_init(&room->readers[i]);
        assert_int_equal(reader_follow(&room->readers[i], &room->stream), 0);
    }
}

static void room_fini(struct room *room)
{
    for (int i = 0; i < READERS; i++) {
        reader_fini(&room->readers[i], &room->gather);
    }
    stream_fini(&room->stream);
    stream_fini(&room->private_stream);
    assert_int_equal(room->gather.chunks.live, 0);
    assert_int_equal(room->gather.blocks.used, 0);
    gather_fini(&room->gather);
}

/* Each player does something that all see, a tenth get a packet for themselves, and fifty things move. */
static void room_run(struct room *room, int tick)
{
    static const uint8_t packet[40] = "(what this player does in this tick";
    static const uint8_t state[20] = "\024where that is";
    static const uint8_t own[30] = "\036for you alone";

    for (int i = 0; i < READERS; i++) {
        assert_int_equal(stream_append(&room->stream, packet, sizeof(packet)), 0);
        assert_true(stream_append_keyed(&room->stream, (uint64_t)i % 50, state, sizeof(state)) >= 0);
        if (i % 10 == tick % 10) {
            struct reader *reader = &room->readers[i];

            assert_int_equal(reader_send(reader, &room->gather, &room->private_stream, own, sizeof(own), 1),
                             0);
        }
    }
}

/* The first byte is the packet's length; every other one of those for a reader alone stays. */
static bool packet_is_every_other(const uint8_t *packet, uint32_t *bytes)
{
    static uint64_t asked;

    *bytes = packet[0];
    return packet[0] == 30 && asked++ % 2 == 0;
}

/* One in seven is sent half of what waits; of these each skips every third tick. */
static void reader_lag(struct room *room, struct reader *reader, int tick)
{
    struct outbox *outbox = &reader->outbox;

    outbox_consume(outbox, &room->gather.blocks, outbox->bytes / 2);
    if (reader->is_skipping) {
        assert_true(reader_stop_skipping(reader, &room->gather).packets > 0);
    } else if (tick % 3 == 0) {
        assert_int_equal(reader_start_skipping(reader, &room->gather, packet_is_every_other), 0);
    }
}

static void room_flush(struct room *room, int tick)
{
    for (int i = 0; i < READERS; i++) {
        struct outbox *outbox = &room->readers[i].outbox;
        struct iovec iov[16];

        assert_int_equal(reader_pull(&room->readers[i], &room->gather, 1), 0);
        assert_true(outbox_iovecs(outbox, iov, 16) > 0 || room->readers[i].is_skipping);
        if (i % 7 == 0) { /* a short write first */
            reader_lag(room, &room->readers[i], tick);
        }
        outbox_consume(outbox, &room->gather.blocks, outbox->bytes);
    }
    stream_trim(&room->stream, room->stream.end);
    assert_int_equal(room->gather.blocks.used, 0);
}

static void a_steady_room_of_a_thousand_never_calls_malloc(void **state)
{
    static struct room room;
    uint64_t calls = 0;

    (void)state;
    if (!alloc_count_is_available()) {
        skip();
    }
    room_init(&room);
    for (int tick = 0; tick < WARM_UP_TICKS + TICKS; tick++) {
        if (tick == WARM_UP_TICKS) {
            calls = alloc_count_calls();
        }
        room_run(&room, tick);
        room_flush(&room, tick);
    }
    assert_int_equal(alloc_count_calls() - calls, 0);
    assert_true(room.gather.skipped > READERS / 7 * TICKS / 3);
    room_fini(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_room_of_a_thousand_never_calls_malloc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A server without sockets for the tests of dummy-client's checker: each client has a stream of bytes that it
 * is sent, the test decides what is in it and in which pieces it is read.
 */
#ifndef ROOMD_TESTS_UNIT_DUMMY_WORLD_H
#define ROOMD_TESTS_UNIT_DUMMY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "dummy-client/verify.h"
#include "roomd/wire.h"

enum { WORLD_CLIENTS_MAX = 16, WORLD_STREAM_BYTES = 1 << 18, WORLD_TEXT_BYTES = 40 };

struct world {
    struct verify verify;
    uint64_t now_us;
    uint64_t random;
    bool has_suffix;
    uint32_t engine_packets;        /* handed up */
    size_t size[WORLD_CLIENTS_MAX]; /* bytes of the stream */
    size_t read[WORLD_CLIENTS_MAX]; /* of them, fed */
    uint8_t *streams[WORLD_CLIENTS_MAX];
    uint8_t *scratch;
};

struct world_frame {
    size_t size;
    uint8_t bytes[256];
};

static inline uint32_t world_draw(struct world *world, uint32_t below)
{
    return (uint32_t)(hash_u64(++world->random) % below);
}

static inline bool world_on_engine(void *context, struct receiver *receiver, const uint8_t *frame,
                                   uint32_t size)
{
    struct world *world = context;

    assert_true(roomd_get_u16(frame) == size && roomd_get_u16(frame + 2) >= ROOMD_ENGINE_ID_FIRST);
    world->engine_packets++;
    if (roomd_get_u16(frame + 2) == ROOMD_S_RESYNC) {
        verify_resync(&world->verify, receiver, roomd_get_u32(frame + 4), roomd_get_u32(frame + 8),
                      world->now_us);
    }
    return true;
}

static inline void world_enter(struct world *world, uint32_t client)
{
    verify_pin(&world->verify, &world->verify.receivers[client]);
    verify_enter(&world->verify, &world->verify.receivers[client], world->now_us);
}

/* All clients of all rooms, but the last `absent`, are in. Player ids are 100 and up. */
static inline void world_open(struct world *world, uint32_t clients, uint32_t rooms, uint32_t absent)
{
    *world = (struct world){.now_us = 1000};
    assert_int_equal(verify_init(&world->verify, clients, rooms, WORLD_TEXT_BYTES), 0);
    world->verify.on_engine = world_on_engine;
    world->verify.context = world;
    world->scratch = malloc(VERIFY_HEADROOM_BYTES + WORLD_STREAM_BYTES);
    assert_non_null(world->scratch);
    for (uint32_t i = 0; i < clients; i++) {
        world->streams[i] = malloc(WORLD_STREAM_BYTES);
        assert_non_null(world->streams[i]);
        verify_set_player(&world->verify, i, (int32_t)(100 + i));
        if (i < clients - absent) {
            world_enter(world, i);
        }
    }
}

static inline void world_close(struct world *world)
{
    for (uint32_t i = 0; i < world->verify.client_count; i++) {
        free(world->streams[i]);
    }
    free(world->scratch);
    verify_fini(&world->verify);
}

/* What the server makes of the client's next message. */
static inline struct world_frame world_say(struct world *world, uint32_t client)
{
    struct message message = verify_note_sent(&world->verify, client, world->now_us);
    struct world_frame frame;
    char suffix[32];

    frame.size = message_encode(frame.bytes, &message, WORLD_TEXT_BYTES, true);
    if (world->has_suffix) {
        int length = snprintf(suffix, sizeof(suffix), " I am %d", (int)message.player);

        for (int i = 0; i < length; i++) {
            frame.bytes[frame.size++] = (uint8_t)suffix[i];
            frame.bytes[frame.size++] = 0;
        }
        roomd_put_u16(frame.bytes, (uint16_t)frame.size);
        roomd_put_u16(frame.bytes + 8, (uint16_t)(frame.size - 10));
    }
    return frame;
}

static inline void world_deliver(struct world *world, uint32_t client, const struct world_frame *frame)
{
    assert_true(world->size[client] + frame->size <= WORLD_STREAM_BYTES);
    memcpy(world->streams[client] + world->size[client], frame->bytes, frame->size);
    world->size[client] += frame->size;
}

static inline void world_deliver_room(struct world *world, uint32_t room, const struct world_frame *frame)
{
    for (uint32_t i = room; i < world->verify.client_count; i += world->verify.room_count) {
        if (world->verify.receivers[i].state != RECEIVER_OUTSIDE) {
            world_deliver(world, i, frame);
        }
    }
}

static inline void world_say_to_room(struct world *world, uint32_t client)
{
    struct world_frame frame = world_say(world, client);

    world_deliver_room(world, client % world->verify.room_count, &frame);
}

static inline struct world_frame world_engine_packet(struct world *world)
{
    struct world_frame frame = {.size = ROOMD_FRAME_HEADER_BYTES + world_draw(world, 120)};

    roomd_put_u16(frame.bytes, (uint16_t)frame.size);
    roomd_put_u16(frame.bytes + 2, ROOMD_S_PONG);
    return frame;
}

/* The client is told that it was not sent so much. */
static inline void world_deliver_resync(struct world *world, uint32_t client, uint32_t packets,
                                        uint32_t bytes)
{
    struct world_frame frame = {.size = ROOMD_FRAME_HEADER_BYTES + 8};

    roomd_put_u16(frame.bytes, (uint16_t)frame.size);
    roomd_put_u16(frame.bytes + 2, ROOMD_S_RESYNC);
    roomd_put_u32(frame.bytes + 4, packets);
    roomd_put_u32(frame.bytes + 8, bytes);
    world_deliver(world, client, &frame);
}

/* The client reads `size` more bytes at once. */
static inline void world_read(struct world *world, uint32_t client, size_t size)
{
    uint8_t *data = world->scratch + VERIFY_HEADROOM_BYTES;

    assert_true(world->read[client] + size <= world->size[client]);
    memset(data - 512, 0xEE, 512); /* nothing of the last read may help */
    memcpy(data, world->streams[client] + world->read[client], size);
    world->read[client] += size;
    assert_true(verify_feed(&world->verify, &world->verify.receivers[client], data, size, world->now_us));
}

/* The client reads the rest, `piece` bytes at a time; 0: all at once. */
static inline void world_read_rest(struct world *world, uint32_t client, size_t piece)
{
    while (world->read[client] < world->size[client]) {
        size_t left = world->size[client] - world->read[client];
        world_read(world, client, piece == 0 || piece > left ? left : piece);
    }
}

static inline void world_read_all(struct world *world, size_t piece)
{
    for (uint32_t i = 0; i < world->verify.client_count; i++) {
        world_read_rest(world, i, piece);
    }
}

static inline void world_expect(struct world *world, struct verify_totals expected)
{
    struct verify_totals totals = verify_sum(&world->verify);

    assert_int_equal(totals.expected, expected.expected);
    assert_int_equal(totals.received, expected.received);
    assert_int_equal(totals.doubled, expected.doubled);
    assert_int_equal(totals.out_of_order, expected.out_of_order);
    assert_int_equal(totals.foreign, expected.foreign);
    assert_int_equal(totals.corrupt, expected.corrupt);
    assert_int_equal(totals.unjudged, 0);
    assert_int_equal(totals.miscounted, expected.miscounted);
}

#endif

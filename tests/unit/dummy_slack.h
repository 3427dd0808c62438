/* A server for the tests of dummy-client's checker that leaves out messages for some (slow = skip). */
#ifndef ROOMD_TESTS_UNIT_DUMMY_SLACK_H
#define ROOMD_TESTS_UNIT_DUMMY_SLACK_H

#include "dummy_world.h"

enum { FRAME_BYTES = 10 + WORLD_TEXT_BYTES }; /* of a message without a suffix */

struct slack {
    bool is_skipping[WORLD_CLIENTS_MAX];
    uint32_t packets[WORLD_CLIENTS_MAX]; /* left out so far */
    uint32_t bytes[WORLD_CLIENTS_MAX];
    uint64_t delivered;
};

static inline bool is_in(const struct world *world, uint32_t client)
{
    return world->verify.receivers[client].state != RECEIVER_OUTSIDE;
}

static inline void say(struct world *world, struct slack *slack, uint32_t client)
{
    uint32_t rooms = world->verify.room_count;
    struct world_frame frame = world_say(world, client);

    for (uint32_t i = client % rooms; i < world->verify.client_count; i += rooms) {
        if (!is_in(world, i)) {
            continue;
        }
        if (slack->is_skipping[i]) {
            slack->packets[i]++;
            slack->bytes[i] += (uint32_t)frame.size;
        } else {
            world_deliver(world, i, &frame);
            slack->delivered++;
        }
    }
}

/* Tells the client what it missed, but for a lie. */
static inline void tell(struct world *world, struct slack *slack, uint32_t client, int lie_packets,
                        int lie_bytes)
{
    world_deliver_resync(world, client, slack->packets[client] + (uint32_t)lie_packets,
                         slack->bytes[client] + (uint32_t)lie_bytes);
    slack->is_skipping[client] = false;
    slack->packets[client] = 0;
    slack->bytes[client] = 0;
}

/* As dummy-client does it: who waits for the tape is only looked at again. */
static inline void read_some(struct world *world, uint32_t client, size_t size)
{
    world_read(world, client, world->verify.receivers[client].is_waiting ? 0 : size);
}

/* Everybody reads to the end, or waits until that makes no sense any more. */
static inline void settle(struct world *world, size_t piece)
{
    bool is_waiting = true;

    for (int patience = 0; is_waiting && patience < 100; patience++) {
        is_waiting = false;
        for (uint32_t i = 0; i < world->verify.client_count; i++) {
            read_some(world, i, 0);
            while (world->read[i] < world->size[i] && !world->verify.receivers[i].is_waiting) {
                size_t left = world->size[i] - world->read[i];

                world_read(world, i, piece == 0 || piece > left ? left : piece);
            }
            is_waiting = is_waiting || world->verify.receivers[i].is_waiting;
        }
        world->now_us += 600000;
    }
    for (uint32_t i = 0; i < world->verify.client_count; i++) {
        assert_false(world->verify.receivers[i].is_waiting);
        assert_int_equal(world->read[i], world->size[i]);
    }
}

static inline void open_world(struct world *world, struct slack *slack, uint32_t clients, uint32_t rooms,
                              uint64_t seed)
{
    *slack = (struct slack){.delivered = 0};
    world_open(world, clients, rooms, 0);
    world->random = seed * 1000003;
    world->has_suffix = seed % 2 == 0;
    for (uint32_t i = 0, player = 1; i < clients; i++, player *= 10) { /* so that sizes differ */
        verify_set_player(&world->verify, i, (int32_t)player);
    }
}

static inline void talk(struct world *world, struct slack *slack, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds * world->verify.client_count; i++) {
        world->now_us++;
        say(world, slack, i % world->verify.client_count);
    }
}

#endif

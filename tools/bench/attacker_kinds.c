#include <string.h>

#include "attacker.h"

#include "base/clock.h"
#include "base/hash.h"
#include "roomd/world.h"

enum { GARBAGE_BYTES = 96, CHAT_TEXT_BYTES = 4 };

#define FLOOD_INTERVAL_NS (1 * NS_PER_MS)

/* A block of one small frame, repeated so that it never has to be cut but where the block ends. */
static uint64_t repeat_frame(uint8_t *block, const uint8_t *frame, uint64_t size)
{
    uint64_t used = 0;

    while (used + size <= BLOCK_BYTES) {
        memcpy(block + used, frame, size);
        used += size;
    }
    return used;
}

/* A frame as long as may be, of which the last byte never comes. */
static void prepare_partial(const struct attack *attack, struct stream_plan *plan)
{
    roomd_put_u16(plan->block, (uint16_t)attack->options.frame_bytes);
    roomd_put_u16(plan->block + 2, ROOMD_C_CHAT);
    plan->block_bytes = BLOCK_BYTES;
    plan->first_bytes = attack->options.frame_bytes - 1;
}

static void prepare_dribble(const struct attack *attack, struct stream_plan *plan)
{
    roomd_put_u16(plan->block, (uint16_t)attack->options.frame_bytes);
    roomd_put_u16(plan->block + 2, ROOMD_C_HELLO);
    plan->block_bytes = BLOCK_BYTES;
    plan->first_bytes = 1;
    plan->more_bytes = 1;
    plan->interval_ns = attack->options.interval_ns;
}

static void plan_flood(const struct attack *attack, struct stream_plan *plan, const uint8_t *frame,
                       uint64_t size)
{
    plan->block_bytes = repeat_frame(plan->block, frame, size);
    plan->interval_ns = FLOOD_INTERVAL_NS;
    plan->more_bytes = attack->options.flood * size / (NS_PER_S / FLOOD_INTERVAL_NS);
    plan->first_bytes = plan->more_bytes;
}

static void prepare_flood(const struct attack *attack, struct stream_plan *plan)
{
    uint8_t frame[ROOMD_FRAME_HEADER_BYTES + 2 + CHAT_TEXT_BYTES] = {0};

    roomd_put_u16(frame, sizeof(frame));
    roomd_put_u16(frame + 2, ROOMD_C_CHAT);
    roomd_put_u16(frame + 4, CHAT_TEXT_BYTES);
    memcpy(frame + 6, "!\0!\0", CHAT_TEXT_BYTES);
    plan_flood(attack, plan, frame, sizeof(frame));
}

/* On the spot: to the origin, where it is. */
static void prepare_rush(const struct attack *attack, struct stream_plan *plan)
{
    uint8_t frame[ROOMD_FRAME_HEADER_BYTES + 3 * sizeof(float)] = {0};

    roomd_put_u16(frame, sizeof(frame));
    roomd_put_u16(frame + 2, ROOMD_C_MOVE);
    plan_flood(attack, plan, frame, sizeof(frame));
}

static void prepare_lists(const struct attack *attack, struct stream_plan *plan)
{
    uint8_t frame[ROOMD_FRAME_HEADER_BYTES];

    (void)attack;
    roomd_put_u16(frame, sizeof(frame));
    roomd_put_u16(frame + 2, ROOMD_C_ROOMS);
    plan->block_bytes = repeat_frame(plan->block, frame, sizeof(frame));
    plan->first_bytes = ENDLESS;
}

static void prepare_garbage(const struct attack *attack, struct stream_plan *plan)
{
    for (uint64_t i = 0; i < BLOCK_BYTES; i++) {
        plan->block[i] = (uint8_t)hash_u64(attack->random + i);
    }
    plan->block_bytes = BLOCK_BYTES - 1; /* odd: who begins anew begins elsewhere */
    plan->first_bytes = GARBAGE_BYTES;
    plan->more_bytes = GARBAGE_BYTES;
    plan->interval_ns = attack->options.interval_ns;
}

const struct kind kinds[] = {
    {"silent", "connects and says nothing", GREETS_NOT, false, false, NULL},
    {"hello", "says C_HELLO and no more, and answers no S_PING", GREETS_HELLO, false, false, NULL},
    {"enter", "comes into the room and goes: how long that takes", GREETS_JOIN, false, true, NULL},
    {"listen", "comes into the room and reads", GREETS_JOIN, false, false, NULL},
    {"deaf", "comes into the room and never reads", GREETS_JOIN, true, false, NULL},
    {"lists", "asks for the list of rooms without end and reads none", GREETS_HELLO, true, false,
     prepare_lists},
    {"partial", "sends the longest frame but for its last byte", GREETS_HELLO, false, false, prepare_partial},
    {"dribble", "sends a byte of its first frame each interval", GREETS_NOT, false, false, prepare_dribble},
    {"flood", "comes into the room and says so many things a second", GREETS_JOIN, false, false,
     prepare_flood},
    {"rush", "comes into the world and moves so many times a second", GREETS_JOIN, false, false,
     prepare_rush},
    {"garbage", "sends random bytes each interval", GREETS_NOT, false, false, prepare_garbage},
    {NULL, NULL, GREETS_NOT, false, false, NULL},
};

const struct kind *kind_find(const char *name, size_t size)
{
    for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
        if (strlen(kind->name) == size && memcmp(kind->name, name, size) == 0) {
            return kind;
        }
    }
    return NULL;
}

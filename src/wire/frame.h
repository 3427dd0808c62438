/*
 * Frames: where one packet ends and the next begins. A pure cursor over bytes that somebody else holds: it
 * reads nothing, keeps nothing and copies nothing, so how the bytes were cut on their way cannot change what
 * comes out.
 *
 *     1. pos moves past whole frames only.
 *     2. no byte at or after data + size is read.
 *     3. what frame_next says about a frame depends on that frame's own bytes and on frame_bytes_max alone.
 */
#ifndef ROOMD_WIRE_FRAME_H
#define ROOMD_WIRE_FRAME_H

#include "base/check.h"
#include "roomd/wire.h"

#include <stddef.h>
#include <stdint.h>

/* `data` is borrowed and may be NULL when `size` is 0; pos <= size. */
struct frame_cursor {
    const uint8_t *data;
    size_t size;
    size_t pos;
};

/*
 * `payload` points into the cursor's data and is good for as long as that is; it may not be aligned for
 * anything.
 */
struct frame {
    uint16_t id;
    uint16_t payload_bytes;
    const uint8_t *payload;
};

enum frame_result {
    FRAME_OK,   /* *frame is filled, pos is past it */
    FRAME_MORE, /* the frame at pos is not all there; pos has not moved */
    FRAME_BAD   /* the size at pos is below 4 or above the limit; pos has not moved and never will */
};

/*
 * Takes the frame at pos. A bad size is seen as soon as its two bytes are there. Any id is delivered, 0 too:
 * what a packet means is for the layers above. *frame is written for FRAME_OK only.
 */
enum frame_result frame_next(struct frame_cursor *cursor, uint32_t frame_bytes_max, struct frame *frame);

/* Writes the ROOMD_FRAME_HEADER_BYTES that go before a payload of at most ROOMD_PAYLOAD_BYTES_MAX. */
static inline void frame_put_header(uint8_t *out, uint16_t id, size_t payload_bytes)
{
    CHECK(payload_bytes <= ROOMD_PAYLOAD_BYTES_MAX);
    roomd_put_u16(out, (uint16_t)(ROOMD_FRAME_HEADER_BYTES + payload_bytes));
    roomd_put_u16(out + 2, id);
}

#endif

#include "wire/frame.h"

enum { SIZE_FIELD_BYTES = 2 };

enum frame_result frame_next(struct frame_cursor *cursor, uint32_t frame_bytes_max, struct frame *frame)
{
    CHECK(cursor->pos <= cursor->size);
    const size_t left = cursor->size - cursor->pos;

    /* Before any pointer is made: an empty cursor may stand on NULL. */
    if (left < SIZE_FIELD_BYTES) {
        return FRAME_MORE;
    }
    const uint8_t *start = cursor->data + cursor->pos;
    const uint16_t frame_bytes = roomd_get_u16(start);

    if (frame_bytes < ROOMD_FRAME_HEADER_BYTES || frame_bytes > frame_bytes_max) {
        return FRAME_BAD;
    }
    if (left < frame_bytes) {
        return FRAME_MORE;
    }
    frame->id = roomd_get_u16(start + SIZE_FIELD_BYTES);
    frame->payload_bytes = (uint16_t)(frame_bytes - ROOMD_FRAME_HEADER_BYTES);
    frame->payload = start + ROOMD_FRAME_HEADER_BYTES;
    cursor->pos += frame_bytes;
    return FRAME_OK;
}

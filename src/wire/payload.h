/*
 * Reading and writing payloads, for the control packets of both sides.
 *
 * The reader's error is sticky: after the first read past the end every read yields zeros, so a decoder reads
 * all its fields in a row and asks once, with payload_end, whether they were there.
 */
#ifndef ROOMD_WIRE_PAYLOAD_H
#define ROOMD_WIRE_PAYLOAD_H

#include "base/check.h"
#include "wire/control.h"
#include "wire/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct payload {
    const uint8_t *data;
    size_t size;
    size_t pos;
    bool is_bad;
};

/* The next `bytes` bytes, or NULL when there are not so many, or are none wanted. */
static inline const uint8_t *payload_bytes(struct payload *payload, size_t bytes)
{
    if (payload->is_bad || bytes > payload->size - payload->pos) {
        payload->is_bad = true;
        return NULL;
    }
    if (bytes == 0) {
        return NULL;
    }
    const uint8_t *start = payload->data + payload->pos;

    payload->pos += bytes;
    return start;
}

static inline uint16_t payload_u16(struct payload *payload)
{
    const uint8_t *start = payload_bytes(payload, 2);

    return start == NULL ? (uint16_t)0 : roomd_get_u16(start);
}

static inline uint32_t payload_u32(struct payload *payload)
{
    const uint8_t *start = payload_bytes(payload, 4);

    return start == NULL ? 0 : roomd_get_u32(start);
}

static inline uint64_t payload_u64(struct payload *payload)
{
    const uint8_t *start = payload_bytes(payload, 8);

    return start == NULL ? 0 : roomd_get_u64(start);
}

/* Any bytes behind a u16 length. */
static inline struct wire_str payload_str(struct payload *payload)
{
    struct wire_str str = {.size = payload_u16(payload)};

    str.bytes = payload_bytes(payload, str.size);
    if (str.bytes == NULL) {
        str.size = 0;
    }
    return str;
}

static inline struct wire_str payload_name(struct payload *payload)
{
    const struct wire_str str = payload_str(payload);

    if (!utf8_name_is_valid(str.bytes, str.size)) {
        payload->is_bad = true;
    }
    return str;
}

static inline struct wire_str payload_text(struct payload *payload)
{
    const struct wire_str str = payload_str(payload);

    if (!utf8_is_valid(str.bytes, str.size)) {
        payload->is_bad = true;
    }
    return str;
}

/* 0 when every read was good and nothing is left over, else -EBADMSG. */
static inline int payload_end(const struct payload *payload)
{
    return payload->is_bad || payload->pos != payload->size ? -EBADMSG : 0;
}

/* The bytes of one of our own names, checked to be as many as a name may have. */
static inline size_t payload_name_bytes(const char *name)
{
    const size_t size = strnlen(name, ROOMD_NAME_BYTES_MAX + 1);

    CHECK(size >= 1 && size <= ROOMD_NAME_BYTES_MAX);
    return size;
}

/* Writes a name of ours as a str and returns where the next field goes. */
static inline uint8_t *payload_put_name(uint8_t *out, const char *name)
{
    const size_t size = payload_name_bytes(name);

    roomd_put_u16(out, (uint16_t)size);
    memcpy(out + 2, name, size);
    return out + 2 + size;
}

/*
 * Writes the header of the frame that begins at `out` and whose payload ends before `end`; returns its size.
 */
static inline size_t payload_finish(uint8_t *out, uint16_t id, const uint8_t *end)
{
    const size_t frame_bytes = (size_t)(end - out);

    frame_put_header(out, id, frame_bytes - ROOMD_FRAME_HEADER_BYTES);
    return frame_bytes;
}

#endif

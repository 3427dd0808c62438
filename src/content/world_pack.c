/* State as bytes, and back. */
#include "content/world_pack.h"

#include <math.h>
#include <string.h>

#include "roomd/world.h"

void pack_bytes(struct pack *pack, const void *bytes, size_t size)
{
    if (pack->used <= pack->size && size <= pack->size - pack->used && size > 0) {
        memcpy(pack->out + pack->used, bytes, size);
    }
    pack->used += size;
}

void pack_u8(struct pack *pack, uint8_t value)
{
    pack_bytes(pack, &value, sizeof(value));
}

void pack_u16(struct pack *pack, uint16_t value)
{
    uint8_t bytes[2];

    roomd_put_u16(bytes, value);
    pack_bytes(pack, bytes, sizeof(bytes));
}

void pack_u32(struct pack *pack, uint32_t value)
{
    uint8_t bytes[4];

    roomd_put_u32(bytes, value);
    pack_bytes(pack, bytes, sizeof(bytes));
}

void pack_u64(struct pack *pack, uint64_t value)
{
    uint8_t bytes[8];

    roomd_put_u64(bytes, value);
    pack_bytes(pack, bytes, sizeof(bytes));
}

void pack_f32(struct pack *pack, float value)
{
    uint8_t bytes[4];

    roomd_put_f32(bytes, value);
    pack_bytes(pack, bytes, sizeof(bytes));
}

void unpack_bytes(struct unpack *unpack, void *out, size_t size)
{
    if (unpack->has_failed || unpack->at > unpack->size || size > unpack->size - unpack->at) {
        unpack->has_failed = true;
        if (size > 0) {
            memset(out, 0, size);
        }
        return;
    }
    if (size > 0) {
        memcpy(out, unpack->bytes + unpack->at, size);
    }
    unpack->at += size;
}

uint8_t unpack_u8(struct unpack *unpack)
{
    uint8_t value;

    unpack_bytes(unpack, &value, sizeof(value));
    return value;
}

uint16_t unpack_u16(struct unpack *unpack)
{
    uint8_t bytes[2];

    unpack_bytes(unpack, bytes, sizeof(bytes));
    return roomd_get_u16(bytes);
}

uint32_t unpack_u32(struct unpack *unpack)
{
    uint8_t bytes[4];

    unpack_bytes(unpack, bytes, sizeof(bytes));
    return roomd_get_u32(bytes);
}

uint64_t unpack_u64(struct unpack *unpack)
{
    uint8_t bytes[8];

    unpack_bytes(unpack, bytes, sizeof(bytes));
    return roomd_get_u64(bytes);
}

float unpack_f32(struct unpack *unpack)
{
    uint8_t bytes[4];

    unpack_bytes(unpack, bytes, sizeof(bytes));
    float value = roomd_get_f32(bytes);

    unpack_expect(unpack, isfinite(value));
    return unpack->has_failed ? 0.0f : value;
}

void unpack_expect(struct unpack *unpack, bool is_sound)
{
    if (!is_sound) {
        unpack->has_failed = true;
    }
}

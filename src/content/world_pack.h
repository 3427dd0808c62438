/*
 * State as bytes, for save and restore: little-endian, in the order written. A pack that is given too little room goes
 * on counting; an unpack that runs past the end, or is told that a value makes no sense, has failed from then on and
 * hands out zeroes.
 */
#ifndef ROOMD_CONTENT_WORLD_PACK_H
#define ROOMD_CONTENT_WORLD_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack {
    uint8_t *out;
    size_t size;
    size_t used; /* may pass `size`: so much is needed */
};

struct unpack {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    bool has_failed;
};

void pack_u8(struct pack *pack, uint8_t value);
void pack_u16(struct pack *pack, uint16_t value);
void pack_u32(struct pack *pack, uint32_t value);
void pack_u64(struct pack *pack, uint64_t value);
void pack_f32(struct pack *pack, float value);
void pack_bytes(struct pack *pack, const void *bytes, size_t size);

uint8_t unpack_u8(struct unpack *unpack);
uint16_t unpack_u16(struct unpack *unpack);
uint32_t unpack_u32(struct unpack *unpack);
uint64_t unpack_u64(struct unpack *unpack);
float unpack_f32(struct unpack *unpack); /* one that is not finite fails */
void unpack_bytes(struct unpack *unpack, void *out, size_t size);
/* Says that what was read makes no sense unless `is_sound`. */
void unpack_expect(struct unpack *unpack, bool is_sound);

#endif

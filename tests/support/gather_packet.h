/*
 * Packets of the gather floor's tests: they tell their own length, as frames do, and whether they are to stay where
 * others are dropped. A packet of one byte tells both, too.
 *
 *     byte 0   bit 0: it is to stay; bits 1 and 2: how many bytes of length follow, 0 for a packet of one byte
 *     then     its length - 2 in one byte, or its length in two, the lower first
 */
#ifndef ROOMD_TESTS_SUPPORT_GATHER_PACKET_H
#define ROOMD_TESTS_SUPPORT_GATHER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_STAYS = 1, PACKET_BYTES_MAX = UINT16_MAX };

/* Makes a packet of `bytes` bytes (1 to PACKET_BYTES_MAX) of what lies there; whether it stays is as it was. */
static inline void packet_put_length(uint8_t *packet, size_t bytes)
{
    unsigned length_bytes = bytes == 1 ? 0 : bytes < UINT8_MAX ? 1 : 2;

    packet[0] = (uint8_t)((packet[0] & ~6u) | length_bytes << 1);
    if (length_bytes == 1) {
        packet[1] = (uint8_t)(bytes - 2);
    } else if (length_bytes == 2) {
        packet[1] = (uint8_t)bytes;
        packet[2] = (uint8_t)(bytes >> 8);
    }
}

static inline uint32_t packet_length(const uint8_t *packet)
{
    unsigned length_bytes = packet[0] >> 1 & 3u;

    if (length_bytes == 0) {
        return 1;
    }
    return length_bytes == 1 ? packet[1] + 2u : packet[1] | (uint32_t)packet[2] << 8;
}

/* Three of packet_is_kept: those that say so stay, all do, none does. */
static inline bool packet_stays(const uint8_t *packet, uint32_t *bytes)
{
    *bytes = packet_length(packet);
    return (packet[0] & PACKET_STAYS) != 0;
}

static inline bool packet_always_stays(const uint8_t *packet, uint32_t *bytes)
{
    *bytes = packet_length(packet);
    return true;
}

static inline bool packet_never_stays(const uint8_t *packet, uint32_t *bytes)
{
    *bytes = packet_length(packet);
    return false;
}

#endif

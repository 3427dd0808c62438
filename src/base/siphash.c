#include "base/siphash.h"

/* Little-endian, whatever the machine is. */
static uint64_t load_u64(const uint8_t *p, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_compress(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t siphash_2_4(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    const uint64_t k0 = load_u64(key, 8);
    const uint64_t k1 = load_u64(key + 8, 8);
    /* The paper's constants: "somepseudorandomlygeneratedbytes". */
    uint64_t v[4] = {k0 ^ 0x736F6D6570736575u, k1 ^ 0x646F72616E646F6Du, k0 ^ 0x6C7967656E657261u,
                     k1 ^ 0x7465646279746573u};
    size_t left = size;

    for (; left >= 8; left -= 8, p += 8) {
        sip_compress(v, load_u64(p, 8));
    }
    sip_compress(v, (uint64_t)(size & 0xFF) << 56 | load_u64(p, left));
    v[2] ^= 0xFF;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

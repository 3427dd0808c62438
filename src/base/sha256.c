#include "base/sha256.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* Big-endian, as FIPS 180-4 has it; everything else in roomd is little-endian. */
static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static void put_be32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value >> bits | value << (32 - bits);
}

/* One block, with the names of section 6.2.2. */
static void compress(uint32_t state[8], const uint8_t block[SHA256_BLOCK_BYTES])
{
    uint32_t w[64];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

    for (size_t t = 0; t < 16; t++) {
        w[t] = get_be32(block + 4 * t);
    }
    for (size_t t = 16; t < 64; t++) {
        uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;

        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    for (size_t t = 0; t < 64; t++) {
        uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
        uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));

        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void sha256_init(struct sha256 *hash)
{
    static const struct sha256 start = {.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                                  0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};

    *hash = start;
}

void sha256_add(struct sha256 *hash, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    size_t held = (size_t)(hash->bytes % SHA256_BLOCK_BYTES);

    hash->bytes += size;
    if (held > 0) {
        size_t part = SHA256_BLOCK_BYTES - held < size ? SHA256_BLOCK_BYTES - held : size;

        if (part > 0) {
            memcpy(hash->block + held, p, part);
        }
        if (held + part < SHA256_BLOCK_BYTES) {
            return;
        }
        compress(hash->state, hash->block);
        p += part;
        size -= part;
    }
    for (; size >= SHA256_BLOCK_BYTES; p += SHA256_BLOCK_BYTES, size -= SHA256_BLOCK_BYTES) {
        compress(hash->state, p);
    }
    if (size > 0) {
        memcpy(hash->block, p, size);
    }
}

void sha256_finish(struct sha256 *hash, uint8_t out[SHA256_BYTES])
{
    enum { LENGTH_AT = SHA256_BLOCK_BYTES - 8 };
    uint64_t bits = hash->bytes * 8;
    size_t held = (size_t)(hash->bytes % SHA256_BLOCK_BYTES);

    hash->block[held++] = 0x80;
    if (held > LENGTH_AT) {
        memset(hash->block + held, 0, SHA256_BLOCK_BYTES - held);
        compress(hash->state, hash->block);
        held = 0;
    }
    memset(hash->block + held, 0, LENGTH_AT - held);
    put_be32(hash->block + LENGTH_AT, (uint32_t)(bits >> 32));
    put_be32(hash->block + LENGTH_AT + 4, (uint32_t)bits);
    compress(hash->state, hash->block);
    for (size_t i = 0; i < 8; i++) {
        put_be32(out + 4 * i, hash->state[i]);
    }
}

void hmac_sha256_init(struct hmac_sha256 *key, const void *secret, size_t size)
{
    uint8_t block[SHA256_BLOCK_BYTES] = {0};

    if (size > SHA256_BLOCK_BYTES) {
        sha256_init(&key->inner);
        sha256_add(&key->inner, secret, size);
        sha256_finish(&key->inner, block);
    } else if (size > 0) {
        memcpy(block, secret, size);
    }
    for (size_t i = 0; i < SHA256_BLOCK_BYTES; i++) {
        block[i] ^= 0x36;
    }
    sha256_init(&key->inner);
    sha256_add(&key->inner, block, sizeof(block));
    for (size_t i = 0; i < SHA256_BLOCK_BYTES; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    sha256_init(&key->outer);
    sha256_add(&key->outer, block, sizeof(block));
    explicit_bzero(block, sizeof(block));
}

void hmac_sha256(const struct hmac_sha256 *key, const void *bytes, size_t size, uint8_t out[SHA256_BYTES])
{
    struct sha256 hash = key->inner;

    sha256_add(&hash, bytes, size);
    sha256_finish(&hash, out);
    hash = key->outer;
    sha256_add(&hash, out, SHA256_BYTES);
    sha256_finish(&hash, out);
}

bool bytes_equal_constant(const void *a, const void *b, size_t size)
{
    const uint8_t *p = a;
    const uint8_t *q = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < size; i++) {
        difference |= p[i] ^ q[i];
        __asm__("" : "+r"(difference)); /* opaque: the loop can't be ended early because of what it holds */
    }
    return difference == 0;
}

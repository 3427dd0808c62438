/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), and the comparison that goes with them.
 *
 * None of it looks anything up, or turns off, by the bytes that it is given: the time it takes depends on how many
 * there are and on nothing else.
 */
#ifndef ROOMD_BASE_SHA256_H
#define ROOMD_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK_BYTES = 64 };

/* A hash under way. May be copied: both go on from here. */
struct sha256 {
    uint32_t state[8];
    uint64_t bytes; /* added so far */
    uint8_t block[SHA256_BLOCK_BYTES];
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t size);
/* The hash of all that was added. `hash` must be initialised again before more is added. */
void sha256_finish(struct sha256 *hash, uint8_t out[SHA256_BYTES]);

/*
 * A key, ready for use: the secret itself is not kept, though what is kept is as good as the secret to whoever reads
 * it.
 */
struct hmac_sha256 {
    struct sha256 inner;
    struct sha256 outer;
};

/* `secret` may be of any size; one longer than a block counts as its hash. */
void hmac_sha256_init(struct hmac_sha256 *key, const void *secret, size_t size);
/* The code of one message. `key` is as it was, good for the next. */
void hmac_sha256(const struct hmac_sha256 *key, const void *bytes, size_t size, uint8_t out[SHA256_BYTES]);

/* Whether `size` bytes are the same. The time it takes does not tell where they differ. */
bool bytes_equal_constant(const void *a, const void *b, size_t size);

#endif

/* Hashing for tables whose keys a peer may choose: who does not know the key can't make them collide. */
#ifndef ROOMD_BASE_SIPHASH_H
#define ROOMD_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_BYTES = 16 };

/* SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). The same on every machine. */
uint64_t siphash_2_4(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t size);

#endif

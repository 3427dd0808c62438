/* Hashing for tables of the operator's names and our own ids; not for keys that a peer may choose freely. */
#ifndef ROOMD_BASE_HASH_H
#define ROOMD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 32 bit (Fowler, Noll, Vo). */
uint32_t hash_bytes(const void *bytes, size_t size);

/* A finaliser that spreads a 64-bit key over 64 bits (SplitMix64, Steele et al. 2014). */
uint64_t hash_u64(uint64_t key);

#endif

/*
 * Those whom a client knows: an open hash by id, so that a move costs one look. A slot is 32 bytes, and half of them
 * at most are taken: a thousand clients that know a thousand each take 64 MiB.
 */
#ifndef DUMMY_CLIENT_PLAY_KNOWN_H
#define DUMMY_CLIENT_PLAY_KNOWN_H

#include <stddef.h>
#include <stdint.h>

struct known {
    uint32_t id; /* 0: the slot is free */
    float x, z;
    int32_t hp, hp_max;
    uint32_t moved_ms; /* when it was last told of where it is, by the reader's clock */
    uint32_t epoch;    /* of the view's pongs: those that `moves` were made since */
    uint16_t moves;
    uint8_t kind; /* enum roomd_kind */
    uint8_t padding;
};

/* All zero: nobody. */
struct known_set {
    struct known *slots;
    uint32_t capacity; /* 0, or a power of two */
    uint32_t shift;    /* of the hash, to an index */
    uint32_t count;
};

static inline uint32_t known_index(const struct known_set *set, uint32_t id)
{
    return (id * 0x9E3779B1u) >> set->shift;
}

/* NULL: not known. Valid until somebody is added or dropped. */
static inline struct known *known_find(const struct known_set *set, uint32_t id)
{
    if (set->capacity == 0 || id == 0) {
        return NULL;
    }
    for (uint32_t i = known_index(set, id);; i = (i + 1) & (set->capacity - 1)) {
        struct known *known = &set->slots[i];

        if (known->id == id) {
            return known;
        }
        if (known->id == 0) {
            return NULL;
        }
    }
}

/* The next one behind `before` in no order that means anything, or the first one for NULL; NULL behind the last. */
static inline const struct known *known_next(const struct known_set *set, const struct known *before)
{
    for (uint32_t i = before ? (uint32_t)(before - set->slots) + 1 : 0; i < set->capacity; i++) {
        if (set->slots[i].id != 0) {
            return &set->slots[i];
        }
    }
    return NULL;
}

/* Adds one, all zero but for its id, which is not 0 and not known. NULL without memory. */
struct known *known_add(struct known_set *set, uint32_t id);
void known_drop(struct known_set *set, struct known *known);
/* Nobody is known any more; known_clear keeps the memory. */
void known_clear(struct known_set *set);
void known_fini(struct known_set *set);

#endif

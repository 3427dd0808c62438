#include "dummy-client/play_known.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

/* A free slot for an id; there is one. */
static struct known *free_slot(const struct known_set *set, uint32_t id)
{
    uint32_t i = known_index(set, id);

    while (set->slots[i].id != 0) {
        i = (i + 1) & (set->capacity - 1);
    }
    return &set->slots[i];
}

static bool grow(struct known_set *set)
{
    struct known_set grown = {
        .capacity = set->capacity ? 2 * set->capacity : SLOTS_FIRST, .shift = 32, .count = set->count};

    grown.slots = calloc(grown.capacity, sizeof(grown.slots[0]));
    if (!grown.slots) {
        return false;
    }
    for (uint32_t n = grown.capacity; n > 1; n /= 2) {
        grown.shift--;
    }
    for (uint32_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].id != 0) {
            *free_slot(&grown, set->slots[i].id) = set->slots[i];
        }
    }
    free(set->slots);
    *set = grown;
    return true;
}

struct known *known_add(struct known_set *set, uint32_t id)
{
    if (2 * (set->count + 1) > set->capacity && !grow(set)) {
        return NULL;
    }
    struct known *known = free_slot(set, id);
    *known = (struct known){.id = id};
    set->count++;
    return known;
}

/* Whoever comes behind moves up, so that nobody is cut off from where its id points to. */
void known_drop(struct known_set *set, struct known *known)
{
    uint32_t mask = set->capacity - 1;
    uint32_t hole = (uint32_t)(known - set->slots);

    set->count--;
    for (uint32_t i = (hole + 1) & mask; set->slots[i].id != 0; i = (i + 1) & mask) {
        uint32_t home = known_index(set, set->slots[i].id);

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            set->slots[hole] = set->slots[i];
            hole = i;
        }
    }
    set->slots[hole].id = 0;
}

void known_clear(struct known_set *set)
{
    if (set->count > 0) {
        memset(set->slots, 0, set->capacity * sizeof(set->slots[0]));
    }
    set->count = 0;
}

void known_fini(struct known_set *set)
{
    free(set->slots);
    *set = (struct known_set){.slots = NULL};
}

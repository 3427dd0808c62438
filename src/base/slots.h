/*
 * Slots: objects by id, where an id is a slot's number and its generation. An id whose object has gone is not
 * found, also when the slot has been taken again: what names an object by id can't reach a stranger.
 *
 *     1. an id is never 0, and none is given out twice within 2^31 uses of a slot.
 *     2. slots are reused last in, first out.
 */
#ifndef ROOMD_BASE_SLOTS_H
#define ROOMD_BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot;

struct slots {
    struct slot *slots;
    uint32_t limit;
    uint32_t used;
    uint32_t touched; /* slots that were ever used */
    uint32_t free;    /* first free slot that was used before, + 1; 0: none */
};

/* For `limit` objects at most. Memory is reserved at once and touched as slots are used. 0 or -ENOMEM. */
int slots_init(struct slots *slots, uint32_t limit);
void slots_fini(struct slots *slots);

/* The id under which `object` (not NULL) is found from now on, or 0 when every slot is taken. */
uint64_t slots_add(struct slots *slots, void *object);
/* The object, or NULL when there is none of that id (any more). Any number may be asked for. */
void *slots_find(const struct slots *slots, uint64_t id);
/* The id is no longer found. It must be one that is. */
void slots_remove(struct slots *slots, uint64_t id);

/* Walks: the first object at or after slot *at, which then stands behind it; NULL when there are no more. */
void *slots_next(const struct slots *slots, uint32_t *at);

#endif

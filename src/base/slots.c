#include "base/slots.h"

#include <errno.h>

#include "base/check.h"
#include "base/memory.h"

struct slot {
    void *object; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* + 1 */
};

int slots_init(struct slots *slots, uint32_t limit)
{
    *slots = (struct slots){.limit = limit};
    slots->slots = memory_take_zeroed(limit, sizeof(slots->slots[0]));
    return slots->slots == NULL ? -ENOMEM : 0;
}

void slots_fini(struct slots *slots)
{
    CHECK(slots->used == 0);
    memory_give(slots->slots);
    *slots = (struct slots){0};
}

static uint64_t slot_id(const struct slots *slots, uint32_t at)
{
    return (uint64_t)slots->slots[at].generation << 32 | at;
}

uint64_t slots_add(struct slots *slots, void *object)
{
    uint32_t at;

    CHECK(object != NULL);
    if (slots->free != 0) {
        at = slots->free - 1;
        slots->free = slots->slots[at].next_free;
    } else if (slots->touched < slots->limit) {
        at = slots->touched++;
    } else {
        return 0;
    }

    struct slot *slot = &slots->slots[at];

    slot->object = object;
    slot->generation = (slot->generation + 1) & INT32_MAX;
    if (slot->generation == 0) {
        slot->generation = 1;
    }
    slots->used++;
    return slot_id(slots, at);
}

void *slots_find(const struct slots *slots, uint64_t id)
{
    uint32_t at = (uint32_t)id;

    if (at >= slots->touched || slot_id(slots, at) != id) {
        return NULL;
    }
    return slots->slots[at].object;
}

void slots_remove(struct slots *slots, uint64_t id)
{
    CHECK(slots_find(slots, id) != NULL);

    uint32_t at = (uint32_t)id;

    slots->slots[at].object = NULL;
    slots->slots[at].next_free = slots->free;
    slots->free = at + 1;
    slots->used--;
}

void *slots_next(const struct slots *slots, uint32_t *at)
{
    while (*at < slots->touched) {
        void *object = slots->slots[(*at)++].object;

        if (object != NULL) {
            return object;
        }
    }
    return NULL;
}

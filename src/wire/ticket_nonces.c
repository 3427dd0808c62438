#include "wire/ticket_nonces.h"

#include <errno.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

static uint64_t table_places(uint32_t max)
{
    uint64_t places = 4;

    while (places < 2 * (uint64_t)max) {
        places *= 2;
    }
    return places;
}

uint64_t ticket_nonces_bytes(uint32_t max)
{
    return (table_places(max) + max) * sizeof(struct ticket_nonce);
}

int ticket_nonces_init(struct ticket_nonces *nonces, uint32_t max)
{
    uint64_t places = table_places(max);

    CHECK(max >= 1 && places - 1 <= UINT32_MAX);
    *nonces = (struct ticket_nonces){.mask = (uint32_t)(places - 1), .max = max};
    nonces->table = memory_take_zeroed((size_t)places, sizeof(nonces->table[0]));
    nonces->heap = memory_take_zeroed(max, sizeof(nonces->heap[0]));
    if (nonces->table == NULL || nonces->heap == NULL) {
        ticket_nonces_fini(nonces);
        return -ENOMEM;
    }
    return 0;
}

void ticket_nonces_fini(struct ticket_nonces *nonces)
{
    memory_give(nonces->table);
    memory_give(nonces->heap);
    *nonces = (struct ticket_nonces){0};
}

static uint32_t home_of(const struct ticket_nonces *nonces, uint64_t nonce)
{
    return (uint32_t)hash_u64(nonce) & nonces->mask;
}

/* Where the nonce is, or where it would be put. */
static uint32_t place_of(const struct ticket_nonces *nonces, uint64_t nonce)
{
    uint32_t at = home_of(nonces, nonce);

    while (nonces->table[at].expiry_s != 0 && nonces->table[at].nonce != nonce) {
        at = (at + 1) & nonces->mask;
    }
    return at;
}

/* Takes one out, and moves up those behind it that could not be where they belong. */
static void table_remove(struct ticket_nonces *nonces, uint64_t nonce)
{
    uint32_t hole = place_of(nonces, nonce);

    CHECK(nonces->table[hole].expiry_s != 0);
    for (uint32_t at = (hole + 1) & nonces->mask; nonces->table[at].expiry_s != 0;
         at = (at + 1) & nonces->mask) {
        uint32_t from_home = (at - home_of(nonces, nonces->table[at].nonce)) & nonces->mask;

        if (from_home >= ((at - hole) & nonces->mask)) {
            nonces->table[hole] = nonces->table[at];
            hole = at;
        }
    }
    nonces->table[hole].expiry_s = 0;
}

static void heap_push(struct ticket_nonces *nonces, struct ticket_nonce entry)
{
    struct ticket_nonce *heap = nonces->heap;
    uint32_t at = nonces->count++;

    for (uint32_t parent; at > 0 && heap[parent = (at - 1) / 2].expiry_s > entry.expiry_s; at = parent) {
        heap[at] = heap[parent];
    }
    heap[at] = entry;
}

/* Takes off the top. */
static void heap_pop(struct ticket_nonces *nonces)
{
    struct ticket_nonce *heap = nonces->heap;
    struct ticket_nonce last = heap[--nonces->count];
    uint64_t at = 0;

    for (uint64_t child; (child = 2 * at + 1) < nonces->count; at = child) {
        if (child + 1 < nonces->count && heap[child + 1].expiry_s < heap[child].expiry_s) {
            child++;
        }
        if (last.expiry_s <= heap[child].expiry_s) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = last;
}

/* Each is forgotten once, so that what this costs has been paid for when it was remembered. */
static void forget_expired(struct ticket_nonces *nonces, uint64_t now_s)
{
    while (nonces->count > 0 && nonces->heap[0].expiry_s <= now_s) {
        nonces->forgotten_s =
            nonces->heap[0].expiry_s > nonces->forgotten_s ? nonces->heap[0].expiry_s : nonces->forgotten_s;
        table_remove(nonces, nonces->heap[0].nonce);
        heap_pop(nonces);
    }
}

enum ticket_result ticket_nonces_use(struct ticket_nonces *nonces, uint64_t now_s, uint64_t nonce,
                                     uint64_t expiry_s)
{
    CHECK(expiry_s > now_s);
    forget_expired(nonces, now_s);
    if (expiry_s <= nonces->forgotten_s) {
        return TICKET_EXPIRED;
    }

    uint32_t at = place_of(nonces, nonce);

    if (nonces->table[at].expiry_s != 0) {
        return TICKET_USED;
    }
    if (nonces->count == nonces->max) {
        return TICKET_FULL;
    }
    nonces->table[at] = (struct ticket_nonce){.nonce = nonce, .expiry_s = expiry_s};
    heap_push(nonces, nonces->table[at]);
    return TICKET_OK;
}

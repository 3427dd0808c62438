/*
 * The tickets that have been used, by their nonces, for as long as they would be good: none is taken twice. At most a
 * fixed number is remembered; when that is reached, new tickets are refused rather than old ones forgotten.
 *
 *     1. `table` and `heap` hold the same `count` nonces; the top of the heap is the first to expire.
 *     2. none that expires later than `forgotten_s` has been forgotten. Time that goes back does not bring back
 *        a ticket: what expires by then counts as expired.
 */
#ifndef ROOMD_WIRE_TICKET_NONCES_H
#define ROOMD_WIRE_TICKET_NONCES_H

#include <stdint.h>

#include "wire/ticket.h"

struct ticket_nonce {
    uint64_t nonce;
    uint64_t expiry_s; /* in the table 0: nobody's place */
};

struct ticket_nonces {
    struct ticket_nonce *table; /* open addressing by hash, never more than half full */
    struct ticket_nonce *heap;
    uint32_t mask;
    uint32_t count;
    uint32_t max;
    uint64_t forgotten_s;
};

/* For `max` (1 or more) at once; all memory is taken now, and touched as it is needed. 0 or -ENOMEM. */
int ticket_nonces_init(struct ticket_nonces *nonces, uint32_t max);
/* Nothing happens when it was zeroed and never initialised. */
void ticket_nonces_fini(struct ticket_nonces *nonces);

/*
 * Uses a ticket that is good at `now_s`. TICKET_OK: it was new, and is remembered until it expires; TICKET_USED;
 * TICKET_EXPIRED: it was forgotten already, if it was ever used; TICKET_FULL.
 */
enum ticket_result ticket_nonces_use(struct ticket_nonces *nonces, uint64_t now_s, uint64_t nonce,
                                     uint64_t expiry_s);

/* What `max` of them take. */
uint64_t ticket_nonces_bytes(uint32_t max);

#endif

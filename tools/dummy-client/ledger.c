#include "dummy-client/ledger.h"

#include "base/check.h"

#include <stdlib.h>

static const uint32_t all_seen = UINT32_MAX;
static const uint32_t last_mask = (1u << 30) - 1;

struct ledger *ledger_make(uint32_t count)
{
    struct ledger *ledger = malloc(sizeof(*ledger) + (size_t)count * sizeof(ledger->entries[0]));

    if (!ledger) {
        return NULL;
    }
    ledger->count = count;
    for (uint32_t i = 0; i < count; i++) {
        ledger_settle(ledger, i, 0);
    }
    return ledger;
}

void ledger_settle(struct ledger *ledger, uint32_t entry, uint32_t last)
{
    CHECK(entry < ledger->count);
    ledger->entries[entry] = (struct ledger_entry){.last = last & last_mask, .seen = all_seen};
}

void ledger_leave_open(struct ledger *ledger, uint32_t entry, uint32_t last)
{
    ledger_settle(ledger, entry, last);
    ledger->entries[entry].is_open = 1;
}

enum ledger_verdict ledger_note(struct ledger *ledger, uint32_t entry, uint32_t sequence, uint32_t *earlier)
{
    CHECK(entry < ledger->count);
    struct ledger_entry *e = &ledger->entries[entry];

    *earlier = 0;
    if (e->is_open) {
        if (sequence <= e->last) {
            *earlier = e->last - (sequence - 1);
            ledger_settle(ledger, entry, sequence - 1);
        }
        e->is_open = 0;
    }
    if (sequence > e->last) {
        uint32_t ahead = sequence - e->last;

        e->seen = ahead < LEDGER_WINDOW ? e->seen << ahead | 1u : 1u;
        e->last = sequence & last_mask;
        return LEDGER_NEW;
    }
    uint32_t behind = e->last - sequence;
    if (behind < LEDGER_WINDOW && (e->seen & 1u << behind) == 0) {
        e->seen |= 1u << behind;
        return LEDGER_OUT_OF_ORDER;
    }
    return LEDGER_DOUBLED;
}

void ledger_open_gap(struct ledger *ledger, uint32_t entry)
{
    CHECK(entry < ledger->count);
    ledger->entries[entry].has_gap = 1;
}

uint32_t ledger_close_gap(struct ledger *ledger, uint32_t entry, uint32_t sequence)
{
    CHECK(entry < ledger->count);
    struct ledger_entry *e = &ledger->entries[entry];

    if (!e->has_gap || sequence <= e->last) {
        return 0;
    }
    e->has_gap = 0;
    return sequence - e->last - 1;
}

uint64_t ledger_sum(const struct ledger *ledger)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < ledger->count; i++) {
        sum += ledger->entries[i].last;
    }
    return sum;
}

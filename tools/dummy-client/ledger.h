/*
 * A receiver's own account of what it got from every sender of its room. Only a receiver whose bytes differ
 * from its room's tape needs one.
 *
 * An entry is settled when the receiver is known to have been due everything after `last`. It is open when
 * the receiver came in while the room was talking, and nobody knows which of the messages up to `last` went
 * out before it entered: the first one seen settles it.
 *
 * An entry has a gap when the receiver was told that it had not been sent everything: what is missing before the next
 * message of that sender may be of that.
 */
#ifndef DUMMY_CLIENT_LEDGER_H
#define DUMMY_CLIENT_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_WINDOW = 32 }; /* how far back a late message is told from a doubled one */

struct ledger_entry {
    uint32_t last : 30;
    uint32_t is_open : 1;
    uint32_t has_gap : 1;
    uint32_t seen; /* bit k: `last` - k came */
};

struct ledger {
    uint32_t count;
    struct ledger_entry entries[];
};

enum ledger_verdict {
    LEDGER_NEW,          /* the next one, or a later one: those between are missing until they come */
    LEDGER_OUT_OF_ORDER, /* a missing one, after a later one */
    LEDGER_DOUBLED       /* came before (or is older than the window) */
};

/* `count` entries that are settled at 0; NULL without memory. free() takes it back. */
struct ledger *ledger_make(uint32_t count);

void ledger_settle(struct ledger *ledger, uint32_t entry, uint32_t last);
void ledger_leave_open(struct ledger *ledger, uint32_t entry, uint32_t last);

/*
 * Notes that `sequence` came. `*earlier` is how many messages at or before the entry's `last` turn out to be
 * due after all, because an open entry was settled by one of them; 0 in all other cases.
 */
enum ledger_verdict ledger_note(struct ledger *ledger, uint32_t entry, uint32_t sequence, uint32_t *earlier);

void ledger_open_gap(struct ledger *ledger, uint32_t entry);
/*
 * `sequence` is about to be noted. If it ends a gap, returns how many are missing before it; 0 otherwise, and when it
 * comes late or twice.
 */
uint32_t ledger_close_gap(struct ledger *ledger, uint32_t entry, uint32_t sequence);

/* The sum of all `last`. */
uint64_t ledger_sum(const struct ledger *ledger);

#endif

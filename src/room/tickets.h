/*
 * What the engine knows of tickets: the keys that are good, the tickets that have been used, and who is here. All of it
 * is empty, and takes no memory, until tickets are first required.
 */
#ifndef ROOMD_ROOM_TICKETS_H
#define ROOMD_ROOM_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/siphash.h"
#include "wire/ticket.h"
#include "wire/ticket_nonces.h"

struct session;

/* What happens when somebody comes in who is here already. In the order of the config's choices. */
enum ticket_duplicate { TICKET_DUPLICATE_REFUSE, TICKET_DUPLICATE_REPLACE };

/* What may change while the engine runs. */
struct ticket_policy {
    struct ticket_keys keys; /* none: no ticket is asked for, or looked at */
    uint64_t ttl_max_s;
    enum ticket_duplicate duplicate;
};

/*
 * Who a session is, by its ticket. In the users' table from when it came in until it is closed and out of its room;
 * the texts are good until the session is freed, so that its content's leave can name it.
 */
struct session_identity {
    struct session *session;
    struct session_identity *next; /* in its chain of the table */
    uint64_t successor;            /* the session that waits until this one is out of its room; 0: none */
    uint32_t hash;
    bool is_listed;
    char user[TICKET_TEXT_BYTES_MAX + 1];
    char name[TICKET_TEXT_BYTES_MAX + 1];
    char room[TICKET_TEXT_BYTES_MAX + 1]; /* the room or template that it may be in; "": any */
};

enum { TICKETS_SALT_BYTES = 16 };

struct tickets {
    struct ticket_policy policy;
    struct ticket_nonces nonces;
    struct session_identity **users; /* NULL: not reserved */
    uint32_t user_mask;
    uint8_t hash_key
        [SIPHASH_KEY_BYTES]; /* users may choose what they are called: they can't choose their chain */
    struct log_gate gate;
};

/* `tickets` is zeroed before, and afterwards. */
void tickets_fini(struct tickets *tickets);

/*
 * Takes the memory that checking tickets needs: once; nothing happens when it is there. 0, or -errno and nothing has
 * changed.
 */
int tickets_reserve(struct tickets *tickets, uint32_t sessions_max, uint32_t nonces_max);
/* From now on. With keys in it the memory must be reserved. */
void tickets_set_policy(struct tickets *tickets, const struct ticket_policy *policy);
/* Whether C_HELLO needs a ticket. */
bool tickets_are_required(const struct tickets *tickets);
/* The most that tickets take beside the sessions. */
uint64_t tickets_bytes_max(uint32_t sessions_max, uint32_t nonces_max);

/* Who of that name came last, closed or not; NULL: nobody. */
struct session_identity *tickets_find_user(const struct tickets *tickets, const char *user);
void tickets_list_user(struct tickets *tickets, struct session_identity *identity);
/* Nothing happens when it is not listed. */
void tickets_unlist_user(struct tickets *tickets, struct session_identity *identity);

#endif

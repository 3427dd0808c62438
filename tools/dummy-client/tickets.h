/* Tickets for C_HELLO (wire/ticket.h), which the clients make themselves: they have the server's own secret. */
#ifndef DUMMY_CLIENT_TICKETS_H
#define DUMMY_CLIENT_TICKETS_H

#include "wire/ticket.h"

#include <stddef.h>
#include <stdint.h>

/* All zero: no tickets. */
struct tickets {
    struct ticket_keys keys;
    uint64_t nonce; /* of the last one, before it is spread */
};

/* Reads the keys of a secret file. 0, or -errno and one line on stderr has said why. tickets_fini in any case. */
int tickets_open(struct tickets *tickets, const char *path);
void tickets_fini(struct tickets *tickets);

/*
 * Makes a ticket for any room, good for an hour, for the user `dummy-<client>`; each has a nonce of its own, since a
 * ticket is good once. Writes at most TICKET_BYTES_MAX characters and returns how many; 0 without keys.
 */
size_t tickets_make(struct tickets *tickets, uint32_t client, char *out);

#endif

#include "dummy-client/tickets.h"

#include "base/hash.h"
#include "base/wall_clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { GOOD_FOR_S = 3600, WHY_BYTES = 128 };

static int fail(const char *path, const char *what, int error)
{
    fprintf(stderr, "dummy-client: %s: %s\n", path, what);
    return -error;
}

int tickets_open(struct tickets *tickets, const char *path)
{
    char text[TICKET_KEYS_FILE_BYTES_MAX + 1];
    char why[WHY_BYTES] = "";

    *tickets = (struct tickets){.nonce = 0};
    if (getrandom(&tickets->nonce, sizeof(tickets->nonce), 0) != (ssize_t)sizeof(tickets->nonce)) {
        return fail("random numbers", strerror(errno), errno);
    }
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return fail(path, strerror(errno), errno);
    }
    setvbuf(file, NULL, _IONBF, 0); /* so that the secret is in `text` alone */
    size_t size = fread(text, 1, sizeof(text), file);
    int rc = ferror(file) ? fail(path, "it can't be read", EIO) : 0;
    fclose(file);
    if (!rc && ticket_keys_parse(&tickets->keys, text, size, why, sizeof(why)) != 0) {
        rc = fail(path, why, EINVAL);
    }
    explicit_bzero(text, sizeof(text));
    return rc;
}

void tickets_fini(struct tickets *tickets)
{
    explicit_bzero(tickets, sizeof(*tickets));
}

size_t tickets_make(struct tickets *tickets, uint32_t client, char *out)
{
    if (tickets->keys.count == 0) {
        return 0;
    }
    struct ticket ticket = {.expiry_s = wall_clock_s() + GOOD_FOR_S, .nonce = hash_u64(++tickets->nonce)};

    snprintf(ticket.user, sizeof(ticket.user), "dummy-%u", client);
    memcpy(ticket.name, ticket.user, sizeof(ticket.name));
    return ticket_mint(&tickets->keys.keys[0], &ticket, out);
}
